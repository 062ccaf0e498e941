"""A patent from its record to its offer: acts, eligibility, consents, and what becomes of listings."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from services.catalog import models
from shared.contracts.catalog import EventCode, EventSource, LegalEventDraft
from tests import factories
from tests.contract.support import problem
from tests.world import Api, World

pytestmark = pytest.mark.anyio

ALL_BUT_ORDINARY = {"SOLE_LICENSE", "EXCLUSIVE_LICENSE", "OPEN_LICENSE", "ASSIGNMENT", "PLEDGE"}


class Party:
    """An organization with its credit code and name."""

    def __init__(self, api: Api, name: str, uscc: str) -> None:
        self.api, self.name, self.uscc = api, name, uscc
        self.holder = {"name": name, "uscc": uscc}

    @classmethod
    async def new(cls, world: World, **facts: Any) -> Party:
        made = factories.an_organization(**facts)
        return cls(await world.organization(**made), made["name"], made["uscc"])


async def acts(api: Api, patent: str) -> dict[str, list[str]]:
    """For every act the rules that forbid it."""
    found = await api.read(f"/v1/patents/{patent}/eligibility")
    for act in found["acts"].values():
        assert act["allowed"] is not any(v["severity"] == "BLOCK" for v in act["violations"])
    return {
        act: [v["rule"] for v in verdict["violations"] if v["severity"] == "BLOCK"]
        for act, verdict in found["acts"].items()
    }


async def checked(world: World, patent: str, state: str = "IN_FORCE", *, days_ago: int = 0, **detail: Any) -> None:
    """The operator looks at the register."""
    operator = await world.demo("operator")
    day = (world.clock.now() - timedelta(days=days_ago)).date().isoformat()
    event = {"code": "REGISTER_CHECKED", "occurred_on": day, "source": "REGISTER", "detail": {"state": state, **detail}}
    await operator.made(f"/v1/patents/{patent}/legal-events", event)


async def test_a_co_owned_patent_waits_for_the_other_owner_and_goes_on_by_itself(world: World) -> None:
    """Scenario 5: the firm is silent, consents, takes it back."""
    university, firm = (
        await Party.new(world),
        await Party.new(world, type="ENTERPRISE", uscc=factories.uscc("91370303")),
    )
    holders = [{**university.holder, "share": "60"}, {**firm.holder, "share": "40"}]
    title = "一种共有的镗杆减振装置壹"
    patent = (await university.api.made("/v1/patents", factories.a_patent(holders=holders, title=title)))["id"]
    await checked(world, patent)
    found = await acts(university.api, patent)
    assert {act for act, rules in found.items() if rules == ["CO-CONSENT"]} == ALL_BUT_ORDINARY
    assert found["ORDINARY_LICENSE"] == found["LISTING"] == []
    assert await acts(firm.api, patent) == found  # the other owner reads the same

    draft = factories.a_listing(patent_ids=[patent], modes=["ORDINARY", "SOLE"])
    listing = f"/v1/listings/{(await university.api.made('/v1/listings', draft))['id']}"
    refused = problem(await university.api.post(f"{listing}/submission", json={}), 409, "rule_refused")
    assert [v["rule"] for v in refused["violations"]] == ["CO-CONSENT"]
    assert "第十四条" in refused["violations"][0]["legal_basis"]
    shown = await firm.api.read(listing)  # a draft, shown to the owner who has to consent
    assert (shown["state"], shown["terms_version"]) == ("DRAFT", 1)

    consent = await firm.api.made(f"{listing}/consents", {"terms_version": 1, "given_on": "2026-01-05"})
    assert (consent["party"], consent["state"]) == (firm.name, "VALID")
    published = await university.api.made(f"{listing}/submission")
    assert published["state"] == "PUBLISHED"
    await world.found(published["id"], title)

    etag = (await university.api.get(listing)).headers["etag"]
    dearer = {"pricing": {"fee_type": "LUMP_SUM", "amount": "60000.00"}}
    changed = (await university.api.patch(listing, dearer, etag)).json()
    assert (changed["state"], changed["state_reason"], changed["terms_version"]) == ("SUSPENDED", "CONSENT_REVOKED", 2)
    await world.found(published["id"], title, gone=True)
    stale = await firm.api.post(f"{listing}/consents", json={"terms_version": 1, "given_on": "2026-01-06"})
    assert [v["rule"] for v in problem(stale, 409)["violations"]] == ["TERMS-CHANGED"]
    again = await firm.api.made(f"{listing}/consents", {"terms_version": 2, "given_on": "2026-01-06"})
    assert (await university.api.read(listing))["state"] == "PUBLISHED"
    states = [one["state"] for one in (await firm.api.read(f"{listing}/consents"))["items"]]
    assert states == ["SUPERSEDED", "VALID"]

    await firm.api.made(f"{listing}/consents/{again['id']}/revocation", {"occurred_on": "2026-01-07"})
    rests = await university.api.read(listing)
    assert (rests["state"], rests["state_reason"]) == ("SUSPENDED", "CONSENT_REVOKED")
    why = await university.api.read(f"{listing}/eligibility")
    assert (why["allowed"], [v["rule"] for v in why["violations"]]) == (False, ["CO-CONSENT"])
    twice = await firm.api.post(f"{listing}/consents/{again['id']}/revocation", json={"occurred_on": "2026-01-07"})
    assert [v["rule"] for v in problem(twice, 409)["violations"]] == ["CONSENT-STATE"]


async def test_a_standing_consent_covers_every_listing_and_its_revocation_none(world: World) -> None:
    university, firm = (
        await Party.new(world),
        await Party.new(world, type="ENTERPRISE", uscc=factories.uscc("91370303")),
    )
    holders = [university.holder, firm.holder]
    patent = (await university.api.made("/v1/patents", factories.a_patent(holders=holders)))["id"]
    await checked(world, patent)
    ask = {"role": "CO_OWNER", "acts": ["SOLE_LICENSE", "PLEDGE"], "given_on": "2026-01-05"}
    consent = await firm.api.made(f"/v1/patents/{patent}/consents", ask)
    found = await acts(university.api, patent)
    assert found["SOLE_LICENSE"] == found["PLEDGE"] == []
    assert found["EXCLUSIVE_LICENSE"] == ["CO-CONSENT"]
    revocation = f"/v1/patents/{patent}/consents/{consent['id']}/revocation"
    await firm.api.made(revocation, {"occurred_on": "2026-01-06"})
    assert (await acts(university.api, patent))["SOLE_LICENSE"] == ["CO-CONSENT"]
    (shown,) = (await university.api.read(f"/v1/patents/{patent}/consents"))["items"]
    assert (shown["party"], shown["revoked_on"]) == (firm.name, "2026-01-06")
    again = await firm.api.post(revocation, json={"occurred_on": "2026-01-06"})
    assert [v["rule"] for v in problem(again, 409)["violations"]] == ["EV-ENDS"]


async def test_somebody_elses_consent_needs_its_document_and_a_party_with_a_say(world: World) -> None:
    university, firm = (
        await Party.new(world),
        await Party.new(world, type="ENTERPRISE", uscc=factories.uscc("91370303")),
    )
    patent = (await university.api.made("/v1/patents", factories.a_patent(holders=[university.holder, firm.holder])))[
        "id"
    ]
    at = f"/v1/patents/{patent}/consents"
    ask = {"role": "CO_OWNER", "party": firm.name, "acts": ["SOLE_LICENSE"], "given_on": "2026-01-05"}
    bare = problem(await university.api.post(at, json=ask), 409)
    assert [v["rule"] for v in bare["violations"]] == ["EV-EVIDENCE"]
    for id_ in ("doc_invented", await firm.api.document()):  # one that is not there, one of somebody else's
        invented = await university.api.post(at, json={**ask, "document_ids": [id_]})
        (no,) = problem(invented, 422)["violations"]
        assert (no["rule"], no["pointer"]) == ("EV-DOCUMENT", "/document_ids/0")
    given = await university.api.made(at, {**ask, "document_ids": [await university.api.document()]})
    assert given["party"] == firm.name
    unknown = await university.api.post(at, json={**ask, "party": "无关公司"})
    assert [v["rule"] for v in problem(unknown, 409)["violations"]] == ["EV-CO-OWNER"]
    no_pledge = await university.api.post(at, json={**ask, "role": "PLEDGEE"})
    assert [v["rule"] for v in problem(no_pledge, 409)["violations"]] == ["EV-PLEDGEE"]
    nameless = await university.api.post(at, json={**ask, "role": "PLEDGEE", "party": None})
    problem(nameless, 422, "party_missing")
    for_another = await firm.api.post(at, json={**ask, "party": university.name})
    problem(for_another, 404)
    stranger = await world.organization()
    problem(await stranger.post(at, json=ask), 404)
    problem(await stranger.get(f"/v1/patents/{patent}/eligibility"), 404)


async def test_a_pledge_stands_until_the_bank_consents_or_releases(world: World) -> None:
    """Scenario 9, and Civil Code Art. 444."""
    university = await Party.new(world)
    bank = await Party.new(world, type="FINANCIAL_INSTITUTION", uscc=factories.uscc("91370100"))
    patent = (await university.api.made("/v1/patents", factories.a_patent(holders=[university.holder])))["id"]
    await checked(world, patent)
    pledge = {
        "kind": "PLEDGE", "since": "2026-01-05", "party": bank.name, "party_uscc": bank.uscc,
        "reference": "Y2026370000012", "document_ids": [await university.api.document()],
    }  # fmt: skip
    made = await university.api.made(f"/v1/patents/{patent}/encumbrances", pledge)
    assert (made["kind"], made["state"], made["party"]) == ("PLEDGE", "ACTIVE", bank.name)
    assert (await university.api.read(f"/v1/patents/{patent}"))["exploitation_status"] == "PLEDGED"
    found = await acts(university.api, patent)
    assert found["OPEN_LICENSE"] == ["OL-PLEDGE"]
    assert found["ORDINARY_LICENSE"] == found["ASSIGNMENT"] == ["PLEDGE-CONSENT"]
    assert found["LISTING"] == []

    listing = await university.api.made("/v1/listings", factories.a_listing(patent_ids=[patent]))
    refused = await university.api.post(f"/v1/listings/{listing['id']}/submission", json={})
    assert [v["rule"] for v in problem(refused, 409)["violations"]] == ["PLEDGE-CONSENT"]
    agreed = {"terms_version": 1, "given_on": "2026-01-06", "role": "PLEDGEE"}
    await bank.api.made(f"/v1/listings/{listing['id']}/consents", agreed)
    assert (await university.api.made(f"/v1/listings/{listing['id']}/submission"))["state"] == "PUBLISHED"

    ask = {"role": "PLEDGEE", "acts": ["OPEN_LICENSE"], "given_on": "2026-01-06"}
    assert (await bank.api.made(f"/v1/patents/{patent}/consents", ask))["party"] == bank.name
    assert (await acts(university.api, patent))["OPEN_LICENSE"] == []
    release = {"occurred_on": "2026-01-09", "document_ids": [await university.api.document()]}
    released = await university.api.made(f"/v1/patents/{patent}/encumbrances/{made['id']}/release", release)
    assert (released["state"], released["released_on"]) == ("RELEASED", "2026-01-09")
    assert (await acts(university.api, patent))["ASSIGNMENT"] == []
    twice = await university.api.post(f"/v1/patents/{patent}/encumbrances/{made['id']}/release", json=release)
    assert [v["rule"] for v in problem(twice, 409)["violations"]] == ["EV-ENDS"]
    problem(await university.api.post(f"/v1/patents/{patent}/encumbrances/enc_0/release", json=release), 404)
    codes = [event["code"] for event in (await university.api.read(f"/v1/patents/{patent}/legal-events"))["items"]]
    assert codes == ["PLEDGE", "CONSENT", "PLEDGE_RELEASE", "REGISTER_CHECKED"]


async def test_a_lapse_known_late_is_told_from_what_was_thought_meanwhile(world: World) -> None:
    """Scenario 8: in the months of grace, then ended from the due date on."""
    university = await world.organization()
    operator = await world.demo("operator")
    title = "一种逾期未缴年费的减振镗杆贰"
    facts = factories.a_patent(filing_date="2020-03-01", title=title)
    published = await world.published(university, patent=facts)
    patent = published["patents"][0]["id"]
    today = world.today
    due = today - timedelta(days=60)
    await checked(world, patent, "FEE_GRACE_PERIOD", days_ago=20, fees_paid_until=due.isoformat())
    shown = (await university.read(f"/v1/patents/{patent}"))["legal_status"]
    assert (shown["state"], shown["fees_paid_until"]) == ("FEE_GRACE_PERIOD", due.isoformat())
    assert shown["grace_ends_on"] and shown["ended_on"] is None
    found = await university.read(f"/v1/patents/{patent}/eligibility")
    warned = [v["rule"] for v in found["acts"]["ORDINARY_LICENSE"]["violations"]]
    assert found["acts"]["ORDINARY_LICENSE"]["allowed"] and "LS-GRACE" in warned
    assert [v["rule"] for v in found["acts"]["OPEN_LICENSE"]["violations"]] == ["OL-FEES"]
    await world.found(published["id"], title)

    before = world.clock.now().isoformat()
    lapse = {
        "code": "LAPSE", "occurred_on": due.isoformat(), "source": "REGISTER",
        "detail": {"announced_on": today.isoformat()},
    }  # fmt: skip
    await operator.made(f"/v1/patents/{patent}/legal-events", lapse)
    status = (await university.read(f"/v1/patents/{patent}"))["legal_status"]
    assert (status["state"], status["ended_on"]) == ("LAPSED_UNPAID_FEE", due.isoformat())
    await world.found(published["id"], title, gone=True)
    assert (await university.read(f"/v1/listings/{published['id']}"))["state"] == "SUSPENDED"

    month_ago = (today - timedelta(days=15)).isoformat()
    at = f"/v1/patents/{patent}/history"
    now_known = await university.read(f"{at}?on={month_ago}")
    then_known = await university.read(at, params={"on": month_ago, "known_at": before})
    assert now_known["patent"]["legal_status"]["state"] == "LAPSED_UNPAID_FEE"
    assert then_known["patent"]["legal_status"]["state"] == "FEE_GRACE_PERIOD"
    problem(await university.get(at, params={"known_at": "2020-01-01T00:00:00Z"}), 404)
    problem(await university.get(at, params={"known_at": "2020-01-01"}), 422)


async def test_a_record_is_shown_as_it_stood_before_its_changes(world: World) -> None:
    university = await world.organization()
    patent = await university.made("/v1/patents", factories.a_patent(title="原题"))
    at = f"/v1/patents/{patent['id']}"
    first = world.clock.now().isoformat()
    await university.patch(at, {"title": "新题", "filing_date": "2023-02-14"}, '"1"')
    second = world.clock.now().isoformat()
    await university.patch(at, {"title": "又改的题"}, '"2"')

    async def title_at(instant: str) -> tuple[str, str]:
        found = (await university.read(f"{at}/history", params={"known_at": instant}))["patent"]
        return found["title"], found["filing_date"]

    assert await title_at(first) == ("原题", "2023-02-15")
    assert await title_at(second) == ("新题", "2023-02-14")
    assert (await university.read(f"{at}/history"))["patent"]["title"] == "又改的题"
    revisions = (await university.read(f"{at}/revisions"))["items"]
    assert [one["before"] for one in revisions] == [{"title": "新题"}, {"title": "原题", "filing_date": "2023-02-15"}]
    assert [one["version"] for one in revisions] == [2, 1]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            {"code": "LICENSE_RECORDED", "detail": {"license_type": "EXCLUSIVE", "party": "某公司"}},
            "EXCLUSIVELY_LICENSED",
        ),
        ({"code": "TRANSFER", "detail": {"party": "某公司"}}, "ASSIGNED"),
    ],
)
async def test_a_listing_is_closed_when_nothing_is_left_to_offer(
    world: World, event: dict[str, Any], reason: str
) -> None:
    university, operator = await world.organization(), await world.demo("operator")
    title = f"一种成交之后撤下的装置{reason}"
    published = await world.published(university, patent={"title": title})
    await world.found(published["id"], title)
    patent = published["patents"][0]["id"]
    day = world.today.isoformat()
    await operator.made(f"/v1/patents/{patent}/legal-events", {**event, "occurred_on": day, "source": "REGISTER"})
    await world.found(published["id"], title, gone=True)
    closed = await university.read(f"/v1/listings/{published['id']}")
    assert (closed["state"], closed["state_reason"]) == ("CLOSED", reason)


async def test_many_listings_follow_their_patents_in_as_many_statements_as_one(world: World) -> None:
    university, catalog = await Party.new(world), world.house.catalog
    listed = [await world.published(university.api) for _ in range(4)]
    patents = [one["patents"][0]["id"] for one in listed]

    async def statements(ids: list[str], code: EventCode, day: str) -> int:
        """How many it takes to record an event on each patent, with what becomes of the listings."""
        counted: list[str] = []

        def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
            counted.append(statement)

        async with catalog.db.write() as tx:
            engine = tx.sync_connection.engine
            rows = (await models.patents_known_as(tx, ids, lock=True)).values()
            draft = LegalEventDraft(code=code, occurred_on=day, source=EventSource.REGISTER)
            sqlalchemy.event.listen(engine, "before_cursor_execute", heard)
            try:
                await catalog.events.record_many(
                    tx, [(row, draft) for row in rows], "t", world.clock.now(), is_trial=False
                )
            finally:
                sqlalchemy.event.remove(engine, "before_cursor_execute", heard)
        return len(counted)

    async def states() -> list[str]:
        return [(await university.api.read(f"/v1/listings/{one['id']}"))["state"] for one in listed]

    one = await statements(patents[:1], EventCode.SELF_EXPLOITATION, "2026-01-01")  # shown anew, and that is all
    assert await statements(patents[1:], EventCode.SELF_EXPLOITATION, "2026-01-01") == one > 0
    one = await statements(patents[:1], EventCode.LAPSE, "2026-03-01")
    assert await states() == ["SUSPENDED", *["PUBLISHED"] * 3]
    assert await statements(patents[1:], EventCode.LAPSE, "2026-03-01") == one > 0
    assert await states() == ["SUSPENDED"] * 4
    one = await statements(patents[:1], EventCode.RESTORATION, "2026-04-01")
    assert await statements(patents[1:], EventCode.RESTORATION, "2026-04-01") == one > 0
    assert await states() == ["PUBLISHED"] * 4
    for each in listed:
        async with catalog.db.read() as tx:
            table = models.listing_act
            found = await tx.scalars(
                sqlalchemy.select(table.c.act).where(table.c.listing_id == each["id"]).order_by(table.c.id)
            )
        assert found.all()[-2:] == ["suspension", "resumption"]


async def test_a_transfer_of_long_ago_closes_nothing(world: World) -> None:
    university, operator = await world.organization(), await world.demo("operator")
    published = await world.published(university)
    event = {"code": "TRANSFER", "occurred_on": "2025-07-01", "source": "REGISTER", "detail": {"party": "测试大学"}}
    await operator.made(f"/v1/patents/{published['patents'][0]['id']}/legal-events", event)
    assert (await university.read(f"/v1/listings/{published['id']}"))["state"] == "PUBLISHED"


async def transferred(world: World, patent: str, *holders: dict[str, str], on: str = "2026-03-01") -> None:
    event = {"code": "TRANSFER", "occurred_on": on, "source": "REGISTER", "detail": {"holders": list(holders)}}
    await (await world.demo("operator")).made(f"/v1/patents/{patent}/legal-events", event)


async def test_a_transfer_makes_the_new_holder_and_history_remembers_the_old_one(world: World) -> None:
    university, buyer = await Party.new(world), await Party.new(world, type="ENTERPRISE")
    draft = factories.a_patent(holders=[university.holder], external_id="KY-1")
    patent = (await university.api.made("/v1/patents", draft))["id"]
    at, before = f"/v1/patents/{patent}", world.clock.now().isoformat()
    await checked(world, patent)
    drafted = await university.api.made("/v1/listings", factories.a_listing(patent_ids=[patent]))
    listing = await university.api.made(f"/v1/listings/{drafted['id']}/submission")
    await transferred(world, patent, {"name": buyer.name, "uscc": buyer.uscc})

    listed = await university.api.read(f"/v1/listings/{listing['id']}")
    assert (listed["state"], listed["state_reason"]) == ("CLOSED", "ASSIGNED")
    shown = await university.api.read(at)  # nobody of the platform has come for it yet
    assert [holder["name"] for holder in shown["holders"]] == [buyer.name]
    assert "LS-AUTHORITY" in (await acts(university.api, patent))["ASSIGNMENT"]
    again = await university.api.made("/v1/listings", factories.a_listing(patent_ids=[patent]))
    refused = await university.api.post(f"/v1/listings/{again['id']}/submission", json={})
    assert {no["rule"] for no in problem(refused, 409)["violations"]} == {"LS-AUTHORITY"}

    async def held(**when: str) -> list[str]:
        past = (await buyer.api.read(f"{at}/history", params=when))["patent"]
        return [holder["name"] for holder in past["holders"]]

    assert await held() == [buyer.name]
    assert await held(on="2026-02-28") == [university.name]
    assert await held(on="2026-03-01") == [buyer.name]
    assert await held(known_at=before) == [university.name]
    await transferred(world, patent, {"name": "一手公司"}, on="2025-12-01")  # learned of late
    assert await held() == [buyer.name]
    assert await held(on="2026-01-01") == ["一手公司"]
    assert await held(on="2025-11-30") == [university.name]

    assert (await buyer.api.patch(at, {"title": "新题"}, '"1"')).status_code == 404
    answer = await buyer.api.post("/v1/patents", json=draft | {"holders": [buyer.holder]})
    assert (answer.status_code, answer.json()["id"]) == (200, patent)
    assert (answer.json()["organization_id"], answer.json()["external_id"]) == (buyer.api.organization_id, None)
    assert (await university.api.get(at)).status_code == 404
    assert (await acts(buyer.api, patent))["ASSIGNMENT"] == []
    offer = await buyer.api.made("/v1/listings", factories.a_listing(patent_ids=[patent]))
    assert (await buyer.api.made(f"/v1/listings/{offer['id']}/submission"))["state"] == "PUBLISHED"

    etag = (await buyer.api.get(at)).headers["etag"]
    refused = await buyer.api.patch(at, {"holders": [university.holder]}, etag)
    assert [no["rule"] for no in problem(refused, 409)["violations"]] == ["HOLDER-REGISTERED"]
    whole = {"name": buyer.name, "uscc": buyer.uscc, "share": "100"}
    assert (await buyer.api.patch(at, {"holders": [whole]}, etag)).status_code == 200


async def test_a_record_goes_with_its_patent_to_the_new_holder_of_the_platform(world: World) -> None:
    university, buyer = await Party.new(world), await Party.new(world, type="ENTERPRISE")
    draft = factories.a_patent(holders=[university.holder])
    patent = (await university.api.made("/v1/patents", draft))["id"]
    event = {"code": "TRANSFER", "occurred_on": "2026-03-01", "source": "REGISTER"}
    nobody = {"holders": [{"name": "无此单位", "organization_id": "org_nobody"}]}
    operator = await world.demo("operator")
    refused = await operator.post(f"/v1/patents/{patent}/legal-events", json={**event, "detail": nobody})
    assert [no["rule"] for no in problem(refused, 422)["violations"]] == ["EV-HOLDER"]
    await transferred(world, patent, {"name": buyer.name, "organization_id": buyer.api.organization_id})
    kept = await buyer.api.read(f"/v1/patents/{patent}")
    assert kept["organization_id"] == buyer.api.organization_id
    assert (await university.api.get(f"/v1/patents/{patent}")).status_code == 404

    rows = f"申请号,专利名称,专利权人\n{draft['application_number']},改了的题,{university.name}".encode()
    job = (await buyer.api.post("/v1/patent-imports", files={"file": ("台账.csv", rows)})).json()
    done = await world.import_done(buyer.api, job["id"])
    assert (done["rows"]["updated"], done["rows"]["warned"]) == (1, 1)
    (warning,) = (await buyer.api.read(f"/v1/patent-imports/{job['id']}/errors"))["items"]
    assert (warning["rule"], warning["severity"], warning["column"]) == ("HOLDER-REGISTERED", "WARN", "holders")
    kept = await buyer.api.read(f"/v1/patents/{patent}")
    assert (kept["title"], [holder["name"] for holder in kept["holders"]]) == ("改了的题", [buyer.name])


async def test_who_assigns_a_share_goes_on_offering_and_asks_the_new_co_owner(world: World) -> None:
    university, firm = await Party.new(world), await Party.new(world, type="ENTERPRISE")
    patent = (await university.api.made("/v1/patents", factories.a_patent(holders=[university.holder])))["id"]
    drafted = await university.api.made("/v1/listings", factories.a_listing(patent_ids=[patent]))
    await university.api.made(f"/v1/listings/{drafted['id']}/submission")
    heads = "申请号,事件,日期,变更后权利人"
    number = (await university.api.read(f"/v1/patents/{patent}"))["application_number"]
    rows = f"{heads}\n{number},转移,2026-03-01,{university.name}；{firm.name}".encode()
    operator = await world.demo("operator")
    form = {"files": {"file": ("转移.csv", rows)}, "data": {"subject": "LEGAL_EVENTS"}}
    job = (await operator.post("/v1/patent-imports", **form)).json()
    assert (await world.import_done(operator, job["id"]))["rows"]["created"] == 1
    listed = await university.api.read(f"/v1/listings/{drafted['id']}")
    assert (listed["state"], listed["holders"]) == ("PUBLISHED", [university.name, firm.name])
    assert (await university.api.read(f"/v1/patents/{patent}"))["organization_id"] == university.api.organization_id
    assert "CO-CONSENT" in (await acts(university.api, patent))["EXCLUSIVE_LICENSE"]
    job = (await operator.post("/v1/patent-imports", **form)).json()
    assert (await world.import_done(operator, job["id"]))["rows"]["unchanged"] == 1


async def test_a_state_owned_enterprise_publishes_after_its_secrecy_review(world: World) -> None:
    facts = {"type": "ENTERPRISE", "uscc": factories.uscc("91370303"), "state_owned": True}
    enterprise = (await Party.new(world, **facts)).api
    patent = (await enterprise.made("/v1/patents", factories.a_patent()))["id"]
    listing = f"/v1/listings/{(await enterprise.made('/v1/listings', factories.a_listing(patent_ids=[patent])))['id']}"
    refused = await enterprise.post(f"{listing}/submission", json={})
    assert [v["rule"] for v in problem(refused, 409)["violations"]] == ["SECRECY-CLEARANCE"]
    review = {"cleared_on": "2026-01-05", "cleared_by": {"name": "王五", "title": "保密办主任"}, "scope": "全部文字"}
    assert (await enterprise.made(f"{listing}/secrecy-clearances", review))["holds"]
    assert (await enterprise.made(f"{listing}/submission"))["state"] == "PUBLISHED"
    etag = (await enterprise.get(listing)).headers["etag"]
    changed = (await enterprise.patch(listing, {"advantages": "另有诀窍"}, etag)).json()
    assert (changed["state"], changed["state_reason"]) == ("SUSPENDED", "SECRECY_REVIEW")
    await enterprise.made(f"{listing}/secrecy-clearances", review)
    assert (await enterprise.read(listing))["state"] == "PUBLISHED"
    holds = [one["holds"] for one in (await enterprise.read(f"{listing}/secrecy-clearances"))["items"]]
    assert holds == [True, False]


async def test_a_state_owned_enterprise_lists_nothing_by_import_before_its_secrecy_review(world: World) -> None:
    facts = {"type": "ENTERPRISE", "uscc": factories.uscc("91370303"), "state_owned": True}
    enterprise = (await Party.new(world, **facts)).api
    heads = "申请号,专利名称,专利类型,专利权人,申请日,授权公告日"
    row = f"{factories.application_number()},国企的热处理炉,发明,某国企,2023-02-15,2025-06-10"
    files = {"file": ("台账.csv", f"{heads}\n{row}".encode())}
    job = (await enterprise.post("/v1/patent-imports", files=files, data={"publish": "true"})).json()
    done = await world.import_done(enterprise, job["id"])
    assert (done["rows"]["created"], done["listings"]["published"]) == (1, 0)
    assert done["listings"]["refused"] == {"SECRECY-CLEARANCE": 1}


async def test_who_keeps_a_patent_of_others_offers_it_once_they_consent(world: World) -> None:
    keeper, holder = await Party.new(world), await Party.new(world)
    patent = (await keeper.api.made("/v1/patents", factories.a_patent(holders=[holder.holder])))["id"]
    listing = f"/v1/listings/{(await keeper.api.made('/v1/listings', factories.a_listing(patent_ids=[patent])))['id']}"
    refused = await keeper.api.post(f"{listing}/submission", json={})
    assert {v["rule"] for v in problem(refused, 409)["violations"]} == {"LS-AUTHORITY"}
    consent = {"role": "CO_OWNER", "given_on": world.today.isoformat(), "terms_version": 1}
    given = await holder.api.made(f"{listing}/consents", consent)
    assert (await keeper.api.made(f"{listing}/submission"))["state"] == "PUBLISHED"
    release = {"occurred_on": world.today.isoformat(), "source": "HOLDER"}
    await holder.api.made(f"{listing}/consents/{given['id']}/revocation", release)
    shown = await keeper.api.read(listing)
    assert (shown["state"], shown["state_reason"]) == ("SUSPENDED", "CONSENT_REVOKED")


async def test_a_firm_looks_for_what_it_can_pay(world: World) -> None:
    university, sme = await world.organization(), await world.demo("sme")
    terms = {
        "free": {"fee_type": "FREE"},
        "reduced": {"fee_type": "LUMP_SUM", "amount": "40000.00", "reduction_rate": "0.3", "sme_only": True},
        "dear": {"fee_type": "LUMP_SUM", "amount": "28000.01"},
        "royalty": {"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "NET_SALES"},
        "open to talk": {"fee_type": "NEGOTIABLE"},
    }
    word = f"可负担{secrets.token_hex(3)}"
    named = {}
    for name, pricing in terms.items():
        published = await world.published(university, patent={"title": f"{word}的装置"}, pricing=pricing)
        named[published["id"]] = name

    async def found(**filters: str) -> set[str]:
        page = await sme.read("/v1/listings", params={"q": word, "count": "true", **filters})
        assert page["count"] == len(page["items"])
        return {named[item["id"]] for item in page["items"]}

    assert await found() == set(terms)
    assert await found(fee_at_most="28000") == {"free", "reduced", "royalty"}
    assert await found(fee_at_most="28000.01") == {"free", "reduced", "royalty", "dear"}
    assert await found(sme_only="true") == {"reduced"}
    assert await found(sme_only="false") == set(terms) - {"reduced"}
    (reduced,) = [id_ for id_, name in named.items() if name == "reduced"]
    etag = (await university.get(f"/v1/listings/{reduced}")).headers["etag"]
    refused = await university.patch(f"/v1/listings/{reduced}", {"modes": ["OPEN"]}, etag)
    assert [v["rule"] for v in problem(refused, 422)["violations"]] == ["OL-ANYONE"]
    drafted = factories.a_listing(patent_ids=["pat_1"], modes=["OPEN"], pricing=terms["reduced"])
    said = problem(await university.post("/v1/listings", json=drafted), 422)["violations"]
    assert [(v["rule"], v["pointer"]) for v in said] == [("OL-ANYONE", "/pricing")]


async def test_a_word_is_found_wherever_it_stands(world: World) -> None:
    university = await world.organization()
    title = "一种Fe-Cr合金𠮷野家薄壁件铣削随动支撑装置"
    published = await world.published(university, patent={"title": title}, summary="镗杆不打颤")
    for q in ("薄壁", "铣", "fe-cr", "FE-CR合金", "𠮷野", "随动 镗杆", "不打颤", "件铣削随动支"):
        page = await university.read("/v1/listings", params={"q": q, "holder": "测试大学", "count": "true"})
        assert published["id"] in [item["id"] for item in page["items"]], q
    for q in ("薄铣", "支撑装置镗", "随动 镗杆子", "%", "\\", "fe_cr"):
        page = await university.read("/v1/listings", params={"q": q, "count": "true"})
        assert published["id"] not in [item["id"] for item in page["items"]], q


async def test_a_mode_that_the_law_refuses_is_not_patched_into_a_published_listing(world: World) -> None:
    university = await world.organization()
    published = await world.published(university)
    at = f"/v1/listings/{published['id']}"
    etag = (await university.get(at)).headers["etag"]
    refused = await university.patch(at, {"modes": ["OPEN"]}, etag)
    assert [v["rule"] for v in problem(refused, 409)["violations"]] == ["OL-NOT-ANNOUNCED"]
    assert (await university.read(at))["modes"] == ["ORDINARY"]


async def test_a_utility_model_is_open_licensed_after_a_good_report(world: World) -> None:
    """Scenario 4."""
    university = await world.organization()
    number = factories.application_number(digit=2)
    facts = factories.a_patent(application_number=number, patent_type="UTILITY_MODEL")
    patent = (await university.made("/v1/patents", facts))["id"]
    await checked(world, patent)
    assert (await acts(university, patent))["OPEN_LICENSE"] == ["OL-EVAL-REPORT"]
    report = {"made_on": "2026-01-05", "conclusion": "MEETS", "reference": "G2026"}
    at = f"/v1/patents/{patent}/evaluation-reports"
    bare = problem(await university.post(at, json=report), 409)
    assert [v["rule"] for v in bare["violations"]] == ["EV-EVIDENCE"]
    evidence = {"document_ids": [await university.document()]}
    await university.made(at, {**report, **evidence})
    assert (await acts(university, patent))["OPEN_LICENSE"] == []
    second = await university.post(at, json={**report, **evidence, "conclusion": "FAILS"})
    assert [v["rule"] for v in problem(second, 409)["violations"]] == ["EV-REPORT"]
    (shown,) = (await university.read(at))["items"]
    assert (shown["conclusion"], shown["reference"]) == ("MEETS", "G2026")


async def test_eligibility_and_history_are_read_in_the_readers_language(world: World) -> None:
    university = await world.organization()
    patent = (await university.made("/v1/patents", factories.a_patent()))["id"]
    chinese = await university.read(f"/v1/patents/{patent}/eligibility")
    english = await university.read(f"/v1/patents/{patent}/eligibility", headers={"Accept-Language": "en"})
    assert "登记簿" in chinese["acts"]["PLEDGE"]["violations"][0]["message"]
    assert "register" in english["acts"]["PLEDGE"]["violations"][0]["message"]
    future = await university.read(f"/v1/patents/{patent}/eligibility?on=2050-01-01")
    assert [v["rule"] for v in future["acts"]["LISTING"]["violations"]] == ["LS-NOT-IN-FORCE"]


async def test_annual_fees_count_from_filing(world: World) -> None:
    university = await world.organization()
    patent = (await university.made("/v1/patents", factories.a_patent(filing_date="2020-03-15")))["id"]
    due = (world.clock.now() - timedelta(days=40)).date()
    await checked(world, patent, fees_paid_until=due.isoformat())
    found = await university.read(f"/v1/patents/{patent}/annual-fees")
    assert found["fees_paid_until"] == due.isoformat()
    assert found["items"][-1]["year"] == 20 and found["items"][-1]["amount"]["amount"] == "8000.00"
    undated = (await university.made("/v1/patents", factories.a_patent(filing_date=None)))["id"]
    problem(await university.get(f"/v1/patents/{undated}/annual-fees"), 422, "filing_date_missing")


@pytest.mark.parametrize(
    ("event", "status", "rule"),
    [
        ({"code": "PLEDGE"}, 422, "EV-DETAIL"),
        ({"code": "GRANT", "detail": {"days": 3}}, 422, "EV-DETAIL"),
        ({"code": "CONSENT_REVOCATION", "detail": {"ends": "cns_nobody"}}, 409, "EV-ENDS"),
        ({"code": "EVALUATION_REPORT", "detail": {"conclusion": "MEETS"}}, 409, "EV-REPORT"),
        ({"code": "GRANT", "occurred_on": "2020-01-01"}, 409, "EV-BEFORE-FILING"),
        ({"code": "GRANT", "occurred_on": "2199-01-01"}, 409, "EV-DATE"),
    ],
)
async def test_an_event_that_cannot_be_is_refused_with_its_rule(
    world: World, event: dict[str, Any], status: int, rule: str
) -> None:
    university = await world.organization()
    patent = (await university.made("/v1/patents", factories.a_patent()))["id"]
    body = {"occurred_on": "2025-07-01", "document_ids": [await university.document()], **event}
    refused = await university.post(f"/v1/patents/{patent}/legal-events", json=body)
    assert [v["rule"] for v in problem(refused, status)["violations"]] == [rule]
    assert (await university.read(f"/v1/patents/{patent}/legal-events"))["items"] == []
