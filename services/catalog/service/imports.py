"""Imports: a university's file becomes patents, in chunks that a crash neither loses nor doubles.

A job's counters and its position move in the transaction that writes the chunk's rows, so that a
killed process goes on where the last commit left off, and two workers cannot do one chunk twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.catalog import models
from services.catalog.rules import intake
from services.catalog.rules.identity import one_patent, one_record
from services.catalog.rules.status import Standing
from services.catalog.service.codes import region_doubts
from services.catalog.service.listings import Listings, refusals
from services.catalog.service.patents import (
    FIELDS,
    Patents,
    announcements,
    columns,
    is_holder,
    named,
    number_is_taken,
)
from services.catalog.service.reference import Reference
from services.catalog.service.targets import target_of
from services.catalog.settings import CatalogSettings
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.access import OrganizationType
from shared.contracts.catalog import (
    FeeType,
    ImportError_,
    ImportListings,
    ImportRows,
    ImportState,
    LicenseMode,
    ListingDraft,
    ListingState,
    PatentDraft,
    PatentImport,
    Pricing,
)
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import InvalidInput, NotFound, RuleRefused, Text
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal, Refused

Format = Literal["csv", "json", "ndjson"]
_ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip
IDLE_S = 1.0


@dataclass
class _Reading:
    """A job's file, read once and kept while its chunks are written."""

    job_id: str
    rows: list[dict[str, Any] | Refusal]
    heads: dict[str, str]
    regions: dict[str, str]
    seen: set[str] = field(default_factory=set)  # numbers met before in this file: what a dry run would have made


@dataclass
class _Chunk:
    """What one chunk did."""

    created: list[tuple[PatentDraft, int]] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)  # patents updated or found unchanged
    updated: int = 0
    unchanged: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    warned: int = 0


class Imports:
    """Use cases on import jobs."""

    def __init__(
        self,
        db: Database,
        settings: CatalogSettings,
        listings: Listings,
        patents: Patents,
        reference: Reference,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._db, self._settings, self._clock = db, settings, clock
        self._listings, self._patents, self._reference = listings, patents, reference
        self._acts, self._cursors = acts, cursors
        self._reading: _Reading | None = None
        self._queued = asyncio.Event()

    async def queue(
        self,
        file_name: str,
        content: bytes,
        *,
        form: Format | None,
        mapping: Mapping[str, str],
        dry_run: bool,
        publish: bool,
        by: Caller,
    ) -> PatentImport:
        """Take a file in; a worker reads it.

        Raises: InvalidInput, when the file's format cannot be told or the mapping is wrong.
        """
        ending = "." + file_name.rpartition(".")[2].lower()
        chosen = form or _ENDINGS.get(ending)
        if chosen is None:
            raise InvalidInput(
                f"the format of this file is not known; send a file that ends in {', '.join(_ENDINGS)}, or say `format`",
                f"无法识别文件格式，请使用以下扩展名之一：{'、'.join(_ENDINGS)}，或用 format 指明",
                code="import_format",
            )
        try:
            intake.columns(list(mapping), mapping)
        except Refused as refused:
            no = refused.refusal
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation().at("/mapping"),)) from None
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            job = {
                "id": new_id("imp"),
                "organization_id": by.organization_id,
                "created_at": now,
                "updated_at": now,
                "version": 1,
                "file_name": file_name[:255],
                "format": chosen,
                "mapping": dict(mapping),
                "dry_run": dry_run,
                "publish": publish,
                "is_operator": by.is_operator,
                "state": ImportState.QUEUED,
                "rows": ImportRows().model_dump(),
                "listings": ImportListings().model_dump(),
                "done_rows": 0,
            }
            await tx.execute(insert(models.import_job), [job])
            await tx.execute(insert(models.import_file), [{"job_id": job["id"], "content": content}])
            row = (await tx.execute(select(models.import_job).where(models.import_job.c.id == job["id"]))).one()
            answer = await self._acts.answer(tx, _job(row))
        self._queued.set()
        return answer

    async def get(self, id_: str, by: Caller) -> PatentImport:
        """A job of the caller's."""
        async with self._db.read() as tx:
            row = (await tx.execute(select(models.import_job).where(models.import_job.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such import", "没有该导入任务")
        return _job(row)

    async def page(self, after: str | None, limit: int, by: Caller) -> Page[PatentImport]:
        """The caller's jobs, newest first."""
        table = models.import_job
        scope = ("imports", by.organization_id)
        statement = select(table).where(table.c.organization_id == by.organization_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.created_at, table.c.id), scope, after, limit)
        return Page(
            items=[_job(row) for row in rows],
            next=more,
        )

    async def errors(self, id_: str, after: str | None, limit: int, by: Caller) -> Page[ImportError_]:
        """Why rows were rejected, in the order of the file."""
        await self.get(id_, by)
        table = models.import_error
        scope = ("import errors", id_)
        statement = select(table).where(table.c.job_id == id_)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, statement, (table.c.row, table.c.id), scope, after, limit, falling=False
            )
        language = context.language.get()
        items = [
            ImportError_(
                row=row.row,
                column=row.column,
                rule=row.rule,
                severity=row.severity,
                message=row.message[language],
                cure=row.cure[language] if row.cure else None,
            )
            for row in rows
        ]
        return Page(items=items, next=more)

    async def work(self) -> None:
        """Loop: carry on the oldest job that is not finished, chunk by chunk."""
        while True:
            self._queued.clear()
            if await self.step():
                continue
            try:
                await asyncio.wait_for(self._queued.wait(), IDLE_S)
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """One chunk of the oldest unfinished job; False when there is none."""
        async with self._db.read() as tx:
            job = (
                await tx.execute(
                    select(models.import_job)
                    .where(models.import_job.c.state.in_([ImportState.QUEUED, ImportState.RUNNING]))
                    .order_by(models.import_job.c.created_at, models.import_job.c.id)
                    .limit(1)
                )
            ).first()
        if job is None:
            return False
        if self._reading is None or self._reading.job_id != job.id:
            try:
                self._reading = await self._read(job)
            except Refused as refused:
                await self._fail(job, refused.refusal)
                return True
        await self._write(job, self._reading)
        return True

    async def _read(self, job: Row[Any]) -> _Reading:
        async with self._db.read() as tx:
            content = await tx.scalar(select(models.import_file.c.content).where(models.import_file.c.job_id == job.id))
        rows = await asyncio.to_thread(intake.read_file, bytes(content or b""), job.format)
        names = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
        heads = intake.columns(list(names), job.mapping)
        if not heads:
            raise Refused(
                Refusal(
                    "IM-HEAD",
                    Text("no column head is known", "没有可识别的列名"),
                    Text(
                        "name the columns as " + ", ".join(intake.HEADS) + ", or in Chinese, or give a mapping",
                        "请使用如 申请号、专利名称、专利权人、申请日 的列名，或提供 mapping",
                    ),
                )
            )
        return _Reading(job.id, rows, heads, await self._reference.region_of())

    async def _fail(self, job: Row[Any], no: Refusal) -> None:
        problem = {"rule": no.rule, "en": no.message.en, "zh": no.message.zh}
        if no.cure:
            problem |= {"en": f"{no.message.en}; {no.cure.en}", "zh": f"{no.message.zh}；{no.cure.zh}"}
        async with self._db.write() as tx:
            await tx.execute(
                update(models.import_job)
                .where(models.import_job.c.id == job.id, models.import_job.c.done_rows == job.done_rows)
                .values(
                    state=ImportState.FAILED, problem=problem, updated_at=self._clock.now(), version=job.version + 1
                )
            )

    async def _write(self, job: Row[Any], reading: _Reading) -> None:
        """Write the next chunk and move the job on, in one transaction."""
        start, now = job.done_rows, self._clock.now()
        raw = reading.rows[start : start + self._settings.import_chunk_rows]
        read = await asyncio.to_thread(_read_rows, raw, start, reading)
        async with self._db.write() as tx:
            current = (
                await tx.execute(select(models.import_job).where(models.import_job.c.id == job.id).with_for_update())
            ).one()
            if current.done_rows != start or current.state in (ImportState.DONE, ImportState.FAILED):
                self._reading = None  # another worker was faster: look again
                return
            by = _importer(current)
            chunk = await self._apply(tx, job, read, reading, by, now)
            rows, done = ImportRows.model_validate(current.rows), start + len(raw)
            finished = done >= len(reading.rows)
            listings = ImportListings.model_validate(current.listings)
            if job.publish and not job.dry_run:
                listings = await self._publish(tx, chunk, listings, by, now)
            counted = ImportRows(
                total=len(reading.rows),
                created=rows.created + len(chunk.created),
                updated=rows.updated + chunk.updated,
                unchanged=rows.unchanged + chunk.unchanged,
                rejected=rows.rejected + chunk.rejected,
                warned=rows.warned + chunk.warned,
            )
            await tx.execute(
                update(models.import_job)
                .where(models.import_job.c.id == job.id)
                .values(
                    state=ImportState.DONE if finished else ImportState.RUNNING,
                    rows=counted.model_dump(),
                    listings=listings.model_dump(),
                    done_rows=done,
                    version=current.version + 1,
                    updated_at=now,
                )
            )
        if finished:
            self._reading = None

    async def _apply(
        self, tx: Tx, job: Row[Any], read: Sequence[intake.Row], reading: _Reading, by: Caller, now: datetime
    ) -> _Chunk:
        chunk = _Chunk()
        doubts = await region_doubts(tx, (row.draft.region_code for row in read if row.draft), legal_day(now))
        for row in read:
            if row.draft is not None and (no := doubts.get(row.draft.region_code or "")):
                (row.reasons if no.severity == "BLOCK" else row.warnings).append(intake.Cell(no, "region_code"))
        drafts = [row.draft for row in read if row.draft is not None and not row.reasons]
        known = _ByNumber(
            await models.known_numbers(
                tx,
                [draft.application_number for draft in drafts if draft.application_number],
                [draft.publication_number for draft in drafts if draft.publication_number],
            )
        )
        fresh: dict[str, PatentDraft] = {}  # numbers that this chunk creates
        changed: list[str] = []
        for row in read:
            reasons = list(row.reasons)
            if row.warnings and not reasons:
                chunk.warned += 1
                chunk.errors += [_error(job.id, row.number, cell) for cell in row.warnings]
            if row.draft is not None and not reasons:
                numbers = [n for n in (row.draft.application_number, row.draft.publication_number) if n]
                same = known.find(numbers)
                if any(number in fresh or number in reading.seen for number in numbers) and not same:
                    chunk.unchanged += 1  # the file names this patent twice; the first row counts
                    continue
                reading.seen.update(numbers)
                if not same:
                    fresh.update(dict.fromkeys(numbers, row.draft))
                    chunk.created.append((row.draft, row.number))
                    continue
                if not all(by.may_touch(each.organization_id) for each in same):
                    if len(same) == 1 and is_holder(same[0], by):
                        chunk.unchanged += 1
                        continue
                    reasons = [intake.Cell(number_is_taken(numbers[0]), None)]
                elif no := one_record([each.id for each in same]) or one_patent(named(same[0]), named(row.draft)):
                    reasons = [intake.Cell(no, None)]
                elif values := _difference(same[0], row):
                    try:
                        if not job.dry_run:
                            async with tx.begin_nested():
                                await self._patents.update(tx, same[0], values, by.client_id, now)
                    except (RuleRefused, IntegrityError) as refused:
                        if isinstance(refused, IntegrityError):
                            raise
                        reasons = [intake.Cell(number_is_taken(numbers[-1]), None)]
                    else:
                        chunk.updated += 1
                        chunk.touched.append(same[0].id)
                        changed.append(same[0].id)
                        continue
                else:
                    chunk.unchanged += 1
                    chunk.touched.append(same[0].id)
                    continue
            chunk.rejected += 1
            chunk.errors += [_error(job.id, row.number, cell) for cell in reasons]
        if chunk.errors:
            await tx.execute(insert(models.import_error), chunk.errors)
        if not job.dry_run:
            await self._create(tx, chunk, by, now)
            if changed:
                await self._listings.reconsider(tx, changed, now)
        return chunk

    async def _create(self, tx: Tx, chunk: _Chunk, by: Caller, now: datetime) -> None:
        drafts = [(draft, Standing()) for draft, _ in chunk.created]
        ids = await self._patents.insert(tx, drafts, by.organization_id, now, is_sample=False)
        created = [(id_, draft) for id_, (draft, _) in zip(ids, chunk.created, strict=True)]
        await models.feed.append(tx, announcements(created, by.organization_id, now))
        chunk.touched += ids

    async def _publish(
        self, tx: Tx, chunk: _Chunk, before: ImportListings, by: Caller, now: datetime
    ) -> ImportListings:
        """List every patent of the chunk that may be on offer and is not yet."""
        found = await tx.execute(
            select(models.patent).where(models.patent.c.id == func.any(chunk.touched)).order_by(models.patent.c.id)
        )
        offered = set(
            await tx.scalars(
                select(models.listing_patent.c.patent_id)
                .join(models.listing, models.listing.c.id == models.listing_patent.c.listing_id)
                .where(
                    models.listing_patent.c.patent_id == func.any(chunk.touched),
                    models.listing.c.state.not_in([ListingState.CLOSED, ListingState.WITHDRAWN]),
                )
            )
        )
        today, refused, unchanged = legal_day(now), dict(before.refused), before.unchanged
        drafts = []
        for row in found:
            if row.id in offered:
                unchanged += 1
            elif no := refusals([target_of(row, today)], [LicenseMode.ORDINARY], today):
                refused[no[0].rule] = refused.get(no[0].rule, 0) + 1
            else:
                drafts.append((_offer(row), [row], by.organization_id))
        ids = await self._listings.insert(tx, drafts, ListingState.PUBLISHED, by, now)
        await self._listings.announce(tx, ids, "listing.published", now)
        return ImportListings(published=before.published + len(ids), unchanged=unchanged, refused=refused)


def _offer(row: Row[Any]) -> ListingDraft:
    """A patent on offer with nothing promised yet: ordinary license, price to be negotiated."""
    return ListingDraft(
        patent_ids=[row.id],
        pricing=Pricing(fee_type=FeeType.NEGOTIABLE),
        region_codes=[row.region_code] if row.region_code else [],
    )


def _importer(job: Row[Any]) -> Caller:
    kind = OrganizationType.PLATFORM_OPERATOR if job.is_operator else OrganizationType.UNIVERSITY
    scopes = frozenset({"platform:operate"}) if job.is_operator else frozenset[str]()
    return Caller(f"import {job.id}", job.organization_id, kind, True, False, scopes)


def _read_rows(raw: Sequence[dict[str, Any] | Refusal], start: int, reading: _Reading) -> list[intake.Row]:
    rows = []
    for number, row in enumerate(raw, start + 1):
        if isinstance(row, Refusal):
            rows.append(intake.Row(number, reasons=[intake.Cell(row, None)]))
        else:
            rows.append(intake.read_row(number, row, reading.heads, reading.regions))
    return rows


class _ByNumber:
    """Known patents by each of their numbers."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        self._rows = {
            number: row for row in rows for number in (row.application_number, row.publication_number) if number
        }

    def find(self, numbers: Sequence[str]) -> list[Row[Any]]:
        """The different patents that carry these numbers: none, one, or a contradiction."""
        return list({row.id: row for number in numbers if (row := self._rows.get(number))}.values())


def _difference(row: Row[Any], read: intake.Row) -> dict[str, Any]:
    """The columns that the file names and that differ from the record."""
    assert read.draft is not None
    values = columns(read.draft)
    found: dict[str, Any] = {}
    for name in FIELDS:
        if name not in read.present:
            continue
        before = row._mapping[name]
        after = values[name]
        if name in ("holders", "inventors"):
            if _shown(before) != _shown(after):
                found[name] = after
        elif after != before and not (after is None and name in ("application_number", "publication_number")):
            found[name] = after
    return found


def _shown(people: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in person.items() if value is not None} for person in people]


def _error(job_id: str, row: int, cell: intake.Cell) -> dict[str, Any]:
    no = cell.refusal
    return {
        "job_id": job_id,
        "row": row,
        "column": cell.column,
        "rule": no.rule,
        "severity": no.severity,
        "message": no.message._asdict(),
        "cure": no.cure._asdict() if no.cure else None,
    }


def _job(row: Row[Any]) -> PatentImport:
    return PatentImport(
        id=row.id,
        external_id=row.external_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_id=row.organization_id,
        file_name=row.file_name,
        format=row.format,
        dry_run=row.dry_run,
        publish=row.publish,
        state=ImportState(row.state),
        problem=row.problem[context.language.get()] if row.problem else None,
        rows=ImportRows.model_validate(row.rows),
        listings=ImportListings.model_validate(row.listings),
        done_rows=row.done_rows,
    )
