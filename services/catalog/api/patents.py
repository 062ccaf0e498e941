"""Patents, what is recorded on them, and what they may be used for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from services.catalog.api.base import Search, Uses, router
from shared.app import Answer, expected_version
from shared.auth import caller
from shared.contracts.catalog import (
    IpcPrefix,
    LegalState,
    Patent,
    PatentDraft,
    PatentPatch,
)
from shared.contracts.values import PatentType, RegionCode, canonical_number
from shared.contracts.wire import Cursor, ExternalId, Limit, Page


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
        number=canonical_number(number) if number else None, after=after, limit=limit, count=count, by=caller(),
    )  # fmt: skip


@router.get("/v1/patents/{id}")
async def get_patent(id: str, catalog: Uses) -> Patent:
    """A patent with its legal status as the recorded events say today."""
    return await catalog.patents.get(id, caller())


@router.patch("/v1/patents/{id}")
async def change_patent(id: str, patch: PatentPatch, request: Request, catalog: Uses) -> Patent:
    """Correct a record (merge patch); its listings follow."""
    return await catalog.patents.patch(id, patch, expected_version(request), caller())
