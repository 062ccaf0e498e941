"""JSON, lines of JSON and the XML of patent offices: records with named fields."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from lxml import etree

from services.catalog.reading.files import ABSENT, Line, Source
from services.catalog.reading.separated import encoding_of, text_of
from services.catalog.rules.files import COLUMNS_MOST, declares_a_type, too_wide, unreadable
from shared.contracts.values import check_character
from shared.errors import Text
from shared.rulebook import Refusal, Refused

RECORD_MOST = 4 << 20  # characters of one record
DIGITS_MOST = 30
_PIECE = 1 << 16
_BLANK = re.compile(r"\s*")


class _Unfit(ValueError):
    """JSON that says nothing: a key that stands twice, NaN."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unfit
    return found


def _no_constant(_: str) -> Any:
    raise _Unfit


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS_MOST else math.inf  # refused as the cell that it stands in


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole)
_PLAIN = json.JSONDecoder(parse_int=_whole)


def _no_record(number: int, place: Text) -> Refusal:
    return unreadable(
        f"{place.en} {number} is not a JSON object",
        f"第 {number} {place.zh}不是 JSON 对象",
        Text("write one object with the fields of a row, each once", "请写成一个 JSON 对象，每个字段只出现一次"),
    )


class _Records(Source):
    """What the three have in common: heads are the keys in the order in which they first occur."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        names: dict[str, None] = {}
        for _, record in self._records():
            if isinstance(record, dict):
                names.update(dict.fromkeys(record))
                if len(names) > COLUMNS_MOST:
                    raise Refused(too_wide(len(names)))
        self._names = list(names)

    def heads(self) -> list[str]:
        """The keys of all records."""
        return self._names

    def _records(self) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
        raise NotImplementedError

    def lines(self) -> Iterator[Line]:
        """The records, a missing key as an `ABSENT` cell."""
        for number, record in self._records():
            if isinstance(record, Refusal):
                yield Line(number, [], record)
            else:
                yield Line(number, [record.get(name, ABSENT) for name in self._names])


class JsonLines(_Records):
    """One object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._encoding = encoding_of(file)
        super().__init__(file)

    def _records(self) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
        lines = text_of(self._file, self._encoding)
        number = 0
        while line := lines.readline(RECORD_MOST):
            number += 1
            if len(line) == RECORD_MOST:
                raise _too_long(number)
            if line.strip():
                try:
                    value = _DECODER.decode(line)
                except (ValueError, RecursionError):
                    value = None
                yield number, value if isinstance(value, dict) else _no_record(number, Text("line", "行"))


def _too_long(number: int) -> Refused:
    return Refused(
        unreadable(
            f"record {number} is longer than {RECORD_MOST >> 20} million characters",
            f"第 {number} 条记录超过 {RECORD_MOST >> 20}00 万字符",
            Text("a record is one object with the fields of a row", "一条记录应为一个包含各字段的 JSON 对象"),
        )
    )


class JsonArray(_Records):
    """An array of objects, or one object, read piece by piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._encoding = encoding_of(file)
        super().__init__(file)

    def _records(self) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
        window = _Window(text_of(self._file, self._encoding))
        if window.peek() != "[":
            if window.peek():
                yield 1, self._object(window, 1)
                self._end(window, 1)
            return
        window.skip()
        number, mark = 0, window.peek()
        if mark == "]":
            window.skip()
        while mark != "]":
            number += 1
            yield number, self._object(window, number)
            mark = window.peek()
            if mark not in (",", "]"):
                raise Refused(_broken(window.read))
            window.skip()
        self._end(window, number)

    def _object(self, window: _Window, number: int) -> dict[str, Any] | Refusal:
        value = window.value(number)
        return value if isinstance(value, dict) else _no_record(number, Text("record", "条记录"))

    def _end(self, window: _Window, number: int) -> None:
        if window.peek():
            raise Refused(_broken(window.read))


def _broken(position: int) -> Refusal:
    return unreadable(
        f"the file is not JSON from character {position} on",
        f"文件从第 {position} 个字符起不是有效的 JSON",
        Text("write an array of objects, as [{…}, {…}]", "请写成对象数组，如 [{…}, {…}]"),
    )


class _Window:
    """The part of a JSON text that is being read."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._held, self._at, self._gone = text, "", 0, 0

    @property
    def read(self) -> int:
        """How many characters lie behind."""
        return self._gone + self._at

    def _more(self, size: int = _PIECE) -> bool:
        piece = self._text.read(size)
        self._gone += self._at
        self._held, self._at = self._held[self._at :] + piece, 0
        return bool(piece)

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            at = _BLANK.match(self._held, self._at)
            self._at = at.end() if at else self._at
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Past one character."""
        self._at += 1

    def value(self, number: int) -> Any:
        """The value that begins here; None for one that says nothing. Raises: Refused, when the text is not JSON."""
        self.peek()
        size, is_over = _PIECE, False
        while True:
            value, end = self._decoded()
            if end is not None and (end < len(self._held) or is_over):
                self._at = end
                return value
            if is_over:
                raise Refused(_broken(self.read))
            if len(self._held) - self._at > RECORD_MOST:
                raise _too_long(number)
            is_over = not self._more(size)
            size *= 2

    def _decoded(self) -> tuple[Any, int | None]:
        try:
            try:
                return _DECODER.raw_decode(self._held, self._at)
            except _Unfit:
                return None, _PLAIN.raw_decode(self._held, self._at)[1]
        except RecursionError:
            raise Refused(_broken(self.read)) from None
        except ValueError:
            return None, None


_XML = {"resolve_entities": False, "no_network": True, "load_dtd": False, "dtd_validation": False, "huge_tree": False}


class OfficeXml(_Records):
    """Bibliographic data by WIPO ST.36 or ST.96, one patent a record.

    Names are compared without hyphens and case, which makes `invention-title` of the one and
    `InventionTitle` of the other the same; namespaces and the offices' prefixes are passed over.
    """

    def _records(self) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
        self._file.seek(0)
        number, record = 0, None
        try:
            for event, element in etree.iterparse(self._file, events=("start", "end"), **_XML):
                if event == "start":
                    if element.getparent() is None:
                        _check_document(element)
                    if record is None and _name(element).endswith("bibliographicdata"):
                        record = element.getparent() if element.getparent() is not None else element
                elif element is record:
                    number += 1
                    yield number, _fields(element)
                    record = None
                if event == "end" and record is None:
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise Refused(
                unreadable(
                    f"the file is not well-formed XML, at line {error.lineno}",
                    f"文件不是格式良好的 XML，第 {error.lineno} 行",
                    Text("take the file as the office delivered it", "请使用专利局提供的原始文件"),
                )
            ) from None


def _forget(element: Any) -> None:
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _check_document(root: Any) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused(declares_a_type())


def _name(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].replace("-", "").lower() if isinstance(tag, str) else ""


def _all(element: Any, *names: str) -> list[Any]:
    """Descendants of one of these names, in the order of the document."""
    return [found for found in element.iterdescendants() if _name(found).endswith(names)]


def _said(element: Any | None) -> str | None:
    """All text within an element, blanks folded."""
    return (" ".join("".join(element.itertext(tag=None)).split()) or None) if element is not None else None


def _first(element: Any | None, *names: str) -> str | None:
    found = _all(element, *names) if element is not None else []
    return _said(found[0]) if found else None


def _language(element: Any) -> str:
    return next(
        (str(value).lower() for key, value in element.attrib.items() if key.lower().endswith(("lang", "languagecode"))),
        "",
    )


def _chinese(elements: list[Any]) -> Any | None:
    """The element that is in Chinese, else the one that does not say its language, else the first."""
    ranked = sorted(
        elements, key=lambda found: 0 if _language(found)[:2] in ("zh", "cn") else 1 if not _language(found) else 2
    )
    return ranked[0] if ranked else None


def _fields(record: Any) -> dict[str, Any]:
    bibliographic = next(found for found in record.iter() if _name(found).endswith("bibliographicdata"))
    published = next(iter(_all(bibliographic, "publicationreference", "publicationidentification")), None)
    filed = next(iter(_all(bibliographic, "applicationreference", "applicationidentification")), None)
    found = {
        "application_number": _application_number(
            _first(filed, "docnumber", "applicationnumbertext", "applicationnumber")
        ),
        "publication_number": _publication_number(published),
        "title": _said(_chinese(_all(bibliographic, "inventiontitle"))),
        "abstract": _said(_chinese([part for part in _all(record, "abstract") if _name(part) == "abstract"])),
        "filing_date": _first(filed, "filingdate") or _first(filed, "date"),
        "publication_date": _first(published, "publicationdate") or _first(published, "date"),
        "ipc": list(dict.fromkeys(_classes(bibliographic))),
        "holders": _people(bibliographic, "applicant"),
        "inventors": _people(bibliographic, "inventor"),
    }
    return {name: value for name, value in found.items() if value}


def _application_number(raw: str | None) -> str | None:
    """As written; where an exchange format leaves out the check character, it follows from the digits."""
    digits = re.sub(r"^(CN|ZL)", "", raw or "")
    return f"{digits}.{check_character(digits)}" if re.fullmatch(r"[0-9]{12}|[0-9]{8}", digits) else raw


def _publication_number(published: Any | None) -> str | None:
    number = _first(published, "docnumber", "publicationnumber")
    if number is None:
        return None
    country = _first(published, "country", "ipofficecode") or "CN"
    kind = _first(published, "kind", "kindcode") or ""
    number = number if number.upper().startswith(country.upper()) else country + number
    return number if number.upper().endswith(kind.upper()) else number + kind


_PARTS = ("section", "class", "subclass", "maingroup", "subgroup")


def _classes(bibliographic: Any) -> Iterator[str]:
    for entry in _all(
        bibliographic, "classificationipcr", "ipcrclassification", "classificationlocarno", "locarnoclassification"
    ):
        parts = {_name(part): _said(part) for part in entry.iterdescendants()}
        if all(parts.get(name) for name in _PARTS):
            yield "{section}{class}{subclass}{maingroup}/{subgroup}".format(**parts)
        elif (
            written := parts.get("text") or parts.get("mainclassification") or parts.get("locarnoclass") or _said(entry)
        ):
            symbol = re.match(r"([A-H][0-9]{2}[A-Z])\s*0*([0-9]{1,4})/([0-9]{2,6})", written)
            yield f"{symbol[1]}{symbol[2]}/{symbol[3]}" if symbol else written
    for entry in _all(bibliographic, "classificationipc"):
        for part in _all(entry, "mainclassification", "furtherclassification"):
            if written := _said(part):
                yield written


_NAMES = ("orgname", "organizationstandardname", "organizationname", "personfullname", "entityname", "name", "lastname")


def _people(bibliographic: Any, role: str) -> list[str]:
    people = [found for found in _all(bibliographic, role) if _name(found).endswith(role)]
    original = [found for found in people if found.get("data-format") == "original"] or people
    names = []
    for person in original:
        books = _all(person, "addressbook", "contact")
        within = _chinese(books) if books else person
        written = next((said for name in _NAMES if (said := _exact(within, name))), None)
        if written:
            names.append(written)
    return list(dict.fromkeys(names))


def _exact(element: Any, name: str) -> str | None:
    return next((said for found in element.iterdescendants() if _name(found) == name and (said := _said(found))), None)
