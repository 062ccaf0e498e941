"""Suppliers that may not deal: what oversight's feed has told, and what it does to their listings, by the calendar too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from services.catalog import models
from services.catalog.rules.listing import RESTRICTED
from services.catalog.service.listings import AGE_EVERY_S, Listings
from shared.clock import Clock, legal_day
from shared.contracts.catalog import ListingState
from shared.contracts.feed import Change, FeedPage
from shared.contracts.oversight import PartyOrder
from shared.db import Database, Tx
from shared.feed import follow

FEED = "oversight"  # the cursor's name
HEARD = ("party.restricted", "party.restriction_lifted")
CHUNK = 50  # listings a transaction: from the first that it tells of, everybody else's news waits

Fetch = Callable[..., Awaitable[FeedPage]]


class Restrictions:
    """Follows oversight."""

    def __init__(self, db: Database, listings: Listings, changes: Fetch, clock: Clock) -> None:
        self._db, self._listings, self._changes, self._clock = db, listings, changes, clock
        self._heard = asyncio.Event()

    async def follow(self) -> None:
        """Loop: orders and their lifting are known here too."""

        async def fetch(at: int) -> FeedPage:
            return await self._changes(at, types=HEARD)

        await follow(name=FEED, service="catalog", fetch=fetch, start=self._start, apply=self._apply)

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
        self._heard.set()
        return to

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
        table, order = models.listing, models.party_order
        owner = table.c.organization_id
        stopped = owner.in_(select(order.c.organization_id).where(models.stands(legal_day(now))))
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
