"""One error shape for every bad request: RFC 9457, in the reader's language, with a cure and without an echo."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests import factories
from tests.contract.support import CJK, inward, problem
from tests.world import World

pytestmark = pytest.mark.anyio

CANARY = "ZqCanary77"
JSON = {"Content-Type": "application/json"}
RIGHT = "202310123456.6"


@dataclass(frozen=True)
class Bad:
    """A request that is refused, and how."""

    method: str
    path: str
    status: int
    code: str
    rule: str | None = None
    pointer: str | None = None
    request: dict[str, Any] = field(default_factory=dict)
    cured: bool = False


def raw(content: bytes, **headers: str) -> dict[str, Any]:
    return {"content": content, "headers": {**JSON, **headers}}


def need(**facts: Any) -> dict[str, Any]:
    return {"json": factories.a_need(**facts)}


def patent(**facts: Any) -> dict[str, Any]:
    return {"json": factories.a_patent(**{"application_number": RIGHT, "title": CANARY, **facts})}


INVALID = "invalid_input"
NEEDS, PATENTS, QUERIES, LISTINGS = "/v1/needs", "/v1/patents", "/v1/match-queries", "/v1/listings"
BAD: dict[str, Bad] = {
    "wrong check digit": Bad(
        "POST", PATENTS, 422, INVALID, "PN-CHECK", "/application_number",
        patent(application_number="202310123456.7"), cured=True,
    ),
    "not a number at all": Bad(
        "POST", PATENTS, 422, INVALID, "PN-FORM", "/application_number", patent(application_number=CANARY), cured=True
    ),
    "type digit against type": Bad(
        "POST", PATENTS, 422, INVALID, "PN-TYPE", "/patent_type", patent(patent_type="DESIGN"), cured=True
    ),
    "a publication number as application number": Bad(
        "POST", PATENTS, 422, INVALID, "PN-FORM", "/application_number", patent(application_number="CN116000001B"),
        cured=True,
    ),
    "an application number as publication number": Bad(
        "POST", PATENTS, 422, INVALID, "PN-PUB", "/publication_number", patent(publication_number=RIGHT), cured=True
    ),
    "first digit against kind letter": Bad(
        "POST", PATENTS, 422, INVALID, "PN-PUB-TYPE", "/publication_number", patent(publication_number="CN116000001U"),
        cured=True,
    ),
    "a section of CPC": Bad("POST", PATENTS, 422, INVALID, "IPC-FORM", "/ipc/0", patent(ipc=["Y02E60/10"]), cured=True),
    "an unknown region": Bad(
        "POST", PATENTS, 422, INVALID, "REGION-UNKNOWN", "/region_code", patent(region_code="999999"), cured=True
    ),
    "a collection of everything": Bad(
        "POST", "/v1/collections", 422, INVALID, "COL-QUERY", "/query", {"json": {"name": CANARY, "query": {}}},
        cured=True,
    ),
    "a collection for nobody": Bad(
        "POST", "/v1/collections", 422, INVALID, "COL-AUDIENCE", "/organization_ids",
        {"json": {"name": CANARY, "visibility": "ORGANIZATIONS"}}, cured=True,
    ),
    "an unknown code": Bad("GET", "/v1/reference/regions/999999", 404, "not_found"),
    "no number": Bad("POST", PATENTS, 422, INVALID, request=patent(application_number=None)),
    "unknown type": Bad("POST", PATENTS, 422, INVALID, "INPUT-CHOICE", "/patent_type", patent(patent_type=CANARY)),
    "wrong IPC": Bad("POST", PATENTS, 422, INVALID, "IPC-FORM", "/ipc/1", patent(ipc=["B23Q", CANARY]), cured=True),
    "wrong credit code": Bad(
        "POST", PATENTS, 422, INVALID, "USCC-CHECK", "/holders/0/uscc",
        patent(holders=[{"name": "x", "uscc": CANARY}]), cured=True,
    ),
    "shares of 90": Bad(
        "POST", PATENTS, 422, INVALID, "HOLDER-SHARES",
        request=patent(holders=[{"name": "x", "share": "50"}, {"name": "y", "share": "40"}]), cured=True,
    ),
    "a day that is none": Bad("POST", PATENTS, 422, INVALID, "INPUT-FORM", "/filing_date", patent(filing_date=CANARY)),
    "unknown field": Bad(
        "POST", NEEDS, 422, INVALID, "INPUT-UNKNOWN-FIELD", "/titel", need(titel=CANARY), cured=True
    ),
    "body of 10 MB": Bad("POST", NEEDS, 413, "too_large", request=raw(b'{"title":"' + b"x" * 10_000_000 + b'"}')),
    "NaN": Bad("POST", QUERIES, 422, INVALID, "JSON-NUMBER", request=raw(b'{"title":"ZqCanary77","limit":NaN}')),
    "Infinity": Bad("POST", QUERIES, 422, INVALID, "JSON-NUMBER", request=raw(b'{"title":"x","limit":-Infinity}')),
    "1e400": Bad("POST", QUERIES, 422, INVALID, "JSON-NUMBER", request=raw(b'{"title":"x","limit":1e400}')),
    "10,000 digits": Bad(
        "POST", QUERIES, 422, INVALID, "JSON-NUMBER", request=raw(b'{"title":"x","limit":' + b"9" * 10_000 + b"}")
    ),
    "duplicate keys": Bad(
        "POST", NEEDS, 422, INVALID, "JSON-DOUBLE-KEY", request=raw(b'{"title":"ZqCanary77","title":"y"}')
    ),
    "bad UTF-8": Bad("POST", NEEDS, 400, "not_utf8", request=raw(b'{"title":"ZqCanary77\xff"}')),
    "UTF-16": Bad("POST", NEEDS, 400, "not_utf8", request=raw('{"title":"ZqCanary77"}'.encode("utf-16"))),
    "NUL": Bad("POST", NEEDS, 422, INVALID, "TEXT-NUL", "/title", raw(b'{"title":"ZqCanary77\\u0000"}')),
    "lone surrogate": Bad(
        "POST", NEEDS, 422, INVALID, "TEXT-SURROGATE", "/constraints/0",
        raw(b'{"title":"x","constraints":["ZqCanary77\\ud800"]}'),
    ),
    "deep nesting": Bad("POST", NEEDS, 422, INVALID, "JSON-DEPTH", request=raw(b"[" * 5_000 + b"]" * 5_000)),
    "deep nesting, unclosed": Bad("POST", NEEDS, 422, INVALID, "JSON-DEPTH", request=raw(b'{"a":' * 5_000)),
    "not JSON": Bad("POST", NEEDS, 400, "not_json", request=raw(b'{"title": ZqCanary77}')),
    "an array": Bad("POST", NEEDS, 422, INVALID, request=raw(b'["ZqCanary77"]')),
    "no body": Bad("POST", NEEDS, 422, INVALID, "INPUT-MISSING", request=raw(b""), cured=True),
    "empty need": Bad("POST", NEEDS, 422, INVALID, "INPUT-MISSING", "/title", {"json": {}}, cured=True),
    "blank need": Bad("POST", QUERIES, 422, INVALID, "INPUT-TOO-SHORT", "/title", {"json": {"title": " \t "}}),
    "need of 100,000 characters": Bad(
        "POST", NEEDS, 422, INVALID, "INPUT-TOO-LONG", "/description", need(description=CANARY * 10_000), cured=True
    ),
    "query of 100,000 characters": Bad(
        "POST", QUERIES, 422, INVALID, "INPUT-TOO-LONG", "/text", {"json": {"title": "x", "text": "振" * 100_000}},
        cured=True,
    ),
    "control characters": Bad("POST", NEEDS, 422, INVALID, "INPUT-FORM", "/title", need(title=CANARY + "\x07")),
    "wrong content type": Bad(
        "POST", NEEDS, 415, "unsupported_media_type", request=raw(b'{"title":"x"}', **{"Content-Type": "text/plain"})
    ),
    "no content type": Bad("POST", NEEDS, 415, "unsupported_media_type", request={"content": b'{"title":"x"}'}),
    "gzip": Bad(
        "POST", NEEDS, 415, "unsupported_media_type", request=raw(b'{"title":"x"}', **{"Content-Encoding": "gzip"})
    ),
    "latin-1": Bad(
        "POST", NEEDS, 415, "unsupported_media_type",
        request=raw(b'{"title":"x"}', **{"Content-Type": "application/json; charset=ISO-8859-1"}),
    ),
    "huge header": Bad("GET", NEEDS, 431, "head_too_large", request={"headers": {"X-Big": CANARY * 2_000}}),
    "many headers": Bad(
        "GET", NEEDS, 431, "head_too_large", request={"headers": {f"X-{number}": CANARY for number in range(100)}}
    ),
    "long address": Bad("GET", f"/v1/listings?q={'x' * 9_000}", 400, "target_too_long"),
    "limit 0": Bad("GET", "/v1/listings?limit=0", 422, INVALID, "INPUT-RANGE", "query:limit"),
    "limit 10000": Bad("GET", "/v1/needs?limit=10000", 422, INVALID, "INPUT-RANGE", "query:limit"),
    "limit of letters": Bad("GET", f"/v1/patents?limit={CANARY}", 422, INVALID, "INPUT-FORM", "query:limit"),
    "unknown mode": Bad("GET", f"/v1/listings?mode={CANARY}", 422, INVALID, "INPUT-CHOICE", "query:mode"),
    "unknown filter": Bad(
        "GET", f"/v1/listings?colour={CANARY}", 422, INVALID, "INPUT-UNKNOWN-FIELD", "query:colour", cured=True
    ),
    "unknown facet": Bad("GET", f"/v1/listings?facets=mode,{CANARY}", 422, INVALID, "INPUT-CHOICE", "query:facets"),
    "wrong region": Bad(
        "GET", f"/v1/listings?region_code={CANARY}", 422, INVALID, "REGION-CODE", "query:region_code", cured=True
    ),
    "a cursor of no list": Bad("GET", f"/v1/patents?after={CANARY}", 400, "cursor_invalid"),
    "a cursor of emoji": Bad("GET", "/v1/listings?after=%F0%9F%98%80", 400, "cursor_invalid"),
    "NUL in the address": Bad("GET", "/v1/needs/ned%00", 400, "nul"),
    "NUL in the query": Bad("GET", "/v1/listings?q=%00", 400, "nul"),
    "bad UTF-8 in the query": Bad("GET", "/v1/listings?q=%ff", 400, "not_utf8"),
    "another scheme": Bad(
        "GET", NEEDS, 401, "unauthenticated", request={"headers": {"Authorization": f"Digest {CANARY}"}}
    ),
    "an unknown address": Bad("GET", "/v1/nothing", 404, "not_found"),
    "an unknown need": Bad("GET", f"/v1/needs/{CANARY}", 404, "not_found"),
    "another method": Bad("DELETE", NEEDS, 405, "method_not_allowed"),
    "another method of the gateway's": Bad("PUT", "/v1/organizations", 405, "method_not_allowed"),
    "no version": Bad("PATCH", "/v1/needs/ned_0", 428, "precondition_required", request={"json": {}}),
    "a key that is too long": Bad(
        "POST", NEEDS, 400, "bad_request", request={**need(), "headers": {"Idempotency-Key": CANARY * 30}}
    ),
    "a principal that is no id": Bad("GET", NEEDS, 400, "bad_request", request={"headers": {"X-On-Behalf-Of": CANARY}}),
    "unknown scopes": Bad(
        "POST", "/v1/delegations", 422, INVALID, request={"json": {"principal_id": "org_demo_sme", "scopes": [CANARY]}}
    ),
    "a file of no format": Bad(
        "POST", "/v1/patent-imports", 422, "import_format", request={"files": {"file": (CANARY, b"x", "text/x")}}
    ),
    "a broken mapping": Bad(
        "POST", "/v1/patent-imports", 422, INVALID, "INPUT-FORM", "/mapping",
        {"files": {"file": ("a.csv", b"x", "text/csv")}, "data": {"mapping": CANARY}},
    ),
    "a form without its parts": Bad(
        "POST", "/v1/patent-imports", 400, "bad_request",
        request={"content": CANARY.encode(), "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_request_is_a_problem_that_tells_its_cure(world: World, name: str) -> None:
    bad, told = BAD[name], {}
    university = await world.demo("university")
    for language, spoken in (("zh-CN,zh;q=0.9,en;q=0.5", "zh-CN"), ("en-GB,en;q=0.8,zh;q=0.1", "en")):
        request = {**bad.request, "headers": {**bad.request.get("headers", {}), "Accept-Language": language}}
        key = {} if bad.method != "POST" or "Idempotency-Key" in request["headers"] else {"key": f"bad {name}"}
        answer = await university.send(bad.method, bad.path, **key, **request)
        body = problem(answer, bad.status, bad.code)
        assert answer.headers["content-language"] == spoken
        assert CANARY not in json.dumps({**body, "instance": ""}, ensure_ascii=False), "the input is echoed"
        assert len(answer.content) < 6_000
        for text in (body["title"], body["detail"]):
            assert bool(CJK.search(re.sub(r'"[^"]*"', "", text))) is (spoken == "zh-CN"), text  # quotes are examples
        rules = [violation["rule"] for violation in body["violations"]]
        if bad.rule is not None:
            assert bad.rule in rules, body
            chosen = body["violations"][rules.index(bad.rule)]
            assert bad.pointer in (None, chosen["pointer"]), chosen
            assert spoken == "en" or CJK.search(chosen["message"])
            if bad.cured:
                assert bool(CJK.search(chosen["cure"])) is (spoken == "zh-CN")
        told[spoken] = [{**each, "message": "", "cure": "", "legal_basis": ""} for each in body["violations"]]
    assert told["zh-CN"] == told["en"], "both languages say the same"


@pytest.mark.parametrize("part", ["file name", "mapping"])
async def test_a_nul_in_a_form_is_refused_or_taken_out(world: World, part: str) -> None:
    university = await world.demo("university")
    request: dict[str, Any] = {
        "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\x00.csv"\r\n\r\na\r\n--x--\r\n',
        "headers": {"Content-Type": "multipart/form-data; boundary=x"},
    }
    if part == "mapping":
        request = {"files": {"file": ("a.csv", b"a\n1\n", "text/csv")}, "data": {"mapping": r'{"a\u0000": "title"}'}}
    answer = await university.post("/v1/patent-imports", **request)
    assert answer.status_code in (202, 400, 422), answer.text
    assert "\\u0000" not in answer.text


async def test_a_change_that_contradicts_itself_is_refused(world: World) -> None:
    university = await world.organization()
    made = await university.made(PATENTS, factories.a_patent())
    shares = [{"name": "甲", "share": "50"}, {"name": "乙", "share": "40"}]
    refused = await university.patch(f"{PATENTS}/{made['id']}", {"holders": shares}, '"1"')
    assert [each["rule"] for each in problem(refused, 422, INVALID)["violations"]] == ["HOLDER-SHARES"]


async def test_an_external_id_is_used_once(world: World) -> None:
    university = await world.organization()
    made = await university.made(PATENTS, factories.a_patent(external_id="x"))
    problem(await university.post(PATENTS, json=factories.a_patent(external_id="x")), 409, "external_id_taken")
    listing = factories.a_listing(patent_ids=[made["id"]], external_id="x")
    await university.made(LISTINGS, listing)
    problem(await university.post(LISTINGS, json=listing), 409, "external_id_taken")


async def test_rules_of_law_name_their_source(world: World) -> None:
    university = await world.demo("university")
    answer = await university.post(PATENTS, **patent(application_number="202310123456.7"))
    (violation,) = problem(answer, 422)["violations"]
    assert "ZC 0006-2003" in violation["legal_basis"] and violation["severity"] == "BLOCK"


async def test_all_faults_of_a_body_are_told_at_once(world: World) -> None:
    university = await world.demo("university")
    answer = await university.post(NEEDS, json={"region_code": "x", "industry_code": "?", "budget": {"amount": "1,5"}})
    found = {each["pointer"]: each["rule"] for each in problem(answer, 422)["violations"]}
    assert found == {
        "/title": "INPUT-MISSING",
        "/region_code": "REGION-CODE",
        "/industry_code": "INDUSTRY-CODE",
        "/budget/amount": "MONEY-FORM",
    }


@pytest.mark.parametrize("name", ["content-length", "authorization", "content-type", "idempotency-key"])
async def test_a_field_that_may_stand_once_may_not_stand_twice(world: World, name: str) -> None:
    university = await world.demo("university")
    fields = [("content-type", "application/json"), ("authorization", university.headers["Authorization"])]
    fields += [("idempotency-key", "doubled-1"), ("content-length", "13"), (name, "13")]
    answer = await world.http.request("POST", NEEDS, content=b'{"title":"x"}', headers=httpx.Headers(fields))
    problem(answer, 400, "doubled_field")


@pytest.mark.parametrize("tag", ["1", "*", 'W/"1"', '"abc"', '""', '"1", "2"', '"-1"', '"99999999999999"'])
async def test_a_change_names_the_version_that_was_read(world: World, tag: str) -> None:
    university = await world.demo("university")
    made = await university.made(NEEDS, factories.a_need())
    problem(await university.patch(f"/v1/needs/{made['id']}", {"title": "x"}, tag), 412, "stale_version")
    assert (await university.read(f"/v1/needs/{made['id']}"))["version"] == 1


async def test_a_change_of_an_old_version_is_refused_and_of_the_current_one_is_taken(world: World) -> None:
    university = await world.organization()
    registered = await university.made(PATENTS, factories.a_patent())
    listing = await university.made(LISTINGS, factories.a_listing(patent_ids=[registered["id"]]))
    drafted = await university.made(NEEDS, factories.a_need())
    changes = {
        f"/v1/patents/{registered['id']}": {"abstract": "新"},
        f"/v1/listings/{listing['id']}": {"summary": "新"},
        f"/v1/needs/{drafted['id']}": {"description": "新"},
        f"/v1/organizations/{university.organization_id}": {"staff_count": 7},
        f"/v1/collections/{(await university.made('/v1/collections', {'name': '专题'}))['id']}": {"name": "新"},
    }
    for path, change in changes.items():
        etag = (await university.get(path)).headers["etag"]
        problem(await university.send("PATCH", path, json=change), 428, "precondition_required")
        taken = await university.patch(path, change, etag)
        assert taken.status_code == 200 and taken.headers["etag"] != etag, taken.text
        problem(await university.patch(path, change, etag), 412, "stale_version")
        assert (await university.get(path)).headers["etag"] == taken.headers["etag"]


@pytest.mark.parametrize("wild", ["%", "_", "\\", "%%", "' OR 1=1 --"])
async def test_signs_of_other_languages_are_plain_characters_in_a_search(world: World, wild: str) -> None:
    found = (await world.http.get(LISTINGS, params={"q": wild, "count": "true"})).json()
    assert found["items"] == [] and found["count"] == 0


async def test_a_need_of_nonsense_has_an_empty_result_with_its_reason(world: World) -> None:
    sme = await world.demo("sme")
    answer = await sme.post(QUERIES, json={"title": "qwzxv jjkqy vvbnx"})
    assert answer.status_code == 200
    assert answer.json()["items"] == [] and answer.json()["empty_reason"] == "NO_KNOWN_TERM"
    filtered = {"title": "铝合金薄壁件铣削", "filters": {"region_code": "54", "trl_at_least": 9, "ipc": "H99"}}
    answer = await sme.post(QUERIES, json=filtered)
    assert answer.json()["items"] == [] and answer.json()["empty_reason"] == "ALL_FILTERED"


async def test_a_request_id_is_made_or_kept_when_it_is_well_formed(world: World) -> None:
    kept = await world.http.get(LISTINGS, headers={"X-Request-Id": "mine-12345678"})
    assert kept.headers["x-request-id"] == "mine-12345678"
    for bad in ("short", "x" * 65, "with blanks in it", "<script>alert(1)"):
        made = await world.http.get(LISTINGS, headers={"X-Request-Id": bad})
        assert made.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ["/v1/listings/", "/v1/needs/", "/docs/", "//v1/listings", "/v1//listings", "/v1/"])
async def test_no_address_is_mended_by_a_redirect(world: World, path: str) -> None:
    answer = await world.http.get("http://gateway" + path, headers={"Host": "evil.example"})
    problem(answer, 404, "not_found")
    assert "location" not in answer.headers and "evil.example" not in answer.text


async def test_a_hostile_host_is_not_repeated_in_links(world: World) -> None:
    university = await world.demo("university")
    answer = await university.get("/v1/patents?limit=1", headers={"Host": "evil.example"})
    assert answer.status_code == 200 and "link" in answer.headers
    assert "evil.example" not in str(answer.headers)


@pytest.mark.parametrize("service", ["catalog", "matching"])
async def test_a_service_refuses_by_itself_what_the_gateway_refuses(world: World, service: str) -> None:
    path = {"catalog": PATENTS, "matching": NEEDS}[service]
    headers = inward(world, service)
    direct = world.direct(service)
    for request, status in (
        (raw(b'{"title":"x","title":"y"}'), 422),
        (raw(b'{"title":"\\u0000"}'), 422),
        (raw(b"x" * 2_000_000), 413),
        (raw(b"{}", **{"Content-Encoding": "br"}), 415),
    ):
        answer = await direct.post(path, content=request["content"], headers={**request["headers"], **headers})
        problem(answer, status)


async def test_a_filing_day_whose_term_would_end_after_all_days_is_refused(world: World) -> None:
    university = await world.organization()
    number = {"application_number": None, "publication_number": "CN116000777B", "grant_date": None}
    problem(await university.post(PATENTS, json=factories.a_patent(**number, filing_date="9999-01-01")), 422)


async def test_a_fee_paid_until_the_last_of_all_days_is_refused(new_world: Any) -> None:
    """In a world apart: a grace period counted from that day once kept the whole process busy for ever."""
    async with new_world() as apart:
        university = await apart.organization()
        registered = await university.made(PATENTS, factories.a_patent())
        event = {
            "code": "REGISTER_CHECKED",
            "occurred_on": "2026-01-01",
            "detail": {"state": "IN_FORCE", "fees_paid_until": "9999-12-31"},
        }
        problem(await university.post(f"/v1/patents/{registered['id']}/legal-events", json=event), 422)


async def test_filters_that_the_document_offers_all_work(world: World) -> None:
    university = await world.demo("university")
    for path in ("/v1/patents?ipc=B", "/v1/patents?legal_state=UNKNOWN", "/v1/patents?region_code=37"):
        assert (await university.get(path)).status_code == 200, path
    for query in ("mode=ORDINARY", "ipc=B23", "industry_code=C", "region_code=37", "holder=x", "patent_type=DESIGN"):
        assert (await world.http.get(f"/v1/listings?{query}")).status_code == 200, query


@pytest.mark.parametrize(
    ("filters", "english", "chinese"),
    [
        ({"ipc": "Q9"}, "this does not have the form ^([A-H]", "格式不正确，应符合 ^([A-H]"),
        ({"trl_at_least": "high"}, "this must be a whole number", "应为整数"),
        ({"sample": "perhaps"}, "this must be true or false", "应为 true 或 false"),
    ],
)
async def test_a_wrong_form_says_the_right_one_in_the_readers_language(
    world: World, filters: dict[str, Any], english: str, chinese: str
) -> None:
    sme = await world.demo("sme")
    for language, words in (("en", english), ("zh", chinese)):
        asked = {"title": "镗杆", "filters": filters}
        refused = await sme.post("/v1/match-queries", json=asked, headers={"Accept-Language": language})
        (violation,) = refused.json()["violations"]
        assert (refused.status_code, violation["pointer"]) == (422, f"/filters/{next(iter(filters))}")
        assert violation["message"].startswith(words)
        assert "/docs" in violation["cure"]
