"""How long a patent lasts, and what its dates and numbers must agree on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.catalog.rules.term import (
    filed_before_numbered,
    granted_after_filed,
    number_fits_type,
    term_end,
    term_has_not_ended,
)
from shared.contracts.values import PatentType
from tests.unit.verdicts import verdict

INVENTION, UTILITY_MODEL, DESIGN = PatentType.INVENTION, PatentType.UTILITY_MODEL, PatentType.DESIGN


@pytest.mark.parametrize(
    ("patent_type", "filed_on", "last_day"),
    [
        (INVENTION, date(2017, 3, 1), date(2037, 3, 1)),
        (UTILITY_MODEL, date(2017, 3, 1), date(2027, 3, 1)),
        (DESIGN, date(2021, 5, 31), date(2031, 5, 31)),  # the day before the amended law
        (DESIGN, date(2021, 6, 1), date(2036, 6, 1)),
        (INVENTION, date(2004, 2, 29), date(2024, 2, 29)),
        (INVENTION, date(2080, 2, 29), date(2100, 2, 28)),  # 2100 has no 29 February
        (UTILITY_MODEL, date(2016, 2, 29), date(2026, 2, 28)),
        (DESIGN, date(2024, 2, 29), date(2039, 2, 28)),
    ],
)
def test_a_term_ends_on_the_corresponding_day(patent_type: PatentType, filed_on: date, last_day: date) -> None:
    assert term_end(patent_type, filed_on) == last_day
    assert verdict(term_has_not_ended, patent_type, filed_on, last_day) is None
    assert verdict(term_has_not_ended, patent_type, filed_on, last_day + timedelta(days=1)) == "LS-TERM"


def test_without_a_filing_date_no_term_is_held_against_a_patent() -> None:
    assert verdict(term_has_not_ended, INVENTION, None, date(2099, 1, 1)) is None


@pytest.mark.parametrize(
    ("filed_on", "number_year", "rule"),
    [
        (date(2024, 1, 2), 2023, "FILING-YEAR"),
        (date(2023, 12, 31), 2023, None),
        (date(2020, 5, 1), 2023, None),  # a divisional application keeps the older date
        (None, 2023, None),
    ],
)
def test_a_filing_after_the_year_in_the_number_is_worth_a_second_look(
    filed_on: date | None, number_year: int, rule: str | None
) -> None:
    assert verdict(filed_before_numbered, filed_on, number_year) == rule
    if rule:
        assert filed_before_numbered(filed_on, number_year).severity == "WARN"


@pytest.mark.parametrize(
    ("filed_on", "granted_on", "rule"),
    [
        (date(2023, 2, 15), date(2023, 2, 14), "GRANT-DATE"),
        (date(2023, 2, 15), date(2023, 2, 15), "GRANT-DATE"),
        (date(2023, 2, 15), date(2023, 2, 16), None),
        (None, date(2023, 2, 14), None),
        (date(2023, 2, 15), None, None),
    ],
)
def test_a_grant_follows_its_filing(filed_on: date | None, granted_on: date | None, rule: str | None) -> None:
    assert verdict(granted_after_filed, filed_on, granted_on) == rule


@pytest.mark.parametrize("number_type", PatentType)
@pytest.mark.parametrize("patent_type", PatentType)
def test_a_number_is_of_the_type_that_the_record_says(number_type: PatentType, patent_type: PatentType) -> None:
    expected = None if number_type is patent_type else "PN-TYPE"
    assert verdict(number_fits_type, number_type, patent_type) == expected
