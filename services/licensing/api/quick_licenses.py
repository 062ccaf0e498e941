"""Quick licenses: standing offers and trials."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from services.licensing.api.base import Uses, router
from shared.auth import caller, caller_or_none
from shared.contracts.licensing import (
    AgencyConsentDraft,
    FirstSale,
    Leaving,
    QuickActivation,
    QuickOffer,
    QuickOfferDraft,
    QuickOfferQuery,
    QuickRequest,
    QuickRequestDraft,
    QuickRequestQuery,
)
from shared.contracts.wire import Page


@router.post("/v1/quick-license-offers", status_code=201)
async def draft_quick_offer(draft: QuickOfferDraft, licensing: Uses) -> QuickOffer:
    """Draw up a standing offer of quick licenses 快速许可 on patents of yours."""
    return await licensing.quick.draft(draft, caller())


@router.get("/v1/quick-license-offers")
async def list_quick_offers(query: Annotated[QuickOfferQuery, Query()], licensing: Uses) -> Page[QuickOffer]:
    """Active standing offers, and with `deals:read` your own of every state; newest first."""
    return await licensing.quick.page(query, caller_or_none())


@router.get("/v1/quick-license-offers/{id}")
async def get_quick_offer(id: str, licensing: Uses) -> QuickOffer:
    """A standing offer: while active for everybody, else for whoever made it."""
    return await licensing.quick.get(id, caller_or_none())


@router.post("/v1/quick-license-offers/{id}/activation")
async def activate_quick_offer(id: str, draft: QuickActivation, licensing: Uses) -> QuickOffer:
    """Open a standing offer, as approved by the signatory."""
    return await licensing.quick.activate(id, draft, caller())


@router.post("/v1/quick-license-offers/{id}/pause")
async def pause_quick_offer(id: str, licensing: Uses) -> QuickOffer:
    """Take no new trials for a while; those that run go on."""
    return await licensing.quick.turn(id, "pause", caller())


@router.post("/v1/quick-license-offers/{id}/resumption")
async def resume_quick_offer(id: str, licensing: Uses) -> QuickOffer:
    """Take new trials again."""
    return await licensing.quick.turn(id, "resumption", caller())


@router.post("/v1/quick-license-offers/{id}/ending")
async def end_quick_offer(id: str, licensing: Uses) -> QuickOffer:
    """End a standing offer; trials that run go on."""
    return await licensing.quick.turn(id, "ending", caller())


@router.post("/v1/quick-license-offers/{id}/agency-consents", status_code=201)
async def consent_to_agency_under_offer(id: str, draft: AgencyConsentDraft, licensing: Uses) -> QuickOffer:
    """Consent, yourself, to a delegate that acts for both sides under a standing offer (Civil Code Art. 168)."""
    return await licensing.quick.consent_to_agency(id, draft, caller())


@router.post("/v1/quick-license-requests", status_code=201)
async def begin_trial(draft: QuickRequestDraft, licensing: Uses) -> QuickRequest:
    """Begin a trial today: an ordinary license from its first day, without anybody's approval."""
    return await licensing.quick.begin(draft, caller())


@router.get("/v1/quick-license-requests")
async def list_quick_requests(query: Annotated[QuickRequestQuery, Query()], licensing: Uses) -> Page[QuickRequest]:
    """The quick licenses that you took or gave, newest first."""
    return await licensing.quick.requests(query, caller())


@router.get("/v1/quick-license-requests/{id}")
async def get_quick_request(id: str, licensing: Uses) -> QuickRequest:
    """A quick license, for its two sides."""
    return await licensing.quick.request(id, caller())


@router.post("/v1/quick-license-requests/{id}/conversion")
async def convert_trial(id: str, licensing: Uses) -> QuickRequest:
    """Decide for the license, until the last day of the trial; it never converts by itself."""
    return await licensing.quick.convert(id, caller())


@router.post("/v1/quick-license-requests/{id}/first-sale")
async def report_first_sale(id: str, draft: FirstSale, licensing: Uses) -> QuickRequest:
    """Report the first sale, from which a deferred fee is due."""
    return await licensing.quick.sell(id, draft, caller())


@router.post("/v1/quick-license-requests/{id}/termination")
async def leave_trial(id: str, licensing: Uses, draft: Leaving = Leaving()) -> QuickRequest:
    """Leave a trial before its end; nothing is owed."""
    return await licensing.quick.leave(id, draft, caller())
