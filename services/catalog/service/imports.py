"""Imports as their senders see them: a file is queued, followed, and its rejected rows are fetched.

Another process does the work (`importing`, started by `writer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, insert, select

from services.catalog import models, rules
from services.catalog.reading.protocol import FORMATS, HEADS
from services.catalog.rules.tables import columns
from services.catalog.service.evidence import Evidence
from services.catalog.service.listings import is_soe
from services.catalog.service.tables import Format, Head, Sent, sent
from services.catalog.service.writer import Writer
from shared import context
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.catalog import (
    EventSource,
    ImportError_,
    ImportListings,
    ImportRows,
    ImportState,
    ImportSubject,
    PatentImport,
)
from shared.contracts.wire import Page
from shared.db import Database
from shared.errors import InvalidInput, Language, NotFound, Text, Violation
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refused

IDLE_S = 1.0
PIECE_ROWS = 500  # of a file of rejected rows
_ENDINGS = {ending: name for name, form in FORMATS.items() for ending in form.endings}


class Imports:
    """Use cases on import jobs."""

    def __init__(
        self,
        db: Database,
        writer: Writer,
        evidence: Evidence,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._db, self._writer, self._evidence, self._clock = db, writer, evidence, clock
        self._acts, self._cursors = acts, cursors
        self._queued = asyncio.Event()

    async def queue(
        self,
        file_name: str,
        pieces: AsyncIterator[bytes],
        *,
        form: str | None,
        subject: ImportSubject,
        mapping: Mapping[str, str],
        document_ids: Sequence[str],
        dry_run: bool,
        publish: bool,
        by: Caller,
    ) -> PatentImport:
        """Take a file in, piece by piece; a worker reads it.

        Raises: InvalidInput, when the file's format cannot be told or the mapping is wrong; RuleRefused
        EV-EVIDENCE, when a holder reports events or fees without a document.
        """
        chosen = form or _ENDINGS.get("." + file_name.rpartition(".")[2].lower())
        if chosen is None:
            raise InvalidInput(
                f"the format of this file is not known; send a file that ends in {', '.join(_ENDINGS)}, or say `format`",
                f"无法识别文件格式，请使用以下扩展名之一：{'、'.join(_ENDINGS)}，或用 format 指明",
                code="import_format",
            )
        try:
            columns(list(mapping), mapping, HEADS[subject])
        except Refused as refused:
            no = refused.refusal
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation().at("/mapping"),)) from None
        if subject is not ImportSubject.PATENTS:
            _check_events(bool(document_ids), publish, by)
            await self._evidence.check(document_ids, by)
        now = self._clock.now()
        job = {
            "id": new_id("imp"),
            "organization_id": by.organization_id,
            "created_at": now,
            "updated_at": now,
            "version": 1,
            "file_name": file_name[:255],
            "format": chosen,
            "subject": subject,
            "document_ids": list(document_ids),
            "uscc": by.uscc,
            "is_soe": is_soe(by),
            "mapping": dict(mapping),
            "dry_run": dry_run,
            "publish": publish,
            "is_operator": by.is_operator,
            "state": ImportState.QUEUED,
            "rows": ImportRows().model_dump(),
            "listings": ImportListings().model_dump(),
            "done_rows": 0,
        }
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            await tx.execute(insert(models.import_job), [job])
            ordinal = 0
            async for piece in pieces:
                await tx.execute(
                    insert(models.import_file), [{"job_id": job["id"], "ordinal": ordinal, "content": piece}]
                )
                ordinal += 1
            row = (await tx.execute(select(models.import_job).where(models.import_job.c.id == job["id"]))).one()
            answer = await self._acts.answer(tx, _job(row))
        self._queued.set()
        return answer

    async def get(self, id_: str, by: Caller) -> PatentImport:
        """A job of the caller's."""
        return _job(await self._own(id_, by))

    async def _own(self, id_: str, by: Caller) -> Row[Any]:
        async with self._db.read() as tx:
            row = (await tx.execute(select(models.import_job).where(models.import_job.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such import", "没有该导入任务")
        return row

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
        await self._own(id_, by)
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

    async def rejected(self, id_: str, form: Format, by: Caller) -> Sent:
        """The rejected rows as they stood in the file, with reasons and cures beside them: mended there and
        sent again, they are read under the same heads."""
        job = await self._own(id_, by)
        language = context.language.get()
        heads = [Head("", Text(name, name), 24) for name in (*_REJECTED_HEADS[language], *(job.heads or []))]
        name = Text(f"{id_} rejected rows", f"未导入的行 {id_}")
        return sent(form, name, heads, self._rejected_rows(id_, language), language)

    async def _rejected_rows(self, id_: str, language: Language) -> AsyncIterator[list[str]]:
        table, after = models.import_reject, 0
        while True:
            async with self._db.read() as tx:
                found = await tx.execute(
                    select(table)
                    .where(table.c.job_id == id_, table.c.row > after)
                    .order_by(table.c.row)
                    .limit(PIECE_ROWS)
                )
                rows = found.all()
                if not rows:
                    return
                after = rows[-1].row
                errors = models.import_error
                found = await tx.execute(
                    select(errors)
                    .where(
                        errors.c.job_id == id_,
                        errors.c.severity == "BLOCK",
                        errors.c.row.between(rows[0].row, after),
                    )
                    .order_by(errors.c.row, errors.c.id)
                )
                reasons: dict[int, list[Row[Any]]] = {}
                for error in found:
                    reasons.setdefault(error.row, []).append(error)
            for row in rows:
                yield [*_why(row.row, reasons.get(row.row, []), language), *row.cells]

    async def work(self) -> None:
        """Loop: keep the process that writes imports at work while there are any."""
        while True:
            self._queued.clear()
            async with self._db.read() as tx:
                is_waiting = (await tx.execute(models.unfinished_imports().limit(1))).first() is not None
            if is_waiting:
                await self._writer.run()
                continue
            try:
                await asyncio.wait_for(self._queued.wait(), IDLE_S)
            except TimeoutError:
                continue


_REJECTED_HEADS: dict[Language, tuple[str, ...]] = {
    "zh": ("原行号", "未导入原因", "改正方法"),
    "en": ("import row", "import reason", "import cure"),
}


def _why(row: int, errors: Sequence[Row[Any]], language: Language) -> list[str]:
    """Where a rejected row stood, why it was rejected and how to mend it: the cells under `_REJECTED_HEADS`."""
    reasons = [
        f"{error.column}: {error.message[language]}" if error.column else error.message[language] for error in errors
    ]
    cures = [error.cure[language] for error in errors if error.cure]
    return [str(row), *("\n".join(dict.fromkeys(lines)) for lines in (reasons, cures))]


def _check_events(has_document: bool, publish: bool, by: Caller) -> None:
    """Raises: RuleRefused EV-EVIDENCE; InvalidInput."""
    source = EventSource.IMPORT if by.is_operator else EventSource.HOLDER
    if (no := rules.events.word_needs_evidence(source, has_document, by.is_operator)) is not None:
        raise no.raised()
    if publish:
        message = Text("only a list of patents can be published", "只有专利清单可以挂牌")
        raise InvalidInput(message.en, message.zh, violations=(Violation("INPUT-FORM", message, pointer="/publish"),))


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
        subject=ImportSubject(row.subject),
        document_ids=row.document_ids,
        dry_run=row.dry_run,
        publish=row.publish,
        state=ImportState(row.state),
        problem=row.problem[context.language.get()] if row.problem else None,
        rows=ImportRows.model_validate(row.rows),
        listings=ImportListings.model_validate(row.listings),
        done_rows=row.done_rows,
    )
