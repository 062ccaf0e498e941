"""The sample's deals: they go when catalog has taken the sample out, and everything that hangs on them.

What is done stays on record as acts and on the feed; rows that show, count or occupy something do not.
"""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Table, delete, or_, select, union_all

from services.licensing import models
from shared.db import Tx

# What refers to deals without a foreign key.
_LOOSE: dict[Table, Column[str]] = {
    models.scope_cell: models.scope_cell.c.holder_id,
    models.ledger_entry: models.ledger_entry.c.deal_id,
    models.reminder: models.reminder.c.subject,
}


async def remove(tx: Tx) -> None:
    """Delete every deal of the sample, what hangs on it first."""
    tables = [table for table in reversed(models.meta.sorted_tables) if _of_sample(table) is not None]
    # What hangs on no foreign key is known by rows that have to be there still.
    for table in sorted(tables, key=lambda one: not _is_loose(one)):
        found = _of_sample(table)
        assert found is not None
        await tx.execute(delete(table).where(found))


def _is_loose(table: Table) -> bool:
    return table in _LOOSE or any(_is_loose(key.column.table) for key in table.foreign_keys)


def _of_sample(table: Table) -> ColumnElement[bool] | None:
    """The rows of a table that are of the sample, or refer to such rows; None where no table's could."""
    if "is_sample" in table.c:
        return table.c.is_sample.is_(True)
    if table in _LOOSE:
        deals = [select(one.c.id).where(one.c.is_sample) for one in models.meta.sorted_tables if "is_sample" in one.c]
        return _LOOSE[table].in_(union_all(*deals))
    parts = [
        key.parent.in_(select(key.column).where(found))
        for key in sorted(table.foreign_keys, key=lambda one: one.parent.name)
        if (found := _of_sample(key.column.table)) is not None
    ]
    return or_(*parts) if parts else None
