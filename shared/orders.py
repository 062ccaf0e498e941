"""Orders that keep parties from new deals, as a service knows them that follows oversight's feed.

What oversight says when it is asked afresh, before an act that cannot be taken back, see `OversightClient.orders`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import date

from sqlalchemy import Column, Date, DateTime, MetaData, Table, Text, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from shared.contracts.feed import Change, FeedPage
from shared.contracts.oversight import BasisKind, PartyOrder
from shared.db import Database, Tx
from shared.feed import Feed, Told

FEED = "oversight"  # the cursor's name
HEARD = ("party.restricted", "party.restriction_lifted")


class Orders:
    """One service's table of them; public as `table`, to be joined."""

    def __init__(self, meta: MetaData) -> None:
        self.table = Table(
            "party_order",
            meta,
            Column("id", Text, primary_key=True),
            Column("organization_id", Text, nullable=False, index=True),
            Column("kind", Text, nullable=False),
            Column("first_day", Date, nullable=False),
            Column("last_day", Date),
            Column("lifted_at", DateTime(timezone=True)),
        )

    def stands(self, today: date) -> ColumnElement[bool]:
        """Orders that are in force on a day, both of their days included."""
        table = self.table
        return and_(
            table.c.lifted_at.is_(None),
            table.c.first_day <= today,
            or_(table.c.last_day.is_(None), table.c.last_day >= today),
        )

    async def known(self, tx: Tx, organization_ids: Iterable[str | None], today: date) -> list[PartyOrder]:
        """The orders against some parties that stand on a day, as far as we have heard."""
        table, ids = self.table, sorted({id_ for id_ in organization_ids if id_})
        found = await tx.execute(
            select(table).where(table.c.organization_id.in_(ids), self.stands(today)).order_by(table.c.id)
        )
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

    async def follow(self, db: Database, feed: Feed, told: Told, then: Callable[[], None] = lambda: None) -> None:
        """Loop: orders and their lifting are known here too; `then` is called when there were some."""

        async def work_out(page: FeedPage) -> Callable[[Tx], Awaitable[None]]:
            async def write(tx: Tx) -> None:
                for each in page.items:
                    await self._note(tx, each)

            return write

        await feed.take_in(db, FEED, told, HEARD, work_out, then)

    async def _note(self, tx: Tx, said: Change) -> None:
        table = self.table
        if said.type == "party.restriction_lifted":
            await tx.execute(update(table).where(table.c.id == said.subject).values(lifted_at=said.at))
            return
        order = PartyOrder.model_validate(said.data)
        values = {
            "id": order.id, "organization_id": order.organization_id, "kind": order.kind, "first_day": order.from_,
            "last_day": order.until,
        }  # fmt: skip
        await tx.execute(insert(table).values(values).on_conflict_do_nothing())
