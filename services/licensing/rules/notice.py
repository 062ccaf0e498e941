"""The written notice: from when on a license is in force, and what becomes of a notice that nobody pays for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.licensing.rules.names import zh
from services.licensing.rules.periods import months_after
from shared.contracts.licensing import PaymentState, RequestState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_ART_51 = Text("Patent Law Art. 51", "专利法第五十一条第一款")
_S = RequestState


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as the rules see it: whole fen, less what was returned, and the day on which it was made."""

    fen: int
    paid_on: date
    state: PaymentState


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice and its terms: `due_fen` before the license takes effect, payable until `payment_due_on`.

    `patent_until` is the last day of a patent that was gone before there was a license.
    """

    delivered_on: date
    due_fen: int
    payment_due_on: date
    cancelled_on: date | None = None
    license_until: date | None = None
    terminated_on: date | None = None
    patent_until: date | None = None

    @property
    def payable_until(self) -> date:
        """The last day of a payment that counts: nothing is licensed under a patent that is gone."""
        return min(self.payment_due_on, self.patent_until or self.payment_due_on)


@rule(
    "OL-EFFECT",
    source=Text("Patent Law Art. 44, 47, 51", "专利法第四十四条、第四十七条、第五十一条第一款"),
    since="2021-06-01",
)
def effective_on(notice: Notice, payments: Iterable[Paid]) -> date | None:
    """The license is in force once the notice was delivered and what is due was paid in time; nobody approves it.

    It takes effect on the day of the payment that completes the sum, and not before the notice.
    """
    if notice.due_fen == 0:
        return notice.delivered_on
    total = 0
    for payment in sorted(payments, key=lambda one: one.paid_on):
        if payment.state is PaymentState.SETTLED and payment.paid_on <= notice.payable_until:
            total += payment.fen
            if total >= notice.due_fen:
                return max(payment.paid_on, notice.delivered_on)
    return None


@rule(
    "OL-LAPSE",
    source=Text("Patent Law Art. 51; Civil Code Art. 203", "专利法第五十一条；民法典第二百零三条"),
    since="2021-06-01",
)
def state_on(notice: Notice, payments: Sequence[Paid], today: date) -> RequestState:
    """Unpaid at the end of its period or its patent a notice lapses: by the day of payment, not while a report is open."""
    if notice.cancelled_on is not None:
        return _S.CANCELLED
    if effective_on(notice, payments) is not None:
        if notice.terminated_on is not None and today >= notice.terminated_on:
            return _S.TERMINATED
        return _S.EXPIRED if notice.license_until is not None and today > notice.license_until else _S.EFFECTIVE
    if any(one.state in (PaymentState.REPORTED, PaymentState.CONTESTED) for one in payments):
        return _S.PAYMENT_REPORTED
    return _S.PAYMENT_LAPSED if today > notice.payable_until else _S.NOTIFIED


def settled_fen(payments: Iterable[Paid]) -> int:
    """What has arrived, in fen."""
    return sum(one.fen for one in payments if one.state is PaymentState.SETTLED)


def refundable_fen(notice: Notice, payments: Sequence[Paid], today: date) -> int:
    """What has arrived and nobody owes, in fen: beyond what was due, or all of it once the notice has lapsed or was cancelled."""
    arrived, is_over = settled_fen(payments), (_S.PAYMENT_LAPSED, _S.CANCELLED)
    return arrived if state_on(notice, payments, today) in is_over else max(0, arrived - notice.due_fen)


@rule("LIC-TERM", source=Text("Civil Code Art. 865", "民法典第八百六十五条"), since="2021-01-01")
def license_until(begins_on: date, months: int, expiry: date | None) -> date:
    """A license lasts for its announced term, and never longer than the patent: both days are its last."""
    last = months_after(begins_on, months) - timedelta(days=1)
    return last if expiry is None else min(last, expiry)


@rule("OL-CANCEL", source=_ART_51, since="2021-06-01")
def may_cancel(state: RequestState) -> Refusal | None:
    """A notice is taken back before anything is paid; afterwards there is a license, or a payment to be cleared."""
    if state is _S.NOTIFIED:
        return None
    return Refusal(
        "OL-CANCEL",
        Text(f"a request that is {state.value} is not cancelled", f"状态为{zh(state)}的请求不能取消"),
        Text("only an unpaid notice within its payment period is cancelled", "仅在付款期内且尚未付款的通知可以取消"),
    )


@rule(
    "OL-PATENT-GONE",
    source=Text("Patent Law Art. 44, 47, 51", "专利法第四十四条、第四十七条、第五十一条"),
    since="2021-06-01",
)
def patent_stands(reasons: Sequence[str]) -> Refusal | None:
    """No license is taken under a patent that has ended, is suspended or classified; reasons are catalog's rule ids."""
    if not reasons:
        return None
    return Refusal(
        "OL-PATENT-GONE",
        Text(
            f"the patent cannot be licensed now ({', '.join(reasons)})", f"该专利目前不能许可（{'、'.join(reasons)}）"
        ),
        Text(
            "see /v1/patents/{id}/eligibility, or ask the patentee",
            "请查看 /v1/patents/{id}/eligibility 或询问专利权人",
        ),
        pointer="/declaration_id",
    )


GONE = frozenset(
    {"LS-NOT-IN-FORCE", "LS-NOT-GRANTED", "LS-TERM", "LS-SUSPENDED", "OL-SUSPENDED", "SECRECY-CLASSIFIED", "OL-EXCL"}
)
