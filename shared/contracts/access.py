"""Who may do what: the one table that routes enforce and tests walk through.

A route is readable without a token (`scope=None`), or asks for a scope. The relation says which
objects: `OWNER`, those of the organization that acts (a delegate acts as its principal); `OPERATOR`,
the platform's operator only; `MEMBER`, any organization; `SERVICE`, other services only.
An `act` is a legal act: it needs a verified organization and an Idempotency-Key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OrganizationType(StrEnum):
    """What kind of party an organization is."""

    UNIVERSITY = "UNIVERSITY"
    RESEARCH_INSTITUTE = "RESEARCH_INSTITUTE"
    ENTERPRISE = "ENTERPRISE"
    COOPERATIVE = "COOPERATIVE"
    INDIVIDUAL = "INDIVIDUAL"
    OPERATIONS_INSTITUTION = "OPERATIONS_INSTITUTION"
    SERVICE_AGENCY = "SERVICE_AGENCY"
    PARK = "PARK"
    FINANCIAL_INSTITUTION = "FINANCIAL_INSTITUTION"
    GOVERNMENT = "GOVERNMENT"
    PLATFORM_OPERATOR = "PLATFORM_OPERATOR"


SCOPES = {
    "organizations:read": "Read organizations, clients and delegations",
    "organizations:write": "Change them",
    "patents:read": "Read patents and their legal status",
    "patents:write": "Register, change and import patents",
    "listings:read": "Read listings, drafts of your own too",
    "listings:write": "Put patents on offer",
    "needs:read": "Read needs and their matches",
    "needs:write": "Record needs",
    "deals:read": "Read deals",
    "deals:write": "Act in deals",
    "webhooks:read": "Read webhook endpoints",
    "webhooks:write": "Change them",
    "announcements:write": "Record announcements of the patent office",
    "payments:confirm": "Confirm payments",
    "oversight:read": "Read restrictions, alerts, statistics",
    "oversight:write": "Order restrictions",
    "audit:read": "Read the audit chain",
    "platform:operate": "Operate the platform",
}
SERVICE_SCOPE = "service"  # never given to a client; services give it to themselves

SUPPLIERS = frozenset(
    {
        OrganizationType.UNIVERSITY,
        OrganizationType.RESEARCH_INSTITUTE,
        OrganizationType.ENTERPRISE,
        OrganizationType.INDIVIDUAL,
        OrganizationType.OPERATIONS_INSTITUTION,
        OrganizationType.SERVICE_AGENCY,
        OrganizationType.PLATFORM_OPERATOR,
    }
)


class Relation(StrEnum):
    """Whose objects a route opens."""

    ANYONE = "ANYONE"
    MEMBER = "MEMBER"
    OWNER = "OWNER"
    OPERATOR = "OPERATOR"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks of its caller."""

    scope: str | None
    relation: Relation
    types: frozenset[OrganizationType] | None = None
    is_act: bool = False
    is_idempotent: bool = True  # a POST that honors Idempotency-Key


_PUBLIC = Access(None, Relation.ANYONE)
_INNER = Access(SERVICE_SCOPE, Relation.SERVICE)


def _own(scope: str, *, types: frozenset[OrganizationType] | None = None, act: bool = False) -> Access:
    return Access(scope, Relation.OWNER, types, is_act=act)


def _operator(scope: str = "platform:operate", *, act: bool = False) -> Access:
    return Access(scope, Relation.OPERATOR, frozenset({OrganizationType.PLATFORM_OPERATOR}), is_act=act)


ACCESS: dict[str, dict[tuple[str, str], Access]] = {
    "catalog": {
        ("POST", "/v1/patents"): _own("patents:write", types=SUPPLIERS),
        ("GET", "/v1/patents"): _own("patents:read"),
        ("GET", "/v1/patents/{id}"): _own("patents:read"),
        ("PATCH", "/v1/patents/{id}"): _own("patents:write", types=SUPPLIERS),
        ("POST", "/v1/patents/{id}/merger"): _own("patents:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/patents/{id}/mergers"): _own("patents:read"),
        ("POST", "/v1/patents/{id}/legal-events"): _own("patents:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/patents/{id}/legal-events"): _own("patents:read"),
        ("POST", "/v1/patents/{id}/encumbrances"): _own("patents:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/patents/{id}/encumbrances"): _own("patents:read"),
        ("POST", "/v1/patents/{id}/encumbrances/{encumbrance_id}/release"): _own(
            "patents:write", types=SUPPLIERS, act=True
        ),
        ("POST", "/v1/patents/{id}/evaluation-reports"): _own("patents:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/patents/{id}/evaluation-reports"): _own("patents:read"),
        ("POST", "/v1/patents/{id}/consents"): _own("patents:write", act=True),
        ("GET", "/v1/patents/{id}/consents"): _own("patents:read"),
        ("POST", "/v1/patents/{id}/consents/{consent_id}/revocation"): _own("patents:write", act=True),
        ("GET", "/v1/patents/{id}/eligibility"): _own("patents:read"),
        ("GET", "/v1/patents/{id}/annual-fees"): _own("patents:read"),
        ("GET", "/v1/patents/{id}/history"): _own("patents:read"),
        ("GET", "/v1/patents/{id}/revisions"): _own("patents:read"),
        ("POST", "/v1/patent-imports"): _own("patents:write", types=SUPPLIERS),
        ("GET", "/v1/patent-imports"): _own("patents:read"),
        ("GET", "/v1/patent-imports/{id}"): _own("patents:read"),
        ("GET", "/v1/patent-imports/{id}/errors"): _own("patents:read"),
        ("GET", "/v1/patent-imports/{id}/events"): _own("patents:read"),
        ("GET", "/v1/patents/export"): _own("patents:read"),
        ("GET", "/v1/patent-imports/template"): _PUBLIC,
        ("POST", "/v1/listings"): _own("listings:write", types=SUPPLIERS),
        ("GET", "/v1/listings"): _PUBLIC,
        ("GET", "/v1/listings/{id}"): _PUBLIC,
        ("PATCH", "/v1/listings/{id}"): _own("listings:write", types=SUPPLIERS),
        ("POST", "/v1/listings/{id}/submission"): _own("listings:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/listings/{id}/publication"): _operator(act=True),
        ("POST", "/v1/listings/{id}/return"): _operator(act=True),
        ("POST", "/v1/listings/{id}/suspension"): _operator(act=True),
        ("POST", "/v1/listings/{id}/resumption"): _operator(act=True),
        ("POST", "/v1/listings/{id}/withdrawal"): _own("listings:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/listings/{id}/eligibility"): _own("listings:read"),
        ("POST", "/v1/listings/{id}/consents"): _own("listings:write", act=True),
        ("GET", "/v1/listings/{id}/consents"): _own("listings:read"),
        ("POST", "/v1/listings/{id}/consents/{consent_id}/revocation"): _own("listings:write", act=True),
        ("POST", "/v1/listings/{id}/secrecy-clearances"): _own("listings:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/listings/{id}/secrecy-clearances"): _own("listings:read"),
        ("POST", "/v1/screening-runs"): _own("patents:write", types=SUPPLIERS),
        ("GET", "/v1/screening-runs"): _own("patents:read"),
        ("GET", "/v1/screening-runs/{id}"): _own("patents:read"),
        ("DELETE", "/v1/screening-runs/{id}"): _own("patents:write", types=SUPPLIERS),
        ("GET", "/v1/screening-runs/{id}/results"): _own("patents:read"),
        ("GET", "/v1/screening-runs/{id}/results/export"): _own("patents:read"),
        ("GET", "/v1/screening-runs/{id}/events"): _own("patents:read"),
        ("POST", "/v1/screening-runs/{id}/listings"): _own("listings:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/listing-batches"): _own("listings:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/inventory-campaigns"): _own("patents:write", types=SUPPLIERS),
        ("GET", "/v1/inventory-campaigns"): _own("patents:read"),
        ("GET", "/v1/inventory-campaigns/{id}"): _own("patents:read"),
        ("POST", "/v1/inventory-campaigns/{id}/refresh"): _own("patents:write", types=SUPPLIERS),
        ("POST", "/v1/inventory-campaigns/{id}/closing"): _own("patents:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/inventory-campaigns/{id}/self-ratings"): _own("patents:write", types=SUPPLIERS),
        ("GET", "/v1/inventory-campaigns/{id}/items"): _own("patents:read"),
        ("GET", "/v1/inventory-items/{id}"): _own("patents:read"),
        ("POST", "/v1/inventory-items/{id}/self-rating"): _own("patents:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/inventory-items/{id}/review"): _own("patents:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/inventory-items/{id}/decision"): _own("patents:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/supply-demand"): Access("listings:read", Relation.MEMBER),
        ("GET", "/v1/reference/regions"): _PUBLIC,
        ("GET", "/v1/reference/industries"): _PUBLIC,
        ("GET", "/v1/reference/ipc"): _PUBLIC,
        ("GET", "/v1/reference/ipc/{group}/{subgroup}"): _PUBLIC,
        ("GET", "/v1/reference/{table}/{code}"): _PUBLIC,
        ("POST", "/v1/reference/{table}/rows"): Access(
            "platform:operate", Relation.OPERATOR, frozenset({OrganizationType.PLATFORM_OPERATOR}), is_idempotent=True
        ),
        ("POST", "/v1/collections"): _own("listings:write"),
        ("GET", "/v1/collections"): _PUBLIC,
        ("GET", "/v1/collections/{id}"): _PUBLIC,
        ("PATCH", "/v1/collections/{id}"): _own("listings:write"),
        ("DELETE", "/v1/collections/{id}"): _own("listings:write"),
        ("GET", "/v1/collections/{id}/listings"): _PUBLIC,
        ("GET", "/v1/collections/{id}/export"): _PUBLIC,
        ("POST", "/v1/collections/{id}/followers"): Access("listings:read", Relation.MEMBER),
        ("DELETE", "/v1/collections/{id}/followers/me"): Access("listings:read", Relation.MEMBER),
        ("DELETE", "/v1/sample"): _operator(),
        ("POST", "/deal-checks"): Access(SERVICE_SCOPE, Relation.SERVICE, is_idempotent=False),
        ("GET", "/holdings"): _INNER,
        ("GET", "/changes"): _INNER,
        ("GET", "/snapshot"): _INNER,
    },
    "matching": {
        ("POST", "/v1/needs"): _own("needs:write"),
        ("GET", "/v1/needs"): _own("needs:read"),
        ("GET", "/v1/needs/{id}"): _own("needs:read"),
        ("PATCH", "/v1/needs/{id}"): _own("needs:write"),
        ("POST", "/v1/needs/{id}/publication"): _own("needs:write", act=True),
        ("POST", "/v1/needs/{id}/pause"): _own("needs:write", act=True),
        ("POST", "/v1/needs/{id}/closing"): _own("needs:write", act=True),
        ("GET", "/v1/needs/{id}/matches"): _own("needs:read"),
        ("GET", "/v1/needs/{id}/matches/{listing_id}"): _own("needs:read"),
        ("POST", "/v1/needs/{id}/matches/{listing_id}/feedback"): _own("needs:write"),
        ("GET", "/v1/needs/{id}/feedback"): _own("needs:read"),
        ("GET", "/v1/listings/{id}/needs"): Access("needs:read", Relation.MEMBER),
        ("POST", "/v1/match-runs"): _own("needs:write"),
        ("GET", "/v1/match-runs"): _own("needs:read"),
        ("GET", "/v1/match-runs/{id}"): _own("needs:read"),
        ("DELETE", "/v1/match-runs/{id}"): _own("needs:write"),
        ("GET", "/v1/match-runs/{id}/results"): _own("needs:read"),
        ("GET", "/v1/match-runs/{id}/events"): _own("needs:read"),
        ("POST", "/v1/match-subscriptions"): _own("needs:write"),
        ("GET", "/v1/match-subscriptions"): _own("needs:read"),
        ("GET", "/v1/match-subscriptions/{id}"): _own("needs:read"),
        ("DELETE", "/v1/match-subscriptions/{id}"): _own("needs:write"),
        ("GET", "/v1/match-subscriptions/{id}/deliveries"): _own("needs:read"),
        ("GET", "/v1/vocabulary"): _PUBLIC,
        ("POST", "/v1/vocabulary"): _operator(),
        ("DELETE", "/v1/vocabulary/{lay}"): _operator(),
        ("GET", "/v1/ranking-models"): _operator(),
        ("POST", "/v1/ranking-models"): _operator(),
        ("POST", "/v1/ranking-models/{id}/activation"): _operator(act=True),
        ("POST", "/v1/ranking-models/{id}/retirement"): _operator(act=True),
        ("POST", "/v1/match-queries"): Access("needs:read", Relation.MEMBER, is_idempotent=False),
        ("POST", "/demand"): Access(SERVICE_SCOPE, Relation.SERVICE, is_idempotent=False),
        ("GET", "/demand-map"): _INNER,
        ("GET", "/changes"): _INNER,
    },
    "licensing": {
        ("POST", "/v1/open-license-declarations"): _own("deals:write", types=SUPPLIERS),
        ("GET", "/v1/open-license-declarations"): _PUBLIC,
        ("GET", "/v1/open-license-declarations/{id}"): _PUBLIC,
        ("POST", "/v1/open-license-declarations/{id}/consents"): _own("deals:write", act=True),
        ("GET", "/v1/open-license-declarations/{id}/consents"): _own("deals:read"),
        ("POST", "/v1/open-license-declarations/{id}/consents/{consent_id}/revocation"): _own("deals:write", act=True),
        ("POST", "/v1/open-license-declarations/{id}/filing"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/open-license-declarations/{id}/announcement"): _operator("announcements:write", act=True),
        ("POST", "/v1/open-license-declarations/{id}/non-announcement"): _operator("announcements:write", act=True),
        ("POST", "/v1/open-license-declarations/{id}/withdrawal"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/open-license-declarations/{id}/withdrawal-announcement"): _operator(
            "announcements:write", act=True
        ),
        ("POST", "/v1/open-license-declarations/{id}/agency-consents"): Access(
            "deals:write", Relation.MEMBER, is_act=True
        ),
        ("POST", "/v1/open-license-requests"): Access("deals:write", Relation.MEMBER, is_act=True),
        ("GET", "/v1/open-license-requests"): _own("deals:read"),
        ("GET", "/v1/open-license-requests/{id}"): _own("deals:read"),
        ("POST", "/v1/open-license-requests/{id}/payments"): _own("deals:write", act=True),
        ("POST", "/v1/open-license-requests/{id}/cancellation"): _own("deals:write", act=True),
        ("POST", "/v1/open-license-requests/{id}/recordal"): _own("deals:write", act=True),
        ("GET", "/v1/open-license-requests/{id}/document"): _own("deals:read"),
        ("GET", "/v1/payments/{id}"): _own("deals:read"),
        ("POST", "/v1/payments/{id}/confirmation"): _own("deals:write", act=True),
        ("POST", "/v1/payments/{id}/contest"): _own("deals:write", act=True),
        ("POST", "/v1/payments/{id}/resolution"): _operator("payments:confirm", act=True),
        ("POST", "/v1/payments/{id}/refunds"): _own("deals:write", act=True),
        ("POST", "/v1/payments/{id}/withdrawal"): _own("deals:write", act=True),
        # Signed by a provider that the operator registered, instead of a token.
        ("POST", "/v1/payment-notices"): Access(None, Relation.ANYONE, is_idempotent=False),
        ("POST", "/v1/payment-providers"): _operator(),
        ("GET", "/v1/payment-providers"): _operator(),
        ("GET", "/v1/payment-providers/{id}"): _operator(),
        ("POST", "/v1/payment-providers/{id}/rotation"): _operator(),
        ("POST", "/v1/payment-providers/{id}/retirement"): _operator(act=True),
        ("POST", "/v1/settlement-rules"): _own("deals:write", act=True),
        ("GET", "/v1/settlement-rules"): _own("deals:read"),
        ("GET", "/v1/settlement-rules/{id}"): _own("deals:read"),
        ("POST", "/v1/settlement-rules/{id}/revocation"): _own("deals:write", act=True),
        ("GET", "/v1/licenses"): _own("deals:read"),
        ("GET", "/v1/licenses/{id}"): _own("deals:read"),
        ("POST", "/v1/licenses/{id}/recordals"): _own("deals:write", act=True),
        ("POST", "/v1/licenses/{id}/payments"): _own("deals:write", act=True),
        ("POST", "/v1/licenses/{id}/royalty-reports"): _own("deals:write", act=True),
        ("GET", "/v1/licenses/{id}/royalty-reports"): _own("deals:read"),
        ("POST", "/v1/royalty-reports/{id}/verification"): _own("deals:write", act=True),
        ("POST", "/v1/royalty-reports/{id}/contest"): _own("deals:write", act=True),
        ("POST", "/v1/licenses/{id}/signatures"): _own("deals:write", act=True),
        ("POST", "/v1/licenses/{id}/terminations"): _own("deals:write", act=True),
        ("POST", "/v1/licenses/{id}/demands"): _own("deals:write", act=True),
        ("GET", "/v1/licenses/{id}/demands"): _own("deals:read"),
        ("GET", "/v1/royalty-reports/{id}"): _own("deals:read"),
        ("POST", "/v1/quick-license-offers"): _own("deals:write", types=SUPPLIERS),
        ("GET", "/v1/quick-license-offers"): _PUBLIC,
        ("GET", "/v1/quick-license-offers/{id}"): _PUBLIC,
        ("POST", "/v1/quick-license-offers/{id}/activation"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/quick-license-offers/{id}/pause"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/quick-license-offers/{id}/resumption"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/quick-license-offers/{id}/ending"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/quick-license-offers/{id}/agency-consents"): Access("deals:write", Relation.MEMBER, is_act=True),
        ("POST", "/v1/quick-license-requests"): Access("deals:write", Relation.MEMBER, is_act=True),
        ("GET", "/v1/quick-license-requests"): _own("deals:read"),
        ("GET", "/v1/quick-license-requests/{id}"): _own("deals:read"),
        ("POST", "/v1/quick-license-requests/{id}/conversion"): _own("deals:write", act=True),
        ("POST", "/v1/quick-license-requests/{id}/first-sale"): _own("deals:write", act=True),
        ("POST", "/v1/quick-license-requests/{id}/termination"): _own("deals:write", act=True),
        ("GET", "/v1/licenses/{id}/document"): _own("deals:read"),
        ("GET", "/v1/licenses/{id}/recordal-dossier"): _own("deals:read"),
        ("GET", "/v1/deadlines"): _own("deals:read"),
        ("GET", "/v1/calendar"): _PUBLIC,
        ("POST", "/v1/calendar/days"): _operator(act=True),
        ("GET", "/v1/policies"): _PUBLIC,
        ("POST", "/v1/policies"): _operator(act=True),
        ("POST", "/v1/fee-estimates"): Access("deals:read", Relation.MEMBER, is_idempotent=False),
        ("POST", "/v1/inquiries"): Access("deals:write", Relation.MEMBER, is_act=True),
        ("GET", "/v1/inquiries"): _own("deals:read"),
        ("GET", "/v1/inquiries/{id}"): _own("deals:read"),
        ("POST", "/v1/inquiries/{id}/messages"): _own("deals:write"),
        ("GET", "/v1/inquiries/{id}/messages"): _own("deals:read"),
        ("POST", "/v1/inquiries/{id}/disclosure"): _own("deals:write", act=True),
        ("POST", "/v1/inquiries/{id}/agency-consents"): _own("deals:write", act=True),
        ("POST", "/v1/inquiries/{id}/closing"): _own("deals:write", act=True),
        ("POST", "/v1/inquiries/{id}/offers"): _own("deals:write", act=True),
        ("GET", "/v1/inquiries/{id}/offers"): _own("deals:read"),
        ("GET", "/v1/offers/{id}"): _own("deals:read"),
        ("POST", "/v1/offers/{id}/acceptance"): _own("deals:write", act=True),
        ("POST", "/v1/offers/{id}/rejection"): _own("deals:write", act=True),
        ("POST", "/v1/offers/{id}/revocation"): _own("deals:write", act=True),
        ("POST", "/v1/benefit-rules"): _own("deals:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/benefit-rules"): _own("deals:read"),
        ("GET", "/v1/benefit-rules/{id}"): _own("deals:read"),
        ("POST", "/v1/distribution-previews"): Access("deals:read", Relation.OWNER, is_idempotent=False),
        ("POST", "/v1/distributions"): _own("deals:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/distributions"): _own("deals:read"),
        ("GET", "/v1/distributions/{id}"): _own("deals:read"),
        ("POST", "/v1/distributions/{id}/approval"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/distributions/{id}/payouts"): _own("deals:write", types=SUPPLIERS, act=True),
        ("POST", "/v1/distributions/{id}/withdrawal"): _own("deals:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/ledger-entries"): _own("deals:read"),
        ("GET", "/v1/ledger-balances"): _own("deals:read"),
        ("GET", "/v1/inventor-statements"): _own("deals:read"),
        ("GET", "/v1/inventor-statements/document"): _own("deals:read"),
        ("GET", "/v1/conversion-reports/{year}"): _own("deals:read"),
        ("GET", "/v1/licenses/{id}/registration"): _own("deals:read"),
        ("POST", "/v1/price-publicities"): _own("deals:write", types=SUPPLIERS, act=True),
        ("GET", "/v1/price-publicities"): _own("deals:read"),
        ("GET", "/v1/price-publicities/{id}"): _own("deals:read"),
        ("GET", "/changes"): _INNER,
    },
    "oversight": {
        ("POST", "/v1/party-restrictions"): _operator("oversight:write", act=True),
        ("GET", "/v1/party-restrictions"): _own("organizations:read"),
        ("GET", "/v1/party-restrictions/{id}"): _own("organizations:read"),
        ("POST", "/v1/party-restrictions/{id}/lifting"): _operator("oversight:write", act=True),
        ("POST", "/v1/party-restrictions/{id}/appeals"): _own("organizations:write", act=True),
        ("GET", "/v1/party-restrictions/{id}/appeals"): _own("organizations:read"),
        ("POST", "/v1/party-restrictions/{id}/appeals/{appeal_id}/decision"): _operator("oversight:write", act=True),
        ("POST", "/party-checks"): Access(SERVICE_SCOPE, Relation.SERVICE, is_idempotent=False),
        ("GET", "/changes"): _INNER,
    },
    "gateway": {
        ("POST", "/v1/oauth/token"): Access(None, Relation.ANYONE, is_idempotent=False),
        ("GET", "/.well-known/jwks.json"): _PUBLIC,
        ("POST", "/v1/signing-keys"): _operator(),
        ("POST", "/v1/organizations"): Access("organizations:write", Relation.MEMBER),
        ("GET", "/v1/organizations"): Access("organizations:read", Relation.MEMBER),
        ("GET", "/v1/organizations/me"): Access("organizations:read", Relation.MEMBER),
        ("GET", "/v1/organizations/{id}"): Access("organizations:read", Relation.MEMBER),
        ("PATCH", "/v1/organizations/{id}"): _own("organizations:write"),
        ("POST", "/v1/organizations/{id}/verification"): _operator(act=True),
        ("POST", "/v1/organizations/{id}/clients"): _own("organizations:write"),
        ("GET", "/v1/organizations/{id}/clients"): _own("organizations:read"),
        ("POST", "/v1/organizations/{id}/clients/{client_id}/rotation"): _own("organizations:write"),
        ("DELETE", "/v1/organizations/{id}/clients/{client_id}"): _own("organizations:write"),
        ("POST", "/v1/delegations"): Access("organizations:write", Relation.MEMBER, is_act=True),
        ("GET", "/v1/delegations"): Access("organizations:read", Relation.MEMBER),
        ("GET", "/v1/delegations/{id}"): Access("organizations:read", Relation.MEMBER),
        ("POST", "/v1/delegations/{id}/acceptance"): Access("organizations:write", Relation.MEMBER, is_act=True),
        ("POST", "/v1/delegations/{id}/revocation"): Access("organizations:write", Relation.MEMBER, is_act=True),
        ("POST", "/v1/documents"): Access("organizations:write", Relation.MEMBER),
        ("GET", "/v1/documents/{id}"): Access("organizations:read", Relation.OWNER),
        ("GET", "/v1/documents/{id}/content"): Access("organizations:read", Relation.OWNER),
        ("GET", "/v1/reference/rules"): _PUBLIC,
        ("GET", "/v1/reference/scopes"): _PUBLIC,
        ("POST", "/evidence"): Access(SERVICE_SCOPE, Relation.SERVICE, is_idempotent=False),
        ("POST", "/parties"): Access(SERVICE_SCOPE, Relation.SERVICE, is_idempotent=False),
        ("GET", "/changes"): _INNER,
    },
}
