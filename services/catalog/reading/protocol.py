"""What goes between an import and the child that reads its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.catalog.rules import intake, statuslists
from services.catalog.rules.tables import Cell, Heads
from shared.contracts.catalog import ImportSubject
from shared.rulebook import Refusal

HEADS: Mapping[ImportSubject, Heads] = {
    ImportSubject.PATENTS: intake.HEADS,
    ImportSubject.LEGAL_EVENTS: statuslists.EVENT_HEADS,
    ImportSubject.ANNUAL_FEES: statuslists.FEE_HEADS,
}


@dataclass(frozen=True, slots=True)
class Format:
    """A format, and the file names that mean it."""

    endings: tuple[str, ...]
    is_workbook: bool = False


FORMATS: Mapping[str, Format] = {
    "csv": Format((".csv", ".tsv", ".txt")),
    "xlsx": Format((".xlsx", ".xlsm"), is_workbook=True),
    "xls": Format((".xls",), is_workbook=True),
    "ods": Format((".ods",), is_workbook=True),
    "json": Format((".json",)),
    "ndjson": Format((".ndjson", ".jsonl")),
    "xml": Format((".xml",)),
}


@dataclass(frozen=True, slots=True)
class Order:
    """What the child is to read, and for whom; `content` is the number of an open file.

    `skip` rows at the start have been written before; `today` is the legal day as YYYY-MM-DD. `known` holds
    the digests of rows that say what their records hold already, one behind the other, as base64.
    """

    content: int
    form: str
    subject: str
    mapping: dict[str, str]
    regions: dict[str, str]
    today: str
    skip: int = 0
    chunk_rows: int = 500
    known: str = ""

    def to_json(self) -> str:
        """As it is sent."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, raw: str) -> Order:
        """As it was sent."""
        return cls(**json.loads(raw))


def refusal_out(no: Refusal) -> dict[str, Any]:
    """A refusal as plain data."""
    return {
        "rule": no.rule,
        "severity": no.severity,
        "message": no.message._asdict(),
        "cure": no.cure._asdict() if no.cure else None,
    }


def reason_out(cell: Cell) -> dict[str, Any]:
    """A reason as it stands on the spool, and in the table of errors."""
    return {"column": cell.column, **refusal_out(cell.refusal)}


def framed(part: str) -> bytes:
    """One part of what the child says: its length in bytes on a line, then itself.

    The first part is the head or a refusal, as JSON; then come blocks of rows, one a line (what it says,
    a tab, its cells as they stood); the last is the end, or a refusal, as JSON. A child that was killed
    has said no end.
    """
    raw = part.encode("utf-8", errors="replace")
    return b"%d\n%b" % (len(raw), raw)
