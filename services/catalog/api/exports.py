"""Files that go out: patents, and the forms to fill in for an import."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse

from services.catalog.api.base import Uses, router
from services.catalog.service.tables import MEDIA_TYPE, Format, Sent
from shared.auth import caller
from shared.contracts.catalog import ImportSubject, PatentExport


def a_file(*forms: Format) -> dict[int | str, dict[str, Any]]:
    """How a route that answers a file stands in the API document."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": {MEDIA_TYPE[form].partition(";")[0]: binary for form in forms}}}


def sending(sent: Sent) -> StreamingResponse:
    """A file with its Chinese name (RFC 5987), and an English one for those who cannot read that."""
    plain = sent.name.en.encode("ascii", "ignore").decode()
    chinese = "".join(f"%{byte:02X}" for byte in sent.name.zh.encode())
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{chinese}"
    return StreamingResponse(sent.pieces, media_type=sent.media_type, headers={"Content-Disposition": disposition})


@router.get("/v1/patents/export", response_class=StreamingResponse, responses=a_file("csv", "xlsx", "ndjson"))
async def export_patents(catalog: Uses, query: Annotated[PatentExport, Query()]) -> StreamingResponse:
    """Your patents as a file, with the filters of the list; importing it again changes nothing."""
    return sending(await catalog.exports.patents(query, caller()))


@router.get("/v1/patent-imports/template", response_class=StreamingResponse, responses=a_file("csv", "xlsx"))
async def import_template(
    catalog: Uses,
    format: Annotated[Literal["csv", "xlsx"], Query()] = "xlsx",
    subject: Annotated[ImportSubject, Query()] = ImportSubject.PATENTS,
) -> StreamingResponse:
    """A list to fill in and import: heads, two examples, and in XLSX a sheet that explains."""
    return sending(await catalog.exports.template(subject, format))
