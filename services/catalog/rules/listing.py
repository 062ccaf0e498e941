"""Which patents may be on offer, and how a listing's acts follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.catalog.rules.term import term_has_not_ended
from shared.contracts.catalog import LegalState, ListingState
from shared.contracts.values import PatentType
from shared.errors import Text
from shared.rulebook import Refusal, rule

_GONE: dict[LegalState, Text] = {
    LegalState.LAPSED_UNPAID_FEE: Text("has lapsed because fees were not paid", "因未缴年费已终止"),
    LegalState.ABANDONED: Text("was abandoned", "已放弃"),
    LegalState.EXPIRED: Text("has expired", "已届满"),
    LegalState.INVALIDATED: Text("was declared invalid", "已被宣告无效"),
    LegalState.REFUSED: Text("was never granted: the application was refused", "申请已被驳回，未授权"),
    LegalState.WITHDRAWN: Text("was never granted: the application was withdrawn", "申请已撤回，未授权"),
}


@dataclass(frozen=True, slots=True)
class ListedPatent:
    """What the rules of listing look at."""

    id: str
    patent_type: PatentType
    state: LegalState
    filed_on: date | None
    is_granted: bool


@rule(
    "LS-NOT-IN-FORCE",
    source=Text("Patent Law Art. 44, 47; Civil Code Art. 865", "专利法第四十四条、第四十七条；民法典第八百六十五条"),
    since="2021-06-01",
)
def right_exists(patent: ListedPatent) -> Refusal | None:
    """A patent that has lapsed, expired, was abandoned, invalidated or never granted is not offered."""
    if (why := _GONE.get(patent.state)) is None:
        return None
    return Refusal(
        "LS-NOT-IN-FORCE",
        Text(f"patent {patent.id} {why.en}", f"专利 {patent.id} {why.zh}"),
        Text(
            "if the register says otherwise, record a look at it (REGISTER_CHECKED)",
            "如登记簿记载不同，请记录一次登记簿核查（REGISTER_CHECKED）",
        ),
        pointer="/patent_ids",
    )


@rule("LS-NOT-GRANTED", source=Text("Patent Law Art. 39, 40", "专利法第三十九条、第四十条"), since="2021-06-01")
def right_is_granted(patent: ListedPatent) -> Refusal | None:
    """Only a granted patent is offered: the right takes effect with the announcement of its grant."""
    if patent.state is not LegalState.PENDING and (patent.is_granted or patent.state is not LegalState.UNKNOWN):
        return None
    return Refusal(
        "LS-NOT-GRANTED",
        Text(
            f"patent {patent.id} is not granted, as far as its record says", f"根据现有记录，专利 {patent.id} 尚未授权"
        ),
        Text(
            "add its grant date or the publication number of the grant (kind B, U or S)",
            "请补充授权公告日或授权公告号（B、U 或 S 类）",
        ),
        pointer="/patent_ids",
    )


@rule(
    "LS-SUSPENDED",
    source=Text("Implementing Regulations rules 103-105", "专利法实施细则第一百零三条至第一百零五条"),
    since="2024-01-20",
)
def right_is_not_suspended(patent: ListedPatent) -> Refusal | None:
    """While the office has suspended proceedings (ownership dispute, preservation) a patent is not offered."""
    if patent.state is not LegalState.SUSPENDED:
        return None
    return Refusal(
        "LS-SUSPENDED",
        Text(f"proceedings on patent {patent.id} are suspended", f"专利 {patent.id} 的相关程序已中止"),
        Text("list it when the suspension has ended", "中止结束后方可挂牌"),
        pointer="/patent_ids",
    )


def may_list(patent: ListedPatent, today: date) -> list[Refusal]:
    """All reasons against offering a patent for information; an unknown status is none (it gets a badge)."""
    verdicts = (
        right_exists(patent),
        right_is_granted(patent),
        right_is_not_suspended(patent),
        term_has_not_ended(patent.patent_type, patent.filed_on, today) if patent.state is LegalState.UNKNOWN else None,
    )
    return [refusal for refusal in verdicts if refusal is not None]


_S = ListingState
TRANSITIONS: dict[str, tuple[frozenset[ListingState], ListingState]] = {
    "submission": (frozenset({_S.DRAFT, _S.RETURNED}), _S.SUBMITTED),
    "return": (frozenset({_S.SUBMITTED}), _S.RETURNED),
    "publication": (frozenset({_S.SUBMITTED}), _S.PUBLISHED),
    "suspension": (frozenset({_S.PUBLISHED}), _S.SUSPENDED),
    "resumption": (frozenset({_S.SUSPENDED}), _S.PUBLISHED),
    "withdrawal": (frozenset({_S.DRAFT, _S.SUBMITTED, _S.RETURNED, _S.PUBLISHED, _S.SUSPENDED}), _S.WITHDRAWN),
    "closing": (frozenset({_S.PUBLISHED, _S.SUSPENDED}), _S.CLOSED),
}


@rule("LS-STATE", source=Text("the platform's listing rules", "平台挂牌规则"), since="2026-11-22")
def next_state(state: ListingState, act: str) -> ListingState | Refusal:
    """An act is done in the states that its transition starts from, and in no other."""
    before, after = TRANSITIONS[act]
    if state in before:
        return after
    possible = sorted(act_ for act_, (from_, _) in TRANSITIONS.items() if state in from_ and act_ != "closing")
    words = ", ".join(possible) or "none"
    return Refusal(
        "LS-STATE",
        Text(f"a listing in state {state} takes no {act}", f"{state} 状态的挂牌不能进行 {act}"),
        Text(f"acts possible now: {words}", f"目前可进行：{words}"),
    )


@rule("LS-EDIT", source=Text("the platform's listing rules", "平台挂牌规则"), since="2026-11-22")
def may_edit(state: ListingState) -> Refusal | None:
    """A closed or withdrawn listing is a record and is not changed any more."""
    if state not in (ListingState.CLOSED, ListingState.WITHDRAWN):
        return None
    return Refusal(
        "LS-EDIT",
        Text(f"a listing in state {state} is not changed any more", f"{state} 状态的挂牌不能再修改"),
        Text("make a new listing", "请新建挂牌"),
    )


@rule("SAMPLE-ONLY", source=Text("the platform's rules for its sample", "平台示例数据规则"), since="2026-11-22")
def sample_stays_apart(samples: Sequence[bool]) -> Refusal | None:
    """Sample patents are never offered together with real ones."""
    if len(set(samples)) <= 1:
        return None
    return Refusal(
        "SAMPLE-ONLY",
        Text("a listing holds sample patents or real ones, not both", "挂牌不能同时包含示例专利和真实专利"),
        pointer="/patent_ids",
    )
