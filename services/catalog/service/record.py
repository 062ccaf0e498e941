"""The record of a patent: events, encumbrances, consents, reports; and what follows from them.

Everything is one log of events (`events`). An encumbrance, a consent and an evaluation report are events with
particulars, shown in a form of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, select

from services.catalog import models, rules
from services.catalog.rules.eligibility import is_party
from services.catalog.rules.status import OPENS, Standing, consent_id, encumbrance_id, fold
from services.catalog.service.events import Events, against, event_of, new_event
from services.catalog.service.evidence import Evidence
from services.catalog.service.patents import Patents, no_patent
from services.catalog.service.targets import role_of, target_of
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    Act,
    ActEligibility,
    AnnualFees,
    Consent,
    ConsentDraft,
    ConsentRole,
    Eligibility,
    Encumbrance,
    EncumbranceDraft,
    EncumbranceKind,
    EvaluationReport,
    EvaluationReportDraft,
    EventCode,
    EventDetail,
    Evidenced,
    LegalEvent,
    LegalEventDraft,
    PatentThen,
    Release,
    Revision,
)
from shared.contracts.values import PatentType
from shared.contracts.wire import Page, ViolationOut
from shared.db import Database, Tx
from shared.errors import InvalidInput, NotFound
from shared.idempotency import Idempotency
from shared.rulebook import Refusal

_OPENING = {kind: code for code, kind in OPENS.items()}
_CLOSING = {kind: code for code, kind in rules.status.CLOSES.items()}


class Record:
    """Use cases on what is recorded of patents."""

    def __init__(
        self,
        db: Database,
        patents: Patents,
        events: Events,
        evidence: Evidence,
        acts: Idempotency,
        clock: Clock,
    ) -> None:
        self._db, self._patents, self._events, self._acts, self._clock = db, patents, events, acts, clock
        self._evidence = evidence

    # The log

    async def record(self, id_: str, draft: LegalEventDraft, by: Caller) -> LegalEvent:
        """Record a legal event; the status, and with it the listings, follow in the same transaction.

        Raises: InvalidInput for particulars that do not belong to it; RuleRefused for a day to come, for want of
        evidence, or where the record leaves no room for it.
        """
        await self._evidence.check_event(draft, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._patents.visible(tx, id_, by, lock=True)
            event = await self._add(tx, row, draft, by, now)
            return await self._acts.answer(tx, event)

    async def _add(
        self, tx: Tx, row: Row[Any], draft: LegalEventDraft, by: Caller, now: datetime, *, is_own_word: bool = False
    ) -> LegalEvent:
        """Append an event and let everything follow; `is_own_word`: the party that the act binds performs it itself."""
        if no := rules.events.particulars_fit(draft.code, draft.detail):
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
        noes = against(row, draft, is_operator=by.is_operator, today=legal_day(now))
        if not is_own_word:
            noes.append(rules.events.word_needs_evidence(draft.source, bool(draft.document_ids), by.is_operator))
        for no in noes:
            if no:
                raise no.raised()
        event = new_event(row.id, draft, by.client_id, now)
        await self._events.record(tx, row, event, now)
        return event

    async def events(self, id_: str, by: Caller) -> Page[LegalEvent]:
        """The record of a patent, in the order of its days."""
        async with self._db.read() as tx:
            await self._patents.visible(tx, id_, by, lock=False)
            log = await self._events.of(tx, id_)
        return Page(items=sorted(log, key=lambda event: event.occurred_on))

    # Encumbrances

    async def encumber(self, id_: str, draft: EncumbranceDraft, by: Caller) -> Encumbrance:
        """Record a pledge, preservation, suspension or license."""
        detail = EventDetail(
            **draft.model_dump(
                include={
                    "party",
                    "party_uscc",
                    "reference",
                    "until",
                    "license_type",
                    "territory",
                    "field_of_use",
                    "note",
                }
            )
        )
        event = _evidenced(_OPENING[draft.kind], draft.since, detail, draft)
        await self._evidence.check(draft.document_ids, by)
        async with self._db.write() as tx:
            now = self._clock.now()
            await self._acts.claim(tx, now)
            row = await self._patents.visible(tx, id_, by, lock=True)
            added = await self._add(tx, row, event, by, now)
            return await self._acts.answer(tx, await self._encumbrance(tx, id_, encumbrance_id(added.id)))

    async def release(self, id_: str, encumbrance: str, release: Release, by: Caller) -> Encumbrance:
        """Record the end of an encumbrance.

        Raises: NotFound for an unknown one; RuleRefused EV-ENDS when it was released before.
        """
        await self._evidence.check(release.document_ids, by)
        async with self._db.write() as tx:
            now = self._clock.now()
            await self._acts.claim(tx, now)
            row = await self._patents.visible(tx, id_, by, lock=True)
            kind = (await self._encumbrance(tx, id_, encumbrance)).kind
            detail = EventDetail(ends=encumbrance, note=release.note)
            await self._add(tx, row, _evidenced(_CLOSING[kind], release.occurred_on, detail, release), by, now)
            return await self._acts.answer(tx, await self._encumbrance(tx, id_, encumbrance))

    async def _encumbrance(self, tx: Tx, patent_id: str, id_: str) -> Encumbrance:
        for one in (await self._standing(tx, patent_id)).encumbrances_on(legal_day(self._clock.now())):
            if one.id == id_:
                return one
        raise NotFound("there is no such encumbrance", "没有该权利负担")

    async def _standing(self, tx: Tx, patent_id: str) -> Standing:
        found = await tx.execute(select(models.patent.c.standing).where(models.patent.c.id == patent_id))
        return Standing.restored(found.one().standing)

    async def encumbrances(self, id_: str, by: Caller) -> Page[Encumbrance]:
        """What stands or stood against a free use of the patent."""
        async with self._db.read() as tx:
            row = await self._patents.visible(tx, id_, by, lock=False)
        return Page(items=Standing.restored(row.standing).encumbrances_on(legal_day(self._clock.now())))

    # Evaluation reports

    async def report(self, id_: str, draft: EvaluationReportDraft, by: Caller) -> EvaluationReport:
        """Record the evaluation report of a utility model or design."""
        detail = EventDetail(**draft.model_dump(include={"conclusion", "reference", "note"}))
        event = _evidenced(EventCode.EVALUATION_REPORT, draft.made_on, detail, draft)
        await self._evidence.check(draft.document_ids, by)
        async with self._db.write() as tx:
            now = self._clock.now()
            await self._acts.claim(tx, now)
            row = await self._patents.visible(tx, id_, by, lock=True)
            return await self._acts.answer(tx, _report(await self._add(tx, row, event, by, now)))

    async def reports(self, id_: str, by: Caller) -> Page[EvaluationReport]:
        """The recorded evaluation reports: one, and corrections of it."""
        found = await self.events(id_, by)
        return Page(items=[_report(event) for event in found.items if event.code is EventCode.EVALUATION_REPORT])

    # Consents

    async def consent(self, id_: str, draft: ConsentDraft, by: Caller) -> Consent:
        """Record a co-owner's or pledgee's consent: its own, without further evidence, or another's on evidence.

        Raises: NotFound for whoever has no say in the patent; RuleRefused EV-PLEDGEE, EV-CO-OWNER for a party that
        has none.
        """
        await self._evidence.check(draft.document_ids, by)
        async with self._db.write() as tx:
            now = self._clock.now()
            await self._acts.claim(tx, now)
            row = await self._row(tx, id_, by)
            party, uscc, is_own = consenting(row, draft.role, draft.party, draft.party_uscc, by, legal_day(now))
            detail = EventDetail(role=draft.role, acts=draft.acts, party=party, party_uscc=uscc, note=draft.note)
            event = _evidenced(EventCode.CONSENT, draft.given_on, detail, draft)
            added = await self._add(tx, row, event, by, now, is_own_word=is_own)
            return await self._acts.answer(tx, await self._consent(tx, id_, consent_id(added.id)))

    async def revoke(self, id_: str, consent: str, release: Release, by: Caller) -> Consent:
        """Record that a consent was taken back; what was filed or signed on it stands."""
        await self._evidence.check(release.document_ids, by)
        async with self._db.write() as tx:
            now = self._clock.now()
            await self._acts.claim(tx, now)
            row = await self._row(tx, id_, by)
            given, say = await self._consent(tx, id_, consent), role_of(row, by, legal_day(now))
            is_own = say is not None and is_party(say[1], by.uscc, given.party, given.party_uscc)
            if not is_own and not by.may_touch(row.organization_id):
                raise no_patent()
            event = _evidenced(EventCode.CONSENT_REVOCATION, release.occurred_on, EventDetail(ends=consent), release)
            await self._add(tx, row, event, by, now, is_own_word=is_own)
            return await self._acts.answer(tx, await self._consent(tx, id_, consent))

    async def _row(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        """A patent's row, locked, for its keeper and for every party that has a say in it."""
        row = await self._patents.row(tx, id_, by, lock=True)
        if not (by.may_touch(row.organization_id) or role_of(row, by, legal_day(self._clock.now()))):
            raise no_patent()
        return row

    async def _consent(self, tx: Tx, patent_id: str, id_: str) -> Consent:
        for one in (await self._standing(tx, patent_id)).consents:
            if one.id == id_:
                return one
        raise NotFound("there is no such consent", "没有该同意记录")

    async def consents(self, id_: str, by: Caller) -> Page[Consent]:
        """The consents recorded on a patent, revoked ones too."""
        async with self._db.read() as tx:
            row = await self._readable(tx, id_, by)
        return Page(items=list(Standing.restored(row.standing).consents))

    async def _readable(self, tx: Tx, id_: str, by: Caller) -> Row[Any]:
        row = await self._patents.row(tx, id_, by, lock=False)
        if not (by.may_touch(row.organization_id) or role_of(row, by, legal_day(self._clock.now()))):
            raise no_patent()
        return row

    # What follows

    async def eligibility(self, id_: str, day: date | None, by: Caller) -> Eligibility:
        """For every act whether it is allowed on a day (today, unless said otherwise), with every reason and its cure."""
        day = day or legal_day(self._clock.now())
        async with self._db.read() as tx:
            row = await self._readable(tx, id_, by)
        target = target_of(row, day)
        found = {act: rules.eligibility.refusals(target, act, day) for act in Act}
        return Eligibility(
            patent_id=row.id,
            on=day,
            legal_status=target.status,
            acts={
                act: ActEligibility(allowed=not rules.eligibility.blocks(noes), violations=spoken(noes))
                for act, noes in found.items()
            },
        )

    async def fees(self, id_: str, by: Caller) -> AnnualFees:
        """The schedule of a patent's annual fees as of today.

        Raises: InvalidInput, while the filing date is not known.
        """
        today = legal_day(self._clock.now())
        async with self._db.read() as tx:
            row = await self._patents.visible(tx, id_, by, lock=False)
        if row.filing_date is None:
            raise InvalidInput(
                "fee years count from the filing date, which this record lacks; add it",
                "年费按申请日计算，请先补充申请日",
                code="filing_date_missing",
            )
        paid = Standing.restored(row.standing).fees_paid_until
        items = rules.fees.schedule(PatentType(row.patent_type), row.filing_date, row.grant_date, paid, today)
        return AnnualFees(patent_id=row.id, on=today, fees_paid_until=paid, items=list(items))

    async def then(self, id_: str, day: date | None, known_at: datetime | None, by: Caller) -> PatentThen:
        """The patent on a day, as the platform knew it at an instant; both are now unless said otherwise.

        Raises: NotFound, when it was not recorded yet at that instant.
        """
        now = self._clock.now()
        day, known_at = day or legal_day(known_at or now), known_at or now
        async with self._db.read() as tx:
            row = await self._patents.visible(tx, id_, by, lock=False)
            if row.created_at > known_at:
                raise no_patent()
            log = await self._events.of(tx, id_)
            table = models.patent_revision
            found = await tx.execute(
                select(table.c.at, table.c.before).where(table.c.patent_id == id_).order_by(table.c.version.desc())
            )
            revisions = found.all()
            fields = dict(row._mapping)
            for revision in revisions:
                if revision.at > known_at:
                    fields |= {name: _column(name, value) for name, value in revision.before.items()}
            known = [event for event in log if event.recorded_at <= known_at]
            standing = fold([event_of(event) for event in known if event.occurred_on <= day])
            if standing.holders != fold(map(event_of, known)).holders:  # it changed hands after that day
                fields["holders"] = _holders_then(fields["holders"], standing, known, revisions)
            past = SimpleNamespace(**fields | {"standing": standing.stored()}, _mapping=fields)
            (patent,) = await self._patents.shown(tx, [past], day)
        return PatentThen(
            on=day,
            known_at=known_at,
            patent=patent,
            encumbrances=standing.encumbrances_on(day),
            consents=list(standing.consents),
        )

    async def revisions(self, id_: str, by: Caller) -> Page[Revision]:
        """Every change of the patent's own fields, newest first, with what stood there before."""
        table = models.patent_revision
        async with self._db.read() as tx:
            await self._patents.visible(tx, id_, by, lock=False)
            found = await tx.execute(select(table).where(table.c.patent_id == id_).order_by(table.c.version.desc()))
            return Page(items=[Revision(version=r.version, at=r.at, by=r.by, before=r.before) for r in found])


def consenting(
    row: Row[Any], role: ConsentRole, party: str | None, uscc: str | None, by: Caller, today: date
) -> tuple[str, str | None, bool]:
    """Who consents: (name, credit code, whether the caller gives its own word).

    Raises: RuleRefused EV-CO-OWNER or EV-PLEDGEE when the party is neither owner nor pledgee of the patent.
    """
    say = role_of(row, by, today)
    if party is None:
        if say is None or say[0] is not role:
            raise InvalidInput("name the party that consents", "请写明作出同意的当事人", code="party_missing")
        return say[1], by.uscc, True
    standing = Standing.restored(row.standing)
    if role is ConsentRole.CO_OWNER:
        known = [(holder["name"], holder.get("uscc")) for holder in row.holders]
        no = rules.events.owner_is_there(any(is_party(*one, party, uscc) for one in known), [n for n, _ in known])
    else:
        pledges = standing.active(EncumbranceKind.PLEDGE, today)
        stands = any(is_party(one.party or "", one.party_uscc, party, uscc) for one in pledges)
        no = rules.events.pledge_is_there(standing, stands, today)
    if no:
        raise no.raised()
    is_own = say is not None and say[0] is role and is_party(say[1], by.uscc, party, uscc)
    if not is_own and not by.may_touch(row.organization_id):
        raise no_patent()
    return party, uscc, is_own


def spoken(found: Sequence[Refusal]) -> list[ViolationOut]:
    """Reasons in the reader's language."""
    language = context.language.get()
    return [ViolationOut.model_validate(no.violation().wire(language)) for no in found]


def _holders_then(
    holders: Sequence[Any], standing: Standing, log: Sequence[LegalEvent], revisions: Sequence[Row[Any, Any]]
) -> Sequence[Any]:
    """Who held on an earlier day: by the event that says so, else as it stood before the first of them was recorded."""
    if standing.holders is not None:
        return [holder.model_dump(exclude_none=True) for holder in standing.holders]
    first = next(event.recorded_at for event in log if event.detail and event.detail.holders)
    for revision in revisions:
        if revision.at >= first:
            holders = revision.before.get("holders", holders)
    return holders


def _evidenced(code: EventCode, day: date, detail: EventDetail, given: Evidenced) -> LegalEventDraft:
    return LegalEventDraft(
        code=code, occurred_on=day, source=given.source, detail=detail, document_ids=given.document_ids
    )


def _report(event: LegalEvent) -> EvaluationReport:
    detail = event.detail
    assert detail is not None and detail.conclusion is not None
    return EvaluationReport(
        id=event.id,
        made_on=event.occurred_on,
        conclusion=detail.conclusion,
        reference=detail.reference,
        document_ids=event.document_ids,
    )


def _column(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if value and name in ("filing_date", "grant_date") else value
