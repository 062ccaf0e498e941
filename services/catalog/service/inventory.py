"""Inventories 盘点: which patents of a portfolio are worth keeping, offering, abandoning, as their own people see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from services.catalog import models, rules
from services.catalog.service.listings import starts_any, taken
from services.catalog.service.record import spoken
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.catalog import (
    Campaign,
    CampaignDraft,
    Decision,
    InventoryItem,
    ItemState,
    Rated,
    RatingRefused,
    Ratings,
    Review,
    SelfRating,
)
from shared.contracts.values import PatentType, parse_application_number, parse_publication_number
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import NotFound, Text
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal, Refused, rule

_ITEM = models.inventory_item
_CHUNK = 5_000


@rule("INV-PATENT", source=Text("the platform's rules for inventories", "平台盘点规则"), since="2026-11-22")
def not_in_this_inventory(named: str) -> Refusal:
    """A rating names a patent of the inventory, by number or id."""
    return Refusal(
        "INV-PATENT",
        Text(f"{named} is no patent of this inventory", f"{named} 不在本次盘点范围内"),
        Text(
            "check the number; patents recorded later are taken in with /refresh",
            "请核对号码；后续登记的专利可通过 /refresh 纳入",
        ),
        pointer="/patent",
    )


class Inventories:
    """Use cases on inventories."""

    def __init__(self, db: Database, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._acts, self._cursors, self._clock = db, acts, cursors, clock

    async def begin(self, draft: CampaignDraft, by: Caller) -> Campaign:
        """Begin an inventory of the caller's patents, or of those of some classes and types."""
        now = self._clock.now()
        values = {
            **draft.model_dump(mode="json", include={"external_id", "name", "ipc", "patent_types"}),
            "begins_on": draft.begins_on, "ends_on": draft.ends_on, "id": new_id("cmp"),
            "organization_id": by.organization_id, "version": 1, "created_at": now, "updated_at": now,
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            try:
                await tx.execute(insert(models.inventory_campaign).values(values))
            except IntegrityError as error:
                raise taken(error) from None
            row = await self._owned(tx, str(values["id"]), by, lock=True)
            await self._take_in(tx, row, now)
            return await self._acts.answer(tx, await self._shown(tx, row))

    async def _take_in(self, tx: Tx, campaign: Row[Any], now: datetime) -> None:
        """Items for all patents of the inventory's scope that have none yet."""
        patent = models.patent
        wanted = select(patent.c.id).where(patent.c.organization_id == campaign.organization_id)
        if campaign.ipc:
            wanted = wanted.where(or_(*(starts_any(patent.c.ipc, prefix) for prefix in campaign.ipc)))
        if campaign.patent_types:
            wanted = wanted.where(patent.c.patent_type.in_(campaign.patent_types))
        ids = list(await tx.scalars(wanted.order_by(patent.c.id)))
        for start in range(0, len(ids), _CHUNK):
            values = [
                {"id": new_id("inv"), "campaign_id": campaign.id, "patent_id": id_, "state": ItemState.IMPORTED, "updated_at": now}
                for id_ in ids[start : start + _CHUNK]
            ]  # fmt: skip
            await tx.execute(upsert(_ITEM).on_conflict_do_nothing(), values)

    async def refresh(self, id_: str, by: Caller) -> Campaign:
        """Take in the patents that were recorded since."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._owned(tx, id_, by, lock=True)
            _raise(rules.inventory.may_act(ItemState.IMPORTED, "self-rating", is_closed=row.closed_at is not None))
            await self._take_in(tx, row, now)
            return await self._acts.answer(tx, await self._shown(tx, row))

    async def close(self, id_: str, by: Caller) -> Campaign:
        """End the inventory: its items are a record from then on."""
        now, table = self._clock.now(), models.inventory_campaign
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._owned(tx, id_, by, lock=True)
            _raise(rules.inventory.may_act(ItemState.IMPORTED, "self-rating", is_closed=row.closed_at is not None))
            await tx.execute(
                update(table).where(table.c.id == id_).values(closed_at=now, updated_at=now, version=row.version + 1)
            )
            answer = await self._shown(tx, await self._owned(tx, id_, by, lock=False))
            counts = {state.value: count for state, count in answer.items.items()}
            await models.feed.append(tx, [change("inventory.closed", id_, row.organization_id, now, dict(counts))])
            return await self._acts.answer(tx, answer)

    async def _owned(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        table = models.inventory_campaign
        statement = select(table).where(table.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such inventory", "没有该盘点")
        return row

    async def _shown(self, tx: Tx, row: Row[Any]) -> Campaign:
        found = await tx.execute(
            select(_ITEM.c.state, _ITEM.c.stars, func.count().label("n"))
            .where(_ITEM.c.campaign_id == row.id)
            .group_by(_ITEM.c.state, _ITEM.c.stars)
        )
        states, stars = dict.fromkeys(ItemState, 0), {str(n): 0 for n in range(1, 6)}
        for line in found:
            states[ItemState(line.state)] += line.n
            if line.stars:
                stars[str(line.stars)] += line.n
        fields = ("id", "external_id", "version", "created_at", "updated_at", "organization_id", "name", "begins_on",
                  "ends_on", "ipc", "closed_at")  # fmt: skip
        kinds = [PatentType(kind) for kind in row.patent_types]
        return Campaign(**{f: row._mapping[f] for f in fields}, patent_types=kinds, items=states, stars=stars)

    async def get(self, id_: str, by: Caller) -> Campaign:
        """An inventory with how far its items are."""
        async with self._db.read() as tx:
            return await self._shown(tx, await self._owned(tx, id_, by, lock=False))

    async def page(self, after: str | None, limit: int, by: Caller) -> Page[Campaign]:
        """The caller's inventories, newest first."""
        table, scope = models.inventory_campaign, ("inventories", by.organization_id)
        statement = select(table).where(table.c.organization_id == by.organization_id)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(tx, statement, (table.c.created_at, table.c.id), scope, after, limit)
            return Page(items=[await self._shown(tx, row) for row in rows], next=more)

    async def items(
        self, id_: str, state: ItemState | None, stars_at_least: int | None, after: str | None, limit: int, by: Caller
    ) -> Page[InventoryItem]:
        """The patents of an inventory."""
        statement = _WITH_PATENT.where(_ITEM.c.campaign_id == id_)
        if state:
            statement = statement.where(_ITEM.c.state == state)
        if stars_at_least:
            statement = statement.where(_ITEM.c.stars >= stars_at_least)
        scope = ("inventory items", id_, state, stars_at_least)
        async with self._db.read() as tx:
            await self._owned(tx, id_, by, lock=False)
            rows, more = await self._cursors.page(tx, statement, (_ITEM.c.id,), scope, after, limit, falling=False)
        return Page(items=[_item(row) for row in rows], next=more)

    async def _row(self, tx: Tx, id_: str, by: Caller) -> tuple[Row[Any], bool]:
        """An item, locked, and whether its inventory is closed."""
        statement = _WITH_PATENT.where(_ITEM.c.id == id_).with_for_update(of=_ITEM)
        row = (await tx.execute(statement)).first()
        if row is None or not by.may_touch(row.organization_id):
            raise _no_item()
        return row, row.closed_at is not None

    async def get_item(self, id_: str, by: Caller) -> InventoryItem:
        """One patent of an inventory."""
        async with self._db.read() as tx:
            row = (await tx.execute(_WITH_PATENT.where(_ITEM.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise _no_item()
        return _item(row)

    async def rate(self, id_: str, rating: SelfRating, by: Caller) -> InventoryItem:
        """What inventor or college think of the patent."""
        return await self._act(id_, "self-rating", ItemState.SELF_RATED, rating, _rated(rating), by)

    async def review(self, id_: str, review: Review, by: Caller) -> InventoryItem:
        """The university's review of a self-rating."""
        values = {"stars": review.stars, "review_note": review.note}
        return await self._act(id_, "review", ItemState.REVIEWED, review, values, by)

    async def decide(self, id_: str, decision: Decision, by: Caller) -> InventoryItem:
        """What becomes of a reviewed patent."""
        values = {"decision_note": decision.note}
        return await self._act(id_, "decision", ItemState(decision.outcome), decision, values, by)

    async def _act(
        self,
        id_: str,
        act: str,
        state: ItemState,
        said: SelfRating | Review | Decision,
        values: dict[str, Any],
        by: Caller,
    ) -> InventoryItem:
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, is_closed = await self._row(tx, id_, by)
            _raise(rules.inventory.may_act(ItemState(row.state), act, is_closed=is_closed))
            if isinstance(said, Review):
                _raise(rules.inventory.review_is_explained(row.self_stars, said.stars, said.note))
            await self._carry_on(tx, [(row, dump(said), {**values, "state": state})], act, by, now)
            shown = (await tx.execute(_WITH_PATENT.where(_ITEM.c.id == id_))).one()
            return await self._acts.answer(tx, _item(shown))

    async def _carry_on(
        self, tx: Tx, done: Sequence[tuple[Row[Any], Any, dict[str, Any]]], act: str, by: Caller, now: datetime
    ) -> None:
        """Write acts and what they make of their items."""
        for row, _, values in done:
            await tx.execute(
                update(_ITEM).where(_ITEM.c.id == row.id).values(**values, version=row.version + 1, updated_at=now)
            )
        if done:
            await tx.execute(
                insert(models.inventory_act),
                [
                    {"item_id": row.id, "act": act, "detail": said, "at": now, "by": by.client_id}
                    for row, said, _ in done
                ],
            )

    async def rate_many(self, id_: str, ratings: Ratings, by: Caller) -> Rated:
        """Self-ratings of many patents, by number or id; refused ones never stop the others."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            campaign = await self._owned(tx, id_, by, lock=False)
            names = [_named(one.patent) for one in ratings.items]
            patent = models.patent
            known = or_(
                *(c == func.any(names) for c in (patent.c.id, patent.c.application_number, patent.c.publication_number))
            )
            found = await tx.execute(_WITH_PATENT.where(_ITEM.c.campaign_id == id_, known).with_for_update(of=_ITEM))
            by_name = {
                name: row
                for row in found
                for name in (row.patent_id, row.application_number, row.publication_number)
                if name
            }
            done, refused = {}, []
            for index, (one, name) in enumerate(zip(ratings.items, names, strict=True)):
                row = by_name.get(name)
                no = (
                    not_in_this_inventory(one.patent)
                    if row is None
                    else rules.inventory.may_act(
                        ItemState(row.state), "self-rating", is_closed=campaign.closed_at is not None
                    )
                )
                if no:
                    refused.append(RatingRefused(index=index, patent=one.patent, violations=spoken([no])))
                elif row is not None:
                    done[row.id] = (
                        row,
                        dump(one),
                        {**_rated(one), "state": ItemState.SELF_RATED},
                    )  # the last one counts
            await self._carry_on(tx, list(done.values()), "self-rating", by, now)
            return await self._acts.answer(tx, Rated(rated=len(done), refused=refused), status=200)


_CAMPAIGN = models.inventory_campaign
_WITH_PATENT = (
    select(
        _ITEM,
        models.patent.c.application_number,
        models.patent.c.publication_number,
        models.patent.c.title,
        _CAMPAIGN.c.organization_id,
        _CAMPAIGN.c.closed_at,
    )
    .join(models.patent, models.patent.c.id == _ITEM.c.patent_id)
    .join(_CAMPAIGN, _CAMPAIGN.c.id == _ITEM.c.campaign_id)
)


def _no_item() -> NotFound:
    return NotFound("there is no such inventory item", "没有该盘点项")


def _rated(rating: SelfRating) -> dict[str, Any]:
    return {
        "stars": rating.stars, "self_stars": rating.stars, "trl": rating.trl, "prospects": rating.prospects,
        "rated_by": rating.rated_by,
    }  # fmt: skip


def _named(raw: str) -> str:
    """A patent's id or number in the form in which it is stored; what is neither is found nowhere."""
    for parse in (parse_application_number, parse_publication_number):
        try:
            return parse(raw)
        except Refused:
            continue
    return raw.strip()


def _item(row: Row[Any]) -> InventoryItem:
    return InventoryItem.model_validate(dict(row._mapping))


def _raise(no: Refusal | None) -> None:
    if no:
        raise no.raised()
