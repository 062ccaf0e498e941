"""Oversight over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.oversight.service import Oversight
from shared.app import Endpoint
from shared.auth import caller
from shared.contracts.feed import FeedPage
from shared.contracts.oversight import (
    Appeal,
    AppealDecisionDraft,
    AppealDraft,
    PartyCheck,
    PartyOrders,
    PartyRestriction,
    RestrictionDraft,
    RestrictionLiftingDraft,
    RestrictionQuery,
)
from shared.contracts.wire import Page


class OversightEndpoint(Endpoint):
    """A route of oversight's."""

    service = "oversight"


router = APIRouter(route_class=OversightEndpoint)


async def _oversight(request: Request) -> Oversight:
    found: Oversight = request.app.state.use_cases
    return found


Uses = Annotated[Oversight, Depends(_oversight)]


@router.post("/v1/party-restrictions", status_code=201)
async def restrict_party(draft: RestrictionDraft, oversight: Uses) -> PartyRestriction:
    """Keep a party from new deals 限制, by order of a court or authority or under the platform's rules (operator)."""
    return await oversight.restrict(draft, caller())


@router.get("/v1/party-restrictions")
async def list_party_restrictions(
    query: Annotated[RestrictionQuery, Query()], oversight: Uses
) -> Page[PartyRestriction]:
    """Orders against your organization; operator and regulator (`oversight:read`) see all; newest first."""
    return await oversight.page(query, caller())


@router.get("/v1/party-restrictions/{id}")
async def get_party_restriction(id: str, oversight: Uses) -> PartyRestriction:
    """An order with its reason and the appeals against it, for its party, the operator and the regulator."""
    return await oversight.get(id, caller())


@router.post("/v1/party-restrictions/{id}/lifting")
async def lift_party_restriction(id: str, lifting: RestrictionLiftingDraft, oversight: Uses) -> PartyRestriction:
    """Lift an order before its last day (operator)."""
    return await oversight.lift(id, lifting, caller())


@router.post("/v1/party-restrictions/{id}/appeals", status_code=201)
async def appeal_against_restriction(id: str, draft: AppealDraft, oversight: Uses) -> Appeal:
    """Appeal 申诉 against an order that stands against you."""
    return await oversight.appeal(id, draft, caller())


@router.get("/v1/party-restrictions/{id}/appeals")
async def list_restriction_appeals(id: str, oversight: Uses) -> Page[Appeal]:
    """The appeals against an order, oldest first."""
    return await oversight.appeals(id, caller())


@router.post("/v1/party-restrictions/{id}/appeals/{appeal_id}/decision")
async def decide_restriction_appeal(id: str, appeal_id: str, decision: AppealDecisionDraft, oversight: Uses) -> Appeal:
    """Decide an appeal; an upheld one lifts the order (operator)."""
    return await oversight.decide(id, appeal_id, decision, caller())


@router.post("/party-checks", include_in_schema=False)
async def check_parties(query: PartyCheck, oversight: Uses) -> PartyOrders:
    """The orders that stand now against some parties."""
    return await oversight.standing(query)


@router.get("/changes", include_in_schema=False)
async def changes(
    oversight: Uses,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
    types: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> FeedPage:
    """The feed, for other services."""
    return await oversight.changes(after, limit, wait, types)
