"""Patents, what is recorded on them, and what they may be used for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from services.catalog.api.base import Uses, router
from shared.app import Answer, expected_version
from shared.auth import caller
from shared.contracts.catalog import Merger, MergerDraft, Patent, PatentDraft, PatentPatch, PatentQuery
from shared.contracts.wire import Page


@router.post("/v1/patents", status_code=201, response_model=Patent, responses={200: {"model": Patent}})
async def register_patent(draft: PatentDraft, catalog: Uses) -> Answer:
    """Record a patent. A named co-holder of a known number gets the record that is there (200)."""
    patent, created = await catalog.patents.register(draft, caller())
    return Answer(patent, 201 if created else 200)


@router.get("/v1/patents")
async def list_patents(catalog: Uses, query: Annotated[PatentQuery, Query()]) -> Page[Patent]:
    """The patents that you keep or hold, newest first."""
    return await catalog.patents.page(query, caller())


@router.get("/v1/patents/{id}")
async def get_patent(id: str, catalog: Uses) -> Patent:
    """A patent with its legal status as the recorded events say today."""
    return await catalog.patents.get(id, caller())


@router.post("/v1/patents/{id}/merger")
async def merge_patents(id: str, draft: MergerDraft, catalog: Uses) -> Patent:
    """Fold another record of the same patent into this one; the other's id answers 410 and names this one."""
    return await catalog.mergers.merge(id, draft, caller())


@router.get("/v1/patents/{id}/mergers")
async def list_mergers(id: str, catalog: Uses) -> Page[Merger]:
    """The records that were folded into this one, as they stood."""
    return await catalog.mergers.mergers(id, caller())


@router.patch("/v1/patents/{id}")
async def change_patent(id: str, patch: PatentPatch, request: Request, catalog: Uses) -> Patent:
    """Correct a record (merge patch); its listings follow."""
    return await catalog.patents.patch(id, patch, expected_version(request), caller())
