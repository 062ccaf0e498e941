"""Single resources with their ETags, lists with their cursors, counts and facets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests import factories
from tests.contract.support import problem
from tests.world import Api, World

pytestmark = pytest.mark.anyio


async def one_of_each(world: World) -> tuple[Api, list[str]]:
    owner, delegate = await world.organization(), await world.organization()
    patent = await owner.made("/v1/patents", factories.a_patent())
    listing = await owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    need = await owner.made("/v1/needs", factories.a_need())
    proposal = {"principal_id": owner.organization_id, "scopes": ["needs:read"]}
    delegation = await delegate.made("/v1/delegations", proposal)
    document = (await owner.post("/v1/documents", files={"file": ("a.txt", b"x", "text/plain")})).json()
    return owner, [
        f"/v1/patents/{patent['id']}",
        f"/v1/listings/{listing['id']}",
        f"/v1/needs/{need['id']}",
        f"/v1/organizations/{owner.organization_id}",
        "/v1/organizations/me",
        f"/v1/delegations/{delegation['id']}",
        f"/v1/collections/{(await owner.made('/v1/collections', {'name': '专题'}))['id']}",
        f"/v1/documents/{document['id']}",
        f"/v1/documents/{document['id']}/content",
    ]


async def test_a_single_resource_that_has_not_changed_is_not_sent_again(world: World) -> None:
    owner, paths = await one_of_each(world)
    for path in paths:
        first = await owner.get(path)
        etag = first.headers["etag"]
        assert re.fullmatch(r'"[^"]+"', etag), path
        for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):  # weak comparison, RFC 9110 section 13.1.2
            again = await owner.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), (path, known)
            assert again.headers["etag"] == etag
        changed = await owner.get(path, headers={"If-None-Match": '"0"'})
        assert changed.content == first.content, path


async def test_an_etag_changes_with_its_resource(world: World) -> None:
    owner = await world.organization()
    need = await owner.post("/v1/needs", json=factories.a_need())
    path = f"/v1/needs/{need.json()['id']}"
    assert (await owner.get(path)).headers["etag"] == need.headers["etag"]
    await owner.made(path + "/publication")
    fresh = await owner.get(path, headers={"If-None-Match": need.headers["etag"]})
    assert fresh.status_code == 200 and fresh.json()["state"] == "PUBLISHED"


async def walked(who: Api, path: str, between: Any = None) -> list[str]:
    """The ids of a list, read page by page along its Link headers."""
    found: list[str] = []
    while True:
        answer = await who.get(path)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item["id"] for item in page["items"]]
        assert len(found) < 500
        link = answer.headers.get("link")
        assert (link is None) is (page["next"] is None), f"{path}: Link says {link}, next says {page['next']}"
        if link is None:
            return found
        target = re.fullmatch(r'<([^>]+)>; rel="next"', link)
        assert target and target[1].startswith("/v1/")
        path = target[1]
        if between is not None:
            await between()


PAGED = {
    "/v1/patents": lambda number: factories.a_patent(external_id=f"p{number}"),
    "/v1/needs": lambda number: factories.a_need(external_id=f"n{number}"),
    "/v1/organizations": lambda number: factories.an_organization(external_id=f"o{number}"),
    "/v1/collections": lambda number: {"name": f"专题{number}", "external_id": f"c{number}"},
}


@pytest.mark.parametrize("path", PAGED)
async def test_pages_neither_lose_nor_repeat_rows_while_others_insert(world: World, path: str) -> None:
    owner, made, make = await world.organization(), [], PAGED[path]
    for number in range(7):
        made.append((await owner.made(path, make(number)))["id"])

    async def insert() -> None:
        await owner.made(path, make(100 + len(inserted)))
        inserted.append(1)

    inserted: list[int] = []
    seen = await walked(owner, f"{path}?limit=3", insert)
    assert inserted, "there was more than one page"
    assert [id_ for id_ in seen if id_ in made] == made[::-1]
    assert len(seen) == len(set(seen))


async def test_listings_are_paged_by_links_for_anyone(world: World) -> None:
    anyone = world.anyone()
    total = (await anyone.read("/v1/listings?count=true&limit=1&sample=true"))["count"]
    seen = await walked(anyone, "/v1/listings?sample=true&limit=100")
    assert len(seen) == len(set(seen)) == total > 100
    upward = await walked(anyone, "/v1/listings?sample=true&limit=100&sort=published_at")
    assert upward == seen[::-1]


async def test_a_count_is_given_when_asked_for_only(world: World) -> None:
    owner = await world.organization()
    for path, make in PAGED.items():
        for number in range(2):
            await owner.made(path, make(number))
    for path in ("/v1/patents", "/v1/needs"):
        assert (await owner.read(f"{path}?limit=1&count=true"))["count"] == 2
        assert (await owner.read(f"{path}?limit=1"))["count"] is None
        assert (await owner.read(f"{path}?external_id={path[4]}1&count=true"))["count"] == 1


async def test_facets_count_what_the_filters_find(world: World) -> None:
    names = "mode,fee_type,patent_type,industry_code,region_code,ipc,trl"
    page = await world.anyone().read(f"/v1/listings?sample=true&facets={names}&count=true&limit=1")
    assert list(page["facets"]) == names.split(",")
    for facet, parameter in (("fee_type", "fee_type"), ("patent_type", "patent_type"), ("ipc", "ipc")):
        for value, number in list(page["facets"][facet].items())[:4]:
            found = await world.anyone().read(f"/v1/listings?sample=true&{parameter}={value}&count=true&limit=1")
            assert found["count"] == number, (facet, value)
    assert sum(page["facets"]["fee_type"].values()) == page["count"]
    for mode, number in page["facets"]["mode"].items():
        found = await world.anyone().read(f"/v1/listings?sample=true&mode={mode}&count=true&limit=1")
        assert found["count"] == number, mode


async def test_a_cursor_is_good_for_its_own_list_only(world: World) -> None:
    owner, other = await world.organization(), await world.organization()
    for number in range(3):
        for path, make in PAGED.items():
            await owner.made(path, make(number))
    cursor = (await owner.read("/v1/needs?limit=1"))["next"]
    swapped = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    for who, query in (
        (owner, f"/v1/patents?after={cursor}"),
        (owner, f"/v1/organizations?after={cursor}"),
        (owner, f"/v1/needs?state=DRAFT&after={cursor}"),
        (other, f"/v1/needs?after={cursor}"),
        (owner, f"/v1/needs?after={swapped}"),
        (owner, f"/v1/needs?after={cursor[:-4]}"),
        (owner, f"/v1/needs?after={cursor}{cursor}"),
        (owner, "/v1/needs?after=AAAA"),
    ):
        problem(await who.get(query), 400, "cursor_invalid")
    assert (await owner.get(f"/v1/needs?after={cursor}")).status_code == 200


async def test_a_ranking_is_paged_without_gaps_on_one_index(world: World) -> None:
    sme = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370000"))
    need = await sme.made("/v1/needs", factories.a_need(title="铝合金 加工 装置 方法 系统", description=""))
    path = f"/v1/needs/{need['id']}/matches"
    whole = await sme.read(f"{path}?limit=12")
    first = await sme.read(f"{path}?limit=5")
    second = await sme.read(f"{path}?limit=5&after={first['next']}")
    if first["index_version"] == second["index_version"] == whole["index_version"]:
        ids = [item["listing"]["id"] for item in first["items"] + second["items"]]
        assert ids == [item["listing"]["id"] for item in whole["items"]][:10]
        assert [item["rank"] for item in second["items"]] == [6, 7, 8, 9, 10]
    problem(await sme.get(f"{path}?limit=5&mode=SOLE&after={first['next']}"), 400, "cursor_invalid")


async def test_counts_follow_every_change_at_once(world: World) -> None:
    """They are kept between changes, never beyond one."""
    owner = await world.organization()
    holder = f"计数大学{owner.organization_id[-6:]}"
    ask = f"/v1/listings?holder={holder}&facets=mode,trl&count=true"
    published = []
    for number in range(3):
        patent = {"holders": [{"name": holder}]}
        published.append(await world.published(owner, patent=patent, trl=4 + number % 2))
        page = await world.anyone().read(ask)
        assert (page["count"], page["facets"]["mode"]) == (number + 1, {"ORDINARY": number + 1})
    assert page["facets"]["trl"] == {"4": 2, "5": 1}
    await owner.made(f"/v1/listings/{published[0]['id']}/withdrawal")
    page = await world.anyone().read(ask)
    assert (page["count"], page["facets"]["trl"]) == (2, {"4": 1, "5": 1})
