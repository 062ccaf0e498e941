"""Open-license declarations 开放许可声明: drafted, consented to, filed, announced, withdrawn."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import declaration as rules
from services.licensing.rules import estimate as estimates
from services.licensing.rules import parties, terms
from services.licensing.rules.declaration import OPEN, OPEN_SINCE, SHOWN, DeclarationAct
from services.licensing.service import agency, scopes
from services.licensing.service.policies import policies_on
from services.licensing.service.restrictions import bars
from services.licensing.service.targets import Targets, coded, raise_unless_acknowledged
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Act, ConsentRole, DealTarget, GivenConsent, Holder, Pledgee
from shared.contracts.licensing import (
    AgencyConsentDraft,
    Announcement,
    AvailableAct,
    Declaration,
    DeclarationConsent,
    DeclarationConsentDraft,
    DeclarationDraft,
    DeclarationQuery,
    DeclarationState,
    FeeEstimate,
    FeeEstimateQuery,
    Filing,
    NonAnnouncement,
    Revocation,
    Terms,
    Withdrawal,
)
from shared.contracts.values import Money, PatentType
from shared.contracts.wire import Page, ViolationOut, dump
from shared.db import Database, Tx, violated
from shared.errors import Conflict, InvalidInput, NotFound, Text
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal
from shared.together import Together

CONSENT_RULES = frozenset({"CO-CONSENT", "LS-AUTHORITY", "OL-PLEDGE"})  # catalog's: what a consent cures
_TERMS = frozenset(Terms.model_fields)


def no_declaration() -> NotFound:
    """For an unknown id, and for somebody else's draft."""
    return NotFound("there is no such declaration", "没有该开放许可声明")


class Declarations:
    """Use cases on declarations."""

    def __init__(self, db: Database, targets: Targets, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._targets, self._acts, self._cursors, self._clock = db, targets, acts, cursors, clock
        self._rows = Together(self._fetch, trips=1)

    # Reading

    async def get(self, id_: str, by: Caller | None) -> Declaration:
        """A declaration: once announced for everybody, before that for its parties."""
        async with self._db.read() as tx:
            return await self._shown(tx, await self._visible(tx, id_, reader(by), lock=False), by)

    async def patent_of(self, id_: str, by: Caller) -> tuple[str, str]:
        """The patent of a declaration that the caller may see, and whose declaration it is. Raises: NotFound."""
        row = _if_seen(await self._rows.get(id_), by)
        return row.patent_id, row.organization_id

    async def _fetch(self, ids: list[str]) -> dict[str, Row[Any]]:
        async with self._db.read() as tx:
            found = await tx.execute(select(models.declaration).where(models.declaration.c.id.in_(ids)))
            return {row.id: row for row in found}

    async def _visible(self, tx: Tx, id_: str, by: Caller | None, *, lock: bool) -> Row[Any]:
        statement = models.by_id(models.declaration, "update" if lock else None)
        return _if_seen((await tx.execute(statement, {"id": id_})).first(), by)

    async def page(self, query: DeclarationQuery, by: Caller | None) -> Page[Declaration]:
        """Declarations that the caller may see, newest first."""
        table = models.declaration
        found = [_seen_by(reader(by))]
        if query.patent_id:
            found.append(table.c.patent_id == query.patent_id)
        if query.state:
            found.append(_is_in(query.state, legal_day(self._clock.now())))
        if query.mine:
            found.append(table.c.organization_id == (by.organization_id if by else ""))
        if query.external_id:
            found.append(table.c.external_id == query.external_id)
        if query.sample is not None:
            found.append(table.c.is_sample.is_(query.sample))
        condition = and_(*found)
        scope = ("declarations", by.organization_id if by else None, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope, query.after, query.limit
            )
            items = await self._all_shown(tx, rows, by)
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=items, next=more, count=total)

    async def _shown(self, tx: Tx, row: Row[Any], by: Caller | None) -> Declaration:
        return (await self._all_shown(tx, [row], by))[0]

    async def _all_shown(self, tx: Tx, rows: Sequence[Row[Any]], by: Caller | None) -> list[Declaration]:
        barred = await bars(tx, rows, by, legal_day(self._clock.now()))
        return [self._as_seen(row, by, barred(row)) for row in rows]

    def _as_seen(self, row: Row[Any], by: Caller | None, barred: Refusal | None) -> Declaration:
        state = self.state(row)
        fields = row._mapping
        return Declaration(
            **{
                name: fields[name]
                for name in (
                    "id", "external_id", "version", "created_at", "updated_at", "organization_id", "patent_id",
                    "expiry_date", "terms_hash", "filed_on", "announcement_number", "announced_on",
                    "withdrawal_filed_on", "withdrawal_announced_on",
                )
            },
            **row.terms,
            patent_title=row.patent["title"],
            patent_number=row.patent["number"],
            patent_type=PatentType(row.patent["patent_type"]),
            holders=[holder["name"] for holder in row.patent["holders"]],
            state=state,
            sample=row.is_sample,
            available_acts=_available(row, state, by, barred),
        )  # fmt: skip

    def state(self, row: Row[Any]) -> DeclarationState:
        """The state of a declaration's row today."""
        today = legal_day(self._clock.now())
        return rules.state_on(DeclarationState(row.state), row.expiry_date, today, row.patent_ended_on)

    def estimate(self, query: FeeEstimateQuery) -> FeeEstimate:
        """What a fee may come to; nothing is stored. Raises: InvalidInput FEE-COMPARABLES."""
        if no := estimates.figures_fit(query):
            raise InvalidInput(no.message.en, no.message.zh, violations=(no.violation(),))
        found = estimates.estimate(query)
        note = Text("For reference only: no price, and no appraisal.", "仅供参考，不构成定价或者资产评估结论。")
        return FeeEstimate(
            method=query.method,
            low=Money(amount=terms.yuan(found.low)),
            median=Money(amount=terms.yuan(found.median)),
            high=Money(amount=terms.yuan(found.high)),
            comparables=query.comparables,
            note=note.zh if context.language.get() == "zh" else note.en,
        )

    # Drafting and consents

    async def draft(self, draft: DeclarationDraft, by: Caller) -> Declaration:
        """Draw up a declaration on a patent of the caller's; what stands against it may be cured until its filing.

        Raises: InvalidInput for terms that no declaration may have; NotFound for a patent that is not the caller's.
        """
        async with self._db.read() as tx:
            usual = await policies_on(tx, legal_day(self._clock.now()))
        if noes := terms.against(draft, usual):
            raise InvalidInput(noes[0].message.en, noes[0].message.zh, violations=tuple(no.violation() for no in noes))
        target = await self._targets.of(draft.patent_id, Act.OPEN_LICENSE)
        if not by.may_touch(target.organization_id):
            raise NotFound("there is no such patent", "没有该专利")
        now, said = self._clock.now(), {name: dump(draft)[name] for name in _TERMS}
        values = {
            "id": new_id("old"), "organization_id": target.organization_id, "external_id": draft.external_id,
            "version": 1, "created_at": now, "updated_at": now, "keeper_uscc": target.keeper_uscc,
            "patent_id": draft.patent_id, **_patent(target), "terms": said, "terms_hash": hash_of(said),
            "state": _drafted(target),
            "is_sample": target.sample or (by.is_sample and by.organization_id == target.organization_id),
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            try:
                await tx.execute(insert(models.declaration).values(values))
            except IntegrityError as error:
                raise taken(error) from None
            row = await self._visible(tx, str(values["id"]), by, lock=False)
            await self._tell(tx, row, "drafted", legal_day(now), by, now, {})
            return await self._acts.answer(tx, await self._shown(tx, row, by))

    async def consent(self, id_: str, draft: DeclarationConsentDraft, by: Caller) -> DeclarationConsent:
        """Record a co-owner's or pledgee's consent to the declaration, or a co-owner's to its withdrawal.

        Raises: RuleRefused OL-CONSENT-PARTY, OL-CONSENT-EVIDENCE, OL-STATE, OL-DAYS.
        """
        await self._targets.check_documents(draft.document_ids, by)
        for_declaration = draft.to == "DECLARATION"
        while True:
            row, given = await self._with_consents(id_, by)
            target = await self._targets.of(row.patent_id, Act.OPEN_LICENSE, [*given, *_own_consent(draft, row, by)])
            party, uscc, is_own = self._consenting(draft, target, row, by)
            now = self._clock.now()
            async with self._db.write() as tx:
                locked = await self._visible(tx, id_, by, lock=True)
                if locked.version != row.version:
                    continue  # another act came between: look again
                await self._acts.claim(tx, now)
                step = DeclarationAct.CONSENT if for_declaration else DeclarationAct.WITHDRAWAL
                for no in (
                    rules.act_is_open(step, self.state(locked)),
                    rules.days_follow(draft.given_on, None, legal_day(now)),
                    parties.consent_is_proved(is_own, bool(draft.document_ids), by.is_operator),
                ):
                    if no:
                        raise no.raised()
                values = {
                    "id": new_id("cns"), "declaration_id": id_, "role": draft.role, "party": party, "party_uscc": uscc,
                    "concerns": draft.to, "given_on": draft.given_on, "document_ids": draft.document_ids,
                    "recorded_at": now, "recorded_by": by.client_id,
                }  # fmt: skip
                await tx.execute(insert(models.declaration_consent).values(values))
                changed = {**_patent(target), "state": _drafted(target)} if for_declaration else {}
                told = {"consent": values["id"], "party": party, "to": draft.to}
                await self._act(tx, locked, "consented", draft.given_on, by, now, told, changed)
                return await self._acts.answer(tx, await self._consent(tx, id_, str(values["id"])))

    def _consenting(
        self, draft: DeclarationConsentDraft, target: DealTarget, row: Row[Any], by: Caller
    ) -> tuple[str, str | None, bool]:
        """Who consents: (name, credit code, whether it is the caller's own word)."""
        if draft.role is ConsentRole.CO_OWNER:
            own = [(one.name, one.uscc) for one in target.others if _is_caller(one, by)]
        else:
            own = [(one.name, one.uscc) for one in target.pledgees if _is_caller(one, by)]
        if draft.party is None:
            if not own:
                raise InvalidInput("name the party that consents", "请写明作出同意的当事人", code="party_missing")
            return *own[0], True
        if no := parties.has_a_say(draft.role, draft.party, draft.party_uscc, target.others, target.pledgees):
            raise no.raised()
        is_own = any(parties.is_party(*one, draft.party, draft.party_uscc) for one in own)
        if not is_own and not by.may_touch(row.organization_id):
            raise no_declaration()
        return draft.party, draft.party_uscc, is_own

    async def revoke(self, id_: str, consent: str, revocation: Revocation, by: Caller) -> DeclarationConsent:
        """Take a consent back, while what it was given for is not filed: the party's word, however often it was given.

        Raises: RuleRefused OL-CONSENT-STATE; OL-STATE once it is: then all owners withdraw the declaration together.
        """
        await self._targets.check_documents(revocation.document_ids, by)
        while True:
            row, _ = await self._with_consents(id_, by)
            async with self._db.read() as tx:
                taken_back = await self._consent(tx, id_, consent)
                said = [
                    one for one in await self._standing(tx, id_, taken_back.to)
                    if _is_of(taken_back, one) and one.given_on <= revocation.occurred_on  # what was given since, stands
                ]  # fmt: skip
                stands = [one for one in await self._standing(tx, id_, "DECLARATION") if one not in said]
            target = await self._targets.of(row.patent_id, Act.OPEN_LICENSE, _given(stands))
            now = self._clock.now()
            async with self._db.write() as tx:
                locked = await self._visible(tx, id_, by, lock=True)
                if locked.version != row.version:
                    continue
                await self._acts.claim(tx, now)
                concerned: list[Holder | Pledgee] = [*target.others, *target.pledgees]
                is_own = any(
                    parties.is_party(one.name, one.uscc, taken_back.party, taken_back.party_uscc)
                    for one in concerned
                    if _is_caller(one, by)
                )
                for_declaration = taken_back.to == "DECLARATION"
                step = DeclarationAct.CONSENT if for_declaration else DeclarationAct.WITHDRAWAL
                for no in (
                    rules.act_is_open(step, self.state(locked)),
                    parties.consent_stands(taken_back.revoked_on),
                    rules.days_follow(revocation.occurred_on, taken_back.given_on, legal_day(now)),
                    parties.consent_is_proved(is_own, bool(revocation.document_ids), by.is_operator),
                ):
                    if no:
                        raise no.raised()
                table = models.declaration_consent
                same = table.c.id.in_([one.id for one in said])
                await tx.execute(update(table).where(same).values(revoked_on=revocation.occurred_on))
                changed = {"state": _drafted(target)} if for_declaration else {}
                told = {"consent": consent, "party": taken_back.party}
                await self._act(tx, locked, "consent_revoked", revocation.occurred_on, by, now, told, changed)
                return await self._acts.answer(tx, await self._consent(tx, id_, consent))

    async def consents(self, id_: str, by: Caller) -> Page[DeclarationConsent]:
        """The consents to a declaration, for its parties."""
        table = models.declaration_consent
        async with self._db.read() as tx:
            if not _is_inside(await self._visible(tx, id_, by, lock=False), by):
                raise no_declaration()
            found = await tx.execute(select(table).where(table.c.declaration_id == id_).order_by(table.c.recorded_at))
            return Page(items=[_consent(row) for row in found])

    async def _consent(self, tx: Tx, id_: str, consent: str) -> DeclarationConsent:
        table = models.declaration_consent
        found = (await tx.execute(select(table).where(table.c.id == consent, table.c.declaration_id == id_))).first()
        if found is None:
            raise NotFound("there is no such consent", "没有该同意记录")
        return _consent(found)

    async def _with_consents(self, id_: str, by: Caller) -> tuple[Row[Any], list[GivenConsent]]:
        """A declaration for its parties, with the consents to it that stand."""
        async with self._db.read() as tx:
            row = await self._visible(tx, id_, by, lock=False)
            if not _is_inside(row, by):
                raise no_declaration()
            return row, _given(await self._standing(tx, id_, "DECLARATION"))

    async def _standing(self, tx: Tx, id_: str, to: str) -> Sequence[Row[Any]]:
        """The consents to a declaration, or to its withdrawal, that were not taken back."""
        table = models.declaration_consent
        found = select(table).where(table.c.declaration_id == id_, table.c.concerns == to, table.c.revoked_on.is_(None))
        return (await tx.execute(found)).all()

    async def redraft(self, patent_ids: Sequence[str]) -> None:
        """Have drafts say what catalog says of their patents by now: who owns them, to whom they are pledged, and so
        whose consent is missing. A party that came onto the record since then reads the draft. Raises: Unavailable."""
        table, drafted = models.declaration, rules.FROM[DeclarationAct.CONSENT]
        is_draft = and_(table.c.patent_id.in_(patent_ids), table.c.state.in_(drafted))
        async with self._db.read() as tx:
            waiting = list(await tx.scalars(select(table.c.id).where(is_draft)))
        while waiting:
            async with self._db.read() as tx:
                row = (await tx.execute(models.by_id(table), {"id": waiting[-1]})).one()
                given = _given(await self._standing(tx, row.id, "DECLARATION"))
            target = await self._targets.of(row.patent_id, Act.OPEN_LICENSE, given)
            changed, now = {**_patent(target), "state": _drafted(target)}, self._clock.now()
            async with self._db.write() as tx:
                found = (await tx.execute(models.by_id(table, "update"), {"id": row.id})).one()
                if found.version != row.version:
                    continue  # somebody acted meanwhile: look again
                if found.state in drafted and any(found._mapping[name] != value for name, value in changed.items()):
                    made = await models.changed(tx, table, found, now, **changed)
                    data = {"patent_id": made.patent_id, "state": made.state}
                    told = change("declaration.redrafted", made.id, made.organization_id, now, data)
                    await models.feed.append(tx, [told] if made.state != found.state else [])
            waiting.pop()

    # Acts

    async def file(self, id_: str, filing: Filing, by: Caller) -> Declaration:
        """Record that the declaration was filed with the office: from now on its terms never change.

        Raises: RuleRefused for every reason of rule 86 and Patent Law Art. 50; PARTY-RESTRICTED; for warnings not
        acknowledged.
        """
        await self._targets.check_documents(filing.document_ids, by)
        while True:
            row, given = await self._owned(id_, by)
            target, orders = await asyncio.gather(
                self._targets.of(row.patent_id, Act.OPEN_LICENSE, given),
                self._targets.orders((row.organization_id, by.actor_id)),
            )
            now = self._clock.now()
            today, said = legal_day(now), Terms.model_validate(row.terms)
            async with self._db.write() as tx:
                locked = await self._visible(tx, id_, by, lock=True)
                if locked.version != row.version:
                    continue
                await self._acts.claim(tx, now)
                usual = await policies_on(tx, today)
                own = [
                    rules.act_is_open(DeclarationAct.FILING, self.state(locked)),
                    parties.nobody_is_restricted(orders, by.organization_id),
                    rules.days_follow(filing.filed_on, max(target.grant_date or OPEN_SINCE, OPEN_SINCE), today),
                    rules.stands_alone(await self._live(tx, row.patent_id)),
                    terms.wording_is_plain(said.payment_method, said.calculation_note, usual.ad_words),
                    *terms.doubts(said.fee, said.license_term_months, today, target.expiry_date, usual),
                ]
                raise_unless_acknowledged(target.violations, [no for no in own if no], filing.acknowledged_rules)
                detail = {"signatory": dump(filing.signatory), "document_ids": filing.document_ids}
                changed = {**_patent(target), "state": DeclarationState.FILED, "filed_on": filing.filed_on}
                await scopes.queue(tx, [row.patent_id])
                if no := rules.nothing_sole_is_agreed(await scopes.taken_alone(tx, row.patent_id, today)):
                    raise no.raised()
                try:
                    made = await self._act(tx, locked, "filed", filing.filed_on, by, now, detail, changed)
                    await scopes.take_all(tx, locked.id, row.patent_id, today)
                except IntegrityError:  # another declaration of the patent was filed in this very moment
                    no = rules.stands_alone("filed just now")
                    assert no is not None
                    raise no.raised() from None
                return await self._acts.answer(tx, await self._shown(tx, made, by))

    async def _live(self, tx: Tx, patent_id: str) -> str | None:
        table = models.declaration
        found: str | None = await tx.scalar(
            select(table.c.id).where(table.c.patent_id == patent_id, table.c.state.in_(rules.LIVE))
        )
        return found

    async def announce(self, id_: str, said: Announcement, by: Caller) -> Declaration:
        """Record the announcement in the gazette: from now on anyone takes a license by notice and payment."""
        return await self._office(
            id_, DeclarationAct.ANNOUNCEMENT, "announced", said.announced_on, said.document_ids, by,
            {"announcement_number": said.announcement_number, "announced_on": said.announced_on},
            since="filed_on",
        )  # fmt: skip

    async def refuse(self, id_: str, said: NonAnnouncement, by: Caller) -> Declaration:
        """Record that the office did not announce the declaration."""
        return await self._office(
            id_, DeclarationAct.NON_ANNOUNCEMENT, "not_announced", said.decided_on, said.document_ids, by, {},
            since="filed_on", told={"reason": said.reason},
        )  # fmt: skip

    async def announce_withdrawal(self, id_: str, said: Announcement, by: Caller) -> Declaration:
        """Record the announced withdrawal: no new notice from now on; notices and licenses before it stand."""
        return await self._office(
            id_, DeclarationAct.WITHDRAWAL_ANNOUNCEMENT, "withdrawn", said.announced_on, said.document_ids, by,
            {"withdrawal_announced_on": said.announced_on}, since="withdrawal_filed_on",
            told={"announcement_number": said.announcement_number},
        )  # fmt: skip

    async def _office(
        self,
        id_: str,
        step: DeclarationAct,
        past: str,
        on: date,
        document_ids: Sequence[str],
        by: Caller,
        values: Mapping[str, Any],
        *,
        since: str,
        told: Mapping[str, Any] = {},
    ) -> Declaration:
        """An act of the patent office, recorded by the operator."""
        await self._targets.check_documents(document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            for no in (
                rules.act_is_open(step, self.state(row)),
                rules.days_follow(on, row._mapping[since], legal_day(now)),
            ):
                if no:
                    raise no.raised()
            detail = {**told, "document_ids": list(document_ids)}
            made = await self._act(tx, row, past, on, by, now, detail, {**values, "state": rules.TO[step]})
            if rules.TO[step] not in rules.LIVE:
                await scopes.leave_from(tx, id_, legal_day(now))
            return await self._acts.answer(tx, await self._shown(tx, made, by))

    async def withdraw(self, id_: str, said: Withdrawal, by: Caller) -> Declaration:
        """Record that all patentees have filed the withdrawal; it counts from its announcement on."""
        await self._targets.check_documents(said.document_ids, by)
        await self._owned(id_, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=True)
            given = await self._standing(tx, id_, "WITHDRAWAL")
            others = [Holder.model_validate(holder) for holder in row.patent["others"]]
            agreed = [(one.party, one.party_uscc) for one in given]
            for no in (
                rules.act_is_open(DeclarationAct.WITHDRAWAL, self.state(row)),
                rules.days_follow(said.filed_on, row.announced_on, legal_day(now)),
                rules.owners_withdraw_together(parties.owners_not_agreed(others, agreed)),
            ):
                if no:
                    raise no.raised()
            detail = {
                "reason": said.reason,
                "signatory": dump(said.signatory),
                "document_ids": said.document_ids,
            }
            changed = {"state": DeclarationState.WITHDRAWAL_FILED, "withdrawal_filed_on": said.filed_on}
            made = await self._act(tx, row, "withdrawal_filed", said.filed_on, by, now, detail, changed)
            return await self._acts.answer(tx, await self._shown(tx, made, by))

    async def consent_to_agency(self, id_: str, said: AgencyConsentDraft, by: Caller) -> Declaration:
        """A side of what is taken under a declaration consents, itself, to a delegate of both (Civil Code Art. 168)."""
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self._visible(tx, id_, by, lock=False)
            await agency.consent(tx, "declaration", id_, row.organization_id, said, by, now)
            return await self._acts.answer(tx, await self._shown(tx, row, by))

    async def _owned(self, id_: str, by: Caller) -> tuple[Row[Any], list[GivenConsent]]:
        row, given = await self._with_consents(id_, by)
        if not by.may_touch(row.organization_id):
            raise no_declaration()
        return row, given

    async def _act(
        self,
        tx: Tx,
        row: Row[Any],
        past: str,
        on: date,
        by: Caller,
        now: datetime,
        detail: Mapping[str, Any],
        changed: Mapping[str, Any],
    ) -> Row[Any]:
        """Record an act and what it changes; answers the row as it is then."""
        table = models.declaration
        await tx.execute(
            update(table).where(table.c.id == row.id).values(**changed, version=row.version + 1, updated_at=now)
        )
        made = (await tx.execute(select(table).where(table.c.id == row.id))).one()
        await self._tell(tx, made, past, on, by, now, detail)
        return made

    async def _tell(
        self, tx: Tx, row: Row[Any], past: str, on: date, by: Caller, now: datetime, detail: Mapping[str, Any]
    ) -> None:
        await tx.execute(
            insert(models.act).values(
                subject=row.id,
                act=past,
                on=on,
                at=now,
                by=by.client_id,
                organization_id=by.organization_id,
                actor_id=by.actor_id,
                detail=json.loads(json.dumps(detail, default=str)),
            )
        )
        is_public = DeclarationState(row.state) in SHOWN
        data = {
            "patent_id": row.patent_id, "on": on.isoformat(), "state": row.state,
            "announcement_number": row.announcement_number,
        }  # fmt: skip
        audience = "public" if is_public else row.organization_id
        await models.feed.append(tx, [change(f"declaration.{past}", row.id, audience, now, data)])


def taken(error: IntegrityError) -> Conflict:
    """For an external_id that is used already; other errors are ours, and go on."""
    if "external_id" in violated(error):
        return Conflict("another of yours has this external_id", "该 external_id 已被使用", code="external_id_taken")
    raise error


def party_of(by: Caller) -> parties.Party:
    """The caller as the rules of parties see it."""
    return parties.Party(by.organization_id, by.uscc, by.is_sample)


def _patent(target: DealTarget) -> dict[str, Any]:
    said = dump(target)
    shown = {name: said[name] for name in ("title", "patent_type", "filing_date", "grant_date")}
    shown |= {
        "holders": [dump(one) for one in coded(target)],
        "others": said["others"],
        "pledgees": said["pledgees"],
        "number": target.application_number or target.publication_number,
    }
    return {"patent": shown, "expiry_date": target.expiry_date}


def _drafted(target: DealTarget) -> DeclarationState:
    """DRAFT while a consent is missing, CONSENTED once none is."""
    waits = any(no.rule in CONSENT_RULES for no in target.violations)
    return DeclarationState.DRAFT if waits else DeclarationState.CONSENTED


def hash_of(said: Mapping[str, Any]) -> str:
    """The SHA-256 of terms: equal terms, equal hash."""
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _is_caller(one: Holder | Pledgee, by: Caller) -> bool:
    is_it = getattr(one, "organization_id", None) == by.organization_id
    return is_it or (by.uscc is not None and one.uscc == by.uscc)


def _given(consents: Sequence[Row[Any]]) -> list[GivenConsent]:
    """Consents as catalog's rules look at them."""
    return [GivenConsent(role=ConsentRole(one.role), party=one.party, party_uscc=one.party_uscc) for one in consents]


def _is_of(consent: DeclarationConsent, other: Row[Any]) -> bool:
    """Whether another consent is the same party's word in the same role."""
    is_party = parties.is_party(consent.party, consent.party_uscc, other.party, other.party_uscc)
    return consent.role == other.role and is_party


def _own_consent(draft: DeclarationConsentDraft, row: Row[Any], by: Caller) -> list[GivenConsent]:
    """The consent that is being recorded, as catalog's rules look at it."""
    if draft.to == "WITHDRAWAL":
        return []
    if draft.party is not None:
        return [GivenConsent(role=draft.role, party=draft.party, party_uscc=draft.party_uscc)]
    known = row.patent["holders" if draft.role is ConsentRole.CO_OWNER else "pledgees"]
    own = [
        one
        for one in known
        if one.get("organization_id") == by.organization_id or (by.uscc and one.get("uscc") == by.uscc)
    ]
    return [GivenConsent(role=draft.role, party=one["name"], party_uscc=one.get("uscc")) for one in own[:1]]


def reader(by: Caller | None) -> Caller | None:
    """The caller, as far as its token may read deals: without, it sees what anybody sees."""
    return by if by is not None and "deals:read" in by.scopes else None


def _seen_by(by: Caller | None) -> ColumnElement[bool]:
    """Declarations that the gazette has told of, and those in which the caller has a say."""
    table = models.declaration
    public = table.c.state.in_(SHOWN)
    if by is None:
        return public
    if by.is_operator:
        return table.c.id.is_not(None)
    own = [table.c.organization_id == by.organization_id]
    marks = [{"organization_id": by.organization_id}, *([{"uscc": by.uscc}] if by.uscc else [])]
    for mark in marks:
        own.append(table.c.patent["holders"].contains([mark]))
    if by.uscc:
        own.append(table.c.patent["pledgees"].contains([{"uscc": by.uscc}]))
    return or_(public, *own)


def _if_seen(row: Row[Any] | None, by: Caller | None) -> Row[Any]:
    """The same of one row. Raises: NotFound."""
    if row is None or not (row.state in SHOWN or (by is not None and _is_inside(row, by))):
        raise no_declaration()
    return row


def _is_inside(row: Row[Any], by: Caller) -> bool:
    """Whether the caller is a party of the declaration: its keeper, an owner, a pledgee, the operator."""
    if by.may_touch(row.organization_id):
        return True
    known = [*row.patent["holders"], *row.patent["pledgees"]]
    return any(
        one.get("organization_id") == by.organization_id or (by.uscc and one.get("uscc") == by.uscc) for one in known
    )


def _is_in(state: DeclarationState, today: date) -> ColumnElement[bool]:
    """`state_on`, in SQL."""
    table = models.declaration
    gone = or_(
        func.coalesce(table.c.expiry_date < today, False), func.coalesce(table.c.patent_ended_on <= today, False)
    )
    has_ended = and_(table.c.state.in_(OPEN), gone)
    if state is DeclarationState.ENDED:
        return or_(table.c.state == state, has_ended)
    return and_(table.c.state == state, ~gone) if state in OPEN else table.c.state == state


def _available(row: Row[Any], state: DeclarationState, by: Caller | None, barred: Refusal | None) -> list[AvailableAct]:
    """What the caller may do next, and why not; `barred` is what keeps it from anything new."""
    if by is None or not _is_inside(row, by):
        no = rules.is_open(state) or barred
        return [offered("open-license-requests", "/v1/open-license-requests", no)]
    wanted = [step for step in DeclarationAct if by.is_operator or step in _PARTIES]
    if not by.may_touch(row.organization_id):
        wanted = [DeclarationAct.CONSENT]
    root = f"/v1/open-license-declarations/{row.id}"
    new = {DeclarationAct.FILING: barred}
    return [
        offered(step.value, f"{root}/{step.value}", rules.act_is_open(step, state) or new.get(step)) for step in wanted
    ]


_PARTIES = (DeclarationAct.CONSENT, DeclarationAct.FILING, DeclarationAct.WITHDRAWAL)


def offered(act: str, href: str, no: Refusal | None) -> AvailableAct:
    """An act as it is shown: open, or with what stands against it in the reader's language."""
    language = context.language.get()
    told = [ViolationOut.model_validate(no.violation().wire(language))] if no else []
    return AvailableAct(act=act, href=href, allowed=no is None, violations=told)


def _consent(row: Row[Any]) -> DeclarationConsent:
    return DeclarationConsent(
        id=row.id,
        role=ConsentRole(row.role),
        party=row.party,
        party_uscc=row.party_uscc,
        to=cast(Any, row.concerns),
        given_on=row.given_on,
        revoked_on=row.revoked_on,
        document_ids=row.document_ids,
    )
