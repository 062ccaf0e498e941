"""Two records that turn out to be one patent become one: logs, listings and consents of both, under one id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from services.catalog import models
from services.catalog.rules.holders import Keeping
from services.catalog.rules.identity import Kept, no_deal_is_cut_off, nobody_loses_it, records_agree, records_differ
from services.catalog.rules.intake import consistency
from services.catalog.rules.status import Standing, ended
from services.catalog.service.codes import raise_unless_acknowledged
from services.catalog.service.events import Events, event_values, identity
from services.catalog.service.listings import Listings
from services.catalog.service.patents import FIELDS, Patents, columns, named, no_patent, plain
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Merger, MergerDraft, Patent, PatentDraft
from shared.contracts.values import is_grant
from shared.contracts.wire import Page
from shared.db import Database, Tx, insert_many
from shared.errors import InvalidInput
from shared.feed import change
from shared.idempotency import Idempotency


class Mergers:
    """Use cases on records of one patent."""

    def __init__(
        self, db: Database, patents: Patents, listings: Listings, events: Events, acts: Idempotency, clock: Clock
    ) -> None:
        self._db, self._patents, self._listings, self._events = db, patents, listings, events
        self._acts, self._clock = acts, clock

    async def merge(self, id_: str, draft: MergerDraft, by: Caller) -> Patent:
        """Fold another record into this one; the other's id leads here from now on.

        What this record lacks it takes from the other; where both say something, this one counts, and the other's
        word is kept beside it. Raises: NotFound, for a record that is not the caller's; RuleRefused PN-MERGE, PN-DEALS,
        PN-KEEPER, PN-DIFFERS.
        """
        if id_ == draft.patent_id:
            raise InvalidInput("name another record, to be folded into this one", "请写明另一条要并入的记录")
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            if not by.may_touch((await self._patents.row(tx, id_, by, lock=False)).organization_id):
                raise no_patent()
            into, other = await self._listings.own_patents(tx, [id_, draft.patent_id], by)
            merged = _merged(into, other)
            noes = [rule(_kept(into), _kept(other)) for rule in (records_agree, nobody_loses_it)]
            noes.append(no_deal_is_cut_off(_kept(into), _kept(other), legal_day(now)))
            for no in noes:
                if no:
                    raise no.raised()
            doubts = [*([no] if (no := records_differ(_kept(into), _kept(other))) else []), *consistency(merged)]
            raise_unless_acknowledged(doubts, draft.acknowledged_rules)
            await self._take_over(tx, into, other, by, now)
            fresh = {name: value for name, value in columns(merged).items() if value != into._mapping[name]}
            await self._patents.update(tx, into, fresh, by.client_id, now)
            await self._events.follow(tx, await self._patents.row(tx, id_, by, lock=False), by.client_id, now)
            await self._listings.reconsider(tx, [id_], now)
            answer = await self._patents.loaded(tx, id_)
            await models.feed.append(tx, [change("patent.merged", other.id, into.organization_id, now, {"into": id_})])
            return await self._acts.answer(tx, answer)

    async def _take_over(self, tx: Tx, into: Row[Any], other: Row[Any], by: Caller, now: datetime) -> None:
        """Everything that hangs on a record, to another; what cannot stand there twice is kept in the merger."""
        event, link = models.legal_event, models.listing_patent
        known = {identity(into.id, one) for one in await self._events.of(tx, into.id)}
        apart = ended(Standing.restored(into.standing)) | ended(Standing.restored(other.standing))
        log = await self._events.of(tx, other.id)
        twice = [one for one in log if identity(into.id, one) in known and one.id not in apart]
        revisions = (
            await tx.execute(
                select(models.patent_revision)
                .where(models.patent_revision.c.patent_id == other.id)
                .order_by(models.patent_revision.c.version)
            )
        ).all()
        record = {
            **{name: plain(other._mapping[name]) for name in ("organization_id", "version", "created_at", *FIELDS)},
            "events": [event_values(one) for one in twice],
            "revisions": [dict(row._mapping) for row in revisions],
        }
        merger = models.patent_merger
        kept = {"id": other.id, "patent_id": into.id, "at": now, "by": by.client_id, "record": record}
        await insert_many(tx, merger, [kept])
        await tx.execute(update(merger).where(merger.c.patent_id == other.id).values(patent_id=into.id))
        await tx.execute(
            update(event)
            .where(event.c.patent_id == other.id, event.c.id.not_in([one.id for one in twice]))
            .values(patent_id=into.id)
        )
        both = select(link.c.listing_id).where(link.c.patent_id == into.id)
        await tx.execute(delete(link).where(link.c.patent_id == other.id, link.c.listing_id.in_(both)))
        await tx.execute(update(link).where(link.c.patent_id == other.id).values(patent_id=into.id))
        for table, key in ((models.inventory_item, "campaign_id"), (models.screening_result, "run_id")):
            there = select(table.c[key]).where(table.c.patent_id == into.id)
            await tx.execute(
                update(table).where(table.c.patent_id == other.id, table.c[key].not_in(there)).values(patent_id=into.id)
            )
        table = models.collection
        for name in ("include_patent_ids", "exclude_patent_ids"):
            named_there = table.c[name].contains([other.id])
            has_both = table.c[name].contains([into.id])
            for condition, value in (
                (has_both, func.array_remove(table.c[name], other.id)),
                (~has_both, func.array_replace(table.c[name], other.id, into.id)),
            ):
                await tx.execute(update(table).where(named_there, condition).values({name: value}))
        await tx.execute(delete(models.patent).where(models.patent.c.id == other.id))

    async def mergers(self, id_: str, by: Caller) -> Page[Merger]:
        """The records that were folded into a patent's, newest first, as they stood."""
        table = models.patent_merger
        async with self._db.read() as tx:
            await self._patents.visible(tx, id_, by, lock=False)
            found = await tx.execute(select(table).where(table.c.patent_id == id_).order_by(table.c.at.desc()))
            return Page(
                items=[Merger(patent_id=row.id, into=id_, at=row.at, by=row.by, record=row.record) for row in found]
            )


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.id,
        named(row),
        row.filing_date,
        row.grant_date,
        [holder["name"] for holder in row.holders],
        row.is_sample,
        Keeping(row.holders, row.organization_id, row.keeper_uscc),
        Standing.restored(row.standing),
    )


def _merged(into: Row[Any], other: Row[Any]) -> PatentDraft:
    """One record's fields, and the other's where it says nothing; of two publications the granted one."""
    fields = {name: into._mapping[name] or other._mapping[name] for name in FIELDS}
    published = [row.publication_number for row in (into, other) if row.publication_number]
    fields["publication_number"] = next((number for number in published if is_grant(number)), None) or next(
        iter(published), None
    )
    return PatentDraft.model_validate(fields)
