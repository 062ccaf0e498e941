"""Oversight's decisions: on what an order rests, how it stands, when it is lifted and appealed against."""

from __future__ import annotations

from datetime import date

from shared.contracts.oversight import BasisKind, RestrictionBasis, RestrictionState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_CREDIT = Text(
    "CNIPA's rules on credit management (2022); the platform's rules of participation",
    "国家知识产权局知识产权信用管理规定（2022年）；平台参与规则",
)
_OURS = Text("the platform's rules of participation", "平台参与规则")
_SINCE = "2026-11-30"
_S = RestrictionState
STANDS = frozenset({_S.SCHEDULED, _S.ACTIVE})


@rule("RESTRICT-BASIS", source=_CREDIT, since=_SINCE)
def rests_on_an_order(basis: RestrictionBasis) -> Refusal | None:
    """Only a court, an authority or the platform's own rules keep a party from dealing: with name, number and document.

    A mark in a credit record means a stricter look and nothing more.
    """
    if basis.kind is BasisKind.PLATFORM_RULES or (basis.authority and basis.document_ids):
        return None
    missing = "/basis/document_ids" if basis.authority else "/basis/authority"
    return Refusal(
        "RESTRICT-BASIS",
        Text(
            "an order of a court or authority needs its name and its decision",
            "法院或行政机关的决定须写明机关名称并附决定书",
        ),
        Text(
            "name it in authority, upload the decision at /v1/documents and name that in document_ids",
            "请填写 authority，并将决定书上传至 /v1/documents 后填入 document_ids",
        ),
        pointer=missing,
    )


@rule("RESTRICT-DAYS", source=_OURS, since=_SINCE)
def days_are_ahead(first: date, last: date | None, today: date) -> Refusal | None:
    """An order begins today or later, and does not end before it begins: what was done stays done."""
    if first < today:
        return Refusal(
            "RESTRICT-DAYS",
            Text(f"an order does not reach back to {first}", f"限制不得溯及{first}"),
            Text("it begins today at the earliest", "最早自今日起生效"),
            pointer="/from",
        )
    if last is not None and last < first:
        return Refusal(
            "RESTRICT-DAYS",
            Text(f"it would end on {last}, before it begins on {first}", f"限制自{first}起，却在{last}结束"),
            Text("leave until out for an order that stands until it is lifted", "如需持续至解除为止，请勿填写 until"),
            pointer="/until",
        )
    return None


def state_on(first: date, last: date | None, is_lifted: bool, today: date) -> RestrictionState:
    """How an order stands on a day, both of its days included."""
    if is_lifted:
        return _S.LIFTED
    if today < first:
        return _S.SCHEDULED
    return _S.EXPIRED if last is not None and today > last else _S.ACTIVE


@rule("RESTRICT-STATE", source=_OURS, since=_SINCE)
def is_liftable(state: RestrictionState) -> Refusal | None:
    """An order is lifted while it stands, or before it begins; one that has ended is a record."""
    if state in STANDS:
        return None
    return Refusal(
        "RESTRICT-STATE",
        Text(f"an order that is {state.value} is not lifted", f"{state.value} 状态的限制无需解除"),
        Text("nothing is left to lift", "该限制已不再生效"),
    )


@rule("RESTRICT-APPEAL", source=_CREDIT, since=_SINCE)
def may_be_appealed(state: RestrictionState, has_pending: bool) -> Refusal | None:
    """A party appeals against an order that stands; once that was decided it may appeal again."""
    if state in STANDS and not has_pending:
        return None
    if has_pending:
        return Refusal(
            "RESTRICT-APPEAL",
            Text("an appeal against this order is being looked into", "对该限制的申诉正在处理中"),
            Text("wait for its decision", "请等待处理结果"),
        )
    return Refusal(
        "RESTRICT-APPEAL",
        Text(f"an order that is {state.value} is not appealed against", f"{state.value} 状态的限制不能再申诉"),
        Text("it keeps you from nothing any more", "该限制对贵方已无影响"),
    )


@rule("RESTRICT-DECIDED", source=_OURS, since=_SINCE)
def is_undecided(is_decided: bool) -> Refusal | None:
    """An appeal is decided once."""
    if not is_decided:
        return None
    return Refusal(
        "RESTRICT-DECIDED",
        Text("this appeal was decided before", "该申诉已有处理结果"),
        Text(
            "the order may be lifted at /lifting, or appealed against anew", "可以通过 /lifting 解除限制，或者重新申诉"
        ),
    )
