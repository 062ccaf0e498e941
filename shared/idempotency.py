"""Acts that may be sent again: one key, one effect, one answer, in the transaction of the effect.

A use case calls `claim` first and `answer` last, inside its own transaction. Two requests with one
key meet at the primary key: the second waits for the first to commit and then repeats its answer, or
takes over when the first was rolled back. A refused act leaves nothing behind and may be tried again.
Answers are stored encrypted; one that bears a secret for 24 hours, others for 30 days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    delete,
    select,
    update,
)

from shared import context
from shared.contracts.wire import Resource
from shared.db import Tx, first, last
from shared.errors import Conflict
from shared.seal import Seal

M = TypeVar("M", bound=BaseModel)

KEPT = timedelta(days=30)
KEPT_SECRET = timedelta(hours=24)


class Replayed(Exception):
    """The act was done before: here is the answer that was given then."""

    def __init__(self, status: int | None, body: bytes, etag: str | None) -> None:
        super().__init__("replayed")
        self.status, self.body, self.etag = status, body, etag


def table(meta: MetaData) -> Table:
    """The table of acts done, for a service's metadata."""
    return Table(
        "idempotency",
        meta,
        Column("organization_id", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("status", SmallInteger),
        Column("body", LargeBinary),
        Column("etag", Text),
        Column("is_secret", Boolean, nullable=False, default=False),
        Column("at", DateTime(timezone=True), nullable=False),
    )


class Idempotency:
    """The acts of one service."""

    def __init__(self, acts: Table, secret: bytes) -> None:
        self._acts, self._seal = acts, Seal(secret, "idempotency")
        name = acts.fullname
        self._claim = f"""
            INSERT INTO {name} (organization_id, key, fingerprint, is_secret, at)
            VALUES (%(organization_id)s, %(key)s, %(fingerprint)s, false, %(at)s)
            ON CONFLICT DO NOTHING RETURNING 1
        """  # noqa: S608 - our own table
        self._answer = f"""
            UPDATE {name} SET status = %(status)s, body = %(body)s, etag = %(etag)s, is_secret = %(is_secret)s
            WHERE organization_id = %(organization_id)s AND key = %(key)s
        """  # noqa: S608 - our own table

    async def claim(self, tx: Tx, now: datetime) -> None:
        """Make this request's key ours. Without a key, nothing.

        Raises: Replayed, when the act was done; Conflict, when the key was used for another request.
        """
        if (command := context.command.get()) is None:
            return
        values = {
            "organization_id": command.organization_id, "key": command.key, "fingerprint": command.fingerprint,
            "at": now,
        }  # fmt: skip
        if await first(tx, self._claim, values):
            return
        key = and_(self._acts.c.organization_id == command.organization_id, self._acts.c.key == command.key)
        done = (await tx.execute(select(self._acts).where(key))).one()
        if done.fingerprint != command.fingerprint:
            raise Conflict(
                "this Idempotency-Key was used for another request; use a new key",
                "该 Idempotency-Key 已用于另一请求，请换用新的键",
                code="idempotency_key_reused",
            )
        body = self._seal.open(done.body) if done.body else None
        if body is None:
            raise Conflict(
                "this act was done; its answer bore a secret and is no longer kept",
                "该操作已完成；其答复含有密钥，现已不再保存",
                code="idempotency_answer_expired",
            )
        raise Replayed(done.status, body, done.etag)

    async def answer(self, tx: Tx, reply: M, *, status: int | None = None, secret: bool = False) -> M:
        """Keep the answer with the act, and give it back to be sent."""
        if (command := context.command.get()) is not None:
            values = {
                "organization_id": command.organization_id, "key": command.key, "status": status,
                "body": self._seal.close(reply.model_dump_json().encode()),
                "etag": reply.etag if isinstance(reply, Resource) else None, "is_secret": secret,
            }  # fmt: skip
            last(tx, self._answer, values)
        return reply

    async def forget(self, tx: Tx, now: datetime) -> None:
        """Drop what retention has ended: secrets after a day, acts after thirty."""
        acts = self._acts
        await tx.execute(update(acts).where(and_(acts.c.is_secret, acts.c.at < now - KEPT_SECRET)).values(body=None))
        await tx.execute(delete(acts).where(acts.c.at < now - KEPT))
