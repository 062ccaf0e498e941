"""Value types with a canonical spelling; every usual spelling is accepted (domain rules by id).

Parsers take what people and spreadsheets write (full-width digits, blanks, ZL and CN prefixes, lower
case) and answer the one stored form, or raise `Refused` with the rule, the reason and the cure.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, WithJsonSchema
from stdnum.cn import uscc as _uscc
from stdnum.exceptions import ValidationError as _StdnumError

from shared.contracts.wire import Ask
from shared.errors import Text
from shared.rulebook import Refusal, Refused, rule


class PatentType(StrEnum):
    """The three kinds of patent (Patent Law Art. 2)."""

    INVENTION = "INVENTION"
    UTILITY_MODEL = "UTILITY_MODEL"
    DESIGN = "DESIGN"


TYPE_OF_DIGIT = {
    "1": PatentType.INVENTION,
    "2": PatentType.UTILITY_MODEL,
    "3": PatentType.DESIGN,
    "8": PatentType.INVENTION,
    "9": PatentType.UTILITY_MODEL,
}
TYPE_NAME = {
    PatentType.INVENTION: Text("invention", "发明"),
    PatentType.UTILITY_MODEL: Text("utility model", "实用新型"),
    PatentType.DESIGN: Text("design", "外观设计"),
}

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def fold(raw: str) -> str:
    """Full-width forms to ASCII, invisible characters and all blanks away: how codes are compared."""
    if raw.isascii():
        return "".join(raw.split())
    return "".join(unicodedata.normalize("NFKC", raw).split()).translate(_INVISIBLE)


_ZC_0006 = Text("ZC 0006-2003 (patent application numbers)", "ZC 0006-2003《专利申请号标准》")
_ZC_0007 = Text("ZC 0007-2012 (patent document numbers)", "ZC 0007-2012《专利文献号标准》")


def check_character(digits: str) -> str:
    """The check character of an application number of 8 or 12 digits: weights 2..9,2..5 modulo 11, X for 10."""
    total = sum(int(digit) * (2 + index % 8) for index, digit in enumerate(digits))
    return "0123456789X"[total % 11]


class NumberFacts(NamedTuple):
    """What an application number says by itself."""

    year: int
    patent_type: PatentType


def number_facts(number: str) -> NumberFacts:
    """Year and type behind a canonical application number."""
    digits = number.partition(".")[0]
    if len(digits) == 12:
        return NumberFacts(int(digits[:4]), TYPE_OF_DIGIT[digits[4]])
    year = int(digits[:2])
    return NumberFacts(1900 + year if year >= 85 else 2000 + year, TYPE_OF_DIGIT[digits[2]])


@rule("PN-CHECK", "PN-FORM", source=_ZC_0006, since="2003-10-01")
def parse_application_number(raw: str) -> str:
    """An application or patent number in the form 202310123456.6, its check character right.

    Accepts ZL and CN before it, blanks, full-width digits, a missing dot, a small x; 8 digits before
    October 2003, 12 since. Raises: Refused with PN-FORM or PN-CHECK.
    """
    folded = fold(raw).upper().replace("．", ".").replace("。", ".")
    bare = re.sub(r"^(ZL|CN)+", "", folded).replace(".", "").replace("-", "")
    match = re.fullmatch(r"([0-9]{12}|[0-9]{8})([0-9X])", bare)
    body = match[1] if match else ""
    digit = body[4:5] if len(body) == 12 else body[2:3]
    if match is None or digit not in TYPE_OF_DIGIT or (len(body) == 12 and not "1985" <= body[:4] <= "2099"):
        raise Refused(
            Refusal(
                "PN-FORM",
                Text("this is not the form of a Chinese application number", "这不是中国专利申请号的格式"),
                Text(
                    "write 12 digits, a dot and the check character, as 202310123456.6 (8 digits before October 2003);"
                    " a publication number such as CN116000001B belongs into publication_number",
                    "应为12位数字加小数点加校验位，如 202310123456.6（2003年10月前为8位数字）；"
                    "公告号（如 CN116000001B）请填入 publication_number",
                ),
            )
        )
    expected = check_character(body)
    if match[2] != expected:
        raise Refused(
            Refusal(
                "PN-CHECK",
                Text(
                    f"the check character of this number should be {expected}, not {match[2]}",
                    f"该号码的校验位应为 {expected}，而不是 {match[2]}",
                ),
                Text(
                    "compare the number with the certificate; one digit is wrong or two are swapped",
                    "请与专利证书核对，可能有一位数字写错或两位颠倒",
                ),
            )
        )
    return f"{body}.{expected}"


_KINDS = "ABCSUY"


@rule("PN-PUB", source=_ZC_0007, since="2012-05-25")
def parse_publication_number(raw: str) -> str:
    """A publication number in the form CN116000001B: CN, 7 or 9 digits, a kind letter.

    Kinds: A application, B and C granted invention, U and Y utility model, S design.
    """
    bare = fold(raw).upper().replace(".", "")
    if not re.fullmatch(rf"CN([0-9]{{9}}|[0-9]{{7}})[{_KINDS}][0-9]?", bare):
        raise Refused(
            Refusal(
                "PN-PUB",
                Text("this is not the form of a Chinese publication number", "这不是中国专利公开（公告）号的格式"),
                Text(
                    "write CN, 7 or 9 digits and the kind letter, as CN116000001B",
                    "应为 CN 加7位或9位数字再加文献种类代码，如 CN116000001B",
                ),
            )
        )
    return bare


TYPE_OF_KIND = {
    "A": PatentType.INVENTION,
    "B": PatentType.INVENTION,
    "C": PatentType.INVENTION,
    "U": PatentType.UTILITY_MODEL,
    "Y": PatentType.UTILITY_MODEL,
    "S": PatentType.DESIGN,
}


def kind_letter(publication_number: str) -> str:
    """The kind letter of a canonical publication number."""
    return publication_number.rstrip("0123456789")[-1]


def is_grant(publication_number: str) -> bool:
    """Whether the publication announces a grant: every kind but A."""
    return kind_letter(publication_number) != "A"


@rule(
    "IPC-FORM",
    source=Text("WIPO ST.8; Locarno classification", "WIPO ST.8 标准；洛迦诺分类"),
    since="2009-01-01",
)
def parse_classification(raw: str) -> str:
    """An IPC symbol as B23Q11/00 or B23Q, or a Locarno class as 06-01."""
    bare = fold(raw).upper()
    bare = re.sub(r"\([0-9]{4}\.[0-9]{2}\)(I|N)?$", "", bare)
    if re.fullmatch(r"[A-H][0-9]{2}[A-Z]([0-9]{1,4}/[0-9]{2,6})?", bare) or re.fullmatch(r"[0-9]{2}-[0-9]{2}", bare):
        return bare
    if spaced := re.fullmatch(r"LOC\([0-9]+\)CL\.([0-9]{2}-[0-9]{2})", bare):
        return spaced[1]
    raise Refused(
        Refusal(
            "IPC-FORM",
            Text("this is not the form of an IPC symbol or a Locarno class", "这不是IPC分类号或洛迦诺分类号的格式"),
            Text("write as B23Q11/00, or 06-01 for a design", "应写作 B23Q11/00；外观设计写作 06-01"),
        )
    )


@rule(
    "USCC-CHECK",
    source=Text(
        "GB 32100-2015 (unified social credit code)", "GB 32100-2015《法人和其他组织统一社会信用代码编码规则》"
    ),
    since="2015-10-01",
)
def parse_uscc(raw: str) -> str:
    """A unified social credit code of 18 characters whose check character is right."""
    bare = fold(raw).upper()
    try:
        return str(_uscc.validate(bare))
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


@rule("DATE-FORM", source=Text("ISO 8601; GB/T 7408", "ISO 8601；GB/T 7408"), since="2005-10-01")
def parse_day(raw: str) -> date:
    """A calendar day, written 2023-05-01, 2023/5/1, 2023.5.1, 20230501 or 2023年5月1日."""
    bare = fold(raw)
    match = re.fullmatch(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?", bare) or re.fullmatch(
        r"([0-9]{4})([0-9]{2})([0-9]{2})", bare
    )
    try:
        if match is None:
            raise ValueError(bare)
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise Refused(
            Refusal(
                "DATE-FORM",
                Text("this is not a calendar day", "这不是有效日期"),
                Text("write as 2023-05-01", "应写作 2023-05-01"),
            )
        ) from None


@rule("RATE-FORM", source=Text("the platform's wire format", "平台数据格式"), since="2026-11-22")
def parse_rate(raw: str) -> str:
    """A rate between 0 and 1 as a decimal string: "0.03" is three per cent."""
    if not re.fullmatch(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?", raw):
        raise Refused(
            Refusal(
                "RATE-FORM",
                Text("a rate is a decimal string between 0 and 1", "费率应为0到1之间的十进制字符串"),
                Text('write three per cent as "0.03"', "百分之三写作 “0.03”"),
            )
        )
    return raw


@rule("MONEY-FORM", source=Text("the platform's wire format", "平台数据格式"), since="2026-11-22")
def parse_amount(raw: str) -> str:
    """An amount of money as a decimal string with two places, never negative, below a trillion."""
    try:
        amount = Decimal(raw)
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", raw):
            raise InvalidOperation
    except InvalidOperation:
        raise Refused(
            Refusal(
                "MONEY-FORM",
                Text("an amount is a decimal string with at most two places", "金额应为至多两位小数的十进制字符串"),
                Text('write thirty thousand as "30000.00"', "三万元写作 “30000.00”"),
            )
        ) from None
    return f"{amount:.2f}"


@rule(
    "REGION-CODE",
    source=Text("GB/T 2260 (administrative divisions)", "GB/T 2260《中华人民共和国行政区划代码》"),
    since="2007-11-14",
)
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


@rule(
    "INDUSTRY-CODE",
    source=Text("GB/T 4754-2017 (industries)", "GB/T 4754-2017《国民经济行业分类》"),
    since="2017-10-01",
)
def parse_industry(raw: str) -> str:
    """A GB/T 4754 code: a section letter and up to four digits, as C34 or C3425."""
    bare = fold(raw).upper()
    if not re.fullmatch(r"[A-T]([0-9]{2,4})?", bare):
        raise Refused(
            Refusal(
                "INDUSTRY-CODE",
                Text("this is not the form of an industry code", "这不是国民经济行业代码的格式"),
                Text("write section letter and digits, as C34", "应为门类字母加数字，如 C34"),
            )
        )
    return bare


def _coded(pattern: str, example: str, description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "examples": [example], "description": description, "maxLength": 60}
    )


_Raw = Annotated[str, Field(max_length=60)]
ApplicationNumber = Annotated[
    _Raw,
    AfterValidator(parse_application_number),
    _coded(r"^\d{8}(\d{4})?\.[\dX]$", "202310123456.6", "Application number with its check character"),
]
PublicationNumber = Annotated[
    _Raw,
    AfterValidator(parse_publication_number),
    _coded(r"^CN(\d{7}|\d{9})[ABCSUY]\d?$", "CN116000001B", "Publication number"),
]
Classification = Annotated[
    _Raw,
    AfterValidator(parse_classification),
    _coded(r"^([A-H]\d{2}[A-Z](\d{1,4}/\d{2,6})?|\d{2}-\d{2})$", "B23Q11/00", "IPC symbol, or Locarno class"),
]
Uscc = Annotated[
    _Raw,
    AfterValidator(parse_uscc),
    _coded(r"^[0-9A-HJ-NPQRTUWXY]{18}$", "91370303MA3CD00120", "Unified social credit code"),
]
RegionCode = Annotated[
    _Raw, AfterValidator(parse_region), _coded(r"^[1-9]\d(\d\d){0,2}$", "3701", "GB/T 2260; a prefix matches its parts")
]
IndustryCode = Annotated[
    _Raw, AfterValidator(parse_industry), _coded(r"^[A-T](\d{2,4})?$", "C34", "GB/T 4754-2017; a prefix matches")
]
Rate = Annotated[_Raw, AfterValidator(parse_rate), _coded(r"^(0(\.\d{1,6})?|1(\.0{1,6})?)$", "0.03", "Decimal rate")]
Amount = Annotated[_Raw, AfterValidator(parse_amount), _coded(r"^\d{1,12}(\.\d{1,2})?$", "30000.00", "Decimal amount")]


class Money(Ask):
    """An exact amount."""

    amount: Amount
    currency: Literal["CNY"] = "CNY"
