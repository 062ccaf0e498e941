"""The change feed: an outbox written in the transaction of the change, read in order, missed by nobody.

**Positions rise and a reader who has seen N has seen everything below N.** A sequence alone does not
give that: a slow transaction may take 1 and commit after a fast one that took 2. So the insert takes
an advisory lock that is held until commit; it is taken by a trigger of the table itself, before the
first position is drawn, so that no insert can forget it (migrations/feed.py). A second trigger notifies waiting readers.
Whatever is appended goes with the commit: the lock is held for the length of that alone.

**A consumer moves its cursor in the transaction of the effect** (`take_in`), or stores it inside what
it builds (an index's manifest). A feed has an epoch, renewed when a backup is restored; a consumer
that finds another epoch, or itself ahead of the head, stops red.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import JsonValue
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    MetaData,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from shared import metrics
from shared.clock import Clock
from shared.contracts.feed import Change, FeedPage
from shared.db import Database, Tx, insert_last, insert_many
from shared.errors import Gone
from shared.loops import Poisoned

RETENTION = timedelta(days=90)
POLL_S = 0.5  # the longest a waiting reader sleeps should a notification be lost
LIMIT = 1_000
MANY = 20  # from here on a thread makes their JSON
PASSED_S = 3_600.0  # after so long a cursor is moved past changes that nobody here asked for
GATHER_S = 0.02  # who waits for few types among many changes looks no oftener


class Told(Protocol):
    """Another service's feed: a page of changes of some types after a position."""

    async def __call__(self, after: int, *, types: Sequence[str]) -> FeedPage: ...


class Forked(Poisoned):
    """The producer's history is not the one that was followed: a backup was restored."""


def tables(meta: MetaData) -> tuple[Table, Table, Table]:
    """The outbox, its state and the cursors of feeds followed, for a service's metadata."""
    outbox = Table(
        "outbox",
        meta,
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("audience", Text, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("data", JSONB, nullable=False),
    )
    state = Table(
        "feed_state",
        meta,
        Column("epoch", Text, primary_key=True),
        Column("floor", BigInteger, nullable=False),
    )
    cursor = Table(
        "feed_cursor",
        meta,
        Column("feed", Text, primary_key=True),
        Column("epoch", Text, nullable=False),
        Column("position", BigInteger, nullable=False),
    )
    return outbox, state, cursor


class Feed:
    """A service's own outbox: append to it, read it, wait for it."""

    def __init__(self, meta: MetaData) -> None:
        self._outbox, self._state, self._cursor = tables(meta)

    async def append(self, tx: Tx, changes: Sequence[dict[str, Any]]) -> None:
        """Say what this transaction changed: in its last trip, so that the feed's lock is held for the commit only.

        Each change: {type, subject, audience, at, data}; audience is an organization, `public` or `services`.
        """
        if len(changes) > MANY:
            await insert_many(tx, self._outbox, changes)
        else:
            insert_last(tx, self._outbox, changes)

    async def head(self, tx: Tx) -> tuple[str, int, int]:
        """(epoch, floor, last position); positions up to the floor have been purged."""
        last = select(func.coalesce(func.max(self._outbox.c.position), 0)).scalar_subquery()
        epoch, floor, position = (await tx.execute(select(self._state.c.epoch, self._state.c.floor, last))).one()
        return epoch, floor, max(position, floor)

    async def has_more(self, tx: Tx, after: int, besides: Sequence[str]) -> bool:
        """Whether anything but changes of some types stands after a position."""
        position = self._outbox.c.position
        more = select(position).where(position > after, self._outbox.c.type.not_in(besides))
        # In their order: for EXISTS PostgreSQL reads the whole table from its beginning, sure to meet one soon.
        return await tx.scalar(more.order_by(position).limit(1)) is not None

    async def page(
        self, db: Database, after: int, limit: int, wait_s: float, types: Sequence[str] | None = None
    ) -> FeedPage:
        """Changes after a position (of some types, or all), in order; an empty page after at most `wait_s` seconds.

        Who is ahead of the head followed another history, and hears so at once.
        Raises: Gone, when changes after the position have been purged: read the snapshot.
        """
        until, most = asyncio.get_running_loop().time() + wait_s, min(limit, LIMIT)
        wanted = [] if types is None else [self._outbox.c.type.in_(types)]
        while True:
            db.notified.clear()
            async with db.read() as tx:
                epoch, floor, head = await self.head(tx)
                if after < floor:
                    raise Gone(
                        f"changes up to {floor} are no longer kept; read the snapshot and follow on from there",
                        f"位置 {floor} 及之前的变更已不再保存，请读取快照后继续",
                        code="feed_purged",
                    )
                found = await tx.execute(
                    select(*(self._outbox.c[name] for name in Change.model_fields))
                    .where(self._outbox.c.position > after, *wanted)
                    .order_by(self._outbox.c.position)
                    .limit(most)
                )
                items = [Change.model_construct(**dict(zip(Change.model_fields, row, strict=True))) for row in found]
            last = items[-1].position if items else 0
            head, reached = max(head, last), last if len(items) == most else max(head, last, after)
            left_s = until - asyncio.get_running_loop().time()
            if items or left_s <= 0 or after > head:
                return FeedPage(epoch=epoch, head=head, reached=reached, items=items)
            after = reached  # what lies between is of other types, and need not be looked at again
            try:
                await asyncio.wait_for(db.notified.wait(), min(left_s, POLL_S))
                await asyncio.sleep(GATHER_S if types else 0)
            except TimeoutError:
                continue

    async def listen(self, db: Database) -> None:
        """Loop: wake readers that wait in `page` whenever anybody appended."""
        async for _ in db.notifications(f"feed_{db.service}"):
            db.notified.set()

    async def purge(self, tx: Tx, now: datetime) -> None:
        """Forget changes older than the retention, and remember how far."""
        last = await tx.scalar(select(func.max(self._outbox.c.position)).where(self._outbox.c.at < now - RETENTION))
        if last is not None:
            await tx.execute(delete(self._outbox).where(self._outbox.c.position <= last))
            await tx.execute(update(self._state).values(floor=last))

    async def renew_epoch(self, tx: Tx) -> None:
        """After a restore from backup: consumers must notice that history may have forked."""
        await tx.execute(update(self._state).values(epoch=func.replace(func.gen_random_uuid().cast(Text), "-", "")))

    async def cursor(self, tx: Tx, feed: str) -> tuple[str | None, int]:
        """How far this service has applied another's feed: (epoch, position)."""
        row = (await tx.execute(select(self._cursor).where(self._cursor.c.feed == feed))).first()
        return (row.epoch, row.position) if row else (None, 0)

    async def advance(self, tx: Tx, feed: str, epoch: str, *, seen: int, to: int) -> bool:
        """Move the cursor in the transaction of the effect; False when another worker was faster."""
        if seen == 0:
            made = upsert(self._cursor).values(feed=feed, epoch=epoch, position=to).on_conflict_do_nothing()
            if (await tx.execute(made.returning(self._cursor.c.feed))).first():
                return True
        moved = (
            update(self._cursor)
            .where(self._cursor.c.feed == feed, self._cursor.c.position == seen, self._cursor.c.epoch == epoch)
            .values(position=to)
        )
        return bool((await tx.execute(moved)).rowcount)

    async def take_in(
        self,
        db: Database,
        name: str,
        told: Told,
        types: Sequence[str],
        work_out: Callable[[FeedPage], Awaitable[Callable[[Tx], Awaitable[None]]]],
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Loop: follow some types of another's changes with a cursor of our own.

        `work_out` may ask others what a page means; what it answers is written with the cursor's move, and `then`
        called. Changes of types that were not asked for move the cursor too, hourly: else it would stand, after a
        quiet quarter, where the feed keeps nothing any more.
        """

        async def fetch(at: int) -> FeedPage:
            return await told(at, types=types)

        async def start() -> tuple[str | None, int]:
            async with db.read() as tx:
                return await self.cursor(tx, name)

        async def apply(page: FeedPage, seen: int) -> int:
            write = await work_out(page) if page.items else None
            async with db.write() as tx:
                if not await self.advance(tx, name, page.epoch, seen=seen, to=page.reached):
                    return (await self.cursor(tx, name))[1]
                if write is not None:
                    await write(tx)
            if write is not None:
                then()
            return page.reached

        await follow(name=name, service=db.service, fetch=fetch, start=start, apply=apply, passed_s=PASSED_S)

    async def rewind(self, tx: Tx, feed: str, epoch: str, position: int) -> None:
        """Put a cursor somewhere else: after a restore or a purge, once what was missed has been made up for."""
        made = upsert(self._cursor).values(feed=feed, epoch=epoch, position=position)
        values = {"epoch": epoch, "position": position}
        await tx.execute(made.on_conflict_do_update(index_elements=["feed"], set_=values))


async def follow(
    *,
    name: str,
    service: str,
    fetch: Callable[[int], Awaitable[FeedPage]],
    start: Callable[[], Awaitable[tuple[str | None, int]]],
    apply: Callable[[FeedPage, int], Awaitable[int]],
    passed_s: float = math.inf,
) -> None:
    """Loop: fetch pages of a feed and apply them; `apply(page, seen)` answers the new position.

    Changes of types that were not asked for are passed over without being applied; when nothing else came for
    `passed_s` seconds an empty page is applied, for the position that was reached.

    Raises: Forked, when the feed's epoch is not the one we followed or we are ahead of it: somebody
    restored a backup, and only an operator may say which history is right for rows that were written.
    """
    epoch, seen = await start()
    at, clock = seen, asyncio.get_running_loop().time
    kept_at = clock()
    gauge = metrics.feed_position.labels(service, name)
    while True:
        page = await fetch(at)
        if epoch is not None and page.epoch != epoch:
            raise Forked(f"feed {name} has epoch {page.epoch}, we followed {epoch}: resynchronize")
        if page.head < at:
            raise Forked(f"feed {name} ends at {page.head}, we are at {at}: resynchronize")
        epoch, at = page.epoch, page.reached
        if page.items or (at > seen and clock() - kept_at >= passed_s):
            seen, kept_at = await apply(page, seen), clock()
            if seen != page.reached and not (page.items and seen == page.items[-1].position):
                at = seen  # another worker was faster: on from where it stands
        gauge.set(at)


async def tidy(db: Database, feed: Feed, forget: Callable[[Tx, datetime], Awaitable[None]], clock: Clock) -> None:
    """Loop: once an hour, purge what retention has ended."""
    while True:
        async with db.write() as tx:
            await feed.purge(tx, clock.now())
            await forget(tx, clock.now())
        await asyncio.sleep(3600)


def change(type_: str, subject: str, audience: str, at: datetime, data: dict[str, JsonValue]) -> dict[str, Any]:
    """One fact in the past tense, as `append` takes it."""
    return {"type": type_, "subject": subject, "audience": audience, "at": at, "data": data}
