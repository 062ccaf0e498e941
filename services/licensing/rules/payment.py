"""Payments: reported by the payer, settled or contested by the payee. A fact is contested, never a license refused."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal

from services.licensing.rules.names import zh
from services.licensing.rules.terms import yuan
from shared.contracts.licensing import PaymentState, RequestState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_ART_51 = Text("Patent Law Art. 51", "专利法第五十一条第一款")


class PaymentAct(StrEnum):
    """What is done about a payment, by the name of its route."""

    CONFIRMATION = "confirmation"
    CONTEST = "contest"
    RESOLUTION = "resolution"
    REFUND = "refunds"
    WITHDRAWAL = "withdrawal"


_FROM = {
    PaymentAct.CONFIRMATION: (PaymentState.REPORTED, PaymentState.CONTESTED),
    PaymentAct.CONTEST: (PaymentState.REPORTED,),
    PaymentAct.RESOLUTION: (PaymentState.CONTESTED,),
    PaymentAct.REFUND: (PaymentState.SETTLED,),
    PaymentAct.WITHDRAWAL: (PaymentState.REPORTED,),
}


@rule("PAY-STATE", source=_ART_51, since="2021-06-01")
def act_is_open(act: PaymentAct, state: PaymentState) -> Refusal | None:
    """A reported payment is confirmed, contested or taken back, a contested one resolved or confirmed; a settled one returned."""
    if state in _FROM[act]:
        return None
    return Refusal(
        "PAY-STATE",
        Text(f"the payment is {state.value}; {act.value} is not open", f"付款状态为{zh(state)}，不能进行该操作"),
        Text("read the payment again", "请重新读取付款记录"),
    )


@rule("PAY-OPEN", source=_ART_51, since="2021-06-01")
def request_takes_money(state: RequestState) -> Refusal | None:
    """Payments are reported while something is due: to a notice that waits for them."""
    if state in (RequestState.NOTIFIED, RequestState.PAYMENT_REPORTED, RequestState.PAYMENT_LAPSED):
        return None
    return Refusal(
        "PAY-OPEN",
        Text(f"nothing is due on a request that is {state.value}", f"状态为{zh(state)}的请求没有应付款项"),
        Text("read the request again", "请重新读取该请求"),
    )


@rule(
    "PAY-OWN",
    source=Text("Civil Code Art. 509, 557; the platform's rules", "民法典第五百零九条、第五百五十七条；平台规则"),
    since="2026-11-30",
)
def is_found_by_another(payer_id: str, finder_id: str) -> Refusal | None:
    """Nobody finds that its own payment has arrived: neither a payer, nor an operator that is one."""
    if payer_id != finder_id:
        return None
    return Refusal(
        "PAY-OWN",
        Text(
            "you made this payment, and cannot find yourself that it arrived", "付款由贵方作出，不能由贵方自行确认到账"
        ),
        Text("wait for the payee, or for its bank's notice", "请等待收款方确认，或者其开户机构的到账通知"),
    )


@rule("PAY-DAY", source=_ART_51, since="2021-06-01")
def is_paid_in_time(paid_on: date, due_on: date, today: date, known_on: date | None = None) -> Refusal | None:
    """What counts is the day of payment: not one to come, none after the payment period, none before there was a reason.

    `known_on` is the day on which the terms were announced or agreed, or on which came what is returned.
    """
    if known_on is not None and paid_on < known_on:
        return Refusal(
            "PAY-DAY",
            Text(
                f"{paid_on} is before {known_on}, when nothing was owed yet",
                f"{paid_on} 早于 {known_on}，当时尚无应付或者应退款项",
            ),
            Text("give the day on which it was paid", "请填写实际付款之日"),
            pointer="/paid_on",
        )
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
def is_money(fen: int, due_fen: int | None = None) -> Refusal | None:
    """A payment is of more than nothing, and what a payer says of it not more than ten times what is due."""
    if fen <= 0:
        message = Text("a payment of nothing is none", "付款金额应大于零")
    elif due_fen is not None and fen > _BEYOND * due_fen:
        message = Text(
            f"{yuan(fen)} is more than {_BEYOND} times what is due, {yuan(due_fen)}",
            f"{yuan(fen)} 超过应付金额 {yuan(due_fen)} 的{_BEYOND}倍",
        )
    else:
        return None
    return Refusal(
        "PAY-AMOUNT", message, Text("give the amount that was paid", "请填写实付金额"), pointer="/amount/amount"
    )


_BEYOND = 10  # a figure that is mistyped is seldom less; a bank's notice is taken as it is


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


@rule(
    "PAY-REFUND",
    source=Text("Civil Code Art. 985", "民法典第九百八十五条"),
    since="2021-01-01",
)
def may_return(fen: int, left_fen: int, refundable_fen: int, is_owed: bool) -> Refusal | None:
    """What nobody owes is returned, never more: not beyond the payment, nor money that the license rests on."""
    most = 0 if is_owed else max(0, min(left_fen, refundable_fen))
    if fen <= most:
        return None
    return Refusal(
        "PAY-REFUND",
        Text(
            "the license rests on this payment; the surplus came with another"
            if is_owed
            else f"of this payment at most {yuan(most)} is to be returned",
            "许可以该笔款项为依据，多付部分在其他付款中" if is_owed else f"该笔付款至多可退还 {yuan(most)}",
        ),
        Text("read what is refundable, and name the payment that came too much", "请核对可退金额，并选择多付的那一笔"),
        pointer="/amount/amount",
    )


@rule(
    "PAY-SILENCE",
    source=Text(
        "Civil Code Art. 140 (silence counts only by law, agreement or custom)",
        "民法典第一百四十条第二款（沉默仅在法律规定、当事人约定或交易习惯时视为意思表示）",
    ),
    since="2021-01-01",
)
def is_settled_by_silence(answer_by: date | None, state: PaymentState, today: date) -> bool:
    """A payee that agreed to it beforehand, and is silent on a reported payment until the last day to answer, has confirmed it."""
    return state is PaymentState.REPORTED and answer_by is not None and today > answer_by


ANSWER_WITHIN_DAYS = 5  # working days: what the payee agrees to


@rule(
    "PAY-SILENCE-EVIDENCE",
    source=Text("Civil Code Art. 140; the platform's settlement rule", "民法典第一百四十条第二款；平台收款确认规则"),
    since="2026-11-30",
)
def silence_counts(is_agreed: bool, has_evidence: bool) -> bool:
    """Silence counts for a payment that was reported with evidence while the payee's agreement stood, and for no other."""
    return is_agreed and has_evidence


@rule(
    "PAY-RULE-STANDS",
    source=Text("Civil Code Art. 140; the platform's settlement rule", "民法典第一百四十条第二款；平台收款确认规则"),
    since="2026-11-30",
)
def agreement_follows(wanted: Literal["ACCEPTED", "REVOKED"], stands: bool) -> Refusal | None:
    """A payee's agreement to the rule is given once, and revoked once, for what is reported afterwards."""
    if stands == (wanted == "REVOKED"):
        return None
    return Refusal(
        "PAY-RULE-STANDS",
        Text(
            "you have accepted this rule already" if stands else "this agreement is revoked already",
            "您已接受该规则" if stands else "该同意已撤销",
        ),
        Text("read /v1/settlement-rules", "请查看 /v1/settlement-rules"),
    )
