"""From a university's file to patent records: heads in English or Chinese, cells as people write them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from services.catalog.rules import codes, term
from shared.contracts.catalog import PatentDraft
from shared.contracts.values import (
    TYPE_NAME,
    TYPE_OF_KIND,
    PatentType,
    fold,
    is_grant,
    kind_letter,
    number_facts,
    parse_day,
)
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

ROWS_MOST = 200_000
CELL_MOST = 100_000
_SOURCE = Text("the platform's import format", "平台导入格式")
_SINCE = "2026-11-22"

HEADS: dict[str, tuple[str, ...]] = {
    "external_id": ("external_id", "编号", "内部编号", "成果编号"),
    "application_number": ("application_number", "application no", "申请号", "专利申请号", "专利号", "patent_number"),
    "publication_number": ("publication_number", "公开号", "公告号", "公开公告号", "授权公告号", "公开（公告）号"),
    "patent_type": ("patent_type", "type", "专利类型", "类型", "专利种类"),
    "title": ("title", "名称", "专利名称", "发明名称", "标题", "发明创造名称"),
    "abstract": ("abstract", "摘要", "说明书摘要"),
    "claims": ("claims", "权利要求", "权利要求书"),
    "ipc": ("ipc", "ipc分类号", "分类号", "ipc主分类号", "国际专利分类号", "主分类号"),
    "filing_date": ("filing_date", "application_date", "申请日", "申请日期"),
    "grant_date": ("grant_date", "授权日", "授权公告日", "授权日期"),
    "publication_date": ("publication_date", "公开日", "公告日", "公开公告日", "公开（公告）日"),
    "holders": (
        "holders",
        "applicants",
        "patentees",
        "专利权人",
        "申请人",
        "申请（专利权）人",
        "权利人",
        "第一专利权人",
    ),
    "inventors": ("inventors", "发明人", "设计人", "发明（设计）人"),
    "region_code": ("region_code", "行政区划代码", "地区代码"),
    "province": ("province", "省", "省份", "申请人所在省"),
    "city": ("city", "市", "城市", "申请人所在市"),
}


def _head(raw: str) -> str:
    return re.sub(r"[\s_（）()]", "", fold(raw).lower())


_FIELD_OF = {_head(alias): name for name, aliases in HEADS.items() for alias in aliases}
_TYPES = {
    "invention": PatentType.INVENTION,
    "发明": PatentType.INVENTION,
    "发明专利": PatentType.INVENTION,
    "发明授权": PatentType.INVENTION,
    "发明公开": PatentType.INVENTION,
    "inventiongrant": PatentType.INVENTION,
    "inventionapplication": PatentType.INVENTION,
    "utilitymodel": PatentType.UTILITY_MODEL,
    "实用新型": PatentType.UTILITY_MODEL,
    "实用新型专利": PatentType.UTILITY_MODEL,
    "design": PatentType.DESIGN,
    "外观设计": PatentType.DESIGN,
    "外观": PatentType.DESIGN,
    "外观设计专利": PatentType.DESIGN,
}
_MANY = re.compile(r"[;；、|\n]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A reason why a row is rejected, at one of its columns."""

    refusal: Refusal
    column: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: a draft with the fields that were present, or reasons."""

    number: int
    draft: PatentDraft | None = None
    present: frozenset[str] = frozenset()
    reasons: list[Cell] = field(default_factory=list)
    warnings: list[Cell] = field(default_factory=list)


@rule("IM-FILE", "IM-ENCODING", "IM-HEAD", "IM-ROWS", source=_SOURCE, since=_SINCE)
def read_file(content: bytes, form: str) -> list[dict[str, Any] | Refusal]:
    """A file is CSV with a head line, a JSON array of objects, or one JSON object a line, in UTF-8 or GB 18030.

    Raises: Refused, when the whole file cannot be read; a single unreadable line becomes its refusal.
    """
    text = _decoded(content)
    rows = {"csv": _csv_rows, "json": _json_rows, "ndjson": _line_rows}[form](text)
    if len(rows) > ROWS_MOST:
        raise Refused(
            Refusal(
                "IM-ROWS",
                Text(
                    f"the file has {len(rows)} rows, at most {ROWS_MOST} are read",
                    f"文件有 {len(rows)} 行，最多读取 {ROWS_MOST} 行",
                ),
                Text("split it", "请拆分文件"),
            )
        )
    return rows


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
        break
    raise Refused(
        Refusal(
            "IM-ENCODING",
            Text("the file is neither UTF-8 nor GB 18030 text", "文件既不是 UTF-8 也不是 GB 18030 文本"),
            Text("save it as CSV UTF-8", "请另存为 CSV UTF-8"),
        )
    )


def _csv_rows(text: str) -> list[dict[str, Any] | Refusal]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(CELL_MOST)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise Refused(
            Refusal(
                "IM-FILE",
                Text(
                    f"the file is not CSV: {error}, near line {reader.line_num}",
                    f"第 {reader.line_num} 行附近不是有效的 CSV",
                ),
                Text("look for a quotation mark that is not closed", "请检查是否有未闭合的引号"),
            )
        ) from None
    if len(lines) < 2:
        raise _no_rows()
    head = [cell.strip() for cell in lines[0]]
    doubled = {cell for cell in head if cell and head.count(cell) > 1}
    if doubled:
        raise Refused(
            Refusal(
                "IM-HEAD",
                Text("a column head stands twice", "表头有重复列名"),
                Text("rename or delete one of the two columns", "请重命名或删除其中一列"),
            )
        )
    rows: list[dict[str, Any] | Refusal] = []
    for line in lines[1:]:
        if len(line) > len(head) and any(cell.strip() for cell in line[len(head) :]):
            rows.append(
                Refusal(
                    "IM-FILE",
                    Text(
                        f"the row has {len(line)} cells under {len(head)} heads",
                        f"该行有 {len(line)} 个单元格，表头只有 {len(head)} 列",
                    ),
                    Text("put cells that hold a separator into quotation marks", "含分隔符的单元格请加引号"),
                )
            )
        else:
            rows.append({name: cell for name, cell in zip(head, line, strict=False) if name})
    return rows


def _no_rows() -> Refused:
    return Refused(
        Refusal(
            "IM-FILE",
            Text("the file holds no rows", "文件中没有数据行"),
            Text("it needs a head line and at least one row", "文件需要表头和至少一行数据"),
        )
    )


def _not_json(line: int | None, pos: int) -> Refusal:
    place, ort = (f"line {line}", f"第 {line} 行") if line else (f"character {pos}", f"第 {pos} 个字符处")
    return Refusal(
        "IM-FILE",
        Text(f"{place} is not a JSON object", f"{ort}不是 JSON 对象"),
        Text("write one object with the fields of a patent", "请写成一个包含专利字段的对象"),
    )


def _strict(text: str) -> Any:
    def constant(_: str) -> Any:
        raise ValueError("NaN")

    return json.loads(text, parse_constant=constant)


def _json_rows(text: str) -> list[dict[str, Any] | Refusal]:
    try:
        value = _strict(text)
    except (ValueError, RecursionError) as error:
        raise Refused(_not_json(None, getattr(error, "pos", 0))) from None
    if not isinstance(value, list):
        value = [value]
    if not value:
        raise _no_rows()
    return [item if isinstance(item, dict) else _not_json(index, 0) for index, item in enumerate(value, 1)]


def _line_rows(text: str) -> list[dict[str, Any] | Refusal]:
    rows: list[dict[str, Any] | Refusal] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = _strict(line)
        except (ValueError, RecursionError):
            value = None
        rows.append(value if isinstance(value, dict) else _not_json(number, 0))
    if not rows:
        raise _no_rows()
    return rows


@rule("IM-COLUMN", source=_SOURCE, since=_SINCE)
def columns(heads: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Each head names a field, by the mapping given or by its English or Chinese name; others are left alone.

    Answers {head: field}. Raises: Refused when a mapping names no field, or two heads mean one field.
    """
    chosen: dict[str, str] = {}
    mapped = {mapping[head] for head in heads if head in mapping}
    for head in heads:
        name = mapping.get(head) or _FIELD_OF.get(_head(head))
        if name is None or (head not in mapping and name in mapped):
            continue  # unknown, or the mapping says that another column counts
        if name not in HEADS:
            raise Refused(
                Refusal(
                    "IM-COLUMN",
                    Text(f"the mapping names a field {name} that does not exist", f"映射中的字段 {name} 不存在"),
                    Text("fields are " + ", ".join(HEADS), "可用字段：" + "、".join(HEADS)),
                )
            )
        if name in chosen.values():
            other = next(head for head, field_ in chosen.items() if field_ == name)
            raise Refused(
                Refusal(
                    "IM-COLUMN",
                    Text(f"the columns {other} and {head} both mean {name}", f"列“{other}”与“{head}”都表示 {name}"),
                    Text("say which one counts in `mapping`", "请在 mapping 中指明以哪一列为准"),
                )
            )
        chosen[head] = name
    return chosen


def read_row(number: int, raw: Mapping[str, Any], heads: Mapping[str, str], region_of: Mapping[str, str]) -> Row:
    """A row as a draft with the fields that it names, or all reasons why not.

    `region_of` maps province and city names to GB/T 2260 codes.
    """
    cells: dict[str, Any] = {}
    reasons: list[Cell] = []
    column_of: dict[str, str] = {}
    for head, name in heads.items():
        if head in raw:
            column_of[name] = head
            cells[name] = raw[head]
    fields, bad = _fields(cells, region_of)
    reasons += [Cell(refusal, column_of.get(name, name)) for name, refusal in bad.items()]
    present = frozenset(fields)
    try:
        draft = PatentDraft.model_validate(fields)
    except ValidationError as refused:
        for error in refused.errors(include_url=False, include_input=False):
            cause = error.get("ctx", {}).get("error")
            name = str(error["loc"][0]) if error["loc"] else ""
            if name in bad:
                continue  # said already
            refusal = cause.refusal if isinstance(cause, Refused) else _form(name, error["type"])
            reasons.append(Cell(refusal, column_of.get(name, name or None)))
        return Row(number, reasons=reasons)
    if reasons:
        return Row(number, reasons=reasons)
    warnings: list[Cell] = []
    if (
        draft.publication_number
        and (kind := TYPE_OF_KIND[kind_letter(draft.publication_number)]) is not draft.patent_type
    ):
        # The office wrote the number, somebody else the word beside it.
        warnings.append(Cell(kind_counts(draft.patent_type, kind), column_of.get("patent_type")))
        draft = draft.model_copy(update={"patent_type": kind})
    for refusal in consistency(draft):
        name = (refusal.pointer or "/").split("/")[1]
        (reasons if refusal.severity == "BLOCK" else warnings).append(Cell(refusal, column_of.get(name, name)))
    return Row(number, draft, present, reasons, warnings)


@rule("PN-KIND", source=Text("ZC 0007-2012", "ZC 0007-2012《专利文献号标准》"), since="2012-05-25")
def kind_counts(said: PatentType, kind: PatentType) -> Refusal:
    """Where a file's word for the type contradicts the kind letter of the publication number, the letter counts."""
    return Refusal(
        "PN-KIND",
        Text(
            f"the row says {TYPE_NAME[said].en}, the publication number {TYPE_NAME[kind].en}: the number counts",
            f"该行写明为{TYPE_NAME[said].zh}，公告号为{TYPE_NAME[kind].zh}：以公告号为准",
        ),
        Text("correct the type in your table", "请更正表中的专利类型"),
        severity="WARN",
    )


@rule("PN-MISSING", source=Text("ZC 0006-2003; ZC 0007-2012", "ZC 0006-2003；ZC 0007-2012"), since="2003-10-01")
def has_a_number(draft: PatentDraft) -> Refusal | None:
    """A patent is known by its application number or its publication number."""
    if draft.application_number or draft.publication_number:
        return None
    return Refusal(
        "PN-MISSING",
        Text("application number and publication number are both missing", "申请号和公开（公告）号均缺失"),
        Text("give at least one of them", "请至少填写其中一个"),
        pointer="/application_number",
    )


def consistency(draft: PatentDraft) -> list[Refusal]:
    """All contradictions between the fields of one record."""
    kind = TYPE_OF_KIND[kind_letter(draft.publication_number)] if draft.publication_number else draft.patent_type
    found = [
        has_a_number(draft),
        term.number_fits_type(kind, draft.patent_type),
        term.granted_after_filed(draft.filing_date, draft.grant_date),
        codes.classes_fit_type(draft.ipc, draft.patent_type),
    ]
    if draft.application_number:
        facts = number_facts(draft.application_number)
        found.append(term.number_fits_type(facts.patent_type, draft.patent_type))
        found.append(term.filed_before_numbered(draft.filing_date, facts.year))
    return [refusal for refusal in found if refusal is not None]


_FORMS = {
    "missing": Text("this column is needed", "缺少该列"),
    "string_too_short": Text("this cell is empty", "该单元格为空"),
    "too_short": Text("this cell is empty", "该单元格为空"),
    "string_too_long": Text("this cell is too long", "该单元格过长"),
    "too_long": Text("this cell names too many", "该单元格条目过多"),
}


@rule("IM-CELL", source=_SOURCE, since=_SINCE)
def _form(name: str, kind: str) -> Refusal:
    """A cell holds what its column is for."""
    text = _FORMS.get(kind, Text("this cell has the wrong form", "该单元格格式不正确"))
    return Refusal(
        "IM-CELL", text, Text(f"see the example of {name or 'the row'}", f"请参照字段 {name or '整行'} 的示例")
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(value)
    return str(value).strip() or None


def _names(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else _MANY.split(_text(value) or "")
    return [name for part in parts if (name := _text(part))]


def _fields(cells: dict[str, Any], region_of: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Refusal]]:
    """Cells as the fields of a draft, and why others cannot be read."""
    fields: dict[str, Any] = {}
    bad: dict[str, Refusal] = {}
    for name, value in cells.items():
        try:
            match name:
                case "external_id" | "title" | "abstract" | "claims" | "application_number" | "publication_number":
                    fields[name] = _text(value)
                case "region_code":
                    fields[name] = _text(value)
                case "ipc":
                    parts = value if isinstance(value, list) else re.split(r"[;；、,，|\n]+", _text(value) or "")
                    fields[name] = [part for part in (_text(part) for part in parts) if part]
                case "holders":
                    fields[name] = [
                        item if isinstance(item, dict) else {"name": item}
                        for item in (value if isinstance(value, list) else _names(value))
                    ]
                case "inventors":
                    fields[name] = [{"name": inventor} for inventor in _names(value)]
                case "filing_date" | "grant_date" | "publication_date":
                    day = _text(value)
                    fields[name] = parse_day(day) if day else None
                case "patent_type":
                    fields[name] = _type(_text(value))
                case _:
                    fields[name] = _text(value)
        except Refused as refused:
            bad[name] = refused.refusal
        except ValueError:
            bad[name] = _form(name, "")
    published = fields.pop("publication_date", None)
    publication = fields.get("publication_number")
    if (
        published
        and publication
        and not fields.get("grant_date")
        and re.search(r"[B-Z]\d?$", fold(publication).upper())
    ):
        fields["grant_date"] = published
    names = fields.pop("province", None), fields.pop("city", None)
    if "region_code" not in fields and any(names):
        code = next((region_of[name] for name in reversed(names) if name and name in region_of), None)
        if code:
            fields["region_code"] = code
    if fields.get("patent_type") is None:
        guessed = _guess_type(fields.get("application_number"))
        if guessed:
            fields["patent_type"] = guessed
        else:
            fields.pop("patent_type", None)
    return fields, bad


def _type(raw: str | None) -> PatentType | None:
    if raw is None:
        return None
    if (found := _TYPES.get(_head(raw))) is not None:
        return found
    raise Refused(
        Refusal(
            "IM-CELL",
            Text("this is not a type of patent", "这不是专利类型"),
            Text("write 发明, 实用新型 or 外观设计", "请填写 发明、实用新型 或 外观设计"),
        )
    )


def _guess_type(number: str | None) -> PatentType | None:
    digits = re.sub(r"\D", "", fold(number or "").upper().rstrip("X"))
    digit = digits[4:5] if len(digits) >= 12 else digits[2:3]
    return {"1": PatentType.INVENTION, "8": PatentType.INVENTION, "2": PatentType.UTILITY_MODEL,
            "9": PatentType.UTILITY_MODEL, "3": PatentType.DESIGN}.get(digit)  # fmt: skip


def granted(publication_number: str | None, has_grant_date: bool) -> bool:
    """Whether a record shows a grant: a grant date, or a publication of a granted kind."""
    return has_grant_date or (publication_number is not None and is_grant(publication_number))
