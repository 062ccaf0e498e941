"""Negotiation: inquiries, offers, the publicity of a price."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from services.licensing.api.base import Uses, router
from shared.auth import caller
from shared.contracts.licensing import (
    Acceptance,
    AgencyConsentDraft,
    Inquiry,
    InquiryClosing,
    InquiryDraft,
    InquiryQuery,
    Message,
    MessageDraft,
    Offer,
    OfferDraft,
    PricePublicity,
    PricePublicityDraft,
    PublicityQuery,
    Rejection,
)
from shared.contracts.wire import Cursor, Limit, Page


@router.post("/v1/inquiries", status_code=201)
async def open_inquiry(draft: InquiryDraft, licensing: Uses) -> Inquiry:
    """Ask about a published listing 询盘; with `anonymized` your name is kept back until you disclose it."""
    return await licensing.inquiries.open(draft, caller())


@router.get("/v1/inquiries")
async def list_inquiries(query: Annotated[InquiryQuery, Query()], licensing: Uses) -> Page[Inquiry]:
    """The inquiries that you made or received, newest first."""
    return await licensing.inquiries.page(query, caller())


@router.get("/v1/inquiries/{id}")
async def get_inquiry(id: str, licensing: Uses) -> Inquiry:
    """An inquiry, for its two sides."""
    return await licensing.inquiries.get(id, caller())


@router.post("/v1/inquiries/{id}/messages", status_code=201)
async def send_message(id: str, draft: MessageDraft, licensing: Uses) -> Message:
    """A word to the other side; it binds nobody."""
    return await licensing.inquiries.say(id, draft, caller())


@router.get("/v1/inquiries/{id}/messages")
async def list_messages(id: str, licensing: Uses, after: Cursor | None = None, limit: Limit = 50) -> Page[Message]:
    """What was said, oldest first."""
    return await licensing.inquiries.messages(id, after, limit, caller())


@router.post("/v1/inquiries/{id}/disclosure")
async def disclose_inquirer(id: str, licensing: Uses) -> Inquiry:
    """Say your name to the other side, so that offers can be made."""
    return await licensing.inquiries.disclose(id, caller())


@router.post("/v1/inquiries/{id}/agency-consents")
async def consent_to_dual_agency(id: str, draft: AgencyConsentDraft, licensing: Uses) -> Inquiry:
    """Consent, yourself, to a delegate that acts for the other side as well (Civil Code Art. 168)."""
    return await licensing.inquiries.consent_to_agency(id, draft, caller())


@router.post("/v1/inquiries/{id}/closing")
async def close_inquiry(id: str, draft: InquiryClosing, licensing: Uses) -> Inquiry:
    """End the negotiation; a contract that is not signed by both is given up."""
    return await licensing.inquiries.close(id, draft, caller())


@router.post("/v1/inquiries/{id}/offers", status_code=201)
async def make_offer(id: str, draft: OfferDraft, licensing: Uses) -> Offer:
    """Make an offer 要约, or answer the one that stands with a counter-offer, which ends it."""
    return await licensing.inquiries.offer(id, draft, caller())


@router.get("/v1/inquiries/{id}/offers")
async def list_offers(id: str, licensing: Uses) -> Page[Offer]:
    """The offers of a negotiation, oldest first."""
    return await licensing.inquiries.offers(id, caller())


@router.get("/v1/offers/{id}")
async def get_offer(id: str, licensing: Uses) -> Offer:
    """An offer, and what became of it."""
    return await licensing.inquiries.get_offer(id, caller())


@router.post("/v1/offers/{id}/acceptance")
async def accept_offer(id: str, licensing: Uses, acceptance: Acceptance = Acceptance()) -> Offer:
    """Accept an offer 承诺: a contract is drawn up for the signatures of both sides."""
    return await licensing.inquiries.accept(id, acceptance, caller())


@router.post("/v1/offers/{id}/rejection")
async def reject_offer(id: str, licensing: Uses, rejection: Rejection = Rejection()) -> Offer:
    """Reject an offer."""
    return await licensing.inquiries.reject(id, rejection, caller())


@router.post("/v1/offers/{id}/revocation")
async def revoke_offer(id: str, licensing: Uses, revocation: Rejection = Rejection()) -> Offer:
    """Take back an offer of yours that has no fixed period (Civil Code Art. 476)."""
    return await licensing.inquiries.revoke(id, revocation, caller())


@router.post("/v1/price-publicities", status_code=201)
async def publish_price(draft: PricePublicityDraft, licensing: Uses) -> PricePublicity:
    """Record that result and agreed price are public inside the unit 公示."""
    return await licensing.contracts.publish_price(draft, caller())


@router.get("/v1/price-publicities")
async def list_price_publicities(query: Annotated[PublicityQuery, Query()], licensing: Uses) -> Page[PricePublicity]:
    """Your price publicities, newest first."""
    return await licensing.contracts.publicities(query, caller())


@router.get("/v1/price-publicities/{id}")
async def get_price_publicity(id: str, licensing: Uses) -> PricePublicity:
    """A price publicity of yours."""
    return await licensing.contracts.publicity(id, caller())
