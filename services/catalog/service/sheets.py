"""Tables as files: CSV for every program, XLSX for people; never all of it in memory."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import xlsxwriter

from services.catalog.rules.tables import SINCE, guarded
from shared.errors import Text
from shared.rulebook import Refusal, rule

Form = Literal["csv", "xlsx"]
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ndjson": "application/x-ndjson",
}
ROWS_MOST = 1_048_575  # of a sheet, below its head
_PIECE = 1 << 16
REJECTED_HEADS = {
    "zh": ("原行号", "未导入原因", "改正方法"),
    "en": ("import row", "import reason", "import cure"),
}


@dataclass(frozen=True, slots=True)
class Head:
    """A column: its name, its width in characters, and what is said of it beside the cell."""

    name: str
    width: int = 18
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A file on its way: its names in English and Chinese, and its bytes."""

    name: Text
    media_type: str
    pieces: AsyncIterator[bytes]


@rule("EX-ROWS", source=Text("the XLSX format", "XLSX 文件格式"), since=SINCE)
def fits_a_sheet(rows: int) -> Refusal | None:
    """A sheet of XLSX holds 1,048,575 rows below its head."""
    if rows <= ROWS_MOST:
        return None
    return Refusal(
        "EX-ROWS",
        Text(f"a sheet holds {ROWS_MOST} rows, the list has more", f"工作表最多 {ROWS_MOST} 行，清单超出此数"),
        Text("take CSV or NDJSON, or narrow the filters", "请改用 CSV 或 NDJSON，或缩小筛选范围"),
    )


async def sent(
    form: Form,
    name: Text,
    heads: Sequence[Head],
    rows: AsyncIterator[Sequence[Sequence[str]]],
    *,
    notes: Sequence[Sequence[str]] = (),
) -> Sent:
    """A table as a file; `notes` become a second sheet where there are sheets.

    Raises: RuleRefused EX-ROWS, before a byte is sent.
    """
    full = Text(f"{name.en}.{form}", f"{name.zh}.{form}")
    if form == "csv":
        return Sent(full, MEDIA[form], _separated(heads, rows))
    return Sent(full, MEDIA[form], _read(await _workbook(heads, rows, notes)))


def reasons(row: int, errors: Sequence[Any], language: str) -> list[str]:
    """Where a rejected row stood, why it was rejected and how to mend it: the cells under `REJECTED_HEADS`."""
    why = [
        f"{error.column}: {error.message[language]}" if error.column else error.message[language] for error in errors
    ]
    how = [error.cure[language] for error in errors if error.cure]
    return [str(row), *("\n".join(dict.fromkeys(lines)) for lines in (why, how))]


def _safe(cells: Sequence[str]) -> list[str]:
    return [guarded(cell) for cell in cells]


async def _separated(heads: Sequence[Head], rows: AsyncIterator[Sequence[Sequence[str]]]) -> AsyncIterator[bytes]:
    yield b"\xef\xbb\xbf" + _lines([[head.name for head in heads]])
    async for piece in rows:
        yield await asyncio.to_thread(_lines, piece)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(_safe(row) for row in rows)
    return out.getvalue().encode()


async def _workbook(
    heads: Sequence[Head], rows: AsyncIterator[Sequence[Sequence[str]]], notes: Sequence[Sequence[str]]
) -> BinaryIO:
    book = _Book(heads)
    try:
        async for piece in rows:
            await asyncio.to_thread(book.write, piece)
        return await asyncio.to_thread(book.finished, notes)
    except BaseException:
        book.file.close()
        raise


class _Book:
    """A workbook on its way into a file without a name."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - it is handed on, and closed by who sends it
        self._book = xlsxwriter.Workbook(self.file, {"constant_memory": True})
        self._text = self._book.add_format({"num_format": "@", "text_wrap": False})
        bold = self._book.add_format({"bold": True, "num_format": "@", "bg_color": "#DDEBF7"})
        self._sheet, self._rows = self._book.add_worksheet("数据"), 0
        self._sheet.freeze_panes(1, 0)
        for column, head in enumerate(heads):
            self._sheet.set_column(column, column, head.width, self._text)
            self._sheet.write_string(0, column, head.name, bold)
            if head.comment:
                self._sheet.write_comment(0, column, head.comment)

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of text below those that stand."""
        if no := fits_a_sheet(self._rows + len(rows)):
            raise no.raised()
        for row in rows:
            self._rows += 1
            for column, cell in enumerate(_safe(row)):
                if cell:
                    self._sheet.write_string(self._rows, column, cell[:32_767], self._text)

    def finished(self, notes: Sequence[Sequence[str]]) -> BinaryIO:
        """The file, ready to be read from its start."""
        if notes:
            sheet = self._book.add_worksheet("说明 Notes")
            sheet.set_column(0, 1, 22)
            sheet.set_column(2, 3, 60)
            for row, cells in enumerate(notes):
                for column, cell in enumerate(cells):
                    sheet.write_string(row, column, cell)
        self._book.close()
        self.file.seek(0)
        return self.file


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
