"""Who is calling: ES256 tokens that every service verifies itself, and keys that rotate.

The gateway signs tokens for clients (audience `duijie`) and, for each forwarded request, a 60-second
token for one service. A service signs tokens for itself with a key of its own; such a token can carry
nothing but the service scope. Who may say what follows from the issuer in the key's id.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.clock import Clock
from shared.contracts.access import SERVICE_SCOPE, Access, OrganizationType, Relation
from shared.errors import BadRequest, Forbidden, NotFound, Unauthenticated

PUBLIC_AUDIENCE = "duijie"
INWARD_S = 60
PUBLIC_S = 3600
LEEWAY_S = 5
_CACHED = 4096
_TOKEN_LONGEST = 4096
_ALGORITHMS = ["ES256"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts: a client, for an organization; `actor_id` is the delegate when one acts for it."""

    client_id: str
    organization_id: str
    organization_type: OrganizationType
    is_verified: bool
    is_sample: bool
    scopes: frozenset[str]
    uscc: str | None = None
    is_state_owned: bool = False
    actor_id: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether the platform's operator acts."""
        return self.organization_type is OrganizationType.PLATFORM_OPERATOR and "platform:operate" in self.scopes

    @property
    def is_overseer(self) -> bool:
        """Whether a regulator or the operator looks on, who may see what concerns trust, whosever it is."""
        kinds = (OrganizationType.GOVERNMENT, OrganizationType.PLATFORM_OPERATOR)
        return self.is_operator or (self.organization_type in kinds and "oversight:read" in self.scopes)

    def may_touch(self, organization_id: str) -> bool:
        """Whether objects of an organization are open to this caller."""
        return self.organization_id == organization_id or self.is_operator


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller:
    """The authenticated caller of this request."""
    found = _caller.get()
    assert found is not None, "this route is open to anyone; use caller_or_none()"
    return found


def caller_or_none() -> Caller | None:
    """The caller of a route that is readable without a token."""
    return _caller.get()


def _new_key(issuer: str, clock: Clock) -> ECKey:
    kid = f"{issuer}.{clock.now():%Y%m%d%H%M%S}.{secrets.token_hex(4)}"
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


class KeyRing:
    """The keys under `DUIJIE_HOME/keys`: one secret, and signing keys by issuer, newest first.

    Files are mode 0600 and written by rename, so that several processes may share the folder.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secret = self._load_secret()
        self._keys: dict[str, ECKey] = {}
        self.generation = 0  # rises whenever a key comes or goes: what was signed before may not verify any more
        self._verified: OrderedDict[tuple[str, str], tuple[dict[str, Any], float]] = OrderedDict()
        self._refresh()

    def now(self) -> datetime:
        """The instant by which tokens live and end."""
        return self._clock.now()

    def _load_secret(self) -> bytes:
        path = self._folder / "secret"
        if not path.exists():
            self._write(path, secrets.token_hex(32), overwrite=False)
        return bytes.fromhex(path.read_text())

    def _write(self, path: Path, content: str, *, overwrite: bool) -> None:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            if overwrite:
                os.replace(draft, path)
            else:
                os.link(draft, path)  # whoever comes first wins
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)

    def _refresh(self) -> None:
        found = {path.stem: path for path in self._folder.glob("*.jwk")}
        for kid in self._keys.keys() - found.keys():
            del self._keys[kid]
            self.generation += 1
        for kid, path in found.items():
            if kid not in self._keys:
                self.generation += 1
                self._keys[kid] = ECKey.import_key(json.loads(path.read_text()))

    def _of(self, issuer: str) -> list[ECKey]:
        return [key for kid, key in sorted(self._keys.items(), reverse=True) if kid.split(".")[0] == issuer]

    def rotate(self, issuer: str) -> str:
        """A new signing key for an issuer; older ones go on verifying. Answers its id."""
        key = _new_key(issuer, self._clock)
        assert key.kid is not None
        self._write(self._folder / f"{key.kid}.jwk", json.dumps(key.as_dict(private=True)), overwrite=True)
        self._keys[key.kid] = key
        self.generation += 1
        return key.kid

    def retire(self, issuer: str, before: datetime) -> list[str]:
        """Delete the keys of an issuer made before an instant, never its newest; answers their ids."""
        gone = [str(key.kid) for key in self._of(issuer)[1:] if str(key.kid).split(".")[1] < f"{before:%Y%m%d%H%M%S}"]
        for kid in gone:
            (self._folder / f"{kid}.jwk").unlink(missing_ok=True)
            del self._keys[kid]
        self.generation += 1
        self._verified.clear()
        return gone

    def public(self, issuer: str) -> list[dict[str, Any]]:
        """The public halves, newest first, as a JWK set lists them."""
        self._refresh()
        return [dict(key.as_dict(private=False)) for key in self._of(issuer)]

    def sign(self, issuer: str, audience: str, claims: dict[str, Any], seconds: int) -> str:
        """A signed token; makes the issuer's first key when there is none."""
        keys = self._of(issuer)
        if not keys:
            self.rotate(issuer)
            keys = self._of(issuer)
        now = int(self._clock.now().timestamp())
        header = {"alg": "ES256", "kid": keys[0].kid, "typ": "at+jwt"}
        body = {**claims, "iss": issuer, "aud": audience, "iat": now, "exp": now + seconds, "jti": secrets.token_hex(8)}
        return jwt.encode(header, body, keys[0], algorithms=_ALGORITHMS)

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that one of our keys signed for this audience and that has not expired.

        Raises: Unauthenticated, with one message for every cause.
        """
        now = self._clock.now().timestamp()
        if (known := self._verified.get((token, audience))) is not None and now < known[1]:
            return known[0]
        claims = self._check(token, audience, now)
        self._verified[token, audience] = (claims, float(claims["exp"]))
        if len(self._verified) > _CACHED:
            self._verified.popitem(last=False)
        return claims

    def _check(self, token: str, audience: str, now: float) -> dict[str, Any]:
        refused = Unauthenticated(
            "the token is not valid here; get a new one at /v1/oauth/token",
            "令牌无效，请在 /v1/oauth/token 重新获取",
            code="invalid_token",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
        if len(token) > _TOKEN_LONGEST or not token.isascii():
            raise refused
        try:
            header = _header(token)
            kid = header.get("kid")
            if set(header) != {"alg", "kid", "typ"} or header["typ"] != "at+jwt" or not isinstance(kid, str):
                raise refused
            if kid not in self._keys:
                self._refresh()
            if kid not in self._keys:
                raise refused
            claims = dict(jwt.decode(token, self._keys[kid], algorithms=_ALGORITHMS).claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise refused from error
        times = claims.get("iat"), claims.get("exp")
        if any(type(at) is not int or not 0 <= at < 1 << 40 for at in times):
            raise refused
        if claims["exp"] <= now or claims["iat"] > now + LEEWAY_S:
            raise refused
        if claims.get("aud") != audience or claims.get("iss") != kid.split(".")[0]:
            raise refused
        if not isinstance(claims.get("scope"), str) or not isinstance(claims.get("sub"), str):
            raise refused
        if claims["iss"] != "gateway" and claims["scope"] != SERVICE_SCOPE:
            raise refused
        return claims


def _header(token: str) -> dict[str, Any]:
    first = token.split(".", 1)[0]
    header = json.loads(base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_", validate=True))
    if not isinstance(header, dict):
        raise ValueError("header is not an object")
    return header


def claims_of(subject: Caller) -> dict[str, Any]:
    """The claims that carry a caller from the gateway to a service."""
    return {
        "sub": subject.client_id,
        "org": subject.organization_id,
        "act": subject.actor_id,
        "scope": " ".join(sorted(subject.scopes)),
        "org_type": subject.organization_type.value,
        "verified": subject.is_verified,
        "sample": subject.is_sample,
        "uscc": subject.uscc,
        "state_owned": subject.is_state_owned,
    }


def caller_of(claims: dict[str, Any]) -> Caller:
    """The caller behind verified claims; a service that calls for itself has its name as organization."""
    return Caller(
        client_id=claims["sub"],
        organization_id=claims.get("org") or claims["sub"],
        organization_type=OrganizationType(claims.get("org_type", OrganizationType.PLATFORM_OPERATOR)),
        is_verified=bool(claims.get("verified")),
        is_sample=bool(claims.get("sample")),
        scopes=frozenset(claims["scope"].split(" ")),  # split(" "): split() would split at no-break blanks too
        uscc=claims.get("uscc"),
        is_state_owned=bool(claims.get("state_owned")),
        actor_id=claims.get("act"),
    )


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header, None without one.

    Raises: Unauthenticated, for another scheme.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(
            "send the token as `Authorization: Bearer <token>`",
            "请以 Authorization: Bearer <令牌> 的形式发送令牌",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return token


def basic(authorization: str) -> tuple[str, str] | None:
    """Client id and secret of an HTTP Basic header (RFC 6749, section 2.3.1: both form-encoded)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return unquote_plus(client_id), unquote_plus(secret)


def become(who: Caller | None) -> None:
    """Make somebody the caller of this request."""
    _caller.set(who)


def admit(access: Access, who: Caller | None, idempotency_key: str | None) -> None:
    """Let a caller through to a route, or say why not.

    Raises: Unauthenticated without a token; Forbidden for a missing scope, the wrong kind of
    organization, an unverified one at a legal act; NotFound where only services may look;
    BadRequest for a legal act without Idempotency-Key.
    """
    if access.relation is Relation.SERVICE:
        if who is None or SERVICE_SCOPE not in who.scopes:
            raise NotFound("no such address", "没有这个地址")
        return
    if access.scope is None:
        return
    if who is None:
        raise Unauthenticated(
            "this needs a token; get one at /v1/oauth/token",
            "需要令牌，请在 /v1/oauth/token 获取",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if access.scope not in who.scopes:
        raise Forbidden(
            f"the token lacks the scope {access.scope}",
            f"令牌缺少权限范围 {access.scope}",
            code="insufficient_scope",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{access.scope}"'},
        )
    if access.types is not None and who.organization_type not in access.types:
        raise Forbidden(
            f"an organization of type {who.organization_type} may not do this",
            f"{who.organization_type} 类型的组织不能进行此操作",
            code="organization_type",
        )
    if access.is_act:
        if not who.is_verified:
            raise Forbidden(
                "only a verified organization performs legal acts; the operator verifies yours",
                "只有通过核验的组织才能实施法律行为，请等待平台核验",
                code="organization_not_verified",
            )
        if idempotency_key is None:
            raise BadRequest(
                "a legal act needs an Idempotency-Key header, so that a retry has no second effect",
                "法律行为须带 Idempotency-Key 请求头，以免重试产生两次效果",
                code="idempotency_key_missing",
            )


class ServiceToken:
    """A service's own token for another, renewed before it runs out."""

    def __init__(self, keys: KeyRing, issuer: str, audience: str, clock: Clock) -> None:
        self._keys, self._issuer, self._audience, self._clock = keys, issuer, audience, clock
        self._token, self._until = "", clock.now()

    def __call__(self) -> str:
        """A token with at least a third of its life before it."""
        if not self._token or self._clock.now() >= self._until:
            claims = {"sub": self._issuer, "scope": SERVICE_SCOPE}
            self._token = self._keys.sign(self._issuer, self._audience, claims, INWARD_S)
            self._until = self._clock.now() + timedelta(seconds=INWARD_S * 2 / 3)
        return self._token
