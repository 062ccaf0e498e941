"""Licenses: given by a notice and its payment or by a signed contract, ended by the calendar, by agreement or for breach."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, Table, and_, func, insert, or_, select
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import contract as contract_rules
from services.licensing.rules import dunning, notice, periods, schedule
from services.licensing.rules import recordal as rules
from services.licensing.rules.contract import Contract
from services.licensing.rules.dunning import DemandState
from services.licensing.rules.schedule import Due
from services.licensing.rules.terms import fen, yuan
from services.licensing.service import agency, scopes
from services.licensing.service.calendar import working_days
from services.licensing.service.declarations import offered
from services.licensing.service.money import all_shown, kept_fen, money
from services.licensing.service.restrictions import bars
from services.licensing.service.targets import Targets
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import Fee, Holder, LicenseType
from shared.contracts.licensing import (
    AvailableAct,
    Demand,
    DemandDraft,
    DueItem,
    DueState,
    License,
    LicenseQuery,
    LicenseScope,
    LicenseSource,
    LicenseState,
    OfferTerms,
    Payment,
    PaymentState,
    QuickTerms,
    Recordal,
    RecordalOut,
    RecordalState,
    ReportPeriod,
    Side,
    SignatureOut,
    TerminationDraft,
    Terms,
    TimelineEntry,
)
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.errors import NotFound, Text
from shared.feed import change
from shared.idempotency import Idempotency
from shared.ids import new_id
from shared.paging import Cursors
from shared.rulebook import Refusal

_BASIS = {
    "notified": "专利法第五十一条第一款；民法典第一百三十七条",
    "payment_reported": "民法典第五百零九条",
    "payment_settled": "民法典第五百五十七条第一款第一项",
    "payment_contested": "平台付款确认规则",
    "payment_not_received": "平台付款确认规则",
    "payment_refunded": "民法典第九百八十五条",
    "payment_withdrawn": "平台付款确认规则",
    "agreed": "民法典第四百七十九条、第四百九十一条",
    "signed": "民法典第四百九十条",
    "given_up": "民法典第四百九十一条",
    "effective": "专利法第五十一条第一款",
    "concluded": "民法典第四百九十条、第五百零二条",
    "trial_begun": "民法典第四百七十三条、第四百九十一条第二款",
    "converted": "民法典第一百五十八条、第五百零二条",
    "first_sale": "民法典第一百五十八条",
    "trial_left": "民法典第五百六十二条第二款",
    "termination_proposed": "民法典第五百六十二条第一款",
    "terminated": "民法典第五百六十二条、第五百六十三条、第五百六十五条",
    "royalty_reported": "民法典第八百四十六条",
    "royalty_verified": "民法典第八百四十六条第二款",
    "royalty_contested": "民法典第八百四十六条第二款",
    "patent_ended": "民法典第八百六十五条；专利法第四十四条、第四十七条；实施细则第一百一十五条",
    "patent_restored": "专利法实施细则第六条",
    "demanded": "民法典第五百六十三条第一款第三项、第八百七十三条",
    "recordal_filed": "专利法实施细则第十五条、第八十七条",
    "recordal_recorded": "专利实施许可合同备案办法",
    "recordal_refused": "专利实施许可合同备案办法",
    "recordal_changed": "专利实施许可合同备案办法",
    "recordal_cancelled": "专利实施许可合同备案办法",
}


# The acts on a license as papers name them.
TITLES = {
    "agreed": Text("agreed", "达成合意"),
    "signed": Text("signed by one side", "一方签署"),
    "concluded": Text("concluded, in force", "合同成立并生效"),
    "effective": Text("in force", "许可生效"),
    "trial_begun": Text("trial begun", "试用开始"),
    "converted": Text("converted into a license", "试用转正"),
    "first_sale": Text("first sale", "首次销售"),
    "trial_left": Text("trial left", "退出试用"),
    "terminated": Text("terminated", "合同解除"),
    "patent_ended": Text("a patent has ended", "专利权终止"),
    "patent_restored": Text("the patent is in force again", "专利权恢复"),
    "recordal_filed": Text("filed for recordal", "提交备案"),
    "recordal_recorded": Text("recorded by the patent office", "备案完成"),
    "recordal_refused": Text("recordal refused", "不予备案"),
    "recordal_changed": Text("recordal changed", "备案变更"),
    "recordal_cancelled": Text("recordal cancelled", "备案注销"),
}


class Licenses:
    """Use cases on licenses."""

    def __init__(self, db: Database, targets: Targets, acts: Idempotency, cursors: Cursors, clock: Clock) -> None:
        self._db, self._targets, self._acts, self._cursors, self._clock = db, targets, acts, cursors, clock

    # How a license begins

    async def begin(self, tx: Tx, request: Row[Any], declaration: Row[Any], on: date, by: Caller, now: datetime) -> str:
        """Enter the license that a notice and its payment have made; everybody concerned hears of it.

        Nobody decides here: the law has given it.
        """
        terms = Terms.model_validate(request.terms)
        until = notice.license_until(on, terms.license_term_months, declaration.expiry_date)
        working = await working_days(tx)
        id_ = new_id("lic")
        values = {
            "id": id_, "organization_id": request.organization_id, "version": 1, "created_at": now, "updated_at": now,
            "licensor_id": request.licensor_id, "licensors": declaration.patent["holders"],
            "patent_ids": [request.patent_id], "source_type": "OPEN_LICENSE", "source_id": request.id,
            "license_type": LicenseType.ORDINARY, "terms": request.terms, "terms_hash": request.terms_hash,
            "begins_on": on, "until": until, "agreed_on": legal_day(request.delivered_at), "effective_on": on, "royalty_from": on,
            "recordal_due_on": periods.recordal_due_on(on, working), "is_sample": request.is_sample,
            "patent_ended_on": declaration.patent_ended_on,
        }  # fmt: skip
        row = (await tx.execute(insert(models.license_).values(values).returning(models.license_))).one()
        await scopes.queue(tx, [request.patent_id])
        await scopes.take_by_law(tx, id_, request.patent_id, on, until, legal_day(now))
        await self.plan(tx, row, schedule.planned(terms, on, working))
        await self.tell(tx, row, "effective", on, by, now, {"request_id": request.id}, told=_of_effect(row))
        if row.patent_ended_on is not None:  # it was paid before that day, and only now is that known
            await self.tell(tx, row, "patent_ended", row.patent_ended_on, by, now, {})
        return id_

    async def plan(self, tx: Tx, row: Row[Any], planned: Iterable[tuple[str, int, date]]) -> None:
        """Enter what a license costs, as far as it is known: (kind, fen, last day)."""
        items = [
            {"id": new_id("due"), "license_id": row.id, "kind": kind, "fen": fen, "due_on": due_on}
            for kind, fen, due_on in planned
        ]
        if items:
            await tx.execute(insert(models.due_item), items)

    async def takes_effect(self, tx: Tx, row: Row[Any], on: date, by: Caller, now: datetime) -> Row[Any]:
        """A contract that both sides have signed is in force; everybody concerned hears of it."""
        working = await working_days(tx)
        due = periods.recordal_due_on(on, working)
        begins = max(on, row.begins_on)
        row = await models.changed(
            tx, models.license_, row, now, effective_on=on, recordal_due_on=due, royalty_from=begins
        )
        await self.plan(tx, row, schedule.planned(OfferTerms.model_validate(row.terms), on, working))
        await self.tell(tx, row, "concluded", on, by, now, {}, feed="license.effective", told=_of_effect(row))
        return row

    async def begin_trial(self, tx: Tx, values: dict[str, Any], by: Caller, now: datetime) -> Row[Any]:
        """Enter the license of a trial, in force from its first day."""
        row: Row[Any] = (await tx.execute(insert(models.license_).values(values).returning(models.license_))).one()
        await self.tell(
            tx, row, "trial_begun", row.effective_on, by, now, {}, feed="license.effective", told=_of_effect(row)
        )
        return row

    async def tell(
        self,
        tx: Tx,
        row: Row[Any],
        past: str,
        on: date,
        by: Caller,
        now: datetime,
        detail: dict[str, Any],
        *,
        feed: str | None = None,
        told: dict[str, Any] | None = None,
    ) -> None:
        """Record an act on a license and tell both sides of it; `told` is what goes onto the feed."""
        mine = by.organization_id if by.organization_id in (row.licensor_id, row.organization_id) else None
        await tx.execute(
            insert(models.act).values(
                subject=row.id, act=past, on=on, at=now, by=by.client_id, organization_id=mine, actor_id=by.actor_id,
                detail=detail,
            )
        )  # fmt: skip
        data = {"on": on.isoformat(), "patent_ids": row.patent_ids, **(detail if told is None else told)}
        audiences = (row.organization_id, row.licensor_id)
        type_ = feed or f"license.{past}"
        await models.feed.append(tx, [change(type_, row.id, audience, now, data) for audience in audiences])

    # Reading

    async def get(self, id_: str, by: Caller) -> License:
        """A license, for its two sides."""
        async with self._db.read() as tx:
            return (await self.loaded(tx, [await self.visible(tx, id_, by, lock=False)], by))[0]

    async def visible(self, tx: Tx, id_: str, by: Caller, *, lock: bool) -> Row[Any]:
        """A license's row, for its two sides. Raises: NotFound."""
        statement = select(models.license_).where(models.license_.c.id == id_)
        row = (await tx.execute(statement.with_for_update() if lock else statement)).first()
        if row is None or not (by.may_touch(row.organization_id) or by.may_touch(row.licensor_id)):
            raise no_license()
        return row

    async def loaded(self, tx: Tx, rows: Sequence[Row[Any]], by: Caller) -> list[License]:
        """Licenses as they are shown, in as many statements as one of them takes."""
        ids = [row.id for row in rows]
        done, paid = await models.acts_of(tx, ids), await models.payments_under(tx, ids)
        dues, reports = await models.dues_of(tx, ids), await models.reports_of(tx, ids)
        told = await all_shown(tx, [one for row in rows for one in paid[row.id]], by)
        by_license = {row.id: [one for one in told if one.license_id == row.id] for row in rows}
        demanded = await models.demands_of(tx, ids)
        barred = await bars(tx, rows, by, legal_day(self._clock.now()))
        lives = await self._lives(tx, rows, done, paid)
        return [
            self._shown(
                row,
                lives[row.id],
                done[row.id],
                paid[row.id],
                by_license[row.id],
                dues[row.id],
                reports[row.id],
                demanded[row.id],
                by,
                barred(row),
            )
            for row in rows
        ]

    async def _lives(
        self, tx: Tx, rows: Sequence[Row[Any]], done: Mapping[str, list[Row[Any]]], paid: Mapping[str, list[Row[Any]]]
    ) -> dict[str, list[TimelineEntry]]:
        """Everything that was done about licenses: their own acts, the notice that made one, what was paid for it."""
        noticed = {row.source_id: row.id for row in rows if row.source_type == "OPEN_LICENSE"}
        before = await models.payments_of(tx, list(noticed))
        money = {one.id: noticed[id_] for id_, found in before.items() for one in found}
        money |= {one.id: id_ for id_, found in paid.items() for one in found}
        more, found = await models.acts_of(tx, [*noticed, *money]), {id_: list(acts) for id_, acts in done.items()}
        for subject, acts in more.items():
            found[noticed.get(subject) or money[subject]] += acts
        return {
            row.id: [_entry(row, one, one.subject in money) for one in sorted(found[row.id], key=_moment)]
            for row in rows
        }

    def _shown(
        self,
        row: Row[Any],
        life: list[TimelineEntry],
        done: list[Row[Any]],
        paid: list[Row[Any]],
        told: list[Payment],
        dues: list[Row[Any]],
        reports: list[Row[Any]],
        demanded: list[Row[Any]],
        by: Caller,
        barred: Refusal | None,
    ) -> License:
        today = legal_day(self._clock.now())
        items, credit = _schedule(row, dues, paid, today)
        overdue = [one.id for one in items if one.state is DueState.OVERDUE]
        following = next_period(row, reports)
        state = contract_rules.state_on(contract_of(row), today)
        steps = [one for one in done if one.act.startswith("recordal_")]
        terms = terms_of(row)
        return License(
            **{
                name: row._mapping[name]
                for name in (
                    "id", "external_id", "version", "created_at", "updated_at", "organization_id", "licensor_id",
                    "patent_ids", "recordal_due_on", "terms_hash", "document_sha256", "sign_by", "terminated_on",
                    "patent_ended_on",
                )
            },
            licensee_name=row.licensee["name"] if row.licensee else None,
            licensors=[Holder.model_validate(holder) for holder in row.licensors],
            source=LicenseSource(type=row.source_type, id=row.source_id),
            license_type=LicenseType(row.license_type),
            scope=scope_of(row),
            fee=Fee.model_validate(row.terms["fee"]),
            terms=terms,
            signatures=[_signature(one) for one in done if one.act == "signed"],
            effective_at=row.effective_on,
            schedule=items,
            credit=money(credit),
            refunded=money(sum(one.refunded_fen for one in paid)),
            demands=[demand_shown(one, dues, paid, today) for one in demanded],
            payments=told,
            next_report=following
            and ReportPeriod(first_day=following[0], last_day=following[1], is_over=today > following[1]),
            state=state,
            recordal_state=recordal_state(row, done, today),
            recordals=[
                RecordalOut(
                    outcome=cast(Any, one.act.removeprefix("recordal_").upper()), on=one.on, at=one.at, **one.detail
                )
                for one in steps
            ],
            timeline=life,
            sample=row.is_sample,
            available_acts=_available(row, state, done, following, overdue, today, by, barred),
        )  # fmt: skip

    async def page(self, query: LicenseQuery, by: Caller) -> Page[License]:
        """The caller's licenses, on either side, newest first."""
        table = models.license_
        found = [sides(table, query.side, by)]
        if query.patent_id:
            found.append(table.c.patent_ids.contains([query.patent_id]))
        if query.license_type:
            found.append(table.c.license_type == query.license_type)
        if query.state:
            found.append(_is_in(query.state, legal_day(self._clock.now())))
        condition = and_(*found)
        scope = ("licenses", by.organization_id, query.model_dump_json(exclude={"after", "limit"}))
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(condition), (table.c.created_at, table.c.id), scope, query.after, query.limit
            )
            items = await self.loaded(tx, rows, by)
            total = await tx.scalar(select(func.count()).select_from(table).where(condition)) if query.count else None
        return Page(items=items, next=more, count=total)

    # How a license ends early

    async def terminate(self, id_: str, said: TerminationDraft, by: Caller) -> License:
        """End a license: by agreement, once both sides have said so, or by notice after the other side's breach.

        What was performed stands; the scope is free again from this day on.
        Raises: RuleRefused LIC-END, LIC-BREACH; DUAL-AGENCY for an agreement.
        """
        await self._targets.check_documents(said.document_ids, by)
        now = self._clock.now()
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self.visible(tx, id_, by, lock=True)
            side = standing(row, by)
            for no in (
                contract_rules.may_end(contract_rules.state_on(contract_of(row), today)),
                contract_rules.breach_was_warned_of(
                    said.ground, bool(said.document_ids), await self._demand(tx, said.demand_id, side, row, today)
                ),
                await agency.against_license(tx, row, by) if said.ground == "AGREEMENT" else None,
            ):
                if no:
                    raise no.raised()
            done = (await models.acts_of(tx, [id_]))[id_]
            agreed = {Side(one.detail["side"]) for one in done if one.act == "termination_proposed"} | {side}
            detail = {
                "ground": said.ground,
                "side": side.value,
                "document_ids": said.document_ids,
                "demand_id": said.demand_id,
                "reason": said.reason,
            }
            told = {"ground": said.ground, "side": side.value}
            if said.ground == "AGREEMENT" and agreed < set(Side):
                row = await models.changed(tx, models.license_, row, now)
                await self.tell(tx, row, "termination_proposed", today, by, now, detail, told=told)
            else:
                row = await models.changed(tx, models.license_, row, now, terminated_on=today)
                await scopes.leave_from(tx, id_, today)
                await self.tell(tx, row, "terminated", today, by, now, detail, feed="license.ended", told=told)
            return await self._acts.answer(tx, (await self.loaded(tx, [row], by))[0])

    # What is overdue is demanded

    async def demand(self, id_: str, draft: DemandDraft, by: Caller) -> Demand:
        """Demand what is overdue until a last day; when it has run out, a termination for breach may rest on it.

        Raises: RuleRefused DEMAND-ITEMS, DEMAND-PERIOD.
        """
        await self._targets.check_documents(draft.document_ids, by)
        now, table = self._clock.now(), models.demand
        today = legal_day(now)
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            row = await self.visible(tx, id_, by, lock=True)
            if standing(row, by) is not Side.LICENSOR:
                raise no_license()
            dues, paid = (await models.dues_of(tx, [id_]))[id_], (await models.payments_under(tx, [id_]))[id_]
            items = {one.id: one.fen for one in overdue_items(row, dues, paid, today)}
            for no in (
                dunning.items_are_overdue(draft.item_ids, items),
                dunning.period_is_reasonable(today, draft.pay_by),
            ):
                if no:
                    raise no.raised()
            open_ = sum(items[one] for one in set(draft.item_ids))
            pay_by = (await working_days(tx)).on_or_after(draft.pay_by)
            values = {
                "id": new_id("dmd"), "organization_id": row.licensor_id, "version": 1, "created_at": now,
                "updated_at": now, "license_id": id_, "item_ids": list(dict.fromkeys(draft.item_ids)), "fen": open_,
                "demanded_on": today, "pay_by": pay_by, "note": draft.note, "document_ids": draft.document_ids,
            }  # fmt: skip
            made: Row[Any] = (await tx.execute(insert(table).values(values).returning(table))).one()
            row = await models.changed(tx, models.license_, row, now)
            told = {"demand_id": made.id, "amount": yuan(open_), "pay_by": pay_by.isoformat()}
            await self.tell(tx, row, "demanded", today, by, now, told)
            return await self._acts.answer(tx, demand_shown(made, dues, paid, today))

    async def demands(self, id_: str, by: Caller) -> Page[Demand]:
        """The formal demands under a license, for its two sides, oldest first."""
        today = legal_day(self._clock.now())
        async with self._db.read() as tx:
            await self.visible(tx, id_, by, lock=False)
            dues, paid = (await models.dues_of(tx, [id_]))[id_], (await models.payments_under(tx, [id_]))[id_]
            found = (await models.demands_of(tx, [id_]))[id_]
            return Page(items=[demand_shown(one, dues, paid, today) for one in found])

    async def _demand(
        self, tx: Tx, demand_id: str | None, side: Side, row: Row[Any], today: date
    ) -> DemandState | None:
        """How the demand stands on which a side lets its termination rest. Raises: NotFound, for one that is not its own."""
        if demand_id is None:
            return None
        found = (await models.demands_of(tx, [row.id]))[row.id]
        known = next((one for one in found if one.id == demand_id and side is Side.LICENSOR), None)
        if known is None:
            raise NotFound("there is no such demand of yours", "没有该催告")
        dues, paid = (await models.dues_of(tx, [row.id]))[row.id], (await models.payments_under(tx, [row.id]))[row.id]
        return DemandState(demand_shown(known, dues, paid, today).state)

    # Its recordal

    async def record(self, id_: str, step: Recordal, by: Caller) -> License:
        """A step of the recordal: either side files it (rule 87); the office records or refuses it.

        Raises: RuleRefused REC-STATE, REC-EVIDENCE.
        """
        await self._targets.check_documents(step.document_ids, by)
        now = self._clock.now()
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            return await self._acts.answer(tx, await self.recorded(tx, id_, step, by, now))

    async def recorded(self, tx: Tx, id_: str, step: Recordal, by: Caller, now: datetime) -> License:
        """The same within the caller's transaction."""
        row, today = await self.visible(tx, id_, by, lock=True), legal_day(now)
        if row.effective_on is None:
            raise rules.nothing_to_record().raised()
        state = recordal_state(row, (await models.acts_of(tx, [id_]))[id_], today)
        for no in (
            rules.step_follows(step.outcome, state),
            rules.license_runs(step.outcome, step.on, ended_on(row, today)),
            rules.step_is_proved(step.outcome, bool(step.document_ids), step.number, by.is_operator),
            rules.step_is_dated(step.on, row.effective_on, today),
        ):
            if no:
                raise no.raised()
        detail = {"number": step.number, "reason": step.reason, "document_ids": step.document_ids}
        row = await models.changed(tx, models.license_, row, now)
        await self.tell(
            tx, row, f"recordal_{step.outcome.lower()}", step.on, by, now, detail, told={"number": step.number}
        )
        return (await self.loaded(tx, [row], by))[0]


_OF_LAW = ("effective", "concluded", "patent_ended", "patent_restored")


def _moment(one: Row[Any]) -> tuple[datetime, bool, int]:
    """Acts in their order; a notice that is a license at once is written down with the commit, after what it makes."""
    return one.at, one.act != "notified", one.position


def _entry(row: Row[Any], one: Row[Any], is_payment: bool) -> TimelineEntry:
    past = f"payment_{one.act}" if is_payment else one.act
    sides_ = {row.licensor_id: Side.LICENSOR, row.organization_id: Side.LICENSEE}
    return TimelineEntry(
        act=past, on=one.on, at=one.at, side=None if past in _OF_LAW else sides_.get(one.organization_id), reason=one.detail.get("reason"),
        basis=_BASIS.get(past),
    )  # fmt: skip


def recordal_state(row: Row[Any], done: Sequence[Row[Any]], today: date) -> RecordalState:
    """Whether a license is on record, by the steps that were taken and the calendar."""
    if row.recordal_due_on is None:
        return RecordalState.NOT_DUE
    steps = [one.act.removeprefix("recordal_").upper() for one in done if one.act.startswith("recordal_")]
    return rules.state_on(steps, row.recordal_due_on, today)


def sides(table: Table, side: str | None, by: Caller) -> ColumnElement[bool]:
    """Deals of the caller: on one side, or on either; of everybody for the operator."""
    own, given = table.c.organization_id == by.organization_id, table.c.licensor_id == by.organization_id
    if side is not None:
        return own if side == "LICENSEE" else given
    return table.c.id.is_not(None) if by.is_operator else or_(own, given)


_TERMS_OF: dict[str, type[Terms | OfferTerms | QuickTerms]] = {
    "OPEN_LICENSE": Terms,
    "OFFER": OfferTerms,
    "QUICK_LICENSE": QuickTerms,
}


def terms_of(row: Row[Any]) -> Terms | OfferTerms | QuickTerms:
    """The terms of a license: announced ones, or those of an offer."""
    return _TERMS_OF[row.source_type].model_validate(row.terms)


def scope_of(row: Row[Any]) -> LicenseScope:
    """Where, for what and how long a license is granted."""
    terms = terms_of(row)
    place = terms.scope if isinstance(terms, OfferTerms) else terms
    whole = {} if isinstance(place, Terms) else place.model_dump(include={"territory", "field_of_use"})
    return LicenseScope.model_validate({**whole, "from": row.begins_on, "to": row.until})


def last_day(row: Row[Any]) -> date:
    """The last day of a license, early or not."""
    days: list[date | None] = [row.until, row.terminated_on, row.patent_ended_on]
    return min(day for day in days if day is not None)


def ended_on(row: Row[Any], today: date) -> date | None:
    """The first day on which a license was no longer in force, once it has come."""
    over = min(
        day for day in (row.until + timedelta(days=1), row.terminated_on, row.patent_ended_on) if day is not None
    )
    return over if over <= today else None


def never_was(row: Row[Any]) -> bool:
    """Whether a license was entered under a patent that had ended already, as was found only later."""
    return row.patent_ended_on is not None and row.effective_on is not None and row.patent_ended_on <= row.effective_on


def before_end(row: Row[Any]) -> date:
    """The last day on which a license may be used, unless it was terminated: its term's, or the last of its patents."""
    until: date = row.until
    return until if row.patent_ended_on is None else min(until, row.patent_ended_on - timedelta(days=1))


def next_period(row: Row[Any], reports: Sequence[Row[Any]]) -> tuple[date, date] | None:
    """The period whose royalty is to be reported next, None when there is none; `reports` are those that count."""
    if row.royalty_from is None:
        return None
    known = {one.first_day for one in reports}
    periods_ = schedule.reporting_periods(terms_of(row), row.royalty_from, last_day(row))
    return next((period for period in periods_ if period[0] not in known), None)


def unpaid_items(dues: Sequence[Row[Any]], paid: Sequence[Row[Any]]) -> list[Due]:
    """The items of a schedule that are not paid in full."""
    items = [Due(one.id, one.fen, one.due_on) for one in dues]
    got, _ = schedule.allocated(items, _settled(paid))
    return [item for item in items if got[item.id] < item.fen]


def overdue_items(row: Row[Any], dues: Sequence[Row[Any]], paid: Sequence[Row[Any]], today: date) -> list[Due]:
    """The items that are overdue, with what of them is open."""
    return [
        Due(item.id, fen(item.amount.amount) - fen(item.settled.amount), item.due_on)
        for item in _schedule(row, dues, paid, today)[0]
        if item.state is DueState.OVERDUE
    ]


def demand_shown(one: Row[Any], dues: Sequence[Row[Any]], paid: Sequence[Row[Any]], today: date) -> Demand:
    """A demand, and whether what it demanded was paid."""
    open_ = {item.id for item in unpaid_items(dues, paid)} & set(one.item_ids)
    waits = any(pay.state in (PaymentState.REPORTED, PaymentState.CONTESTED) for pay in paid)
    state = dunning.state_on(one.pay_by, not open_, waits, today)
    return Demand.model_validate({**one._mapping, "amount": money(one.fen), "state": state.value})


def credit_fen(row: Row[Any], dues: Sequence[Row[Any]], paid: Sequence[Row[Any]], today: date) -> int:
    """What arrived beyond the schedule of a license and was not returned."""
    return _schedule(row, dues, paid, today)[1]


def _settled(paid: Sequence[Row[Any]]) -> list[schedule.Money]:
    return [schedule.Money(kept_fen(one), one.item_id) for one in paid if one.state == PaymentState.SETTLED]


def _schedule(
    row: Row[Any], dues: Sequence[Row[Any]], paid: Sequence[Row[Any]], today: date
) -> tuple[list[DueItem], int]:
    """What a license costs and what of it is paid, and what arrived beyond it in fen."""
    items = [Due(one.id, one.fen, one.due_on) for one in dues]
    got, rest = schedule.allocated(items, _settled(paid))
    ended = min((day for day in (row.terminated_on, row.patent_ended_on) if day is not None), default=None)
    found = [
        DueItem(
            id=one.id,
            kind=one.kind,
            amount=money(one.fen),
            due_on=one.due_on,
            settled=money(got[one.id]),
            state=schedule.state_on(item, got[one.id], ended if one.kind != "ROYALTY" else None, today),
        )
        for one, item in zip(dues, items, strict=True)
    ]
    return found, rest


def no_license() -> NotFound:
    """For an unknown id, and for strangers."""
    return NotFound("there is no such license", "没有该许可")


def contract_of(row: Row[Any]) -> Contract:
    """A license's row as the rules see it."""
    return Contract(
        begins_on=row.begins_on,
        until=row.until,
        effective_on=row.effective_on,
        sign_by=row.sign_by,
        terminated_on=row.terminated_on,
        patent_ended_on=row.patent_ended_on,
        is_given_up=row.given_up_on is not None,
    )


def standing(row: Row[Any], by: Caller) -> Side:
    """On which side the caller stands. Raises: NotFound for the operator, who acts for nobody."""
    known = {row.licensor_id: Side.LICENSOR, row.organization_id: Side.LICENSEE}
    if (side := known.get(by.organization_id)) is None:
        raise no_license()
    return side


def signed_by(done: Sequence[Row[Any]]) -> set[Side]:
    """Which sides have signed."""
    return {Side(one.detail["side"]) for one in done if one.act == "signed"}


def _signature(one: Row[Any]) -> SignatureOut:
    said = one.detail
    return SignatureOut.model_validate({**said, "on": one.on, "at": one.at})


def _of_effect(row: Row[Any]) -> dict[str, Any]:
    """What the feed says of a license that is in force."""
    scope = row.terms.get("scope") or row.terms
    return {
        "license_type": row.license_type, "on": row.effective_on.isoformat(), "until": row.until.isoformat(),
        "licensee_id": row.organization_id, "licensor_id": row.licensor_id, "territory": scope.get("territory"),
        "field_of_use": scope.get("field_of_use"),
    }  # fmt: skip


def _is_in(state: LicenseState, today: date) -> ColumnElement[bool]:
    """`state_on`, in SQL."""
    table = models.license_.c
    unsigned = table.effective_on.is_(None)
    lapsed = or_(table.given_up_on.is_not(None), table.sign_by < today)
    has_ended = func.coalesce(table.terminated_on <= today, False)
    is_gone = func.coalesce(table.patent_ended_on <= today, False)
    runs = and_(~unsigned, ~has_ended, ~is_gone, table.until >= today)
    found: dict[LicenseState, ColumnElement[bool]] = {
        LicenseState.PENDING_SIGNATURES: and_(unsigned, ~lapsed),
        LicenseState.NOT_CONCLUDED: and_(unsigned, lapsed),
        LicenseState.TERMINATED: and_(~unsigned, has_ended),
        LicenseState.EXPIRED: and_(~unsigned, ~has_ended, or_(is_gone, table.until < today)),
        LicenseState.SIGNED: and_(runs, table.begins_on > today),
        LicenseState.IN_FORCE: and_(runs, table.begins_on <= today),
    }
    return found[state]


def _available(
    row: Row[Any],
    state: LicenseState,
    done: Sequence[Row[Any]],
    following: tuple[date, date] | None,
    overdue: Sequence[str],
    today: date,
    by: Caller,
    barred: Refusal | None,
) -> list[AvailableAct]:
    root, found = f"/v1/licenses/{row.id}", []
    sides_: Collection[str] = (row.organization_id, row.licensor_id)
    if by.organization_id in sides_:
        if row.document_sha256 is not None and row.effective_on is None:
            no = contract_rules.may_sign(state, signed_by(done), standing(row, by))
            found.append(offered("signatures", f"{root}/signatures", no or barred))
        found.append(offered("terminations", f"{root}/terminations", contract_rules.may_end(state)))
        if by.organization_id == row.licensor_id:
            found.append(offered("demands", f"{root}/demands", dunning.items_are_overdue(overdue, overdue)))
    if by.organization_id == row.organization_id:
        no_money = schedule.license_takes_money(row.effective_on is not None)
        found.append(offered("payments", f"{root}/payments", no_money))
        if row.terms["fee"].get("rate") is not None:
            no_report = schedule.period_is_over(following, today)
            found.append(offered("royalty-reports", f"{root}/royalty-reports", no_report))
    no = rules.nothing_to_record() if row.effective_on is None else None
    if recordal_state(row, done, today) in rules.TO_BE_FILED:
        no = no or rules.license_runs("FILED", today, ended_on(row, today))
    return [*found, offered("recordals", f"{root}/recordals", no)]
