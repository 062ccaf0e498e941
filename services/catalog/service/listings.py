"""Listings: patents put on offer, and the acts that carry them on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    Numeric,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.catalog import models, rules
from services.catalog.rules.eligibility import Target, against_offer
from services.catalog.rules.listing import BY_SYSTEM
from services.catalog.service.codes import raise_unless_acknowledged, region_doubts
from services.catalog.service.targets import expiry_of, role_of, status_and_expiry, target_of
from services.catalog.settings import CatalogSettings
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.access import OrganizationType
from shared.contracts.catalog import (
    Card,
    CardPatent,
    Facets,
    FeeType,
    Freshness,
    IndexedListing,
    IndexedPatent,
    LegalState,
    LicenseMode,
    Listing,
    ListingDraft,
    ListingFilters,
    ListingPage,
    ListingPatch,
    ListingQuery,
    ListingState,
    Pricing,
    Snapshot,
    open_to_anyone,
    trial_ends_where_one_begins,
)
from shared.contracts.values import PatentType
from shared.contracts.wire import dump
from shared.db import Database, Tx, insert_many, violated
from shared.errors import Conflict, Forbidden, NotFound, StaleVersion, Unauthenticated
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal
from shared.together import Together

READ = "listings:read"
AGE_CHUNK, AGE_EVERY_S = 500, 600.0
SYSTEM = "system"
_DONE = {
    ListingState.DRAFT: (),
    ListingState.SUBMITTED: ("submission",),
    ListingState.PUBLISHED: ("submission", "publication"),
}
_TEXTS = (
    "external_id", "summary", "problem_solved", "application_scenes", "advantages", "economic_comparison", "trl",
    "modes", "region_codes", "industry_codes", "support_offered",
)  # fmt: skip
FACETS = ("mode", "fee_type", "patent_type", "industry_code", "region_code", "ipc", "trl")


def is_soe(by: Caller) -> bool:
    """Whether a state-owned enterprise acts."""
    return by.is_state_owned and by.organization_type is OrganizationType.ENTERPRISE


def no_listing() -> NotFound:
    """For an unknown id, and for a draft of somebody else's."""
    return NotFound("there is no such listing", "没有该挂牌")


def refusals(targets: Iterable[Target], modes: Sequence[str], today: date) -> list[Refusal]:
    """All reasons against offering these patents in these modes."""
    wanted = [LicenseMode(mode) for mode in modes]
    return [no for target in targets for no in against_offer(target, wanted, today)]


def _against(targets: Sequence[Target], modes: Sequence[str], today: date) -> list[Refusal]:
    """The reasons against leaving patents on offer: none while what was licensed leaves one of the modes."""
    found = refusals(targets, modes, today)
    by_mode = [refusals(targets, [mode], today) for mode in modes] if found else []
    return [] if found and rules.listing.stays_for_some(by_mode, targets, today) else found


def supplier_refusals(is_restricted: bool) -> list[Refusal]:
    """The reason against offering anything at all."""
    return [no] if (no := rules.listing.supplier_may_deal(is_restricted)) else []


def _card_patent(row: Row[Any], today: date) -> CardPatent:
    status, expiry = status_and_expiry(row, today)
    return CardPatent(
        id=row.id,
        application_number=row.application_number,
        publication_number=row.publication_number,
        patent_type=PatentType(row.patent_type),
        ipc=row.ipc,
        expiry_date=expiry,
        legal_state=status.state,
        freshness=status.freshness,
    )


_BADGES = {LegalState.UNKNOWN: "STATUS_UNKNOWN", LegalState.FEE_GRACE_PERIOD: "FEE_GRACE_PERIOD"}


def _labels(is_sample: bool, patents: Sequence[CardPatent]) -> list[str]:
    labels = ["SAMPLE"] if is_sample else []
    labels += sorted({_BADGES[patent.legal_state] for patent in patents if patent.legal_state in _BADGES})
    if any(p.freshness is Freshness.STALE and p.legal_state is not LegalState.UNKNOWN for p in patents):
        labels.append("STATUS_STALE")
    return labels


def _holders(patents: Sequence[Row[Any]]) -> list[str]:
    return list(dict.fromkeys(holder["name"] for row in patents for holder in row.holders))


def _shown(row: Row[Any], patents: Sequence[Row[Any]], today: date) -> dict[str, Any]:
    """The fields that a listing and its card have in common."""
    shown = [_card_patent(patent, today) for patent in patents]
    return {
        "id": row.id,
        "titles": [patent.title for patent in patents],
        "holders": _holders(patents),
        "patents": shown,
        "summary": row.summary,
        "trl": row.trl,
        "modes": row.modes,
        "pricing": row.pricing,
        "region_codes": row.region_codes,
        "industry_codes": row.industry_codes,
        "labels": _labels(row.is_sample, shown),
        "sample": row.is_sample,
    }


def card_of(row: Row[Any], patents: Sequence[Row[Any]], today: date) -> Card:
    """A listing as it is shown in lists and results."""
    return Card(**_shown(row, patents, today))


def listing_of(row: Row[Any], patents: Sequence[Row[Any]], today: date) -> Listing:
    """A listing with all its text."""
    return Listing(
        **_shown(row, patents, today),
        external_id=row.external_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_id=row.organization_id,
        patent_ids=[patent.id for patent in patents],
        problem_solved=row.problem_solved,
        application_scenes=row.application_scenes,
        advantages=row.advantages,
        economic_comparison=row.economic_comparison,
        support_offered=row.support_offered,
        state=ListingState(row.state),
        state_reason=row.state_reason,
        terms_version=row.terms_version,
        published_at=row.published_at,
    )


class _Judged(NamedTuple):
    """A listing, its patents as the rules see them, and all reasons against its being on offer."""

    row: Row[Any]
    targets: Sequence[Target]
    against: Sequence[Refusal]


class _Move(NamedTuple):
    """What becomes of a listing, by which acts."""

    row: Row[Any]
    acts: Sequence[str]
    state: ListingState
    reason: str | None


_GONE = {ListingState.SUSPENDED: "listing.suspended", ListingState.CLOSED: "listing.closed"}


def _move(judged: _Judged, today: date) -> _Move | None:
    """What the reasons against a listing demand; None when it stays as it is.

    One that rests already rests for the reason of today: it comes back when that one has ended.
    """
    row, fate = judged.row, rules.listing.fate(judged.against, judged.targets, today)
    is_resting = row.state == ListingState.SUSPENDED and row.state_reason in BY_SYSTEM
    if fate and (row.state == ListingState.PUBLISHED or (is_resting and fate[1] != row.state_reason)):
        return _Move(row, ("closing" if fate[0] is ListingState.CLOSED else "suspension",), *fate)
    if is_resting and not fate:
        return _Move(row, ("resumption",), ListingState.PUBLISHED, None)
    return None


class Assigned(NamedTuple):
    """When a patent was assigned, and to which organizations, where the record names the new holders."""

    on: date
    holders: Set[str] | None = None

    def ends(self, owner: str, since: date) -> bool:
        """Whether an organization's listing, made on a day, ends by it."""
        return self.on >= since if self.holders is None else owner not in self.holders


Entered = Callable[[Tx, Sequence[str], datetime], Awaitable[list[dict[str, Any]]]]


class PageAsked(NamedTuple):
    """A page asked for: the filters as JSON, how it is sorted, where it begins, and its length."""

    filters: str
    sort: str
    after: str | None
    limit: int


class CountsAsked(NamedTuple):
    """Counts asked for: the filters as JSON, the column whose nulls a sorted list leaves out, facets, the whole."""

    filters: str
    sorted_by: str
    facets: tuple[str, ...]
    with_total: bool


Listed = tuple[list[Card], str | None]
Counted = tuple[int | None, Facets | None]
PAGES_AT_ONCE = 4  # connections that pages of lists may take
KEPT_MOST = 128  # different questions whose answers are remembered


class Listings:
    """Use cases on listings."""

    def __init__(
        self, db: Database, settings: CatalogSettings, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._settings, self._acts, self._cursors, self._clock = db, settings, acts, cursors, clock
        self._read = Together(self._with_patents)
        self._pages = Together(self._answer, trips=PAGES_AT_ONCE, seats=1)
        self._counts = Together(self._answer, seats=1)  # apart: however dear they are, pages do not wait for them
        self._kept: dict[PageAsked | CountsAsked, tuple[tuple[int, date], Any]] = {}
        self._seen = (-1, -1)  # the feed's end when last looked at, and when it last said what may concern a listing
        self.entered: Entered | None = None  # whom else announced listings concern, see service/collections.py

    async def _with_patents(self, ids: list[str]) -> dict[str, list[Row[Any]]]:
        """Each listing's rows, one a patent."""
        found: dict[str, list[Row[Any]]] = {}
        async with self._db.read() as tx:
            for row in await tx.execute(_WITH_PATENTS, {"ids": ids}):
                found.setdefault(row.id, []).append(row)
        return found

    async def draft(self, draft: ListingDraft, by: Caller) -> Listing:
        """Write down an offer; nobody sees it before it is published.

        Raises: NotFound for a patent that is not the caller's; RuleRefused for sample beside real.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            patents = await self.own_patents(tx, draft.patent_ids, by)
            if no := rules.listing.sample_stays_apart([row.is_sample for row in patents]):
                raise no.raised()
            await self._check_regions(tx, draft.region_codes, draft.acknowledged_rules, now)
            (id_,) = await self.insert(tx, [(draft, patents, by.organization_id)], ListingState.DRAFT, by, now)
            return await self._acts.answer(tx, await self._loaded(tx, id_))

    async def create(
        self,
        tx: Tx,
        ready: Sequence[tuple[ListingDraft, Sequence[Row[Any]], str]],
        waiting: Sequence[tuple[ListingDraft, Sequence[Row[Any]], str]],
        by: Caller,
        now: datetime,
    ) -> list[Listing]:
        """Many listings at once: `ready` ones are submitted (and published, unless the operator reviews), others drafts."""
        state = ListingState.SUBMITTED if self._settings.review_listings else ListingState.PUBLISHED
        ids = await self.insert(tx, ready, state, by, now)
        if state is ListingState.PUBLISHED:
            await self.announce(tx, ids, "listing.published", now)
        ids += await self.insert(tx, waiting, ListingState.DRAFT, by, now)
        rows = (await tx.execute(select(models.listing).where(models.listing.c.id == func.any(ids)))).all()
        patents = await models.patents_of(tx, ids)
        return [listing_of(row, patents[row.id], legal_day(now)) for row in rows]

    async def _check_regions(self, tx: Tx, codes: Sequence[str], acknowledged: Sequence[str], now: datetime) -> None:
        doubts = await region_doubts(tx, codes, legal_day(now))
        found = [
            replace(doubts[code], pointer=f"/region_codes/{at}") for at, code in enumerate(codes) if code in doubts
        ]
        raise_unless_acknowledged(found, acknowledged)

    async def insert(
        self,
        tx: Tx,
        drafts: Sequence[tuple[ListingDraft, Sequence[Row[Any]], str]],
        state: ListingState,
        by: Caller | None,
        now: datetime,
    ) -> list[str]:
        """Rows of new listings, each with its patents, for an organization; answers their ids."""
        values, links, acts = [], [], []
        for draft, patents, owner in drafts:
            id_ = new_id("lst")
            values.append(
                {
                    **draft.model_dump(mode="json", include=set(_TEXTS)),
                    "pricing": dump(draft.pricing),
                    "id": id_,
                    "organization_id": owner,
                    "created_at": now,
                    "updated_at": now,
                    "version": 1,
                    "is_sample": patents[0].is_sample,
                    "is_soe": by is not None and is_soe(by),
                    "state": state.value,
                    "published_at": now if state is ListingState.PUBLISHED else None,
                    "searched": _searched(patents, draft.summary, draft.problem_solved, draft.application_scenes),
                }
            )
            links += [
                {"listing_id": id_, "ordinal": ordinal, "patent_id": patent.id}
                for ordinal, patent in enumerate(patents)
            ]
            who = by.client_id if by else SYSTEM
            acts += [{"listing_id": id_, "act": act, "reason": None, "at": now, "by": who} for act in _DONE[state]]
        if values:
            try:
                await insert_many(tx, models.listing, values)
            except IntegrityError as error:
                raise taken(error) from None
            await insert_many(tx, models.listing_patent, links)
        await insert_many(tx, models.listing_act, acts)
        return [str(value["id"]) for value in values]

    async def own_patents(self, tx: Tx, ids: Sequence[str], by: Caller) -> list[Row[Any]]:
        """Patents of the caller's, locked, each once, in their order. Raises: NotFound, for one that is not."""
        found = await tx.execute(
            select(models.patent)
            .where(models.patent.c.id == func.any(list(ids)))
            .order_by(models.patent.c.id)
            .with_for_update()
        )
        rows = {row.id: row for row in found if by.may_touch(row.organization_id)}
        for id_ in ids:
            if id_ not in rows:
                raise NotFound(f"there is no patent {id_}", f"没有专利 {id_}")
        return [rows[id_] for id_ in dict.fromkeys(ids)]

    async def _loaded(self, tx: Tx, id_: str) -> Listing:
        row = (await tx.execute(select(models.listing).where(models.listing.c.id == id_))).one()
        patents = (await models.patents_of(tx, [id_]))[id_]
        return listing_of(row, patents, legal_day(self._clock.now()))

    async def get(self, id_: str, by: Caller | None) -> Listing:
        """A published listing for anyone, another for its owner and the operator."""
        found = await self._read.get(id_)
        if found is None:
            raise no_listing()
        row = found[0]
        may_see_drafts = by is not None and READ in by.scopes and by.may_touch(row.organization_id)
        patents, today = [_patent_half(line) for line in found], legal_day(self._clock.now())
        if row.state != ListingState.PUBLISHED and not may_see_drafts:
            has_a_say = by is not None and any(role_of(patent, by, today) for patent in patents)
            if not has_a_say:
                raise no_listing()
        return listing_of(row, patents, today)

    async def patch(self, id_: str, patch: ListingPatch, version: int, by: Caller) -> Listing:
        """Change the text; a published listing's change is announced to the index."""
        now = self._clock.now()
        async with self._db.write() as tx:
            row = await self._owned(tx, id_, by)
            if row.version != version:
                raise StaleVersion(
                    f"the listing is at version {row.version} now; read it again",
                    f"挂牌已更新至版本 {row.version}，请重新读取",
                )
            if no := rules.listing.may_edit(ListingState(row.state)):
                raise no.raised()
            fields = patch.model_dump(mode="json", exclude_unset=True, exclude={"acknowledged_rules"})
            await self._check_regions(tx, patch.region_codes or [], patch.acknowledged_rules, now)
            for name in ("application_scenes", "region_codes", "industry_codes"):
                if name in fields:
                    fields[name] = fields[name] or []
            for name in ("modes", "pricing"):
                if name in fields and fields[name] is None:
                    del fields[name]
            merged = {**row._mapping, **fields}
            terms = [LicenseMode(mode) for mode in merged["modes"]], Pricing.model_validate(merged["pricing"])
            noes = trial_ends_where_one_begins(*terms), open_to_anyone(*terms)
            raise_unless_acknowledged([no for no in noes if no], ())
            patents = (await models.patents_of(tx, [id_]))[id_]
            if any(name in fields and fields[name] != row._mapping[name] for name in ("modes", "pricing")):
                fields["terms_version"] = row.terms_version + 1
            fields["text_version"] = row.text_version + 1
            fields["searched"] = _searched(
                patents, merged["summary"], merged["problem_solved"], merged["application_scenes"]
            )
            try:
                await tx.execute(
                    update(models.listing)
                    .where(models.listing.c.id == id_)
                    .values(**fields, version=row.version + 1, updated_at=now)
                )
            except IntegrityError as error:
                raise taken(error) from None
            await self._after_patch(tx, id_, patents, now)
            return await self._loaded(tx, id_)

    async def _after_patch(self, tx: Tx, id_: str, patents: Sequence[Row[Any]], now: datetime) -> None:
        """What a change does to a listing on offer: new terms wait for consents, other noes refuse the change."""
        row = (await tx.execute(select(models.listing).where(models.listing.c.id == id_))).one()
        (judged,) = await self._judged(tx, [row], {id_: patents}, legal_day(now))
        if row.state == ListingState.PUBLISHED:
            _raise_all([no for no in judged.against if no.rule not in rules.listing.WAITS])
        if not await self._settle(tx, [judged], now) and row.state == ListingState.PUBLISHED:
            await self.announce(tx, [id_], "listing.changed", now)

    async def _owned(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = (await tx.execute(select(models.listing).where(models.listing.c.id == id_).with_for_update())).first()
        if row is None or not by.may_touch(row.organization_id):
            raise no_listing()
        return row

    async def act(self, id_: str, act: str, reason: str | None, by: Caller) -> Listing:
        """Perform an act on a listing: submission, publication, return, suspension, resumption, withdrawal.

        A submission that passes all rules is published at once, unless the operator reviews listings.
        Raises: RuleRefused, with every reason, when the patents may not be offered or the state forbids it.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._owned(tx, id_, by)
            state = self._next(ListingState(row.state), act)
            patents = (await models.patents_of(tx, [id_]))[id_]
            if act in ("submission", "publication", "resumption"):
                _raise_all(await self.against(tx, row, patents, legal_day(now)))
            done = [act]
            if act == "submission" and not self._settings.review_listings:
                state = self._next(state, "publication")
                done.append("publication")
            move = _Move(row, tuple(done), state, reason)
            await self._record(tx, [move], by.client_id, now)
            answer = await self._loaded(tx, id_)
            await self._tell(tx, [move], now)
            return await self._acts.answer(tx, answer)

    async def against(self, tx: Tx, row: Row[Any], patents: Sequence[Row[Any]], today: date) -> Sequence[Refusal]:
        """All reasons against a listing's being on offer, with the consents to its present terms."""
        (judged,) = await self._judged(tx, [row], {row.id: patents}, today)
        return judged.against

    async def reconsider_listing(self, tx: Tx, row: Row[Any], patents: Sequence[Row[Any]], now: datetime) -> None:
        """After a consent or clearance came or went: suspend or resume the listing."""
        await self._settle(tx, await self._judged(tx, [row], {row.id: patents}, legal_day(now)), now)

    async def _judged(
        self, tx: Tx, rows: Sequence[Row[Any]], patents: Mapping[str, Sequence[Row[Any]]], today: date
    ) -> list[_Judged]:
        """Listings, and all reasons against their being on offer, with the consents to their present terms."""
        given = await models.consents_to(tx, [row.id for row in rows])
        clearance = models.secrecy_clearance
        reviewed = await tx.execute(
            select(clearance.c.listing_id, func.max(clearance.c.text_version).label("reviewed"))
            .where(clearance.c.listing_id == func.any([row.id for row in rows if row.is_soe]))
            .group_by(clearance.c.listing_id)
        )
        cleared = {row.listing_id: row.reviewed for row in reviewed}
        restricted = await models.restricted_among(tx, [row.organization_id for row in rows], today)
        found = []
        for row in rows:
            targets = [target_of(patent, today, given[row.id]) for patent in patents[row.id]]
            no = rules.listing.is_cleared(row.is_soe, cleared.get(row.id), row.text_version)
            stopped = supplier_refusals(row.organization_id in restricted)
            against = [*stopped, *_against(targets, row.modes, today), *([no] if no else [])]
            found.append(_Judged(row, targets, against))
        return found

    async def _settle(self, tx: Tx, judged: Sequence[_Judged], now: datetime) -> set[str]:
        """Suspend, close or resume listings as the reasons against them demand; answers those that do not stay."""
        moves = [move for one in judged if (move := _move(one, legal_day(now)))]
        await self._record(tx, moves, SYSTEM, now)
        await self._tell(tx, moves, now)
        return {move.row.id for move in moves}

    def _next(self, state: ListingState, act: str) -> ListingState:
        after = rules.listing.next_state(state, act)
        if isinstance(after, Refusal):
            raise after.raised()
        return after

    async def _record(self, tx: Tx, moves: Sequence[_Move], by: str, now: datetime) -> None:
        """Write what becomes of listings, and the acts behind it."""
        await insert_many(
            tx,
            models.listing_act,
            [
                {"listing_id": move.row.id, "act": act, "reason": move.reason, "at": now, "by": by}
                for move in moves
                for act in move.acts
            ],
        )
        written = []
        for row, _, state, reason in moves:
            published_at = now if state is ListingState.PUBLISHED and row.published_at is None else row.published_at
            changed = {"state": state, "state_reason": reason, "published_at": published_at, "updated_at": now}
            written.append({"id": row.id, **changed})
        names = ("state", "state_reason", "published_at", "updated_at")
        await models.overwrite_many(tx, models.listing, names, written)

    async def _tell(self, tx: Tx, moves: Sequence[_Move], now: datetime) -> None:
        """Put on the feed what came on offer and what went."""
        gone = [
            change(
                _GONE.get(state, "listing.withdrawn"),
                row.id,
                "public",
                now,
                {"version": row.version + 1, "reason": reason},
            )
            for row, _, state, reason in moves
            if row.state == ListingState.PUBLISHED and state is not ListingState.PUBLISHED
        ]
        if gone:
            await models.feed.append(tx, gone)
        if published := [move.row.id for move in moves if move.state is ListingState.PUBLISHED]:
            await self.announce(tx, published, "listing.published", now)

    async def announce(self, tx: Tx, ids: Sequence[str], type_: str, now: datetime) -> None:
        """Put published listings on the feed with all that the index needs."""
        today = legal_day(now)
        await tx.execute(
            update(models.listing).where(models.listing.c.id == func.any(list(ids))).values(announced_on=today)
        )
        documents = await self._documents(tx, ids)
        entered = await self.entered(tx, ids, now) if self.entered else []
        changes = [change(type_, doc.card.id, "public", now, dump(doc)) for doc in documents]
        await models.feed.append(tx, changes + entered)

    async def _documents(self, tx: Tx, ids: Sequence[str]) -> list[IndexedListing]:
        """What the index holds of listings: as of the day on which it was told, so that a snapshot says what
        the feed said."""
        found = (await tx.execute(select(models.listing).where(models.listing.c.id == func.any(list(ids))))).all()
        patents = await models.patents_of(tx, ids)
        codes = {code for rows in patents.values() for row in rows for code in with_parents(row.ipc)}
        titles = await models.titles_of(tx, sorted(codes))
        return [
            _document(row, patents[row.id], titles, row.announced_on)
            for row in sorted(found, key=lambda row: str(row.id))
        ]

    async def age(self) -> None:
        """Loop: tell the index what a new day changed: looks at the register grow stale, terms end."""
        while True:
            while await self._age_some():
                pass
            await asyncio.sleep(AGE_EVERY_S)

    async def _age_some(self) -> bool:
        """A chunk of published listings that were announced on an earlier day; False when there is none."""
        now = self._clock.now()
        today, table = legal_day(now), models.listing
        async with self._db.write() as tx:
            found = await tx.execute(
                select(table)
                .where(table.c.state == ListingState.PUBLISHED, table.c.announced_on < today)
                .order_by(table.c.id)
                .limit(AGE_CHUNK)
                .with_for_update(skip_locked=True)
            )
            rows = found.all()
            ids = [row.id for row in rows]
            patents = await models.patents_of(tx, ids)
            given = await models.consents_to(tx, ids)
            ended = {
                row.id
                for row in rows
                if refusals([target_of(one, today, given[row.id]) for one in patents[row.id]], row.modes, today)
            }
            changed = [
                row.id
                for row in rows
                if row.id not in ended
                and card_of(row, patents[row.id], today) != card_of(row, patents[row.id], row.announced_on)
            ]
            await tx.execute(update(table).where(table.c.id == func.any(ids)).values(announced_on=today))
            if changed:
                await self.announce(tx, changed, "listing.changed", now)
            if ended:
                await self.reconsider(tx, [patent.id for id_ in sorted(ended) for patent in patents[id_]], now)
        return bool(rows)

    async def retitle(self, tx: Tx, codes: Sequence[str], now: datetime) -> None:
        """After titles of classes changed: announce the published listings that lie in them or below."""
        code = func.unnest(models.patent.c.ipc).column_valued("code")
        changed = select(func.unnest(cast(list(codes), ARRAY(Text))))  # a subquery is hashed, a list is walked
        touched = select(1).where(
            or_(
                code.in_(changed), func.left(code, 4).in_(changed), (func.split_part(code, "/", 1) + "/00").in_(changed)
            )
        )
        ids = await tx.scalars(
            select(models.listing.c.id)
            .distinct()
            .join(models.listing_patent, models.listing_patent.c.listing_id == models.listing.c.id)
            .join(models.patent, models.patent.c.id == models.listing_patent.c.patent_id)
            .where(models.listing.c.state == ListingState.PUBLISHED, touched.exists())
        )
        await self.announce(tx, list(ids), "listing.changed", now)

    async def reconsider(self, tx: Tx, patent_ids: Sequence[str], now: datetime) -> None:
        """After patents changed: suspend listings that may not be offered any more, resume what may again."""
        found = await tx.execute(
            select(models.listing)
            .where(
                models.listing.c.id.in_(
                    select(models.listing_patent.c.listing_id).where(
                        models.listing_patent.c.patent_id == func.any(list(patent_ids))
                    )
                ),
                models.listing.c.state.in_([ListingState.PUBLISHED, ListingState.SUSPENDED]),
            )
            .order_by(models.listing.c.id)
            .with_for_update()
        )
        rows = found.all()
        patents = await models.patents_of(tx, [row.id for row in rows])
        judged = await self._judged(tx, rows, patents, legal_day(now))
        moved = await self._settle(tx, judged, now)
        shown = [row for row in rows if row.state == ListingState.PUBLISHED and row.id not in moved]
        written = [
            {
                "id": row.id,
                "searched": _searched(patents[row.id], row.summary, row.problem_solved, row.application_scenes),
                "updated_at": now,
            }
            for row in shown
        ]
        await models.overwrite_many(tx, models.listing, ("searched", "updated_at"), written)
        if shown:
            await self.announce(tx, [row.id for row in shown], "listing.changed", now)

    async def close_assigned(self, tx: Tx, assigned: Mapping[str, Assigned], now: datetime) -> None:
        """After transfers: whoever offered a patent before and holds it no more has no right to offer it."""
        found = await tx.execute(
            select(models.listing, models.listing_patent.c.patent_id)
            .join(models.listing_patent, models.listing_patent.c.listing_id == models.listing.c.id)
            .where(
                models.listing_patent.c.patent_id == func.any(list(assigned)),
                models.listing.c.state.in_([ListingState.PUBLISHED, ListingState.SUSPENDED]),
            )
            .order_by(models.listing.c.id)
            .with_for_update(of=models.listing)
        )
        ended = {
            row.id: _Move(row, ("closing",), ListingState.CLOSED, "ASSIGNED")
            for row in found
            if assigned[row.patent_id].ends(row.organization_id, legal_day(row.created_at))
        }
        await self._record(tx, list(ended.values()), SYSTEM, now)
        await self._tell(tx, list(ended.values()), now)

    async def page(self, query: ListingQuery, facets: Sequence[str], by: Caller | None) -> ListingPage:
        """A page of listings as cards: the published ones, or all of one's own."""
        if query.mine and by is None:
            raise Unauthenticated("your own listings need a token", "查看自己的挂牌需要令牌")
        if query.mine and by is not None and READ not in by.scopes:
            raise Forbidden(f"the token lacks the scope {READ}", f"令牌缺少权限范围 {READ}", code="insufficient_scope")
        filters = ListingFilters.model_validate(query.model_dump(include=set(ListingFilters.model_fields)))
        sort = "-created_at" if query.mine and query.sort.endswith("published_at") else query.sort  # drafts have no day
        listed = PageAsked(filters.model_dump_json(), sort, query.after, query.limit)
        counts = CountsAsked(listed.filters, sort.lstrip("-"), tuple(facets), query.count)
        wants_counts = bool(counts.facets or counts.with_total)
        total, counted = None, None
        if filters.mine:
            async with self._db.read() as tx:
                items, more = await self._listed(tx, listed, by)
                if wants_counts:
                    total, counted = await self._counted(tx, counts, by)
        else:
            if query.after:  # a wrong cursor is its sender's fault, and nobody else's who asks at the same time
                self._cursors.read(self._scope(listed, None), query.after)
            items, more = await self._pages.get(listed) or ([], None)
            if wants_counts:
                total, counted = await self._counts.get(counts) or (None, None)
        return ListingPage(items=items, next=more, count=total, facets=counted)

    async def _answer(self, questions: list[PageAsked | CountsAsked]) -> dict[PageAsked | CountsAsked, Any]:
        """What is on offer: kept until the feed says more or a day ends, so that it is exact and mostly free."""
        async with self._db.read() as tx:
            now, found = (await self._moved(tx), legal_day(self._clock.now())), {}
            for asked in questions:
                at, answer = self._kept.pop(asked, (None, None))
                if at != now:
                    if isinstance(asked, PageAsked):
                        answer = await self._listed(tx, asked, None)
                    else:
                        answer = await self._counted(tx, asked, None)
                found[asked] = answer
                self._kept[asked] = now, answer
        while len(self._kept) > KEPT_MOST:
            del self._kept[next(iter(self._kept))]
        return found

    async def _moved(self, tx: Tx) -> int:
        """A position of the feed before which everything lies that may have changed a listing.

        A new patent is on no listing yet: readers need not pay for the import of a portfolio.
        """
        _, _, head = await models.feed.head(tx)
        seen, moved = self._seen
        if head < seen or (head > seen and await models.feed.has_more(tx, seen, besides=["patent.registered"])):
            moved = head
        self._seen = head, moved
        return moved

    def _scope(self, asked: PageAsked, owner: str | None) -> tuple[object, ...]:
        return ("listings", asked.sort, asked.filters, owner)

    async def _listed(self, tx: Tx, asked: PageAsked, by: Caller | None) -> Listed:
        """A page of cards and the cursor after it; the caller's own where the filters say so."""
        table, filters = models.listing, ListingFilters.model_validate_json(asked.filters)
        column = table.c[asked.sort.lstrip("-")]
        rows, more = await self._cursors.page(
            tx,
            select(*_SHOWN).where(column.is_not(None), *conditions(filters, by)),
            (column, table.c.id),
            self._scope(asked, by.organization_id if by and filters.mine else None),
            asked.after,
            asked.limit,
            falling=asked.sort.startswith("-"),
        )
        patents = await models.patents_of(tx, [row.id for row in rows], _Patent._fields)
        today = legal_day(self._clock.now())
        return [card_of(row, patents[row.id], today) for row in rows], more

    async def _counted(self, tx: Tx, asked: CountsAsked, by: Caller | None) -> Counted:
        """All counts in one statement, of one moment: what the filters choose is looked for once, not once a facet."""
        filters = ListingFilters.model_validate_json(asked.filters)
        condition = and_(models.listing.c[asked.sorted_by].is_not(None), *conditions(filters, by))
        chosen = select(models.listing.c.id).where(condition).cte("chosen")
        parts: list[Select[str, str, int]] = [_top(chosen, facet) for facet in asked.facets]
        if asked.with_total:
            parts.append(
                select(literal("").label("facet"), literal("").label("value"), func.count().label("n")).select_from(
                    chosen
                )
            )
        counted: dict[str, dict[str, int]] = {name: {} for name in ("", *asked.facets)}
        for facet, value, number in sorted(await tx.execute(union_all(*parts)), key=lambda row: (-row[2], row[1])):
            counted[facet][value] = number
        total = counted.pop("").get("")
        return total, counted if asked.facets else None

    async def snapshot(self, after: str | None, limit: int) -> Snapshot:
        """Published listings by id, with the feed position from which to follow on.

        The position is read before the rows: a change in between is in the rows and comes again by the
        feed, which an index bears (versions), while the other order would lose it.
        """
        async with self._db.read() as tx:
            epoch, _, position = await models.feed.head(tx)
            statement = select(models.listing.c.id).where(models.listing.c.state == ListingState.PUBLISHED)
            if after:
                statement = statement.where(models.listing.c.id > after)
            ids = list((await tx.scalars(statement.order_by(models.listing.c.id).limit(limit))).all())
            documents = await self._documents(tx, ids)
        return Snapshot(epoch=epoch, position=position, items=documents, next=ids[-1] if len(ids) == limit else None)


def conditions(filters: ListingFilters, by: Caller | None) -> list[ColumnElement[bool]]:
    """The filters as conditions; without `mine`, published listings only."""
    table, patent = models.listing, models.patent
    found: list[ColumnElement[bool]] = []
    if filters.mine and by is not None:
        found.append(table.c.organization_id == by.organization_id)
        if filters.state:
            found.append(table.c.state == filters.state)
    else:
        found.append(table.c.state == ListingState.PUBLISHED)
    found += [models.has_word(table.c.searched, word) for word in (filters.q or "").lower().split()]
    if filters.region_code:
        found.append(starts_any(table.c.region_codes, filters.region_code))
    if filters.industry_code:
        found.append(starts_any(table.c.industry_codes, filters.industry_code))
    if filters.mode:
        found.append(table.c.modes.contains([filters.mode.value]))
    if filters.fee_type:
        found.append(table.c.pricing["fee_type"].astext == filters.fee_type.value)
    if filters.fee_at_most is not None:
        free = table.c.pricing["fee_type"].astext.in_([FeeType.FREE.value, FeeType.ROYALTY.value])
        found.append(or_(free, _one_time_fee(table.c.pricing) <= Decimal(filters.fee_at_most)))
    if filters.sme_only is not None:
        found.append(func.coalesce(table.c.pricing["sme_only"].as_boolean(), False) == filters.sme_only)
    if filters.trl_at_least:
        found.append(table.c.trl >= filters.trl_at_least)
    if filters.sample is not None:
        found.append(table.c.is_sample == filters.sample)
    if filters.external_id:
        found.append(table.c.external_id == filters.external_id)
    of_patent: list[ColumnElement[bool]] = []
    if filters.ipc:
        of_patent.append(starts_any(patent.c.ipc, filters.ipc))
    if filters.patent_type:
        of_patent.append(patent.c.patent_type == filters.patent_type.value)
    if filters.holder:
        of_patent.append(patent.c.holders.contains([{"name": filters.holder}]))
    if filters.patent_id:
        of_patent.append(patent.c.id == filters.patent_id)
    if of_patent:
        found.append(
            table.c.id.in_(
                select(models.listing_patent.c.listing_id)
                .join(patent, patent.c.id == models.listing_patent.c.patent_id)
                .where(*of_patent)
            )
        )
    return found


def _one_time_fee(pricing: Any) -> ColumnElement[Any]:
    """What is left of a one-time fee after its reduction; NULL where a listing has none."""
    reduction = func.coalesce(cast(pricing["reduction_rate"].astext, Numeric), 0)
    return cast(pricing["amount"].astext, Numeric) * (1 - reduction)


async def offered_among(tx: Tx, patent_ids: Sequence[str]) -> set[str]:
    """The patents that stand in a listing which is neither closed nor withdrawn."""
    found = await tx.scalars(
        select(models.listing_patent.c.patent_id)
        .join(models.listing, models.listing.c.id == models.listing_patent.c.listing_id)
        .where(
            models.listing_patent.c.patent_id == func.any(list(patent_ids)),
            models.listing.c.state.not_in([ListingState.CLOSED, ListingState.WITHDRAWN]),
        )
    )
    return set(found)


def starts_any(column: Any, prefix: str) -> ColumnElement[bool]:
    """Whether any entry of an array column begins so."""
    entry = func.unnest(column).column_valued("entry")
    return select(1).where(func.starts_with(entry, prefix)).exists()


_OFFERED = models.listing.join(models.listing_patent, models.listing_patent.c.listing_id == models.listing.c.id).join(
    models.patent, models.patent.c.id == models.listing_patent.c.patent_id
)
# What each facet counts, and whether it lies with the patents of a listing.
_FACET: dict[str, tuple[Callable[[], Any], bool]] = {
    "mode": (lambda: func.unnest(models.listing.c.modes), False),
    "fee_type": (lambda: models.listing.c.pricing["fee_type"].astext, False),
    "patent_type": (lambda: models.patent.c.patent_type, True),
    "industry_code": (lambda: func.unnest(models.listing.c.industry_codes), False),
    "region_code": (lambda: func.left(models.patent.c.region_code, 2), True),
    "ipc": (lambda: func.substring(func.unnest(models.patent.c.ipc), "^([A-H][0-9]{2}[A-Z]|[0-9]{2}-[0-9]{2})"), True),
    "trl": (lambda: models.listing.c.trl, False),
}


def _top(chosen: CTE, facet: str) -> Select[str, str, int]:
    """(facet, value, number of listings) of the hundred commonest values among chosen listings."""
    value, lies_with_patents = _FACET[facet]
    # A bundle counts once, whatever its patents repeat; pairs are hashed, COUNT(DISTINCT) would sort them.
    of = (_OFFERED if lies_with_patents else models.listing).join(chosen, chosen.c.id == models.listing.c.id)
    pairs = select(models.listing.c.id, cast(value(), Text).label("value")).select_from(of).distinct().subquery()
    number = func.count().label("n")
    top = select(pairs.c.value, number).where(pairs.c.value.is_not(None)).group_by(pairs.c.value)
    best = top.order_by(number.desc(), pairs.c.value).limit(100).subquery()
    return select(literal(facet).label("facet"), best.c.value, best.c.n)


class _Patent(NamedTuple):
    """The columns of a patent that a listing shows."""

    id: str
    title: str
    holders: list[dict[str, Any]]
    application_number: str | None
    publication_number: str | None
    patent_type: str
    ipc: list[str]
    filing_date: date | None
    grant_date: date | None
    standing: dict[str, Any]


_SHOWN = [column for column in models.listing.c if column.name != "searched"]

# Listings with their patents in one round trip, and no column that is not shown: the hottest read of
# the platform.
_WITH_PATENTS = (
    select(
        *_SHOWN,
        *(models.patent.c[name].label(f"patent_{name}") for name in _Patent._fields),
    )
    .join(models.listing_patent, models.listing_patent.c.listing_id == models.listing.c.id)
    .join(models.patent, models.patent.c.id == models.listing_patent.c.patent_id)
    .where(models.listing.c.id == func.any(bindparam("ids", type_=ARRAY(Text))))
    .order_by(models.listing_patent.c.listing_id, models.listing_patent.c.ordinal)
)


def _patent_half(row: Row[Any]) -> Any:
    """The patent's columns of a joined row, under their own names."""
    return _Patent(*row[-len(_Patent._fields) :])


def with_parents(ipc: Iterable[str]) -> set[str]:
    """Classification codes with the ones above whose titles are worth searching: subclass and main group."""
    return {part for code in ipc for part in (code, code[:4], code.partition("/")[0] + "/00")}


def _titles(ipc: Sequence[str], titles: dict[str, str]) -> list[str]:
    found: list[str] = []
    for code in ipc:
        for part in (code[:4], code.partition("/")[0] + "/00", code):
            if (title := titles.get(part)) and title not in found:
                found.append(title)
    return found


def _document(row: Row[Any], patents: Sequence[Row[Any]], titles: dict[str, str], today: date) -> IndexedListing:
    return IndexedListing(
        version=row.version,
        organization_id=row.organization_id,
        card=card_of(row, patents, today),
        summary=row.summary,
        problem_solved=row.problem_solved,
        application_scenes=row.application_scenes,
        patents=[
            IndexedPatent(
                title=patent.title,
                abstract=patent.abstract,
                ipc=patent.ipc,
                ipc_titles=_titles(patent.ipc, titles),
                ends_on=expiry_of(patent),
            )
            for patent in patents
        ],
    )


def _searched(patents: Sequence[Any], *texts: Any) -> str:
    words = [part for patent in patents for part in (patent.title, *(holder["name"] for holder in patent.holders))]
    words += [number for p in patents for number in (p.application_number, p.publication_number) if number]
    for text in texts:
        words += text if isinstance(text, list) else [text or ""]
    return "\n".join(words).lower()


def _raise_all(found: Sequence[Refusal]) -> None:
    if not found:
        return
    problem = found[0].raised()
    problem.violations = tuple(no.violation() for no in found)
    raise problem


def taken(error: IntegrityError) -> Conflict:
    """What an IntegrityError means to the caller."""
    name = violated(error)
    if name.endswith("external_id"):
        return Conflict(
            "another of your records has this external_id",
            "您的另一条记录已使用该 external_id",
            code="external_id_taken",
        )
    raise error
