"""Payments and royalty reports: told by the payer, found or contested by the payee, counted when settled."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Row, Select, Table, func, insert, select, update

from services.licensing import models
from services.licensing.rules import payment as rules
from services.licensing.rules import periods, provider, royalty, schedule, terms
from services.licensing.rules.payment import PaymentAct
from services.licensing.rules.royalty import ReportAct
from services.licensing.service import agency, ledger
from services.licensing.service.calendar import working_days
from services.licensing.service.declarations import offered
from services.licensing.service.licenses import Licenses, credit_fen, next_period, no_license, terms_of
from services.licensing.service.money import all_shown, kept_fen, money, tell
from services.licensing.service.requests import Requests, no_request, refundable
from services.licensing.service.targets import Targets
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.licensing import (
    Confirmation,
    Contest,
    LicensePaymentDraft,
    Payment,
    PaymentDraft,
    PaymentState,
    RefundDraft,
    ReportContest,
    ReportedPayment,
    ReportState,
    Resolution,
    RoyaltyReport,
    RoyaltyReportDraft,
    SettledBy,
    Terms,
)
from shared.contracts.payments import PaymentNotice
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.rulebook import Refusal


def _no_payment() -> NotFound:
    return NotFound("there is no such payment", "没有该付款")


def _no_report() -> NotFound:
    return NotFound("there is no such royalty report", "没有该提成报告")


_Key = Literal["request_id", "license_id"]
_TABLES: dict[_Key, Table] = {"request_id": models.request, "license_id": models.license_}


class PaidFor(NamedTuple):
    """What money is paid for: a notice or a license, its row locked."""

    key: _Key
    row: Row[Any]

    @property
    def table(self) -> Table:
        """Where the row stands."""
        return _TABLES[self.key]

    @property
    def deal_id(self) -> str:
        """What its money is entered under."""
        return str(self.row.id) if self.key == "request_id" else ledger.deal_of(self.row)


class Transfer(NamedTuple):
    """Money that went from one account to another: whole fen, its day, the bank's number."""

    fen: int
    paid_on: date
    reference: str


def transfer_of(said: PaymentDraft | PaymentNotice) -> Transfer:
    """The transfer that somebody tells of."""
    return Transfer(terms.fen(said.amount.amount), said.paid_on, said.reference)


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
            return await self._shown(tx, await self._row(tx, id_, by), by)

    async def _shown(self, tx: Tx, row: Row[Any], by: Caller) -> Payment:
        return (await all_shown(tx, [row], by))[0]

    async def _row(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.payment).where(models.payment.c.id == id_))).first()
        if row is None or not (by.may_touch(row.organization_id) or by.may_touch(row.payee_id)):
            raise _no_payment()
        return row

    async def report_for_notice(self, id_: str, draft: PaymentDraft, by: Caller) -> Payment:
        """Report a payment of what a notice has made due; it counts once it is settled, dated to its day.

        Raises: RuleRefused PAY-OPEN, PAY-DAY, PAY-TWICE, PAY-AMOUNT.
        """
        await self._targets.check_documents(draft.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._requests.visible(tx, id_, by, lock=True)
            if not by.may_touch(row.organization_id):
                raise no_request()
            subject, payment = PaidFor("request_id", row), transfer_of(draft)
            given = await self._requests.notice_of(tx, row)
            announced_on = await tx.scalar(_announced_on(row.declaration_id))
            for no in (
                rules.is_reported_once(await self._known(tx, subject, draft.reference)),
                rules.request_takes_money(await self._requests.state(tx, row)),
                rules.is_money(payment.fen, max(row.due_fen, terms.fen(row.terms["fee"]["amount"] or "0"))),
                rules.is_paid_in_time(draft.paid_on, given.payable_until, legal_day(now), announced_on),
            ):
                if no:
                    raise no.raised()
            return await self._acts.answer(tx, await self._reported(tx, subject, payment, None, draft, by, now))

    async def report(self, id_: str, draft: LicensePaymentDraft, by: Caller) -> Payment:
        """Report a payment under a license; it counts once it is settled.

        Raises: RuleRefused PAY-LICENSE, PAY-ITEM, PAY-DAY, PAY-TWICE, PAY-AMOUNT.
        """
        await self._targets.check_documents(draft.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._licenses.visible(tx, id_, by, lock=True)
            if not by.may_touch(row.organization_id):
                raise no_license()
            subject, payment = PaidFor("license_id", row), transfer_of(draft)
            items = [item.id for item in (await models.dues_of(tx, [id_]))[id_]]
            for no in (
                rules.is_reported_once(await self._known(tx, subject, draft.reference)),
                schedule.license_takes_money(row.effective_on is not None),
                schedule.item_is_open(draft.item_id, items),
                rules.is_money(payment.fen),
                rules.is_paid_in_time(draft.paid_on, draft.paid_on, legal_day(now), row.agreed_on),
            ):
                if no:
                    raise no.raised()
            return await self._acts.answer(
                tx, await self._reported(tx, subject, payment, draft.item_id, draft, by, now)
            )

    async def _known(self, tx: Tx, subject: PaidFor, reference: str) -> str | None:
        table = models.payment
        statement = select(table.c.id).where(
            table.c[subject.key] == subject.row.id, table.c.reference == reference,
            table.c.state != PaymentState.WITHDRAWN,
        )  # fmt: skip
        found: str | None = await tx.scalar(statement)
        return found

    async def _reported(
        self,
        tx: Tx,
        subject: PaidFor,
        payment: Transfer,
        item_id: str | None,
        draft: PaymentDraft,
        by: Caller,
        now: datetime,
    ) -> Payment:
        """Enter a report, with the payee's last day to answer it where its silence counts."""
        stands = await models.rule_of(tx, subject.row.licensor_id) is not None
        answer_by = None
        if rules.silence_counts(stands, bool(draft.document_ids)):
            working = await working_days(tx)
            answer_by = periods.ends_after_working_days(legal_day(now), rules.ANSWER_WITHIN_DAYS, working)
        made = await self._enter(
            tx, subject, payment, now, item_id=item_id, document_ids=draft.document_ids, answer_by=answer_by
        )
        await models.changed(tx, subject.table, subject.row, now)
        await tell(tx, made, "reported", by, now, {})
        return await self._shown(tx, made, by)

    async def _enter(self, tx: Tx, subject: PaidFor, payment: Transfer, now: datetime, **more: Any) -> Row[Any]:
        table = models.payment
        values = {
            "id": new_id("pay"), "organization_id": subject.row.organization_id, "payee_id": subject.row.licensor_id,
            "version": 1, "created_at": now, "updated_at": now, subject.key: subject.row.id, "document_ids": [],
            "state": PaymentState.REPORTED, **payment._asdict(), **more,
        }  # fmt: skip
        made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
        return made

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

    async def withdraw(self, id_: str, by: Caller) -> Payment:
        """The payer takes a report back, while nobody has answered it: what was mistyped is reported anew.

        Raises: RuleRefused PAY-STATE.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            seen = await self._row(tx, id_, by)
            if by.organization_id != seen.organization_id:
                raise _no_payment()
            subject, row = await self.paid_for(tx, seen), await self._row(tx, id_, by)
            if no := rules.act_is_open(PaymentAct.WITHDRAWAL, PaymentState(row.state)):
                raise no.raised()
            made = await models.changed(tx, models.payment, row, now, state=PaymentState.WITHDRAWN)
            await tell(tx, made, "withdrawn", by, now, {})
            await models.changed(tx, subject.table, subject.row, now)
            return await self._acts.answer(tx, await self._shown(tx, made, by))

    async def _clear(
        self, id_: str, step: PaymentAct, state: PaymentState, reason: str | None, document_ids: list[str], by: Caller
    ) -> Payment:
        await self._targets.check_documents(document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            subject, row = await self._of_payee(tx, id_, by)
            for no in (
                rules.is_found_by_another(row.organization_id, by.organization_id),
                rules.act_is_open(step, PaymentState(row.state)),
            ):
                if no:
                    raise no.raised()
            if state is PaymentState.SETTLED:
                if no := await self._agency(tx, subject, row, by):
                    raise no.raised()
                how = SettledBy.PAYEE if by.organization_id == row.payee_id else SettledBy.OPERATOR
                made = await self.settle(tx, row, subject, how, by, now, reason=reason)
            else:
                made = await models.changed(tx, models.payment, row, now, state=state, reason=reason)
                await tell(tx, made, state.value.lower(), by, now, {"reason": reason} if reason else {})
                await models.changed(tx, subject.table, subject.row, now)
            return await self._acts.answer(tx, await self._shown(tx, made, by))

    async def _agency(self, tx: Tx, subject: PaidFor, row: Row[Any], by: Caller) -> Refusal | None:
        """Who paid for a firm does not say for the patentee that it has received the money, unless both consented."""
        if by.organization_id != row.payee_id:
            return None
        of = subject.row
        deal = [of.declaration_id, of.id] if subject.key == "request_id" else await agency.of_license(tx, of)
        return await agency.against(tx, [*deal, row.id], row.payee_id, row.organization_id, by)

    async def _of_payee(self, tx: Tx, id_: str, by: Caller) -> tuple[PaidFor, Row[Any]]:
        """What was paid, locked, and the payment, for whoever received it."""
        seen = await self._row(tx, id_, by)
        if not by.may_touch(seen.payee_id):
            raise _no_payment()
        return await self.paid_for(tx, seen), await self._row(tx, id_, by)

    async def paid_for(self, tx: Tx, seen: Row[Any]) -> PaidFor:
        """What a payment pays, locked: so two payments that are settled in one moment make one license."""
        key: _Key = "request_id" if seen.request_id is not None else "license_id"
        found = await self.payable(tx, key, seen._mapping[key])
        assert found is not None, "a payment refers to what it pays"
        return found

    async def payable(self, tx: Tx, key: _Key, id_: str) -> PaidFor | None:
        """A notice or a license that somebody pays, locked; None where there is none."""
        table = _TABLES[key]
        row = (await tx.execute(select(table).where(table.c.id == id_).with_for_update())).first()
        return None if row is None else PaidFor(key, row)

    async def settle(
        self,
        tx: Tx,
        row: Row[Any],
        subject: PaidFor,
        how: SettledBy,
        by: Caller,
        now: datetime,
        *,
        reason: str | None = None,
        **found: Any,
    ) -> Row[Any]:
        """The one place where a payment is settled, and what follows from it: within the caller's transaction.

        The caller has locked what is paid (`paid_for`) and read the payment after that; `by` may be nobody's client.
        """
        made = await models.changed(
            tx, models.payment, row, now, state=PaymentState.SETTLED, settled_by=how, reason=reason, **found
        )
        await tell(tx, made, "settled", by, now, {"reason": reason} if reason else {})
        await ledger.settled(tx, made, subject.deal_id, now)
        paid = await models.changed(tx, subject.table, subject.row, now)
        if subject.key == "request_id":
            await self._requests.take_effect(tx, paid, by, now)
        return made

    async def arrived(
        self, tx: Tx, subject: PaidFor, named: str | None, transfer: Transfer, by: Caller, now: datetime
    ) -> Row[Any]:
        """A provider has found money on the payee's account: the payment that it is, is settled.

        Money that came too late, or for a notice that was cancelled, is money that arrived: it is shown as refundable.
        `named` is the payment that the notice names. Raises: RuleRefused PAY-AMOUNT, PAY-DAY, PAY-TWICE, PAY-DIFFERS.
        """
        table = models.payment
        known = await self._known(tx, subject, transfer.reference)
        if named is not None:
            statement = select(table.c.id).where(table.c.id == named, table.c.state != PaymentState.WITHDRAWN)
            named = await tx.scalar(statement)  # what its payer took back is known by the transfer's number alone
        for no in (
            rules.is_reported_once(known if named is not None and known != named else None),
            rules.is_money(transfer.fen),
            rules.is_paid_in_time(transfer.paid_on, transfer.paid_on, legal_day(now)),
        ):
            if no:
                raise no.raised()
        if (id_ := named or known) is None:
            return await self.settle(
                tx, await self._enter(tx, subject, transfer, now), subject, SettledBy.PROVIDER, by, now
            )
        row = (await tx.execute(select(table).where(table.c.id == id_))).one()
        if no := provider.agrees_with(PaymentState(row.state), row.fen, transfer.fen):
            raise no.raised()
        reported = ReportedPayment(amount=money(row.fen), paid_on=row.paid_on, reference=row.reference)
        if row.state != PaymentState.SETTLED:
            is_new = Transfer(row.fen, row.paid_on, row.reference) != transfer
            found = {**transfer._asdict(), "reported": dump(reported) if is_new else None}
            return await self.settle(tx, row, subject, SettledBy.PROVIDER, by, now, **found)
        if row.reference == transfer.reference:
            return row
        # Settled already, under the payer's own word for it: by the bank's number it will be known again.
        return await models.changed(tx, table, row, now, reference=transfer.reference, reported=dump(reported))

    async def refund(self, id_: str, draft: RefundDraft, by: Caller) -> Payment:
        """Record that the payee has returned what nobody owed. Raises: RuleRefused PAY-REFUND, PAY-TWICE, PAY-DAY."""
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.refund
        today, transfer = legal_day(now), transfer_of(draft)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            subject, row = await self._of_payee(tx, id_, by)
            known = await tx.scalar(
                select(table.c.id).where(table.c.payment_id == id_, table.c.reference == draft.reference)
            )
            refundable, is_owed = await self._refundable(tx, subject, id_, transfer.fen, today)
            for no in (
                rules.is_found_by_another(row.organization_id, by.organization_id),
                rules.act_is_open(PaymentAct.REFUND, PaymentState(row.state)),
                rules.is_reported_once(known),
                rules.is_money(transfer.fen),
                rules.is_paid_in_time(draft.paid_on, draft.paid_on, today, row.paid_on),
                rules.may_return(transfer.fen, kept_fen(row), refundable, is_owed),
            ):
                if no:
                    raise no.raised()
            values = {
                "id": new_id("rfd"), "organization_id": row.payee_id, "version": 1, "created_at": now,
                "updated_at": now, "payment_id": id_, "document_ids": draft.document_ids, **transfer._asdict(),
            }  # fmt: skip
            await tx.execute(insert(table).values(values))
            made = await models.changed(tx, models.payment, row, now, refunded_fen=row.refunded_fen + transfer.fen)
            await models.changed(tx, subject.table, subject.row, now)
            await ledger.refunded(tx, row, transfer.fen, subject.deal_id, values["id"], draft.paid_on, now)
            told = {"refund_id": values["id"], "returned": terms.yuan(transfer.fen)}
            await tell(tx, made, "refunded", by, now, told)
            return await self._acts.answer(tx, await self._shown(tx, made, by))

    async def _refundable(self, tx: Tx, subject: PaidFor, payment_id: str, fen: int, today: date) -> tuple[int, bool]:
        """What nobody owes of all that was paid, in fen, and whether a license rests on what would be returned."""
        id_ = subject.row.id
        if subject.key == "request_id":
            given = await self._requests.notice_of(tx, subject.row)
            return refundable(given, (await models.payments_of(tx, [id_]))[id_], payment_id, fen, today)
        dues, paid = (await models.dues_of(tx, [id_]))[id_], (await models.payments_under(tx, [id_]))[id_]
        return credit_fen(subject.row, dues, paid, today), False

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
            due_on = periods.ends_after_days(today, agreed.payment_within_days, await working_days(tx))
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
        """The licensor finds a report right. Raises: RuleRefused ROY-STATE, DUAL-AGENCY."""
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
            for no in (
                royalty.act_is_open(step, ReportState(found.state), is_last=not later),
                await agency.against_license(tx, row, by) if step is ReportAct.VERIFICATION else None,
            ):
                if no:
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


def _announced_on(declaration_id: str) -> Select[Any]:
    table = models.declaration
    return select(table.c.announced_on).where(table.c.id == declaration_id)


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
