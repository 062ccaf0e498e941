"""The child: what to read comes as JSON on stdin, the file as an open file; stdout says what the rows say."""

from __future__ import annotations

import codecs
import gc
import io
import json
import os
import re
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

from pydantic_core import to_json

from services.catalog.reading.files import ABSENT, Line, Source, counted
from services.catalog.reading.known import Known
from services.catalog.reading.protocol import FORMATS, HEADS, Order, framed, reason_out, refusal_out
from services.catalog.rules import intake, statuslists
from services.catalog.rules.files import gave_up
from services.catalog.rules.tables import Cell, Heads, columns, head_is_known, text
from shared.contracts.catalog import ImportSubject
from shared.contracts.values import canonical_number
from shared.contracts.wire import dump
from shared.rulebook import Refused

MEGABYTE = 1 << 20
TEXT_MEMORY = 200 * MEGABYTE
BOOK_MEMORY = 230 * MEGABYTE
BOOK_MEMORY_PER_BYTE = 8  # a workbook stands in memory unpacked
CPU_S, CPU_S_PER_MB = 9, 4.0
NICE = 19  # whoever asks the platform something goes first
OPEN_MOST = 3  # stdin, stdout, stderr: the file has a number above, and stays open
SHOWN_MOST = 32_767  # characters of one cell of a spreadsheet
_LOST = str.maketrans({"\0": "\ufffd", **{chr(code): "\ufffd" for code in range(0xD800, 0xE000)}})

Open = Callable[[BinaryIO, Heads, Mapping[str, str]], Source]
Judge = Callable[[int, Mapping[str, Any]], dict[str, Any]]
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _said_out(said: dict[str, Any]) -> str:
    """What is said of a row, as JSON; of a row that was taken, by the writer that knows days and models."""
    return to_json(said).decode() if "values" in said else _json(said)


def main() -> None:
    """Read the file that stdin orders, and say what its rows say, or why it cannot be read.

    Each part waits to be asked for, by a byte on stdin or by its end: a file that is read while its rows are written
    would take two processors, and whoever asks the platform something meanwhile would wait.
    """
    os.nice(NICE)
    asked, out = sys.stdin.buffer, sys.stdout.buffer
    order = Order.from_json(asked.readline().decode())
    with os.fdopen(order.content, "rb") as content, _memory() as memory:
        read = reader_of(order.form)
        confine(order.form, os.fstat(content.fileno()).st_size)
        gc.disable()  # rows leave nothing behind that only it would find
        try:
            for part in spoken(content, order, read):
                out.write(framed(part))
                out.flush()
                asked.read(1)
            out.write(framed(_json({"end": True, "peak_kb": _peak_kb(memory)})))
        except Refused as refused:
            out.write(framed(_json({"refused": refusal_out(refused.refusal)})))
        except MemoryError:
            no = gave_up("it needs more memory than a file of its size may", "所需内存超过该大小文件的上限")
            out.write(framed(_json({"refused": refusal_out(no)})))
    out.flush()


def _memory() -> IO[str]:
    """What Linux tells of this process, opened while that is still possible; nothing elsewhere."""
    status = Path("/proc/self/status")
    return status.open() if status.exists() else io.StringIO()


def _peak_kb(status: IO[str]) -> int | None:
    found = re.search(r"VmHWM:\s+(\d+)", status.read())
    return int(found[1]) if found else None


def confine(form: str, size: int) -> None:
    """Give up for good what reading a file of `size` bytes does not need: memory, time, writing and opening files.

    Without a free file descriptor there is no network and no other file.
    """
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "gb18030", "cp437"):
        codecs.lookup(encoding)  # Python opens their modules when they are first needed
    memory = BOOK_MEMORY + BOOK_MEMORY_PER_BYTE * size if FORMATS[form].is_workbook else TEXT_MEMORY
    seconds = int(CPU_S + CPU_S_PER_MB * size / MEGABYTE)
    for limit, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_MOST),
    ):
        resource.setrlimit(limit, (most, most))


def reader_of(form: str) -> Open:
    """What reads a format. Imported late: a list in CSV pays for no workbooks, and the other way round."""
    if form == "csv":
        from services.catalog.reading.separated import Separated

        return Separated
    if FORMATS[form].is_workbook:
        from services.catalog.reading.workbooks import Workbook

        return Workbook
    from services.catalog.reading import records

    chosen = {"json": records.JsonArray, "ndjson": records.JsonLines, "xml": records.OfficeXml}[form]
    return lambda file, _, __: chosen(file)


def spoken(file: BinaryIO, order: Order, read: Open) -> Iterator[str]:
    """What is said of a file: its head, then blocks of rows.

    The file is read once before any row is judged, so that what is wrong with the whole of it is known
    before the head is said. Raises: Refused.
    """
    subject = ImportSubject(order.subject)
    known = HEADS[subject]
    source = read(file, known, order.mapping)
    heads, count = source.heads(), counted(source)
    if no := head_is_known(heads, order.mapping, known):
        raise Refused(no)
    field_of = columns([head for head in dict.fromkeys(heads) if head], order.mapping, known)
    yield _json({"rows": count, "heads": _shown_heads(heads, field_of, order.mapping, known)})
    places = [(index, head) for index, head in enumerate(heads) if head in field_of]
    judge = _judge(subject, field_of, order)
    block: list[str] = []
    for ordinal, line in enumerate(source.lines()):
        said = _said(line, places, judge)
        if ordinal < order.skip:
            continue  # written before the import was broken off
        block.append(f"{_said_out(said)}\t{'' if 'same' in said else _json(_shown(line.cells))}")
        if len(block) == order.chunk_rows:
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _said(line: Line, places: Sequence[tuple[int, str]], judge: Judge) -> dict[str, Any]:
    if line.refusal is not None:
        return {"n": line.number, "reasons": [reason_out(Cell(line.refusal, None))]}
    cells = line.cells
    width = len(cells)
    return judge(line.number, {head: cells[at] for at, head in places if at < width and cells[at] is not ABSENT})


def _judge(subject: ImportSubject, field_of: Mapping[str, str], order: Order) -> Judge:
    today = date.fromisoformat(order.today)
    if subject is ImportSubject.PATENTS:
        return _Patents(field_of, order)
    read = statuslists.read_event if subject is ImportSubject.LEGAL_EVENTS else statuslists.read_fee
    return partial(_event, partial(read, heads=field_of, today=today))


def _event(
    read: Callable[[int, Mapping[str, Any]], statuslists.EventRow], number: int, raw: Mapping[str, Any]
) -> dict[str, Any]:
    row = read(number, raw)
    if row.draft is None or row.reasons:
        return {"n": number, "reasons": [reason_out(cell) for cell in row.reasons]}
    return {
        "n": number,
        "patent": row.patent,
        "year": row.fee_year,
        "values": {
            "code": row.draft.code.value,
            "occurred_on": row.draft.occurred_on.isoformat(),
            "detail": dump(row.draft.detail) if row.draft.detail else None,
        },
    }


class _Patents:
    """Judges rows of patents, and remembers the numbers of those that stood before."""

    def __init__(self, field_of: Mapping[str, str], order: Order) -> None:
        self._field_of, self._regions = field_of, order.regions
        self._known = Known(order.known, field_of, order.regions)
        self._numbers = [
            head for head, name in field_of.items() if name in ("application_number", "publication_number")
        ]
        self._seen: dict[str, int] = {}
        self._passed: list[tuple[int, list[Any]]] = []  # rows that were known, and their numbers as they stand there

    def __call__(self, number: int, raw: Mapping[str, Any]) -> dict[str, Any]:
        digest = self._known.digest(raw)
        if (ordinal := self._known.take(digest)) is not None:
            self._passed.append((number, [raw.get(head) for head in self._numbers]))
            return {"n": number, "same": ordinal}
        self._recall()
        row = intake.read_row(number, raw, self._field_of, self._regions)
        draft = row.draft
        if draft is None or row.reasons:
            return {"n": number, "reasons": [reason_out(cell) for cell in row.reasons]}
        numbers = [no for no in (draft.application_number, draft.publication_number) if no]
        before = next((self._seen[no] for no in numbers if no in self._seen), None)
        if before is not None:
            again = Cell(intake.first_row_counts(before), None)
            return {"n": number, "again": before, "warnings": [reason_out(again)]}
        if not row.lacking:
            self._seen.update(dict.fromkeys(numbers, number))
        return {
            "n": number,
            "values": {name: getattr(draft, name) for name in (*row.present, "patent_type")},
            "present": list(row.present),
            "lacking": [reason_out(cell) for cell in row.lacking],
            "warnings": [reason_out(cell) for cell in row.warnings],
            "digest": digest.hex(),
        }

    def _recall(self) -> None:
        """Read the numbers of the rows passed over: the one at hand may be about the same patent."""
        for before, cells in self._passed:
            numbers = [canonical_number(written) for cell in cells if (written := text(cell))]
            self._seen.update(dict.fromkeys(filter(None, numbers), before))
        self._passed.clear()


def _shown_heads(
    heads: Sequence[str], field_of: Mapping[str, str], mapping: Mapping[str, str], known: Heads
) -> list[str]:
    """Heads for a list of the rejected rows, which is to be read again without a mapping."""
    if not mapping:
        return [shown(head) for head in heads]
    return [
        known.shown(field_of[head], "zh")
        if head in mapping and head in field_of
        else shown(f"({head})" if head not in field_of and known.field(head, {}) else head)
        for head in heads
    ]


def _shown(cells: Sequence[Any]) -> Sequence[str]:
    """The cells of a row as `shown` has them."""
    is_plain = all(type(cell) is str and len(cell) <= SHOWN_MOST and cell.isprintable() for cell in cells)
    return cells if is_plain else [shown(cell) for cell in cells]


def shown(cell: Any) -> str:
    """A cell as it stood in the file, as text that a database and a spreadsheet can keep."""
    if isinstance(cell, str):
        written = cell
    elif cell is None or cell is ABSENT:
        return ""
    elif isinstance(cell, bool):
        return str(cell).upper()
    elif isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    elif isinstance(cell, dict | list):
        written = json.dumps(cell, ensure_ascii=False)
    else:
        return str(cell)[:SHOWN_MOST]
    written = written[:SHOWN_MOST]
    return written if written.isprintable() else written.translate(_LOST)


if __name__ == "__main__":
    main()
