"""What open needs ask for, in figures: for a patent that is not on offer yet, and over classes and regions.

Numbers only leave this room, never a need: who may see which need does not matter to a count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import Integer, String, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from services.matching import models, rules
from services.matching.engine import Condition
from services.matching.service.demand import conditions
from services.matching.service.indexing import Indexing
from services.matching.service.needs import CURRENT, SHOWN_STATES, Said
from services.matching.service.ranking import Rankings, State
from services.matching.service.vocabulary import SOUGHT_FROM, shipped
from shared.clock import Clock
from shared.contracts.matching import Asked, AskedPatent, DemandCell, DemandMap, DemandQuery, Demands, Visibility
from shared.db import Database

MOST = 50  # needs counted for a patent: beyond them it is simply wanted
CHUNK, IDLE_S = 200, 2.0


class Demanded:
    """Use cases on demand in figures."""

    def __init__(self, db: Database, demand: Indexing, rankings: Rankings, clock: Clock) -> None:
        self._db, self._demand, self._rankings, self._clock = db, demand, rankings, clock

    async def by_patents(self, query: DemandQuery) -> Demands:
        """For each patent how many open needs it fits fairly well or better (at most 50), and the best fit."""
        state, limits = await self._rankings.state(), conditions(self._clock.now())
        await self._demand.check()
        items = await asyncio.to_thread(self._counted, state, query.items, limits)
        index = self._demand.index
        return Demands(needs_version=f"{self._demand.epoch[:8] or 'empty'}.{index.position}.{index.era}", items=items)

    def _counted(self, state: State, patents: Sequence[AskedPatent], limits: Sequence[Condition]) -> list[Asked]:
        index, found = self._demand.index, []
        for patent in patents:
            query = state.query(Said(patent.title, patent.text, None))
            fits = [rules.fit(each.text) for each in index.match(query, MOST, limits).found]
            good = [fit for fit in fits if fit >= rules.FAIR]
            found.append(Asked(id=patent.id, needs=len(good), best_fit=max(fits, default=0.0)))
        return found

    async def map(self) -> DemandMap:
        """Open needs by the IPC subclasses they lean to and the province they come from."""
        need, version = models.need, models.need_version
        open_ = (
            need.c.state.in_(SHOWN_STATES),
            need.c.visibility != Visibility.INVITED,
            or_(need.c.expires_at.is_(None), need.c.expires_at > self._clock.now()),
        )
        current = (version.c.need_id == need.c.id) & (version.c.number == need.c.need_version)
        leaning = (
            select(func.unnest(version.c.classes).label("ipc"), func.left(version.c.region_code, 2).label("region"))
            .select_from(need.join(version, current))
            .where(*open_)
            .subquery()
        )
        place = leaning.c.ipc, leaning.c.region
        cells = select(*place, func.count().label("needs")).group_by(*place).order_by(*place)
        async with self._db.read() as tx:
            total = await tx.scalar(select(func.count()).select_from(need).where(*open_))
            rows = (await tx.execute(cells)).all()
        return DemandMap(
            needs=total or 0, cells=[DemandCell(ipc=row.ipc, region_code=row.region, needs=row.needs) for row in rows]
        )

    async def classify(self) -> None:
        """Loop: write down the classes that texts of needs lean to, so that counting them costs no reading."""
        while True:
            if not await self.classify_some():
                await asyncio.sleep(IDLE_S)

    async def classify_some(self) -> bool:
        """A chunk of texts without classes; False when there is none."""
        version = models.need_version
        async with self._db.read() as tx:
            rows = (await tx.execute(CURRENT.where(version.c.classes.is_(None)).limit(CHUNK))).all()
        if not rows:
            return False
        leanings = await asyncio.to_thread(lambda: [shipped().query(*Said.by(row)).leaning for row in rows])
        values = [
            {
                "of_need": row.id,
                "of_number": row.need_version,
                "found": [c for c, share in leaning.items() if share >= SOUGHT_FROM],
            }
            for row, leaning in zip(rows, leanings, strict=True)
        ]
        async with self._db.write() as tx:
            await tx.execute(
                update(version)
                .where(
                    version.c.need_id == bindparam("of_need", type_=String),
                    version.c.number == bindparam("of_number", type_=Integer),
                )
                .values(classes=bindparam("found", type_=ARRAY(String))),
                values,
            )
        return True
