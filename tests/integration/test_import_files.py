"""Files that go out and come back: templates, rejected rows, exports; and lists of events and fees."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from python_calamine import CalamineWorkbook

from services.catalog.rules import statuslists
from services.catalog.rules.events import word_needs_evidence
from services.catalog.service.importing import external_id_is_used, no_such_patent, others_write
from shared.contracts.catalog import EventCode, EventSource, LegalState
from tests import factories
from tests.contract.support import problem
from tests.integration import nasty
from tests.integration.test_imports import counts, done, imported, ndjson, some_rows, upload
from tests.unit.verdicts import verdict
from tests.world import Api, World

pytestmark = pytest.mark.anyio
ENGLISH = {"Accept-Language": "en"}


def table(*rows: list[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def separated(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def sheet(content: bytes, index: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(index).to_python()


async def taken(api: Api, path: str, **request: Any) -> bytes:
    answer = await api.get(path, **request)
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return answer.content


async def rules(api: Api, job: dict[str, Any]) -> list[tuple[int, str]]:
    found = await api.read(f"/v1/patent-imports/{job['id']}/errors")
    return [(error["row"], error["rule"]) for error in found["items"]]


def announced(world: World) -> int:
    with psycopg.connect(world.house.catalog.db.url) as connection:
        return connection.execute("SELECT coalesce(max(position), 0) FROM catalog.outbox").fetchone()[0]


# Templates


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_the_templates_can_be_imported_as_they_stand(new_world: Any, form: str) -> None:
    async with new_world() as world:
        university, operator = await world.organization(), await world.demo("operator")
        anyone = world.anyone()
        answer = await anyone.get(f"/v1/patent-imports/template?format={form}")
        assert "专利导入模板" in unquote(answer.headers["content-disposition"].rpartition("''")[2])
        job = await imported(university, answer.content, f"t.{form}", publish="true")
        assert (counts(job), job["rows"]["warned"], job["listings"]["published"]) == ((2, 0, 0, 0), 0, 1)
        for subject in ("LEGAL_EVENTS", "ANNUAL_FEES"):
            content = await taken(anyone, f"/v1/patent-imports/template?format={form}&subject={subject}")
            job = await imported(operator, content, f"t.{form}", subject=subject)
            assert counts(job) == (2, 0, 0, 0), await rules(operator, job)
        if form == "xlsx":
            explained = sheet(answer.content, 1)
            assert ["申请号", "application_number"] in [line[:2] for line in explained]


# Rejected rows


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_rejected_rows_come_back_with_reasons_and_go_in_once_mended(
    world: World, form: str, language: str
) -> None:
    university = await world.organization()
    good, bad = factories.application_number(), factories.application_number()
    wrong = bad[:-1] + ("0" if bad[-1] != "0" else "1")
    content = table(
        ["序号", "号码", "名称", "专利权人", "备注"],
        [1, good, "好的一行", "测试大学", ""],
        [2, wrong, "'=卷帘", "测试大学", "-x"],
        [3, "", "没有号码", "测试大学", ""],
    )
    job = await imported(university, content, mapping=json.dumps({"号码": "application_number"}))
    assert counts(job) == (1, 0, 0, 2)
    path = f"/v1/patent-imports/{job['id']}/errors?format={form}"
    back = await taken(university, path, headers={"Accept-Language": language})
    lines = separated(back) if form == "csv" else sheet(back)
    assert lines[0][3:] == ["序号", "申请号", "名称", "专利权人", "备注"]
    assert [str(line[0]) for line in lines[1:]] == ["3", "4"]
    assert ("check character" in lines[1][1]) is (language == "en")
    assert lines[1][2] and lines[1][7] == "'-x"
    mended = [list(map(str, line)) for line in lines]
    mended[1][4], mended[2][4] = bad, factories.application_number()
    assert counts(await imported(university, table(*mended))) == (2, 0, 0, 0)
    titles = {item["title"] for item in (await university.read("/v1/patents"))["items"]}
    assert titles == {"好的一行", "=卷帘", "没有号码"}


async def test_a_file_of_rejected_rows_is_its_owners(world: World) -> None:
    university, stranger = await world.organization(), await world.organization()
    job = await imported(university, ndjson(some_rows(1)), "p.ndjson")
    assert separated(await taken(university, f"/v1/patent-imports/{job['id']}/errors?format=csv"))[1:] == []
    problem(await stranger.get(f"/v1/patent-imports/{job['id']}/errors?format=csv"), 404, "not_found")


# Exports


async def test_what_was_exported_comes_in_again_unchanged_in_every_format_and_language(world: World) -> None:
    university = await world.organization(uscc=factories.uscc())
    for facts in (
        {"title": "=1+1 的装置", "abstract": "第一行\r\n第二行", "inventors": [{"name": "张三", "id": "7"}]},
        {"title": "'=甲", "holders": [{"name": "甲；乙公司", "share": "60"}, {"name": "丙", "share": "40"}]},
        {"title": "-196℃储罐", "ipc": [], "grant_date": None, "external_id": "00012", "region_code": "3701"},
        {"title": "灯", "patent_type": "DESIGN", "application_number": factories.application_number(digit=3),
         "ipc": ["06-01"], "claims": "1. 一种灯。\n2. 如权利要求1。"},
    ):  # fmt: skip
        await university.made("/v1/patents", factories.a_patent(**facts))
    before = announced(world)
    for form in ("csv", "xlsx", "ndjson"):
        for headers in ({}, ENGLISH):
            answer = await university.get(f"/v1/patents/export?format={form}", headers=headers)
            assert "%E4%B8%93%E5%88%A9" in answer.headers["content-disposition"]
            assert counts(await imported(university, answer.content, f"e.{form}")) == (0, 0, 4, 0)
    assert announced(world) == before
    plain = separated(await taken(university, "/v1/patents/export"))
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in plain for cell in line)
    held = [json.loads(line) for line in (await taken(university, "/v1/patents/export?format=ndjson")).splitlines()]
    assert sorted(item["title"] for item in held)[0] == "'=甲"


async def test_an_export_has_the_filters_of_the_list_and_shows_ones_own_only(world: World) -> None:
    university, stranger = await world.organization(), await world.organization()
    for title in ("甲卷帘机", "乙卷帘机", "丙铣刀"):
        await university.made("/v1/patents", factories.a_patent(title=title))
    await stranger.made("/v1/patents", factories.a_patent(title="丁卷帘机"))
    for filters, found in (
        ("q=卷帘机", 2),
        ("q=铣刀", 1),
        ("", 3),
        ("patent_type=DESIGN", 0),
        ("legal_state=UNKNOWN", 3),
    ):
        lines = separated(await taken(university, f"/v1/patents/export?{filters}"))
        assert len(lines) - 1 == found == (await university.read(f"/v1/patents?count=true&{filters}"))["count"]
    problem(await university.get("/v1/patents/export?format=pdf"), 422, "invalid_input")
    problem(await university.get("/v1/patents/export?ipc=?"), 422, "invalid_input")


async def test_an_export_is_of_one_moment_and_longer_than_a_page(new_world: Any) -> None:
    async with new_world() as world:
        university = await world.organization()
        rows = some_rows(2_300)
        await imported(university, ndjson(rows), "p.ndjson")
        lines = separated(await taken(university, "/v1/patents/export"))
        assert {line[0] for line in lines[1:]} == {row["application_number"] for row in rows}


# Rows that say part of a patent


async def test_a_list_of_some_columns_corrects_known_patents_and_makes_no_new_ones(world: World) -> None:
    university = await world.organization()
    holders = [{"name": "甲大学", "share": "60"}, {"name": "乙公司", "share": "40"}]
    patent = await university.made("/v1/patents", factories.a_patent(holders=holders, abstract="旧"))
    unknown = factories.application_number()
    content = table(["申请号", "摘要"], [patent["application_number"], "新"], [unknown, "新"])
    job = await imported(university, content)
    assert counts(job) == (0, 1, 0, 1)
    assert set(await rules(university, job)) == {(3, "IM-CELL")}
    now = await university.read(f"/v1/patents/{patent['id']}")
    assert (now["abstract"], now["title"], now["holders"]) == ("新", patent["title"], patent["holders"])
    before = announced(world)
    assert counts(await imported(university, content)) == (0, 0, 1, 1)
    same = table(["申请号", "专利权人"], [patent["application_number"], "甲大学；乙公司"])
    assert counts(await imported(university, same)) == (0, 0, 1, 0)
    assert announced(world) == before
    backwards = table(["申请号", "授权公告日"], [patent["application_number"], "2020-01-01"])
    job = await imported(university, backwards)
    assert await rules(university, job) == [(2, "GRANT-DATE")]


async def test_a_patent_twice_in_a_file_counts_once_with_a_warning_and_an_id_of_ones_own_once(world: World) -> None:
    university = await world.organization()
    one, two, three = some_rows(3)
    first, second = {**one, "external_id": "A"}, {**two, "external_id": "A"}
    for dry_run in ("true", "false"):
        job = await imported(university, ndjson([first, one, second, three]), "p.ndjson", dry_run=dry_run)
        assert (counts(job), job["rows"]["warned"]) == ((2, 0, 1, 1), 1)
        assert set(await rules(university, job)) == {(2, "IM-AGAIN"), (3, "IM-EXTERNAL")}
    job = await imported(university, ndjson([{**three, "external_id": "A"}]), "p.ndjson")
    assert await rules(university, job) == [(1, "IM-EXTERNAL")]
    assert verdict(external_id_is_used, "A") == "IM-EXTERNAL"
    assert verdict(others_write) == "IM-BUSY"


async def test_a_row_is_called_by_the_number_that_the_sheet_shows(world: World) -> None:
    university = await world.organization()
    rows = [nasty.HEADS, nasty.row(1, 专利名称="甲"), [""] * 5, nasty.row(2, 申请号="待定")]
    job = await imported(university, nasty.book(nasty.written(rows, at=3)), "a.xlsx", dry_run="true")
    assert await rules(university, job) == [(7, "PN-FORM")]


# Legal events and annual fees


async def test_a_list_of_events_is_recorded_and_statuses_and_listings_follow(world: World) -> None:
    operator, university = await world.demo("operator"), await world.organization()
    live, dead = [await world.published(university) for _ in range(2)]
    alive, lapsed = (listing["patents"][0] for listing in (live, dead))
    content = table(
        ["专利号", "法律事件", "日期", "登记簿状态", "年费缴至", "备注"],
        ["ZL" + alive["application_number"], "授权", "2025-06-10", "", "", ""],
        [alive["application_number"], "登记簿核查", "2026-11-01", "有效", "2030-02-15", "副本"],
        [lapsed["application_number"], "未缴年费终止", "2026/2/15", "", "", ""],
        [factories.application_number(), "授权", "2025-06-10", "", "", ""],
        [alive["application_number"], "结婚", "2025-06-10", "", "", ""],
        [alive["application_number"], "登记簿核查", "2025-06-10", "甚好", "", ""],
        [alive["application_number"], "授权", "2199-01-01", "", "", ""],
    )
    expected = {(5, "IM-PATENT"), (6, "IM-EVENT"), (7, "IM-STATE"), (8, "EV-DATE")}
    tried = await imported(operator, content, subject="LEGAL_EVENTS", dry_run="true")
    assert (counts(tried), set(await rules(operator, tried))) == ((3, 0, 0, 4), expected)
    job = await imported(operator, content, subject="LEGAL_EVENTS")
    assert (counts(job), set(await rules(operator, job))) == ((3, 0, 0, 4), expected)
    assert (await university.read(f"/v1/patents/{alive['id']}"))["legal_status"]["state"] == "IN_FORCE"
    assert (await university.read(f"/v1/patents/{lapsed['id']}"))["legal_status"]["state"] == "LAPSED_UNPAID_FEE"
    events = (await university.read(f"/v1/patents/{alive['id']}/legal-events"))["items"]
    assert [(event["code"], event["source"]) for event in events] == [
        ("GRANT", "IMPORT"),
        ("REGISTER_CHECKED", "IMPORT"),
    ]
    assert (await university.read(f"/v1/listings/{dead['id']}"))["state"] == "SUSPENDED"
    assert (await university.read(f"/v1/listings/{live['id']}"))["state"] == "PUBLISHED"
    before = announced(world)
    assert counts(await imported(operator, content, subject="LEGAL_EVENTS")) == (0, 0, 3, 4)
    assert announced(world) == before


async def test_a_list_of_fees_says_until_when_they_are_paid(world: World) -> None:
    operator, university = await world.demo("operator"), await world.organization()
    dated = await university.made("/v1/patents", factories.a_patent())
    undated = await university.made("/v1/patents", factories.a_patent(filing_date=None))
    content = table(
        ["专利号", "缴费日", "年费缴至", "年度"],
        [dated["application_number"], "2026-01-20", "", "第4年度"],
        [undated["application_number"], "2026-01-20", "2027-02-15", ""],
        [undated["application_number"], "2026-01-21", "", "4"],
        [undated["application_number"], "2026-01-21", "", ""],
        [undated["application_number"], "2026-01-21", "", "40"],
    )
    job = await imported(operator, content, subject="ANNUAL_FEES")
    assert counts(job) == (2, 0, 0, 3)
    assert set(await rules(operator, job)) == {(4, "IM-FEE"), (5, "IM-CELL"), (6, "IM-CELL")}
    (event,) = (await university.read(f"/v1/patents/{dated['id']}/legal-events"))["items"]
    assert (event["code"], event["detail"]["fees_paid_until"]) == ("ANNUAL_FEE_PAID", "2027-02-15")


async def test_a_holders_list_needs_evidence_and_reaches_its_own_patents_only(world: World) -> None:
    university, stranger = await world.organization(), await world.organization()
    patent = await university.made("/v1/patents", factories.a_patent())
    content = table(["申请号", "事件", "日期"], [patent["application_number"], "GRANT", "2025-06-10"])
    files = {"files": {"file": ("a.csv", content)}, "data": {"subject": "LEGAL_EVENTS"}}
    refused = await university.post("/v1/patent-imports", **files)
    assert [no["rule"] for no in problem(refused, 409, "rule_refused")["violations"]] == ["EV-EVIDENCE"]
    assert word_needs_evidence(EventSource.HOLDER, True, False) is None
    form = {"subject": "LEGAL_EVENTS", "document_ids": await stranger.document()}
    job = await imported(stranger, content, **form)
    foreign = await university.post("/v1/patent-imports", files={"file": ("a.csv", content)}, data=form)
    assert [no["rule"] for no in problem(foreign, 422)["violations"]] == ["EV-DOCUMENT"]
    assert await rules(stranger, job) == [(2, "IM-PATENT")]
    documents = [await university.document(), await university.document()]
    form["document_ids"] = ",".join(documents)
    job = await imported(university, content, **form)
    assert (counts(job), job["document_ids"]) == ((1, 0, 0, 0), documents)
    (event,) = (await university.read(f"/v1/patents/{patent['id']}/legal-events"))["items"]
    assert (event["source"], event["document_ids"]) == ("HOLDER", documents)
    sent = await university.post(
        "/v1/patent-imports", files={"file": ("a.csv", content)}, data={**form, "publish": "true"}
    )
    problem(sent, 422, "invalid_input")


def test_every_event_and_state_has_a_chinese_name_and_no_name_two_meanings() -> None:
    for names, codes in ((statuslists.EVENT_NAMES, EventCode), (statuslists.STATE_NAMES, LegalState)):
        assert set(names) == set(codes)
        every = [name for those in names.values() for name in those]
        assert len(every) == len(set(every))


def test_names_of_events_and_states_are_known_or_refused() -> None:
    assert statuslists.event_code(" 授权 ") is EventCode.GRANT
    assert statuslists.event_code("register_checked") is EventCode.REGISTER_CHECKED
    assert verdict(statuslists.event_code, "婚礼") == "IM-EVENT"
    assert statuslists.register_state("等年费滞纳期") is LegalState.FEE_GRACE_PERIOD
    assert statuslists.register_state(None) is None
    assert verdict(statuslists.register_state, "甚好") == "IM-STATE"
    assert verdict(statuslists.fees_run_until, None, 3) == "IM-FEE"
    assert verdict(no_such_patent, "1") == "IM-PATENT"


# A child that dies


async def test_a_child_that_gives_up_fails_its_job_and_the_next_one_is_done(world: World) -> None:
    university = await world.organization()
    corner = nasty.book(lambda b, s: (nasty.written()(b, s), s.write(1_048_575, 16_383, "x")))
    bad = await upload(university, corner, "a.xlsx")
    good = await upload(university, ndjson(some_rows(2)), "p.ndjson")
    failed = await done(university, bad)
    assert failed["state"] == "FAILED" and "CSV UTF-8" in failed["problem"]
    assert counts(await done(university, good)) == (2, 0, 0, 0)


async def test_patents_kept_and_patents_held_come_in_one_order_and_one_file(world: World) -> None:
    """Read apart and put together: newest first over all pages, none twice, counted, and all of them in a file."""
    code = factories.uscc()
    keeper, holder = await world.organization(), await world.organization(uscc=code)
    marks = [{"organization_id": holder.organization_id}, {"uscc": code}]
    ids = []
    for number in range(9):
        who = holder if number % 3 else keeper
        mark = marks[number % 2] if who is keeper or number % 2 else {}
        facts = factories.a_patent(title=f"第{number}件", holders=[{"name": "测试大学", **mark}])
        ids.append((await who.made("/v1/patents", facts))["id"])
    found, after = [], ""
    while after is not None:
        page = await holder.read(f"/v1/patents?limit=2&count=true{after and f'&after={after}'}")
        found += [item["id"] for item in page["items"]]
        after = page["next"]
    assert found == ids[::-1] and page["count"] == 9
    lines = (await holder.get("/v1/patents/export?format=ndjson")).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids
    assert [item["id"] for item in (await keeper.read("/v1/patents"))["items"]] == ids[::3][::-1]
