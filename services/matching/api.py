"""Matching over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.matching.service import Matching
from shared.app import Endpoint, expected_version
from shared.auth import caller
from shared.contracts.feed import FeedPage
from shared.contracts.matching import (
    Closing,
    Filters,
    Matches,
    MatchesQuery,
    MatchQuery,
    Need,
    NeedDraft,
    NeedPatch,
    NeedState,
    Why,
)
from shared.contracts.wire import Cursor, ExternalId, Limit, Page


class MatchingEndpoint(Endpoint):
    """A route of matching's."""

    service = "matching"


router = APIRouter(route_class=MatchingEndpoint)


async def _matching(request: Request) -> Matching:
    found: Matching = request.app.state.use_cases
    return found


Uses = Annotated[Matching, Depends(_matching)]


@router.post("/v1/needs", status_code=201)
async def record_need(draft: NeedDraft, matching: Uses) -> Need:
    """Record a technology need in your own words."""
    return await matching.needs.draft(draft, caller())


@router.get("/v1/needs")
async def list_needs(
    matching: Uses,
    state: NeedState | None = None,
    external_id: ExternalId | None = None,
    after: Cursor | None = None,
    limit: Limit = 20,
    count: bool = False,
) -> Page[Need]:
    """Your needs, newest first."""
    return await matching.needs.page(
        state=state, external_id=external_id, after=after, limit=limit, count=count, by=caller()
    )


@router.get("/v1/needs/{id}")
async def get_need(id: str, matching: Uses) -> Need:
    """A need of yours."""
    return await matching.needs.get(id, caller())


@router.patch("/v1/needs/{id}")
async def change_need(id: str, patch: NeedPatch, request: Request, matching: Uses) -> Need:
    """Change a need (merge patch); the text of a published need gets a new version."""
    return await matching.needs.patch(id, patch, expected_version(request), caller())


@router.post("/v1/needs/{id}/publication")
async def publish_need(id: str, matching: Uses) -> Need:
    """Publish a need, or renew one that was paused or has expired."""
    return await matching.needs.act(id, "publication", None, caller())


@router.post("/v1/needs/{id}/pause")
async def pause_need(id: str, matching: Uses) -> Need:
    """Pause a published need."""
    return await matching.needs.act(id, "pause", None, caller())


@router.post("/v1/needs/{id}/closing")
async def close_need(id: str, matching: Uses, closing: Closing = Closing()) -> Need:
    """Close a need for good."""
    return await matching.needs.act(id, "closing", closing.reason, caller())


@router.get("/v1/needs/{id}/matches")
async def match_need(id: str, query: Annotated[MatchesQuery, Query()], matching: Uses) -> Matches:
    """Listings that fit the need, best first, each with the reasons for its score."""
    return await matching.rankings.matches(id, query.filters(), query.after, query.limit, caller())


@router.get("/v1/needs/{id}/matches/{listing_id}")
async def explain_match(id: str, listing_id: str, filters: Annotated[Filters, Query()], matching: Uses) -> Why:
    """Why a listing is among the matches, or why not."""
    return await matching.rankings.why(id, listing_id, filters, caller())


@router.post("/v1/match-queries")
async def match(query: MatchQuery, matching: Uses) -> Matches:
    """Rank a need that is not stored."""
    return await matching.rankings.query(query)


@router.get("/changes", include_in_schema=False)
async def changes(
    matching: Uses,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
) -> FeedPage:
    """The feed, for other services."""
    return await matching.changes(after, limit, wait)
