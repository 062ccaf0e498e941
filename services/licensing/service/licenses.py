"""Licenses: made by a notice and its payment, ended by the calendar, recorded with the patent office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Row, Table, and_, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import notice, periods
from services.licensing.rules import recordal as rules
from services.licensing.service.calendar import working_days
from services.licensing.service.targets import Targets
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Holder, LicenseType
from shared.contracts.licensing import (
    License,
    LicenseQuery,
    LicenseScope,
    LicenseSource,
    Recordal,
    RecordalOut,
    RecordalState,
    Terms,
    TimelineEntry,
)
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

_BASIS = {
    "effective": "专利法第五十一条第一款",
    "recordal_filed": "专利法实施细则第十五条、第八十七条",
    "recordal_recorded": "专利实施许可合同备案办法",
    "recordal_refused": "专利实施许可合同备案办法",
}


class Licenses:
    """Use cases on licenses."""

    def __init__(self, db: Database, targets: Targets, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._targets, self._acts, self._cursors, self._clock = db, targets, acts, cursors, clock

    async def begin(self, tx: Tx, request: Row[Any], declaration: Row[Any], on: date, by: Caller, now: datetime) -> str:
        """Enter the license that a notice and its payment have made; everybody concerned hears of it.

        Nobody decides here: the law has given it.
        """
        terms = Terms.model_validate(request.terms)
        until = notice.license_until(on, terms.license_term_months, declaration.expiry_date)
        id_ = new_id("lic")
        values = {
            "id": id_, "organization_id": request.organization_id, "version": 1, "created_at": now, "updated_at": now,
            "licensor_id": request.licensor_id, "licensors": declaration.patent["holders"],
            "patent_ids": [request.patent_id], "source_type": "OPEN_LICENSE", "source_id": request.id,
            "license_type": LicenseType.ORDINARY, "terms": request.terms, "effective_on": on, "until": until,
            "recordal_due_on": periods.recordal_due_on(on, working_days()), "is_sample": request.is_sample,
        }  # fmt: skip
        await tx.execute(insert(models.license_).values(values))
        await tx.execute(
            insert(models.act).values(
                subject=id_, act="effective", on=on, at=now, by=by.client_id, detail={"request_id": request.id}
            )
        )
        data = {
            "patent_ids": [request.patent_id], "license_type": LicenseType.ORDINARY.value, "on": on.isoformat(),
            "until": until.isoformat(), "licensee_id": request.organization_id, "licensor_id": request.licensor_id,
        }  # fmt: skip
        told = [
            change("license.effective", id_, audience, now, data)
            for audience in (request.organization_id, request.licensor_id)
        ]
        await models.feed.append(tx, told)
        return id_

    async def get(self, id_: str, by: Caller) -> License:
        """A license, for its two sides."""
        async with self._db.read() as tx:
            return (await self._loaded(tx, [await self._visible(tx, id_, by, lock=False)]))[0]

    async def _visible(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        statement = select(models.license_).where(models.license_.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not (by.may_touch(row.organization_id) or by.may_touch(row.licensor_id)):
            raise NotFound("there is no such license", "没有该许可")
        return row

    async def _loaded(self, tx: Tx, rows: Sequence[Row[Any]]) -> list[License]:
        done = await models.acts_of(tx, [row.id for row in rows])
        return [self._shown(row, done[row.id]) for row in rows]

    def _shown(self, row: Row[Any], done: list[Row[Any]]) -> License:
        today = legal_day(self._clock.now())
        steps = [one for one in done if one.act.startswith("recordal_")]
        return License(
            **{
                name: row._mapping[name]
                for name in (
                    "id", "external_id", "version", "created_at", "updated_at", "organization_id", "licensor_id",
                    "patent_ids", "recordal_due_on",
                )
            },
            licensors=[Holder.model_validate(holder) for holder in row.licensors],
            source=LicenseSource(type=row.source_type, id=row.source_id),
            license_type=LicenseType(row.license_type),
            scope=LicenseScope(territory="CN", field_of_use=None, begins_on=row.effective_on, until=row.until),
            terms=Terms.model_validate(row.terms),
            effective_at=row.effective_on,
            state="EXPIRED" if today > row.until else "IN_FORCE",
            recordal_state=recordal_state(row, done, today),
            recordals=[
                RecordalOut(
                    outcome=cast(Any, one.act.removeprefix("recordal_").upper()), on=one.on, at=one.at, **one.detail
                )
                for one in steps
            ],
            timeline=[TimelineEntry(act=one.act, on=one.on, at=one.at, basis=_BASIS.get(one.act)) for one in done],
            sample=row.is_sample,
        )  # fmt: skip

    async def page(self, query: LicenseQuery, by: Caller) -> Page[License]:
        """The caller's licenses, on either side, newest first."""
        table = models.license_
        found = [sides(table, query.side, by)]
        if query.patent_id:
            found.append(table.c.patent_ids.contains([query.patent_id]))
        condition = and_(*found)
        scope = ("licenses", by.organization_id, query.side, query.patent_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope, query.after, query.limit
            )
            items = await self._loaded(tx, rows)
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=items, next=more, count=total)

    async def record(self, id_: str, step: Recordal, by: Caller) -> License:
        """A step of the recordal: either side files it (rule 87); the office records or refuses it.

        Raises: RuleRefused REC-STATE, REC-EVIDENCE.
        """
        await self._targets.check_documents(step.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            return await self._acts.answer(tx, await self.recorded(tx, id_, step, by, now))

    async def recorded(self, tx: Tx, id_: str, step: Recordal, by: Caller, now: datetime) -> License:
        """The same within the caller's transaction."""
        row, today = await self._visible(tx, id_, by, lock=True), legal_day(now)
        state = recordal_state(row, (await models.acts_of(tx, [id_]))[id_], today)
        for no in (
            rules.step_follows(step.outcome, state),
            rules.step_is_proved(step.outcome, bool(step.document_ids), step.number, by.is_operator),
            rules.step_is_dated(step.on, row.effective_on, today),
        ):
            if no:
                raise no.raised()
        past = f"recordal_{step.outcome.lower()}"
        detail = {"number": step.number, "reason": step.reason, "document_ids": step.document_ids}
        await tx.execute(
            insert(models.act).values(subject=row.id, act=past, on=step.on, at=now, by=by.client_id, detail=detail)
        )
        table = models.license_
        await tx.execute(update(table).where(table.c.id == row.id).values(version=row.version + 1, updated_at=now))
        data = {"on": step.on.isoformat(), "number": step.number, "patent_ids": row.patent_ids}
        told = [
            change(f"license.{past}", row.id, audience, now, data)
            for audience in (row.organization_id, row.licensor_id)
        ]
        await models.feed.append(tx, told)
        made = (await tx.execute(select(table).where(table.c.id == row.id))).one()
        return (await self._loaded(tx, [made]))[0]


def recordal_state(row: Row[Any], done: Sequence[Row[Any]], today: date) -> RecordalState:
    """Whether a license is on record, by the steps that were taken and the calendar."""
    steps = [one.act.removeprefix("recordal_").upper() for one in done if one.act.startswith("recordal_")]
    return rules.state_on(steps, row.recordal_due_on, today)


def sides(table: Table, side: str | None, by: Caller) -> ColumnElement[bool]:
    """Deals of the caller: on one side, or on either; of everybody for the operator."""
    own, given = table.c.organization_id == by.organization_id, table.c.licensor_id == by.organization_id
    if side is not None:
        return own if side == "LICENSEE" else given
    return table.c.id.is_not(None) if by.is_operator else or_(own, given)
