"""Reference tables, the sample, and what other services read."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Path as PathParam
from fastapi import Query

from services.catalog.api.base import Search, Uses, router
from services.catalog.service.reference import TABLES
from shared.contracts.catalog import (
    DealQuery,
    DealTargets,
    Holdings,
    Loaded,
    ReferenceRow,
    ReferenceRows,
    Removed,
    Snapshot,
)
from shared.contracts.feed import FeedPage
from shared.contracts.wire import Cursor, Page

Prefix = Annotated[str | None, Query(max_length=20, description="Codes that begin so")]
Code = Annotated[str | None, Query(max_length=20)]
Many = Annotated[int, Query(ge=1, le=500)]


@router.get("/v1/reference/regions")
async def regions(
    catalog: Uses,
    prefix: Prefix = None,
    q: Search = None,
    valid_on: Annotated[date | None, Query(description="Codes in use on this day; today without it")] = None,
    after: Code = None,
    limit: Many = 100,
) -> Page[ReferenceRow]:
    """Administrative divisions (GB/T 2260)."""
    return await catalog.reference.page("regions", prefix, q, after, limit, valid_on=valid_on)


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


@router.get("/v1/reference/{table}/{code}")
async def reference_row(
    table: Literal["regions", "industries", "ipc"], code: Annotated[str, PathParam(max_length=60)], catalog: Uses
) -> ReferenceRow:
    """One code, in any of its spellings; an abolished region with its last day."""
    return await catalog.reference.get(table, code)


@router.get("/v1/reference/ipc/{group}/{subgroup}")
async def ipc_group(
    group: Annotated[str, PathParam(max_length=30)], subgroup: Annotated[str, PathParam(max_length=30)], catalog: Uses
) -> ReferenceRow:
    """One IPC group, its slash as it is printed: /v1/reference/ipc/B23Q11/00."""
    return await catalog.reference.get("ipc", f"{group}/{subgroup}")


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
    types: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> FeedPage:
    """The feed, for other services."""
    return await catalog.changes(after, limit, wait, types)


@router.get("/snapshot", include_in_schema=False)
async def snapshot(
    catalog: Uses, after: Cursor | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> Snapshot:
    """Published listings with the position from which to follow the feed."""
    return await catalog.listings.snapshot(after, limit)


@router.post("/deal-checks", include_in_schema=False)
async def deal_check(query: DealQuery, catalog: Uses) -> DealTargets:
    """Patents as they stand now, and what is against an act with each; for licensing."""
    return await catalog.deals.targets(query)


@router.get("/holdings", include_in_schema=False)
async def holdings(
    organization_id: Annotated[str, Query(max_length=60)], year: Annotated[int, Query(ge=1985, le=2199)], catalog: Uses
) -> Holdings:
    """The patents that an organization keeps on record, by type; for licensing."""
    return await catalog.deals.holdings(organization_id, year)
