"""What a license fee may come to, by the methods that CNIPA has published; from figures that the caller gives.

No rate of any industry is shipped: the figures of the year stand in CNIPA's publications, and whoever asks names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.licensing.rules.terms import fen
from shared.contracts.licensing import EstimateMethod, FeeEstimateQuery
from shared.errors import Text
from shared.rulebook import Refusal, rule

_GUIDE = Text(
    "Guidelines on estimating open-license fees (trial), CNIPA 2022 No. 56",
    "《专利开放许可使用费估算指引（试行）》国知办发运字〔2022〕56号",
)
_M = EstimateMethod
BY_RATE = frozenset({_M.OWN_INCOME, _M.INDUSTRY_STATISTICS, _M.INTERNATIONAL_RATES})


@dataclass(frozen=True, slots=True)
class Estimate:
    """The least, the middle and the most of the comparables, in fen."""

    low: int
    median: int
    high: int


@rule("FEE-COMPARABLES", source=_GUIDE, since="2022-10-14")
def figures_fit(query: FeeEstimateQuery) -> Refusal | None:
    """A method by rates takes rates and what they apply to; one by fees takes fees that were paid or appraised."""
    by_rate = query.method in BY_RATE
    rates = [one for one in query.comparables if one.rate is not None]
    fees = [one for one in query.comparables if one.amount is not None]
    whole = len(rates if by_rate else fees) == len(query.comparables) and not (fees if by_rate else rates)
    if whole and (query.base is not None) is by_rate:
        return None
    wanted = (
        Text("rates and a base", "费率和计费基数（base）")
        if by_rate
        else Text("fees and no base", "费用金额，不填计费基数")
    )
    return Refusal(
        "FEE-COMPARABLES",
        Text(f"method {query.method.value} takes {wanted.en}", f"{query.method.value} 方法应填写{wanted.zh}"),
        Text(
            "give each comparable its rate, or its amount, with source and year",
            "请为每个可比项填写费率或金额，以及来源和年份",
        ),
        pointer="/comparables",
    )


@rule("FEE-ESTIMATE", source=_GUIDE, since="2022-10-14")
def estimate(query: FeeEstimateQuery) -> Estimate:
    """Least, median and most of what the comparables come to: for reference only, no price and no appraisal."""
    if query.method in BY_RATE:
        assert query.base is not None
        base = fen(query.base.amount)
        found = [int((base * Decimal(one.rate or 0)).to_integral_value(ROUND_HALF_UP)) for one in query.comparables]
    else:
        found = [fen(one.amount or "0") for one in query.comparables]
    return _spread(sorted(found))


def _spread(found: Sequence[int]) -> Estimate:
    middle = len(found) // 2
    median = found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) // 2
    return Estimate(found[0], median, found[-1])
