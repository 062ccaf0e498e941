"""Payments: reported by the payer, settled or contested by the payee. A fact is contested, never a license refused."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from shared.contracts.licensing import PaymentState, RequestState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_ART_51 = Text("Patent Law Art. 51", "专利法第五十一条第一款")


class PaymentAct(StrEnum):
    """What is done about a payment, by the name of its route."""

    CONFIRMATION = "confirmation"
    CONTEST = "contest"
    RESOLUTION = "resolution"


_FROM = {
    PaymentAct.CONFIRMATION: (PaymentState.REPORTED, PaymentState.CONTESTED),
    PaymentAct.CONTEST: (PaymentState.REPORTED,),
    PaymentAct.RESOLUTION: (PaymentState.CONTESTED,),
}


@rule("PAY-STATE", source=_ART_51, since="2021-06-01")
def act_is_open(act: PaymentAct, state: PaymentState) -> Refusal | None:
    """A reported payment is confirmed or contested, a contested one resolved or confirmed after all; then it is settled for good."""
    if state in _FROM[act]:
        return None
    return Refusal(
        "PAY-STATE",
        Text(f"the payment is {state.value}; {act.value} is not open", f"付款状态为 {state.value}，不能进行该操作"),
        Text("read the payment again", "请重新读取付款记录"),
    )


@rule("PAY-OPEN", source=_ART_51, since="2021-06-01")
def request_takes_money(state: RequestState) -> Refusal | None:
    """Payments are reported while something is due: to a notice that waits for them."""
    if state in (RequestState.NOTIFIED, RequestState.PAYMENT_REPORTED, RequestState.PAYMENT_LAPSED):
        return None
    return Refusal(
        "PAY-OPEN",
        Text(f"nothing is due on a request that is {state.value}", f"{state.value} 状态的请求没有应付款项"),
        Text("read the request again", "请重新读取该请求"),
    )


@rule("PAY-DAY", source=_ART_51, since="2021-06-01")
def is_paid_in_time(paid_on: date, due_on: date, today: date) -> Refusal | None:
    """What counts is the day of payment: not one to come, and none after the payment period."""
    if paid_on > today:
        return Refusal(
            "PAY-DAY",
            Text(f"{paid_on} is still to come", f"{paid_on} 尚未到来"),
            Text("report a payment after it was made", "请在付款后再报告"),
            pointer="/paid_on",
        )
    if paid_on <= due_on:
        return None
    return Refusal(
        "PAY-DAY",
        Text(f"the payment period ended on {due_on}", f"付款期限已于{due_on}届满"),
        Text(
            "give a new notice; the patentee has to return what was paid too late",
            "请重新提交书面通知；逾期支付的款项由专利权人退还",
        ),
        pointer="/paid_on",
    )


@rule("PAY-AMOUNT", source=_ART_51, since="2021-06-01")
def is_money(fen: int) -> Refusal | None:
    """A payment is of more than nothing."""
    if fen > 0:
        return None
    return Refusal(
        "PAY-AMOUNT",
        Text("a payment of nothing is none", "付款金额应大于零"),
        Text("give the amount that was paid", "请填写实付金额"),
        pointer="/amount/amount",
    )


@rule("PAY-TWICE", source=_ART_51, since="2021-06-01")
def is_reported_once(known: str | None) -> Refusal | None:
    """One transfer is one payment: its reference is reported once."""
    if known is None:
        return None
    return Refusal(
        "PAY-TWICE",
        Text(f"this reference is reported already, as {known}", f"该付款凭证号已报告：{known}"),
        Text("another payment has another reference", "另一笔付款应填写其自己的凭证号"),
        pointer="/reference",
    )
