"""What licensing speaks: declarations, requests, payments, licenses."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.catalog import ConsentRole, DocumentIds, Fee, Holder, LicenseType, Signatory
from shared.contracts.values import Amount, Money, PatentType, Uscc
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


class RecordalState(StrEnum):
    """Whether a license is on record 备案 with the patent office."""

    NOT_DUE = "NOT_DUE"
    DUE = "DUE"
    FILED = "FILED"
    RECORDED = "RECORDED"
    REFUSED = "REFUSED"
    OVERDUE = "OVERDUE"


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


class Payment(Resource):
    """A payment: reported, and settled once the payee has confirmed it."""

    organization_id: str
    payee_id: str
    request_id: str
    amount: Money
    paid_on: date
    reference: str
    document_ids: list[str]
    state: PaymentState
    reason: str | None = Field(description="Why it is contested, or how that was resolved")
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
    settled: Money
    refundable: Money = Field(description="What arrived beyond what was due; all of it, once the notice has lapsed")
    payment_due_on: date
    delivery: NoticeDelivery
    effective_at: date | None = Field(description="The legal day from which the license is in force")
    license_id: str | None
    recordal_due_on: date | None
    recordal_state: RecordalState
    state: RequestState
    payments: list[Payment]
    sample: bool
    available_acts: list[AvailableAct] = []


class RequestQuery(Ask):
    """Filters of requests: those you gave, and those you received."""

    declaration_id: str | None = Field(default=None, max_length=60)
    side: Literal["LICENSEE", "LICENSOR"] | None = None
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class Recordal(Ask):
    """A step of the recordal 备案: filed by either side, recorded or refused by the office."""

    outcome: Literal["FILED", "RECORDED", "REFUSED"]
    on: LegalDay
    number: Annotated[Line, Field(max_length=60)] | None = None
    reason: Text2000 | None = None
    document_ids: DocumentIds = []


class RecordalOut(Reply):
    """A recorded step of the recordal."""

    outcome: Literal["FILED", "RECORDED", "REFUSED"]
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
    basis: str | None


class LicenseSource(Reply):
    """What a license grew from."""

    type: Literal["OPEN_LICENSE"]
    id: str


class LicenseScope(Reply):
    """Where, for what and how long."""

    territory: Literal["CN"]
    field_of_use: str | None
    begins_on: date
    until: date


class License(Resource):
    """A license in force, or one that was."""

    organization_id: str
    licensor_id: str
    licensors: list[Holder]
    patent_ids: list[str]
    source: LicenseSource
    license_type: LicenseType
    scope: LicenseScope
    terms: Terms
    effective_at: date
    state: Literal["IN_FORCE", "EXPIRED"]
    recordal_due_on: date
    recordal_state: RecordalState
    recordals: list[RecordalOut]
    timeline: list[TimelineEntry]
    sample: bool


class LicenseQuery(Ask):
    """Filters of licenses: those you hold, and those you granted."""

    side: Literal["LICENSEE", "LICENSOR"] | None = None
    patent_id: str | None = Field(default=None, max_length=60)
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False
