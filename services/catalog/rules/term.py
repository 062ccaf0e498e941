"""How long a patent lasts."""

from __future__ import annotations

from datetime import date

from shared.contracts.values import TYPE_NAME, PatentType
from shared.errors import Text
from shared.rulebook import Refusal, rule

AMENDED = date(2021, 6, 1)  # designs filed from this day on have 15 years instead of 10


def term_years(patent_type: PatentType, filed_on: date) -> int:
    """The term in years: invention 20, utility model 10, design 15, or 10 when filed before 2021-06-01.

    Source: Patent Law (2020) Art. 42; CNIPA notice 510 on designs filed before the amendment.
    """
    if patent_type is PatentType.INVENTION:
        return 20
    return 15 if patent_type is PatentType.DESIGN and filed_on >= AMENDED else 10


def term_end(patent_type: PatentType, filed_on: date) -> date:
    """The corresponding day of the last year, the last day of February where there is none.

    Source: Patent Law Art. 42 (counted from filing); Implementing Regulations rule 5.
    """
    year = filed_on.year + term_years(patent_type, filed_on)
    try:
        return filed_on.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


@rule("LS-TERM", source=Text("Patent Law Art. 42", "专利法第四十二条"), since="2021-06-01")
def term_has_not_ended(patent_type: PatentType, filed_on: date | None, today: date) -> Refusal | None:
    """A patent is not offered after its term has ended."""
    if filed_on is None or today <= (end := term_end(patent_type, filed_on)):
        return None
    return Refusal(
        "LS-TERM",
        Text(f"the term of this patent ended on {end}", f"专利权已于{end}届满"),
        Text("anyone may use it now; there is nothing to license", "该技术已进入公有领域，无需许可即可使用"),
        pointer="/patent_ids",
    )


@rule(
    "FILING-YEAR",
    source=Text("ZC 0006-2003; Implementing Regulations rule 46", "ZC 0006-2003；专利法实施细则第四十六条"),
    since="2024-01-20",
)
def filed_before_numbered(filed_on: date | None, number_year: int) -> Refusal | None:
    """A filing date later than the year in the number is worth a second look, no more.

    The number's year is that of receipt; divisional and PCT numbers carry a later year than the filing
    date, and drawings handed in late move the filing date behind the number (rule 46).
    """
    if filed_on is None or filed_on.year <= number_year:
        return None
    return Refusal(
        "FILING-YEAR",
        Text(
            f"the filing date {filed_on} is later than the year {number_year} in the number",
            f"申请日{filed_on}晚于申请号中的年份{number_year}",
        ),
        Text(
            "compare both with the certificate; it is right only where the office moved the filing date",
            "请与专利证书核对；仅在国务院专利行政部门重新确定申请日时才会如此",
        ),
        pointer="/filing_date",
        severity="WARN",
    )


@rule("GRANT-DATE", source=Text("Patent Law Art. 39, 40", "专利法第三十九条、第四十条"), since="2021-06-01")
def granted_after_filed(filed_on: date | None, granted_on: date | None) -> Refusal | None:
    """A grant is announced after the filing."""
    if filed_on is None or granted_on is None or granted_on > filed_on:
        return None
    return Refusal(
        "GRANT-DATE",
        Text(
            f"the grant on {granted_on} is not after the filing on {filed_on}",
            f"授权日{granted_on}不晚于申请日{filed_on}",
        ),
        Text("the two dates may be swapped", "两个日期可能填反了"),
        pointer="/grant_date",
    )


@rule("PN-TYPE", source=Text("ZC 0006-2003", "ZC 0006-2003《专利申请号标准》"), since="2003-10-01")
def number_fits_type(number_type: PatentType, patent_type: PatentType) -> Refusal | None:
    """The type digit of the number (1, 8 invention; 2, 9 utility model; 3 design) fits the patent type."""
    if number_type is patent_type:
        return None
    said, found = TYPE_NAME[patent_type], TYPE_NAME[number_type]
    return Refusal(
        "PN-TYPE",
        Text(f"the number says {found.en}, the record says {said.en}", f"号码属于{found.zh}，记录写的是{said.zh}"),
        Text(
            f"set patent_type to {number_type.value}, or correct the number",
            f"请将 patent_type 改为 {number_type.value}，或更正号码",
        ),
        pointer="/patent_type",
    )
