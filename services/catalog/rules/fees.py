"""Annual fees: what is due when, and what waiting costs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

from services.catalog.rules.status import grace_end
from services.catalog.rules.term import term_years
from shared.contracts.catalog import AnnualFee
from shared.contracts.values import Money, PatentType
from shared.errors import Text
from shared.rulebook import rule

SURCHARGE_PERCENT = 5  # of the full fee, for each month begun
State = Literal["PAID", "DUE", "IN_GRACE", "UNPAID", "NOT_DUE", "NOT_RECORDED"]
_SOON = timedelta(days=90)
# (last year, yuan a year); CNIPA's schedule of fees, announcement 75 of 2001 as amended
_INVENTION = ((3, 900), (6, 1200), (9, 2000), (12, 4000), (15, 6000), (20, 8000))
_OTHERS = ((3, 600), (5, 900), (8, 1200), (10, 2000), (15, 3000))


def yuan(patent_type: PatentType, year: int) -> int:
    """The full fee of a year, without any reduction."""
    steps = _INVENTION if patent_type is PatentType.INVENTION else _OTHERS
    return steps[min(bisect_left([last for last, _ in steps], year), len(steps) - 1)][1]


def anniversary(day: date, years: int) -> date:
    """The corresponding day, the last of February where there is none (Implementing Regulations rule 5)."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 2, 28)


@rule(
    "FEE-YEARS",
    source=Text(
        "Implementing Regulations rule 115; CNIPA schedule of fees", "专利法实施细则第一百一十五条；专利收费标准"
    ),
    since="2024-01-20",
)
def schedule(
    patent_type: PatentType, filed_on: date, granted_on: date | None, paid_until: date | None, today: date
) -> Iterator[AnnualFee]:
    """A year's fee is due before the year begins, counted from filing; each full month late costs 5 % of it.

    The fee of the year of the grant is due with the grant, and none for the years before. Amounts are the full
    ones; reductions are the office's. Which years were paid, `paid_until` says; without it nobody has recorded it.
    """
    for year in range(1, term_years(patent_type, filed_on) + 1):
        begins, ends = anniversary(filed_on, year - 1), anniversary(filed_on, year)
        if granted_on and granted_on >= ends:
            continue
        due = max(begins, granted_on) if granted_on else begins
        full, state = yuan(patent_type, year), _state(ends, due, paid_until, today)
        fen = full * SURCHARGE_PERCENT * _months_over(due, today) if state == "IN_GRACE" else 0
        yield AnnualFee(
            year=year,
            begins_on=begins,
            due_on=due,
            grace_ends_on=grace_end(due),
            amount=Money(amount=f"{full}.00"),
            surcharge=Money(amount=f"{fen // 100}.{fen % 100:02d}"),
            state=state,
        )


def _months_over(due: date, today: date) -> int:
    """Full months by which a day lies behind another."""
    months = (today.year - due.year) * 12 + today.month - due.month
    return months if today.day > due.day else months - 1


def _state(ends: date, due: date, paid_until: date | None, today: date) -> State:
    if paid_until is not None and paid_until >= ends - timedelta(days=1):
        return "PAID"
    if today <= due:
        return "DUE" if due - today <= _SOON else "NOT_DUE"
    if paid_until is None:
        return "NOT_RECORDED"
    return "IN_GRACE" if today <= grace_end(due) else "UNPAID"
