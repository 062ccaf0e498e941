"""Licensing over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from services.licensing.service import Licensing
from services.licensing.service.providers import SignedBy
from shared.app import Endpoint
from shared.auth import caller, caller_or_none
from shared.contracts.benefits import (
    Approval,
    BenefitRule,
    BenefitRuleDraft,
    BenefitRuleQuery,
    ContractRegistration,
    ConversionReport,
    Distribution,
    DistributionDraft,
    DistributionPreview,
    DistributionQuery,
    DistributionWithdrawal,
    InventorStatement,
    LedgerBalances,
    LedgerEntry,
    LedgerQuery,
    Payout,
    StatementPaper,
    StatementQuery,
)
from shared.contracts.feed import FeedPage
from shared.contracts.gateway import RotationDraft
from shared.contracts.licensing import (
    Acceptance,
    AgencyConsentDraft,
    Announcement,
    Confirmation,
    Contest,
    Deadline,
    DeadlineQuery,
    Declaration,
    DeclarationConsent,
    DeclarationConsentDraft,
    DeclarationDraft,
    DeclarationQuery,
    Demand,
    DemandDraft,
    FeeEstimate,
    FeeEstimateQuery,
    Filing,
    FirstSale,
    Inquiry,
    InquiryClosing,
    InquiryDraft,
    InquiryQuery,
    Leaving,
    License,
    LicensePaymentDraft,
    LicenseQuery,
    LicenseRequest,
    Message,
    MessageDraft,
    NonAnnouncement,
    NoticeDraft,
    Offer,
    OfferDraft,
    Payment,
    PaymentDraft,
    PricePublicity,
    PricePublicityDraft,
    PublicityQuery,
    QuickActivation,
    QuickOffer,
    QuickOfferDraft,
    QuickOfferQuery,
    QuickRequest,
    QuickRequestDraft,
    QuickRequestQuery,
    Recordal,
    RecordalDossier,
    RefundDraft,
    Rejection,
    ReportContest,
    RequestQuery,
    Resolution,
    Revocation,
    RoyaltyReport,
    RoyaltyReportDraft,
    SignatureDraft,
    TerminationDraft,
    Withdrawal,
)
from shared.contracts.payments import (
    Calendar,
    CalendarDraft,
    PaymentNotice,
    PaymentTaken,
    Policy,
    PolicyDraft,
    PolicyName,
    Provider,
    ProviderDraft,
    ProviderSecret,
    SettlementRule,
    SettlementRuleDraft,
)
from shared.contracts.wire import Cursor, Limit, Page


class LicensingEndpoint(Endpoint):
    """A route of licensing's."""

    service = "licensing"


router = APIRouter(route_class=LicensingEndpoint)


async def _licensing(request: Request) -> Licensing:
    found: Licensing = request.app.state.use_cases
    await found.silence.be_current()  # whatever matured at midnight has happened before anybody is answered
    return found


Uses = Annotated[Licensing, Depends(_licensing)]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PRINTED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/pdf": _BINARY,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _BINARY,
        }
    }
}
_WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _BINARY}}
}


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


@router.get("/v1/payments/{id}")
async def get_payment(id: str, licensing: Uses) -> Payment:
    """A payment, for payer and payee."""
    return await licensing.payments.get(id, caller())


@router.post("/v1/payments/{id}/confirmation")
async def confirm_payment(id: str, licensing: Uses, confirmation: Confirmation = Confirmation()) -> Payment:
    """Confirm that a payment has arrived (payee or operator)."""
    return await licensing.payments.confirm(id, confirmation, caller())


@router.post("/v1/payments/{id}/contest")
async def contest_payment(id: str, contest: Contest, licensing: Uses) -> Payment:
    """Contest that a payment has arrived (payee)."""
    return await licensing.payments.contest(id, contest, caller())


@router.post("/v1/payments/{id}/resolution")
async def resolve_payment(id: str, resolution: Resolution, licensing: Uses) -> Payment:
    """Find whether a contested payment has arrived (operator)."""
    return await licensing.payments.resolve(id, resolution, caller())


@router.post("/v1/payments/{id}/refunds", status_code=201)
async def record_refund(id: str, draft: RefundDraft, licensing: Uses) -> Payment:
    """Record that you have returned what nobody owed (payee); never more than is refundable."""
    return await licensing.payments.refund(id, draft, caller())


async def _signed(
    request: Request,
    licensing: Uses,
    message_id: Annotated[str, Header(alias="webhook-id")] = "",
    timestamp: Annotated[str, Header(alias="webhook-timestamp")] = "",
    signatures: Annotated[str, Header(alias="webhook-signature")] = "",
) -> SignedBy:
    return await licensing.providers.signed_by(message_id, timestamp, signatures, await request.body())


@router.post("/v1/payment-notices", status_code=201)
async def take_payment_notice(
    notice: PaymentNotice, signed: Annotated[SignedBy, Depends(_signed)], licensing: Uses
) -> PaymentTaken:
    """A registered provider's notice that money has arrived, signed as Standard Webhooks has it; needs no token."""
    return await licensing.providers.take(notice, signed)


@router.post("/v1/payment-providers", status_code=201)
async def register_payment_provider(draft: ProviderDraft, licensing: Uses) -> ProviderSecret:
    """Register a payment provider (operator); its secret is shown this once."""
    return await licensing.providers.register(draft, caller())


@router.get("/v1/payment-providers")
async def list_payment_providers(licensing: Uses) -> Page[Provider]:
    """The registered payment providers (operator)."""
    return await licensing.providers.page()


@router.get("/v1/payment-providers/{id}")
async def get_payment_provider(id: str, licensing: Uses) -> Provider:
    """A payment provider, without its secret (operator)."""
    return await licensing.providers.get(id)


@router.post("/v1/payment-providers/{id}/rotation")
async def rotate_payment_provider(id: str, licensing: Uses, draft: RotationDraft = RotationDraft()) -> ProviderSecret:
    """A new secret for a provider (operator); the one before goes on counting for the overlap."""
    return await licensing.providers.rotate(id, draft.overlap_hours, caller())


@router.post("/v1/payment-providers/{id}/retirement")
async def retire_payment_provider(id: str, licensing: Uses) -> Provider:
    """Take no more notices of a provider (operator); what it settled stays settled."""
    return await licensing.providers.retire(id, caller())


@router.post("/v1/settlement-rules", status_code=201)
async def accept_settlement_rule(draft: SettlementRuleDraft, licensing: Uses) -> SettlementRule:
    """Agree, as payee, that your silence of five working days settles a payment reported with evidence."""
    return await licensing.silence.accept(draft, caller())


@router.get("/v1/settlement-rules")
async def list_settlement_rules(licensing: Uses) -> Page[SettlementRule]:
    """Your agreements to settlement by silence, newest first."""
    return await licensing.silence.page(caller())


@router.get("/v1/settlement-rules/{id}")
async def get_settlement_rule(id: str, licensing: Uses) -> SettlementRule:
    """An agreement of yours to settlement by silence."""
    return await licensing.silence.get(id, caller())


@router.post("/v1/settlement-rules/{id}/revocation")
async def revoke_settlement_rule(id: str, licensing: Uses) -> SettlementRule:
    """Take the agreement back, for payments that are reported from now on."""
    return await licensing.silence.revoke(id, caller())


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


@router.get("/v1/open-license-requests/{id}/document", response_class=Response, responses=_PRINTED)
async def get_notice_document(
    id: str,
    licensing: Uses,
    format: Literal["pdf", "docx"] = "pdf",
    language: Literal["zh", "bilingual"] = "zh",
) -> Response:
    """The written notice 书面通知 as it reached the patentee, as PDF/A or DOCX."""
    return _file(await licensing.documents.notice(id, format, language, caller()))


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
    responses=_PRINTED,
)
async def get_license_document(
    id: str,
    licensing: Uses,
    format: Literal["pdf", "docx"] = "pdf",
    language: Literal["zh", "bilingual"] = "zh",
) -> Response:
    """The contract, or the certificate of an open or quick license, as PDF/A or DOCX; a contract's Chinese PDF is signed."""
    return _file(await licensing.documents.document(id, format, language, caller()))


@router.get(
    "/v1/licenses/{id}/recordal-dossier",
    response_model=RecordalDossier,
    responses=_PRINTED,
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
    return _file(await licensing.documents.dossier_file(id, format, language, caller()))


def _file(made: tuple[bytes, str, str]) -> Response:
    content, media_type, name = made
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


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


@router.get("/v1/licenses/{id}/registration", response_model=ContractRegistration, responses=_PRINTED)
async def get_contract_registration(
    id: str,
    licensing: Uses,
    format: Literal["json", "pdf", "docx"] = "json",
    language: Literal["zh", "bilingual"] = "zh",
) -> ContractRegistration | Response:
    """What a registry of technology contracts 技术合同认定登记 asks of a license, and what is left to be added."""
    if format == "json":
        return await licensing.documents.registration(id, caller())
    return _file(await licensing.documents.registration_file(id, format, language, caller()))


@router.post("/v1/benefit-rules", status_code=201)
async def record_benefit_rule(draft: BenefitRuleDraft, licensing: Uses) -> BenefitRule:
    """Record your unit's rule for sharing license income 收益分配规定; from its first day on it takes the last one's place."""
    return await licensing.distributions.decide(draft, caller())


@router.get("/v1/benefit-rules")
async def list_benefit_rules(query: Annotated[BenefitRuleQuery, Query()], licensing: Uses) -> Page[BenefitRule]:
    """Your unit's rules, newest first; with `valid_on` the one that holds on a day."""
    return await licensing.distributions.rules(query, caller())


@router.get("/v1/benefit-rules/{id}")
async def get_benefit_rule(id: str, licensing: Uses) -> BenefitRule:
    """A rule of your unit."""
    return await licensing.distributions.rule(id, caller())


@router.post("/v1/distribution-previews")
async def preview_distribution(draft: DistributionDraft, licensing: Uses) -> DistributionPreview:
    """What a distribution would come to; nothing is stored."""
    return await licensing.distributions.preview(draft, caller())


@router.post("/v1/distributions", status_code=201)
async def compute_distribution(draft: DistributionDraft, licensing: Uses) -> Distribution:
    """Share out what a license has earned 收益分配: among co-owners, the people who made it, and the unit."""
    return await licensing.distributions.compute(draft, caller())


@router.get("/v1/distributions")
async def list_distributions(query: Annotated[DistributionQuery, Query()], licensing: Uses) -> Page[Distribution]:
    """Distributions that you made or have a part in, newest first."""
    return await licensing.distributions.page(query, caller())


@router.get("/v1/distributions/{id}")
async def get_distribution(id: str, licensing: Uses) -> Distribution:
    """A distribution: whole for whoever made it; a co-owner sees its own part once it is approved."""
    return await licensing.distributions.get(id, caller())


@router.post("/v1/distributions/{id}/approval")
async def approve_distribution(id: str, approval: Approval, licensing: Uses) -> Distribution:
    """Approve a distribution: its parties are due what was computed."""
    return await licensing.distributions.approve(id, approval, caller())


@router.post("/v1/distributions/{id}/payouts")
async def pay_distribution(id: str, payout: Payout, licensing: Uses) -> Distribution:
    """Record what was paid to the parties of a distribution, all of them or some."""
    return await licensing.distributions.pay(id, payout, caller())


@router.post("/v1/distributions/{id}/withdrawal")
async def withdraw_distribution(id: str, withdrawal: DistributionWithdrawal, licensing: Uses) -> Distribution:
    """Take a distribution back while nobody was paid."""
    return await licensing.distributions.withdraw(id, withdrawal, caller())


@router.get("/v1/ledger-entries")
async def list_ledger_entries(query: Annotated[LedgerQuery, Query()], licensing: Uses) -> Page[LedgerEntry]:
    """Your ledger in double entry, newest first: what arrived, was shared out and paid out."""
    return await licensing.ledger.page(query, caller())


@router.get("/v1/ledger-balances")
async def get_ledger_balances(query: Annotated[LedgerQuery, Query()], licensing: Uses) -> LedgerBalances:
    """What stands on the accounts of your ledger, of one deal or of all; together they make nothing."""
    return await licensing.ledger.balances(query, caller())


@router.get("/v1/inventor-statements")
async def list_inventor_statements(
    query: Annotated[StatementQuery, Query()], licensing: Uses
) -> Page[InventorStatement]:
    """What each person is due of what was approved in a year, and what of it was paid; by name."""
    return await licensing.reports.statements(query, caller())


@router.get("/v1/inventor-statements/document", response_class=Response, responses=_PRINTED)
async def get_inventor_statement(query: Annotated[StatementPaper, Query()], licensing: Uses) -> Response:
    """The statement of one person as PDF/A or DOCX."""
    return _file(await licensing.reports.statement_file(query, caller()))


@router.get("/v1/conversion-reports/{year}", response_model=ConversionReport, responses=_WORKBOOK)
async def get_conversion_report(
    year: Annotated[int, Path(ge=1985, le=2199)], licensing: Uses, format: Literal["json", "xlsx"] = "json"
) -> ConversionReport | Response:
    """The yearly report on the transformation of achievements 科技成果转化年度报告 (Art. 21), as data or as a workbook."""
    if format == "json":
        return await licensing.reports.yearly(year, caller())
    return _file(await licensing.reports.yearly_file(year, caller()))


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
