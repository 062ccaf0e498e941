"""Rankings: a need against the index, with reasons for what is there and for what is not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from services.matching import rules
from services.matching.engine import Document, Hit, Index, Query, terms
from services.matching.engine.index import Mask
from services.matching.service.indexing import Indexing
from services.matching.service.needs import Needs
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Card
from shared.contracts.matching import (
    EmptyReason,
    Explanation,
    Filters,
    Match,
    Matches,
    MatchQuery,
    Relaxation,
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

Test = Callable[[dict[str, Any]], bool]


def _tests(filters: Filters) -> dict[str, Test]:
    """Each filter that is set, as a test on a card."""
    f = filters
    tests: dict[str, Test] = {}
    if f.region_code:
        tests["region_code"] = lambda card: any(code.startswith(f.region_code or "") for code in card["region_codes"])
    if f.ipc:
        tests["ipc"] = lambda card: any(c.startswith(f.ipc or "") for patent in card["patents"] for c in patent["ipc"])
    if f.industry_code:
        tests["industry_code"] = lambda card: any(c.startswith(f.industry_code or "") for c in card["industry_codes"])
    if f.mode:
        tests["mode"] = lambda card: f.mode in card["modes"]
    if f.fee_type:
        tests["fee_type"] = lambda card: card["pricing"]["fee_type"] == f.fee_type
    if f.patent_type:
        tests["patent_type"] = lambda card: any(p["patent_type"] == f.patent_type for p in card["patents"])
    if f.trl_at_least:
        tests["trl_at_least"] = lambda card: (card["trl"] or 0) >= (f.trl_at_least or 0)
    if f.sample is not None:
        tests["sample"] = lambda card: card["sample"] == f.sample
    return tests


class Rankings:
    """Use cases that rank."""

    def __init__(self, indexing: Indexing, needs: Needs, cursors: Cursors, clock: Clock, at_once: int) -> None:
        self._indexing, self._needs, self._cursors, self._clock = indexing, needs, cursors, clock
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def query(self, ask: MatchQuery) -> Matches:
        """Rank a need that is not stored."""
        return await self._rank(ask.title, ask.text, ask.filters, ask.limit, None, None, ())

    async def matches(self, need_id: str, filters: Filters, after: str | None, limit: int, by: Caller) -> Matches:
        """Rank a stored need.

        Raises: Gone, when a cursor's index is no longer the one that answers.
        """
        need = await self._needs.get(need_id, by)
        text = "\n".join([need.description, *need.constraints])
        scope = (need.id, need.need_version, filters.model_dump_json())
        return await self._rank(need.title, text, filters, limit, need.need_version, after, scope)

    async def why(self, need_id: str, listing_id: str, filters: Filters, by: Caller) -> Why:
        """Why a listing is among a need's matches, or what keeps it out."""
        need = await self._needs.get(need_id, by)
        await self._indexing.check()
        today = legal_day(self._clock.now())
        index, version = self._indexing.index, self._indexing.version(today)
        query = Query.of(terms(need.title), terms("\n".join([need.description, *need.constraints])))
        hit = index.explain(query, listing_id)
        if hit is None:
            raise NotFound("there is no such listing on offer", "没有该在架挂牌")
        kept_out = [name for name, mask in self._masks(index, filters, today).items() if not _passes(index, mask, hit)]
        missing = sorted(query.counts.keys() - {leaf.term for leaf in hit.leaves}, key=lambda t: (-query.counts[t], t))
        scores = index.scores(query)
        ahead = int(np.count_nonzero(self._all(index, filters, today) & (scores > hit.score)))
        is_matched = not kept_out and hit.score > 0
        return Why(
            need_version=need.need_version,
            index_version=version,
            listing_id=listing_id,
            matched=is_matched,
            rank=ahead + 1 if is_matched else None,
            score=hit.score,
            fit=rules.fit(hit.score),
            explanation=_explanation(hit),
            kept_out_by=kept_out,
            missing_terms=missing[:50],
        )

    async def _rank(
        self,
        title: str,
        text: str,
        filters: Filters,
        limit: int,
        need_version: int | None,
        after: str | None,
        scope: tuple[object, ...],
    ) -> Matches:
        await self._indexing.check()
        today = legal_day(self._clock.now())
        index, version = self._indexing.index, self._indexing.version(today)
        start = 0
        if after:
            pinned, start = self._cursors.read(scope, after)
            if pinned != version:
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
                answer = await asyncio.to_thread(
                    self._ranked, index, version, title, text, filters, start, limit, need_version, today
                )
        finally:
            self._waiting -= 1
        if scope and answer.items and len(answer.items) == limit:
            return answer.model_copy(update={"next": self._cursors.make(scope, [version, start + limit])})
        return answer

    def _ranked(
        self,
        index: Index,
        version: str,
        title: str,
        text: str,
        filters: Filters,
        start: int,
        limit: int,
        need_version: int | None,
        today: date,
    ) -> Matches:
        """Pure work on one immutable index, in a thread."""
        query = Query.of(terms(title), terms(text))
        masks = self._masks(index, filters, today)
        passing = self._all(index, filters, today)
        ranking = index.rank(query, start + limit, passing)
        hits = ranking.hits[start:]
        best = index.rank(query, start + limit).hits if not bool(passing.all()) else ranking.hits
        return Matches(
            need_version=need_version,
            index_version=version,
            items=[_match(hit, start + number) for number, hit in enumerate(hits, 1)],
            excluded=_excluded(index, best, masks),
            empty_reason=None if ranking.hits else _empty(index, ranking.known_terms),
            suggestions=_suggestions(index, query, ranking.known_terms, hits),
            relaxations=_relaxations(index, query, masks) if filters != Filters() else [],
        )

    def _masks(self, index: Index, filters: Filters, today: date) -> dict[str, Mask]:
        day = today.isoformat()
        masks = {
            TERM_ENDED: index.mask((TERM_ENDED, day), lambda doc: (doc.stored["ends_on"] or day) >= day),
        }
        for name, test in _tests(filters).items():
            key = (name, str(getattr(filters, name)))
            masks[name] = index.mask(key, lambda doc, test=test: test(doc.stored["card"]))  # type: ignore[misc]
        return masks

    def _all(self, index: Index, filters: Filters, today: date) -> Mask:
        passing = np.ones(len(index), dtype=np.bool_)
        for mask in self._masks(index, filters, today).values():
            passing &= mask
        return passing


def _passes(index: Index, mask: Mask, hit: Hit) -> bool:
    place = index.place(hit.document.id)
    return bool(mask[place])


def _explanation(hit: Hit) -> Explanation:
    return Explanation(
        terms=[Term(term=leaf.term, weight=leaf.weight, field=leaf.field) for leaf in hit.leaves], other=[]
    )


def _match(hit: Hit, rank: int) -> Match:
    fit = rules.fit(hit.score)
    return Match(
        rank=rank,
        score=hit.score,
        fit=fit,
        band=rules.band(fit),
        listing=_card(hit.document),
        explanation=_explanation(hit),
    )


def _card(document: Document) -> Card:
    return Card.model_validate(document.stored["card"])


def _excluded(index: Index, best: list[Hit], masks: dict[str, Mask]) -> dict[str, int]:
    """Of the best without any filter: how many each reason keeps out, counted by the first that does."""
    found: Counter[str] = Counter()
    for hit in best:
        reason = next((name for name, mask in masks.items() if not _passes(index, mask, hit)), None)
        if reason is not None:
            found[reason] += 1
    return dict(sorted(found.items()))


def _empty(index: Index, known: frozenset[str]) -> EmptyReason:
    if not len(index):
        return "INDEX_EMPTY"
    return "ALL_FILTERED" if known else "NO_KNOWN_TERM"


def _suggestions(index: Index, query: Query, known: frozenset[str], hits: list[Hit]) -> Suggestions:
    unknown = sorted((t for t in query.counts if t not in known and len(t) > 1), key=lambda t: (-query.counts[t], t))
    alike: list[str] = []
    for word in unknown[:_UNKNOWN_MOST]:
        near = [term for term in index.sharing(word) if len(term) > 1]
        alike += [
            found
            for found, _, _ in process.extract(word, near, scorer=fuzz.ratio, score_cutoff=RESEMBLES, limit=_ALIKE_MOST)
        ]
    classes: Counter[str] = Counter()
    industries: Counter[str] = Counter()
    for hit in hits:
        card = hit.document.stored["card"]
        for code in {code[:4] for patent in card["patents"] for code in patent["ipc"]}:
            classes[code] += hit.score  # type: ignore[assignment]
        for code in card["industry_codes"]:
            industries[code] += hit.score  # type: ignore[assignment]
    return Suggestions(
        terms=list(dict.fromkeys(alike))[:10],
        ipc=[code for code, _ in sorted(classes.items(), key=lambda item: (-item[1], item[0]))[:3]],
        industry_codes=[code for code, _ in sorted(industries.items(), key=lambda item: (-item[1], item[0]))[:3]],
    )


def _relaxations(index: Index, query: Query, masks: dict[str, Mask]) -> list[Relaxation]:
    """For each filter: how many fair or strong hits would come in without it."""
    scores = index.scores(query)
    good = np.fromiter((rules.fit(score) >= rules.FAIR for score in scores.tolist()), np.bool_, len(index))
    found = []
    for name, kept in masks.items():
        if name == TERM_ENDED:
            continue
        others = np.ones(len(index), dtype=np.bool_)
        for other, mask in masks.items():
            if other != name:
                others &= mask
        found.append(Relaxation(filter=name, count=int(np.count_nonzero(good & others & ~kept))))
    return [relaxation for relaxation in found if relaxation.count]
