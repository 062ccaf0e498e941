"""Acting for another organization under its mandate, and the documents that prove it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.contract.support import bearing, problem
from tests.world import Api, World

pytestmark = pytest.mark.anyio


async def a_delegation(world: World, scopes: list[str], **facts: Any) -> tuple[Api, Api, str]:
    """(principal, delegate, path) of a delegation that was proposed."""
    principal, delegate = await world.organization(), await world.organization()
    proposal = {"principal_id": principal.organization_id, "scopes": scopes, **facts}
    made = await delegate.made("/v1/delegations", proposal)
    assert made["state"] == "PROPOSED" and made["delegate_id"] == delegate.organization_id
    return principal, delegate, f"/v1/delegations/{made['id']}"


async def test_a_delegate_acts_once_the_principal_has_accepted(world: World) -> None:
    principal, delegate, path = await a_delegation(world, ["needs:read", "needs:write"])
    acting = delegate.on_behalf_of(principal.organization_id)
    problem(await acting.get("/v1/needs"), 403, "no_delegation")
    problem(await delegate.post(f"{path}/acceptance"), 409, "rule_refused")
    assert (await principal.made(f"{path}/acceptance"))["state"] == "ACTIVE"
    need = await acting.made("/v1/needs", factories.a_need())
    assert need["organization_id"] == principal.organization_id
    assert (await principal.read(f"/v1/needs/{need['id']}"))["id"] == need["id"]
    problem(await delegate.get(f"/v1/needs/{need['id']}"), 404)
    own = await delegate.on_behalf_of(delegate.organization_id).get("/v1/needs?count=true")
    assert own.json()["count"] == 0


async def test_scopes_are_those_that_both_give(world: World) -> None:
    principal, delegate, path = await a_delegation(world, ["needs:read", "patents:read"])
    await principal.made(f"{path}/acceptance")
    acting = delegate.on_behalf_of(principal.organization_id)
    assert (await acting.get("/v1/needs")).status_code == 200
    for method, refused in (("POST", "/v1/needs"), ("GET", "/v1/organizations/me"), ("POST", "/v1/listings")):
        problem(await acting.send(method, refused, json={}), 403, "insufficient_scope")
    narrow = await delegate.made(
        f"/v1/organizations/{delegate.organization_id}/clients", {"scopes": ["patents:read", "needs:write"]}
    )
    token = await world.sign_in(narrow["client_id"], narrow["client_secret"])
    lesser = Api(world.http, "", {**bearing(token["access_token"])}).on_behalf_of(principal.organization_id)
    assert (await lesser.get("/v1/patents")).status_code == 200
    problem(await lesser.get("/v1/needs"), 403, "insufficient_scope")
    problem(await lesser.post("/v1/needs", json=factories.a_need()), 403, "insufficient_scope")


async def test_either_side_ends_a_delegation_at_any_time(world: World) -> None:
    for ending in ("principal", "delegate"):
        principal, delegate, path = await a_delegation(world, ["needs:read"])
        await principal.made(f"{path}/acceptance")
        acting = delegate.on_behalf_of(principal.organization_id)
        assert (await acting.get("/v1/needs")).status_code == 200
        who = principal if ending == "principal" else delegate
        assert (await who.made(f"{path}/revocation"))["state"] == "REVOKED"
        problem(await acting.get("/v1/needs"), 403, "no_delegation")
        problem(await principal.post(f"{path}/acceptance"), 409, "rule_refused")
        assert (await who.made(f"{path}/revocation"))["state"] == "REVOKED"


async def test_a_delegation_holds_on_its_days_only(new_world: Any) -> None:
    async with new_world() as world:
        today = world.today
        days = {"from": str(today + timedelta(days=1)), "to": str(today + timedelta(days=2))}
        principal, delegate, path = await a_delegation(world, ["organizations:read"], **days)
        assert (await principal.made(f"{path}/acceptance"))["state"] == "PROPOSED"
        secret = (await delegate.made(f"/v1/organizations/{delegate.organization_id}/clients"))["client_secret"]
        acting = Api(world.http, "", bearing(secret)).on_behalf_of(principal.organization_id)
        reading = Api(world.http, "", bearing(secret))
        for day, state in ((0, "PROPOSED"), (1, "ACTIVE"), (2, "ACTIVE"), (3, "EXPIRED")):
            world.clock.offset = timedelta(days=day)
            assert (await reading.read(path))["state"] == state
            answer = await acting.get("/v1/organizations/me")
            if state == "ACTIVE":
                assert answer.json()["id"] == principal.organization_id
            else:
                problem(answer, 403, "no_delegation")


async def test_the_operator_accepts_on_a_mandate_document_only(world: World) -> None:
    operator = await world.demo("operator")
    _, _, bare = await a_delegation(world, ["needs:read"])
    refused = problem(await operator.post(f"{bare}/acceptance"), 409, "rule_refused")
    assert [violation["rule"] for violation in refused["violations"]] == ["DG-ACCEPT"]
    principal, delegate = await world.organization(), await world.organization()
    mandate = await delegate.post(
        "/v1/documents", files={"file": ("授权书.pdf", b"%PDF-1.7 mandate", "application/pdf")}
    )
    proposal = {
        "principal_id": principal.organization_id,
        "scopes": ["needs:read"],
        "document_ids": [mandate.json()["id"]],
    }
    made = await delegate.made("/v1/delegations", proposal)
    assert (await operator.made(f"/v1/delegations/{made['id']}/acceptance"))["state"] == "ACTIVE"
    assert (await delegate.on_behalf_of(principal.organization_id).get("/v1/needs")).status_code == 200


async def test_a_mandate_that_was_never_uploaded_is_no_mandate(world: World) -> None:
    principal, delegate, stranger = [await world.organization() for _ in range(3)]
    foreign = await stranger.post("/v1/documents", files={"file": ("授权书.pdf", b"%PDF-1.7", "application/pdf")})
    for id_ in ("doc_invented", foreign.json()["id"]):
        proposal = {"principal_id": principal.organization_id, "scopes": ["needs:read"], "document_ids": [id_]}
        refused = problem(await delegate.post("/v1/delegations", json=proposal), 404)
        assert id_ in refused["detail"]
    assert (await delegate.read("/v1/delegations"))["items"] == []


async def test_nobody_proposes_for_others_to_itself_or_backwards(world: World) -> None:
    one, two = await world.organization(), await world.organization()
    three = await world.organization()
    base = {"principal_id": one.organization_id, "scopes": ["needs:read"]}
    problem(await two.post("/v1/delegations", json={**base, "delegate_id": three.organization_id}), 403)
    for wrong, rule in (
        ({**base, "principal_id": two.organization_id}, "DG-SELF"),
        ({**base, "from": "2026-05-02", "to": "2026-05-01"}, "DG-DATES"),
        ({**base, "scopes": ["platform:operate"]}, "ORG-SCOPE"),
    ):
        refused = problem(await two.post("/v1/delegations", json=wrong), 422)
        assert [violation["rule"] for violation in refused["violations"]] == [rule]
    problem(await two.post("/v1/delegations", json={**base, "principal_id": "org_nobody"}), 404)


async def test_both_sides_see_a_delegation_and_nobody_else(world: World) -> None:
    principal, delegate, path = await a_delegation(world, ["needs:read"])
    stranger = await world.organization()
    for who in (principal, delegate):
        assert [path] == [f"/v1/delegations/{each['id']}" for each in (await who.read("/v1/delegations"))["items"]]
    assert (await stranger.read("/v1/delegations"))["items"] == []
    problem(await stranger.get(path), 404)
    problem(await stranger.post(f"{path}/revocation"), 404)


async def test_a_delegate_does_not_pass_its_mandate_on(world: World) -> None:
    principal, delegate, path = await a_delegation(world, ["organizations:read", "organizations:write"])
    await principal.made(f"{path}/acceptance")
    third = await world.organization()
    second = await third.made("/v1/delegations", {"principal_id": principal.organization_id, "scopes": ["needs:read"]})
    acting = delegate.on_behalf_of(principal.organization_id)
    problem(await acting.post(f"/v1/delegations/{second['id']}/acceptance"), 409, "rule_refused")


async def test_a_delegate_makes_no_client_of_its_principal(world: World) -> None:
    """A secret made under a mandate would outlive the mandate."""
    principal, delegate, path = await a_delegation(world, ["organizations:write", "needs:read"])
    await principal.made(f"{path}/acceptance")
    acting = delegate.on_behalf_of(principal.organization_id)
    made = await acting.post(f"/v1/organizations/{principal.organization_id}/clients", json={"scopes": ["needs:read"]})
    await principal.made(f"{path}/revocation")
    if made.status_code == 201:
        answer = await world.http.get("/v1/needs", headers=bearing(made.json()["client_secret"]))
        assert answer.status_code in (401, 403), "the client acts for the principal after the mandate has ended"


@pytest.mark.parametrize("principal", ["", "org demo", "*", "all'--", "org_" + "x" * 50, "ORG_X"])
async def test_a_principal_that_is_no_id_is_refused(world: World, principal: str) -> None:
    university = await world.demo("university")
    problem(await university.get("/v1/needs", headers={"X-On-Behalf-Of": principal}), 400, "bad_request")


async def test_a_document_is_kept_as_it_came(world: World) -> None:
    owner, stranger, content = await world.organization(), await world.organization(), bytes(range(256)) * 40
    answer = await owner.post("/v1/documents", files={"file": ("证明.pdf", content, "application/pdf")})
    assert answer.status_code == 201, answer.text
    document, path = answer.json(), f"/v1/documents/{answer.json()['id']}"
    assert document["sha256"] == hashlib.sha256(content).hexdigest()
    assert (document["size"], document["media_type"], document["file_name"]) == (10_240, "application/pdf", "证明.pdf")
    assert (await owner.read(path)) == document
    read = await owner.get(f"{path}/content")
    assert read.content == content and read.headers["content-type"] == "application/pdf"
    assert read.headers["content-disposition"].startswith("attachment")
    assert read.headers["x-content-type-options"] == "nosniff"
    for foreign in (path, f"{path}/content"):
        mine = problem(await stranger.get(foreign), 404, "not_found")
        nobody = problem(await stranger.get(foreign.replace(document["id"], "doc_0")), 404, "not_found")
        assert {**mine, "instance": ""} == {**nobody, "instance": ""}


@pytest.mark.parametrize(
    ("name", "media_type", "kept", "as_type"),
    [
        ("../../etc/passwd", "text/plain", "....etcpasswd", "text/plain"),
        ('a"b\r\nSet-Cookie: x.pdf', "text/html; charset=utf-8", None, "application/octet-stream"),
        ("x" * 500, "nonsense", "x" * 200, "application/octet-stream"),
    ],
)
async def test_a_documents_name_and_type_are_made_harmless(
    world: World, name: str, media_type: str, kept: str | None, as_type: str
) -> None:
    owner = await world.organization()
    answer = await owner.post("/v1/documents", files={"file": (name, b"x", media_type)})
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["media_type"] == as_type and found["file_name"].isprintable() and '"' not in found["file_name"]
    assert kept in (None, found["file_name"])
    assert "\n" not in (await owner.get(f"/v1/documents/{found['id']}/content")).headers["content-disposition"]


async def test_an_empty_and_a_large_document_are_refused(world: World) -> None:
    owner = await world.organization()
    problem(await owner.post("/v1/documents", files={"file": ("a.txt", b"", "text/plain")}), 422)
    large = b"x" * ((10 << 20) + 1)
    problem(await owner.post("/v1/documents", files={"file": ("a.bin", large, "text/plain")}), 413, "too_large")
    problem(await owner.post("/v1/documents", files={"other": ("a.txt", b"x", "text/plain")}), 422)
    fitting = await owner.post("/v1/documents", files={"file": ("a.bin", large[:-1], "application/zip")})
    assert fitting.status_code == 201 and fitting.json()["size"] == 10 << 20
