"""Patents: registered once by number, their status derived from recorded events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, literal, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, array
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.catalog import models
from services.catalog.rules.holders import holders_are_registered
from services.catalog.rules.identity import Named, one_patent, one_record, patent_number
from services.catalog.rules.intake import consistency, granted
from services.catalog.rules.status import Standing
from services.catalog.service.codes import raise_unless_acknowledged, region_doubts
from services.catalog.service.listings import Listings, starts_any, taken, with_parents
from services.catalog.service.targets import expiry_of, keeper_at, state_on, status_of
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    Holder,
    Inventor,
    Patent,
    PatentDraft,
    PatentFilters,
    PatentPatch,
    PatentQuery,
)
from shared.contracts.values import PatentType, canonical_number
from shared.contracts.wire import Page
from shared.db import Database, Tx, insert_many, violated
from shared.errors import Gone, NotFound, StaleVersion, Text
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors, following
from shared.rulebook import Refusal, rule

FIELDS = (
    "external_id", "application_number", "publication_number", "patent_type", "title", "abstract", "claims", "ipc",
    "filing_date", "grant_date", "holders", "inventors", "region_code",
)  # fmt: skip


EXPORT_ROWS = 1_000  # in memory at once


def no_patent() -> NotFound:
    """For an unknown id, and for somebody else's patent."""
    return NotFound("there is no such patent", "没有该专利")


def merged_into(id_: str) -> Gone:
    """For the id of a record that was folded into another."""
    return Gone(
        f"this record was merged into {id_}; go on there",
        f"该记录已并入 {id_}，请使用该编号",
        code="patent_merged",
        headers={"Location": f"/v1/patents/{id_}"},
    )


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


def passes_to(row: Row[Any], by: Caller) -> bool:
    """Whether a record waits for the caller: by a recorded transfer it holds the patent, and the keeper no more."""
    is_left = Standing.restored(row.standing).holders is not None and keeper_at(row) is None
    return is_left and is_holder(row, by)


def registered_otherwise(row: Row[Any], told: Sequence[Mapping[str, Any]] | None) -> Refusal | None:
    """What forbids to write these holders into a record, None where nothing does."""
    return (told and holders_are_registered(Standing.restored(row.standing).held_since, row.holders, told)) or None


def columns(draft: PatentDraft) -> dict[str, Any]:
    """A draft as values for the patent's row."""
    plain = draft.model_dump(mode="json", include=set(FIELDS))
    return {**plain, "filing_date": draft.filing_date, "grant_date": draft.grant_date}


def plain(value: Any) -> Any:
    """A column's value as JSON."""
    return value.isoformat() if isinstance(value, date) else value


def named(facts: Any) -> Named:
    """What identifies a patent: of a row, or of a draft."""
    return Named(facts.application_number, facts.publication_number, PatentType(facts.patent_type), facts.title)


class Patents:
    """Use cases on patents."""

    def __init__(self, db: Database, listings: Listings, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._listings, self._acts, self._cursors, self._clock = db, listings, acts, cursors, clock

    async def register(self, draft: PatentDraft, by: Caller) -> tuple[Patent, bool]:
        """Record a patent; a named co-holder of a known number gets the record that is there (False).

        A number that the record does not have yet joins it, where both speak of one patent.
        Raises: InvalidInput when fields contradict each other; RuleRefused PN-TAKEN for a stranger, PN-FACTS
        or PN-SPLIT where the two numbers do not lead to one record.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            await self._check(tx, draft, draft.region_code, now)
            numbers = [draft.application_number or ""], [draft.publication_number or ""]
            known = await models.known_numbers(tx, *numbers)
            if not known:
                try:
                    async with tx.begin_nested():
                        (id_,) = await self.insert(
                            tx, [(draft, Standing())], by.organization_id, now, keeper_uscc=by.uscc
                        )
                except IntegrityError as error:
                    if "organization_id" in violated(error):
                        raise taken(error) from None
                    known = await models.known_numbers(tx, *numbers)  # somebody was faster
            if known:
                known = await self.handed(tx, known, by, now)
                for row in known:
                    if not (by.may_touch(row.organization_id) or is_holder(row, by)):
                        raise number_is_taken(row.application_number or row.publication_number).raised()
                if no := one_record([row.id for row in known]):
                    raise no.raised()
                if by.may_touch(row.organization_id):
                    await self._join(tx, row, draft, by, now)
                answer = await self.loaded(tx, row.id)
                return await self._acts.answer(tx, answer, status=200), False
            answer = await self.loaded(tx, id_)
            number = draft.application_number or draft.publication_number
            await models.feed.append(tx, [_registered(id_, by.organization_id, now, number)])
            return await self._acts.answer(tx, answer), True

    async def handed(self, tx: Tx, rows: Sequence[Row[Any]], by: Caller, now: datetime) -> Sequence[Row[Any]]:
        """Locked rows, of which those that were assigned to the caller are kept by it from now on.

        A transfer names its new holders by credit code, and so the record waits for the first of them to come.
        """
        heired = [row for row in rows if passes_to(row, by)]
        if not heired:
            return rows
        for row in heired:
            values = {"organization_id": by.organization_id, "keeper_uscc": by.uscc, "external_id": None}
            await self.update(tx, row, values, by.client_id, now)
        found = await tx.execute(
            select(models.patent).where(models.patent.c.id.in_([row.id for row in rows])).order_by(models.patent.c.id)
        )
        return found.all()

    async def _check(self, tx: Tx, draft: PatentDraft, region_code: str | None, now: datetime) -> None:
        """Raises: InvalidInput for contradictions; RuleRefused for warnings that were not acknowledged."""
        doubts = await region_doubts(tx, [region_code], legal_day(now))
        found = [*consistency(draft), *(replace(no, pointer="/region_code") for no in doubts.values())]
        raise_unless_acknowledged(found, draft.acknowledged_rules)

    async def _join(self, tx: Tx, row: Row[Any], draft: PatentDraft, by: Caller, now: datetime) -> None:
        """Write the number that a record lacks into it. Raises: RuleRefused PN-FACTS."""
        if no := one_patent(named(row), named(draft)):
            raise no.raised()
        told = {name: getattr(draft, name) for name in ("application_number", "publication_number")}
        missing = {name: number for name, number in told.items() if number and row._mapping[name] is None}
        if missing:
            await self.update(tx, row, missing, by.client_id, now)
            await self._listings.reconsider(tx, [row.id], now)

    async def insert(
        self,
        tx: Tx,
        drafts: Sequence[tuple[PatentDraft, Standing]],
        owner: str,
        now: datetime,
        *,
        keeper_uscc: str | None = None,
        is_sample: bool = False,
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
                "keeper_uscc": keeper_uscc,
                "standing": standing.stored(),
            }
            for draft, standing in drafts
        ]
        if values:
            await tx.execute(insert(models.patent), values)
        return [str(value["id"]) for value in values]

    async def insert_values(self, tx: Tx, values: Sequence[Mapping[str, Any]], by: Caller, now: datetime) -> list[str]:
        """Rows of many new patents, all fields and `row_digest` given as plain data; answers their ids.

        The caller announces them.
        """
        ids = [new_id("pat") for _ in values]
        common = {
            "organization_id": by.organization_id,
            "keeper_uscc": by.uscc,
            "created_at": now,
            "updated_at": now,
            "version": 1,
            "row_version": 1,
            "is_sample": False,
            "standing": Standing().stored(),
        }
        rows = [{**value, **common, "id": id_} for id_, value in zip(ids, values, strict=True)]
        await insert_many(tx, models.patent, rows)
        return ids

    async def update_many(
        self, tx: Tx, rows: Mapping[str, Row[Any]], values: Mapping[str, Mapping[str, Any]], by: str, now: datetime
    ) -> None:
        """Write all fields and `row_digest` of many patents, given by id as plain data, and announce them.

        What stood there is kept.
        """
        revisions = []
        for id_, value in values.items():
            told = {name: plain(rows[id_]._mapping[name]) for name in FIELDS}
            before = {name: told[name] for name in FIELDS if told[name] != value[name]}
            version = {"patent_id": id_, "version": rows[id_].version}
            revisions.append({**version, "at": now, "by": by, "before": before})
        await insert_many(tx, models.patent_revision, revisions)
        changed = [
            {**value, "id": id_, "row_version": rows[id_].version + 1, "updated_at": now}
            for id_, value in values.items()
        ]
        names = [*FIELDS, "row_digest", "row_version", "updated_at"]
        await models.overwrite_many(tx, models.patent, names, changed)
        await models.feed.append(tx, [_changed(id_, rows[id_].organization_id, now) for id_ in values])

    async def known_rows(self, tx: Tx, owner: str) -> tuple[bytes, list[str]]:
        """Digests of the rows that say what an organization's records hold, one behind the other, and the records."""
        table = models.patent
        of_now = (table.c.row_digest.is_not(None), table.c.row_version == table.c.version)
        found = await tx.execute(
            select(
                func.string_agg(table.c.row_digest, aggregate_order_by(literal(b""), table.c.id)),
                func.array_agg(aggregate_order_by(table.c.id, table.c.id)),
            ).where(table.c.organization_id == owner, *of_now)
        )
        digests, ids = found.one()
        return bytes(digests or b""), list(ids or ())

    async def says_the_same(self, tx: Tx, digests: Mapping[str, str]) -> None:
        """Remember of locked patents, by id, which row says what they hold."""
        if digests:
            new = (
                select(
                    func.unnest(array(list(digests))).label("id"),
                    func.unnest(array(list(digests.values()))).label("said"),
                )
            ).subquery("new")
            table = models.patent
            await tx.execute(
                update(table)
                .where(table.c.id == new.c.id)
                .values(row_digest=func.decode(new.c.said, "hex"), row_version=table.c.version)
            )

    async def loaded(self, tx: Tx, id_: str) -> Patent:
        """A patent as it stands in a transaction."""
        row = (await tx.execute(select(models.patent).where(models.patent.c.id == id_))).one()
        return (await self.shown(tx, [row]))[0]

    async def shown(self, tx: Tx, rows: Sequence[Any], today: date | None = None) -> list[Patent]:
        """Rows as patents, their status as of a day."""
        titles = await models.titles_of(tx, sorted({code for row in rows for code in with_parents(row.ipc)}))
        today = today or legal_day(self._clock.now())
        statuses = {row.id: status_of(row, today) for row in rows}
        return [
            Patent(
                **{name: row._mapping[name] for name in FIELDS if name not in ("holders", "inventors")},
                id=row.id,
                version=row.version,
                created_at=row.created_at,
                updated_at=row.updated_at,
                organization_id=row.organization_id,
                ipc_titles=[title for code in row.ipc if (title := titles.get(code) or titles.get(code[:4]))],
                expiry_date=expiry_of(row),
                holders=[Holder.model_construct(**holder) for holder in row.holders],
                inventors=[Inventor.model_construct(**inventor) for inventor in row.inventors],
                legal_status=statuses[row.id],
                exploitation_status=Standing.restored(row.standing).exploitation,
                patent_number=patent_number(
                    row.application_number,
                    shows_grant=granted(row.publication_number, row.grant_date is not None),
                    state=statuses[row.id].state,
                ),
                sample=row.is_sample,
            )
            for row in rows
        ]

    async def row(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        """A patent's row, whoever may see it. Raises: NotFound; Gone, for one that was merged into the caller's."""
        statement = select(models.patent).where(models.patent.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is not None:
            return row
        survivor = (await models.patents_known_as(tx, [id_])).get(id_)
        if survivor is not None and (by.may_touch(survivor.organization_id) or is_holder(survivor, by)):
            raise merged_into(survivor.id)
        raise no_patent()

    async def visible(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        """A patent's row: to read for its keeper, holders and the operator, to change for keeper and operator."""
        row = await self.row(tx, id_, by, lock=lock)
        if not (by.may_touch(row.organization_id) or (not lock and is_holder(row, by))):
            raise no_patent()
        return row

    async def get(self, id_: str, by: Caller) -> Patent:
        """A patent for its keeper, its holders and the operator."""
        async with self._db.read() as tx:
            return (await self.shown(tx, [await self.visible(tx, id_, by, lock=False)]))[0]

    async def patch(self, id_: str, patch: PatentPatch, version: int, by: Caller) -> Patent:
        """Correct a record; its listings follow."""
        now = self._clock.now()
        async with self._db.write() as tx:
            row = await self.visible(tx, id_, by, lock=True)
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
            if no := registered_otherwise(row, given.get("holders")):
                raise no.raised()
            draft = PatentDraft.model_validate({**before, **given})
            await self._check(tx, draft, given.get("region_code"), now)
            await self.update(tx, row, columns(draft), by.client_id, now)
            answer = await self.loaded(tx, id_)
            await self._listings.reconsider(tx, [id_], now)
            return answer

    async def update(self, tx: Tx, row: Row[Any], values: dict[str, Any], by: str, now: datetime) -> None:
        """Write new values into a patent's row, keep the old ones as a revision, and announce the change.

        Raises: RuleRefused PN-TAKEN, or Conflict for an external_id that is used.
        """
        before = {name: plain(row._mapping[name]) for name in values if row._mapping[name] != values[name]}
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
        if before:
            await tx.execute(
                insert(models.patent_revision).values(
                    patent_id=row.id, version=row.version, at=now, by=by, before=before
                )
            )
        await models.feed.append(tx, [_changed(row.id, values.get("organization_id", row.organization_id), now)])

    async def page(self, query: PatentQuery, by: Caller) -> Page[Patent]:
        """The patents that the caller keeps or holds, newest first."""
        filters = PatentFilters.model_validate(query.model_dump(include=set(PatentFilters.model_fields)))
        found = _found(models.patent.c, filters, by, legal_day(self._clock.now()))
        scope = ("patents", by.organization_id, filters.model_dump_json())
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, found, (models.patent.c.created_at, models.patent.c.id), scope, query.after, query.limit
            )
            items = await self.shown(tx, rows)
            counted = select(func.count()).select_from(union_all(*found).subquery())
            total = await tx.scalar(counted) if query.count else None
        return Page(
            items=items,
            next=more,
            count=total,
        )

    async def every(self, filters: PatentFilters, by: Caller) -> AsyncIterator[Sequence[Row[Any]]]:
        """The rows of all patents that a list would show, oldest first, as of one moment, piece by piece.

        Of the columns those that a file shows.
        """
        shown = [models.patent.c[name] for name in ("id", "created_at", "standing", "is_sample", *FIELDS)]
        found = _found(shown, filters, by, legal_day(self._clock.now()))
        key = (models.patent.c.created_at, models.patent.c.id)
        at: tuple[datetime, str] | tuple[()] = ()
        async with self._db.moment() as tx:
            while rows := (await tx.execute(following(found, key, at, EXPORT_ROWS, falling=False))).all():
                yield rows
                at = rows[-1].created_at, rows[-1].id


def _registered(id_: str, owner: str, now: datetime, number: str | None) -> dict[str, Any]:
    return change("patent.registered", id_, owner, now, {"number": number})


def _changed(id_: str, owner: str, now: datetime) -> dict[str, Any]:
    return change("patent.changed", id_, owner, now, {})


def announcements(created: Sequence[tuple[str, str | None]], owner: str, now: datetime) -> list[dict[str, Any]]:
    """What is said of many patents that were registered, given as (id, number)."""
    return [_registered(id_, owner, now, number) for id_, number in created]


def _found(columns: Iterable[ColumnElement[Any]], filters: PatentFilters, by: Caller, today: date) -> list[Select[Any]]:
    """Columns of the patents that pass the filters: of those that the caller keeps, and of others that it holds."""
    chosen = select(*columns).where(*_conditions(filters, today))
    if by.is_operator:
        return [chosen]
    table = models.patent
    keeps = table.c.organization_id == by.organization_id
    holds = table.c.holders.contains([{"organization_id": by.organization_id}])
    if by.uscc:
        holds = or_(holds, table.c.holders.contains([{"uscc": by.uscc}]))
    return [chosen.where(keeps), chosen.where(holds, ~keeps)]


def _conditions(filters: PatentFilters, today: date) -> list[ColumnElement[bool]]:
    table = models.patent
    found: list[ColumnElement[bool]] = []
    for word in (filters.q or "").lower().split():
        found.append(func.strpos(func.lower(table.c.title), word) > 0)
    if filters.legal_state:
        found.append(state_on(today) == filters.legal_state.value)
    if filters.patent_type:
        found.append(table.c.patent_type == filters.patent_type.value)
    if filters.ipc:
        found.append(starts_any(table.c.ipc, filters.ipc))
    if filters.region_code:
        found.append(func.starts_with(table.c.region_code, filters.region_code))
    if filters.external_id:
        found.append(table.c.external_id == filters.external_id)
    if filters.number:
        number = canonical_number(filters.number)
        found.append(or_(table.c.application_number == number, table.c.publication_number == number))
    return found
