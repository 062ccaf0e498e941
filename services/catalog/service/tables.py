"""Tables as files: rows that come one after the other become a stream of CSV, XLSX or NDJSON, in constant memory."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import threading
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import IO, Literal, NamedTuple, cast

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from services.catalog.rules.tables import guarded
from shared.errors import Language, Text

Format = Literal["csv", "xlsx", "ndjson"]
Cell = str | int | float | date | list[str] | None

MEDIA_TYPE: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ndjson": "application/x-ndjson",
}
_BATCH = 500  # rows that are written at once: what a stream holds in memory
_SHEET_ROWS, _CELL_MOST = 1_048_576, 32_767  # Excel's limits
_SHEET_BYTES = 1 << 30
_BETWEEN: dict[Language, str] = {"en": "; ", "zh": "；"}


class Head(NamedTuple):
    """A column: its name for machines (NDJSON), what stands above it for people (CSV, XLSX), its width in
    characters, and what a sheet says of it beside the cell."""

    name: str
    text: Text
    width: int = 18
    comment: str | None = None


class Sent(NamedTuple):
    """A file on its way: its names in English and Chinese, and its bytes."""

    name: Text
    media_type: str
    pieces: AsyncIterator[bytes]


def sent(
    form: Format,
    name: Text,
    heads: Sequence[Head],
    rows: AsyncIterator[Sequence[Cell]],
    language: Language,
    notes: Sequence[Sequence[str]] = (),
) -> Sent:
    """A table as a file with a name; `notes` become a last sheet where there are sheets."""
    full = Text(f"{name.en}.{form}", f"{name.zh}.{form}")
    return Sent(full, MEDIA_TYPE[form], written(form, heads, rows, language, notes))


def written(
    form: Format,
    heads: Sequence[Head],
    rows: AsyncIterator[Sequence[Cell]],
    language: Language,
    notes: Sequence[Sequence[str]] = (),
) -> AsyncIterator[bytes]:
    """The bytes of a table, as its rows come.

    CSV begins with a byte order mark, so that spreadsheets read it as UTF-8; a text that a spreadsheet would take
    for a formula gets an apostrophe before it (OWASP, CSV injection), which our importer takes off again. XLSX
    holds texts as texts, cuts them at 32,767 characters and goes on with a second sheet after 1,048,576 rows.
    NDJSON has one object a row, its values as they are.
    """
    if form == "xlsx":
        return _xlsx(heads, rows, language, notes)
    return (_csv if form == "csv" else _ndjson)(heads, rows, language)


async def _batches(rows: AsyncIterator[Sequence[Cell]]) -> AsyncIterator[list[Sequence[Cell]]]:
    batch: list[Sequence[Cell]] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _told(cell: Cell, language: Language) -> str | int | float | None:
    """A cell as people read it: lists in one text, days as ISO writes them, no text that looks like a formula."""
    if isinstance(cell, list):
        cell = _BETWEEN[language].join(cell)
    elif isinstance(cell, date):
        return cell.isoformat()
    return guarded(cell) if isinstance(cell, str) else cell


async def _csv(heads: Sequence[Head], rows: AsyncIterator[Sequence[Cell]], language: Language) -> AsyncIterator[bytes]:
    def lines(batch: Sequence[Sequence[Cell]]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows([_told(cell, language) for cell in row] for row in batch)
        return text.getvalue().encode()

    yield b"\xef\xbb\xbf" + lines([[head.text.spoken(language) for head in heads]])
    async for batch in _batches(rows):
        yield await asyncio.to_thread(lines, batch)


async def _ndjson(heads: Sequence[Head], rows: AsyncIterator[Sequence[Cell]], _: Language) -> AsyncIterator[bytes]:
    names = [head.name for head in heads]

    def lines(batch: Sequence[Sequence[Cell]]) -> bytes:
        objects = (dict(zip(names, row, strict=True)) for row in batch)
        return "".join(json.dumps(each, ensure_ascii=False, default=str) + "\n" for each in objects).encode()

    async for batch in _batches(rows):
        yield await asyncio.to_thread(lines, batch)


async def _xlsx(
    heads: Sequence[Head], rows: AsyncIterator[Sequence[Cell]], language: Language, notes: Sequence[Sequence[str]]
) -> AsyncIterator[bytes]:
    book = await asyncio.to_thread(_Book, heads, language)
    try:
        async for batch in _batches(rows):
            if piece := await asyncio.to_thread(book.add, batch):
                yield piece
        yield await asyncio.to_thread(book.end, notes)
    finally:
        await asyncio.to_thread(book.leave)


class _Pipe:
    """Where an archive is written to: what was written since the last look is taken out, and nobody goes back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class _Book:
    """An XLSX file that goes out while its rows are written.

    xlsxwriter makes all parts of the file but the rows: cell by cell it takes several times as long as they do as
    text, and has nothing to send before the last of them. No part is larger than an archive without the ZIP64
    extension holds, which Excel does not expect.
    """

    def __init__(self, heads: Sequence[Head], language: Language) -> None:
        self._heads, self._language = heads, language
        self._letters = [xl_col_to_name(column) for column in range(len(heads))]
        sheet = _shell(heads, language, 1)[_SHEET.format(1)].decode()
        self._before, self._style, self._after = _FIRST_ROW.split(sheet)  # of a text: it stays as people wrote it
        self._pipe = _Pipe()
        # Level 3 costs half the time of zlib's 6, for a file that is a sixth larger.
        self._zip = zipfile.ZipFile(cast(IO[bytes], self._pipe), "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        self._sheets, self._is_open, self._lock = 0, True, threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._sheets, self._row, self._size = self._sheets + 1, 1, 0
        self._sheet = self._zip.open(_SHEET.format(self._sheets), "w")
        is_first = self._sheets == 1
        self._sheet.write((self._before if is_first else self._before.replace(' tabSelected="1"', "")).encode())

    def _close_sheet(self) -> None:
        self._sheet.write(self._after.encode())
        self._sheet.close()

    def add(self, batch: Sequence[Sequence[Cell]]) -> bytes:
        """Write rows; answers what has come together for the reader."""
        with self._lock:
            while batch:
                room = _SHEET_ROWS - self._row
                if room == 0 or self._size > _SHEET_BYTES:
                    self._close_sheet()
                    self._begin()
                    continue
                text = "".join(map(self._written, batch[:room])).encode()
                self._sheet.write(text)
                self._size += len(text)
                batch = batch[room:]
            return self._pipe.taken()

    def _written(self, row: Sequence[Cell]) -> str:
        self._row += 1
        number, cells = self._row, []
        for letter, each in zip(self._letters, row, strict=True):
            cell = _told(each, self._language)
            if isinstance(cell, str):
                if cell:
                    text = _escaped(cell[:_CELL_MOST])
                    cells.append(
                        f'<c r="{letter}{number}" s="{self._style}" t="inlineStr">'
                        f'<is><t xml:space="preserve">{text}</t></is></c>'
                    )
            elif cell is not None:
                cells.append(f'<c r="{letter}{number}"><v>{cell!r}</v></c>')
        return f'<row r="{number}">{"".join(cells)}</row>'

    def end(self, notes: Sequence[Sequence[str]]) -> bytes:
        """Put the file together; answers the rest of it."""
        with self._lock:
            self._close_sheet()
            written = {_SHEET.format(number + 1) for number in range(self._sheets)}
            for name, part in _shell(self._heads, self._language, self._sheets, notes).items():
                if name not in written:
                    self._zip.writestr(name, part)
            self._zip.close()
            self._is_open = False
            return self._pipe.taken()

    def leave(self) -> None:
        """Close a table that was broken off."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._sheet.close()
                self._zip.close()


_SHEET = "xl/worksheets/sheet{}.xml"
# The one row below the heads of a shell, which stands where rows are to stand, and the style of its text.
_FIRST_ROW = re.compile(r'<row r="2"[^>]*><c r="A2" s="([0-9]+)" t="inlineStr">.*?</row>')
_DIMENSION = re.compile(rb"<dimension [^>]*/>")  # of the shell; a sheet need not say one
_ODD = re.compile("[&<>\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9a-fA-F]{4}_")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def _escaped(text: str) -> str:
    """A text inside XML; what XML cannot hold stands as workbooks write it (_x0001_)."""
    return _ODD.sub(_instead, text) if _ODD.search(text) else text


def _instead(found: re.Match[str]) -> str:
    odd = found[0]
    if len(odd) > 1:
        return f"_x005F{odd}"  # looks like such a character and is none
    return _NAMED.get(odd) or f"_x{ord(odd):04X}_"


def _shell(
    heads: Sequence[Head], language: Language, sheets: int, notes: Sequence[Sequence[str]] = ()
) -> dict[str, bytes]:
    """The parts of a workbook whose sheets hold their heads and one row, by name; `notes` stand on a sheet behind."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        text = book.add_format({"num_format": "@"})
        bold = book.add_format({"bold": True, "num_format": "@", "bg_color": "#DDEBF7"})
        for _ in range(sheets):
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            for column, head in enumerate(heads):
                sheet.set_column(column, column, head.width, text)
                sheet.write_string(0, column, head.text.spoken(language), bold)
                if head.comment:
                    sheet.write_comment(0, column, head.comment)
            sheet.write_string(1, 0, "-", text)
        if notes:
            sheet = book.add_worksheet("说明 Notes")
            sheet.set_column(0, 1, 22)
            sheet.set_column(2, 3, 60)
            for number, cells in enumerate(notes):
                sheet.write_row(number, 0, cells)
    with zipfile.ZipFile(file) as parts:
        return {name: _DIMENSION.sub(b"", parts.read(name)) for name in parts.namelist()}
