"""Clients: programs that act for an organization, their secrets, and the tokens they get."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from services.gateway import models, rules
from services.gateway.service.organizations import no_organization, refuse
from shared.auth import PUBLIC_AUDIENCE, PUBLIC_S, Caller, KeyRing
from shared.clock import Clock
from shared.contracts.access import OrganizationType
from shared.contracts.gateway import (
    Client,
    ClientDraft,
    ClientSecret,
    SigningKey,
    Token,
    Verification,
)
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import BadRequest, Forbidden, NotFound, Unauthenticated
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.seal import Seal
from shared.together import Together

KEY_PREFIX = "djk_"  # of a client secret, so that scanners for leaked secrets can know it
REMEMBERED_S = 5.0  # a revoked client is refused at most this much later


class Clients:
    """Use cases on clients."""

    def __init__(self, db: Database, acts: Idempotency, keys: KeyRing, clock: Clock) -> None:
        self._db, self._acts, self._keys, self._clock = db, acts, keys, clock
        self._seal = Seal(keys.secret, "client secret")
        self._rows = Together(self._fetch)  # a crowd of one client asks once
        self._remembered: dict[str, tuple[Caller, float]] = {}

    def _new_secret(self, client_id: str) -> tuple[str, bytes]:
        secret = f"{KEY_PREFIX}{client_id.removeprefix('cli_')}_{secrets.token_urlsafe(32)}"
        return secret, self._seal.mark(secret.encode())

    async def make(self, organization_id: str, draft: ClientDraft, by: Caller) -> ClientSecret:
        """Make a client; its secret is shown this once.

        Raises: InvalidInput ORG-SCOPE for a scope that it cannot have.
        """
        self._for_itself(by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._organization(tx, organization_id, by)
            allowed = rules.grantable(OrganizationType(row.type))
            if not by.is_operator:
                allowed &= by.scopes  # nobody gives what it does not have
            scopes = frozenset(draft.scopes) if draft.scopes is not None else allowed
            refuse(rules.may_hold(scopes, allowed))
            answer = await self.insert(tx, organization_id, draft.name, sorted(scopes))
            return await self._acts.answer(tx, answer, secret=True)

    async def insert(self, tx: Tx, organization_id: str, name: str, scopes: list[str]) -> ClientSecret:
        """A client's row with a fresh secret."""
        now, id_ = self._clock.now(), new_id("cli")
        secret, mark = self._new_secret(id_)
        await tx.execute(
            insert(models.client).values(
                id=id_, organization_id=organization_id, name=name, scopes=scopes, secret_mark=mark, created_at=now
            )
        )
        await models.feed.append(tx, [change("client.created", id_, organization_id, now, {"scopes": list(scopes)})])
        return ClientSecret(
            client_id=id_,
            organization_id=organization_id,
            name=name,
            scopes=scopes,
            created_at=now,
            revoked_at=None,
            client_secret=secret,
        )

    def _for_itself(self, by: Caller) -> None:
        """A delegate makes no credentials of its principal: they would outlive the mandate."""
        if by.actor_id is not None:
            raise Forbidden(
                "a delegate cannot make or change its principal's clients",
                "受托方不能创建或更改委托方的客户端",
                code="not_by_delegate",
            )

    async def _organization(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.organization).where(models.organization.c.id == id_))).first()
        if row is None or not by.may_touch(id_):
            raise no_organization()
        return row

    async def page(self, organization_id: str, by: Caller) -> Page[Client]:
        """An organization's clients, without secrets."""
        async with self._db.read() as tx:
            await self._organization(tx, organization_id, by)
            found = await tx.execute(
                select(models.client)
                .where(models.client.c.organization_id == organization_id)
                .order_by(models.client.c.created_at.desc(), models.client.c.id)
            )
            return Page(items=[_client(row) for row in found])

    async def rotate(self, organization_id: str, client_id: str, overlap_hours: int, by: Caller) -> ClientSecret:
        """A new secret; the old one goes on working for the overlap."""
        self._for_itself(by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._own(tx, organization_id, client_id, by)
            secret, mark = self._new_secret(client_id)
            await tx.execute(
                update(models.client)
                .where(models.client.c.id == client_id)
                .values(
                    secret_mark=mark,
                    previous_mark=row.secret_mark,
                    previous_until=now + timedelta(hours=overlap_hours),
                )
            )
            answer = ClientSecret(**_client(row).model_dump(), client_secret=secret)
            await models.feed.append(tx, [change("client.rotated", client_id, organization_id, now, {})])
            return await self._acts.answer(tx, answer, secret=True)

    async def revoke(self, organization_id: str, client_id: str, by: Caller) -> None:
        """End a client; its tokens are refused within seconds."""
        self._for_itself(by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._own(tx, organization_id, client_id, by)
            await tx.execute(update(models.client).where(models.client.c.id == client_id).values(revoked_at=now))
            await models.feed.append(tx, [change("client.revoked", client_id, organization_id, now, {})])
        self._remembered.pop(client_id, None)

    async def _own(self, tx: Tx, organization_id: str, client_id: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.client).where(models.client.c.id == client_id).with_for_update())).first()
        if row is None or row.organization_id != organization_id or not by.may_touch(organization_id) or row.revoked_at:
            raise NotFound("there is no such client", "没有该客户端")
        return row

    async def token(self, client_id: str, secret: str, scope: str | None) -> Token:
        """A token for a client that knows its secret, with the scopes asked for, or all it has.

        Raises: Unauthenticated, whatever is wrong with id or secret; BadRequest invalid_scope.
        """
        who = await self._checked(client_id, secret)
        asked = frozenset(scope.split(" ")) - {""} if scope else who.scopes
        if beyond := sorted(asked - who.scopes):
            named = ", ".join(beyond)[:200]
            raise BadRequest(
                f"the client does not hold: {named}",
                f"客户端没有以下权限范围：{named}",
                code="invalid_scope",
                error="invalid_scope",
            )
        granted = " ".join(sorted(asked))
        token = self._keys.sign("gateway", PUBLIC_AUDIENCE, {"sub": client_id, "scope": granted}, PUBLIC_S)
        return Token(access_token=token, expires_in=PUBLIC_S, scope=granted)

    async def _checked(self, client_id: str, secret: str) -> Caller:
        row = await self._rows.get(client_id)
        mark = self._seal.mark(secret.encode())
        marks = []
        if row is not None:
            marks = [row.secret_mark]
            if row.previous_until and row.previous_until > self._clock.now():
                marks.append(row.previous_mark)
        if row is None or not any(secrets.compare_digest(mark, bytes(known)) for known in marks):
            raise Unauthenticated(
                "client_id or client_secret is wrong",
                "client_id 或 client_secret 不正确",
                code="invalid_client",
                error="invalid_client",
                headers={"WWW-Authenticate": 'Basic realm="duijie"'},
            )
        return _caller(row)

    async def _fetch(self, client_ids: list[str]) -> Mapping[str, Row[Any]]:
        """Clients that were not revoked, with what is known of their organizations."""
        client, organization = models.client, models.organization
        known = (organization.c[name] for name in ("type", "verification", "is_sample", "uscc", "state_owned"))
        async with self._db.read() as tx:
            found = await tx.execute(
                select(client, *known)
                .join(organization, organization.c.id == client.c.organization_id)
                .where(client.c.id.in_(client_ids), client.c.revoked_at.is_(None))
            )
            return {row.id: row for row in found}

    async def by_key(self, key: str) -> Caller:
        """The caller behind an API key: a client secret sent as bearer token."""
        client_id = "cli_" + key.removeprefix(KEY_PREFIX).partition("_")[0]
        return await self._checked(client_id, key)

    async def current(self, client_id: str) -> Caller:
        """A client as it is now, remembered for a few seconds.

        Raises: Unauthenticated, when it was revoked.
        """
        known = self._remembered.get(client_id)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        row = await self._rows.get(client_id)
        if row is None:
            self._remembered.pop(client_id, None)
            raise Unauthenticated("this client was revoked", "该客户端已被撤销", code="invalid_token")
        found = _caller(row)
        if len(self._remembered) > 10_000:
            self._remembered.clear()
        self._remembered[client_id] = (found, time.monotonic() + REMEMBERED_S)
        return found

    async def rotate_signing_key(self, keep: timedelta) -> SigningKey:
        """A new key to sign with; keys older than `keep` stop verifying."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            kid = self._keys.rotate("gateway")
            made = SigningKey(kid=kid, retired=self._keys.retire("gateway", now - keep))
            return await self._acts.answer(tx, made)


def _client(row: Row[Any]) -> Client:
    return Client(
        client_id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        scopes=row.scopes,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


def _caller(row: Row[Any]) -> Caller:
    return Caller(
        client_id=row.id,
        organization_id=row.organization_id,
        organization_type=OrganizationType(row.type),
        is_verified=row.verification == Verification.VERIFIED,
        is_sample=row.is_sample,
        scopes=frozenset(row.scopes),
        uscc=row.uscc,
        is_state_owned=row.state_owned,
    )
