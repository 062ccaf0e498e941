"""Who stands before the gateway, for whom it acts, and how often it may come."""

from __future__ import annotations

import contextlib
import re
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.requests import HTTPConnection, Request

from services.gateway.service import Gateway
from services.gateway.service.clients import KEY_PREFIX
from services.gateway.settings import GatewaySettings
from shared import auth
from shared.app import Door
from shared.errors import BadRequest, RateLimited, Unauthenticated

_ORGANIZATION_ID = re.compile(r"org_[0-9a-z_]{1,40}")
WINDOW_S = 60


class GatewayDoor(Door):
    """Public tokens and API keys instead of inward tokens; delegations; quotas."""

    def __init__(self, keys: auth.KeyRing, gateway: Gateway, settings: GatewaySettings) -> None:
        super().__init__(keys, auth.PUBLIC_AUDIENCE)
        self._keyring, self._gateway = keys, gateway
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._client = RateLimitItemPerMinute(settings.client_per_minute)
        self._organization = RateLimitItemPerMinute(settings.organization_per_minute)
        self._address = RateLimitItemPerMinute(settings.address_per_minute)
        self._token = RateLimitItemPerMinute(settings.token_per_minute)

    async def caller(self, request: Request) -> auth.Caller | None:
        """Who acts: by token or API key, for itself or on behalf of a principal; counted against its quotas."""
        path = request.url.path
        if path in ("/changes", "/evidence", "/parties"):  # another service, with a token of its own for us
            token = auth.bearer(request.headers.get("authorization"))
            with contextlib.suppress(Unauthenticated):  # a client's token: for it the address does not exist
                return auth.caller_of(self._keyring.verify(token or "", "gateway"))
            return None
        if path == "/v1/oauth/token":  # its Authorization is HTTP Basic
            return None
        return await self.identify(request)

    async def identify(self, request: HTTPConnection) -> auth.Caller | None:
        """As `caller`, for a request whose body is not looked at."""
        token = auth.bearer(request.headers.get("authorization"))
        if token is None:
            await self.count(request, "address", self._address, _address(request))
            return None
        if token.startswith(KEY_PREFIX):
            await self.count(request, "token", self._token, "key", token[:40])
            who = await self._gateway.clients.by_key(token)
        else:
            claims = self._keyring.verify(token, auth.PUBLIC_AUDIENCE)
            who = await self._gateway.clients.current(claims["sub"])
            granted = who.scopes & frozenset(claims["scope"].split(" "))
            if granted != who.scopes:
                who = _narrowed(who, granted)
        await self.count(request, "organization", self._organization, who.organization_id)
        await self.count(request, "client", self._client, who.client_id)
        principal = request.headers.get("x-on-behalf-of")
        if principal is None:
            return who
        if not _ORGANIZATION_ID.fullmatch(principal):
            raise BadRequest("X-On-Behalf-Of is not an organization's id", "X-On-Behalf-Of 不是组织编号")
        return await self._gateway.delegations.acting(who, principal)

    async def count_token_request(self, request: HTTPConnection, client_id: str) -> None:
        """Attempts at the token endpoint, by address and by client. Raises: RateLimited."""
        await self.count(request, "token", self._token, _address(request))
        await self.count(request, "token", self._token, "client", client_id[:60])

    async def count(self, request: HTTPConnection, policy: str, item: RateLimitItemPerMinute, *who: str) -> None:
        """One more of a quota; its state goes into the answer's RateLimit fields. Raises: RateLimited."""
        allowed = await self._limiter.hit(item, policy, *who)
        reset_at, left = await self._limiter.get_window_stats(item, policy, *who)
        reset_s = max(1, round(reset_at - time.time()))
        headers = {
            "RateLimit": f'"{policy}";r={left};t={reset_s}',
            "RateLimit-Policy": f'"{policy}";q={item.amount};w={WINDOW_S}',
        }
        request.scope.setdefault("state", {})["headers"] = headers
        if not allowed:
            raise RateLimited(
                f"more than {item.amount} requests in a minute for this {policy}",
                f"该 {policy} 每分钟请求超过 {item.amount} 次",
                retry_after_s=reset_s,
                headers=headers,
            )


def _address(request: HTTPConnection) -> str:
    if request.client is None:
        raise Unauthenticated("the caller has no address", "无法确定来源地址")
    return request.client.host


def _narrowed(who: auth.Caller, scopes: frozenset[str]) -> auth.Caller:
    return auth.Caller(
        who.client_id, who.organization_id, who.organization_type, who.is_verified, who.is_sample, scopes, who.uscc
    )
