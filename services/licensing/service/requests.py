"""Requests: the written notice under an open license, its payments, and the license that they make."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import declaration as declaration_rules
from services.licensing.rules import notice, parties, payment, periods, recordal, terms
from services.licensing.rules.notice import Notice, Paid
from services.licensing.rules.periods import WorkingDays
from services.licensing.service import agency
from services.licensing.service.calendar import working_days
from services.licensing.service.declarations import Declarations, no_declaration, offered, party_of, taken
from services.licensing.service.licenses import Licenses, before_end, ended_on, never_was, recordal_state, sides
from services.licensing.service.money import all_shown, kept_fen, money, nobody
from services.licensing.service.targets import Targets
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Act, Holder
from shared.contracts.licensing import (
    AvailableAct,
    Hold,
    LicenseRequest,
    NoticeDelivery,
    NoticeDraft,
    Payment,
    PaymentState,
    Recordal,
    RecordalState,
    RequestQuery,
    RequestState,
    Terms,
)
from shared.contracts.oversight import PartyOrder
from shared.contracts.wire import Page
from shared.db import Database, Tx, insert_last
from shared.errors import NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal
from shared.together import Together


def no_request() -> NotFound:
    """For an unknown id, and for strangers."""
    return NotFound("there is no such request", "没有该许可请求")


class Requests:
    """Use cases on requests and their payments."""

    def __init__(
        self,
        db: Database,
        targets: Targets,
        declarations: Declarations,
        licenses: Licenses,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._db, self._targets, self._declarations, self._licenses = db, targets, declarations, licenses
        self._acts, self._cursors, self._clock = acts, cursors, clock
        self._days = Together(self._calendar, trips=1)

    async def _calendar(self, keys: list[None]) -> Mapping[None, WorkingDays]:
        async with self._db.read() as tx:
            return dict.fromkeys(keys, await working_days(tx))

    # The notice

    async def notify(self, draft: NoticeDraft, by: Caller) -> LicenseRequest:
        """Give written notice under an announced declaration; from now on the terms never change for it.

        It reaches the patentee when it enters the platform (Civil Code Art. 137). Where nothing is due beforehand the
        license is in force with it.
        Raises: NotFound; RuleRefused OL-NOT-OPEN, OL-PATENT-GONE, SELF-DEALING, DUAL-AGENCY, SAMPLE-DEALS,
        PARTY-RESTRICTED.
        """
        patent_id, licensor_id = await self._declarations.patent_of(draft.declaration_id, by)
        target, orders, days = await asyncio.gather(
            self._targets.of(patent_id, Act.OPEN_LICENSE),
            self._targets.orders((by.organization_id, by.actor_id, licensor_id)),
            self._days.get(None),
        )
        assert days is not None, "there is one calendar"
        gone = [no.rule for no in target.violations if no.severity == "BLOCK" and no.rule in notice.GONE]
        now = self._clock.now()
        today, table = legal_day(now), models.declaration
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            # A withdrawal that is being announced waits until the notice is in, or is in before it.
            row = (await tx.execute(models.by_id(table, "share"), {"id": draft.declaration_id})).first()
            if row is None:
                raise no_declaration()
            licensor = parties.Party(row.organization_id, row.keeper_uscc, row.is_sample)
            holders = [Holder.model_validate(holder) for holder in row.patent["holders"]]
            for no in (
                declaration_rules.is_open(self._declarations.state(row)),
                notice.patent_stands(gone),
                parties.sides_differ(licensor, holders, party_of(by)),
                await agency.against(tx, [row.id], row.organization_id, by.organization_id, by),
                parties.sample_deals_stay_apart(row.is_sample, party_of(by)),
                parties.nobody_is_restricted(orders, by.organization_id),
            ):
                if no:
                    raise no.raised()
            said = Terms.model_validate(row.terms)
            first = said.installments[0].amount if said.installments else None
            due_on = periods.ends_after_days(today, said.payment_within_days, days)
            values = {
                "id": new_id("olr"), "organization_id": by.organization_id, "external_id": draft.external_id,
                "version": 1, "created_at": now, "updated_at": now, "declaration_id": row.id,
                "patent_id": row.patent_id, "licensor_id": row.organization_id, "intended_use": draft.intended_use,
                "terms": row.terms, "terms_hash": row.terms_hash, "due_fen": terms.due_fen(said.fee, first),
                "delivered_at": now, "is_sample": row.is_sample,
                "payment_due_on": min(due_on, row.expiry_date or due_on),
            }  # fmt: skip
            try:
                made = (await tx.execute(models.new(models.request), values)).one()
            except IntegrityError as error:
                raise taken(error) from None
            data = {"declaration_id": row.id, "patent_id": row.patent_id, "terms_hash": row.terms_hash}
            await self._tell(tx, made, "notified", today, by, now, data)
            if made.due_fen:
                return await self._acts.answer(tx, self._shown(made, None, (), (), None, (), (), by))
            return await self._acts.answer(tx, await self._loaded(tx, await self.take_effect(tx, made, by, now), by))

    async def take_effect(self, tx: Tx, row: Row[Any], by: Caller, now: datetime) -> Row[Any]:
        """Enter the license once notice and payments have made one."""
        if row.license_id is not None or row.cancelled_on is not None:
            return row
        paid = (await models.payments_of(tx, [row.id]))[row.id]
        # Locked, against the news that its patent has ended: either it waits for this license, or this waits for it.
        declared = (await tx.execute(models.by_id(models.declaration, "share"), {"id": row.declaration_id})).one()
        on = notice.effective_on(_notice(row, None, declared.patent_ended_on), _paid(paid))
        if on is None:
            return row
        license_id = await self._licenses.begin(tx, row, declared, on, by, now)
        return await models.changed(tx, models.request, row, now, license_id=license_id)

    async def reconsider(self, tx: Tx, declaration_ids: Sequence[str], now: datetime) -> None:
        """What was paid for a patent that seemed gone is a license after all, when that turns out otherwise."""
        table = models.request
        waiting = select(table).where(
            table.c.declaration_id.in_(declaration_ids), table.c.license_id.is_(None), table.c.cancelled_on.is_(None)
        )
        for row in (await tx.execute(waiting.order_by(table.c.id).with_for_update())).all() if declaration_ids else ():
            await self.take_effect(tx, row, nobody("catalog"), now)

    async def _tell(
        self, tx: Tx, row: Row[Any], past: str, on: date, by: Caller, now: datetime, data: dict[str, Any]
    ) -> None:
        act = {
            "subject": row.id, "act": past, "on": on, "at": now, "by": by.client_id, "detail": data,
            "organization_id": by.organization_id, "actor_id": by.actor_id,
        }  # fmt: skip
        insert_last(tx, models.act, [act])
        told = [
            change(f"request.{past}", row.id, audience, now, data)
            for audience in (row.organization_id, row.licensor_id)
        ]
        await models.feed.append(tx, told)

    # Reading

    async def get(self, id_: str, by: Caller) -> LicenseRequest:
        """A request, for its two sides; one that is held for the regulator too."""
        async with self._db.read() as tx:
            row = (
                await tx.execute(select(models.request).where(models.request.c.id == id_, self._seen_by(by)))
            ).first()
            if row is None:
                raise no_request()
            return await self._loaded(tx, row, by)

    def _seen_by(self, by: Caller) -> ColumnElement[bool]:
        own = sides(models.request, None, by)
        return or_(own, _is_held(legal_day(self._clock.now()))) if by.is_overseer else own

    async def visible(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        statement = models.by_id(models.request, "update" if lock else None)
        row: Row[Any] | None = (await tx.execute(statement, {"id": id_})).first()
        if row is None or not (by.may_touch(row.organization_id) or by.may_touch(row.licensor_id)):
            raise no_request()
        return row

    async def page(self, query: RequestQuery, by: Caller) -> Page[LicenseRequest]:
        """The caller's requests, given or received, and for the regulator those that are held; newest first."""
        table = models.request
        found = [self._seen_by(by) if query.side is None else sides(table, query.side, by)]
        if query.held is not None:
            found.append(_is_held(legal_day(self._clock.now())).is_(query.held))
        if query.declaration_id:
            found.append(table.c.declaration_id == query.declaration_id)
        if query.external_id:
            found.append(and_(table.c.external_id == query.external_id, table.c.organization_id == by.organization_id))
        condition = and_(*found)
        scope = ("requests", by.organization_id, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope, query.after, query.limit
            )
            items = await self._loaded_all(tx, rows, by)
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=items, next=more, count=total)

    async def _loaded(self, tx: Tx, row: Row[Any], by: Caller) -> LicenseRequest:
        return (await self._loaded_all(tx, [row], by))[0]

    async def _loaded_all(self, tx: Tx, rows: Sequence[Row[Any]], by: Caller) -> list[LicenseRequest]:
        """Requests with their payments and licenses, in as many statements as one of them takes."""
        paid, table = await models.payments_of(tx, [row.id for row in rows]), models.license_
        held = [row.license_id for row in rows if row.license_id is not None]
        found = await tx.execute(select(table).where(table.c.id.in_(held))) if held else ()
        licenses = {row.id: row for row in found}
        done = await models.acts_of(tx, held) if held else {}
        told = await all_shown(tx, [one for row in rows for one in paid[row.id]], by)
        by_request = {row.id: [one for one in told if one.request_id == row.id] for row in rows}
        parties_ = {id_ for row in rows for id_ in (row.organization_id, row.licensor_id)}
        orders = await models.orders.known(tx, parties_, legal_day(self._clock.now()))
        ended = await self._patents_ended(tx, rows)
        return [
            self._shown(
                row,
                ended.get(row.declaration_id),
                paid[row.id],
                by_request[row.id],
                licenses.get(row.license_id),
                done.get(row.license_id, ()),
                orders,
                by,
            )
            for row in rows
        ]

    async def _patents_ended(self, tx: Tx, rows: Sequence[Row[Any]]) -> dict[str, date]:
        """From when on the patents of notices without a license are gone, by declaration."""
        table, open_ = models.declaration, {row.declaration_id for row in rows if row.license_id is None}
        statement = select(table.c.id, table.c.patent_ended_on).where(
            table.c.id.in_(open_), table.c.patent_ended_on.is_not(None)
        )
        return {row.id: row.patent_ended_on for row in await tx.execute(statement)} if open_ else {}

    def _shown(
        self,
        row: Row[Any],
        patent_ended_on: date | None,
        paid: Sequence[Row[Any]],
        told: Sequence[Payment],
        license_: Row[Any] | None,
        done: Sequence[Row[Any]],
        orders: Sequence[PartyOrder],
        by: Caller,
    ) -> LicenseRequest:
        today = legal_day(self._clock.now())
        given, payments = _notice(row, license_, patent_ended_on), _paid(paid)
        state = notice.state_on(given, payments, today)
        return LicenseRequest(
            **{
                name: row._mapping[name]
                for name in (
                    "id", "version", "created_at", "updated_at", "organization_id", "declaration_id",
                    "patent_id", "licensor_id", "intended_use", "terms_hash", "payment_due_on", "license_id",
                )
            },
            external_id=row.external_id if by.may_touch(row.organization_id) else None,
            terms_snapshot=Terms.model_validate(row.terms),
            due=money(row.due_fen),
            settled=money(notice.settled_fen(payments)),
            refundable=money(notice.refundable_fen(given, payments, today)),
            refunded=money(sum(one.refunded_fen for one in paid)),
            delivery=NoticeDelivery(channel="PLATFORM", delivered_at=row.delivered_at),
            effective_at=license_.effective_on if license_ else None,
            recordal_due_on=license_.recordal_due_on if license_ else None,
            recordal_state=recordal_state(license_, done, today) if license_ else RecordalState.NOT_DUE,
            holds=_holds(row, state, orders, by),
            state=state,
            payments=list(told),
            sample=row.is_sample,
            available_acts=_available(row, state, by, _not_recordable(license_, done, today)),
        )  # fmt: skip

    async def cancel(self, id_: str, by: Caller) -> LicenseRequest:
        """Take a notice back, before anything is paid. Raises: RuleRefused OL-CANCEL."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self.visible(tx, id_, by, lock=True)
            if not by.may_touch(row.organization_id):
                raise no_request()
            if no := notice.may_cancel(await self.state(tx, row)):
                raise no.raised()
            made = await models.changed(tx, models.request, row, now, cancelled_on=legal_day(now))
            await self._tell(tx, made, "cancelled", legal_day(now), by, now, {})
            return await self._acts.answer(tx, await self._loaded(tx, made, by))

    async def state(self, tx: Tx, row: Row[Any]) -> RequestState:
        """What has become of a notice by now."""
        paid = (await models.payments_of(tx, [row.id]))[row.id]
        return notice.state_on(await self.notice_of(tx, row), _paid(paid), legal_day(self._clock.now()))

    async def notice_of(self, tx: Tx, row: Row[Any]) -> Notice:
        """A notice as the rules see it."""
        table, license_ = models.license_, None
        if row.license_id is not None:
            license_ = (await tx.execute(select(table).where(table.c.id == row.license_id))).one()
        return _notice(row, license_, (await self._patents_ended(tx, [row])).get(row.declaration_id))

    async def record(self, id_: str, step: Recordal, by: Caller) -> LicenseRequest:
        """A step of the recordal of the license that the request became. Raises: RuleRefused REC-STATE."""
        await self._targets.check_documents(step.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self.visible(tx, id_, by, lock=False)
            if row.license_id is None:
                raise recordal.nothing_to_record().raised()
            await self._licenses.recorded(tx, row.license_id, step, by, now)
            return await self._acts.answer(tx, await self._loaded(tx, row, by))


def _notice(row: Row[Any], license_: Row[Any] | None, patent_ended_on: date | None) -> Notice:
    gone_on = patent_ended_on if row.license_id is None else None
    if license_ is not None and never_was(license_):
        gone_on = license_.patent_ended_on
    return Notice(
        delivered_on=legal_day(row.delivered_at),
        due_fen=row.due_fen,
        payment_due_on=row.payment_due_on,
        cancelled_on=row.cancelled_on,
        license_until=before_end(license_) if license_ is not None else None,
        terminated_on=license_.terminated_on if license_ is not None else None,
        patent_until=gone_on - timedelta(days=1) if gone_on is not None else None,
    )


def _paid(rows: Sequence[Row[Any]]) -> list[Paid]:
    return [Paid(kept_fen(row), row.paid_on, PaymentState(row.state)) for row in rows]


def refundable(given: Notice, paid: Sequence[Row[Any]], payment_id: str, fen: int, today: date) -> tuple[int, bool]:
    """What nobody owes of all payments to a notice, and whether the license rests on what would be returned of one."""
    before = _paid(paid)
    after = [
        Paid(one.fen - (fen if of.id == payment_id else 0), one.paid_on, one.state)
        for of, one in zip(paid, before, strict=True)
    ]
    moved = notice.effective_on(given, before) != notice.effective_on(given, after)
    return notice.refundable_fen(given, before, today), moved


_HELD = (RequestState.NOTIFIED, RequestState.PAYMENT_REPORTED, RequestState.EFFECTIVE)


def _holds(row: Row[Any], state: RequestState, orders: Sequence[PartyOrder], by: Caller) -> list[Hold]:
    """The orders against its parties, each told to whom it concerns and to whoever watches over them."""
    if state not in _HELD:
        return []
    found, language = [], context.language.get()
    for order in orders:
        if order.organization_id in (row.organization_id, row.licensor_id):
            may_know = by.is_overseer or by.organization_id == order.organization_id
            reason = parties.held(order, may_know).spoken(language)
            appeal = f"/v1/party-restrictions/{order.id}/appeals" if may_know else None
            found.append(Hold(kind="PARTY_RESTRICTED", reason=reason, appeal=appeal))
    return found


def _is_held(today: date) -> ColumnElement[bool]:
    table, order = models.request, models.orders.table
    concerned = order.c.organization_id.in_((table.c.organization_id, table.c.licensor_id))
    return select(order.c.id).where(concerned, models.orders.stands(today)).exists()


def _not_recordable(license_: Row[Any] | None, done: Sequence[Row[Any]], today: date) -> Refusal | None:
    if license_ is None:
        return recordal.nothing_to_record()
    if recordal_state(license_, done, today) not in recordal.TO_BE_FILED:
        return None
    return recordal.license_runs("FILED", today, ended_on(license_, today))


def _available(row: Row[Any], state: RequestState, by: Caller, not_recordable: Refusal | None) -> list[AvailableAct]:
    root = f"/v1/open-license-requests/{row.id}"
    found = []
    if by.may_touch(row.organization_id):
        found = [
            offered("payments", f"{root}/payments", payment.request_takes_money(state)),
            offered("cancellation", f"{root}/cancellation", notice.may_cancel(state)),
        ]
    return [*found, offered("recordal", f"{root}/recordal", not_recordable)]
