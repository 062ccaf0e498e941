"""The index that follows catalog's feed: in memory to be asked, on disk to start from.

The state of the index is a pure function of the feed up to a position (snapshot + changes == rebuilt).
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

from services.matching.engine import (
    FIELDS,
    TOKENIZER,
    Document,
    FlatIndex,
    Index,
    store,
    terms,
)
from services.matching.engine.index import SCORING
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
    ends = [patent.ends_on for patent in listing.patents if patent.ends_on]
    return Document(
        id=listing.card.id,
        version=listing.version,
        counts={name: dict(counted) for name, text in texts.items() if (counted := terms(text))},
        stored={
            "card": dump(listing.card),
            "organization_id": listing.organization_id,
            "ends_on": min(ends).isoformat() if ends else None,
        },
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
        self._documents: dict[str, Document] = {}
        self._epoch, self._position = "", 0
        self._loaded, self._current = False, False
        self._unsaved, self._saved_at = 0, time.monotonic()
        self._log = log.logger("matching")
        self.index: Index = FlatIndex.build(())
        self._indexed_at = 0

    def version(self, today: date) -> str:
        """Names index, tokeniser, scoring, idf epoch and day: equal versions answer equally."""
        return f"{self._epoch[:8] or 'empty'}.{self._indexed_at}.{TOKENIZER}.{SCORING}.{today:%Y%m%d}"

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
            await asyncio.to_thread(store.discard, self._folder)
            raise Unavailable(
                "the feed cannot be followed on; reading the snapshot", "变更流无法接续，正在读取快照"
            ) from lost

    async def _fetch(self, position: int) -> FeedPage:
        page = await self._changes(position, wait_s=WAIT_S if self._current else 0.0)
        if not page.items and not self._current:
            self._current = True
            self._log.info("index current", documents=len(self._documents), position=position)
        return page

    async def _start(self) -> tuple[str | None, int]:
        if self._loaded:  # catalog was away for a while: what we know still ranks, and is followed on from here
            return self._epoch, self._position
        stored = None
        try:
            stored = await asyncio.to_thread(store.load, self._folder)
        except store.Damaged as damage:
            self._log.warning("index on disk not usable, reading the snapshot", reason=str(damage))
        if stored is not None:
            self._documents = {document.id: document for document in stored.documents}
            self._epoch, self._position = stored.epoch, stored.position
        else:
            await self._take_snapshot()
        await self._rebuild()
        self._loaded = True
        return self._epoch, self._position

    async def _take_snapshot(self) -> None:
        first = page = await self._snapshot(None)
        documents: dict[str, Document] = {}
        while True:
            for document in await asyncio.to_thread(_all, page.items):
                documents[document.id] = document
            if page.next is None:
                break
            page = await self._snapshot(page.next)
        self._documents, self._epoch, self._position = documents, first.epoch, first.position
        self._unsaved = len(documents) or 1

    async def _apply(self, page: FeedPage, seen: int) -> int:
        relevant = [change for change in page.items if change.type in _SHOWN or change.type in _HIDDEN]
        if relevant:
            shown = await asyncio.to_thread(_documents, relevant)
            for change in relevant:
                before = self._documents.get(change.subject)
                if before is not None and before.version > change.data["version"]:
                    continue
                if change.type in _HIDDEN:
                    self._documents.pop(change.subject, None)
                else:
                    self._documents[change.subject] = shown[change.position]
        self._epoch, self._position = page.epoch, page.items[-1].position
        if relevant:
            await self._rebuild()
            self._unsaved += len(relevant)
        if self._unsaved and (self._unsaved >= SAVE_AFTER_CHANGES or time.monotonic() - self._saved_at > SAVE_AFTER_S):
            await self.save()
        return self._position

    async def _rebuild(self) -> None:
        documents = list(self._documents.values())
        self.index = await asyncio.to_thread(FlatIndex.build, documents)
        self._indexed_at = self._position
        metrics.indexed.set(len(documents))

    async def save(self) -> None:
        """Write the index to disk, when anything changed since the last time."""
        if self._unsaved:
            documents = list(self._documents.values())
            await asyncio.to_thread(store.save, self._folder, self._epoch, self._position, documents)
            self._unsaved, self._saved_at = 0, time.monotonic()


def _all(listings: list[IndexedListing]) -> list[Document]:
    return [document_of(listing) for listing in listings]


def _documents(changes: list[Change]) -> dict[int, Document]:
    return {
        change.position: document_of(IndexedListing.model_validate(change.data))
        for change in changes
        if change.type in _SHOWN
    }
