"""An index that follows a feed: in memory to be asked, on disk to start from; or on a shelf in other processes.

What the index answers is a pure function of the feed up to a position (snapshot + changes == rebuilt).
Each document carries a version, so that a change seen twice, in the snapshot and again on the feed, does
nothing the second time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from services.matching import engine
from services.matching.engine import Document, Engine, Index, kernels
from services.matching.engine.shelf import Shelving
from services.matching.engine.store import Damaged, Store
from services.matching.service.cluster import Lost, Shards
from shared import log, metrics
from shared.contracts.feed import Change, FeedPage
from shared.errors import Gone, Unavailable
from shared.feed import Forked, follow

WAIT_S = 20.0
SAVE_AFTER_CHANGES = 2_000
SAVE_AFTER_S = 30.0
NO_END = "9999-12-31"
TEND_EVERY_S = 1.0


class Beginning(NamedTuple):
    """A page of documents to begin with, the feed's position from which to follow on, and the next page."""

    epoch: str
    position: int
    documents: Sequence[Document]
    next: str | None


class Source(Protocol):
    """Where an index's documents come from."""

    name: str
    recipe: str  # what makes documents of texts, as far as it may change with a release: an old index is not loaded

    async def page(self, after: int, wait_s: float) -> FeedPage:
        """The feed after a position, waiting at most so long for something new."""
        ...

    async def beginning(self, after: str | None) -> Beginning:
        """All documents, page by page."""
        ...

    async def read(self, changes: Sequence[Change]) -> list[engine.Change]:
        """What changes of the feed do to the index."""
        ...


class Indexing:
    """Keeps the index up to date; `index` and `version` are what rankings read."""

    def __init__(self, folder: Path, source: Source, shelf: Callable[[], Shelving] | None = None) -> None:
        """Keep it in `folder`; with `shelf`, which makes an empty one, keep nothing: each start reads the snapshot."""
        self._source, self._shelf = source, shelf
        self._engine, self._store = Engine(), Store(folder, source.recipe)
        self._epoch, self._position = "", 0
        self._loaded, self._current = False, asyncio.Event()
        self._moved = asyncio.Event()
        self._changing = asyncio.Lock()  # one change of the index at a time
        self._saving = asyncio.Lock()
        self._unsaved, self._saved_at = 0, time.monotonic()
        self._log = log.logger("matching")

    @property
    def index(self) -> Index:
        """The index as it is now; what is asked of it does not change under the asker."""
        return self._engine.snapshot

    @property
    def epoch(self) -> str:
        """The epoch of the feed that is followed."""
        return self._epoch

    @property
    def position(self) -> int:
        """How far the feed has been followed."""
        return self._position

    async def reached(self, position: int) -> None:
        """Wait until the feed has been followed so far."""
        while self._position < position:
            self._moved.clear()
            await self._moved.wait()

    async def check(self) -> None:
        """Raises: Unavailable, until the feed has been followed to its end once."""
        if not self._current.is_set():
            raise Unavailable("the index is still being built", "索引正在建立，请稍后重试", retry_after_s=2)

    async def current(self) -> None:
        """Wait until the feed has been followed to its end once."""
        await self._current.wait()

    async def follow(self) -> None:
        """Loop: start from disk or snapshot, then follow the feed."""
        try:
            await follow(
                name=self._source.name, service="matching", fetch=self._fetch, start=self._start, apply=self._apply
            )
        except (Gone, Forked, Lost) as lost:
            # We were away longer than the feed is kept, its producer was restored from a backup, or a shard does
            # not come back. An index holds nothing of its own, so it starts again from the snapshot; rows could not.
            self._forget()
            await asyncio.to_thread(self._store.discard)
            raise Unavailable(
                "the index cannot be followed on; reading the snapshot",
                "索引无法接续，正在读取快照",
                internal=str(lost),
            ) from lost

    def _forget(self) -> None:
        """Answer no more until the index is built again, which `follow` does."""
        self._loaded = False
        self._current.clear()

    async def _fetch(self, position: int) -> FeedPage:
        page = await self._source.page(position, WAIT_S if self._current.is_set() else 0.0)
        if not self._loaded:
            raise Lost("found by who tends the index")
        if not page.items and not self._current.is_set():
            self._current.set()
            self._log.info("index current", source=self._source.name, documents=len(self.index), position=position)
        return page

    async def _start(self) -> tuple[str | None, int]:
        if self._loaded:  # catalog was away for a while: what we know still ranks, and is followed on from here
            return self._epoch, self._position
        stored = None
        if self._shelf is None:
            await asyncio.to_thread(kernels.warm)
            try:
                stored = await asyncio.to_thread(self._store.load, self._engine)
            except Damaged as damage:
                self._log.warning(
                    "index on disk not usable, reading the snapshot", source=self._source.name, reason=str(damage)
                )
        if stored is not None:
            self._epoch, self._position = stored.epoch, stored.position
        else:
            await self._take_snapshot()
        self._loaded = True
        self._moved.set()
        metrics.indexed.labels(self._source.name).set(len(self.index))
        return self._epoch, self._position

    async def _take_snapshot(self) -> None:
        page = await self._source.beginning(None)
        epoch, position = page.epoch, page.position
        await asyncio.to_thread(_end, self._engine)  # first: where its shards stand may be no room for others
        self._engine = engine_ = Engine(None if self._shelf is None else await asyncio.to_thread(self._shelf))
        while True:
            changes = [engine.Change(position, document.id, document.version, document) for document in page.documents]
            await asyncio.to_thread(engine_.apply, changes, position)
            if page.next is None:
                break
            page = await self._source.beginning(page.next)
        self._epoch, self._position = epoch, position
        self._unsaved = len(self.index) or 1

    async def _apply(self, page: FeedPage, seen: int) -> int:
        known = self.index.position  # beyond ours when shards failed in the middle of this page: nothing counts twice
        changes = [each for each in await self._source.read(page.items) if each.position > known]
        position = page.items[-1].position
        async with self._changing:
            await _to_its_end(self._engine.apply, changes, position)
        self._epoch, self._position = page.epoch, position
        self._moved.set()
        if changes:
            self._unsaved += len(changes)
            metrics.indexed.labels(self._source.name).set(len(self.index))
        return self._position

    async def tend(self) -> None:
        """Loop: postings of young documents, merges, new idf epochs, while queries go on."""
        while True:
            engine_ = self._engine
            try:
                adopt = await asyncio.to_thread(engine_.care) if self._loaded else None
                if adopt is not None and engine_ is self._engine:
                    async with self._changing:
                        await _to_its_end(adopt)
                waits_for_s = time.monotonic() - self._saved_at
                if self._unsaved >= SAVE_AFTER_CHANGES or (self._unsaved and waits_for_s > SAVE_AFTER_S):
                    await self.save()
                if adopt is None:
                    await asyncio.sleep(TEND_EVERY_S)
            except Lost:
                if engine_ is self._engine:
                    self._forget()
                raise

    async def save(self) -> None:
        """Write the index to disk, when it is kept there, is whole, and has changed since the last time."""
        if self._unsaved and self._loaded and self._shelf is None:
            async with self._saving:
                async with self._changing:  # a state between two changes; writing it holds nobody up
                    epoch, state, changes = self._epoch, self._engine.state(), self._unsaved
                await _to_its_end(self._store.save, epoch, *state)
                self._unsaved, self._saved_at = self._unsaved - changes, time.monotonic()

    async def close(self) -> None:
        """Write the index to disk, or end the processes in which it lies."""
        await self.save()
        await asyncio.to_thread(_end, self._engine)


async def _to_its_end(function: Callable[..., None], *args: object) -> None:
    """Run in a thread and leave only when it is done: a cancelled wait alone would let the next one in beside it."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _end(engine_: Engine) -> None:
    if isinstance(shards := engine_.snapshot.shelf, Shards):
        shards.actors.close()
