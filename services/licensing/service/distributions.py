"""Distributions: what a license has earned, shared out among co-owners, the people who made it, and the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import benefit as rules
from services.licensing.rules import contract, parties, terms
from services.licensing.rules.benefit import Owner, Person, Scheme, SharedOut
from services.licensing.rules.scope import wanted
from services.licensing.service import ledger
from services.licensing.service.declarations import offered, taken
from services.licensing.service.licenses import Licenses, no_license, scope_of
from services.licensing.service.money import kept_fen, money
from services.licensing.service.targets import Targets, raise_unless_acknowledged
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.access import OrganizationType
from shared.contracts.benefits import (
    Approval,
    BenefitRule,
    BenefitRuleDraft,
    BenefitRuleQuery,
    Distribution,
    DistributionAct,
    DistributionDraft,
    DistributionPart,
    DistributionPreview,
    DistributionPreviewPart,
    DistributionQuery,
    DistributionState,
    DistributionWithdrawal,
    Payout,
)
from shared.contracts.catalog import DealTarget, LicenseType
from shared.contracts.licensing import PaymentState
from shared.contracts.wire import Page, dump
from shared.db import Database, Tx
from shared.errors import NotFound
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors

_S = DistributionState


def _arrived(paid: Sequence[Row[Any]]) -> int:
    """What has arrived and was not returned, in fen."""
    return sum(kept_fen(one) for one in paid if one.state == PaymentState.SETTLED)


def _no_distribution() -> NotFound:
    return NotFound("there is no such distribution", "没有该收益分配")


def _no_rule() -> NotFound:
    return NotFound("there is no such benefit rule", "没有该收益分配规定")


@dataclass(frozen=True, slots=True)
class _Computed:
    """A distribution before it is stored."""

    license: Row[Any]
    gross: int
    costs: tuple[int, int]
    found: SharedOut
    scheme: Scheme | None
    rule: Row[Any] | None
    draft: DistributionDraft
    titles: list[str]

    def values(self) -> dict[str, Any]:
        """The columns that tell how it was computed."""
        return {
            "license_id": self.license.id, "gross_fen": self.gross, "common_fen": self.costs[0],
            "own_fen": self.found.own, "net_fen": self.found.net, "persons_fen": self.found.persons,
            "basis": "NONE" if self.scheme is None else "STATUTORY" if self.rule is None else "BENEFIT_RULE",
            "persons_rate": None if self.scheme is None else str(self.scheme.persons_rate),
            "benefit_rule_id": None if self.rule is None else self.rule.id,
            "deductions": [dump(one) for one in self.draft.deductions],
        }  # fmt: skip


class Distributions:
    """Use cases on benefit rules and distributions."""

    def __init__(
        self, db: Database, targets: Targets, licenses: Licenses, acts: Idempotency, cursors: Cursors, clock: Clock
    ) -> None:
        self._db, self._targets, self._licenses = db, targets, licenses
        self._acts, self._cursors, self._clock = acts, cursors, clock

    # Benefit rules

    async def decide(self, draft: BenefitRuleDraft, by: Caller) -> BenefitRule:
        """Record a unit's rule for its license income. Raises: RuleRefused BEN-FLOOR, BEN-PUBLIC."""
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.benefit_rule
        for no in (
            rules.persons_get_enough(Decimal(draft.persons_rate), _is_state_unit(by)),
            rules.rule_was_public(draft.published_on, draft.valid_from, legal_day(now), bool(draft.document_ids)),
        ):
            if no:
                raise no.raised()
        values = {
            "id": new_id("ben"), "organization_id": by.organization_id, "version": 1, "created_at": now,
            "updated_at": now, **draft.model_dump(),
        }  # fmt: skip
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            try:
                row = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError as error:
                raise taken(error) from None
            data: dict[str, Any] = {"valid_from": draft.valid_from.isoformat(), "persons_rate": draft.persons_rate}
            await models.feed.append(tx, [change("benefit_rule.recorded", row.id, by.organization_id, now, data)])
            return await self._acts.answer(tx, BenefitRule.model_validate(row._mapping))

    async def rules(self, query: BenefitRuleQuery, by: Caller) -> Page[BenefitRule]:
        """The caller's benefit rules, newest first."""
        table = models.benefit_rule
        found = [] if by.is_operator else [table.c.organization_id == by.organization_id]
        if query.external_id:
            found.append(table.c.external_id == query.external_id)
        async with self._db.read() as tx:
            if query.valid_on is not None:
                rule = await self._valid(tx, by.organization_id, query.valid_on)
                return Page(items=[BenefitRule.model_validate(rule._mapping)] if rule else [])
            rows, more = await self._cursors.page(
                tx, select(table).where(*found), (table.c.created_at, table.c.id),
                ("benefit rules", by.organization_id, query.external_id), query.after, query.limit,
            )  # fmt: skip
            total = await tx.scalar(select(func.count()).select_from(table).where(*found)) if query.count else None
        return Page(items=[BenefitRule.model_validate(row._mapping) for row in rows], next=more, count=total)

    async def rule(self, id_: str, by: Caller) -> BenefitRule:
        """A benefit rule, for whoever made it."""
        table = models.benefit_rule
        async with self._db.read() as tx:
            row = (await tx.execute(select(table).where(table.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise _no_rule()
        return BenefitRule.model_validate(row._mapping)

    async def _valid(self, tx: Tx, organization_id: str, on: date) -> Row[Any] | None:
        table = models.benefit_rule
        statement = (
            select(table)
            .where(table.c.organization_id == organization_id, table.c.valid_from <= on)
            .order_by(table.c.valid_from.desc(), table.c.created_at.desc(), table.c.id.desc())
            .limit(1)
        )
        return (await tx.execute(statement)).first()

    # Computing

    async def preview(self, draft: DistributionDraft, by: Caller) -> DistributionPreview:
        """What a distribution would come to; nothing is stored. Raises: as `compute`."""
        asked = await self._asked(draft, by)
        async with self._db.read() as tx:
            computed = await self._computed(tx, draft, asked, by, lock=False)
        parts = [
            DistributionPreviewPart(
                kind=part.kind, name=part.name, uscc=part.uscc, inventor_id=part.inventor_id, amount=money(part.fen)
            )
            for part in computed.found.parts
        ]
        return DistributionPreview.model_validate({**_figures(computed.values()), "parts": parts})

    async def compute(self, draft: DistributionDraft, by: Caller) -> Distribution:
        """Share out all of a license's income that has arrived and was not distributed yet.

        Raises: NotFound; RuleRefused DIST-SHARES, DIST-MONEY, DIST-COSTS, DIST-PERSONS, and the warning DIST-PLEDGE.
        """
        asked = await self._asked(draft, by)
        now, table = self._clock.now(), models.distribution
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            computed = await self._computed(tx, draft, asked, by, lock=True)
            values = {
                "id": new_id("dis"), "organization_id": computed.license.licensor_id, "version": 1, "created_at": now,
                "updated_at": now, "external_id": draft.external_id, "document_ids": draft.document_ids,
                "titles": computed.titles, "is_sample": computed.license.is_sample, **computed.values(),
            }  # fmt: skip
            try:
                row = (await tx.execute(insert(table).values(values).returning(table))).one()
            except IntegrityError as error:
                raise taken(error) from None
            parts = [
                {
                    "id": new_id("dip"), "distribution_id": row.id, "at": at, "kind": part.kind, "name": part.name,
                    "uscc": part.uscc, "organization_id": part.organization_id, "inventor_id": part.inventor_id,
                    "fen": part.fen,
                }
                for at, part in enumerate(computed.found.parts)
            ]  # fmt: skip
            if parts:
                await tx.execute(insert(models.distribution_part), parts)
            await self._tell(tx, row, "computed", by, now, {"gross": terms.yuan(row.gross_fen)})
            return await self._acts.answer(tx, await self._loaded(tx, row, by))

    async def _asked(self, draft: DistributionDraft, by: Caller) -> list[DealTarget]:
        """The patents of the license as they stand now; the license is its licensor's to distribute."""
        await self._targets.check_documents(draft.document_ids, by)
        async with self._db.read() as tx:
            row = await self._licenses.visible(tx, draft.license_id, by, lock=False)
        if row.licensor_id != by.organization_id:
            raise no_license()
        return await self._targets.licensed(row.patent_ids, LicenseType(row.license_type), wanted(scope_of(row)))

    async def _computed(
        self, tx: Tx, draft: DistributionDraft, asked: Sequence[DealTarget], by: Caller, *, lock: bool
    ) -> _Computed:
        row = await self._licenses.visible(tx, draft.license_id, by, lock=lock)
        owners, own_at = _owners(asked, draft)
        rule = await self._valid(tx, by.organization_id, legal_day(self._clock.now()))
        scheme = _scheme(rule, by)
        persons = _persons(asked, draft)
        gross = await self._distributable(tx, row)
        common, own_costs = rules.costs(
            [(terms.fen(one.amount.amount), one.borne_by == "ALL_OWNERS") for one in draft.deductions]
        )
        for no in (
            rules.shares_are_known(
                owners, are_agreed=draft.owner_shares is not None, has_document=bool(draft.document_ids)
            ),
            rules.there_is_money(gross),
            rules.costs_are_covered(gross, common, 0, 0),
        ):
            if no:
                raise no.raised()
        own = 0 if own_at is None else rules.split(gross - common, [owner.share or 0 for owner in owners])[own_at]
        is_owed = scheme is not None and own > own_costs
        for no in (rules.costs_are_covered(gross, common, own, own_costs), rules.somebody_is_named(persons, is_owed)):
            if no:
                raise no.raised()
        pledgees = sorted({one.name for target in asked for one in target.pledgees})
        warning = rules.pledgees_come_first(pledgees)
        raise_unless_acknowledged([], [warning] if warning else [], draft.acknowledged_rules)
        found = rules.shared_out(gross, common, own_costs, owners, own_at, scheme, persons)
        titles = [one.title for one in asked]
        return _Computed(row, gross, (common, own_costs), found, scheme, rule, draft, titles)

    async def _distributable(self, tx: Tx, row: Row[Any]) -> int:
        """What has arrived towards the fee and is in no other distribution, in fen; what arrived beyond it is the payer's."""
        owed = sum(item.fen for item in (await models.dues_of(tx, [row.id]))[row.id])
        arrived = min(_arrived((await models.payments_under(tx, [row.id]))[row.id]), owed)
        if row.source_type == "OPEN_LICENSE":
            table = models.request
            due = (await tx.execute(select(table.c.due_fen).where(table.c.id == row.source_id))).scalar_one()
            arrived += min(_arrived((await models.payments_of(tx, [row.source_id]))[row.source_id]), due)
        table = models.distribution
        done = await tx.scalar(
            select(func.coalesce(func.sum(table.c.gross_fen), 0)).where(
                table.c.license_id == row.id, table.c.withdrawn_on.is_(None)
            )
        )
        return int(arrived) - int(done or 0)

    # Acts

    async def approve(self, id_: str, said: Approval, by: Caller) -> Distribution:
        """The unit approves: from now on its parties are due what was computed. Raises: RuleRefused DIST-STATE."""
        await self._targets.check_documents(said.document_ids, by)
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, parts = await self._open(tx, id_, DistributionAct.APPROVAL, by)
            row = await models.changed(tx, models.distribution, row, now, approved_on=today)
            await ledger.shared_out(tx, row, parts, await self._deal(tx, row), today, now)
            detail = {"signatory": dump(said.signatory), "document_ids": said.document_ids}
            await self._tell(tx, row, "approved", by, now, {"gross": terms.yuan(row.gross_fen)}, detail, parts)
            return await self._acts.answer(tx, await self._loaded(tx, row, by))

    async def withdraw(self, id_: str, said: DistributionWithdrawal, by: Caller) -> Distribution:
        """Take a distribution back while nobody was paid; what it shared out can be shared anew."""
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, parts = await self._open(tx, id_, DistributionAct.WITHDRAWAL, by)
            if row.approved_on is not None:
                await ledger.shared_out(tx, row, parts, await self._deal(tx, row), today, now, back=True)
            row = await models.changed(tx, models.distribution, row, now, withdrawn_on=today, reason=said.reason)
            await self._tell(tx, row, "withdrawn", by, now, {}, {"reason": said.reason}, parts)
            return await self._acts.answer(tx, await self._loaded(tx, row, by))

    async def pay(self, id_: str, said: Payout, by: Caller) -> Distribution:
        """Record what was paid to its parties. Raises: RuleRefused DIST-STATE, DIST-PAYOUT."""
        await self._targets.check_documents(said.document_ids, by)
        now, table = self._clock.now(), models.distribution_part
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row, parts = await self._open(tx, id_, DistributionAct.PAYOUTS, by)
            open_ = [part.id for part in parts if part.paid_on is None]
            wanted_ = said.part_ids if said.part_ids is not None else open_
            if no := rules.parts_are_open(wanted_, open_, said.paid_on, row.approved_on, legal_day(now)):
                raise no.raised()
            values = {"paid_on": said.paid_on, "reference": said.reference}
            await tx.execute(update(table).where(table.c.id.in_(wanted_)).values(values))
            row = await models.changed(tx, models.distribution, row, now)
            paid = [part for part in parts if part.id in wanted_]
            await ledger.paid_out(tx, row, paid, await self._deal(tx, row), said.paid_on, now)
            amount = terms.yuan(sum(part.fen for part in paid))
            detail = {"part_ids": wanted_, "reference": said.reference, "document_ids": said.document_ids}
            await self._tell(tx, row, "paid_out", by, now, {"amount": amount}, detail, paid)
            return await self._acts.answer(tx, await self._loaded(tx, row, by))

    async def _open(self, tx: Tx, id_: str, act: DistributionAct, by: Caller) -> tuple[Row[Any], list[Row[Any]]]:
        """A distribution of the caller's, locked, on which an act is open."""
        table = models.distribution
        row = (await tx.execute(select(table).where(table.c.id == id_).with_for_update())).first()
        if row is None or row.organization_id != by.organization_id:
            raise _no_distribution()
        parts = (await models.parts_of(tx, [id_]))[id_]
        is_partly_paid = any(part.paid_on is not None for part in parts)
        if no := rules.act_is_open(act, _state(row, parts), is_partly_paid=is_partly_paid):
            raise no.raised()
        return row, parts

    async def _deal(self, tx: Tx, row: Row[Any]) -> str:
        table = models.license_
        return ledger.deal_of((await tx.execute(select(table).where(table.c.id == row.license_id))).one())

    async def _tell(
        self,
        tx: Tx,
        row: Row[Any],
        past: str,
        by: Caller,
        now: datetime,
        told: dict[str, Any],
        detail: dict[str, Any] | None = None,
        parts: Sequence[Row[Any]] = (),
    ) -> None:
        """Record an act; the unit hears of it, and the co-owners whose parts it concerns. No person stands on a feed."""
        on = legal_day(now)
        await tx.execute(
            insert(models.act).values(
                subject=row.id, act=f"distribution_{past}", on=on, at=now, by=by.client_id,
                organization_id=by.organization_id, actor_id=by.actor_id, detail=detail or {},
            )
        )  # fmt: skip
        data = {"license_id": row.license_id, "on": on.isoformat()}
        told_to = [(row.organization_id, {**data, **told})]
        told_to += [
            (part.organization_id, {**data, "amount": terms.yuan(part.fen)}) for part in parts if part.organization_id
        ]
        changes = [change(f"distribution.{past}", row.id, audience, now, said) for audience, said in told_to]
        await models.feed.append(tx, changes)

    # Reading

    async def get(self, id_: str, by: Caller) -> Distribution:
        """A distribution: whole for whoever made it, its own part for a co-owner once it is approved."""
        table = models.distribution
        async with self._db.read() as tx:
            row = (await tx.execute(select(table).where(table.c.id == id_, _visible(by)))).first()
            if row is None:
                raise _no_distribution()
            return await self._loaded(tx, row, by)

    async def page(self, query: DistributionQuery, by: Caller) -> Page[Distribution]:
        """Distributions that the caller made, or has a part in; newest first."""
        table = models.distribution
        found = [_visible(by)]
        if query.license_id:
            found.append(table.c.license_id == query.license_id)
        if query.external_id:
            found.append(and_(table.c.external_id == query.external_id, table.c.organization_id == by.organization_id))
        if query.state:
            found.append(_is_in(query.state))
        condition = and_(*found)
        scope = ("distributions", by.organization_id, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope, query.after, query.limit
            )
            parts = await models.parts_of(tx, [row.id for row in rows])
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=[_shown(row, parts[row.id], by) for row in rows], next=more, count=total)

    async def _loaded(self, tx: Tx, row: Row[Any], by: Caller) -> Distribution:
        return _shown(row, (await models.parts_of(tx, [row.id]))[row.id], by)


def _is_state_unit(by: Caller) -> bool:
    return by.is_state_owned and by.organization_type in contract.UNITS


def _scheme(rule: Row[Any] | None, by: Caller) -> Scheme | None:
    """By what a unit shares: its own rule, else the statutory half (Art. 45); an individual shares with nobody."""
    if by.organization_type is OrganizationType.INDIVIDUAL:
        return None
    if rule is None:
        return Scheme(rules.STATUTORY, ())
    parts = list(rules.rates_of([(part["name"], part["rate"]) for part in rule.unit_parts]))
    return Scheme(Decimal(rule.persons_rate), parts)


def _owners(asked: Sequence[DealTarget], draft: DistributionDraft) -> tuple[Sequence[Owner], int | None]:
    """The owners with their shares, and which of them is the unit that keeps the record."""
    per_patent = [
        [Owner(one.name, one.uscc, one.organization_id, rules.percent(one.share)) for one in target.holders]
        for target in asked
    ]
    owners = rules.agreed_shares(per_patent)
    if draft.owner_shares is not None:
        known = {one.name: one.organization_id for target in asked for one in target.holders}
        owners = [
            Owner(one.name, one.uscc, known.get(one.name), rules.percent(one.share)) for one in draft.owner_shares
        ]
    target = asked[0]
    mine = [one for one in target.holders if one not in target.others]
    own_at = next(
        (
            at
            for at, one in enumerate(owners)
            if mine and parties.is_party(one.name, one.uscc, mine[0].name, mine[0].uscc)
        ),
        None,
    )
    return owners, own_at


def _persons(asked: Sequence[DealTarget], draft: DistributionDraft) -> list[Person]:
    """Whom the unit names, else the recorded inventors of the patents, each once."""
    if draft.persons is not None:
        return [Person(one.name, one.inventor_id, one.weight) for one in draft.persons]
    return list(dict.fromkeys(Person(one.name, one.id) for target in asked for one in target.inventors))


def _visible(by: Caller) -> ColumnElement[bool]:
    table, part = models.distribution.c, models.distribution_part.c
    if by.is_operator:
        return table.id.is_not(None)
    is_me = or_(part.organization_id == by.organization_id, part.uscc == by.uscc)
    has_part = select(part.id).where(part.distribution_id == table.id, part.kind == "CO_OWNER", is_me).exists()
    return or_(table.organization_id == by.organization_id, and_(table.approved_on.is_not(None), has_part))


def _is_in(state: DistributionState) -> ColumnElement[bool]:
    """`_state`, in SQL."""
    table, part = models.distribution.c, models.distribution_part.c
    is_open = select(part.id).where(part.distribution_id == table.id, part.paid_on.is_(None)).exists()
    stands = table.withdrawn_on.is_(None)
    return {
        _S.WITHDRAWN: table.withdrawn_on.is_not(None),
        _S.COMPUTED: and_(stands, table.approved_on.is_(None)),
        _S.APPROVED: and_(stands, table.approved_on.is_not(None), is_open),
        _S.PAID: and_(stands, table.approved_on.is_not(None), ~is_open),
    }[state]


def _state(row: Row[Any], parts: Sequence[Row[Any]]) -> DistributionState:
    if row.withdrawn_on is not None:
        return _S.WITHDRAWN
    if row.approved_on is None:
        return _S.COMPUTED
    return _S.PAID if all(part.paid_on is not None for part in parts) else _S.APPROVED


def _figures(values: dict[str, Any]) -> dict[str, Any]:
    costs = sum(terms.fen(one["amount"]["amount"]) for one in values["deductions"] if one["borne_by"] == "OWN_SHARE")
    return {
        "license_id": values["license_id"], "gross": money(values["gross_fen"]),
        "common_costs": money(values["common_fen"]), "own_share": money(values["own_fen"]), "own_costs": money(costs),
        "net": money(values["net_fen"]), "persons_amount": money(values["persons_fen"]),
        "persons_rate": values["persons_rate"], "basis": values["basis"], "benefit_rule_id": values["benefit_rule_id"],
        "deductions": values["deductions"],
    }  # fmt: skip


def _shown(row: Row[Any], parts: Sequence[Row[Any]], by: Caller) -> Distribution:
    is_mine, state = by.may_touch(row.organization_id), _state(row, parts)
    is_partly_paid = any(part.paid_on is not None for part in parts)
    seen = [part for part in parts if is_mine or _concerns(part, by)]
    figures = _figures(dict(row._mapping))
    if not is_mine:  # what the unit makes of its own share is its own affair
        figures |= {"deductions": [one for one in row.deductions if one["borne_by"] == "ALL_OWNERS"]}
        own = ("own_share", "own_costs", "net", "persons_amount", "persons_rate", "basis", "benefit_rule_id")
        figures |= dict.fromkeys(own)
    root = f"/v1/distributions/{row.id}"
    acts = list(DistributionAct) if row.organization_id == by.organization_id else []
    return Distribution.model_validate(
        {
            **figures,
            **{
                name: row._mapping[name]
                for name in ("id", "version", "created_at", "updated_at", "organization_id", "approved_on")
            },
            "external_id": row.external_id if is_mine else None,
            "reason": row.reason if is_mine else None,
            "document_ids": row.document_ids if is_mine else [],
            "parts": [
                DistributionPart(
                    id=part.id, kind=cast(Any, part.kind), name=part.name, uscc=part.uscc, inventor_id=part.inventor_id,
                    amount=money(part.fen), paid_on=part.paid_on, reference=part.reference,
                )
                for part in seen
            ],
            "state": state,
            "sample": row.is_sample,
            "available_acts": [
                offered(act.value, f"{root}/{act.value}", rules.act_is_open(act, state, is_partly_paid=is_partly_paid))
                for act in acts
            ],
        }
    )  # fmt: skip


def _concerns(part: Row[Any], by: Caller) -> bool:
    is_me = part.organization_id == by.organization_id or (by.uscc is not None and part.uscc == by.uscc)
    return part.kind == "CO_OWNER" and is_me
