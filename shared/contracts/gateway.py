"""What the gateway itself speaks: tokens, organizations, clients, delegations, documents."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.contracts.access import SCOPES, OrganizationType
from shared.contracts.values import IndustryCode, Money, RegionCode, Uscc
from shared.contracts.wire import Ask, ExternalId, Instant, LegalDay, Line, Reply, Resource


class Token(Reply):
    """An access token (RFC 6749)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    scope: str


class JwkSet(Reply):
    """Public keys that verify our tokens."""

    keys: list[dict[str, Any]]


class Verification(StrEnum):
    """Whether the operator has verified an organization."""

    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"


class SmeClass(StrEnum):
    """Size class of a firm, derived (工信部联企业〔2011〕300号)."""

    MEDIUM = "MEDIUM"
    SMALL = "SMALL"
    MICRO = "MICRO"


class Contact(Ask):
    """A person to write to."""

    name: Line
    email: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")] | None = None
    phone: Annotated[str, Field(pattern=r"^[0-9+\- ]{5,20}$")] | None = None


class OrganizationDraft(Ask):
    """An organization that wants to take part."""

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "uscc": "91370303MA3CD00120",
                    "name": "匠兴机械有限公司（虚构）",
                    "type": "ENTERPRISE",
                    "region_code": "3703",
                    "industry_code": "C34",
                    "staff_count": 120,
                    "annual_revenue": {"amount": "86000000.00", "currency": "CNY"},
                }
            ]
        }
    }

    external_id: ExternalId | None = None
    uscc: Uscc | None = None
    name: Line
    type: OrganizationType
    state_owned: bool = False
    parent_id: Annotated[str, Field(pattern=r"^org_[0-9a-z_]{1,40}$")] | None = None
    region_code: RegionCode | None = None
    industry_code: IndustryCode | None = None
    staff_count: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    annual_revenue: Money | None = None
    contacts: Annotated[list[Contact], Field(max_length=10)] = []


class OrganizationPatch(Ask):
    """Changes to an organization; what was verified cannot be changed by its owner."""

    external_id: ExternalId | None = None
    region_code: RegionCode | None = None
    industry_code: IndustryCode | None = None
    staff_count: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    annual_revenue: Money | None = None
    contacts: Annotated[list[Contact], Field(max_length=10)] | None = None


class Organization(Resource):
    """An organization; contacts and figures are shown to itself and the operator only."""

    uscc: str | None
    name: str
    type: OrganizationType
    state_owned: bool
    parent_id: str | None
    region_code: str | None
    industry_code: str | None
    staff_count: int | None
    annual_revenue: Money | None
    sme_class: SmeClass | None
    contacts: list[Contact]
    verification: Verification
    sample: bool


class VerificationDraft(Ask):
    """The operator's finding."""

    verification: Literal[Verification.VERIFIED, Verification.REJECTED]
    reason: Line | None = None
    document_ids: Annotated[list[str], Field(max_length=20)] = []


Scope = Annotated[str, Field(pattern=f"^({'|'.join(SCOPES)})$", json_schema_extra={"enum": list(SCOPES)})]


class ClientDraft(Ask):
    """A program that shall act for the organization; without scopes it gets all that its maker has."""

    name: Line = "client"
    scopes: Annotated[list[Scope], Field(max_length=len(SCOPES))] | None = None


class Client(Reply):
    """A client, without its secret."""

    client_id: str
    organization_id: str
    name: str
    scopes: list[str]
    created_at: Instant
    revoked_at: Instant | None


class ClientSecret(Client):
    """A client with the secret that is shown once."""

    client_secret: str


class RotationDraft(Ask):
    """How long the old secret goes on working."""

    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24


class DelegationState(StrEnum):
    """Derived from the acts and dates of a delegation."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


OrganizationId = Annotated[str, Field(pattern=r"^org_[0-9a-z_]{1,40}$")]


class DelegationDraft(Ask):
    """The delegate proposes to act for a principal (custody 托管; a partner's frontend)."""

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "principal_id": "org_demo_sme",
                    "scopes": ["needs:read", "needs:write"],
                    "from": "2026-12-01",
                    "to": "2027-11-30",
                }
            ]
        }
    }

    principal_id: OrganizationId
    delegate_id: OrganizationId | None = Field(default=None, description="Yourself; may be left out")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    from_: LegalDay | None = Field(default=None, alias="from", description="First day; today when left out")
    to: LegalDay | None = Field(default=None, description="Last day; open when left out")
    document_ids: Annotated[list[str], Field(max_length=20)] = []


class Delegation(Resource):
    """Who may act for whom, in what, and until when."""

    principal_id: str
    delegate_id: str
    scopes: list[str]
    from_: date = Field(alias="from", serialization_alias="from")
    to: date | None
    document_ids: list[str]
    state: DelegationState

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class EvidenceQuery(Ask):
    """Which of these documents are there? Asked by other services before an act rests on them."""

    organization_id: str | None = Field(description="Whose they must be; null: anybody's (the operator acts)")
    document_ids: Annotated[list[str], Field(max_length=200)]


class Evidence(Reply):
    """The documents that are not there."""

    missing: list[str]


class PartiesQuery(Ask):
    """Who are these organizations? Asked by other services before an act between them."""

    organization_ids: Annotated[list[str], Field(max_length=200)]


class PartyOut(Reply):
    """An organization as a party of a contract: what its counterparty may know."""

    id: str
    name: str
    uscc: str | None
    type: OrganizationType
    state_owned: bool
    region_code: str | None
    sme_class: SmeClass | None
    verification: Verification
    sample: bool


class Parties(Reply):
    """Those of the organizations that are there."""

    items: list[PartyOut]


class Document(Resource):
    """Evidence that acts refer to."""

    organization_id: str
    file_name: str
    sha256: str
    media_type: str
    size: int


class SigningKey(Reply):
    """A new signing key."""

    kid: str
    retired: list[str]


class RuleOut(Reply):
    """An entry of the rulebook."""

    id: str
    source: str
    since: date
    decides: str


class ScopeOut(Reply):
    """A scope and what it opens."""

    scope: str
    opens: str
