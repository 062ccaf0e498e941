"""Files that no importer should meet, made by code, each with what must become of it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import xlsxwriter

from shared.contracts.values import check_character

HEADS = ["申请号", "专利名称", "专利类型", "专利权人", "申请日"]


def number(serial: int) -> str:
    body = f"20231{serial:07d}"
    return f"{body}.{check_character(body)}"


def row(serial: int = 1, **facts: Any) -> list[Any]:
    plain = dict(zip(HEADS, [number(serial), "一种温室卷帘机", "发明", "测试大学", "2023-02-15"], strict=True))
    return list({**plain, **facts}.values())


TWO = [HEADS, row(1), row(2)]


@dataclass(frozen=True)
class Nasty:
    """A file: `good` rows are taken in and rows are rejected by `rules`; or the whole of it `fails` by a rule."""

    name: str
    file_name: str
    make: Callable[[], bytes]
    good: int = 0
    rules: set[str] = field(default_factory=set)
    fails: str | None = None
    over_http: bool = False

    @property
    def form(self) -> str:
        ending = self.file_name.rpartition(".")[2]
        return {"jsonl": "ndjson", "tsv": "csv", "txt": "csv"}.get(ending, ending)


def table(rows: list[list[Any]] = TWO, separator: str = ",", end: str = "\n") -> str:
    return "".join(separator.join(str(cell) for cell in cells) + end for cells in rows)


def one(**facts: Any) -> bytes:
    return table([HEADS, row(**facts)]).encode()


def objects(*rows: Any) -> bytes:
    return json.dumps(list(rows)).encode()


def an_object(serial: int = 1, **facts: Any) -> dict[str, Any]:
    plain = {"application_number": number(serial), "title": "一种温室卷帘机", "holders": ["测试大学"]}
    return {name: value for name, value in {**plain, **facts}.items() if value is not ...}


def raw_object(title: str) -> bytes:
    return f'[{{"application_number": "{number(1)}", "title": {title}, "holders": ["测试大学"]}}]'.encode()


Fill = Callable[[Any, Any], None]


def book(fill: Fill, **options: Any) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, **options}) as workbook:
        fill(workbook, workbook.add_worksheet())
    return out.getvalue()


def written(rows: list[list[Any]] = TWO, at: int = 0) -> Fill:
    def fill(workbook: Any, sheet: Any) -> None:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for index, cells in enumerate(rows, at):
            for column, cell in enumerate(cells):
                if isinstance(cell, str):
                    sheet.write_string(index, column, cell)
                elif isinstance(cell, date):
                    sheet.write_datetime(index, column, cell, day)
                elif cell is not None:
                    sheet.write(index, column, cell)

    return fill


def changed(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """A workbook with parts of its archive replaced, or taken out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if (made := change(part, old.read(part))) is not None:
                new.writestr(part, made)
    return out.getvalue()


def in_sheet(old: bytes, new: bytes) -> bytes:
    return changed(book(written()), lambda part, raw: raw.replace(old, new, 1) if part.endswith("sheet1.xml") else raw)


def in_strings(old: bytes, new: bytes) -> bytes:
    return changed(
        book(written()), lambda part, raw: raw.replace(old, new, 1) if part.endswith("sharedStrings.xml") else raw
    )


def archive(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def bomb(megabytes: int) -> bytes:
    padded = b"<!-- " + b" " * (megabytes << 20) + b" -->"
    return changed(book(written()), lambda part, raw: raw + padded if part.endswith("sheet1.xml") else raw)


def lying(megabytes: int) -> bytes:
    """A bomb whose directory declares small sizes."""
    content = bytearray(bomb(megabytes))
    at = content.rfind(b"PK\x01\x02")
    while at >= 0:
        if struct.unpack_from("<I", content, at + 24)[0] > 1 << 20:
            struct.pack_into("<I", content, at + 24, 5_000)
        at = content.rfind(b"PK\x01\x02", 0, at)
    return bytes(content)


def locked() -> bytes:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    return head + "EncryptedPackage".encode("utf-16-le") + bytes(4096)


ST36 = """<?xml version="1.0" encoding="{encoding}"?>{doctype}
<cn-patent-documents>{records}</cn-patent-documents>"""
ST36_RECORD = """<cn-patent-document lang="zh"><cn-bibliographic-data>
<publication-reference><document-id><country>CN</country><doc-number>11600000{n}</doc-number><kind>B</kind><date>20250610</date></document-id></publication-reference>
<application-reference><document-id><country>CN</country><doc-number>{number}</doc-number><date>20230215</date></document-id></application-reference>
<classifications-ipcr><classification-ipcr><text>B23Q  11/00    (2006.01)I</text></classification-ipcr></classifications-ipcr>
<invention-title lang="en">A curtain</invention-title><invention-title lang="zh">{title}</invention-title>
<parties><applicants><applicant sequence="1"><addressbook><name>测试大学</name></addressbook></applicant></applicants>
<inventors><inventor><addressbook><name>张三</name></addressbook></inventor></inventors></parties>
</cn-bibliographic-data><abstract lang="zh"><p>卷帘<b>机</b>。</p></abstract></cn-patent-document>"""
ST96 = """<?xml version="1.0" encoding="UTF-8"?>
<pat:PatentPublications xmlns:pat="http://www.wipo.int/standards/XMLSchema/ST96/Patent" xmlns:com="http://www.wipo.int/standards/XMLSchema/ST96/Common">
<pat:PatentPublication><pat:BibliographicData>
<pat:PatentPublicationIdentification><com:IPOfficeCode>CN</com:IPOfficeCode><pat:PublicationNumber>116000001</pat:PublicationNumber><com:PatentDocumentKindCode>B</com:PatentDocumentKindCode><com:PublicationDate>2025-06-10</com:PublicationDate></pat:PatentPublicationIdentification>
<pat:ApplicationIdentification><com:IPOfficeCode>CN</com:IPOfficeCode><com:ApplicationNumber><com:ApplicationNumberText>{number}</com:ApplicationNumberText></com:ApplicationNumber><pat:FilingDate>2023-02-15</pat:FilingDate></pat:ApplicationIdentification>
<pat:IPCRClassificationBag><pat:IPCRClassification><pat:Section>B</pat:Section><pat:Class>23</pat:Class><pat:Subclass>Q</pat:Subclass><pat:MainGroup>11</pat:MainGroup><pat:Subgroup>00</pat:Subgroup></pat:IPCRClassification></pat:IPCRClassificationBag>
<pat:InventionTitle com:languageCode="zh">一种温室卷帘机</pat:InventionTitle>
<pat:PartyBag><pat:ApplicantBag><pat:Applicant><com:Contact><com:Name><com:OrganizationName><com:OrganizationStandardName>测试大学</com:OrganizationStandardName></com:OrganizationName></com:Name></com:Contact></pat:Applicant></pat:ApplicantBag></pat:PartyBag>
</pat:BibliographicData><pat:Abstract com:languageCode="zh"><pat:P>卷帘机。</pat:P></pat:Abstract></pat:PatentPublication></pat:PatentPublications>"""


def office(
    *titles: str, doctype: str = "", encoding: str = "UTF-8", numbers: list[str] | None = None, saved: str = "utf-8"
) -> bytes:
    titles = titles or ("一种温室卷帘机", "一种秧盘")
    records = "".join(
        ST36_RECORD.format(n=n, number=(numbers or [number(i) for i in range(1, 9)])[n - 1], title=title)
        for n, title in enumerate(titles, 1)
    )
    return ST36.format(encoding=encoding, doctype=doctype, records=records).encode(saved)


def texts() -> Iterator[Nasty]:
    for encoding in ("utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"):
        yield Nasty(
            f"encoded {encoding}", "a.csv", lambda e=encoding: table().encode(e), 2, over_http=encoding == "gbk"
        )
    yield Nasty("utf-16 big-endian", "a.csv", lambda: b"\xfe\xff" + table().encode("utf-16-be"), 2, over_http=True)
    for encoding in ("utf-16-le", "utf-16-be", "utf-32", "utf-32-le"):
        yield Nasty(f"unmarked {encoding}", "a.csv", lambda e=encoding: table().encode(e), fails="IM-ENCODING")
    yield Nasty("big5", "a.csv", lambda: "申請號,專利名稱\n1,機\n".encode("big5"), fails="IM-HEAD", over_http=True)
    yield Nasty("shift-jis", "a.csv", lambda: "出願番号,名称\n1,機械\n".encode("shift-jis"), fails="IM-HEAD")
    yield Nasty("latin-1", "a.csv", lambda: "numéro;título\n1;é\n".encode("latin-1"), fails="IM-ENCODING")
    yield Nasty("utf-7", "a.csv", lambda: table().encode("utf-7"), fails="IM-HEAD")
    yield Nasty("a mark and no more", "a.csv", lambda: b"\xef\xbb\xbf", fails="IM-FILE")
    yield Nasty("a utf-16 mark and half a letter", "a.csv", lambda: b"\xff\xfea", fails="IM-ENCODING")
    yield Nasty("marked twice", "a.csv", lambda: b"\xef\xbb\xbf" * 2 + table().encode(), 2)
    yield Nasty("broken utf-8", "a.csv", lambda: table().encode() + b"\xff\xff\n", fails="IM-ENCODING")
    yield Nasty("cut in a letter", "a.csv", lambda: table().encode()[:-30][:-1] + b"\xe5", fails="IM-ENCODING")
    for name, separator in (("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("bar", "|")):
        for end in ("\n", "\r\n", "\r"):
            yield Nasty(f"{name} {end!r}", "a.csv", lambda s=separator, e=end: table(TWO, s, e).encode(), 2)
    yield Nasty("full-width comma", "a.csv", lambda: table(TWO, "，").encode(), fails="IM-HEAD")
    yield Nasty(
        "line ends mixed", "a.csv", lambda: "\r\n".join([*table().split("\n")[:2], "\r" + ",".join(row(2))]).encode(), 2
    )
    yield Nasty("separator line of Excel", "a.csv", lambda: b"sep=;\n" + table(TWO, ";").encode(), 2)
    yield Nasty("unclosed quote", "a.csv", lambda: one() + b'"open,1\nx,y\n', fails="IM-FILE", over_http=True)
    yield Nasty("unclosed at the start", "a.csv", lambda: b'"' + table().encode(), fails="IM-FILE")
    yield Nasty("junk after a quote", "a.csv", lambda: one() + b'"a"b,c\n', fails="IM-FILE")
    yield Nasty("quote within a cell", "a.csv", lambda: one(专利名称='5" 管接头'), 1)
    yield Nasty(
        "everything quoted",
        "a.csv",
        lambda: ('"' + table().strip().replace(",", '","').replace("\n", '"\n"') + '"').encode(),
        2,
    )
    yield Nasty("separator in quotes", "a.csv", lambda: one(专利名称='"甲,乙"'), 1)
    yield Nasty("lines in quotes", "a.csv", lambda: one(专利名称='"甲\r\n乙"'), 1)
    yield Nasty("NUL within", "a.csv", lambda: one(专利名称="甲\0乙"), fails="IM-ENCODING", over_http=True)
    yield Nasty("nothing but NUL", "a.csv", lambda: bytes(10_000), fails="IM-ENCODING")
    yield Nasty("a control character", "a.csv", lambda: one(专利名称="甲\x01乙"), 0, {"IM-CELL"})
    yield Nasty("an escape sequence", "a.csv", lambda: one(专利名称="\x1b[31m红"), 0, {"IM-CELL"})
    yield Nasty("empty", "a.csv", lambda: b"", fails="IM-FILE", over_http=True)
    yield Nasty("blank", "a.csv", lambda: b" \n\t\n \r\n", fails="IM-FILE")
    yield Nasty("commas only", "a.csv", lambda: b",,,\n,,,\n", fails="IM-FILE")
    yield Nasty("only a head", "a.csv", lambda: table([HEADS]).encode(), fails="IM-FILE", over_http=True)
    yield Nasty("head and blank rows", "a.csv", lambda: table([HEADS]).encode() + b",,,,\n\n ,,\n", fails="IM-FILE")
    yield Nasty("no head", "a.csv", lambda: table([row(1), row(2)]).encode(), fails="IM-HEAD")
    yield Nasty("doubled head", "a.csv", lambda: table([[*HEADS, "申请号"], [*row(), "x"]]).encode(), fails="IM-HEAD")
    yield Nasty(
        "two heads of one meaning",
        "a.csv",
        lambda: table([[*HEADS, "专利号"], [*row(), "x"]]).encode(),
        fails="IM-COLUMN",
    )
    yield Nasty(
        "unknown heads twice", "a.csv", lambda: table([[*HEADS, "备注", "备注"], [*row(), "x", "y"]]).encode(), 1
    )
    yield Nasty(
        "nameless columns", "a.csv", lambda: table([["", *HEADS, ""], ["1", *row(), "y"]]).encode(), 0, {"IM-FILE"}
    )
    yield Nasty(
        "the head again below", "a.csv", lambda: table([*TWO, HEADS]).encode(), 2, {"PN-FORM", "IM-CELL", "DATE-FORM"}
    )
    yield Nasty("titles above", "a.csv", lambda: "测试大学专利清单,,,,\n,,,,\n".encode() + table().encode(), 2)
    yield Nasty("eighteen titles above", "a.csv", lambda: "清单,\n".encode() * 18 + table().encode(), 2)
    yield Nasty("thirty titles above", "a.csv", lambda: "清单,\n".encode() * 30 + table().encode(), fails="IM-HEAD")
    yield Nasty(
        "20,000 columns",
        "a.csv",
        lambda: table([[*HEADS, *map(str, range(20_000))], row()]).encode(),
        1,
        fails="IM-FILE",
        over_http=True,
    )
    yield Nasty(
        "20,000 cells", "a.csv", lambda: table([HEADS, row(), [*row(2), *"x" * 20_000]]).encode(), 1, {"IM-FILE"}
    )
    yield Nasty("a title of 1 MB", "a.csv", lambda: one(专利名称="长" * 350_000), 0, {"IM-CELL"}, over_http=True)
    yield Nasty("a number of 1 MB", "a.csv", lambda: one(申请号="1" * 1_000_000), 0, {"IM-CELL"})
    yield Nasty("a head of 1 MB", "a.csv", lambda: table([[*HEADS, "长" * 350_000], [*row(), "x"]]).encode(), 1)
    yield Nasty(
        "an unread cell of 1 MB", "a.csv", lambda: table([[*HEADS, "备注"], [*row(), "长" * 350_000]]).encode(), 1
    )
    yield Nasty(
        "300,000 rows",
        "a.csv",
        lambda: table([HEADS]).encode() + one().split(b"\n")[1] * 0 + (",".join(row()) + "\n").encode() * 300_000,
        fails="IM-ROWS",
        over_http=True,
    )
    yield Nasty("300,000 blank rows", "a.csv", lambda: table().encode() + b",,,,\n" * 300_000, 2)
    yield Nasty("two million line ends", "a.csv", lambda: b"\n" * 2_000_000 + table().encode(), 2)
    yield Nasty("a million quotes", "a.csv", lambda: b'"' * 1_000_001, fails="IM-FILE")
    yield Nasty("short rows", "a.csv", lambda: table([HEADS, row()[:2], row(2)[:1]]).encode(), 0, {"IM-CELL"})
    yield Nasty(
        "an image named csv", "a.csv", lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, fails="IM-ENCODING"
    )
    yield Nasty("a workbook named csv", "a.csv", lambda: book(written()), fails="IM-ENCODING", over_http=True)
    yield Nasty(
        "a page named csv",
        "a.csv",
        lambda: "<html><table><tr><td>申请号</td></tr></table></html>".encode(),
        fails="IM-HEAD",
    )


def cells() -> Iterator[Nasty]:
    good = number(1)
    for name, spelled in (
        ("ZL before", "ZL" + good), ("CN before", "CN" + good), ("without its dot", good.replace(".", "")),
        ("full-width", "".join(chr(ord(c) + 0xFEE0) for c in good)), ("zero width within", "\u200b".join(good)),
        ("soft hyphens", "\u00ad".join(good)), ("blanks within", " ".join(good)), ("no-break blanks", "\u00a0" + good),
        ("a mark before", "\ufeff" + good), ("ideographic dot", good.replace(".", "。")),
    ):  # fmt: skip
        yield Nasty(f"number {name}", "a.csv", lambda s=spelled: one(申请号=s), 1)
    for name, spelled, rule in (
        ("confusable letters", "СN116000001В", "PN-FORM"),
        ("arabic digits", "".join(chr(0x0660 + int(c)) if c.isdigit() else c for c in good), "PN-FORM"),
        ("superscripts", good[:-1] + "²", "PN-CHECK"), ("a wrong check digit", "202310000001.9", "PN-CHECK"),
        ("turned into an amount", "2.0231E+11", "IM-NUMBER"), ("turned and cut", "2.02E+11", "IM-NUMBER"),
        ("hashes", "########", "PN-FORM"), ("a formula's error", "#N/A", "PN-FORM"), ("a word", "待定", "PN-FORM"),
        ("right to left", "\u202e" + good, "PN-FORM"), ("sixty-one digits", "2" * 61, "IM-CELL"),
        ("a foreign number", "US10000000B2", "PN-FORM"), ("an SQL", "'; DROP TABLE patent; --", "PN-FORM"),
    ):  # fmt: skip
        yield Nasty(f"number {name}", "a.csv", lambda s=spelled: one(申请号=s), 0, {rule})
    for name, spelled in (
        ("emoji", "温室🌱卷帘机"), ("plane two", "𠀀𠀁铣刀"), ("combining", "e\u0301tude"), ("right to left", "\u202e卷帘"),
        ("markup", "<script>alert(1)</script>"), ("noncharacter", "甲\ufffe乙"), ("replacement", "甲\ufffd乙"),
        ("formula", "=cmd|'/c calc'!A1"), ("guarded formula", "'=1+1"), ("minus", "-196℃储罐"), ("path", "../../etc/passwd"),
        ("format", "%s%n{0}"), ("NULL", "NULL"), ("zero width", "温\u200b室"),
    ):  # fmt: skip
        yield Nasty(f"title {name}", "a.csv", lambda s=spelled: one(专利名称=s), 1)
    for name, facts, rule in (
        ("31 February", {"申请日": "2023-02-31"}, "DATE-FORM"), ("day of Excel", {"申请日": "44972"}, "DATE-FORM"),
        ("year 9999", {"申请日": "9999-01-01"}, "IM-CELL"), ("year 0", {"申请日": "0000-01-01"}, "DATE-FORM"),
        ("American day", {"申请日": "02/15/2023"}, "DATE-FORM"), ("before any law", {"申请日": "1900-01-01"}, "IM-CELL"),
        ("arabic day", {"申请日": "٢٠٢٣-٠٢-١٥"}, "DATE-FORM"), ("unknown type", {"专利类型": "商标"}, "IM-CELL"),
        ("another type", {"专利类型": "外观设计"}, "PN-TYPE"), ("no holder", {"专利权人": ""}, "IM-CELL"),
        ("only separators", {"专利权人": "；；、"}, "IM-CELL"), ("a holder of 600", {"专利权人": "大" * 600}, "IM-CELL"),
        ("a hundred holders", {"专利权人": "；".join(f"大学{n}" for n in range(100))}, "IM-CELL"),
        ("blank title", {"专利名称": "\u3000"}, "IM-CELL"), ("zero-width title only", {"申请号": "\u200b"}, "PN-FORM"),
    ):  # fmt: skip
        yield Nasty(name, "a.csv", lambda f=facts: one(**f), 0, {rule})
    yield Nasty("the same number twice", "a.csv", lambda: table([HEADS, row(1), row(1, 专利名称="另一")]).encode(), 2)
    yield Nasty("clock beside the day", "a.csv", lambda: one(申请日="2023/2/15 0:00"), 1)


def jsons() -> Iterator[Nasty]:
    yield Nasty("objects", "a.json", lambda: objects(an_object(1), an_object(2)), 2)
    yield Nasty("one object", "a.json", lambda: json.dumps(an_object()).encode(), 1)
    yield Nasty(
        "objects in utf-16", "a.json", lambda: json.dumps([an_object()], ensure_ascii=False).encode("utf-16"), 1
    )
    yield Nasty("objects with a mark", "a.json", lambda: b"\xef\xbb\xbf" + objects(an_object()), 1)
    for name, content in (
        ("empty json", b""), ("empty array", b"[]"), ("cut off", objects(an_object(1), an_object(2))[:-20]),
        ("trailing comma", objects(an_object())[:-1] + b",]"), ("comments", b"// c\n[]"), ("single quotes", b"[{'a': 1}]"),
        ("two values", objects(an_object()) + b"[]"), ("deep arrays", b"[" * 200_000), ("deep objects", b'{"a":' * 200_000),
        ("a bare word", b"hello"), ("a raw line end in a text", raw_object('"a\nb"')), ("a record of 9 MB", raw_object('"' + "x" * 9_000_000 + '"')),
    ):  # fmt: skip
        yield Nasty(name, "a.json", lambda c=content: c, fails="IM-FILE", over_http=name in ("cut off", "deep arrays"))
    for name, content in (
        ("a number", b"5"), ("a text", b'"x"'), ("array of scalars", b'[1, "a", null, true, [1]]'), ("empty objects", b"[{}, {}]"),
        ("keys unknown", b'[{"a": 1}]'), ("not a number", b'[{"title": NaN}]'),
    ):  # fmt: skip
        yield Nasty(name, "a.json", lambda c=content: c, fails="IM-HEAD")
    for name, title in (
        ("infinite", "1e999"), ("true for a title", "true"), ("a list for a title", '["a"]'), ("an object for a title", '{"a": 1}'),
        ("null for a title", "null"), ("a lone surrogate", '"\\ud800"'), ("a huge int", "1" * 5_000), ("an escaped NUL", '"a\\u0000b"'),
        ("deep in a cell", "[" * 50 + "]" * 50),
    ):  # fmt: skip
        yield Nasty(
            name,
            "a.json",
            lambda t=title: raw_object(t),
            0,
            {"IM-CELL"},
            over_http=name in ("a lone surrogate", "an escaped NUL"),
        )
    yield Nasty("a surrogate pair", "a.json", lambda: raw_object('"\\ud83c\\udf31"'), 1)
    yield Nasty("a number for a title", "a.json", lambda: raw_object("5"), 1)
    yield Nasty(
        "a key twice", "a.json", lambda: objects(an_object(1))[:-1] + b', {"title": "a", "title": "b"}]', 1, {"IM-FILE"}
    )
    yield Nasty("NaN beside good", "a.json", lambda: objects(an_object(1))[:-1] + b', {"title": NaN}]', 1, {"IM-FILE"})
    yield Nasty(
        "20,000 keys", "a.json", lambda: objects({**an_object(), **{str(n): n for n in range(20_000)}}), fails="IM-FILE"
    )
    yield Nasty("a surrogate key", "a.json", lambda: objects({**an_object(), "\ud800": 1}), 1)
    yield Nasty("inherited names", "a.json", lambda: objects({**an_object(), "__proto__": {"x": 1}, "__class__": 1}), 1)
    yield Nasty(
        "an unknown field of a holder",
        "a.json",
        lambda: objects(an_object(holders=[{"name": "大学", "x": 1}])),
        0,
        {"IM-CELL"},
    )
    yield Nasty(
        "shares that make 90",
        "a.json",
        lambda: objects(an_object(holders=[{"name": "大学", "share": "90"}])),
        0,
        {"HOLDER-SHARES"},
    )
    yield Nasty(
        "an amount that kept its digit", "a.json", lambda: objects(an_object(application_number=float(number(3)))), 1
    )
    yield Nasty(
        "an amount that lost it",
        "a.json",
        lambda: objects(an_object(application_number=202310000001)),
        0,
        {"IM-NUMBER"},
    )
    yield Nasty("lines", "a.ndjson", lambda: b"\n".join(objects(an_object(n))[1:-1] for n in (1, 2)), 2)
    yield Nasty(
        "a broken line",
        "a.jsonl",
        lambda: objects(an_object())[1:-1] + b'\n{"title"\n5\n[]\n',
        1,
        {"IM-FILE"},
        over_http=True,
    )
    yield Nasty("a line of 9 MB", "a.ndjson", lambda: b'{"title": "' + b"x" * 9_000_000 + b'"}', fails="IM-FILE")
    yield Nasty(
        "a line that is deep", "a.ndjson", lambda: objects(an_object())[1:-1] + b"\n" + b"[" * 100_000, 1, {"IM-FILE"}
    )
    yield Nasty("blank lines between", "a.ndjson", lambda: b"\n\n" + objects(an_object())[1:-1] + b"\r\n \n", 1)
    yield Nasty("lines of nothing", "a.ndjson", lambda: b"\n\n\n", fails="IM-FILE")
    yield Nasty("300,000 lines", "a.ndjson", lambda: b'{"title": "a"}\n' * 300_000, fails="IM-ROWS")


def books() -> Iterator[Nasty]:
    yield Nasty("a workbook", "a.xlsx", lambda: book(written()), 2, over_http=True)
    yield Nasty(
        "title rows",
        "a.xlsx",
        lambda: book(lambda b, s: (s.merge_range("A1:E1", "测试大学专利清单"), written(at=3)(b, s))),
        2,
        over_http=True,
    )
    yield Nasty("columns from C on", "a.xlsx", lambda: book(written([["", "", *cells] for cells in TWO])), 2)
    yield Nasty(
        "a foreword sheet",
        "a.xlsx",
        lambda: book(lambda b, s: (s.write("A1", "填写说明"), written()(b, b.add_worksheet()))),
        2,
    )

    def hidden(b: Any, s: Any) -> None:
        written([HEADS, row(9)])(b, s)
        shown = b.add_worksheet()
        written()(b, shown)
        shown.activate()
        s.hide()

    yield Nasty("a hidden sheet first", "a.xlsx", lambda: book(hidden), 2)
    yield Nasty("an empty workbook", "a.xlsx", lambda: book(lambda b, s: None), fails="IM-FILE")
    yield Nasty("a workbook's head only", "a.xlsx", lambda: book(written([HEADS])), fails="IM-FILE")
    yield Nasty(
        "a workbook of unknown heads", "a.xlsx", lambda: book(written([["甲", "乙"], ["1", "2"]])), fails="IM-HEAD"
    )
    yield Nasty("days as days", "a.xlsx", lambda: book(written([HEADS, row(申请日=date(2023, 2, 15))])), 1)
    yield Nasty(
        "days since 1904", "a.xlsx", lambda: book(written([HEADS, row(申请日=date(2023, 2, 15))]), date_1904=True), 1
    )
    yield Nasty("days with clocks", "a.xlsx", lambda: book(written([HEADS, row(申请日=datetime(2023, 2, 15, 8))])), 1)
    yield Nasty(
        "days as numbers", "a.xlsx", lambda: book(written([HEADS, row(申请日=44972)])), 0, {"DATE-FORM"}, over_http=True
    )
    yield Nasty("days as eight digits", "a.xlsx", lambda: book(written([HEADS, row(申请日=20230215)])), 1)
    yield Nasty("a negative day", "a.xlsx", lambda: book(written([HEADS, row(申请日=-5)])), 0, {"DATE-FORM"})
    yield Nasty(
        "a number that lost its digit",
        "a.xlsx",
        lambda: book(written([HEADS, row(申请号=202310000001)])),
        0,
        {"IM-NUMBER"},
        over_http=True,
    )
    yield Nasty("a number as an amount", "a.xlsx", lambda: book(written([HEADS, row(申请号=float(number(3)))])), 1)
    yield Nasty("a truth value", "a.xlsx", lambda: book(written([HEADS, row(专利名称=True)])), 0, {"IM-CELL"})
    yield Nasty("a number for a name", "a.xlsx", lambda: book(written([HEADS, row(专利名称=5)])), 1)

    def formula(b: Any, s: Any, value: Any = "一种温室卷帘机") -> None:
        written([HEADS, row()])(b, s)
        s.write_formula(1, 1, '="x"', None, value)

    yield Nasty("a formula", "a.xlsx", lambda: book(formula), 1)
    yield Nasty(
        "a formula's error in a cell", "a.xlsx", lambda: book(lambda b, s: formula(b, s, "#N/A")), 0, {"IM-CELL"}
    )
    yield Nasty("a formula without its value", "a.xlsx", lambda: book(lambda b, s: formula(b, s, "")), 0, {"IM-CELL"})
    yield Nasty(
        "merged holders",
        "a.xlsx",
        lambda: book(
            lambda b, s: (
                written([HEADS, row(1, 专利权人=None), row(2, 专利权人=None)])(b, s),
                s.merge_range("D2:D3", "测试大学"),
            )
        ),
        1,
        {"IM-CELL"},
        over_http=True,
    )
    yield Nasty(
        "formatted far below",
        "a.xlsx",
        lambda: book(lambda b, s: (written()(b, s), s.write_blank(300_000, 0, None, b.add_format({"bold": True})))),
        2,
    )
    yield Nasty(
        "a cell in the last corner",
        "a.xlsx",
        lambda: book(lambda b, s: (written()(b, s), s.write(1_048_575, 16_383, "x"))),
        fails="IM-LIMIT",
        over_http=True,
    )
    yield Nasty(
        "16,000 columns", "a.xlsx", lambda: book(written([[*HEADS, *map(str, range(16_000))], row()])), fails="IM-FILE"
    )
    yield Nasty(
        "a picture named xlsx", "a.xlsx", lambda: b"\x89PNG\r\n\x1a\n" + bytes(1_000), fails="IM-FILE", over_http=True
    )
    yield Nasty("text named xlsx", "a.xlsx", lambda: table().encode(), fails="IM-FILE")
    yield Nasty("an empty xlsx", "a.xlsx", lambda: b"", fails="IM-FILE")
    yield Nasty("a locked workbook", "a.xlsx", locked, fails="IM-FILE", over_http=True)
    yield Nasty("a broken xls", "a.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), fails="IM-FILE")
    yield Nasty("a document named xlsx", "a.xlsx", lambda: archive({"word/document.xml": b"<w/>"}), fails="IM-FILE")
    yield Nasty("an empty archive", "a.xlsx", lambda: archive({}), fails="IM-FILE")
    yield Nasty("a path out of the archive", "a.xlsx", lambda: archive({"../../etc/passwd": b"x"}), fails="IM-FILE")
    for share in (10, 50, 90, 99):
        yield Nasty(
            f"cut at {share} per cent",
            "a.xlsx",
            lambda s=share: (c := book(written()))[: len(c) * s // 100],
            fails="IM-FILE",
        )
    yield Nasty(
        "bits turned over",
        "a.xlsx",
        lambda: bytes(b ^ 0xFF if 60 < i < 90 else b for i, b in enumerate(book(written()))),
        fails="IM-FILE",
    )
    yield Nasty(
        "no sheets part",
        "a.xlsx",
        lambda: changed(book(written()), lambda n, raw: None if n.endswith("sheet1.xml") else raw),
        fails="IM-FILE",
    )
    yield Nasty(
        "no workbook part",
        "a.xlsx",
        lambda: changed(book(written()), lambda n, raw: None if n == "xl/workbook.xml" else raw),
        fails="IM-FILE",
    )
    yield Nasty("a sheet cut in its XML", "a.xlsx", lambda: in_sheet(b"</sheetData></worksheet>", b""), 2)
    yield Nasty("a bomb of 300 MB", "a.xlsx", lambda: bomb(300), fails="IM-BOMB", over_http=True)
    yield Nasty("a bomb that lies", "a.xlsx", lambda: lying(100), fails="IM-FILE")
    yield Nasty("a string that is not there", "a.xlsx", lambda: in_sheet(b"<v>0</v>", b"<v>99999</v>"), fails="IM-FILE")
    yield Nasty("a cell in no row", "a.xlsx", lambda: in_sheet(b'r="A1"', b'r="1A!"'), fails="IM-FILE")
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    yield Nasty("entities in a sheet", "a.xlsx", lambda: in_sheet(b"<worksheet", laughs + b"<worksheet"), 2)
    yield Nasty(
        "a file behind an entity", "a.xlsx", lambda: in_strings("一种温室卷帘机".encode(), b"&passwd;"), fails="IM-FILE"
    )


def xmls() -> Iterator[Nasty]:
    yield Nasty("ST.36", "a.xml", office, 2, over_http=True)
    yield Nasty("ST.36 in utf-16", "a.xml", lambda: office(encoding="UTF-16", saved="utf-16"), 2)
    yield Nasty("ST.36 in GBK", "a.xml", lambda: office(encoding="GBK", saved="gbk"), 2)
    yield Nasty("ST.96", "a.xml", lambda: ST96.format(number=number(1)).encode(), 1, over_http=True)
    yield Nasty("numbers without check digits", "a.xml", lambda: office("甲", numbers=[number(5).partition(".")[0]]), 1)
    yield Nasty("numbers with a wrong one", "a.xml", lambda: office("甲", numbers=["202310000001.9"]), 0, {"PN-CHECK"})
    yield Nasty("character entities", "a.xml", lambda: office("卷帘&#26426;&amp;&lt;x&gt;"), 1)
    yield Nasty("CDATA and comments", "a.xml", lambda: office("<![CDATA[卷<帘>机]]><!-- x -->"), 1)
    yield Nasty("an instruction", "a.xml", lambda: office("卷<?php echo 1 ?>帘"), 1)
    yield Nasty(
        "inclusion",
        "a.xml",
        lambda: office(
            '甲<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
        ),
        1,
    )
    yield Nasty("no title", "a.xml", lambda: office(""), 0, {"IM-CELL"})
    for name, doctype in (
        ("XXE", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
        ("XXE over the network", '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]>'),
        ("parameter entity", '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>'),
        ("external DTD", '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
        ("a public DTD", '<!DOCTYPE x PUBLIC "-//X//EN" "x.dtd">'),
        ("a doctype and no more", "<!DOCTYPE cn-patent-documents>"),
    ):
        yield Nasty(name, "a.xml", lambda d=doctype: office(doctype=d), fails="IM-DTD", over_http=name == "XXE")
    lol = (
        '<!DOCTYPE x [<!ENTITY l0 "lol">'
        + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        + "]>"
    )
    yield Nasty("billion laughs", "a.xml", lambda: office("&l9;", doctype=lol), fails="IM-DTD", over_http=True)
    yield Nasty(
        "quadratic swelling",
        "a.xml",
        lambda: office("&a;" * 50_000, doctype=f'<!DOCTYPE x [<!ENTITY a "{"x" * 50_000}">]>'),
        fails="IM-DTD",
    )
    for name, content in (
        ("an unknown entity", lambda: office("&nobody;")), ("another encoding declared", lambda: office(encoding="UTF-16")),
        ("an encoding that is none", lambda: office(encoding="klingon")), ("cut XML", lambda: office()[:-60]),
        ("XML of NUL", lambda: office("a\0b")), ("empty XML", lambda: b""), ("text named xml", lambda: table().encode()),
        ("nesting of 10,000", lambda: b"<a>" * 10_000), ("a text of 20 MB", lambda: office("x" * 20_000_000)),
        ("other XML", lambda: b"<root><a/></root>"), ("a page", lambda: b"<html><body><p>x</p></body></html>"),
        ("a title in GBK that says UTF-8", lambda: office(saved="gbk")),
    ):  # fmt: skip
        yield Nasty(name, "a.xml", content, fails="IM-FILE")


NASTY = [*texts(), *cells(), *jsons(), *books(), *xmls()]
