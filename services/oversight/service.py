"""Oversight's use cases: orders, their lifting, appeals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.oversight import models, rules
from shared import feed
from shared.auth import Caller
from shared.clients import RegisterClient
from shared.clock import Clock, legal_day
from shared.contracts.feed import FeedPage
from shared.contracts.oversight import (
    Appeal,
    AppealDecision,
    AppealDecisionDraft,
    AppealDraft,
    AppealState,
    BasisKind,
    PartyCheck,
    PartyOrder,
    PartyOrders,
    PartyRestriction,
    RestrictionBasis,
    RestrictionDraft,
    RestrictionLifting,
    RestrictionLiftingDraft,
    RestrictionQuery,
    RestrictionState,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx, violated
from shared.errors import Conflict, InvalidInput, NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal


def _no_restriction() -> NotFound:
    return NotFound("there is no such restriction", "没有该限制")


class Oversight:
    """Everything that oversight does."""

    def __init__(self, db: Database, secret: bytes, clock: Clock, *, register: RegisterClient) -> None:
        self.db, self.clock, self._register = db, clock, register
        self.acts, self._cursors = Idempotency(models.acts, secret), Cursors(secret)

    # Orders

    async def restrict(self, draft: RestrictionDraft, by: Caller) -> PartyRestriction:
        """Order that a party makes no new deals; everybody who lets parties act hears of it.

        Raises: InvalidInput RESTRICT-BASIS, RESTRICT-DAYS; NotFound for an organization that is not there.
        """
        now = self.clock.now()
        first = draft.from_ or legal_day(now)
        _refuse(rules.rests_on_an_order(draft.basis) or rules.days_are_ahead(first, draft.until, legal_day(now)))
        await self._register.check_documents(draft.basis.document_ids, by)
        known = (await self._register.parties([draft.organization_id])).get(draft.organization_id)
        if known is None:
            raise NotFound(f"there is no organization {draft.organization_id}", f"没有组织 {draft.organization_id}")
        table = models.restriction
        values = {
            "id": new_id("res"), "organization_id": known.id, "organization_name": known.name,
            "external_id": draft.external_id, "version": 1, "created_at": now, "updated_at": now,
            "ordered_by": by.organization_id, "ordered_through": by.client_id, "kind": draft.basis.kind,
            "basis": dump(draft.basis), "reason": draft.reason, "first_day": first, "last_day": draft.until,
        }  # fmt: skip
        async with self.db.write() as tx:
            await self.acts.claim(tx, now)
            try:
                row = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError as error:
                raise _taken(error) from None
            said = PartyOrder.model_validate(_order(row))
            await models.feed.append(tx, [_fact(row, "party.restricted", now, dump(said))])
            return await self.acts.answer(tx, self._shown(row, [], by))

    async def lift(self, id_: str, said: RestrictionLiftingDraft, by: Caller) -> PartyRestriction:
        """Lift an order from this moment on. Raises: RuleRefused RESTRICT-STATE."""
        await self._register.check_documents(said.document_ids, by)
        now = self.clock.now()
        async with self.db.write() as tx:
            await self.acts.claim(tx, now)
            row = await self._locked(tx, id_)
            if no := rules.is_liftable(self._state(row)):
                raise no.raised()
            made = await self._changed(tx, row, now, **_lifted(dump(said), by, now))
            await models.feed.append(tx, [_fact(row, "party.restriction_lifted", now, {})])
            return await self.acts.answer(tx, await self._loaded(tx, made, by))

    async def _changed(self, tx: Tx, row: Row[Any], now: datetime, **values: Any) -> Row[Any]:
        table = models.restriction
        values |= {"version": table.c.version + 1, "updated_at": now}
        statement = update(table).where(table.c.id == row.id).values(values).returning(table)
        made: Row[Any] = (await tx.execute(statement)).one()
        return made

    # Reading

    async def get(self, id_: str, by: Caller) -> PartyRestriction:
        """An order, for its party, the operator and the regulator."""
        async with self.db.read() as tx:
            return await self._loaded(tx, await self._visible(tx, id_, by), by)

    async def _visible(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.restriction).where(models.restriction.c.id == id_))).first()
        if row is None or not (by.is_overseer or by.may_touch(row.organization_id)):
            raise _no_restriction()
        return row

    async def _locked(self, tx: Tx, id_: str) -> Row[Any]:
        statement = select(models.restriction).where(models.restriction.c.id == id_).with_for_update()
        if (row := (await tx.execute(statement)).first()) is None:
            raise _no_restriction()
        return row

    async def page(self, query: RestrictionQuery, by: Caller) -> Page[PartyRestriction]:
        """Orders that the caller may see, newest first."""
        table = models.restriction
        found = [] if by.is_overseer else [table.c.organization_id == by.organization_id]
        if query.organization_id:
            found.append(table.c.organization_id == query.organization_id)
        if query.state:
            found.append(_is_in(query.state, legal_day(self.clock.now())))
        if query.basis:
            found.append(table.c.kind == query.basis)
        if query.external_id:  # ids are each organization's own
            found.append(and_(table.c.external_id == query.external_id, table.c.ordered_by == by.organization_id))
        condition = and_(True, *found)
        scope = ("restrictions", by.organization_id, by.is_overseer, query.model_dump_json(exclude={"after", "limit"}))
        async with self.db.read() as tx:
            key = (table.c.created_at, table.c.id)
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), key, scope, query.after, query.limit
            )
            appeals = await models.appeals_of(tx, [row.id for row in rows])
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=[self._shown(row, appeals[row.id], by) for row in rows], next=more, count=total)

    async def _loaded(self, tx: Tx, row: Row[Any], by: Caller) -> PartyRestriction:
        return self._shown(row, (await models.appeals_of(tx, [row.id]))[row.id], by)

    def _state(self, row: Row[Any]) -> RestrictionState:
        return rules.state_on(row.first_day, row.last_day, row.lifted_at is not None, legal_day(self.clock.now()))

    def _shown(self, row: Row[Any], appeals: Sequence[Row[Any]], by: Caller) -> PartyRestriction:
        return PartyRestriction(
            id=row.id,
            external_id=row.external_id if by.organization_id == row.ordered_by else None,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            basis=RestrictionBasis.model_validate(row.basis),
            reason=row.reason,
            **{"from": row.first_day},
            until=row.last_day,
            state=self._state(row),
            lifting=RestrictionLifting(at=row.lifted_at, **row.lifting) if row.lifting else None,
            appeals=[_appeal(one) for one in appeals],
        )

    async def standing(self, query: PartyCheck) -> PartyOrders:
        """The orders that stand today against some parties."""
        table, today = models.restriction, legal_day(self.clock.now())
        stands = and_(table.c.organization_id.in_(query.organization_ids), _is_in(RestrictionState.ACTIVE, today))
        async with self.db.read() as tx:
            rows = await tx.execute(select(table).where(stands).order_by(table.c.created_at, table.c.id))
            return PartyOrders(items=[PartyOrder.model_validate(_order(row)) for row in rows])

    # Appeals

    async def appeal(self, id_: str, draft: AppealDraft, by: Caller) -> Appeal:
        """The restricted party appeals against an order. Raises: RuleRefused RESTRICT-APPEAL."""
        await self._register.check_documents(draft.document_ids, by)
        now, table = self.clock.now(), models.appeal
        async with self.db.write() as tx:
            await self.acts.claim(tx, now)
            row = await self._locked(tx, id_)
            if row.organization_id != by.organization_id:  # the operator decides appeals, and makes none
                raise _no_restriction()
            made_before = (await models.appeals_of(tx, [id_]))[id_]
            if no := rules.may_be_appealed(self._state(row), any(one.decided_at is None for one in made_before)):
                raise no.raised()
            values = {
                "id": new_id("apl"), "restriction_id": id_, "grounds": draft.grounds,
                "document_ids": draft.document_ids, "at": now, "by": by.client_id,
            }  # fmt: skip
            made = (await tx.execute(insert(table).values(values).returning(table))).one()
            await self._changed(tx, row, now)
            told = _fact(row, "party.restriction_appealed", now, {"appeal_id": made.id})
            await models.feed.append(tx, [told])
            return await self.acts.answer(tx, _appeal(made))

    async def appeals(self, id_: str, by: Caller) -> Page[Appeal]:
        """The appeals against an order, oldest first, for whoever may read it."""
        async with self.db.read() as tx:
            await self._visible(tx, id_, by)
            return Page(items=[_appeal(one) for one in (await models.appeals_of(tx, [id_]))[id_]])

    async def decide(self, id_: str, appeal_id: str, said: AppealDecisionDraft, by: Caller) -> Appeal:
        """Decide an appeal; an upheld one lifts the order, if it stands. Raises: RuleRefused RESTRICT-DECIDED."""
        await self._register.check_documents(said.document_ids, by)
        now, table = self.clock.now(), models.appeal
        async with self.db.write() as tx:
            await self.acts.claim(tx, now)
            row = await self._locked(tx, id_)
            appeals = (await models.appeals_of(tx, [id_]))[id_]
            found = next((one for one in appeals if one.id == appeal_id), None)
            if found is None:
                raise NotFound("there is no such appeal", "没有该申诉")
            if no := rules.is_undecided(found.decided_at is not None):
                raise no.raised()
            decided = {"decided_at": now, "decided_by": by.client_id, "decision": dump(said)}
            statement = update(table).where(table.c.id == appeal_id).values(decided).returning(table)
            made = (await tx.execute(statement)).one()
            told = [_fact(row, "party.appeal_decided", now, {"appeal_id": appeal_id, "outcome": said.outcome})]
            lifting: dict[str, Any] = {}
            if said.outcome == "UPHELD" and rules.is_liftable(self._state(row)) is None:
                lifting = _lifted({"reason": said.reason, "document_ids": said.document_ids}, by, now)
                told.append(_fact(row, "party.restriction_lifted", now, {}))
            await self._changed(tx, row, now, **lifting)
            await models.feed.append(tx, told)
            return await self.acts.answer(tx, _appeal(made))

    # The feed

    async def changes(self, after: int, limit: int, wait_s: float, types: Sequence[str] | None) -> FeedPage:
        """Our feed, for other services."""
        return await models.feed.page(self.db, after, limit, wait_s, types)

    async def listen(self) -> None:
        """Loop: wake readers of the feed."""
        await models.feed.listen(self.db)

    async def tidy(self) -> None:
        """Loop: forget what retention has ended."""
        await feed.tidy(self.db, models.feed, self.acts.forget, self.clock)


def _refuse(no: Refusal | None) -> None:
    if no:
        raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))


def _taken(error: IntegrityError) -> Conflict:
    if "external_id" in violated(error):
        return Conflict("another of yours has this external_id", "该 external_id 已被使用", code="external_id_taken")
    raise error


def _order(row: Row[Any]) -> dict[str, Any]:
    """What everybody may know of an order."""
    return {
        "id": row.id, "organization_id": row.organization_id, "kind": BasisKind(row.kind), "from": row.first_day,
        "until": row.last_day,
    }  # fmt: skip


def _lifted(said: dict[str, Any], by: Caller, now: datetime) -> dict[str, Any]:
    return {"lifted_at": now, "lifted_through": by.client_id, "lifting": said}


def _fact(row: Row[Any], past: str, now: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """The feed says whom an order concerns and when; why, only who may read the order reads."""
    return change(past, row.id, row.organization_id, now, {"organization_id": row.organization_id, **data})


def _appeal(row: Row[Any]) -> Appeal:
    said = row.decision
    return Appeal(
        id=row.id,
        grounds=row.grounds,
        document_ids=row.document_ids,
        at=row.at,
        state=AppealState(said["outcome"]) if said else AppealState.PENDING,
        decision=AppealDecision(at=row.decided_at, **said) if said else None,
    )


def _is_in(state: RestrictionState, today: date) -> ColumnElement[bool]:
    """`state_on`, in SQL."""
    table = models.restriction
    if state is RestrictionState.LIFTED:
        return table.c.lifted_at.is_not(None)
    stands = table.c.lifted_at.is_(None)
    if state is RestrictionState.SCHEDULED:
        return and_(stands, table.c.first_day > today)
    if state is RestrictionState.EXPIRED:
        return and_(stands, table.c.last_day < today)
    return and_(stands, table.c.first_day <= today, or_(table.c.last_day.is_(None), table.c.last_day >= today))
