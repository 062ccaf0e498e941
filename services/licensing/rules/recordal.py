"""The recordal 备案 of a license: filed by either side, recorded or refused by the office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.licensing.rules.names import zh
from services.licensing.rules.periods import WorkingDays, ends_after_days
from shared.contracts.licensing import RecordalState
from shared.errors import Text
from shared.rulebook import Refusal, rule

_RULE_87 = Text("Implementing Regulations rules 15, 87", "专利法实施细则第十五条、第八十七条")
_S = RecordalState


@rule("REC-OVERDUE", source=_RULE_87, since="2024-01-20")
def state_on(steps: Sequence[str], due_on: date, today: date) -> RecordalState:
    """Due within three months of effect; what was refused may be filed again; nothing is lost by being late but time."""
    if steps:
        return _S.RECORDED if steps[-1] == "CHANGED" else _S(steps[-1])
    return _S.OVERDUE if today > due_on else _S.DUE


_FROM = {
    "FILED": (_S.DUE, _S.OVERDUE, _S.REFUSED),
    "RECORDED": (_S.FILED,),
    "REFUSED": (_S.FILED,),
    "CHANGED": (_S.RECORDED,),
    "CANCELLED": (_S.RECORDED,),
}


@rule("REC-STATE", source=_RULE_87, since="2024-01-20")
def step_follows(outcome: str, state: RecordalState) -> Refusal | None:
    """The office decides on what was filed; what it refused is filed again; what is on record is changed or cancelled."""
    if state in _FROM[outcome]:
        return None
    return Refusal(
        "REC-STATE",
        Text(f"the recordal is {state.value}; {outcome} does not follow", f"备案状态为{zh(state)}，不能记为 {outcome}"),
        Text(
            "a recordal is FILED first, then RECORDED or REFUSED; a recorded one may be CHANGED or CANCELLED",
            "备案须先提交（FILED），再记录结果（RECORDED 或 REFUSED）；已备案的可以变更（CHANGED）或注销（CANCELLED）",
        ),
        pointer="/outcome",
    )


@rule(
    "REC-ENDED",
    source=Text(
        "Measures for the Recordal of Patent License Contracts (SIPO Order 62), on contracts that have ended",
        "专利实施许可合同备案办法（国家知识产权局令第62号）关于合同终止的规定",
    ),
    since="2011-08-01",
)
def license_runs(outcome: str, on: date, ended_on: date | None) -> Refusal | None:
    """A license is filed while it is in force; what was filed then is still decided, and taken off the record."""
    if outcome != "FILED" or ended_on is None or on < ended_on:
        return None
    return Refusal(
        "REC-ENDED",
        Text(f"the license is no longer in force since {ended_on}", f"该许可自{ended_on}起不再有效，不再办理备案"),
        Text("a recorded one is CANCELLED", "已备案的请办理注销（CANCELLED）"),
        pointer="/outcome",
    )


@rule("REC-EVIDENCE", source=_RULE_87, since="2024-01-20")
def step_is_proved(outcome: str, has_document: bool, number: str | None, is_operator: bool) -> Refusal | None:
    """The office's decision is recorded by the operator, or from its document; a recorded license has a number."""
    if outcome == "FILED" or ((has_document or is_operator) and (outcome != "RECORDED" or number)):
        return None
    return Refusal(
        "REC-EVIDENCE",
        Text(
            f"the office's decision needs its document{' and its number' if outcome == 'RECORDED' else ''}",
            f"备案结果须附证明文件{'并填写备案号' if outcome == 'RECORDED' else ''}",
        ),
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


TO_BE_FILED = (_S.DUE, _S.OVERDUE, _S.REFUSED)
CANCEL_WITHIN_DAYS = 30


@rule(
    "REC-END",
    source=Text(
        "Measures for the Recordal of Patent License Contracts (SIPO Order 62), on early termination",
        "专利实施许可合同备案办法（国家知识产权局令第62号）关于提前解除合同注销备案的规定",
    ),
    since="2011-08-01",
)
def cancellation_due_on(state: RecordalState, terminated_on: date | None, working: WorkingDays) -> date | None:
    """A license that is on record and ended early is taken off the record within 30 days of its end."""
    if state is not _S.RECORDED or terminated_on is None:
        return None
    return ends_after_days(terminated_on, CANCEL_WITHIN_DAYS, working)


def nothing_to_record() -> Refusal:
    """REC-STATE, for a request that has not become a license."""
    return Refusal(
        "REC-STATE",
        Text("there is no license yet to be recorded", "尚未取得许可，无可备案"),
        Text("pay what is due first", "请先按约付款"),
    )
