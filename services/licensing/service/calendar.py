"""The calendar of working days, as the State Council announces it year by year: rows of a file, not code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from importlib import resources

from services.licensing.rules.periods import WorkingDays


@cache
def working_days() -> WorkingDays:
    """The shipped calendar (holidays.tsv: a day or first/last day, then HOLIDAY or WORKDAY)."""
    return WorkingDays.of(_rows((resources.files(__package__) / "holidays.tsv").read_text(encoding="utf-8")))


def _rows(text: str) -> Iterator[tuple[date, str]]:
    for line in text.splitlines():
        days, kind = line.split("\t")
        first, _, last = days.partition("/")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            yield day, kind
            day += timedelta(days=1)
