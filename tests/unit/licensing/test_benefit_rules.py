"""Who gets what of a license's income: each rule under its id and both ways, exact to the fen."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.rules import benefit
from services.licensing.rules.benefit import Owner, Person, Scheme
from shared.contracts.benefits import BenefitRuleDraft, DistributionAct, DistributionState
from shared.rulebook import book
from tests.unit.verdicts import verdict, verdicts

assert "BEN-SPLIT" in book()  # it derives and never refuses

TODAY, DAY = date(2026, 11, 30), timedelta(days=1)
HALF, STATE_RULE = Decimal("0.5"), Scheme(Decimal("0.7"), [("学院", Decimal("0.2")), ("学校", Decimal("0.1"))])
US, THEM = Owner("甲大学", share=60_00), Owner("乙公司", uscc="91370303MA3CD00120", share=40_00)
WANG, LI = Person("王工", weight=2), Person("李工", "inv_2", weight=1)


@pytest.mark.parametrize(
    ("fen", "weights", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),  # of equal remainders the first
        (10, [6000, 4000], [6, 4]),
        (1, [1, 999], [0, 1]),  # the largest remainder, not the first
        (0, [3, 4], [0, 0]),
        (7, [0, 1], [0, 7]),
    ],
)
def test_a_split_goes_to_the_largest_remainders(fen: int, weights: list[int], expected: list[int]) -> None:
    assert benefit.split(fen, weights) == expected


@given(st.integers(0, 10**14), st.lists(st.integers(0, 10**8), min_size=1, max_size=40).filter(any))
def test_a_split_is_exact_and_fair_to_a_fen(fen: int, weights: list[int]) -> None:
    found = benefit.split(fen, weights)
    assert sum(found) == fen
    total = sum(weights)
    assert all(abs(got * total - fen * weight) < total for got, weight in zip(found, weights, strict=True))


def shared(gross: int, **facts: Any) -> benefit.SharedOut:
    known: dict[str, Any] = {
        "common_costs": 0, "own_costs": 0, "owners": [US, THEM], "own_at": 0, "scheme": STATE_RULE, "persons": [WANG, LI],
    }  # fmt: skip
    return benefit.shared_out(gross, **{**known, **facts})


def test_income_less_costs_goes_to_owners_and_the_units_net_part_to_people_and_unit() -> None:
    found = shared(3_000_000, common_costs=100_000, own_costs=40_001)
    assert (found.own, found.net) == (1_740_000, 1_699_999)
    assert found.persons == 1_190_000  # 70 % of it, rounded up to the fen
    assert [(part.kind, part.name, part.fen) for part in found.parts] == [
        ("CO_OWNER", "乙公司", 1_160_000),
        ("PERSON", "王工", 793_333),
        ("PERSON", "李工", 396_667),
        ("UNIT", "学院", 339_999),
        ("UNIT", "学校", 170_000),
    ]


def test_the_statutory_half_is_never_missed_by_a_fraction_of_a_fen() -> None:
    found = shared(101, owners=[Owner("甲大学", share=100_00)], scheme=Scheme(benefit.STATUTORY, ()), persons=[WANG])
    assert [(part.kind, part.fen) for part in found.parts] == [("PERSON", 51), ("UNIT", 50)]


def test_whoever_keeps_a_record_for_others_owes_them_all_of_it() -> None:
    found = shared(101, own_at=None)
    assert [(part.kind, part.name, part.fen) for part in found.parts] == [
        ("CO_OWNER", "甲大学", 61),
        ("CO_OWNER", "乙公司", 40),
    ]


def test_an_individual_shares_with_nobody() -> None:
    found = shared(100, owners=[Owner("张三", share=100_00)], scheme=None, persons=[])
    assert [(part.kind, part.name, part.fen) for part in found.parts] == [("UNIT", "张三", 100)]


amounts = st.integers(0, 10**12)


@given(
    gross=st.integers(1, 10**12), common=amounts, own=amounts, rate=st.integers(0, 10**6),
    share=st.integers(0, 100_00), weights=st.lists(st.integers(1, 1000), min_size=1, max_size=8),
    is_ours=st.booleans(),
)  # fmt: skip
def test_i_9_nothing_is_lost_and_nothing_made(
    gross: int, common: int, own: int, rate: int, share: int, weights: list[int], is_ours: bool
) -> None:
    """I-9: parts and costs make the gross income, and the people get at least their rate."""
    common %= gross + 1
    owners = [Owner("甲", share=share), Owner("乙", share=100_00 - share)]
    ours = benefit.split(gross - common, [share, 100_00 - share])[0]
    own = own % (ours + 1) if is_ours else 0
    rate_ = Decimal(rate).scaleb(-6)
    persons = [Person(str(at), weight=weight) for at, weight in enumerate(weights)]
    scheme = Scheme(rate_, [("单位", 1 - rate_)] if rate_ < 1 else ())
    found = benefit.shared_out(gross, common, own, owners, 0 if is_ours else None, scheme, persons)
    assert sum(part.fen for part in found.parts) + common + own == gross
    assert all(part.fen > 0 for part in found.parts)
    if is_ours:
        assert found.net * rate_ <= found.persons < found.net * rate_ + 1
        assert sum(part.fen for part in found.parts if part.kind == "PERSON") == found.persons


R, D, S = benefit, DistributionAct, DistributionState
DOC = {"has_document": True}
PAYABLE = partial(R.parts_are_open, approved_on=TODAY - DAY, today=TODAY)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (partial(R.persons_get_enough, Decimal("0.4"), is_state_unit=True), "BEN-FLOOR"),
        (partial(R.persons_get_enough, Decimal("0.499999"), is_state_unit=True), "BEN-FLOOR"),
        (partial(R.persons_get_enough, HALF, is_state_unit=True), None),
        (partial(R.persons_get_enough, Decimal(0), is_state_unit=False), None),
        (partial(R.rule_was_public, TODAY, TODAY, TODAY, **DOC), None),
        (partial(R.rule_was_public, TODAY, TODAY, TODAY, has_document=False), "BEN-PUBLIC"),
        (partial(R.rule_was_public, TODAY, TODAY - DAY, TODAY, **DOC), "BEN-PUBLIC"),
        (partial(R.rule_was_public, TODAY + DAY, TODAY + DAY, TODAY, **DOC), "BEN-PUBLIC"),
        (partial(R.shares_are_known, [US, THEM], are_agreed=False, has_document=False), None),
        (partial(R.shares_are_known, [US, THEM], are_agreed=True, has_document=False), "DIST-SHARES"),
        (partial(R.shares_are_known, [US, THEM], are_agreed=True, **DOC), None),
        (partial(R.shares_are_known, [Owner("甲"), Owner("乙")], are_agreed=False, **DOC), "DIST-SHARES"),
        (partial(R.shares_are_known, [US, Owner("乙", share=39_99)], are_agreed=True, **DOC), "DIST-SHARES"),
        (partial(R.there_is_money, 1), None),
        (partial(R.there_is_money, 0), "DIST-MONEY"),
        (partial(R.there_is_money, -1), "DIST-MONEY"),
        (partial(R.costs_are_covered, 100, 100, 0, 0), None),
        (partial(R.costs_are_covered, 100, 101, 0, 0), "DIST-COSTS"),
        (partial(R.costs_are_covered, 100, 0, 60, 60), None),
        (partial(R.costs_are_covered, 100, 0, 60, 61), "DIST-COSTS"),
        (partial(R.somebody_is_named, [WANG, LI], is_owed=True), None),
        (partial(R.somebody_is_named, [], is_owed=True), "DIST-PERSONS"),
        (partial(R.somebody_is_named, [], is_owed=False), None),
        (partial(R.somebody_is_named, [WANG, Person("王工")], is_owed=True), "DIST-PERSONS"),
        (partial(R.somebody_is_named, [WANG, Person("王工", "inv_1")], is_owed=True), None),  # a namesake
        (partial(R.pledgees_come_first, []), None),
        (partial(R.pledgees_come_first, ["某银行"]), "DIST-PLEDGE"),
        (partial(PAYABLE, ["a", "b"], ["a", "b", "c"], TODAY), None),
        (partial(PAYABLE, ["a", "a"], ["a"], TODAY), "DIST-PAYOUT"),
        (partial(PAYABLE, ["a", "x"], ["a"], TODAY), "DIST-PAYOUT"),
        (partial(PAYABLE, ["a"], ["a"], TODAY + DAY), "DIST-PAYOUT"),
        (partial(PAYABLE, ["a"], ["a"], TODAY - 2 * DAY), "DIST-PAYOUT"),
    ],
)
def test_rules_of_shared_income(act: Any, expected: str | None) -> None:
    assert verdict(act) == expected


OPEN = {
    (D.APPROVAL, S.COMPUTED, False), (D.WITHDRAWAL, S.COMPUTED, False), (D.WITHDRAWAL, S.APPROVED, False),
    (D.PAYOUTS, S.APPROVED, False), (D.PAYOUTS, S.APPROVED, True),
}  # fmt: skip


@pytest.mark.parametrize(("act", "state", "is_partly_paid"), list(product(D, S, [False, True])))
def test_every_act_on_every_state_of_a_distribution(act: D, state: S, is_partly_paid: bool) -> None:
    if is_partly_paid and state is S.COMPUTED:
        return  # nobody is paid before the approval
    no = verdict(partial(R.act_is_open, act, state, is_partly_paid=is_partly_paid))
    assert no == (None if (act, state, is_partly_paid) in OPEN else "DIST-STATE")


RULE: dict[str, Any] = {"name": "办法", "persons_rate": "0.7", "published_on": "2026-01-01", "valid_from": "2026-01-01"}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], []),  # the unit keeps the rest
        ([("学院", "0.2"), ("学校", "0.1")], []),
        ([("学院", "0.2")], ["BEN-SUM"]),
        ([("学院", "0.2"), ("学校", "0.100001")], ["BEN-SUM"]),
    ],
)
def test_the_rates_of_a_rule_make_the_whole(parts: list[tuple[str, str]], expected: list[str]) -> None:
    named = [{"name": name, "rate": rate} for name, rate in parts]
    assert verdicts(BenefitRuleDraft, {**RULE, "unit_parts": named}) == expected


def test_patents_licensed_together_have_one_split_only_if_their_owners_agree() -> None:
    assert benefit.agreed_shares([[US, THEM], [THEM, US]]) == [US, THEM]
    assert [one.share for one in benefit.agreed_shares([[Owner("甲大学")], [Owner("甲大学", share=100_00)]])] == [
        100_00
    ]
    assert [one.share for one in benefit.agreed_shares([[US, THEM], [US]])] == [None, None]
    other = Owner("乙公司", uscc=THEM.uscc, share=50_00)
    assert [one.share for one in benefit.agreed_shares([[US, THEM], [Owner("甲大学", share=50_00), other]])] == [
        None,
        None,
    ]
