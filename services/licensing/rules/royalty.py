"""Royalties 提成: what a report costs, on rates that rise or fall with the base, between a minimum and a cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from services.licensing.rules.names import zh
from services.licensing.rules.terms import fen
from shared.contracts.catalog import Fee
from shared.contracts.licensing import ReportState, RoyaltyTerms
from shared.errors import Text
from shared.rulebook import Refusal, rule

_ART_846 = Text("Civil Code Art. 846", "民法典第八百四十六条")
_R = ReportState


@dataclass(frozen=True, slots=True)
class Rates:
    """A royalty's figures: steps are (above this sum of the base in fen, rate), the first above nothing."""

    steps: Sequence[tuple[int, Decimal]]
    minimum_fen: int = 0
    cap_fen: int | None = None


def rates_of(fee: Fee, royalty: RoyaltyTerms | None) -> Rates:
    """The figures of the agreed terms."""
    assert fee.rate is not None
    said = royalty or RoyaltyTerms()
    return Rates(
        steps=[(0, Decimal(fee.rate)), *((fen(step.above), Decimal(step.rate)) for step in said.steps)],
        minimum_fen=fen(said.minimum or "0"),
        cap_fen=None if said.cap is None else fen(said.cap),
    )


@rule("ROY-SUM", source=_ART_846, since="2021-01-01")
def royalty_fen(rates: Rates, base_fen: int, base_before_fen: int, royalties_before_fen: int) -> int:
    """Each part of the base costs the rate of its step; at least the minimum, and never more than the cap in all.

    All in whole fen: the base of this report, the bases and royalties of those before; half a fen is rounded up.
    """
    total, first, last = Decimal(0), base_before_fen, base_before_fen + base_fen
    bounds = [above for above, _ in rates.steps[1:]]
    for (above, rate), until in zip(rates.steps, [*bounds, last], strict=True):
        part = max(0, min(last, max(until, above)) - max(first, above))
        total += part * rate
    due = max(int(total.to_integral_value(ROUND_HALF_UP)), rates.minimum_fen)
    return due if rates.cap_fen is None else max(0, min(due, rates.cap_fen - royalties_before_fen))


class ReportAct(StrEnum):
    """What the licensor does about a report, by the name of its route."""

    VERIFICATION = "verification"
    CONTEST = "contest"


@rule("ROY-STATE", source=_ART_846, since="2021-01-01")
def act_is_open(act: ReportAct, state: ReportState, *, is_last: bool) -> Refusal | None:
    """The licensor verifies a report, or contests it after a look into the accounts, before the next one is sent."""
    if state is _R.REPORTED and (is_last or act is ReportAct.VERIFICATION):
        return None
    return Refusal(
        "ROY-STATE",
        Text(f"the report is {state.value}; {act.value} is not open", f"该提成报告状态为{zh(state)}，不能进行该操作"),
        Text("a contested report is sent anew by the licensee", "有异议的报告由被许可方重新提交"),
    )
