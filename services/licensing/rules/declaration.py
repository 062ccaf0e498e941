"""The declaration: which act is open in which state, and what else it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from shared.contracts.licensing import DeclarationState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_S = DeclarationState


class DeclarationAct(StrEnum):
    """What is done to a declaration, by the name of its route."""

    CONSENT = "consents"
    FILING = "filing"
    ANNOUNCEMENT = "announcement"
    NON_ANNOUNCEMENT = "non-announcement"
    WITHDRAWAL = "withdrawal"
    WITHDRAWAL_ANNOUNCEMENT = "withdrawal-announcement"


_A = DeclarationAct
FROM: dict[DeclarationAct, frozenset[DeclarationState]] = {
    _A.CONSENT: frozenset({_S.DRAFT, _S.CONSENTED}),
    _A.FILING: frozenset({_S.DRAFT, _S.CONSENTED}),
    _A.ANNOUNCEMENT: frozenset({_S.FILED}),
    _A.NON_ANNOUNCEMENT: frozenset({_S.FILED}),
    _A.WITHDRAWAL: frozenset({_S.ANNOUNCED}),
    _A.WITHDRAWAL_ANNOUNCEMENT: frozenset({_S.WITHDRAWAL_FILED}),
}
TO: dict[DeclarationAct, DeclarationState] = {
    _A.FILING: _S.FILED,
    _A.ANNOUNCEMENT: _S.ANNOUNCED,
    _A.NON_ANNOUNCEMENT: _S.NOT_ANNOUNCED,
    _A.WITHDRAWAL: _S.WITHDRAWAL_FILED,
    _A.WITHDRAWAL_ANNOUNCEMENT: _S.WITHDRAWN,
}
LIVE = (_S.FILED, _S.ANNOUNCED, _S.WITHDRAWAL_FILED)  # from filing until its end: I-1
SHOWN = (_S.ANNOUNCED, _S.WITHDRAWAL_FILED, _S.WITHDRAWN, _S.ENDED)  # the gazette has told of it
OPEN = (_S.ANNOUNCED, _S.WITHDRAWAL_FILED)  # a withdrawal counts from its announcement on
_NAME = {
    _S.DRAFT: Text("a draft", "草稿"), _S.CONSENTED: Text("consented to", "已取得同意"), _S.FILED: Text("filed", "已提交"),
    _S.NOT_ANNOUNCED: Text("refused by the office", "未予公告"), _S.ANNOUNCED: Text("announced", "已公告"),
    _S.WITHDRAWAL_FILED: Text("about to be withdrawn", "撤回已提交"), _S.WITHDRAWN: Text("withdrawn", "已撤回"),
    _S.ENDED: Text("ended", "已终止"),
}  # fmt: skip


def state_on(
    state: DeclarationState, expiry: date | None, today: date, patent_ended_on: date | None = None
) -> DeclarationState:
    """The state on a day: a declaration ends with its patent, at its term or before, whoever is awake then."""
    has_ended = (expiry is not None and today > expiry) or (patent_ended_on is not None and today >= patent_ended_on)
    return _S.ENDED if state in OPEN and has_ended else state


OPEN_SINCE = date(2021, 6, 1)  # when Patent Law Art. 50 came into force


@rule("OL-STATE", source=Text("Patent Law Art. 50", "专利法第五十条"), since="2021-06-01")
def act_is_open(act: DeclarationAct, state: DeclarationState) -> Refusal | None:
    """A declaration is immutable from its filing on; each act has its place: filing, announcement, withdrawal."""
    if state in FROM[act]:
        return None
    wanted = sorted(FROM[act], key=list(_S).index)
    return Refusal(
        "OL-STATE",
        Text(
            f"the declaration is {_NAME[state].en}; {act.value} needs one that is {' or '.join(_NAME[w].en for w in wanted)}",
            f"声明当前状态为“{_NAME[state].zh}”，该操作要求“{'或'.join(_NAME[w].zh for w in wanted)}”",
        ),
        Text(
            "a change of terms is a withdrawal and a new declaration",
            "变更许可条件须撤回声明并重新提出声明",
        ),
    )


@rule("OL-ONE", source=Text("Patent Law Art. 50", "专利法第五十条"), since="2021-06-01")
def stands_alone(other: str | None) -> Refusal | None:
    """A patent has one declaration at a time, from its filing until its end."""
    if other is None:
        return None
    return Refusal(
        "OL-ONE",
        Text(
            f"declaration {other} of this patent is filed or announced", f"该专利已有提交或公告的开放许可声明 {other}"
        ),
        Text("withdraw that one first", "请先撤回该声明"),
        pointer="/patent_id",
    )


@rule(
    "OL-EXCL",
    source=Text("Implementing Regulations rule 86 (1)", "专利法实施细则第八十六条第（一）项"),
    since="2024-01-20",
)
def nothing_sole_is_agreed(license_id: str | None) -> Refusal | None:
    """No open license while a sole or exclusive license is in force, or agreed and about to be signed (I-1)."""
    if license_id is None:
        return None
    return Refusal(
        "OL-EXCL",
        Text(
            f"a sole or exclusive license is in force or agreed: {license_id}",
            f"该专利存在有效的或待签署的独占、排他许可 {license_id}",
        ),
        Text("declare after it has ended, or give the contract up", "请待其终止后再声明，或放弃该待签合同"),
        pointer="/patent_id",
    )


@rule("OL-DAYS", source=Text("Patent Law Art. 50", "专利法第五十条"), since="2021-06-01")
def days_follow(on: date, not_before: date | None, today: date) -> Refusal | None:
    """What is recorded has happened, and not before the act that it follows."""
    if on <= today and (not_before is None or on >= not_before):
        return None
    if on > today:
        message = Text(f"{on} is still to come", f"{on} 尚未到来")
    else:
        message = Text(
            f"{on} is before {not_before}, when it could not have happened yet",
            f"{on} 早于 {not_before}，当时尚不可能发生",
        )
    return Refusal("OL-DAYS", message, Text("give the day on which it happened", "请填写实际发生之日"))


@rule(
    "OL-OWNERS-WITHDRAW",
    source=Text("Patent Law Art. 14, 50", "专利法第十四条、第五十条"),
    since="2021-06-01",
)
def owners_withdraw_together(missing: Sequence[str]) -> Refusal | None:
    """A declaration is withdrawn by all its patentees together."""
    if not missing:
        return None
    return Refusal(
        "OL-OWNERS-WITHDRAW",
        Text(
            f"these owners have not consented to the withdrawal: {', '.join(missing)}",
            f"下列共有人未同意撤回：{'、'.join(missing)}",
        ),
        Text(
            "record their consents at …/consents with `to`: WITHDRAWAL",
            "请在 …/consents 记录其同意（to 为 WITHDRAWAL）",
        ),
    )


@rule("OL-NOT-OPEN", source=Text("Patent Law Art. 51", "专利法第五十一条第一款"), since="2021-06-01")
def is_open(state: DeclarationState) -> Refusal | None:
    """A notice is given to an announced declaration, until its withdrawal is announced."""
    if state in OPEN:
        return None
    return Refusal(
        "OL-NOT-OPEN",
        Text(
            f"the declaration is {_NAME[state].en}: nobody can take a license under it",
            f"该声明{_NAME[state].zh}，不能据以取得许可",
        ),
        Text(
            "look for the patent's listing and negotiate an ordinary license",
            "可查找该专利的挂牌信息，协商普通许可",
        ),
        pointer="/declaration_id",
    )
