"""The way through: a request to a service's path goes there with a token that this service can verify.

Nothing is decided here that the service would not decide itself; bodies pass as streams, headers by
an allow-list in both directions (identity headers from outside never reach a service).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.api.door import GatewayDoor
from services.gateway.service.surface import Surface, Target
from shared import auth, context
from shared.client import DEADLINE_HEADER, Upstream
from shared.errors import NotAllowed

_IN = frozenset(
    {
        b"content-type",
        b"content-length",
        b"accept",
        b"accept-language",
        b"idempotency-key",
        b"if-match",
        b"if-none-match",
        b"webhook-id",  # Standard Webhooks: what a payment provider signs is verified by the service
        b"webhook-timestamp",
        b"webhook-signature",
    }
)
_OUT = frozenset(
    {
        b"content-type", b"content-length", b"content-language", b"content-disposition", b"etag", b"link", b"location",
        b"retry-after", b"idempotency-replayed", b"www-authenticate", b"cache-control", b"allow",
    }
)  # fmt: skip
_TOKENS_MOST = 4096
ANSWER_S = 30.0


class Forward:
    """ASGI layer before the gateway's own routes."""

    def __init__(
        self, app: ASGIApp, surface: Surface, upstreams: Mapping[str, Upstream], door: GatewayDoor, keys: auth.KeyRing
    ) -> None:
        self._app, self._surface, self._upstreams, self._door, self._keys = app, surface, upstreams, door, keys
        self._tokens: OrderedDict[tuple[auth.Caller, str, int], tuple[str, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        found = self._surface.find(scope["method"], scope["path"])
        if found is None:
            return await self._app(scope, receive, send)
        if not isinstance(found, Target):
            raise NotAllowed(
                "this address does not take that method",
                "该地址不支持此方法",
                headers={"Allow": ", ".join(sorted(found))},
            )
        scope.setdefault("state", {})["route"] = found.template
        request = HTTPConnection(scope)
        who = await self._door.identify(request)
        auth.become(who)
        auth.admit(found.access, who, request.headers.get("idempotency-key"))
        await self._pass(found, who, scope, receive, send)

    async def _pass(self, target: Target, who: auth.Caller | None, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name in _IN]
        headers.append((b"x-request-id", context.request_id.get().encode()))
        left_s = context.left_s(ANSWER_S)
        headers.append((DEADLINE_HEADER.encode(), str(int(left_s * 1000)).encode()))
        if who is not None:
            headers.append((b"authorization", b"Bearer " + self._inward(who, target.service).encode()))
        query: bytes = scope["query_string"]
        raw = scope.get("raw_path") or scope["path"].encode()
        content: bytes | AsyncIterator[bytes] = b""
        if scope["method"] not in ("GET", "DELETE"):
            content = _stream(receive) if _is_file(scope) else await _whole(receive)
        answer = await self._upstreams[target.service].exchange(
            scope["method"], raw + (b"?" + query if query else b""), headers, content, within_s=left_s
        )
        try:
            out = [(name.lower(), value) for name, value in answer.headers if name.lower() in _OUT]
            await send({"type": "http.response.start", "status": answer.status, "headers": out})
            async for chunk in answer.body:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await answer.body.aclose()

    def _inward(self, who: auth.Caller, audience: str) -> str:
        """A token for one service that lives sixty seconds; used again for the first half of its life."""
        key, now = (who, audience, self._keys.generation), self._keys.now().timestamp()
        known = self._tokens.get(key)
        if known is not None and now < known[1]:
            return known[0]
        token = self._keys.sign("gateway", audience, auth.claims_of(who), auth.INWARD_S)
        self._tokens[key] = (token, now + auth.INWARD_S / 2)
        if len(self._tokens) > _TOKENS_MOST:
            self._tokens.popitem(last=False)
        return token


def _is_file(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-type", "").startswith("multipart/")


async def _whole(receive: Receive) -> bytes:
    """A body that the guard has read already."""
    message = await receive()
    return bytes(message.get("body", b""))


async def _stream(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the caller left in the middle of its upload")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return
