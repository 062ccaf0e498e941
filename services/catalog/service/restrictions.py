"""Suppliers that may not deal: what oversight's feed has told, and what it does to their listings, by the calendar too."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sqlalchemy import and_, or_, select

from services.catalog import models
from services.catalog.rules.listing import RESTRICTED
from services.catalog.service.listings import AGE_EVERY_S, Listings
from shared.clock import Clock, legal_day
from shared.contracts.catalog import ListingState
from shared.db import Database
from shared.feed import Told

CHUNK = 50  # listings a transaction: from the first that it tells of, everybody else's news waits


class Restrictions:
    """Follows oversight."""

    def __init__(self, db: Database, listings: Listings, told: Told, clock: Clock) -> None:
        self._db, self._listings, self._told, self._clock = db, listings, told, clock
        self._heard = asyncio.Event()

    async def follow(self) -> None:
        """Loop: orders and their lifting are known here too."""
        await models.orders.follow(self._db, models.feed, self._told, self._heard.set)

    async def keep(self) -> None:
        """Loop: listings rest while an order stands against their supplier, and come back when none does.

        What is to be done follows from orders, listings and the day, so that nothing is lost when nobody was up.
        """
        while True:
            self._heard.clear()
            while await self._keep_some():
                pass
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), AGE_EVERY_S)

    async def _keep_some(self) -> bool:
        """A chunk of listings that are not as the orders of today want them; False when there is none."""
        now = self._clock.now()
        table, order = models.listing, models.orders.table
        owner = table.c.organization_id
        stopped = owner.in_(select(order.c.organization_id).where(models.orders.stands(legal_day(now))))
        is_out = and_(table.c.state == ListingState.PUBLISHED, stopped)
        is_back = and_(table.c.state == ListingState.SUSPENDED, table.c.state_reason == RESTRICTED, ~stopped)
        async with self._db.write() as tx:
            ids = (
                await tx.scalars(
                    select(table.c.id)
                    .where(owner.in_(select(order.c.organization_id)), or_(is_out, is_back))
                    .order_by(table.c.id)
                    .limit(CHUNK)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            patents = await models.patents_of(tx, ids)
            await self._listings.reconsider(tx, [one.id for id_ in ids for one in patents[id_]], now)
        return bool(ids)
