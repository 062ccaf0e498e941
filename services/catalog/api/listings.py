"""Listings and the acts that carry them on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from services.catalog.api.base import Uses, router
from services.catalog.service.listings import FACETS
from shared.app import expected_version
from shared.auth import caller, caller_or_none
from shared.contracts.catalog import (
    Listing,
    ListingConsent,
    ListingConsentDraft,
    ListingDraft,
    ListingPage,
    ListingPatch,
    ListingQuery,
    OfferEligibility,
    Reason,
    Release,
    SecrecyClearance,
    SecrecyClearanceDraft,
)
from shared.contracts.wire import Page
from shared.errors import InvalidInput, Text, Violation


@router.post("/v1/listings", status_code=201)
async def draft_listing(draft: ListingDraft, catalog: Uses) -> Listing:
    """Write down an offer of one patent or a bundle; submission publishes it."""
    return await catalog.listings.draft(draft, caller())


@router.get("/v1/listings")
async def list_listings(
    catalog: Uses,
    query: Annotated[ListingQuery, Query()],
) -> ListingPage:
    """Published listings as cards, readable without a token."""
    return await catalog.listings.page(query, _facets(query.facets), caller_or_none())


def _facets(raw: str | None) -> list[str]:
    chosen = [name.strip() for name in (raw or "").split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in FACETS]:
        message = Text(
            f"there is no such facet; choose from {', '.join(FACETS)}", f"没有该分面，可选：{'、'.join(FACETS)}"
        )
        raise InvalidInput(
            message.en,
            message.zh,
            violations=(Violation("INPUT-CHOICE", message, pointer="query:facets"),) * len(unknown),
        )
    return chosen


@router.get("/v1/listings/{id}")
async def get_listing(id: str, catalog: Uses) -> Listing:
    """A listing; drafts for their owner only."""
    return await catalog.listings.get(id, caller_or_none())


@router.patch("/v1/listings/{id}")
async def change_listing(id: str, patch: ListingPatch, request: Request, catalog: Uses) -> Listing:
    """Change a listing's text (merge patch)."""
    return await catalog.listings.patch(id, patch, expected_version(request), caller())


@router.post("/v1/listings/{id}/submission")
async def submit_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """Submit; a listing that passes all rules is published at once unless the operator reviews."""
    return await catalog.listings.act(id, "submission", reason.reason, caller())


@router.post("/v1/listings/{id}/publication")
async def publish_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator publishes a submitted listing."""
    return await catalog.listings.act(id, "publication", reason.reason, caller())


@router.post("/v1/listings/{id}/return")
async def return_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator returns a submitted listing to be mended."""
    return await catalog.listings.act(id, "return", reason.reason, caller())


@router.post("/v1/listings/{id}/suspension")
async def suspend_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator takes a listing out of sight for a time."""
    return await catalog.listings.act(id, "suspension", reason.reason, caller())


@router.post("/v1/listings/{id}/resumption")
async def resume_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator ends a suspension."""
    return await catalog.listings.act(id, "resumption", reason.reason, caller())


@router.post("/v1/listings/{id}/withdrawal")
async def withdraw_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """Withdraw; the listing is out of every result within a second."""
    return await catalog.listings.act(id, "withdrawal", reason.reason, caller())


@router.get("/v1/listings/{id}/eligibility")
async def get_offer_eligibility(id: str, catalog: Uses) -> OfferEligibility:
    """Whether the listing may be on offer today, every reason against it, and what would cure each."""
    return await catalog.consents.eligibility(id, caller())


@router.post("/v1/listings/{id}/consents", status_code=201)
async def consent_to_listing(id: str, draft: ListingConsentDraft, catalog: Uses) -> ListingConsent:
    """Record a co-owner's or pledgee's consent to the listing's present terms."""
    return await catalog.consents.consent(id, draft, caller())


@router.get("/v1/listings/{id}/consents")
async def list_listing_consents(id: str, catalog: Uses) -> Page[ListingConsent]:
    """The consents to a listing, those to earlier terms too."""
    return await catalog.consents.consents(id, caller())


@router.post("/v1/listings/{id}/consents/{consent_id}/revocation")
async def revoke_listing_consent(id: str, consent_id: str, release: Release, catalog: Uses) -> ListingConsent:
    """Take a consent back; a listing that rests on it is suspended."""
    return await catalog.consents.revoke(id, consent_id, release, caller())


@router.post("/v1/listings/{id}/secrecy-clearances", status_code=201)
async def clear_listing(id: str, draft: SecrecyClearanceDraft, catalog: Uses) -> SecrecyClearance:
    """Record that a state-owned enterprise has reviewed the text and found no secret in it."""
    return await catalog.consents.clear(id, draft, caller())


@router.get("/v1/listings/{id}/secrecy-clearances")
async def list_clearances(id: str, catalog: Uses) -> Page[SecrecyClearance]:
    """The secrecy reviews of a listing, newest first."""
    return await catalog.consents.clearances(id, caller())
