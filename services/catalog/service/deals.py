"""What catalog tells deals of a patent, and what deals leave on its record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from services.catalog import models
from services.catalog.rules.eligibility import refusals
from services.catalog.rules.status import ALIVE, Standing, grace_end
from services.catalog.service.codes import region_doubts
from services.catalog.service.events import Events
from services.catalog.service.patents import no_patent
from services.catalog.service.record import spoken
from services.catalog.service.targets import expiry_of, keeper_at, state_on, status_of, target_of
from shared.clock import Clock, legal_day
from shared.contracts.catalog import (
    Consent,
    DealQuery,
    DealTarget,
    DealTargets,
    EncumbranceKind,
    EventCode,
    EventDetail,
    EventSource,
    Holder,
    HoldingCount,
    Holdings,
    Inventor,
    LegalEventDraft,
    LegalState,
    LicenseType,
    Pledgee,
)
from shared.contracts.feed import Change, FeedPage
from shared.contracts.values import PatentType
from shared.db import Database, Tx
from shared.feed import Told
from shared.rulebook import Refusal

FEED = "licensing"  # the cursor's name
HEARD = ("declaration.announced", "declaration.withdrawn", "license.effective", "license.converted", "license.ended")


class Deals:
    """Use cases of licensing on patents."""

    def __init__(self, db: Database, events: Events, told: Told, clock: Clock) -> None:
        self._db, self._events, self._told, self._clock = db, events, told, clock

    async def targets(self, query: DealQuery) -> DealTargets:
        """Patents as they stand now, and every reason against an act with each. Raises: NotFound."""
        today = legal_day(self._clock.now())
        async with self._db.read() as tx:
            rows = await models.patents_known_as(tx, query.patent_ids)
            doubts = await region_doubts(tx, query.scope.territory if query.scope else (), today)
        if query.must_be_there and not rows.keys() >= set(query.patent_ids):
            raise no_patent()
        return DealTargets(
            items=[
                self._target(id_, rows[id_], query, today, list(doubts.values()))
                for id_ in query.patent_ids
                if id_ in rows
            ]
        )

    def _target(self, id_: str, row: Row[Any], query: DealQuery, today: date, doubts: Sequence[Refusal]) -> DealTarget:
        status = status_of(row, today)
        is_void = status.state is LegalState.INVALIDATED  # what was performed before that stands (Patent Law Art. 47)
        holders, keeper = [Holder.model_validate(holder) for holder in row.holders], keeper_at(row)
        given = [
            Consent(
                id="given", role=one.role, party=one.party, party_uscc=one.party_uscc, acts=[query.act], given_on=today
            )
            for one in query.given
        ]
        standing = Standing.restored(row.standing)
        paid_until = standing.fees_paid_until
        return DealTarget(
            patent_id=id_,  # as it was asked, if it was folded into another since
            organization_id=row.organization_id,
            keeper_uscc=row.keeper_uscc,
            title=row.title,
            application_number=row.application_number,
            publication_number=row.publication_number,
            patent_type=PatentType(row.patent_type),
            filing_date=row.filing_date,
            grant_date=row.grant_date,
            expiry_date=expiry_of(row),
            legal_state=status.state,
            ended_on=status.as_of if is_void else status.ended_on,
            fees_paid_until=paid_until,
            grace_ends_on=grace_end(paid_until) if paid_until else None,
            holders=holders,
            others=[holder for at, holder in enumerate(holders) if at != keeper],
            inventors=[Inventor.model_validate(inventor) for inventor in row.inventors],
            pledgees=[
                Pledgee(name=pledge.party or "", uscc=pledge.party_uscc)
                for pledge in standing.active(EncumbranceKind.PLEDGE, today)
            ],
            sample=row.is_sample,
            violations=spoken(
                [*doubts, *refusals(replace(target_of(row, today, given), wanted=query.scope), query.act, today)]
            ),
        )

    async def holdings(self, organization_id: str, year: int) -> Holdings:
        """The patents that an organization keeps on record, by type, as of the end of a year or of today."""
        table = models.patent.c
        first, last = date(year, 1, 1), min(date(year, 12, 31), legal_day(self._clock.now()))
        is_alive = state_on(last).in_([state.value for state in ALIVE])
        counted = (
            select(
                table.patent_type,
                func.count().label("held"),
                func.count().filter(table.grant_date >= first).label("granted_in_year"),
                func.count().filter(is_alive).label("in_force"),
            )
            .where(table.organization_id == organization_id, table.grant_date <= last)
            .group_by(table.patent_type)
            .order_by(table.patent_type)
        )
        async with self._db.read() as tx:
            return Holdings(items=[HoldingCount.model_validate(row._mapping) for row in await tx.execute(counted)])

    async def follow(self) -> None:
        """Loop: what was announced, withdrawn and licensed goes onto the patents' record."""
        await models.feed.take_in(self._db, FEED, self._told, HEARD, self._work_out)

    async def _work_out(self, page: FeedPage) -> Callable[[Tx], Awaitable[None]]:
        """What the acts of a page leave on record."""
        events = [(id_, draft) for each in _once(page.items) for id_, draft in _events(each)]

        async def write(tx: Tx) -> None:
            rows = await models.patents_known_as(tx, sorted({id_ for id_, _ in events}), lock=True)
            known = [(rows[id_], draft) for id_, draft in events if id_ in rows]
            await self._events.record_many(tx, known, "licensing", self._clock.now(), is_trial=False)

        return write


def _once(changes: Sequence[Change]) -> list[Change]:
    """Each fact once: both sides of a deal are told of it."""
    return list({(each.type, each.subject): each for each in changes}.values())


def _events(said: Change) -> list[tuple[str, LegalEventDraft]]:
    """What an act of a deal leaves on the record of its patents."""
    data = said.data
    on = date.fromisoformat(str(data["on"]))
    if said.type in ("license.effective", "license.converted"):
        detail = EventDetail(
            reference=said.subject,
            license_type=LicenseType(str(data["license_type"])),
            until=date.fromisoformat(str(data["until"])),
            territory=data.get("territory"),
            field_of_use=", ".join(map(str, data.get("field_of_use") or [])) or None,
        )
        draft = LegalEventDraft(
            code=EventCode.LICENSE_RECORDED, occurred_on=on, source=EventSource.HOLDER, detail=detail
        )
        drafts = [draft]
        if said.type == "license.converted":  # the trial's entry ends, the license's begins
            ended = EventDetail(reference=said.subject)
            drafts.insert(
                0,
                LegalEventDraft(code=EventCode.LICENSE_ENDED, occurred_on=on, source=EventSource.HOLDER, detail=ended),
            )
        patents = data["patent_ids"]
        assert isinstance(patents, list)
        return [(str(id_), draft) for id_ in patents for draft in drafts]
    if said.type == "license.ended":
        ended = EventDetail(reference=said.subject)
        draft = LegalEventDraft(code=EventCode.LICENSE_ENDED, occurred_on=on, source=EventSource.HOLDER, detail=ended)
        return [(str(id_), draft) for id_ in data["patent_ids"]]
    if said.type == "declaration.announced":
        code, detail = EventCode.OPEN_LICENSE, EventDetail(reference=str(data["announcement_number"]))
    else:
        code, detail = EventCode.OPEN_LICENSE_WITHDRAWAL, EventDetail(note=said.subject)
    draft = LegalEventDraft(code=code, occurred_on=on, source=EventSource.REGISTER, detail=detail)
    return [(str(data["patent_id"]), draft)]
