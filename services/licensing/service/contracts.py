"""Contracts: drawn up from an accepted offer, signed by both sides, in force with the last signature."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, insert, select
from sqlalchemy.exc import IntegrityError

from services.licensing import models
from services.licensing.papers import ContractFacts, PaperParty, as_pdf, contract
from services.licensing.rules import contract as rules
from services.licensing.rules import offer as offer_rules
from services.licensing.rules import parties, scope
from services.licensing.rules.scope import wanted
from services.licensing.service import agency, scopes
from services.licensing.service.declarations import taken
from services.licensing.service.documents import paper_patent
from services.licensing.service.licenses import Licenses, contract_of, signed_by, standing
from services.licensing.service.targets import Targets, first_expiry, raise_unless_acknowledged
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import DealTarget, Fee, Holder, LicenseType
from shared.contracts.gateway import PartyOut
from shared.contracts.licensing import (
    InquiryState,
    License,
    LicenseState,
    OfferTerms,
    PricePublicity,
    PricePublicityDraft,
    PublicityQuery,
    Side,
    SignatureDraft,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal


class Contracts:
    """Use cases on contracts that are to be signed."""

    def __init__(
        self, db: Database, targets: Targets, licenses: Licenses, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._targets, self._licenses = db, targets, licenses
        self._acts, self._cursors, self._clock = acts, cursors, clock

    # From an accepted offer

    async def free(
        self, tx: Tx, patent_ids: Sequence[str], terms: OfferTerms, today: date, *, in_queue: bool
    ) -> Refusal | None:
        """What stands in the way of a scope; in the queue nobody else takes it until the transaction ends."""
        if in_queue:
            await scopes.queue(tx, patent_ids)
        return await scopes.against(tx, patent_ids, terms.license_type, terms.scope, today)

    async def draw_up(
        self,
        tx: Tx,
        offer: Row[Any],
        inquiry: Row[Any],
        asked: Sequence[DealTarget],
        known: Mapping[str, PartyOut],
        by: Caller,
        now: datetime,
    ) -> str:
        """Draw up the contract of an accepted offer and keep its scope for it; `known` are both sides. Answers its id."""
        terms, today, id_ = OfferTerms.model_validate(offer.terms), legal_day(now), new_id("lic")
        licensee, licensors = known[inquiry.organization_id], _patentees(asked, known)
        patent_ids = [one.patent_id for one in asked]
        facts = ContractFacts(
            number=id_,
            agreed_on=today,
            licensors=[PaperParty(name=one.name, uscc=one.uscc) for one in licensors],
            licensee=PaperParty(name=licensee.name, uscc=licensee.uscc),
            patents=[paper_patent(one) for one in asked],
            terms=terms,
        )
        document = await asyncio.to_thread(as_pdf, contract(facts))
        values = {
            "id": id_, "organization_id": inquiry.organization_id, "version": 1, "created_at": now, "updated_at": now,
            "licensor_id": inquiry.licensor_id, "licensors": [dump(one) for one in licensors],
            "licensee": {"name": licensee.name, "uscc": licensee.uscc}, "patent_ids": patent_ids,
            "source_type": "OFFER", "source_id": offer.id, "license_type": terms.license_type, "terms": offer.terms,
            "terms_hash": offer.terms_hash, "begins_on": terms.scope.from_, "until": terms.scope.to, "agreed_on": today,
            "document_sha256": hashlib.sha256(document).hexdigest(), "is_sample": inquiry.is_sample,
            "sign_by": today + timedelta(days=rules.SIGN_WITHIN_DAYS),
        }  # fmt: skip
        await tx.execute(insert(models.license_).values(values))
        await tx.execute(insert(models.paper).values(license_id=id_, content=document, facts=dump(facts)))
        await scopes.take(tx, id_, patent_ids, terms.license_type, terms.scope, today)
        row = (await tx.execute(select(models.license_).where(models.license_.c.id == id_))).one()
        await self._licenses.tell(
            tx, row, "agreed", today, by, now, {"offer_id": offer.id, "sign_by": str(row.sign_by)}
        )
        return id_

    async def alive(self, tx: Tx, ids: Sequence[str]) -> set[str]:
        """Which of these contracts are concluded, or may still be signed."""
        table = models.license_
        found = await tx.execute(select(table).where(table.c.id.in_(ids))) if ids else ()
        today = legal_day(self._clock.now())
        return {row.id for row in found if rules.state_on(contract_of(row), today) is not LicenseState.NOT_CONCLUDED}

    async def give_up(self, tx: Tx, id_: str, by: Caller, now: datetime) -> None:
        """Give up a contract that waits for signatures, and its scope. Raises: RuleRefused, once it is concluded."""
        table, today = models.license_, legal_day(now)
        row = (await tx.execute(select(table).where(table.c.id == id_).with_for_update())).one()
        state = rules.state_on(contract_of(row), today)
        if state is LicenseState.NOT_CONCLUDED:
            return
        if state is not LicenseState.PENDING_SIGNATURES and (no := offer_rules.is_open(InquiryState.AGREED)):
            raise no.raised()
        await scopes.leave(tx, id_)
        row = await models.changed(tx, models.license_, row, now, given_up_on=today)
        await self._licenses.tell(tx, row, "given_up", today, by, now, {})

    # Its signatures

    async def sign(self, id_: str, said: SignatureDraft, by: Caller) -> License:
        """Sign the agreed document; with the second signature the license is in force.

        Everything that could make it void or unlawful is looked at again, on the patents' record of this moment.
        Raises: RuleRefused SIGN-…, SIGN-DOCUMENT, DUAL-AGENCY, PARTY-UNVERIFIED, PARTY-RESTRICTED, PRICE-PUBLICITY,
        TERM-BEYOND-EXPIRY, and catalog's; warnings until they are acknowledged.
        """
        await self._targets.check_documents(said.document_ids, by)
        async with self._db.read() as tx:
            seen = await self._licenses.visible(tx, id_, by, lock=False)
        if seen.document_sha256 is None:
            raise NotFound("there is no contract to be signed", "没有待签署的合同")
        terms = OfferTerms.model_validate(seen.terms)
        both = seen.organization_id, seen.licensor_id
        asked, orders, known = await asyncio.gather(
            self._targets.licensed(seen.patent_ids, terms.license_type, wanted(terms.scope)),
            self._targets.orders((*both, by.actor_id)),
            self._targets.parties(both),
        )
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._licenses.visible(tx, id_, by, lock=True)
            side, on = standing(row, by), said.signed_on or today
            # Whoever signs in the last second of the period may find that its scope has just been given to another.
            await scopes.queue(tx, row.patent_ids)
            state = rules.state_on(contract_of(row), today)
            if row.effective_on is None and not await scopes.holds(tx, id_):
                state = LicenseState.NOT_CONCLUDED
            done = (await models.acts_of(tx, [id_]))[id_]
            runs = await self._publicities_of(tx, id_)
            must_publish = side is Side.LICENSOR and rules.must_publish(known[row.licensor_id], terms.pricing_way)
            for no in (
                rules.may_sign(state, signed_by(done), side),
                rules.signs_what_was_agreed(said.document_sha256, row.document_sha256),
                rules.signature_is_proved(said.method, bool(said.document_ids)),
                rules.signature_is_dated(on, row.agreed_on, today),
                await agency.against_license(tx, row, by),
                rules.parties_are_verified(list(known.values())),
                parties.nobody_is_restricted(orders, by.organization_id),
                rules.price_was_public(must_publish, runs, today),
            ):
                if no:
                    raise no.raised()
            expiry = first_expiry(asked)
            own = [scope.days_are_ahead(terms.scope, today), scope.term_fits_the_patents(terms.scope, expiry)]
            raise_unless_acknowledged(
                [no for one in asked for no in one.violations], [no for no in own if no], said.acknowledged_rules
            )
            detail = {
                "side": side.value, "method": said.method, "signatory": dump(said.signatory),
                "document_sha256": said.document_sha256, "document_ids": said.document_ids,
            }  # fmt: skip
            await self._licenses.tell(tx, row, "signed", on, by, now, detail, told={"side": side.value})
            if signed_by(done) | {side} >= set(Side):
                row = await self._licenses.takes_effect(tx, row, today, by, now)
            else:
                row = await models.changed(tx, models.license_, row, now)
            return await self._acts.answer(tx, (await self._licenses.loaded(tx, [row], by))[0])

    # Publicity of the price

    async def publish_price(self, draft: PricePublicityDraft, by: Caller) -> PricePublicity:
        """Record that result and intended price are public inside the unit. Raises: RuleRefused PUBLICITY-DAYS."""
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.price_publicity
        async with self._db.read() as tx:
            row = await self._licenses.visible(tx, draft.license_id, by, lock=False)
        if not by.may_touch(row.licensor_id):
            raise NotFound("there is no such license", "没有该许可")
        if no := rules.publicity_is_long_enough(draft.begun_on, draft.ends_on, row.agreed_on):
            raise no.raised()
        asked = await self._targets.licensed(
            row.patent_ids, LicenseType(row.license_type), wanted(OfferTerms.model_validate(row.terms).scope)
        )
        values = {
            "id": new_id("pub"), "organization_id": row.licensor_id, "version": 1, "created_at": now, "updated_at": now,
            "fee": row.terms["fee"], "titles": [one.title for one in asked], **draft.model_dump(),
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            try:
                made = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError as error:
                raise taken(error) from None
            data = {"license_id": row.id, "begun_on": draft.begun_on.isoformat(), "ends_on": draft.ends_on.isoformat()}
            await models.feed.append(tx, [change("price_publicity.begun", made.id, row.licensor_id, now, data)])
            return await self._acts.answer(tx, self._publicity(made))

    async def publicities(self, query: PublicityQuery, by: Caller) -> Page[PricePublicity]:
        """The caller's price publicities, newest first."""
        table = models.price_publicity
        found = [table.c.id.is_not(None) if by.is_operator else table.c.organization_id == by.organization_id]
        if query.license_id:
            found.append(table.c.license_id == query.license_id)
        condition = and_(*found)
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id),
                ("publicities", by.organization_id, query.license_id), query.after, query.limit,
            )  # fmt: skip
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=[self._publicity(row) for row in rows], next=more, count=total)

    async def publicity(self, id_: str, by: Caller) -> PricePublicity:
        """A price publicity, for whoever made it."""
        table = models.price_publicity
        async with self._db.read() as tx:
            row = (await tx.execute(select(table).where(table.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such price publicity", "没有该价格公示")
        return self._publicity(row)

    async def _publicities_of(self, tx: Tx, license_id: str) -> list[tuple[date, date]]:
        table = models.price_publicity
        found = await tx.execute(select(table.c.begun_on, table.c.ends_on).where(table.c.license_id == license_id))
        return [(row.begun_on, row.ends_on) for row in found]

    def _publicity(self, row: Row[Any]) -> PricePublicity:
        today = legal_day(self._clock.now())
        state = "ANNOUNCED" if today < row.begun_on else "RUNNING" if today <= row.ends_on else "ENDED"
        return PricePublicity.model_validate({**row._mapping, "fee": Fee.model_validate(row.fee), "state": state})


def _patentees(asked: Sequence[DealTarget], known: Mapping[str, PartyOut]) -> list[Holder]:
    """The patentees of all patents, each once; with the credit code that we know of them and the record does not."""
    found: dict[str, Holder] = {}
    for one in asked:
        for holder in one.holders:
            party = known.get(holder.organization_id or "")
            named = holder.model_copy(update={"uscc": holder.uscc or (party.uscc if party else None)})
            found.setdefault(named.uscc or named.name, named)
    return list(found.values())
