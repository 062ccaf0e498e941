"""Many patents put on offer at once, each by a listing made from one template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, true

from services.catalog import models, rules
from services.catalog.service.listings import Listings, is_soe, offered_among, refusals, supplier_refusals
from services.catalog.service.record import spoken
from services.catalog.service.screening import Screenings
from services.catalog.service.targets import target_of
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    BatchTerms,
    Listing,
    ListingDraft,
    ListingState,
    OfferBatch,
    OfferedBatch,
    OfferedPatent,
    PatentsBatch,
)
from shared.db import Database, Tx
from shared.idempotency import Idempotency


class Offers:
    """Use cases on batches of listings. What a rule refuses stays a draft and says why; a dry run writes nothing."""

    def __init__(
        self, db: Database, listings: Listings, screenings: Screenings, acts: Idempotency, clock: Clock
    ) -> None:
        self._db, self._listings, self._screenings = db, listings, screenings
        self._acts, self._clock = acts, clock

    async def screened(self, run_id: str, batch: OfferBatch, by: Caller) -> OfferedBatch:
        """Offer the patents of some tiers of a screening, best first, as far as nobody offers them yet."""
        async with self._db.write() as tx:
            await self._acts.claim(tx, self._clock.now())
            await self._screenings.owned(tx, run_id, by)
            found = models.screening_result
            rows = (
                await tx.execute(
                    select(models.patent)
                    .join(found, found.c.patent_id == models.patent.c.id)
                    .where(found.c.run_id == run_id, found.c.tier.in_(batch.tiers))
                    .where(true() if by.is_operator else models.patent.c.organization_id == by.organization_id)
                    .order_by(found.c.score.desc(), models.patent.c.id)
                    .with_for_update(of=models.patent)
                )
            ).all()
            return await self._offer(tx, rows, batch.limit, batch, by)

    async def chosen(self, batch: PatentsBatch, by: Caller) -> OfferedBatch:
        """Offer patents chosen by hand, as far as nobody offers them yet.

        Raises: NotFound, for one that the caller does not keep.
        """
        async with self._db.write() as tx:
            await self._acts.claim(tx, self._clock.now())
            rows = await self._listings.own_patents(tx, batch.patent_ids, by)
            return await self._offer(tx, rows, len(rows), batch, by)

    async def _offer(self, tx: Tx, rows: Sequence[Row[Any]], limit: int, batch: BatchTerms, by: Caller) -> OfferedBatch:
        offered = await offered_among(tx, [row.id for row in rows])
        wanted = [row for row in rows if row.id not in offered]
        chosen = wanted[:limit]
        items = await self._made(tx, chosen, batch, by)
        answer = OfferedBatch(
            created=sum(1 for item in items if item.listing_id),
            published=sum(1 for item in items if item.state is ListingState.PUBLISHED),
            left_alone=len(rows) - len(wanted),
            remaining=len(wanted) - len(chosen),
            items=items,
        )
        return await self._acts.answer(tx, answer, status=200 if batch.dry_run else 201)

    async def _made(self, tx: Tx, rows: Sequence[Row[Any]], batch: BatchTerms, by: Caller) -> list[OfferedPatent]:
        now = self._clock.now()
        today, items = legal_day(now), []
        ready: list[tuple[ListingDraft, Sequence[Row[Any]], str]] = []
        waiting: list[tuple[ListingDraft, Sequence[Row[Any]], str]] = []
        restricted = await models.restricted_among(tx, [row.organization_id for row in rows], today)
        template = batch.template.model_dump(exclude={"external_id"})
        for row in rows:
            regions = batch.template.region_codes or ([row.region_code] if row.region_code else [])
            draft = ListingDraft.model_validate({**template, "region_codes": regions, "patent_ids": [row.id]})
            noes = supplier_refusals(row.organization_id in restricted)
            noes += refusals([target_of(row, today)], draft.modes, today)
            noes += [no] if (no := rules.listing.is_cleared(is_soe(by), None, 1)) else []
            (waiting if noes or not batch.submit else ready).append((draft, [row], row.organization_id))
            items.append(OfferedPatent(patent_id=row.id, listing_id=None, state=None, violations=spoken(noes)))
        if batch.dry_run:
            return items
        states: dict[str, Listing] = {
            listing.patent_ids[0]: listing for listing in await self._listings.create(tx, ready, waiting, by, now)
        }
        return [
            item.model_copy(update={"listing_id": states[item.patent_id].id, "state": states[item.patent_id].state})
            for item in items
        ]
