"""What matching speaks: needs, queries, ranked and explained matches."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

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


class Explanation(Reply):
    """Where the score comes from: all weights sum to it."""

    terms: list[Term]
    other: list[Signal]


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
