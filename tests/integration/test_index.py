"""Matching's index follows catalog: what is on offer is found, what is not is gone, on every replica alike."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.matching.service.codes import Codes
from services.matching.service.indexing import Indexing
from services.matching.service.ranking import Rankings
from services.matching.service.supply import MOVING, Supply
from services.matching.service.tuning import Tuned
from services.matching.service.vocabulary import shipped
from shared.auth import KeyRing, ServiceToken
from shared.client import InProcess
from shared.clients import CatalogClient
from shared.contracts.catalog import ReferenceRowIn, Snapshot
from shared.contracts.matching import MatchQuery
from shared.loops import Loops
from shared.paging import Cursors
from tests.world import Api, World

pytestmark = pytest.mark.anyio

NEEDS = [
    "薄壁件铣削颤振",
    "豆粕发酵喂小猪",
    "发酵 池塘 温控 传感器 涂层",
    "刀具",
    "稻田 秧苗 施肥",
    "一种没有人写过的东西",
]
WORDS = ["稻田", "秧苗", "施肥", "池塘", "增氧", "涂层", "发酵", "刀具", "铣削", "窑炉", "染色", "皮革", "渗水", "灌浆"]


# What each act does to what is found


async def test_a_published_listing_is_found_and_a_changed_one_by_its_new_words(world: World) -> None:
    university = await world.organization()
    listing = await world.published(university, patent={"title": "海参苗附着板的翻转冲洗架"})
    await world.found(listing["id"], "海参苗附着板翻转冲洗")
    assert await not_found(world, listing["id"], "厢式货车尾板")

    current = await university.get(f"/v1/listings/{listing['id']}")
    changed = await university.patch(
        f"/v1/listings/{listing['id']}", {"summary": "厢式货车尾板也能用"}, current.headers["etag"]
    )
    assert changed.status_code == 200
    await world.found(listing["id"], "厢式货车尾板")

    path = f"/v1/patents/{listing['patent_ids'][0]}"
    renamed = await university.patch(
        path, {"title": "鲍鱼苗倒扣笼的悬吊架"}, (await university.get(path)).headers["etag"]
    )
    assert renamed.status_code == 200
    await world.found(listing["id"], "鲍鱼苗倒扣笼悬吊")
    assert await not_found(world, listing["id"], "海参附着板")


async def not_found(world: World, listing_id: str, title: str) -> bool:
    sme = await world.demo("sme")
    ranked = await sme.made("/v1/match-queries", {"title": title, "limit": 100})
    return listing_id not in [item["listing"]["id"] for item in ranked["items"]]


async def test_a_listing_goes_with_its_patents_right_and_comes_back_with_it(world: World) -> None:
    university, operator = await world.organization(), await world.demo("operator")
    title = "沙棘果枝的冷冻振落分选机"
    listing = await world.published(university, patent={"title": title})
    await world.found(listing["id"], title)
    events, page = f"/v1/patents/{listing['patent_ids'][0]}/legal-events", f"/v1/listings/{listing['id']}"

    await operator.made(events, {"code": "LAPSE", "occurred_on": "2025-07-01", "source": "REGISTER"})
    await world.found(listing["id"], title, gone=True)
    assert (await university.read(page))["state"] == "SUSPENDED"
    assert (await world.anyone().get(page)).status_code == 404

    checked = {"code": "REGISTER_CHECKED", "occurred_on": "2025-08-01", "source": "REGISTER"}
    await operator.made(events, {**checked, "detail": {"state": "IN_FORCE"}})
    await world.found(listing["id"], title)
    assert (await university.read(page))["state"] == "PUBLISHED"


async def test_a_listing_that_the_operator_suspended_stays_so_whatever_the_register_says(world: World) -> None:
    university, operator = await world.organization(), await world.demo("operator")
    title = "桑葚采收的气吸软爪"
    listing = await world.published(university, patent={"title": title})
    await world.found(listing["id"], title)
    await operator.made(f"/v1/listings/{listing['id']}/suspension", {"reason": "投诉待查"})
    await world.found(listing["id"], title, gone=True)
    checked = {"code": "REGISTER_CHECKED", "occurred_on": "2025-08-01", "source": "REGISTER"}
    events = f"/v1/patents/{listing['patent_ids'][0]}/legal-events"
    await operator.made(events, {**checked, "detail": {"state": "IN_FORCE"}})
    assert (await university.read(f"/v1/listings/{listing['id']}"))["state"] == "SUSPENDED"
    await operator.made(f"/v1/listings/{listing['id']}/resumption")
    await world.found(listing["id"], title)


# Replicas


@pytest.fixture(scope="module")
async def small(
    new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory, one_loop: None
) -> AsyncIterator[World]:
    """A world of a few listings, quick to index again and again."""
    async with World.open(new_database(), tmp_path_factory.mktemp("small"), sample=False) as world:
        await world.without_sample()
        await act_often(await mover(world, 0), 20)
        yield world


class Replica:
    """An index of its own, fed by the real catalog; counts how often it read the snapshot."""

    def __init__(self, world: World, folder: Path) -> None:
        keys = KeyRing(world.configuration.home / "keys", world.clock)
        token = ServiceToken(keys, "matching", "catalog", world.clock)
        self.catalog = CatalogClient("http://catalog", InProcess(world.house.apps["catalog"]), token)
        self._clock, self.snapshots = world.clock, 0
        self.indexing = Indexing(folder, Supply(self.catalog.changes, self._snapshot))
        self._rankings = Rankings(
            self.indexing, None, None, lambda: Tuned(shipped()), Codes(self.catalog.has_code), Cursors(bytes(32)),
            world.clock, 4,
        )  # fmt: skip

    async def _snapshot(self, after: str | None) -> Snapshot:
        self.snapshots += 1
        return await self.catalog.snapshot(after, limit=5)

    async def answers(self) -> list[bytes]:
        """Whole answers, with index_version, as bytes."""
        asked = [await self._rankings.query(MatchQuery(title=need, limit=100)) for need in NEEDS]
        return [answer.model_dump_json().encode() for answer in asked]

    async def version(self) -> str:
        return (await self._rankings.state()).version

    async def until_current(self) -> None:
        async with asyncio.timeout(15):
            while not await self._is_current():
                await asyncio.sleep(0.01)

    async def _is_current(self) -> bool:
        """Whether nothing that moves an index lies ahead; what else is on the feed is not waited for."""
        if not self.indexing._current.is_set():
            return False
        ahead = await self.catalog.changes(self.indexing._position, limit=1, wait_s=0, types=MOVING)
        return not ahead.items


@asynccontextmanager
async def replica(world: World, folder: Path) -> AsyncIterator[Replica]:
    """A replica that follows until the block ends, then saves, as its service does."""
    made, loops = Replica(world, folder), Loops("replica")
    loops.add("index", made.indexing.follow)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(made.catalog.close)
        stack.push_async_callback(made.indexing.save)
        await stack.enter_async_context(loops.running())
        yield made


class Mover:
    """Acts on listings at random, as universities and the operator would."""

    def __init__(self, world: World, university: Api, operator: Api, seed: int) -> None:
        self.world, self.university, self.operator = world, university, operator
        self.chance, self.listings = random.Random(seed), list[dict[str, Any]]()

    def _words(self) -> str:
        return "".join(self.chance.sample(WORDS, 4))

    async def act(self) -> None:
        if len(self.listings) < 4 or self.chance.random() < 0.3:
            made = await self.world.published(self.university, patent={"title": self._words()}, summary=self._words())
            self.listings.append(made)
            return
        listing = self.chance.choice(self.listings)
        patent = f"/v1/patents/{listing['patent_ids'][0]}"
        match self.chance.randrange(5):
            case 0:
                self.listings.remove(listing)
                await self.university.made(f"/v1/listings/{listing['id']}/withdrawal")
            case 1:
                await self._event(patent, {"code": "LAPSE"})
            case 2:
                await self._event(patent, {"code": "REGISTER_CHECKED", "detail": {"state": "IN_FORCE"}})
            case 3:
                etag = (await self.university.get(patent)).headers["etag"]
                assert (await self.university.patch(patent, {"title": self._words()}, etag)).status_code == 200
            case 4:
                path = f"/v1/listings/{listing['id']}"
                etag = (await self.university.get(path)).headers["etag"]
                assert (await self.university.patch(path, {"summary": self._words()}, etag)).status_code == 200

    async def _event(self, patent: str, event: dict[str, Any]) -> None:
        body = {"occurred_on": "2026-01-01", "source": "REGISTER", **event}
        await self.operator.made(f"{patent}/legal-events", body)


async def mover(world: World, seed: int) -> Mover:
    return Mover(world, await world.organization(), await world.demo("operator"), seed)


async def test_snapshot_and_changes_make_the_same_index_as_rebuilding_it_from_nothing(
    small: World, tmp_path: Path
) -> None:
    moving = await mover(small, 1)
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(replica(small, tmp_path / "first"))]
        for number in range(4):  # further replicas take their snapshot while the world goes on moving
            acts = asyncio.create_task(act_often(moving, 15))
            await asyncio.sleep(moving.chance.random() * 0.2)
            replicas.append(await stack.enter_async_context(replica(small, tmp_path / f"{number}")))
            await acts
        rebuilt = await stack.enter_async_context(replica(small, tmp_path / "rebuilt"))
        for each in (*replicas, rebuilt):
            await each.until_current()
        assert len(rebuilt.indexing.index) > 10
        for each in replicas:
            assert held(each) == held(rebuilt)


def held(replica: Replica) -> dict[str, Any]:
    """All that an index holds, whatever its segments."""
    snapshot = replica.indexing.index
    return {
        part.segment.id_of(row): (
            int(part.segment.versions[row]),
            part.segment.shown(row),
            {snapshot.lexicon.spelled[term]: times for term, times in part.segment.occurrences(row).items()},
            float(part.weights.inverse[row]),
        )
        for part in snapshot.shelf.parts
        for row in part.live.nonzero()[0].tolist()
    }


async def act_often(moving: Mover, times: int) -> None:
    for _ in range(times):
        await moving.act()


async def test_replicas_at_the_same_position_give_equal_answers_byte_for_byte(small: World, tmp_path: Path) -> None:
    moving = await mover(small, 2)
    async with replica(small, tmp_path / "a") as a:
        await a.until_current()
        await act_often(moving, 12)
        async with replica(small, tmp_path / "b") as b:
            await act_often(moving, 3)
            await small.published(moving.university)
            for each in (a, b):
                await each.until_current()
            assert await a.version() == await b.version()
            assert await a.answers() == await b.answers()


async def test_class_titles_that_are_loaded_later_do_not_part_old_replicas_from_new_ones(
    small: World, tmp_path: Path
) -> None:
    async with replica(small, tmp_path / "old") as old:
        await small.published(await small.organization(), patent={"title": "藕田采收机", "ipc": ["A01D13/00"]})
        await old.until_current()
        row = ReferenceRowIn(code="A01D13/00", zh="稻田里挖块根作物的挖掘机")
        await small.house.catalog.reference.load("ipc", [row])
        async with replica(small, tmp_path / "new") as new:
            for each in (old, new):
                await each.until_current()
            assert await old.version() != await new.version() or await old.answers() == await new.answers()


async def test_looks_at_the_register_that_grow_stale_do_not_part_old_replicas_from_new_ones(
    new_world: Callable[..., Any], tmp_path: Path
) -> None:
    async with new_world(sample=False) as world:
        operator = await world.without_sample()
        listing = await world.published(await world.organization(), patent={"title": "稻田秧苗施肥器"})
        today = world.today.isoformat()
        checked = {"code": "REGISTER_CHECKED", "occurred_on": today, "source": "REGISTER"}
        patent = f"/v1/patents/{listing['patent_ids'][0]}"
        await operator.made(f"{patent}/legal-events", {**checked, "detail": {"state": "IN_FORCE"}})
        async with replica(world, tmp_path / "old") as old:
            await old.until_current()
            world.clock.offset = timedelta(days=40)
            async with replica(world, tmp_path / "new") as new:
                for each in (old, new):
                    await each.until_current()
                assert await old.version() != await new.version() or await old.answers() == await new.answers()


# On disk


async def saved(world: World, folder: Path) -> list[bytes]:
    """An index that was built, followed to the end, and saved; its answers."""
    async with replica(world, folder) as built:
        await built.until_current()
        assert built.snapshots >= 1
        return await built.answers()


async def test_a_saved_index_starts_without_the_snapshot_and_answers_the_same_bytes(
    small: World, tmp_path: Path
) -> None:
    before = await saved(small, tmp_path)
    async with replica(small, tmp_path) as again:
        await again.until_current()
        assert again.snapshots == 0
        assert await again.answers() == before


async def test_a_saved_index_catches_up_with_what_happened_meanwhile(small: World, tmp_path: Path) -> None:
    await saved(small, tmp_path / "a")
    await act_often(await mover(small, 3), 10)
    async with replica(small, tmp_path / "a") as again, replica(small, tmp_path / "b") as rebuilt:
        for each in (again, rebuilt):
            await each.until_current()
        assert again.snapshots == 0
        assert held(again) == held(rebuilt)


def cut_short(folder: Path) -> None:
    path = next(folder.glob("segment-*/codes.npy"))
    path.write_bytes(path.read_bytes()[:-8])


def one_bit_turned(folder: Path) -> None:
    path = next(folder.glob("segment-*/stored.npy"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def file_missing(folder: Path) -> None:
    next(folder.glob("state-*/terms.txt")).unlink()


def manifest_broken(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:100])


def manifest_of_another_time(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"format": 0}', encoding="utf-8")


def manifest_not_an_object(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]", encoding="utf-8")


HARMS = [cut_short, one_bit_turned, file_missing, manifest_broken, manifest_of_another_time, manifest_not_an_object]


@pytest.mark.parametrize("harm", HARMS)
async def test_a_damaged_index_is_rebuilt_and_right(small: World, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    before = await saved(small, tmp_path)
    harm(tmp_path)
    async with replica(small, tmp_path) as again:
        await again.until_current()
        assert again.snapshots >= 1
        assert await again.answers() == before


async def test_a_platform_started_again_on_its_home_answers_the_same_bytes_from_the_saved_index(
    new_world: Callable[..., Any], database_url: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    answers, snapshots = [], []
    for _ in range(2):
        async with new_world(url=database_url, home=home) as world:
            if not answers:
                listing = await world.published(await world.organization(), patent={"title": "海菜花水培浮床"})
                await world.found(listing["id"], "海菜花水培浮床")
            await at_rest(world)
            sme = await world.demo("sme")
            ask = {"title": "海菜花水培 发酵 刀具", "limit": 100}
            answers.append((await sme.post("/v1/match-queries", json=ask)).content)
            snapshots.append(await snapshots_read(world))
    assert answers[0] == answers[1]
    assert snapshots[0] == snapshots[1]


async def at_rest(world: World) -> None:
    """Nothing is left to be tended: a new epoch that begins between an answer and the end gives another version."""
    async with asyncio.timeout(15):
        while world.house.matching.indexing._engine.care() is not None:
            await asyncio.sleep(0.05)


async def snapshots_read(world: World) -> float:
    """How often anybody has read catalog's snapshot in this process."""
    figures = (await world.direct("catalog").get("/metrics")).text
    mark = 'duijie_requests_total{method="GET",route="/snapshot",service="catalog",status="200"}'
    return sum(float(line.rpartition(" ")[2]) for line in figures.splitlines() if line.startswith(mark))
