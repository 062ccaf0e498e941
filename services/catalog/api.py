"""Catalog over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError

from services.catalog.service import Catalog
from services.catalog.service.listings import FACETS
from services.catalog.service.reference import TABLES
from shared.app import Answer, Endpoint, expected_version, progress
from shared.auth import caller, caller_or_none
from shared.contracts.catalog import (
    ImportError_,
    ImportState,
    IpcPrefix,
    LegalEvent,
    LegalEventDraft,
    LegalState,
    Listing,
    ListingDraft,
    ListingPage,
    ListingPatch,
    ListingQuery,
    Loaded,
    Patent,
    PatentDraft,
    PatentImport,
    PatentPatch,
    Reason,
    ReferenceRow,
    ReferenceRows,
    Removed,
    Snapshot,
)
from shared.contracts.feed import FeedPage
from shared.contracts.values import PatentType, RegionCode, fold
from shared.contracts.wire import Cursor, ExternalId, Limit, Page
from shared.errors import InvalidInput, Text, Violation


class CatalogEndpoint(Endpoint):
    """A route of catalog's."""

    service = "catalog"


router = APIRouter(route_class=CatalogEndpoint)


async def _catalog(request: Request) -> Catalog:
    found: Catalog = request.app.state.use_cases
    return found


Uses = Annotated[Catalog, Depends(_catalog)]
Search = Annotated[str | None, Query(max_length=200, description="Words that must all occur")]


@router.post("/v1/patents", status_code=201, response_model=Patent, responses={200: {"model": Patent}})
async def register_patent(draft: PatentDraft, catalog: Uses) -> Answer:
    """Record a patent. A named co-holder of a known number gets the record that is there (200)."""
    patent, created = await catalog.patents.register(draft, caller())
    return Answer(patent, 201 if created else 200)


@router.get("/v1/patents")
async def list_patents(
    catalog: Uses,
    q: Search = None,
    legal_state: LegalState | None = None,
    patent_type: PatentType | None = None,
    ipc: IpcPrefix | None = None,
    region_code: RegionCode | None = None,
    external_id: ExternalId | None = None,
    number: Annotated[str | None, Query(max_length=60)] = None,
    after: Cursor | None = None,
    limit: Limit = 20,
    count: bool = False,
) -> Page[Patent]:
    """The patents that you keep or hold, newest first."""
    return await catalog.patents.page(
        q=q, state=legal_state, patent_type=patent_type, ipc=ipc, region_code=region_code, external_id=external_id,
        number=fold(number).upper() if number else None, after=after, limit=limit, count=count, by=caller(),
    )  # fmt: skip


@router.get("/v1/patents/{id}")
async def get_patent(id: str, catalog: Uses) -> Patent:
    """A patent with its legal status as the recorded events say today."""
    return await catalog.patents.get(id, caller())


@router.patch("/v1/patents/{id}")
async def change_patent(id: str, patch: PatentPatch, request: Request, catalog: Uses) -> Patent:
    """Correct a record (merge patch); its listings follow."""
    return await catalog.patents.patch(id, patch, expected_version(request), caller())


@router.post("/v1/patents/{id}/legal-events", status_code=201)
async def record_legal_event(id: str, draft: LegalEventDraft, catalog: Uses) -> LegalEvent:
    """Record a legal event; the status is derived from the record, and listings follow it."""
    return await catalog.patents.record(id, draft, caller())


@router.get("/v1/patents/{id}/legal-events")
async def list_legal_events(id: str, catalog: Uses) -> Page[LegalEvent]:
    """The record of a patent's legal events."""
    return await catalog.patents.events(id, caller())


@router.post("/v1/patent-imports", status_code=202)
async def import_patents(
    catalog: Uses,
    file: Annotated[UploadFile, File(description="CSV, JSON or NDJSON, heads in English or Chinese")],
    format: Annotated[Literal["csv", "json", "ndjson"] | None, Form()] = None,
    mapping: Annotated[str | None, Form(max_length=10_000, description='{"column head": "field"}')] = None,
    dry_run: Annotated[bool, Form(description="Report only, write nothing")] = False,
    publish: Annotated[bool, Form(description="List every granted patent of the file that may be on offer")] = False,
) -> PatentImport:
    """Import a file of patents; rejected rows never stop good ones, the same file again changes nothing."""
    content = await file.read()
    return await catalog.imports.queue(
        file.filename or "", content, form=format, mapping=_mapping(mapping), dry_run=dry_run, publish=publish,
        by=caller(),
    )  # fmt: skip


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


@router.get("/v1/patent-imports/{id}/errors")
async def list_import_errors(
    id: str, catalog: Uses, after: Cursor | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Page[ImportError_]:
    """Why rows were rejected: row, column, rule, message, cure."""
    return await catalog.imports.errors(id, after, limit, caller())


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


@router.post("/v1/listings", status_code=201)
async def draft_listing(draft: ListingDraft, catalog: Uses) -> Listing:
    """Write down an offer of one patent or a bundle; submission publishes it."""
    return await catalog.listings.draft(draft, caller())


@router.get("/v1/listings")
async def list_listings(
    catalog: Uses,
    query: Annotated[ListingQuery, Query()],
) -> ListingPage:
    """Published listings as cards, readable without a token."""
    return await catalog.listings.page(query, _facets(query.facets), caller_or_none())


def _facets(raw: str | None) -> list[str]:
    chosen = [name.strip() for name in (raw or "").split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in FACETS]:
        message = Text(
            f"there is no such facet; choose from {', '.join(FACETS)}", f"没有该分面，可选：{'、'.join(FACETS)}"
        )
        raise InvalidInput(
            message.en,
            message.zh,
            violations=(Violation("INPUT-CHOICE", message, pointer="query:facets"),) * len(unknown),
        )
    return chosen


@router.get("/v1/listings/{id}")
async def get_listing(id: str, catalog: Uses) -> Listing:
    """A listing; drafts for their owner only."""
    return await catalog.listings.get(id, caller_or_none())


@router.patch("/v1/listings/{id}")
async def change_listing(id: str, patch: ListingPatch, request: Request, catalog: Uses) -> Listing:
    """Change a listing's text (merge patch)."""
    return await catalog.listings.patch(id, patch, expected_version(request), caller())


@router.post("/v1/listings/{id}/submission")
async def submit_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """Submit; a listing that passes all rules is published at once unless the operator reviews."""
    return await catalog.listings.act(id, "submission", reason.reason, caller())


@router.post("/v1/listings/{id}/publication")
async def publish_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator publishes a submitted listing."""
    return await catalog.listings.act(id, "publication", reason.reason, caller())


@router.post("/v1/listings/{id}/return")
async def return_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator returns a submitted listing to be mended."""
    return await catalog.listings.act(id, "return", reason.reason, caller())


@router.post("/v1/listings/{id}/suspension")
async def suspend_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator takes a listing out of sight for a time."""
    return await catalog.listings.act(id, "suspension", reason.reason, caller())


@router.post("/v1/listings/{id}/resumption")
async def resume_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """The operator ends a suspension."""
    return await catalog.listings.act(id, "resumption", reason.reason, caller())


@router.post("/v1/listings/{id}/withdrawal")
async def withdraw_listing(id: str, catalog: Uses, reason: Reason = Reason()) -> Listing:
    """Withdraw; the listing is out of every result within a second."""
    return await catalog.listings.act(id, "withdrawal", reason.reason, caller())


Prefix = Annotated[str | None, Query(max_length=20, description="Codes that begin so")]
Code = Annotated[str | None, Query(max_length=20)]
Many = Annotated[int, Query(ge=1, le=500)]


@router.get("/v1/reference/regions")
async def regions(
    catalog: Uses, prefix: Prefix = None, q: Search = None, after: Code = None, limit: Many = 100
) -> Page[ReferenceRow]:
    """Administrative divisions (GB/T 2260)."""
    return await catalog.reference.page("regions", prefix, q, after, limit)


@router.get("/v1/reference/industries")
async def industries(
    catalog: Uses, prefix: Prefix = None, q: Search = None, after: Code = None, limit: Many = 100
) -> Page[ReferenceRow]:
    """Industries (GB/T 4754-2017)."""
    return await catalog.reference.page("industries", prefix, q, after, limit)


@router.get("/v1/reference/ipc")
async def ipc(
    catalog: Uses, prefix: Prefix = None, q: Search = None, after: Code = None, limit: Many = 100
) -> Page[ReferenceRow]:
    """The international patent classification."""
    return await catalog.reference.page("ipc", prefix, q, after, limit)


@router.post("/v1/reference/{table}/rows")
async def load_reference(
    table: Literal["regions", "industries", "ipc", "universities"], rows: ReferenceRows, catalog: Uses
) -> Loaded:
    """Load rows into a reference table: new ones added, changed ones replaced."""
    assert table in TABLES
    return await catalog.reference.load(table, rows.rows)


@router.delete("/v1/sample")
async def remove_sample(catalog: Uses) -> Removed:
    """Take the sample out for good."""
    return await catalog.sample.remove()


@router.get("/changes", include_in_schema=False)
async def changes(
    catalog: Uses,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
) -> FeedPage:
    """The feed, for other services."""
    return await catalog.changes(after, limit, wait)


@router.get("/snapshot", include_in_schema=False)
async def snapshot(
    catalog: Uses, after: Cursor | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> Snapshot:
    """Published listings with the position from which to follow the feed."""
    return await catalog.listings.snapshot(after, limit)
