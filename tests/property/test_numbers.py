"""Laws of numbers and codes: one number, many spellings; no slip of the pen goes unnoticed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.contracts.values import (
    parse_application_number,
    parse_classification,
    parse_industry,
    parse_publication_number,
    parse_uscc,
    section_of,
)
from shared.rulebook import Refused
from tests.unit.verdicts import verdict

TYPES = st.sampled_from("12389")
WEIGHTS = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


LONG = st.builds(lambda year, kind, serial: f"{year}{kind}{serial}", st.integers(2003, 2099), TYPES, digits(7))
SHORT = st.builds(
    lambda year, kind, serial: f"{year % 100:02d}{kind}{serial}", st.integers(1985, 2003), TYPES, digits(5)
)
PUBLISHED = [
    "201710601862.3", "88201465.X", "97101765.4", "202310123456.6", "202110567890.4", "202220123456.7",
    "202130234567.6", "202180012345.7", "202210100008.X", "201710000123.9", "202010000001.1", "202310000007.2",
]  # fmt: skip
CREDIT_CODES = [
    "91370303MA3CD00120", "91370100MA3CD00205", "91411500MA3CD00391", "91330500MA3CD00471", "91370303MA3CD0055D",
    "123700004950A0014K", "124100004170A0027P", "11370100MB28696235",
]  # fmt: skip
SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LABELS = [
    "",
    "ZL",
    "CN",
    "CNZL",
    "zl",
    "Zl ",
    "CN ",
    "专利号：",
    "专利号：ZL ",
    "申请号:",
    "申请（专利）号：",
    "Patent No. ZL",
]


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """A canonical number; its check character worked out with the weights that the standard prints."""
    body = draw(LONG | SHORT)
    remainder = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=False)) % 11
    return f"{body}.{'X' if remainder == 10 else remainder}"


def wide(text: str) -> str:
    """The same text in full-width forms."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@settings(max_examples=120)
@given(
    numbers(),
    st.sampled_from(LABELS),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(" \t\u3000\u00a0\u200b\ufeff")), max_size=4),
)
def test_every_spelling_of_a_number_is_that_number(
    number: str, prefix: str, dotted: bool, lower: bool, full_width: bool, blanks: list[tuple[int, str]]
) -> None:
    written = prefix + (number if dotted else number.replace(".", ""))
    written = written.lower() if lower else written
    written = wide(written) if full_width else written
    for place, blank in blanks:
        written = written[:place] + blank + written[place:]
    assert parse_application_number(written) == number
    assert parse_application_number(parse_application_number(written)) == number


@settings(max_examples=120)
@given(numbers(), st.data())
def test_no_single_wrong_character_goes_unnoticed(number: str, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([place for place, c in enumerate(number) if c != "."]))
    other = data.draw(st.sampled_from("0123456789X" if at == len(number) - 1 else "0123456789"))
    assume(other != number[at])
    changed = number[:at] + other + number[at + 1 :]
    assert verdict(parse_application_number, changed) in ("PN-CHECK", "PN-FORM")


@settings(max_examples=120)
@given(numbers(), st.data())
def test_no_two_swapped_neighbors_go_unnoticed(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, number.index(".") - 2))
    assume(number[at] != number[at + 1])
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert verdict(parse_application_number, swapped) in ("PN-CHECK", "PN-FORM")


@settings(max_examples=120)
@given(st.text("0123456789.xXZLCN-。．\u0663\u0e53 ", max_size=18) | numbers().map(lambda n: n.replace("1", "\u0661")))
def test_whatever_is_taken_is_stored_in_one_plain_form(written: str) -> None:
    if verdict(parse_application_number, written) is None:
        stored = parse_application_number(written)
        assert stored.isascii()
        assert unicodedata.normalize("NFKC", stored) == stored
        assert len(stored) in (10, 14)


def expected(number: str) -> str:
    """The check character that the standard prints for the digits of a number."""
    body = number.partition(".")[0]
    remainder = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=False)) % 11
    return "X" if remainder == 10 else str(remainder)


def told(number: str) -> tuple[str, str]:
    """The rule that refuses a number, and what it says."""
    with pytest.raises(Refused) as refused:
        parse_application_number(number)
    return refused.value.refusal.rule, refused.value.refusal.message.en


@pytest.mark.parametrize("number", PUBLISHED)
@pytest.mark.parametrize("label", LABELS)
def test_every_spelling_of_a_published_number_is_that_number(number: str, label: str) -> None:
    body, _, check = number.partition(".")
    spaced = f"{body[:-8]} {body[-8]} {body[-7:]}.{check}" if len(body) == 12 else f"{body[:2]} {body[2:]}.{check}"
    for written in (number, body + check, spaced, f"{body}。{check}", f"{body}\u200b.{check}\ufeff", f"\u3000{number}"):
        for spelling in (label + written, (label + written).lower(), wide(label + written)):
            assert parse_application_number(spelling) == number, spelling


@pytest.mark.parametrize("number", PUBLISHED)
def test_every_slip_in_a_published_number_is_refused_and_told_the_right_character(number: str) -> None:
    body, _, check = number.partition(".")
    slips = {body[:at] + other + body[at + 1 :] for at in range(len(body)) for other in "0123456789"}
    slips |= {body[:at] + body[at + 1] + body[at] + body[at + 2 :] for at in range(len(body) - 1)}
    slips.remove(body)
    for slip in slips:
        rule, message = told(f"{slip}.{check}")
        assert rule == "PN-FORM" or (rule == "PN-CHECK" and f"should be {expected(slip)}, not {check}" in message)
    for other in set("0123456789X") - {check}:
        assert told(f"{body}.{other}") == (
            "PN-CHECK", f"the check character of this number should be {check}, not {other}"
        )  # fmt: skip


@st.composite
def publications(draw: st.DrawFn) -> str:
    """A publication number whose kind letter fits its digit."""
    digit = draw(st.sampled_from("123"))
    kind = draw(st.sampled_from({"1": "ABC", "2": "UY", "3": "SD"}[digit]))
    body = draw(digits(8).map(digit.__add__) | digits(6).map(digit.__add__) | digits(5).map(f"85{digit}".__add__))
    return f"CN{body}{kind}"


@settings(max_examples=120)
@given(
    publications(), st.sampled_from(["", "公开号：", "授权公告号: ", "公开（公告）号："]), st.booleans(), st.booleans()
)
def test_every_spelling_of_a_publication_number_is_that_number(
    number: str, label: str, spaced: bool, full_width: bool
) -> None:
    written = f"{number[:2]} {number[2:-1]} {number[-1].lower()}" if spaced else number
    written = wide(label + written) if full_width else label + written
    assert parse_publication_number(written) == number
    assert parse_publication_number(number) == number
    assert verdict(parse_application_number, written) == "PN-FORM"


@settings(max_examples=120)
@given(publications(), st.sampled_from("ABCDSUY"))
def test_a_kind_letter_of_another_type_is_refused(number: str, letter: str) -> None:
    by_digit = {"1": "ABC", "2": "UY", "3": "SD"}[number[4] if len(number) == 11 else number[2]]
    refused = verdict(parse_publication_number, number[:-1] + letter)
    assert refused == (None if letter in by_digit else "PN-PUB-TYPE")


@settings(max_examples=120)
@given(numbers(), publications())
def test_no_number_is_taken_for_one_of_the_other_kind(application: str, publication: str) -> None:
    assert verdict(parse_publication_number, application) == "PN-PUB"
    assert verdict(parse_publication_number, "ZL" + application) == "PN-PUB"
    assert verdict(parse_application_number, publication) == "PN-FORM"


IPC = st.builds(
    lambda section, class_, letter, group, sub: f"{section}{class_:02d}{letter}{group}/{sub}",
    st.sampled_from("ABCDEFGH"), st.integers(1, 99), st.sampled_from("ABCDEFGHJKLMNPQRSTXYZ"), st.integers(1, 9999),
    st.integers(0, 99).map("{:02d}".format) | digits(4).map(lambda sub: sub.rstrip("0").ljust(2, "0")),
)  # fmt: skip


@settings(max_examples=120)
@given(IPC, st.sampled_from(["", " (2006.01)", "(2023.01)I", " (2006.01)n"]))
def test_every_spelling_of_an_ipc_symbol_is_that_symbol(symbol: str, edition: str) -> None:
    (head, tail), (group, sub) = (symbol[:4], symbol[4:]), symbol[4:].split("/")
    fixed = f"{head}{group:>4}/{sub:<6}20060101AFI20230101BHCN"
    for written in (
        symbol + edition, f"{head} {tail}{edition}", f"{symbol.lower()}{edition}", wide(symbol),
        f"{head}{group.zfill(4)}{sub.ljust(6, '0')}", f"{head} {group.zfill(4)}/{sub}", fixed, f"Int.Cl. {symbol}{edition}",
    ):  # fmt: skip
        assert parse_classification(written) == symbol, written


@settings(max_examples=60)
@given(st.integers(1, 32), st.integers(1, 99))
def test_every_spelling_of_a_locarno_class_is_that_class(class_: int, sub: int) -> None:
    symbol = f"{class_:02d}-{sub:02d}"
    for written in (symbol, f"{class_:02d}{sub:02d}", f"LOC(14)Cl.{symbol}", f"LOC (12) Cl. {symbol}", wide(symbol)):
        assert parse_classification(written) == symbol


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_no_slip_in_a_published_credit_code_goes_unnoticed(code: str) -> None:
    slips = {code[:at] + other + code[at + 1 :] for at in range(18) for other in SYMBOLS}
    slips |= {code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in range(17)}
    slips.remove(code)
    assert {verdict(parse_uscc, slip) for slip in slips} == {"USCC-CHECK"}
    for written in (
        code,
        code.lower(),
        wide(code),
        f" {code[:2]} {code[2:8]} {code[8:]} ",
        f"统一社会信用代码：{code}",
    ):
        assert parse_uscc(written) == code


@settings(max_examples=120)
@given(st.integers(1, 97), st.sampled_from(["", "2", "25"]))
def test_the_division_decides_the_letter_of_an_industry(division: int, rest: str) -> None:
    letter = section_of(f"{division:02d}")
    assert letter is not None
    bare = f"{division:02d}{rest}"
    assert (
        parse_industry(bare)
        == parse_industry(letter + bare)
        == parse_industry(wide(letter.lower() + bare))
        == letter + bare
    )
    for other in set("ABCDEFGHIJKLMNOPQRST") - {letter}:
        assert verdict(parse_industry, other + bare) == "INDUSTRY-CODE"
