"""Screening runs: a portfolio judged in the background, chunk by chunk, and offers made from what was found.

A run's position moves in the transaction that writes the chunk's results, so that a killed process goes on where
the last commit left off. Criteria, day and the state of the needs are kept with the run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from services.catalog import models, rules
from services.catalog.rules.screening import Candidate, judge
from services.catalog.service.listings import offered_among, taken
from services.catalog.service.tables import Cell, Format, Head, Sent, sent
from services.catalog.service.targets import target_of
from shared import context, log
from shared.auth import Caller
from shared.clients import MatchingClient
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    Holder,
    JobState,
    ScreeningCounts,
    ScreeningCriteria,
    ScreeningDraft,
    ScreeningReason,
    ScreeningResult,
    ScreeningRun,
    Tier,
)
from shared.contracts.matching import Asked, AskedPatent, DemandQuery
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import DeadlineExceeded, Language, NotFound, Text, Unavailable
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

CHUNK = 500
EXPORT_PAGE = 500
IDLE_S = 1.0
_UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
_TEXT_MOST = 2_000  # characters of an abstract by which needs are asked


class Screenings:
    """Use cases on screening runs."""

    def __init__(
        self,
        db: Database,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
        matching: MatchingClient,
    ) -> None:
        self._db, self._acts, self._cursors, self._clock = db, acts, cursors, clock
        self._matching, self._log = matching, log.logger("catalog")
        self._queued = asyncio.Event()

    async def queue(self, draft: ScreeningDraft, by: Caller) -> ScreeningRun:
        """Take a run in; a worker judges the patents that the caller keeps (the operator: all of them)."""
        now = self._clock.now()
        values = {
            "id": new_id("scr"), "organization_id": by.organization_id, "external_id": draft.external_id, "version": 1,
            "created_at": now, "updated_at": now, "name": draft.name, "criteria": dump(draft.criteria),
            "as_of": legal_day(now), "of_all": by.is_operator, "state": JobState.QUEUED,
            "counts": dump(ScreeningCounts()), "needs_versions": [], "after": "",
        }  # fmt: skip
        table = models.screening_run
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            try:
                await tx.execute(insert(table).values(values))
            except IntegrityError as error:
                raise taken(error) from None
            row = (await tx.execute(select(table).where(table.c.id == values["id"]))).one()
            answer = await self._acts.answer(tx, _run(row))
        self._queued.set()
        return answer

    async def owned(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        """The row of a run of the caller's. Raises: NotFound."""
        row = (await tx.execute(select(models.screening_run).where(models.screening_run.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such screening run", "没有该筛选任务")
        return row

    async def get(self, id_: str, by: Caller) -> ScreeningRun:
        """A run of the caller's."""
        async with self._db.read() as tx:
            return _run(await self.owned(tx, id_, by))

    async def page(self, after: str | None, limit: int, by: Caller) -> Page[ScreeningRun]:
        """The caller's runs, newest first."""
        table, scope = models.screening_run, ("screening runs", by.organization_id)
        statement = select(table).where(table.c.organization_id == by.organization_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.created_at, table.c.id), scope, after, limit)
        return Page(items=[_run(row) for row in rows], next=more)

    async def remove(self, id_: str, by: Caller) -> None:
        """Stop a run, if it is going on, and forget its results."""
        async with self._db.write() as tx:
            await self.owned(tx, id_, by)
            await tx.execute(delete(models.screening_run).where(models.screening_run.c.id == id_))

    async def results(
        self, id_: str, tier: Tier | None, after: str | None, limit: int, by: Caller
    ) -> Page[ScreeningResult]:
        """What a run has found so far, best first; the excluded come last."""
        found, scope = models.screening_result, ("screening results", id_, tier)
        statement = select(found, *_NAMES).join(models.patent, models.patent.c.id == found.c.patent_id)
        statement = statement.where(found.c.run_id == id_, found.c.tier == tier if tier else true())
        async with self._db.read() as tx:
            await self.owned(tx, id_, by)
            rows, more = await self._cursors.page(
                tx, statement, (found.c.score, found.c.patent_id), scope, after, limit
            )
        return Page(items=[_result(row) for row in rows], next=more)

    async def export(self, id_: str, tier: Tier | None, form: Format, by: Caller) -> Sent:
        """All results of a run as a file, best first, each reason with its points. Raises: NotFound, before it begins."""
        async with self._db.read() as tx:
            run = await self.owned(tx, id_, by)
        language = context.language.get()

        async def rows() -> AsyncIterator[Sequence[Cell]]:
            after: str | None = None
            while True:
                page = await self.results(id_, tier, after, EXPORT_PAGE, by)
                for result in page.items:
                    yield _cells(result, language)
                if (after := page.next) is None:
                    return

        day = legal_day(run.created_at)
        return sent(form, Text(f"screening-{day}", f"专利筛选结果-{day}"), EXPORTED, rows(), language)

    async def work(self) -> None:
        """Loop: carry on the oldest run that is not finished, chunk by chunk."""
        while True:
            self._queued.clear()
            try:
                if await self.step():
                    continue
            except (Unavailable, DeadlineExceeded) as error:  # matching is away: the run waits, catalog is well
                self._log.warning("screening waits", reason=str(error))
            try:
                await asyncio.wait_for(self._queued.wait(), IDLE_S)
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """One chunk of the oldest unfinished run; False when there is none.

        Raises: Unavailable or DeadlineExceeded, when matching does not answer; the same chunk is tried again.
        """
        table, patent = models.screening_run, models.patent
        async with self._db.read() as tx:
            unfinished = select(table).where(table.c.state.in_(_UNFINISHED))
            run = (await tx.execute(unfinished.order_by(table.c.created_at, table.c.id).limit(1))).first()
            if run is None:
                return False
            statement = select(patent).where(patent.c.id > run.after, patent.c.created_at <= run.created_at)
            if not run.of_all:
                statement = statement.where(patent.c.organization_id == run.organization_id)
            rows = (await tx.execute(statement.order_by(patent.c.id).limit(CHUNK))).all()
            ids = [row.id for row in rows]
            offered, stars = await offered_among(tx, ids), await _stars(tx, ids)
        criteria = ScreeningCriteria.model_validate(run.criteria)
        first = await asyncio.to_thread(_judged, rows, criteria, run.as_of, offered, stars, {})
        version, asked = await self._asked(criteria, rows, first)
        verdicts = (
            await asyncio.to_thread(_judged, rows, criteria, run.as_of, offered, stars, asked) if asked else first
        )
        await self._write(run, rows, verdicts, asked, version)
        return True

    async def _asked(
        self, criteria: ScreeningCriteria, rows: Sequence[Row[Any]], first: Mapping[str, rules.screening.Verdict]
    ) -> tuple[str | None, dict[str, Asked]]:
        """How much open needs ask for the patents that no other criterion excludes."""
        if not criteria.demand:
            return None, {}
        wanted = [row for row in rows if first[row.id].tier is not Tier.EXCLUDED]
        if not wanted:
            return None, {}
        items = [AskedPatent(id=row.id, title=row.title, text=(row.abstract or "")[:_TEXT_MOST]) for row in wanted]
        found = await self._matching.demand(DemandQuery(items=items))
        return found.needs_version, {one.id: one for one in found.items}

    async def _write(
        self,
        run: Row[Any],
        rows: Sequence[Row[Any]],
        verdicts: Mapping[str, rules.screening.Verdict],
        asked: Mapping[str, Asked],
        version: str | None,
    ) -> None:
        """Write a chunk's results and move the run on, in one transaction."""
        table = models.screening_run
        async with self._db.write() as tx:
            now = (await tx.execute(select(table).where(table.c.id == run.id).with_for_update())).first()
            if now is None or now.after != run.after or now.state not in _UNFINISHED:
                return  # it was removed, or another worker was faster
            values = [
                {
                    "run_id": run.id, "patent_id": id_, "tier": verdict.tier,
                    "score": -1 if verdict.score is None else verdict.score,
                    "needs": asked[id_].needs if id_ in asked else None,
                    "reasons": [[reason.code, reason.value, reason.points] for reason in verdict.reasons],
                }
                for id_, verdict in verdicts.items()
            ]  # fmt: skip
            if values:
                await tx.execute(insert(models.screening_result), values)
            counts, finished = ScreeningCounts.model_validate(now.counts), len(rows) < CHUNK
            done = counts.done + len(rows)
            tiers = Counter(counts.tiers) + Counter(verdict.tier for verdict in verdicts.values())
            excluded = Counter(counts.excluded) + Counter(
                reason.code for one in verdicts.values() if one.tier is Tier.EXCLUDED for reason in one.reasons
            )
            total = done if finished else counts.total or await self._total(tx, run)
            versions = now.needs_versions if version in (None, *now.needs_versions) else [*now.needs_versions, version]
            await tx.execute(
                update(table)
                .where(table.c.id == run.id)
                .values(
                    state=JobState.DONE if finished else JobState.RUNNING,
                    after=rows[-1].id if rows else now.after,
                    counts=dump(ScreeningCounts(total=total, done=done, tiers=tiers, excluded=excluded)),
                    needs_versions=versions,
                    version=now.version + 1,
                    updated_at=self._clock.now(),
                )
            )

    async def _total(self, tx: Tx, run: Row[Any]) -> int:
        patent = models.patent
        own = true() if run.of_all else patent.c.organization_id == run.organization_id
        statement = select(func.count()).select_from(patent).where(own, patent.c.created_at <= run.created_at)
        return (await tx.scalar(statement)) or 0


_NAMES = (
    models.patent.c.application_number,
    models.patent.c.publication_number,
    models.patent.c.title,
)


async def _stars(tx: Tx, patent_ids: Sequence[str]) -> dict[str, int]:
    """The stars of the last inventory that gave any."""
    item = models.inventory_item
    found = await tx.execute(
        select(item.c.patent_id, item.c.stars)
        .where(item.c.patent_id == func.any(list(patent_ids)), item.c.stars.is_not(None))
        .order_by(item.c.updated_at)
    )
    return {row.patent_id: row.stars for row in found}


def _judged(
    rows: Sequence[Row[Any]],
    criteria: ScreeningCriteria,
    as_of: date,
    offered: set[str],
    stars: Mapping[str, int],
    asked: Mapping[str, Asked],
) -> dict[str, rules.screening.Verdict]:
    """Some patents judged: pure work, for a thread."""
    return {
        row.id: judge(
            Candidate(
                target=target_of(row, as_of),
                ipc=row.ipc,
                holders=[Holder.model_construct(**holder) for holder in row.holders],
                region_code=row.region_code,
                granted_on=row.grant_date,
                is_on_offer=row.id in offered,
                stars=stars.get(row.id),
                needs=asked[row.id].needs if row.id in asked else None,
            ),
            criteria,
            as_of,
        )
        for row in rows
    }


def _run(row: Row[Any]) -> ScreeningRun:
    return ScreeningRun(
        id=row.id,
        external_id=row.external_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_id=row.organization_id,
        name=row.name,
        criteria=ScreeningCriteria.model_validate(row.criteria),
        as_of=row.as_of,
        state=JobState(row.state),
        counts=ScreeningCounts.model_validate(row.counts),
        needs_versions=row.needs_versions,
    )


EXPORTED = (
    Head("tier", Text("Tier", "等级"), 8),
    Head("score", Text("Score", "得分"), 8),
    Head("application_number", Text("Application number", "申请号"), 20),
    Head("publication_number", Text("Publication number", "公开（公告）号"), 18),
    Head("title", Text("Title", "专利名称"), 48),
    Head("needs", Text("Open needs", "对应需求数"), 12),
    Head("reasons", Text("Reasons", "理由"), 80),
    Head("patent_id", Text("Platform id", "平台编号"), 32),
)


def _cells(result: ScreeningResult, language: Language) -> list[Cell]:
    said = [
        f"{reason.message} ({reason.points:+g})" if reason.points is not None else reason.message
        for reason in result.reasons
    ]
    tier = "排除" if result.tier is Tier.EXCLUDED and language == "zh" else result.tier.value
    return [
        tier, result.score, result.application_number, result.publication_number, result.title, result.needs, said,
        result.patent_id,
    ]  # fmt: skip


def _result(row: Row[Any]) -> ScreeningResult:
    language = context.language.get()
    return ScreeningResult(
        patent_id=row.patent_id,
        application_number=row.application_number,
        publication_number=row.publication_number,
        title=row.title,
        tier=Tier(row.tier),
        score=None if row.score < 0 else row.score / 10,
        needs=row.needs,
        reasons=[
            ScreeningReason(
                code=code,
                value=value,
                points=None if points is None else points / 10,
                message=rules.screening.message(code, value).spoken(language),
            )
            for code, value, points in row.reasons
        ],
    )
