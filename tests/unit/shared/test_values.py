"""Values in the spellings of people, spreadsheets and gazettes."""

from __future__ import annotations

from datetime import date

import pytest

from services.catalog.service.reference import industries
from shared.contracts.values import (
    PatentType,
    canonical_number,
    is_grant,
    kind_letter,
    number_facts,
    parse_amount,
    parse_application_number,
    parse_classification,
    parse_day,
    parse_industry,
    parse_publication_number,
    parse_rate,
    parse_region,
    parse_uscc,
    section_of,
)
from shared.rulebook import Refused
from tests.unit.verdicts import verdict

# From published pages and the registers; none was computed by the platform.
NUMBERS = {
    "201710601862.3": (2017, PatentType.INVENTION),
    "88201465.X": (1988, PatentType.UTILITY_MODEL),
    "97101765.4": (1997, PatentType.INVENTION),
    "202310123456.6": (2023, PatentType.INVENTION),
    "202110567890.4": (2021, PatentType.INVENTION),
    "202220123456.7": (2022, PatentType.UTILITY_MODEL),
    "202130234567.6": (2021, PatentType.DESIGN),
    "202180012345.7": (2021, PatentType.INVENTION),
    "202210100008.X": (2022, PatentType.INVENTION),
    "201710000123.9": (2017, PatentType.INVENTION),
    "202010000001.1": (2020, PatentType.INVENTION),
    "202310000007.2": (2023, PatentType.INVENTION),
}
CREDIT_CODES = [
    "91370303MA3CD00120",
    "91370100MA3CD00205",
    "91411500MA3CD00391",
    "91330500MA3CD00471",
    "91370303MA3CD0055D",
    "123700004950A0014K",
    "124100004170A0027P",
    "11370100MB28696235",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_published_number_is_read_and_tells_year_and_type(number: str) -> None:
    assert parse_application_number(number) == number
    assert number_facts(number) == NUMBERS[number]


@pytest.mark.parametrize(
    "written",
    [
        "202210100008.X",
        "202210100008.x",
        "202210100008X",
        "ZL202210100008.X",
        "zl 2022 1 0100008.x",
        "CN202210100008.X",
        "CN ZL 202210100008.X",
        "ＺＬ２０２２１０１００００８．Ｘ",
        "202210100008。X",
        "\u3000202210100008.X\u00a0",
        "\ufeff202210\u200b100008.X",
        "专利号：ZL 2022 1 0100008.X",
        "申请（专利）号：202210100008.X",
        "專利號 ZL202210100008.X。",
        "Patent No. ZL202210100008.X",
        "ZL 2022-1-0100008·x",
    ],
)
def test_every_usual_spelling_of_a_number_is_one_number(written: str) -> None:
    assert parse_application_number(written) == "202210100008.X"


@pytest.mark.parametrize(
    ("written", "expected"), [("ZL202310123456.X", "6"), ("202210100008.0", "X"), ("88201465.1", "X")]
)
def test_a_wrong_check_character_names_the_right_one(written: str, expected: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_application_number(written)
    refusal = refused.value.refusal
    assert refusal.rule == "PN-CHECK"
    assert f"should be {expected}, not {written[-1]}" in refusal.message.en
    assert f"应为 {expected}" in refusal.message.zh


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ZL",
        "202310123456",  # no check character
        "20231012345.6",
        "202340123456.6",  # no such type
        "198410123456.6",  # before the office existed
        "210010123456.6",
        "88401465.X",
        "CN116000001B",  # a publication number is another number
        "PCT/CN2023/000001",
        "202310123456.6.6",
        "20231O123456.6",
        "199810123456.1",  # before October 2003 numbers had 8 digits
        "10123456.7",  # and since then they have 12
        "CN101234567",  # a publication number without its kind letter
        "2.02310123457E+12",  # what a spreadsheet makes of it
    ],
)
def test_what_is_no_application_number_is_refused(written: str) -> None:
    assert verdict(parse_application_number, written) == "PN-FORM"


def cure(parse, written: str) -> str:
    with pytest.raises(Refused) as refused:
        parse(written)
    assert refused.value.refusal.cure is not None
    return refused.value.refusal.cure.en


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_without_its_check_character_is_told_which_it_should_be(number: str) -> None:
    digits, _, check = number.partition(".")
    for written in (digits, f"ZL{digits}", f"ZL{digits}."):
        assert verdict(parse_application_number, written) == "PN-FORM"
        assert cure(parse_application_number, written).startswith(f"it should be {check}:")


@pytest.mark.parametrize("written", ["CN116000001B", "116000001B", "CN 116000001 B", "CN116000001", "CN1234567C"])
def test_a_publication_number_in_the_wrong_field_is_told_the_right_one(written: str) -> None:
    assert "publication_number" in cure(parse_application_number, written)


@pytest.mark.parametrize(
    "written",
    ["202310123456.6", "ZL202310123456.6", "ZL 2023 1 0123456.7", "202310123456", "88201465.X", "专利号:ZL88201465X"],
)
def test_an_application_number_in_the_wrong_field_is_told_the_right_one(written: str) -> None:
    assert verdict(parse_publication_number, written) == "PN-PUB"
    assert "write it into application_number" in cure(parse_publication_number, written)


def test_either_number_is_looked_up_in_any_spelling() -> None:
    assert canonical_number("ZL2022 1 0100008x") == "202210100008.X"
    assert canonical_number("公告号：cn 116000001 b") == "CN116000001B"
    assert canonical_number(" 镗杆 ") == "镗杆"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("CN116000001B", "CN116000001B"),
        ("授权公告号：CN116000001B", "CN116000001B"),
        ("公开（公告）号: CN 116000001 B", "CN116000001B"),
        ("CN1234567C", "CN1234567C"),
        ("CN2345678Y", "CN2345678Y"),
        ("CN3012345D", "CN3012345D"),
        ("CN85100001A", "CN85100001A"),
        ("CN88201465U", "CN88201465U"),
        ("cn 116000001 b", "CN116000001B"),
        ("ＣＮ２０９０９１７４３Ｕ", "CN209091743U"),
        ("CN1234567A", "CN1234567A"),
        ("CN101234567B2", "CN101234567B2"),
    ],
)
def test_a_publication_number_is_read(written: str, canonical: str) -> None:
    assert parse_publication_number(written) == canonical


@pytest.mark.parametrize(
    "written",
    ["", "CN116000001", "116000001B", "CN11600000B", "CN116000001Z", "CN616000001B", "CN89100001A", "CN16000001B"],
)
def test_what_is_no_publication_number_is_refused(written: str) -> None:
    assert verdict(parse_publication_number, written) == "PN-PUB"


@pytest.mark.parametrize(
    "written", ["CN116000001U", "CN116000001S", "CN216000001B", "CN1234567Y", "CN3012345A", "CN85200001B"]
)
def test_a_first_digit_and_a_kind_letter_of_two_types_are_refused(written: str) -> None:
    assert verdict(parse_publication_number, written) == "PN-PUB-TYPE"


@pytest.mark.parametrize(
    ("number", "letter", "granted"),
    [
        ("CN116000001A", "A", False),
        ("CN116000001B", "B", True),
        ("CN1234567C", "C", True),
        ("CN209091743U", "U", True),
        ("CN2345678Y", "Y", True),
        ("CN305123456S", "S", True),
        ("CN3012345D", "D", True),
        ("CN101234567B2", "B", True),
    ],
)
def test_the_kind_letter_tells_a_grant_from_an_application(number: str, letter: str, granted: bool) -> None:
    assert (kind_letter(number), is_grant(number)) == (letter, granted)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("H01M10/0525", "H01M10/0525"),
        ("b23q 11/00", "B23Q11/00"),
        ("B23Q11/00(2006.01)I", "B23Q11/00"),
        ("Ｂ２３Ｑ", "B23Q"),
        ("06-01", "06-01"),
        ("LOC(12)Cl.06-01", "06-01"),
        ("LOC (14) Cl. 06-01", "06-01"),
        ("０６－０１", "06-01"),
        ("06–01", "06-01"),
        ("0601", "06-01"),
        ("B23Q 11/00 (2006.01)", "B23Q11/00"),
        ("Int.Cl.7 B23Q 11/00", "B23Q11/00"),
        ("IPC：B23Q11/00", "B23Q11/00"),
        ("B23Q0011000000", "B23Q11/00"),
        ("H01M0010052500", "H01M10/0525"),
        ("A61K0045100000", "A61K45/10"),
        ("B23Q 0011/00", "B23Q11/00"),
        ("B23Q-011/00", "B23Q11/00"),
        ("B23Q  11/00   20060101AFI20230101BHCN", "B23Q11/00"),
    ],
)
def test_a_class_is_read(written: str, canonical: str) -> None:
    assert parse_classification(written) == canonical


@pytest.mark.parametrize(
    "written", ["", "I01M10/05", "B23", "B23Q11", "B23Q11/", "B23Q11/0", "B23Q0/00", "6-1", "33-01", "06-00", "00-01"]
)
def test_what_is_no_class_is_refused(written: str) -> None:
    assert verdict(parse_classification, written) == "IPC-FORM"


@pytest.mark.parametrize("written", ["Y02E60/10", "y02e", "Y10T 29/49"])
def test_a_symbol_that_only_cpc_has_is_refused_with_its_cure(written: str) -> None:
    assert verdict(parse_classification, written) == "IPC-FORM"
    assert "IPC symbol from the gazette" in cure(parse_classification, written)


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_a_credit_code_is_read_and_any_other_last_character_refused(code: str) -> None:
    assert parse_uscc(f" {code.lower()} ") == code
    others = set("0123456789ABCDEFGHJKLMNPQRTUWXY") - {code[-1]}
    assert {verdict(parse_uscc, code[:-1] + other) for other in others} == {"USCC-CHECK"}


@pytest.mark.parametrize(
    ("code", "expected"), [("91350100M000100Y4Z", None), ("91350100M000100Y40", "3"), ("91370303MA3CD00555", "D")]
)
def test_a_wrong_last_character_of_a_credit_code_names_the_right_one(code: str, expected: str | None) -> None:
    with pytest.raises(Refused) as refused:
        parse_uscc(code)
    assert (f"should be {expected}" in refused.value.refusal.message.en) is (expected is not None)


@pytest.mark.parametrize(("code", "expected"), [("91370303MA3CD0013W", "2"), ("12370000123456789Q", "X")])
def test_the_organization_code_inside_a_credit_code_has_a_check_of_its_own(code: str, expected: str) -> None:
    body = code[:17]
    total = sum("0123456789ABCDEFGHJKLMNPQRTUWXY".index(c) * pow(3, at, 31) for at, c in enumerate(body))
    written = body + "0123456789ABCDEFGHJKLMNPQRTUWXY"[-total % 31]
    assert verdict(parse_uscc, written) == "USCC-ORG"


@pytest.mark.parametrize("written", ["", "91350100M000100Y4Z", "91370303MA3CD0012", "9137030IMA3CD00120", "中国"])
def test_what_is_no_credit_code_is_refused(written: str) -> None:
    assert verdict(parse_uscc, written) == "USCC-CHECK"


@pytest.mark.parametrize(
    "written", ["2024-02-29", "2024/2/29", "2024.02.29", "20240229", "2024年2月29日", "２０２４－０２－２９"]
)
def test_every_usual_spelling_of_a_day_is_one_day(written: str) -> None:
    assert parse_day(written) == date(2024, 2, 29)


@pytest.mark.parametrize("written", ["", "2023-02-29", "29.02.2024", "2024-13-01", "24-02-29", "0000-01-01", "45351"])
def test_what_is_no_day_is_refused(written: str) -> None:
    assert verdict(parse_day, written) == "DATE-FORM"


@pytest.mark.parametrize("written", ["0", "0.03", "0.123456", "1", "1.0"])
def test_a_rate_is_read(written: str) -> None:
    assert parse_rate(written) == written


@pytest.mark.parametrize("written", ["", "3%", "1.01", "2", "-0.1", ".5", "0.1234567", "1e-2", "NaN"])
def test_what_is_no_rate_is_refused(written: str) -> None:
    assert verdict(parse_rate, written) == "RATE-FORM"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("30000", "30000.00"), ("0.5", "0.50"), ("999999999999.99", "999999999999.99"), ("0.10", "0.10")],
)
def test_an_amount_has_two_places(written: str, canonical: str) -> None:
    assert parse_amount(written) == canonical


@pytest.mark.parametrize("written", ["", "-1", "1.234", "1,000", "1e3", "NaN", "Infinity", "1000000000000", "3万"])
def test_what_is_no_amount_is_refused(written: str) -> None:
    assert verdict(parse_amount, written) == "MONEY-FORM"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("370000", "37"), ("37", "37"), ("370100", "3701"), ("3701", "3701"), ("370102", "370102"), ("３７", "37")],
)
def test_a_region_is_the_shortest_prefix_that_names_it(written: str, canonical: str) -> None:
    assert parse_region(written) == canonical


@pytest.mark.parametrize("written", ["", "0", "3", "370", "37010", "3701020", "山东", "07"])
def test_what_is_no_region_is_refused(written: str) -> None:
    assert verdict(parse_region, written) == "REGION-CODE"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("C34", "C34"),
        ("c3425", "C3425"),
        ("A", "A"),
        ("Ｃ３４２", "C342"),
        ("3425", "C3425"),
        ("34", "C34"),
        ("01", "A01"),
        ("97", "T97"),
        ("C 34", "C34"),
    ],
)
def test_an_industry_is_read(written: str, canonical: str) -> None:
    assert parse_industry(written) == canonical


@pytest.mark.parametrize("written", ["", "3", "U12", "C3", "C34256", "制造业", "98", "00", "C98", "B34", "C01", "U"])
def test_what_is_no_industry_is_refused(written: str) -> None:
    assert verdict(parse_industry, written) == "INDUSTRY-CODE"


def test_a_letter_that_is_not_the_divisions_is_told_the_right_one() -> None:
    assert "write C34" in cure(parse_industry, "B34")


def test_sections_and_divisions_are_those_of_the_table_that_ships() -> None:
    shipped = {code for code, *_ in industries() if len(code) == 3}
    known = {f"{letter}{number:02d}" for number in range(100) if (letter := section_of(f"{number:02d}"))}
    assert known == shipped


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        (parse_application_number, "202310123٤٥6.6"),
        (parse_publication_number, "CN١١٦٠٠٠٠٠١B"),
        (parse_classification, "B٢٣Q11/00"),
        (parse_rate, "0.٠٣"),
        (parse_region, "3٧"),
        (parse_industry, "C٣٤"),
    ],
)
def test_digits_of_other_scripts_do_not_make_a_second_spelling(parse, written: str) -> None:
    """A stored code is ASCII: otherwise one number could be recorded twice."""
    try:
        stored = parse(written)
    except Refused:
        return
    assert stored.isascii()
