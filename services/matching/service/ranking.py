"""Rankings: a need against the index, with reasons for what is there and for what is not."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
from rapidfuzz import fuzz, process

from services.matching import rules
from services.matching.engine import TOKENIZER, Condition, Found, Hit, Index, Query, Ranking, places
from services.matching.engine.index import DEPTH, SCORING
from services.matching.service.codes import Codes
from services.matching.service.demand import card, conditions
from services.matching.service.indexing import Indexing
from services.matching.service.needs import Needs, Said
from services.matching.service.tuning import Now, Tuned
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Card
from shared.contracts.matching import (
    EmptyReason,
    Explanation,
    Filters,
    Highlight,
    ListingNeed,
    ListingNeeds,
    Match,
    Matches,
    MatchQuery,
    Need,
    NeedsQuery,
    Relaxation,
    Signal,
    Suggestions,
    Term,
    Why,
)
from shared.errors import Gone, NotFound, Unavailable
from shared.paging import Cursors

RESEMBLES = 60.0  # rapidfuzz ratio from which a known word is suggested for an unknown one
_UNKNOWN_MOST, _ALIKE_MOST = 5, 3
TERM_ENDED = "TERM_ENDED"
_WAITING_MOST = 64
_HIGHLIGHTS_MOST = 40
_HELD_AGAINST = 60  # needs, nearest first, that are held against a listing by all signals
_BANDS = ("WEAK", "FAIR", "STRONG")


def filtering(filters: Filters, today: date) -> dict[str, Condition]:
    """Each filter that is set, and the end of the patents' term, by the name under which a hit is left out."""
    f = filters
    wanted = {
        TERM_ENDED: Condition.from_("ends_on", today.isoformat()),
        "region_code": f.region_code and Condition.prefix("region_code", f.region_code),
        "ipc": f.ipc and Condition.prefix("ipc", f.ipc),
        "industry_code": f.industry_code and Condition.prefix("industry_code", f.industry_code),
        "mode": f.mode and Condition.exactly("mode", f.mode),
        "fee_type": f.fee_type and Condition.exactly("fee_type", f.fee_type),
        "patent_type": f.patent_type and Condition.exactly("patent_type", f.patent_type),
        "trl_at_least": f.trl_at_least and Condition.from_("trl", str(f.trl_at_least)),
        "sample": None if f.sample is None else Condition.exactly("sample", str(f.sample).lower()),
    }
    assert wanted.keys() - {TERM_ENDED} == Filters.model_fields.keys()
    return {name: condition for name, condition in wanted.items() if isinstance(condition, Condition)}


@dataclass(frozen=True, slots=True)
class State:
    """What a ranking depends on, taken at one moment: it does not change under the asker."""

    index: Index
    tuned: Tuned
    today: date
    version: str  # names all of it

    def query(self, said: Said) -> Query:
        """A need as it is understood."""
        return self.tuned.understanding.query(*said)


class Rankings:
    """Use cases that rank."""

    def __init__(
        self,
        indexing: Indexing,
        demand: Indexing,
        needs: Needs,
        tuning: Now,
        codes: Codes,
        cursors: Cursors,
        clock: Clock,
        at_once: int,
    ) -> None:
        self._tuning, self._codes, self._demand = tuning, codes, demand
        self._indexing, self._needs, self._cursors, self._clock = indexing, needs, cursors, clock
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def state(self) -> State:
        """What rankings depend on now. Raises: Unavailable, while the index is being built."""
        await self._indexing.check()
        index, tuned, today = self._indexing.index, self._tuning(), legal_day(self._clock.now())
        epoch = self._indexing.epoch[:8] or "empty"
        version = f"{epoch}.{index.position}.{index.era}.{TOKENIZER}.{SCORING}{tuned.name}.{today:%Y%m%d}"
        return State(index, tuned, today, version)

    async def query(self, ask: MatchQuery) -> Matches:
        """Rank a need that is not stored."""
        await self._codes.check(ask.filters, "/filters")
        return await self._rank(Said(ask.title, ask.text, ask.industry_code), ask.filters, ask.limit, None, None, ())

    async def matches(self, need_id: str, filters: Filters, after: str | None, limit: int, by: Caller) -> Matches:
        """Rank a stored need.

        Raises: Gone, when a cursor's index is no longer the one that answers.
        """
        need = await self._needs.get(need_id, by)
        await self._codes.check(filters)
        scope = (need.id, need.need_version, filters.model_dump_json())
        return await self._rank(Said.by(need), filters, limit, need.need_version, after, scope)

    async def why(self, need_id: str, listing_id: str, filters: Filters, by: Caller) -> Why:
        """Why a listing is among a need's matches, or what keeps it out."""
        need = await self._needs.get(need_id, by)
        await self._codes.check(filters)
        return await asyncio.to_thread(_why, await self.state(), need, listing_id, filters)

    async def needs(self, listing_id: str, asked: NeedsQuery, by: Caller) -> ListingNeeds:
        """Needs that a listing may answer, as each need's owner would find the listing.

        What lies near the listing among the needs is held against it as each need would be ranked; so a listing
        and a need see each other in the same light.
        """
        await self._codes.check(asked)
        state, demand, now = await self.state(), self._demand.index, self._clock.now()
        await self._demand.check()
        query = await asyncio.to_thread(state.index.query_of, listing_id)
        if query is None:
            raise no_listing()
        limits = conditions(now, asked.industry_code, asked.region_code)
        near = await asyncio.to_thread(demand.match, query, _HELD_AGAINST, limits)
        rows = await self._needs.visible([found.id for found in near.found], by)

        def held_against() -> list[ListingNeed]:
            judged = []
            for id_, row in rows.items():
                query = state.query(Said.by(row))
                for found in state.index.judge(query, [listing_id], state.tuned.mix):
                    judged.append((-found.score, id_, rules.band(rules.fit(found.text)), query))
            judged.sort(key=lambda each: each[:2])
            least = _BANDS.index(asked.band) if asked.band else 0
            chosen = [each for each in judged if _BANDS.index(each[2]) >= least][: asked.limit]
            items = []
            for rank, (_, id_, band, query) in enumerate(chosen, 1):
                (hit,) = state.index.explain(query, [listing_id])
                shared = list(dict.fromkeys(leaf.term for leaf in hit.leaves))[:10]
                need = card(rows[id_], by, state.index)
                items.append(ListingNeed(rank=rank, band=band, need=need, shared_terms=shared))
            return items

        return ListingNeeds(
            listing_id=listing_id,
            index_version=state.version,
            needs_version=f"{self._demand.epoch[:8] or 'empty'}.{demand.position}.{demand.era}",
            items=await asyncio.to_thread(held_against),
        )

    async def _rank(
        self,
        said: Said,
        filters: Filters,
        limit: int,
        need_version: int | None,
        after: str | None,
        scope: tuple[object, ...],
    ) -> Matches:
        state = await self.state()
        start = 0
        if after:
            pinned, start = self._cursors.read(scope, after)
            if pinned != state.version:
                raise Gone(
                    "the index has moved on since the first page; start again without `after`",
                    "首页之后索引已更新，请去掉 after 参数从头读取",
                    code="index_version_gone",
                )
        if self._waiting >= _WAITING_MOST:
            raise Unavailable("too many rankings are waiting", "排队的匹配请求过多，请稍后重试", retry_after_s=1)
        self._waiting += 1
        try:
            async with self._free:
                answer = await asyncio.to_thread(ranked, state, said, filters, start, limit, need_version)
        finally:
            self._waiting -= 1
        if scope and answer.items and len(answer.items) == limit:
            return answer.model_copy(update={"next": self._cursors.make(scope, [state.version, start + limit])})
        return answer


def no_listing() -> NotFound:
    """A listing is not on offer, or there is none."""
    return NotFound("there is no such listing on offer", "没有该在架挂牌")


def ranked(state: State, said: Said, filters: Filters, start: int, limit: int, need_version: int | None) -> Matches:
    """A need against the index: pure work, for a thread."""
    index, mix = state.index, state.tuned.mix
    query = state.query(said)
    conditions_ = filtering(filters, state.today)
    ranking = index.match(query, start + limit, list(conditions_.values()), mix)
    shown = ranking.found[start:]
    hits = list(zip(index.explain(query, [found.id for found in shown]), shown, strict=True))
    return Matches(
        need_version=need_version,
        index_version=state.version,
        items=[_match(hit, found, start + number) for number, (hit, found) in enumerate(hits, 1)],
        excluded=_left_out(ranking, list(conditions_), start + limit),
        empty_reason=None if ranking.found else _empty(index, ranking.known_terms),
        suggestions=_suggestions(index, query, ranking.known_terms, hits),
        relaxations=_relaxations(ranking, list(conditions_)),
    )


def _why(state: State, need: Need, listing_id: str, filters: Filters) -> Why:
    index, mix = state.index, state.tuned.mix
    query = state.query(Said.by(need))
    explained = index.explain(query, [listing_id])
    if not explained:
        raise no_listing()
    (hit,) = explained
    conditions_ = filtering(filters, state.today)
    (passes,) = index.passes([listing_id], list(conditions_.values())).tolist()
    kept_out = [name for name, is_passed in zip(conditions_, passes, strict=True) if not is_passed]
    said = query.counts.keys() - query.through.keys()
    missing = sorted(said - {leaf.term for leaf in hit.leaves}, key=lambda t: (-query.counts[t], t))
    (found,) = index.judge(query, [listing_id], mix)
    is_matched = not kept_out and found.score > 0
    ranking = index.match(query, DEPTH, list(conditions_.values()), mix).found if is_matched else []
    ids = [each.id for each in ranking]
    return Why(
        need_version=need.need_version,
        index_version=state.version,
        listing_id=listing_id,
        matched=is_matched,
        rank=ids.index(listing_id) + 1 if listing_id in ids else None,
        score=found.score,
        fit=rules.fit(found.text),
        explanation=_explanation(hit, found),
        kept_out_by=kept_out,
        missing_terms=missing[:50],
    )


def _explanation(hit: Hit, found: Found) -> Explanation:
    return Explanation(
        terms=[
            Term(term=leaf.term, weight=found.mix.words * leaf.weight, field=leaf.field, through=leaf.through)
            for leaf in hit.leaves
        ],
        other=[Signal(signal=name, weight=weight) for name, weight in found.signals],
        highlights=_highlights(hit),
    )


def _highlights(hit: Hit) -> list[Highlight]:
    """Where the words that counted stand in what is shown of a listing."""
    card_ = hit.stored["card"]
    texts = {f"/titles/{number}": title for number, title in enumerate(card_["titles"])}
    if card_["summary"]:
        texts["/summary"] = card_["summary"]
    words = {leaf.term for leaf in hit.leaves}
    found = [
        Highlight(pointer=pointer, start=place.start, end=place.end, term=place.word)
        for pointer, text in texts.items()
        for place in places(text, words)
    ]
    return found[:_HIGHLIGHTS_MOST]


def _match(hit: Hit, found: Found, rank: int) -> Match:
    fit = rules.fit(found.text)
    return Match(
        rank=rank,
        score=found.score,
        fit=fit,
        band=rules.band(fit),
        listing=Card.model_validate(hit.stored["card"]),
        explanation=_explanation(hit, found),
    )


def _left_out(ranking: Ranking, names: list[str], many: int) -> dict[str, int]:
    """Of the best without any filter: how many each reason keeps out, counted by the first that does."""
    passes = ranking.passes[:many]
    first = np.argmin(passes, axis=1)[~passes.all(axis=1)]
    return dict(sorted(Counter(names[number] for number in first.tolist()).items()))


def _empty(index: Index, known: frozenset[str]) -> EmptyReason:
    if not len(index):
        return "INDEX_EMPTY"
    return "ALL_FILTERED" if known else "NO_KNOWN_TERM"


def _shared_by_alike(word: str) -> int:
    """How many different characters a term of two or more shares at least with a word that it resembles.

    A ratio r of words of n and m characters takes r x (n + m) / 2 common ones, and m is no less than those.
    """
    ratio, n = RESEMBLES / 100.0, len(word)
    common = max(math.ceil(ratio * (n + 2) / 2), math.ceil(ratio * n / (2 - ratio)))
    return max(1, common - (n - len(set(word))))


def _suggestions(index: Index, query: Query, known: frozenset[str], hits: list[tuple[Hit, Found]]) -> Suggestions:
    said = query.counts.keys() - query.through.keys() - known
    unknown = sorted((t for t in said if len(t) > 1), key=lambda t: (-query.counts[t], t))
    alike: list[str] = []
    for word in unknown[:_UNKNOWN_MOST]:
        near = [term for term in index.sharing(word, _shared_by_alike(word)) if len(term) > 1]
        alike += [
            known_
            for known_, _, _ in process.extract(
                word, near, scorer=fuzz.ratio, score_cutoff=RESEMBLES, limit=_ALIKE_MOST
            )
        ]
    classes: Counter[str] = Counter()
    industries: Counter[str] = Counter()
    for hit, found in hits:
        card = hit.stored["card"]
        for code in {code[:4] for patent in card["patents"] for code in patent["ipc"]}:
            classes[code] += found.score  # type: ignore[assignment]
        for code in card["industry_codes"]:
            industries[code] += found.score  # type: ignore[assignment]
    return Suggestions(
        terms=list(dict.fromkeys(alike))[:10],
        ipc=[code for code, _ in sorted(classes.items(), key=lambda item: (-item[1], item[0]))[:3]],
        industry_codes=[code for code, _ in sorted(industries.items(), key=lambda item: (-item[1], item[0]))[:3]],
    )


def _relaxations(ranking: Ranking, names: list[str]) -> list[Relaxation]:
    """For each filter: how many fair or strong hits among the first `DEPTH` would come in without it alone."""
    fair = np.array([rules.fit(text) >= rules.FAIR for text in ranking.texts.tolist()], bool)
    failed = ~ranking.passes[fair]
    alone = failed[failed.sum(axis=1) == 1].sum(axis=0).tolist()
    return [
        Relaxation(filter=name, count=count)
        for name, count in zip(names, alone, strict=True)
        if count and name != TERM_ENDED
    ]
