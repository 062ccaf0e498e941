"""Tables as files: what goes in comes out, no cell becomes a formula, nothing piles up in memory."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import date
from xml.etree import ElementTree

import pytest
from python_calamine import CalamineWorkbook

from services.catalog.service import tables
from services.catalog.service.tables import Cell, Format, Head, written
from shared.errors import Text

pytestmark = pytest.mark.anyio

HEADS = [
    Head("title", Text("Title", "名称")),
    Head("classes", Text("Classes", "分类号")),
    Head("trl", Text("Readiness", "成熟度")),
    Head("ends_on", Text("Ends on", "届满日")),
]
ROWS: list[list[Cell]] = [
    ["一种“镗杆”,带\n换行", ["B23B29/02", "F16F15/02"], 7, date(2043, 2, 15)],
    ['=HYPERLINK("http://x")', [], None, None],
    ["＝1+1", ["@SUM(A1)"], -3, None],
]


async def each(rows: Sequence[Sequence[Cell]]) -> AsyncIterator[Sequence[Cell]]:
    for row in rows:
        yield row


async def whole(form: Format, rows: Sequence[Sequence[Cell]] = ROWS, *, chinese: bool = True) -> bytes:
    return b"".join([part async for part in written(form, HEADS, each(rows), "zh" if chinese else "en")])


async def test_csv_is_read_by_a_spreadsheet_as_it_was_meant() -> None:
    content = await whole("csv")
    assert content.startswith(b"\xef\xbb\xbf")
    found = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert found == [
        ["名称", "分类号", "成熟度", "届满日"],
        ["一种“镗杆”,带\n换行", "B23B29/02；F16F15/02", "7", "2043-02-15"],
        ['\'=HYPERLINK("http://x")', "", "", ""],
        ["'＝1+1", "'@SUM(A1)", "-3", ""],
    ]
    assert (await whole("csv", chinese=False)).decode("utf-8-sig").startswith("Title,Classes,Readiness,Ends on\r\n")


async def test_xlsx_holds_texts_as_texts_and_numbers_as_numbers() -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(await whole("xlsx")))
    assert book.get_sheet_by_index(0).to_python() == [
        ["名称", "分类号", "成熟度", "届满日"],
        ["一种“镗杆”,带\n换行", "B23B29/02；F16F15/02", 7.0, "2043-02-15"],
        ['\'=HYPERLINK("http://x")', "", "", ""],
        ["'＝1+1", "'@SUM(A1)", -3.0, ""],
    ]
    content = await whole("xlsx", [["=1+1", [], None, None]])
    assert b"<f>" not in content


async def test_ndjson_has_one_object_a_row_with_its_values_as_they_are() -> None:
    lines = (await whole("ndjson")).decode().splitlines()
    assert json.loads(lines[0]) == {
        "title": "一种“镗杆”,带\n换行", "classes": ["B23B29/02", "F16F15/02"], "trl": 7, "ends_on": "2043-02-15",
    }  # fmt: skip
    assert len(lines) == len(ROWS)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_a_table_without_rows_has_its_heads(form: Format) -> None:
    content = await whole(form, [])
    if form == "xlsx":
        assert CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python() == [
            ["名称", "分类号", "成熟度", "届满日"]
        ]
    else:
        assert content.decode("utf-8-sig") == "名称,分类号,成熟度,届满日\r\n"


async def test_excels_limits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_SHEET_ROWS", 4)
    rows: list[list[Cell]] = [["长" * 40_000, [], number, None] for number in range(7)]
    book = CalamineWorkbook.from_filelike(io.BytesIO(await whole("xlsx", rows)))
    sheets = [book.get_sheet_by_index(at).to_python() for at in range(len(book.sheet_names))]
    assert [len(sheet) for sheet in sheets] == [4, 4, 2]
    assert [row[2] for sheet in sheets for row in sheet[1:]] == [float(number) for number in range(7)]
    assert {len(row[0]) for row in sheets[0][1:]} == {32_767}


@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
async def test_memory_does_not_grow_with_the_table(form: Format) -> None:
    async def many(count: int) -> AsyncIterator[Sequence[Cell]]:
        for number in range(count):
            yield [f"第{number}件" + "长" * 200, ["B23B29/02"], number, None]

    async def peak(count: int) -> int:
        tracemalloc.start()
        try:
            async for _ in written(form, HEADS, many(count), "zh"):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await peak(1_000)
    assert await peak(20_000) < 2 * await peak(2_000) + 1_000_000


async def test_a_reader_who_leaves_ends_the_table() -> None:
    stream = written("xlsx", HEADS, each(ROWS), "zh")
    assert (await anext(stream)).startswith(b"PK")
    await stream.aclose()  # type: ignore[attr-defined]

    async def broken() -> AsyncIterator[Sequence[Cell]]:
        yield ROWS[0]
        raise ConnectionError("the database went away")

    with pytest.raises(ConnectionError):
        async for _ in written("xlsx", HEADS, broken(), "zh"):
            pass


@pytest.mark.parametrize("form", ["csv", "xlsx", "ndjson"])
async def test_the_first_bytes_go_out_long_before_the_last_row_came(form: Format) -> None:
    asked = 0

    async def counted() -> AsyncIterator[Sequence[Cell]]:
        nonlocal asked
        for number in range(20_000):
            asked += 1
            yield [f"第{number}种 {number * 7919 % 10_007} 装置", [f"B23B{number % 99 + 1}/02"], number % 9, None]

    seen: list[int] = []
    async for _ in written(form, HEADS, counted(), "zh"):
        seen.append(asked)
    assert min(seen) < 5_000 and len(seen) > 5  # whoever passes it on need not wait for the whole


async def test_what_xml_cannot_hold_stands_as_workbooks_write_it() -> None:
    said = "&lt; <b> \x01 _x0041_ \r𠮷"
    content = await whole("xlsx", [[said, [], 0.5, None]])
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert parts.testzip() is None
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        assert all(part.flag_bits & 8 and not part.extra for part in parts.infolist())  # streamed, without ZIP64
    assert "&amp;lt; &lt;b&gt; _x0001_ _x005F_x0041_ _x000D_𠮷" in sheet
    ElementTree.fromstring(sheet)


async def test_a_sheet_that_grows_too_large_for_its_archive_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "_SHEET_BYTES", 100_000)
    rows: list[list[Cell]] = [[f"第{number}种装置", [], number, None] for number in range(2_000)]
    book = CalamineWorkbook.from_filelike(io.BytesIO(await whole("xlsx", rows)))
    sheets = [book.get_sheet_by_index(at).to_python() for at in range(len(book.sheet_names))]
    assert len(sheets) > 1 and all(sheet[0][0] == "名称" for sheet in sheets)
    assert [row[0] for sheet in sheets for row in sheet[1:]] == [row[0] for row in rows]
