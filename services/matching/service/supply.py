"""Listings as the index takes them, from catalog's feed and snapshot."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from services.matching import engine
from services.matching.engine import FIELDS, Document, Draft
from services.matching.service.indexing import NO_END, Beginning
from services.matching.service.semantic import MODEL, Semantics
from services.matching.service.vocabulary import class_term, subclasses
from shared.contracts.catalog import IndexedListing, Snapshot
from shared.contracts.feed import Change, FeedPage
from shared.contracts.wire import dump

SHOWN = frozenset({"listing.published", "listing.changed", "listing.resumed"})
HIDDEN = frozenset({"listing.suspended", "listing.withdrawn", "listing.closed"})

MOVING = tuple(sorted(SHOWN | HIDDEN))


class Changes(Protocol):
    """Catalog's feed after a position, of some types, waiting at most so long for something new."""

    def __call__(self, after: int, *, wait_s: float, types: Sequence[str]) -> Awaitable[FeedPage]: ...


class Supply:
    """Only `listing.*` changes move the index; each carries the listing's version."""

    name = "catalog"

    def __init__(
        self,
        changes: Changes,
        snapshot: Callable[[str | None], Awaitable[Snapshot]],
        semantics: Semantics | None = None,
    ) -> None:
        self._changes, self._snapshot, self._semantics = changes, snapshot, semantics
        self.recipe = MODEL if semantics else ""

    async def page(self, after: int, wait_s: float) -> FeedPage:
        """Catalog's feed, as far as it is about what is on offer."""
        return await self._changes(after, wait_s=wait_s, types=MOVING)

    async def beginning(self, after: str | None) -> Beginning:
        """A page of what is on offer."""
        page = await self._snapshot(after)
        documents = await asyncio.to_thread(self._documents, page.items)
        return Beginning(page.epoch, page.position, documents, page.next)

    async def read(self, changes: Sequence[Change]) -> list[engine.Change]:
        """What the changes do to the index."""
        return await asyncio.to_thread(self._read, [each for each in changes if each.type in SHOWN | HIDDEN])

    def _read(self, changes: Sequence[Change]) -> list[engine.Change]:
        shown = [IndexedListing.model_validate(each.data) for each in changes if each.type in SHOWN]
        documents = iter(self._documents(shown))
        return [
            engine.Change(
                each.position, each.subject, each.data["version"], next(documents) if each.type in SHOWN else None
            )
            for each in changes
        ]

    def _documents(self, listings: Sequence[IndexedListing]) -> list[Document]:
        documents = [Document.of(draft_of(listing)) for listing in listings]
        if self._semantics is None:
            return documents
        directions = self._semantics.passages([" ".join(listing.card.titles) for listing in listings])
        return [
            replace(document, meaning=direction.tobytes())
            for document, direction in zip(documents, directions, strict=True)
        ]


def draft_of(listing: IndexedListing) -> Draft:
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
    codes = [code for patent in listing.card.patents for code in patent.ipc]
    classes = subclasses(codes)
    ends = [patent.ends_on for patent in listing.patents if patent.ends_on]
    card = listing.card
    return Draft(
        id=card.id,
        version=listing.version,
        texts=texts,
        terms={"ipc": Counter(map(class_term, classes))},
        shown="\n".join((texts["title"], card.summary or "")),
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
        classes=classes,
    )
