"""Figures that an office or the operator may change: kept as data, each with its source and the day from which on it counts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from shared.contracts.payments import PolicyName
from shared.errors import Text
from shared.rulebook import Refusal, rule

_N = PolicyName
_AMOUNT, _RATE, _MONTHS = r"[0-9]{1,12}(\.[0-9]{1,2})?", r"0(\.[0-9]{1,6})?|1(\.0{1,6})?", r"[1-9][0-9]{0,2}"
_FORMS = {
    _N.OPEN_LICENSE_LUMP_SUM_MOST: _AMOUNT,
    _N.OPEN_LICENSE_SALES_RATE_MOST: _RATE,
    _N.OPEN_LICENSE_PROFIT_RATE_MOST: _RATE,
    _N.OPEN_LICENSE_MONTHS_LEAST: _MONTHS,
    _N.OPEN_LICENSE_AD_WORDS: r"[^,\s][^,]*(,[^,\s][^,]*)*",
    _N.DUNNING_STEPS: rf"{_MONTHS}(,{_MONTHS}){{0,9}}",
}


class Figure(NamedTuple):
    """A value from a day on."""

    name: PolicyName
    value: str
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True)
class Policies:
    """The figures that count on one day."""

    lump_sum_most: Decimal
    rate_most: dict[str, Decimal]  # by the base of the rate
    months_least: int
    ad_words: tuple[str, ...]  # in lower case
    dunning_steps: tuple[int, ...]  # days after the last day


@rule("POLICY-FORM", source=Text("the platform's rules", "平台规则"), since="2026-11-30")
def has_form(name: PolicyName, value: str) -> Refusal | None:
    """A figure has the form that its name asks for: an amount, a rate, months, words, or days in rising order."""
    days = (
        [int(one) for one in value.split(",")] if name is _N.DUNNING_STEPS and re.fullmatch(_FORMS[name], value) else []
    )
    if re.fullmatch(_FORMS[name], value) and days == sorted(set(days)):
        return None
    return Refusal(
        "POLICY-FORM",
        Text(f"{name} is not written like this", f"{name} 的格式不正确"),
        Text(
            'an amount as "20000000.00", a rate as "0.20", months as "12", days as "1,15,30", words as "稳赚,最佳"',
            "金额写作 “20000000.00”，费率写作 “0.20”，月数写作 “12”，天数写作 “1,15,30”，词语写作 “稳赚,最佳”",
        ),
        pointer="/value",
    )


def counting(figures: Iterable[Figure], day: date) -> dict[PolicyName, Figure]:
    """Which figures count on a day: of each name the one with the latest beginning; of equal ones the last said."""
    found: dict[PolicyName, Figure] = {}
    for one in figures:
        known = found.get(one.name)
        if one.valid_from <= day and (known is None or one.valid_from >= known.valid_from):
            found[one.name] = one
    return found


def on(figures: Iterable[Figure], day: date) -> Policies:
    """The figures of a day, as the rules take them."""
    value = {name: one.value for name, one in counting(figures, day).items()}
    return Policies(
        lump_sum_most=Decimal(value[_N.OPEN_LICENSE_LUMP_SUM_MOST]),
        rate_most={
            "NET_SALES": Decimal(value[_N.OPEN_LICENSE_SALES_RATE_MOST]),
            "PROFIT": Decimal(value[_N.OPEN_LICENSE_PROFIT_RATE_MOST]),
        },
        months_least=int(value[_N.OPEN_LICENSE_MONTHS_LEAST]),
        ad_words=tuple(word.strip().casefold() for word in value[_N.OPEN_LICENSE_AD_WORDS].split(",")),
        dunning_steps=tuple(int(one) for one in value[_N.DUNNING_STEPS].split(",")),
    )
