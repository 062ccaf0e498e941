"""Matching over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from services.matching.service import Matching
from shared.app import Endpoint, expected_version, progress
from shared.auth import caller
from shared.contracts.feed import FeedPage
from shared.contracts.matching import (
    Closing,
    Delivery,
    DemandMap,
    DemandQuery,
    Demands,
    Feedback,
    FeedbackDraft,
    Filters,
    ListingNeeds,
    Matches,
    MatchesQuery,
    MatchQuery,
    MatchRun,
    MatchRunDraft,
    Need,
    NeedDraft,
    NeedPatch,
    NeedsQuery,
    NeedState,
    RankingModel,
    RunResult,
    RunState,
    Subscription,
    SubscriptionDraft,
    VocabularyDraft,
    VocabularyEntry,
    Why,
)
from shared.contracts.wire import Cursor, ExternalId, Limit, Page


class MatchingEndpoint(Endpoint):
    """A route of matching's."""

    service = "matching"


router = APIRouter(route_class=MatchingEndpoint)


async def _matching(request: Request) -> Matching:
    found: Matching = request.app.state.use_cases
    return found


Uses = Annotated[Matching, Depends(_matching)]


@router.post("/v1/needs", status_code=201)
async def record_need(draft: NeedDraft, matching: Uses) -> Need:
    """Record a technology need in your own words."""
    return await matching.needs.draft(draft, caller())


@router.get("/v1/needs")
async def list_needs(
    matching: Uses,
    state: NeedState | None = None,
    external_id: ExternalId | None = None,
    after: Cursor | None = None,
    limit: Limit = 20,
    count: bool = False,
) -> Page[Need]:
    """Your needs, newest first."""
    return await matching.needs.page(
        state=state, external_id=external_id, after=after, limit=limit, count=count, by=caller()
    )


@router.get("/v1/needs/{id}")
async def get_need(id: str, matching: Uses) -> Need:
    """A need of yours."""
    return await matching.needs.get(id, caller())


@router.patch("/v1/needs/{id}")
async def change_need(id: str, patch: NeedPatch, request: Request, matching: Uses) -> Need:
    """Change a need (merge patch); the text of a published need gets a new version."""
    return await matching.needs.patch(id, patch, expected_version(request), caller())


@router.post("/v1/needs/{id}/publication")
async def publish_need(id: str, matching: Uses) -> Need:
    """Publish a need, or renew one that was paused or has expired."""
    return await matching.needs.act(id, "publication", None, caller())


@router.post("/v1/needs/{id}/pause")
async def pause_need(id: str, matching: Uses) -> Need:
    """Pause a published need."""
    return await matching.needs.act(id, "pause", None, caller())


@router.post("/v1/needs/{id}/closing")
async def close_need(id: str, matching: Uses, closing: Closing = Closing()) -> Need:
    """Close a need for good."""
    return await matching.needs.act(id, "closing", closing.reason, caller())


@router.get("/v1/needs/{id}/matches")
async def match_need(id: str, query: Annotated[MatchesQuery, Query()], matching: Uses) -> Matches:
    """Listings that fit the need, best first, each with the reasons for its score."""
    return await matching.rankings.matches(id, query.filters(), query.after, query.limit, caller())


@router.get("/v1/needs/{id}/matches/{listing_id}")
async def explain_match(id: str, listing_id: str, filters: Annotated[Filters, Query()], matching: Uses) -> Why:
    """Why a listing is among the matches, or why not."""
    return await matching.rankings.why(id, listing_id, filters, caller())


@router.post("/v1/match-queries")
async def match(query: MatchQuery, matching: Uses) -> Matches:
    """Rank a need that is not stored."""
    return await matching.rankings.query(query)


@router.post("/v1/needs/{id}/matches/{listing_id}/feedback", status_code=201)
async def give_feedback(id: str, listing_id: str, draft: FeedbackDraft, matching: Uses) -> Feedback:
    """Say what you think of a match; the first INTERESTED makes the need MATCHED."""
    return await matching.feedback.record(id, listing_id, draft, caller())


@router.get("/v1/needs/{id}/feedback")
async def list_feedback(id: str, matching: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[Feedback]:
    """All that was said of a need's matches, newest first."""
    return await matching.feedback.page(id, after, limit, caller())


@router.get("/v1/listings/{id}/needs")
async def needs_of_listing(id: str, query: Annotated[NeedsQuery, Query()], matching: Uses) -> ListingNeeds:
    """Published needs that a listing may answer, best first; of anonymized ones nothing that could name the firm."""
    return await matching.rankings.needs(id, query, caller())


@router.post("/v1/match-runs", status_code=202)
async def start_match_run(draft: MatchRunDraft, matching: Uses) -> MatchRun:
    """Rank many needs at once, in the background; results can be read while it goes on."""
    return await matching.runs.queue(draft, caller())


@router.get("/v1/match-runs")
async def list_match_runs(matching: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[MatchRun]:
    """Your match runs, newest first."""
    return await matching.runs.page(after, limit, caller())


@router.get("/v1/match-runs/{id}")
async def get_match_run(id: str, matching: Uses) -> MatchRun:
    """How far a match run is."""
    return await matching.runs.get(id, caller())


@router.delete("/v1/match-runs/{id}", status_code=204)
async def remove_match_run(id: str, matching: Uses) -> None:
    """Stop a match run and forget its results."""
    await matching.runs.remove(id, caller())


@router.get("/v1/match-runs/{id}/results")
async def match_run_results(
    id: str,
    matching: Uses,
    need_id: str | None = None,
    listing_id: str | None = None,
    fit_at_least: Annotated[float, Query(ge=0, le=1)] = 0.0,
    after: Cursor | None = None,
    limit: Limit = 50,
) -> Page[RunResult]:
    """What a match run has found so far, by need and rank."""
    return await matching.runs.results(id, need_id, listing_id, fit_at_least, after, limit, caller())


@router.get(
    "/v1/match-runs/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_match_run(id: str, matching: Uses) -> StreamingResponse:
    """A match run's progress as server-sent events, until it is done."""
    who = caller()
    return await progress(lambda: matching.runs.get(id, who), lambda run: run.state is RunState.DONE)


@router.post("/v1/match-subscriptions", status_code=201)
async def subscribe(draft: SubscriptionDraft, matching: Uses) -> Subscription:
    """Hear of new listings for a need of yours, or of new needs for a listing of yours."""
    return await matching.subscriptions.create(draft, caller())


@router.get("/v1/match-subscriptions")
async def list_subscriptions(matching: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[Subscription]:
    """Your subscriptions, newest first."""
    return await matching.subscriptions.page(after, limit, caller())


@router.get("/v1/match-subscriptions/{id}")
async def get_subscription(id: str, matching: Uses) -> Subscription:
    """A subscription of yours."""
    return await matching.subscriptions.get(id, caller())


@router.delete("/v1/match-subscriptions/{id}", status_code=204)
async def unsubscribe(id: str, matching: Uses) -> None:
    """End a subscription."""
    await matching.subscriptions.remove(id, caller())


@router.get("/v1/match-subscriptions/{id}/deliveries")
async def list_deliveries(id: str, matching: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[Delivery]:
    """What a subscription told you, newest first."""
    return await matching.subscriptions.deliveries(id, after, limit, caller())


Lay = Annotated[str, Path(min_length=1, max_length=40)]


@router.get("/v1/vocabulary")
async def list_vocabulary(
    matching: Uses,
    q: Annotated[str | None, Query(min_length=1, max_length=40)] = None,
    after: Cursor | None = None,
    limit: Limit = 100,
) -> Page[VocabularyEntry]:
    """Words of the workshop and what patents call them."""
    return await matching.tuning.page(q, after, limit)


@router.post("/v1/vocabulary", status_code=201)
async def put_vocabulary_entry(draft: VocabularyDraft, matching: Uses) -> VocabularyEntry:
    """Add an entry to the vocabulary, or replace one; every ranking from now on knows it."""
    return await matching.tuning.put(draft, caller())


@router.delete("/v1/vocabulary/{lay}", status_code=204)
async def remove_vocabulary_entry(lay: Lay, matching: Uses) -> None:
    """Take back what the operator said of a word; what ships holds again."""
    await matching.tuning.remove(lay, caller())


@router.get("/v1/ranking-models")
async def list_ranking_models(matching: Uses, after: Cursor | None = None, limit: Limit = 20) -> Page[RankingModel]:
    """Mixes of signals that were learned from feedback, newest first."""
    return await matching.learning.page(after, limit)


@router.post("/v1/ranking-models", status_code=201)
async def learn_ranking_model(matching: Uses) -> RankingModel:
    """Learn a mix of signals from all feedback there is; it is not used before it is activated."""
    return await matching.learning.learn()


@router.post("/v1/ranking-models/{id}/activation")
async def activate_ranking_model(id: str, matching: Uses) -> RankingModel:
    """Rank with a learned mix from now on."""
    return await matching.learning.activate(id, caller())


@router.post("/v1/ranking-models/{id}/retirement")
async def retire_ranking_model(id: str, matching: Uses) -> RankingModel:
    """Rank with the mix that ships again."""
    return await matching.learning.retire(id, caller())


@router.get("/changes", include_in_schema=False)
async def changes(
    matching: Uses,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=25)] = 0,
) -> FeedPage:
    """The feed, for other services."""
    return await matching.changes(after, limit, wait)


@router.post("/demand", include_in_schema=False)
async def demand(query: DemandQuery, matching: Uses) -> Demands:
    """How much open needs ask for patents, for catalog."""
    return await matching.demanded.by_patents(query)


@router.get("/demand-map", include_in_schema=False)
async def demand_map(matching: Uses) -> DemandMap:
    """Open needs over classes and provinces, for catalog."""
    return await matching.demanded.map()
