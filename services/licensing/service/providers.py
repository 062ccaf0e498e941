"""Payment providers: registered by the operator, known by their signatures; what they find is money that has arrived."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select

from services.licensing import models
from services.licensing.rules import provider as rules
from services.licensing.service.money import money, nobody
from services.licensing.service.payments import PaidFor, Payments, transfer_of
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.payments import Paged, PaymentNotice, PaymentTaken, Provider, ProviderDraft, ProviderSecret
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.seal import Seal


@dataclass(frozen=True, slots=True)
class SignedBy:
    """The provider whose signature a message bears, and the message's id."""

    provider_id: str
    message_id: str
    fingerprint: str


class Providers:
    """Use cases on payment providers and their notices."""

    def __init__(
        self, db: Database, payments: Payments, acts: Idempotency, cursors: Cursors, secret: bytes, clock: Clock
    ) -> None:
        self._db, self._payments, self._acts, self._cursors, self._clock = db, payments, acts, cursors, clock
        self._seal = Seal(secret, "payment provider")

    # The register

    async def register(self, draft: ProviderDraft, by: Caller) -> ProviderSecret:
        """Register a provider; its secret is shown this once."""
        now, secret, table = self._clock.now(), _new_secret(), models.payment_provider
        values = {
            "id": new_id("ppr"), "organization_id": by.organization_id, "version": 1, "created_at": now,
            "updated_at": now, "name": draft.name, "payee_ids": draft.payee_ids,
            "secret": self._seal.close(secret.encode()),
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            await _tell(tx, made, "registered", by, now)
            return await self._acts.answer(tx, ProviderSecret(**_fields(made), secret=secret), secret=True)

    async def rotate(self, id_: str, overlap_hours: int, by: Caller) -> ProviderSecret:
        """A new secret; the one before goes on counting for the overlap."""
        now, secret, table = self._clock.now(), _new_secret(), models.payment_provider
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._row(tx, id_, standing=True)
            made = await models.changed(
                tx, table, row, now, secret=self._seal.close(secret.encode()), previous_secret=row.secret,
                previous_until=now + timedelta(hours=overlap_hours),
            )  # fmt: skip
            await _tell(tx, made, "rotated", by, now)
            return await self._acts.answer(tx, ProviderSecret(**_fields(made), secret=secret), secret=True)

    async def retire(self, id_: str, by: Caller) -> Provider:
        """From now on a provider's notices count for nothing; what they settled stays settled."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._row(tx, id_, standing=True)
            made = await models.changed(tx, models.payment_provider, row, now, retired_at=now)
            await _tell(tx, made, "retired", by, now)
            return await self._acts.answer(tx, Provider(**_fields(made)))

    async def get(self, id_: str) -> Provider:
        """A provider, without its secret."""
        async with self._db.read() as tx:
            found = (await tx.execute(_by_id(id_))).first()
        if found is None:
            raise _no_provider()
        return Provider(**_fields(found))

    async def page(self, query: Paged) -> Page[Provider]:
        """All providers, newest first."""
        table = models.payment_provider
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table), (table.c.created_at, table.c.id), ("payment-providers",), query.after, query.limit
            )
            total = await tx.scalar(select(func.count()).select_from(table)) if query.count else None
        return Page(items=[Provider(**_fields(row)) for row in rows], next=more, count=total)

    async def _row(self, tx: Tx, id_: str, *, standing: bool) -> Row[Any]:
        row = (await tx.execute(_by_id(id_).with_for_update())).first()
        if row is None:
            raise _no_provider()
        if standing and row.retired_at is not None:
            raise Conflict("this provider is retired; register it anew", "该支付机构已停用，请重新登记")
        return row

    # Their notices

    async def signed_by(self, message_id: str, timestamp: str, signatures: str, body: bytes) -> SignedBy:
        """Whose notice it is. Raises: Unauthenticated, with one message for every cause."""
        now, table = self._clock.now(), models.payment_provider
        async with self._db.read() as tx:
            known = (await tx.execute(select(table).where(table.c.retired_at.is_(None)).order_by(table.c.id))).all()
        for row in known:
            if rules.is_signed(self._secrets(row, now), message_id, timestamp, body, signatures, now):
                return SignedBy(row.id, message_id, self._seal.mark(body).hex())
        raise Unauthenticated(
            "this is not signed as a registered provider signs, or not within five minutes",
            "签名无效：不是已登记支付机构的签名，或已超过五分钟",
            code="invalid_signature",
        )

    def _secrets(self, row: Row[Any], now: datetime) -> list[str]:
        sealed = [row.secret]
        if row.previous_until is not None and row.previous_until > now:
            sealed.append(row.previous_secret)
        return [opened.decode() for one in sealed if (opened := self._seal.open(one)) is not None]

    async def take(self, notice: PaymentNotice, signed: SignedBy) -> PaymentTaken:
        """Settle what a provider has found; the same notice again is the same payment and the same answer.

        Raises: NotFound, also for a payee that the provider does not serve; Conflict for another body under one id;
        InvalidInput PAY-SUBJECT; RuleRefused PAY-AMOUNT, PAY-DAY, PAY-TWICE, PAY-DIFFERS.
        """
        if no := rules.names_one_thing(notice):
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
        now = self._clock.now()
        # A message's id is to its sender what an Idempotency-Key is to a client.
        context.command.set(context.Command(signed.provider_id, signed.message_id, signed.fingerprint))
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            provider = (await tx.execute(_by_id(signed.provider_id))).one()
            subject = await self._subject(tx, notice)
            serves = provider.payee_ids is None or (subject and subject.row.licensor_id in provider.payee_ids)
            if subject is None or not serves:
                raise NotFound("there is nothing to be paid by this id", "没有该编号的应付事项")
            made = await self._payments.arrived(
                tx, subject, notice.payment_id, transfer_of(notice), nobody(provider.id), now
            )
            taken = {
                name: made._mapping[name] for name in ("request_id", "license_id", "paid_on", "reference", "state")
            }
            return await self._acts.answer(tx, PaymentTaken(payment_id=made.id, amount=money(made.fen), **taken))

    async def _subject(self, tx: Tx, notice: PaymentNotice) -> PaidFor | None:
        """What a notice pays, locked."""
        if notice.payment_id is not None:
            table = models.payment
            seen = (await tx.execute(select(table).where(table.c.id == notice.payment_id))).first()
            return None if seen is None else await self._payments.paid_for(tx, seen)
        if notice.request_id is not None:
            return await self._payments.payable(tx, "request_id", notice.request_id)
        assert notice.license_id is not None
        return await self._payments.payable(tx, "license_id", notice.license_id)


def _new_secret() -> str:
    return rules.WHSEC + base64.b64encode(secrets.token_bytes(32)).decode()


def _no_provider() -> NotFound:
    return NotFound("there is no such payment provider", "没有该支付机构")


def _by_id(id_: str) -> Any:
    return select(models.payment_provider).where(models.payment_provider.c.id == id_)


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {name: row._mapping[name] for name in Provider.model_fields}


async def _tell(tx: Tx, row: Row[Any], past: str, by: Caller, now: datetime) -> None:
    act = {
        "subject": row.id, "act": past, "on": legal_day(now), "at": now, "by": by.client_id,
        "organization_id": by.organization_id, "detail": {"name": row.name},
    }  # fmt: skip
    await tx.execute(insert(models.act).values(act))
    data = {"name": row.name}
    await models.feed.append(tx, [change(f"payment_provider.{past}", row.id, row.organization_id, now, data)])
