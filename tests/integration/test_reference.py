"""Numbers and codes over HTTP: one record for each patent, codes that exist."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.catalog import models
from tests import factories
from tests.contract.support import problem
from tests.world import World

pytestmark = pytest.mark.anyio

OFFICIAL = Path(__file__).parents[2].parent / "shared" / "data" / "reference"


def rules(answer: Any) -> list[str]:
    return [violation["rule"] for violation in answer.json()["violations"]]


# One record for each patent


async def test_every_spelling_of_a_number_leads_to_one_record(world: World) -> None:
    university = await world.organization()
    number = factories.application_number()
    first = await university.made("/v1/patents", factories.a_patent(application_number=number))
    digits = number.replace(".", "")
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)
    for written in (digits, f"ZL{number}", f"ZL {digits[:4]} {digits[4]} {number[5:]}", wide, f"专利号：ZL{number}"):
        answer = await university.post("/v1/patents", json=factories.a_patent(application_number=written))
        assert (answer.status_code, answer.json()["id"]) == (200, first["id"]), written
        found = await university.read("/v1/patents", params={"number": written, "count": "true"})
        assert (found["count"], found["items"][0]["id"]) == (1, first["id"])
    row = f"申请号,专利名称,专利类型,专利权人\nZL{number},{first['title']},发明,测试大学\n"
    job = await university.post("/v1/patent-imports", files={"file": ("p.csv", row.encode())})
    assert (await world.import_done(university, job.json()["id"]))["rows"]["created"] == 0
    assert (await university.read("/v1/patents?count=true"))["count"] == 1


def published(serial: str) -> dict[str, Any]:
    facts = factories.a_patent(publication_number=f"CN1{serial}B", grant_date=None, filing_date=None)
    return {**facts, "application_number": None}


def serial() -> str:
    return factories.application_number()[5:12] + "0"


async def test_a_patent_known_by_its_publication_number_takes_its_application_number_in(world: World) -> None:
    university = await world.organization()
    known = published(serial())
    first = await university.made("/v1/patents", known)
    assert first["patent_number"] is None
    number = factories.application_number()

    other = await university.post("/v1/patents", json={**known, "application_number": number, "title": "另一件"})
    problem(other, 409, "rule_refused")
    assert rules(other) == ["PN-FACTS"]
    assert (await university.read(f"/v1/patents/{first['id']}"))["application_number"] is None

    answer = await university.post("/v1/patents", json={**known, "application_number": f"ZL{number}"})
    assert answer.status_code == 200, answer.text
    joined = answer.json()
    assert (joined["id"], joined["version"]) == (first["id"], 2)
    assert (joined["application_number"], joined["patent_number"]) == (number, f"ZL{number}")
    assert (await university.read("/v1/patents?count=true"))["count"] == 1

    again = await university.post("/v1/patents", json={**known, "application_number": number})
    assert (again.status_code, again.json()["version"]) == (200, 2)
    contradiction = {**known, "application_number": factories.application_number()}
    assert rules(await university.post("/v1/patents", json=contradiction)) == ["PN-FACTS"]


async def test_a_patent_known_by_its_application_number_takes_its_publication_number_in(world: World) -> None:
    university = await world.organization()
    facts = factories.a_patent(grant_date=None)
    first = await university.made("/v1/patents", facts)
    assert first["patent_number"] is None
    both = {**facts, "publication_number": f"CN 1{serial()} b"}
    joined = await university.made("/v1/patents", both)
    assert joined["id"] == first["id"] and joined["publication_number"].endswith("B")
    assert joined["patent_number"] == f"ZL{first['application_number']}"


async def test_a_publication_number_in_an_import_joins_only_where_the_facts_agree(world: World) -> None:
    university = await world.organization()
    one, two = published(serial()), published(serial())
    records = [await university.made("/v1/patents", each) for each in (one, two)]
    numbers = [factories.application_number(), factories.application_number()]
    lines = ["公告号,申请号,专利名称,专利类型,专利权人"]
    lines.append(f"{one['publication_number']},{numbers[0]},{one['title']},发明,测试大学")
    lines.append(f"{two['publication_number']},{numbers[1]},另一件发明,发明,测试大学")
    job = await university.post("/v1/patent-imports", files={"file": ("p.csv", "\n".join(lines).encode())})
    done = await world.import_done(university, job.json()["id"])
    assert (done["rows"]["created"], done["rows"]["updated"], done["rows"]["rejected"]) == (0, 1, 1)
    errors = (await university.read(f"/v1/patent-imports/{done['id']}/errors"))["items"]
    assert [(error["row"], error["rule"]) for error in errors] == [(3, "PN-FACTS")]
    kept = [(await university.read(f"/v1/patents/{each['id']}"))["application_number"] for each in records]
    assert kept == [numbers[0], None]


async def test_two_records_that_turn_out_to_be_one_patent_are_told_to_their_keeper(world: World) -> None:
    university, stranger = await world.organization(), await world.organization()
    known, numbered = published(serial()), factories.a_patent()
    for each in (known, numbered):
        await university.made("/v1/patents", each)
    both = {**known, "application_number": numbered["application_number"]}
    refused = await university.post("/v1/patents", json=both)
    problem(refused, 409, "rule_refused")
    assert rules(refused) == ["PN-SPLIT"]
    assert rules(await stranger.post("/v1/patents", json=both)) == ["PN-TAKEN"]


async def test_two_records_of_one_patent_become_one_with_all_that_hangs_on_both(world: World) -> None:
    university, stranger, operator = (
        await world.organization(),
        await world.organization(),
        await world.demo("operator"),
    )
    known, numbered = (
        published(serial()),
        factories.a_patent(title="一种授权时改了名的镗杆", abstract=None),
    )
    numbered["holders"] = known["holders"]
    gone = (await university.made("/v1/patents", known))["id"]
    kept = (await university.made("/v1/patents", numbered))["id"]
    drafted = await university.made("/v1/listings", factories.a_listing(patent_ids=[gone]))
    listing = f"/v1/listings/{drafted['id']}"
    await university.made(f"{listing}/submission")
    pledge = {"kind": "PLEDGE", "since": "2025-07-01", "party": "某银行", "source": "REGISTER"}
    looked = {"code": "REGISTER_CHECKED", "occurred_on": world.today.isoformat(), "source": "REGISTER"}
    for id_ in (gone, kept):
        await operator.made(f"/v1/patents/{id_}/legal-events", {**looked, "detail": {"state": "IN_FORCE"}})
        await operator.made(f"/v1/patents/{id_}/encumbrances", pledge)
    released = await operator.made(f"/v1/patents/{gone}/encumbrances", {**pledge, "party": "另一银行"})
    release = {"occurred_on": "2025-08-01", "source": "REGISTER"}
    await operator.made(f"/v1/patents/{gone}/encumbrances/{released['id']}/release", release)
    both = await university.made("/v1/listings", factories.a_listing(patent_ids=[kept, gone]))
    chosen = {"name": "专题", "include": {"patent_ids": [gone]}}
    collection = await university.made("/v1/collections", chosen)

    at, ask = f"/v1/patents/{kept}/merger", {"patent_id": gone}
    assert (await stranger.post(at, json=ask)).status_code == 404
    warned = await university.post(at, json=ask)
    problem(warned, 409, "warning")
    assert rules(warned) == ["PN-DIFFERS"]
    merged = await university.made(at, {**ask, "acknowledged_rules": ["PN-DIFFERS"]})
    assert (merged["id"], merged["title"]) == (kept, numbered["title"])
    assert (merged["publication_number"], merged["abstract"]) == (known["publication_number"], known["abstract"])

    pointer = await university.get(f"/v1/patents/{gone}")
    problem(pointer, 410, "patent_merged")
    assert kept in pointer.json()["detail"]
    assert pointer.headers["location"] == f"/v1/patents/{kept}"
    for part in ("eligibility", "legal-events", "consents"):
        problem(await university.get(f"/v1/patents/{gone}/{part}"), 410, "patent_merged")
    assert (await stranger.get(f"/v1/patents/{gone}")).status_code == 404
    stands = (await university.read(f"/v1/patents/{kept}/encumbrances"))["items"]
    assert sorted((one["party"], one["state"]) for one in stands) == [("另一银行", "RELEASED"), ("某银行", "ACTIVE")]
    moved = await university.read(listing)
    assert (moved["patent_ids"], moved["state"], moved["titles"]) == ([kept], "SUSPENDED", [numbered["title"]])
    assert (await university.read(f"/v1/listings/{both['id']}"))["patent_ids"] == [kept]
    assert (await university.read(f"/v1/collections/{collection['id']}"))["include"]["patent_ids"] == [kept]
    (was,) = (await university.read(f"/v1/patents/{kept}/mergers"))["items"]
    assert (was["patent_id"], was["record"]["title"], was["into"]) == (gone, known["title"], kept)
    assert [event["code"] for event in was["record"]["events"]] == ["REGISTER_CHECKED", "PLEDGE"]
    again = await university.post("/v1/patents", json={**numbered, "publication_number": known["publication_number"]})
    assert (again.status_code, again.json()["id"]) == (200, kept)

    async with world.house.catalog.db.read() as tx:  # whoever knew it by the other id, deals, is answered and told
        assert (await models.patents_known_as(tx, [gone]))[gone].id == kept
    await operator.made(f"/v1/patents/{kept}/legal-events", {**looked, "code": "LAPSE"})
    with psycopg.connect(world.house.catalog.db.url) as connection:
        told = connection.execute(
            "SELECT subject FROM catalog.outbox WHERE type = 'patent.legal_event_recorded' AND data ->> 'code' = 'LAPSE'"
            " AND subject = ANY(%s)",
            [[kept, gone]],
        ).fetchall()
    assert {subject for (subject,) in told} == {kept, gone}


async def test_records_that_contradict_each_other_are_not_merged(world: World) -> None:
    university, other, operator = await world.organization(), await world.organization(), await world.demo("operator")
    one = (await university.made("/v1/patents", {**published(serial()), "filing_date": "2023-02-15"}))["id"]
    two = (await university.made("/v1/patents", factories.a_patent(filing_date="2023-03-15")))["id"]
    refused = await university.post(f"/v1/patents/{two}/merger", json={"patent_id": one})
    problem(refused, 409, "rule_refused")
    assert rules(refused) == ["PN-MERGE"]
    problem(await university.post(f"/v1/patents/{two}/merger", json={"patent_id": two}), 422)
    foreign = (await other.made("/v1/patents", factories.a_patent()))["id"]
    assert (await university.post(f"/v1/patents/{one}/merger", json={"patent_id": foreign})).status_code == 404
    assert rules(await operator.post(f"/v1/patents/{one}/merger", json={"patent_id": foreign})) == ["PN-KEEPER"]
    license_ = {"kind": "LICENSE", "since": "2025-07-01", "license_type": "ORDINARY", "source": "REGISTER"}
    licensed = (await university.made("/v1/patents", factories.a_patent()))["id"]
    await operator.made(f"/v1/patents/{licensed}/encumbrances", license_)
    assert rules(await university.post(f"/v1/patents/{one}/merger", json={"patent_id": licensed})) == ["PN-DEALS"]
    for id_ in (one, two, licensed):
        assert (await university.get(f"/v1/patents/{id_}")).status_code == 200


async def test_a_class_of_the_other_kind_is_a_warning(world: World) -> None:
    university = await world.organization()
    facts = factories.a_patent(ipc=["B23Q11/00", "LOC(14)Cl.06-01"])
    warned = await university.post("/v1/patents", json=facts)
    problem(warned, 409, "warning")
    assert [(each["rule"], each["severity"], each["pointer"]) for each in warned.json()["violations"]] == [
        ("IPC-TYPE", "WARN", "/ipc/1")
    ]
    taken = await university.made("/v1/patents", {**facts, "acknowledged_rules": ["IPC-TYPE"]})
    assert taken["ipc"] == ["B23Q11/00", "06-01"]


@pytest.mark.parametrize(
    ("name", "written", "plain"),
    [
        ("ipc", "b23q 11/00", "B23Q11/00"),
        ("ipc", "Ｂ２３Ｑ", "B23Q"),
        ("industry_code", "34", "C34"),
        ("region_code", "370100", "3701"),
    ],
)
async def test_a_filter_takes_every_spelling_of_a_code(world: World, name: str, written: str, plain: str) -> None:
    anyone, counted = world.anyone(), {"count": "true", "limit": "5"}
    found = await anyone.read("/v1/listings", params={name: written, **counted})
    assert found == await anyone.read("/v1/listings", params={name: plain, **counted})


# Regions


async def test_a_patent_and_a_listing_carry_regions_that_exist(world: World) -> None:
    university = await world.organization()
    unknown = await university.post("/v1/patents", json=factories.a_patent(region_code="370171"))
    problem(unknown, 422, "invalid_input")
    assert [(each["rule"], each["pointer"]) for each in unknown.json()["violations"]] == [
        ("REGION-UNKNOWN", "/region_code")
    ]
    facts = factories.a_patent(region_code="371200")
    old = await university.post("/v1/patents", json=facts, headers={"Accept-Language": "en"})
    problem(old, 409, "warning")
    assert rules(old) == ["REGION-OLD"] and "370116 莱芜区" in old.json()["violations"][0]["cure"]
    patent = await university.made("/v1/patents", {**facts, "acknowledged_rules": ["REGION-OLD"]})
    assert patent["region_code"] == "3712"
    renamed = await university.patch(f"/v1/patents/{patent['id']}", {"title": "改名"}, '"1"')
    assert renamed.status_code == 200, "what was acknowledged is not asked for again"

    draft = factories.a_listing(patent_ids=[patent["id"]], region_codes=["37", "999999"])
    unknown = await university.post("/v1/listings", json=draft)
    problem(unknown, 422, "invalid_input")
    assert unknown.json()["violations"][0]["pointer"] == "/region_codes/1"
    draft["region_codes"] = ["3712"]
    assert rules(await university.post("/v1/listings", json=draft)) == ["REGION-OLD"]
    listing = await university.made("/v1/listings", {**draft, "acknowledged_rules": ["REGION-OLD"]})
    path, patch = f"/v1/listings/{listing['id']}", {"region_codes": ["371202"]}
    assert rules(await university.patch(path, patch, '"1"')) == ["REGION-OLD"]
    taken = await university.patch(path, {**patch, "acknowledged_rules": ["REGION-OLD"]}, '"1"')
    assert taken.status_code == 200 and taken.json()["region_codes"] == ["371202"]


async def test_an_import_rejects_unknown_regions_and_warns_of_old_ones(world: World) -> None:
    university = await world.organization()
    lines = ["申请号,专利名称,专利类型,专利权人,行政区划代码"]
    for code in ("370100", "371200", "370171"):
        lines.append(f"{factories.application_number()},一种镗杆,发明,测试大学,{code}")
    job = await university.post("/v1/patent-imports", files={"file": ("p.csv", "\n".join(lines).encode())})
    done = await world.import_done(university, job.json()["id"])
    assert (done["rows"]["created"], done["rows"]["rejected"], done["rows"]["warned"]) == (2, 1, 1)
    errors = (await university.read(f"/v1/patent-imports/{done['id']}/errors"))["items"]
    assert [(error["row"], error["rule"], error["severity"]) for error in errors] == [
        (3, "REGION-OLD", "WARN"),
        (4, "REGION-UNKNOWN", "BLOCK"),
    ]


async def test_regions_are_listed_as_of_a_day(world: World) -> None:
    anyone = world.anyone()

    async def codes(prefix: str, **params: str) -> list[str]:
        page = await anyone.read("/v1/reference/regions", params={"prefix": prefix, "limit": "500", **params})
        return [row["code"] for row in page["items"]]

    assert await codes("3712") == []
    assert await codes("3712", valid_on="2010-01-01") == ["3712", "371201", "371202", "371203"]
    assert "370116" in await codes("3701") and "370116" not in await codes("3701", valid_on="2010-01-01")
    assert await codes("3712", valid_on="1985-04-01") == []
    problem(await anyone.get("/v1/reference/regions?valid_on=yesterday"), 422, "invalid_input")


@pytest.mark.parametrize(
    ("path", "code", "title"),
    [
        ("regions/3701", "3701", "济南市"),
        ("regions/370100", "3701", "济南市"),
        ("regions/37", "37", "山东省"),
        ("regions/3712", "3712", "莱芜市"),
        ("industries/C34", "C34", "通用设备制造业"),
        ("industries/34", "C34", "通用设备制造业"),
        ("industries/C", "C", "制造业"),
        ("ipc/B23Q", "B23Q", None),
        ("ipc/b23q", "B23Q", None),
        ("ipc/B23", "B23", None),
    ],
)
async def test_one_row_is_read_by_its_code(world: World, path: str, code: str, title: str | None) -> None:
    row = await world.anyone().read(f"/v1/reference/{path}")
    assert row["code"] == code and title in (None, row["title"])
    assert (row["valid_until"], row["successor"]) == (("2018-12-31", "370116") if code == "3712" else (None, None))


@pytest.mark.parametrize(
    "path", ["regions/999999", "regions/x", "industries/C99", "industries/ZZ", "ipc/Z99Z", "ipc/B23Q9999/99", "ipc/x/y"]
)
async def test_an_unknown_code_is_not_found(world: World, path: str) -> None:
    problem(await world.anyone().get(f"/v1/reference/{path}"), 404, "not_found")


async def test_a_group_of_the_ipc_is_read_with_its_slash(world: World) -> None:
    operator = await world.demo("operator")
    await operator.made("/v1/reference/ipc/rows", {"rows": [{"code": "B23Q11/00", "zh": "机床附件"}]})
    for path in ("B23Q11/00", "B23Q0011/00", "B23Q11%2F00", "B23Q0011000000"):
        row = await world.anyone().read(f"/v1/reference/ipc/{path}")
        assert (row["code"], row["parent"]) == ("B23Q11/00", "B23Q")


async def test_a_region_that_is_loaded_is_in_use_and_one_with_a_last_day_is_not(
    new_world: Callable[..., Any], database_url: str
) -> None:
    async with new_world(url=database_url, sample=False) as world:
        operator = await world.without_sample()
        path = "/v1/reference/regions/rows"
        rows = [
            {"code": "370171", "zh": "济南高新技术产业开发区", "parent": "3701"},
            {"code": "371200", "zh": "莱芜市"},
            {"code": "370102", "zh": "历下区", "valid_until": "2026-01-31", "successor": "370100"},
        ]
        assert await operator.made(path, {"rows": rows}) == {"created": 1, "changed": 2, "unchanged": 0}
        assert await operator.made(path, {"rows": rows}) == {"created": 0, "changed": 0, "unchanged": 3}
        zone = await operator.read("/v1/reference/regions/370171")
        assert (zone["valid_from"], zone["valid_until"]) == (None, None)
        laiwu = await operator.read("/v1/reference/regions/3712")
        assert (laiwu["valid_from"], laiwu["valid_until"], laiwu["successor"]) == ("1992-01-01", None, None)
        lixia = await operator.read("/v1/reference/regions/370102")
        assert (lixia["valid_until"], lixia["successor"]) == ("2026-01-31", "3701")
        await operator.made("/v1/patents", factories.a_patent(region_code="370171"))
        refused = await operator.post("/v1/patents", json=factories.a_patent(region_code="370102"))
        assert rules(refused) == ["REGION-OLD"]


async def test_an_older_installation_learns_the_years_and_keeps_its_names(
    new_world: Callable[..., Any], database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO catalog.mark VALUES ('reference', now())")
        connection.execute("INSERT INTO catalog.reference VALUES ('regions', '3701', '泉城', NULL, '37')")
    async with new_world(url=database_url, sample=False) as world:
        assert (await world.anyone().read("/v1/reference/regions/3701"))["title"] == "泉城"
        assert (await world.anyone().read("/v1/reference/regions/3712"))["successor"] == "370116"


async def test_the_official_tables_are_taken_in_with_every_code(new_world: Callable[..., Any]) -> None:
    if not (OFFICIAL / "areas.csv").exists():
        pytest.skip(f"the official tables are not here: {OFFICIAL}")
    with open(OFFICIAL / "areas.csv", encoding="utf-8-sig", newline="") as file:
        rows = [{"code": row["code"], "zh": row["name"], "parent": row["cityCode"]} for row in csv.DictReader(file)]
    with open(OFFICIAL / "gbt4754_2017.tsv", encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, delimiter="\t")
        industries = [{"code": row["code"], "zh": row["name"], "parent": row["parent"] or None} for row in table]
    async with new_world(sample=False) as world:
        operator = await world.without_sample()
        loaded = await operator.made("/v1/reference/regions/rows", {"rows": rows})
        assert loaded["created"] + loaded["changed"] + loaded["unchanged"] == len(rows)
        assert loaded["created"] < 200, "the table that ships knows nearly all"
        for row in rows[::97]:
            shown = await operator.read(f"/v1/reference/regions/{row['code']}")
            assert (shown["title"], shown["valid_until"]) == (row["zh"], None)
        await operator.made("/v1/reference/industries/rows", {"rows": industries})
        for row in industries[::53]:
            assert (await operator.read(f"/v1/reference/industries/{row['code']}"))["title"] == row["zh"]
            if row["code"][1:]:
                assert (await operator.read(f"/v1/reference/industries/{row['code'][1:]}"))["code"] == row["code"]
