"""Tokens, keys and quotas at the front door."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from shared.contracts.access import SCOPES
from tests.contract.support import bearing, problem
from tests.world import Api, World

pytestmark = pytest.mark.anyio

TOKEN = "/v1/oauth/token"


async def a_client(world: World, **facts: Any) -> tuple[Api, dict[str, Any]]:
    """An organization, and a further client of it with its secret."""
    owner = await world.organization()
    return owner, await owner.made(f"/v1/organizations/{owner.organization_id}/clients", facts)


def form(client: dict[str, Any], **changed: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        **changed,
    }


async def test_a_token_is_had_by_form(world: World) -> None:
    owner, client = await a_client(world)
    answer = await world.http.post(TOKEN, data=form(client))
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    token = answer.json()
    assert token.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert token["token_type"] == "Bearer" and token["expires_in"] == 3600
    assert set(token["scope"].split(" ")) == set(client["scopes"]) <= set(SCOPES)
    me = await world.http.get("/v1/organizations/me", headers=bearing(token["access_token"]))
    assert me.json()["id"] == owner.organization_id


async def test_a_token_is_had_by_http_basic(world: World) -> None:
    _, client = await a_client(world)
    for id_, secret in (
        (client["client_id"], client["client_secret"]),
        (quote(client["client_id"], safe=""), quote(client["client_secret"], safe="")),
    ):
        pair = base64.b64encode(f"{id_}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        answer = await world.http.post(TOKEN, data={"grant_type": "client_credentials"}, headers=headers)
        assert answer.status_code == 200, answer.text


async def test_what_is_wrong_with_credentials_is_not_told(world: World) -> None:
    _, client = await a_client(world)
    answers = []
    for changed in (
        {"client_secret": "djk_wrong"},
        {"client_id": "cli_nobody"},
        {"client_secret": client["client_secret"][:-1]},
    ):
        answer = await world.http.post(TOKEN, data=form(client, **changed))
        answers.append(problem(answer, 401, "invalid_client"))
        assert answers[-1]["error"] == "invalid_client", "OAuth clients look for this member"
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert answers[0] == answers[1] == answers[2]
    basic = {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()}
    wrong = await world.http.post(TOKEN, data={"grant_type": "client_credentials"}, headers=basic)
    problem(wrong, 401, "invalid_client")


async def test_other_grants_are_refused(world: World) -> None:
    _, client = await a_client(world)
    answer = await world.http.post(TOKEN, data=form(client, grant_type="password"))
    assert problem(answer, 400, "unsupported_grant_type")["error"] == "unsupported_grant_type"
    problem(await world.http.post(TOKEN, json=form(client)), 422)


async def test_a_token_may_be_narrower_than_its_client_and_never_wider(world: World) -> None:
    owner, client = await a_client(world, scopes=["needs:read", "needs:write"])
    narrow = (await world.http.post(TOKEN, data=form(client, scope="needs:read"))).json()
    assert narrow["scope"] == "needs:read"
    headers = bearing(narrow["access_token"])
    assert (await world.http.get("/v1/needs", headers=headers)).status_code == 200
    problem(await world.http.post("/v1/needs", json={"title": "x"}, headers=headers), 403, "insufficient_scope")
    for scope in ("needs:read patents:read", "service", "platform:operate", "needs:read\u00a0needs:write"):
        answer = await world.http.post(TOKEN, data=form(client, scope=scope))
        assert problem(answer, 400, "invalid_scope")["error"] == "invalid_scope"
    path = f"/v1/organizations/{owner.organization_id}/clients"
    problem(await owner.post(path, json={"scopes": ["platform:operate"]}), 422)
    small = Api(world.http, owner.organization_id, owner.headers)
    manager = await small.made(path, {"scopes": ["organizations:write"]})
    token = await world.sign_in(manager["client_id"], manager["client_secret"])
    lesser = Api(world.http, owner.organization_id, bearing(token["access_token"]))
    problem(await lesser.post(path, json={"scopes": ["patents:write"]}), 422)
    assert (await lesser.made(path))["scopes"] == ["organizations:write"]


async def test_a_rotated_secret_overlaps_for_as_long_as_was_asked(new_world: Any) -> None:
    async with new_world() as world:
        owner, client = await a_client(world)
        path = f"/v1/organizations/{owner.organization_id}/clients/{client['client_id']}/rotation"
        rotated = await owner.made(path, {"overlap_hours": 2})
        assert rotated["client_secret"] != client["client_secret"]
        for secret in (client, rotated):
            assert (await world.http.post(TOKEN, data=form(secret))).status_code == 200
        world.clock.offset += timedelta(hours=2, seconds=1)
        problem(await world.http.post(TOKEN, data=form(client)), 401, "invalid_client")
        assert (await world.http.post(TOKEN, data=form(rotated))).status_code == 200
        owner = Api(world.http, owner.organization_id, bearing((await world.sign_in(**creds(rotated)))["access_token"]))
        last = await owner.made(path, {"overlap_hours": 0})
        problem(await world.http.post(TOKEN, data=form(rotated)), 401, "invalid_client")
        assert (await world.http.post(TOKEN, data=form(last))).status_code == 200


def creds(client: dict[str, Any]) -> dict[str, str]:
    return {"client_id": client["client_id"], "client_secret": client["client_secret"]}


async def test_a_token_ends_after_its_hour(new_world: Any) -> None:
    async with new_world() as world:
        owner = await world.organization()
        world.clock.offset += timedelta(minutes=59)
        assert (await owner.get("/v1/needs")).status_code == 200
        world.clock.offset += timedelta(minutes=2)
        problem(await owner.get("/v1/needs"), 401, "invalid_token")


async def test_a_revoked_client_is_refused_with_its_tokens_and_its_key(world: World) -> None:
    owner, client = await a_client(world)
    token = bearing((await world.sign_in(**creds(client)))["access_token"])
    key = bearing(client["client_secret"])
    for headers in (token, key):
        assert (await world.http.get("/v1/needs", headers=headers)).status_code == 200
    path = f"/v1/organizations/{owner.organization_id}/clients/{client['client_id']}"
    gone = await owner.send("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    for headers in (token, key):
        problem(await world.http.get("/v1/needs", headers=headers), 401)
    problem(await world.http.post(TOKEN, data=form(client)), 401, "invalid_client")
    problem(await owner.send("DELETE", path), 404)
    listed = await owner.read(f"/v1/organizations/{owner.organization_id}/clients")
    assert [each["revoked_at"] is None for each in listed["items"]] == [False, True]
    assert (await owner.get("/v1/needs")).status_code == 200


async def test_a_secret_serves_as_an_api_key(world: World) -> None:
    owner, client = await a_client(world, scopes=["needs:read", "organizations:read"])
    headers = bearing(client["client_secret"])
    assert (await world.http.get("/v1/organizations/me", headers=headers)).json()["id"] == owner.organization_id
    problem(await world.http.post("/v1/needs", json={"title": "x"}, headers=headers), 403, "insufficient_scope")
    for wrong in (client["client_secret"][:-1] + "~", client["client_secret"] + "x", "djk_", "djk_x_y"):
        problem(await world.http.get("/v1/needs", headers=bearing(wrong)), 401)


async def test_the_key_set_verifies_our_tokens_before_and_after_a_rotation(world: World) -> None:
    _, client = await a_client(world)
    old = (await world.sign_in(**creds(client)))["access_token"]
    operator = await world.demo("operator")
    rotated = await operator.made("/v1/signing-keys?keep_hours=24")
    new = (await world.sign_in(**creds(client)))["access_token"]
    published = (await world.http.get("/.well-known/jwks.json")).json()
    assert published["keys"][0]["kid"] == rotated["kid"]
    assert all("d" not in key and key["alg"] == "ES256" and key["use"] == "sig" for key in published["keys"])
    keys = KeySet.import_key_set(published)
    for token in (old, new):
        decoded = jwt.decode(token, keys, algorithms=["ES256"])
        assert decoded.claims["sub"] == client["client_id"] and decoded.claims["aud"] == "duijie"
        assert (await world.http.get("/v1/needs", headers=bearing(token))).status_code == 200
    assert jwt.decode(new, keys, algorithms=["ES256"]).header["kid"] == rotated["kid"]


async def test_a_retired_key_signs_for_nobody_and_stands_in_nobodys_way(new_world: Any) -> None:
    async with new_world() as world:
        owner, client = await a_client(world)
        used = bearing((await world.sign_in(**creds(client)))["access_token"])
        for headers in (owner.headers, used):
            assert (await world.http.get("/v1/patents", headers=headers)).status_code == 200
        operator = await world.demo("operator")
        world.clock.offset += timedelta(seconds=2)  # the keys' ids count seconds
        rotated = await operator.made("/v1/signing-keys?keep_hours=0")
        assert rotated["retired"]
        problem(await owner.get("/v1/patents"), 401, "invalid_token")
        kids = [key["kid"] for key in (await world.http.get("/.well-known/jwks.json")).json()["keys"]]
        assert kids == [rotated["kid"]]
        fresh = bearing((await world.sign_in(**creds(client)))["access_token"])
        for path in ("/v1/organizations/me", "/v1/patents", "/v1/needs"):
            assert (await world.http.get(path, headers=fresh)).status_code == 200, path


async def test_only_the_operator_rotates_the_signing_key(world: World) -> None:
    university = await world.demo("university")
    problem(await university.post("/v1/signing-keys"), 403, "insufficient_scope")


def limits(answer: httpx.Response) -> tuple[str, str]:
    return answer.headers["ratelimit"], answer.headers["ratelimit-policy"]


async def test_a_client_that_asks_too_often_is_told_when_to_come_again(new_world: Any) -> None:
    async with new_world(gateway={"client_per_minute": 3}) as world:
        _, client = await a_client(world)
        headers = bearing((await world.sign_in(**creds(client)))["access_token"])
        left = []
        for _ in range(3):
            answer = await world.http.get("/v1/needs", headers=headers)
            assert answer.status_code == 200
            quota, policy = limits(answer)
            assert policy == '"client";q=3;w=60'
            left.append(quota.split(";")[1])
        assert left == ["r=2", "r=1", "r=0"]
        refused = await world.http.get("/v1/needs", headers=headers)
        problem(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert limits(refused)[0].startswith('"client";r=0;t=')
        own = await world.http.get("/v1/organizations/me", headers=headers)
        assert own.status_code == 429, "the gateway's own routes count as well"
        other = await world.demo("sme")
        assert (await other.get("/v1/needs")).status_code == 200, "a neighbour is not hindered"


async def test_callers_without_a_token_and_guessers_of_secrets_are_counted_by_address(new_world: Any) -> None:
    async with new_world(gateway={"address_per_minute": 30, "token_per_minute": 10}) as world:
        wrong = {"grant_type": "client_credentials", "client_id": "cli_x", "client_secret": "djk_x"}
        guesses = [await world.http.post(TOKEN, data=wrong) for _ in range(12)]
        problem(guesses[0], 401, "invalid_client")
        problem(guesses[-1], 429, "rate_limited")
        assert guesses[-1].headers["retry-after"]
        answers = [await world.http.get("/v1/listings?limit=1") for _ in range(35)]
        assert {answer.status_code for answer in answers[:10]} == {200}
        problem(answers[-1], 429, "rate_limited")
        problem(await world.http.get("/v1/reference/scopes"), 429, "rate_limited")
        for _ in range(40):
            assert (await world.http.get("/healthz")).json()["status"] == "ok", "health is not counted"
        assert (await world.http.get("/readyz")).status_code == 200


async def test_an_organization_shares_one_quota_among_its_clients(new_world: Any) -> None:
    async with new_world(gateway={"organization_per_minute": 12}) as world:
        owner, client = await a_client(world)
        second = bearing((await world.sign_in(**creds(client)))["access_token"])
        for turn in range(12):
            headers = owner.headers if turn % 2 else second
            answer = await world.http.get("/v1/needs", headers=headers)
        problem(answer, 429, "rate_limited")
