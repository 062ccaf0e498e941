"""Collections, their listings, and who follows them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from services.catalog.api.base import Uses, router
from services.catalog.service.tables import MEDIA_TYPE, Format
from shared.app import expected_version
from shared.auth import caller, caller_or_none
from shared.contracts.catalog import Card
from shared.contracts.collections import (
    Collection,
    CollectionDraft,
    CollectionPatch,
    CollectionsQuery,
    Follower,
)
from shared.contracts.wire import Cursor, Limit, Page


@router.post("/v1/collections", status_code=201)
async def make_collection(draft: CollectionDraft, catalog: Uses) -> Collection:
    """Make a collection: a saved query, and listings or patents chosen by hand."""
    return await catalog.collections.draft(draft, caller())


@router.get("/v1/collections")
async def list_collections(catalog: Uses, query: Annotated[CollectionsQuery, Query()]) -> Page[Collection]:
    """Collections that you may see, newest first; public ones without a token."""
    return await catalog.collections.page(query, caller_or_none())


@router.get("/v1/collections/{id}")
async def get_collection(id: str, catalog: Uses) -> Collection:
    """A collection that you may see."""
    return await catalog.collections.get(id, caller_or_none())


@router.patch("/v1/collections/{id}")
async def change_collection(id: str, patch: CollectionPatch, request: Request, catalog: Uses) -> Collection:
    """Change a collection (merge patch); followers who may not see it any more are let go."""
    return await catalog.collections.patch(id, patch, expected_version(request), caller())


@router.delete("/v1/collections/{id}", status_code=204)
async def remove_collection(id: str, catalog: Uses) -> None:
    """Take a collection away; its listings stay."""
    await catalog.collections.remove(id, caller())


@router.get("/v1/collections/{id}/listings")
async def list_collection(
    id: str, catalog: Uses, after: Cursor | None = None, limit: Limit = 20, count: bool = False
) -> Page[Card]:
    """The published listings of a collection as cards, newest first."""
    return await catalog.collections.cards(id, after, limit, count, caller_or_none())


@router.get(
    "/v1/collections/{id}/export",
    response_class=StreamingResponse,
    responses={
        200: {"content": {media.partition(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPE.values()}}
    },
)
async def export_collection(id: str, catalog: Uses, format: Format = "csv") -> StreamingResponse:
    """All listings of a collection as a file, in the language of the request."""
    content = await catalog.collections.export(id, format, caller_or_none())
    headers = {"Content-Disposition": f'attachment; filename="{id}.{format}"'}
    return StreamingResponse(content, media_type=MEDIA_TYPE[format], headers=headers)


@router.post("/v1/collections/{id}/followers", status_code=201)
async def follow_collection(id: str, catalog: Uses) -> Follower:
    """Follow a collection: your feed tells of each listing that enters it (`collection.listing_added`)."""
    return await catalog.collections.follow(id, caller())


@router.delete("/v1/collections/{id}/followers/me", status_code=204)
async def leave_collection(id: str, catalog: Uses) -> None:
    """Follow a collection no longer."""
    await catalog.collections.leave(id, caller())
