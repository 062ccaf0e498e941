"""What people say of matches, and the mix of signals that is learned from it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from services.matching import models, rules
from services.matching.engine import Found, Mix, Query
from services.matching.engine.learning import learn, log_losses
from services.matching.service.needs import Needs, Said
from services.matching.service.ranking import Rankings, State, no_listing
from services.matching.service.tuning import Tuning
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.matching import Feedback, FeedbackDraft, ModelState, RankingModel, ReasonCode, Verdict
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

_TO_OWNER = {Verdict.INTERESTED: "match.interested", Verdict.CONTACTED: "match.contacted"}


class Feedbacks:
    """Use cases on feedback."""

    def __init__(
        self, db: Database, needs: Needs, rankings: Rankings, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._needs, self._rankings = db, needs, rankings
        self._acts, self._cursors, self._clock = acts, cursors, clock

    async def record(self, need_id: str, listing_id: str, draft: FeedbackDraft, by: Caller) -> Feedback:
        """Keep a word on a match, with what the ranking says of it now. The first INTERESTED makes the need MATCHED.

        Raises: NotFound, when the listing is not on offer.
        """
        need, state = await self._needs.get(need_id, by), await self._rankings.state()
        query = await asyncio.to_thread(state.query, Said.by(need))
        judged = await asyncio.to_thread(_judged, state, query, listing_id)
        if judged is None:
            raise no_listing()
        found, owner_id = judged
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._needs.owned(tx, need_id, by)
            values = {
                "id": new_id("fbk"),
                "organization_id": by.organization_id,
                "need_id": need_id,
                "need_version": need.need_version,
                "listing_id": listing_id,
                "verdict": draft.verdict,
                "reason_code": draft.reason_code,
                "note": draft.note,
                "index_version": state.version,
                "signals": _signals(found),
                "fit": rules.fit(found.text),
                "at": now,
                "by": by.client_id,
            }
            made = (await tx.execute(insert(models.feedback).values(values).returning(models.feedback))).one()
            answer = await self._acts.answer(tx, _feedback(made))
            if draft.verdict is Verdict.INTERESTED:
                await self._needs.interest(tx, row, by)
            told = {"need_id": need_id, "verdict": draft.verdict.value, "reason_code": draft.reason_code}
            changes = [change("match.feedback", listing_id, by.organization_id, now, dict(told))]
            if draft.verdict in _TO_OWNER:
                seen = {"need_id": need_id, "band": answer.band}  # a listing's owner sees no more than the band
                changes.append(change(_TO_OWNER[draft.verdict], listing_id, owner_id, now, dict(seen)))
            await models.feed.append(tx, changes)
        return answer

    async def page(self, need_id: str, after: str | None, limit: int, by: Caller) -> Page[Feedback]:
        """All words on a need's matches, newest first."""
        await self._needs.get(need_id, by)
        table, scope = models.feedback, ("feedback", need_id)
        statement = select(table).where(table.c.need_id == need_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.at, table.c.id), scope, after, limit)
        return Page(
            items=[_feedback(row) for row in rows],
            next=more,
        )


def _judged(state: State, query: Query, listing_id: str) -> tuple[Found, str] | None:
    found = state.index.judge(query, [listing_id], state.tuned.mix)
    hits = state.index.explain(query, [listing_id])
    return (found[0], hits[0].stored["organization_id"]) if found and hits else None


def _signals(found: Found) -> dict[str, float]:
    """Each signal before it is weighed, as the mix is learned from them."""
    said, mix = dict(found.signals), found.mix
    class_ = sum(weight for name, weight in found.signals if name.startswith("class "))
    return {
        "words": found.words / mix.words if mix.words else 0.0,
        "characters": said.get("characters", 0.0) / mix.characters if mix.characters else 0.0,
        "classes": class_ / mix.classes if mix.classes else 0.0,
        "meaning": said.get("meaning", 0.0) / mix.meaning if mix.meaning else 0.0,
    }


def _feedback(row: Row[Any]) -> Feedback:
    return Feedback(
        id=row.id,
        version=1,
        created_at=row.at,
        updated_at=row.at,
        need_id=row.need_id,
        need_version=row.need_version,
        listing_id=row.listing_id,
        verdict=Verdict(row.verdict),
        reason_code=ReasonCode(row.reason_code) if row.reason_code else None,
        note=row.note,
        index_version=row.index_version,
        fit=row.fit,
        band=rules.band(row.fit),
    )


class Learning:
    """Use cases on learned mixes. Off until enough feedback is there, and until the operator turns one on."""

    def __init__(self, db: Database, tuning: Tuning, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._tuning, self._acts, self._cursors, self._clock = db, tuning, acts, cursors, clock

    async def learn(self) -> RankingModel:
        """A candidate from all feedback there is; from the same feedback the same one.

        Raises: RuleRefused RM-ENOUGH.
        """
        table = models.feedback
        latest = select(table).ext(distinct_on(table.c.need_id, table.c.listing_id))
        async with self._db.read() as tx:
            rows = (await tx.execute(latest.order_by(table.c.need_id, table.c.listing_id, table.c.at.desc()))).all()
        said = [
            (row.need_id, [row.signals.get(name, 0.0) for name in Mix._fields], alike)
            for row in rows
            if (alike := rules.label(row.verdict, row.reason_code)) is not None
        ]
        positive = sum(is_alike for _, _, is_alike in said)
        rarer = min(positive, len(said) - positive)
        if no := rules.enough(len(said), len({each[0] for each in said}), rarer):
            raise no.raised()
        learned, trained_on = await asyncio.to_thread(_learned, said, self._tuning.shipped_mix)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            known = (
                await tx.execute(select(models.ranking_model).where(models.ranking_model.c.trained_on == trained_on))
            ).first()
            if known is None:
                values = {
                    "id": new_id("mdl"), "version": 1, "created_at": now, "updated_at": now,
                    "state": ModelState.CANDIDATE, "learned": learned, "trained_on": trained_on,
                }  # fmt: skip
                known = (
                    await tx.execute(insert(models.ranking_model).values(values).returning(models.ranking_model))
                ).one()
            return await self._acts.answer(tx, _model(known))

    async def activate(self, id_: str, by: Caller) -> RankingModel:
        """Rank with a learned mix from now on. Raises: RuleRefused RM-BETTER."""
        async with self._db.write() as tx:
            await self._acts.claim(tx, self._clock.now())
            model = await self._known(tx, id_)
            if no := rules.better(model.learned["log_loss"], model.learned["shipped_log_loss"]):
                raise no.raised()
            await self._retire(tx)
            return await self._set(tx, id_, ModelState.ACTIVE, by)

    async def retire(self, id_: str, by: Caller) -> RankingModel:
        """Rank with the mix that ships again."""
        async with self._db.write() as tx:
            await self._acts.claim(tx, self._clock.now())
            await self._known(tx, id_)
            return await self._set(tx, id_, ModelState.RETIRED, by)

    async def page(self, after: str | None, limit: int) -> Page[RankingModel]:
        """All learned mixes, newest first."""
        table, scope = models.ranking_model, ("ranking models",)
        async with self._db.read() as tx:
            key = (table.c.created_at, table.c.id)
            rows, more = await self._cursors.page(tx, select(table), key, scope, after, limit)
        return Page(
            items=[_model(row) for row in rows],
            next=more,
        )

    async def _known(self, tx: Tx, id_: str) -> Row[Any]:
        table = models.ranking_model
        row = (await tx.execute(select(table).where(table.c.id == id_).with_for_update())).first()
        if row is None:
            raise NotFound("there is no such ranking model", "没有该排序模型")
        return row

    async def _retire(self, tx: Tx) -> None:
        table = models.ranking_model
        await tx.execute(
            update(table)
            .where(table.c.state == ModelState.ACTIVE)
            .values(state=ModelState.RETIRED, version=table.c.version + 1, updated_at=self._clock.now())
        )

    async def _set(self, tx: Tx, id_: str, state: ModelState, by: Caller) -> RankingModel:
        table, now = models.ranking_model, self._clock.now()
        activated = {"activated_at": now} if state is ModelState.ACTIVE else {}
        values = {"state": state, "version": table.c.version + 1, "updated_at": now, **activated}
        row = (await tx.execute(update(table).where(table.c.id == id_).values(values).returning(table))).one()
        answer = await self._acts.answer(tx, _model(row))
        await self._tuning.announce(tx, id_, by)
        return answer


def _learned(said: list[tuple[str, list[float], bool]], shipped: Mix) -> tuple[dict[str, Any], str]:
    needs, signals, alike = zip(*said, strict=True)
    weights = learn(signals, alike, shipped)
    learned_loss, shipped_loss = log_losses(needs, signals, alike, shipped)
    learned = {
        "mix": dict(zip(Mix._fields, weights, strict=True)),
        "judgments": len(said),
        "needs": len(set(needs)),
        "log_loss": round(learned_loss, 6),
        "shipped_log_loss": round(shipped_loss, 6),
        "shipped_mix": shipped._asdict(),
    }
    return learned, hashlib.sha256(json.dumps([said, shipped]).encode()).hexdigest()


def _model(row: Row[Any]) -> RankingModel:
    return RankingModel(
        id=row.id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=ModelState(row.state),
        trained_on=row.trained_on,
        activated_at=row.activated_at,
        **row.learned,
    )
