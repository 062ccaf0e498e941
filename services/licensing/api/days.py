"""Days and figures: deadlines, the calendar, policies, estimates; and the feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from services.licensing.api.base import Uses, router
from shared.auth import caller
from shared.contracts.feed import FeedPage
from shared.contracts.licensing import (
    Deadline,
    DeadlineQuery,
    FeeEstimate,
    FeeEstimateQuery,
)
from shared.contracts.payments import (
    Calendar,
    CalendarDraft,
    Policy,
    PolicyDraft,
    PolicyName,
)
from shared.contracts.wire import Page


@router.post("/v1/fee-estimates")
async def estimate_fee(query: FeeEstimateQuery, licensing: Uses) -> FeeEstimate:
    """What a license fee may come to, by CNIPA's published methods and the figures that you give: reference only."""
    return licensing.declarations.estimate(query)


@router.get("/v1/deadlines")
async def list_deadlines(query: Annotated[DeadlineQuery, Query()], licensing: Uses) -> Page[Deadline]:
    """What you have to do, or may still do, by when; the next first."""
    return await licensing.deadlines.page(query, caller())


@router.get("/v1/calendar")
async def get_calendar(year: Annotated[int, Query(ge=1985, le=2199)], licensing: Uses) -> Calendar:
    """The days of a year that are not what their weekday says: holidays, and weekend days on which people work."""
    return await licensing.calendars.year(year)


@router.post("/v1/calendar/days")
async def enter_calendar_days(draft: CalendarDraft, licensing: Uses) -> Calendar:
    """Enter days as they were announced (operator); they count at once, and move no day that was fixed before."""
    return await licensing.calendars.add(draft, caller())


@router.get("/v1/policies")
async def list_policies(licensing: Uses, name: PolicyName | None = None) -> Page[Policy]:
    """The figures that an office or the operator may change, each with its source and first day."""
    return await licensing.policies.page(name)


@router.post("/v1/policies", status_code=201)
async def enter_policy(draft: PolicyDraft, licensing: Uses) -> Policy:
    """Enter a figure from a day on (operator); what was fixed before stays."""
    return await licensing.policies.add(draft, caller())


@router.get("/changes", include_in_schema=False)
async def changes(
    licensing: Uses,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
    types: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> FeedPage:
    """The feed, for other services."""
    return await licensing.changes(after, limit, wait, types)
