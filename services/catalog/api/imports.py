"""Imports: files of patents, and what became of their rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import File, Form, Query, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError

from services.catalog.api.base import Uses, router
from services.catalog.api.exports import a_file, sending
from shared.app import progress
from shared.auth import caller
from shared.contracts.catalog import ImportError_, ImportFormat, ImportState, ImportSubject, PatentImport
from shared.contracts.wire import Cursor, Limit, Page
from shared.errors import InvalidInput, Text, Violation

PIECE = 1 << 20


@router.post("/v1/patent-imports", status_code=202)
async def import_patents(
    catalog: Uses,
    file: Annotated[
        UploadFile, File(description="CSV, XLSX, XLS, ODS, JSON, NDJSON or office XML; heads in English or Chinese")
    ],
    format: Annotated[ImportFormat | None, Form()] = None,
    subject: Annotated[ImportSubject, Form(description="What the rows are about")] = ImportSubject.PATENTS,
    mapping: Annotated[str | None, Form(max_length=10_000, description='{"column head": "field"}')] = None,
    document_ids: Annotated[
        str | None,
        Form(
            max_length=1_000,
            pattern=r"^doc_[0-9a-z]{1,40}(,doc_[0-9a-z]{1,40}){0,19}$",
            description="Evidence for events and fees that a holder reports, with commas between",
        ),
    ] = None,
    dry_run: Annotated[bool, Form(description="Report only, write nothing")] = False,
    publish: Annotated[bool, Form(description="List every granted patent of the file that may be on offer")] = False,
) -> PatentImport:
    """Import a file of patents, legal events or annual fees; rejected rows never stop good ones, the same file
    again changes nothing."""
    return await catalog.imports.queue(
        file.filename or "", _pieces(file), form=format, subject=subject, mapping=_mapping(mapping),
        document_ids=document_ids.split(",") if document_ids else [], dry_run=dry_run, publish=publish, by=caller(),
    )  # fmt: skip


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(PIECE):
        yield piece


_MAPPING: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def _mapping(raw: str | None) -> dict[str, str]:
    if not raw:
        return {}
    try:
        return _MAPPING.validate_json(raw.replace("\\u0000", "\0"))  # an escaped NUL is refused as a bare one is
    except ValidationError:
        message = Text(
            'mapping is not a JSON object of strings, as {"名称": "title"}',
            'mapping 应为 JSON 对象，如 {"名称": "title"}',
        )
        raise InvalidInput(
            message.en, message.zh, violations=(Violation("INPUT-FORM", message, pointer="/mapping"),)
        ) from None


@router.get("/v1/patent-imports")
async def list_imports(catalog: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[PatentImport]:
    """Your imports, newest first."""
    return await catalog.imports.page(after, limit, caller())


@router.get("/v1/patent-imports/{id}")
async def get_import(id: str, catalog: Uses) -> PatentImport:
    """How far an import is, and what became of its rows."""
    return await catalog.imports.get(id, caller())


@router.get("/v1/patent-imports/{id}/errors", response_model=Page[ImportError_], responses=a_file("csv", "xlsx"))
async def list_import_errors(
    id: str,
    catalog: Uses,
    after: Cursor | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    format: Annotated[
        Literal["json", "csv", "xlsx"], Query(description="csv, xlsx: the rejected rows themselves, to be mended")
    ] = "json",
) -> Page[ImportError_] | StreamingResponse:
    """Why rows were rejected: row, column, rule, message, cure; or the rows with the reasons beside them."""
    if format == "json":
        return await catalog.imports.errors(id, after, limit, caller())
    return sending(await catalog.imports.rejected(id, format, caller()))


@router.get(
    "/v1/patent-imports/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_import(id: str, catalog: Uses) -> StreamingResponse:
    """The import's progress as server-sent events, until it is done."""
    who = caller()
    over = (ImportState.DONE, ImportState.FAILED)
    return await progress(lambda: catalog.imports.get(id, who), lambda job: job.state in over)
