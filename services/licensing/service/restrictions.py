"""Who may not deal: what oversight's feed has told. What it says when it is asked afresh, see `Targets.orders`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import parties
from services.licensing.service.targets import Targets
from shared.auth import Caller
from shared.contracts.feed import Change, FeedPage
from shared.contracts.oversight import BasisKind, PartyOrder
from shared.db import Database, Tx
from shared.feed import follow
from shared.rulebook import Refusal

FEED = "oversight"  # the cursor's name
HEARD = ("party.restricted", "party.restriction_lifted")


class Restrictions:
    """Follows oversight."""

    def __init__(self, db: Database, targets: Targets) -> None:
        self._db, self._targets = db, targets

    async def follow(self) -> None:
        """Loop: orders and their lifting are known here too."""

        async def fetch(at: int) -> FeedPage:
            return await self._targets.told(at, HEARD)

        await follow(name=FEED, service="licensing", fetch=fetch, start=self._start, apply=self._apply)

    async def _start(self) -> tuple[str | None, int]:
        async with self._db.read() as tx:
            return await models.feed.cursor(tx, FEED)

    async def _apply(self, page: FeedPage, seen: int) -> int:
        """Note the orders of a page, in the transaction that moves the cursor."""
        to = page.items[-1].position
        async with self._db.write() as tx:
            if not await models.feed.advance(tx, FEED, page.epoch, seen=seen, to=to):
                return (await models.feed.cursor(tx, FEED))[1]
            for each in page.items:
                await _note(tx, each)
        return to


async def _note(tx: Tx, said: Change) -> None:
    table = models.party_order
    if said.type == "party.restriction_lifted":
        await tx.execute(update(table).where(table.c.id == said.subject).values(lifted_at=said.at))
        return
    order = PartyOrder.model_validate(said.data)
    values = {
        "id": order.id, "organization_id": order.organization_id, "kind": order.kind, "first_day": order.from_,
        "last_day": order.until,
    }  # fmt: skip
    await tx.execute(insert(table).values(values).on_conflict_do_nothing())


async def known(tx: Tx, organization_ids: Iterable[str | None], today: date) -> list[PartyOrder]:
    """The orders against some parties that stand on a day, as far as we have heard."""
    table = models.party_order
    ids = sorted({id_ for id_ in organization_ids if id_})
    found = await tx.execute(select(table).where(table.c.organization_id.in_(ids), stands(today)).order_by(table.c.id))
    return [
        PartyOrder(
            id=row.id,
            organization_id=row.organization_id,
            kind=BasisKind(row.kind),
            **{"from": row.first_day},
            until=row.last_day,
        )
        for row in found
    ]


async def bars(
    tx: Tx, deals: Sequence[Row[Any]], by: Caller | None, today: date
) -> Callable[[Row[Any]], Refusal | None]:
    """What keeps the caller from something new with the parties of a deal, as it is shown: PARTY-RESTRICTED.

    In one statement for all `deals`. Whoever is nobody yet is told when it acts.
    """
    if by is None:
        return lambda deal: None
    acting = {by.organization_id, by.actor_id}
    orders = await known(tx, acting.union(*map(_sides, deals)), today)

    def against(deal: Row[Any]) -> Refusal | None:
        concerned = acting | _sides(deal)
        found = [one for one in orders if one.organization_id in concerned]
        return parties.nobody_is_restricted(found, by.organization_id)

    return against


def _sides(deal: Row[Any]) -> set[str | None]:
    return {deal.organization_id, deal._mapping.get("licensor_id")}


def stands(today: date) -> ColumnElement[bool]:
    """Orders that are in force on a day, both of their days included."""
    table = models.party_order
    return and_(
        table.c.lifted_at.is_(None),
        table.c.first_day <= today,
        or_(table.c.last_day.is_(None), table.c.last_day >= today),
    )
