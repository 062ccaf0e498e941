"""Keyset pages: the cursor is opaque, signed, and good only for the list it was made for."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, CompoundSelect, Row, Select, asc, desc, literal, tuple_, union_all
from sqlalchemy.sql.elements import ColumnElement

from shared.db import Tx
from shared.errors import BadRequest
from shared.seal import Seal

_VERSION = 1
_MARK_BYTES = 16


def _refused() -> BadRequest:
    return BadRequest(
        "this cursor is not one of ours, or belongs to another list; start again without `after`",
        "该游标无效或不属于此列表，请去掉 after 参数从头读取",
        code="cursor_invalid",
    )


class Cursors:
    """Makes and reads cursors; `scope` names list, owner and filters, so that none can be mixed."""

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal(secret, "cursor")

    def make(self, scope: Sequence[object], values: Sequence[object]) -> str:
        """An opaque cursor after a row with these sort values."""
        plain = json.dumps([_VERSION, *values], default=_plain, ensure_ascii=False, separators=(",", ":")).encode()
        mark = self._seal.mark(repr(tuple(scope)).encode(), plain)[:_MARK_BYTES]
        return base64.urlsafe_b64encode(mark + plain).rstrip(b"=").decode()

    def read(self, scope: Sequence[object], cursor: str) -> list[Any]:
        """The sort values of a cursor that we made for this very list.

        Raises: BadRequest, for any other string.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise _refused() from None
        mark, plain = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        if not self._seal.agrees(mark, repr(tuple(scope)).encode(), plain):
            raise _refused()
        version, *values = json.loads(plain)
        if version != _VERSION:
            raise _refused()
        return list(values)

    async def page(
        self,
        tx: Tx,
        statement: Select[Any] | Sequence[Select[Any]],
        by: Sequence[Column[Any]],
        scope: Sequence[object],
        after: str | None,
        limit: int,
        *,
        falling: bool = True,
    ) -> tuple[Sequence[Row[Any]], str | None]:
        """The next rows of a statement that selects a unique key, sorted by it, and the cursor after them, if more follow.

        A statement may come in parts, see `following`.
        Raises: BadRequest, for a cursor that is not this list's.
        """
        parts = [statement] if isinstance(statement, Select) else statement
        at = [_value(column, value) for column, value in zip(by, self.read(scope, after), strict=True)] if after else ()
        rows = (await tx.execute(following(parts, by, at, limit + 1, falling=falling))).all()
        if len(rows) <= limit:
            return rows, None
        last = rows[limit - 1]._mapping
        return rows[:limit], self.make(scope, [last[column] for column in by])


def following(
    parts: Sequence[Select[Any]], by: Sequence[Column[Any]], at: Sequence[Any], limit: int, *, falling: bool
) -> Select[Any] | CompoundSelect[Any]:
    """The first rows after a key, sorted by it, of selections that share no row and have the same columns.

    `by` sorts all columns in one direction, so that PostgreSQL compares rows in one index condition. Each part is
    cut to its first rows before they are put together: so each is read from the index that suits it, where one
    condition with OR would read the whole table for every page.
    """
    if at:
        key, values = tuple_(*by), tuple_(*map(literal, at, (column.type for column in by)))
        parts = [part.where(key < values if falling else key > values) for part in parts]
    direction = desc if falling else asc
    parts = [part.order_by(*map(direction, by)).limit(limit) for part in parts]
    if len(parts) == 1:
        return parts[0]
    return union_all(*parts).order_by(*(direction(column.key) for column in by)).limit(limit)


def _plain(value: object) -> str:
    assert isinstance(value, datetime), f"a cursor cannot hold {value!r}"
    return value.isoformat()


def _value(column: ColumnElement[Any], value: Any) -> Any:
    return datetime.fromisoformat(value) if column.type.python_type is datetime else value
