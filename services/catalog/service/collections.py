"""Collections: a saved query and listings chosen by hand, shared, exported and followed.

What a collection holds is asked anew whenever somebody looks. For one that is followed,
`collection_told` remembers which listings its followers know of, so that each is told once: filled when
somebody begins to follow, added to in the transaction that announces a listing. Between the two stands an
advisory lock, so that a listing published meanwhile is either known or told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Row,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.util import ClauseAdapter

from services.catalog import models
from services.catalog.rules import collections as rules
from services.catalog.service.codes import raise_unless_acknowledged
from services.catalog.service.listings import READ, card_of, conditions, taken
from services.catalog.service.tables import Cell, Format, Head, written
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Card, ListingFilters, ListingState
from shared.contracts.collections import (
    Chosen,
    Collection,
    CollectionDraft,
    CollectionPatch,
    CollectionsQuery,
    Follower,
    Sharing,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import Forbidden, NotFound, StaleVersion, Text, Unauthenticated
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

EXPORT_PAGE, EXPORT_CHUNK = 5_000, 200  # ids that an export asks for at once, cards that it holds at once
TOGETHER = 50  # followed collections that one statement looks through
_LOOKS_MOST = 100  # such statements that are kept
_FOLLOWING = 0x666F6C6C  # advisory: held shared by who announces, alone by who begins to follow

_TABLE, _FOLLOWER, _TOLD = models.collection, models.collection_follower, models.collection_told

HEADS = [
    Head("id", Text("Listing", "挂牌编号")),
    Head("titles", Text("Titles", "专利名称")),
    Head("holders", Text("Holders", "专利权人")),
    Head("application_numbers", Text("Application numbers", "申请号")),
    Head("publication_numbers", Text("Publication numbers", "公开（公告）号")),
    Head("patent_types", Text("Types", "专利类型")),
    Head("ipc", Text("Classes", "分类号")),
    Head("expiry_dates", Text("Terms end on", "届满日")),
    Head("legal_states", Text("Legal states", "法律状态")),
    Head("summary", Text("Summary", "摘要")),
    Head("trl", Text("Readiness (TRL)", "技术成熟度")),
    Head("modes", Text("Modes", "许可方式")),
    Head("fee_type", Text("Fee", "费用方式")),
    Head("amount", Text("Amount (CNY)", "金额（元）")),
    Head("rate", Text("Rate", "费率")),
    Head("rate_base", Text("Rate of", "计费基数")),
    Head("region_codes", Text("Regions", "地区代码")),
    Head("industry_codes", Text("Industries", "行业代码")),
    Head("labels", Text("Labels", "标签")),
]


def _only_announced() -> ClauseAdapter:
    """Turns a query over all listings into one over those announced: read once, however many queries look."""
    listing, link, patent = models.listing, models.listing_patent, models.patent
    announced = func.any(bindparam("announced", type_=ARRAY(SqlText)))
    listings = select(listing).where(listing.c.id == announced).cte("announced")
    links = select(link).where(link.c.listing_id == announced).cte("announced_link")
    patents = select(patent).where(patent.c.id.in_(select(links.c.patent_id))).cte("announced_patent")
    return ClauseAdapter(listings).chain(ClauseAdapter(links)).chain(ClauseAdapter(patents))


_ONLY_ANNOUNCED = _only_announced()


def _no_collection() -> NotFound:
    """For an unknown id, and for a collection that the caller may not see."""
    return NotFound("there is no such collection", "没有该专题库")


def _members(query: dict[str, Any] | None, include: Chosen, exclude: Chosen) -> ColumnElement[bool]:
    """The published listings that a query finds or that are included, without those excluded."""
    table = models.listing
    chosen = [false(), *_chosen(include)]
    if query is not None:
        chosen.append(and_(*conditions(ListingFilters.model_validate(query), None)))
    without = (not_(condition) for condition in _chosen(exclude))
    return and_(table.c.state == ListingState.PUBLISHED, or_(*chosen), *without)


def _chosen(by_hand: Chosen) -> Iterator[ColumnElement[bool]]:
    if by_hand.listing_ids:
        yield models.listing.c.id == func.any(by_hand.listing_ids)
    if by_hand.patent_ids:
        link = models.listing_patent.c
        yield models.listing.c.id.in_(select(link.listing_id).where(link.patent_id == func.any(by_hand.patent_ids)))


def _include(row: Row[Any]) -> Chosen:
    return Chosen.model_construct(listing_ids=row.include_listing_ids, patent_ids=row.include_patent_ids)


def _exclude(row: Row[Any]) -> Chosen:
    return Chosen.model_construct(listing_ids=row.exclude_listing_ids, patent_ids=row.exclude_patent_ids)


def _members_of(row: Row[Any]) -> ColumnElement[bool]:
    return _members(row.query, _include(row), _exclude(row))


def _columns(draft: CollectionDraft) -> dict[str, Any]:
    return {
        "external_id": draft.external_id,
        "name": draft.name,
        "description": draft.description,
        "query": draft.query and draft.query.model_dump(mode="json", exclude_none=True),
        "include_listing_ids": draft.include.listing_ids,
        "include_patent_ids": draft.include.patent_ids,
        "exclude_listing_ids": draft.exclude.listing_ids,
        "exclude_patent_ids": draft.exclude.patent_ids,
        "visibility": draft.visibility,
        "organization_ids": draft.organization_ids,
    }


def _check(draft: CollectionDraft) -> None:
    """Raises: InvalidInput, with every reason."""
    found = (
        rules.query_says_something(dump(draft.query) if draft.query else None),
        rules.audience_fits(draft.visibility, draft.organization_ids),
        rules.choice_is_clear(
            draft.include.listing_ids + draft.include.patent_ids, draft.exclude.listing_ids + draft.exclude.patent_ids
        ),
    )
    raise_unless_acknowledged([no for no in found if no], ())


def _reads(by: Caller | None) -> bool:
    """Whether the caller's own and shared collections are open to its token."""
    return by is not None and READ in by.scopes


def _collection(row: Row[Any], by: Caller | None) -> Collection:
    is_own = by is not None and by.may_touch(row.organization_id)
    return Collection(
        id=row.id,
        external_id=row.external_id if is_own else None,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_id=row.organization_id,
        name=row.name,
        description=row.description,
        query=row.query,
        include=_include(row) if is_own else None,
        exclude=_exclude(row) if is_own else None,
        visibility=Sharing(row.visibility),
        organization_ids=row.organization_ids if is_own else None,
    )


class Collections:
    """Use cases on collections."""

    def __init__(self, db: Database, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._acts, self._cursors, self._clock = db, acts, cursors, clock
        self._looks: dict[tuple[tuple[str, int], ...], ReturningInsert[Any]] = {}

    async def draft(self, draft: CollectionDraft, by: Caller) -> Collection:
        """Make a collection.

        Raises: InvalidInput for a contradiction; NotFound for a listing or patent that the caller cannot know;
        Conflict for an external_id that is used.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            _check(draft)
            await _known(tx, draft.include, draft.exclude, by=by)
            facts = {"id": new_id("col"), "organization_id": by.organization_id, "created_at": now, "updated_at": now}
            try:
                made = await tx.execute(insert(_TABLE).values(**facts, **_columns(draft)).returning(_TABLE))
            except IntegrityError as error:
                raise taken(error) from None
            row = made.one()
            await models.feed.append(tx, [_told(row, "created", row.organization_id, now)])
            return await self._acts.answer(tx, _collection(row, by))

    async def page(self, query: CollectionsQuery, by: Caller | None) -> Page[Collection]:
        """Collections that the caller may see, newest first."""
        if (query.mine or query.following) and by is None:
            raise Unauthenticated("your own collections need a token", "查看自己的专题库需要令牌")
        if (query.mine or query.following) and not _reads(by):
            raise Forbidden(f"the token lacks the scope {READ}", f"令牌缺少权限范围 {READ}", code="insufficient_scope")
        organization_id = by.organization_id if by is not None and _reads(by) else None
        found: list[ColumnElement[bool]] = [_seen_by(by)]
        if query.mine:
            found.append(_TABLE.c.organization_id == organization_id)
        if query.following:
            followed = select(_FOLLOWER.c.collection_id).where(_FOLLOWER.c.organization_id == organization_id)
            found.append(_TABLE.c.id.in_(followed))
        if query.external_id:
            found += [_TABLE.c.organization_id == organization_id, _TABLE.c.external_id == query.external_id]
        for word in (query.q or "").lower().split():
            text = func.lower(_TABLE.c.name + "\n" + func.coalesce(_TABLE.c.description, ""))
            found.append(func.strpos(text, word) > 0)
        condition = and_(*found)
        scope = ("collections", organization_id, query.q, query.external_id, query.mine, query.following)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx,
                select(_TABLE).where(condition),
                (_TABLE.c.created_at, _TABLE.c.id),
                scope,
                query.after,
                query.limit,
            )
            total = (
                (await tx.scalar(select(func.count()).select_from(_TABLE).where(condition))) if query.count else None
            )
        return Page(items=[_collection(row, by) for row in rows], next=more, count=total)

    async def get(self, id_: str, by: Caller | None) -> Collection:
        """A collection that the caller may see."""
        async with self._db.read() as tx:
            return _collection(await _visible(tx, id_, by), by)

    async def patch(self, id_: str, patch: CollectionPatch, version: int, by: Caller) -> Collection:
        """Change a collection. Its followers hear of the change, and of each listing that was added by hand."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await _alone(tx)
            row = await _owned(tx, id_, by)
            if row.version != version:
                raise StaleVersion(
                    f"the collection is at version {row.version} now; read it again",
                    f"专题库已更新至版本 {row.version}，请重新读取",
                )
            draft = _patched(row, patch)
            _check(draft)
            added, excluded = _beyond(draft.include, _include(row)), _beyond(draft.exclude, _exclude(row))
            await _known(tx, added, excluded, by=by)
            changed = update(_TABLE).where(_TABLE.c.id == id_)
            try:
                made = await tx.execute(
                    changed.values(**_columns(draft), version=version + 1, updated_at=now).returning(_TABLE)
                )
            except IntegrityError as error:
                raise taken(error) from None
            row = made.one()
            changes = [_told(row, "changed", row.organization_id, now)]
            if followers := await _kept_followers(tx, row):
                changes += [_told(row, "changed", each, now) for each in followers if each != row.organization_id]
                by_hand = await _tell(tx, row.id, _members(None, added, draft.exclude))
                changes += [_added(row, listing_id, each, now) for listing_id in by_hand for each in followers]
                await _tell(tx, row.id, _members_of(row))  # what another query finds is known, not news one by one
            await models.feed.append(tx, changes)
            return _collection(row, by)

    async def remove(self, id_: str, by: Caller) -> None:
        """Take a collection away; its followers hear of it."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await _alone(tx)
            row = await _owned(tx, id_, by)
            concerned = {row.organization_id, *await _followers(tx, id_)}
            await tx.execute(delete(_TABLE).where(_TABLE.c.id == id_))
            await models.feed.append(tx, [_told(row, "removed", each, now) for each in sorted(concerned)])

    async def cards(self, id_: str, after: str | None, limit: int, count: bool, by: Caller | None) -> Page[Card]:
        """The listings of a collection as cards, newest first."""
        async with self._db.read() as tx:
            row = await _visible(tx, id_, by)
            items, more = await self._cards(tx, row, after, limit)
            counted = select(func.count()).select_from(models.listing).where(_members_of(row))
            total = (await tx.scalar(counted)) if count else None
        return Page(items=items, next=more, count=total)

    async def _cards(self, tx: Tx, row: Row[Any], after: str | None, limit: int) -> tuple[list[Card], str | None]:
        ids, more = await self._ids(tx, row, after, limit)
        return await self._shown(tx, ids), more

    async def _ids(self, tx: Tx, row: Row[Any], after: str | None, limit: int) -> tuple[list[str], str | None]:
        table = models.listing
        rows, more = await self._cursors.page(
            tx,
            select(table.c.published_at, table.c.id).where(_members_of(row)),
            (table.c.published_at, table.c.id),
            ("listings of a collection", row.id),
            after,
            limit,
        )
        return [each.id for each in rows], more

    async def _shown(self, tx: Tx, ids: Sequence[str]) -> list[Card]:
        table = models.listing
        found = await tx.execute(select(table).where(table.c.id == func.any(list(ids))))
        rows = {row.id: row for row in found}
        patents = await models.patents_of(tx, ids)
        today = legal_day(self._clock.now())
        return [card_of(rows[id_], patents[id_], today) for id_ in ids if id_ in rows]

    async def export(self, id_: str, form: Format, by: Caller | None) -> AsyncIterator[bytes]:
        """All listings of a collection as a file, in chunks. Raises: NotFound, before the first of them."""
        async with self._db.read() as tx:
            row = await _visible(tx, id_, by)

        async def rows() -> AsyncIterator[Sequence[Cell]]:
            after: str | None = None
            while True:
                async with self._db.read() as tx:
                    ids, after = await self._ids(tx, row, after, EXPORT_PAGE)
                for start in range(0, len(ids), EXPORT_CHUNK):
                    async with self._db.read() as tx:
                        cards = await self._shown(tx, ids[start : start + EXPORT_CHUNK])
                    for card in cards:
                        yield _cells(card)
                if after is None:
                    return

        return written(form, HEADS, rows(), context.language.get())

    async def follow(self, id_: str, by: Caller) -> Follower:
        """Hear of listings that enter a collection from now on; following twice is following once.

        Raises: NotFound; RuleRefused COL-FOLLOW beyond a hundred.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            await _alone(tx)
            row = await _visible(tx, id_, by)
            mine = _FOLLOWER.c.organization_id == by.organization_id
            known = (await tx.execute(select(_FOLLOWER).where(_FOLLOWER.c.collection_id == id_, mine))).first()
            if known is None:
                followed = await tx.scalar(select(func.count()).select_from(_FOLLOWER).where(mine))
                if no := rules.may_follow_one_more(followed or 0):
                    raise no.raised()
                await _tell(tx, id_, _members_of(row))
                made = insert(_FOLLOWER).values(collection_id=id_, organization_id=by.organization_id, since=now)
                known = (await tx.execute(made.returning(_FOLLOWER))).one()
                await models.feed.append(tx, [_told(row, "followed", by.organization_id, now)])
            return await self._acts.answer(tx, Follower.model_validate(dict(known._mapping)))

    async def leave(self, id_: str, by: Caller) -> None:
        """Hear of a collection no longer. Raises: NotFound, also for one that the caller does not follow."""
        async with self._db.write() as tx:
            row = await _visible(tx, id_, by)
            gone = await tx.execute(
                delete(_FOLLOWER).where(
                    _FOLLOWER.c.collection_id == id_, _FOLLOWER.c.organization_id == by.organization_id
                )
            )
            if not gone.rowcount:
                raise NotFound("you do not follow this collection", "您未关注该专题库")
            await models.feed.append(tx, [_told(row, "left", by.organization_id, self._clock.now())])

    async def entered(self, tx: Tx, listing_ids: Sequence[str], now: datetime) -> list[dict[str, Any]]:
        """What followers are to hear of listings that are being announced: one change a collection and follower.

        Only followed collections are looked at, fifty in a statement; where there are none it costs two
        short statements, however many listings are announced.
        """
        await tx.execute(select(func.pg_advisory_xact_lock_shared(_FOLLOWING)))
        followers = func.array_agg(_FOLLOWER.c.organization_id).label("followers")
        followed = (
            await tx.execute(
                select(_TABLE, followers)
                .join(_FOLLOWER, _FOLLOWER.c.collection_id == _TABLE.c.id)
                .group_by(_TABLE.c.id)
                .order_by(_TABLE.c.id)
            )
        ).all()
        found: list[dict[str, Any]] = []
        for start in range(0, len(followed), TOGETHER):
            by_id = {row.id: row for row in followed[start : start + TOGETHER]}
            news = await tx.execute(self._look(by_id), {"announced": list(listing_ids)})
            found += [
                _added(row, listing_id, each, now)
                for collection_id, listing_id in sorted(tuple(line) for line in news)
                for row in (by_id[collection_id],)
                for each in sorted(row.followers)
            ]
        return found

    def _look(self, followed: dict[str, Row[Any]]) -> ReturningInsert[Any]:
        """Notes which announced listings are news to the followers of these collections, and answers them.

        Kept while the collections stay as they are: to put fifty queries into one takes longer than to run it.
        """
        key = tuple((row.id, row.version) for row in followed.values())
        if (look := self._looks.get(key)) is None:
            matched = union_all(
                *(
                    _ONLY_ANNOUNCED.traverse(
                        select(literal(id_).label("collection_id"), models.listing.c.id.label("listing_id")).where(
                            _members_of(row)
                        )
                    )
                    for id_, row in followed.items()
                )
            ).order_by("collection_id", "listing_id")
            look = (
                upsert(_TOLD)
                .from_select(["collection_id", "listing_id"], matched)
                .on_conflict_do_nothing()
                .returning(_TOLD.c.collection_id, _TOLD.c.listing_id)
            )
            if len(self._looks) >= _LOOKS_MOST:
                self._looks.clear()
            self._looks[key] = look
        return look


def _patched(row: Row[Any], patch: CollectionPatch) -> CollectionDraft:
    """The collection as it would be: a field that may not be empty keeps its value when null is given."""
    before = {
        "external_id": row.external_id,
        "name": row.name,
        "description": row.description,
        "query": row.query,
        "include": _include(row).model_dump(),
        "exclude": _exclude(row).model_dump(),
        "visibility": row.visibility,
        "organization_ids": row.organization_ids,
    }
    given = patch.model_dump(exclude_unset=True)
    empty: dict[str, Any] = {"include": {}, "exclude": {}, "organization_ids": []}
    kept = ("name", "visibility")
    changes = {
        name: empty.get(name) if value is None else value
        for name, value in given.items()
        if not (value is None and name in kept)
    }
    return CollectionDraft.model_validate({**before, **changes})


def _beyond(now: Chosen, before: Chosen) -> Chosen:
    """What was not chosen before."""
    return Chosen.model_construct(
        listing_ids=[id_ for id_ in now.listing_ids if id_ not in set(before.listing_ids)],
        patent_ids=[id_ for id_ in now.patent_ids if id_ not in set(before.patent_ids)],
    )


def _seen_by(by: Caller | None) -> ColumnElement[bool]:
    """The condition that `rules.may_see` states, for a list."""
    if by is None or not _reads(by):
        return _TABLE.c.visibility == Sharing.PUBLIC
    if by.is_operator:
        return true()
    shared = and_(
        _TABLE.c.visibility == Sharing.ORGANIZATIONS, _TABLE.c.organization_ids.contains([by.organization_id])
    )
    return or_(_TABLE.c.visibility == Sharing.PUBLIC, _TABLE.c.organization_id == by.organization_id, shared)


async def _visible(tx: Tx, id_: str, by: Caller | None) -> Row[Any]:
    row = (await tx.execute(select(_TABLE).where(_TABLE.c.id == id_, _seen_by(by)))).first()
    if row is None:
        raise _no_collection()
    return row


async def _owned(tx: Tx, id_: str, by: Caller) -> Row[Any]:
    row = (await tx.execute(select(_TABLE).where(_TABLE.c.id == id_).with_for_update())).first()
    if row is None or not by.may_touch(row.organization_id):
        raise _no_collection()
    return row


async def _known(tx: Tx, *chosen: Chosen, by: Caller) -> None:
    """Every listing and patent that is named is on offer, or the caller's own. Raises: NotFound."""
    listing, patent, link = models.listing, models.patent, models.listing_patent
    listing_ids = [id_ for each in chosen for id_ in each.listing_ids]
    patent_ids = [id_ for each in chosen for id_ in each.patent_ids]
    is_open = or_(listing.c.state == ListingState.PUBLISHED, listing.c.organization_id == by.organization_id)
    offered = select(link.c.patent_id).join(listing, listing.c.id == link.c.listing_id).where(is_open)
    for what, ids, statement in (
        (
            Text("listing", "挂牌"),
            listing_ids,
            select(listing.c.id).where(true() if by.is_operator else is_open, listing.c.id == func.any(listing_ids)),
        ),
        (
            Text("patent", "专利"),
            patent_ids,
            select(patent.c.id).where(
                true()
                if by.is_operator
                else or_(patent.c.organization_id == by.organization_id, patent.c.id.in_(offered)),
                patent.c.id == func.any(patent_ids),
            ),
        ),
    ):
        found = set(await tx.scalars(statement)) if ids else set()
        if unknown := next((id_ for id_ in ids if id_ not in found), None):
            raise NotFound(f"there is no {what.en} {unknown}", f"没有{what.zh} {unknown}")


async def _alone(tx: Tx) -> None:
    """Wait until nobody announces listings, and hold others back until this transaction ends.

    Taken before any row is locked: who announces holds the lock's other half and waits for rows.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(_FOLLOWING)))


async def _followers(tx: Tx, id_: str) -> list[str]:
    found = await tx.scalars(
        select(_FOLLOWER.c.organization_id)
        .where(_FOLLOWER.c.collection_id == id_)
        .order_by(_FOLLOWER.c.organization_id)
    )
    return list(found)


async def _kept_followers(tx: Tx, row: Row[Any]) -> list[str]:
    """The followers who may still see a collection; others are let go."""
    followers = await _followers(tx, row.id)
    seeing = [
        each
        for each in followers
        if rules.may_see(Sharing(row.visibility), row.organization_id, row.organization_ids, each)
    ]
    if gone := sorted(set(followers) - set(seeing)):
        await tx.execute(
            delete(_FOLLOWER).where(_FOLLOWER.c.collection_id == row.id, _FOLLOWER.c.organization_id == func.any(gone))
        )
    return seeing


async def _tell(tx: Tx, id_: str, members: ColumnElement[bool]) -> list[str]:
    """Note that followers of a collection know of its members; answers those they did not know before."""
    matched = select(literal(id_), models.listing.c.id).where(members).order_by(models.listing.c.id)
    news = await tx.scalars(
        upsert(_TOLD)
        .from_select(["collection_id", "listing_id"], matched)
        .on_conflict_do_nothing()
        .returning(_TOLD.c.listing_id)
    )
    return sorted(news)


def _told(row: Row[Any], what: str, audience: str, now: datetime) -> dict[str, Any]:
    return change(f"collection.{what}", row.id, audience, now, {"name": row.name, "version": row.version})


def _added(row: Row[Any], listing_id: str, audience: str, now: datetime) -> dict[str, Any]:
    data = {"name": row.name, "listing_id": listing_id}
    return change("collection.listing_added", row.id, audience, now, data)


def _cells(card: Card) -> list[Cell]:
    patents, pricing = card.patents, card.pricing
    return [
        card.id,
        card.titles,
        card.holders,
        [patent.application_number for patent in patents if patent.application_number],
        [patent.publication_number for patent in patents if patent.publication_number],
        [patent.patent_type.value for patent in patents],
        list(dict.fromkeys(code for patent in patents for code in patent.ipc)),
        [patent.expiry_date.isoformat() for patent in patents if patent.expiry_date],
        [patent.legal_state.value for patent in patents],
        card.summary,
        card.trl,
        [mode.value for mode in card.modes],
        pricing.fee_type.value,
        pricing.amount,
        pricing.rate,
        pricing.rate_base,
        card.region_codes,
        card.industry_codes,
        card.labels,
    ]
