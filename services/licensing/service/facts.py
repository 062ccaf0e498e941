"""What catalog says of patents that are licensed or declared here: until when their fees are paid, when one is gone.

The feed says that something was recorded; what it means is asked of catalog afresh, because a lapse may reach back to
the day on which the fee was due (rule 115), and an invalidation leaves what was performed (Patent Law Art. 47).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH, array
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.service import sample
from services.licensing.service.declarations import Declarations
from services.licensing.service.requests import Requests
from services.licensing.service.targets import Targets
from shared.clock import Clock, legal_day
from shared.contracts.catalog import DealTarget
from shared.contracts.feed import Change, FeedPage
from shared.db import Database, Tx
from shared.feed import change

FEED = "catalog"  # the cursor's name
HEARD = ("patent.legal_event_recorded", "patent.changed", "sample.removed")
_ENDS = frozenset({"LAPSED_UNPAID_FEE", "ABANDONED", "INVALIDATED", "EXPIRED"})


class Facts:
    """Follows catalog."""

    def __init__(
        self, db: Database, targets: Targets, declarations: Declarations, requests: Requests, clock: Clock
    ) -> None:
        self._db, self._targets, self._clock = db, targets, clock
        self._declarations, self._requests = declarations, requests

    async def follow(self) -> None:
        """Loop: what ends with a patent ends here."""
        await models.feed.take_in(self._db, FEED, self._targets.changes, HEARD, self._work_out)

    async def _work_out(self, page: FeedPage) -> Callable[[Tx], Awaitable[None]]:
        """Which patents are gone, and since when; drafts on them are looked at again at once."""
        concerned = await self._concerned([each for each in page.items if each.type != "sample.removed"])
        known = {one.patent_id: one for one in await self._targets.named(await self._together(concerned))}
        ended = {id_: on for id_, one in known.items() if (on := _ended_on(one)) is not None}
        await self._declarations.redraft([id_ for id_ in concerned if id_ in known])
        gone = _gone(page.items)

        async def write(tx: Tx) -> None:
            now = self._clock.now()
            await self._keep([known[id_] for id_ in concerned if id_ in known], tx, now)
            for id_ in concerned:
                await self._note(tx, id_, ended, now)
                if id_ in ended and id_ in gone:
                    await self._tell_negotiators(tx, id_, ended[id_], now)
            if any(each.type == "sample.removed" for each in page.items):
                await sample.remove(tx)

        return write

    async def _keep(self, told: Sequence[DealTarget], tx: Tx, now: datetime) -> None:
        """Until when fees are paid, for the deadlines of whoever licenses these patents."""
        table = models.patent_fact
        rows = [
            {
                "patent_id": one.patent_id, "fees_paid_until": one.fees_paid_until, "grace_ends_on": one.grace_ends_on,
                "updated_at": now,
            }
            for one in told
        ]  # fmt: skip
        if rows:
            made = upsert(table).values(rows)
            values = {name: made.excluded[name] for name in ("fees_paid_until", "grace_ends_on", "updated_at")}
            await tx.execute(made.on_conflict_do_update(index_elements=["patent_id"], set_=values))

    async def _concerned(self, changes: Sequence[Change]) -> list[str]:
        """The patents of a page that are licensed or declared here, and those that are gone while they are negotiated."""
        said, gone = {each.subject for each in changes}, _gone(changes)
        license_, declaration = models.license_, models.declaration
        async with self._db.read() as tx:
            held = await tx.scalars(select(license_.c.patent_ids).where(license_.c.patent_ids.overlap(list(said))))
            found = {id_ for ids in held for id_ in ids if id_ in said}
            found |= set(await tx.scalars(select(declaration.c.patent_id).where(declaration.c.patent_id.in_(said))))
            if gone:
                talks = await tx.scalars(select(models.inquiry.c.patents).where(_negotiated(gone)))
                found |= {one["id"] for patents in talks for one in patents if one["id"] in gone}
        return sorted(found)

    async def _together(self, ids: Sequence[str]) -> list[str]:
        """These patents, and those that are licensed together with one of them."""
        table = models.license_
        async with self._db.read() as tx:
            rows = await tx.execute(select(table.c.patent_ids).where(table.c.patent_ids.overlap(list(ids))))
            return sorted({*ids, *(id_ for row in rows for id_ in row.patent_ids)})

    async def _note(self, tx: Tx, patent_id: str, ended: Mapping[str, date], now: datetime) -> None:
        """Declarations end with their patent, licenses with the first of theirs; when it comes back they go on."""
        declaration, license_ = models.declaration, models.license_
        values, ended_on = {"patent_ended_on": ended.get(patent_id), "updated_at": now}, declaration.c.patent_ended_on
        is_news = and_(declaration.c.patent_id == patent_id, ended_on.is_distinct_from(ended.get(patent_id)))
        moved = await tx.scalars(update(declaration).where(is_news).values(values).returning(declaration.c.id))
        await self._requests.reconsider(tx, moved.all(), now)
        statement = select(license_).where(license_.c.patent_ids.contains([patent_id])).order_by(license_.c.id)
        for row in (await tx.execute(statement.with_for_update())).all():
            on = min((ended[id_] for id_ in row.patent_ids if id_ in ended), default=None)
            if on != row.patent_ended_on:
                await self._ended(tx, row, on, now)

    async def _tell_negotiators(self, tx: Tx, patent_id: str, on: date, now: datetime) -> None:
        """Whoever is negotiating over a patent that is gone hears of it; an acceptance is refused from now on anyway."""
        table = models.inquiry
        data: dict[str, Any] = {"on": on.isoformat(), "patent_ids": [patent_id]}
        told = [
            change("inquiry.patent_ended", row.id, who, now, data)
            for row in (await tx.execute(select(table).where(_negotiated([patent_id])).order_by(table.c.id))).all()
            for who in (row.organization_id, row.licensor_id)
        ]
        await models.feed.append(tx, told)

    async def _ended(self, tx: Tx, row: Row[Any], on: date | None, now: datetime) -> None:
        past = "patent_restored" if on is None else "patent_ended"
        await models.changed(tx, models.license_, row, now, patent_ended_on=on)
        day = on or legal_day(now)
        act = {"subject": row.id, "act": past, "on": day, "at": now, "by": "catalog", "detail": {}}
        await tx.execute(insert(models.act).values(act))
        if row.effective_on is not None and row.terminated_on is None:
            data = {"on": day.isoformat(), "patent_ids": row.patent_ids}
            told = [change(f"license.{past}", row.id, who, now, data) for who in (row.organization_id, row.licensor_id)]
            await models.feed.append(tx, told)


def _gone(changes: Sequence[Change]) -> list[str]:
    """The patents that are gone by the last of what was recorded of them."""
    recorded = [each for each in changes if each.type == "patent.legal_event_recorded"]
    return [
        id_ for id_, state in {each.subject: str(each.data.get("state")) for each in recorded}.items() if state in _ENDS
    ]


def _negotiated(patent_ids: Sequence[str]) -> ColumnElement[bool]:
    """Inquiries about some patents that have come to nothing yet."""
    table = models.inquiry.c
    ids = func.jsonb_path_query_array(table.patents, cast("$[*].id", JSONPATH), type_=JSONB)
    return and_(table.closed_on.is_(None), table.license_id.is_(None), ids.has_any(array(patent_ids)))


def _ended_on(told: DealTarget) -> date | None:
    """From when on a patent is gone."""
    return told.ended_on if told.legal_state.value in _ENDS else None
