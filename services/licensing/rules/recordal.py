"""The recordal 备案 of a license: filed by either side, recorded or refused by the office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from shared.contracts.licensing import RecordalState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_RULE_87 = Text("Implementing Regulations rules 15, 87", "专利法实施细则第十五条、第八十七条")
_S = RecordalState


@rule("REC-OVERDUE", source=_RULE_87, since="2024-01-20")
def state_on(steps: Sequence[str], due_on: date, today: date) -> RecordalState:
    """Due within three months of effect; what was refused may be filed again; nothing is lost by being late but time."""
    if steps:
        return _S(steps[-1])
    return _S.OVERDUE if today > due_on else _S.DUE


@rule("REC-STATE", source=_RULE_87, since="2024-01-20")
def step_follows(outcome: str, state: RecordalState) -> Refusal | None:
    """The office decides on what was filed; what it refused is filed again; what is recorded stays."""
    wanted = (_S.DUE, _S.OVERDUE, _S.REFUSED) if outcome == "FILED" else (_S.FILED,)
    if state in wanted:
        return None
    return Refusal(
        "REC-STATE",
        Text(
            f"the recordal is {state.value}; {outcome} does not follow", f"备案状态为 {state.value}，不能记为 {outcome}"
        ),
        Text(
            "a recordal is FILED first, then RECORDED or REFUSED",
            "备案须先提交（FILED），再记录结果（RECORDED 或 REFUSED）",
        ),
        pointer="/outcome",
    )


@rule("REC-EVIDENCE", source=_RULE_87, since="2024-01-20")
def step_is_proved(outcome: str, has_document: bool, number: str | None, is_operator: bool) -> Refusal | None:
    """The office's decision is recorded by the operator, or from its document; a recorded license has a number."""
    if outcome == "FILED" or ((has_document or is_operator) and (outcome == "REFUSED" or number)):
        return None
    return Refusal(
        "REC-EVIDENCE",
        Text("the office's decision needs its number and its document", "备案结果须填写备案号并附证明文件"),
        Text("upload the certificate at /v1/documents", "请在 /v1/documents 上传备案证明或不予备案通知"),
        pointer="/document_ids",
    )


@rule("REC-DAY", source=_RULE_87, since="2024-01-20")
def step_is_dated(on: date, effective_on: date, today: date) -> Refusal | None:
    """A step of the recordal lies after the license took effect, and not in the future."""
    if effective_on <= on <= today:
        return None
    return Refusal(
        "REC-DAY",
        Text(f"{on} is not between {effective_on} and today", f"{on} 不在生效日 {effective_on} 至今天之间"),
        Text("give the day on which it happened", "请填写实际发生之日"),
        pointer="/on",
    )


def nothing_to_record() -> Refusal:
    """REC-STATE, for a request that has not become a license."""
    return Refusal(
        "REC-STATE",
        Text("there is no license yet to be recorded", "尚未取得许可，无可备案"),
        Text("pay what is due first", "请先按约付款"),
    )
