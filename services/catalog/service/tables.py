"""Tables as files: rows that come one after the other become a stream of CSV, XLSX or NDJSON, in constant memory."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import IO, Literal, NamedTuple

import xlsxwriter

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
_PIECE = 1 << 16
_SHEET_ROWS, _CELL_MOST = 1_048_576, 32_767  # Excel's limits
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
    """A cell as people read it: lists in one text, days as ISO writes them."""
    if isinstance(cell, list):
        return _BETWEEN[language].join(cell)
    return cell.isoformat() if isinstance(cell, date) else cell


def _harmless(cell: str | int | float | None) -> str | int | float | None:
    return guarded(cell) if isinstance(cell, str) else cell


async def _csv(heads: Sequence[Head], rows: AsyncIterator[Sequence[Cell]], language: Language) -> AsyncIterator[bytes]:
    def lines(batch: Sequence[Sequence[Cell]]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows([_harmless(_told(cell, language)) for cell in row] for row in batch)
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
    file = await asyncio.to_thread(tempfile.TemporaryFile)
    book = _Book(file, heads, language)
    try:
        async for batch in _batches(rows):
            await asyncio.to_thread(book.add, batch)
        await asyncio.to_thread(book.close, notes)
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        await asyncio.to_thread(book.leave)


class _Book:
    """An XLSX file while its rows are written. A reader who leaves does not stop a thread: hence the lock."""

    def __init__(self, file: IO[bytes], heads: Sequence[Head], language: Language) -> None:
        self._file, self._heads, self._language = file, heads, language
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(file, options)
        self._text = self._book.add_format({"num_format": "@"})  # what people fill in stays as they wrote it
        self._bold = self._book.add_format({"bold": True, "num_format": "@", "bg_color": "#DDEBF7"})
        self._is_open, self._lock = True, threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._sheet, self._row = self._book.add_worksheet(), 0
        self._sheet.freeze_panes(1, 0)
        for column, head in enumerate(self._heads):
            self._sheet.set_column(column, column, head.width, self._text)
            self._sheet.write_string(0, column, head.text.spoken(self._language), self._bold)
            if head.comment:
                self._sheet.write_comment(0, column, head.comment)

    def add(self, batch: Sequence[Sequence[Cell]]) -> None:
        """Write rows; constant memory lets nobody come back to a row before."""
        with self._lock:
            for row in batch:
                if self._row + 1 == _SHEET_ROWS:
                    self._begin()
                self._row += 1
                self._write([_told(cell, self._language) for cell in row])

    def _write(self, cells: Sequence[str | int | float | None]) -> None:
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                if cell:
                    self._sheet.write_string(self._row, column, guarded(cell)[:_CELL_MOST], self._text)
            elif cell is not None:
                self._sheet.write_number(self._row, column, cell)

    def close(self, notes: Sequence[Sequence[str]]) -> None:
        """Put the file together; it is then read from its beginning."""
        with self._lock:
            self._is_open = False
            if notes:
                sheet = self._book.add_worksheet("说明 Notes")
                sheet.set_column(0, 1, 22)
                sheet.set_column(2, 3, 60)
                for row, cells in enumerate(notes):
                    sheet.write_row(row, 0, cells)
            self._book.close()
            self._file.seek(0)

    def leave(self) -> None:
        """Give back what a table holds, also one that was broken off."""
        with self._lock, self._file:
            if self._is_open:
                self._is_open = False
                self._book.close()
