"""The log of a patent: events are appended to it, and everything else follows from it.

The patent's standing is folded from its log whenever it grows, in the same transaction as what becomes of its
listings. So the status of any day, as known at any instant, is the fold of a part of the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Row, func, insert, select

from services.catalog import models, rules
from services.catalog.rules.holders import Keeping
from services.catalog.rules.status import Event, Standing, fold
from services.catalog.service.listings import Assigned, Listings
from services.catalog.service.targets import keeper_at
from shared.contracts.catalog import EventCode, EventDetail, EventSource, LegalEvent, LegalEventDraft
from shared.contracts.values import PatentType
from shared.db import Tx, insert_many
from shared.feed import change
from shared.ids import new_id
from shared.rulebook import Refusal


class Events:
    """What is recorded of patents, and what it does to their rows and listings."""

    def __init__(self, listings: Listings) -> None:
        self._listings = listings

    async def of(self, tx: Tx, patent_id: str) -> list[LegalEvent]:
        """All events of a patent in the order in which they were recorded."""
        return (await self._of(tx, [patent_id]))[patent_id]

    async def _of(self, tx: Tx, patent_ids: Sequence[str]) -> dict[str, list[LegalEvent]]:
        table = models.legal_event
        log: dict[str, list[LegalEvent]] = {id_: [] for id_ in patent_ids}
        lines = await tx.execute(
            select(table)
            .where(table.c.patent_id == func.any(list(patent_ids)))
            .order_by(table.c.recorded_at, table.c.id)
        )
        for line in lines:
            log[line.patent_id].append(_event(line))
        return log

    async def record(self, tx: Tx, row: Row[Any], event: LegalEvent, now: datetime) -> None:
        """Append an event to a locked patent's log, and let everything follow. The caller has checked it."""
        await tx.execute(insert(models.legal_event).values(event_values(event)))
        await self._follow(tx, {row.id: row}, {row.id: await self.of(tx, row.id)}, [event], event.recorded_by, now)

    async def follow(self, tx: Tx, row: Row[Any], by: str, now: datetime) -> None:
        """Let everything follow from a locked patent's log that has become another one."""
        await self._follow(tx, {row.id: row}, {row.id: await self.of(tx, row.id)}, [], by, now)

    async def record_many(
        self, tx: Tx, found: Sequence[tuple[Row[Any], LegalEventDraft]], by: str, now: datetime, *, is_trial: bool
    ) -> int:
        """Record events on patents whose rows are locked; answers how many were not on record before.

        The statuses, and with them the listings, follow at once; a trial writes nothing. The caller has checked
        whose the patents are, what the evidence is, and `against` each event.
        """
        log = await self._of(tx, sorted({row.id for row, _ in found}))
        known = {identity(id_, event) for id_, events in log.items() for event in events}
        fresh: list[LegalEvent] = []
        for row, draft in found:
            if (said := identity(row.id, draft)) not in known:
                known.add(said)
                fresh.append(new_event(row.id, draft, by, now))
                log[row.id].append(fresh[-1])
        if fresh and not is_trial:
            await insert_many(tx, models.legal_event, [event_values(event) for event in fresh])
            grown = {event.patent_id for event in fresh}
            await self._follow(tx, {row.id: row for row, _ in found if row.id in grown}, log, fresh, by, now)
        return len(fresh)

    async def _follow(
        self,
        tx: Tx,
        rows: Mapping[str, Row[Any]],
        log: Mapping[str, Sequence[LegalEvent]],
        fresh: Sequence[LegalEvent],
        by: str,
        now: datetime,
    ) -> None:
        """Fold the logs of patents anew, after fresh events; listings follow, and the feed tells of it."""
        standings = {id_: fold(map(event_of, log[id_])) for id_ in rows}
        handed = {id_: hands for id_, standing in standings.items() if (hands := _hands(rows[id_], standing))}
        written = [
            {"id": id_, "standing": standing.stored(), "updated_at": now, **_kept(rows[id_], handed.get(id_))}
            for id_, standing in standings.items()
        ]
        names = ("standing", "updated_at", *(_KEPT if handed else ()))
        await models.overwrite_many(tx, models.patent, names, written)
        revisions = [
            {
                "patent_id": id_,
                "version": rows[id_].version,
                "at": now,
                "by": by,
                "before": {name: rows[id_]._mapping[name] for name in _KEPT if rows[id_]._mapping[name] != kept[name]},
            }
            for id_, hands in handed.items()
            for kept in [_kept(rows[id_], hands)]
        ]
        await insert_many(tx, models.patent_revision, revisions)
        assigned = {event.patent_id: Assigned(event.occurred_on) for event in fresh if event.code is EventCode.TRANSFER}
        assigned |= {id_: Assigned(now.date(), hands.holds) for id_, hands in handed.items()}
        if assigned:
            await self._listings.close_assigned(tx, assigned, now)
        if moved := [id_ for id_, standing in standings.items() if standing.stored() != rows[id_].standing]:
            await self._listings.reconsider(tx, moved, now)
        told = [change("patent.changed", id_, hands.organization_id, now, {}) for id_, hands in handed.items()]
        former = await models.merged_into(tx, list(rows))  # who knew the patent by another id hears of it by that
        told += [
            _recorded(subject, event, rows[event.patent_id], standings[event.patent_id], now)
            for event in fresh
            for subject in (event.patent_id, *former.get(event.patent_id, ()))
        ]
        await models.feed.append(tx, told)


_KEPT = ("holders", "organization_id", "keeper_uscc", "external_id")


def _hands(row: Row[Any], standing: Standing) -> Keeping | None:
    """In whose hands a patent is by an event just recorded; None where that has not changed."""
    if standing.holders is None or standing.holders == Standing.restored(row.standing).holders:
        return None
    before = Keeping(row.holders, row.organization_id, row.keeper_uscc)
    return rules.holders.handed_over(before, keeper_at(row), standing.holders, is_assigned=standing.is_assigned)


def _kept(row: Row[Any], hands: Keeping | None) -> dict[str, Any]:
    """Who holds and who keeps, as columns; an organization's own id of a patent does not go with it to another."""
    if hands is None:
        return {name: row._mapping[name] for name in _KEPT}
    stays = hands.organization_id == row.organization_id
    return {
        "holders": list(hands.holders),
        "organization_id": hands.organization_id,
        "keeper_uscc": hands.uscc,
        "external_id": row.external_id if stays else None,
    }


def against(row: Row[Any], draft: LegalEventDraft, *, is_operator: bool, today: date) -> list[Refusal | None]:
    """What the record itself says against an event, whoever tells of it."""
    standing, kind = Standing.restored(row.standing), PatentType(row.patent_type)
    return [
        rules.events.event_is_past(draft.occurred_on, today),
        rules.events.happened_after_filing(draft, row.filing_date),
        rules.events.compensation_is_for_inventions(draft.code, kind),
        rules.events.something_ends(draft, standing),
        rules.events.report_is_the_first(kind, standing, is_operator)
        if draft.code is EventCode.EVALUATION_REPORT
        else None,
    ]


def new_event(patent_id: str, draft: LegalEventDraft, by: str, now: datetime) -> LegalEvent:
    """A draft as an entry of the record."""
    return LegalEvent(
        id=new_id("evt"),
        patent_id=patent_id,
        code=draft.code,
        occurred_on=draft.occurred_on,
        source=draft.source,
        detail=draft.detail,
        document_ids=draft.document_ids,
        recorded_at=now,
        recorded_by=by,
    )


def event_values(event: LegalEvent) -> dict[str, Any]:
    """A legal event as a row."""
    detail = event.detail.model_dump(mode="json", exclude_none=True) if event.detail else None
    return {**event.model_dump(exclude={"detail"}), "detail": detail}


def event_of(event: LegalEvent) -> Event:
    """A recorded event as the rules of status see it."""
    return Event(event.code, event.occurred_on, event.source, event.detail or EventDetail(), event.id)


def _event(row: Row[Any]) -> LegalEvent:
    return LegalEvent(
        id=row.id,
        patent_id=row.patent_id,
        code=EventCode(row.code),
        occurred_on=row.occurred_on,
        source=EventSource(row.source),
        detail=EventDetail.model_validate(row.detail) if row.detail else None,
        document_ids=row.document_ids,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
    )


def identity(patent_id: str, event: LegalEvent | LegalEventDraft) -> tuple[Any, ...]:
    """What makes two entries of the record the same event."""
    said = event.detail.model_dump_json(exclude_none=True) if event.detail else "{}"
    return patent_id, event.code, event.occurred_on, said


def _recorded(subject: str, event: LegalEvent, row: Row[Any], standing: Standing, now: datetime) -> dict[str, Any]:
    said: dict[str, JsonValue] = {
        "code": event.code,
        "occurred_on": event.occurred_on.isoformat(),
        "state": standing.state,
    }
    return change("patent.legal_event_recorded", subject, row.organization_id, now, said)
