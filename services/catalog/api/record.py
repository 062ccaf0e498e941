"""What is recorded on a patent, and what follows from it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime

from services.catalog.api.base import Uses, router
from shared.auth import caller
from shared.contracts.catalog import (
    AnnualFees,
    Consent,
    ConsentDraft,
    Eligibility,
    Encumbrance,
    EncumbranceDraft,
    EvaluationReport,
    EvaluationReportDraft,
    LegalEvent,
    LegalEventDraft,
    PatentThen,
    Release,
    Revision,
)
from shared.contracts.wire import LegalDay, Page

OnDay = Annotated[LegalDay | None, Query(description="As of this day; today without it")]


@router.post("/v1/patents/{id}/legal-events", status_code=201)
async def record_legal_event(id: str, draft: LegalEventDraft, catalog: Uses) -> LegalEvent:
    """Record a legal event; the status is derived from the record, and listings follow it."""
    return await catalog.record.record(id, draft, caller())


@router.get("/v1/patents/{id}/legal-events")
async def list_legal_events(id: str, catalog: Uses) -> Page[LegalEvent]:
    """The record of a patent: legal events, consents, agreements, uses."""
    return await catalog.record.events(id, caller())


@router.post("/v1/patents/{id}/encumbrances", status_code=201)
async def record_encumbrance(id: str, draft: EncumbranceDraft, catalog: Uses) -> Encumbrance:
    """Record a pledge, preservation, suspension or license that stands on the patent."""
    return await catalog.record.encumber(id, draft, caller())


@router.get("/v1/patents/{id}/encumbrances")
async def list_encumbrances(id: str, catalog: Uses) -> Page[Encumbrance]:
    """What stands or stood against a free use of the patent."""
    return await catalog.record.encumbrances(id, caller())


@router.post("/v1/patents/{id}/encumbrances/{encumbrance_id}/release")
async def release_encumbrance(id: str, encumbrance_id: str, release: Release, catalog: Uses) -> Encumbrance:
    """Record the end of an encumbrance."""
    return await catalog.record.release(id, encumbrance_id, release, caller())


@router.post("/v1/patents/{id}/evaluation-reports", status_code=201)
async def record_evaluation_report(id: str, draft: EvaluationReportDraft, catalog: Uses) -> EvaluationReport:
    """Record the evaluation report of a utility model or design."""
    return await catalog.record.report(id, draft, caller())


@router.get("/v1/patents/{id}/evaluation-reports")
async def list_evaluation_reports(id: str, catalog: Uses) -> Page[EvaluationReport]:
    """The recorded evaluation report, and corrections of it."""
    return await catalog.record.reports(id, caller())


@router.post("/v1/patents/{id}/consents", status_code=201)
async def record_patent_consent(id: str, draft: ConsentDraft, catalog: Uses) -> Consent:
    """Record a co-owner's or pledgee's consent to acts on the patent, whatever their terms."""
    return await catalog.record.consent(id, draft, caller())


@router.get("/v1/patents/{id}/consents")
async def list_patent_consents(id: str, catalog: Uses) -> Page[Consent]:
    """The consents recorded on a patent."""
    return await catalog.record.consents(id, caller())


@router.post("/v1/patents/{id}/consents/{consent_id}/revocation")
async def revoke_patent_consent(id: str, consent_id: str, release: Release, catalog: Uses) -> Consent:
    """Take a consent back; what was filed or signed on it stands."""
    return await catalog.record.revoke(id, consent_id, release, caller())


@router.get("/v1/patents/{id}/eligibility")
async def get_eligibility(id: str, catalog: Uses, on: OnDay = None) -> Eligibility:
    """For every act whether the law allows it, with the article behind each no and what would cure it."""
    return await catalog.record.eligibility(id, on, caller())


@router.get("/v1/patents/{id}/annual-fees")
async def get_annual_fees(id: str, catalog: Uses) -> AnnualFees:
    """The schedule of annual fees: due days, grace periods, surcharges."""
    return await catalog.record.fees(id, caller())


@router.get("/v1/patents/{id}/history")
async def get_history(
    id: str,
    catalog: Uses,
    on: OnDay = None,
    known_at: Annotated[
        AwareDatetime | None, Query(description="As the platform knew it at this instant; now without it")
    ] = None,
) -> PatentThen:
    """The patent on any day, as known at any instant: a right that ended retroactively was once thought alive."""
    return await catalog.record.then(id, on, known_at, caller())


@router.get("/v1/patents/{id}/revisions")
async def list_revisions(id: str, catalog: Uses) -> Page[Revision]:
    """Every change of the patent's own fields, newest first, with what stood there before."""
    return await catalog.record.revisions(id, caller())
