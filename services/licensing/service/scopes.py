"""Who occupies what of a patent: licenses, contracts that wait for signatures, live declarations.

PostgreSQL itself keeps two of them apart (the exclusion constraint on `scope_cell`); here is what explains it, and
what keeps those who want the same patent in a queue, so that the second is told who was first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import NamedTuple

from sqlalchemy import Row, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import declaration as declaration_rules
from services.licensing.rules import notice
from services.licensing.rules.notice import Notice, Paid
from services.licensing.rules.scope import (
    EVERYTHING,
    EVERYWHERE,
    Cell,
    Rival,
    cells_of,
    no_declaration_is_live,
    no_notice_is_pending,
    scope_is_free,
)
from shared.clock import legal_day
from shared.contracts.catalog import LicenseType
from shared.contracts.licensing import LicenseScope, PaymentState, RequestState
from shared.db import Tx, violated
from shared.rulebook import Refusal

_OPEN = (RequestState.NOTIFIED, RequestState.PAYMENT_REPORTED)
_TOLERANT = 1 << 62  # claims of those who tolerate others are points below it


async def queue(tx: Tx, patent_ids: Sequence[str]) -> None:
    """Wait for whoever deals in these patents at this moment; until our transaction ends others wait for us."""
    for id_ in sorted(set(patent_ids)):
        await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": id_})


class Turns:
    """A crowd that wants one patent alone waits here, in the order in which it came.

    In the database it would hold every connection, and everybody else would hear 503. Whoever finds at its turn that
    what it wants is lost tells all who wait for the very same: none of them has asked later than it looked.
    """

    def __init__(self, at_once: int = 3) -> None:  # fewer than there are connections
        self._at_once = at_once
        self._lanes: dict[tuple[str, ...], _Lane] = {}

    @asynccontextmanager
    async def of(self, patent_ids: Sequence[str], wanted: Hashable) -> AsyncIterator[Refusal | None]:
        """Wait for a turn at these patents: None when it has come, else what another was told meanwhile."""
        key = tuple(sorted(set(patent_ids)))
        lane = self._lanes.setdefault(key, _Lane())
        lane.crowd += 1
        try:
            lost = await lane.turn(wanted, self._at_once)
            try:
                yield lost
            finally:
                if lost is None:
                    lane.leave()
        finally:
            lane.crowd -= 1
            if not lane.crowd:
                del self._lanes[key]

    def tell(self, patent_ids: Sequence[str], wanted: Hashable, lost: Refusal) -> None:
        """Tell all who wait for the same, from within a turn."""
        for waiter in self._lanes[tuple(sorted(set(patent_ids)))].waiting.values():
            if waiter.wanted == wanted and not waiter.heard.done():
                waiter.heard.set_result(lost)


class _Waiter(NamedTuple):
    wanted: Hashable
    heard: asyncio.Future[Refusal | None]


class _Lane:
    def __init__(self) -> None:
        self.crowd = self._at_work = 0
        self.waiting: dict[int, _Waiter] = {}
        self._came = 0

    async def turn(self, wanted: Hashable, at_once: int) -> Refusal | None:
        if self._at_work < at_once:
            self._at_work += 1
            return None
        number, waiter = self._came, _Waiter(wanted, asyncio.get_running_loop().create_future())
        self._came += 1
        self.waiting[number] = waiter
        try:
            return await waiter.heard
        except asyncio.CancelledError:
            if waiter.heard.done() and not waiter.heard.cancelled() and waiter.heard.result() is None:
                self.leave()  # the turn had come just now: it goes to the next
            raise
        finally:
            del self.waiting[number]

    def leave(self) -> None:
        """Hand the turn on to whoever came first of those who wait."""
        for waiter in self.waiting.values():
            if not waiter.heard.done():
                waiter.heard.set_result(None)
                return
        self._at_work -= 1


async def against(
    tx: Tx, patent_ids: Sequence[str], type_: LicenseType, scope: LicenseScope, today: date
) -> Refusal | None:
    """What stands in the way of a license of this scope: for good only in the queue of its patents."""
    if type_ is not LicenseType.ORDINARY:
        live = await _live_declaration(tx, patent_ids)
        no = no_declaration_is_live(type_, live) or no_notice_is_pending(type_, await _pending(tx, patent_ids, today))
        if no:
            return no
    return scope_is_free(type_, await _rivals(tx, patent_ids, type_, scope, today))


async def take(
    tx: Tx, holder_id: str, patent_ids: Sequence[str], type_: LicenseType, scope: LicenseScope, today: date
) -> None:
    """Occupy a scope, which `against` has found free."""
    await _forget_lapsed(tx, patent_ids, today)
    await _insert(tx, holder_id, patent_ids, cells_of(scope), is_alone=type_ is not LicenseType.ORDINARY)


async def take_all(tx: Tx, holder_id: str, patent_id: str, first: date) -> None:
    """Occupy a whole patent beside others, from a day on: what a declaration does from its filing."""
    cell = Cell(EVERYWHERE, EVERYTHING, first, date.max)
    await _insert(tx, holder_id, [patent_id], [cell], is_alone=False)


async def take_by_law(tx: Tx, holder_id: str, patent_id: str, first: date, last: date, today: date) -> None:
    """Occupy a whole patent by an open license, which the law gives whatever else was granted meanwhile.

    A notice that had seemed unpaid may turn out to have been paid in time, after an exclusive license was signed: then
    both stand, and the later one has a claim against its licensor; this one then has no cell.
    """
    if first > last:
        return
    await _forget_lapsed(tx, [patent_id], today)
    cell = Cell(EVERYWHERE, EVERYTHING, first, last)
    table = models.scope_cell
    is_met = await tx.scalar(
        select(table.c.id)
        .where(table.c.patent_id == patent_id, table.c.period.overlaps(_days(cell)), func.upper_inf(table.c.claim))
        .limit(1)
    )
    if is_met is None:
        await _insert(tx, holder_id, [patent_id], [cell], is_alone=False)


async def taken_alone(tx: Tx, patent_id: str, today: date) -> str | None:
    """The sole or exclusive license, or the contract for one, that occupies some of a patent from a day on."""
    table = models.scope_cell
    await _forget_lapsed(tx, [patent_id], today)
    found: str | None = await tx.scalar(
        select(table.c.holder_id)
        .where(
            table.c.patent_id == patent_id, func.upper_inf(table.c.claim), table.c.period.overlaps(Range(today, None))
        )
        .limit(1)
    )
    return found


async def _insert(tx: Tx, holder_id: str, patent_ids: Sequence[str], cells: Sequence[Cell], *, is_alone: bool) -> None:
    rows = []
    for id_ in sorted(set(patent_ids)):
        for cell in cells:
            point = secrets.randbelow(_TOLERANT)
            rows.append(
                {
                    "holder_id": holder_id,
                    "patent_id": id_,
                    "regions": Range(*cell.regions),
                    "classes": Range(*cell.classes),
                    "period": _days(cell),
                    "claim": Range(None, None) if is_alone else Range(point, point + 1),
                }
            )
    try:
        await tx.execute(insert(models.scope_cell), rows)
    except IntegrityError as error:  # somebody came past the queue
        no = scope_is_free(
            LicenseType.EXCLUSIVE, [Rival(LicenseType.EXCLUSIVE, True, max(one.last_day for one in cells))]
        )
        if violated(error) != models.ALONE or no is None:
            raise
        raise no.raised() from None


def _days(cell: Cell) -> Range[date]:
    return Range(cell.first_day, None if cell.last_day == date.max else cell.last_day, bounds="[]")


async def holds(tx: Tx, holder_id: str) -> bool:
    """Whether something is still kept for a contract."""
    cell = models.scope_cell
    return await tx.scalar(select(cell.c.id).where(cell.c.holder_id == holder_id).limit(1)) is not None


async def leave(tx: Tx, holder_id: str) -> None:
    """Give up what was occupied, as if it had never been."""
    await tx.execute(delete(models.scope_cell).where(models.scope_cell.c.holder_id == holder_id))


async def leave_from(tx: Tx, holder_id: str, day: date) -> None:
    """Give up what was occupied, from a day on."""
    cell = models.scope_cell
    rest = cell.c.period * Range(None, day)
    await tx.execute(update(cell).where(cell.c.holder_id == holder_id).values(period=rest))


async def _live_declaration(tx: Tx, patent_ids: Sequence[str]) -> str | None:
    table = models.declaration
    found: str | None = await tx.scalar(
        select(table.c.id).where(table.c.patent_id.in_(patent_ids), table.c.state.in_(declaration_rules.LIVE)).limit(1)
    )
    return found


async def _pending(tx: Tx, patent_ids: Sequence[str], today: date) -> date | None:
    """Until when a notice under a withdrawn declaration may still become a license."""
    table = models.request
    rows = (
        await tx.execute(
            select(table).where(
                table.c.patent_id.in_(patent_ids), table.c.license_id.is_(None), table.c.cancelled_on.is_(None)
            )
        )
    ).all()
    paid = await models.payments_of(tx, [row.id for row in rows])
    open_ = [row.payment_due_on for row in rows if _state(row, paid[row.id], today) in _OPEN]
    return max(open_, default=None)


def _state(row: Row[object], payments: Sequence[Row[object]], today: date) -> RequestState:
    facts = row._mapping
    said = Notice(legal_day(facts["delivered_at"]), facts["due_fen"], facts["payment_due_on"])
    paid = [Paid(one._mapping["fen"], one._mapping["paid_on"], PaymentState(one._mapping["state"])) for one in payments]
    return notice.state_on(said, paid, today)


def _has_lapsed(today: date) -> ColumnElement[bool]:
    """A contract that was not signed in time; a license that has ended before what is kept for it (a trial)."""
    table = models.license_
    return or_(and_(table.c.effective_on.is_(None), table.c.sign_by < today), table.c.until < today)


async def _forget_lapsed(tx: Tx, patent_ids: Sequence[str], today: date) -> None:
    """What was not signed in time, or tried and not taken, keeps nothing; nobody has to be awake when its period ends."""
    cell, table = models.scope_cell, models.license_
    lapsed = select(table.c.id).where(table.c.patent_ids.overlap(list(patent_ids)), _has_lapsed(today))
    await tx.execute(delete(cell).where(cell.c.holder_id.in_(lapsed)))


async def _rivals(
    tx: Tx, patent_ids: Sequence[str], type_: LicenseType, scope: LicenseScope, today: date
) -> list[Rival]:
    cell, table = models.scope_cell, models.license_
    lapsed = _has_lapsed(today)
    met = or_(
        *(
            cell.c.regions.overlaps(Range(*one.regions))
            & cell.c.classes.overlaps(Range(*one.classes))
            & cell.c.period.overlaps(_days(one))
            for one in cells_of(scope)
        )
    )
    statement = (
        select(
            table.c.license_type,
            table.c.effective_on,
            func.coalesce(table.c.terminated_on, table.c.until).label("until"),
        )
        .join(cell, cell.c.holder_id == table.c.id)
        .where(cell.c.patent_id.in_(patent_ids), met, ~lapsed)
    )
    if type_ is LicenseType.ORDINARY:
        statement = statement.where(func.upper_inf(cell.c.claim))
    found = await tx.execute(statement)
    return [Rival(LicenseType(row.license_type), row.effective_on is not None, row.until) for row in found]
