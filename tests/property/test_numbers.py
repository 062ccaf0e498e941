"""Laws of application numbers: one number, many spellings; no slip of the pen goes unnoticed."""

from __future__ import annotations

import unicodedata

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.contracts.values import parse_application_number
from tests.unit.verdicts import verdict

TYPES = st.sampled_from("12389")
WEIGHTS = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


LONG = st.builds(lambda year, kind, serial: f"{year}{kind}{serial}", st.integers(1985, 2099), TYPES, digits(7))
SHORT = st.builds(lambda year, kind, serial: year + kind + serial, digits(2), TYPES, digits(5))


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
    st.sampled_from(["", "ZL", "CN", "CNZL", "zl", "Zl ", "CN "]),
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
