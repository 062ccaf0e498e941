"""The ledger: every fen that arrived, was returned, shared out and paid out, in double entry, in the transaction of the act.

    RECEIVED  what has arrived at the payee, less what it has paid on        (debit)
    HELD      what has arrived and is nobody's yet                           (credit)
    DUE       what the parties of distributions are due, one line each       (credit)
    COSTS     what was kept back for costs before income was shared          (credit)

Lines of an entry make nothing (PostgreSQL sees to it at commit), so all accounts together do: what arrived is held,
due or kept for costs. Books are the payee's; money itself never passes through the platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, select
from sqlalchemy.sql.elements import ColumnElement

from services.licensing import models
from services.licensing.rules import terms
from shared.auth import Caller
from shared.contracts.benefits import LedgerAccount, LedgerBalances, LedgerEntry, LedgerLine, LedgerQuery
from shared.contracts.wire import Page
from shared.db import Database, Tx
from shared.paging import Cursors

_A = LedgerAccount
Line = tuple[LedgerAccount, int, str | None]


class Ledger:
    """Use cases on the ledger."""

    def __init__(self, db: Database, cursors: Cursors) -> None:
        self._db, self._cursors = db, cursors

    async def page(self, query: LedgerQuery, by: Caller) -> Page[LedgerEntry]:
        """The caller's entries, newest first."""
        table, line = models.ledger_entry, models.ledger_line
        async with self._db.read() as tx:
            rows, more = await self._cursors.page(
                tx, select(table).where(*_asked(query, by)), (table.c.position,),
                ("ledger", by.organization_id, query.model_dump_json(exclude={"after", "limit"})), query.after, query.limit,
            )  # fmt: skip
            lines: dict[int, list[LedgerLine]] = {row.position: [] for row in rows}
            found = await tx.execute(select(line).where(line.c.entry.in_(lines)).order_by(line.c.entry, line.c.at))
            for one in found:
                lines[one.entry].append(
                    LedgerLine(account=LedgerAccount(one.account), party=one.party, amount=signed(one.fen))
                )
        return Page(
            items=[LedgerEntry.model_validate({**row._mapping, "lines": lines[row.position]}) for row in rows],
            next=more,
        )

    async def balances(self, query: LedgerQuery, by: Caller) -> LedgerBalances:
        """What stands on the caller's accounts, of one deal or of all."""
        table, line = models.ledger_entry, models.ledger_line
        statement = (
            select(line.c.account, func.sum(line.c.fen))
            .join(table, table.c.position == line.c.entry)
            .where(*_asked(query, by))
            .group_by(line.c.account)
        )
        async with self._db.read() as tx:
            found = {LedgerAccount(account): int(fen) for account, fen in await tx.execute(statement)}
        return LedgerBalances(
            balances={account: signed(found.get(account, 0)) for account in LedgerAccount},
            total=signed(sum(found.values())),
        )


def _asked(query: LedgerQuery, by: Caller) -> list[ColumnElement[bool]]:
    table = models.ledger_entry.c
    found = [] if by.is_operator else [table.organization_id == by.organization_id]
    if query.deal_id:
        found.append(table.deal_id == query.deal_id)
    if query.first_day:
        found.append(table.on >= query.first_day)
    if query.last_day:
        found.append(table.on <= query.last_day)
    return [and_(*found)] if found else []


def signed(fen: int) -> str:
    """Fen as yuan; a credit is negative."""
    return f"-{terms.yuan(-fen)}" if fen < 0 else terms.yuan(fen)


def deal_of(license_: Row[Any]) -> str:
    """What a license's money is entered under: an open license's notice, under which its first payments came in."""
    found: str = license_.source_id if license_.source_type == "OPEN_LICENSE" else license_.id
    return found


async def settled(tx: Tx, payment: Row[Any], deal_id: str, now: datetime) -> None:
    """Money has arrived."""
    lines = [(_A.RECEIVED, payment.fen, None), (_A.HELD, -payment.fen, None)]
    await enter(tx, "SETTLED", payment.payee_id, deal_id, payment.id, payment.paid_on, now, lines)


async def refunded(tx: Tx, payment: Row[Any], fen: int, deal_id: str, refund_id: str, on: date, now: datetime) -> None:
    """Money that nobody owed went back to its payer."""
    lines = [(_A.RECEIVED, -fen, None), (_A.HELD, fen, None)]
    await enter(tx, "REFUNDED", payment.payee_id, deal_id, refund_id, on, now, lines)


async def shared_out(
    tx: Tx,
    distribution: Row[Any],
    parts: Sequence[Row[Any]],
    deal_id: str,
    on: date,
    now: datetime,
    *,
    back: bool = False,
) -> None:
    """A distribution was approved, or an approved one taken back: what was held is due to its parties."""
    sign = -1 if back else 1
    costs = distribution.gross_fen - sum(part.fen for part in parts)
    lines: list[Line] = [(_A.HELD, sign * distribution.gross_fen, None), (_A.COSTS, -sign * costs, None)]
    lines += [(_A.DUE, -sign * part.fen, part.id) for part in parts]
    kind = "WITHDRAWN" if back else "DISTRIBUTED"
    await enter(tx, kind, distribution.organization_id, deal_id, distribution.id, on, now, lines)


async def paid_out(
    tx: Tx, distribution: Row[Any], parts: Sequence[Row[Any]], deal_id: str, on: date, now: datetime
) -> None:
    """Parties of a distribution were paid."""
    lines: list[Line] = [(_A.DUE, part.fen, part.id) for part in parts]
    lines.append((_A.RECEIVED, -sum(part.fen for part in parts), None))
    await enter(tx, "PAID_OUT", distribution.organization_id, deal_id, distribution.id, on, now, lines)


async def enter(
    tx: Tx, kind: str, payee: str, deal_id: str, subject: str, on: date, now: datetime, lines: Sequence[Line]
) -> None:
    """An entry; lines of nothing are left out."""
    table = models.ledger_entry
    values = {"kind": kind, "organization_id": payee, "deal_id": deal_id, "subject": subject, "on": on, "at": now}
    position = (await tx.execute(insert(table).values(values).returning(table.c.position))).scalar_one()
    rows = [
        {"entry": position, "at": at, "account": account.value, "fen": fen, "party": party}
        for at, (account, fen, party) in enumerate(line for line in lines if line[1])
    ]
    await tx.execute(insert(models.ledger_line), rows)
