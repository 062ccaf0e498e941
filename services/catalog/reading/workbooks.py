"""Workbooks: XLSX, and with it XLS and ODS."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from services.catalog.reading.files import Line, Source, head_row
from services.catalog.rules.files import COLUMNS_MOST, has_few_enough_rows, too_wide, unpacks_to, unreadable
from services.catalog.rules.tables import Heads, unguarded
from shared.errors import Text
from shared.rulebook import Refusal, Refused

_PIECE = 1 << 20
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of XLS, and of an encrypted XLSX
_LOCKED = "EncryptedPackage".encode("utf-16-le")


class Workbook(Source):
    """The first visible sheet whose head is known.

    A cell that is merged has its value in its first place only, a formula the value that was last
    computed, a date its day in the date system of the workbook, and a formula's error is empty.
    """

    def __init__(self, file: BinaryIO, known: Heads, mapping: Mapping[str, str]) -> None:
        _check_container(file)
        file.seek(0)
        try:
            workbook = CalamineWorkbook.from_filelike(file)
            self._sheet, self._at, self._heads = _look(workbook, known, mapping)
        except PasswordError:
            raise Refused(_locked()) from None
        except (CalamineError, OSError, ValueError):
            raise Refused(_broken()) from None
        if len(self._heads) > COLUMNS_MOST:
            raise Refused(too_wide(len(self._heads)))

    def heads(self) -> list[str]:
        """The names in the head row."""
        return self._heads

    def lines(self) -> Iterator[Line]:
        """The rows below the head, by the numbers that the sheet shows at its left."""
        if self._sheet is None:
            return
        if no := has_few_enough_rows(_filled(self._sheet, self._at)):
            raise Refused(no)
        width = len(self._heads)
        for number, cells in _rows(self._sheet):
            if number > self._at and (not width or any(cell not in ("", None) for cell in cells[:width])):
                yield Line(number, unguarded(cells[:width]))


def _filled(sheet: CalamineSheet, at: int) -> int:
    """How many rows below the head hold anything; rows that are merely formatted do not count."""
    return sum(1 for number, _ in _rows(sheet) if number > at)


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if any(cell != "" and not (isinstance(cell, str) and cell.isspace()) for cell in cells):
            yield number, cells


def _look(
    workbook: CalamineWorkbook, known: Heads, mapping: Mapping[str, str]
) -> tuple[CalamineSheet | None, int, list[str]]:
    first = None
    for index, about in enumerate(workbook.sheets_metadata):
        if about.visible is SheetVisibleEnum.Visible and about.typ is SheetTypeEnum.WorkSheet:
            sheet = workbook.get_sheet_by_index(index)
            at, heads = head_row(_rows(sheet), known, mapping)
            if heads:
                return sheet, at, heads
            first = first or sheet
    return first, 0, []


def _broken() -> Refusal:
    return unreadable(
        "the file is not a workbook, or it is damaged",
        "文件不是有效的工作簿，或已损坏",
        Text("open it in a spreadsheet and save it again as XLSX", "请用表格软件打开后重新另存为 XLSX"),
    )


def _locked() -> Refusal:
    return unreadable(
        "the workbook is locked with a password",
        "工作簿设有密码",
        Text("save it without a password", "请取消密码后重新保存"),
    )


def _check_container(file: BinaryIO) -> None:
    """Look into the archive before anything unpacks it. Raises: Refused.

    The sizes that its directory declares are judged first; then every part is unpacked into nothing, for
    a directory may lie, and its checksums tell a file that was cut off.
    """
    file.seek(0)
    start = file.read(8)
    if start == _COMPOUND:
        if _holds(file, _LOCKED):
            raise Refused(_locked())
        return
    size = file.seek(0, 2)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if any(part.flag_bits & 1 for part in parts):
                raise Refused(_locked())
            if no := unpacks_to(sum(part.file_size for part in parts), size):
                raise Refused(no)
            unpacked = 0
            for part in parts:
                with archive.open(part) as content:
                    while piece := content.read(_PIECE):
                        unpacked += len(piece)
                        if no := unpacks_to(unpacked, size):
                            raise Refused(no)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
        zlib.error,
    ) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(_broken()) from None


def _holds(file: BinaryIO, mark: bytes) -> bool:
    file.seek(0)
    tail = b""
    while piece := file.read(_PIECE):
        if mark in tail + piece:
            return True
        tail = piece[-len(mark) :]
    return False
