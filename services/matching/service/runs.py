"""Match runs: all needs against all listings, in the background, in chunks that a crash neither loses nor doubles.

A run's position moves in the transaction that writes the chunk's results, so that a killed process goes on where
the last commit left off. The index that the first chunk found is kept for the whole run while the process lives
and that index answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.matching import models, rules
from services.matching.engine import Query
from services.matching.service.codes import Codes
from services.matching.service.demand import card
from services.matching.service.needs import CURRENT, Needs, Said, seen_by
from services.matching.service.ranking import Rankings, State, filtering
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.access import OrganizationType
from shared.contracts.catalog import Card
from shared.contracts.matching import (
    Filters,
    MatchRun,
    MatchRunDraft,
    NeedState,
    RunCounts,
    RunNeeds,
    RunResult,
    RunState,
)
from shared.contracts.wire import Page, dump
from shared.db import Database
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

CHUNK = 200
THREADS = 2
IDLE_S = 1.0
SERVING = frozenset(
    {
        OrganizationType.OPERATIONS_INSTITUTION, OrganizationType.PLATFORM_OPERATOR, OrganizationType.PARK,
        OrganizationType.SERVICE_AGENCY, OrganizationType.GOVERNMENT,
    }
)  # fmt: skip
_OVER = (NeedState.CLOSED, NeedState.FULFILLED)


class Runs:
    """Use cases on match runs."""

    def __init__(
        self,
        db: Database,
        needs: Needs,
        rankings: Rankings,
        codes: Codes,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._db, self._needs, self._rankings, self._codes = db, needs, rankings, codes
        self._acts, self._cursors, self._clock = acts, cursors, clock
        self._pinned: tuple[str, State] | None = None
        self._queued = asyncio.Event()

    async def queue(self, draft: MatchRunDraft, by: Caller) -> MatchRun:
        """Take a run in; it begins at once, after those that came before it.

        Raises: Forbidden, for others' needs when the caller does not serve others; InvalidInput, for unknown needs.
        """
        if draft.needs.of == "VISIBLE" and by.organization_type not in SERVING:
            raise Forbidden(
                "only operations institutions, parks, agencies and the operator run the needs of others; ask with of=OWN",
                "仅运营机构、园区、服务机构和平台运营方可对他人需求批量匹配，请使用 of=OWN",
            )
        await self._codes.check(draft.filters, "/filters")
        await self._codes.check(draft.needs, "/needs")
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            values = {
                "id": new_id("run"),
                "organization_id": by.organization_id,
                "external_id": draft.external_id,
                "version": 1,
                "created_at": now,
                "updated_at": now,
                "asked": dump(draft) | {"external_id": None},
                "state": RunState.QUEUED,
                "counts": {},
                "index_versions": [],
                "after": "",
            }
            wanted = self._wanted(draft.needs, by.organization_id, now)
            total = await tx.scalar(select(func.count()).select_from(models.need).join(_TEXTS, _SAME).where(wanted))
            if draft.needs.ids is not None and total != len(set(draft.needs.ids)):
                raise InvalidInput(
                    f"{len(set(draft.needs.ids)) - (total or 0)} of the needs are not there, over, or not yours to rank",
                    f"其中 {len(set(draft.needs.ids)) - (total or 0)} 条需求不存在、已结束或无权匹配",
                    code="unknown_need",
                )
            values["counts"] = RunCounts(total=total or 0).model_dump()
            try:
                row = (await tx.execute(insert(models.match_run).values(values).returning(models.match_run))).one()
            except IntegrityError:
                raise Conflict(
                    "another of your runs has this external_id",
                    "您的另一次匹配任务已使用该 external_id",
                    code="external_id_taken",
                ) from None
            answer = await self._acts.answer(tx, _run(row))
        self._queued.set()
        return answer

    def _wanted(self, needs: RunNeeds, organization_id: str, at: Any) -> ColumnElement[bool]:
        """Which needs a run ranks: those there were when it was asked for."""
        need, text = models.need.c, models.need_version.c
        found: list[ColumnElement[bool]] = [need.created_at <= at]
        own = and_(
            need.organization_id == organization_id,
            need.state.not_in(_OVER),
            or_(need.expires_at.is_(None), need.expires_at > at),
        )
        found.append(own if needs.of == "OWN" else or_(own, seen_by(None, at)))
        if needs.ids is not None:
            found.append(need.id.in_(needs.ids))
        if needs.industry_code:
            found.append(func.starts_with(text.industry_code, needs.industry_code))
        if needs.region_code:
            found.append(func.starts_with(text.region_code, needs.region_code))
        return and_(*found)

    async def get(self, id_: str, by: Caller) -> MatchRun:
        """A run of the caller's."""
        return _run(await self._owned(id_, by))

    async def _owned(self, id_: str, by: Caller) -> Row[Any]:
        async with self._db.read() as tx:
            row = (await tx.execute(select(models.match_run).where(models.match_run.c.id == id_))).first()
        if row is None or row.organization_id != by.organization_id:
            raise NotFound("there is no such match run", "没有该匹配任务")
        return row

    async def page(self, after: str | None, limit: int, by: Caller) -> Page[MatchRun]:
        """The caller's runs, newest first."""
        table, scope = models.match_run, ("match runs", by.organization_id)
        statement = select(table).where(table.c.organization_id == by.organization_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.created_at, table.c.id), scope, after, limit)
        return Page(
            items=[_run(row) for row in rows],
            next=more,
        )

    async def remove(self, id_: str, by: Caller) -> None:
        """Stop a run, if it is going on, and forget its results."""
        await self._owned(id_, by)
        async with self._db.write() as tx:
            await tx.execute(delete(models.match_run).where(models.match_run.c.id == id_))

    async def results(
        self,
        id_: str,
        need_id: str | None,
        listing_id: str | None,
        fit_at_least: float,
        after: str | None,
        limit: int,
        by: Caller,
    ) -> Page[RunResult]:
        """What a run has found so far, by need and rank, with listings and needs as they are now."""
        run = await self._owned(id_, by)
        table, scope = models.match_result, ("match results", id_, need_id, listing_id, fit_at_least)
        statement = select(table).where(table.c.run_id == id_, table.c.fit >= fit_at_least)
        if need_id:
            statement = statement.where(table.c.need_id == need_id)
        if listing_id:
            statement = statement.where(table.c.listing_id == listing_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, statement, (table.c.need_id, table.c.rank), scope, after, limit, falling=False
            )
        state = await self._rankings.state()
        needs = await self._needs.visible({row.need_id for row in rows}, by)
        listings = await asyncio.to_thread(_cards, state, [row.listing_id for row in rows])
        cards = await asyncio.to_thread(lambda: {id_: card(row, by, state.index) for id_, row in needs.items()})
        return Page(
            items=[
                RunResult(
                    need_id=row.need_id,
                    need_version=row.need_version,
                    rank=row.rank,
                    listing_id=row.listing_id,
                    score=row.score,
                    fit=row.fit,
                    band=rules.band(row.fit),
                    index_version=run.index_versions[row.ranked_by],
                    listing=listings.get(row.listing_id),
                    need=cards.get(row.need_id),
                )
                for row in rows
            ],
            next=more,
        )

    async def work(self) -> None:
        """Loop: carry on the oldest run that is not finished, chunk by chunk."""
        while True:
            self._queued.clear()
            if await self.step():
                continue
            try:
                await asyncio.wait_for(self._queued.wait(), IDLE_S)
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """One chunk of the oldest unfinished run; False when there is none."""
        table = models.match_run
        async with self._db.read() as tx:
            unfinished = select(table).where(table.c.state != RunState.DONE)
            run = (await tx.execute(unfinished.order_by(table.c.created_at, table.c.id).limit(1))).first()
            if run is None:
                self._pinned = None
                return False
            needs = RunNeeds.model_validate(run.asked["needs"])
            wanted = and_(self._wanted(needs, run.organization_id, run.created_at), models.need.c.id > run.after)
            rows = (await tx.execute(CURRENT.where(wanted).order_by(models.need.c.id).limit(CHUNK))).all()
        if self._pinned is None or self._pinned[0] != run.id:
            self._pinned = run.id, await self._rankings.state()
        state = self._pinned[1]
        parts = [rows[number::THREADS] for number in range(THREADS)]
        try:
            ranked = await asyncio.gather(*(asyncio.to_thread(_ranked, state, run.asked, part) for part in parts))
        except Unavailable:
            self._pinned = None  # a lost shard came back without that index: the rest is ranked by the present one
            raise
        await self._write(run, rows, state.version, [row for part in ranked for row in part])
        return True

    async def _write(self, run: Row[Any], rows: Sequence[Row[Any]], version: str, found: list[dict[str, Any]]) -> None:
        """Write a chunk's results and move the run on, in one transaction."""
        table = models.match_run
        async with self._db.write() as tx:
            now = (await tx.execute(select(table).where(table.c.id == run.id).with_for_update())).first()
            if now is None or now.after != run.after or now.state == RunState.DONE:
                return  # it was removed, or another worker was faster
            versions = now.index_versions if version in now.index_versions else [*now.index_versions, version]
            ranked_by = versions.index(version)
            if found:
                await tx.execute(
                    insert(models.match_result), [{**row, "run_id": run.id, "ranked_by": ranked_by} for row in found]
                )
            counts, finished = RunCounts.model_validate(now.counts), len(rows) < CHUNK
            done = counts.done + len(rows)
            await tx.execute(
                update(table)
                .where(table.c.id == run.id)
                .values(
                    state=RunState.DONE if finished else RunState.RUNNING,
                    after=rows[-1].id if rows else now.after,
                    counts=RunCounts(
                        total=done if finished else max(counts.total, done),
                        done=done,
                        matched=counts.matched + len({row["need_id"] for row in found}),
                        results=counts.results + len(found),
                    ).model_dump(),
                    index_versions=versions if rows else now.index_versions,
                    version=now.version + 1,
                    updated_at=self._clock.now(),
                )
            )


_TEXTS = models.need_version
_SAME = and_(_TEXTS.c.need_id == models.need.c.id, _TEXTS.c.number == models.need.c.need_version)


def _ranked(state: State, asked: dict[str, Any], rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Some needs against the index: pure work, for a thread."""
    conditions = list(filtering(Filters.model_validate(asked["filters"]), state.today).values())
    found = []
    for row in rows:
        query = state.query(Said.by(row))
        fits = (
            (each, rules.fit(each.text))
            for each in state.index.match(query, asked["limit"], conditions, state.tuned.mix).found
        )
        kept = [(each, fit) for each, fit in fits if fit >= asked["fit_at_least"]]
        found += [
            {
                "need_id": row.id, "need_version": row.need_version, "rank": rank, "listing_id": each.id,
                "score": each.score, "fit": fit,
            }
            for rank, (each, fit) in enumerate(kept, 1)
        ]  # fmt: skip
    return found


def _cards(state: State, ids: Sequence[str]) -> dict[str, Card]:
    hits = state.index.explain(Query({}), list(dict.fromkeys(ids)))
    return {hit.id: Card.model_validate(hit.stored["card"]) for hit in hits}


def _run(row: Row[Any]) -> MatchRun:
    return MatchRun(
        id=row.id,
        external_id=row.external_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_id=row.organization_id,
        needs=RunNeeds.model_validate(row.asked["needs"]),
        filters=Filters.model_validate(row.asked["filters"]),
        limit=row.asked["limit"],
        fit_at_least=row.asked["fit_at_least"],
        state=RunState(row.state),
        counts=RunCounts.model_validate(row.counts),
        index_versions=row.index_versions,
    )
