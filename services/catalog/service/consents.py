"""What a listing waits for: consents of owners and pledgees to its terms, and an enterprise's secrecy review."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from services.catalog import models, rules
from services.catalog.rules.eligibility import is_party
from services.catalog.service.evidence import Evidence
from services.catalog.service.listings import Listings, no_listing
from services.catalog.service.record import consenting, spoken
from services.catalog.service.targets import role_of
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    ConsentRole,
    ListingConsent,
    ListingConsentDraft,
    OfferEligibility,
    Release,
    SecrecyClearance,
    SecrecyClearanceDraft,
    Signatory,
)
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.idempotency import Idempotency
from shared.ids import new_id


class Consents:
    """Use cases on the consents and clearances of listings."""

    def __init__(self, db: Database, listings: Listings, evidence: Evidence, acts: Idempotency, clock: Clock) -> None:
        self._db, self._listings, self._evidence, self._acts, self._clock = db, listings, evidence, acts, clock

    async def _listing(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> tuple[Row[Any], Sequence[Row[Any]]]:
        """A listing with its patents, for its owner and every party that has a say in one of them."""
        statement = select(models.listing).where(models.listing.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        patents = (await models.patents_of(tx, [id_]))[id_]
        today = legal_day(self._clock.now())
        if row is None or not (
            by.may_touch(row.organization_id) or any(role_of(patent, by, today) for patent in patents)
        ):
            raise no_listing()
        return row, patents

    async def consent(self, id_: str, draft: ListingConsentDraft, by: Caller) -> ListingConsent:
        """Record a consent to the listing's present terms; a listing that waited for it goes on offer again.

        Raises: RuleRefused TERMS-CHANGED for other terms, EV-CO-OWNER or EV-PLEDGEE for a party without a say,
        EV-EVIDENCE for somebody else's word without a document.
        """
        await self._evidence.check(draft.document_ids, by)
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, patents = await self._listing(tx, id_, by, lock=True)
            patent = next((one for one in patents if _concerns(one, draft, by, today)), patents[0])
            party, uscc, is_own = consenting(patent, draft.role, draft.party, draft.party_uscc, by, today)
            noes = [
                rules.listing.consent_is_to_these_terms(draft.terms_version, row.terms_version),
                rules.listing.may_edit(row.state),
                rules.events.event_is_past(draft.given_on, today),
            ]
            if not is_own:
                has_document = bool(draft.document_ids)
                noes.append(rules.events.word_needs_evidence(draft.source, has_document, by.is_operator))
            for no in noes:
                if no:
                    raise no.raised()
            values = {
                "id": new_id("cns"), "listing_id": id_, "role": draft.role, "party": party, "party_uscc": uscc,
                "terms_version": row.terms_version, "given_on": draft.given_on, "source": draft.source,
                "document_ids": draft.document_ids, "recorded_at": now, "recorded_by": by.client_id,
            }  # fmt: skip
            await tx.execute(insert(models.listing_consent).values(values))
            answer = await self._shown(tx, str(values["id"]), row)
            await self._listings.reconsider_listing(tx, row, patents, now)
            return await self._acts.answer(tx, answer)

    async def revoke(self, id_: str, consent: str, release: Release, by: Caller) -> ListingConsent:
        """Take a consent back; a listing that rests on it is suspended."""
        await self._evidence.check(release.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, patents = await self._listing(tx, id_, by, lock=True)
            given = await self._shown(tx, consent, row)
            says = [say for patent in patents if (say := role_of(patent, by, legal_day(now)))]
            is_own = any(is_party(name, by.uscc, given.party, given.party_uscc) for _, name in says)
            if not is_own and not by.may_touch(row.organization_id):
                raise no_listing()
            noes = [
                rules.listing.consent_stands(given.state),
                rules.events.event_is_past(release.occurred_on, legal_day(now)),
            ]
            if not is_own:
                has_document = bool(release.document_ids)
                noes.append(rules.events.word_needs_evidence(release.source, has_document, by.is_operator))
            for no in noes:
                if no:
                    raise no.raised()
            await tx.execute(
                update(models.listing_consent)
                .where(models.listing_consent.c.id == consent)
                .values(revoked_on=release.occurred_on)
            )
            answer = await self._shown(tx, consent, row)
            await self._listings.reconsider_listing(tx, row, patents, now)
            return await self._acts.answer(tx, answer)

    async def _shown(self, tx: Tx, id_: str, listing: Row[Any]) -> ListingConsent:
        table = models.listing_consent
        found = (await tx.execute(select(table).where(table.c.id == id_, table.c.listing_id == listing.id))).first()
        if found is None:
            raise NotFound("there is no such consent", "没有该同意记录")
        return _consent(found, listing)

    async def consents(self, id_: str, by: Caller) -> Page[ListingConsent]:
        """All consents to a listing, those to earlier terms too."""
        table = models.listing_consent
        async with self._db.read() as tx:
            row, _ = await self._listing(tx, id_, by, lock=False)
            found = await tx.execute(select(table).where(table.c.listing_id == id_).order_by(table.c.recorded_at))
            return Page(items=[_consent(one, row) for one in found])

    async def clear(self, id_: str, draft: SecrecyClearanceDraft, by: Caller) -> SecrecyClearance:
        """Record the secrecy review of the text as it stands."""
        await self._evidence.check(draft.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, patents = await self._owned(tx, id_, by, now)
            if no := rules.events.event_is_past(draft.cleared_on, legal_day(now)):
                raise no.raised()
            values = {
                "id": new_id("sec"), "listing_id": id_, "text_version": row.text_version,
                "cleared_on": draft.cleared_on, "cleared_by": dump(draft.cleared_by), "scope": draft.scope,
                "document_ids": draft.document_ids, "recorded_at": now, "recorded_by": by.client_id,
            }  # fmt: skip
            table = models.secrecy_clearance
            await tx.execute(insert(table).values(values))
            made = (await tx.execute(select(table).where(table.c.id == values["id"]))).one()
            await self._listings.reconsider_listing(tx, row, patents, now)
            return await self._acts.answer(tx, _clearance(made, row))

    async def _owned(self, tx: Tx, id_: str, by: Caller, now: datetime) -> tuple[Row[Any], Sequence[Row[Any]]]:
        row, patents = await self._listing(tx, id_, by, lock=True)
        if not by.may_touch(row.organization_id):
            raise no_listing()
        return row, patents

    async def clearances(self, id_: str, by: Caller) -> Page[SecrecyClearance]:
        """The secrecy reviews of a listing, newest first."""
        table = models.secrecy_clearance
        async with self._db.read() as tx:
            row, _ = await self._listing(tx, id_, by, lock=False)
            if not by.may_touch(row.organization_id):
                raise no_listing()
            found = await tx.execute(
                select(table).where(table.c.listing_id == id_).order_by(table.c.recorded_at.desc())
            )
            return Page(items=[_clearance(one, row) for one in found])

    async def eligibility(self, id_: str, by: Caller) -> OfferEligibility:
        """Whether the listing may be on offer today, with every reason against it and what would cure it."""
        today = legal_day(self._clock.now())
        async with self._db.read() as tx:
            row, patents = await self._listing(tx, id_, by, lock=False)
            found = await self._listings.against(tx, row, patents, today)
        return OfferEligibility(listing_id=id_, on=today, allowed=not found, violations=spoken(found))


def _concerns(patent: Row[Any], draft: ListingConsentDraft, by: Caller, today: Any) -> bool:
    """Whether the party of a consent has a say in this patent of a bundle."""
    if draft.party is None:
        say = role_of(patent, by, today)
        return say is not None and say[0] is draft.role
    if draft.role is ConsentRole.CO_OWNER:
        return any(is_party(h["name"], h.get("uscc"), draft.party, draft.party_uscc) for h in patent.holders)
    return any(
        is_party(one["party"] or "", one.get("party_uscc"), draft.party, draft.party_uscc)
        for one in patent.standing.get("encumbrances", ())
        if one["kind"] == "PLEDGE"
    )


def _consent(row: Row[Any], listing: Row[Any]) -> ListingConsent:
    current = row.terms_version == listing.terms_version
    return ListingConsent(
        id=row.id,
        role=ConsentRole(row.role),
        party=row.party,
        party_uscc=row.party_uscc,
        terms_version=row.terms_version,
        given_on=row.given_on,
        revoked_on=row.revoked_on,
        state="REVOKED" if row.revoked_on else "VALID" if current else "SUPERSEDED",
    )


def _clearance(row: Row[Any], listing: Row[Any]) -> SecrecyClearance:
    return SecrecyClearance(
        id=row.id,
        cleared_on=row.cleared_on,
        cleared_by=Signatory.model_validate(row.cleared_by),
        scope=row.scope,
        text_version=row.text_version,
        holds=row.text_version == listing.text_version,
        document_ids=row.document_ids,
    )
