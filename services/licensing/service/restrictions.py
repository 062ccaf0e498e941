"""What an order against a party keeps the caller from, as acts are shown: as far as oversight's feed has told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from services.licensing import models
from services.licensing.rules import parties
from shared.auth import Caller
from shared.db import Tx
from shared.rulebook import Refusal


async def bars(
    tx: Tx, deals: Sequence[Row[Any]], by: Caller | None, today: date
) -> Callable[[Row[Any]], Refusal | None]:
    """What keeps the caller from something new with the parties of a deal, as it is shown: PARTY-RESTRICTED.

    In one statement for all `deals`. Whoever is nobody yet is told when it acts.
    """
    if by is None:
        return lambda deal: None
    acting = {by.organization_id, by.actor_id}
    orders = await models.orders.known(tx, acting.union(*map(_sides, deals)), today)

    def against(deal: Row[Any]) -> Refusal | None:
        concerned = acting | _sides(deal)
        found = [one for one in orders if one.organization_id in concerned]
        return parties.nobody_is_restricted(found, by.organization_id)

    return against


def _sides(deal: Row[Any]) -> set[str | None]:
    return {deal.organization_id, deal._mapping.get("licensor_id")}
