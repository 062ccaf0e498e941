"""Rankings: a need against the index, with reasons for what is there and for what is not."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date

import numpy as np
from rapidfuzz import fuzz, process

from services.matching import rules
from services.matching.engine import MIX, Condition, Found, Hit, Index, Query
from services.matching.engine.index import DEPTH
from services.matching.service.indexing import Indexing
from services.matching.service.needs import Needs
from services.matching.service.vocabulary import Understanding
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


def _conditions(filters: Filters, today: date) -> dict[str, Condition]:
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


class Rankings:
    """Use cases that rank."""

    def __init__(
        self,
        indexing: Indexing,
        needs: Needs,
        cursors: Cursors,
        clock: Clock,
        at_once: int,
        understanding: Understanding,
    ) -> None:
        self._understanding = understanding
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
        index = self._indexing.index
        query = self._understanding.query(need.title, "\n".join([need.description, *need.constraints]))
        explained = index.explain(query, [listing_id])
        if not explained:
            raise NotFound("there is no such listing on offer", "没有该在架挂牌")
        (hit,) = explained
        conditions = _conditions(filters, today)
        (passes,) = index.passes([listing_id], list(conditions.values())).tolist()
        kept_out = [name for name, is_passed in zip(conditions, passes, strict=True) if not is_passed]
        said = query.counts.keys() - query.through.keys()
        missing = sorted(said - {leaf.term for leaf in hit.leaves}, key=lambda t: (-query.counts[t], t))
        (found,) = index.judge(query, [listing_id])
        is_matched = not kept_out and found.score > 0
        ranking = index.match(query, DEPTH, list(conditions.values())).found if is_matched else []
        ids = [each.id for each in ranking]
        if listing_id in ids:  # its classes were weighed among what passes the filters
            found = ranking[ids.index(listing_id)]
        return Why(
            need_version=need.need_version,
            index_version=self._indexing.version(index, today),
            listing_id=listing_id,
            matched=is_matched,
            rank=ids.index(listing_id) + 1 if listing_id in ids else None,
            score=found.score,
            fit=rules.fit(found.text),
            explanation=_explanation(hit, found),
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
        index = self._indexing.index
        version = self._indexing.version(index, today)
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
        query = self._understanding.query(title, text)
        conditions = _conditions(filters, today)
        best = ranking = index.match(query, start + limit)
        left_out = _left_out(index, best.found, conditions)
        if left_out:  # rarely, without filters: an expired patent that its listing has not yet followed
            ranking = index.match(query, start + limit, list(conditions.values()))
        shown = ranking.found[start:]
        hits = list(zip(index.explain(query, [found.id for found in shown]), shown, strict=True))
        return Matches(
            need_version=need_version,
            index_version=version,
            items=[_match(hit, found, start + number) for number, (hit, found) in enumerate(hits, 1)],
            excluded=left_out,
            empty_reason=None if ranking.found else _empty(index, ranking.known_terms),
            suggestions=_suggestions(index, query, ranking.known_terms, hits),
            relaxations=_relaxations(index, query, conditions) if filters != Filters() else [],
        )


def _explanation(hit: Hit, found: Found) -> Explanation:
    return Explanation(
        terms=[
            Term(term=leaf.term, weight=MIX.words * leaf.weight, field=leaf.field, through=leaf.through)
            for leaf in hit.leaves
        ],
        other=[Signal(signal=name, weight=weight) for name, weight in found.signals],
    )


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


def _left_out(index: Index, best: list[Found], conditions: dict[str, Condition]) -> dict[str, int]:
    """Of the best without any filter: how many each reason keeps out, counted by the first that does."""
    passes = index.passes([found.id for found in best], list(conditions.values()))
    first = np.argmin(passes, axis=1)[~passes.all(axis=1)]
    reasons = Counter(np.array(list(conditions))[first].tolist())
    return dict(sorted(reasons.items()))


def _empty(index: Index, known: frozenset[str]) -> EmptyReason:
    if not len(index):
        return "INDEX_EMPTY"
    return "ALL_FILTERED" if known else "NO_KNOWN_TERM"


def _suggestions(index: Index, query: Query, known: frozenset[str], hits: list[tuple[Hit, Found]]) -> Suggestions:
    said = query.counts.keys() - query.through.keys() - known
    unknown = sorted((t for t in said if len(t) > 1), key=lambda t: (-query.counts[t], t))
    alike: list[str] = []
    for word in unknown[:_UNKNOWN_MOST]:
        near = [term for term in index.sharing(word) if len(term) > 1]
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


def _relaxations(index: Index, query: Query, conditions: dict[str, Condition]) -> list[Relaxation]:
    """For each filter: how many fair or strong hits among the first `DEPTH` would come in without it alone."""
    fair = [found.id for found in index.match(query, DEPTH).found if rules.fit(found.text) >= rules.FAIR]
    failed = ~index.passes(fair, list(conditions.values()))
    alone = failed[failed.sum(axis=1) == 1].sum(axis=0).tolist()
    return [
        Relaxation(filter=name, count=count)
        for name, count in zip(conditions, alone, strict=True)
        if count and name != TERM_ENDED
    ]
