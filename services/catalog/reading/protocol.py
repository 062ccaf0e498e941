"""What goes between an import and the child that reads its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.catalog.rules import intake, statuslists
from services.catalog.rules.tables import Cell, Heads
from shared.contracts.catalog import ImportSubject
from shared.errors import Text
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
    """What the child is to read, and for whom; `content` and `spool` are numbers of open files."""

    content: int
    spool: int
    form: str
    subject: str
    mapping: dict[str, str]
    regions: dict[str, str]
    today: str

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


def refusal_in(raw: Mapping[str, Any]) -> Refusal:
    """A refusal from plain data."""
    cure = Text(**raw["cure"]) if raw["cure"] else None
    return Refusal(rule=raw["rule"], message=Text(**raw["message"]), cure=cure, severity=raw["severity"])


def reason_out(cell: Cell) -> dict[str, Any]:
    """A reason as it stands on the spool, and in the table of errors."""
    return {"column": cell.column, **refusal_out(cell.refusal)}
