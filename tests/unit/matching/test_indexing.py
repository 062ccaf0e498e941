"""An index on a shelf that can be lost is built again, and says so meanwhile; nothing is kept of it on disk."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from services.matching import engine
from services.matching.engine import Document, Query, index
from services.matching.engine.shelf import Moved, Shelf
from services.matching.engine.store import Store
from services.matching.service import indexing
from services.matching.service.cluster import Lost
from services.matching.service.indexing import Beginning, Indexing
from shared.contracts.feed import Change, FeedPage
from shared.errors import Gone, Unavailable
from shared.loops import Loops

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 1, 1, tzinfo=UTC)
QUERY = Query({"w1": 1.0, "w2": 2.0})


class Feed:
    """A catalog of a few documents; counts how often its snapshot was begun."""

    name, recipe = "catalog", ""

    def __init__(self, many: int) -> None:
        self.position, self.snapshots = 0, 0
        self.documents: dict[str, Document] = {}
        self.changes: list[Change] = []
        self.moved = asyncio.Event()
        self.open = asyncio.Event()  # closed: the snapshot does not come
        self.open.set()
        self.gone = False
        for _ in range(many):
            self.publish()

    def publish(self) -> None:
        self.position += 1
        id_ = f"lst_{self.position}"
        counts = {"title": {f"w{self.position % 4}": 1, f"w{self.position % 3}": 2}}
        self.documents[id_] = Document(id_, self.position, counts, {"card": {}}, {})
        self.changes.append(
            Change(position=self.position, type="listing.published", subject=id_, audience="public", at=NOON, data={})
        )
        self.moved.set()

    async def page(self, after: int, wait_s: float) -> FeedPage:
        if self.gone:
            self.gone = False
            raise Gone("no longer kept", "已不再保存")
        self.moved.clear()
        if after == self.position and wait_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.moved.wait(), wait_s)
        items = [each for each in self.changes if each.position > after]
        return FeedPage(epoch="e", head=self.position, reached=self.position, items=items)

    async def beginning(self, after: str | None) -> Beginning:
        """Two pages; the second comes when `open` is set."""
        documents = list(self.documents.values())
        if after is None:
            self.snapshots += 1
            return Beginning("e", self.position, documents[:5], "second")
        await self.open.wait()
        return Beginning("e", self.position, documents[5:], None)

    async def read(self, changes: Sequence[Change]) -> list[engine.Change]:
        return [engine.Change(c.position, c.subject, c.position, self.documents[c.subject]) for c in changes]


class Brittle(Shelf):
    """A shelf as if it stood elsewhere: it fails at what it is told to, in turn."""

    failing: ClassVar[dict[str, list[Exception | None]]] = {}

    def _may_fail(self, at: str) -> None:
        if (coming := self.failing.get(at)) and (error := coming.pop(0)) is not None:
            raise error

    def applied(self, *what: Any) -> Moved:
        self._may_fail("applied")
        shelf, came, gone = super().applied(*what)
        return Moved(Brittle(shelf.parts), came, gone)

    def weighed(self, *what: Any) -> Brittle:
        self._may_fail("weighed")
        return Brittle(super().weighed(*what).parts)

    def merged(self, *what: Any) -> Callable[[Any], Any] | None:
        self._may_fail("merged")
        return None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "WAIT_S", 0.05)
    monkeypatch.setattr(indexing, "TEND_EVERY_S", 0.01)
    monkeypatch.setattr(Brittle, "failing", {})


@asynccontextmanager
async def kept(made: Indexing) -> AsyncIterator[Indexing]:
    loops = Loops("test")
    loops.add("index", made.follow)
    loops.add("index-care", made.tend)
    async with loops.running():
        await current(made)
        yield made
    await made.close()


async def current(made: Indexing, position: int = 0) -> None:
    async with asyncio.timeout(60):  # the first time ever, loops are compiled
        while not made._current.is_set() or made.position < position:
            await asyncio.sleep(0.005)


def found(made: Indexing) -> list[Any]:
    return [made.index.era, made.index.position, made.index.rank(QUERY, 50).found]


async def test_an_index_elsewhere_answers_as_one_here_and_keeps_nothing_on_disk(tmp_path: Path) -> None:
    feed = Feed(30)
    async with kept(Indexing(tmp_path / "a", feed, Brittle)) as there, kept(Indexing(tmp_path / "b", feed)) as here:
        feed.publish()
        for each in (there, here):
            await current(each, feed.position)
        assert found(there) == found(here)
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b" / "manifest.json").exists()
    async with kept(Indexing(tmp_path / "a", feed, Brittle)):
        assert feed.snapshots == 3


@pytest.mark.parametrize("when", ["applied", "weighed", "merged"])
async def test_a_lost_shelf_is_built_again_and_503_until_then(tmp_path: Path, when: str) -> None:
    feed = Feed(30)
    async with kept(Indexing(tmp_path, feed, Brittle)) as made:
        before, feed.open = made.index, asyncio.Event()
        Brittle.failing[when] = [Lost("the machine burnt down")]
        feed.publish()
        async with asyncio.timeout(10):
            while made._current.is_set():
                await asyncio.sleep(0.005)
        with pytest.raises(Unavailable):
            await made.check()
        feed.open.set()
        await current(made, feed.position)
        await made.check()
        assert feed.snapshots == 2
        assert made.index is not before
        await asyncio.sleep(0.1)  # one loss, one rebuild
        assert feed.snapshots == 2
        async with kept(Indexing(tmp_path / "here", feed)) as here:
            assert found(made) == found(here)


async def test_a_loss_while_the_index_is_built_is_tried_again(tmp_path: Path) -> None:
    feed = Feed(30)
    Brittle.failing["applied"] = [Lost("at once")]
    async with kept(Indexing(tmp_path, feed, Brittle)) as made:
        assert feed.snapshots == 2
        assert len(made.index) == 30


async def test_changes_that_failed_half_way_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SMALL", 10)  # so that epochs last, and begin in the middle of a page
    feed = Feed(30)
    async with kept(Indexing(tmp_path / "a", feed, Brittle)) as there, kept(Indexing(tmp_path / "b", feed)) as here:
        for many, failing in [(1, []), (8, [None, Unavailable("slow", "慢")])]:
            Brittle.failing["applied"] = failing
            for _ in range(many):
                feed.publish()
            for each in (there, here):
                await current(each, feed.position)
        assert Brittle.failing["applied"] == []
        async with asyncio.timeout(10):
            while any(each._engine._newest is not each.index.epoch for each in (there, here)):
                await asyncio.sleep(0.005)
        assert (there._engine._newest.position, there._engine._changes) == (
            here._engine._newest.position, here._engine._changes,
        )  # fmt: skip
        assert there._engine.state()[1].tolist() == here._engine.state()[1].tolist()
        assert there.index.rank(QUERY, 50).found == here.index.rank(QUERY, 50).found


async def test_half_an_index_is_not_saved(tmp_path: Path) -> None:
    feed = Feed(30)
    async with kept(Indexing(tmp_path, feed)) as made:
        feed.gone, feed.open = True, asyncio.Event()
        feed.publish()
        async with asyncio.timeout(10):
            while made._loaded or len(made.index) != 5:
                await asyncio.sleep(0.005)
    assert not (tmp_path / "manifest.json").exists()


async def test_a_save_that_is_called_off_ends_before_the_next_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that stops while it saves: the last save of all waits for the one whose task was cancelled."""
    saving, most, entered = 0, 0, threading.Event()
    whole = Store.save

    def slow(store: Store, *state: Any) -> None:
        nonlocal saving, most
        saving += 1
        most = max(most, saving)
        entered.set()
        time.sleep(0.2)
        whole(store, *state)
        saving -= 1

    monkeypatch.setattr(Store, "save", slow)
    feed = Feed(30)
    made = Indexing(tmp_path, feed)
    async with kept(made):
        under_way = asyncio.create_task(made.save())
        await asyncio.to_thread(entered.wait, 10)
        under_way.cancel()
    assert most == 1
    monkeypatch.undo()
    assert Store(tmp_path, feed.recipe).load(engine.Engine()) is not None
