"""Dual agency 双方代理: delegates of standing terms' two sides, and the principals that have consented to one of both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, or_, select

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


async def against(
    tx: Tx, subjects: Sequence[str], licensor_id: str, licensee_id: str, side: Side, by: Caller
) -> Refusal | None:
    """DUAL-AGENCY: who acts for a side, who has acted for the other, and which of them has consented to it."""
    if by.actor_id is None:
        return None
    other, act = licensor_id if side is Side.LICENSEE else licensee_id, models.act
    found = await tx.execute(
        select(act.c.act, act.c.actor_id, act.c.organization_id, act.c.detail).where(
            act.c.subject.in_(subjects), or_(act.c.organization_id == other, act.c.act == _CONSENTED)
        )
    )
    rows = found.all()
    sides = {licensor_id: Side.LICENSOR, licensee_id: Side.LICENSEE}
    consented = [
        sides[one.organization_id]
        for one in rows
        if one.act == _CONSENTED and one.organization_id in sides and one.detail["delegate_id"] == by.actor_id
    ]
    acted = {one.actor_id for one in rows if one.act != _CONSENTED}
    return rules.agent_serves_one_side(by.actor_id, {other, *acted}, consented)
