"""Licenses: signatures, what they cost, royalties, recordals, papers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Response

from services.licensing.api.base import PRINTED, Uses, file, router
from shared.auth import caller
from shared.contracts.benefits import (
    ContractRegistration,
)
from shared.contracts.licensing import (
    Demand,
    DemandDraft,
    License,
    LicensePaymentDraft,
    LicenseQuery,
    Payment,
    Recordal,
    RecordalDossier,
    ReportContest,
    RoyaltyReport,
    RoyaltyReportDraft,
    SignatureDraft,
    TerminationDraft,
)
from shared.contracts.wire import Page


@router.get("/v1/licenses")
async def list_licenses(query: Annotated[LicenseQuery, Query()], licensing: Uses) -> Page[License]:
    """The licenses that you hold or granted, newest first."""
    return await licensing.licenses.page(query, caller())


@router.get("/v1/licenses/{id}")
async def get_license(id: str, licensing: Uses) -> License:
    """A license, with its terms, recordal and timeline."""
    return await licensing.licenses.get(id, caller())


@router.post("/v1/licenses/{id}/recordals")
async def record_license(id: str, step: Recordal, licensing: Uses) -> License:
    """Record a step of the recordal 备案: filed by either side, recorded or refused by the office."""
    return await licensing.licenses.record(id, step, caller())


@router.post("/v1/licenses/{id}/payments", status_code=201)
async def report_license_payment(id: str, draft: LicensePaymentDraft, licensing: Uses) -> Payment:
    """Report a payment that you made under a license."""
    return await licensing.payments.report(id, draft, caller())


@router.post("/v1/licenses/{id}/royalty-reports", status_code=201)
async def report_royalty(id: str, draft: RoyaltyReportDraft, licensing: Uses) -> RoyaltyReport:
    """Report what the next period came to; what it costs follows from the agreed rates."""
    return await licensing.payments.report_royalty(id, draft, caller())


@router.get("/v1/licenses/{id}/royalty-reports")
async def list_royalty_reports(id: str, licensing: Uses) -> Page[RoyaltyReport]:
    """The royalty reports under a license, in the order of their periods."""
    return await licensing.payments.royalty_reports(id, caller())


@router.get("/v1/royalty-reports/{id}")
async def get_royalty_report(id: str, licensing: Uses) -> RoyaltyReport:
    """A royalty report, and what it came to."""
    return await licensing.payments.royalty_report(id, caller())


@router.post("/v1/royalty-reports/{id}/verification")
async def verify_royalty_report(id: str, licensing: Uses) -> RoyaltyReport:
    """Find a royalty report right (licensor)."""
    return await licensing.payments.verify_report(id, caller())


@router.post("/v1/royalty-reports/{id}/contest")
async def contest_royalty_report(id: str, contest: ReportContest, licensing: Uses) -> RoyaltyReport:
    """Contest a royalty report after a look into the accounts (licensor); the licensee sends it anew."""
    return await licensing.payments.contest_report(id, contest, caller())


@router.post("/v1/licenses/{id}/signatures")
async def sign_license(id: str, draft: SignatureDraft, licensing: Uses) -> License:
    """Sign the agreed contract; with the second signature the license is in force."""
    return await licensing.contracts.sign(id, draft, caller())


@router.post("/v1/licenses/{id}/terminations")
async def terminate_license(id: str, draft: TerminationDraft, licensing: Uses) -> License:
    """End a license by agreement of both sides, or by notice after a breach."""
    return await licensing.licenses.terminate(id, draft, caller())


@router.post("/v1/licenses/{id}/demands", status_code=201)
async def demand_payment(id: str, draft: DemandDraft, licensing: Uses) -> Demand:
    """Demand 催告 what is overdue until a last day (licensor); a termination for breach may rest on it."""
    return await licensing.licenses.demand(id, draft, caller())


@router.get("/v1/licenses/{id}/demands")
async def list_demands(id: str, licensing: Uses) -> Page[Demand]:
    """The formal demands under a license, oldest first."""
    return await licensing.licenses.demands(id, caller())


@router.get(
    "/v1/licenses/{id}/document",
    response_class=Response,
    responses=PRINTED,
)
async def get_license_document(
    id: str,
    licensing: Uses,
    format: Literal["pdf", "docx"] = "pdf",
    language: Literal["zh", "bilingual"] = "zh",
) -> Response:
    """The contract, or the certificate of an open or quick license, as PDF/A or DOCX; a contract's Chinese PDF is signed."""
    return file(await licensing.documents.document(id, format, language, caller()))


@router.get(
    "/v1/licenses/{id}/recordal-dossier",
    response_model=RecordalDossier,
    responses=PRINTED,
)
async def get_recordal_dossier(
    id: str,
    licensing: Uses,
    format: Literal["json", "pdf", "docx"] = "json",
    language: Literal["zh", "bilingual"] = "zh",
) -> RecordalDossier | Response:
    """What the office asks for to record a license, what stands against it today, and what is left to be added."""
    if format == "json":
        return await licensing.documents.dossier(id, caller())
    return file(await licensing.documents.dossier_file(id, format, language, caller()))


@router.get("/v1/licenses/{id}/registration", response_model=ContractRegistration, responses=PRINTED)
async def get_contract_registration(
    id: str,
    licensing: Uses,
    format: Literal["json", "pdf", "docx"] = "json",
    language: Literal["zh", "bilingual"] = "zh",
) -> ContractRegistration | Response:
    """What a registry of technology contracts 技术合同认定登记 asks of a license, and what is left to be added."""
    if format == "json":
        return await licensing.documents.registration(id, caller())
    return file(await licensing.documents.registration_file(id, format, language, caller()))
