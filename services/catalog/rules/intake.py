"""From a university's list of patents to patent records: heads in English or Chinese, cells as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from services.catalog.rules import codes, term
from services.catalog.rules.tables import (
    SINCE,
    SOURCE,
    Cell,
    Heads,
    day,
    folded,
    ill_formed,
    many,
    number_is_whole,
    refused_as,
    text,
)
from shared.contracts.catalog import PatentDraft
from shared.contracts.values import (
    TYPE_NAME,
    TYPE_OF_DIGIT,
    TYPE_OF_KIND,
    PatentType,
    fold,
    is_grant,
    kind_letter,
    number_facts,
)
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

HEADS = Heads(
    {
        "application_number": ("申请号", "专利申请号", "专利号", "application no", "patent_number"),
        "publication_number": ("公开（公告）号", "公开号", "公告号", "公开公告号", "授权公告号"),
        "patent_type": ("专利类型", "类型", "专利种类", "type"),
        "title": ("专利名称", "名称", "发明名称", "标题", "发明创造名称"),
        "abstract": ("摘要", "说明书摘要"),
        "claims": ("权利要求", "权利要求书"),
        "ipc": ("IPC分类号", "分类号", "IPC主分类号", "国际专利分类号", "主分类号"),
        "filing_date": ("申请日", "申请日期", "application_date"),
        "grant_date": ("授权公告日", "授权日", "授权日期"),
        "publication_date": ("公开（公告）日", "公开日", "公告日", "公开公告日"),
        "holders": ("专利权人", "申请人", "申请（专利权）人", "权利人", "第一专利权人", "applicants", "patentees"),
        "inventors": ("发明人", "设计人", "发明（设计）人"),
        "region_code": ("行政区划代码", "地区代码"),
        "province": ("省", "省份", "申请人所在省"),
        "city": ("市", "城市", "申请人所在市"),
        "external_id": ("内部编号", "编号", "成果编号"),
    }
)
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
_CLASSES = re.compile(r"[;；、,，|\n]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list of patents: a draft with the fields that were present, or reasons.

    `lacking` are fields that only a new patent needs: a row without them may still correct a known one,
    and its draft holds placeholders there.
    """

    number: int
    draft: PatentDraft | None = None
    present: frozenset[str] = frozenset()
    reasons: list[Cell] = field(default_factory=list)
    warnings: list[Cell] = field(default_factory=list)
    lacking: list[Cell] = field(default_factory=list)


def read_row(number: int, raw: Mapping[str, Any], heads: Mapping[str, str], region_of: Mapping[str, str]) -> Row:
    """A row as a draft with the fields that it names, or all reasons why not.

    `region_of` maps province and city names to GB/T 2260 codes.
    """
    cells: dict[str, Any] = {}
    column_of: dict[str, str] = {}
    for head, name in heads.items():
        if head in raw:
            column_of[name] = head
            cells[name] = raw[head]
    fields, bad = _fields(cells, region_of)
    reasons = [Cell(refusal, column_of.get(name, name)) for name, refusal in bad.items()]
    present = frozenset(fields)
    lacking = _filled(fields, bad)
    try:
        draft = PatentDraft.model_validate(fields)
    except ValidationError as refused:
        for error in refused.errors(include_url=False, include_input=False):
            name = str(error["loc"][0]) if error["loc"] else ""
            if name not in bad:  # said already
                reasons.append(Cell(refused_as(error, name), column_of.get(name, name or None)))
        return Row(number, reasons=reasons + lacking)
    if reasons:
        return Row(number, reasons=reasons + lacking)
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
    return Row(number, draft, present, reasons + lacking if reasons else [], warnings, lacking)


def _filled(fields: dict[str, Any], bad: Mapping[str, Refusal]) -> list[Cell]:
    """Put placeholders where a new patent would need a field; answers what is lacking."""
    lacking = []
    for name, placeholder in (("title", "-"), ("holders", [{"name": "-"}])):
        if name not in fields and name not in bad:
            fields[name] = placeholder
            lacking.append(Cell(ill_formed(name, "missing"), name))
    if "patent_type" not in fields and "patent_type" not in bad:
        guessed = _guess_type(fields.get("application_number"), fields.get("publication_number"))
        fields["patent_type"] = guessed or PatentType.INVENTION  # without a number the row is refused for that
    return lacking


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


@rule("IM-AGAIN", source=SOURCE, since=SINCE)
def first_row_counts(row: int) -> Refusal:
    """A file says of each patent once; a later row about the same number is passed over with a warning."""
    return Refusal(
        "IM-AGAIN",
        Text(f"row {row} is about the same patent; that one counts", f"与第 {row} 行为同一专利：以该行为准"),
        Text("put both into one row", "请将两行合并为一行"),
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


def _fields(cells: dict[str, Any], region_of: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Refusal]]:
    """Cells as the fields of a draft, and why others cannot be read."""
    fields: dict[str, Any] = {}
    bad: dict[str, Refusal] = {}
    for name, value in cells.items():
        try:
            match name:
                case "application_number" | "publication_number":
                    if no := number_is_whole(value):
                        raise Refused(no)
                    fields[name] = text(value)
                case "ipc":
                    fields[name] = [part for part in (text(part) for part in many(value, _CLASSES)) if part]
                case "holders" | "inventors":
                    fields[name] = _people(value)
                case "filing_date" | "grant_date" | "publication_date":
                    fields[name] = day(value)
                case "patent_type":
                    fields[name] = _type(text(value))
                case _:
                    fields[name] = text(value)
        except Refused as refused:
            bad[name] = refused.refusal
        except ValueError:
            bad[name] = ill_formed(name, "string_too_long" if isinstance(value, str) else "")
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
        fields.pop("patent_type", None)
    return fields, bad


def _people(value: Any) -> list[dict[str, Any]]:
    named = (item if isinstance(item, dict) else {"name": text(item)} for item in many(value))
    return [person for person in named if person != {"name": None}]


@lru_cache(256)
def _type(raw: str | None) -> PatentType | None:
    if raw is None:
        return None
    if (found := _TYPES.get(folded(raw))) is not None:
        return found
    raise Refused(
        Refusal(
            "IM-CELL",
            Text("this is not a type of patent", "这不是专利类型"),
            Text("write 发明, 实用新型 or 外观设计", "请填写 发明、实用新型 或 外观设计"),
        )
    )


def _guess_type(number: str | None, publication: str | None) -> PatentType | None:
    """The type that a row's numbers tell, spelled however they are."""
    digits = re.sub(r"\D", "", fold(number or "").upper().rstrip("X"))
    digit = digits[4:5] if len(digits) >= 12 else digits[2:3]
    if digit in TYPE_OF_DIGIT:
        return TYPE_OF_DIGIT[digit]
    kind = re.search(r"([A-Z])\d?$", fold(publication or "").upper())
    return TYPE_OF_KIND.get(kind[1]) if kind else None


def granted(publication_number: str | None, has_grant_date: bool) -> bool:
    """Whether a record shows a grant: a grant date, or a publication of a granted kind."""
    return has_grant_date or (publication_number is not None and is_grant(publication_number))
