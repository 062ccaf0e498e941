"""Patents: registered once by number, their status derived from recorded events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.catalog import models, rules
from services.catalog.rules.intake import consistency
from services.catalog.rules.status import Event, Standing
from services.catalog.service.listings import Listings, standing_today, starts_any, taken, with_parents
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    EventCode,
    EventDetail,
    EventSource,
    Holder,
    Inventor,
    LegalEvent,
    LegalEventDraft,
    Patent,
    PatentDraft,
    PatentFilters,
    PatentPatch,
    PatentQuery,
)
from shared.contracts.values import PatentType, fold
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx, insert_many, violated
from shared.errors import InvalidInput, NotFound, RuleRefused, StaleVersion, Text
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal, rule

FIELDS = (
    "external_id", "application_number", "publication_number", "patent_type", "title", "abstract", "claims", "ipc",
    "filing_date", "grant_date", "holders", "inventors", "region_code",
)  # fmt: skip


EXPORT_ROWS = 1_000  # in memory at once


def no_patent() -> NotFound:
    """For an unknown id, and for somebody else's patent."""
    return NotFound("there is no such patent", "没有该专利")


@rule("PN-TAKEN", source=Text("the platform's register of patents", "平台专利登记规则"), since="2026-11-22")
def number_is_taken(number: str) -> Refusal:
    """One record for each number; a stranger to the patent cannot make a second one."""
    return Refusal(
        "PN-TAKEN",
        Text(f"{number} is already recorded by another organization", f"{number} 已由其他单位登记"),
        Text(
            "if you hold this patent, ask that organization to name you as a holder with your credit code, or ask the operator",
            "如您是共有权利人，请联系登记单位将您（含统一社会信用代码）列为专利权人，或联系平台运营者",
        ),
        pointer="/application_number",
    )


def is_holder(row: Row[Any] | Any, by: Caller) -> bool:
    """Whether the caller is named as a holder, by id or by credit code."""
    return any(
        holder.get("organization_id") == by.organization_id or (by.uscc and holder.get("uscc") == by.uscc)
        for holder in row.holders
    )


def columns(draft: PatentDraft) -> dict[str, Any]:
    """A draft as values for the patent's row."""
    plain = draft.model_dump(mode="json", include=set(FIELDS))
    return {**plain, "filing_date": draft.filing_date, "grant_date": draft.grant_date}


def _check(draft: PatentDraft) -> None:
    """Raises: InvalidInput for contradictions; RuleRefused for warnings that were not acknowledged."""
    found = consistency(draft)
    if blocks := [no for no in found if no.severity == "BLOCK"]:
        first = blocks[0].message
        raise InvalidInput(first.en, first.zh, violations=tuple(no.violation() for no in blocks))
    if warnings := [no for no in found if no.rule not in draft.acknowledged_rules]:
        first = warnings[0].message
        raise RuleRefused(first.en, first.zh, code="warning", violations=tuple(no.violation() for no in warnings))


class Patents:
    """Use cases on patents."""

    def __init__(self, db: Database, listings: Listings, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._listings, self._acts, self._cursors, self._clock = db, listings, acts, cursors, clock

    async def register(self, draft: PatentDraft, by: Caller) -> tuple[Patent, bool]:
        """Record a patent; a named co-holder of a known number gets the record that is there (False).

        Raises: InvalidInput when fields contradict each other; RuleRefused PN-TAKEN for a stranger.
        """
        _check(draft)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            numbers = [draft.application_number or ""], [draft.publication_number or ""]
            known = await models.known_numbers(tx, *numbers)
            if not known:
                try:
                    async with tx.begin_nested():
                        (id_,) = await self.insert(tx, [(draft, Standing())], by.organization_id, now, is_sample=False)
                except IntegrityError as error:
                    if "organization_id" in violated(error):
                        raise taken(error) from None
                    known = await models.known_numbers(tx, *numbers)  # somebody was faster
            if known:
                row = known[0]
                if len(known) > 1 or not (by.may_touch(row.organization_id) or is_holder(row, by)):
                    raise number_is_taken(row.application_number or row.publication_number).raised()
                answer = await self._loaded(tx, row.id)
                return await self._acts.answer(tx, answer, status=200), False
            answer = await self._loaded(tx, id_)
            number = draft.application_number or draft.publication_number
            await models.feed.append(tx, [_registered(id_, by.organization_id, now, number)])
            return await self._acts.answer(tx, answer), True

    async def insert(
        self, tx: Tx, drafts: Sequence[tuple[PatentDraft, Standing]], owner: str, now: datetime, *, is_sample: bool
    ) -> list[str]:
        """Rows of new patents; answers their ids. The caller announces them."""
        values = [
            {
                **columns(draft),
                "id": new_id("pat"),
                "organization_id": owner,
                "created_at": now,
                "updated_at": now,
                "version": 1,
                "is_sample": is_sample,
                "standing": standing.stored(),
            }
            for draft, standing in drafts
        ]
        if values:
            await tx.execute(insert(models.patent), values)
        return [str(value["id"]) for value in values]

    async def insert_values(self, tx: Tx, values: Sequence[Mapping[str, Any]], owner: str, now: datetime) -> list[str]:
        """Rows of many new patents, all fields given as plain data; answers their ids. The caller announces them."""
        ids = [new_id("pat") for _ in values]
        common = {
            "organization_id": owner,
            "created_at": now,
            "updated_at": now,
            "version": 1,
            "is_sample": False,
            "standing": Standing().stored(),
        }
        rows = [{**value, **common, "id": id_} for id_, value in zip(ids, values, strict=True)]
        await insert_many(tx, models.patent, rows)
        return ids

    async def update_many(
        self, tx: Tx, values: Mapping[str, Mapping[str, Any]], owners: Mapping[str, str], now: datetime
    ) -> None:
        """Write all fields of many patents, given by id as plain data, and announce them."""
        rows = [{**value, "id": id_, "updated_at": now} for id_, value in values.items()]
        await models.overwrite_many(tx, models.patent, [*FIELDS, "updated_at"], rows)
        await models.feed.append(tx, [_changed(id_, owners[id_], now) for id_ in values])

    async def _loaded(self, tx: Tx, id_: str) -> Patent:
        row = (await tx.execute(select(models.patent).where(models.patent.c.id == id_))).one()
        return (await self._of(tx, [row]))[0]

    async def _of(self, tx: Tx, rows: Sequence[Row[Any]]) -> list[Patent]:
        titles = await models.titles_of(tx, sorted({code for row in rows for code in with_parents(row.ipc)}))
        today = legal_day(self._clock.now())
        return [
            Patent(
                **{name: row._mapping[name] for name in FIELDS if name not in ("holders", "inventors")},
                id=row.id,
                version=row.version,
                created_at=row.created_at,
                updated_at=row.updated_at,
                organization_id=row.organization_id,
                ipc_titles=[title for code in row.ipc if (title := titles.get(code) or titles.get(code[:4]))],
                expiry_date=rules.term.term_end(PatentType(row.patent_type), row.filing_date)
                if row.filing_date
                else None,
                holders=[Holder.model_construct(**holder) for holder in row.holders],
                inventors=[Inventor.model_construct(**inventor) for inventor in row.inventors],
                legal_status=standing_today(row, today),
                sample=row.is_sample,
            )
            for row in rows
        ]

    async def _visible(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        statement = select(models.patent).where(models.patent.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not (by.may_touch(row.organization_id) or (not lock and is_holder(row, by))):
            raise no_patent()
        return row

    async def get(self, id_: str, by: Caller) -> Patent:
        """A patent for its keeper, its holders and the operator."""
        async with self._db.read() as tx:
            return (await self._of(tx, [await self._visible(tx, id_, by, lock=False)]))[0]

    async def patch(self, id_: str, patch: PatentPatch, version: int, by: Caller) -> Patent:
        """Correct a record; its listings follow."""
        now = self._clock.now()
        async with self._db.write() as tx:
            row = await self._visible(tx, id_, by, lock=True)
            if row.version != version:
                raise StaleVersion(
                    f"the patent is at version {row.version} now; read it again",
                    f"专利记录已更新至版本 {row.version}，请重新读取",
                )
            before = {name: row._mapping[name] for name in FIELDS}
            given = patch.model_dump(exclude_unset=True)
            for name in ("title", "holders"):
                if name in given and given[name] is None:
                    del given[name]
            for name in ("ipc", "inventors"):
                if name in given:
                    given[name] = given[name] or []
            draft = PatentDraft.model_validate({**before, **given})
            _check(draft)
            await self.update(tx, row, columns(draft), now)
            answer = await self._loaded(tx, id_)
            await self._listings.reconsider(tx, [id_], now)
            return answer

    async def update(self, tx: Tx, row: Row[Any], values: dict[str, Any], now: datetime) -> None:
        """Write new values into a patent's row and announce them.

        Raises: RuleRefused PN-TAKEN, or Conflict for an external_id that is used.
        """
        try:
            await tx.execute(
                update(models.patent)
                .where(models.patent.c.id == row.id)
                .values(**values, version=row.version + 1, updated_at=now)
            )
        except IntegrityError as error:
            if "organization_id" in violated(error):
                raise taken(error) from None
            raise number_is_taken(str(values.get("publication_number"))).raised() from None
        await models.feed.append(tx, [_changed(row.id, row.organization_id, now)])

    async def page(self, query: PatentQuery, by: Caller) -> Page[Patent]:
        """The patents that the caller keeps or holds, newest first."""
        table = models.patent
        filters = PatentFilters.model_validate(query.model_dump(include=set(PatentFilters.model_fields)))
        condition = and_(True, *_conditions(filters, by))
        scope = ("patents", by.organization_id, filters.model_dump_json())
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope, query.after, query.limit
            )
            items = await self._of(tx, rows)
            total = (await tx.scalar(select(func.count()).select_from(table).where(condition))) if query.count else None
        return Page(
            items=items,
            next=more,
            count=total,
        )

    async def every(self, filters: PatentFilters, by: Caller) -> AsyncIterator[Sequence[Row[Any]]]:
        """The rows of all patents that a list would show, oldest first, as of one moment, piece by piece."""
        table = models.patent
        statement = (
            select(table).where(*_conditions(filters, by)).order_by(table.c.created_at, table.c.id).limit(EXPORT_ROWS)
        )
        after: tuple[datetime, str] | None = None
        async with self._db.moment() as tx:
            while True:
                key = tuple_(table.c.created_at, table.c.id)
                rows = (await tx.execute(statement if after is None else statement.where(key > after))).all()
                if not rows:
                    return
                yield rows
                after = rows[-1].created_at, rows[-1].id

    async def record(self, id_: str, draft: LegalEventDraft, by: Caller) -> LegalEvent:
        """Record a legal event; the status, and with it the listings, follow in the same transaction."""
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            for no in (
                rules.status.event_is_past(draft.occurred_on, today),
                rules.status.word_needs_evidence(draft.source, bool(draft.document_ids), by.is_operator),
            ):
                if no:
                    raise no.raised()
            event = await self.append_event(tx, row.id, draft, by.client_id, now)
            standing = await self._refold(tx, row, now)
            if standing.stored() != row.standing:
                await self._listings.reconsider(tx, [id_], now)
            await models.feed.append(tx, [_recorded(event, row, standing, now)])
            return await self._acts.answer(tx, event)

    async def record_many(
        self, tx: Tx, found: Sequence[tuple[Row[Any], LegalEventDraft]], by: str, now: datetime, *, is_trial: bool
    ) -> int:
        """Record events on patents whose rows are locked; answers how many were not on record before.

        The statuses, and with them the listings, follow at once; a trial writes nothing. The caller has
        checked whose the patents are and what the evidence is.
        """
        ids = sorted({row.id for row, _ in found})
        lines = await tx.execute(
            select(models.legal_event)
            .where(models.legal_event.c.patent_id == func.any(ids))
            .order_by(models.legal_event.c.recorded_at, models.legal_event.c.id)
        )
        record: dict[str, list[LegalEvent]] = {id_: [] for id_ in ids}
        for line in lines:
            record[line.patent_id].append(_event(line))
        known = {_identity(id_, event) for id_, events in record.items() for event in events}
        fresh: list[LegalEvent] = []
        for row, draft in found:
            identity = _identity(row.id, draft)
            if identity not in known:
                known.add(identity)
                event = LegalEvent(
                    **draft.model_dump(), id=new_id("evt"), patent_id=row.id, recorded_at=now, recorded_by=by
                )
                record[row.id].append(event)
                fresh.append(event)
        if fresh and not is_trial:
            await self._write_events(tx, {row.id: row for row, _ in found}, record, fresh, now)
        return len(fresh)

    async def _write_events(
        self,
        tx: Tx,
        rows: Mapping[str, Row[Any]],
        record: Mapping[str, Sequence[LegalEvent]],
        fresh: Sequence[LegalEvent],
        now: datetime,
    ) -> None:
        await insert_many(tx, models.legal_event, [event_values(event) for event in fresh])
        touched = dict.fromkeys(event.patent_id for event in fresh)
        standings = {id_: rules.status.fold(event_of(event) for event in record[id_]) for id_ in touched}
        await models.overwrite_many(
            tx,
            models.patent,
            ("standing", "updated_at"),
            [{"id": id_, "standing": standing.stored(), "updated_at": now} for id_, standing in standings.items()],
        )
        moved = [id_ for id_, standing in standings.items() if standing.stored() != rows[id_].standing]
        if moved:
            await self._listings.reconsider(tx, moved, now)
        await models.feed.append(
            tx, [_recorded(event, rows[event.patent_id], standings[event.patent_id], now) for event in fresh]
        )

    async def append_event(self, tx: Tx, patent_id: str, draft: LegalEventDraft, by: str, now: datetime) -> LegalEvent:
        """One row of the record of legal events."""
        event = LegalEvent(
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
        await tx.execute(insert(models.legal_event).values(event_values(event)))
        return event

    async def _refold(self, tx: Tx, row: Row[Any], now: datetime) -> Standing:
        found = await tx.execute(
            select(models.legal_event)
            .where(models.legal_event.c.patent_id == row.id)
            .order_by(models.legal_event.c.recorded_at, models.legal_event.c.id)
        )
        standing = rules.status.fold(event_of(_event(line)) for line in found)
        await tx.execute(
            update(models.patent)
            .where(models.patent.c.id == row.id)
            .values(standing=standing.stored(), version=row.version + 1, updated_at=now)
        )
        return standing

    async def events(self, id_: str, by: Caller) -> Page[LegalEvent]:
        """The record of a patent's legal events, in the order of their days."""
        async with self._db.read() as tx:
            await self._visible(tx, id_, by, lock=False)
            found = await tx.execute(
                select(models.legal_event)
                .where(models.legal_event.c.patent_id == id_)
                .order_by(models.legal_event.c.occurred_on, models.legal_event.c.recorded_at)
            )
            return Page(items=[_event(line) for line in found])


def event_values(event: LegalEvent) -> dict[str, Any]:
    """A legal event as a row."""
    return {
        **event.model_dump(exclude={"detail"}),
        "detail": dump(event.detail) if event.detail else None,
    }


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


def event_of(event: LegalEvent | LegalEventDraft) -> Event:
    """A recorded event as the rules of status see it."""
    detail = event.detail
    return Event(
        event.code,
        event.occurred_on,
        event.source,
        detail.state if detail else None,
        detail.fees_paid_until if detail else None,
    )


def _identity(patent_id: str, event: LegalEvent | LegalEventDraft) -> tuple[Any, ...]:
    """What makes two entries of the record the same event."""
    detail = event.detail or EventDetail()
    return patent_id, event.code, event.occurred_on, detail.state, detail.fees_paid_until, detail.note


def _recorded(event: LegalEvent, row: Row[Any], standing: Standing, now: datetime) -> dict[str, Any]:
    said: dict[str, Any] = {"code": event.code, "occurred_on": event.occurred_on.isoformat(), "state": standing.state}
    return change("patent.legal_event_recorded", row.id, row.organization_id, now, said)


def _registered(id_: str, owner: str, now: datetime, number: str | None) -> dict[str, Any]:
    return change("patent.registered", id_, owner, now, {"number": number})


def _changed(id_: str, owner: str, now: datetime) -> dict[str, Any]:
    return change("patent.changed", id_, owner, now, {})


def announcements(created: Sequence[tuple[str, str | None]], owner: str, now: datetime) -> list[dict[str, Any]]:
    """What is said of many patents that were registered, given as (id, number)."""
    return [_registered(id_, owner, now, number) for id_, number in created]


def _conditions(filters: PatentFilters, by: Caller) -> list[ColumnElement[bool]]:
    """The filters as conditions, within what the caller keeps or holds."""
    table = models.patent
    found: list[ColumnElement[bool]] = []
    if not by.is_operator:
        own = [
            table.c.organization_id == by.organization_id,
            table.c.holders.contains([{"organization_id": by.organization_id}]),
        ]
        if by.uscc:
            own.append(table.c.holders.contains([{"uscc": by.uscc}]))
        found.append(or_(*own))
    for word in (filters.q or "").lower().split():
        found.append(func.strpos(func.lower(table.c.title), word) > 0)
    if filters.legal_state:
        found.append(table.c.standing["state"].astext == filters.legal_state.value)
    if filters.patent_type:
        found.append(table.c.patent_type == filters.patent_type.value)
    if filters.ipc:
        found.append(starts_any(table.c.ipc, filters.ipc))
    if filters.region_code:
        found.append(func.starts_with(table.c.region_code, filters.region_code))
    if filters.external_id:
        found.append(table.c.external_id == filters.external_id)
    if filters.number:
        number = fold(filters.number).upper()
        found.append(or_(table.c.application_number == number, table.c.publication_number == number))
    return found
