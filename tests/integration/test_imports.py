"""Files become patents: every row once, whatever breaks off or is sent twice."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services import embedded
from services.catalog.service.reader import Reader
from services.catalog.service.writer import Writer
from tests import factories
from tests.world import Api, World

pytestmark = pytest.mark.anyio

PORTFOLIO = Path(__file__).parents[2].parent / "shared" / "data" / "sample" / "university_patents.jsonl.gz"
GRANTED = 4_987


async def upload(api: Api, content: bytes, name: str = "patents.csv", **form: str) -> dict[str, Any]:
    sent = await api.post("/v1/patent-imports", files={"file": (name, content)}, data=form)
    assert sent.status_code == 202, sent.text
    return sent.json()


async def done(api: Api, job: dict[str, Any], within_s: float = 60) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        while job["state"] in ("QUEUED", "RUNNING"):
            await asyncio.sleep(0.02)
            job = await api.read(f"/v1/patent-imports/{job['id']}")
    return job


async def imported(api: Api, content: bytes, name: str = "patents.csv", **form: str) -> dict[str, Any]:
    job = await done(api, await upload(api, content, name, **form))
    assert job["state"] == "DONE", job["problem"]
    return job


async def patents(api: Api) -> int:
    return (await api.read("/v1/patents?count=true&limit=1"))["count"]


async def listings(api: Api) -> int:
    return (await api.read("/v1/listings?mine=true&count=true&limit=1"))["count"]


def ndjson(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def some_rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "application_number": factories.application_number(),
            "patent_type": "invention",
            "title": f"第{number}号温室卷帘机",
            "holders": ["测试大学"],
            "filing_date": "2023-02-15",
            "grant_date": "2025-06-10",
        }
        for number in range(count)
    ]


def counts(job: dict[str, Any]) -> tuple[int, int, int, int]:
    rows = job["rows"]
    return rows["created"], rows["updated"], rows["unchanged"], rows["rejected"]


# The real portfolio


@pytest.fixture(scope="module")
def portfolio() -> list[dict[str, Any]]:
    if not PORTFOLIO.exists():
        pytest.skip(f"the real portfolio is not here: {PORTFOLIO}")
    with gzip.open(PORTFOLIO, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["publication_number"][-1] in "BUS"]


def feed_of_listings(url: str) -> list[tuple[int, str]]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT position, type FROM catalog.outbox WHERE type LIKE 'listing.%'")
        return found.fetchall()  # type: ignore[return-value]


@pytest.mark.portfolio
async def test_a_real_portfolio_is_taken_in_found_at_once_and_taken_in_again_without_effect(
    new_world: Callable[..., Any], database_url: str, portfolio: list[dict[str, Any]]
) -> None:
    assert len(portfolio) == GRANTED
    content = ndjson(portfolio)
    async with new_world(url=database_url) as world:
        operator = await world.demo("operator")
        before = await patents(operator)
        job = await imported(operator, content, "portfolio.jsonl", publish="true")
        assert job["rows"]["total"] == GRANTED
        assert counts(job) == (GRANTED, 0, 0, 0)
        assert set(job["listings"]["refused"]) <= {"LS-TERM"}  # utility models of 2016 and before, as they run out
        refused = job["listings"]["refused"].get("LS-TERM", 0)
        assert job["listings"]["published"] == GRANTED - refused
        assert await patents(operator) == before + GRANTED

        for row in [row for row in portfolio if row["patent_type"] == "invention_grant"][::450]:
            await found_by_title(world, row)

        feed = feed_of_listings(database_url)
        again = await imported(operator, content, "portfolio.jsonl", publish="true")
        assert counts(again) == (0, 0, GRANTED, 0)
        assert again["listings"]["published"] == 0
        assert feed_of_listings(database_url) == feed
        assert await patents(operator) == before + GRANTED


async def found_by_title(world: World, row: dict[str, Any]) -> None:
    """A query by a row's title shows its listing soon: how soon is measured by `make bench`, not here."""
    sme = await world.demo("sme")
    async with asyncio.timeout(15.0):
        while True:
            ranked = await sme.made("/v1/match-queries", {"title": row["title"], "limit": 10})
            shown = [p["publication_number"] for i in ranked["items"] for p in i["listing"]["patents"]]
            if row["publication_number"] in shown:
                return
            await asyncio.sleep(0.02)


# What people send


async def test_a_table_as_an_office_writes_it_in_gbk_with_chinese_heads(world: World) -> None:
    university = await world.organization()
    numbers = [factories.application_number(), factories.application_number(digit=2)]
    table = io.StringIO()
    lines = csv.writer(table)
    lines.writerow(
        ["序号", "专利名称", "专利类型", "申请号", "申请日", "授权公告日", "专利权人", "发明人", "IPC分类号", "备注"]
    )
    first, second = (f"ZL {number}" for number in numbers)
    lines.writerow(
        [
            1,
            "水稻直播机“排种轮”",
            "发明专利",
            first,
            "2023年2月15日",
            "2025.6.10",
            "测试大学；某某公司",
            "王一、李二",
            "A01C7/16;A01C7/20",
            "",
        ]
    )
    lines.writerow(
        [2, "一种秧盘叠放架", "实用新型", second, "2023/3/1", "2023-11-07", "测试大学", "张三", "A01G9/02", "x"]
    )
    job = await imported(university, table.getvalue().encode("gbk"), "专利台账.csv")
    assert counts(job) == (2, 0, 0, 0)

    kept = {item["application_number"]: item for item in (await university.read("/v1/patents"))["items"]}
    assert set(kept) == set(numbers)
    rice = kept[numbers[0]]
    assert rice["title"] == "水稻直播机“排种轮”"
    assert rice["patent_type"] == "INVENTION"
    assert (rice["filing_date"], rice["grant_date"]) == ("2023-02-15", "2025-06-10")
    assert [holder["name"] for holder in rice["holders"]] == ["测试大学", "某某公司"]
    assert [person["name"] for person in rice["inventors"]] == ["王一", "李二"]
    assert rice["ipc"] == ["A01C7/16", "A01C7/20"]
    assert kept[numbers[1]]["patent_type"] == "UTILITY_MODEL"


async def test_bad_rows_are_told_by_row_column_and_rule_and_good_ones_go_in(world: World) -> None:
    university = await world.organization()
    good = factories.application_number()
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    lines = [
        "申请号,专利名称,专利类型,专利权人,申请日,授权公告日",
        f"{wrong},检验位不对,发明,测试大学,2023-02-15,",
        f"{good},好的一行,发明,测试大学,2023-02-15,2025-06-10",
        f"{factories.application_number()},,发明,测试大学,2023-02-15,",
        f"{factories.application_number()},日期不对,发明,测试大学,2023-02-30,",
        f"{factories.application_number()},日期颠倒,发明,测试大学,2023-02-15,2021-01-01",
        f"{factories.application_number(digit=2)},类型不对,发明,测试大学,2023-02-15,",
        ",没有号码,发明,测试大学,2023-02-15,",
    ]
    job = await imported(university, "\n".join(lines).encode())
    assert counts(job) == (1, 0, 0, 6)
    errors = (await university.read(f"/v1/patent-imports/{job['id']}/errors"))["items"]
    assert [(error["row"], error["column"], error["rule"]) for error in errors if error["severity"] == "BLOCK"] == [
        (2, "申请号", "PN-CHECK"),
        (4, "专利名称", "IM-CELL"),
        (5, "申请日", "DATE-FORM"),
        (6, "授权公告日", "GRANT-DATE"),
        (7, "专利类型", "PN-TYPE"),
        (8, "申请号", "PN-MISSING"),
    ]
    assert all(error["message"] for error in errors)
    assert [item["title"] for item in (await university.read("/v1/patents"))["items"]] == ["好的一行"]


async def test_a_dry_run_tells_all_and_writes_nothing(world: World) -> None:
    university = await world.organization()
    rows = some_rows(3)
    rows.append({**rows[0], "application_number": "202310123456.0"})
    outbox = "SELECT coalesce(max(position), 0) FROM catalog.outbox"
    with psycopg.connect(world.house.catalog.db.url, autocommit=True) as connection:
        before = connection.execute(outbox).fetchone()
        tried = await imported(university, ndjson(rows), "p.ndjson", dry_run="true", publish="true")
        assert counts(tried) == (3, 0, 0, 1)
        assert connection.execute(outbox).fetchone() == before
    assert (await patents(university), await listings(university)) == (0, 0)
    told = (await university.read(f"/v1/patent-imports/{tried['id']}/errors"))["items"]
    assert [(error["row"], error["rule"]) for error in told] == [(4, "PN-CHECK")]
    assert counts(await imported(university, ndjson(rows), "p.ndjson")) == (3, 0, 0, 1)


async def test_a_corrected_row_updates_its_patent_and_the_listing_follows(world: World) -> None:
    university = await world.organization()
    rows = some_rows(2)
    await imported(university, ndjson(rows), "p.ndjson", publish="true")
    rows[1]["title"] = "白芦笋垄作覆膜开沟犁"
    job = await imported(university, ndjson(rows), "p.ndjson", publish="true")
    assert counts(job) == (0, 1, 1, 0)
    assert job["listings"] == {"published": 0, "unchanged": 2, "refused": {}}
    cards = (await university.read("/v1/listings?mine=true"))["items"]
    (renamed,) = [card["id"] for card in cards if card["titles"] == [rows[1]["title"]]]
    await world.found(renamed, rows[1]["title"])


# Twice, at once, broken off


def spied(world: World, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What readers say of rows from now on; the writer's work is done in this process, where it can be heard."""
    said: list[dict[str, Any]] = []
    block, importing = Reader.block, world.house.catalog.importing

    async def here(_: Writer) -> None:
        while await importing.step():
            pass

    monkeypatch.setattr(Writer, "run", here)

    async def heard(reader: Reader) -> Any:
        rows = await block(reader)
        said.extend(row.said for row in rows)
        return rows

    monkeypatch.setattr(Reader, "block", heard)
    return said


async def test_a_row_that_says_what_its_record_holds_is_known_again_until_either_changes(
    new_world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with new_world(sample=False) as world:
        await world.without_sample()
        await _known_again(world, spied(world, monkeypatch))


async def _known_again(world: World, said: list[dict[str, Any]]) -> None:
    university, rows = await world.organization(), some_rows(3)
    number = factories.application_number(digit=2)  # of a utility model, while the row says invention: a warning
    rows[2] |= {"application_number": number, "publication_number": f"CN2{number[-9:-2]}0U"}
    assert counts(await imported(university, ndjson(rows), "a.ndjson")) == (3, 0, 0, 0)

    said.clear()
    again = await imported(university, ndjson(rows), "a.ndjson", publish="true")
    assert counts(again) == (0, 0, 3, 0)
    assert again["listings"]["published"] == 3  # known rows are offered as others are
    assert ["same" in one for one in said] == [True, True, False]  # a warning is told each time
    assert again["rows"]["warned"] == 1

    shown = (await university.read("/v1/patents", params={"number": rows[0]["application_number"]}))["items"][0]
    await university.patch(f"/v1/patents/{shown['id']}", {"title": "改过的题"}, f'"{shown["version"]}"')
    rows[1]["title"] = "文件里改的题"
    said.clear()
    assert counts(await imported(university, ndjson(rows), "a.ndjson")) == (0, 2, 1, 0)
    assert ["same" in one for one in said] == [False, False, False]
    shown = (await university.read("/v1/patents", params={"number": rows[0]["application_number"]}))["items"][0]
    assert shown["title"] == rows[0]["title"]

    said.clear()
    twice = [*rows, {**rows[0], "title": "同一专利的另一行"}, rows[1]]
    found = await imported(university, ndjson(twice), "a.ndjson")
    assert ["same" in one for one in said] == [True, True, False, False, False]
    assert [one.get("again") for one in said] == [None, None, None, 1, 2]
    assert (counts(found), found["rows"]["warned"]) == ((0, 0, 5, 0), 3)

    said.clear()
    stranger = await world.organization()
    assert counts(await imported(stranger, ndjson(rows), "a.ndjson")) == (0, 0, 0, 3)
    renamed = [{("名称" if name == "title" else name): value for name, value in row.items()} for row in rows]
    assert counts(await imported(university, ndjson(renamed), "a.ndjson")) == (0, 0, 3, 0)
    assert not any("same" in one for one in said)  # another organization, and other heads: judged anew


async def test_an_import_that_was_broken_off_goes_on_after_the_next_start_without_doubles(
    new_world: Callable[..., Any], database_url: str, tmp_path: Path
) -> None:
    rows, settings = some_rows(600), {"import_chunk_rows": 50}
    async with new_world(url=database_url, home=tmp_path / "home", catalog=settings) as world:
        university = await world.demo("university")
        job = await upload(university, ndjson(rows), "p.ndjson", publish="true")
        while job["state"] == "QUEUED" or not job["done_rows"]:
            job = await university.read(f"/v1/patent-imports/{job['id']}")
    with psycopg.connect(database_url) as connection:
        state, rows_done = connection.execute("SELECT state, done_rows FROM catalog.import_job").fetchone()
    assert state == "RUNNING"
    assert 0 < rows_done < 600

    async with new_world(url=database_url, home=tmp_path / "home", catalog=settings) as world:
        university = await world.demo("university")
        resumed = await done(university, job)
        assert resumed["state"] == "DONE"
        assert counts(resumed) == (600, 0, 0, 0)
        assert resumed["listings"]["published"] == 600
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("SELECT count(*), count(DISTINCT title) FROM catalog.patent WHERE NOT is_sample")
        assert stored.fetchone() == (600, 600)
        offered = connection.execute("SELECT count(*) FROM catalog.listing WHERE NOT is_sample")
        assert offered.fetchone() == (600,)


async def test_two_officers_who_send_the_same_file_at_once_make_no_doubles(world: World) -> None:
    university, operator = await world.organization(), await world.demo("operator")
    client = await operator.made(f"/v1/organizations/{university.organization_id}/clients", {})
    token = await world.sign_in(client["client_id"], client["client_secret"])
    colleague = Api(world.http, university.organization_id, {"Authorization": f"Bearer {token['access_token']}"})
    content = ndjson(some_rows(120))
    jobs = await asyncio.gather(
        *(imported(officer, content, "p.ndjson", publish="true") for officer in (university, colleague))
    )
    assert sorted(counts(job) for job in jobs) == [(0, 0, 120, 0), (120, 0, 0, 0)]
    assert sorted(job["listings"]["published"] for job in jobs) == [0, 120]
    assert (await patents(university), await listings(university)) == (120, 120)


async def test_two_processes_that_work_on_the_same_queue_do_no_chunk_twice(
    new_world: Callable[..., Any], database_url: str
) -> None:
    settings = {"import_chunk_rows": 20}
    async with new_world(url=database_url, sample=False, catalog=settings) as world:
        await world.without_sample()
        university = await world.organization()
        other = embedded.build(world.configuration, database_url, world.clock).catalog
        rows = some_rows(200)
        working = asyncio.create_task(other.imports.work())
        try:
            jobs = [await upload(university, ndjson(rows), "p.ndjson", publish="true") for _ in range(2)]
            finished = [await done(university, job) for job in jobs]
        finally:
            working.cancel()
            await asyncio.wait([working])
            await other.db.close()
        assert [job["state"] for job in finished] == ["DONE", "DONE"]
        assert [counts(job) for job in finished] == [(200, 0, 0, 0), (0, 0, 200, 0)]
        assert (await patents(university), await listings(university)) == (200, 200)


async def test_the_stream_of_progress_rises_and_ends_with_the_job(world: World) -> None:
    university = await world.organization()
    job = await upload(university, ndjson(some_rows(1_200)), "p.ndjson")
    async with asyncio.timeout(30):
        stream = await university.get(f"/v1/patent-imports/{job['id']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [block.split("\n") for block in stream.text.strip().split("\n\n")]
    assert all(event[1] == "event: progress" for event in events)
    told = [json.loads(event[2].removeprefix("data: ")) for event in events]
    rows = [each["done_rows"] for each in told]
    assert rows == sorted(rows)
    assert (told[-1]["state"], rows[-1]) == ("DONE", 1_200)
    assert counts(told[-1]) == (1_200, 0, 0, 0)


# Whose


async def test_a_number_belongs_to_who_recorded_it_and_is_shown_to_its_named_co_holders(world: World) -> None:
    credit_code = factories.uscc()
    first, stranger = await world.organization(), await world.organization()
    named, by_code = await world.organization(), await world.organization(uscc=credit_code)
    holders = [
        {"name": "测试大学", "share": "50"},
        {"name": "共有单位甲", "organization_id": named.organization_id, "share": "30"},
        {"name": "共有单位乙", "uscc": credit_code, "share": "20"},
    ]
    patent = factories.a_patent(holders=holders)
    recorded = await first.made("/v1/patents", patent)

    refused = await stranger.post("/v1/patents", json=patent)
    assert refused.status_code == 409
    assert [no["rule"] for no in refused.json()["violations"]] == ["PN-TAKEN"]
    assert first.organization_id not in refused.text
    for co_holder in (named, by_code):
        answer = await co_holder.post("/v1/patents", json=patent)
        assert (answer.status_code, answer.json()["id"]) == (200, recorded["id"])
        assert (await co_holder.get(f"/v1/patents/{recorded['id']}")).status_code == 200

    row = {**some_rows(1)[0], "application_number": patent["application_number"]}
    job = await imported(stranger, ndjson([row, *some_rows(1)]), "p.ndjson")
    assert counts(job) == (1, 0, 0, 1)
    (error,) = (await stranger.read(f"/v1/patent-imports/{job['id']}/errors"))["items"]
    assert (error["row"], error["rule"]) == (1, "PN-TAKEN")
    assert counts(await imported(named, ndjson([row]), "p.ndjson")) == (0, 0, 1, 0)
    assert (await first.read(f"/v1/patents/{recorded['id']}"))["title"] == patent["title"]


async def test_a_foreign_job_looks_as_one_that_does_not_exist(world: World) -> None:
    owner, stranger = await world.organization(), await world.organization()
    job = await imported(owner, ndjson(some_rows(1)), "p.ndjson")
    for part in ("", "/errors", "/events"):
        foreign = await stranger.get(f"/v1/patent-imports/{job['id']}{part}")
        unknown = await stranger.get(f"/v1/patent-imports/imp_00000000000000000000000000{part}")
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert {**foreign.json(), "instance": ""} == {**unknown.json(), "instance": ""}
    assert (await stranger.read("/v1/patent-imports"))["items"] == []
    assert (await (await world.demo("operator")).get(f"/v1/patent-imports/{job['id']}")).status_code == 200
