"""Negotiations: a firm asks about a listing, offers go to and fro, one is accepted and becomes a contract to be signed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import clauses, parties, scope
from services.licensing.rules import offer as rules
from services.licensing.rules.offer import Said
from services.licensing.service import agency, scopes
from services.licensing.service.contracts import Contracts
from services.licensing.service.declarations import hash_of, offered, party_of, taken
from services.licensing.service.licenses import sides
from services.licensing.service.restrictions import bars
from services.licensing.service.targets import Targets, first_expiry, raise_unless_acknowledged, regions_of
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Act, DealTarget, LicenseType
from shared.contracts.licensing import (
    Acceptance,
    AgencyConsentDraft,
    AvailableAct,
    InquiredPatent,
    Inquiry,
    InquiryClosing,
    InquiryDraft,
    InquiryQuery,
    InquiryState,
    Message,
    MessageDraft,
    Offer,
    OfferDraft,
    OfferState,
    OfferTerms,
    Rejection,
    Side,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import InvalidInput, NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal
from shared.together import Together

_TERMS = frozenset(OfferTerms.model_fields)


def no_inquiry() -> NotFound:
    """For an unknown id, and for strangers."""
    return NotFound("there is no such inquiry", "没有该询盘")


def _no_offer() -> NotFound:
    return NotFound("there is no such offer", "没有该要约")


class Inquiries:
    """Use cases on inquiries, their messages and offers."""

    def __init__(
        self,
        db: Database,
        targets: Targets,
        contracts: Contracts,
        acts: Idempotency,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._db, self._targets, self._contracts = db, targets, contracts
        self._acts, self._cursors, self._clock = acts, cursors, clock
        self._turns, self._seen = scopes.Turns(), Together(self._offers)

    # The inquiry

    async def open(self, draft: InquiryDraft, by: Caller) -> Inquiry:
        """Ask about a published listing: an invitation to make an offer, which binds nobody yet.

        Raises: NotFound for a listing that is not published; RuleRefused SELF-DEALING, SAMPLE-DEALS, PARTY-RESTRICTED.
        """
        listing = await self._targets.listing(draft.listing_id)
        first = await self._targets.of(listing.patent_ids[0], Act.LISTING)
        named = await self._targets.parties([by.organization_id, listing.organization_id])
        is_sample = listing.sample or named[listing.organization_id].sample
        licensor = parties.Party(listing.organization_id, first.keeper_uscc, is_sample)
        for no in (
            parties.sides_differ(licensor, first.holders, party_of(by), "/listing_id"),
            parties.sample_deals_stay_apart(is_sample, party_of(by)),
        ):
            if no:
                raise no.raised()
        now = self._clock.now()
        values = {
            "id": new_id("inq"), "organization_id": by.organization_id, "external_id": draft.external_id, "version": 1,
            "created_at": now, "updated_at": now, "licensor_id": listing.organization_id, "listing_id": listing.id,
            "need_id": draft.need_id, "is_anonymized": draft.anonymized, "has_offers": False,
            "is_sample": is_sample, "licensee_name": named[by.organization_id].name,
            "patents": [
                {"id": one.id, "title": title, "number": one.application_number or one.publication_number}
                for one, title in zip(listing.patents, listing.titles, strict=True)
            ],
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            orders = await models.orders.known(
                tx, (by.organization_id, listing.organization_id, by.actor_id), legal_day(now)
            )
            if no := parties.nobody_is_restricted(orders, by.organization_id):
                raise no.raised()
            try:
                made = (await tx.execute(insert(models.inquiry).values(values).returning(models.inquiry))).one()
            except IntegrityError as error:
                raise taken(error) from None
            await self._say(tx, made, Side.LICENSEE, draft.message, now)
            await self._tell(tx, made, "inquiry.opened", made.id, by, now, {"listing_id": listing.id})
            return await self._acts.answer(tx, (await self._loaded(tx, [made], by))[0])

    async def get(self, id_: str, by: Caller) -> Inquiry:
        """An inquiry, for its two sides."""
        async with self._db.read() as tx:
            return (await self._loaded(tx, [await self._visible(tx, id_, by, lock=False)], by))[0]

    async def _visible(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        statement = select(models.inquiry).where(models.inquiry.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not _is_seen_by(row, by):
            raise no_inquiry()
        return row

    async def page(self, query: InquiryQuery, by: Caller) -> Page[Inquiry]:
        """The caller's inquiries, made or received, newest first."""
        table = models.inquiry
        found = [sides(table, query.side, by)]
        if query.listing_id:
            found.append(table.c.listing_id == query.listing_id)
        if query.external_id:  # ids are each organization's own
            found.append(and_(table.c.external_id == query.external_id, table.c.organization_id == by.organization_id))
        if query.state:
            found.append(_is_in(query.state, legal_day(self._clock.now())))
        condition = and_(*found)
        scope_ = ("inquiries", by.organization_id, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope_, query.after, query.limit
            )
            items = await self._loaded(tx, rows, by)
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=items, next=more, count=total)

    async def _loaded(self, tx: Tx, rows: Sequence[Row[Any]], by: Caller) -> list[Inquiry]:
        alive = await self._contracts.alive(tx, [row.license_id for row in rows if row.license_id])
        barred = await bars(tx, rows, by, legal_day(self._clock.now()))
        return [self._shown(row, row.license_id in alive, by, barred(row)) for row in rows]

    def _shown(self, row: Row[Any], has_contract: bool, by: Caller, barred: Refusal | None) -> Inquiry:
        state, is_hidden = rules.inquiry_state(row.closed_on, row.has_offers, has_contract), _is_hidden(row, by)
        return Inquiry(
            **{
                field: row._mapping[field]
                for field in (
                    "id", "version", "created_at", "updated_at", "licensor_id", "listing_id", "disclosed_at",
                    "closed_reason", "license_id",
                )
            },
            external_id=row.external_id if by.may_touch(row.organization_id) else None,
            organization_id=None if is_hidden else row.organization_id,
            licensee_name=None if is_hidden else row.licensee_name,
            need_id=None if is_hidden else row.need_id,
            patents=[InquiredPatent.model_validate(patent) for patent in row.patents],
            anonymized=row.is_anonymized,
            state=state,
            sample=row.is_sample,
            available_acts=_available(row, state, by, barred),
        )  # fmt: skip

    async def say(self, id_: str, draft: MessageDraft, by: Caller) -> Message:
        """A word to the other side. Raises: RuleRefused INQ-STATE, once it is closed."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            side = _side(row, by)
            state = await self._state(tx, row)
            if no := rules.takes_words(state):
                raise no.raised()
            said = await self._say(tx, row, side, draft.text, now)
            await self._tell(tx, row, "inquiry.message_sent", row.id, by, now, {"side": side.value})
            return await self._acts.answer(tx, said)

    async def _say(self, tx: Tx, row: Row[Any], side: Side, text: str, now: datetime) -> Message:
        said = Message(id=new_id("msg"), side=side, text=text, at=now)
        await tx.execute(insert(models.message).values(**said.model_dump(), inquiry_id=row.id))
        return said

    async def messages(self, id_: str, after: str | None, limit: int, by: Caller) -> Page[Message]:
        """What was said, oldest first."""
        table = models.message
        async with self._db.read() as tx:
            await self._visible(tx, id_, by, lock=False)
            rows, more = await self._cursors.page(
                tx, select(table).where(table.c.inquiry_id == id_), (table.c.at, table.c.id), ("messages", id_),
                after, limit, falling=False,
            )  # fmt: skip
        return Page(items=[Message.model_validate(row._mapping) for row in rows], next=more)

    async def disclose(self, id_: str, by: Caller) -> Inquiry:
        """Whoever asks says its name; what was disclosed once stays so."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            if not by.may_touch(row.organization_id):
                raise no_inquiry()
            if row.is_anonymized and row.disclosed_at is None:
                row = await models.changed(tx, models.inquiry, row, now, disclosed_at=now)
                await self._tell(tx, row, "inquiry.disclosed", row.id, by, now, {})
            return await self._acts.answer(tx, (await self._loaded(tx, [row], by))[0])

    async def close(self, id_: str, said: InquiryClosing, by: Caller) -> Inquiry:
        """End the negotiation; a contract that was agreed and not yet signed by both is given up with it.

        An offer that still stands ends with its last day only: it binds whoever made it (Civil Code Art. 476), and
        whoever received it rejects it by closing.
        """
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            side = _side(row, by)
            standing = await self._standing(tx, id_)
            if standing is not None and rules.state_on(_said(standing), today) is OfferState.SENT:
                if _said(standing).side is side and (no := rules.is_revocable(_said(standing))):
                    raise no.raised()
                answer = OfferState.REVOKED if _said(standing).side is side else OfferState.REJECTED
                await self._answered(tx, standing, answer, by, now, {}, reason=said.reason)
            if row.closed_on is not None and (no := rules.takes_words(InquiryState.CLOSED)):
                raise no.raised()
            if row.license_id is not None:
                await self._contracts.give_up(tx, row.license_id, by, now)
            row = await models.changed(tx, models.inquiry, row, now, closed_on=today, closed_reason=said.reason)
            await self._tell(tx, row, "inquiry.closed", row.id, by, now, {"side": side.value})
            return await self._acts.answer(tx, (await self._loaded(tx, [row], by))[0])

    async def consent_to_agency(self, id_: str, said: AgencyConsentDraft, by: Caller) -> Inquiry:
        """A principal consents, itself, to a delegate that acts for the other side as well."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            side = _side(row, by)
            agency.by_principal(by)
            detail = {"delegate_id": said.delegate_id, "side": side.value}
            await self._tell(tx, row, "inquiry.agency_consented", row.id, by, now, detail)
            return await self._acts.answer(tx, (await self._loaded(tx, [row], by))[0])

    async def _state(self, tx: Tx, row: Row[Any]) -> InquiryState:
        alive = await self._contracts.alive(tx, [row.license_id]) if row.license_id else set()
        return rules.inquiry_state(row.closed_on, row.has_offers, bool(alive))

    # Offers

    async def offer(self, id_: str, draft: OfferDraft, by: Caller) -> Offer:
        """Make an offer, or answer the one that stands with another, which ends it (Civil Code Art. 478, 488).

        Raises: RuleRefused INQ-STATE, INQ-DISCLOSURE, OFFER-STANDS, DUAL-AGENCY, PARTY-RESTRICTED, SCOPE-…,
        TERM-BEYOND-EXPIRY, and for clauses that may be void until they are acknowledged; InvalidInput OFFER-SPECIFIC,
        OFFER-PERIOD.
        """
        now = self._clock.now()
        today = legal_day(now)
        for wrong in (
            rules.is_specific(draft),
            rules.leaves_time(draft.valid_until, today),
            scope.days_are_ahead(draft.scope, today),
            scope.begins_from_now_on(draft.scope, today),
        ):
            if wrong:
                raise InvalidInput(wrong.message.en, wrong.message.zh, violations=(wrong.violation(),))
        async with self._db.read() as tx:
            seen = await self._visible(tx, id_, by, lock=False)
        asked = await self._asked(seen, draft, is_new=True)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            side = _side(row, by)
            for no in (
                rules.is_open(await self._state(tx, row)),
                rules.sides_are_known(row.is_anonymized, row.disclosed_at is not None),
                await self._agency(tx, row, by),
                (await bars(tx, [row], by, today))(row),
            ):
                if no:
                    raise no.raised()
            standing = await self._standing(tx, id_)
            if standing is not None and rules.state_on(_said(standing), today) is OfferState.EXPIRED:
                await self._answered(tx, standing, OfferState.EXPIRED, by, now, {})
                standing = None
            if no := rules.speaks_in_turn(
                _said(standing) if standing else None, standing.id if standing else None, side, draft.in_reply_to
            ):
                raise no.raised()
            own = [scope.term_fits_the_patents(draft.scope, first_expiry(asked)), *clauses.against(draft.clauses)]
            raise_unless_acknowledged(regions_of(asked), [no for no in own if no], draft.acknowledged_rules)
            if standing is not None:
                await self._answered(tx, standing, OfferState.COUNTERED, by, now, {})
            terms = {name: value for name, value in dump(draft).items() if name in _TERMS}
            made = await self._sent(
                tx, row, side, terms, draft.valid_until, standing.id if standing else None, draft.external_id, by, now
            )
            return await self._acts.answer(tx, await self._offer(tx, made, row, by))

    async def _asked(self, row: Row[Any], terms: OfferTerms, *, is_new: bool = False) -> list[DealTarget]:
        patents = [patent["id"] for patent in row.patents]
        return await self._targets.licensed(patents, terms.license_type, scope.wanted(terms.scope), is_new=is_new)

    async def _sent(
        self,
        tx: Tx,
        row: Row[Any],
        side: Side,
        terms: Mapping[str, Any],
        valid_until: date | None,
        in_reply_to: str | None,
        external_id: str | None,
        by: Caller,
        now: datetime,
    ) -> Row[Any]:
        values = {
            "id": new_id("ofr"), "organization_id": row.organization_id if side is Side.LICENSEE else row.licensor_id,
            "external_id": external_id, "version": 1, "created_at": now, "updated_at": now, "inquiry_id": row.id,
            "side": side, "terms": terms, "terms_hash": hash_of(terms), "is_fixed": valid_until is not None,
            "valid_until": rules.lapses_on(legal_day(now), valid_until), "in_reply_to": in_reply_to,
        }  # fmt: skip
        try:
            made: Row[Any] = (await tx.execute(insert(models.offer).values(values).returning(models.offer))).one()
        except IntegrityError as error:
            raise taken(error) from None
        if not row.has_offers:
            await models.changed(tx, models.inquiry, row, now, has_offers=True)
        await self._tell(tx, row, "offer.sent", made.id, by, now, {"terms_hash": made.terms_hash, "side": side.value})
        return made

    async def _standing(self, tx: Tx, id_: str) -> Row[Any] | None:
        """The offer that nobody has answered, if there is one."""
        table = models.offer
        return (await tx.execute(select(table).where(table.c.inquiry_id == id_, table.c.answer.is_(None)))).first()

    async def _agency(self, tx: Tx, row: Row[Any], by: Caller) -> Refusal | None:
        return await agency.against(tx, await agency.of_inquiry(tx, row.id), row.licensor_id, row.organization_id, by)

    async def offers(self, id_: str, by: Caller) -> Page[Offer]:
        """The offers of a negotiation, oldest first."""
        table = models.offer
        async with self._db.read() as tx:
            row = await self._visible(tx, id_, by, lock=False)
            found = await tx.execute(
                select(table).where(table.c.inquiry_id == id_).order_by(table.c.created_at, table.c.id)
            )
            return Page(items=await self._all_offers(tx, found.all(), row, by))

    async def get_offer(self, id_: str, by: Caller) -> Offer:
        """An offer, for the two sides of its negotiation."""
        async with self._db.read() as tx:
            found, row = await self._offer_row(tx, id_, by, lock=False)
            return await self._offer(tx, found, row, by)

    async def _offer_row(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> tuple[Row[Any], Row[Any]]:
        """An offer and its inquiry, the inquiry locked: whoever answers an offer waits for whoever answers now."""
        table = models.offer
        inquiry_id = await tx.scalar(select(table.c.inquiry_id).where(table.c.id == id_))
        if inquiry_id is None:
            raise _no_offer()
        try:
            row = await self._visible(tx, inquiry_id, by, lock=lock)
        except NotFound:
            raise _no_offer() from None
        return (await tx.execute(select(table).where(table.c.id == id_))).one(), row

    async def accept(self, id_: str, said: Acceptance, by: Caller) -> Offer:
        """Accept an offer as it stands: a contract to be signed, whose scope nobody else can take meanwhile.

        Raises: RuleRefused OFFER-NOT-LIVE, OFFER-SIDE, DUAL-AGENCY, PARTY-RESTRICTED, SCOPE-CONFLICT, OL-LIVE,
        OL-PENDING, and every reason of catalog's against licensing the patents so; warnings until they are acknowledged.
        """
        seen, row = await self._offer_as_is(id_, by)
        terms, patents = OfferTerms.model_validate(seen.terms), [patent["id"] for patent in row.patents]
        if terms.license_type is LicenseType.ORDINARY:
            return await self._accept(id_, said, row, terms, by)
        wanted = terms.license_type, terms.scope.model_dump_json()
        async with self._turns.of(patents, wanted) as heard:
            lost = heard
            if lost is None and _may_be_accepted(seen, row, by, today := legal_day(self._clock.now())):
                async with self._db.read() as tx:
                    lost = await self._contracts.free(tx, patents, terms, today, in_queue=False)
                if lost is not None:
                    self._turns.tell(patents, wanted, lost)
            if lost is not None:  # whoever comes too late is told so without asking anybody else
                seen, row = await self._offer_as_is(id_, by)
                if _may_be_accepted(seen, row, by, legal_day(self._clock.now())):  # else this act was done before
                    raise lost.raised()
            return await self._accept(id_, said, row, terms, by)

    async def _offer_as_is(self, id_: str, by: Caller) -> tuple[Row[Any], Row[Any]]:
        """An offer and its inquiry, unlocked, read together with those that others ask for."""
        if (found := await self._seen.get(id_)) is None or not _is_seen_by(found[1], by):
            raise _no_offer()
        return found

    async def _offers(self, ids: list[str]) -> Mapping[str, tuple[Row[Any], Row[Any]]]:
        offer, inquiry = models.offer, models.inquiry
        async with self._db.read() as tx:
            offers = (await tx.execute(select(offer).where(offer.c.id.in_(ids)))).all()
            about = {row.inquiry_id for row in offers}
            inquiries = {row.id: row for row in await tx.execute(select(inquiry).where(inquiry.c.id.in_(about)))}
        return {row.id: (row, inquiries[row.inquiry_id]) for row in offers}

    async def _accept(self, id_: str, said: Acceptance, row: Row[Any], terms: OfferTerms, by: Caller) -> Offer:
        patents = [patent["id"] for patent in row.patents]
        both = row.organization_id, row.licensor_id
        asked, orders, named = await asyncio.gather(
            self._asked(row, terms), self._targets.orders((*both, by.actor_id)), self._targets.parties(both)
        )
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            found, row = await self._offer_row(tx, id_, by, lock=True)
            side, offer = _side(row, by), _said(found)
            if no := rules.is_answered_by(offer, side, is_revocation=False) or await self._agency(tx, row, by):
                raise no.raised()
            if no := parties.nobody_is_restricted(orders, by.organization_id):
                raise no.raised()
            state = await self._state(tx, row)
            if said.as_new_offer and rules.state_on(offer, today) is OfferState.EXPIRED:
                return await self._acts.answer(tx, await self._renewed(tx, found, row, side, said, by, now))
            for no in (rules.is_live(offer, today), rules.is_open(state)):
                if no:
                    raise no.raised()
            own = [
                await self._contracts.free(tx, patents, terms, today, in_queue=True),
                scope.days_are_ahead(terms.scope, today),
                scope.term_fits_the_patents(terms.scope, first_expiry(asked)),
            ]
            raise_unless_acknowledged(
                [no for one in asked for no in one.violations], [no for no in own if no], said.acknowledged_rules
            )
            license_id = await self._contracts.draw_up(tx, found, row, asked, named, by, now)
            made = await self._answered(
                tx, found, OfferState.ACCEPTED, by, now, {"license_id": license_id}, license_id=license_id
            )
            row = await models.changed(tx, models.inquiry, row, now, license_id=license_id)
            return await self._acts.answer(tx, await self._offer(tx, made, row, by))

    async def _renewed(
        self, tx: Tx, late: Row[Any], row: Row[Any], side: Side, said: Acceptance, by: Caller, now: datetime
    ) -> Offer:
        """A late acceptance is a new offer (Civil Code Art. 486), made on explicit request only."""
        today, wanted = legal_day(now), OfferTerms.model_validate(late.terms).scope
        for no in (
            rules.is_open(await self._state(tx, row)),
            rules.leaves_time(said.valid_until, today),
            scope.days_are_ahead(wanted, today),
        ):
            if no:
                raise no.raised()
        if late.answer is None:
            await self._answered(tx, late, OfferState.EXPIRED, by, now, {})
        standing = await self._standing(tx, row.id)
        if no := rules.speaks_in_turn(
            _said(standing) if standing else None, standing.id if standing else None, side, None
        ):
            raise no.raised()
        made = await self._sent(tx, row, side, late.terms, said.valid_until, late.id, None, by, now)
        return await self._offer(tx, made, row, by)

    async def reject(self, id_: str, said: Rejection, by: Caller) -> Offer:
        """Reject an offer. Raises: RuleRefused OFFER-NOT-LIVE, OFFER-SIDE."""
        return await self._end(id_, OfferState.REJECTED, said, by)

    async def revoke(self, id_: str, said: Rejection, by: Caller) -> Offer:
        """Take an offer back that has no fixed period. Raises: RuleRefused OFFER-BINDS, OFFER-NOT-LIVE, OFFER-SIDE."""
        return await self._end(id_, OfferState.REVOKED, said, by)

    async def _end(self, id_: str, answer: OfferState, said: Rejection, by: Caller) -> Offer:
        now, is_revocation = self._clock.now(), answer is OfferState.REVOKED
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            found, row = await self._offer_row(tx, id_, by, lock=True)
            offer = _said(found)
            for no in (
                rules.is_answered_by(offer, _side(row, by), is_revocation=is_revocation),
                rules.is_live(offer, legal_day(now)),
                rules.is_revocable(offer) if is_revocation else None,
            ):
                if no:
                    raise no.raised()
            made = await self._answered(tx, found, answer, by, now, {}, reason=said.reason)
            return await self._acts.answer(tx, await self._offer(tx, made, row, by))

    async def _answered(
        self,
        tx: Tx,
        offer: Row[Any],
        answer: OfferState,
        by: Caller,
        now: datetime,
        data: dict[str, Any],
        **values: Any,
    ) -> Row[Any]:
        made = await models.changed(tx, models.offer, offer, now, answer=answer, **values)
        row = (await tx.execute(select(models.inquiry).where(models.inquiry.c.id == offer.inquiry_id))).one()
        await self._tell(tx, row, f"offer.{answer.value.lower()}", offer.id, by, now, data)
        return made

    async def _offer(self, tx: Tx, found: Row[Any], row: Row[Any], by: Caller) -> Offer:
        return (await self._all_offers(tx, [found], row, by))[0]

    async def _all_offers(self, tx: Tx, found: Sequence[Row[Any]], row: Row[Any], by: Caller) -> list[Offer]:
        """Offers of one negotiation as they are shown."""
        barred = (await bars(tx, [row], by, legal_day(self._clock.now())))(row)
        return [self._offer_shown(one, row, by, barred) for one in found]

    def _offer_shown(self, found: Row[Any], row: Row[Any], by: Caller, barred: Refusal | None) -> Offer:
        today, said = legal_day(self._clock.now()), _said(found)
        return Offer(
            **{
                field: found._mapping[field]
                for field in (
                    "id", "version", "created_at", "updated_at", "organization_id", "inquiry_id", "terms_hash",
                    "valid_until", "in_reply_to", "reason", "license_id",
                )
            },
            external_id=found.external_id if by.may_touch(found.organization_id) else None,
            side=said.side,
            terms=OfferTerms.model_validate(found.terms),
            irrevocable=found.is_fixed,
            state=rules.state_on(said, today),
            sample=row.is_sample,
            available_acts=_offer_acts(found, row, today, by, barred),
        )  # fmt: skip

    async def _tell(
        self, tx: Tx, row: Row[Any], past: str, subject: str, by: Caller, now: datetime, data: dict[str, Any]
    ) -> None:
        """Record an act and tell both sides; neither texts nor names go onto the feed."""
        side = _side(row, by)
        mine = row.organization_id if side is Side.LICENSEE else row.licensor_id
        told = {**data, "inquiry_id": row.id}
        await tx.execute(
            insert(models.act).values(
                subject=subject, act=past, on=legal_day(now), at=now, by=by.client_id, organization_id=mine,
                actor_id=by.actor_id, detail=told,
            )
        )  # fmt: skip
        audiences = (row.organization_id, row.licensor_id)
        await models.feed.append(tx, [change(past, subject, audience, now, told) for audience in audiences])


def _is_seen_by(row: Row[Any], by: Caller) -> bool:
    return by.may_touch(row.organization_id) or by.may_touch(row.licensor_id)


def _may_be_accepted(offer: Row[Any], row: Row[Any], by: Caller, today: date) -> bool:
    return rules.is_live(_said(offer), today) is None and _side(row, by) is not Side(offer.side)


def _side(row: Row[Any], by: Caller) -> Side:
    """Where the caller stands. Raises: NotFound for the operator: it reads, and negotiates for nobody."""
    if (side := _stands(row, by)) is None:
        raise no_inquiry()
    return side


def _stands(row: Row[Any], by: Caller) -> Side | None:
    known = {row.licensor_id: Side.LICENSOR, row.organization_id: Side.LICENSEE}
    return known.get(by.organization_id)


def _is_hidden(row: Row[Any], by: Caller) -> bool:
    return row.is_anonymized and row.disclosed_at is None and not by.may_touch(row.organization_id)


def _said(found: Row[Any]) -> Said:
    return Said(Side(found.side), found.valid_until, found.is_fixed, OfferState(found.answer) if found.answer else None)


def _is_in(state: InquiryState, today: date) -> ColumnElement[bool]:
    """`inquiry_state`, in SQL."""
    table, license_ = models.inquiry, models.license_
    alive = (
        select(license_.c.id)
        .where(
            license_.c.id == table.c.license_id,
            license_.c.given_up_on.is_(None),
            or_(license_.c.effective_on.is_not(None), license_.c.sign_by >= today),
        )
        .exists()
    )
    if state is InquiryState.AGREED:
        return alive
    is_closed = table.c.closed_on.is_not(None)
    if state is InquiryState.CLOSED:
        return and_(~alive, is_closed)
    return and_(~alive, ~is_closed, table.c.has_offers == (state is InquiryState.IN_NEGOTIATION))


def _available(row: Row[Any], state: InquiryState, by: Caller, barred: Refusal | None) -> list[AvailableAct]:
    if _stands(row, by) is None:
        return []
    root, no = f"/v1/inquiries/{row.id}", rules.is_open(state)
    known = rules.sides_are_known(row.is_anonymized, row.disclosed_at is not None)
    found = [offered("messages", f"{root}/messages", None if state is InquiryState.AGREED else no)]
    found.append(offered("offers", f"{root}/offers", no or known or barred))
    if row.is_anonymized and row.disclosed_at is None and by.may_touch(row.organization_id):
        found.append(offered("disclosure", f"{root}/disclosure", None))
    return [*found, offered("closing", f"{root}/closing", None if state is InquiryState.AGREED else no)]


def _offer_acts(found: Row[Any], row: Row[Any], today: date, by: Caller, barred: Refusal | None) -> list[AvailableAct]:
    root, said, side = f"/v1/offers/{found.id}", _said(found), _stands(row, by)
    if side is None:
        return []
    no = rules.is_live(said, today)
    if side is said.side:
        return [offered("revocation", f"{root}/revocation", no or rules.is_revocable(said))]
    return [offered("acceptance", f"{root}/acceptance", no or barred), offered("rejection", f"{root}/rejection", no)]
