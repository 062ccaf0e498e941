"""Payments and royalty reports: told by the payer, found or contested by the payee, counted when settled."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from services.licensing import models
from services.licensing.rules import payment as rules
from services.licensing.rules import periods, royalty, schedule, terms
from services.licensing.rules.payment import PaymentAct
from services.licensing.rules.royalty import ReportAct
from services.licensing.service import ledger
from services.licensing.service.calendar import working_days
from services.licensing.service.declarations import offered
from services.licensing.service.licenses import Licenses, next_period, no_license, terms_of
from services.licensing.service.money import money, shown, tell
from services.licensing.service.requests import Requests
from services.licensing.service.targets import Targets
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.licensing import (
    Confirmation,
    Contest,
    LicensePaymentDraft,
    Payment,
    PaymentState,
    ReportContest,
    ReportState,
    Resolution,
    RoyaltyReport,
    RoyaltyReportDraft,
    Terms,
)
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.idempotency import Idempotency
from shared.ids import new_id


def _no_payment() -> NotFound:
    return NotFound("there is no such payment", "没有该付款")


def _no_report() -> NotFound:
    return NotFound("there is no such royalty report", "没有该提成报告")


class Payments:
    """Use cases on payments and royalty reports."""

    def __init__(
        self, db: Database, targets: Targets, requests: Requests, licenses: Licenses, acts: Idempotency, clock: Clock
    ) -> None:
        self._db, self._targets, self._requests, self._licenses = db, targets, requests, licenses
        self._acts, self._clock = acts, clock

    # Payments

    async def get(self, id_: str, by: Caller) -> Payment:
        """A payment, for payer and payee."""
        async with self._db.read() as tx:
            return shown(await self._row(tx, id_, by), by)

    async def _row(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.payment).where(models.payment.c.id == id_))).first()
        if row is None or not (by.may_touch(row.organization_id) or by.may_touch(row.payee_id)):
            raise _no_payment()
        return row

    async def report(self, id_: str, draft: LicensePaymentDraft, by: Caller) -> Payment:
        """Report a payment under a license; it counts once the payee has confirmed it.

        Raises: RuleRefused PAY-LICENSE, PAY-ITEM, PAY-DAY, PAY-TWICE, PAY-AMOUNT.
        """
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.payment
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._licenses.visible(tx, id_, by, lock=True)
            if not by.may_touch(row.organization_id):
                raise no_license()
            known = await tx.scalar(
                select(table.c.id).where(table.c.license_id == id_, table.c.reference == draft.reference)
            )
            items = [item.id for item in (await models.dues_of(tx, [id_]))[id_]]
            for no in (
                rules.is_reported_once(known),
                schedule.license_takes_money(row.effective_on is not None),
                schedule.item_is_open(draft.item_id, items),
                rules.is_money(terms.fen(draft.amount.amount)),
                rules.is_paid_in_time(draft.paid_on, draft.paid_on, legal_day(now)),
            ):
                if no:
                    raise no.raised()
            values = {
                "id": new_id("pay"), "organization_id": row.organization_id, "payee_id": row.licensor_id, "version": 1,
                "created_at": now, "updated_at": now, "license_id": id_, "item_id": draft.item_id,
                "fen": terms.fen(draft.amount.amount), "paid_on": draft.paid_on, "reference": draft.reference,
                "document_ids": draft.document_ids, "state": PaymentState.REPORTED,
            }  # fmt: skip
            made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            await models.changed(tx, models.license_, row, now)
            await tell(tx, made, "reported", by, now, {})
            return await self._acts.answer(tx, shown(made, by))

    async def confirm(self, id_: str, said: Confirmation, by: Caller) -> Payment:
        """The payee, or the operator, has found the money: what the law gives for it is given in the same moment."""
        return await self._clear(id_, PaymentAct.CONFIRMATION, PaymentState.SETTLED, None, said.document_ids, by)

    async def contest(self, id_: str, said: Contest, by: Caller) -> Payment:
        """The payee has not found the money. It contests a fact; a license it can neither approve nor refuse."""
        return await self._clear(id_, PaymentAct.CONTEST, PaymentState.CONTESTED, said.reason, said.document_ids, by)

    async def resolve(self, id_: str, said: Resolution, by: Caller) -> Payment:
        """The operator finds whether a contested payment has arrived."""
        state = PaymentState.NOT_RECEIVED if said.outcome == "UPHELD" else PaymentState.SETTLED
        return await self._clear(id_, PaymentAct.RESOLUTION, state, said.reason, said.document_ids, by)

    async def _clear(
        self, id_: str, step: PaymentAct, state: PaymentState, reason: str | None, document_ids: list[str], by: Caller
    ) -> Payment:
        await self._targets.check_documents(document_ids, by)
        now, table = self._clock.now(), models.payment
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            seen = await self._row(tx, id_, by)
            if not by.may_touch(seen.payee_id):
                raise _no_payment()
            # What is paid is locked first, so that two payments settled in one moment make one license.
            if seen.request_id is not None:
                paid_for = await self._requests.visible(tx, seen.request_id, by, lock=True)
            else:
                paid_for = await self._licenses.visible(tx, seen.license_id, by, lock=True)
            row = await self._row(tx, id_, by)
            if no := rules.act_is_open(step, PaymentState(row.state)):
                raise no.raised()
            made = await models.changed(tx, table, row, now, state=state, reason=reason)
            await tell(tx, made, state.value.lower(), by, now, {"reason": reason} if reason else {})
            if state is PaymentState.SETTLED:
                await ledger.settled(tx, made, seen.request_id or ledger.deal_of(paid_for), now)
            if seen.request_id is not None:
                await self._requests.take_effect(tx, await models.changed(tx, models.request, paid_for, now), by, now)
            else:
                await models.changed(tx, models.license_, paid_for, now)
            return await self._acts.answer(tx, shown(made, by))

    # Royalty reports

    async def report_royalty(self, id_: str, draft: RoyaltyReportDraft, by: Caller) -> RoyaltyReport:
        """Report what the next period came to; what it costs follows from the agreed rates, and is due from today.

        Raises: RuleRefused ROY-PERIOD.
        """
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.royalty_report
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._licenses.visible(tx, id_, by, lock=True)
            if not by.may_touch(row.organization_id):
                raise no_license()
            agreed, counted = terms_of(row), (await models.reports_of(tx, [id_]))[id_]
            period = next_period(row, counted)
            if no := schedule.period_is_over(period, today):
                raise no.raised()
            assert period is not None
            base = terms.fen(draft.base.amount)
            rates = royalty.rates_of(agreed.fee, None if isinstance(agreed, Terms) else agreed.royalty)
            due = royalty.royalty_fen(
                rates, base, sum(one.base_fen for one in counted), sum(one.royalty_fen for one in counted)
            )
            due_on = periods.ends_after_days(today, agreed.payment_within_days, working_days())
            item_id = await self._item(tx, id_, period[0], due, due_on)
            values = {
                "id": new_id("roy"), "organization_id": row.organization_id, "version": 1, "created_at": now,
                "updated_at": now, "license_id": id_, "first_day": period[0], "last_day": period[1], "base_fen": base,
                "royalty_fen": due, "item_id": item_id, "note": draft.note, "document_ids": draft.document_ids,
                "state": ReportState.REPORTED,
            }  # fmt: skip
            made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            await models.changed(tx, models.license_, row, now)
            data = {"royalty": terms.yuan(due), "first_day": period[0].isoformat(), "last_day": period[1].isoformat()}
            await self._licenses.tell(tx, row, "royalty_reported", today, by, now, {**data, "report_id": made.id})
            return await self._acts.answer(tx, _report(made, row, due_on, by))

    async def _item(self, tx: Tx, license_id: str, first_day: date, fen: int, due_on: date) -> str:
        """The item of a report in the schedule; a report that takes the place of a contested one keeps its item."""
        table, item = models.royalty_report, models.due_item
        known: str | None = await tx.scalar(
            select(table.c.item_id).where(table.c.license_id == license_id, table.c.first_day == first_day).limit(1)
        )
        if known is not None:
            await tx.execute(update(item).where(item.c.id == known).values(fen=fen, due_on=due_on))
            return known
        id_ = new_id("due")
        await tx.execute(insert(item).values(id=id_, license_id=license_id, kind="ROYALTY", fen=fen, due_on=due_on))
        return id_

    async def royalty_reports(self, id_: str, by: Caller) -> Page[RoyaltyReport]:
        """The royalty reports under a license, contested ones too, in the order of their periods."""
        table, item = models.royalty_report, models.due_item
        async with self._db.read() as tx:
            row = await self._licenses.visible(tx, id_, by, lock=False)
            found = await tx.execute(
                select(table, item.c.due_on)
                .join(item, item.c.id == table.c.item_id)
                .where(table.c.license_id == id_)
                .order_by(table.c.first_day, table.c.created_at)
            )
            return Page(items=[_report(one, row, one.due_on, by) for one in found])

    async def royalty_report(self, id_: str, by: Caller) -> RoyaltyReport:
        """A royalty report, for both sides of its license."""
        table, item = models.royalty_report, models.due_item
        async with self._db.read() as tx:
            statement = select(table, item.c.due_on).join(item, item.c.id == table.c.item_id).where(table.c.id == id_)
            one = (await tx.execute(statement)).first()
            if one is None:
                raise _no_report()
            try:
                row = await self._licenses.visible(tx, one.license_id, by, lock=False)
            except NotFound:
                raise _no_report() from None
            return _report(one, row, one.due_on, by)

    async def verify_report(self, id_: str, by: Caller) -> RoyaltyReport:
        """The licensor finds a report right. Raises: RuleRefused ROY-STATE."""
        return await self._judge(id_, ReportAct.VERIFICATION, ReportState.VERIFIED, None, by)

    async def contest_report(self, id_: str, said: ReportContest, by: Caller) -> RoyaltyReport:
        """The licensor does not find a report right; the licensee sends it anew. Raises: RuleRefused ROY-STATE."""
        await self._targets.check_documents(said.document_ids, by)
        return await self._judge(id_, ReportAct.CONTEST, ReportState.CONTESTED, said.reason, by)

    async def _judge(
        self, id_: str, step: ReportAct, state: ReportState, reason: str | None, by: Caller
    ) -> RoyaltyReport:
        now, table, item = self._clock.now(), models.royalty_report, models.due_item
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            seen = (await tx.execute(select(table).where(table.c.id == id_))).first()
            if seen is None:
                raise _no_report()
            row = await self._visible_license(tx, seen.license_id, by)
            found = (await tx.execute(select(table).where(table.c.id == id_))).one()
            later = await tx.scalar(
                select(func.count())
                .select_from(table)
                .where(table.c.license_id == row.id, table.c.first_day > found.first_day, table.c.state != "CONTESTED")
            )
            if no := royalty.act_is_open(step, ReportState(found.state), is_last=not later):
                raise no.raised()
            made = await models.changed(tx, table, found, now, state=state, reason=reason)
            due_on = (await tx.execute(select(item.c.due_on).where(item.c.id == made.item_id))).scalar_one()
            await models.changed(tx, models.license_, row, now)
            past = f"royalty_{state.value.lower()}"
            await self._licenses.tell(tx, row, past, legal_day(now), by, now, {"report_id": id_})
            return await self._acts.answer(tx, _report(made, row, due_on, by))

    async def _visible_license(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        """The license of a report, locked, for the licensor. Raises: NotFound, as for an unknown report."""
        try:
            row = await self._licenses.visible(tx, id_, by, lock=True)
        except NotFound:
            raise _no_report() from None
        if not by.may_touch(row.licensor_id):
            raise _no_report()
        return row


def _report(one: Row[Any], license_: Row[Any], due_on: date, by: Caller) -> RoyaltyReport:
    state, root = ReportState(one.state), f"/v1/royalty-reports/{one.id}"
    steps = list(ReportAct) if by.may_touch(license_.licensor_id) else []
    return RoyaltyReport(
        **{
            name: one._mapping[name]
            for name in (
                "id", "external_id", "version", "created_at", "updated_at", "organization_id", "license_id",
                "first_day", "last_day", "note", "document_ids", "reason",
            )
        },
        base=money(one.base_fen),
        royalty=money(one.royalty_fen),
        due_on=due_on,
        state=state,
        available_acts=[
            offered(step.value, f"{root}/{step.value}", royalty.act_is_open(step, state, is_last=True))
            for step in steps
        ],
    )  # fmt: skip
