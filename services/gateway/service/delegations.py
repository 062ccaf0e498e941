"""Delegations: custody (托管), and a partner's frontend that acts for many firms, each with a mandate."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, and_, insert, or_, select, update

from services.gateway import models, rules
from services.gateway.service.documents import check_named
from services.gateway.service.organizations import refuse
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.access import OrganizationType
from shared.contracts.gateway import (
    Delegation,
    DelegationDraft,
    DelegationState,
    Verification,
)
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import Forbidden, NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors


class Delegations:
    """Use cases on delegations."""

    def __init__(self, db: Database, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._acts, self._cursors, self._clock = db, acts, cursors, clock

    async def propose(self, draft: DelegationDraft, by: Caller) -> Delegation:
        """The delegate proposes to act for a principal.

        Raises: InvalidInput DG-SELF, DG-DATES, ORG-SCOPE; NotFound for an unknown principal.
        """
        now = self._clock.now()
        first = draft.from_ or legal_day(now)
        delegate_id = draft.delegate_id or by.organization_id
        if not by.may_touch(delegate_id):
            raise Forbidden("the delegate itself proposes a delegation", "委托须由受托方提出")
        refuse(rules.is_between_two(draft.principal_id, delegate_id) or rules.days_in_order(first, draft.to))
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            found = await tx.execute(
                select(models.organization.c.id, models.organization.c.type).where(
                    models.organization.c.id.in_([draft.principal_id, delegate_id])
                )
            )
            kinds = {row.id: OrganizationType(row.type) for row in found}
            for id_ in (draft.principal_id, delegate_id):
                if id_ not in kinds:
                    raise NotFound(f"there is no organization {id_}", f"没有组织 {id_}")
            await check_named(tx, draft.document_ids, by)
            refuse(rules.may_hold(frozenset(draft.scopes), rules.grantable(kinds[draft.principal_id])))
            id_ = new_id("dlg")
            await tx.execute(
                insert(models.delegation).values(
                    id=id_,
                    version=1,
                    created_at=now,
                    updated_at=now,
                    principal_id=draft.principal_id,
                    delegate_id=delegate_id,
                    scopes=sorted(set(draft.scopes)),
                    from_day=first,
                    to_day=draft.to,
                    document_ids=draft.document_ids,
                )
            )
            answer = await self._loaded(tx, id_)
            await models.feed.append(
                tx, [change("delegation.proposed", id_, draft.principal_id, now, {"delegate_id": delegate_id})]
            )
            return await self._acts.answer(tx, answer)

    async def _loaded(self, tx: Tx, id_: str) -> Delegation:
        row = (await tx.execute(select(models.delegation).where(models.delegation.c.id == id_))).one()
        return self._delegation(row)

    def _delegation(self, row: Row[Any]) -> Delegation:
        return Delegation(
            id=row.id,
            external_id=row.external_id,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            principal_id=row.principal_id,
            delegate_id=row.delegate_id,
            scopes=row.scopes,
            **{"from": row.from_day},
            to=row.to_day,
            document_ids=row.document_ids,
            state=self._state(row),
        )

    def _state(self, row: Row[Any]) -> DelegationState:
        today = legal_day(self._clock.now())
        return rules.delegation_state(row.accepted_at, row.revoked_at, row.from_day, row.to_day, today)

    async def _party(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        statement = select(models.delegation).where(models.delegation.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not (by.may_touch(row.principal_id) or by.may_touch(row.delegate_id)):
            raise NotFound("there is no such delegation", "没有该委托")
        return row

    async def get(self, id_: str, by: Caller) -> Delegation:
        """A delegation, for its two parties and the operator."""
        async with self._db.read() as tx:
            return self._delegation(await self._party(tx, id_, by, lock=False))

    async def page(self, after: str | None, limit: int, by: Caller) -> Page[Delegation]:
        """The caller's delegations on either side, newest first."""
        table = models.delegation
        condition = and_(True)
        if not by.is_operator:
            condition = or_(table.c.principal_id == by.organization_id, table.c.delegate_id == by.organization_id)
        scope = ("delegations", by.organization_id)
        async with self._db.read() as tx:
            key = (table.c.created_at, table.c.id)
            rows, more = await self._cursors.page(tx, select(table).where(condition), key, scope, after, limit)
        return Page(
            items=[self._delegation(row) for row in rows],
            next=more,
        )

    async def accept(self, id_: str, by: Caller) -> Delegation:
        """The principal accepts, or the operator finds the mandate in order."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._party(tx, id_, by, lock=True)
            is_principal = by.organization_id == row.principal_id and by.actor_id is None
            if no := rules.may_accept(self._state(row), is_principal, by.is_operator, bool(row.document_ids)):
                raise no.raised()
            return await self._move(tx, row, {"accepted_at": now, "accepted_by": by.client_id}, "delegation.accepted")

    async def revoke(self, id_: str, by: Caller) -> Delegation:
        """Either side, or the operator, ends a delegation at any time; twice is once."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._party(tx, id_, by, lock=True)
            if row.revoked_at is not None:
                return await self._acts.answer(tx, self._delegation(row))
            return await self._move(tx, row, {"revoked_at": now, "revoked_by": by.client_id}, "delegation.revoked")

    async def _move(self, tx: Tx, row: Row[Any], values: dict[str, Any], type_: str) -> Delegation:
        now = self._clock.now()
        await tx.execute(
            update(models.delegation)
            .where(models.delegation.c.id == row.id)
            .values(**values, version=row.version + 1, updated_at=now)
        )
        answer = await self._loaded(tx, row.id)
        await models.feed.append(tx, [change(type_, row.id, row.principal_id, now, {"delegate_id": row.delegate_id})])
        return await self._acts.answer(tx, answer)

    async def acting(self, who: Caller, principal_id: str) -> Caller:
        """The caller as it acts for a principal: the principal's organization, the scopes that both give.

        Raises: Forbidden, without an active delegation.
        """
        if principal_id == who.organization_id:
            return who
        today = legal_day(self._clock.now())
        table, principal = models.delegation, models.organization
        async with self._db.read() as tx:
            found = await tx.execute(
                select(
                    table.c.scopes,
                    principal.c.type,
                    principal.c.verification,
                    principal.c.is_sample,
                    principal.c.uscc,
                    principal.c.state_owned,
                )
                .join(principal, principal.c.id == table.c.principal_id)
                .where(
                    table.c.principal_id == principal_id,
                    table.c.delegate_id == who.organization_id,
                    table.c.accepted_at.is_not(None),
                    table.c.revoked_at.is_(None),
                    table.c.from_day <= today,
                    or_(table.c.to_day.is_(None), table.c.to_day >= today),
                )
            )
            rows = found.all()
        if not rows or not who.is_verified:
            raise Forbidden(
                "there is no active delegation from that organization to yours",
                "该组织没有对贵方的有效委托",
                code="no_delegation",
            )
        given = frozenset(scope for row in rows for scope in row.scopes)
        return Caller(
            client_id=who.client_id,
            organization_id=principal_id,
            organization_type=OrganizationType(rows[0].type),
            is_verified=rows[0].verification == Verification.VERIFIED,
            is_sample=rows[0].is_sample,
            scopes=who.scopes & given,
            uscc=rows[0].uscc,
            is_state_owned=rows[0].state_owned,
            actor_id=who.organization_id,
        )
