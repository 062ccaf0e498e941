"""Numbers of Chinese patents: of applications (ZC 0006), and of the documents published on them (ZC 0007)."""

from __future__ import annotations

import re
from enum import StrEnum
from operator import mul
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from shared.contracts.values.spelling import Raw, coded, fold
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
TYPE_OF_KIND = {
    "A": PatentType.INVENTION,
    "B": PatentType.INVENTION,
    "C": PatentType.INVENTION,
    "U": PatentType.UTILITY_MODEL,
    "Y": PatentType.UTILITY_MODEL,
    "S": PatentType.DESIGN,
    "D": PatentType.DESIGN,
}
TYPE_NAME = {
    PatentType.INVENTION: Text("invention", "发明"),
    PatentType.UTILITY_MODEL: Text("utility model", "实用新型"),
    PatentType.DESIGN: Text("design", "外观设计"),
}

_ZC_0006 = Text("ZC 0006-2003 (patent application numbers)", "ZC 0006-2003《专利申请号标准》")
_ZC_0007 = Text("ZC 0007-2012 (patent document numbers)", "ZC 0007-2012《专利文献号标准》")

# What stands before a number in registers, on certificates and in letters: 专利号：ZL…, Patent No. …
_BEFORE = re.compile(
    r"(授权公告号|公开\(公告\)号|申请\(专利\)号|公开公告号|公开号|公告号|专利申请号|专利号码?|申请号码?|專利號碼?|申請號碼?"
    r"|(PATENT|APPLICATION|PUBLICATION)?(NUMBER|NO\.?))?[:.]?"
)
_DOTS = str.maketrans("。·•∙", "....")
_AFTER = ".,;、"
_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_COUNTRY = re.compile(r"^(ZL|CN)*\.?")
_APPLICATION = re.compile(r"([0-9]{12}|[0-9]{8})(\.?([0-9X]))?")
_PUBLICATION = re.compile(rf"CN([123](?:[0-9]{{8}}|[0-9]{{6}})|8[5-8][123][0-9]{{5}})([{''.join(TYPE_OF_KIND)}])[0-9]?")
_EIGHT_DIGITS = range(1985, 2004)  # the years whose applications have 8 digits; both forms occur in 2003
_TWELVE_DIGITS = range(2003, 2100)


def _bare(raw: str) -> str:
    """A number without what surrounds it: a label before, punctuation after; dots of one kind."""
    folded = fold(raw).upper().translate(_DOTS).rstrip(_AFTER)
    label = _BEFORE.match(folded)
    return folded[label.end() :] if label else folded


def check_character(digits: str) -> str:
    """The check character of an application number of 8 or 12 digits: weights 2..9,2..5 modulo 11, X for 10."""
    total = sum(map(mul, map(int, digits), _WEIGHTS))
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


def _is_body(digits: str) -> bool:
    """Whether 8 or 12 digits name a type and a year in which such numbers were given."""
    if digits[4:5] in TYPE_OF_DIGIT and len(digits) == 12:
        return int(digits[:4]) in _TWELVE_DIGITS
    return digits[2:3] in TYPE_OF_DIGIT and len(digits) == 8 and number_facts(digits).year in _EIGHT_DIGITS


@rule("PN-CHECK", "PN-FORM", source=_ZC_0006, since="2003-10-01")
def parse_application_number(raw: str) -> str:
    """An application or patent number in the form 202310123456.6, its check character right.

    Accepts ZL and CN before it, also a label such as 专利号：, blanks, full-width digits, a missing dot,
    a small x; 8 digits up to September 2003, 12 since October. Raises: Refused with PN-FORM or PN-CHECK.
    """
    bare = _COUNTRY.sub("", _bare(raw)).replace("-", "")
    match = _APPLICATION.fullmatch(bare)
    if match is None or not _is_body(match[1]):
        raise Refused(_no_application_number(raw, bare))
    body, given = match[1], match[3]
    expected = check_character(body)
    if given is None:
        raise Refused(
            Refusal(
                "PN-FORM",
                Text("this number lacks its check character", "该号码缺少校验位"),
                Text(
                    f"it should be {expected}: compare with the certificate and write .{expected} after the digits",
                    f"校验位应为 {expected}：请与专利证书核对，并在数字后写上 .{expected}",
                ),
            )
        )
    if given != expected:
        raise Refused(
            Refusal(
                "PN-CHECK",
                Text(
                    f"the check character of this number should be {expected}, not {given}",
                    f"该号码的校验位应为 {expected}，而不是 {given}",
                ),
                Text(
                    "compare the number with the certificate; one digit is wrong or two are swapped",
                    "请与专利证书核对，可能有一位数字写错或两位颠倒",
                ),
            )
        )
    return f"{body}.{expected}"


def _no_application_number(raw: str, bare: str) -> Refusal:
    if re.fullmatch(rf"([0-9]{{7,9}}[{''.join(TYPE_OF_KIND)}][0-9]?)|[123][0-9]{{8}}", bare):
        return Refusal(
            "PN-FORM",
            Text("this is a publication number, not an application number", "这是公开（公告）号，不是申请号（专利号）"),
            Text(
                "write it into publication_number, with CN and its kind letter, as CN116000001B",
                "请填入 publication_number，并写明 CN 和文献种类代码，如 CN116000001B",
            ),
        )
    if re.fullmatch(r"[0-9](\.[0-9]+)?E\+?[0-9]+", fold(raw).upper()):
        return Refusal(
            "PN-FORM",
            Text("a spreadsheet has rounded this number; its last digits are lost", "该号码已被电子表格舍入，末位丢失"),
            Text(
                "format the column as text and enter the number again, as 202310123456.6",
                "请将该列设为文本格式并重新填写，如 202310123456.6",
            ),
        )
    return Refusal(
        "PN-FORM",
        Text("this is not the form of a Chinese application number", "这不是中国专利申请号的格式"),
        Text(
            "write 12 digits, a dot and the check character, as 202310123456.6 (8 digits before October 2003);"
            " a publication number such as CN116000001B belongs into publication_number",
            "应为12位数字加小数点加校验位，如 202310123456.6（2003年10月前为8位数字）；"
            "公告号（如 CN116000001B）请填入 publication_number",
        ),
    )


@rule("PN-PUB", "PN-PUB-TYPE", source=_ZC_0007, since="2012-05-25")
def parse_publication_number(raw: str) -> str:
    """A publication number in the form CN116000001B: CN, digits, a kind letter that fits the first digit.

    9 digits since 2007, 7 since 1989, before that the 8 of the application number. Kinds: A application,
    B and C granted invention, U and Y utility model, S and D design (C, Y, D until 2010). The first digit
    (the third of 8) is 1 for inventions, 2 for utility models, 3 for designs; the office's series know no
    exception, so a contradiction is a slip of the pen. Raises: Refused with PN-PUB or PN-PUB-TYPE.
    """
    bare = _bare(raw).replace(".", "").replace("-", "")
    match = _PUBLICATION.fullmatch(bare)
    if match is None:
        raise Refused(_no_publication_number(bare))
    digit = match[1][2] if len(match[1]) == 8 else match[1][0]
    by_digit, by_kind = TYPE_OF_DIGIT[digit], TYPE_OF_KIND[match[2]]
    if by_digit is not by_kind:
        said, found = TYPE_NAME[by_kind], TYPE_NAME[by_digit]
        raise Refused(
            Refusal(
                "PN-PUB-TYPE",
                Text(
                    f"the kind letter {match[2]} says {said.en}, the type digit {digit} says {found.en}",
                    f"文献种类代码 {match[2]} 表示{said.zh}，号码中的类型数字 {digit} 表示{found.zh}",
                ),
                Text(
                    "compare number and kind letter with the gazette; one of the two is wrong",
                    "请与专利公报核对号码和文献种类代码，其中一个有误",
                ),
            )
        )
    return bare


def _no_publication_number(bare: str) -> Refusal:
    application = re.fullmatch(r"(CN)*([0-9]{12}|[0-9]{8})[0-9X]?", bare)
    if re.match(r"(CN)*ZL", bare) or (application and _is_body(application[2])):
        return Refusal(
            "PN-PUB",
            Text(
                "this is an application or patent number, not a publication number",
                "这是申请号（专利号），不是公开（公告）号",
            ),
            Text(
                "write it into application_number; a publication number looks like CN116000001B",
                "请填入 application_number；公开（公告）号形如 CN116000001B",
            ),
        )
    if re.fullmatch(r"CN([0-9]{9}|[0-9]{7})", bare):
        return Refusal(
            "PN-PUB",
            Text("the kind letter of this publication number is missing", "该公开（公告）号缺少文献种类代码"),
            Text(
                "add it as the gazette prints it: A for an application, B for a granted invention, U for a utility"
                " model, S for a design",
                "请按公报补上：A 为发明申请公布，B 为发明授权，U 为实用新型，S 为外观设计",
            ),
        )
    return Refusal(
        "PN-PUB",
        Text("this is not the form of a Chinese publication number", "这不是中国专利公开（公告）号的格式"),
        Text(
            "write CN, 7 or 9 digits and the kind letter, as CN116000001B",
            "应为 CN 加7位或9位数字再加文献种类代码，如 CN116000001B",
        ),
    )


def kind_letter(publication_number: str) -> str:
    """The kind letter of a canonical publication number."""
    return publication_number.rstrip("0123456789")[-1]


def is_grant(publication_number: str) -> bool:
    """Whether the publication announces a grant: every kind but A."""
    return kind_letter(publication_number) != "A"


def canonical_number(raw: str) -> str:
    """Either number of a patent in its stored form, for looking one up; what is neither stays as it is, folded."""
    for parse in (parse_application_number, parse_publication_number):
        try:
            return parse(raw)
        except Refused:
            continue
    return fold(raw).upper()


ApplicationNumber = Annotated[
    Raw,
    AfterValidator(parse_application_number),
    coded(r"^\d{8}(\d{4})?\.[\dX]$", "202310123456.6", "Application number with its check character"),
]
PublicationNumber = Annotated[
    Raw,
    AfterValidator(parse_publication_number),
    coded(r"^CN(\d{7}|\d{8}|\d{9})[ABCDSUY]\d?$", "CN116000001B", "Publication number"),
]
