"""Offer and acceptance, as Civil Code Art. 472-489 have them: what binds, what has lapsed, who may answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from services.licensing.rules.names import zh
from services.licensing.rules.terms import fen
from shared.contracts.catalog import FeeType
from shared.contracts.licensing import InquiryState, OfferState, OfferTerms, Side
from shared.errors import Text
from shared.rulebook import Refusal, rule

_S, _I = OfferState, InquiryState
REASONABLE_DAYS = 30  # the "reasonable period" of Art. 481 for an offer without a last day: policy
LAST_WORDS = frozenset({_S.ACCEPTED, _S.REJECTED, _S.COUNTERED, _S.REVOKED})


@dataclass(frozen=True, slots=True)
class Said:
    """An offer as the rules see it; `answer` is what was done to it, None while nothing was."""

    side: Side
    valid_until: date
    is_fixed: bool
    answer: OfferState | None = None


def lapses_on(sent_on: date, valid_until: date | None) -> date:
    """The last day on which an offer can be accepted."""
    return valid_until or sent_on + timedelta(days=REASONABLE_DAYS)


def state_on(offer: Said, today: date) -> OfferState:
    """What has become of an offer, whoever is awake at the end of its last day."""
    if offer.answer is not None:
        return offer.answer
    return _S.EXPIRED if today > offer.valid_until else _S.SENT


@rule(
    "OFFER-NOT-LIVE",
    source=Text("Civil Code Art. 478, 481, 486", "民法典第四百七十八条、第四百八十一条、第四百八十六条"),
    since="2021-01-01",
)
def is_live(offer: Said, today: date) -> Refusal | None:
    """An offer ends with its rejection, revocation, last day or a counter-offer; what has ended is not accepted."""
    state = state_on(offer, today)
    if state is _S.SENT:
        return None
    late = state is _S.EXPIRED
    return Refusal(
        "OFFER-NOT-LIVE",
        Text(f"the offer is {state.value}", f"该要约状态为{zh(state)}，不能再答复"),
        Text(
            "a late acceptance is a new offer: send it with `as_new_offer`"
            if late
            else "answer the latest offer, or make one",
            "逾期承诺视为新要约，可用 as_new_offer 作为新要约发出" if late else "请回复最新的要约，或发出新的要约",
        ),
    )


@rule("OFFER-SIDE", source=Text("Civil Code Art. 476, 479", "民法典第四百七十六条、第四百七十九条"), since="2021-01-01")
def is_answered_by(offer: Said, side: Side, *, is_revocation: bool) -> Refusal | None:
    """Whoever received an offer accepts or rejects it; whoever made it revokes it."""
    if (side is offer.side) is is_revocation:
        return None
    who = (
        Text("whoever made it revokes it", "要约由要约人撤销")
        if is_revocation
        else Text("whoever received it accepts or rejects it", "要约由受要约人承诺或拒绝")
    )
    return Refusal(
        "OFFER-SIDE",
        Text(f"the offer is of the {offer.side.value}: {who.en}", f"该要约由{_SIDE[offer.side]}发出：{who.zh}"),
        Text("see the offer's available_acts", "请查看该要约的 available_acts"),
    )


_SIDE = {Side.LICENSEE: "被许可方", Side.LICENSOR: "许可方"}


@rule("OFFER-BINDS", source=Text("Civil Code Art. 476", "民法典第四百七十六条第一项"), since="2021-01-01")
def is_revocable(offer: Said) -> Refusal | None:
    """An offer with a period for its acceptance cannot be revoked within it."""
    if not offer.is_fixed:
        return None
    return Refusal(
        "OFFER-BINDS",
        Text(
            f"the offer is open for acceptance until {offer.valid_until} and binds until then",
            f"该要约确定了承诺期限，在{offer.valid_until}前不得撤销",
        ),
        Text("wait for the answer, or for its last day", "请等待对方答复或期限届满"),
    )


@rule(
    "OFFER-STANDS",
    source=Text("Civil Code Art. 472, 476, 478", "民法典第四百七十二条、第四百七十六条、第四百七十八条"),
    since="2021-01-01",
)
def speaks_in_turn(live: Said | None, live_id: str | None, side: Side, in_reply_to: str | None) -> Refusal | None:
    """One offer stands at a time: the other side answers it with its own, which ends it; nobody makes two at once."""
    if live is None:
        if in_reply_to is None:
            return None
        return Refusal(
            "OFFER-STANDS",
            Text(f"offer {in_reply_to} no longer stands", f"要约 {in_reply_to} 已不再有效"),
            Text("leave in_reply_to out", "请删去 in_reply_to"),
            pointer="/in_reply_to",
        )
    if live.side is side:
        return Refusal(
            "OFFER-STANDS",
            Text(
                f"your offer {live_id} still stands until {live.valid_until}",
                f"您的要约 {live_id} 在{live.valid_until}前仍然有效",
            ),
            Text("revoke it first where it can be revoked, or wait for the answer", "可撤销的请先撤销，否则请等待答复"),
        )
    if in_reply_to in (None, live_id):
        return None
    return Refusal(
        "OFFER-STANDS",
        Text(f"the offer that stands is {live_id}", f"当前有效的要约是 {live_id}"),
        Text("reply to that one", "请答复该要约"),
        pointer="/in_reply_to",
    )


@rule(
    "OFFER-SPECIFIC",
    source=Text("Civil Code Art. 472, 846", "民法典第四百七十二条、第八百四十六条"),
    since="2021-01-01",
)
def is_specific(terms: OfferTerms) -> Refusal | None:
    """An offer says exactly what it costs and how that is paid."""
    fee, parts = terms.fee, terms.installments
    royal = fee.fee_type in (FeeType.ROYALTY, FeeType.ENTRY_PLUS_ROYALTY)
    if fee.fee_type is FeeType.NEGOTIABLE:
        message, pointer = Text("an offer has a price", "要约的价款须具体确定，不得面议"), "/fee/fee_type"
    elif fee.amount is not None and not fen(fee.amount):
        message, pointer = Text("a fee of nothing is of type FREE", "费用为零的，请使用 FREE 类型"), "/fee/amount"
    elif terms.royalty and terms.royalty.cap and fen(terms.royalty.minimum or "0") > fen(terms.royalty.cap):
        message, pointer = Text("the least royalty is above its cap", "最低提成额高于提成上限"), "/royalty/minimum"
    elif (fee.fee_type is FeeType.INSTALLMENTS) is not bool(parts):
        message, pointer = (
            Text("a fee in installments names them, another has none", "分期支付的费用须列明各期，其他费用不得列期"),
            "/installments",
        )
    elif parts and (
        sum(fen(part.amount) for part in parts) != fen(fee.amount or "0")
        or [part.after_days for part in parts] != sorted({part.after_days for part in parts})
    ):
        message, pointer = (
            Text(
                "installments are in the order of their days and sum to the fee", "各期须按日期先后排列，合计等于许可费"
            ),
            "/installments",
        )
    elif terms.royalty is not None and not royal:
        message, pointer = Text("only a fee with a royalty has royalty terms", "只有提成费用才有提成条款"), "/royalty"
    elif terms.royalty and [fen(step.above) for step in terms.royalty.steps] != sorted(
        {fen(step.above) for step in terms.royalty.steps}
    ):
        message, pointer = (
            Text("the steps of a royalty rise, each above the one before", "提成阶梯须逐级上升"),
            "/royalty/steps",
        )
    else:
        return None
    return Refusal("OFFER-SPECIFIC", message, Text("state the fee in full", "请完整填写费用"), pointer=pointer)


@rule("OFFER-PERIOD", source=Text("Civil Code Art. 481", "民法典第四百八十一条"), since="2021-01-01")
def leaves_time(valid_until: date | None, today: date) -> Refusal | None:
    """The last day of an offer is to come."""
    if valid_until is None or valid_until >= today:
        return None
    return Refusal(
        "OFFER-PERIOD",
        Text(f"{valid_until} is past", f"{valid_until} 已过"),
        Text("give a day from today on, or none", "请填写今天或以后的日期，或不填"),
        pointer="/valid_until",
    )


def inquiry_state(closed_on: date | None, has_offers: bool, has_contract: bool) -> InquiryState:
    """How far a negotiation has come; `has_contract`: one that is or may still be signed."""
    if has_contract:
        return _I.AGREED
    if closed_on is not None:
        return _I.CLOSED
    return _I.IN_NEGOTIATION if has_offers else _I.OPEN


@rule("INQ-STATE", source=Text("Civil Code Art. 471", "民法典第四百七十一条"), since="2021-01-01")
def is_open(state: InquiryState) -> Refusal | None:
    """Offers, messages and acceptances belong to a negotiation that is neither agreed nor closed."""
    if state in (_I.OPEN, _I.IN_NEGOTIATION):
        return None
    return Refusal(
        "INQ-STATE",
        Text(f"the inquiry is {state.value}", f"该询盘状态为{zh(state)}"),
        Text("make a new inquiry", "请发起新的询盘"),
    )


def takes_words(state: InquiryState) -> Refusal | None:
    """INQ-STATE, for messages and the closing: an agreed negotiation may still be talked about, and given up."""
    return None if state is _I.AGREED else is_open(state)


@rule("INQ-DISCLOSURE", source=Text("Civil Code Art. 470", "民法典第四百七十条第一项"), since="2021-01-01")
def sides_are_known(is_anonymized: bool, is_disclosed: bool) -> Refusal | None:
    """A contract names its parties: offers are made once whoever asks has said its name."""
    if not is_anonymized or is_disclosed:
        return None
    return Refusal(
        "INQ-DISCLOSURE",
        Text("whoever asks has not said its name yet", "询盘方尚未披露身份"),
        Text(
            "it does so at /disclosure; until then send messages", "请询盘方先在 /disclosure 披露身份；此前可互发消息"
        ),
    )


@rule("DUAL-AGENCY", source=Text("Civil Code Art. 168", "民法典第一百六十八条第二款"), since="2021-01-01")
def agent_serves_one_side(
    actor: str | None, other_side: Collection[str | None], consented: Collection[Side]
) -> Refusal | None:
    """Nobody acts for both sides of a deal unless both have consented; `other_side` are those who acted there."""
    if actor is None or actor not in other_side or set(consented) >= set(Side):
        return None
    return Refusal(
        "DUAL-AGENCY",
        Text(
            "you act for the other side of this deal as well, and not both have consented",
            "您同时代理交易的另一方，且未取得双方同意",
        ),
        Text(
            "let both principals consent at /agency-consents, themselves",
            "请由双方被代理人本人在 /agency-consents 表示同意",
        ),
    )
