"""What the contract tests share: tokens signed as the platform signs them, and one look at a problem document."""

from __future__ import annotations

import re
from typing import Any

import httpx

from shared.auth import PUBLIC_AUDIENCE, Caller, KeyRing, claims_of
from shared.contracts.access import ACCESS, SCOPES, SERVICE_SCOPE, Access, OrganizationType
from tests.world import World

ROUTES = [(service, *route, access) for service, routes in ACCESS.items() for route, access in routes.items()]
AUDIENCE = {service: PUBLIC_AUDIENCE if service == "gateway" else service for service in ACCESS}
CJK = re.compile(r"[\u4e00-\u9fff]")
Route = tuple[str, str, str, Access]


def ring(world: World) -> KeyRing:
    return KeyRing(world.configuration.home / "keys", world.clock)


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def inward(
    world: World,
    service: str,
    *,
    organization_id: str = "org_somebody",
    kind: OrganizationType = OrganizationType.UNIVERSITY,
    scopes: frozenset[str] = frozenset(SCOPES),
    verified: bool = True,
) -> dict[str, str]:
    """The header that the gateway would send on to a service for such a caller."""
    who = Caller("cli_somebody", organization_id, kind, verified, False, scopes)
    return bearing(ring(world).sign("gateway", service, claims_of(who), 60))


def service_token(world: World, audience: str, *, of: str = "matching") -> str:
    return ring(world).sign(of, audience, {"sub": of, "scope": SERVICE_SCOPE}, 60)


def filled(path: str, **ids: str) -> str:
    """A path template with ids; those that are not given are well formed and unknown."""
    unknown = {
        "id": "nobody0",
        "client_id": "cli_nobody0",
        "listing_id": "lst_nobody0",
        "table": "universities",
        "encumbrance_id": "enc_nobody0",
        "consent_id": "cns_nobody0",
        "appeal_id": "apl_nobody0",
        "lay": "无此词",
        "year": "2026",
    }
    return path.format(**{**unknown, **ids})


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of an answer, after a look at everything that all of them have in common."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    assert answer.headers["content-language"] in ("zh-CN", "en")
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance", "code", "violations"} <= body.keys()
    assert body["status"] == status and body["title"] and body["detail"]
    assert body["type"] == "urn:duijie:problem:" + body["code"].replace("_", "-")
    for violation in body["violations"]:
        assert violation.keys() == {"rule", "severity", "message", "legal_basis", "pointer", "cure"}
        assert re.fullmatch(r"[A-Z]{2,12}-[A-Z-]{2,30}", violation["rule"])
    if code is not None:
        assert body["code"] == code, body
    return body
