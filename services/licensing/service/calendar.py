"""The calendar of working days: rows of a file as the State Council announced them, and what the operator added since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.licensing import models
from services.licensing.rules.periods import WorkingDays
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.payments import Calendar, CalendarDay, CalendarDraft, DayKind
from shared.db import Database, Tx
from shared.feed import change
from shared.idempotency import Idempotency

_SHIPPED_SOURCE = "国务院办公厅关于部分节假日安排的通知"


class _Day(NamedTuple):
    day: date
    kind: str
    source: str


class Calendars:
    """Use cases on the calendar. What is changed counts at once; days that were fixed by it before stay as they are."""

    def __init__(self, db: Database, acts: Idempotency, clock: Clock) -> None:
        self._db, self._acts, self._clock = db, acts, clock

    async def year(self, year: int) -> Calendar:
        """The days of a year that are not what their weekday says."""
        async with self._db.read() as tx:
            return _shown(year, _merged(await _added(tx)))

    async def add(self, draft: CalendarDraft, by: Caller) -> Calendar:
        """Enter days; each replaces what was known of it. Answers the year of the first."""
        now, table = self._clock.now(), models.calendar_day
        days = {one.day: {**one.model_dump(), "source": draft.source} for one in draft.days}
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            made = insert(table).values(list(days.values()))
            told = {name: made.excluded[name] for name in ("kind", "source")}
            await tx.execute(made.on_conflict_do_update(index_elements=["day"], set_=told))
            act = {
                "subject": "calendar", "act": "days_entered", "on": legal_day(now), "at": now, "by": by.client_id,
                "organization_id": by.organization_id, "detail": {"source": draft.source},
            }  # fmt: skip
            await tx.execute(models.act.insert().values(act))
            answer = _shown(draft.days[0].day.year, _merged(await _added(tx)))
            kinds: dict[str, JsonValue] = {one.day.isoformat(): one.kind.value for one in draft.days}
            data: dict[str, JsonValue] = {"days": kinds, "source": draft.source}
            await models.feed.append(tx, [change("calendar.changed", "calendar", "public", now, data)])
            return await self._acts.answer(tx, answer)


async def working_days(tx: Tx) -> WorkingDays:
    """The calendar as it is known now, on every replica."""
    return _counted(await _added(tx))


async def _added(tx: Tx) -> tuple[_Day, ...]:
    table = models.calendar_day
    found = await tx.execute(select(table.c.day, table.c.kind, table.c.source).order_by(table.c.day))
    return tuple(_Day(*row) for row in found)


def shipped_days() -> WorkingDays:
    """The calendar of the file alone."""
    return _counted(())


@lru_cache(maxsize=4)
def _counted(added: tuple[_Day, ...]) -> WorkingDays:
    return WorkingDays.of((one.day, one.kind) for one in _merged(added).values())


def _merged(added: tuple[_Day, ...]) -> dict[date, _Day]:
    return {one.day: one for one in (*_shipped(), *added)}


@cache
def _shipped() -> tuple[_Day, ...]:
    """holidays.tsv: a day or first/last day, then HOLIDAY or WORKDAY."""
    text = (resources.files(__package__) / "holidays.tsv").read_text(encoding="utf-8")
    return tuple(_Day(day, kind, _SHIPPED_SOURCE) for day, kind in _rows(text))


def _rows(text: str) -> Iterator[tuple[date, str]]:
    for line in text.splitlines():
        days, kind = line.split("\t")
        first, _, last = days.partition("/")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            yield day, kind
            day += timedelta(days=1)


def _shown(year: int, known: dict[date, _Day]) -> Calendar:
    days = [
        CalendarDay(day=one.day, kind=DayKind(one.kind), source=one.source)
        for one in sorted(known.values())
        if one.day.year == year and one.kind != DayKind.ORDINARY
    ]
    return Calendar(year=year, is_announced=bool(days), days=days)
