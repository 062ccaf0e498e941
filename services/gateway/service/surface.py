"""The public surface: the services' OpenAPI documents merged into one, and the routes read from them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.access import ACCESS, SCOPES, Access, Relation
from shared.contracts.gateway import RuleOut

TITLE = "duijie"
DESCRIPTION = """Brings patents that lie unused at universities to the small firms that need them.

Get a token at `POST /v1/oauth/token` (client credentials), then: record a need or rank one with
`POST /v1/match-queries`, list patents with `POST /v1/listings`. Errors are RFC 9457 problem documents
in Chinese or English, as `Accept-Language` asks. Legal acts need an `Idempotency-Key`."""


Fetch = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a public path goes."""

    service: str
    template: str
    access: Access


@dataclass
class _Branch:
    """Templates, segment by segment; a literal segment wins over a parameter."""

    literal: dict[str, _Branch] = field(default_factory=dict)
    parameter: _Branch | None = None
    targets: dict[str, Target] = field(default_factory=dict)  # by method


class Surface:
    """What is reachable through the gateway.

    Routes come from the access table, so that a service that is down answers 503 and not 404, and no
    start waits for its documents; the merged document is made when somebody first reads it.
    """

    def __init__(self, version: str, fetch: Mapping[str, Fetch]) -> None:
        self._root = _Branch()
        self._version, self._fetch = version, fetch
        self._read: tuple[dict[str, Any], list[dict[str, Any]]] | None = None
        self.own: Callable[[], dict[str, Any]] = dict  # the gateway's own document
        for service in fetch:
            for (method, path), access in ACCESS[service].items():
                if access.relation is not Relation.SERVICE:
                    _plant(self._root, path, method, Target(service, path, access))

    async def document(self) -> dict[str, Any]:
        """The merged OpenAPI document. Raises: Unavailable, while a service does not answer."""
        return (await self._all())[0]

    async def rules(self) -> list[dict[str, Any]]:
        """The rulebook's entries of all services, by id."""
        return (await self._all())[1]

    async def _all(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if self._read is None:
            documents = [self.own(), *[await fetch() for fetch in self._fetch.values()]]
            rules = {rule["id"]: rule for document in documents for rule in document.get("x-rules", [])}
            self._read = _merged(documents, self._version), [rules[id_] for id_ in sorted(rules)]
        return self._read

    def find(self, method: str, path: str) -> Target | frozenset[str] | None:
        """The target of a request; the methods that a known path takes instead; None for an unknown path."""
        branch = _reach(self._root, path.split("/")[1:])
        if branch is None:
            return None
        return branch.targets.get(method) or frozenset(branch.targets)


def _reach(branch: _Branch, segments: list[str]) -> _Branch | None:
    """Where a path ends; a literal segment is tried before a parameter."""
    if not segments:
        return branch if branch.targets else None
    first, rest = segments[0], segments[1:]
    if not first:
        return None
    for next_ in (branch.literal.get(first), branch.parameter):
        if next_ is not None and (found := _reach(next_, rest)) is not None:
            return found
    return None


def _plant(root: _Branch, path: str, method: str, target: Target) -> None:
    branch = root
    for segment in path.split("/")[1:]:
        if segment.startswith("{"):
            branch.parameter = branch = branch.parameter or _Branch()
        else:
            branch = branch.literal.setdefault(segment, _Branch())
    assert method not in branch.targets, f"{method} {path} is claimed by two services"
    branch.targets[method] = target


def _merged(documents: list[dict[str, Any]], version: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for document in documents:
        for path, methods in document["paths"].items():
            paths.setdefault(path, {}).update(methods)
        for name, schema in document["components"]["schemas"].items():
            assert schemas.setdefault(name, schema) == schema, f"two services give {name} two meanings"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "client": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "/v1/oauth/token", "scopes": SCOPES}},
                }
            },
        },
    }


def rules_out(rules: list[dict[str, Any]], chinese: bool, prefix: str | None) -> list[RuleOut]:
    """The rulebook's entries in the reader's language, by id."""
    wanted = re.compile(re.escape(prefix or "") + ".*")
    return [
        RuleOut(id=rule["id"], source=rule["zh" if chinese else "en"], since=rule["since"], decides=rule["decides"])
        for rule in rules
        if wanted.fullmatch(rule["id"])
    ]
