"""Periods: when a term of days or months ends, on the calendar of working days."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from shared.errors import Text
from shared.rulebook import rule

_RULE_5 = Text(
    "Implementing Regulations rule 5; Civil Code Art. 201-203",
    "专利法实施细则第五条；民法典第二百零一条至第二百零三条",
)
_SATURDAY = 5
# What falls on the same days every year (全国年节及纪念日放假办法, 2024): 1 January, 1-2 May, 1-3 October.
_FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The calendar: holidays, and weekend days on which people work. A year without data has its fixed holidays."""

    holidays: frozenset[date]
    worked: frozenset[date]

    @classmethod
    def of(cls, rows: Iterable[tuple[date, str]]) -> Self:
        """From rows of a day and HOLIDAY or WORKDAY."""
        found = list(rows)
        return cls(
            frozenset(day for day, kind in found if kind == "HOLIDAY"),
            frozenset(day for day, kind in found if kind == "WORKDAY"),
        )

    def is_worked(self, day: date) -> bool:
        """Whether offices are open."""
        if day in self.worked:
            return True
        return day.weekday() < _SATURDAY and day not in self.holidays and (day.month, day.day) not in _FIXED

    def on_or_after(self, day: date) -> date:
        """The day itself, or the next working day."""
        while not self.is_worked(day):
            day += timedelta(days=1)
        return day


def months_after(day: date, months: int) -> date:
    """The corresponding day so many months later, or the last day of that month where it has none."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@rule("PERIOD-DAYS", source=_RULE_5, since="2024-01-20")
def ends_after_days(begun_on: date, days: int, working: WorkingDays) -> date:
    """A period of days does not count the day on which it begins; one that ends on a holiday ends on the next working day."""
    return working.on_or_after(begun_on + timedelta(days=days))


@rule("PERIOD-MONTHS", source=_RULE_5, since="2024-01-20")
def ends_after_months(begun_on: date, months: int, working: WorkingDays) -> date:
    """A period of months ends on the corresponding day of its last month, or that month's last day; never on a holiday."""
    return working.on_or_after(months_after(begun_on, months))


@rule(
    "PERIOD-WORKING-DAYS",
    source=Text("Civil Code Art. 201, 204", "民法典第二百零一条、第二百零四条"),
    since="2021-01-01",
)
def ends_after_working_days(begun_on: date, days: int, working: WorkingDays) -> date:
    """A period of working days does not count the day on which it begins, nor a day on which offices are closed."""
    day = begun_on
    for _ in range(days):
        day = working.on_or_after(day + timedelta(days=1))
    return day


RECORDAL_MONTHS = 3


@rule(
    "RECORDAL-DUE",
    source=Text("Implementing Regulations rule 15", "专利法实施细则第十五条"),
    since="2024-01-20",
)
def recordal_due_on(effective_on: date, working: WorkingDays) -> date:
    """A license is filed for recordal within three months of taking effect."""
    return ends_after_months(effective_on, RECORDAL_MONTHS, working)
