"""Who may do what, walked along the access table: through the gateway, and on each service itself."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey

from shared.auth import PUBLIC_AUDIENCE, Caller, claims_of
from shared.contracts.access import SCOPES, SERVICE_SCOPE, OrganizationType, Relation
from tests import factories
from tests.contract.support import (
    AUDIENCE,
    ROUTES,
    Route,
    bearing,
    filled,
    inward,
    problem,
    ring,
    service_token,
)
from tests.deals import Case, Talks, a_benefit_rule
from tests.world import Api, World

pytestmark = pytest.mark.anyio

Answers = Callable[[Route], Awaitable[httpx.Response]]
PLACES = {
    "catalog": "/v1/patents",
    "matching": "/v1/needs",
    "licensing": "/v1/licenses",
    "oversight": "/v1/party-restrictions",
    "gateway": "/v1/organizations/me",
}
GUARDED = [route for route in ROUTES if route[3].scope is not None and route[3].relation is not Relation.SERVICE]


async def unexpected(routes: list[Route], ask: Answers, status: int, code: str) -> dict[str, tuple[int, str]]:
    """The routes that answered otherwise."""
    found = {}
    for route in routes:
        answer = await ask(route)
        if (answer.status_code, answer.json().get("code")) != (status, code):
            found[" ".join(route[:3])] = (answer.status_code, answer.text[:200])
        else:
            problem(answer, status, code)
    return found


def through_the_gateway(world: World, headers: dict[str, str] | None = None) -> Answers:
    async def ask(route: Route) -> httpx.Response:
        _, method, path, _ = route
        return await world.http.request(method, filled(path), headers=headers)

    return ask


async def test_a_route_with_a_scope_asks_for_a_token(world: World) -> None:
    assert await unexpected(GUARDED, through_the_gateway(world), 401, "unauthenticated") == {}
    refused = await world.http.get("/v1/patents")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_every_service_asks_for_a_token_itself(world: World) -> None:
    async def ask(route: Route) -> httpx.Response:
        service, method, path, _ = route
        return await world.direct(service).request(method, filled(path))

    assert await unexpected(GUARDED, ask, 401, "unauthenticated") == {}


async def test_a_token_without_the_scope_is_refused_by_gateway_and_service(world: World) -> None:
    async def directly(route: Route) -> httpx.Response:
        service, method, path, access = route
        scopes = frozenset(SCOPES) - {str(access.scope)}
        headers = inward(world, service, kind=OrganizationType.PLATFORM_OPERATOR, scopes=scopes)
        return await world.direct(service).request(method, filled(path), headers=headers)

    inner = [route for route in GUARDED if route[0] != "gateway"]
    assert await unexpected(inner, directly, 403, "insufficient_scope") == {}

    credentials = json.loads((world.configuration.home / "demo-clients.json").read_text(encoding="utf-8"))["operator"]
    tokens = {}
    for scope in {str(route[3].scope) for route in GUARDED}:
        asked = " ".join(sorted(frozenset(SCOPES) - {scope}))
        got = await world.sign_in(credentials["client_id"], credentials["client_secret"], asked)
        tokens[scope] = bearing(got["access_token"])

    async def outside(route: Route) -> httpx.Response:
        _, method, path, access = route
        return await world.http.request(method, filled(path), headers=tokens[str(access.scope)])

    assert await unexpected(GUARDED, outside, 403, "insufficient_scope") == {}


async def test_an_organization_of_the_wrong_type_is_refused(world: World) -> None:
    async def directly(route: Route) -> httpx.Response:
        service, method, path, _ = route
        headers = inward(world, service, kind=OrganizationType.COOPERATIVE)
        return await world.direct(service).request(method, filled(path), headers=headers)

    inner = [route for route in GUARDED if route[3].types is not None and route[0] != "gateway"]
    assert await unexpected(inner, directly, 403, "organization_type") == {}

    cooperative = await world.organization(type="COOPERATIVE", uscc=factories.uscc("93370000"))
    supplying = [route for route in inner if route[3].relation is Relation.OWNER]
    assert supplying
    refused = await unexpected(supplying, through_the_gateway(world, cooperative.headers), 403, "organization_type")
    assert refused == {}

    operating = [route for route in GUARDED if route[3].relation is Relation.OPERATOR]
    university = await world.organization()
    refused = await unexpected(operating, through_the_gateway(world, university.headers), 403, "insufficient_scope")
    assert refused == {}


async def test_only_a_verified_organization_performs_legal_acts(world: World) -> None:
    acts = [route for route in GUARDED if route[3].is_act]

    async def directly(route: Route) -> httpx.Response:
        service, method, path, access = route
        kind = OrganizationType.PLATFORM_OPERATOR if access.relation is Relation.OPERATOR else access.types
        chosen = kind if isinstance(kind, OrganizationType) else OrganizationType.UNIVERSITY
        headers = {**inward(world, service, kind=chosen, verified=False), "Idempotency-Key": "unverified-1"}
        return await world.direct(service).request(method, filled(path), headers=headers)

    inner = [route for route in acts if route[0] != "gateway"]
    assert await unexpected(inner, directly, 403, "organization_not_verified") == {}

    pending = await world.organization(verified=False)
    own = [route for route in acts if route[3].relation is not Relation.OPERATOR]
    headers = {**pending.headers, "Idempotency-Key": "unverified-1"}
    assert await unexpected(own, through_the_gateway(world, headers), 403, "organization_not_verified") == {}


async def test_a_legal_act_needs_an_idempotency_key(world: World) -> None:
    operator, university = await world.demo("operator"), await world.organization()

    async def ask(route: Route) -> httpx.Response:
        _, method, path, access = route
        who = operator if access.relation is Relation.OPERATOR else university
        return await who.send(method, filled(path))

    acts = [route for route in GUARDED if route[3].is_act]
    assert await unexpected(acts, ask, 400, "idempotency_key_missing") == {}


async def test_routes_between_services_are_closed_to_clients(world: World) -> None:
    operator = await world.demo("operator")
    inner = [route for route in ROUTES if route[3].relation is Relation.SERVICE]
    assert await unexpected(inner, through_the_gateway(world, operator.headers), 404, "not_found") == {}
    assert await unexpected(inner, through_the_gateway(world), 404, "not_found") == {}

    async def directly(route: Route) -> httpx.Response:
        service, method, path, _ = route
        headers = operator.headers if service == "gateway" else inward(world, service)
        return await world.direct(service).request(method, path, headers=headers)

    assert await unexpected(inner, directly, 404, "not_found") == {}


@pytest.mark.parametrize("service", PLACES)
async def test_a_service_reads_the_feed_of_another_with_its_own_token(world: World, service: str) -> None:
    reader = "catalog" if service == "matching" else "matching"
    answer = await world.direct(service).get("/changes", headers=bearing(service_token(world, service, of=reader)))
    assert answer.status_code == 200, answer.text
    assert {"epoch", "head", "items"} <= answer.json().keys()


def _part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forgeries(world: World, service: str, subject: dict[str, Any]) -> dict[str, str]:
    """Tokens that look like the good one, each with one thing wrong."""
    keys, audience, now = ring(world), AUDIENCE[service], int(time.time())
    for issuer in ("matching", "gateway"):
        keys.sign(issuer, "nobody", {}, 1)  # so that it has a key
    by_issuer = {path.stem.split(".")[0]: path for path in sorted((world.configuration.home / "keys").glob("*.jwk"))}
    gateway = ECKey.import_key(json.loads(by_issuer["gateway"].read_text()))
    matching = ECKey.import_key(json.loads(by_issuer["matching"].read_text()))
    claims = {**subject, "iss": "gateway", "aud": audience, "iat": now, "exp": now + 60, "jti": "1"}
    header = {"alg": "ES256", "kid": gateway.kid, "typ": "at+jwt"}

    def made(*, key: ECKey = gateway, head: dict[str, Any] | None = None, **changed: Any) -> str:
        full = {**header, **(head or {})}
        raw = f"{_part(full)}.{_part({**claims, **changed})}"
        return f"{raw}.{_part(key_signature(key, raw.encode()))}"

    good = made()
    head, body, signature = good.split(".")
    stranger = ECKey.generate_key("P-256")
    other = "matching" if service == "catalog" else "catalog"
    return {
        "good": good,
        "another audience": made(aud=other),
        "many audiences": made(aud=[audience, other]),
        "no audience": made(aud=None),
        "expired": made(iat=now - 120, exp=now - 60),
        "from the future": made(iat=now + 600, exp=now + 660),
        "exp as a string": made(exp=str(now + 60)),
        "exp as 1e308": made(exp=1e308),
        "exp as a float": made(exp=now + 60.5),
        "exp as true": made(exp=True),
        "no exp": made(exp=None),
        "negative iat": made(iat=-1),
        "signed by a stranger": made(key=stranger),
        "signature of another token": f"{head}.{body}.{made(jti='2').split('.')[2]}",
        "body changed": f"{head}.{_part({**claims, 'scope': 'platform:operate'})}.{signature}",
        "no signature": f"{head}.{body}.",
        "alg none": f"{_part({**header, 'alg': 'none'})}.{body}.",
        "alg none, signed": made(head={"alg": "none"}),
        "alg HS256": made(head={"alg": "HS256"}),
        "unknown kid": made(head={"kid": "gateway.20990101000000.aaaaaaaa"}),
        "kid with a path": made(head={"kid": "../secret"}),
        "kid as a number": made(head={"kid": 1}),
        "crit": made(head={"crit": ["exp"]}),
        "its own key": made(key=stranger, head={"jwk": stranger.as_dict(private=False)}),
        "another type": made(head={"typ": "JWT"}),
        "a service's key with client scopes": made(key=matching, head={"kid": matching.kid}, iss="matching"),
        "a service's key that says gateway": made(key=matching, head={"kid": matching.kid}),
        "scope as a list": made(scope=["patents:read"]),
        "no subject": made(sub=None),
        "two parts": f"{head}.{body}",
        "not base64": f"{head}.*.{signature}",
        "not a token": "x",
        "very long": good + "A" * 5000,
    }


def key_signature(key: ECKey, content: bytes) -> bytes:
    r, s = decode_dss_signature(key.private_key.sign(content, ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize("service", PLACES)
async def test_every_service_verifies_tokens_itself(world: World, service: str) -> None:
    who = Caller("cli_x", "org_x", OrganizationType.UNIVERSITY, True, False, frozenset(SCOPES))
    subject = claims_of(who)
    if service == "gateway":
        facts = json.loads((world.configuration.home / "demo-clients.json").read_text(encoding="utf-8"))["university"]
        subject = {"sub": facts["client_id"], "scope": "organizations:read"}
    wrong = {}
    for name, token in forgeries(world, service, subject).items():
        answer = await world.direct(service).get(PLACES[service], headers=bearing(token))
        if name == "good":
            assert answer.status_code == 200, answer.text
        elif answer.status_code != 401 or answer.json()["code"] != "invalid_token":
            wrong[name] = (answer.status_code, answer.text[:200])
        else:
            problem(answer, 401, "invalid_token")
            assert "invalid_token" in answer.headers["www-authenticate"]
    assert wrong == {}


async def test_tokens_for_the_public_and_for_services_are_not_exchangeable(world: World) -> None:
    university = await world.demo("university")
    for service in PLACES.keys() - {"gateway"}:
        problem(await world.direct(service).get(PLACES[service], headers=university.headers), 401, "invalid_token")
        problem(await world.http.get(PLACES["gateway"], headers=inward(world, service)), 401, "invalid_token")
    impostor = bearing(service_token(world, PUBLIC_AUDIENCE))
    problem(await world.http.get("/v1/patents", headers=impostor), 401, "invalid_token")


async def test_scopes_are_split_at_blanks_only(world: World) -> None:
    who = Caller("cli_x", "org_x", OrganizationType.UNIVERSITY, True, False, frozenset())
    for between in ("\u00a0", "\t", "\n", "\u3000"):
        claims = {**claims_of(who), "scope": f"needs:read{between}patents:read"}
        headers = bearing(ring(world).sign("gateway", "catalog", claims, 60))
        problem(await world.direct("catalog").get("/v1/patents", headers=headers), 403, "insufficient_scope")


async def test_identity_headers_from_outside_never_reach_a_service(world: World) -> None:
    university = await world.organization()
    operator = inward(world, "catalog", kind=OrganizationType.PLATFORM_OPERATOR)["Authorization"]
    forged = {"X-Organization-Id": "org_demo_operator", "X-Scope": SERVICE_SCOPE, "X-Forwarded-Authorization": operator}
    answer = await university.get("/v1/patents?count=true", headers=forged)
    assert answer.status_code == 200 and answer.json()["count"] == 0


CAMPAIGN = {"name": "盘点", "begins_on": "2026-01-01", "ends_on": "2026-06-30"}


@dataclass(frozen=True)
class Things:
    """One of everything, of one organization."""

    owner: Api
    ids: dict[str, str]
    client_id: str


@pytest.fixture(scope="module")
async def things(world: World) -> Things:
    owner, delegate = await world.organization(), await world.organization()
    patent = await owner.made("/v1/patents", factories.a_patent())
    listing = await owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    need = await owner.made("/v1/needs", factories.a_need())
    client = await owner.made(f"/v1/organizations/{owner.organization_id}/clients", {"name": "second"})
    proposal = {"principal_id": owner.organization_id, "scopes": ["needs:read"]}
    delegation = await delegate.made("/v1/delegations", proposal)
    document = await owner.post("/v1/documents", files={"file": ("a.txt", b"evidence", "text/plain")})
    job = await owner.post("/v1/patent-imports", files={"file": ("a.ndjson", b"{}\n", "application/octet-stream")})
    run = await owner.made("/v1/match-runs", {})
    subscription = await owner.made("/v1/match-subscriptions", {"need_id": need["id"]})
    screening = await owner.made("/v1/screening-runs", {"criteria": {"demand": False}})
    campaign = await owner.made("/v1/inventory-campaigns", CAMPAIGN)
    (item,) = (await owner.read(f"/v1/inventory-campaigns/{campaign['id']}/items"))["items"]
    collection = await owner.made("/v1/collections", {"name": "专题"})
    case = Case(world, await world.demo("operator"), owner, delegate, patent["id"])
    await case.checked(patent["id"])
    request = await case.notice(await case.announced())
    await case.settled(request, "30000.00")
    held = await case.seen(request)
    distribution = await owner.made(
        "/v1/distributions", {"license_id": held["license_id"], "persons": [{"name": "王工"}]}
    )
    talks = await Talks(world, case.operator, owner, delegate, patent["id"]).another()
    await talks.offered(modes=["ORDINARY"])
    inquiry = await talks.inquiry()
    offer = await talks.offer(inquiry, owner)
    agreed = await talks.agreed(license_type="ORDINARY")
    run_of_price = {"license_id": agreed["id"], "begun_on": case.today, "ends_on": case.day(15), "place": "校内公示栏"}
    publicity = await owner.made("/v1/price-publicities", run_of_price)
    reported = await talks.reported(license_type="ORDINARY")
    quick = await (await Talks(world, case.operator, owner, delegate, patent["id"]).another()).standing()
    trial = await talks.trial(quick)
    await owner.made(f"/v1/quick-license-offers/{quick['id']}/pause")  # an open one is everybody's to read
    rule = await owner.made("/v1/settlement-rules", {"signatory": {"name": "王校长"}})
    to_come = {**factories.a_restriction(owner.organization_id), "from": "2199-01-01"}
    restriction = await case.operator.made("/v1/party-restrictions", to_come)
    ids = {
        "benefit-rules": (await a_benefit_rule(owner))["id"],
        "distributions": distribution["id"],
        "settlement-rules": rule["id"],
        "party-restrictions": restriction["id"],
        "quick-license-offers": quick["id"],
        "quick-license-requests": trial["id"],
        "royalty-reports": reported["id"],
        "inquiries": inquiry["id"],
        "offers": offer["id"],
        "price-publicities": publicity["id"],
        "open-license-declarations": (await case.declare())["id"],
        "open-license-requests": request["id"],
        "payments": held["payments"][0]["id"],
        "licenses": held["license_id"],
        "collections": collection["id"],
        "screening-runs": screening["id"],
        "inventory-campaigns": campaign["id"],
        "inventory-items": item["id"],
        "match-runs": run["id"],
        "match-subscriptions": subscription["id"],
        "patents": patent["id"],
        "listings": listing["id"],
        "needs": need["id"],
        "organizations": owner.organization_id,
        "delegations": delegation["id"],
        "documents": document.json()["id"],
        "patent-imports": job.json()["id"],
    }
    return Things(owner, ids, client["client_id"])


SIGNED = {"filed_on": "2024-01-02", "signatory": {"name": "王校长"}}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/open-license-declarations/{id}/consents"): {"role": "CO_OWNER", "given_on": "2024-01-02"},
    ("POST", "/v1/open-license-declarations/{id}/consents/{consent_id}/revocation"): {"occurred_on": "2024-01-02"},
    ("POST", "/v1/open-license-declarations/{id}/filing"): SIGNED,
    ("POST", "/v1/open-license-declarations/{id}/withdrawal"): {**SIGNED, "reason": "调整许可策略"},
    ("POST", "/v1/open-license-requests/{id}/payments"): {
        "amount": {"amount": "1.00"},
        "paid_on": "2024-01-02",
        "reference": "1",
    },
    ("POST", "/v1/open-license-requests/{id}/recordal"): {"outcome": "FILED", "on": "2024-01-02"},
    ("POST", "/v1/licenses/{id}/recordals"): {"outcome": "FILED", "on": "2024-01-02"},
    ("POST", "/v1/licenses/{id}/signatures"): {
        "document_sha256": "0" * 64,
        "method": "PLATFORM",
        "signatory": {"name": "王校长"},
    },
    ("POST", "/v1/distributions/{id}/approval"): {"signatory": {"name": "王校长"}},
    ("POST", "/v1/distributions/{id}/payouts"): {"paid_on": "2026-11-30", "reference": "1"},
    ("POST", "/v1/distributions/{id}/withdrawal"): {"reason": "有误"},
    ("POST", "/v1/party-restrictions/{id}/appeals"): {"grounds": "事实不清"},
    ("POST", "/v1/quick-license-offers/{id}/activation"): {"signatory": {"name": "王校长"}},
    ("POST", "/v1/quick-license-requests/{id}/first-sale"): {"on": "2024-01-02"},
    ("POST", "/v1/licenses/{id}/payments"): {
        "amount": {"amount": "1.00"},
        "paid_on": "2024-01-02",
        "reference": "1",
    },
    ("POST", "/v1/licenses/{id}/royalty-reports"): {"base": {"amount": "1.00"}},
    ("POST", "/v1/licenses/{id}/demands"): {"item_ids": ["due_1"], "pay_by": "2027-12-31"},
    ("POST", "/v1/payments/{id}/refunds"): {
        "amount": {"amount": "1.00"},
        "paid_on": "2024-01-02",
        "reference": "1",
    },
    ("POST", "/v1/royalty-reports/{id}/contest"): {"reason": "与账目不符"},
    ("POST", "/v1/licenses/{id}/terminations"): {"ground": "AGREEMENT", "reason": "协商解除"},
    ("POST", "/v1/inquiries/{id}/messages"): {"text": "您好"},
    ("POST", "/v1/inquiries/{id}/closing"): {"reason": "另有方案"},
    ("POST", "/v1/inquiries/{id}/agency-consents"): {"delegate_id": "org_1"},
    ("POST", "/v1/open-license-declarations/{id}/agency-consents"): {"delegate_id": "org_1"},
    ("POST", "/v1/quick-license-offers/{id}/agency-consents"): {"delegate_id": "org_1"},
    ("POST", "/v1/inquiries/{id}/offers"): {
        "scope": {"from": "2027-01-01", "to": "2027-12-31"},
        "fee": {"fee_type": "FREE"},
    },
    ("POST", "/v1/payments/{id}/contest"): {"reason": "未到账"},
    ("POST", "/v1/patents/{id}/legal-events"): {
        "code": "GRANT",
        "occurred_on": "2024-01-02",
    },
    ("POST", "/v1/patents/{id}/merger"): {"patent_id": "pat_1"},
    ("POST", "/v1/needs/{id}/matches/{listing_id}/feedback"): {"verdict": "INTERESTED"},
    ("POST", "/v1/patents/{id}/encumbrances"): {"kind": "SUSPENSION", "since": "2024-01-02"},
    ("POST", "/v1/patents/{id}/encumbrances/{encumbrance_id}/release"): {"occurred_on": "2024-01-02"},
    ("POST", "/v1/patents/{id}/evaluation-reports"): {"made_on": "2024-01-02", "conclusion": "MEETS"},
    ("POST", "/v1/patents/{id}/consents"): {
        "role": "CO_OWNER",
        "acts": ["SOLE_LICENSE"],
        "given_on": "2024-01-02",
    },
    ("POST", "/v1/patents/{id}/consents/{consent_id}/revocation"): {"occurred_on": "2024-01-02"},
    ("POST", "/v1/listings/{id}/consents"): {"terms_version": 1, "given_on": "2024-01-02"},
    ("POST", "/v1/listings/{id}/consents/{consent_id}/revocation"): {"occurred_on": "2024-01-02"},
    ("POST", "/v1/inventory-campaigns/{id}/self-ratings"): {
        "items": [{"patent": "pat_1", "stars": 3, "rated_by": "机械学院"}]
    },
    ("POST", "/v1/inventory-items/{id}/self-rating"): {"stars": 3, "rated_by": "机械学院"},
    ("POST", "/v1/inventory-items/{id}/review"): {"stars": 3},
    ("POST", "/v1/inventory-items/{id}/decision"): {"outcome": "KEPT"},
    ("POST", "/v1/listings/{id}/secrecy-clearances"): {
        "cleared_on": "2024-01-02",
        "cleared_by": {"name": "张三"},
        "scope": "摘要",
    },
}


async def test_another_organizations_object_answers_exactly_as_an_unknown_id(world: World, things: Things) -> None:
    stranger = await world.organization()
    walked, wrong = 0, {}
    for _, method, path, access in ROUTES:
        if "{id}" not in path or access.relation in (Relation.OPERATOR, Relation.SERVICE):
            continue
        kind = path.split("/")[2]
        answers = []
        real = things.ids[kind]
        for id_ in (real, real[:4] + "0" * (len(real) - 4)):
            at = filled(path, id=id_, client_id=things.client_id)
            request: dict[str, Any] = {"headers": {"If-Match": '"1"'}} if method == "PATCH" else {}
            if method in ("POST", "PATCH"):
                request["json"] = BODIES.get((method, path), {})
            key = {"key": f"key-{walked}-{id_[-4:]}"} if method == "POST" else {}
            answer = await stranger.send(method, at, **key, **request)
            body = {**answer.json(), "instance": answer.json().get("instance", "").replace(id_, "ID")}
            answers.append((answer.status_code, body, sorted(answer.headers)))
        walked += 1
        if answers[0] != answers[1] or answers[0][0] != 404:
            wrong[f"{method} {path}"] = answers
    assert wrong == {}
    assert walked >= 20


async def test_the_owner_reaches_what_strangers_do_not(things: Things) -> None:
    for kind, id_ in things.ids.items():
        answer = await things.owner.get(f"/v1/{kind}/{id_}")
        assert answer.status_code == 200, (kind, answer.text)


async def test_a_client_of_another_organization_is_unknown_under_ones_own(world: World, things: Things) -> None:
    stranger = await world.organization()
    own = f"/v1/organizations/{stranger.organization_id}/clients"
    problem(await stranger.post(f"{own}/{things.client_id}/rotation", json={}), 404, "not_found")
    problem(await stranger.send("DELETE", f"{own}/{things.client_id}"), 404, "not_found")


async def test_a_listing_cannot_be_drafted_on_another_organizations_patent(world: World, things: Things) -> None:
    stranger = await world.organization()
    answers = []
    for patent_id in (things.ids["patents"], "pat_00000000000000000000"):
        answer = await stranger.post("/v1/listings", json=factories.a_listing(patent_ids=[patent_id]))
        answers.append(answer.text.replace(patent_id, "ID"))
        problem(answer, 404, "not_found")
    assert answers[0] == answers[1]


async def test_drafts_are_read_with_the_scope_for_listings_only(world: World) -> None:
    """`listings:read` says: drafts of your own too. A token without it sees what anybody sees."""
    owner = await world.organization()
    patent = await owner.made("/v1/patents", factories.a_patent())
    draft = await owner.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    operator = await world.demo("operator")
    client = await operator.made(f"/v1/organizations/{owner.organization_id}/clients", {"scopes": ["needs:read"]})
    narrow = bearing((await world.sign_in(client["client_id"], client["client_secret"]))["access_token"])
    shown = await world.http.get("/v1/listings?mine=true", headers=narrow)
    assert draft["id"] not in shown.text
    assert (await world.http.get(f"/v1/listings/{draft['id']}", headers=narrow)).status_code in (403, 404)
