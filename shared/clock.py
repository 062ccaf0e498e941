"""Time, from one place: instants are aware UTC, legal days are Asia/Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the instant; tests bring their own."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)


def legal_day(at: datetime) -> date:
    """The calendar day in China on which an instant falls; deadlines count in these days."""
    return at.astimezone(SHANGHAI).date()
