"""Needs as an index takes them, and as others than their owner see them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, tuple_

from services.matching import engine, models, rules
from services.matching.engine import Condition, Document, Draft, Index, fold, tagged
from services.matching.service.indexing import NO_END, Beginning
from services.matching.service.needs import CURRENT, SHOWN_STATES, Said
from services.matching.service.vocabulary import SOUGHT_FROM, known, recipe, shipped, words
from shared.auth import Caller
from shared.contracts.feed import Change, FeedPage
from shared.contracts.matching import NeedCard, Visibility
from shared.db import Database

PAGE = 500
EVERYBODY = "*"
COMMON_FROM = 3  # listings that must hold a word before an anonymized need may show it


class Demand:
    """The source of the index of needs: our own feed, which holds no text, and the texts in our own tables."""

    name = "needs"

    def __init__(self, db: Database) -> None:
        self._db = db
        self.recipe = recipe()

    async def page(self, after: int, wait_s: float) -> FeedPage:
        """Our own feed."""
        return await models.feed.page(self._db, after, PAGE, wait_s)

    async def beginning(self, after: str | None) -> Beginning:
        """A page of the needs that are published. What changes after the position is heard of again by the feed."""
        async with self._db.read() as tx:
            epoch, _, position = await models.feed.head(tx)
            statement = CURRENT.where(models.need.c.state.in_(SHOWN_STATES), models.need.c.id > (after or ""))
            rows = (await tx.execute(statement.order_by(models.need.c.id).limit(PAGE))).all()
        documents = await asyncio.to_thread(
            lambda: [_document(row, position, row.visibility, row.expires_at) for row in rows]
        )
        return Beginning(epoch, position, documents, rows[-1].id if len(rows) == PAGE else None)

    async def read(self, changes: Sequence[Change]) -> list[engine.Change]:
        """What changes of needs do to the index; each names the version of the text that holds from then on."""
        ours = [each for each in changes if each.type.startswith("need.")]
        if not ours:
            return []
        shown = [each for each in ours if each.data["state"] in SHOWN_STATES]
        version, need = models.need_version, models.need
        statement = (
            select(version, need.c.id, need.c.organization_id)
            .join(need, need.c.id == version.c.need_id)
            .where(
                tuple_(version.c.need_id, version.c.number).in_(
                    [(each.subject, each.data["need_version"]) for each in shown]
                )
            )
        )
        async with self._db.read() as tx:
            texts = {(row.id, row.number): row for row in await tx.execute(statement)} if shown else {}
        return await asyncio.to_thread(lambda: [_change(each, texts) for each in ours])


def _change(change: Change, texts: Mapping[tuple[str, int], Row[Any]]) -> engine.Change:
    data = change.data
    row = texts.get((change.subject, data["need_version"])) if data["state"] in SHOWN_STATES else None
    until = datetime.fromisoformat(data["expires_at"]) if data.get("expires_at") else None
    document = None if row is None else _document(row, change.position, data["visibility"], until)
    return engine.Change(change.position, change.subject, change.position, document)


def _document(row: Row[Any], position: int, visibility: str, until: datetime | None) -> Document:
    """A need as its index takes it: what it says, what that leads to, and the classes it leans to."""
    said = Said.by(row)
    query = shipped().query(*said)
    led = {term: max(1, round(query.counts[term])) for term in query.through}
    seen_by = EVERYBODY if visibility != Visibility.INVITED else row.organization_id
    draft = Draft(
        id=row.id,
        version=position,
        texts={"title": said.title, "abstract": said.text},
        terms={"ipc": led},
        shown=f"{said.title}\n{said.text}",
        stored={},
        facets={
            "seen_by": [seen_by],
            "industry_code": [row.industry_code] if row.industry_code else [],
            "region_code": [row.region_code] if row.region_code else [],
            "until": [until.isoformat() if until else NO_END],
        },
        classes=[code for code, share in query.leaning.items() if share >= SOUGHT_FROM],
    )
    return Document.of(draft)


def conditions(now: datetime, industry_code: str | None = None, region_code: str | None = None) -> list[Condition]:
    """Needs that everybody may see, still open, of an industry, from a region."""
    found = [Condition.exactly("seen_by", EVERYBODY), Condition.from_("until", now.isoformat())]
    if industry_code:
        found.append(Condition.prefix("industry_code", industry_code))
    if region_code:
        found.append(Condition.prefix("region_code", region_code))
    return found


def card(row: Row[Any], by: Caller, index: Index) -> NeedCard:
    """A need as a caller sees it."""
    hidden = row.visibility != Visibility.PUBLIC and row.organization_id != by.organization_id
    title, description = (_masked(text, index) if hidden else text for text in (row.title, row.description))
    return NeedCard(
        id=row.id,
        need_version=row.need_version,
        title=title,
        description=description,
        industry_code=row.industry_code,
        region_code=row.region_code[:2] if hidden and row.region_code else row.region_code,
        published_at=row.published_at,
        anonymized=hidden,
        organization_id=None if hidden else row.organization_id,
    )


def _masked(text: str, index: Index) -> str:
    cut = tagged(text)
    common = index.common((fold(word) for word, _ in cut), COMMON_FROM)
    return rules.masked(cut, lambda word: fold(word) in common or word in words() or word in known())
