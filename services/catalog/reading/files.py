"""Files as heads and numbered rows, whatever their format; nothing is kept of a row that was handed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.catalog.rules.files import has_few_enough_rows, no_rows
from services.catalog.rules.tables import Heads
from shared.rulebook import Refusal, Refused

HEAD_WITHIN = 20  # rows with anything in them above which a head is looked for: titles, dates, remarks


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it stands in the file: its number there, and its cells under the heads; or why it cannot be read."""

    number: int
    cells: Sequence[Any]
    refusal: Refusal | None = None


class _Absent:
    """A key that a record does not have: its field is not touched, while null empties it."""


ABSENT = _Absent()


class Source(Protocol):
    """A file that can be read from the start any number of times."""

    def heads(self) -> list[str]:
        """The names of the columns, in their order; cells stand in the same order."""
        ...

    def lines(self) -> Iterator[Line]:
        """The rows that hold anything. Raises: Refused, when the rest of the file cannot be read."""
        ...

    def walked(self) -> Iterator[object]:
        """Something for each of `lines`, where that costs less than a line. Raises: as `lines`."""
        return self.lines()


def counted(source: Source) -> int:
    """How many rows a file has. Raises: Refused, for none and for too many; reads the whole file once."""
    count = 0
    for _ in source.walked():
        count += 1
        if no := has_few_enough_rows(count):
            raise Refused(no)
    if not count:
        raise Refused(no_rows())
    return count


def head_row(rows: Iterator[tuple[int, list[Any]]], known: Heads, mapping: Mapping[str, str]) -> tuple[int, list[str]]:
    """(row number, heads) of the row that names columns, titles above it passed over; (0, []) when there is none.

    Of the first twenty rows with anything in them: the first that names two columns, else the first that
    names one.
    """
    best: tuple[int, list[str]] = (0, [])
    for _, (number, cells) in zip(range(HEAD_WITHIN), rows, strict=False):
        heads = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
        while heads and not heads[-1]:
            heads.pop()
        named = sum(1 for head in heads if head and known.field(head, mapping))
        if named > 1:
            return number, heads
        if named and not best[0]:
            best = number, heads
    return best
