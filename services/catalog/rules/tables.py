"""What the heads and cells of a table mean, whichever file it came in and whatever it lists."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from shared.contracts.values import fold, parse_day
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

SOURCE = Text("the platform's import format", "平台导入格式")
SINCE = "2026-11-22"
CELL_MOST = 100_000  # characters; the longest claims that the office ever printed fit
_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_FIRST = frozenset("'=+-@\t\r\n＝＋－＠")  # with what `_FORMULA` may begin
_CLOCK = re.compile(r"[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$")
_SPLITS = re.compile(r"[;；、|\n]|^\s|\s$|^\[|^$")  # what `many` may take apart
_MANY = re.compile(r"[;；、|\n]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A reason why a row is rejected, at one of its columns."""

    refusal: Refusal
    column: str | None


def folded(head: str) -> str:
    """How heads and words of a list are compared: without blanks, brackets, underscores and case."""
    return re.sub(r"[\s_（）()]", "", fold(head).lower())


class Heads:
    """The fields that a list may have, each with its names in English and Chinese; the first of each is shown."""

    def __init__(self, names: Mapping[str, tuple[str, ...]]) -> None:
        self.names = names
        self._field_of = {folded(alias): name for name, aliases in names.items() for alias in (name, *aliases)}

    def field(self, head: str, mapping: Mapping[str, str]) -> str | None:
        """The field that a head names, by the mapping given or by itself."""
        return mapping.get(head) or self._field_of.get(folded(head))

    def shown(self, name: str, language: str) -> str:
        """The head under which a field is written out: its first Chinese name, or the field's own."""
        return self.names[name][0] if language == "zh" else name


@rule("IM-COLUMN", source=SOURCE, since=SINCE)
def columns(heads: Sequence[str], mapping: Mapping[str, str], known: Heads) -> dict[str, str]:
    """Each head names a field, by the mapping given or by its English or Chinese name; others are left alone.

    Answers {head: field}. Raises: Refused when a mapping names no field, or two heads mean one field.
    """
    chosen: dict[str, str] = {}
    mapped = {mapping[head] for head in heads if head in mapping}
    for head in heads:
        name = known.field(head, mapping)
        if name is None or (head not in mapping and name in mapped):
            continue  # unknown, or the mapping says that another column counts
        if name not in known.names:
            raise Refused(
                Refusal(
                    "IM-COLUMN",
                    Text(
                        f"the mapping names a field {name[:60]} that does not exist", f"映射中的字段 {name[:60]} 不存在"
                    ),
                    Text("fields are " + ", ".join(known.names), "可用字段：" + "、".join(known.names)),
                )
            )
        if name in chosen.values():
            other = next(head for head, field_ in chosen.items() if field_ == name)
            raise Refused(
                Refusal(
                    "IM-COLUMN",
                    Text(
                        f"the columns {other[:60]} and {head[:60]} both mean {name}",
                        f"列“{other[:60]}”与“{head[:60]}”都表示 {name}",
                    ),
                    Text("say which one counts in `mapping`", "请在 mapping 中指明以哪一列为准"),
                )
            )
        chosen[head] = name
    return chosen


@rule("IM-HEAD", source=SOURCE, since=SINCE)
def head_is_known(heads: Sequence[str], mapping: Mapping[str, str], known: Heads) -> Refusal | None:
    """A table needs a head whose names are known, and no known name twice."""
    named = [head for head in heads if head and known.field(head, mapping)]
    if not named:
        return Refusal(
            "IM-HEAD",
            Text("no column head is known", "没有可识别的列名"),
            Text(
                "name the columns as " + ", ".join(known.names) + ", or in Chinese, or give a mapping",
                "请使用如 "
                + "、".join(known.shown(name, "zh") for name in list(known.names)[:5])
                + " 的列名，或提供 mapping",
            ),
        )
    if len(set(named)) < len(named):
        return Refusal(
            "IM-HEAD",
            Text("a column head stands twice", "表头有重复列名"),
            Text("rename or delete one of the two columns", "请重命名或删除其中一列"),
        )
    return None


_FORMS = {
    "missing": Text("this column is needed", "缺少该列"),
    "empty": Text("this cell is empty", "该单元格为空"),
    "string_type": Text("this cell is empty", "该单元格为空"),
    "string_too_short": Text("this cell is empty", "该单元格为空"),
    "too_short": Text("this cell is empty", "该单元格为空"),
    "string_too_long": Text("this cell is too long", "该单元格过长"),
    "too_long": Text("this cell names too many", "该单元格条目过多"),
}


@rule("IM-CELL", source=SOURCE, since=SINCE)
def ill_formed(name: str, kind: str) -> Refusal:
    """A cell holds what its column is for, and a column that is needed is there."""
    text = _FORMS.get(kind, Text("this cell has the wrong form", "该单元格格式不正确"))
    return Refusal(
        "IM-CELL",
        text,
        Text(
            f"see the example of {name or 'the row'} in the template; where cells are merged, fill in each of them",
            f"请参照模板中 {name or '整行'} 的示例；合并的单元格请拆分并逐格填写",
        ),
    )


@rule("IM-NUMBER", source=SOURCE, since=SINCE)
def number_is_whole(value: Any) -> Refusal | None:
    """A number that the spreadsheet took for an amount has lost its check digit, and is not guessed.

    202310123456.6 survives as an amount, 202310123456.0 and 2.02310123456E+11 do not.
    """
    if isinstance(value, str):
        may_be = not value.isascii() or "e" in value or "E" in value
        lost = may_be and re.fullmatch(r"[0-9](\.[0-9]+)?E\+?[0-9]{1,3}", fold(value).upper()) is not None
    else:
        lost = isinstance(value, int | float) and re.fullmatch(r"[0-9]{8}|[0-9]{12}", text(value) or "") is not None
    if not lost:
        return None
    return Refusal(
        "IM-NUMBER",
        Text(
            "the spreadsheet turned this number into an amount, and its check digit is gone",
            "表格软件已将该号码当作数值，校验位已丢失",
        ),
        Text(
            "format the column as text, then enter the number again as 202310123456.6",
            "请将该列设为“文本”格式，再重新填写号码，如 202310123456.6",
        ),
    )


def text(value: Any) -> str | None:
    """A cell as text without blanks around it, None when it is empty.

    Raises: ValueError, for what no person writes into a table of patents: lists, truth values, infinities.
    """
    if isinstance(value, str):
        written = value.strip()
        if not written:
            return None
        if len(written) > CELL_MOST or not (written.isascii() or _SURROGATE.search(written) is None):
            raise ValueError("not a text that can be kept")
        return written
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(value)
    return str(int(value)) if float(value).is_integer() else str(value)


def day(value: Any) -> date | None:
    """A cell as a calendar day. Raises: Refused DATE-FORM; ValueError."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    written = text(value)
    if written is None:
        return None
    return _written_day(written)


@lru_cache(4096)  # a list has as many rows as the year has days, and more
def _written_day(written: str) -> date:
    return parse_day(_CLOCK.sub("", written))


def many(value: Any, marks: re.Pattern[str] = _MANY) -> list[Any]:
    """A cell that names several: a list, a JSON list in a text, or a text with ；、; | or line ends between.

    Raises: ValueError.
    """
    if isinstance(value, list):
        return value
    written = text(value) or ""
    if written.startswith("["):
        try:
            found = json.loads(written)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            return found
    return [part.strip() for part in marks.split(written) if part.strip()]


def joined(items: Sequence[Any]) -> str:
    """Several in one cell, such that `many` reads them again."""
    names = [item if isinstance(item, str) else item["name"] for item in items]
    if any(_SPLITS.search(name) and many(name) != [name] for name in names):
        return json.dumps(names, ensure_ascii=False)
    return "；".join(names)


def guarded(written: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe stands before = + - @ (also full-width), tab and return."""
    return "'" + written if written[:1] in _FIRST and _FORMULA.match(written) else written


def bare(written: str) -> str:
    """A text without the apostrophe of `guarded`."""
    return written[1:] if written[:1] == "'" and _FORMULA.match(written) else written


def unguarded(cells: Sequence[Any]) -> list[Any]:
    """The cells of a table's row without the apostrophes of `guarded`."""
    if not any(isinstance(cell, str) and cell[:1] == "'" for cell in cells):
        return list(cells)
    return [bare(cell) if isinstance(cell, str) else cell for cell in cells]


def refused_as(error: Mapping[str, Any], name: str) -> Refusal:
    """One pydantic error as the refusal of a cell."""
    cause = error.get("ctx", {}).get("error")
    return cause.refusal if isinstance(cause, Refused) else ill_formed(name, error["type"])
