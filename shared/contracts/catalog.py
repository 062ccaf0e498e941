"""What catalog speaks: patents and their legal events, listings, imports, reference tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.contracts.values import (
    Amount,
    ApplicationNumber,
    Classification,
    IndustryCode,
    PatentType,
    PublicationNumber,
    Rate,
    RegionCode,
    Uscc,
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
    """Legal events that the register and the gazette carry (Implementing Regulations, rules 106-107)."""

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


class Patent(Resource):
    """A patent as the catalog keeps it."""

    organization_id: str = Field(description="Who keeps this record")
    application_number: str | None
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
    sample: bool


class EventDetail(Ask):
    """For REGISTER_CHECKED: what the register said."""

    state: LegalState | None = None
    fees_paid_until: LegalDay | None = None
    note: Line | None = None


class LegalEventDraft(Ask):
    """A legal event to be recorded."""

    code: EventCode
    occurred_on: LegalDay
    source: EventSource = EventSource.HOLDER
    detail: EventDetail | None = None
    document_ids: Annotated[list[Annotated[str, Field(pattern=r"^doc_[0-9a-z]{1,40}$")]], Field(max_length=20)] = []


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


class Pricing(Ask):
    """What the license costs; the fee type says which figures belong to it."""

    fee_type: FeeType
    amount: Amount | None = None
    rate: Rate | None = None
    rate_base: Literal["NET_SALES", "PROFIT", "OUTPUT"] | None = None
    deferred_until: LegalDay | None = None
    note: Line | None = None

    @model_validator(mode="after")
    def _figures_fit(self) -> Self:
        check_pricing(self)
        return self


@rule("FEE-FORM", source=Text("Civil Code Art. 846", "民法典第八百四十六条"), since="2021-01-01")
def check_pricing(pricing: Pricing) -> None:
    """A fee carries exactly the figures that its type needs."""
    given = {name for name in ("amount", "rate", "rate_base") if getattr(pricing, name) is not None}
    needed = _NEEDED[pricing.fee_type]
    if given != needed:
        wanted = ", ".join(sorted(needed)) or "no figures"
        raise Refused(
            Refusal(
                "FEE-FORM",
                Text(
                    f"a fee of type {pricing.fee_type} takes {wanted}", f"{pricing.fee_type} 类型的费用应填写：{wanted}"
                ),
                Text("add what is missing and take out what does not belong", "请补充缺少的数字，删除多余的数字"),
            )
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
    published_at: Instant | None


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


class ReferenceRowIn(Ask):
    """A row of a reference table."""

    code: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9A-Z/]+$")]
    zh: Annotated[str, Field(min_length=1, max_length=2_000)]
    en: Annotated[str, Field(max_length=2_000)] | None = None
    parent: Annotated[str, Field(max_length=20)] | None = None


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
    str, Field(pattern=r"^([A-H](\d{2}([A-Z](\d{1,4}(/\d{0,6})?)?)?)?|\d{2}(-\d{2})?)$", examples=["B23Q"])
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


class ListingFilters(Ask):
    """Which listings a list shows."""

    q: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Words that must all occur")
    region_code: RegionCode | None = None
    ipc: IpcPrefix | None = None
    industry_code: IndustryCode | None = None
    mode: LicenseMode | None = None
    fee_type: FeeType | None = None
    patent_type: PatentType | None = None
    trl_at_least: Annotated[int, Field(ge=1, le=9)] | None = None
    holder: Line | None = None
    sample: bool | None = None
    external_id: ExternalId | None = None
    patent_id: Annotated[str, Field(max_length=60)] | None = None
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
