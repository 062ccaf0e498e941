"""What oversight speaks: orders that keep a party from dealing, their lifting, appeals against them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.catalog import DocumentIds
from shared.contracts.gateway import OrganizationId
from shared.contracts.wire import Ask, Cursor, ExternalId, Instant, LegalDay, Limit, Line, Prose, Reply, Resource

Reason = Annotated[Prose, Field(min_length=1, max_length=2_000)]


class BasisKind(StrEnum):
    """What an order rests on; a mark in a credit record is none of these, and never restricts by itself."""

    COURT_ORDER = "COURT_ORDER"
    ADMINISTRATIVE_ORDER = "ADMINISTRATIVE_ORDER"
    PLATFORM_RULES = "PLATFORM_RULES"


class RestrictionState(StrEnum):
    """How an order stands, by its acts and the calendar in China."""

    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    LIFTED = "LIFTED"


class AppealState(StrEnum):
    """What became of an appeal; an upheld one lifts the order."""

    PENDING = "PENDING"
    UPHELD = "UPHELD"
    DISMISSED = "DISMISSED"


class RestrictionBasis(Ask):
    """Who ordered it, and under which number."""

    kind: BasisKind
    authority: Annotated[Line, Field(max_length=200)] | None = Field(
        default=None, description="The court or authority; of the platform's own rules none"
    )
    number: Annotated[Line, Field(max_length=100)] = Field(
        description="Number of the decision, or the clause of the platform's rules that was broken"
    )
    document_ids: DocumentIds = []


class RestrictionDraft(Ask):
    """An order 限制 that keeps a party from new deals."""

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "organization_id": "org_demo_sme",
                    "basis": {"kind": "PLATFORM_RULES", "number": "平台参与规则第三条"},
                    "reason": "提交虚假资质材料，已书面告知并听取陈述",
                    "from": "2026-12-01",
                    "until": "2027-05-31",
                }
            ]
        }
    }

    external_id: ExternalId | None = None
    organization_id: OrganizationId
    basis: RestrictionBasis
    reason: Reason
    from_: LegalDay | None = Field(default=None, alias="from", description="First day; today when left out")
    until: LegalDay | None = Field(default=None, description="Last day; until it is lifted when left out")


class RestrictionLiftingDraft(Ask):
    """The end of an order before its last day."""

    reason: Reason
    document_ids: DocumentIds = []


class AppealDraft(Ask):
    """What the restricted party says against the order."""

    grounds: Reason
    document_ids: DocumentIds = []


class AppealDecisionDraft(Ask):
    """The operator's answer to an appeal."""

    outcome: Literal["UPHELD", "DISMISSED"]
    reason: Reason
    document_ids: DocumentIds = []


class RestrictionLifting(Reply):
    """When an order was lifted, and why."""

    at: Instant
    reason: str
    document_ids: list[str]


class AppealDecision(Reply):
    """How an appeal was decided."""

    outcome: Literal["UPHELD", "DISMISSED"]
    reason: str
    document_ids: list[str]
    at: Instant


class Appeal(Reply):
    """An appeal 申诉 of the restricted party."""

    id: str
    grounds: str
    document_ids: list[str]
    at: Instant
    state: AppealState
    decision: AppealDecision | None


class PartyRestriction(Resource):
    """An order that keeps a party from new deals; what the law gave before it goes on."""

    model_config = {"populate_by_name": True, "serialize_by_alias": True}

    external_id: str | None = Field(default=None, description="The id of whoever ordered it, for its own eyes")
    organization_id: str = Field(description="The restricted party")
    organization_name: str
    basis: RestrictionBasis
    reason: str
    from_: date = Field(alias="from", serialization_alias="from")
    until: date | None
    state: RestrictionState
    lifting: RestrictionLifting | None
    appeals: list[Appeal] = Field(description="Oldest first")


class RestrictionQuery(Ask):
    """Filters of orders: all for operator and regulator, for everybody else those against itself."""

    organization_id: OrganizationId | None = None
    state: RestrictionState | None = None
    basis: BasisKind | None = None
    external_id: ExternalId | None = None
    after: Cursor | None = None
    limit: Limit = 20
    count: bool = False


class PartyOrder(Reply):
    """An order as other services see it: public facts only."""

    model_config = {"populate_by_name": True, "serialize_by_alias": True}

    id: str
    organization_id: str
    kind: BasisKind
    from_: date = Field(alias="from", serialization_alias="from")
    until: date | None


class PartyCheck(Ask):
    """Does an order stand against one of these now? Asked afresh before an act that cannot be taken back."""

    organization_ids: Annotated[list[str], Field(max_length=200)]


class PartyOrders(Reply):
    """The orders that stand."""

    items: list[PartyOrder]
