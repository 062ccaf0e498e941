"""Codes of classes (IPC, Locarno), organizations (GB 32100), regions (GB/T 2260) and industries (GB/T 4754)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator
from stdnum.cn import uscc as _uscc
from stdnum.exceptions import InvalidChecksum
from stdnum.exceptions import ValidationError as _StdnumError

from shared.contracts.values.spelling import Raw, coded, fold
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule

_BEFORE_CLASS = re.compile(r"(INT\.?CL\.?|IPC)[0-9]{0,2}[:.]?(?=[A-Z])")
_EDITION = re.compile(r"\([0-9]{4}\.[0-9]{2}\)[INA-Z]*;?$")
_ST8_RECORD = r"([12][0-9]{7}[ACS][FL][IN].*)?"  # version, level, position, value; then what offices note
_LOCARNO = re.compile(r"(?:LOC(?:\([0-9]+\))?(?:CL)?[.:]*)?(0[1-9]|[12][0-9]|3[0-2])-?((?!00)[0-9]{2})")


@rule(
    "IPC-FORM",
    source=Text("WIPO ST.8; Locarno classification", "WIPO ST.8 标准；洛迦诺分类"),
    since="2009-01-01",
)
@lru_cache(4096)  # a portfolio has few classes, and names them again and again
def parse_classification(raw: str) -> str:
    """An IPC symbol as B23Q11/00 or B23Q, or a Locarno class as 06-01.

    Of IPC, everything that ST.8 prints: blanks, the edition in brackets, zeros that fill the fixed forms
    (B23Q0011000000, B23Q 0011/00), lower case, a whole record; of Locarno also LOC(14)Cl.06-01 and 0601.
    Raises: Refused with IPC-FORM, for CPC's section Y too.
    """
    bare = fold(raw).upper().rstrip(".,;、")
    if locarno := _LOCARNO.fullmatch(bare):
        return f"{locarno[1]}-{locarno[2]}"
    bare = _EDITION.sub("", _BEFORE_CLASS.sub("", bare, count=1))
    if re.fullmatch(r"[A-H][0-9]{2}[A-Z]", bare):
        return bare
    fixed = re.fullmatch(r"([A-H][0-9]{2}[A-Z])([0-9]{4})([0-9]{6})", bare)
    written = fixed or re.fullmatch(rf"([A-H][0-9]{{2}}[A-Z])-?([0-9]{{1,4}})/([0-9]{{2,6}}?){_ST8_RECORD}", bare)
    if written and (group := written[2].lstrip("0")):
        return f"{written[1]}{group}/{written[3].rstrip('0').ljust(2, '0')}"
    if re.match(r"Y[0-9]{2}[A-Z]?", bare):
        raise Refused(
            Refusal(
                "IPC-FORM",
                Text("section Y belongs to CPC; IPC has sections A to H", "Y 部仅见于 CPC，IPC 只有 A 至 H 部"),
                Text(
                    "leave it out and give the patent's IPC symbol from the gazette, as B23Q11/00",
                    "请删去该分类号，填写公报上的 IPC 分类号，如 B23Q11/00",
                ),
            )
        )
    raise Refused(
        Refusal(
            "IPC-FORM",
            Text("this is not the form of an IPC symbol or a Locarno class", "这不是IPC分类号或洛迦诺分类号的格式"),
            Text("write as B23Q11/00, or 06-01 for a design", "应写作 B23Q11/00；外观设计写作 06-01"),
        )
    )


def is_locarno(classification: str) -> bool:
    """Whether a canonical class is one of Locarno, and not of IPC."""
    return classification[0].isdigit()


_GB_32100 = Text(
    "GB 32100-2015 (unified social credit code)", "GB 32100-2015《法人和其他组织统一社会信用代码编码规则》"
)


def organization_check(code: str) -> str:
    """The check character of an organization code's first eight characters (GB 11714): 3,7,9,10,5,8,4,2 modulo 11."""
    total = sum(int(c, 36) * weight for c, weight in zip(code, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    return "0X987654321"[total % 11]


@rule("USCC-CHECK", "USCC-ORG", source=_GB_32100, since="2015-10-01")
def parse_uscc(raw: str) -> str:
    """A unified social credit code of 18 characters, its own check character right and that of the code inside.

    Characters 9 to 17 are the organization code of GB 11714, whose last checks the eight before it.
    Raises: Refused with USCC-CHECK, or with USCC-ORG where only the inner check fails.
    """
    bare = re.sub(r"^统一社会信用代码[:]?", "", fold(raw)).upper().replace("-", "")
    try:
        code = str(_uscc.validate(bare))
    except InvalidChecksum:
        expected = _uscc.calc_check_digit(bare[:17])
        raise Refused(
            Refusal(
                "USCC-CHECK",
                Text(
                    f"the last character of this credit code should be {expected}, not {bare[17]}",
                    f"该统一社会信用代码的校验位应为 {expected}，而不是 {bare[17]}",
                ),
                Text(
                    "compare its 18 characters with the business licence; one is wrong or two are swapped",
                    "请与营业执照核对18位代码，可能有一位写错或两位颠倒",
                ),
            )
        ) from None
    except _StdnumError:
        raise Refused(
            Refusal(
                "USCC-CHECK",
                Text("this is not a valid unified social credit code", "统一社会信用代码无效"),
                Text(
                    "compare its 18 characters with the business licence; the letters I, O, S, V, Z do not occur",
                    "请与营业执照核对18位代码；其中不使用字母 I、O、S、V、Z",
                ),
            )
        ) from None
    expected = organization_check(code[8:16])
    if code[16] != expected:
        raise Refused(
            Refusal(
                "USCC-ORG",
                Text(
                    f"the organization code inside (characters 9 to 17) should end in {expected}, not {code[16]}",
                    f"其中的主体标识码（第9至17位）校验位应为 {expected}，而不是 {code[16]}",
                ),
                Text(
                    "compare its 18 characters with the business licence; more than one is wrong",
                    "请与营业执照核对18位代码，其中不止一位有误",
                ),
            )
        )
    return code


@rule(
    "REGION-CODE",
    source=Text("GB/T 2260 (administrative divisions)", "GB/T 2260《中华人民共和国行政区划代码》"),
    since="2007-11-14",
)
@lru_cache(4096)
def parse_region(raw: str) -> str:
    """A GB/T 2260 code: 2 digits for a province, 4 for a city, 6 for a county; trailing 00 are dropped."""
    bare = fold(raw)
    if not re.fullmatch(r"[1-9][0-9]([0-9][0-9]){0,2}", bare):
        raise Refused(
            Refusal(
                "REGION-CODE",
                Text("this is not the form of a region code", "这不是行政区划代码的格式"),
                Text(
                    "write 37 or 370000 for Shandong, 3701 or 370100 for Jinan",
                    "山东写作 37 或 370000，济南写作 3701 或 370100",
                ),
            )
        )
    while len(bare) > 2 and bare.endswith("00"):
        bare = bare[:-2]
    return bare


# GB/T 4754-2017: the last division of each section; divisions are numbered through from 01.
_LAST_DIVISION = {
    "A": 5, "B": 12, "C": 43, "D": 46, "E": 50, "F": 52, "G": 60, "H": 62, "I": 65, "J": 69,
    "K": 70, "L": 72, "M": 75, "N": 79, "O": 82, "P": 83, "Q": 85, "R": 90, "S": 96, "T": 97,
}  # fmt: skip


def section_of(division: str) -> str | None:
    """The section letter of a two-digit division of GB/T 4754-2017; None where there is no such division."""
    number = int(division)
    return next((letter for letter, last in _LAST_DIVISION.items() if 0 < number <= last), None)


def divisions_of(section: str) -> range:
    """The two-digit divisions of a section letter of GB/T 4754-2017."""
    letters = list(_LAST_DIVISION)
    at = letters.index(section)
    return range(_LAST_DIVISION[letters[at - 1]] + 1 if at else 1, _LAST_DIVISION[section] + 1)


@rule(
    "INDUSTRY-CODE",
    source=Text("GB/T 4754-2017 (industries)", "GB/T 4754-2017《国民经济行业分类》"),
    since="2017-10-01",
)
def parse_industry(raw: str) -> str:
    """A GB/T 4754 code with its section letter, as C34 or C3425; the letter may be left out, the division decides it.

    Raises: Refused for an unknown division, and for a letter that is not the division's.
    """
    bare = fold(raw).upper()
    match = re.fullmatch(r"([A-T])|([A-Z]?)([0-9]{2})([0-9]{0,2})", bare)
    if match is None:
        raise Refused(
            Refusal(
                "INDUSTRY-CODE",
                Text("this is not the form of an industry code", "这不是国民经济行业代码的格式"),
                Text("write section letter and digits, as C34", "应为门类字母加数字，如 C34"),
            )
        )
    if match[1]:
        return bare
    letter = section_of(match[3])
    if letter is None:
        raise Refused(
            Refusal(
                "INDUSTRY-CODE",
                Text("there is no industry division of this number", "没有该行业大类"),
                Text(
                    "divisions run from 01 to 97; look them up at /v1/reference/industries",
                    "大类编号为01至97，可在 /v1/reference/industries 查询",
                ),
            )
        )
    if match[2] not in ("", letter):
        raise Refused(
            Refusal(
                "INDUSTRY-CODE",
                Text(
                    f"division {match[3]} belongs to section {letter}, not {match[2]}",
                    f"大类 {match[3]} 属于门类 {letter}，而不是 {match[2]}",
                ),
                Text(
                    f"write {letter}{match[3]}, or compare the digits with the classification",
                    f"请写作 {letter}{match[3]}，或与行业分类核对数字",
                ),
            )
        )
    return f"{letter}{match[3]}{match[4]}"


Classification = Annotated[
    Raw,
    AfterValidator(parse_classification),
    coded(r"^([A-H]\d{2}[A-Z](\d{1,4}/\d{2,6})?|\d{2}-\d{2})$", "B23Q11/00", "IPC symbol, or Locarno class"),
]
Uscc = Annotated[
    Raw,
    AfterValidator(parse_uscc),
    coded(r"^[0-9A-HJ-NPQRTUWXY]{18}$", "91370303MA3CD00120", "Unified social credit code"),
]
RegionCode = Annotated[
    Raw, AfterValidator(parse_region), coded(r"^[1-9]\d(\d\d){0,2}$", "3701", "GB/T 2260; a prefix matches its parts")
]
IndustryCode = Annotated[
    Raw, AfterValidator(parse_industry), coded(r"^[A-T](\d{2,4})?$", "C34", "GB/T 4754-2017; a prefix matches")
]
