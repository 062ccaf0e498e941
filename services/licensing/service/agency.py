"""Dual agency 双方代理: delegates that act for both sides of a deal, and the principals that have consented to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select

from services.licensing import models
from services.licensing.rules import offer as rules
from shared.auth import Caller
from shared.clock import legal_day
from shared.contracts.licensing import AgencyConsentDraft, Side
from shared.db import Tx
from shared.errors import InvalidInput
from shared.feed import change
from shared.rulebook import Refusal

_CONSENTED = "agency_consented"
_ALL_CONSENTED = (_CONSENTED, f"inquiry.{_CONSENTED}")


def by_principal(by: Caller) -> None:
    """Only a principal itself consents to a delegate of both sides. Raises: InvalidInput."""
    if by.actor_id is not None:
        raise InvalidInput(
            "consent yourself, and not through a delegate: use a client of your own organization",
            "该同意须由被代理人本人作出，请使用本机构的客户端",
            code="principal_only",
        )


async def consent(
    tx: Tx, kind: str, subject: str, licensor_id: str, said: AgencyConsentDraft, by: Caller, now: datetime
) -> None:
    """Record that one side of what is taken under standing terms consents to a delegate; the other is the licensor."""
    by_principal(by)
    detail = {"delegate_id": said.delegate_id}
    act = {
        "subject": subject, "act": _CONSENTED, "on": legal_day(now), "at": now, "by": by.client_id,
        "organization_id": by.organization_id, "detail": detail,
    }  # fmt: skip
    await tx.execute(insert(models.act).values(act))
    told = {"delegate_id": said.delegate_id, "organization_id": by.organization_id}
    audiences = sorted({by.organization_id, licensor_id})
    await models.feed.append(tx, [change(f"{kind}.{_CONSENTED}", subject, who, now, {**told}) for who in audiences])


async def against(tx: Tx, subjects: Sequence[str], licensor_id: str, licensee_id: str, by: Caller) -> Refusal | None:
    """DUAL-AGENCY: who acts for a side, who has acted for the other, and which of them has consented to it.

    `subjects` are what the acts of the deal were done to, see `of_inquiry` and `of_license`.
    """
    if by.actor_id is None:
        return None
    other, act = licensee_id if by.organization_id == licensor_id else licensor_id, models.act
    found = await tx.execute(
        select(act.c.act, act.c.actor_id, act.c.organization_id, act.c.detail).where(
            act.c.subject.in_(subjects), or_(act.c.organization_id == other, act.c.act.in_(_ALL_CONSENTED))
        )
    )
    rows = found.all()
    sides = {licensor_id: Side.LICENSOR, licensee_id: Side.LICENSEE}
    consented = [
        sides[one.organization_id]
        for one in rows
        if one.act in _ALL_CONSENTED and one.organization_id in sides and one.detail["delegate_id"] == by.actor_id
    ]
    acted = {one.actor_id for one in rows if one.act not in _ALL_CONSENTED}
    return rules.agent_serves_one_side(by.actor_id, {other, *acted}, consented)


async def against_license(tx: Tx, row: Row[Any], by: Caller) -> Refusal | None:
    """DUAL-AGENCY, under a license."""
    return await against(tx, await of_license(tx, row), row.licensor_id, row.organization_id, by)


async def of_inquiry(tx: Tx, id_: str) -> list[str]:
    """A negotiation and its offers."""
    table = models.offer
    return [id_, *(await tx.scalars(select(table.c.id).where(table.c.inquiry_id == id_)))]


async def of_license(tx: Tx, row: Row[Any]) -> list[str]:
    """A license, and what it was agreed, taken or given by."""
    if row.source_type == "OFFER":
        offer = models.offer
        agreed_in = (await tx.execute(select(offer.c.inquiry_id).where(offer.c.id == row.source_id))).scalar_one()
        return [row.id, *await of_inquiry(tx, agreed_in)]
    table, terms = _TAKEN_UNDER[row.source_type]
    return [row.id, row.source_id, await tx.scalar(select(table.c[terms]).where(table.c.id == row.source_id))]


_TAKEN_UNDER = {
    "OPEN_LICENSE": (models.request, "declaration_id"),
    "QUICK_LICENSE": (models.quick_request, "offer_id"),
}
