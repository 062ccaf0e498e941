"""The gateway's own routes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from services.gateway.service import Gateway
from services.gateway.service.surface import rules_out
from shared import context
from shared.app import Endpoint, expected_version
from shared.auth import basic, caller
from shared.contracts.access import SCOPES
from shared.contracts.feed import FeedPage
from shared.contracts.gateway import (
    Client,
    ClientDraft,
    ClientSecret,
    Delegation,
    DelegationDraft,
    Document,
    Evidence,
    EvidenceQuery,
    JwkSet,
    Organization,
    OrganizationDraft,
    OrganizationPatch,
    Parties,
    PartiesQuery,
    RotationDraft,
    RuleOut,
    ScopeOut,
    SigningKey,
    Token,
    Verification,
    VerificationDraft,
)
from shared.contracts.wire import Cursor, ExternalId, Limit, Page
from shared.errors import BadRequest, Unauthenticated


class GatewayEndpoint(Endpoint):
    """A route of the gateway's own."""

    service = "gateway"


router = APIRouter(route_class=GatewayEndpoint)


async def _gateway(request: Request) -> Gateway:
    found: Gateway = request.app.state.use_cases
    return found


Uses = Annotated[Gateway, Depends(_gateway)]
ClientField = Annotated[str | None, Form(max_length=200)]


@router.post("/v1/oauth/token")
async def token(
    request: Request,
    gateway: Uses,
    grant_type: Annotated[str, Form(max_length=60, examples=["client_credentials"])],
    client_id: ClientField = None,
    client_secret: ClientField = None,
    scope: Annotated[str | None, Form(max_length=2000)] = None,
) -> Token:
    """A token for an hour, by client credentials in the form or as HTTP Basic (RFC 6749, section 4.4)."""
    if grant_type != "client_credentials":
        raise BadRequest(
            "grant_type must be client_credentials",
            "grant_type 须为 client_credentials",
            code="unsupported_grant_type",
            error="unsupported_grant_type",
        )
    id_, secret = _credentials(request, client_id, client_secret)
    await request.app.state.door.count_token_request(request, id_)
    return await gateway.clients.token(id_, secret, scope)


def _credentials(request: Request, client_id: str | None, client_secret: str | None) -> tuple[str, str]:
    if client_id is None and (pair := basic(request.headers.get("authorization", ""))) is not None:
        return pair
    if client_id is None or client_secret is None:
        raise Unauthenticated(
            "send client_id and client_secret in the form, or as HTTP Basic",
            "请在表单中或以 HTTP Basic 方式发送 client_id 和 client_secret",
            code="invalid_client",
            error="invalid_client",
            headers={"WWW-Authenticate": 'Basic realm="duijie"'},
        )
    return client_id, client_secret


@router.get("/.well-known/jwks.json")
async def jwks(gateway: Uses) -> JwkSet:
    """The public keys that verify our tokens."""
    return JwkSet(keys=gateway.keys.public("gateway"))


@router.post("/v1/signing-keys", status_code=201)
async def rotate_signing_key(
    gateway: Uses, keep_hours: Annotated[int, Query(ge=0, le=720, description="Older keys go on verifying")] = 24
) -> SigningKey:
    """A new signing key; older ones verify for a while yet."""
    return await gateway.clients.rotate_signing_key(timedelta(hours=keep_hours))


@router.post("/v1/organizations", status_code=201)
async def register_organization(draft: OrganizationDraft, gateway: Uses) -> Organization:
    """Bring an organization in; it is PENDING until the operator verifies it."""
    return await gateway.organizations.register(draft, caller())


@router.get("/v1/organizations")
async def list_organizations(
    gateway: Uses,
    verification: Verification | None = None,
    external_id: ExternalId | None = None,
    after: Cursor | None = None,
    limit: Limit = 20,
) -> Page[Organization]:
    """Your organization and those that you brought in; all of them for the operator."""
    return await gateway.organizations.page(verification, external_id, after, limit, caller())


@router.get("/v1/organizations/me")
async def own_organization(gateway: Uses) -> Organization:
    """The organization for which you act."""
    return await gateway.organizations.get(caller().organization_id, caller())


@router.get("/v1/organizations/{id}")
async def get_organization(id: str, gateway: Uses) -> Organization:
    """An organization."""
    return await gateway.organizations.get(id, caller())


@router.patch("/v1/organizations/{id}")
async def change_organization(id: str, patch: OrganizationPatch, request: Request, gateway: Uses) -> Organization:
    """Change contacts, figures and codes (merge patch)."""
    return await gateway.organizations.patch(id, patch, expected_version(request), caller())


@router.post("/v1/organizations/{id}/verification")
async def verify_organization(id: str, finding: VerificationDraft, gateway: Uses) -> Organization:
    """The operator's finding on an organization."""
    return await gateway.organizations.verify(id, finding, caller())


@router.post("/v1/organizations/{id}/clients", status_code=201)
async def make_client(id: str, gateway: Uses, draft: ClientDraft = ClientDraft()) -> ClientSecret:
    """A client of an organization; its secret is shown this once."""
    return await gateway.clients.make(id, draft, caller())


@router.get("/v1/organizations/{id}/clients")
async def list_clients(id: str, gateway: Uses) -> Page[Client]:
    """An organization's clients."""
    return await gateway.clients.page(id, caller())


@router.post("/v1/organizations/{id}/clients/{client_id}/rotation")
async def rotate_client(id: str, client_id: str, gateway: Uses, draft: RotationDraft = RotationDraft()) -> ClientSecret:
    """A new secret; the old one works for the overlap."""
    return await gateway.clients.rotate(id, client_id, draft.overlap_hours, caller())


@router.delete("/v1/organizations/{id}/clients/{client_id}", status_code=204)
async def revoke_client(id: str, client_id: str, gateway: Uses) -> Response:
    """End a client."""
    await gateway.clients.revoke(id, client_id, caller())
    return Response(status_code=204)


@router.post("/v1/delegations", status_code=201)
async def propose_delegation(draft: DelegationDraft, gateway: Uses) -> Delegation:
    """Propose to act for another organization."""
    return await gateway.delegations.propose(draft, caller())


@router.get("/v1/delegations")
async def list_delegations(gateway: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[Delegation]:
    """Your delegations, on either side."""
    return await gateway.delegations.page(after, limit, caller())


@router.get("/v1/delegations/{id}")
async def get_delegation(id: str, gateway: Uses) -> Delegation:
    """A delegation."""
    return await gateway.delegations.get(id, caller())


@router.post("/v1/delegations/{id}/acceptance")
async def accept_delegation(id: str, gateway: Uses) -> Delegation:
    """The principal accepts; or the operator does, on a mandate document."""
    return await gateway.delegations.accept(id, caller())


@router.post("/v1/delegations/{id}/revocation")
async def revoke_delegation(id: str, gateway: Uses) -> Delegation:
    """Either side ends a delegation."""
    return await gateway.delegations.revoke(id, caller())


@router.post("/v1/documents", status_code=201)
async def store_document(gateway: Uses, file: Annotated[UploadFile, File()]) -> Document:
    """Keep a file that acts can refer to, at most 10 MB."""
    content = await file.read()
    return await gateway.documents.store(file.filename or "", (file.content_type or "").lower(), content, caller())


@router.get("/v1/documents/{id}")
async def get_document(id: str, gateway: Uses) -> Document:
    """What is known of a document."""
    return await gateway.documents.get(id, caller())


@router.get("/v1/documents/{id}/content", response_class=Response)
async def get_document_content(id: str, gateway: Uses) -> Response:
    """A document as it came; browsers are told to save it, not to show it."""
    document, content = await gateway.documents.content(id, caller())
    headers = {"Content-Disposition": f'attachment; filename="{document.id}"', "ETag": f'"{document.sha256}"'}
    return Response(content, media_type=document.media_type, headers=headers)


@router.get("/v1/reference/rules")
async def rules(
    gateway: Uses, prefix: Annotated[str | None, Query(max_length=40, examples=["LS-"])] = None
) -> Page[RuleOut]:
    """The rulebook: id, source, since when, what it decides."""
    return Page(items=rules_out(await gateway.surface.rules(), context.language.get() == "zh", prefix))


@router.get("/v1/reference/scopes")
async def scopes() -> Page[ScopeOut]:
    """The scopes that a client can hold."""
    return Page(items=[ScopeOut(scope=scope, opens=opens) for scope, opens in SCOPES.items()])


@router.post("/evidence", include_in_schema=False)
async def evidence(query: EvidenceQuery, gateway: Uses) -> Evidence:
    """Which documents are not there, for other services."""
    return await gateway.documents.missing(query)


@router.post("/parties", include_in_schema=False)
async def parties(query: PartiesQuery, gateway: Uses) -> Parties:
    """Organizations as parties of a contract, for other services."""
    return await gateway.organizations.parties(query)


@router.get("/changes", include_in_schema=False)
async def changes(
    gateway: Uses,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
) -> FeedPage:
    """The feed, for other services."""
    return await gateway.changes(after, limit, wait)
