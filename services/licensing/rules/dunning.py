"""What is overdue: who is told of it when, and the formal demand 催告 on which a termination may rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from enum import StrEnum

from shared.errors import Text
from shared.rulebook import Refusal, rule

DEMAND_DAYS_LEAST = 30  # Interpretation on technology contracts Art. 15
_ART_563 = Text(
    "Civil Code Art. 563 (1)(3), 873; Interpretation on technology contracts Art. 15",
    "民法典第五百六十三条第一款第三项、第八百七十三条；技术合同司法解释第十五条",
)


class DemandState(StrEnum):
    """What has become of a demand."""

    RUNNING = "RUNNING"
    MET = "MET"
    UNMET = "UNMET"


@rule(
    "DUE-DUNNING",
    source=Text("Civil Code Art. 509, 873; the platform's rules", "民法典第五百零九条、第八百七十三条；平台规则"),
    since="2026-11-30",
)
def step_reached(due_on: date, steps: Sequence[int], today: date) -> date | None:
    """Both sides hear that something is overdue some days after it was due, once for each step: the day of the last one reached."""
    reached = [due_on + timedelta(days=days) for days in steps if due_on + timedelta(days=days) <= today]
    return max(reached, default=None)


@rule("DEMAND-ITEMS", source=_ART_563, since="2021-01-01")
def items_are_overdue(wanted: Sequence[str], overdue: Collection[str]) -> Refusal | None:
    """A demand names what is overdue, and nothing else."""
    wrong = [one for one in wanted if one not in overdue]
    if wanted and not wrong:
        return None
    named = wrong or ["-"]
    return Refusal(
        "DEMAND-ITEMS",
        Text(f"not overdue: {', '.join(named)}", f"以下款项并未逾期：{'、'.join(named)}"),
        Text("take the ids of OVERDUE items of the license's schedule", "请填写付款计划中状态为 OVERDUE 的项目编号"),
        pointer="/item_ids",
    )


@rule("DEMAND-PERIOD", source=_ART_563, since="2021-01-01")
def period_is_reasonable(demanded_on: date, pay_by: date) -> Refusal | None:
    """A demand leaves the other side 30 days or more."""
    least = demanded_on + timedelta(days=DEMAND_DAYS_LEAST)
    if pay_by >= least:
        return None
    return Refusal(
        "DEMAND-PERIOD",
        Text(f"a last period until {pay_by} is too short", f"至{pay_by}的履行期限过短"),
        Text(f"let it last until {least} or longer", f"请定至{least}或更晚"),
        pointer="/pay_by",
    )


@rule("DEMAND-STATE", source=_ART_563, since="2021-01-01")
def state_on(pay_by: date, is_paid: bool, has_open_report: bool, today: date) -> DemandState:
    """A demand is met by payment, also by a late one; it is unmet after its last day, and waits for open reports."""
    if is_paid or (has_open_report and today > pay_by):
        return DemandState.MET
    return DemandState.UNMET if today > pay_by else DemandState.RUNNING
