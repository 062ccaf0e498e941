"""Settlement by silence: a payee's agreement to it, and the payments that its silence has settled since.

Nothing waits for a process to be up at midnight: the last day to answer is fixed with the report, and whoever asks
first on a later day finds the payments settled, because they are settled before it is answered.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from services.licensing import models
from services.licensing.rules import payment as rules
from services.licensing.service.money import nobody
from services.licensing.service.payments import Payments
from services.licensing.service.targets import Targets
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.licensing import PaymentState, SettledBy
from shared.contracts.payments import Paged, SettlementRule, SettlementRuleDraft
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import NotFound, Problem
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

EVERY_S = 300.0


class Silence:
    """Use cases on the agreement, and the payments that have matured under it."""

    def __init__(
        self, db: Database, payments: Payments, targets: Targets, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._payments, self._targets = db, payments, targets
        self._acts, self._cursors, self._clock = acts, cursors, clock
        self._caught_up_on: date | None = None
        self._catching_up = asyncio.Lock()

    # The agreement

    async def accept(self, draft: SettlementRuleDraft, by: Caller) -> SettlementRule:
        """Agree, as payee, that silence settles what is reported with evidence from now on. Raises: PAY-RULE-STANDS."""
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.settlement_rule
        values = {
            "id": new_id("str"), "organization_id": by.organization_id, "version": 1, "created_at": now,
            "updated_at": now, "signatory": dump(draft.signatory), "document_ids": draft.document_ids,
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            stands = await models.rule_of(tx, by.organization_id) is not None
            if no := rules.agreement_follows("ACCEPTED", stands):
                raise no.raised()
            try:
                made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError:
                no = rules.agreement_follows("ACCEPTED", True)
                assert no is not None
                raise no.raised() from None
            return await self._acts.answer(tx, await self._told(tx, made, "accepted", by))

    async def revoke(self, id_: str, by: Caller) -> SettlementRule:
        """Take the agreement back for what is reported from now on. Raises: PAY-RULE-STANDS."""
        now, table = self._clock.now(), models.settlement_rule
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._row(tx, id_, by, lock=True)
            if no := rules.agreement_follows("REVOKED", row.revoked_at is None):
                raise no.raised()
            made = await models.changed(tx, table, row, now, revoked_at=now)
            return await self._acts.answer(tx, await self._told(tx, made, "revoked", by))

    async def get(self, id_: str, by: Caller) -> SettlementRule:
        """An agreement, for the payee."""
        async with self._db.read() as tx:
            return SettlementRule.model_validate(dict((await self._row(tx, id_, by, lock=False))._mapping))

    async def page(self, query: Paged, by: Caller) -> Page[SettlementRule]:
        """The caller's agreements, newest first; all of them for the operator."""
        table = models.settlement_rule
        mine = table.c.id.is_not(None) if by.is_operator else table.c.organization_id == by.organization_id
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(mine), (table.c.created_at, table.c.id), ("settlement-rules", by.organization_id),
                query.after, query.limit,
            )  # fmt: skip
            total = await tx.scalar(select(func.count()).select_from(table).where(mine)) if query.count else None
        items = [SettlementRule.model_validate(dict(row._mapping)) for row in rows]
        return Page(items=items, next=more, count=total)

    async def _row(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        statement = select(models.settlement_rule).where(models.settlement_rule.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such settlement rule", "没有该收款确认规则")
        return row

    async def _told(self, tx: Tx, row: Row[Any], past: str, by: Caller) -> SettlementRule:
        now = row.updated_at
        act = {
            "subject": row.id, "act": past, "on": legal_day(now), "at": now, "by": by.client_id,
            "organization_id": row.organization_id, "actor_id": by.actor_id, "detail": {},
        }  # fmt: skip
        await tx.execute(insert(models.act).values(act))
        await models.feed.append(tx, [change(f"settlement_rule.{past}", row.id, row.organization_id, now, {})])
        return SettlementRule.model_validate(dict(row._mapping))

    # What silence has settled

    async def watch(self) -> None:
        """Loop: settle what matured, so that the feed tells of it soon after midnight."""
        while True:
            await self.catch_up()
            await asyncio.sleep(EVERY_S)

    async def be_current(self) -> None:
        """Settle what matured, once a day: payments mature at midnight and at no other time."""
        today = legal_day(self._clock.now())
        if self._caught_up_on == today:
            return
        async with self._catching_up:
            if self._caught_up_on != today:
                try:
                    await self.catch_up()
                except Problem:
                    raise  # the database does not answer: whoever asks next tries again
                except Exception:
                    self._caught_up_on = today  # a bug of ours: the loop turns red with it, and other deals go on
                    raise
                self._caught_up_on = today

    async def catch_up(self) -> int:
        """Settle every payment on which its payee was silent for too long. Answers how many were settled."""
        table, today = models.payment, legal_day(self._clock.now())
        async with self._db.read() as tx:
            statement = select(table.c.id).where(table.c.state == PaymentState.REPORTED, table.c.answer_by < today)
            ids = (await tx.scalars(statement.order_by(table.c.answer_by, table.c.id))).all()
        return sum([await self._settle(id_) for id_ in ids])

    async def _settle(self, id_: str) -> bool:
        now, table = self._clock.now(), models.payment
        async with self._db.write() as tx:
            seen = (await tx.execute(select(table).where(table.c.id == id_))).one()
            subject = await self._payments.paid_for(tx, seen)
            row = (await tx.execute(select(table).where(table.c.id == id_))).one()  # as it is behind the lock
            if not rules.is_settled_by_silence(row.answer_by, PaymentState(row.state), legal_day(now)):
                return False
            await self._payments.settle(tx, row, subject, SettledBy.SILENCE, nobody("PAY-SILENCE"), now)
        return True
