"""The merged OpenAPI document: what integrators generate their clients from."""

from __future__ import annotations

import asyncio
import difflib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services import embedded
from shared.contracts.access import Relation
from tests.contract.support import CJK, ROUTES
from tests.world import World

pytestmark = pytest.mark.anyio

SNAPSHOT = Path(__file__).with_name("openapi.json")
RENEW = "UPDATE_SNAPSHOTS=1 .venv/bin/python -m pytest tests/contract/test_openapi.py"
MAIN = ["/v1/patents", "/v1/listings", "/v1/needs", "/v1/match-queries", "/v1/organizations", "/v1/delegations"]


@pytest.fixture(scope="module")
async def document(world: World) -> dict[str, Any]:
    answer = await world.http.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


async def test_the_document_is_the_one_that_was_agreed(document: dict[str, Any]) -> None:
    now = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(now, encoding="utf-8")
    agreed = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    changed = list(difflib.unified_diff(agreed.splitlines(), now.splitlines(), "agreed", "now", lineterm="", n=2))
    assert not changed, "\n".join(
        [f"the public surface differs from {SNAPSHOT.name}; if that is meant, renew it with", RENEW, *changed[:80]]
    )


async def test_the_command_line_prints_the_document_that_is_served(document: dict[str, Any]) -> None:
    assert await asyncio.to_thread(embedded.openapi) == document


async def test_it_is_a_3_1_document_with_a_plain_title(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    title = document["info"]["title"]
    assert title and title.isascii(), "generated packages are named after the title"
    assert document["info"]["description"] and document["info"]["license"]["name"] == "Apache-2.0"


async def test_it_lists_every_public_route_and_no_other(document: dict[str, Any]) -> None:
    public = {(method, path) for _, method, path, access in ROUTES if access.relation is not Relation.SERVICE}
    assert {(method, path) for method, path, _ in operations(document)} == public


async def test_security_is_what_the_access_table_says(document: dict[str, Any]) -> None:
    table = {(method, path): access for _, method, path, access in ROUTES}
    wrong = {}
    for method, path, operation in operations(document):
        scope = table[method, path].scope
        if operation.get("security") != ([{"client": [scope]}] if scope else None):
            wrong[f"{method} {path}"] = operation.get("security")
    assert wrong == {}
    flow = document["components"]["securitySchemes"]["client"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == "/v1/oauth/token"
    assert {access.scope for access in table.values() if access.relation is not Relation.SERVICE} - {None} <= set(
        flow["scopes"]
    )


async def test_every_operation_has_a_summary_and_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    bare = [f"{method} {path}" for method, path, operation in operations(document) if not operation.get("summary")]
    assert bare == []


async def test_every_error_that_is_declared_is_a_problem_document(document: dict[str, Any]) -> None:
    wrong = []
    for method, path, operation in operations(document):
        errors = {status: reply for status, reply in operation["responses"].items() if status[0] in "45"}
        for status, reply in errors.items():
            if reply["content"] != {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}:
                wrong.append(f"{method} {path} {status}")
        expected = {"400", "429"}
        expected |= {"401", "403"} if operation.get("security") else set()
        expected |= {"404"} if "{" in path else set()
        expected |= {"409", "422"} if method == "POST" and operation.get("requestBody") else set()
        expected |= {"412", "428"} if method == "PATCH" else set()
        wrong += [f"{method} {path} lacks {status}" for status in sorted(expected - errors.keys())]
    assert wrong == []


async def test_the_token_endpoint_declares_that_it_refuses_wrong_secrets(document: dict[str, Any]) -> None:
    assert "401" in document["paths"]["/v1/oauth/token"]["post"]["responses"]


async def test_acts_declare_their_key_and_changes_their_version(document: dict[str, Any]) -> None:
    table = {(method, path): access for _, method, path, access in ROUTES}
    for method, path, operation in operations(document):
        headers = {p["name"]: p["required"] for p in operation.get("parameters", []) if p["in"] == "header"}
        if table[method, path].is_act:
            assert headers.get("Idempotency-Key") is True, path
        if method == "PATCH":
            assert headers.get("If-Match") is True, path


@pytest.mark.parametrize("path", MAIN)
async def test_the_main_request_bodies_have_an_example_that_is_taken(
    world: World, document: dict[str, Any], path: str
) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schema = resolved(document, content["schema"])
    examples = schema.get("examples") or [each["value"] for each in content.get("examples", {}).values()]
    assert examples, f"POST {path} shows no example of its body"
    operator = await world.demo("operator")
    for example in examples:
        answer = await operator.post(path, json=example)
        assert answer.status_code not in (400, 415, 422), answer.text


async def test_schemas_are_described_in_english(document: dict[str, Any]) -> None:
    """Generated clients carry these texts; examples may be Chinese."""
    for method, path, operation in operations(document):
        assert not CJK.search(operation["summary"] + operation["operationId"]), f"{method} {path}"
    assert not [name for name in document["components"]["schemas"] if not name.isascii()]


async def test_references_all_lead_somewhere(document: dict[str, Any]) -> None:
    known = document["components"]["schemas"]
    text = json.dumps(document)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= known.keys()
    assert "HTTPValidationError" not in known, "we answer problems, never FastAPI's own form"
