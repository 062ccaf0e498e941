"""The index that follows catalog's feed: in memory to be asked, on disk to start from.

What the index answers is a pure function of the feed up to a position (snapshot + changes == rebuilt).
Only `listing.*` changes move it; each carries the listing's version, so that a change seen twice, in
the snapshot and again on the feed, does nothing the second time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Protocol

from services.matching import engine
from services.matching.engine import FIELDS, TOKENIZER, Document, Engine, Index, characters, kernels, terms
from services.matching.engine.index import SCORING
from services.matching.engine.store import Damaged, Store
from services.matching.service.vocabulary import class_term, subclasses
from shared import log, metrics
from shared.contracts.catalog import IndexedListing, Snapshot
from shared.contracts.feed import Change, FeedPage
from shared.contracts.wire import dump
from shared.errors import Gone, Unavailable
from shared.feed import Forked, follow

WAIT_S = 20.0
SAVE_AFTER_CHANGES = 2_000
SAVE_AFTER_S = 30.0
_SHOWN = frozenset({"listing.published", "listing.changed", "listing.resumed"})
_HIDDEN = frozenset({"listing.suspended", "listing.withdrawn", "listing.closed"})


NO_END = "9999-12-31"
TEND_EVERY_S = 1.0


class Changes(Protocol):
    """Catalog's feed after a position, waiting at most so long for something new."""

    def __call__(self, after: int, *, wait_s: float) -> Awaitable[FeedPage]: ...


def document_of(listing: IndexedListing) -> Document:
    """A listing as the index takes it: words by field, the card, and what filters look at."""
    texts = {
        "title": "\n".join(patent.title for patent in listing.patents),
        "summary": "\n".join(
            text for text in (listing.summary, listing.problem_solved, *listing.application_scenes) if text
        ),
        "abstract": "\n".join(patent.abstract for patent in listing.patents if patent.abstract),
        "ipc": "\n".join(title for patent in listing.patents for title in patent.ipc_titles),
    }
    assert texts.keys() == FIELDS.keys()
    counts = {name: terms(text) for name, text in texts.items()}
    codes = [code for patent in listing.card.patents for code in patent.ipc]
    classes = subclasses(codes)
    counts["ipc"].update(map(class_term, classes))
    ends = [patent.ends_on for patent in listing.patents if patent.ends_on]
    card = listing.card
    return Document(
        id=card.id,
        version=listing.version,
        counts={name: dict(counted) for name, counted in counts.items() if counted},
        stored={"card": dump(card), "organization_id": listing.organization_id},
        facets={
            "region_code": card.region_codes,
            "ipc": codes,
            "industry_code": card.industry_codes,
            "mode": card.modes,
            "fee_type": [card.pricing.fee_type],
            "patent_type": [patent.patent_type for patent in card.patents],
            "trl": [str(card.trl or 0)],
            "sample": [str(card.sample).lower()],
            "ends_on": [min(ends).isoformat() if ends else NO_END],
        },
        near=codes[0] if codes else "",
        grams=characters("\n".join((texts["title"], card.summary or ""))),
        classes=classes,
    )


class Indexing:
    """Keeps the index up to date; `index` and `version` are what rankings read."""

    def __init__(
        self,
        folder: Path,
        changes: Changes,
        snapshot: Callable[[str | None], Awaitable[Snapshot]],
    ) -> None:
        self._folder, self._changes, self._snapshot = folder, changes, snapshot
        self._engine, self._store = Engine(), Store(folder)
        self._epoch, self._position = "", 0
        self._loaded, self._current = False, False
        self._changing = asyncio.Lock()  # one change of the index at a time
        self._unsaved, self._saved_at = 0, time.monotonic()
        self._log = log.logger("matching")

    @property
    def index(self) -> Index:
        """The index as it is now; what is asked of it does not change under the asker."""
        return self._engine.snapshot

    def version(self, index: Index, today: date) -> str:
        """Names feed, position, idf epoch, tokeniser, scoring and day: equal versions answer equally."""
        return f"{self._epoch[:8] or 'empty'}.{index.position}.{index.era}.{TOKENIZER}.{SCORING}.{today:%Y%m%d}"

    async def check(self) -> None:
        """Raises: Unavailable, until the feed has been followed to its end once."""
        if not self._current:
            raise Unavailable("the index is still being built", "索引正在建立，请稍后重试", retry_after_s=2)

    async def follow(self) -> None:
        """Loop: start from disk or snapshot, then follow the feed."""
        try:
            await follow(name="catalog", service="matching", fetch=self._fetch, start=self._start, apply=self._apply)
        except (Gone, Forked) as lost:
            # We were away longer than the feed is kept, or catalog was restored from a backup. An index
            # holds nothing of its own, so it starts again from the snapshot; rows could not.
            self._current, self._loaded = False, False
            await asyncio.to_thread(self._store.discard)
            raise Unavailable(
                "the feed cannot be followed on; reading the snapshot", "变更流无法接续，正在读取快照"
            ) from lost

    async def _fetch(self, position: int) -> FeedPage:
        page = await self._changes(position, wait_s=WAIT_S if self._current else 0.0)
        if not page.items and not self._current:
            self._current = True
            self._log.info("index current", documents=len(self.index), position=position)
        return page

    async def _start(self) -> tuple[str | None, int]:
        if self._loaded:  # catalog was away for a while: what we know still ranks, and is followed on from here
            return self._epoch, self._position
        stored = None
        await asyncio.to_thread(kernels.warm)
        try:
            stored = await asyncio.to_thread(self._store.load, self._engine)
        except Damaged as damage:
            self._log.warning("index on disk not usable, reading the snapshot", reason=str(damage))
        if stored is not None:
            self._epoch, self._position = stored.epoch, stored.position
        else:
            await self._take_snapshot()
        self._loaded = True
        metrics.indexed.set(len(self.index))
        return self._epoch, self._position

    async def _take_snapshot(self) -> None:
        page = await self._snapshot(None)
        epoch, position = page.epoch, page.position
        engine = Engine()
        while True:
            changes = await asyncio.to_thread(_shown, page.items, position)
            await asyncio.to_thread(engine.apply, changes, position)
            if page.next is None:
                break
            page = await self._snapshot(page.next)
        self._engine = engine
        self._epoch, self._position = epoch, position
        self._unsaved = len(self.index) or 1

    async def _apply(self, page: FeedPage, seen: int) -> int:
        relevant = [change for change in page.items if change.type in _SHOWN or change.type in _HIDDEN]
        position = page.items[-1].position
        changes = await asyncio.to_thread(_changes, relevant)
        async with self._changing:
            await asyncio.to_thread(self._engine.apply, changes, position)
        self._epoch, self._position = page.epoch, position
        if relevant:
            self._unsaved += len(relevant)
            metrics.indexed.set(len(self.index))
        if self._unsaved and (self._unsaved >= SAVE_AFTER_CHANGES or time.monotonic() - self._saved_at > SAVE_AFTER_S):
            await self.save()
        return self._position

    async def tend(self) -> None:
        """Loop: postings of young documents, merges, new idf epochs, while queries go on."""
        while True:
            engine_ = self._engine
            adopt = await asyncio.to_thread(engine_.care)
            if adopt is None:
                await asyncio.sleep(TEND_EVERY_S)
            elif engine_ is self._engine:
                async with self._changing:
                    await asyncio.to_thread(adopt)

    async def save(self) -> None:
        """Write the index to disk, when anything changed since the last time."""
        if self._unsaved:
            async with self._changing:
                await asyncio.to_thread(self._store.save, self._epoch, self._engine)
            self._unsaved, self._saved_at = 0, time.monotonic()


def _shown(listings: list[IndexedListing], position: int) -> list[engine.Change]:
    documents = [document_of(listing) for listing in listings]
    return [engine.Change(position, document.id, document.version, document) for document in documents]


def _changes(changes: list[Change]) -> list[engine.Change]:
    found = []
    for change in changes:
        shown = document_of(IndexedListing.model_validate(change.data)) if change.type in _SHOWN else None
        found.append(engine.Change(change.position, change.subject, change.data["version"], shown))
    return found
