"""Payments as they are shown and told of, whatever they pay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert

from services.licensing import models
from services.licensing.rules import payment as rules
from services.licensing.rules import terms
from services.licensing.rules.payment import PaymentAct
from services.licensing.service.declarations import offered
from shared.auth import Caller
from shared.clock import legal_day
from shared.contracts.access import OrganizationType
from shared.contracts.licensing import Payment, PaymentState, Refund
from shared.contracts.values import Money
from shared.db import Tx
from shared.feed import change


def money(fen: int) -> Money:
    """Whole fen as money; of sums, which may be larger than anything that is taken in."""
    return Money.model_construct(amount=terms.yuan(fen))


def nobody(name: str) -> Caller:
    """Who acts where no person does: a provider by its notice, a payee by its silence. It may touch nothing of anybody's."""
    return Caller(name, name, OrganizationType.SERVICE_AGENCY, True, False, frozenset())


def kept_fen(row: Row[Any]) -> int:
    """What of a payment was not returned, in fen."""
    return int(row.fen - row.refunded_fen)


async def all_shown(tx: Tx, rows: Sequence[Row[Any]], by: Caller) -> list[Payment]:
    """Payments with what was returned of them."""
    returned = await models.refunds_of(tx, [row.id for row in rows if row.refunded_fen])
    return [shown(row, returned.get(row.id, ()), by) for row in rows]


def shown(row: Row[Any], returned: Sequence[Row[Any]], by: Caller) -> Payment:
    """A payment, with what the caller may do about it."""
    root, state = f"/v1/payments/{row.id}", PaymentState(row.state)
    steps = [PaymentAct.WITHDRAWAL] if by.organization_id == row.organization_id else []
    if by.may_touch(row.payee_id):
        steps += [step for step in PaymentAct if step is not PaymentAct.WITHDRAWAL]
    if not by.is_operator:
        steps = [step for step in steps if step is not PaymentAct.RESOLUTION]
    return Payment(
        **{
            name: row._mapping[name]
            for name in (
                "id", "external_id", "version", "created_at", "updated_at", "organization_id", "payee_id",
                "request_id", "license_id", "item_id", "paid_on", "reference", "document_ids", "reason", "answer_by",
                "settled_by", "reported",
            )
        },
        amount=money(row.fen),
        state=state,
        refunded=money(row.refunded_fen),
        refunds=[_refund(one) for one in returned],
        available_acts=[
            offered(
                step.value,
                f"{root}/{step.value}",
                rules.act_is_open(step, state)
                or (None if step is PaymentAct.WITHDRAWAL else rules.is_found_by_another(row.organization_id, by.organization_id)),
            )
            for step in steps
        ],
    )  # fmt: skip


def _refund(one: Row[Any]) -> Refund:
    return Refund(
        **{
            name: one._mapping[name]
            for name in (
                "id", "external_id", "version", "created_at", "updated_at", "organization_id", "payment_id", "paid_on",
                "reference", "document_ids",
            )
        },
        amount=money(one.fen),
    )  # fmt: skip


async def tell(tx: Tx, row: Row[Any], past: str, by: Caller, now: datetime, detail: dict[str, Any]) -> None:
    """Record what was done about a payment and tell both sides of it."""
    await tx.execute(
        insert(models.act).values(
            subject=row.id, act=past, on=legal_day(now), at=now, by=by.client_id, organization_id=by.organization_id,
            actor_id=by.actor_id, detail=detail,
        )
    )  # fmt: skip
    data = {
        "request_id": row.request_id, "license_id": row.license_id, "amount": terms.yuan(row.fen),
        "paid_on": row.paid_on.isoformat(), "settled_by": row.settled_by, "refunded": terms.yuan(row.refunded_fen),
    }  # fmt: skip
    told = [change(f"payment.{past}", row.id, audience, now, data) for audience in (row.organization_id, row.payee_id)]
    await models.feed.append(tx, told)
