"""What catalog speaks: patents and their legal events, listings, imports, reference tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from shared.contracts.values import (
    Amount,
    ApplicationNumber,
    Classification,
    IndustryCode,
    Money,
    PatentType,
    PublicationNumber,
    Rate,
    RegionCode,
    Uscc,
    fold,
)
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
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule


class LegalState(StrEnum):
    """The legal status of a patent, derived from recorded events."""

    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    IN_FORCE = "IN_FORCE"
    FEE_GRACE_PERIOD = "FEE_GRACE_PERIOD"
    SUSPENDED = "SUSPENDED"
    LAPSED_UNPAID_FEE = "LAPSED_UNPAID_FEE"
    ABANDONED = "ABANDONED"
    EXPIRED = "EXPIRED"
    PARTIALLY_INVALIDATED = "PARTIALLY_INVALIDATED"
    INVALIDATED = "INVALIDATED"
    RESTORED = "RESTORED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class EventCode(StrEnum):
    """What is recorded of a patent; its status is folded from it.

    First what the register and the gazette carry (Implementing Regulations, rules 106-107), then the consents,
    agreements and uses of which no register knows.
    """

    GRANT = "GRANT"
    ANNUAL_FEE_PAID = "ANNUAL_FEE_PAID"
    REGISTER_CHECKED = "REGISTER_CHECKED"
    SUSPENSION = "SUSPENSION"
    SUSPENSION_END = "SUSPENSION_END"
    LAPSE = "LAPSE"
    RESTORATION = "RESTORATION"
    ABANDONMENT = "ABANDONMENT"
    PARTIAL_INVALIDATION = "PARTIAL_INVALIDATION"
    INVALIDATION = "INVALIDATION"
    REFUSAL = "REFUSAL"
    APPLICATION_WITHDRAWAL = "APPLICATION_WITHDRAWAL"
    TRANSFER = "TRANSFER"
    HOLDER_CHANGE = "HOLDER_CHANGE"
    PLEDGE = "PLEDGE"
    PLEDGE_RELEASE = "PLEDGE_RELEASE"
    PRESERVATION = "PRESERVATION"
    PRESERVATION_END = "PRESERVATION_END"
    LICENSE_RECORDED = "LICENSE_RECORDED"
    LICENSE_ENDED = "LICENSE_ENDED"
    OPEN_LICENSE = "OPEN_LICENSE"
    OPEN_LICENSE_WITHDRAWAL = "OPEN_LICENSE_WITHDRAWAL"
    COMPULSORY_LICENSE = "COMPULSORY_LICENSE"
    TERM_COMPENSATION = "TERM_COMPENSATION"
    CLASSIFICATION = "CLASSIFICATION"
    DECLASSIFICATION = "DECLASSIFICATION"
    EVALUATION_REPORT = "EVALUATION_REPORT"
    CO_OWNERS_AGREEMENT = "CO_OWNERS_AGREEMENT"
    CONSENT = "CONSENT"
    CONSENT_REVOCATION = "CONSENT_REVOCATION"
    SELF_EXPLOITATION = "SELF_EXPLOITATION"
    EQUITY_CONTRIBUTION = "EQUITY_CONTRIBUTION"


class EventSource(StrEnum):
    """Who says that the event occurred."""

    REGISTER = "REGISTER"
    HOLDER = "HOLDER"
    IMPORT = "IMPORT"


class Freshness(StrEnum):
    """Whether the register was looked at lately."""

    FRESH = "FRESH"
    STALE = "STALE"


class LegalStatus(Reply):
    """Derived: what the recorded events say today."""

    state: LegalState
    as_of: date | None = Field(description="The day of the newest evidence; null while no source has spoken")
    source: EventSource | None
    freshness: Freshness
    fees_paid_until: date | None = None
    grace_ends_on: date | None = Field(default=None, description="Unpaid by then, the right ends from the due date on")
    ended_on: date | None = Field(
        default=None,
        description="From when on the right is gone: the due date of the unpaid fee (rule 115), the last day of the "
        "term; of an invalidated patent its grant, for it counts as never granted (Patent Law Art. 47)",
    )


class ExploitationStatus(StrEnum):
    """What has become of a patent, by its recorded acts; nothing recorded means unimplemented."""

    UNIMPLEMENTED = "UNIMPLEMENTED"
    PLEDGED = "PLEDGED"
    SELF_EXPLOITED = "SELF_EXPLOITED"
    CONTRIBUTED_AS_EQUITY = "CONTRIBUTED_AS_EQUITY"
    TRANSFERRED = "TRANSFERRED"
    LICENSED = "LICENSED"


class Act(StrEnum):
    """What a patent may be used for."""

    LISTING = "LISTING"
    ORDINARY_LICENSE = "ORDINARY_LICENSE"
    SOLE_LICENSE = "SOLE_LICENSE"
    EXCLUSIVE_LICENSE = "EXCLUSIVE_LICENSE"
    OPEN_LICENSE = "OPEN_LICENSE"
    ASSIGNMENT = "ASSIGNMENT"
    PLEDGE = "PLEDGE"


class LicenseType(StrEnum):
    """Ordinary 普通, sole 排他, exclusive 独占 (Interpretation on technology contracts, Art. 25)."""

    ORDINARY = "ORDINARY"
    SOLE = "SOLE"
    EXCLUSIVE = "EXCLUSIVE"


class EncumbranceKind(StrEnum):
    """What stands against a free use of the patent."""

    PLEDGE = "PLEDGE"
    PRESERVATION = "PRESERVATION"
    SUSPENSION = "SUSPENSION"
    LICENSE = "LICENSE"


class ConsentRole(StrEnum):
    """As what a party consents."""

    CO_OWNER = "CO_OWNER"
    PLEDGEE = "PLEDGEE"


_SHARES = Text("Patent Law Art. 14; Civil Code Art. 308", "专利法第十四条；民法典第三百零八条")
Share = Annotated[Decimal, Field(ge=Decimal("0.01"), le=100, decimal_places=2, max_digits=5)]


class Holder(Ask):
    """A patentee, and its share in per cent where it is recorded."""

    name: Line
    organization_id: str | None = Field(default=None, pattern=r"^org_[0-9a-z_]{1,40}$")
    uscc: Uscc | None = None
    share: str | None = Field(default=None, pattern=r"^(100(\.0{1,2})?|[1-9]?\d(\.\d{1,2})?)$", examples=["60"])


@rule("HOLDER-SHARES", source=_SHARES, since="2021-06-01")
def check_shares(holders: list[Holder]) -> list[Holder]:
    """Shares are recorded for every holder or for none, and together make 100 per cent."""
    shares = [holder.share for holder in holders]
    known = [Decimal(share) for share in shares if share is not None]
    if known and (len(known) != len(shares) or sum(known) != 100):
        raise Refused(
            Refusal(
                "HOLDER-SHARES",
                Text("the holders' shares do not make 100 per cent", "各专利权人份额之和不是100%"),
                Text(
                    "give every holder a share so that they add up to 100, or leave all shares out",
                    "请为每位专利权人填写份额且合计100，或全部留空",
                ),
            )
        )
    return holders


class Inventor(Ask):
    """Somebody named as inventor."""

    id: str | None = Field(default=None, max_length=60)
    name: Line


class PatentFields(Ask):
    """What a patent record says of itself."""

    external_id: ExternalId | None = None
    application_number: ApplicationNumber | None = None
    publication_number: PublicationNumber | None = None
    patent_type: PatentType
    title: Line
    abstract: Prose | None = None
    claims: Prose | None = None
    ipc: Annotated[list[Classification], Field(max_length=40)] = []
    filing_date: LegalDay | None = None
    grant_date: LegalDay | None = None
    holders: Annotated[list[Holder], Field(min_length=1, max_length=40)]
    inventors: Annotated[list[Inventor], Field(max_length=100)] = []
    region_code: RegionCode | None = None

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> Self:
        check_shares(self.holders)
        return self


Acknowledged = Annotated[list[Annotated[str, Field(pattern=r"^[A-Z]{2,12}-[A-Z-]{2,30}$")]], Field(max_length=20)]


class PatentDraft(PatentFields):
    """A patent to be registered."""

    acknowledged_rules: Acknowledged = Field(default=[], description="Warnings that you have read and stand by")

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "application_number": "202310123456.6",
                    "patent_type": "INVENTION",
                    "title": "一种薄壁件铣削的随动支撑方法",
                    "abstract": "铝合金薄壁件铣削时随动支撑，抑制颤振。",
                    "ipc": ["B23Q11/00"],
                    "filing_date": "2023-02-15",
                    "grant_date": "2025-06-10",
                    "holders": [{"name": "某某大学"}],
                }
            ]
        }
    }


class PatentPatch(Ask):
    """Changes to a record: fields that stand here replace, null empties, others stay."""

    external_id: ExternalId | None = None
    publication_number: PublicationNumber | None = None
    title: Line | None = None
    abstract: Prose | None = None
    claims: Prose | None = None
    ipc: Annotated[list[Classification], Field(max_length=40)] | None = None
    filing_date: LegalDay | None = None
    grant_date: LegalDay | None = None
    holders: Annotated[list[Holder], Field(min_length=1, max_length=40)] | None = None
    inventors: Annotated[list[Inventor], Field(max_length=100)] | None = None
    region_code: RegionCode | None = None
    acknowledged_rules: Acknowledged = []

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> Self:
        check_shares(self.holders or [])
        return self


class Patent(Resource):
    """A patent as the catalog keeps it."""

    organization_id: str = Field(description="Who keeps this record")
    application_number: str | None
    patent_number: str | None = Field(description="Derived: ZL and the application number, from the grant on")
    publication_number: str | None
    patent_type: PatentType
    title: str
    abstract: str | None
    claims: str | None
    ipc: list[str]
    ipc_titles: list[str] = Field(description="The titles of the classes, beside the codes")
    filing_date: date | None
    grant_date: date | None
    expiry_date: date | None = Field(description="Derived: 20, 10 or 15 years from filing (Patent Law Art. 42)")
    holders: list[Holder]
    inventors: list[Inventor]
    region_code: str | None
    legal_status: LegalStatus
    exploitation_status: ExploitationStatus
    sample: bool


DocumentIds = Annotated[list[Annotated[str, Field(pattern=r"^doc_[0-9a-z]{1,40}$")]], Field(max_length=20)]
Acts = Annotated[list[Act], Field(min_length=1, max_length=len(Act))]
EncumbranceId = Annotated[str, Field(pattern=r"^enc_[0-9a-z]{1,40}$")]
ConsentId = Annotated[str, Field(pattern=r"^cns_[0-9a-z]{1,40}$")]


class EventDetail(Ask):
    """What an event says beyond its day; which of these belong to an event, its code says (EV-DETAIL)."""

    state: LegalState | None = Field(default=None, description="REGISTER_CHECKED: what the register said")
    fees_paid_until: LegalDay | None = None
    announced_on: LegalDay | None = Field(default=None, description="The gazette's day, where it is a later one")
    reference: Line | None = Field(default=None, description="The number of the registration, recordal or announcement")
    party: Line | None = Field(default=None, description="Pledgee, licensee, transferee, court; who consents")
    party_uscc: Uscc | None = None
    until: LegalDay | None = Field(default=None, description="A license's or a preservation's last day")
    license_type: LicenseType | None = None
    territory: Annotated[list[RegionCode], Field(max_length=40)] | None = None
    field_of_use: Line | None = None
    days: Annotated[int, Field(ge=1, le=3653)] | None = Field(default=None, description="TERM_COMPENSATION")
    conclusion: Literal["MEETS", "FAILS"] | None = Field(
        default=None, description="EVALUATION_REPORT: whether the right meets the conditions for its grant"
    )
    role: ConsentRole | None = None
    acts: Acts | None = Field(
        default=None,
        description="CONSENT: to what; CO_OWNERS_AGREEMENT: what each owner may do without asking the others",
    )
    ends: EncumbranceId | ConsentId | None = Field(
        default=None, description="Which encumbrance or consent ends, where there are several"
    )
    holders: Annotated[list[Holder], Field(min_length=1, max_length=40)] | None = Field(
        default=None,
        description="TRANSFER, HOLDER_CHANGE, EQUITY_CONTRIBUTION: all who hold the patent from that day on",
    )
    note: Line | None = None

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> Self:
        check_shares(self.holders or [])
        return self


class LegalEventDraft(Ask):
    """A legal event to be recorded."""

    code: EventCode
    occurred_on: LegalDay
    source: EventSource = EventSource.HOLDER
    detail: EventDetail | None = None
    document_ids: DocumentIds = []


class LegalEvent(Reply):
    """A recorded legal event; events are never changed or deleted."""

    id: str
    patent_id: str
    code: EventCode
    occurred_on: date
    source: EventSource
    detail: EventDetail | None
    document_ids: list[str]
    recorded_at: Instant
    recorded_by: str


class Evidenced(Ask):
    """On whose word an act is recorded, and with what evidence."""

    source: EventSource = EventSource.HOLDER
    document_ids: DocumentIds = []
    note: Line | None = None


class EncumbranceDraft(Evidenced):
    """A pledge 质押, preservation 保全, suspension 中止 or license 许可 to be recorded on a patent."""

    kind: EncumbranceKind
    since: LegalDay
    until: LegalDay | None = None
    party: Line | None = Field(default=None, description="Pledgee, court, licensee")
    party_uscc: Uscc | None = None
    reference: Line | None = None
    license_type: LicenseType | None = None
    territory: Annotated[list[RegionCode], Field(max_length=40)] | None = Field(
        default=None, description="Of a license: regions; null for all of China"
    )
    field_of_use: Line | None = Field(default=None, description="Of a license; null for every field")

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "kind": "PLEDGE",
                    "since": "2025-03-01",
                    "party": "某某银行济南分行",
                    "reference": "Y2025370000012",
                    "document_ids": ["doc_01m80e0000000000000000000"],
                }
            ]
        }
    }


class Encumbrance(Reply):
    """What stands against a free use of the patent, ACTIVE until it is released or its last day has passed."""

    id: str
    kind: EncumbranceKind
    since: date
    until: date | None = None
    party: str | None = None
    party_uscc: str | None = None
    reference: str | None = None
    license_type: LicenseType | None = None
    territory: list[str] = []
    field_of_use: str | None = None
    consented: list[Act] = Field(default=[], description="What the pledgee has consented to")
    released_on: date | None = None
    state: Literal["ACTIVE", "RELEASED"] = "ACTIVE"


class Release(Evidenced):
    """The end of an encumbrance, or the revocation of a consent."""

    occurred_on: LegalDay


class EvaluationReportDraft(Evidenced):
    """The patent evaluation report 专利权评价报告 of a utility model or design (Patent Law Art. 66)."""

    made_on: LegalDay
    conclusion: Literal["MEETS", "FAILS"] = Field(description="Whether the right meets the conditions for its grant")
    reference: Line | None = None


class EvaluationReport(Reply):
    """A recorded evaluation report."""

    id: str
    made_on: date
    conclusion: Literal["MEETS", "FAILS"]
    reference: str | None
    document_ids: list[str]


class ConsentDraft(Evidenced):
    """A consent to acts on a patent, whatever their terms; for the terms of one listing see its own consents."""

    role: ConsentRole
    acts: Acts
    given_on: LegalDay
    party: Line | None = Field(default=None, description="Who consents; left out, whoever calls")
    party_uscc: Uscc | None = None


class Consent(Reply):
    """A recorded consent; revocable until the act it was given for is filed or signed."""

    id: str
    role: ConsentRole
    party: str
    party_uscc: str | None = None
    acts: list[Act]
    given_on: date
    revoked_on: date | None = None


class ActEligibility(Reply):
    """Whether an act is allowed; warnings do not forbid it, they ask to be read."""

    allowed: bool
    violations: list[ViolationOut]


class Eligibility(Reply):
    """What a patent may lawfully be used for, as of a day."""

    patent_id: str
    on: date
    legal_status: LegalStatus
    acts: dict[Act, ActEligibility]


class AnnualFee(Reply):
    """The fee of one year of a patent's life, counted from filing."""

    year: int
    begins_on: date
    due_on: date = Field(
        description="The day the year begins (rule 115); the fee of the grant's year is due with the grant"
    )
    grace_ends_on: date
    amount: Money
    surcharge: Money = Field(
        description="If it were paid today: five per cent of the fee for each full month since the due date"
    )
    state: Literal["PAID", "DUE", "IN_GRACE", "UNPAID", "NOT_DUE", "NOT_RECORDED"]


class AnnualFees(Reply):
    """The schedule of a patent's annual fees."""

    patent_id: str
    on: date
    fees_paid_until: date | None
    items: list[AnnualFee]


class PatentThen(Reply):
    """A patent on a day, as the platform knew it at an instant."""

    on: date
    known_at: Instant
    patent: Patent
    encumbrances: list[Encumbrance]
    consents: list[Consent]


class Revision(Reply):
    """A change of a patent's own fields: what stood there before."""

    version: int
    at: Instant
    by: str
    before: dict[str, JsonValue]


class MergerDraft(Ask):
    """Another record of the same patent, to be folded into this one."""

    patent_id: str = Field(pattern=r"^pat_[0-9a-z]{1,40}$")
    acknowledged_rules: Acknowledged = Field(default=[], description="Warnings that you have read and stand by")


class Merger(Reply):
    """A record that was folded into another."""

    patent_id: str
    into: str
    at: Instant
    by: str
    record: dict[str, JsonValue] = Field(
        description="Its fields as they stood, their revisions, and events that both records had"
    )


class LicenseMode(StrEnum):
    """On what terms a patent is offered."""

    ORDINARY = "ORDINARY"
    SOLE = "SOLE"
    EXCLUSIVE = "EXCLUSIVE"
    OPEN = "OPEN"
    QUICK = "QUICK"
    ASSIGNMENT = "ASSIGNMENT"


class FeeType(StrEnum):
    """How a fee is paid (Civil Code Art. 846)."""

    FREE = "FREE"
    LUMP_SUM = "LUMP_SUM"
    INSTALLMENTS = "INSTALLMENTS"
    ROYALTY = "ROYALTY"
    ENTRY_PLUS_ROYALTY = "ENTRY_PLUS_ROYALTY"
    NEGOTIABLE = "NEGOTIABLE"


_NEEDED: dict[FeeType, set[str]] = {
    FeeType.FREE: set(),
    FeeType.NEGOTIABLE: set(),
    FeeType.LUMP_SUM: {"amount"},
    FeeType.INSTALLMENTS: {"amount"},
    FeeType.ROYALTY: {"rate", "rate_base"},
    FeeType.ENTRY_PLUS_ROYALTY: {"amount", "rate", "rate_base"},
}


class DeferralEvent(StrEnum):
    """What a deferred fee waits for."""

    FIRST_SALE = "FIRST_SALE"
    TRIAL_END = "TRIAL_END"


class Fee(Ask):
    """What a license costs; the fee type says which figures belong to it."""

    fee_type: FeeType
    amount: Amount | None = Field(default=None, description="The one-time fee before any reduction")
    rate: Rate | None = None
    rate_base: Literal["NET_SALES", "PROFIT", "OUTPUT"] | None = None

    @model_validator(mode="after")
    def _figures_fit(self) -> Self:
        check_fee(self)
        return self


class Pricing(Fee):
    """What the license costs on a listing: it may be reduced or deferred, and kept for small firms."""

    reduction_rate: Rate | None = Field(default=None, description='What is taken off the one-time fee: "0.3" is 30 %')
    deferred_until: LegalDay | None = Field(default=None, description="The one-time fee is due from this day on …")
    deferred_to: DeferralEvent | None = Field(default=None, description="… or from this event on")
    sme_only: bool = Field(default=False, description="These terms are for small and medium-sized enterprises")
    note: Line | None = None

    @model_validator(mode="after")
    def _relief_fits(self) -> Self:
        check_relief(self.fee_type, (self.deferred_until, self.deferred_to), self.reduction_rate)
        return self


@rule("FEE-FORM", source=Text("Civil Code Art. 846", "民法典第八百四十六条"), since="2021-01-01")
def check_fee(fee: Fee) -> None:
    """A fee carries exactly the figures that its type needs."""
    given = {name for name in ("amount", "rate", "rate_base") if getattr(fee, name) is not None}
    needed = _NEEDED[fee.fee_type]
    cure = Text("add what is missing and take out what does not belong", "请补充缺少的数字，删除多余的数字")
    if given != needed:
        wanted, type_ = ", ".join(sorted(needed)), fee.fee_type
        message = Text(f"a fee of type {type_} has no figures", f"{type_} 类型的费用不填写任何数字")
        if wanted:
            message = Text(
                f"a fee of type {type_} has exactly these figures: {wanted}",
                f"{type_} 类型的费用应当且仅应填写：{wanted}",
            )
        raise Refused(Refusal("FEE-FORM", message, cure))


_NOTICE = Text(
    "MOF and CNIPA notice of 2020-04-30, III(1)2.2: the one-time fee of a patent license is reduced or deferred",
    "财政部、国家知识产权局2020年4月30日通知三（一）2二：降低或缓收专利实施许可一次性费用",
)


@rule("FEE-ONE-TIME", source=_NOTICE, since="2020-04-30")
def check_relief(
    fee_type: FeeType, deferred: Iterable[date | DeferralEvent | None], reduction_rate: str | None = None
) -> None:
    """What is reduced or deferred is a one-time fee: by less than all of it, to a day or to an event."""
    has_one = "amount" in _NEEDED[fee_type]
    waits = [each for each in deferred if each is not None]
    rate = Decimal(reduction_rate) if reduction_rate is not None else None
    if (has_one or (rate is None and not waits)) and len(waits) < 2 and (rate is None or 0 < rate < 1):
        return
    if not has_one:
        message = Text(
            f"a fee of type {fee_type} has no one-time part to reduce or defer",
            f"{fee_type} 类型的费用没有可降低或缓收的一次性费用",
        )
    elif len(waits) == 2:
        message = Text("the fee is deferred to a day and to an event", "费用同时约定了缓收日期和缓收事件")
    else:
        message = Text("a reduction takes off more than nothing and less than all", "降低比例应大于0且小于1")
    cure = Text(
        "give amount, and one of deferred_until and deferred_to; a license for nothing is of type FREE",
        "请填写 amount，并在 deferred_until 与 deferred_to 中择一；完全免费请使用 FREE",
    )
    raise Refused(Refusal("FEE-ONE-TIME", message, cure))


@rule("FEE-TRIAL", source=Text("the platform's quick license", "平台快速许可规则"), since="2026-11-22")
def trial_ends_where_one_begins(modes: Sequence[LicenseMode], pricing: Pricing) -> Refusal | None:
    """A fee waits for the end of a trial only where there is one: under a quick license."""
    if pricing.deferred_to is not DeferralEvent.TRIAL_END or LicenseMode.QUICK in modes:
        return None
    return Refusal(
        "FEE-TRIAL",
        Text("the fee waits for the end of a trial, and no mode has one", "费用缓收至试用期满，但所选方式没有试用期"),
        Text("offer QUICK too, or defer to a day or to FIRST_SALE", "请增加 QUICK 方式，或缓收至某日、首次销售"),
        pointer="/pricing",
    )


@rule("OL-ANYONE", source=Text("Patent Law Art. 50", "专利法第五十条"), since="2021-06-01")
def open_to_anyone(modes: Sequence[LicenseMode], pricing: Pricing) -> Refusal | None:
    """An open license is for any entity or individual, and not for small firms only."""
    if not pricing.sme_only or LicenseMode.OPEN not in modes:
        return None
    return Refusal(
        "OL-ANYONE",
        Text("an open license cannot be kept for small firms", "开放许可面向任何单位或者个人，不能仅限中小企业"),
        Text(
            "take sme_only out, or offer an ordinary license instead of OPEN", "请去掉 sme_only，或将 OPEN 改为普通许可"
        ),
        pointer="/pricing",
    )


class ListingState(StrEnum):
    """Derived from the acts recorded on a listing."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    RETURNED = "RETURNED"
    PUBLISHED = "PUBLISHED"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"


PatentId = Annotated[str, Field(pattern=r"^pat_[0-9a-z]{1,40}$")]


class ListingFields(Ask):
    """What a listing says to those who might use the patent."""

    external_id: ExternalId | None = None
    summary: Prose | None = None
    problem_solved: Prose | None = None
    application_scenes: Annotated[list[Line], Field(max_length=20)] = []
    advantages: Prose | None = None
    economic_comparison: Prose | None = None
    trl: Annotated[int, Field(ge=1, le=9)] | None = None
    modes: Annotated[list[LicenseMode], Field(min_length=1, max_length=6)] = [LicenseMode.ORDINARY]
    pricing: Pricing = Pricing(fee_type=FeeType.NEGOTIABLE)
    region_codes: Annotated[list[RegionCode], Field(max_length=50)] = []
    industry_codes: Annotated[list[IndustryCode], Field(max_length=20)] = []
    support_offered: Prose | None = None

    @model_validator(mode="after")
    def _terms_agree(self) -> Self:
        if no := trial_ends_where_one_begins(self.modes, self.pricing) or open_to_anyone(self.modes, self.pricing):
            raise Refused(no)
        return self


class ListingDraft(ListingFields):
    """Patents to be put on offer."""

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "patent_ids": ["pat_01m80e0000000000000000000"],
                    "summary": "镗深孔时杆子不再打颤，孔壁没有波纹",
                    "problem_solved": "悬伸长的镗杆加工深孔时颤振，孔壁有振纹",
                    "application_scenes": ["液压缸筒镗孔"],
                    "trl": 7,
                    "modes": ["ORDINARY", "SOLE"],
                    "pricing": {"fee_type": "LUMP_SUM", "amount": "30000.00"},
                    "industry_codes": ["C34"],
                    "region_codes": ["3701"],
                }
            ]
        }
    }

    patent_ids: Annotated[list[PatentId], Field(min_length=1, max_length=50)]
    acknowledged_rules: Acknowledged = Field(default=[], description="Warnings that you have read and stand by")


class ListingPatch(Ask):
    """Changes to a listing."""

    external_id: ExternalId | None = None
    summary: Prose | None = None
    problem_solved: Prose | None = None
    application_scenes: Annotated[list[Line], Field(max_length=20)] | None = None
    advantages: Prose | None = None
    economic_comparison: Prose | None = None
    trl: Annotated[int, Field(ge=1, le=9)] | None = None
    modes: Annotated[list[LicenseMode], Field(min_length=1, max_length=6)] | None = None
    pricing: Pricing | None = None
    region_codes: Annotated[list[RegionCode], Field(max_length=50)] | None = None
    industry_codes: Annotated[list[IndustryCode], Field(max_length=20)] | None = None
    support_offered: Prose | None = None
    acknowledged_rules: Acknowledged = []


class CardPatent(Reply):
    """A patent on a listing's card."""

    id: str
    application_number: str | None
    publication_number: str | None
    patent_type: PatentType
    ipc: list[str]
    expiry_date: date | None
    legal_state: LegalState
    freshness: Freshness


class Card(Reply):
    """A listing wherever it is shown in a list or a result."""

    id: str
    titles: list[str]
    holders: list[str]
    patents: list[CardPatent]
    summary: str | None
    trl: int | None
    modes: list[LicenseMode]
    pricing: Pricing
    region_codes: list[str]
    industry_codes: list[str]
    labels: list[str] = Field(description="SAMPLE, STATUS_UNKNOWN, STATUS_STALE, FEE_GRACE_PERIOD where they apply")
    sample: bool


class Listing(Resource):
    """A listing with all its text."""

    organization_id: str
    patent_ids: list[str]
    titles: list[str]
    holders: list[str]
    patents: list[CardPatent]
    summary: str | None
    problem_solved: str | None
    application_scenes: list[str]
    advantages: str | None
    economic_comparison: str | None
    trl: int | None
    modes: list[LicenseMode]
    pricing: Pricing
    region_codes: list[str]
    industry_codes: list[str]
    support_offered: str | None
    labels: list[str]
    sample: bool
    state: ListingState
    state_reason: str | None
    terms_version: int = Field(description="Rises when modes or pricing change; consents are given to one version")
    published_at: Instant | None


class Signatory(Ask):
    """Who signed, and as what."""

    name: Line
    title: Line | None = None


class SecrecyClearanceDraft(Ask):
    """That a state-owned enterprise has reviewed the listing's text and found no secret in it."""

    cleared_on: LegalDay
    cleared_by: Signatory
    scope: Line = Field(description="What was reviewed: text, drawings, know-how")
    document_ids: DocumentIds = []


class SecrecyClearance(Reply):
    """A recorded clearance; it holds for the text as it stood then."""

    id: str
    cleared_on: date
    cleared_by: Signatory
    scope: str
    text_version: int
    holds: bool
    document_ids: list[str]


class ListingConsentDraft(Evidenced):
    """A co-owner's or pledgee's consent to a listing on its terms."""

    terms_version: int = Field(description="Which terms were read: the listing's `terms_version`")
    given_on: LegalDay
    role: ConsentRole = ConsentRole.CO_OWNER
    party: Line | None = Field(default=None, description="Who consents; left out, whoever calls")
    party_uscc: Uscc | None = None


class ListingConsent(Reply):
    """A recorded consent to a listing: it falls with the terms it was given to."""

    id: str
    role: ConsentRole
    party: str
    party_uscc: str | None
    terms_version: int
    given_on: date
    revoked_on: date | None
    state: Literal["VALID", "REVOKED", "SUPERSEDED"]


class OfferEligibility(Reply):
    """Whether a listing may be on offer today, and every reason against it."""

    listing_id: str
    on: date
    allowed: bool
    violations: list[ViolationOut]


class Reason(Ask):
    """Why an act is done, for those who read the record later."""

    reason: Line | None = None


class IndexedPatent(Reply):
    """The texts of one patent, as the index takes them."""

    title: str
    abstract: str | None
    ipc: list[str]
    ipc_titles: list[str]
    ends_on: date | None = Field(description="The last day of the term: out of results after it")


class IndexedListing(Reply):
    """On the feed, for the index: card and texts of a published listing."""

    version: int
    organization_id: str
    card: Card
    summary: str | None
    problem_solved: str | None
    application_scenes: list[str]
    patents: list[IndexedPatent]


class Snapshot(Reply):
    """Published listings as of a feed position, by id; read on with `next` until it is null."""

    epoch: str
    position: int
    items: list[IndexedListing]
    next: str | None


class ImportState(StrEnum):
    """How far an import is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class ImportSubject(StrEnum):
    """What the rows of a file are about."""

    PATENTS = "PATENTS"
    LEGAL_EVENTS = "LEGAL_EVENTS"
    ANNUAL_FEES = "ANNUAL_FEES"


ImportFormat = Literal["csv", "xlsx", "xls", "ods", "json", "ndjson", "xml"]


class ImportRows(Reply):
    """What became of a file's rows."""

    total: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    warned: int = Field(default=0, description="Rows taken in with a warning")


class ImportListings(Reply):
    """What became of the listings that the import was asked to publish."""

    published: int = 0
    unchanged: int = 0
    refused: dict[str, int] = Field(default={}, description="By rule: granted patents only, and so on")


class PatentImport(Resource):
    """An import job."""

    organization_id: str
    file_name: str
    format: ImportFormat
    subject: ImportSubject
    document_ids: list[str] = Field(description="Evidence for legal events and fees that a holder reports")
    dry_run: bool
    publish: bool
    state: ImportState
    problem: str | None = Field(description="Why the whole file failed")
    rows: ImportRows
    listings: ImportListings
    done_rows: int = Field(description="Rows read so far")


class ImportError_(Reply):  # noqa: N801 - ImportError is Python's own
    """One reason why a row was rejected (BLOCK), or a warning on a row that was taken in (WARN)."""

    row: int = Field(
        description="As the file shows it: the row of the sheet, the line on which it begins (the head of a table is a"
        " line too); for JSON and XML, which record"
    )
    column: str | None
    rule: str
    severity: Literal["BLOCK", "WARN"]
    message: str
    cure: str | None


class ReferenceRow(Reply):
    """A code and what it means."""

    code: str
    title: str
    parent: str | None = None
    valid_from: date | None = Field(
        default=None, description="Regions: first day of use; 1 January where only the year is known"
    )
    valid_until: date | None = Field(
        default=None, description="Regions: last day of use; 31 December where only the year is known"
    )
    successor: str | None = Field(default=None, description="Regions: the code that took its place, where it is known")


class ReferenceRowIn(Ask):
    """A row of a reference table."""

    code: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9A-Z/]+$")]
    zh: Annotated[str, Field(min_length=1, max_length=2_000)]
    en: Annotated[str, Field(max_length=2_000)] | None = None
    parent: Annotated[str, Field(max_length=20)] | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    successor: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9A-Z/]+$")] | None = None


class ReferenceRows(Ask):
    """Rows to load into a reference table."""

    rows: Annotated[list[ReferenceRowIn], Field(min_length=1, max_length=5_000)]


class Loaded(Reply):
    """How many rows were new or changed."""

    created: int
    changed: int
    unchanged: int


class Removed(Reply):
    """What was taken out."""

    listings: int
    patents: int


IpcPrefix = Annotated[
    str,
    Field(pattern=r"^([A-H](\d{2}([A-Z](\d{1,4}(/\d{0,6})?)?)?)?|\d{2}(-\d{2})?)$", examples=["B23Q"]),
    BeforeValidator(lambda raw: fold(raw).upper() if isinstance(raw, str) else raw),
]


class PatentFilters(Ask):
    """Which of one's patents a list or an export shows."""

    q: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Words that must all occur")
    legal_state: LegalState | None = None
    patent_type: PatentType | None = None
    ipc: IpcPrefix | None = None
    region_code: RegionCode | None = None
    external_id: ExternalId | None = None
    number: Annotated[str, Field(max_length=60)] | None = Field(default=None, description="Either of its numbers")


class PatentQuery(PatentFilters):
    """A list of patents as asked for."""

    count: bool = False
    after: Cursor | None = None
    limit: Limit = 20


class PatentExport(PatentFilters):
    """A file of patents as asked for."""

    format: Literal["csv", "xlsx", "ndjson"] = "csv"


class ListingCriteria(Ask):
    """What listings may be chosen by, whoever looks."""

    q: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Words that must all occur")
    region_code: RegionCode | None = None
    ipc: IpcPrefix | None = None
    industry_code: IndustryCode | None = None
    mode: LicenseMode | None = None
    fee_type: FeeType | None = None
    fee_at_most: Amount | None = Field(
        default=None, description="Free, or a one-time fee of no more after its reduction; a pure royalty has none"
    )
    sme_only: bool | None = None
    patent_type: PatentType | None = None
    trl_at_least: Annotated[int, Field(ge=1, le=9)] | None = None
    holder: Line | None = None
    sample: bool | None = None
    patent_id: Annotated[str, Field(max_length=60)] | None = None


class ListingFilters(ListingCriteria):
    """Which listings a list shows."""

    external_id: ExternalId | None = None
    mine: bool = Field(default=False, description="Your own listings in every state (needs a token)")
    state: ListingState | None = Field(default=None, description="With mine=true")


Facets = dict[str, dict[str, int]]


class ListingPage(Reply):
    """A page of listings with facet counts where asked."""

    items: list[Card]
    next: str | None = None
    count: int | None = None
    facets: Facets | None = None


class ListingQuery(ListingFilters):
    """A list of listings as asked for."""

    sort: Literal["-published_at", "published_at", "-created_at", "created_at", "-updated_at"] = "-published_at"
    facets: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="Comma-separated: mode, fee_type, patent_type, industry_code, region_code, ipc, trl"
    )
    count: bool = False
    after: Cursor | None = None
    limit: Limit = 20


class HolderKind(StrEnum):
    """What kind of body holds a patent, read from its credit code, else from its name."""

    UNIVERSITY = "UNIVERSITY"
    INSTITUTE = "INSTITUTE"
    ENTERPRISE = "ENTERPRISE"
    OTHER = "OTHER"


class ScreeningWeights(Ask):
    """What counts how much; a component that nothing is known of is left out of the sum."""

    years_left: Annotated[int, Field(ge=0, le=100)] = 25
    maintenance: Annotated[int, Field(ge=0, le=100)] = 20
    demand: Annotated[int, Field(ge=0, le=100)] = 30
    type: Annotated[int, Field(ge=0, le=100)] = 10
    stars: Annotated[int, Field(ge=0, le=100)] = 15

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("at least one weight must be above 0")
        return self


class ScreeningCriteria(Ask):
    """Which patents are worth offering. What fails a criterion is listed as excluded, with every reason."""

    ipc: Annotated[list[IpcPrefix], Field(max_length=40)] = []
    patent_types: Annotated[list[PatentType], Field(max_length=3)] = []
    holder_kinds: Annotated[list[HolderKind], Field(max_length=4)] = []
    region_code: RegionCode | None = None
    exploitation: Annotated[list[ExploitationStatus], Field(max_length=6)] = Field(
        default=[ExploitationStatus.UNIMPLEMENTED], description="Empty: any"
    )
    include_unknown: bool = Field(default=True, description="Also patents whose legal status no source has stated")
    years_left_at_least: Annotated[int, Field(ge=0, le=20)] = 3
    maintained_years_at_least: Annotated[int, Field(ge=0, le=20)] = 0
    stars_at_least: Annotated[int, Field(ge=1, le=5)] | None = Field(default=None, description="Of the last inventory")
    acts: Annotated[list[Act], Field(max_length=7)] = Field(
        default=[], description="The law allows each of these, a fresh look at the register aside"
    )
    not_on_offer: bool = Field(default=False, description="Only patents that no listing offers")
    demand: bool = Field(default=True, description="Ask how many open needs each patent answers")
    needs_at_least: Annotated[int, Field(ge=0, le=50)] = 0
    weights: ScreeningWeights = ScreeningWeights()

    @model_validator(mode="after")
    def _demand_is_asked(self) -> Self:
        if self.needs_at_least and not self.demand:
            raise ValueError("needs_at_least needs demand")
        return self


class ScreeningDraft(Ask):
    """A screening 筛选 of one's portfolio."""

    external_id: ExternalId | None = None
    name: Line | None = None
    criteria: ScreeningCriteria = ScreeningCriteria()

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "name": "2026 装备制造",
                    "criteria": {"ipc": ["B23", "B24"], "years_left_at_least": 5, "acts": ["OPEN_LICENSE"]},
                }
            ]
        }
    }


class JobState(StrEnum):
    """How far work in the background is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"


class Tier(StrEnum):
    """How worth offering a patent is: A from 70 points, B from 50, C below."""

    A = "A"
    B = "B"
    C = "C"
    EXCLUDED = "EXCLUDED"


class ScreeningCounts(Reply):
    """Progress of a screening."""

    total: int = 0
    done: int = 0
    tiers: dict[Tier, int] = {}
    excluded: dict[str, int] = Field(default={}, description="By reason; a patent may have several")


class ScreeningRun(Resource):
    """A screening: as of one day, by criteria that are kept with it, and so repeatable."""

    organization_id: str
    name: str | None
    criteria: ScreeningCriteria
    as_of: date
    state: JobState
    counts: ScreeningCounts
    needs_versions: list[str] = Field(
        description="The state of the open needs that was asked; one, unless they moved on"
    )


class ScreeningReason(Reply):
    """One component of a score, or one reason for an exclusion."""

    code: str
    value: str | None = Field(description="What was found: years, needs, a rule's id")
    points: float | None = Field(description="Of 100; null for an exclusion")
    message: str


class ScreeningResult(Reply):
    """What a screening says of one patent."""

    patent_id: str
    application_number: str | None
    publication_number: str | None
    title: str
    tier: Tier
    score: float | None = Field(description="0 to 100; null when excluded")
    needs: int | None = Field(description="Open needs that the patent fits fairly well or better, at most 50")
    reasons: list[ScreeningReason]


class BatchTerms(Ask):
    """Listings made from one template, a patent each."""

    template: ListingFields = ListingFields()
    submit: bool = Field(default=False, description="Submit each at once; what a rule refuses stays a draft")
    dry_run: bool = False


class OfferBatch(BatchTerms):
    """Listings for patents of a screening, each made from one template."""

    tiers: Annotated[list[Literal[Tier.A, Tier.B, Tier.C]], Field(min_length=1, max_length=3)] = [Tier.A]
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class PatentsBatch(BatchTerms):
    """Listings for patents chosen by hand, each made from one template."""

    patent_ids: Annotated[list[PatentId], Field(min_length=1, max_length=500)]


class OfferedPatent(Reply):
    """What became of one patent of a batch."""

    patent_id: str
    listing_id: str | None
    state: ListingState | None
    violations: list[ViolationOut] = []


class OfferedBatch(Reply):
    """What became of a batch; patents that are on offer or drafted already are left alone."""

    created: int
    published: int
    left_alone: int
    remaining: int = Field(description="Patents that the limit left for the next call")
    items: list[OfferedPatent]


class SupplyDemandCell(Reply):
    """Supply and demand of a class in a province."""

    ipc: str
    region_code: str | None
    patents: int = Field(description="On offer")
    needs: int = Field(description="Open, leaning to this class")


class SupplyDemandMap(Reply):
    """Supply against demand, by IPC class and province."""

    patents: int
    needs: int
    level: Literal["section", "class", "subclass"]
    items: list[SupplyDemandCell]


class CampaignDraft(Ask):
    """An inventory 盘点 of one's patents: which are worth keeping, offering, abandoning."""

    external_id: ExternalId | None = None
    name: Line
    begins_on: LegalDay
    ends_on: LegalDay
    ipc: Annotated[list[IpcPrefix], Field(max_length=40)] = []
    patent_types: Annotated[list[PatentType], Field(max_length=3)] = []

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on < self.begins_on:
            raise ValueError("ends_on lies before begins_on")
        return self


class ItemState(StrEnum):
    """How far an inventory item is, by the acts recorded on it."""

    IMPORTED = "IMPORTED"
    SELF_RATED = "SELF_RATED"
    REVIEWED = "REVIEWED"
    IN_POOL = "IN_POOL"
    KEPT = "KEPT"
    TO_ABANDON = "TO_ABANDON"


class Campaign(Resource):
    """An inventory with how far its items are."""

    organization_id: str
    name: str
    begins_on: date
    ends_on: date
    ipc: list[str]
    patent_types: list[PatentType]
    closed_at: Instant | None
    items: dict[ItemState, int]
    stars: dict[str, int] = Field(description="Items by stars, self-rated or reviewed")


Stars = Annotated[int, Field(ge=1, le=5)]


class SelfRating(Ask):
    """What inventor or college think of the patent."""

    stars: Stars
    trl: Annotated[int, Field(ge=1, le=9)] | None = None
    prospects: Prose | None = Field(default=None, description="Where it could be used, by whom")
    rated_by: Line = Field(description="The inventor or college that rates")


class Review(Ask):
    """The university's review of a self-rating; stars differ only with a note that says why."""

    stars: Stars
    note: Line | None = None


class Decision(Ask):
    """What becomes of a reviewed patent: into the pool for conversion 专利转化资源库, kept, or to be abandoned."""

    outcome: Literal[ItemState.IN_POOL, ItemState.KEPT, ItemState.TO_ABANDON]
    note: Line | None = None


class RatedPatent(SelfRating):
    """A self-rating in a batch, by the patent's number or id."""

    patent: Annotated[str, Field(min_length=1, max_length=60)]


class Ratings(Ask):
    """Self-ratings of many patents."""

    items: Annotated[list[RatedPatent], Field(min_length=1, max_length=1_000)]


class RatingRefused(Reply):
    """Why one rating of a batch was not taken."""

    index: int
    patent: str
    violations: list[ViolationOut]


class Rated(Reply):
    """What became of a batch of ratings; refused ones never stop the others."""

    rated: int
    refused: list[RatingRefused]


class InventoryItem(Reply):
    """A patent in an inventory."""

    id: str
    campaign_id: str
    patent_id: str
    application_number: str | None
    publication_number: str | None
    title: str
    state: ItemState
    stars: int | None
    trl: int | None
    prospects: str | None
    rated_by: str | None
    self_stars: int | None
    review_note: str | None
    decision_note: str | None
    version: int
    updated_at: Instant


class GivenConsent(Ask):
    """A consent given to the terms at hand, beside those that are on the patent's record."""

    role: ConsentRole
    party: Line
    party_uscc: Uscc | None = None


class WantedScope(Ask):
    """For what a license is wanted, so that those on record which it leaves alone stand in nobody's way.

    Licenses that licensing itself has made are left out then: it keeps their scopes, and decides about them.
    """

    territory: list[RegionCode]
    begins_on: date
    until: date


class DealQuery(Ask):
    """Whether an act may be done with patents now: asked afresh before one that cannot be taken back."""

    patent_ids: Annotated[list[str], Field(min_length=1, max_length=50)]
    act: Act
    given: list[GivenConsent] = []
    scope: WantedScope | None = None
    must_be_there: bool = Field(default=True, description="Else patents that are not on record are left out")


class Pledgee(Reply):
    """A creditor to whom a patent is pledged."""

    name: str
    uscc: str | None


class DealTarget(Reply):
    """A patent as a deal sees it, and every reason against the act that was asked about."""

    patent_id: str
    organization_id: str
    keeper_uscc: str | None
    title: str
    application_number: str | None
    publication_number: str | None
    patent_type: PatentType
    filing_date: date | None
    grant_date: date | None
    expiry_date: date | None
    legal_state: LegalState
    ended_on: date | None = Field(
        description="From when on the right is gone; of an invalidated one when that was found"
    )
    fees_paid_until: date | None = Field(
        description="The last day for which annual fees are paid, where it is recorded"
    )
    grace_ends_on: date | None = Field(description="The last day on which what follows it can still be paid (rule 115)")
    holders: list[Holder]
    others: list[Holder] = Field(description="The holders besides whoever keeps the record")
    inventors: list[Inventor]
    pledgees: list[Pledgee]
    sample: bool
    violations: list[ViolationOut]


class DealTargets(Reply):
    """The patents of a deal, in the order in which they were asked for."""

    items: list[DealTarget]


class HoldingCount(Reply):
    """How many patents of one type an organization keeps on record."""

    patent_type: PatentType
    held: int = Field(description="Granted until the end of the year, lapsed ones too")
    granted_in_year: int
    in_force: int = Field(description="Still alive at the end of the year, or today")


class Holdings(Reply):
    """The patents of an organization by type."""

    items: list[HoldingCount]
