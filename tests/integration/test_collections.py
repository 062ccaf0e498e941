"""Collections: what they hold, who sees them, who hears of what enters them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from services.catalog.rules import collections as rules
from shared.contracts.collections import Sharing
from tests import factories
from tests.contract.support import problem
from tests.unit.verdicts import verdict
from tests.world import Api, World

pytestmark = pytest.mark.anyio

PATH = "/v1/collections"


def a_collection(**facts: Any) -> dict[str, Any]:
    return {"name": "深孔加工专题", "query": {"industry_code": "C34"}, **facts}


async def one(world: World, owner: Api, title: str = "一种镗杆", **listing: Any) -> dict[str, Any]:
    """A listing of its own class, so that tests do not meet each other's."""
    return await world.published(owner, patent={"title": title}, **listing)


async def members(who: Api, id_: str, **params: Any) -> list[str]:
    page = await who.read(f"{PATH}/{id_}/listings", params={"limit": 100, **params})
    return [card["id"] for card in page["items"]]


async def position(world: World) -> int:
    return (await world.house.catalog.changes(0, 1, 0)).head


async def heard(world: World, after: int) -> list[tuple[str, str, str]]:
    """What the feed says of collections: (what, audience, listing)."""
    page = await world.house.catalog.changes(after, 1000, 0)
    return [
        (item.type.removeprefix("collection."), item.audience, str(item.data.get("listing_id")))
        for item in page.items
        if item.type.startswith("collection.")
    ]


# Rules


def test_a_query_names_a_criterion() -> None:
    assert verdict(rules.query_says_something, None) is None
    assert verdict(rules.query_says_something, {"ipc": "B23B", "q": None}) is None
    assert verdict(rules.query_says_something, {"sample": False}) is None
    assert verdict(rules.query_says_something, {}) == "COL-QUERY"
    assert verdict(rules.query_says_something, {"q": "", "ipc": None}) == "COL-QUERY"


@pytest.mark.parametrize(
    ("visibility", "named", "refused"),
    [
        (Sharing.PRIVATE, [], None),
        (Sharing.PUBLIC, [], None),
        (Sharing.ORGANIZATIONS, ["org_a"], None),
        (Sharing.ORGANIZATIONS, [], "COL-AUDIENCE"),
        (Sharing.PRIVATE, ["org_a"], "COL-AUDIENCE"),
        (Sharing.PUBLIC, ["org_a"], "COL-AUDIENCE"),
    ],
)
def test_an_audience_is_named_where_there_is_one(visibility: Sharing, named: list[str], refused: str | None) -> None:
    assert verdict(rules.audience_fits, visibility, named) == refused


def test_nothing_is_included_and_excluded() -> None:
    assert verdict(rules.choice_is_clear, ["lst_1"], ["lst_2"]) is None
    assert verdict(rules.choice_is_clear, ["lst_1", "lst_2"], ["lst_2"]) == "COL-ENTRY"


def test_nobody_follows_more_than_a_hundred() -> None:
    assert verdict(rules.may_follow_one_more, 99) is None
    assert verdict(rules.may_follow_one_more, 100) == "COL-FOLLOW"


@pytest.mark.parametrize(
    ("visibility", "who", "sees"),
    [
        (Sharing.PUBLIC, None, True),
        (Sharing.PUBLIC, "org_x", True),
        (Sharing.PRIVATE, "org_owner", True),
        (Sharing.PRIVATE, "org_named", False),
        (Sharing.PRIVATE, None, False),
        (Sharing.ORGANIZATIONS, "org_named", True),
        (Sharing.ORGANIZATIONS, "org_owner", True),
        (Sharing.ORGANIZATIONS, "org_x", False),
        (Sharing.ORGANIZATIONS, None, False),
    ],
)
def test_who_may_see_a_collection(visibility: Sharing, who: str | None, sees: bool) -> None:
    assert rules.may_see(visibility, "org_owner", ["org_named"], who) is sees


# What it holds


async def test_it_holds_what_the_query_finds_and_what_is_included_without_what_is_excluded(world: World) -> None:
    owner, curator = await world.organization(), await world.organization()
    found = await one(world, owner, region_codes=["5325"])
    also = await one(world, owner, region_codes=["532501"])
    other = await one(world, owner, region_codes=["3701"])
    by_patent = await one(world, owner, region_codes=["3702"])
    made = await curator.made(
        PATH,
        a_collection(
            query={"region_code": "5325"},
            include={"listing_ids": [other["id"]], "patent_ids": by_patent["patent_ids"]},
            exclude={"listing_ids": [also["id"]]},
        ),
    )
    assert made["id"].startswith("col_") and made["version"] == 1
    assert await members(curator, made["id"]) == [by_patent["id"], other["id"], found["id"]]
    page = await curator.read(f"{PATH}/{made['id']}/listings?limit=2&count=true")
    assert page["count"] == 3 and len(page["items"]) == 2
    assert await members(curator, made["id"], after=page["next"]) == [found["id"]]

    await owner.made(f"/v1/listings/{found['id']}/withdrawal")
    assert await members(curator, made["id"]) == [by_patent["id"], other["id"]]
    changed = await curator.patch(
        f"{PATH}/{made['id']}",
        {
            "query": None,
            "exclude": {"patent_ids": by_patent["patent_ids"]},
            "include": {"listing_ids": [other["id"], by_patent["id"]]},
        },
        '"1"',
    )
    assert changed.status_code == 200, changed.text
    assert await members(curator, made["id"]) == [other["id"]]


async def test_a_query_finds_what_the_list_of_listings_finds(world: World) -> None:
    curator, anyone = await world.organization(), world.anyone()
    for query in (
        {"q": "镗", "sample": True},
        {"ipc": "B23B"},
        {"industry_code": "C34", "trl_at_least": 7},
        {"mode": "SOLE", "fee_type": "ROYALTY"},
        {"patent_type": "DESIGN"},
        {"holder": "云泽理工大学（虚构）", "sample": True},
    ):
        made = await curator.made(PATH, a_collection(query=query))
        params = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in query.items()}
        listed = await anyone.read("/v1/listings", params={"limit": "100", "count": "true", **params})
        page = await curator.read(f"{PATH}/{made['id']}/listings?limit=100&count=true")
        assert page["items"] == listed["items"] and page["count"] == listed["count"] > 0, query


async def test_a_bad_collection_is_refused_with_its_reason(world: World) -> None:
    curator, stranger = await world.organization(), await world.organization()
    patent = await stranger.made("/v1/patents", factories.a_patent())
    draft = await stranger.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    for facts, status, code, rule in (
        ({"query": {}}, 422, "invalid_input", "COL-QUERY"),
        ({"query": {"colour": "red"}}, 422, "invalid_input", "INPUT-UNKNOWN-FIELD"),
        ({"query": {"mine": True}}, 422, "invalid_input", "INPUT-UNKNOWN-FIELD"),
        ({"query": {"region_code": "山东"}}, 422, "invalid_input", "REGION-CODE"),
        ({"query": {"ipc": "Y02E"}}, 422, "invalid_input", "INPUT-FORM"),
        ({"visibility": "ORGANIZATIONS"}, 422, "invalid_input", "COL-AUDIENCE"),
        ({"visibility": "EVERYBODY"}, 422, "invalid_input", "INPUT-CHOICE"),
        ({"organization_ids": ["org_a"]}, 422, "invalid_input", "COL-AUDIENCE"),
        ({"include": {"listing_ids": ["pat_1"]}}, 422, "invalid_input", "INPUT-FORM"),
        ({"include": {"listing_ids": ["lst_1"]}, "exclude": {"listing_ids": ["lst_1"]}}, 422, "invalid_input", "COL-ENTRY"),
        ({"include": {"listing_ids": ["lst_1"]}}, 404, "not_found", None),
        ({"include": {"listing_ids": [draft["id"]]}}, 404, "not_found", None),
        ({"include": {"patent_ids": [patent["id"]]}}, 404, "not_found", None),
        ({"exclude": {"patent_ids": ["pat_1"]}}, 404, "not_found", None),
        ({"name": " "}, 422, "invalid_input", "INPUT-TOO-SHORT"),
    ):  # fmt: skip
        body = problem(await curator.post(PATH, json=a_collection(**facts)), status, code)
        assert rule is None or rule in [each["rule"] for each in body["violations"]], (facts, body)
    assert (await curator.read(PATH, params={"mine": "true", "count": "true"}))["count"] == 0
    own = await stranger.made(PATH, a_collection(include={"listing_ids": [draft["id"]]}, query=None))
    assert await members(stranger, own["id"]) == []
    await stranger.made(f"/v1/listings/{draft['id']}/submission")
    assert await members(stranger, own["id"]) == [draft["id"]]


async def test_an_external_id_is_used_once(world: World) -> None:
    curator, other = await world.organization(), await world.organization()
    first = await curator.made(PATH, a_collection(external_id="c1"))
    problem(await curator.post(PATH, json=a_collection(external_id="c1")), 409, "external_id_taken")
    await other.made(PATH, a_collection(external_id="c1"))
    second = await curator.made(PATH, a_collection())
    refused = await curator.patch(f"{PATH}/{second['id']}", {"external_id": "c1"}, '"1"')
    problem(refused, 409, "external_id_taken")
    assert [each["id"] for each in (await curator.read(PATH, params={"external_id": "c1"}))["items"]] == [first["id"]]


async def test_a_change_is_a_merge_and_keeps_what_it_does_not_name(world: World) -> None:
    curator = await world.organization()
    made = await curator.made(PATH, a_collection(description="说明", visibility="PUBLIC"))
    path = f"{PATH}/{made['id']}"
    problem(await curator.send("PATCH", path, json={"name": "x"}), 428, "precondition_required")
    renamed = await curator.patch(path, {"name": "新名称", "visibility": None}, '"1"')
    assert renamed.status_code == 200 and renamed.headers["etag"] == '"2"'
    assert {**made, "name": "新名称", "version": 2, "updated_at": ""} == {**renamed.json(), "updated_at": ""}
    problem(await curator.patch(path, {"name": "x"}, '"1"'), 412, "stale_version")
    problem(await curator.patch(path, {"query": {}}, '"2"'), 422, "invalid_input")
    emptied = await curator.patch(path, {"description": None, "query": None}, '"2"')
    assert (emptied.json()["description"], emptied.json()["query"]) == (None, None)


# Who sees it


async def test_a_collection_is_seen_by_those_whom_it_is_for(world: World) -> None:
    owner, named, stranger = [await world.organization() for _ in range(3)]
    cooperative = await world.organization(type="COOPERATIVE", uscc=factories.uscc("93370000"))
    operator, anyone = await world.demo("operator"), world.anyone()
    made = {
        "PRIVATE": await owner.made(PATH, a_collection(name="仅自己可见")),
        "ORGANIZATIONS": await owner.made(
            PATH, a_collection(visibility="ORGANIZATIONS", organization_ids=[named.organization_id], name="指定可见")
        ),
        "PUBLIC": await cooperative.made(PATH, a_collection(visibility="PUBLIC", name="公开可见")),
    }
    seen = {
        "PRIVATE": [owner, operator],
        "ORGANIZATIONS": [owner, operator, named],
        "PUBLIC": [owner, operator, named, stranger, cooperative, anyone],
    }
    for visibility, collection in made.items():
        for who in (owner, named, stranger, cooperative, operator, anyone):
            sees = who in seen[visibility]
            for part in ("", "/listings", "/export"):
                answer = await who.get(f"{PATH}/{collection['id']}{part}")
                assert answer.status_code == (200 if sees else 404), (visibility, part)
            page = await who.read(PATH, params={"q": collection["name"], "limit": "100"})
            assert (collection["id"] in [each["id"] for each in page["items"]]) is sees
    shown = await named.read(f"{PATH}/{made['ORGANIZATIONS']['id']}")
    assert (shown["organization_ids"], shown["include"], shown["exclude"]) == (None, None, None)
    assert shown["query"]["industry_code"] == "C34"
    for method, part, body in (("PATCH", "", {"name": "x"}), ("DELETE", "", None)):
        answer = await named.send(
            method, f"{PATH}/{made['ORGANIZATIONS']['id']}{part}", json=body, headers={"If-Match": '"1"'}
        )
        problem(answer, 404, "not_found")
    problem(await anyone.get(PATH, params={"mine": "true"}), 401, "unauthenticated")
    problem(await anyone.get(PATH, params={"following": "true"}), 401, "unauthenticated")
    mine = await owner.read(PATH, params={"mine": "true", "count": "true"})
    assert mine["count"] == 2
    gone = await owner.send("DELETE", f"{PATH}/{made['PRIVATE']['id']}")
    assert gone.status_code == 204
    problem(await owner.get(f"{PATH}/{made['PRIVATE']['id']}"), 404, "not_found")


async def test_a_token_without_the_scope_sees_what_anybody_sees(world: World) -> None:
    owner, operator = await world.organization(), await world.demo("operator")
    private = await owner.made(PATH, a_collection())
    client = await operator.made(f"/v1/organizations/{owner.organization_id}/clients", {"scopes": ["needs:read"]})
    token = await world.sign_in(client["client_id"], client["client_secret"])
    narrow = Api(world.http, owner.organization_id, {"Authorization": f"Bearer {token['access_token']}"})
    problem(await narrow.get(f"{PATH}/{private['id']}"), 404, "not_found")
    problem(await narrow.get(PATH, params={"mine": "true"}), 403, "insufficient_scope")


# As a file


async def test_it_is_exported_in_three_forms(world: World) -> None:
    owner = await world.organization()
    listings = [await one(world, owner, f"=第{number}种镗杆", region_codes=["5326"]) for number in range(3)]
    made = await owner.made(PATH, a_collection(query={"region_code": "5326"}, visibility="PUBLIC"))
    path = f"{PATH}/{made['id']}/export"
    answer = await world.anyone().get(path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{made["id"]}.csv"'
    table = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["挂牌编号"] for row in table] == [each["id"] for each in listings[::-1]]
    assert [row["专利名称"] for row in table] == [f"'=第{number}种镗杆" for number in (2, 1, 0)]
    assert table[0]["申请号"] == listings[2]["patents"][0]["application_number"]
    english = await world.anyone().get(path, headers={"Accept-Language": "en"})
    assert english.content.decode("utf-8-sig").startswith("Listing,Titles,Holders,")

    lines = [json.loads(line) for line in (await owner.get(path, params={"format": "ndjson"})).text.splitlines()]
    assert [line["id"] for line in lines] == [each["id"] for each in listings[::-1]]
    assert lines[0]["titles"] == ["=第2种镗杆"] and lines[0]["trl"] == 7 and lines[0]["amount"] == "30000.00"
    book = await owner.get(path, params={"format": "xlsx"})
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(book.content)).get_sheet_by_index(0).to_python()
    assert [row[1] for row in sheet[1:]] == [f"'=第{number}种镗杆" for number in (2, 1, 0)]
    problem(await owner.get(path, params={"format": "pdf"}), 422, "invalid_input")


async def test_an_export_goes_on_beyond_one_chunk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.catalog.service.collections.EXPORT_PAGE", 14)
    monkeypatch.setattr("services.catalog.service.collections.EXPORT_CHUNK", 5)
    curator = await world.organization()
    made = await curator.made(PATH, a_collection(query={"sample": True, "ipc": "A"}))
    count = (await curator.read(f"{PATH}/{made['id']}/listings?count=true&limit=1"))["count"]
    text = (await curator.get(f"{PATH}/{made['id']}/export", params={"format": "ndjson"})).text
    ids = [json.loads(line)["id"] for line in text.splitlines()]
    assert len(ids) == len(set(ids)) == count > 20


# Who hears of it


async def test_followers_hear_of_each_listing_that_enters_once(world: World) -> None:
    owner, curator, follower, other = [await world.organization() for _ in range(4)]
    before = await one(world, owner, region_codes=["5333"])
    made = await curator.made(PATH, a_collection(query={"region_code": "5333"}, visibility="PUBLIC"))
    start = await position(world)
    for who in (follower, other):
        told = await who.made(f"{PATH}/{made['id']}/followers")
        assert (told["collection_id"], told["organization_id"]) == (made["id"], who.organization_id)
    again = await follower.made(f"{PATH}/{made['id']}/followers")
    assert again["since"] <= told["since"]
    assert [each["id"] for each in (await follower.read(PATH, params={"following": "true"}))["items"]] == [made["id"]]
    assert [what for what, _, _ in await heard(world, start)] == ["followed", "followed"]

    start = await position(world)
    new = await one(world, owner, region_codes=["5333"])
    elsewhere = await one(world, owner, region_codes=["3701"])
    everybody = sorted([follower.organization_id, other.organization_id])
    assert await heard(world, start) == [("listing_added", each, new["id"]) for each in everybody]

    start = await position(world)
    path = f"/v1/listings/{elsewhere['id']}"
    etag = (await owner.get(path)).headers["etag"]
    moved = await owner.patch(path, {"region_codes": ["533323"]}, etag)
    for each in (before, new):
        etag = (await owner.get(f"/v1/listings/{each['id']}")).headers["etag"]
        await owner.patch(f"/v1/listings/{each['id']}", {"summary": "改写"}, etag)
    assert moved.status_code == 200
    assert await heard(world, start) == [("listing_added", each, elsewhere["id"]) for each in everybody]

    start = await position(world)
    left = await other.send("DELETE", f"{PATH}/{made['id']}/followers/me")
    assert left.status_code == 204
    problem(await other.send("DELETE", f"{PATH}/{made['id']}/followers/me"), 404, "not_found")
    last = await one(world, owner, region_codes=["5333"])
    assert await heard(world, start) == [
        ("left", other.organization_id, "None"),
        ("listing_added", follower.organization_id, last["id"]),
    ]


async def test_an_import_tells_followers_of_what_it_publishes(world: World) -> None:
    university, curator = await world.organization(), await world.organization()
    made = await curator.made(PATH, a_collection(query={"ipc": "A01K97"}))
    await curator.made(f"{PATH}/{made['id']}/followers")
    start = await position(world)
    lines = ["申请号,专利名称,专利类型,专利权人,授权公告日,IPC分类号"]
    for number, code in enumerate(["A01K97/00", "A01K97/02", "A01K99/00", "A01K97/04"]):
        lines.append(f"{factories.application_number()},第{number}种渔具,发明,测试大学,2025-06-10,{code}")
    job = await university.post(
        "/v1/patent-imports", files={"file": ("p.csv", "\n".join(lines).encode())}, data={"publish": "true"}
    )
    done = await world.import_done(university, job.json()["id"])
    assert done["listings"]["published"] == 4
    told = await heard(world, start)
    assert sorted(listing for what, _, listing in told) == sorted(await members(curator, made["id"]))
    assert {(what, audience) for what, audience, _ in told} == {("listing_added", curator.organization_id)}
    assert len(told) == 3


async def test_a_change_tells_followers_of_what_was_added_by_hand_and_lets_go_who_may_not_see_it(world: World) -> None:
    owner, curator, named, other = [await world.organization() for _ in range(4)]
    chosen, found = await one(world, owner, region_codes=["5328"]), await one(world, owner, region_codes=["5329"])
    made = await curator.made(PATH, a_collection(query=None, visibility="PUBLIC"))
    for who in (named, other):
        await who.made(f"{PATH}/{made['id']}/followers")
    start = await position(world)
    changes = {
        "include": {"listing_ids": [chosen["id"]]},
        "query": {"region_code": "5329"},
        "visibility": "ORGANIZATIONS",
        "organization_ids": [named.organization_id],
    }
    changed = await curator.patch(f"{PATH}/{made['id']}", changes, '"1"')
    assert changed.status_code == 200, changed.text
    assert await heard(world, start) == [
        ("changed", curator.organization_id, "None"),
        ("changed", named.organization_id, "None"),
        ("listing_added", named.organization_id, chosen["id"]),
    ]
    start = await position(world)
    etag = (await owner.get(f"/v1/listings/{found['id']}")).headers["etag"]
    await owner.patch(f"/v1/listings/{found['id']}", {"summary": "早已在内"}, etag)
    new = await one(world, owner, region_codes=["5329"])
    assert await heard(world, start) == [("listing_added", named.organization_id, new["id"])]
    problem(await other.post(f"{PATH}/{made['id']}/followers"), 404, "not_found")

    start = await position(world)
    assert (await curator.send("DELETE", f"{PATH}/{made['id']}")).status_code == 204
    assert {(what, audience) for what, audience, _ in await heard(world, start)} == {
        ("removed", curator.organization_id),
        ("removed", named.organization_id),
    }
    await one(world, owner, region_codes=["5329"])  # nobody follows: nothing fails


async def test_nobody_is_forgotten_when_listings_appear_while_organizations_begin_to_follow(world: World) -> None:
    owner, curator = await world.organization(), await world.organization()
    followers = [await world.organization() for _ in range(6)]
    made = await curator.made(PATH, a_collection(query={"region_code": "5331"}, visibility="PUBLIC"))
    drafts = []
    for _ in range(12):
        patent = await owner.made("/v1/patents", factories.a_patent())
        facts = factories.a_listing(patent_ids=[patent["id"]], region_codes=["5331"])
        drafts.append((await owner.made("/v1/listings", facts))["id"])
    start = await position(world)
    await asyncio.gather(
        *(owner.made(f"/v1/listings/{id_}/submission") for id_ in drafts),
        *(each.made(f"{PATH}/{made['id']}/followers") for each in followers),
        curator.patch(f"{PATH}/{made['id']}", {"description": "边建边改"}, '"1"'),
    )
    told = [line for line in await heard(world, start) if line[0] == "listing_added"]
    assert len(told) == len(set(told))
    assert {listing for _, _, listing in told} <= set(drafts)
    start = await position(world)
    for id_ in drafts:  # each of them is known by now: a later change is no news
        etag = (await owner.get(f"/v1/listings/{id_}")).headers["etag"]
        await owner.patch(f"/v1/listings/{id_}", {"summary": "改写"}, etag)
    assert [line for line in await heard(world, start) if line[0] == "listing_added"] == []


async def test_an_organization_follows_a_hundred_collections_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "FOLLOWED_MOST", 2)
    curator = await world.organization()
    made = [await curator.made(PATH, a_collection()) for _ in range(3)]
    for each in made[:2]:
        await curator.made(f"{PATH}/{each['id']}/followers")
    refused = problem(await curator.post(f"{PATH}/{made[2]['id']}/followers"), 409, "rule_refused")
    assert [each["rule"] for each in refused["violations"]] == ["COL-FOLLOW"]
    await curator.made(f"{PATH}/{made[0]['id']}/followers")  # one that is followed already
