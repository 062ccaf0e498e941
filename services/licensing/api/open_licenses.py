"""Open licenses: declarations, and the notices under them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Response

from services.licensing.api.base import PRINTED, Uses, file, router
from shared.auth import caller, caller_or_none
from shared.contracts.licensing import (
    AgencyConsentDraft,
    Announcement,
    Declaration,
    DeclarationConsent,
    DeclarationConsentDraft,
    DeclarationDraft,
    DeclarationQuery,
    Filing,
    LicenseRequest,
    NonAnnouncement,
    NoticeDraft,
    Payment,
    PaymentDraft,
    Recordal,
    RequestQuery,
    Revocation,
    Withdrawal,
)
from shared.contracts.wire import Page


@router.post("/v1/open-license-declarations", status_code=201)
async def draft_declaration(draft: DeclarationDraft, licensing: Uses) -> Declaration:
    """Draw up an open-license declaration 开放许可声明 on a patent of yours."""
    return await licensing.declarations.draft(draft, caller())


@router.get("/v1/open-license-declarations")
async def list_declarations(query: Annotated[DeclarationQuery, Query()], licensing: Uses) -> Page[Declaration]:
    """Announced declarations, and with `deals:read` your own of every state; newest first."""
    return await licensing.declarations.page(query, caller_or_none())


@router.get("/v1/open-license-declarations/{id}")
async def get_declaration(id: str, licensing: Uses) -> Declaration:
    """A declaration: once announced for everybody, before that for its parties."""
    return await licensing.declarations.get(id, caller_or_none())


@router.post("/v1/open-license-declarations/{id}/consents", status_code=201)
async def consent_to_declaration(id: str, draft: DeclarationConsentDraft, licensing: Uses) -> DeclarationConsent:
    """Consent to a declaration as co-owner or pledgee, or to its withdrawal as co-owner."""
    return await licensing.declarations.consent(id, draft, caller())


@router.get("/v1/open-license-declarations/{id}/consents")
async def list_declaration_consents(id: str, licensing: Uses) -> Page[DeclarationConsent]:
    """The consents to a declaration, for its parties."""
    return await licensing.declarations.consents(id, caller())


@router.post("/v1/open-license-declarations/{id}/consents/{consent_id}/revocation")
async def revoke_declaration_consent(
    id: str, consent_id: str, revocation: Revocation, licensing: Uses
) -> DeclarationConsent:
    """Take a consent back, before the declaration or its withdrawal is filed."""
    return await licensing.declarations.revoke(id, consent_id, revocation, caller())


@router.post("/v1/open-license-declarations/{id}/filing")
async def file_declaration(id: str, filing: Filing, licensing: Uses) -> Declaration:
    """Record that the declaration was filed with the patent office; its terms never change from now on."""
    return await licensing.declarations.file(id, filing, caller())


@router.post("/v1/open-license-declarations/{id}/announcement")
async def announce_declaration(id: str, announcement: Announcement, licensing: Uses) -> Declaration:
    """Record the announcement in the patent gazette (operator)."""
    return await licensing.declarations.announce(id, announcement, caller())


@router.post("/v1/open-license-declarations/{id}/non-announcement")
async def refuse_declaration(id: str, refusal: NonAnnouncement, licensing: Uses) -> Declaration:
    """Record that the office did not announce the declaration, and why (operator)."""
    return await licensing.declarations.refuse(id, refusal, caller())


@router.post("/v1/open-license-declarations/{id}/withdrawal")
async def withdraw_declaration(id: str, withdrawal: Withdrawal, licensing: Uses) -> Declaration:
    """Record that all patentees have filed the withdrawal; it counts from its announcement on."""
    return await licensing.declarations.withdraw(id, withdrawal, caller())


@router.post("/v1/open-license-declarations/{id}/withdrawal-announcement")
async def announce_withdrawal(id: str, announcement: Announcement, licensing: Uses) -> Declaration:
    """Record the announcement of the withdrawal (operator); notices and licenses before it stand."""
    return await licensing.declarations.announce_withdrawal(id, announcement, caller())


@router.post("/v1/open-license-declarations/{id}/agency-consents", status_code=201)
async def consent_to_agency_under_declaration(id: str, draft: AgencyConsentDraft, licensing: Uses) -> Declaration:
    """Consent, yourself, to a delegate that acts for patentee and licensee under a declaration (Civil Code Art. 168)."""
    return await licensing.declarations.consent_to_agency(id, draft, caller())


@router.post("/v1/open-license-requests", status_code=201)
async def give_notice(draft: NoticeDraft, licensing: Uses) -> LicenseRequest:
    """Give the written notice by which you take a license under an announced declaration."""
    return await licensing.requests.notify(draft, caller())


@router.get("/v1/open-license-requests")
async def list_requests(query: Annotated[RequestQuery, Query()], licensing: Uses) -> Page[LicenseRequest]:
    """The notices that you gave or received, newest first."""
    return await licensing.requests.page(query, caller())


@router.get("/v1/open-license-requests/{id}")
async def get_request(id: str, licensing: Uses) -> LicenseRequest:
    """A notice, its payments, and the license that it became."""
    return await licensing.requests.get(id, caller())


@router.post("/v1/open-license-requests/{id}/payments", status_code=201)
async def report_payment(id: str, draft: PaymentDraft, licensing: Uses) -> Payment:
    """Report a payment that you made."""
    return await licensing.payments.report_for_notice(id, draft, caller())


@router.post("/v1/open-license-requests/{id}/cancellation")
async def cancel_request(id: str, licensing: Uses) -> LicenseRequest:
    """Take an unpaid notice back."""
    return await licensing.requests.cancel(id, caller())


@router.post("/v1/open-license-requests/{id}/recordal")
async def record_request(id: str, step: Recordal, licensing: Uses) -> LicenseRequest:
    """Record a step of the recordal 备案 of the license that the notice became."""
    return await licensing.requests.record(id, step, caller())


@router.get("/v1/open-license-requests/{id}/document", response_class=Response, responses=PRINTED)
async def get_notice_document(
    id: str,
    licensing: Uses,
    format: Literal["pdf", "docx"] = "pdf",
    language: Literal["zh", "bilingual"] = "zh",
) -> Response:
    """The written notice 书面通知 as it reached the patentee, as PDF/A or DOCX."""
    return file(await licensing.documents.notice(id, format, language, caller()))
