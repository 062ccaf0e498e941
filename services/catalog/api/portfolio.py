"""A whole portfolio at once: screenings, offers made from them, inventories, supply against demand."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Literal

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from services.catalog.api.base import Uses, router
from services.catalog.api.exports import a_file, sending
from services.catalog.service.tables import Format
from shared.app import Answer, progress
from shared.auth import caller
from shared.contracts.catalog import (
    Campaign,
    CampaignDraft,
    Decision,
    InventoryItem,
    ItemState,
    JobState,
    OfferBatch,
    OfferedBatch,
    PatentsBatch,
    Rated,
    Ratings,
    Review,
    ScreeningDraft,
    ScreeningResult,
    ScreeningRun,
    SelfRating,
    SupplyDemandMap,
    Tier,
)
from shared.contracts.wire import Cursor, Limit, Page


@router.post("/v1/screening-runs", status_code=202)
async def screen(draft: ScreeningDraft, catalog: Uses) -> ScreeningRun:
    """Screen 筛选 your portfolio for unimplemented patents worth offering, in the background."""
    return await catalog.screenings.queue(draft, caller())


@router.get("/v1/screening-runs")
async def list_screenings(catalog: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[ScreeningRun]:
    """Your screenings, newest first."""
    return await catalog.screenings.page(after, limit, caller())


@router.get("/v1/screening-runs/{id}")
async def get_screening(id: str, catalog: Uses) -> ScreeningRun:
    """How far a screening is, and what it found by tier and reason."""
    return await catalog.screenings.get(id, caller())


@router.delete("/v1/screening-runs/{id}", status_code=204)
async def remove_screening(id: str, catalog: Uses) -> None:
    """Stop a screening and forget its results."""
    await catalog.screenings.remove(id, caller())


@router.get("/v1/screening-runs/{id}/results")
async def list_screening_results(
    id: str, catalog: Uses, tier: Tier | None = None, after: Cursor | None = None, limit: Limit = 20
) -> Page[ScreeningResult]:
    """Patents with score, tier and reasons, best first; the excluded come last, with what excluded them."""
    return await catalog.screenings.results(id, tier, after, limit, caller())


@router.get(
    "/v1/screening-runs/{id}/results/export",
    response_class=StreamingResponse,
    responses=a_file("csv", "xlsx", "ndjson"),
)
async def export_screening_results(
    id: str, catalog: Uses, format: Format = "xlsx", tier: Tier | None = None
) -> StreamingResponse:
    """All results as a file, best first, in the language of the request."""
    return sending(await catalog.screenings.export(id, tier, format, caller()))


@router.get(
    "/v1/screening-runs/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_screening(id: str, catalog: Uses) -> StreamingResponse:
    """The screening's progress as server-sent events, until it is done."""
    who = caller()
    return await progress(lambda: catalog.screenings.get(id, who), lambda run: run.state is JobState.DONE)


@router.post("/v1/screening-runs/{id}/listings", status_code=201, response_model=OfferedBatch)
async def offer_screened(id: str, batch: OfferBatch, catalog: Uses) -> Answer:
    """Make listings for patents of some tiers from one template; a dry run (200) says what would become of each."""
    return Answer(await catalog.offers.screened(id, batch, caller()), 200 if batch.dry_run else 201)


@router.post("/v1/listing-batches", status_code=201, response_model=OfferedBatch)
async def offer_chosen(batch: PatentsBatch, catalog: Uses) -> Answer:
    """Make a listing for each of up to 500 patents from one template; a dry run (200) says what would become of each."""
    return Answer(await catalog.offers.chosen(batch, caller()), 200 if batch.dry_run else 201)


@router.post("/v1/inventory-campaigns", status_code=201)
async def begin_inventory(draft: CampaignDraft, catalog: Uses) -> Campaign:
    """Begin an inventory 盘点 of your patents."""
    return await catalog.inventories.begin(draft, caller())


@router.get("/v1/inventory-campaigns")
async def list_inventories(catalog: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[Campaign]:
    """Your inventories, newest first."""
    return await catalog.inventories.page(after, limit, caller())


@router.get("/v1/inventory-campaigns/{id}")
async def get_inventory(id: str, catalog: Uses) -> Campaign:
    """An inventory with how far its items are."""
    return await catalog.inventories.get(id, caller())


@router.post("/v1/inventory-campaigns/{id}/refresh")
async def refresh_inventory(id: str, catalog: Uses) -> Campaign:
    """Take in the patents that were recorded since."""
    return await catalog.inventories.refresh(id, caller())


@router.post("/v1/inventory-campaigns/{id}/closing")
async def close_inventory(id: str, catalog: Uses) -> Campaign:
    """End the inventory; its items are a record from then on."""
    return await catalog.inventories.close(id, caller())


@router.post("/v1/inventory-campaigns/{id}/self-ratings")
async def rate_many(id: str, ratings: Ratings, catalog: Uses) -> Rated:
    """Self-ratings of up to 1,000 patents, by number or id; refused ones never stop the others."""
    return await catalog.inventories.rate_many(id, ratings, caller())


@router.get("/v1/inventory-campaigns/{id}/items")
async def list_inventory_items(
    id: str,
    catalog: Uses,
    state: ItemState | None = None,
    stars_at_least: Annotated[int | None, Query(ge=1, le=5)] = None,
    after: Cursor | None = None,
    limit: Limit = 20,
) -> Page[InventoryItem]:
    """The patents of an inventory."""
    return await catalog.inventories.items(id, state, stars_at_least, after, limit, caller())


@router.get("/v1/inventory-items/{id}")
async def get_inventory_item(id: str, catalog: Uses) -> InventoryItem:
    """One patent of an inventory."""
    return await catalog.inventories.get_item(id, caller())


@router.post("/v1/inventory-items/{id}/self-rating")
async def rate_item(id: str, rating: SelfRating, catalog: Uses) -> InventoryItem:
    """What inventor or college think of the patent: 1 to 5 stars."""
    return await catalog.inventories.rate(id, rating, caller())


@router.post("/v1/inventory-items/{id}/review")
async def review_item(id: str, review: Review, catalog: Uses) -> InventoryItem:
    """The university's review of a self-rating."""
    return await catalog.inventories.review(id, review, caller())


@router.post("/v1/inventory-items/{id}/decision")
async def decide_item(id: str, decision: Decision, catalog: Uses) -> InventoryItem:
    """What becomes of a reviewed patent: into the pool, kept, or to be abandoned."""
    return await catalog.inventories.decide(id, decision, caller())


@router.get(
    "/v1/supply-demand",
    response_model=SupplyDemandMap,
    responses={200: {"content": {"text/csv": {}, "image/svg+xml": {}}}},
)
async def supply_against_demand(
    catalog: Uses,
    level: Literal["section", "class", "subclass"] = "class",
    format: Literal["json", "csv", "svg"] = "json",
) -> SupplyDemandMap | Response:
    """Patents on offer against open needs, by IPC class and province: as a table or as a heat map."""
    if format == "svg":
        return Response(await catalog.balance.picture(level), media_type="image/svg+xml")
    found = await catalog.balance.map(level)
    if format == "json":
        return found
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["ipc", "region_code", "patents", "needs"])
    rows.writerows([cell.ipc, cell.region_code or "", cell.patents, cell.needs] for cell in found.items)
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8")
