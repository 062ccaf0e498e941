"""How needs are understood and signals weighed: what ships, what the operator changed, what was learned.

Every replica holds one `Tuned` and takes a new one when the feed says that something changed. Its name is part of
`index_version`, so that nothing changes silently and equal versions go on answering equally.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from services.matching import models
from services.matching.engine import MIX, Mix, terms
from services.matching.service.semantic import MIXED, TAG, Meaning, Semantics
from services.matching.service.vocabulary import Understanding, class_words, understanding, words
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.matching import ModelState, VocabularyDraft, VocabularyEntry
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import InvalidInput, NotFound, Unavailable
from shared.feed import change
from shared.idempotency import Idempotency
from shared.paging import Cursors

WAIT_S = 20.0
CHANGED = "tuning.changed"
_NAME = 8


@dataclass(frozen=True)
class Tuned:
    """One state of tuning; its name is empty when all is as it ships."""

    understanding: Understanding
    mix: Mix = MIX
    name: str = ""


Now = Callable[[], Tuned]


class Tuning:
    """The vocabulary and the mix in use; use cases on the vocabulary."""

    def __init__(
        self, db: Database, acts: Idempotency, cursors: Cursors, clock: Clock, semantics: Semantics | None
    ) -> None:
        self._db, self._acts, self._cursors, self._clock = db, acts, cursors, clock
        self._meaning = Meaning(semantics, class_words()) if semantics else None
        self.shipped_mix = MIXED if semantics else MIX
        self._tuned: Tuned | None = None

    def now(self) -> Tuned:
        """What is in use. Raises: Unavailable, before it was read once."""
        if self._tuned is None:
            raise Unavailable("the vocabulary is still being read", "词表正在读取，请稍后重试", retry_after_s=1)
        return self._tuned

    async def check(self) -> None:
        """Raises: Unavailable, before the vocabulary was read once."""
        self.now()

    async def follow(self) -> None:
        """Loop: read what is in use, again whenever the feed says that it changed."""
        async with self._db.read() as tx:
            _, _, position = await models.feed.head(tx)
        await self._load()
        while True:
            page = await models.feed.page(self._db, position, 500, WAIT_S)
            if any(each.type == CHANGED for each in page.items):
                await self._load()
            position = page.items[-1].position if page.items else position

    async def _load(self) -> None:
        async with self._db.read() as tx:
            own = {row.lay: row.technical for row in await tx.execute(select(models.vocabulary))}
            model = (
                await tx.execute(select(models.ranking_model).where(models.ranking_model.c.state == ModelState.ACTIVE))
            ).first()
        self._tuned = await asyncio.to_thread(
            self._tune, own, model.id if model else "", model.learned if model else {}
        )

    def _tune(
        self, own: Mapping[str, Sequence[str]], model_id: str, learned: Mapping[str, Mapping[str, float]]
    ) -> Tuned:
        used = {lay: technical for lay, technical in _together(own).items() if technical}
        name = TAG if self._meaning else ""
        if own or model_id:
            said = json.dumps([sorted(own.items()), model_id], ensure_ascii=False)
            name += "-" + hashlib.sha256(said.encode()).hexdigest()[:_NAME]
        mix = Mix(**learned["mix"]) if model_id else self.shipped_mix
        return Tuned(understanding(used, self._meaning), mix, name)

    async def announce(self, tx: Tx, subject: str, by: Caller) -> None:
        """Say in the transaction of a change that every replica has to read anew."""
        await models.feed.append(tx, [change(CHANGED, subject, "services", self._clock.now(), {})])

    async def page(self, q: str | None, after: str | None, limit: int) -> Page[VocabularyEntry]:
        """The vocabulary by lay word: entries whose lay or technical words hold a text."""
        scope = ("vocabulary", q)
        last = self._cursors.read(scope, after)[0] if after else ""
        async with self._db.read() as tx:
            own = {row.lay: row.technical for row in await tx.execute(select(models.vocabulary))}
        found = [
            VocabularyEntry(lay=lay, technical=technical, source="OPERATOR" if lay in own else "SHIPPED")
            for lay, technical in sorted(_together(own).items())
            if lay > last and (q is None or any(q in word for word in (lay, *technical)))
        ]
        more = self._cursors.make(scope, [found[limit - 1].lay]) if len(found) > limit else None
        return Page(items=found[:limit], next=more)

    async def put(self, draft: VocabularyDraft, by: Caller) -> VocabularyEntry:
        """Add an entry or replace it. Raises: InvalidInput, when a technical word holds nothing to search for."""
        empty = [word for word in draft.technical if not terms(word)]
        if empty:
            raise InvalidInput(
                f"{empty[0]!r} holds no word that is searched for; name a technical term",
                f"“{empty[0]}”中没有可检索的词，请填写技术术语",
                code="vocabulary_word",
            )
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            values = {"technical": draft.technical, "at": now, "by": by.client_id}
            made = insert(models.vocabulary).values(lay=draft.lay, **values)
            await tx.execute(made.on_conflict_do_update(index_elements=["lay"], set_=values))
            answer = VocabularyEntry(lay=draft.lay, technical=draft.technical, source="OPERATOR")
            await self._acts.answer(tx, answer)
            await self.announce(tx, draft.lay, by)
        return answer

    async def remove(self, lay: str, by: Caller) -> None:
        """Forget what the operator said of a word; what ships holds again."""
        async with self._db.write() as tx:
            gone = await tx.execute(
                delete(models.vocabulary).where(models.vocabulary.c.lay == lay).returning(models.vocabulary.c.lay)
            )
            if gone.first() is None:
                raise NotFound("the operator has no entry for this word", "运营方没有该词条")
            await self.announce(tx, lay, by)


def _together(own: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {lay: list(technical) for lay, technical in {**words(), **own}.items()}
