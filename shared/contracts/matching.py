"""What matching speaks: needs, queries, ranked and explained matches."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.catalog import Card, FeeType, IpcPrefix, LicenseMode
from shared.contracts.values import IndustryCode, Money, PatentType, RegionCode
from shared.contracts.wire import (
    Ask,
    Cursor,
    ExternalId,
    Instant,
    Limit,
    Line,
    Prose,
    Reply,
    Resource,
)
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

_OURS = Text("the platform's rules for matches", "平台匹配规则")


class NeedState(StrEnum):
    """Derived from the acts recorded on a need."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    MATCHED = "MATCHED"
    IN_NEGOTIATION = "IN_NEGOTIATION"
    FULFILLED = "FULFILLED"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


class Visibility(StrEnum):
    """Who may learn of a need."""

    PUBLIC = "PUBLIC"
    ANONYMIZED = "ANONYMIZED"
    INVITED = "INVITED"


class NeedDraft(Ask):
    """A technology need, in the firm's own words."""

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "title": "铝件铣到薄壁的地方老是抖",
                    "description": "壁厚一到两毫米，铣的时候有振纹，转速一高就让刀，想要不换机床的办法。",
                    "industry_code": "C34",
                    "region_code": "3701",
                    "visibility": "ANONYMIZED",
                }
            ]
        }
    }

    external_id: ExternalId | None = None
    title: Line
    description: Prose = ""
    industry_code: IndustryCode | None = None
    region_code: RegionCode | None = None
    budget: Money | None = None
    constraints: Annotated[list[Line], Field(max_length=20)] = []
    visibility: Visibility = Visibility.ANONYMIZED


class NeedPatch(Ask):
    """Changes to a need; a changed text of a published need is a new version of it."""

    external_id: ExternalId | None = None
    title: Line | None = None
    description: Prose | None = None
    industry_code: IndustryCode | None = None
    region_code: RegionCode | None = None
    budget: Money | None = None
    constraints: Annotated[list[Line], Field(max_length=20)] | None = None
    visibility: Visibility | None = None


class Need(Resource):
    """A need; `need_version` counts its texts."""

    organization_id: str
    title: str
    description: str
    industry_code: str | None
    region_code: str | None
    budget: Money | None
    constraints: list[str]
    visibility: Visibility
    need_version: int
    state: NeedState
    state_reason: str | None
    published_at: Instant | None
    expires_at: Instant | None


class Closing(Ask):
    """Why a need is closed."""

    reason: Literal["NO_RESULT", "WITHDRAWN"] = "WITHDRAWN"


class Filters(Ask):
    """What a hit must fulfil, whatever its score."""

    region_code: RegionCode | None = None
    ipc: IpcPrefix | None = Field(default=None, description="IPC prefix: B, B23, B23Q or B23Q11/00")
    industry_code: IndustryCode | None = None
    mode: LicenseMode | None = None
    fee_type: FeeType | None = None
    patent_type: PatentType | None = None
    trl_at_least: Annotated[int, Field(ge=1, le=9)] | None = None
    sample: bool | None = Field(default=None, description="false leaves the sample out")


class MatchesQuery(Filters):
    """A page of a stored need's matches as asked for."""

    after: Cursor | None = None
    limit: Limit = 20

    def filters(self) -> Filters:
        """What a hit must fulfil."""
        return Filters.model_validate(self.model_dump(include=set(Filters.model_fields)))


class MatchQuery(Ask):
    """A need that is not stored."""

    model_config = {
        "json_schema_extra": {"examples": [{"title": "铝件铣到薄壁的地方老是抖，有振纹", "text": "", "limit": 5}]}
    }

    title: Line
    text: Prose = ""
    industry_code: IndustryCode | None = Field(default=None, description="Of the firm: a soft signal, no filter")
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    filters: Filters = Filters()


class Term(Reply):
    """What one word contributed, through one field."""

    term: str
    weight: float
    field: str
    through: str | None = Field(default=None, description="The need's own word, where this one is what patents call it")


class Signal(Reply):
    """What something other than a word contributed."""

    signal: str
    weight: float


class Highlight(Reply):
    """Where a word that counted stands in the listing's card, counted in characters."""

    pointer: str = Field(examples=["/titles/0", "/summary"])
    start: int
    end: int
    term: str


class Explanation(Reply):
    """Where the score comes from: all weights sum to it."""

    terms: list[Term]
    other: list[Signal]
    highlights: list[Highlight]


Band = Literal["STRONG", "FAIR", "WEAK"]


class Match(Reply):
    """One ranked listing."""

    rank: int
    score: float
    fit: float = Field(description="Calibrated probability that transfer staff would call it fairly strong or better")
    band: Band
    listing: Card
    explanation: Explanation


class Suggestions(Reply):
    """What might help the asker on."""

    terms: list[str] = Field(description="Known words that resemble unknown ones")
    ipc: list[str] = Field(description="Subclasses in which the best hits lie")
    industry_codes: list[str]


class Relaxation(Reply):
    """How many hits a filter holds back."""

    filter: str
    count: int


EmptyReason = Literal["NO_KNOWN_TERM", "ALL_FILTERED", "INDEX_EMPTY"]


class Matches(Reply):
    """A ranking; equal input and `index_version` give equal bytes."""

    need_version: int | None
    index_version: str
    items: list[Match]
    next: str | None = None
    excluded: dict[str, int] = Field(description="Hits left out, by reason")
    empty_reason: EmptyReason | None
    suggestions: Suggestions
    relaxations: list[Relaxation]


class Why(Reply):
    """Why a given listing is, or is not, among the matches."""

    need_version: int
    index_version: str
    listing_id: str
    matched: bool
    rank: int | None
    score: float
    fit: float
    explanation: Explanation
    kept_out_by: list[str] = Field(description="Filters that the listing does not pass")
    missing_terms: list[str] = Field(description="Words of the need that the listing does not hold, weightiest first")


class NeedCard(Reply):
    """A need as others than its owner see it. Of an anonymized need nothing that could name the firm is shown."""

    id: str
    need_version: int
    title: str
    description: str
    industry_code: str | None
    region_code: str | None = Field(description="Of an anonymized need the province only")
    published_at: Instant | None
    anonymized: bool = Field(description="Names and words that hardly anybody else uses are replaced by ＊＊")
    organization_id: str | None = Field(description="null for an anonymized need of somebody else")


class ListingNeed(Reply):
    """A need that a listing may answer."""

    rank: int
    band: Band
    need: NeedCard
    shared_terms: list[str] = Field(description="Words of the listing that the need asks for, weightiest first")


class NeedsQuery(Ask):
    """Which needs a listing is held against."""

    band: Literal["FAIR", "STRONG"] | None = Field(default=None, description="This band and better only")
    industry_code: IndustryCode | None = None
    region_code: RegionCode | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class ListingNeeds(Reply):
    """Needs that a listing may answer, best first, as each need's owner would find the listing."""

    listing_id: str
    index_version: str
    needs_version: str = Field(description="Names what was known of the needs, as `index_version` does of the listings")
    items: list[ListingNeed]


class Verdict(StrEnum):
    """What somebody who looked at a match thinks of it."""

    INTERESTED = "INTERESTED"
    NOT_SUITABLE = "NOT_SUITABLE"
    CONTACTED = "CONTACTED"


class ReasonCode(StrEnum):
    """Why a match is not suitable."""

    WRONG_FIELD = "WRONG_FIELD"  # another technical field
    WRONG_PROBLEM = "WRONG_PROBLEM"  # the right field, another problem
    TOO_EARLY = "TOO_EARLY"
    BENEFIT_UNCLEAR = "BENEFIT_UNCLEAR"
    COMMERCIAL_ROUTE_UNCLEAR = "COMMERCIAL_ROUTE_UNCLEAR"
    DESCRIPTION_UNCLEAR = "DESCRIPTION_UNCLEAR"
    SCIENTIFIC_DOUBTS = "SCIENTIFIC_DOUBTS"
    TOO_EXPENSIVE = "TOO_EXPENSIVE"
    TERMS = "TERMS"  # mode, territory or duration
    KNOWN_ALREADY = "KNOWN_ALREADY"
    OTHER = "OTHER"


class FeedbackDraft(Ask):
    """A word on a match."""

    model_config = {"json_schema_extra": {"examples": [{"verdict": "NOT_SUITABLE", "reason_code": "TOO_EARLY"}]}}

    verdict: Verdict
    reason_code: ReasonCode | None = Field(default=None, description="Wanted with NOT_SUITABLE, and only then")
    note: Prose | None = None

    @model_validator(mode="after")
    def _reason_belongs(self) -> Self:
        check_reason(self)
        return self


@rule("FB-REASON", source=_OURS, since="2026-11-22")
def check_reason(feedback: FeedbackDraft) -> None:
    """NOT_SUITABLE says why; the other verdicts have no reason."""
    if (feedback.verdict is Verdict.NOT_SUITABLE) is (feedback.reason_code is None):
        raise Refused(
            Refusal(
                "FB-REASON",
                Text(
                    "a reason_code goes with NOT_SUITABLE and with nothing else", "仅 NOT_SUITABLE 须填写 reason_code"
                ),
                Text(f"one of {', '.join(ReasonCode)}", f"可选：{'、'.join(ReasonCode)}"),
            )
        )


class Feedback(Resource):
    """A word on a match, with what the ranking said then. The last one on a pair counts, all are kept."""

    need_id: str
    need_version: int
    listing_id: str
    verdict: Verdict
    reason_code: ReasonCode | None
    note: str | None
    index_version: str
    fit: float
    band: Band


class RunState(StrEnum):
    """How far a match run is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"


class RunNeeds(Ask):
    """Which needs a run ranks."""

    of: Literal["OWN", "VISIBLE"] = Field(
        default="OWN", description="VISIBLE: all published needs that you may see, for those who serve others"
    )
    ids: Annotated[list[str], Field(min_length=1, max_length=1_000)] | None = None
    industry_code: IndustryCode | None = None
    region_code: RegionCode | None = None


class AskedPatent(Ask):
    """A patent held against the open needs."""

    id: str
    title: str
    text: str = ""


class DemandQuery(Ask):
    """Patents held against the open needs; asked by catalog."""

    items: Annotated[list[AskedPatent], Field(min_length=1, max_length=500)]


class Asked(Reply):
    """How much a patent is asked for."""

    id: str
    needs: int = Field(description="Open needs that it fits fairly well or better, at most 50")
    best_fit: float


class Demands(Reply):
    """What open needs ask of patents, with the state of the needs that was asked."""

    needs_version: str
    items: list[Asked]


class DemandCell(Reply):
    """Open needs that lean to a subclass, from a province (null: not said)."""

    ipc: str
    region_code: str | None
    needs: int


class DemandMap(Reply):
    """Open needs over classes and provinces; a need may lean to several classes."""

    needs: int
    cells: list[DemandCell]


class MatchRunDraft(Ask):
    """Needs against listings, all against all."""

    model_config = {
        "json_schema_extra": {
            "examples": [{"needs": {"of": "VISIBLE", "region_code": "3701"}, "limit": 20, "fit_at_least": 0.2}]
        }
    }

    external_id: ExternalId | None = None
    needs: RunNeeds = RunNeeds()
    filters: Filters = Filters()
    limit: Annotated[int, Field(ge=1, le=100)] = Field(default=20, description="Listings kept for each need")
    fit_at_least: Annotated[float, Field(ge=0, le=1)] = 0.0


class RunCounts(Reply):
    """Progress of a run."""

    total: int = 0
    done: int = 0
    matched: int = Field(default=0, description="Needs with at least one result")
    results: int = 0


class MatchRun(Resource):
    """A run: needs against listings, in the background; results can be read while it goes on."""

    organization_id: str
    needs: RunNeeds
    filters: Filters
    limit: int
    fit_at_least: float
    state: RunState
    counts: RunCounts
    index_versions: list[str] = Field(description="One, unless the listings changed while it ran")


class RunResult(Reply):
    """One listing for one need."""

    need_id: str
    need_version: int
    rank: int
    listing_id: str
    score: float
    fit: float
    band: Band
    index_version: str
    listing: Card | None = Field(description="null when it is no longer on offer")
    need: NeedCard | None = Field(description="null when it is no longer published")


class Digest(StrEnum):
    """When a subscriber hears of what was found."""

    IMMEDIATE = "IMMEDIATE"
    DAILY = "DAILY"


ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["09:00"])]


class SubscriptionDraft(Ask):
    """New listings for a standing need of yours, or new needs for a listing of yours."""

    model_config = {
        "json_schema_extra": {"examples": [{"need_id": "ned_2m8fqk0sw1", "fit_at_least": 0.35, "digest": "DAILY"}]}
    }

    external_id: ExternalId | None = None
    need_id: str | None = None
    listing_id: str | None = None
    fit_at_least: Annotated[float, Field(ge=0.05, le=0.95)] = Field(
        default=0.35, description="Probability that transfer staff would call the match fairly strong or better"
    )
    digest: Digest = Digest.DAILY
    digest_at: ClockTime = Field(default="09:00", description="Beijing time of the daily digest")
    quiet_from: ClockTime | None = Field(default=None, description="Nothing is sent from then, Beijing time, …")
    quiet_to: ClockTime | None = Field(default=None, description="… until then; both or neither")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        check_subscription(self)
        return self


@rule("SB-FORM", source=_OURS, since="2026-11-22")
def check_subscription(draft: SubscriptionDraft) -> None:
    """A subscription is for one need or one listing, and its quiet hours have a beginning and an end."""
    if (draft.need_id is None) is (draft.listing_id is None):
        raise Refused(
            Refusal(
                "SB-FORM",
                Text("a subscription is for one need or for one listing", "订阅须针对一条需求或一条挂牌"),
                Text("give need_id or listing_id, not both", "请填写 need_id 或 listing_id 之一"),
            )
        )
    if (draft.quiet_from is None) is not (draft.quiet_to is None) or (
        draft.quiet_from is not None and draft.quiet_from == draft.quiet_to
    ):
        raise Refused(
            Refusal(
                "SB-FORM",
                Text("quiet hours need a beginning and another end", "免打扰时段须有不同的起止时间"),
                Text("give quiet_from and quiet_to, or neither", "请同时填写 quiet_from 和 quiet_to，或都不填"),
            )
        )


class Subscription(Resource):
    """A subscription to new matches; what it found is in its deliveries and on the feed as `match.found`."""

    organization_id: str
    need_id: str | None
    listing_id: str | None
    fit_at_least: float
    digest: Digest
    digest_at: str
    quiet_from: str | None
    quiet_to: str | None
    waiting: int = Field(description="Found and not delivered yet")
    delivered: int


class DeliveredMatch(Reply):
    """One new match."""

    need_id: str
    listing_id: str
    band: Band
    fit: float | None = Field(description="For the need's owner only")
    found_at: Instant
    listing: Card | None = Field(description="For a need: the listing; null when it is no longer on offer")
    need: NeedCard | None = Field(description="For a listing: the need; null when it is no longer published")


class Delivery(Reply):
    """What a subscriber was told at one time."""

    id: str
    delivered_at: Instant
    items: list[DeliveredMatch]


class VocabularyEntry(Reply):
    """A word of the workshop and what patents call it."""

    lay: str
    technical: list[str]
    source: Literal["SHIPPED", "OPERATOR"]


class VocabularyDraft(Ask):
    """An entry to add or to replace; no technical words takes a shipped one out."""

    model_config = {"json_schema_extra": {"examples": [{"lay": "打颤", "technical": ["颤振", "减振"]}]}}

    lay: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    technical: Annotated[
        list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]],
        Field(max_length=20),
    ]


class ModelState(StrEnum):
    """Whether a learned mix of signals is in use."""

    CANDIDATE = "CANDIDATE"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class RankingModel(Resource):
    """A mix of signals learned from feedback: reproducible from the same feedback, in use only when activated."""

    state: ModelState
    mix: dict[str, float] = Field(description="What each signal weighs")
    shipped_mix: dict[str, float]
    judgments: int
    needs: int
    log_loss: float = Field(description="On feedback that it was not learned from (cross-validated)")
    shipped_log_loss: float = Field(description="Of the mix that ships, on the same feedback")
    trained_on: str = Field(description="SHA-256 of the feedback it was learned from")
    activated_at: Instant | None
