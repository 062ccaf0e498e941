"""The change feed on PostgreSQL: nothing missed, nothing doubled, always in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

import shared.feed
from shared.contracts.feed import FeedPage
from shared.db import Database, Tx, metadata
from shared.errors import Gone
from shared.feed import RETENTION, Feed, Forked, change, follow
from shared.loops import Loops, Poisoned

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, "matching")
    yield database
    await database.close()


@pytest.fixture
def feed() -> Feed:
    return Feed(metadata("matching"))


class ChangedMind(Exception):
    """A writer rolls back."""


def said(*subjects: str, at: datetime = NOON) -> list[dict[str, Any]]:
    return [change("need.published", subject, "public", at, {}) for subject in subjects]


async def append(db: Database, feed: Feed, *subjects: str, at: datetime = NOON) -> None:
    async with db.write() as tx:
        await feed.append(tx, said(*subjects, at=at))


async def insert(tx: Tx, *subjects: str) -> None:
    """Rows that lie in the outbox long before the commit: `append` itself would wait for it."""
    row = (
        "INSERT INTO outbox (type, subject, audience, at, data) VALUES ('need.published', :name, 'public', now(), '{}')"
    )
    await tx.execute(text(row), [{"name": subject} for subject in subjects])


async def everything(db: Database, feed: Feed) -> list[str]:
    return [item.subject for item in (await feed.page(db, 0, 1000, 0)).items]


async def writer(db: Database, feed: Feed, name: int, rounds: int, committed: set[str]) -> None:
    """Transactions that dawdle before and after they append or insert; one in five is rolled back."""
    chance = random.Random(name)
    for round_ in range(rounds):
        subjects = [f"{name}/{round_}/{part}" for part in range(chance.randint(1, 3))]
        try:
            async with db.write() as tx:
                await tx.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() * 0.01})
                if name % 2:
                    await feed.append(tx, said(*subjects))
                else:
                    await insert(tx, *subjects)
                await tx.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() * 0.002})
                if chance.random() < 0.2:
                    raise ChangedMind
        except ChangedMind:
            continue
        committed.update(subjects)


async def read_all(db: Database, feed: Feed, done: asyncio.Event) -> list[tuple[int, str]]:
    """Follow by position until the writers are done and nothing is left."""
    seen: list[tuple[int, str]] = []
    while True:
        was_done = done.is_set()
        page = await feed.page(db, seen[-1][0] if seen else 0, 7, 0.02)
        seen += [(item.position, item.subject) for item in page.items]
        if was_done and not page.items:
            return seen


async def race(db: Database, feed: Feed, writers: int, rounds: int) -> None:
    committed: set[str] = set()
    done = asyncio.Event()
    reading = asyncio.create_task(read_all(db, feed, done))
    await asyncio.gather(*(writer(db, feed, name, rounds, committed) for name in range(writers)))
    done.set()
    seen = await reading

    positions, subjects = [position for position, _ in seen], [subject for _, subject in seen]
    assert positions == sorted(set(positions))
    assert len(subjects) == len(set(subjects))
    assert set(subjects) == committed


async def test_a_reader_misses_nothing_while_slow_and_fast_writers_commit_and_roll_back(
    db: Database, feed: Feed
) -> None:
    await race(db, feed, writers=8, rounds=40)


@pytest.mark.slow
async def test_a_reader_misses_nothing_among_very_many_writers(database_url: str, feed: Feed) -> None:
    databases = [Database(database_url, "matching") for _ in range(4)]
    try:
        committed: set[str] = set()
        done = asyncio.Event()
        readers = [asyncio.create_task(read_all(db, feed, done)) for db in databases]
        names = enumerate(databases * 8)
        await asyncio.gather(*(writer(db, feed, name, 100, committed) for name, db in names))
        done.set()
        seen = await asyncio.gather(*readers)
        assert {subject for _, subject in seen[0]} == committed
        assert len(seen[0]) == len(committed)
        assert all(other == seen[0] for other in seen)
        assert seen[0] == sorted(seen[0])
    finally:
        for db in databases:
            await db.close()


async def test_the_writers_of_the_race_would_be_missed_without_the_lock(db: Database, feed: Feed) -> None:
    async with db.write() as tx:
        await tx.execute(text("DROP TRIGGER outbox_in_order ON outbox"))
    slow_has_appended, fast_is_done = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with db.write() as tx:
            await insert(tx, "slow")
            slow_has_appended.set()
            await fast_is_done.wait()

    writing = asyncio.create_task(slow())
    await slow_has_appended.wait()
    await append(db, feed, "fast")
    reached = (await feed.page(db, 0, 100, 0)).items[-1].position
    fast_is_done.set()
    await writing
    assert (await feed.page(db, reached, 100, 0)).items == []  # what the trigger is there to prevent
    assert await everything(db, feed) == ["slow", "fast"]


async def test_who_has_something_to_say_holds_nobody_up_before_its_commit(db: Database, feed: Feed) -> None:
    async with asyncio.timeout(4):  # a lock held from `append` on would be waited for, and in vain
        async with db.write() as tx:
            await feed.append(tx, said("slow"))
            await append(db, feed, "fast")
    assert await everything(db, feed) == ["fast", "slow"]


class Consumer:
    """Applies a feed to a table, its cursor in the same transaction."""

    def __init__(self, db: Database, feed: Feed) -> None:
        self.db, self.feed, self.lost = db, feed, 0

    async def step(self, both_have_read: asyncio.Barrier) -> bool:
        async with self.db.read() as tx:
            _, seen = await self.feed.cursor(tx, "own")
        page = await self.feed.page(self.db, seen, 5, 0)
        await both_have_read.wait()
        if not page.items:
            return False
        async with self.db.write() as tx:
            if await self.feed.advance(tx, "own", page.epoch, seen=seen, to=page.items[-1].position):
                await self._apply(tx, page)
            else:
                self.lost += 1
        await both_have_read.wait()
        return True

    async def _apply(self, tx: Tx, page: FeedPage) -> None:
        for item in page.items:
            await tx.execute(text("INSERT INTO applied VALUES (:subject)"), {"subject": item.subject})

    async def run(self, both_have_read: asyncio.Barrier) -> None:
        while await self.step(both_have_read):
            pass


async def test_two_consumers_of_one_cursor_apply_each_change_exactly_once(db: Database, feed: Feed) -> None:
    subjects = [f"ned_{number:03}" for number in range(60)]
    await append(db, feed, *subjects)
    async with db.write() as tx:
        await tx.execute(text("CREATE TABLE applied (subject text)"))
    consumers, together = [Consumer(db, feed), Consumer(db, feed)], asyncio.Barrier(2)
    await asyncio.gather(*(consumer.run(together) for consumer in consumers))

    async with db.read() as tx:
        applied = list(await tx.scalars(text("SELECT subject FROM applied ORDER BY subject")))
    assert applied == subjects
    assert consumers[0].lost + consumers[1].lost == 12  # in each of the twelve rounds one was too late


async def test_an_effect_that_fails_leaves_the_cursor_where_it_was(db: Database, feed: Feed) -> None:
    await append(db, feed, "ned_1")
    page = await feed.page(db, 0, 10, 0)
    with pytest.raises(ChangedMind):
        async with db.write() as tx:
            assert await feed.advance(tx, "own", page.epoch, seen=0, to=page.head)
            raise ChangedMind
    async with db.read() as tx:
        assert await feed.cursor(tx, "own") == (None, 0)


async def test_a_waiting_reader_is_woken_by_the_append_itself(
    db: Database, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.feed, "POLL_S", 60.0)  # nothing but the notification can wake it in time
    loops = Loops("matching")
    loops.add("feed", lambda: feed.listen(db))
    async with loops.running():
        waiting = asyncio.create_task(feed.page(db, 0, 10, 60.0))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await append(db, feed, "ned_1")
        page = await asyncio.wait_for(waiting, 5)
    assert [item.subject for item in page.items] == ["ned_1"]


async def test_a_reader_whose_wait_ends_gets_an_empty_page(db: Database, feed: Feed) -> None:
    await append(db, feed, "ned_1")
    head = (await feed.page(db, 0, 10, 0)).head
    loop = asyncio.get_running_loop()
    started = loop.time()
    page = await feed.page(db, head, 10, 0.3)
    assert page.items == []
    assert page.head == head
    assert 0.3 <= loop.time() - started < 5


async def test_a_cursor_older_than_the_retention_is_told_that_it_is_gone(db: Database, feed: Feed) -> None:
    await append(db, feed, "old", at=NOON - RETENTION - timedelta(minutes=1))
    await append(db, feed, "kept", at=NOON - RETENTION + timedelta(minutes=1))
    old, kept = (await feed.page(db, 0, 10, 0)).items
    async with db.write() as tx:
        await feed.purge(tx, NOON)

    with pytest.raises(Gone, match=f"changes up to {old.position} are no longer kept"):
        await feed.page(db, 0, 10, 0)
    assert (await feed.page(db, old.position, 10, 0)).items == [kept]


async def test_a_feed_that_was_purged_empty_still_knows_its_head(db: Database, feed: Feed) -> None:
    await append(db, feed, "old", at=NOON - RETENTION - timedelta(minutes=1))
    head = (await feed.page(db, 0, 10, 0)).head
    async with db.write() as tx:
        await feed.purge(tx, NOON)
    page = await feed.page(db, head, 10, 0)
    assert page.items == []
    assert page.head == head
    await append(db, feed, "new")
    assert [item.subject for item in (await feed.page(db, head, 10, 0)).items] == ["new"]


async def test_who_asks_for_some_types_is_told_how_far_the_others_reach(db: Database, feed: Feed) -> None:
    async def append_of(type_: str, *subjects: str) -> None:
        async with db.write() as tx:
            await feed.append(tx, [change(type_, subject, "public", NOON, {}) for subject in subjects])

    await append_of("need.published", "wanted 1")
    await append_of("run.done", "passed 1", "passed 2")
    await append_of("need.published", "wanted 2", "wanted 3")
    await append_of("run.done", "passed 3")
    whole = [item.position for item in (await feed.page(db, 0, 10, 0)).items]

    first = await feed.page(db, 0, 2, 0, ["need.published"])
    assert [item.subject for item in first.items] == ["wanted 1", "wanted 2"]
    assert (first.reached, first.head) == (whole[3], whole[-1])  # full: more may stand before the head
    rest = await feed.page(db, first.reached, 2, 0, ["need.published"])
    assert [item.subject for item in rest.items] == ["wanted 3"]
    assert rest.reached == rest.head == whole[-1]
    none = await feed.page(db, 0, 10, 0, ["need.closed"])
    assert (none.items, none.reached) == ([], whole[-1])

    waiting = asyncio.create_task(feed.page(db, whole[-1], 10, 5, ["need.published"]))
    await append_of("run.done", "passed 4")
    await asyncio.sleep(0.7)  # it has looked and found nothing for itself
    assert not waiting.done()
    await append_of("need.published", "wanted 4")
    assert [item.subject for item in (await waiting).items] == ["wanted 4"]


async def test_who_is_ahead_of_the_head_hears_so_without_waiting(db: Database, feed: Feed) -> None:
    await append(db, feed, "ned_1")
    started = asyncio.get_running_loop().time()
    page = await feed.page(db, 10**6, 10, 5)
    assert page.items == [] and page.head < 10**6
    assert asyncio.get_running_loop().time() - started < 4


class Follower:
    """Follows a feed from a place and remembers what it saw; cannot digest `poison`."""

    def __init__(self, db: Database, feed: Feed, epoch: str | None = None, position: int = 0) -> None:
        self.db, self.feed, self.at, self.seen = db, feed, (epoch, position), list[str]()

    async def fetch(self, position: int) -> FeedPage:
        return await self.feed.page(self.db, position, 2, 0.02)

    async def start(self) -> tuple[str | None, int]:
        return self.at

    async def apply(self, page: FeedPage, _: int) -> int:
        for item in page.items:
            if item.subject == "poison":
                raise Poisoned(f"change {item.position} cannot be applied")
            self.seen.append(item.subject)
        return page.items[-1].position

    async def run(self) -> None:
        await follow(name="own", service="test", fetch=self.fetch, start=self.start, apply=self.apply)


async def until(holds: Any, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_follower_notices_that_the_feeds_history_was_restored_from_a_backup(db: Database, feed: Feed) -> None:
    await append(db, feed, "ned_1")
    follower = Follower(db, feed)
    following = asyncio.create_task(follower.run())
    await until(lambda: follower.seen == ["ned_1"])
    async with db.write() as tx:
        await feed.renew_epoch(tx)
    with pytest.raises(Forked, match="resynchronize"):
        await asyncio.wait_for(following, 10)


async def test_a_follower_ahead_of_its_producer_stops(db: Database, feed: Feed) -> None:
    await append(db, feed, "ned_1")
    page = await feed.page(db, 0, 10, 0)
    with pytest.raises(Forked, match=f"ends at {page.head}, we are at {page.head + 5}"):
        await asyncio.wait_for(Follower(db, feed, page.epoch, page.head + 5).run(), 10)


async def test_a_follower_of_some_types_applies_each_once_and_counts_on_from_what_it_applied(
    db: Database, feed: Feed
) -> None:
    class Choosy(Follower):
        asked: ClassVar[list[int]] = []
        told: ClassVar[list[int]] = []

        async def fetch(self, position: int) -> FeedPage:
            self.asked.append(position)
            return await self.feed.page(self.db, position, 2, 0.02, ["need.published"])

        async def apply(self, page: FeedPage, seen: int) -> int:
            self.told.append(seen)
            return await super().apply(page, seen)

    choosy = Choosy(db, feed)
    following = asyncio.create_task(choosy.run())
    for turn in range(3):
        await append(db, feed, f"wanted {turn}")
        async with db.write() as tx:
            await feed.append(tx, [change("run.done", "passed", "public", NOON, {}) for _ in range(3)])
    head = (await feed.page(db, 0, 100, 0)).head
    await until(lambda: len(choosy.seen) == 3 and choosy.asked[-1] == head)
    following.cancel()
    assert choosy.seen == ["wanted 0", "wanted 1", "wanted 2"]
    positions = [item.position for item in (await feed.page(db, 0, 100, 0)).items if item.type == "need.published"]
    assert choosy.told[0] == 0 and set(choosy.told[1:]) <= set(positions)  # a cursor stands at what was applied


async def test_a_cursor_moves_past_what_nobody_asked_for_before_the_feed_forgets_it(
    db: Database, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of other news, a restart: the place to go on from must still be kept."""
    monkeypatch.setattr(shared.feed, "PASSED_S", 0.0)
    applied = list[str]()

    async def told(after: int, *, types: Sequence[str]) -> FeedPage:
        return await feed.page(db, after, 100, 0.02, types)

    async def work_out(page: FeedPage) -> Callable[[Tx], Awaitable[None]]:
        async def write(tx: Tx) -> None:
            applied.extend(item.subject for item in page.items)

        return write

    async def cursor() -> int:
        async with db.read() as tx:
            return (await feed.cursor(tx, "other"))[1]

    async def followed(to: int) -> None:
        loop = asyncio.create_task(feed.take_in(db, "other", told, ["need.published"], work_out))
        async with asyncio.timeout(10):
            while await cursor() != to:
                await asyncio.sleep(0.01)
        loop.cancel()

    await append(db, feed, "wanted")
    await followed((await feed.page(db, 0, 100, 0)).head)
    async with db.write() as tx:
        long_ago = NOON - RETENTION - timedelta(minutes=1)
        await feed.append(tx, [change("run.done", "other", "public", long_ago, {}) for _ in range(3)])
    head = (await feed.page(db, 0, 100, 0)).head
    await followed(head)
    async with db.write() as tx:
        await feed.purge(tx, NOON)
    await append(db, feed, "wanted too")
    await followed(head + 1)
    assert applied == ["wanted", "wanted too"]


async def test_a_poison_change_stops_its_own_loop_red_and_no_other(db: Database, feed: Feed) -> None:
    class Hardened(Follower):
        async def apply(self, page: FeedPage, _: int) -> int:
            self.seen += [item.subject for item in page.items]
            return page.items[-1].position

    poisoned, hardened = Follower(db, feed), Hardened(db, feed)
    loops = Loops("test")
    loops.add("poisoned", poisoned.run)
    loops.add("hardened", hardened.run)
    async with loops.running():
        await append(db, feed, "good")
        await until(lambda: poisoned.seen == hardened.seen == ["good"])
        assert loops.trouble() == {}
        await append(db, feed, "poison")
        await append(db, feed, "after")
        await until(lambda: hardened.seen == ["good", "poison", "after"])
        await until(loops.trouble)
        await asyncio.sleep(0.3)  # a loop that were tried again would be green for a moment
        assert list(loops.trouble()) == ["poisoned"]
        assert "cannot be applied" in loops.trouble()["poisoned"]
        assert poisoned.seen == ["good"]
