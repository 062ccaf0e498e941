"""Subscriptions: new listings for a standing need, new needs for a listing, above a fit that its owner chose.

Two loops follow the feeds of listings and of needs and keep what they find in the transaction that moves their
cursor; each pair is found once for a subscription, whatever happens later. A third tells what is due: at once or
with the day's digest, never in quiet hours. What was found and is gone by then is not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from services.matching import models, rules
from services.matching.engine import Query
from services.matching.service.demand import card
from services.matching.service.indexing import Indexing
from services.matching.service.needs import CURRENT, SHOWN_STATES, Needs, Said
from services.matching.service.ranking import TERM_ENDED, Rankings, State, filtering, no_listing
from services.matching.service.supply import SHOWN, Supply
from shared.auth import Caller
from shared.clock import SHANGHAI, Clock
from shared.contracts.catalog import Card
from shared.contracts.feed import FeedPage
from shared.contracts.matching import (
    DeliveredMatch,
    Delivery,
    Digest,
    Filters,
    Subscription,
    SubscriptionDraft,
    Visibility,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx, violated
from shared.errors import Conflict, Gone, NotFound
from shared.feed import Forked, change, follow
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

LISTINGS, NEEDS = "subscriptions to listings", "subscriptions to needs"  # names of the cursors
WAIT_S = 20.0
TELL_EVERY_S = 1.0
TOLD_AT_ONCE = 500
_ARRIVED = frozenset({"need.published", "need.changed"})


class Subscriptions:
    """Use cases on subscriptions, and the loops behind them."""

    def __init__(
        self,
        db: Database,
        supply: Supply,
        indexing: Indexing,
        needs: Needs,
        rankings: Rankings,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._db, self._supply, self._indexing = db, supply, indexing
        self._needs, self._rankings = needs, rankings
        self._acts, self._cursors, self._clock = acts, cursors, clock

    async def create(self, draft: SubscriptionDraft, by: Caller) -> Subscription:
        """Subscribe to what comes from now on. Raises: NotFound, for a need or listing that is not the caller's."""
        if draft.need_id is not None:
            await self._needs.get(draft.need_id, by)
        else:
            assert draft.listing_id is not None
            state = await self._rankings.state()
            hits = await asyncio.to_thread(state.index.explain, Query({}), [draft.listing_id])
            if not hits or hits[0].stored["organization_id"] != by.organization_id:
                raise no_listing()
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            values = {
                "id": new_id("sub"), "organization_id": by.organization_id, "version": 1, "created_at": now,
                "updated_at": now, **dump(draft),
            }  # fmt: skip
            try:
                row = (
                    await tx.execute(insert(models.subscription).values(values).returning(models.subscription))
                ).one()
            except IntegrityError as error:
                raise _taken(error) from None
            return await self._acts.answer(tx, _subscription(row, 0, 0))

    async def get(self, id_: str, by: Caller) -> Subscription:
        """A subscription of the caller's."""
        row = await self._owned(id_, by)
        return (await self._counted([row]))[0]

    async def _owned(self, id_: str, by: Caller) -> Row[Any]:
        async with self._db.read() as tx:
            row = (await tx.execute(select(models.subscription).where(models.subscription.c.id == id_))).first()
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("there is no such subscription", "没有该订阅")
        return row

    async def _counted(self, rows: Sequence[Row[Any]]) -> list[Subscription]:
        found = models.finding.c
        statement = (
            select(found.subscription_id, found.settled, func.count().label("many"))
            .where(found.subscription_id.in_([row.id for row in rows]))
            .group_by(found.subscription_id, found.settled)
        )
        async with self._db.read() as tx:
            many = {(row.subscription_id, row.settled): row.many for row in await tx.execute(statement)}
        return [_subscription(row, many.get((row.id, None), 0), many.get((row.id, "DELIVERED"), 0)) for row in rows]

    async def page(self, after: str | None, limit: int, by: Caller) -> Page[Subscription]:
        """The caller's subscriptions, newest first."""
        table, scope = models.subscription, ("subscriptions", by.organization_id)
        statement = select(table).where(table.c.organization_id == by.organization_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.created_at, table.c.id), scope, after, limit)
        return Page(
            items=await self._counted(rows),
            next=more,
        )

    async def remove(self, id_: str, by: Caller) -> None:
        """End a subscription; what it has found is forgotten with it."""
        await self._owned(id_, by)
        async with self._db.write() as tx:
            await tx.execute(delete(models.subscription).where(models.subscription.c.id == id_))

    async def deliveries(self, id_: str, after: str | None, limit: int, by: Caller) -> Page[Delivery]:
        """What the subscriber was told, newest first, with listings and needs as they are now."""
        subscription = await self._owned(id_, by)
        table, scope = models.delivery, ("deliveries", id_)
        statement = select(table).where(table.c.subscription_id == id_)
        found = models.finding
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.at, table.c.id), scope, after, limit)
            told = (
                await tx.execute(
                    select(found)
                    .where(found.c.delivery_id.in_([row.id for row in rows]))
                    .order_by(found.c.fit.desc(), found.c.need_id, found.c.listing_id)
                )
            ).all()
        state = await self._rankings.state()
        shown = await self._shown(subscription, told, state, by)
        return Page(
            items=[
                Delivery(
                    id=row.id,
                    delivered_at=row.at,
                    items=[item for each, item in zip(told, shown, strict=True) if each.delivery_id == row.id],
                )
                for row in rows
            ],
            next=more,
        )

    async def _shown(
        self, subscription: Row[Any], told: Sequence[Row[Any]], state: State, by: Caller
    ) -> list[DeliveredMatch]:
        of_need = subscription.need_id is not None
        needs = {} if of_need else await self._needs.visible({row.need_id for row in told}, by)

        def made() -> list[DeliveredMatch]:
            ids = list(dict.fromkeys(row.listing_id for row in told)) if of_need else []
            hits = {hit.id: Card.model_validate(hit.stored["card"]) for hit in state.index.explain(Query({}), ids)}
            cards = {id_: card(row, by, state.index) for id_, row in needs.items()}
            return [
                DeliveredMatch(
                    need_id=row.need_id,
                    listing_id=row.listing_id,
                    band=rules.band(row.fit),
                    fit=row.fit if of_need else None,
                    found_at=row.at,
                    listing=hits.get(row.listing_id),
                    need=cards.get(row.need_id),
                )
                for row in told
            ]

        return await asyncio.to_thread(made)

    # Finding

    async def follow_listings(self) -> None:
        """Loop: hold every listing that comes on offer or changes against the standing needs."""
        while True:
            try:
                await follow(
                    name=LISTINGS, service="matching", fetch=lambda at: self._supply.page(at, WAIT_S),
                    start=self._start_listings, apply=self._apply_listings,
                )  # fmt: skip
            except (Gone, Forked):
                # The feed cannot be followed on from where we were: hold all that is on offer against the needs once.
                await self._indexing.current()
                epoch, position = self._indexing.epoch, self._indexing.position
                found = await self._for_needs(None)
                async with self._db.write() as tx:
                    await models.feed.rewind(tx, LISTINGS, epoch, position)
                    await self._keep(tx, found)

    async def _start_listings(self) -> tuple[str | None, int]:
        await self._indexing.current()
        return await self._start(LISTINGS, self._indexing.epoch, self._indexing.position)

    async def _start(self, cursor: str, epoch: str, position: int) -> tuple[str | None, int]:
        """Where a cursor stands; a new one begins at a position, so that nothing that came before is told."""
        async with self._db.write() as tx:
            known, at = await models.feed.cursor(tx, cursor)
            if known is None and await models.feed.advance(tx, cursor, epoch, seen=0, to=position):
                return epoch, position
            return known, at

    async def _apply_listings(self, page: FeedPage, seen: int) -> int:
        position = page.items[-1].position
        await self._indexing.reached(position)
        arrived = list(dict.fromkeys(each.subject for each in page.items if each.type in SHOWN))
        found = await self._for_needs(arrived) if arrived else []
        return await self._advance(LISTINGS, page.epoch, seen, position, found)

    async def follow_needs(self) -> None:
        """Loop: hold every need that is published or reworded against the listings that wait for needs."""
        while True:
            try:
                await follow(
                    name=NEEDS, service="matching", fetch=lambda at: models.feed.page(self._db, at, 500, WAIT_S),
                    start=self._start_needs, apply=self._apply_needs,
                )  # fmt: skip
            except (Gone, Forked):
                async with self._db.write() as tx:
                    epoch, _, position = await models.feed.head(tx)
                    everything = (await tx.execute(select(models.need.c.id))).scalars().all()
                found = await self._for_listings(everything)
                async with self._db.write() as tx:
                    await models.feed.rewind(tx, NEEDS, epoch, position)
                    await self._keep(tx, found)

    async def _start_needs(self) -> tuple[str | None, int]:
        await self._indexing.current()
        async with self._db.read() as tx:
            epoch, _, position = await models.feed.head(tx)
        return await self._start(NEEDS, epoch, position)

    async def _apply_needs(self, page: FeedPage, seen: int) -> int:
        arrived = list(dict.fromkeys(each.subject for each in page.items if each.type in _ARRIVED))
        found = await self._for_listings(arrived) if arrived else []
        return await self._advance(NEEDS, page.epoch, seen, page.items[-1].position, found)

    async def _advance(self, cursor: str, epoch: str, seen: int, to: int, found: Sequence[dict[str, Any]]) -> int:
        async with self._db.write() as tx:
            if await models.feed.advance(tx, cursor, epoch, seen=seen, to=to):
                await self._keep(tx, found)
                return to
        async with self._db.read() as tx:  # another worker was faster
            return (await models.feed.cursor(tx, cursor))[1]

    async def _for_needs(self, listing_ids: Sequence[str] | None) -> list[dict[str, Any]]:
        """Pairs of standing needs and some listings, or their best ones, that are fit enough."""
        subscription, now = models.subscription.c, self._clock.now()
        statement = CURRENT.add_columns(*_SENT).join(models.subscription, subscription.need_id == models.need.c.id)
        async with self._db.read() as tx:
            rows = (await tx.execute(statement.where(models.need.c.state.in_(SHOWN_STATES)))).all()
        rows = [row for row in rows if row.expires_at is None or row.expires_at > now]
        state = await self._rankings.state() if rows else None
        if state is None:
            return []

        def found() -> list[tuple[Row[Any], str, str, float]]:
            pairs = []
            in_term = list(filtering(Filters(), state.today).values())
            for row in rows:
                query = state.query(Said.by(row))
                if listing_ids is None:
                    texts = {each.id: each.text for each in state.index.match(query, TOLD_AT_ONCE, in_term).found}
                else:
                    texts = state.index.likeness(query, listing_ids)
                fits = {id_: rules.fit(text) for id_, text in texts.items()}
                chosen = [id_ for id_, fit in fits.items() if fit >= row.fit_at_least]
                passes = [bool(each.all()) for each in state.index.passes(chosen, in_term)]
                pairs += [(row, row.id, id_, fits[id_]) for id_, is_good in zip(chosen, passes, strict=True) if is_good]
            return pairs

        assert list(filtering(Filters(), state.today)) == [TERM_ENDED]
        return self._due(await asyncio.to_thread(found))

    async def _for_listings(self, need_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Pairs of some needs that everybody may see and the listings that wait for needs, that are fit enough."""
        need, now = models.need.c, self._clock.now()
        statement = CURRENT.where(
            need.id.in_(need_ids), need.state.in_(SHOWN_STATES), need.visibility != Visibility.INVITED
        )
        async with self._db.read() as tx:
            waiting = (
                await tx.execute(
                    select(models.subscription, *_SENT).where(models.subscription.c.listing_id.is_not(None))
                )
            ).all()
            rows = (await tx.execute(statement)).all() if waiting else []
        rows = [row for row in rows if row.expires_at is None or row.expires_at > now]
        state = await self._rankings.state() if rows else None
        if state is None:
            return []

        def found() -> list[tuple[Row[Any], str, str, float]]:
            ids = list({row.listing_id for row in waiting})
            pairs = []
            for row in rows:
                texts = state.index.likeness(state.query(Said.by(row)), ids)
                fits = {id_: rules.fit(text) for id_, text in texts.items()}
                pairs += [
                    (each, row.id, each.listing_id, fits[each.listing_id])
                    for each in waiting
                    if fits.get(each.listing_id, 0.0) >= each.fit_at_least
                ]
            return pairs

        return self._due(await asyncio.to_thread(found))

    def _due(self, pairs: Iterable[tuple[Row[Any], str, str, float]]) -> list[dict[str, Any]]:
        now = self._clock.now()
        return [
            {
                "subscription_id": row.subscription_id, "need_id": need_id, "listing_id": listing_id, "fit": fit, "at": now,
                "due_at": rules.due(
                    now.astimezone(SHANGHAI),
                    time.fromisoformat(row.digest_at) if row.digest == Digest.DAILY else None,
                    (time.fromisoformat(row.quiet_from), time.fromisoformat(row.quiet_to)) if row.quiet_from else None,
                ),
            }
            for row, need_id, listing_id, fit in pairs
        ]  # fmt: skip

    async def _keep(self, tx: Tx, found: Sequence[dict[str, Any]]) -> None:
        if found:
            await tx.execute(upsert(models.finding).on_conflict_do_nothing(), list(found))

    # Telling

    async def tell(self) -> None:
        """Loop: deliver what is due."""
        while True:
            if not await self.tell_due():
                await asyncio.sleep(TELL_EVERY_S)

    async def tell_due(self) -> bool:
        """Deliver what one subscription is due; False when nothing is."""
        found, now = models.finding, self._clock.now()
        due = (found.c.settled.is_(None), found.c.due_at <= now)
        async with self._db.read() as tx:
            first = (
                await tx.execute(select(found.c.subscription_id).where(*due).order_by(found.c.due_at).limit(1))
            ).first()
        if first is None:
            return False
        state = await self._rankings.state()
        async with self._db.write() as tx:
            table = models.subscription
            subscription = (
                await tx.execute(select(table).where(table.c.id == first.subscription_id).with_for_update())
            ).first()
            if subscription is None:
                return True
            mine = select(found).where(*due, found.c.subscription_id == subscription.id)
            rows = (await tx.execute(mine.order_by(found.c.fit.desc(), found.c.listing_id).limit(TOLD_AT_ONCE))).all()
            if not rows:
                return True  # another worker was faster
            there = await self._still_there(tx, rows, state, subscription.organization_id)
            told = [row for row in rows if (row.need_id, row.listing_id) in there]
            if told:
                await self._deliver(tx, subscription, told)
            gone = [row for row in rows if (row.need_id, row.listing_id) not in there]
            await self._settle(tx, subscription.id, gone, {"settled": "GONE"})
            return True

    async def _still_there(
        self, tx: Tx, rows: Sequence[Row[Any]], state: State, organization_id: str
    ) -> set[tuple[str, str]]:
        ids = list({row.listing_id for row in rows})
        listed = {hit.id for hit in await asyncio.to_thread(state.index.explain, Query({}), ids)}
        need = models.need.c
        found = await tx.execute(
            select(need.id, need.visibility, need.organization_id, need.expires_at).where(
                need.id.in_({row.need_id for row in rows}), need.state.in_(SHOWN_STATES)
            )
        )
        now = self._clock.now()
        open_ = {
            row.id
            for row in found
            if (row.expires_at is None or row.expires_at > now)
            and (row.visibility != Visibility.INVITED or row.organization_id == organization_id)
        }
        return {(row.need_id, row.listing_id) for row in rows if row.need_id in open_ and row.listing_id in listed}

    async def _deliver(self, tx: Tx, subscription: Row[Any], told: Sequence[Row[Any]]) -> None:
        now, id_ = self._clock.now(), new_id("del")
        await tx.execute(insert(models.delivery).values(id=id_, subscription_id=subscription.id, at=now))
        await self._settle(tx, subscription.id, told, {"settled": "DELIVERED", "delivery_id": id_})
        data = {
            "subscription_id": subscription.id,
            "delivery_id": id_,
            "need_ids": sorted({row.need_id for row in told}),
            "listing_ids": [row.listing_id for row in told],
        }
        await models.feed.append(
            tx, [change("match.found", subscription.id, subscription.organization_id, now, dict(data))]
        )

    async def _settle(self, tx: Tx, subscription_id: str, rows: Sequence[Row[Any]], values: Mapping[str, str]) -> None:
        found = models.finding
        for row in rows:
            await tx.execute(
                update(found)
                .where(
                    found.c.subscription_id == subscription_id,
                    found.c.need_id == row.need_id,
                    found.c.listing_id == row.listing_id,
                )
                .values(**values)
            )


_SENT = (
    models.subscription.c.id.label("subscription_id"), *(
        models.subscription.c[name] for name in ("fit_at_least", "digest", "digest_at", "quiet_from", "quiet_to")
    )
)  # fmt: skip


def _taken(error: IntegrityError) -> Conflict:
    if "external_id" in violated(error):
        return Conflict(
            "another of your subscriptions has this external_id",
            "您的另一项订阅已使用该 external_id",
            code="external_id_taken",
        )
    return Conflict(
        "there is a subscription for it already; end that one first to change it",
        "已有针对它的订阅，如需更改请先取消原订阅",
        code="subscribed_already",
    )


def _subscription(row: Row[Any], waiting: int, delivered: int) -> Subscription:
    return Subscription(**row._mapping, waiting=waiting, delivered=delivered)
