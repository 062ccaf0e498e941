"""Money that arrived is shared out: among co-owners, people and the unit, through the gateway (A12, I-9)."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.errors import CheckViolation
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests import factories
from tests.contract.support import problem
from tests.deals import Case, rules_of
from tests.world import Api, World

pytestmark = pytest.mark.anyio

PEOPLE = [{"id": "inv_1", "name": "王工"}, {"id": "inv_2", "name": "李工"}]


@pytest.fixture
async def case(world: World) -> AsyncIterator[Case]:
    yield await earning(world)


async def earning(world: World, holders: list[dict[str, Any]] | None = None, **who: Any) -> Case:
    """A state university whose open license has earned 30,000 yuan."""
    operator = await world.demo("operator")
    university = await world.organization(**{"state_owned": True, **who})
    firm = await world.organization(
        type="ENTERPRISE",
        uscc=factories.uscc("91370303"),
        industry_code="C34",
        staff_count=50,
        annual_revenue={"amount": "5000000.00"},
    )
    me = await university.read("/v1/organizations/me")
    mine = {"name": me["name"], "uscc": me["uscc"], "organization_id": me["id"]}
    held = [{**mine, **one} if "name" not in one else one for one in holders or [{}]]
    patent = await university.made("/v1/patents", factories.a_patent(holders=held, inventors=PEOPLE))
    case = Case(world, operator, university, firm, patent["id"])
    await case.checked(patent["id"])
    return case


async def earned(case: Case) -> str:
    """The id of a license under which 30,000 yuan have arrived."""
    request = await case.notice(await case.announced())
    await case.settled(request, "30000.00")
    return str((await case.seen(request))["license_id"])


async def ruled(case: Case, **more: Any) -> dict[str, Any]:
    body = {
        "name": "科技成果转化收益分配办法", "persons_rate": "0.7",
        "unit_parts": [{"name": "学院", "rate": "0.2"}, {"name": "学校", "rate": "0.1"}],
        "published_on": case.day(-30), "valid_from": case.day(-1), "document_ids": [await case.university.document()],
        **more,
    }  # fmt: skip
    return await case.university.made("/v1/benefit-rules", body)


async def share(case: Case, license_id: str, **more: Any) -> Any:
    return await case.university.post("/v1/distributions", json={"license_id": license_id, **more})


async def balances(who: Api, **query: Any) -> dict[str, str]:
    told = await who.read("/v1/ledger-balances", params=query)
    assert told["total"] == "0.00"
    return told["balances"]


async def test_a_fee_is_shared_out_approved_and_paid_and_the_books_balance_at_every_step(case: Case) -> None:
    license_id = await earned(case)
    assert await balances(case.university) == {
        "RECEIVED": "30000.00",
        "HELD": "-30000.00",
        "DUE": "0.00",
        "COSTS": "0.00",
    }
    rule = await ruled(case)
    body = {"deductions": [{"kind": "TAX", "amount": {"amount": "1800.01"}}]}
    preview = await case.university.made("/v1/distribution-previews", {"license_id": license_id, **body})
    answer = await share(case, license_id, **body)
    made = answer.json()
    assert answer.status_code == 201 and made["state"] == "COMPUTED" and made["basis"] == "BENEFIT_RULE"
    assert (made["gross"]["amount"], made["net"]["amount"], made["benefit_rule_id"]) == (
        "30000.00",
        "28199.99",
        rule["id"],
    )
    parts = [(part["kind"], part["name"], part["amount"]["amount"]) for part in made["parts"]]
    assert parts == [
        ("PERSON", "王工", "9870.00"), ("PERSON", "李工", "9870.00"),
        ("UNIT", "学院", "5639.99"), ("UNIT", "学校", "2820.00"),
    ]  # fmt: skip
    assert [(part["kind"], part["name"], part["amount"]["amount"]) for part in preview["parts"]] == parts
    # All that had arrived is shared out; there is nothing left for another.
    problem(again := await share(case, license_id), 409, "rule_refused")
    assert rules_of(again) == ["DIST-MONEY"]
    root = f"/v1/distributions/{made['id']}"
    early = await case.university.post(f"{root}/payouts", json={"paid_on": case.today, "reference": "p-1"})
    assert rules_of(early) == ["DIST-STATE"]
    approved = await case.university.made(f"{root}/approval", {"signatory": {"name": "王校长"}})
    assert approved["state"] == "APPROVED" and approved["approved_on"] == case.today
    assert await balances(case.university) == {
        "RECEIVED": "30000.00", "HELD": "0.00", "DUE": "-28199.99", "COSTS": "-1800.01",
    }  # fmt: skip
    first = made["parts"][0]["id"]
    some = await case.university.made(
        f"{root}/payouts", {"part_ids": [first], "paid_on": case.today, "reference": "p-1"}
    )
    assert some["state"] == "APPROVED" and some["parts"][0]["reference"] == "p-1"
    twice = await case.university.post(
        f"{root}/payouts", json={"part_ids": [first], "paid_on": case.today, "reference": "p-2"}
    )
    assert rules_of(twice) == ["DIST-PAYOUT"]
    kept = await case.university.post(f"{root}/withdrawal", json={"reason": "有误"})
    assert rules_of(kept) == ["DIST-STATE"]  # somebody was paid
    done = await case.university.made(f"{root}/payouts", {"paid_on": case.today, "reference": "p-3"})
    assert done["state"] == "PAID"
    assert await balances(case.university) == {
        "RECEIVED": "1800.01",
        "HELD": "0.00",
        "DUE": "0.00",
        "COSTS": "-1800.01",
    }
    entries = (await case.university.read("/v1/ledger-entries"))["items"]
    assert [entry["kind"] for entry in entries] == ["PAID_OUT", "PAID_OUT", "DISTRIBUTED", "SETTLED"]
    assert [
        entry["state"] for entry in (await case.university.read("/v1/distributions", params={"state": "PAID"}))["items"]
    ] == ["PAID"]
    assert (await case.university.read("/v1/distributions", params={"state": "APPROVED"}))["items"] == []


async def test_without_a_rule_of_its_own_a_unit_shares_the_statutory_half(case: Case) -> None:
    """Art. 45: at least half of the net income, and no rule of a state unit may give less (BEN-FLOOR)."""
    low = await case.university.post("/v1/benefit-rules", json={
        "name": "办法", "persons_rate": "0.4", "published_on": case.day(-30), "valid_from": case.day(-1),
        "document_ids": [await case.university.document()],
    })  # fmt: skip
    problem(low, 409, "rule_refused")
    assert rules_of(low) == ["BEN-FLOOR"]
    made = (await share(case, await earned(case))).json()
    assert made["basis"] == "STATUTORY" and made["benefit_rule_id"] is None
    assert [part["amount"]["amount"] for part in made["parts"]] == ["7500.00", "7500.00", "15000.00"]


async def test_a_rule_holds_from_its_first_day_until_the_next_ones(case: Case) -> None:
    old, new = await ruled(case, valid_from=case.day(-10)), await ruled(case, valid_from=case.day(5))
    for day, expected in ((-11, []), (-10, [old["id"]]), (4, [old["id"]]), (5, [new["id"]])):
        found = await case.university.read("/v1/benefit-rules", params={"valid_on": case.day(day)})
        assert [rule["id"] for rule in found["items"]] == expected
    stranger = await case.world.organization()
    problem(await stranger.get(f"/v1/benefit-rules/{old['id']}"), 404, "not_found")


async def test_co_owners_get_their_recorded_shares_and_see_their_own_part_only(world: World) -> None:
    other = await world.organization(type="ENTERPRISE", uscc=(code := factories.uscc("91370303")))
    case = await earning(world, [{"share": "60"}, {"name": "共有企业", "uscc": code, "share": "40"}])
    agreed = {
        "acts": ["OPEN_LICENSE"], "role": "CO_OWNER", "party": "共有企业", "party_uscc": code, "given_on": case.today,
    }  # fmt: skip
    await other.made(f"/v1/patents/{case.patent}/consents", agreed)
    declared = await case.declare()
    consent = {"role": "CO_OWNER", "party": "共有企业", "party_uscc": code, "given_on": case.today}
    await other.made(f"/v1/open-license-declarations/{declared['id']}/consents", consent)
    filed = await case.file(declared, acknowledged_rules=["OL-TERM", "OL-FEE-CAP", "OL-TERM-EXPIRY"])
    assert filed.status_code == 200, filed.text
    said = {"announcement_number": "KF2026-000009", "announced_on": case.day(-5)}
    await case.operator.made(f"/v1/open-license-declarations/{declared['id']}/announcement", said)
    request = await case.notice(declared)
    await case.settled(request, "30000.00")
    license_id = (await case.seen(request))["license_id"]
    made = (
        await share(
            case, license_id, deductions=[{"kind": "TAX", "amount": {"amount": "0.01"}, "borne_by": "ALL_OWNERS"}]
        )
    ).json()
    theirs = next(part for part in made["parts"] if part["kind"] == "CO_OWNER")
    assert (theirs["name"], theirs["amount"]["amount"], made["own_share"]["amount"]) == (
        "共有企业",
        "12000.00",
        "17999.99",
    )
    path = f"/v1/distributions/{made['id']}"
    problem(await other.get(path), 404, "not_found")  # until it is approved
    await case.university.made(f"{path}/approval", {"signatory": {"name": "王校长"}})
    seen = await other.read(path)
    assert [part["name"] for part in seen["parts"]] == ["共有企业"]
    assert (seen["net"], seen["persons_amount"], seen["available_acts"]) == (None, None, [])
    assert seen["common_costs"]["amount"] == "0.01" and "王工" not in str(seen)
    assert [one["id"] for one in (await other.read("/v1/distributions"))["items"]] == [made["id"]]
    problem(await other.post(f"{path}/payouts", json={"paid_on": case.today, "reference": "x"}), 404, "not_found")


async def test_shares_that_nobody_recorded_leave_the_split_open(world: World) -> None:
    """The law names no default share (Patent Law Art. 14): DIST-SHARES until the owners agree."""
    case = await earning(world)
    license_id = await earned(case)
    me = await case.university.read("/v1/organizations/me")
    theirs = [{"name": me["name"], "uscc": me["uscc"], "share": "70"}, {"name": "合作院所", "share": "30"}]
    bare = await share(case, license_id, owner_shares=theirs)
    assert rules_of(bare) == ["DIST-SHARES"]
    proved = await share(case, license_id, owner_shares=theirs, document_ids=[await case.university.document()])
    assert [part["amount"]["amount"] for part in proved.json()["parts"] if part["kind"] == "CO_OWNER"] == ["9000.00"]


async def test_wrong_distributions_say_what_would_mend_them(case: Case) -> None:
    license_id = await earned(case)
    too_much = [{"kind": "OTHER", "amount": {"amount": "30000.01"}}]
    assert rules_of(await share(case, license_id, deductions=too_much)) == ["DIST-COSTS"]
    twice = [{"name": "王工"}, {"name": "王工"}]
    assert rules_of(await share(case, license_id, persons=twice)) == ["DIST-PERSONS"]
    problem(await share(case, "lic_unknown"), 404, "not_found")
    problem(await case.firm.post("/v1/distributions", json={"license_id": license_id}), 404, "not_found")
    stranger = await case.world.organization()
    problem(await stranger.post("/v1/distributions", json={"license_id": license_id}), 404, "not_found")
    problem(await share(case, license_id, persons=[{"name": "王工", "weight": 0}]), 422, "invalid_input")
    problem(await share(case, license_id, document_ids=["doc_nobodys"]), 422, "document_unknown")


async def test_a_withdrawn_distribution_makes_room_for_another(case: Case) -> None:
    license_id = await earned(case)
    made = (await share(case, license_id, external_id="D-1")).json()
    root = f"/v1/distributions/{made['id']}"
    await case.university.made(f"{root}/approval", {"signatory": {"name": "王校长"}})
    gone = await case.university.made(f"{root}/withdrawal", {"reason": "受奖人员有误"})
    assert gone["state"] == "WITHDRAWN" and gone["reason"] == "受奖人员有误"
    assert (await balances(case.university))["HELD"] == "-30000.00"
    problem(await share(case, license_id, external_id="D-1"), 409, "external_id_taken")
    again = await share(case, license_id, persons=[{"name": "张工"}])
    assert again.status_code == 201 and again.json()["parts"][0]["name"] == "张工"


async def test_of_many_who_share_out_one_income_at_once_one_does(case: Case) -> None:
    license_id = await earned(case)
    answers = await asyncio.gather(*(share(case, license_id) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert {rule for answer in answers if answer.status_code == 409 for rule in rules_of(answer)} == {"DIST-MONEY"}


async def test_statements_and_the_yearly_report_tell_what_was_earned_and_shared(case: Case) -> None:
    license_id = await earned(case)
    made = (await share(case, license_id)).json()
    root = f"/v1/distributions/{made['id']}"
    await case.university.made(f"{root}/approval", {"signatory": {"name": "王校长"}})
    await case.university.made(
        f"{root}/payouts", {"part_ids": [made["parts"][0]["id"]], "paid_on": case.today, "reference": "p-1"}
    )
    year = case.world.today.year
    asked = {"year": year, "limit": 1}
    page = await case.university.read("/v1/inventor-statements", params=asked)
    following = await case.university.read("/v1/inventor-statements", params={**asked, "after": page["next"]})
    told = {one["name"]: (one["total"]["amount"], one["paid"]["amount"]) for one in page["items"] + following["items"]}
    assert told == {"王工": ("7500.00", "7500.00"), "李工": ("7500.00", "0.00")} and following["next"] is None
    paper = await case.university.get("/v1/inventor-statements/document", params={"year": year, "inventor_id": "inv_1"})
    assert paper.content.startswith(b"%PDF-")
    again = await case.university.get("/v1/inventor-statements/document", params={"year": year, "inventor_id": "inv_1"})
    assert again.content == paper.content
    problem(
        await case.university.get("/v1/inventor-statements/document", params={"year": year}), 422, "no_such_statement"
    )
    assert (await case.firm.read("/v1/inventor-statements", params={"year": year}))["items"] == []

    report = await case.university.read(f"/v1/conversion-reports/{year}")
    assert report["holdings"] == [{"patent_type": "INVENTION", "held": 1, "granted_in_year": 0, "in_force": 1}]
    assert [one["license_id"] for one in report["licenses"]] == [license_id]
    totals = report["totals"]
    assert (totals["licenses"], totals["by_way"]["OPEN_LICENSE"], totals["small_firms"]) == (1, 1, 1)
    assert [totals[name]["amount"] for name in ("agreed", "received", "net", "persons")] == [
        "30000.00", "30000.00", "30000.00", "15000.00",
    ]  # fmt: skip
    assert report["distributions"][0]["ratio"] == "0.5000" and totals["rewarded"] == 2
    file = await case.university.get(f"/v1/conversion-reports/{year}", params={"format": "xlsx"})
    book = CalamineWorkbook.from_filelike(io.BytesIO(file.content))
    assert book.sheet_names == ["总表", "科技成果", "转化情况", "收入分配"]
    rows = book.get_sheet_by_name("转化情况").to_python()
    assert rows[1][0] == license_id and rows[1][-1] == 30000
    problem(await case.university.get("/v1/conversion-reports/1900"), 422, "invalid_input")
    empty = await case.university.read("/v1/conversion-reports/2001")
    assert empty["licenses"] == [] and empty["totals"]["received"]["amount"] == "0.00"


async def test_what_a_registry_of_technology_contracts_asks_for(case: Case) -> None:
    license_id = await earned(case)
    told = await case.university.read(f"/v1/licenses/{license_id}/registration")
    assert told["contract_amount"]["amount"] == told["technology_amount"]["amount"] == "30000.00"
    assert told["sellers"][0]["uscc"] and told["buyer"]["uscc"] and told["patents"][0]["title"] and told["to_add"]
    for form, begins in (("pdf", b"%PDF-"), ("docx", b"PK")):
        paper = await case.firm.get(f"/v1/licenses/{license_id}/registration", params={"format": form})
        assert paper.content.startswith(begins)
    stranger = await case.world.organization()
    problem(await stranger.get(f"/v1/licenses/{license_id}/registration"), 404, "not_found")


async def test_postgresql_commits_no_entry_that_does_not_balance_and_changes_none(case: Case) -> None:
    await earned(case)
    db = case.world.house.licensing.db
    entry = "INSERT INTO ledger_entry (kind, organization_id, deal_id, subject, \"on\", at) VALUES ('SETTLED', 'o', 'd', 's', now(), now()) RETURNING position"
    line = text("INSERT INTO ledger_line (entry, at, account, fen) VALUES (:entry, :at, 'HELD', :fen)")
    with pytest.raises(CheckViolation, match="does not balance"):
        async with db.write() as tx:
            position = await tx.scalar(text(entry))
            await tx.execute(line, [{"entry": position, "at": 0, "fen": 5}, {"entry": position, "at": 1, "fen": -4}])
    with pytest.raises(DBAPIError, match="never changed"):
        async with db.write() as tx:
            await tx.execute(text("UPDATE ledger_line SET fen = fen + 1"))
