"""What an import does: rows that a child reads become patents, or events on patents, in chunks that a crash
neither loses nor doubles.

A child process reads the file and judges its rows (`reading`); this one writes what it says, chunk by
chunk. A job's counters and its position move in the transaction that writes the chunk's rows, so that a
killed process goes on where the last commit left off, and two workers cannot do one chunk twice.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, BinaryIO

from pydantic import ValidationError
from sqlalchemy import Row, func, select, update
from sqlalchemy.exc import IntegrityError

from services.catalog import models, rules
from services.catalog.reading.protocol import Order, refusal_out
from services.catalog.rules import intake, statuslists
from services.catalog.rules.identity import Named, one_patent, one_record
from services.catalog.rules.tables import SINCE, SOURCE, ill_formed
from services.catalog.service.codes import region_doubts
from services.catalog.service.events import Events, against
from services.catalog.service.listings import Listings, is_soe, offered_among, refusals, supplier_refusals
from services.catalog.service.patents import (
    FIELDS,
    Patents,
    announcements,
    is_holder,
    named,
    number_is_taken,
    registered_otherwise,
)
from services.catalog.service.reader import Reader, RowRead, Unread
from services.catalog.service.reference import Reference
from services.catalog.service.targets import target_of
from services.catalog.settings import CatalogSettings
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.access import OrganizationType
from shared.contracts.catalog import (
    EventSource,
    FeeType,
    ImportListings,
    ImportRows,
    ImportState,
    ImportSubject,
    LegalEventDraft,
    LicenseMode,
    ListingDraft,
    ListingState,
    PatentDraft,
    Pricing,
)
from shared.contracts.values import PatentType
from shared.db import Database, Tx, insert_many
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

LOOK_S, LINGER_S = 0.2, 20.0  # how often to look for work, and how long to stay without any
TRIES = 5  # of a chunk that another writer got ahead of
_EMPTY: dict[str, Any] = {name: [] if name in ("ipc", "holders", "inventors") else None for name in FIELDS}


@rule("IM-PATENT", source=SOURCE, since=SINCE)
def no_such_patent(number: str) -> Refusal:
    """A row of a list of events is about a patent that its sender keeps here."""
    return Refusal(
        "IM-PATENT",
        Text(f"you keep no patent with the number {number}", f"您名下没有号码为 {number} 的专利"),
        Text("compare the number, or import the patent first", "请核对号码，或先导入该专利"),
    )


@rule("IM-EXTERNAL", source=SOURCE, since=SINCE)
def external_id_is_used(external_id: str) -> Refusal:
    """An organization gives each of its own ids to one patent."""
    return Refusal(
        "IM-EXTERNAL",
        Text(
            f"another of your patents has the id {external_id[:60]}", f"您的另一件专利已使用内部编号 {external_id[:60]}"
        ),
        Text("give each patent an id of its own", "请为每件专利使用不同的内部编号"),
        pointer="/external_id",
    )


@rule("IM-BUSY", source=SOURCE, since=SINCE)
def others_write() -> Refusal:
    """An import gives up when others keep registering the same numbers while it writes."""
    return Refusal(
        "IM-BUSY",
        Text("others registered the same numbers again and again meanwhile", "其他人正在反复登记相同的号码"),
        Text("send the file again: what was taken in stays as it is", "请重新上传文件：已导入的内容保持不变"),
    )


class _Work:
    """A job in hand: the child that reads its file, and the rows that are to be written next.

    They are read when the last are written, and not before: an import takes one processor, and leaves others to readers.
    """

    def __init__(self, job_id: str, reader: Reader, known: Sequence[str], at: int) -> None:
        """`known` are the patents that a known row speaks of; `at` rows of the file were written before."""
        self.job_id, self.reader, self.known, self.at = job_id, reader, known, at
        self.tries = 0
        self._rows: list[RowRead] | None = None

    async def next(self, done_rows: int) -> list[RowRead]:
        """The rows to be written now; what another worker has written is passed over.

        Raises: Unread, when the child gave up or died.
        """
        while True:
            if self._rows is None:
                self._rows = await self.reader.block()
            if self.at >= done_rows:
                return self._rows
            self.written()

    def written(self) -> None:
        """On to the next rows."""
        self.at, self._rows, self.tries = self.at + len(self._rows or ()), None, 0

    async def close(self) -> None:
        """End the child."""
        await self.reader.close()


@dataclass
class _Chunk:
    """What one chunk does."""

    created: list[dict[str, Any]] = field(default_factory=list)
    updated: dict[str, dict[str, Any]] = field(default_factory=dict)  # all fields, by patent
    updates: int = 0
    touched: list[str] = field(default_factory=list)  # patents updated or found unchanged
    same: dict[str, str] = field(default_factory=dict)  # digests of rows that changed nothing, by patent
    errors: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    recorded: int = 0
    unchanged: int = 0
    warned: int = 0

    def reject(self, job_id: str, row: RowRead, reasons: Sequence[dict[str, Any]]) -> None:
        """Keep a row with what is wrong with it."""
        number = row.said["n"]
        self.errors += [{"job_id": job_id, "row": number, **reason} for reason in reasons]
        self.rejects.append((number, row.cells))

    def warn(self, job_id: str, row: RowRead) -> None:
        """Keep what was passed over in a row that was taken in."""
        if warnings := row.said.get("warnings"):
            self.warned += 1
            self.errors += [{"job_id": job_id, "row": row.said["n"], **warning} for warning in warnings]


class Importing:
    """Carries import jobs on, in a process of its own (`writer`)."""

    def __init__(
        self,
        db: Database,
        settings: CatalogSettings,
        listings: Listings,
        patents: Patents,
        events: Events,
        reference: Reference,
        clock: Clock,
    ) -> None:
        self._db, self._settings, self._clock = db, settings, clock
        self._listings, self._patents, self._events, self._reference = listings, patents, events, reference
        self._work: _Work | None = None

    async def work(self) -> None:
        """Carry on the oldest job that is not finished, chunk by chunk, until there has been none for a while."""
        idle_s = 0.0
        try:
            while idle_s < LINGER_S:
                if await self.step():
                    idle_s = 0.0
                else:
                    await asyncio.sleep(LOOK_S)
                    idle_s += LOOK_S
        finally:
            await self._put_down()

    async def step(self) -> bool:
        """One chunk of the oldest unfinished job; False when there is none."""
        async with self._db.read() as tx:
            job = (
                await tx.execute(
                    models.unfinished_imports()
                    .order_by(models.import_job.c.created_at, models.import_job.c.id)
                    .limit(1)
                )
            ).first()
        if job is None:
            return False
        try:
            if self._work is None or self._work.job_id != job.id:
                await self._put_down()
                self._work = await self._open(job)
            rows = await self._work.next(job.done_rows)
        except Unread as unread:
            await self._put_down()
            await self._fail(job, unread.no)
            return True
        try:
            await self._write(job, self._work, rows)
        except IntegrityError:  # somebody registered one of these numbers meanwhile: look again
            self._work.tries += 1
            if self._work.tries == TRIES:
                await self._put_down()
                await self._fail(job, refusal_out(others_write()))
        return True

    async def _put_down(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            await work.close()

    async def _open(self, job: Row[Any]) -> _Work:
        """A child on the job's file, which lies in a file without a name while it is being read.

        Rows that said the same before are counted as they stood when the reading began.
        """
        regions, digests, known = await self._reference.region_of(), b"", list[str]()
        if job.subject == ImportSubject.PATENTS:
            async with self._db.read() as tx:
                digests, known = await self._patents.known_rows(tx, job.organization_id)
        order = Order(
            content=-1,
            form=job.format,
            subject=job.subject,
            mapping=job.mapping,
            regions=regions,
            today=legal_day(self._clock.now()).isoformat(),
            skip=job.done_rows,
            chunk_rows=self._settings.import_chunk_rows,
            known=b64encode(digests).decode(),
        )
        with tempfile.TemporaryFile() as file:
            await self._copy(job.id, file)
            return _Work(job.id, await Reader.start(file, order), known, job.done_rows)

    async def _copy(self, job_id: str, file: BinaryIO) -> None:
        table, ordinal = models.import_file, 0
        while True:
            async with self._db.read() as tx:
                piece = await tx.scalar(
                    select(table.c.content).where(table.c.job_id == job_id, table.c.ordinal == ordinal)
                )
            if piece is None:
                break
            await asyncio.to_thread(file.write, piece)
            ordinal += 1
        await asyncio.to_thread(file.flush)

    async def _fail(self, job: Row[Any], no: Mapping[str, Any]) -> None:
        message, cure = no["message"], no["cure"]
        problem = {"rule": no["rule"], "en": f"{message['en']}; {cure['en']}", "zh": f"{message['zh']}；{cure['zh']}"}
        async with self._db.write() as tx:
            await tx.execute(
                update(models.import_job)
                .where(models.import_job.c.id == job.id, models.import_job.c.done_rows == job.done_rows)
                .values(
                    state=ImportState.FAILED, problem=problem, updated_at=self._clock.now(), version=job.version + 1
                )
            )

    async def _write(self, job: Row[Any], work: _Work, read: list[RowRead]) -> None:
        """Write the next chunk and move the job on, in one transaction."""
        start, now = work.at, self._clock.now()
        total = work.reader.rows
        done = start + len(read)
        finished = done >= total
        async with self._db.write() as tx:
            current = (
                await tx.execute(select(models.import_job).where(models.import_job.c.id == job.id).with_for_update())
            ).one()
            if current.done_rows != start or current.state in (ImportState.DONE, ImportState.FAILED):
                return  # another worker was faster: look again
            by = _importer(current)
            chunk = _Chunk()
            if job.subject == ImportSubject.PATENTS:
                await self._apply(tx, job, work, read, chunk, by, now)
            else:
                await self._record(tx, job, read, chunk, by, now)
            await insert_many(tx, models.import_error, chunk.errors)
            await insert_many(
                tx,
                models.import_reject,
                [{"job_id": job.id, "row": row, "cells": json.loads(cells)} for row, cells in chunk.rejects],
            )
            rows = ImportRows.model_validate(current.rows)
            listings = ImportListings.model_validate(current.listings)
            if job.publish and not job.dry_run:
                listings = await self._publish(tx, chunk, listings, by, now)
            counted = ImportRows(
                total=total,
                created=rows.created + len(chunk.created) + chunk.recorded,
                updated=rows.updated + chunk.updates,
                unchanged=rows.unchanged + chunk.unchanged,
                rejected=rows.rejected + len(chunk.rejects),
                warned=rows.warned + chunk.warned,
            )
            await tx.execute(
                update(models.import_job)
                .where(models.import_job.c.id == job.id)
                .values(
                    state=ImportState.DONE if finished else ImportState.RUNNING,
                    heads=work.reader.heads,
                    rows=counted.model_dump(),
                    listings=listings.model_dump(),
                    done_rows=done,
                    version=current.version + 1,
                    updated_at=now,
                )
            )
        work.written()
        if finished:
            await self._put_down()

    async def _apply(
        self, tx: Tx, job: Row[Any], work: _Work, read: list[RowRead], chunk: _Chunk, by: Caller, now: datetime
    ) -> None:
        """Rows of patents: created, updated, unchanged or rejected."""
        same = [work.known[row.said["same"]] for row in read if "same" in row.said]
        chunk.touched += same
        chunk.unchanged += len(same)
        read = [row for row in read if "same" not in row.said]
        values = [row.said["values"] for row in read if "values" in row.said]
        found = await models.known_numbers(
            tx,
            [value["application_number"] for value in values if value.get("application_number")],
            [value["publication_number"] for value in values if value.get("publication_number")],
        )
        known = _ByNumber(found if job.dry_run else await self._patents.handed(tx, found, by, now))
        ours = await self._external_ids(tx, values, known, by)
        doubts = await region_doubts(tx, (value.get("region_code") for value in values), legal_day(now))
        for row in read:
            if no := doubts.get(row.said.get("values", {}).get("region_code") or ""):
                row.doubt({**_reason(no), "column": "region_code"})
        await asyncio.to_thread(_sort, job.id, read, known, ours, chunk, by)
        if job.dry_run:
            return
        ids = await self._patents.insert_values(tx, chunk.created, by, now)
        numbers = [values["application_number"] or values["publication_number"] for values in chunk.created]
        await self._patents.update_many(tx, known.by_id, chunk.updated, by.client_id, now)
        await self._patents.says_the_same(tx, chunk.same)
        await models.feed.append(tx, announcements(list(zip(ids, numbers, strict=True)), by.organization_id, now))
        chunk.touched += ids
        if chunk.updated:
            await self._listings.reconsider(tx, list(chunk.updated), now)

    async def _external_ids(
        self, tx: Tx, values: Sequence[Mapping[str, Any]], known: _ByNumber, by: Caller
    ) -> dict[tuple[str, str], str]:
        """Which patent has an external id already: {(organization, external id): patent}."""
        given = [value["external_id"] for value in values if value.get("external_id")]
        if not given:
            return {}
        table = models.patent
        owners = {by.organization_id, *(row.organization_id for row in known.rows)}
        found = await tx.execute(
            select(table.c.organization_id, table.c.external_id, table.c.id).where(
                table.c.external_id == func.any(given), table.c.organization_id == func.any(list(owners))
            )
        )
        return {(row.organization_id, row.external_id): row.id for row in found}

    async def _record(
        self, tx: Tx, job: Row[Any], read: Sequence[RowRead], chunk: _Chunk, by: Caller, now: datetime
    ) -> None:
        """Rows of events: recorded, known already or rejected."""
        numbers = [row.said["patent"] for row in read if "patent" in row.said]
        known = _ByNumber(await models.known_numbers(tx, numbers, numbers))
        source = EventSource.IMPORT if by.is_operator else EventSource.HOLDER
        found: list[tuple[Row[Any], LegalEventDraft]] = []
        for row in read:
            said = row.said
            if "patent" not in said:
                chunk.reject(job.id, row, said["reasons"])
                continue
            same = [patent for patent in known.find([said["patent"]]) if by.may_touch(patent.organization_id)]
            if not same:
                chunk.reject(job.id, row, [_reason(no_such_patent(said["patent"]))])
                continue
            detail = dict(said["values"]["detail"] or {})
            if said["year"] is not None:
                until = statuslists.fees_run_until(same[0].filing_date, said["year"])
                if isinstance(until, Refusal):
                    chunk.reject(job.id, row, [_reason(until)])
                    continue
                detail["fees_paid_until"] = until
            event = {**said["values"], "detail": detail or None, "source": source, "document_ids": job.document_ids}
            draft = LegalEventDraft.model_validate(event)
            if noes := [no for no in against(same[0], draft, is_operator=by.is_operator, today=legal_day(now)) if no]:
                chunk.reject(job.id, row, [_reason(no) for no in noes])
                continue
            found.append((same[0], draft))
        chunk.recorded = await self._events.record_many(tx, found, by.client_id, now, is_trial=job.dry_run)
        chunk.unchanged += len(found) - chunk.recorded

    async def _publish(
        self, tx: Tx, chunk: _Chunk, before: ImportListings, by: Caller, now: datetime
    ) -> ImportListings:
        """List every patent of the chunk that may be on offer and is not yet."""
        found = await tx.execute(
            select(models.patent).where(models.patent.c.id == func.any(chunk.touched)).order_by(models.patent.c.id)
        )
        offered = await offered_among(tx, chunk.touched)
        today, refused, unchanged = legal_day(now), dict(before.refused), before.unchanged
        uncleared = [no] if (no := rules.listing.is_cleared(is_soe(by), None, 1)) else []
        owner = by.organization_id
        stopped = supplier_refusals(owner in await models.restricted_among(tx, [owner], today))
        drafts = []
        for row in found:
            if row.id in offered:
                unchanged += 1
            elif noes := [*stopped, *refusals([target_of(row, today)], [LicenseMode.ORDINARY], today), *uncleared]:
                refused[noes[0].rule] = refused.get(noes[0].rule, 0) + 1
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
    kind = OrganizationType.ENTERPRISE if job.is_soe else OrganizationType.UNIVERSITY
    kind = OrganizationType.PLATFORM_OPERATOR if job.is_operator else kind
    scopes = frozenset({"platform:operate"}) if job.is_operator else frozenset[str]()
    return Caller(
        f"import {job.id}", job.organization_id, kind, True, False, scopes, job.uscc, is_state_owned=job.is_soe
    )


class _ByNumber:
    """Known patents by each of their numbers."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        self.rows = rows
        self.by_id = {row.id: row for row in rows}
        self._of = {
            number: row for row in rows for number in (row.application_number, row.publication_number) if number
        }

    def find(self, numbers: Sequence[str]) -> list[Row[Any]]:
        """The different patents that carry these numbers: none, one, or a contradiction."""
        return list({row.id: row for number in numbers if (row := self._of.get(number))}.values())


def _sort(
    job_id: str,
    read: Sequence[RowRead],
    known: _ByNumber,
    ours: dict[tuple[str, str], str],
    chunk: _Chunk,
    by: Caller,
) -> None:
    """Decide what becomes of each row of a list of patents."""
    for row in read:
        said = row.said
        if "reasons" in said:
            chunk.reject(job_id, row, said["reasons"])
        elif "again" in said:
            chunk.warn(job_id, row)
            chunk.unchanged += 1
        elif no := _place(said, known, ours, chunk, by):
            chunk.reject(job_id, row, no)
        else:
            chunk.warn(job_id, row)


def _place(
    said: Mapping[str, Any], known: _ByNumber, ours: dict[tuple[str, str], str], chunk: _Chunk, by: Caller
) -> list[dict[str, Any]]:
    """Put a row among the created, updated or unchanged; or answer why not."""
    values: dict[str, Any] = said["values"]
    numbers = [n for n in (values.get("application_number"), values.get("publication_number")) if n]
    same = known.find(numbers)
    if not same:
        if said["lacking"]:
            return list(said["lacking"])
        if not _claimed(ours, by.organization_id, values.get("external_id"), ""):
            return [_reason(external_id_is_used(values["external_id"]))]
        chunk.created.append({**_EMPTY, **values, "row_digest": _digest(said)})
        return []
    row = same[0]
    if not all(by.may_touch(each.organization_id) for each in same):
        if len(same) == 1 and is_holder(row, by):
            chunk.unchanged += 1
            return []
        return [_reason(number_is_taken(numbers[0]))]
    told = Named(
        values.get("application_number"), values.get("publication_number"),
        PatentType(values.get("patent_type") or row.patent_type), values.get("title") or row.title,
    )  # fmt: skip
    if no := one_record([each.id for each in same]) or one_patent(named(row), told):
        return [_reason(no)]
    before = {name: chunk.updated[row.id][name] for name in FIELDS} if row.id in chunk.updated else _plain(row)
    present = list(said["present"])
    if "holders" in present and (no := registered_otherwise(row, values["holders"])):
        present.remove("holders")  # what else the row says is taken in
        said["warnings"].append(_reason(replace(no, severity="WARN")))
    changes = _difference(before, values, present)
    if changes:
        if not _claimed(ours, row.organization_id, changes.get("external_id"), row.id):
            return [_reason(external_id_is_used(changes["external_id"]))]
        merged = {**before, **changes}
        if blocks := _contradictions(merged):
            return [_reason(no) for no in blocks]
        chunk.updated[row.id] = {**merged, "row_digest": _digest(said)}
        chunk.updates += 1
    else:
        chunk.unchanged += 1
        if row.organization_id == by.organization_id and row.id not in chunk.updated and not said["warnings"]:
            chunk.same[row.id] = said["digest"]
    chunk.touched.append(row.id)
    return []


def _digest(said: Mapping[str, Any]) -> str | None:
    """A row's digest as a column takes it; None for a row with a warning, which is to be told again each time."""
    return None if said["warnings"] else "\\x" + said["digest"]


def _claimed(ours: dict[tuple[str, str], str], owner: str, external_id: str | None, patent_id: str) -> bool:
    """Give an external id to a patent (empty: to a new one), unless another has it."""
    if external_id is None:
        return True
    key = owner, external_id
    if key in ours and (not patent_id or ours[key] != patent_id):
        return False
    ours[key] = patent_id
    return True


def _plain(row: Row[Any]) -> dict[str, Any]:
    """A patent's row as a file would say it."""
    values = {name: row._mapping[name] for name in FIELDS}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _contradictions(merged: Mapping[str, Any]) -> list[Refusal]:
    """What forbids a record as it would stand after a correction."""
    try:
        draft = PatentDraft.model_validate(merged)
    except ValidationError as refused:
        causes = [error.get("ctx", {}).get("error") for error in refused.errors(include_url=False, include_input=False)]
        return [cause.refusal if isinstance(cause, Refused) else ill_formed("", "") for cause in causes]
    return [no for no in intake.consistency(draft) if no.severity == "BLOCK"]


def _difference(record: Mapping[str, Any], values: Mapping[str, Any], present: Sequence[str]) -> dict[str, Any]:
    """The fields that the file names and that differ from the record; an empty number never erases one."""
    found: dict[str, Any] = {}
    for name in present:
        before, after = record[name], values[name]
        if name in ("holders", "inventors"):
            after = _people(before, after)
            if after != [_said(person) for person in before]:
                found[name] = after
        elif isinstance(before, str) and isinstance(after, str):
            if _lines(before) != _lines(after):
                found[name] = after
        elif before != after and not (after is None and name.endswith("_number")):
            found[name] = after
    return found


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _said(person: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in person.items() if value is not None}


def _people(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """People as a file names them, with what is recorded of them and the file does not say.

    Recorded shares are of the whole: they are kept only where the same people stand.
    """
    recorded = {person["name"]: _said(person) for person in before}
    are_same = [person["name"] for person in after] == list(recorded)
    kept = [
        {key: value for key, value in recorded.get(person["name"], {}).items() if are_same or key != "share"}
        for person in after
    ]
    return [{**old, **_said(person)} for old, person in zip(kept, after, strict=True)]


def _reason(no: Refusal) -> dict[str, Any]:
    return {"column": (no.pointer or "").strip("/") or None, **refusal_out(no)}
