"""The side of demand: needs that a listing answers, words on matches, runs, subscriptions, vocabulary, learned mixes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from services.matching import models
from services.matching.engine import MIX
from shared.clock import SHANGHAI
from shared.ids import new_id
from tests import factories
from tests.world import Api, World

pytestmark = pytest.mark.anyio


async def published(api: Api, **facts: Any) -> dict[str, Any]:
    need = await api.made("/v1/needs", factories.a_need(**facts))
    return await api.made(f"/v1/needs/{need['id']}/publication")


async def until(look: Callable[[], Any], *, within_s: float = 10.0) -> Any:
    """What a look answers as soon as that is true."""
    for _ in range(int(within_s / 0.02)):
        if found := await look():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


async def needs_of(api: Api, listing_id: str, **asked: Any) -> list[dict[str, Any]]:
    return (await api.read(f"/v1/listings/{listing_id}/needs", params=asked))["items"]


@pytest.fixture(scope="module")
async def quiet(
    new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory, one_loop: None
) -> AsyncIterator[World]:
    """A world of its own: what others publish would be found too."""
    async with World.open(new_database(), tmp_path_factory.mktemp("quiet")) as world:
        yield world


# Listing → needs


async def test_a_listing_sees_the_needs_it_answers_and_they_see_it(quiet: World) -> None:
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    listing = await quiet.published(university, patent={"title": "一种海带夹苗绳的自动卷收装置", "ipc": ["A01K61/00"]})
    await quiet.found(listing["id"], "海带夹苗绳卷收", within_s=5)
    fits = await published(sme, title="海带夹苗绳卷收太费人工", description="", visibility="PUBLIC")
    other = await published(sme, title="窑炉烟气余热怎么回收", description="", visibility="PUBLIC")
    found = await until(lambda: has(university, listing["id"], fits["id"]))
    first = found[0]
    assert (first["need"]["id"], first["rank"], first["need"]["organization_id"]) == (
        fits["id"],
        1,
        sme.organization_id,
    )
    assert "海带" in first["shared_terms"]
    matches = await sme.read(f"/v1/needs/{fits['id']}/matches")
    (seen,) = [item for item in matches["items"] if item["listing"]["id"] == listing["id"]]
    assert seen["band"] == first["band"]
    assert "score" not in first and "fit" not in first, "a listing's owner sees only the band"
    strong = await needs_of(university, listing["id"], band="STRONG")
    assert {item["band"] for item in strong} <= {"STRONG"}
    assert other["id"] not in [item["need"]["id"] for item in strong]

    await sme.made(f"/v1/needs/{fits['id']}/pause")
    await until(lambda: has(university, listing["id"], fits["id"], gone=True))
    unknown = await university.get("/v1/listings/lst_nobody/needs")
    assert unknown.status_code == 404


async def has(api: Api, listing_id: str, need_id: str, *, gone: bool = False) -> Any:
    found = await needs_of(api, listing_id, limit=50)
    return (need_id in [item["need"]["id"] for item in found]) is not gone and (found or True)


async def test_an_anonymized_need_shows_nothing_that_could_name_the_firm(quiet: World) -> None:
    """Scenario E.23."""
    university = await quiet.organization()
    name = "济南宏沃达机械有限公司"
    sme = await quiet.organization(type="ENTERPRISE", name=name, uscc=factories.uscc("91370100"))
    listing = await quiet.published(university, patent={"title": "一种扇贝养殖笼的高压清洗装置", "ipc": ["A01K61/00"]})
    await quiet.found(listing["id"], "扇贝养殖笼清洗", within_s=5)
    need = await published(
        sme,
        title="扇贝养殖笼清洗太慢",
        description=f"{name}在章丘，型号HWD-2000的清洗机，联系张伟13800001111，给一汽供货。信用代码91370100MA3CXXXX0X。",
        visibility="ANONYMIZED",
        region_code="3701",
    )
    secrets = ["宏沃达", "济南", "HWD", "13800001111", "张伟", "91370100", "一汽", sme.organization_id, "3701"]
    found = await until(lambda: has(university, listing["id"], need["id"]))
    (item,) = [each for each in found if each["need"]["id"] == need["id"]]
    assert item["need"]["anonymized"] and item["need"]["organization_id"] is None
    assert item["need"]["region_code"] == "37"
    assert "扇贝" in item["need"]["title"] or "清洗" in item["need"]["title"]
    said = json.dumps(item, ensure_ascii=False)
    assert [secret for secret in secrets if secret in said] == []

    broker = await quiet.demo("operations_institution")
    run = await broker.made("/v1/match-runs", {"needs": {"of": "VISIBLE", "ids": [need["id"]]}})
    run = await done(broker, run["id"])
    results = (await broker.read(f"/v1/match-runs/{run['id']}/results"))["items"]
    assert results
    results = [item["need"] for item in results]
    assert [secret for secret in secrets if secret in json.dumps(results, ensure_ascii=False)] == []

    own = (await sme.read(f"/v1/listings/{listing['id']}/needs"))["items"]
    (mine,) = [each for each in own if each["need"]["id"] == need["id"]]
    assert (mine["need"]["anonymized"], "宏沃达" in mine["need"]["description"]) == (False, True)


async def test_an_invited_need_is_seen_by_its_owner_only(quiet: World) -> None:
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    listing = await quiet.published(university, patent={"title": "一种牡蛎开壳刀具的夹持机构", "ipc": ["A22C29/04"]})
    hidden = await published(sme, title="牡蛎开壳刀具夹持", visibility="INVITED")
    shown = await published(sme, title="牡蛎开壳刀具老是夹不住", visibility="PUBLIC")
    found = await until(lambda: has(university, listing["id"], shown["id"]))
    assert hidden["id"] not in [item["need"]["id"] for item in found]
    broker = await quiet.demo("operations_institution")
    refused = await broker.post("/v1/match-runs", json={"needs": {"of": "VISIBLE", "ids": [hidden["id"]]}})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_need")


# Feedback


async def test_the_first_interest_makes_a_need_matched_and_tells_the_listing_no_more_than_the_band(
    quiet: World,
) -> None:
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    listing = await quiet.published(university, patent={"title": "一种紫菜干燥网帘的翻面机构", "ipc": ["A23L17/60"]})
    await quiet.found(listing["id"], "紫菜网帘翻面", within_s=5)
    need = await published(sme, title="紫菜干燥网帘翻面", visibility="ANONYMIZED")
    path = f"/v1/needs/{need['id']}/matches/{listing['id']}/feedback"
    wrong = await sme.made(path, {"verdict": "NOT_SUITABLE", "reason_code": "TOO_EARLY", "note": "还没中试"})
    assert (await sme.read(f"/v1/needs/{need['id']}"))["state"] == "PUBLISHED"
    liked = await sme.made(path, {"verdict": "INTERESTED"})
    after = await sme.read(f"/v1/needs/{need['id']}")
    assert (after["state"], after["need_version"]) == ("MATCHED", 1)
    assert liked["band"] in ("STRONG", "FAIR", "WEAK") and liked["index_version"]
    await sme.made(path, {"verdict": "CONTACTED"})
    kept = (await sme.read(f"/v1/needs/{need['id']}/feedback"))["items"]
    assert [each["verdict"] for each in kept] == ["CONTACTED", "INTERESTED", "NOT_SUITABLE"]
    assert kept[-1]["id"] == wrong["id"]

    page = await quiet.house.matching.changes(0, 1000, 0)
    told = [
        each for each in page.items if each.subject == listing["id"] and each.audience == university.organization_id
    ]
    assert [each.type for each in told] == ["match.interested", "match.contacted"]
    assert all(each.data.keys() == {"need_id", "band"} for each in told)
    assert "还没中试" not in page.model_dump_json(), "notes stay off the feed"


@pytest.mark.parametrize(
    ("body", "rule", "pointer"),
    [
        ({"verdict": "NOT_SUITABLE"}, "FB-REASON", ""),
        ({"verdict": "INTERESTED", "reason_code": "OTHER"}, "FB-REASON", ""),
        ({"verdict": "GREAT"}, "INPUT-CHOICE", "/verdict"),
        ({"verdict": "NOT_SUITABLE", "reason_code": "BAD"}, "INPUT-CHOICE", "/reason_code"),
    ],
)
async def test_feedback_without_sense_is_refused_with_its_place(
    quiet: World, body: dict[str, str], rule: str, pointer: str
) -> None:
    sme = await quiet.demo("sme")
    answer = await sme.post("/v1/needs/ned_x/matches/lst_x/feedback", json=body)
    assert answer.status_code == 422
    assert (rule, pointer) in [(each["rule"], each["pointer"]) for each in answer.json()["violations"]]


async def test_feedback_on_what_is_not_on_offer_is_not_found(quiet: World) -> None:
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    need = await published(sme)
    answer = await sme.post(f"/v1/needs/{need['id']}/matches/lst_none/feedback", json={"verdict": "INTERESTED"})
    assert answer.status_code == 404
    stranger = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    assert (await stranger.get(f"/v1/needs/{need['id']}/feedback")).status_code == 404


# Runs


async def done(api: Api, run_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        run = await api.read(f"/v1/match-runs/{run_id}")
        return run if run["state"] == "DONE" else None

    return await until(look, within_s=30)


async def test_a_run_ranks_every_need_as_it_would_be_ranked_alone(quiet: World) -> None:
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    titles = ["铝合金薄壁件铣削颤振", "池塘养殖尾水怎么处理", "陶瓷釉面针孔", "豆粕发酵"]
    needs = {(await published(sme, title=title))["id"]: title for title in titles}
    run = await sme.made("/v1/match-runs", {"limit": 5, "filters": {"mode": "ORDINARY"}})
    assert (run["state"], run["counts"]["total"]) == ("QUEUED", 4)
    run = await done(sme, run["id"])
    assert (run["counts"]["done"], len(run["index_versions"])) == (4, 1)
    pages, after = [], None
    while True:
        page = await sme.read(
            f"/v1/match-runs/{run['id']}/results", params={"limit": 3, "after": after} if after else {"limit": 3}
        )
        pages += page["items"]
        if (after := page["next"]) is None:
            break
    assert len(pages) == run["counts"]["results"]
    for need_id in needs:
        alone = await sme.read(f"/v1/needs/{need_id}/matches", params={"limit": 5, "mode": "ORDINARY"})
        mine = [item for item in pages if item["need_id"] == need_id]
        assert [(item["rank"], item["listing_id"], item["score"], item["fit"]) for item in mine] == [
            (item["rank"], item["listing"]["id"], item["score"], item["fit"]) for item in alone["items"]
        ]
        assert all(item["listing"]["id"] == item["listing_id"] for item in mine)
    only = await sme.read(f"/v1/match-runs/{run['id']}/results", params={"fit_at_least": 0.35})
    assert all(item["fit"] >= 0.35 for item in only["items"])
    events = await sme.get(f"/v1/match-runs/{run['id']}/events")
    assert '"state": "DONE"' in events.text

    removed = await sme.send("DELETE", f"/v1/match-runs/{run['id']}")
    assert removed.status_code == 204
    assert (await sme.get(f"/v1/match-runs/{run['id']}")).status_code == 404


async def test_a_run_goes_on_where_a_killed_process_left_off(quiet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.matching.service import runs

    monkeypatch.setattr(runs, "CHUNK", 2)
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    for number in range(7):
        await published(sme, title=f"铝合金薄壁件铣削颤振{number}")
    died = 0
    kept = runs.Runs._write

    async def dies(self: Any, *facts: Any) -> None:
        nonlocal died
        died += 1
        if died in (2, 4):
            raise RuntimeError("killed between ranking and commit")
        await kept(self, *facts)
        if died == 3:
            raise RuntimeError("killed right after the commit")

    monkeypatch.setattr(runs.Runs, "_write", dies)
    run = await done(sme, (await sme.made("/v1/match-runs", {"limit": 3}))["id"])
    assert (run["counts"]["done"], run["counts"]["total"], run["counts"]["matched"]) == (7, 7, 7)
    rows = await sme.read(f"/v1/match-runs/{run['id']}/results", params={"limit": 100})
    assert len({(item["need_id"], item["rank"]) for item in rows["items"]}) == run["counts"]["results"]


async def test_workers_that_race_for_a_chunk_write_it_once(quiet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.matching.service import runs

    monkeypatch.setattr(runs, "CHUNK", 2)
    kept, tries = runs.Runs._write, 0

    async def slow(self: Any, *facts: Any) -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.05)  # meanwhile the others rank the same needs
        await kept(self, *facts)

    monkeypatch.setattr(runs.Runs, "_write", slow)
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    for number in range(7):
        await published(sme, title=f"铝合金薄壁件铣削颤振{number}")
    run = await sme.made("/v1/match-runs", {"limit": 3})
    others = [asyncio.create_task(quiet.house.matching.runs.work()) for _ in range(2)]
    run = await done(sme, run["id"])
    for other in others:
        other.cancel()
    assert tries > 4, "nobody raced"
    assert (run["counts"]["done"], run["counts"]["matched"]) == (7, 7)
    rows = await sme.read(f"/v1/match-runs/{run['id']}/results", params={"limit": 100})
    assert len({(item["need_id"], item["rank"]) for item in rows["items"]}) == run["counts"]["results"]


async def test_a_chunk_that_the_database_refuses_leaves_nothing_and_is_tried_again(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    async with World.open(new_database(), tmp_path) as world:
        sme = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
        await published(sme, title="铝合金薄壁件铣削颤振")
        db = world.house.matching.db
        async with db.write() as tx:
            await tx.execute(text("ALTER TABLE match_result ADD CONSTRAINT only_one CHECK (rank < 2)"))
        run = await sme.made("/v1/match-runs", {"limit": 3})
        await asyncio.sleep(1.0)
        going = await sme.read(f"/v1/match-runs/{run['id']}")
        assert (going["state"], going["counts"]["done"], going["counts"]["results"]) == ("QUEUED", 0, 0)
        assert (await sme.read(f"/v1/match-runs/{run['id']}/results"))["items"] == []
        async with db.write() as tx:
            await tx.execute(text("ALTER TABLE match_result DROP CONSTRAINT only_one"))
        run = await done(sme, run["id"])
        assert (run["counts"]["done"], run["counts"]["results"]) == (1, 3)


async def test_what_is_withdrawn_after_a_run_is_not_shown_by_it(quiet: World) -> None:
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    listing = await quiet.published(university, patent={"title": "一种鲍鱼剥离铲的缓冲头", "ipc": ["A22C29/00"]})
    await quiet.found(listing["id"], "鲍鱼剥离铲", within_s=5)
    await published(sme, title="鲍鱼剥离铲缓冲")
    run = await done(sme, (await sme.made("/v1/match-runs", {}))["id"])
    path = f"/v1/match-runs/{run['id']}/results"
    before = await sme.read(path, params={"listing_id": listing["id"]})
    assert before["items"][0]["listing"]["id"] == listing["id"]
    await university.made(f"/v1/listings/{listing['id']}/withdrawal")
    await quiet.found(listing["id"], "鲍鱼剥离铲", gone=True, within_s=5)
    after = await sme.read(path, params={"listing_id": listing["id"]})
    assert (after["items"][0]["listing"], after["items"][0]["listing_id"]) == (None, listing["id"])


async def test_the_needs_of_others_are_run_only_by_those_who_serve_others(quiet: World) -> None:
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    need = await published(sme, title="对虾投饵机", visibility="PUBLIC")
    refused = await sme.post("/v1/match-runs", json={"needs": {"of": "VISIBLE"}})
    assert refused.status_code == 403
    broker = await quiet.demo("operations_institution")
    run = await done(
        broker, (await broker.made("/v1/match-runs", {"needs": {"of": "VISIBLE", "region_code": "37"}}))["id"]
    )
    ranked = await broker.read(f"/v1/match-runs/{run['id']}/results", params={"need_id": need["id"]})
    assert ranked["items"][0]["need"]["title"] == "对虾投饵机"
    assert (await sme.get(f"/v1/match-runs/{run['id']}")).status_code == 404


# Subscriptions


async def delivered(api: Api, subscription_id: str) -> list[dict[str, Any]]:
    page = await api.read(f"/v1/match-subscriptions/{subscription_id}/deliveries")
    return [item for delivery in page["items"] for item in delivery["items"]]


async def test_a_new_listing_reaches_a_standing_need_once_and_an_old_one_never(quiet: World) -> None:
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    old = await quiet.published(university, patent={"title": "一种海蜇脱矾搅拌槽", "ipc": ["A23L17/00"]})
    await quiet.found(old["id"], "海蜇脱矾搅拌槽", within_s=5)
    need = await published(sme, title="海蜇脱矾搅拌槽")
    subscription = await sme.made(
        "/v1/match-subscriptions", {"need_id": need["id"], "fit_at_least": 0.35, "digest": "IMMEDIATE"}
    )
    fresh = await quiet.published(university, patent={"title": "海蜇脱矾搅拌槽的翻料桨叶", "ipc": ["A23L17/00"]})
    await quiet.published(university, patent={"title": "一种高温窑炉测温枪", "ipc": ["G01K7/02"]})

    async def look() -> Any:
        return await delivered(sme, subscription["id"])

    (item,) = await until(look)
    assert (item["listing_id"], item["listing"]["id"], item["need_id"]) == (fresh["id"], fresh["id"], need["id"])
    assert item["fit"] >= 0.35
    listing = await university.get(f"/v1/listings/{fresh['id']}")
    changed = await university.patch(f"/v1/listings/{fresh['id']}", {"trl": 8}, listing.headers["etag"])
    assert changed.status_code == 200
    last = await quiet.published(university, patent={"title": "海蜇脱矾搅拌槽", "ipc": ["A23L17/00"]})

    async def two() -> Any:
        found = await delivered(sme, subscription["id"])
        return len(found) >= 2 and found

    assert sorted(item["listing_id"] for item in await until(two)) == sorted([fresh["id"], last["id"]])
    page = await quiet.house.matching.changes(0, 1000, 0)
    told = [each for each in page.items if each.type == "match.found" and each.audience == sme.organization_id]
    assert [each.data["listing_ids"] for each in told] == [[fresh["id"]], [last["id"]]]
    assert (await sme.read(f"/v1/match-subscriptions/{subscription['id']}"))["delivered"] == 2
    assert (await sme.send("DELETE", f"/v1/match-subscriptions/{subscription['id']}")).status_code == 204
    assert (await sme.get(f"/v1/match-subscriptions/{subscription['id']}/deliveries")).status_code == 404


async def test_a_new_need_reaches_a_waiting_listing_without_saying_who_asks(quiet: World) -> None:
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    listing = await quiet.published(university, patent={"title": "一种裙带菜漂烫流水线", "ipc": ["A23L17/60"]})
    await quiet.found(listing["id"], "裙带菜漂烫", within_s=5)
    subscription = await university.made(
        "/v1/match-subscriptions", {"listing_id": listing["id"], "fit_at_least": 0.2, "digest": "IMMEDIATE"}
    )
    need = await published(sme, title="裙带菜漂烫流水线", description="")

    async def look() -> Any:
        return await delivered(university, subscription["id"])

    (item,) = await until(look)
    assert (item["need_id"], item["fit"], item["listing"]) == (need["id"], None, None)
    assert (item["need"]["anonymized"], item["need"]["organization_id"]) == (True, None)


async def test_a_digest_waits_for_its_hour_and_leaves_out_what_is_gone(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    async with World.open(new_database(), tmp_path) as world:
        university = await world.organization()
        sme = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
        need = await published(sme, title="海参吸污机器人", description="")
        subscription = await sme.made(
            "/v1/match-subscriptions",
            {
                "need_id": need["id"],
                "digest": "DAILY",
                "digest_at": in_minutes(world, 4),
                "quiet_from": in_minutes(world, 2),
                "quiet_to": in_minutes(world, 8),
            },
        )
        stays = await world.published(university, patent={"title": "海参吸污机器人", "ipc": ["A01K63/04"]})
        goes = await world.published(university, patent={"title": "海参吸污机器人的行走机构", "ipc": ["A01K63/04"]})

        async def waiting() -> Any:
            return (await sme.read(f"/v1/match-subscriptions/{subscription['id']}"))["waiting"] == 2

        await until(waiting)
        await university.made(f"/v1/listings/{goes['id']}/withdrawal")
        await world.found(goes["id"], "海参吸污机器人", gone=True, within_s=5)
        assert await delivered(sme, subscription["id"]) == []
        world.clock.offset = timedelta(minutes=6)
        await asyncio.sleep(1.5)
        assert await delivered(sme, subscription["id"]) == [], "quiet hours"
        world.clock.offset = timedelta(minutes=9)

        async def look() -> Any:
            return await delivered(sme, subscription["id"])

        assert [item["listing_id"] for item in await until(look)] == [stays["id"]]
        after = await sme.read(f"/v1/match-subscriptions/{subscription['id']}")
        assert (after["waiting"], after["delivered"]) == (0, 1)


async def test_workers_that_race_for_a_change_tell_it_once(quiet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.matching.service.subscriptions import Subscriptions

    kept = Subscriptions._advance

    async def both(self: Any, *facts: Any) -> int:
        first, second = await asyncio.gather(kept(self, *facts), kept(self, *facts))
        assert first == second
        return first

    monkeypatch.setattr(Subscriptions, "_advance", both)
    university = await quiet.organization()
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    need = await published(sme, title="扇贝开壳闭壳肌取柱机")
    subscription = await sme.made("/v1/match-subscriptions", {"need_id": need["id"], "digest": "IMMEDIATE"})
    listing = await quiet.published(university, patent={"title": "扇贝开壳取柱机", "ipc": ["A22C29/04"]})

    async def look() -> Any:
        return await delivered(sme, subscription["id"])

    assert [item["listing_id"] for item in await until(look)] == [listing["id"]]
    others = [asyncio.create_task(quiet.house.matching.subscriptions.tell()) for _ in range(2)]
    await asyncio.sleep(0.3)
    for other in others:
        other.cancel()
    assert [item["listing_id"] for item in await look()] == [listing["id"]]


async def test_a_feed_that_cannot_be_followed_on_is_made_up_for_by_what_is_there_now(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    """A producer restored from a backup, or a feed purged while we were away: who waits is told, and told once."""
    async with World.open(new_database(), tmp_path) as world:
        university = await world.organization()
        sme = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
        listing = await world.published(university, patent={"title": "扇贝开壳取柱机", "ipc": ["A22C29/04"]})
        await world.found(listing["id"], "扇贝开壳取柱机", within_s=5)
        need = await published(sme, title="扇贝开壳取柱机", visibility="PUBLIC")
        waits = await sme.made("/v1/match-subscriptions", {"need_id": need["id"], "digest": "IMMEDIATE"})
        sought = await university.made("/v1/match-subscriptions", {"listing_id": listing["id"], "digest": "IMMEDIATE"})
        matching = world.house.matching
        async with matching.db.write() as tx:
            await models.feed.rewind(tx, "subscriptions to listings", "another history", 10**6)
            epoch, _, head = await models.feed.head(tx)
            await models.feed.rewind(tx, "subscriptions to needs", epoch, 0)
            await tx.execute(text("UPDATE feed_state SET floor = 1"))  # purged up to there
        loops = [
            asyncio.create_task(follow())
            for follow in (matching.subscriptions.follow_listings, matching.subscriptions.follow_needs)
        ]

        async def told() -> Any:
            both = await delivered(sme, waits["id"]), await delivered(university, sought["id"])
            return all(both) and both

        mine, theirs = await until(told)
        for loop in loops:
            loop.cancel()
        assert [item["listing_id"] for item in mine].count(listing["id"]) == 1
        assert [item["need_id"] for item in theirs] == [need["id"]]
        async with matching.db.read() as tx:
            assert await models.feed.cursor(tx, "subscriptions to listings") == (
                matching.indexing.epoch,
                matching.indexing.position,
            )
            assert (await models.feed.cursor(tx, "subscriptions to needs"))[1] >= head


def in_minutes(world: World, minutes: int) -> str:
    return f"{(world.clock.now() + timedelta(minutes=minutes)).astimezone(SHANGHAI):%H:%M}"


async def test_subscriptions_refuse_what_is_not_theirs_and_doubles(quiet: World) -> None:
    sme = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    need = await published(sme)
    stranger = await quiet.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
    assert (await stranger.post("/v1/match-subscriptions", json={"need_id": need["id"]})).status_code == 404
    await sme.made("/v1/match-subscriptions", {"need_id": need["id"]})
    again = await sme.post("/v1/match-subscriptions", json={"need_id": need["id"]})
    assert (again.status_code, again.json()["code"]) == (409, "subscribed_already")
    listing = (await quiet.anyone().read("/v1/listings"))["items"][0]
    assert (await sme.post("/v1/match-subscriptions", json={"listing_id": listing["id"]})).status_code == 404
    for body, rule in (
        ({}, "SB-FORM"),
        ({"need_id": "a", "listing_id": "b"}, "SB-FORM"),
        ({"need_id": "a", "quiet_from": "22:00"}, "SB-FORM"),
        ({"need_id": "a", "quiet_from": "22:00", "quiet_to": "22:00"}, "SB-FORM"),
        ({"need_id": "a", "digest_at": "25:00"}, "INPUT-FORM"),
    ):
        refused = await sme.post("/v1/match-subscriptions", json=body)
        assert (refused.status_code, refused.json()["violations"][0]["rule"]) == (422, rule)


# Vocabulary and learned mixes


async def test_the_operator_teaches_a_word_and_every_ranking_says_so(quiet: World) -> None:
    operator, sme = await quiet.demo("operator"), await quiet.demo("sme")
    ask = {"title": "刀把子嗡嗡叫唤", "limit": 50}
    before = await sme.made("/v1/match-queries", ask)
    entry = await operator.made("/v1/vocabulary", {"lay": "嗡嗡叫唤", "technical": ["颤振", "减振"]})
    assert entry["source"] == "OPERATOR"

    async def taught() -> Any:
        after = await sme.made("/v1/match-queries", ask)
        return after["index_version"] != before["index_version"] and after

    after = await until(taught)
    led = {term["through"] for item in after["items"] for term in item["explanation"]["terms"]}
    assert "嗡嗡叫唤" in led
    listed = await quiet.anyone().read("/v1/vocabulary", params={"q": "嗡嗡叫"})
    assert [each["lay"] for each in listed["items"]] == ["嗡嗡叫唤"]
    assert (await operator.send("DELETE", "/v1/vocabulary/嗡嗡叫唤")).status_code == 204

    async def as_before() -> Any:
        return (await sme.made("/v1/match-queries", ask)) == before

    await until(as_before)
    assert (await operator.send("DELETE", "/v1/vocabulary/嗡嗡叫唤")).status_code == 404
    empty = await operator.post("/v1/vocabulary", json={"lay": "那个", "technical": ["一种"]})
    assert (empty.status_code, empty.json()["code"]) == (422, "vocabulary_word")
    assert (await sme.post("/v1/vocabulary", json={"lay": "抖", "technical": ["颤振"]})).status_code == 403


async def test_a_shipped_word_can_be_taken_out_and_comes_back(quiet: World) -> None:
    operator = await quiet.demo("operator")
    shipped = (await operator.read("/v1/vocabulary", params={"limit": 1}))["items"][0]
    await operator.made("/v1/vocabulary", {"lay": shipped["lay"], "technical": []})
    out = (await operator.read("/v1/vocabulary", params={"limit": 1}))["items"][0]
    assert out == {"lay": shipped["lay"], "technical": [], "source": "OPERATOR"}
    await operator.send("DELETE", f"/v1/vocabulary/{shipped['lay']}")
    assert (await operator.read("/v1/vocabulary", params={"limit": 1}))["items"][0] == shipped


async def judged(world: World, sme: Api, pairs: int, needs: int) -> None:
    """Feedback as if given: those alike share characters, those unlike share words only."""
    now = world.clock.now()
    ids = [(await sme.made("/v1/needs", factories.a_need(title=f"需求{number}")))["id"] for number in range(needs)]
    rows = []
    for number in range(pairs):
        alike = number % 3 == 0
        noise = (number * 37 % 101) / 101
        signals = {"words": 0.3 * noise + 0.1, "characters": (0.5 if alike else 0.15) + 0.2 * noise, "classes": noise}
        rows.append(
            {
                "id": new_id("fbk"), "organization_id": sme.organization_id, "need_id": ids[number % needs],
                "need_version": 1, "listing_id": f"lst_{number}", "verdict": "INTERESTED" if alike else "NOT_SUITABLE",
                "reason_code": None if alike else "WRONG_FIELD", "index_version": "x", "signals": signals, "fit": 0.3,
                "at": now, "by": "cli_x",
            }
        )  # fmt: skip
    async with world.house.matching.db.write() as tx:
        await tx.execute(insert(models.feedback), rows)


async def test_a_mix_is_learned_only_from_enough_feedback_and_used_only_when_turned_on(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    async with World.open(new_database(), tmp_path) as world:
        operator = await world.demo("operator")
        sme = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370100"))
        await judged(world, sme, 100, 40)
        refused = await operator.post("/v1/ranking-models", json={})
        assert refused.status_code == 409
        assert refused.json()["violations"][0]["rule"] == "RM-ENOUGH"
        await judged(world, sme, 300, 45)
        model = await operator.made("/v1/ranking-models")
        assert (model["state"], model["judgments"]) == ("CANDIDATE", 400)
        assert model["mix"]["characters"] > MIX.characters, "what tells alike from unlike gains weight"
        assert abs(sum(model["mix"].values()) - sum(MIX)) < 1e-3
        assert model["log_loss"] < model["shipped_log_loss"]
        again = await operator.made("/v1/ranking-models")
        assert again["id"] == model["id"], "the same feedback gives the same mix"
        ask = {"title": "铝合金薄壁件铣削颤振", "limit": 5}
        before = await sme.made("/v1/match-queries", ask)
        active = await operator.made(f"/v1/ranking-models/{model['id']}/activation")
        assert active["state"] == "ACTIVE"

        async def used() -> Any:
            after = await sme.made("/v1/match-queries", ask)
            return after["index_version"] != before["index_version"] and after

        for item in (await until(used))["items"]:
            explained = item["explanation"]
            total = sum(term["weight"] for term in explained["terms"]) + sum(
                each["weight"] for each in explained["other"]
            )
            assert abs(total - item["score"]) < 1e-9
        retired = await operator.made(f"/v1/ranking-models/{model['id']}/retirement")
        assert retired["state"] == "RETIRED"

        async def as_before() -> Any:
            return (await sme.made("/v1/match-queries", ask)) == before

        await until(as_before)
        async with world.house.matching.db.write() as tx:
            worse = {
                **{k: model[k] for k in ("mix", "shipped_mix", "judgments", "needs")},
                "log_loss": 0.7,
                "shipped_log_loss": 0.6,
            }
            await tx.execute(update(models.ranking_model).values(learned=worse))
        refused = await operator.post(f"/v1/ranking-models/{model['id']}/activation", json={})
        assert (refused.status_code, refused.json()["violations"][0]["rule"]) == (409, "RM-BETTER")


# Filters that name nothing


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({"region_code": "9901"}, "/filters/region_code"),
        ({"ipc": "B77Z"}, "/filters/ipc"),
    ],
)
async def test_a_filter_on_a_code_that_does_not_exist_is_refused(
    quiet: World, filters: dict[str, str], pointer: str
) -> None:
    sme = await quiet.demo("sme")
    answer = await sme.post("/v1/match-queries", json={"title": "铣削", "filters": filters})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_code")
    (violation,) = answer.json()["violations"]
    assert (violation["rule"], violation["pointer"]) == ("MT-CODE", pointer)
    assert violation["cure"]
