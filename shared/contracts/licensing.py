"""What licensing speaks: declarations, requests, payments, licenses."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.contracts.catalog import (
    ConsentRole,
    DeferralEvent,
    DocumentIds,
    Fee,
    Holder,
    LicenseType,
    Signatory,
    check_relief,
)
from shared.contracts.values import Amount, IndustryCode, Money, PatentType, Rate, RegionCode, Uscc
from shared.contracts.wire import (
    Ask,
    Cursor,
    ExternalId,
    Instant,
    LegalDay,
    Limit,
    Line,
    Prose,
    Reply,
    Resource,
    ViolationOut,
)

Text2000 = Annotated[Prose, Field(max_length=2_000)]
Acknowledged = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]


class DeclarationState(StrEnum):
    """How far an open-license declaration 开放许可声明 has come."""

    DRAFT = "DRAFT"
    CONSENTED = "CONSENTED"
    FILED = "FILED"
    NOT_ANNOUNCED = "NOT_ANNOUNCED"
    ANNOUNCED = "ANNOUNCED"
    WITHDRAWAL_FILED = "WITHDRAWAL_FILED"
    WITHDRAWN = "WITHDRAWN"
    ENDED = "ENDED"


class RequestState(StrEnum):
    """What has become of a notice under an open license."""

    NOTIFIED = "NOTIFIED"
    PAYMENT_REPORTED = "PAYMENT_REPORTED"
    EFFECTIVE = "EFFECTIVE"
    PAYMENT_LAPSED = "PAYMENT_LAPSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


class PaymentState(StrEnum):
    """Whether a payment is known to have arrived."""

    REPORTED = "REPORTED"
    SETTLED = "SETTLED"
    CONTESTED = "CONTESTED"
    NOT_RECEIVED = "NOT_RECEIVED"
    WITHDRAWN = "WITHDRAWN"


class SettledBy(StrEnum):
    """Whose word settled a payment."""

    PAYEE = "PAYEE"
    OPERATOR = "OPERATOR"
    PROVIDER = "PROVIDER"
    SILENCE = "SILENCE"


class RecordalState(StrEnum):
    """Whether a license is on record 备案 with the patent office."""

    NOT_DUE = "NOT_DUE"
    DUE = "DUE"
    FILED = "FILED"
    RECORDED = "RECORDED"
    REFUSED = "REFUSED"
    OVERDUE = "OVERDUE"
    CANCELLED = "CANCELLED"


class LicenseState(StrEnum):
    """How far a license has come; a contract binds once both sides have signed it."""

    PENDING_SIGNATURES = "PENDING_SIGNATURES"
    NOT_CONCLUDED = "NOT_CONCLUDED"
    SIGNED = "SIGNED"
    IN_FORCE = "IN_FORCE"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


class InquiryState(StrEnum):
    """How far a negotiation has come."""

    OPEN = "OPEN"
    IN_NEGOTIATION = "IN_NEGOTIATION"
    AGREED = "AGREED"
    CLOSED = "CLOSED"


class OfferState(StrEnum):
    """What has become of an offer 要约."""

    SENT = "SENT"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    COUNTERED = "COUNTERED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


class DueState(StrEnum):
    """How an item of a schedule stands."""

    PLANNED = "PLANNED"
    DUE = "DUE"
    PAID = "PAID"
    OVERDUE = "OVERDUE"
    CANCELLED = "CANCELLED"


class ReportState(StrEnum):
    """What has become of a royalty report."""

    REPORTED = "REPORTED"
    VERIFIED = "VERIFIED"
    CONTESTED = "CONTESTED"


class QuickOfferState(StrEnum):
    """Whether a standing offer of a quick license takes requests."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"


class QuickRequestState(StrEnum):
    """How a quick license stands."""

    TRIAL = "TRIAL"
    CONVERTED = "CONVERTED"
    IN_FORCE = "IN_FORCE"
    ENDED_WITHOUT_CONVERSION = "ENDED_WITHOUT_CONVERSION"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


class DeadlineKind(StrEnum):
    """What ends with a day."""

    OFFER = "OFFER"
    SIGNATURES = "SIGNATURES"
    NOTICE_PAYMENT = "NOTICE_PAYMENT"
    PAYMENT = "PAYMENT"
    PAYMENT_ANSWER = "PAYMENT_ANSWER"
    DEMAND = "DEMAND"
    RECORDAL = "RECORDAL"
    TRIAL_END = "TRIAL_END"
    ROYALTY_REPORT = "ROYALTY_REPORT"
    RECORDAL_CANCELLATION = "RECORDAL_CANCELLATION"
    ANNUAL_FEE = "ANNUAL_FEE"
    GRACE_PERIOD = "GRACE_PERIOD"


class EstimateMethod(StrEnum):
    """How a fee is estimated, after CNIPA's guidelines."""

    OWN_INCOME = "OWN_INCOME"
    ORDINARY_LICENSES = "ORDINARY_LICENSES"
    INDUSTRY_STATISTICS = "INDUSTRY_STATISTICS"
    INTERNATIONAL_RATES = "INTERNATIONAL_RATES"
    APPRAISAL = "APPRAISAL"


class Side(StrEnum):
    """On which side of a deal somebody stands."""

    LICENSEE = "LICENSEE"
    LICENSOR = "LICENSOR"


class Installment(Ask):
    """One part of a fee in installments."""

    amount: Amount
    after_days: Annotated[int, Field(ge=0, le=3_660, description="After the license took effect; the first: 0")]


class DeclarationDraft(Ask):
    """An open-license declaration: anyone may take a license on these terms, never only some."""

    patent_id: str = Field(pattern=r"^pat_[0-9a-z]{1,40}$")
    external_id: ExternalId | None = None
    fee: Fee
    installments: Annotated[list[Installment], Field(max_length=60)] = []
    payment_method: Annotated[Prose, Field(min_length=1, max_length=2_000)] = Field(
        description="To which account, in which way, within which time"
    )
    payment_within_days: Annotated[int, Field(ge=1, le=365)] = 30
    license_term_months: Annotated[int, Field(ge=1, le=240)]
    calculation_note: Annotated[Prose, Field(min_length=1, max_length=2_000)] = Field(
        description="How the fee was computed, in a few words"
    )


class AvailableAct(Reply):
    """An act, whether it is open now, and what stands against it."""

    act: str
    href: str
    allowed: bool
    violations: list[ViolationOut] = []


class Terms(Reply):
    """The terms of a declaration: as announced, and as frozen by a notice."""

    fee: Fee
    installments: list[Installment]
    payment_method: str
    payment_within_days: int
    license_term_months: int
    calculation_note: str


class Declaration(Resource):
    """An open-license declaration."""

    organization_id: str
    patent_id: str
    patent_title: str
    patent_number: str | None = Field(description="Application number, else publication number")
    patent_type: PatentType
    holders: list[str]
    expiry_date: date | None
    fee: Fee
    installments: list[Installment]
    payment_method: str
    payment_within_days: int
    license_term_months: int
    calculation_note: str
    territory: Literal["CN"] = "CN"
    terms_hash: str = Field(description="SHA-256 of the terms; a notice keeps it")
    state: DeclarationState
    filed_on: date | None
    announcement_number: str | None
    announced_on: date | None
    withdrawal_filed_on: date | None
    withdrawal_announced_on: date | None
    sample: bool
    available_acts: list[AvailableAct] = []


class DeclarationConsentDraft(Ask):
    """A co-owner's or pledgee's consent; without `party` it is the caller's own."""

    role: ConsentRole
    party: Line | None = None
    party_uscc: Uscc | None = None
    to: Literal["DECLARATION", "WITHDRAWAL"] = "DECLARATION"
    given_on: LegalDay
    document_ids: DocumentIds = []


class DeclarationConsent(Reply):
    """A consent to a declaration's terms, or to its withdrawal."""

    id: str
    role: ConsentRole
    party: str
    party_uscc: str | None
    to: Literal["DECLARATION", "WITHDRAWAL"]
    given_on: date
    revoked_on: date | None
    document_ids: list[str]


class Revocation(Ask):
    """That a consent is taken back."""

    occurred_on: LegalDay
    document_ids: DocumentIds = []


class Filing(Ask):
    """That the declaration was filed with the patent office."""

    filed_on: LegalDay
    signatory: Signatory
    document_ids: DocumentIds = []
    acknowledged_rules: Acknowledged = []


class Announcement(Ask):
    """What the patent gazette says of a declaration, or of its withdrawal."""

    announcement_number: Annotated[Line, Field(max_length=60)]
    announced_on: LegalDay
    document_ids: DocumentIds = []


class NonAnnouncement(Ask):
    """That the office did not announce a declaration, and why."""

    decided_on: LegalDay
    reason: Text2000
    document_ids: DocumentIds = []


class Withdrawal(Ask):
    """That the patentees withdraw a declaration."""

    filed_on: LegalDay
    reason: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    signatory: Signatory
    document_ids: DocumentIds = []


class DeclarationQuery(Ask):
    """Filters of declarations."""

    patent_id: str | None = Field(default=None, max_length=60)
    state: DeclarationState | None = None
    mine: bool = False
    sample: bool | None = Field(default=None, description="Only those of the sample, or none of them")
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class NoticeDraft(Ask):
    """The written notice by which anyone takes a license under an announced declaration."""

    declaration_id: str = Field(pattern=r"^old_[0-9a-z]{1,40}$")
    intended_use: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    external_id: ExternalId | None = None


class NoticeDelivery(Reply):
    """How and when the notice reached the patentee."""

    channel: Literal["PLATFORM"]
    delivered_at: Instant


class PaymentDraft(Ask):
    """A payment that was made, reported by whoever paid."""

    amount: Money
    paid_on: LegalDay
    reference: Annotated[Line, Field(max_length=100)] = Field(description="The bank's number of the transfer")
    document_ids: DocumentIds = []


class ReportedPayment(Reply):
    """What the payer reported of a payment of which a provider found something else."""

    amount: Money
    paid_on: date
    reference: str


class RefundDraft(PaymentDraft):
    """That money which nobody owed was returned: the day and the bank's number of that transfer."""


class Refund(Resource):
    """Money that was returned."""

    organization_id: str
    payment_id: str
    amount: Money
    paid_on: date
    reference: str
    document_ids: list[str]


class Payment(Resource):
    """A payment: reported, and settled once it is known to have arrived."""

    organization_id: str
    payee_id: str
    request_id: str | None
    license_id: str | None = None
    item_id: str | None = Field(default=None, description="The item of the schedule that the payer named")
    amount: Money
    paid_on: date
    reference: str
    document_ids: list[str]
    state: PaymentState
    reason: str | None = Field(description="Why it is contested, or how that was resolved")
    answer_by: date | None = Field(
        default=None, description="The payee's last day to confirm or contest; after it its silence settles the payment"
    )
    settled_by: SettledBy | None = None
    reported: ReportedPayment | None = Field(
        default=None, description="What was reported, where a provider's notice said something else"
    )
    refunded: Money = Field(description="What of it was returned")
    refunds: list[Refund] = []
    available_acts: list[AvailableAct] = []


class Confirmation(Ask):
    """That a payment has arrived."""

    document_ids: DocumentIds = []


class Contest(Ask):
    """That a payment has not arrived, or not as reported."""

    reason: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    document_ids: DocumentIds = []


class Resolution(Ask):
    """The operator's finding: a contest that is UPHELD makes the payment NOT_RECEIVED, one REJECTED settles it."""

    outcome: Literal["UPHELD", "REJECTED"]
    reason: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    document_ids: DocumentIds = []


class Hold(Reply):
    """What stands beside a request without undoing it."""

    kind: str = Field(examples=["PARTY_RESTRICTED"])
    reason: str
    appeal: str | None = Field(description="Where the restricted party appeals; told to that party only")


class LicenseRequest(Resource):
    """A notice under an open license, and the license that it became."""

    organization_id: str
    declaration_id: str
    patent_id: str
    licensor_id: str
    intended_use: str
    terms_snapshot: Terms
    terms_hash: str
    due: Money
    settled: Money = Field(description="What arrived and was not returned")
    refundable: Money = Field(
        description="What of it nobody owes: beyond what was due; all of it, once the notice has lapsed or was cancelled"
    )
    refunded: Money = Field(description="What was returned")
    payment_due_on: date
    delivery: NoticeDelivery
    effective_at: date | None = Field(description="The legal day from which the license is in force")
    license_id: str | None
    recordal_due_on: date | None
    recordal_state: RecordalState
    holds: list[Hold] = Field(description="An order against one of the parties; the request goes on as the law says")
    state: RequestState
    payments: list[Payment]
    sample: bool
    available_acts: list[AvailableAct] = []


class RequestQuery(Ask):
    """Filters of requests: those you gave, and those you received."""

    declaration_id: str | None = Field(default=None, max_length=60)
    side: Side | None = None
    held: bool | None = Field(default=None, description="Whether an order stands against one of the parties")
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


RecordalOutcome = Literal["FILED", "RECORDED", "REFUSED", "CHANGED", "CANCELLED"]


class Recordal(Ask):
    """A step of the recordal 备案: filed by either side; recorded, refused, changed 变更 or cancelled 注销 by the office."""

    outcome: RecordalOutcome
    on: LegalDay
    number: Annotated[Line, Field(max_length=60)] | None = None
    reason: Text2000 | None = None
    document_ids: DocumentIds = []


class RecordalOut(Reply):
    """A recorded step of the recordal."""

    outcome: RecordalOutcome
    on: date
    number: str | None
    reason: str | None
    document_ids: list[str]
    at: Instant


class TimelineEntry(Reply):
    """An act in the life of a license, with its legal basis."""

    act: str
    on: date
    at: Instant
    side: Side | None = Field(description="Whose act it was; null for the operator's, the platform's, the law's")
    reason: str | None
    basis: str | None


class LicenseScope(Ask):
    """Where, for what and how long (Civil Code Art. 864; Interpretation on technology contracts Art. 28)."""

    territory: Annotated[list[RegionCode], Field(min_length=1, max_length=40)] | None = Field(
        default=None, description="Regions; null for all of China"
    )
    field_of_use: Annotated[list[IndustryCode], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="Industries; null for every field"
    )
    from_: LegalDay = Field(alias="from", description="The first day")
    to: LegalDay = Field(description="The last day")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class RoyaltyStep(Ask):
    """From which sum of the base on which rate applies: rising or falling."""

    above: Amount
    rate: Rate


class RoyaltyTerms(Ask):
    """How a royalty is reported and bounded (Civil Code Art. 846)."""

    report_every_months: Literal[1, 3, 6, 12] = 12
    steps: Annotated[list[RoyaltyStep], Field(max_length=10)] = []
    minimum: Amount | None = Field(default=None, description="At least so much for each report")
    cap: Amount | None = Field(default=None, description="At most so much in all")


class OfferTerms(Ask):
    """What is offered, and what the contract will say."""

    license_type: LicenseType = LicenseType.ORDINARY
    scope: LicenseScope
    fee: Fee
    installments: Annotated[list[Installment], Field(max_length=60)] = []
    royalty: RoyaltyTerms | None = None
    payment_within_days: Annotated[int, Field(ge=1, le=365)] = 30
    pricing_way: Literal["AGREEMENT", "MARKET_LISTING", "AUCTION"] = Field(
        default="AGREEMENT",
        description="How the price was found; one agreed by a state university is made public first",
    )
    sublicensing_allowed: bool = False
    clauses: Annotated[list[Annotated[Prose, Field(min_length=1, max_length=2_000)]], Field(max_length=50)] = []


class InquiredPatent(Reply):
    """A patent that an inquiry is about."""

    id: str
    title: str
    number: str | None


class QuickTrial(Ask):
    """How long a firm may try, and what it may do meanwhile."""

    duration: Annotated[str, Field(pattern=r"^P([1-9]|1\d|2[0-4])M$", examples=["P6M"])]
    permitted_use: Literal["INTERNAL_TEST", "LIMITED_SALE"]

    @property
    def months(self) -> int:
        """The duration in months."""
        return int(self.duration[1:-1])


class QuickTerms(Ask):
    """The terms of a quick license 快速许可: a trial, and what follows if the firm decides for it."""

    trial: QuickTrial
    fee: Fee
    installments: Annotated[list[Installment], Field(max_length=60)] = []
    royalty: RoyaltyTerms | None = None
    payment_within_days: Annotated[int, Field(ge=1, le=365)] = 30
    license_term_months: Annotated[int, Field(ge=2, le=240)] = Field(description="With the trial")
    deferred_until: LegalDay | None = Field(default=None, description="The fee is due from this day on …")
    deferred_to: DeferralEvent | None = Field(default=None, description="… or from this event on")
    sme_only: bool = True
    territory: Annotated[list[RegionCode], Field(min_length=1, max_length=40)] | None = None
    field_of_use: Annotated[list[IndustryCode], Field(min_length=1, max_length=20)] | None = None
    clauses: Annotated[list[Annotated[Prose, Field(min_length=1, max_length=2_000)]], Field(max_length=50)] = []


class QuickOfferDraft(QuickTerms):
    """A standing offer of quick licenses; anyone eligible begins a trial by asking for it."""

    patent_ids: Annotated[
        list[Annotated[str, Field(pattern=r"^pat_[0-9a-z]{1,40}$")]], Field(min_length=1, max_length=20)
    ]
    external_id: ExternalId | None = None
    acknowledged_rules: Acknowledged = []

    @model_validator(mode="after")
    def _relief_fits(self) -> Self:
        check_relief(self.fee.fee_type, (self.deferred_until, self.deferred_to))
        return self


class QuickOffer(Resource):
    """A standing offer of quick licenses."""

    organization_id: str
    patents: list[InquiredPatent]
    terms: QuickTerms
    terms_hash: str
    state: QuickOfferState
    sample: bool
    available_acts: list[AvailableAct] = []


class QuickOfferQuery(Ask):
    """Filters of standing offers: active ones are open to everybody."""

    patent_id: str | None = Field(default=None, max_length=60)
    state: QuickOfferState | None = None
    mine: bool = False
    sample: bool | None = Field(default=None, description="Only those of the sample, or none of them")
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class QuickActivation(Ask):
    """That a standing offer is open from now on, and who has approved it."""

    signatory: Signatory
    acknowledged_rules: Acknowledged = []


class QuickRequestDraft(Ask):
    """A firm begins a trial."""

    offer_id: str = Field(pattern=r"^qlo_[0-9a-z]{1,40}$")
    intended_use: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    external_id: ExternalId | None = None
    acknowledged_rules: Acknowledged = []


class QuickRequest(Resource):
    """A quick license: its trial, and what became of it. The license itself is at `license_id`."""

    organization_id: str
    licensor_id: str
    offer_id: str
    intended_use: str
    terms_snapshot: QuickTerms
    terms_hash: str
    license_id: str
    begun_on: date
    trial_ends_on: date
    license_ends_on: date
    converted_on: date | None
    first_sale_on: date | None
    terminated_on: date | None
    state: QuickRequestState
    sample: bool
    available_acts: list[AvailableAct] = []


class QuickRequestQuery(Ask):
    """Filters of quick licenses: those you took, and those you gave."""

    offer_id: str | None = Field(default=None, max_length=60)
    side: Side | None = None
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class FirstSale(Ask):
    """The day of the first sale, from which a deferred fee is due."""

    on: LegalDay


class Leaving(Ask):
    """That a firm leaves a trial."""

    reason: Text2000 | None = None


class InquiryDraft(Ask):
    """A firm asks about a published listing."""

    listing_id: str = Field(pattern=r"^lst_[0-9a-z]{1,40}$")
    need_id: Annotated[str, Field(pattern=r"^ned_[0-9a-z]{1,40}$")] | None = None
    message: Annotated[Prose, Field(min_length=1, max_length=5_000)]
    anonymized: bool = Field(default=False, description="Your name is kept from the other side until /disclosure")
    external_id: ExternalId | None = None


class Inquiry(Resource):
    """A negotiation between a firm and whoever offers a listing."""

    organization_id: str | None = Field(description="Who asks; null for the other side until it is disclosed")
    licensee_name: str | None
    licensor_id: str
    listing_id: str
    need_id: str | None
    patents: list[InquiredPatent]
    anonymized: bool
    disclosed_at: Instant | None
    state: InquiryState
    closed_reason: str | None
    license_id: str | None = Field(description="The contract of the accepted offer")
    sample: bool
    available_acts: list[AvailableAct] = []


class InquiryQuery(Ask):
    """Filters of inquiries: those you made, and those you received."""

    listing_id: str | None = Field(default=None, max_length=60)
    side: Side | None = None
    state: InquiryState | None = None
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class MessageDraft(Ask):
    """A word to the other side; it binds nobody."""

    text: Annotated[Prose, Field(min_length=1, max_length=5_000)]


class Message(Reply):
    """What one side said."""

    id: str
    side: Side
    text: str
    at: Instant


class InquiryClosing(Ask):
    """That a negotiation ends without a contract."""

    reason: Annotated[Prose, Field(min_length=1, max_length=2_000)]


class AgencyConsentDraft(Ask):
    """That one delegate may act for both sides (Civil Code Art. 168)."""

    delegate_id: str = Field(pattern=r"^org_[0-9a-z]{1,40}$")


class OfferDraft(OfferTerms):
    """An offer 要约, or a counter-offer: it binds whoever makes it (Civil Code Art. 472)."""

    valid_until: LegalDay | None = Field(
        default=None, description="Its last day; with one it cannot be revoked, without it lapses after 30 days"
    )
    in_reply_to: Annotated[str, Field(pattern=r"^ofr_[0-9a-z]{1,40}$")] | None = None
    external_id: ExternalId | None = None
    acknowledged_rules: Acknowledged = []


class Offer(Resource):
    """An offer, and what became of it."""

    organization_id: str
    inquiry_id: str
    side: Side = Field(description="Who made it")
    terms: OfferTerms
    terms_hash: str
    valid_until: date
    irrevocable: bool
    in_reply_to: str | None
    state: OfferState
    reason: str | None
    license_id: str | None
    sample: bool
    available_acts: list[AvailableAct] = []


class Acceptance(Ask):
    """Acceptance 承诺: exactly what was offered. A late one becomes an offer of yours, if you ask for that."""

    as_new_offer: bool = False
    valid_until: LegalDay | None = Field(default=None, description="Of the new offer")
    acknowledged_rules: Acknowledged = []


class Rejection(Ask):
    """That an offer is rejected, or revoked."""

    reason: Text2000 | None = None


class SignatureDraft(Ask):
    """One side signs the contract whose document has this SHA-256."""

    document_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    method: Literal["PLATFORM", "PROVIDER", "PAPER"] = Field(
        description="By this act; by a provider of electronic signatures, or on paper (both with a document)"
    )
    signatory: Signatory
    signed_on: LegalDay | None = Field(default=None, description="On paper; today when left out")
    document_ids: DocumentIds = []
    acknowledged_rules: Acknowledged = []


class SignatureOut(Reply):
    """A signature."""

    side: Side
    signatory: Signatory
    method: Literal["PLATFORM", "PROVIDER", "PAPER"]
    on: date
    at: Instant


class TerminationDraft(Ask):
    """That a license ends today: once both sides have said so, or by notice of one after the other's breach."""

    ground: Literal["AGREEMENT", "BREACH"]
    reason: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    demand_id: Annotated[str, Field(pattern=r"^dmd_[0-9a-z]{1,40}$")] | None = Field(
        default=None, description="For BREACH: the demand whose period has run out, instead of a document"
    )
    document_ids: DocumentIds = []


class DemandDraft(Ask):
    """A formal demand 催告: pay what is overdue until a last day (Civil Code Art. 563)."""

    item_ids: Annotated[
        list[Annotated[str, Field(pattern=r"^due_[0-9a-z]{1,40}$")]], Field(min_length=1, max_length=60)
    ]
    pay_by: LegalDay = Field(description="30 days from today or later; on a holiday the next working day counts")
    note: Text2000 | None = None
    document_ids: DocumentIds = []


class Demand(Resource):
    """A formal demand, and whether it was met."""

    organization_id: str
    license_id: str
    item_ids: list[str]
    amount: Money = Field(description="What of the items was open on that day")
    demanded_on: date
    pay_by: date
    note: str | None
    document_ids: list[str]
    state: Literal["RUNNING", "MET", "UNMET"] = Field(description="UNMET: it ran out, and a termination may rest on it")


class PricePublicityDraft(Ask):
    """That result and intended price are made public inside the unit 公示."""

    license_id: str = Field(pattern=r"^lic_[0-9a-z]{1,40}$")
    begun_on: LegalDay
    ends_on: LegalDay
    place: Line = Field(description="Where it can be read: a notice board, a page")
    document_ids: DocumentIds = []
    external_id: ExternalId | None = None


class PricePublicity(Resource):
    """The publicity of a price, before a state university signs at it."""

    organization_id: str
    license_id: str
    titles: list[str]
    fee: Fee
    begun_on: date
    ends_on: date
    place: str
    document_ids: list[str]
    state: Literal["ANNOUNCED", "RUNNING", "ENDED"]


class PublicityQuery(Ask):
    """Filters of price publicities."""

    license_id: str | None = Field(default=None, max_length=60)
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class LicensePaymentDraft(PaymentDraft):
    """A payment under a license; it may name the item that it pays (Civil Code Art. 560)."""

    item_id: Annotated[str, Field(pattern=r"^due_[0-9a-z]{1,40}$")] | None = None


class DueItem(Reply):
    """An item of a license's schedule."""

    id: str
    kind: Literal["LUMP_SUM", "ENTRY", "INSTALLMENT", "ROYALTY"]
    amount: Money
    due_on: date
    settled: Money
    state: DueState


class RoyaltyReportDraft(Ask):
    """What the next period came to."""

    base: Money = Field(description="Net sales, profit or output of the period")
    note: Text2000 | None = None
    document_ids: DocumentIds = []


class ReportContest(Ask):
    """Why a royalty report is not accepted, after a look into the accounts."""

    reason: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    document_ids: DocumentIds = []


class RoyaltyReport(Resource):
    """A royalty report, and what it came to."""

    organization_id: str
    license_id: str
    first_day: date
    last_day: date
    base: Money
    royalty: Money
    due_on: date
    note: str | None
    document_ids: list[str]
    state: ReportState
    reason: str | None
    available_acts: list[AvailableAct] = []


class ReportPeriod(Reply):
    """The next period to be reported."""

    first_day: date
    last_day: date
    is_over: bool


class DossierPatent(Reply):
    """A patent as a recordal names it."""

    id: str
    title: str
    number: str | None
    patent_type: PatentType
    filing_date: date | None
    grant_date: date | None
    expiry_date: date | None


class LicenseSource(Reply):
    """What a license grew from."""

    type: Literal["OPEN_LICENSE", "OFFER", "QUICK_LICENSE"]
    id: str


class License(Resource):
    """A license: a contract to be signed, one in force, or one that was."""

    organization_id: str
    licensee_name: str | None
    licensor_id: str
    licensors: list[Holder]
    patent_ids: list[str]
    source: LicenseSource
    license_type: LicenseType
    scope: LicenseScope
    fee: Fee
    terms: Terms | OfferTerms | QuickTerms
    terms_hash: str
    document_sha256: str | None = Field(description="Of the contract to be signed")
    sign_by: date | None = Field(description="The last day for the signatures")
    signatures: list[SignatureOut]
    effective_at: date | None
    terminated_on: date | None = Field(description="The day on which the license ended early")
    patent_ended_on: date | None = Field(description="The day from which on one of its patents is gone")
    state: LicenseState
    schedule: list[DueItem]
    credit: Money = Field(description="What arrived beyond the schedule and was not returned")
    refunded: Money = Field(description="What was returned")
    demands: list[Demand] = Field(description="Formal demands 催告 for what is overdue")
    payments: list[Payment]
    next_report: ReportPeriod | None = Field(description="The royalty report that comes next")
    recordal_due_on: date | None
    recordal_state: RecordalState
    recordals: list[RecordalOut]
    timeline: list[TimelineEntry]
    sample: bool
    available_acts: list[AvailableAct] = []


class RecordalDossier(Reply):
    """What the office asks for to record a license, and what stands against it today."""

    license_id: str
    license_type: LicenseType
    licensors: list[Holder]
    licensee_name: str
    licensee_uscc: str | None
    patents: list[DossierPatent]
    scope: LicenseScope
    fee: Fee
    effective_at: date
    recordal_due_on: date
    recordal_state: RecordalState
    is_ready: bool = Field(description="Nothing on record stands against it")
    violations: list[ViolationOut] = Field(description="What the office would refuse it for, or may")
    to_add: list[str] = Field(description="What the platform does not know and the form asks for")
    papers: list[str] = Field(description="Where the papers to be filed are")


class Deadline(Reply):
    """Something that the caller has to do, or may still do, by a day."""

    kind: DeadlineKind
    due_on: date
    subject: str
    href: str


class DeadlineQuery(Ask):
    """Deadlines of the caller, from today to a day."""

    until: LegalDay | None = Field(default=None, description="90 days from today, when left out")
    kind: DeadlineKind | None = None


class Comparable(Ask):
    """A figure to compare with, and where it stands."""

    rate: Rate | None = None
    amount: Amount | None = None
    source: Line = Field(description="A contract, a publication of CNIPA, an appraisal report")
    year: Annotated[int, Field(ge=1985, le=2199)]


class FeeEstimateQuery(Ask):
    """What a fee may come to: a method, its figures, and of a rate what it applies to."""

    method: EstimateMethod
    base: Money | None = Field(default=None, description="Expected net sales or profit over the term")
    comparables: Annotated[list[Comparable], Field(min_length=1, max_length=200)]


class FeeEstimate(Reply):
    """Least, median and most of what the comparables come to."""

    method: EstimateMethod
    low: Money
    median: Money
    high: Money
    comparables: list[Comparable]
    note: str


class LicenseQuery(Ask):
    """Filters of licenses: those you hold, and those you granted."""

    side: Side | None = None
    patent_id: str | None = Field(default=None, max_length=60)
    license_type: LicenseType | None = None
    state: LicenseState | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False
