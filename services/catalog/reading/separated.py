"""CSV in the encodings and separators in which offices save it."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from services.catalog.reading.files import HEAD_WITHIN, Line, Source, head_row
from services.catalog.rules.files import COLUMNS_MOST, no_encoding, too_wide, unreadable
from services.catalog.rules.tables import Heads, unguarded
from shared.errors import Text
from shared.rulebook import Refusal, Refused

SEPARATORS = (",", ";", "\t", "|")
_PIECE = 1 << 20
_FIELD_MOST = 64 << 20  # the file itself: a cell that is too long is one row's fault
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(file: BinaryIO) -> str:
    """How a file's text is encoded. Raises: Refused IM-ENCODING."""
    file.seek(0)
    start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    for name in (marked,) if marked else ("utf-8", "gb18030"):
        if _decodes(file, name):
            return name
    raise Refused(no_encoding())


def _decodes(file: BinaryIO, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            if "\0" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def text_of(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """The file's text from its start, line ends as they stand there."""
    file.seek(0)
    return io.TextIOWrapper(_Kept(file), encoding, newline="")


class _Kept(io.BufferedReader):
    """A file that outlives the text wrappers around it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)  # type: ignore[arg-type]

    def close(self) -> None:
        if not self.closed and self.raw is not None:
            self.detach()


class Separated(Source):
    """A table in a text file."""

    def __init__(self, file: BinaryIO, known: Heads, mapping: Mapping[str, str]) -> None:
        csv.field_size_limit(_FIELD_MOST)
        self._file, self._encoding = file, encoding_of(file)
        self._separator, self._at, self._heads = self._look(known, mapping)

    def _look(self, known: Heads, mapping: Mapping[str, str]) -> tuple[str, int, list[str]]:
        """The separator under which the head names most columns, and that head."""
        found: list[tuple[int, int, str, int, list[str]]] = []
        for separator in SEPARATORS:
            rows = itertools.islice(self._rows(separator, strict=False), HEAD_WITHIN)
            try:
                at, heads = head_row(rows, known, mapping)
            except csv.Error:
                continue
            named = sum(1 for head in heads if head and known.field(head, mapping))
            found.append((named, -len(found), separator, at, heads))
        if not found:
            return ",", 0, []
        _, _, separator, at, heads = max(found)
        if len(heads) > COLUMNS_MOST:
            raise Refused(too_wide(len(heads)))
        return separator, at, heads

    def heads(self) -> list[str]:
        """The names in the head line."""
        return self._heads

    def _rows(self, separator: str, *, strict: bool) -> Iterator[tuple[int, list[Any]]]:
        """(line on which the row begins, cells) of the rows that hold anything."""
        reader = csv.reader(text_of(self._file, self._encoding), delimiter=separator, strict=strict)
        while True:
            begins = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if not strict:
                    raise
                raise Refused(
                    unreadable(
                        f"the file is not CSV: {error}, in the row that begins on line {begins}",
                        f"从第 {begins} 行开始的一行不是有效的 CSV",
                        Text("look for a quotation mark that is not closed", "请检查是否有未闭合的引号"),
                    )
                ) from None
            if any(cell and not cell.isspace() for cell in cells):
                yield begins, cells

    def walked(self) -> Iterator[tuple[int, list[Any]]]:
        """The rows below the head, as they stand there."""
        rows = self._rows(self._separator, strict=True)
        return itertools.dropwhile(lambda row: row[0] <= self._at, rows)

    def lines(self) -> Iterator[Line]:
        """The rows below the head."""
        width = len(self._heads)
        for number, cells in self.walked():
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                yield Line(number, unguarded(cells[:COLUMNS_MOST]), _too_many(len(cells), width))
            else:
                yield Line(number, unguarded(cells[:width]))


def _too_many(cells: int, heads: int) -> Refusal:
    return unreadable(
        f"the row has {cells} cells under {heads} heads",
        f"该行有 {cells} 个单元格，表头只有 {heads} 列",
        Text("put cells that hold a separator into quotation marks", "含分隔符的单元格请加引号"),
    )
