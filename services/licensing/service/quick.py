"""Quick licenses: standing offers, trials that begin with a request, conversions that only the licensee declares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import clauses, parties, periods, quick, scope
from services.licensing.rules import offer as offer_rules
from services.licensing.rules.quick import Trial
from services.licensing.service import agency, scopes
from services.licensing.service.calendar import working_days
from services.licensing.service.declarations import hash_of, offered, party_of, reader, taken
from services.licensing.service.licenses import Licenses, scope_of, sides
from services.licensing.service.restrictions import bars
from services.licensing.service.targets import Targets, coded, first_expiry, raise_unless_acknowledged, regions_of
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import DealTarget, Holder, LicenseType
from shared.contracts.licensing import (
    AgencyConsentDraft,
    AvailableAct,
    FirstSale,
    InquiredPatent,
    Leaving,
    LicenseScope,
    OfferTerms,
    QuickActivation,
    QuickOffer,
    QuickOfferDraft,
    QuickOfferQuery,
    QuickOfferState,
    QuickRequest,
    QuickRequestDraft,
    QuickRequestQuery,
    QuickRequestState,
    QuickTerms,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import InvalidInput, NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal

_TERMS = frozenset(QuickTerms.model_fields)
_PAST = {"activation": "activated", "pause": "paused", "resumption": "resumed", "ending": "ended"}


def _no_offer() -> NotFound:
    return NotFound("there is no such quick-license offer", "没有该快速许可要约")


def _no_request() -> NotFound:
    return NotFound("there is no such quick license", "没有该快速许可")


class QuickLicenses:
    """Use cases on quick licenses."""

    def __init__(
        self, db: Database, targets: Targets, licenses: Licenses, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._targets, self._licenses = db, targets, licenses
        self._acts, self._cursors, self._clock = acts, cursors, clock

    # Standing offers

    async def draft(self, draft: QuickOfferDraft, by: Caller) -> QuickOffer:
        """Draw up a standing offer on patents of the caller's; what stands against it may be cured until it is opened.

        Raises: InvalidInput OFFER-SPECIFIC; NotFound for a patent that is not the caller's; warnings for clauses.
        """
        now = self._clock.now()
        said = {name: value for name, value in dump(draft).items() if name in _TERMS}
        whole = _as_offer(draft, legal_day(now))
        for no in (quick.terms_fit(draft, draft.patent_ids, legal_day(now)), offer_rules.is_specific(whole)):
            if no:
                raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
        place = scope.wanted(whole.scope)
        asked = await self._targets.licensed(draft.patent_ids, LicenseType.ORDINARY, place, is_new=True)
        if not all(by.may_touch(one.organization_id) for one in asked):
            raise NotFound("there is no such patent", "没有该专利")
        raise_unless_acknowledged(regions_of(asked), clauses.against(draft.clauses), draft.acknowledged_rules)
        values = {
            "id": new_id("qlo"), "organization_id": asked[0].organization_id, "external_id": draft.external_id,
            "version": 1, "created_at": now, "updated_at": now, "keeper_uscc": asked[0].keeper_uscc,
            "patents": [_named(one) for one in asked], "patent_ids": [one.patent_id for one in asked],
            "holders": _patentees(asked), "terms": said,
            "terms_hash": hash_of(said), "state": QuickOfferState.DRAFT,
            "is_sample": any(one.sample for one in asked) or by.is_sample,
        }  # fmt: skip
        table = models.quick_offer
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            try:
                made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError as error:
                raise taken(error) from None
            await self._tell(tx, made, "drafted", by, now)
            return await self._acts.answer(tx, await self._offer(tx, made, by))

    async def get(self, id_: str, by: Caller | None) -> QuickOffer:
        """A standing offer: while active for everybody, else for whoever made it."""
        async with self._db.read() as tx:
            return await self._offer(tx, await self._visible(tx, id_, reader(by), lock=False), by)

    async def _offer(self, tx: Tx, row: Row[Any], by: Caller | None) -> QuickOffer:
        return (await self._offers(tx, [row], by))[0]

    async def _offers(self, tx: Tx, rows: Sequence[Row[Any]], by: Caller | None) -> list[QuickOffer]:
        barred = await bars(tx, rows, by, legal_day(self._clock.now()))
        return [_offer(row, by, barred(row)) for row in rows]

    async def _visible(self, tx: Tx, id_: str, by: Caller | None, *, lock: bool) -> Row[Any]:
        statement = select(models.quick_offer).where(models.quick_offer.c.id == id_, _seen_by(by))
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None:
            raise _no_offer()
        return row

    async def page(self, query: QuickOfferQuery, by: Caller | None) -> Page[QuickOffer]:
        """Standing offers that the caller may see, newest first."""
        table = models.quick_offer
        found = [_seen_by(reader(by))]
        if query.patent_id:
            found.append(table.c.patent_ids.contains([query.patent_id]))
        if query.state:
            found.append(table.c.state == query.state)
        if query.mine:
            found.append(table.c.organization_id == (by.organization_id if by else ""))
        if query.external_id:
            mine = table.c.organization_id == (by.organization_id if by else "")
            found.append(and_(table.c.external_id == query.external_id, mine))
        if query.sample is not None:
            found.append(table.c.is_sample.is_(query.sample))
        condition = and_(*found)
        key = ("quick-offers", by.organization_id if by else None, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), key, query.after, query.limit
            )
            items = await self._offers(tx, rows, by)
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=items, next=more, count=total)

    async def activate(self, id_: str, said: QuickActivation, by: Caller) -> QuickOffer:
        """Open a standing offer. Raises: RuleRefused QL-OFFER-STATE, PARTY-RESTRICTED, and every reason of catalog's."""
        async with self._db.read() as tx:
            seen = await self._own(tx, id_, by, lock=False)
        whole = _as_offer(QuickTerms.model_validate(seen.terms), legal_day(self._clock.now()))
        asked = await self._targets.licensed(seen.patent_ids, LicenseType.ORDINARY, scope.wanted(whole.scope))
        now, signed = self._clock.now(), {"signatory": dump(said.signatory)}
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._own(tx, id_, by, lock=True)
            if no := quick.offer_act_is_open("activation", QuickOfferState(row.state)):
                raise no.raised()
            await self._raise_if_restricted(tx, row, by, now)
            raise_unless_acknowledged([no for one in asked for no in one.violations], (), said.acknowledged_rules)
            made = await models.changed(tx, models.quick_offer, row, now, state=QuickOfferState.ACTIVE)
            await self._tell(tx, made, "activated", by, now, signed)
            return await self._acts.answer(tx, await self._offer(tx, made, by))

    async def turn(self, id_: str, act: str, by: Caller) -> QuickOffer:
        """Pause, resume or end a standing offer; trials that run go on.

        Raises: RuleRefused QL-OFFER-STATE; PARTY-RESTRICTED for a resumption.
        """
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._own(tx, id_, by, lock=True)
            if no := quick.offer_act_is_open(act, QuickOfferState(row.state)):
                raise no.raised()
            if act == "resumption":
                await self._raise_if_restricted(tx, row, by, now)
            made = await models.changed(tx, models.quick_offer, row, now, state=quick.OFFER_TO[act])
            await self._tell(tx, made, _PAST[act], by, now)
            return await self._acts.answer(tx, await self._offer(tx, made, by))

    async def consent_to_agency(self, id_: str, said: AgencyConsentDraft, by: Caller) -> QuickOffer:
        """A side of what is taken under a standing offer consents, itself, to a delegate of both (Civil Code Art. 168)."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=False)
            await agency.consent(tx, "quick_offer", id_, row.organization_id, said, by, now)
            return await self._acts.answer(tx, await self._offer(tx, row, by))

    async def _raise_if_restricted(self, tx: Tx, row: Row[Any], by: Caller, now: datetime) -> None:
        if no := (await bars(tx, [row], by, legal_day(now)))(row):
            raise no.raised()

    async def _own(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        row = await self._visible(tx, id_, by, lock=lock)
        if not by.may_touch(row.organization_id):
            raise _no_offer()
        return row

    async def _tell(
        self, tx: Tx, row: Row[Any], past: str, by: Caller, now: datetime, detail: dict[str, Any] | None = None
    ) -> None:
        act = {
            "subject": row.id, "act": past, "on": legal_day(now), "at": now, "by": by.client_id, "detail": detail or {},
            "organization_id": row.organization_id, "actor_id": by.actor_id,
        }  # fmt: skip
        await tx.execute(insert(models.act).values(act))
        audience = row.organization_id if row.state == QuickOfferState.DRAFT else "public"
        data = {"patent_ids": row.patent_ids, "state": row.state, "terms_hash": row.terms_hash}
        await models.feed.append(tx, [change(f"quick_offer.{past}", row.id, audience, now, data)])

    # Trials

    async def begin(self, draft: QuickRequestDraft, by: Caller) -> QuickRequest:
        """Begin a trial: an ordinary license from today on, by the firm's own act (Civil Code Art. 473, 491).

        What is looked at, is looked at now, by rules: offer, firm, patents and their scope; nobody approves.
        Raises: NotFound; RuleRefused QL-OPEN, QL-SME, SELF-DEALING, DUAL-AGENCY, SAMPLE-DEALS, PARTY-RESTRICTED,
        SCOPE-CONFLICT, and catalog's.
        """
        async with self._db.read() as tx:
            seen = await self._visible(tx, draft.offer_id, by, lock=False)
        terms, now = QuickTerms.model_validate(seen.terms), self._clock.now()
        today = legal_day(now)
        whole = _as_offer(terms, today)
        asked, orders, named = await asyncio.gather(
            self._targets.licensed(seen.patent_ids, LicenseType.ORDINARY, scope.wanted(whole.scope)),
            self._targets.orders((by.organization_id, by.actor_id, seen.organization_id)),
            self._targets.parties([by.organization_id]),
        )
        firm = named[by.organization_id]
        expiry = first_expiry(asked)
        trial_end = quick.trial_ends_on(today, terms)
        until = min(whole.scope.to, expiry or whole.scope.to)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            statement = select(models.quick_offer).where(models.quick_offer.c.id == seen.id).with_for_update(read=True)
            row = (await tx.execute(statement)).one()
            licensor = parties.Party(row.organization_id, row.keeper_uscc, row.is_sample)
            for no in (
                quick.offer_stands(QuickOfferState(row.state)),
                parties.sides_differ(
                    licensor, [Holder.model_validate(one) for one in row.holders], party_of(by), "/offer_id"
                ),
                await agency.against(tx, [row.id], row.organization_id, by.organization_id, by),
                parties.sample_deals_stay_apart(row.is_sample, party_of(by)),
                quick.firm_is_small(terms.sme_only, firm),
                parties.nobody_is_restricted(orders, by.organization_id),
            ):
                if no:
                    raise no.raised()
            place = whole.scope.model_copy(update={"to": until})
            await scopes.queue(tx, row.patent_ids)
            beyond = scope.term_fits_the_patents(whole.scope.model_copy(update={"to": trial_end}), expiry)
            own = [beyond or await scopes.against(tx, row.patent_ids, LicenseType.ORDINARY, place, today)]
            raise_unless_acknowledged(
                [no for one in asked for no in one.violations], [no for no in own if no], draft.acknowledged_rules
            )
            license_id, id_ = new_id("lic"), new_id("qlr")
            license_ = {
                "id": license_id, "organization_id": by.organization_id, "version": 1, "created_at": now,
                "updated_at": now, "licensor_id": row.organization_id, "licensors": row.holders,
                "licensee": {"name": firm.name, "uscc": firm.uscc}, "patent_ids": row.patent_ids,
                "source_type": "QUICK_LICENSE", "source_id": id_, "license_type": LicenseType.ORDINARY,
                "terms": row.terms, "terms_hash": row.terms_hash, "begins_on": today, "until": min(trial_end, until),
                "agreed_on": today, "effective_on": today, "is_sample": row.is_sample,
                "recordal_due_on": periods.recordal_due_on(today, await working_days(tx)),
            }  # fmt: skip
            made_license = await self._licenses.begin_trial(tx, license_, by, now)
            # The firm may decide for the whole term: until then it is kept for it.
            await scopes.take(tx, license_id, row.patent_ids, LicenseType.ORDINARY, place, today)
            values = {
                "id": id_, "organization_id": by.organization_id, "external_id": draft.external_id, "version": 1,
                "created_at": now, "updated_at": now, "licensor_id": row.organization_id, "offer_id": row.id,
                "intended_use": draft.intended_use, "terms": row.terms, "terms_hash": row.terms_hash,
                "license_id": license_id, "begun_on": today, "trial_ends_on": made_license.until, "until": until,
                "is_sample": row.is_sample,
            }  # fmt: skip
            table = models.quick_request
            try:
                made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError as error:
                raise taken(error) from None
            return await self._acts.answer(tx, await self._request(tx, made, made_license, by))

    async def request(self, id_: str, by: Caller) -> QuickRequest:
        """A quick license, for its two sides."""
        async with self._db.read() as tx:
            row, license_ = await self._taken(tx, id_, by, lock=False)
            return await self._request(tx, row, license_, by)

    async def _taken(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> tuple[Row[Any], Row[Any]]:
        """A quick license and the license that it is, which is locked first."""
        table = models.quick_request
        license_id = await tx.scalar(select(table.c.license_id).where(table.c.id == id_))
        if license_id is None:
            raise _no_request()
        try:
            license_ = await self._licenses.visible(tx, license_id, by, lock=lock)
        except NotFound:
            raise _no_request() from None
        return (await tx.execute(select(table).where(table.c.id == id_))).one(), license_

    async def requests(self, query: QuickRequestQuery, by: Caller) -> Page[QuickRequest]:
        """The caller's quick licenses, taken or given, newest first."""
        table, license_ = models.quick_request, models.license_
        found = [sides(table, query.side, by)]
        if query.offer_id:
            found.append(table.c.offer_id == query.offer_id)
        if query.external_id:
            found.append(and_(table.c.external_id == query.external_id, table.c.organization_id == by.organization_id))
        condition = and_(*found)
        key = ("quick-requests", by.organization_id, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), key, query.after, query.limit
            )
            ids = [row.license_id for row in rows]
            held = {one.id: one for one in await tx.execute(select(license_).where(license_.c.id.in_(ids)))}
            barred = await bars(tx, rows, by, legal_day(self._clock.now()))
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        items = [self._taken_as_seen(row, held[row.license_id], by, barred(row)) for row in rows]
        return Page(items=items, next=more, count=total)

    async def convert(self, id_: str, by: Caller) -> QuickRequest:
        """Decide for the license, on the last day of the trial at the latest, by the day in China; fees begin now.

        Raises: RuleRefused QL-STATE, QL-PATENT-GONE, PARTY-RESTRICTED.
        """
        async with self._db.read() as tx:
            seen, held = await self._taken(tx, id_, by, lock=False)
        asked, orders = await asyncio.gather(
            self._targets.licensed(held.patent_ids, LicenseType.ORDINARY, scope.wanted(scope_of(held))),
            self._targets.orders((seen.organization_id, seen.licensor_id, by.actor_id)),
        )
        gone = sorted({no.rule for one in asked for no in one.violations} & quick.GONE)
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, license_ = await self._mine(tx, id_, by)
            for no in (
                quick.trial_runs(quick.state_on(_trial(row, license_), today)),
                quick.patents_stand(gone),
                parties.nobody_is_restricted(orders, by.organization_id),
            ):
                if no:
                    raise no.raised()
            row = await models.changed(tx, models.quick_request, row, now, converted_on=today)
            license_ = await models.changed(tx, models.license_, license_, now, until=row.until, royalty_from=today)
            working = await working_days(tx)
            planned = quick.planned(QuickTerms.model_validate(row.terms), _trial(row, license_), None, working)
            await self._licenses.plan(tx, license_, planned)
            told = {"license_type": license_.license_type, "until": row.until.isoformat()}
            await self._licenses.tell(tx, license_, "converted", today, by, now, {"request_id": id_}, told=told)
            return await self._acts.answer(tx, await self._request(tx, row, license_, by))

    async def sell(self, id_: str, said: FirstSale, by: Caller) -> QuickRequest:
        """Report the first sale: a fee that waited for it is due now. Raises: RuleRefused QL-SALE."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, license_ = await self._mine(tx, id_, by)
            terms = QuickTerms.model_validate(row.terms)
            if no := quick.first_sale_counts(
                terms, row.begun_on, row.converted_on, row.first_sale_on, said.on, legal_day(now)
            ):
                raise no.raised()
            row = await models.changed(tx, models.quick_request, row, now, first_sale_on=said.on)
            planned = quick.planned(terms, _trial(row, license_), said.on, await working_days(tx))
            await self._licenses.plan(tx, license_, planned)
            license_ = await models.changed(tx, models.license_, license_, now)
            await self._licenses.tell(tx, license_, "first_sale", said.on, by, now, {"request_id": id_})
            return await self._acts.answer(tx, await self._request(tx, row, license_, by))

    async def leave(self, id_: str, said: Leaving, by: Caller) -> QuickRequest:
        """Leave a trial: nothing is owed, and what was kept is free. Raises: RuleRefused QL-STATE."""
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, license_ = await self._mine(tx, id_, by)
            if no := quick.trial_runs(quick.state_on(_trial(row, license_), today)):
                raise no.raised()
            license_ = await models.changed(tx, models.license_, license_, now, terminated_on=today)
            await scopes.leave_from(tx, license_.id, today)
            detail = {"reason": said.reason, "request_id": id_}
            told = {"ground": "TRIAL_LEFT"}
            await self._licenses.tell(
                tx, license_, "trial_left", today, by, now, detail, feed="license.ended", told=told
            )
            row = await models.changed(tx, models.quick_request, row, now)
            return await self._acts.answer(tx, await self._request(tx, row, license_, by))

    async def _mine(self, tx: Tx, id_: str, by: Caller) -> tuple[Row[Any], Row[Any]]:
        row, license_ = await self._taken(tx, id_, by, lock=True)
        if not by.may_touch(row.organization_id):
            raise _no_request()
        return row, license_

    async def _request(self, tx: Tx, row: Row[Any], license_: Row[Any], by: Caller) -> QuickRequest:
        barred = await bars(tx, [row], by, legal_day(self._clock.now()))
        return self._taken_as_seen(row, license_, by, barred(row))

    def _taken_as_seen(self, row: Row[Any], license_: Row[Any], by: Caller, barred: Refusal | None) -> QuickRequest:
        state = quick.state_on(_trial(row, license_), legal_day(self._clock.now()))
        return QuickRequest(
            **{
                name: row._mapping[name]
                for name in (
                    "id", "version", "created_at", "updated_at", "organization_id", "licensor_id", "offer_id",
                    "intended_use", "terms_hash", "license_id", "begun_on", "trial_ends_on", "converted_on",
                    "first_sale_on",
                )
            },
            external_id=row.external_id if by.may_touch(row.organization_id) else None,
            terms_snapshot=QuickTerms.model_validate(row.terms),
            license_ends_on=row.until,
            terminated_on=license_.terminated_on,
            state=state,
            sample=row.is_sample,
            available_acts=_request_acts(row, state, by, barred),
        )  # fmt: skip


def _patentees(asked: Sequence[DealTarget]) -> list[dict[str, Any]]:
    """The patentees of all patents, each once."""
    found = {one.uscc or one.name: dump(one) for target in asked for one in coded(target)}
    return list(found.values())


def _as_offer(terms: QuickTerms, today: date) -> OfferTerms:
    """What a quick license would be from today on, as the rules of offers look at it."""
    last = periods.months_after(today, terms.license_term_months) - timedelta(days=1)
    place = {"territory": terms.territory, "field_of_use": terms.field_of_use, "from": today, "to": last}
    said = terms.model_dump(include={"fee", "installments", "royalty", "payment_within_days", "clauses"})
    return OfferTerms.model_validate({**said, "scope": LicenseScope.model_validate(place)})


def _trial(row: Row[Any], license_: Row[Any]) -> Trial:
    return Trial(row.trial_ends_on, row.until, row.converted_on, license_.terminated_on, license_.patent_ended_on)


def _named(one: DealTarget) -> dict[str, Any]:
    number = one.application_number or one.publication_number
    return dump(InquiredPatent(id=one.patent_id, title=one.title, number=number))  # type: ignore[no-any-return]


def _seen_by(by: Caller | None) -> ColumnElement[bool]:
    table = models.quick_offer
    is_active = table.c.state == QuickOfferState.ACTIVE
    if by is None:
        return is_active
    return table.c.id.is_not(None) if by.is_operator else or_(is_active, table.c.organization_id == by.organization_id)


def _offer(row: Row[Any], by: Caller | None, barred: Refusal | None) -> QuickOffer:
    root, state = f"/v1/quick-license-offers/{row.id}", QuickOfferState(row.state)
    is_own = by is not None and by.may_touch(row.organization_id)
    if is_own:
        new = {"activation": barred, "resumption": barred}
        found = [
            offered(act, f"{root}/{act}", quick.offer_act_is_open(act, state) or new.get(act)) for act in quick.OFFER_TO
        ]
    else:
        found = [offered("quick-license-requests", "/v1/quick-license-requests", quick.offer_stands(state) or barred)]
    return QuickOffer(
        **{
            name: row._mapping[name]
            for name in ("id", "version", "created_at", "updated_at", "organization_id", "terms_hash")
        },
        external_id=row.external_id if is_own else None,
        patents=[InquiredPatent.model_validate(one) for one in row.patents],
        terms=QuickTerms.model_validate(row.terms),
        state=state,
        sample=row.is_sample,
        available_acts=found,
    )


def _request_acts(row: Row[Any], state: QuickRequestState, by: Caller, barred: Refusal | None) -> list[AvailableAct]:
    if not by.may_touch(row.organization_id):
        return []
    root, no = f"/v1/quick-license-requests/{row.id}", quick.trial_runs(state)
    return [
        offered("conversion", f"{root}/conversion", no or barred),
        offered("termination", f"{root}/termination", no),
    ]
