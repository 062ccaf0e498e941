"""Deadlines of deals, read off the records; and reminders, each told once on the feed.

No state depends on a reminder, and a process that slept catches up with those whose day has not passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, and_, case, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import deadlines as rules
from services.licensing.rules import dunning, recordal
from services.licensing.rules.terms import yuan
from services.licensing.service.calendar import working_days
from services.licensing.service.licenses import next_period, overdue_items, recordal_state, unpaid_items
from services.licensing.service.policies import policies_on
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.licensing import Deadline, DeadlineKind, DeadlineQuery
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.feed import change

EVERY_S = 300.0
_AHEAD = timedelta(days=90)
_HOLIDAYS = timedelta(days=15)  # by which a period that ends on one moves at most
_HREF = {
    DeadlineKind.OFFER: "/v1/offers/{}",
    DeadlineKind.SIGNATURES: "/v1/licenses/{}",
    DeadlineKind.NOTICE_PAYMENT: "/v1/open-license-requests/{}",
    DeadlineKind.PAYMENT: "/v1/licenses/{}",
    DeadlineKind.PAYMENT_ANSWER: "/v1/payments/{}",
    DeadlineKind.DEMAND: "/v1/licenses/{}",
    DeadlineKind.RECORDAL: "/v1/licenses/{}",
    DeadlineKind.TRIAL_END: "/v1/quick-license-requests/{}",
    DeadlineKind.ROYALTY_REPORT: "/v1/licenses/{}",
    DeadlineKind.RECORDAL_CANCELLATION: "/v1/licenses/{}",
    DeadlineKind.ANNUAL_FEE: "/v1/patents/{}/annual-fees",
    DeadlineKind.GRACE_PERIOD: "/v1/licenses/{}",
}


class _Due(NamedTuple):
    kind: DeadlineKind
    subject: str
    due_on: date
    organization_id: str


class Deadlines:
    """Use cases on deadlines."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def page(self, query: DeadlineQuery, by: Caller) -> Page[Deadline]:
        """What the caller has to do, or may still do, by when: the next first."""
        today = legal_day(self._clock.now())
        async with self._db.read() as tx:
            found = await self._due(tx, today, query.until or today + _AHEAD, by.organization_id)
        shown = sorted((each for each in set(found) if query.kind in (None, each.kind)), key=_order)
        return Page(
            items=[
                Deadline(
                    kind=each.kind, due_on=each.due_on, subject=each.subject, href=_HREF[each.kind].format(each.subject)
                )
                for each in shown
            ]
        )

    async def watch(self) -> None:
        """Loop: remind of what is near."""
        while True:
            await self.remind()
            await self.dun()
            await asyncio.sleep(EVERY_S)

    async def remind(self) -> int:
        """Tell everybody, once, of each deadline that is near. Answers how many were told."""
        now = self._clock.now()
        today, table = legal_day(now), models.reminder
        async with self._db.read() as tx:
            found = await self._due(tx, today, today + timedelta(days=rules.FARTHEST), None)
        near = [each for each in set(found) if rules.is_near(each.kind, each.due_on, today)]
        if not near:
            return 0
        async with self._db.write() as tx:
            rows = [{**each._asdict(), "at": now} for each in sorted(near, key=_order)]
            told = await tx.execute(
                insert(table).values(rows).on_conflict_do_nothing().returning(*(table.c[name] for name in _Due._fields))
            )
            new = [_Due(DeadlineKind(row.kind), row.subject, row.due_on, row.organization_id) for row in told]
            changes = [
                change(
                    "deadline.approaching", each.subject, each.organization_id, now,
                    {"kind": each.kind.value, "due_on": each.due_on.isoformat(), "href": _HREF[each.kind].format(each.subject)},
                )
                for each in new
            ]  # fmt: skip
            await models.feed.append(tx, changes)
        return len(new)

    async def dun(self) -> int:
        """Tell both sides of what is overdue, once for each step of days. Answers how many were told.

        A process that slept over a step tells of the last one that was reached.
        """
        now = self._clock.now()
        today, item, license_ = legal_day(now), models.due_item, models.license_
        table = models.reminder
        async with self._db.read() as tx:
            steps = (await policies_on(tx, today)).dunning_steps
            first = today - timedelta(days=max(steps)) - _AHEAD
            ids = select(item.c.license_id).where(item.c.due_on.between(first, today - timedelta(days=1)))
            rows = (await tx.execute(select(license_).where(license_.c.id.in_(ids)))).all()
            dues = await models.dues_of(tx, [row.id for row in rows])
            paid = await models.payments_under(tx, [row.id for row in rows])
        overdue = {
            (one.id, day): (row, one)
            for row in rows
            for one in overdue_items(row, dues[row.id], paid[row.id], today)
            if one.due_on >= first and (day := dunning.step_reached(one.due_on, steps, today)) is not None
        }
        if not overdue:
            return 0
        values = [
            {"kind": "OVERDUE", "subject": item_id, "due_on": day, "organization_id": who, "at": now}
            for (item_id, day), (row, _) in sorted(overdue.items())
            for who in (row.organization_id, row.licensor_id)
        ]
        async with self._db.write() as tx:
            told = await tx.execute(
                insert(table)
                .values(values)
                .on_conflict_do_nothing()
                .returning(table.c.subject, table.c.due_on, table.c.organization_id)
            )
            changes = []
            for item_id, day, who in told:
                row, one = overdue[item_id, day]
                data = {
                    "item_id": item_id, "due_on": one.due_on.isoformat(), "open": yuan(one.fen),
                    "days": (day - one.due_on).days, "href": _HREF[DeadlineKind.PAYMENT].format(row.id),
                }  # fmt: skip
                changes.append(change("deadline.overdue", row.id, who, now, data))
            await models.feed.append(tx, changes)
        return len(changes)

    async def _due(self, tx: Tx, first: date, last: date, organization_id: str | None) -> list[_Due]:
        """All deadlines of a span of days, of one organization or of all."""
        parts = union_all(*_recorded(first, last)).subquery()
        statement = select(parts)
        if organization_id is not None:
            statement = statement.where(parts.c.organization_id == organization_id)
        found = [
            _Due(DeadlineKind(row.kind), row.subject, row.due_on, row.organization_id)
            for row in await tx.execute(statement)
        ]
        owed = await self._owed(tx, first, last, organization_id)
        return [*found, *owed, *await self._to_cancel(tx, first, last, organization_id)]

    async def _to_cancel(self, tx: Tx, first: date, last: date, organization_id: str | None) -> list[_Due]:
        """Licenses that ended early and are still on record with the office; either side takes them off."""
        table, within = models.license_, timedelta(days=recordal.CANCEL_WITHIN_DAYS)
        ended = table.c.terminated_on.between(first - within - _HOLIDAYS, last - within)
        mine = (
            []
            if organization_id is None
            else [or_(table.c.organization_id == organization_id, table.c.licensor_id == organization_id)]
        )
        rows = (await tx.execute(select(table).where(ended, *mine))).all()
        done, working = await models.acts_of(tx, [row.id for row in rows]), await working_days(tx)
        found = []
        for row in rows:
            state = recordal_state(row, done[row.id], last)
            due_on = recordal.cancellation_due_on(state, row.terminated_on, working)
            if due_on is not None and first <= due_on <= last:
                who = (row.organization_id, row.licensor_id) if organization_id is None else (organization_id,)
                found += [_Due(DeadlineKind.RECORDAL_CANCELLATION, row.id, due_on, one) for one in who]
        return found

    async def _owed(self, tx: Tx, first: date, last: date, organization_id: str | None) -> list[_Due]:
        """Payments and royalty reports of licenses: what is settled decides, and the periods that were reported."""
        license_, item = models.license_, models.due_item
        mine: list[ColumnElement[bool]] = []
        if organization_id is not None:
            mine = [license_.c.organization_id == organization_id]
        falls_due = select(item.c.license_id).where(item.c.due_on.between(first, last))
        running = and_(license_.c.effective_on.is_not(None), license_.c.terminated_on.is_(None))
        runs = and_(running, license_.c.patent_ended_on.is_(None))
        demand = models.demand
        demanded = select(demand.c.license_id).where(demand.c.pay_by.between(first, last))
        wanted = or_(license_.c.id.in_(falls_due), license_.c.id.in_(demanded), license_.c.royalty_from.is_not(None))
        rows = (await tx.execute(select(license_).where(runs, wanted, *mine))).all()
        ids = [row.id for row in rows]
        dues, paid = await models.dues_of(tx, ids), await models.payments_under(tx, ids)
        reports, demands = await models.reports_of(tx, ids), await models.demands_of(tx, ids)
        return [
            each
            for row in rows
            for each in _of_license(row, dues[row.id], paid[row.id], reports[row.id], demands[row.id], first, last)
        ]


def _of_license(
    row: Row[Any],
    dues: Sequence[Row[Any]],
    paid: Sequence[Row[Any]],
    reports: Sequence[Row[Any]],
    demands: Sequence[Row[Any]],
    first: date,
    last: date,
) -> Iterator[_Due]:
    open_ = unpaid_items(dues, paid)
    for item in open_:
        if first <= item.due_on <= last:
            yield _Due(DeadlineKind.PAYMENT, row.id, item.due_on, row.organization_id)
    for demand in demands:
        if first <= demand.pay_by <= last and any(item.id in demand.item_ids for item in open_):
            yield _Due(DeadlineKind.DEMAND, row.id, demand.pay_by, row.organization_id)
    if period := next_period(row, reports):
        due_on = period[1] + timedelta(days=rules.REPORT_WITHIN_DAYS)
        if first <= due_on <= last:
            yield _Due(DeadlineKind.ROYALTY_REPORT, row.id, due_on, row.organization_id)


def _recorded(first: date, last: date) -> list[Select[Any]]:
    """The deadlines that stand in a column: (kind, subject, last day, who has to act)."""
    offer, inquiry, license_ = models.offer.c, models.inquiry.c, models.license_.c
    request, trial, payment = models.request.c, models.quick_request.c, models.payment.c

    def part(kind: DeadlineKind, subject: Any, due_on: Any, who: Any, *where: ColumnElement[bool]) -> Select[Any]:
        found = select(
            literal(kind.value).label("kind"),
            subject.label("subject"),
            due_on.label("due_on"),
            who.label("organization_id"),
        )
        return found.where(due_on.between(first, last), *where)

    answers = case((offer.side == "LICENSEE", inquiry.licensor_id), else_=inquiry.organization_id)
    unsigned = and_(license_.effective_on.is_(None), license_.given_up_on.is_(None))
    is_filed = select(models.act.c.position).where(
        models.act.c.subject == license_.id, models.act.c.act == "recordal_filed"
    )
    held = and_(
        license_.effective_on.is_not(None), license_.terminated_on.is_(None), license_.patent_ended_on.is_(None),
        license_.until >= license_.recordal_due_on, ~is_filed.exists(),
    )  # fmt: skip
    reported = select(payment.id).where(payment.request_id == request.id, payment.state.in_(["REPORTED", "CONTESTED"]))
    declaration = models.declaration.c
    gone = select(declaration.id).where(
        declaration.id == request.declaration_id, declaration.patent_ended_on.is_not(None)
    )
    waits = and_(request.license_id.is_(None), request.cancelled_on.is_(None), ~reported.exists(), ~gone.exists())
    kinds = DeadlineKind
    found = [
        part(kinds.OFFER, offer.id, offer.valid_until, answers, offer.answer.is_(None), inquiry.id == offer.inquiry_id),
        part(kinds.PAYMENT_ANSWER, payment.id, payment.answer_by, payment.payee_id, payment.state == "REPORTED"),
        part(kinds.NOTICE_PAYMENT, request.id, request.payment_due_on, request.organization_id, waits),
        part(
            kinds.TRIAL_END, trial.id, trial.trial_ends_on, trial.organization_id, trial.converted_on.is_(None),
            license_.id == trial.license_id, license_.terminated_on.is_(None), license_.patent_ended_on.is_(None),
        ),
    ]  # fmt: skip
    for who, side in ((license_.organization_id, "LICENSEE"), (license_.licensor_id, "LICENSOR")):
        has_signed = select(models.act.c.position).where(
            models.act.c.subject == license_.id, models.act.c.act == "signed",
            models.act.c.detail["side"].astext == side,
        )  # fmt: skip
        found.append(part(kinds.SIGNATURES, license_.id, license_.sign_by, who, unsigned, ~has_signed.exists()))
        found.append(part(kinds.RECORDAL, license_.id, license_.recordal_due_on, who, held))
    return [*found, *_of_fees(part, first)]


def _of_fees(part: Callable[..., Select[Any]], today: date) -> list[Select[Any]]:
    """Annual fees of what is licensed: whoever licenses keeps the patent alive (Interpretation of 2020, Art. 26).

    In the grace period both sides are told until when the right can still be saved (rule 115).
    """
    fact, license_, declaration = models.patent_fact.c, models.license_.c, models.declaration.c
    runs = and_(
        license_.effective_on.is_not(None), license_.terminated_on.is_(None), license_.patent_ended_on.is_(None),
        license_.until >= today, license_.patent_ids.contains(array([fact.patent_id])),
    )  # fmt: skip
    is_open = and_(
        declaration.patent_id == fact.patent_id, declaration.patent_ended_on.is_(None),
        declaration.state.in_(["FILED", "ANNOUNCED", "WITHDRAWAL_FILED"]),
    )  # fmt: skip
    is_late, kinds = fact.fees_paid_until < today, DeadlineKind
    return [
        part(kinds.ANNUAL_FEE, fact.patent_id, fact.fees_paid_until, license_.licensor_id, runs),
        part(kinds.ANNUAL_FEE, fact.patent_id, fact.fees_paid_until, declaration.organization_id, is_open),
        part(kinds.GRACE_PERIOD, license_.id, fact.grace_ends_on, license_.licensor_id, runs, is_late),
        part(kinds.GRACE_PERIOD, license_.id, fact.grace_ends_on, license_.organization_id, runs, is_late),
    ]


def _order(each: _Due) -> tuple[date, str, str, str]:
    return each.due_on, each.kind.value, each.subject, each.organization_id
