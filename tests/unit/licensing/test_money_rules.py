"""Schedules and royalties: each rule under its id and both ways, exact to the fen."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.rules import estimate, royalty, schedule
from services.licensing.rules.royalty import Rates, ReportAct
from services.licensing.rules.schedule import Due, Money
from services.licensing.service.calendar import shipped_days
from shared.contracts.catalog import Fee
from shared.contracts.licensing import DueState, FeeEstimateQuery, OfferTerms, ReportState, RoyaltyTerms, Terms
from shared.rulebook import book
from tests.unit.verdicts import verdict

assert {"PAY-ORDER", "DUE-STATE", "ROY-SUM"} <= book().keys()  # they derive and never refuse

TODAY, DAY = date(2026, 11, 23), timedelta(days=1)
S = DueState


def offered(**facts: Any) -> OfferTerms:
    return OfferTerms.model_validate({"scope": {"from": "2026-11-23", "to": "2029-11-22"}, **facts})


def announced(**facts: Any) -> Terms:
    known = {"installments": [], "payment_method": "-", "payment_within_days": 30, "license_term_months": 36}
    return Terms.model_validate({**known, "calculation_note": "-", **facts})


PARTS = [{"amount": "100.00", "after_days": 0}, {"amount": "200.00", "after_days": 30}]
IN_PARTS: dict[str, Any] = {"fee": {"fee_type": "INSTALLMENTS", "amount": "300.00"}, "installments": PARTS}


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (offered(fee={"fee_type": "FREE"}), []),
        (offered(fee={"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "PROFIT"}), []),
        (offered(fee={"fee_type": "LUMP_SUM", "amount": "300.00"}), [("LUMP_SUM", 30_000, date(2026, 12, 23))]),
        (
            offered(fee={"fee_type": "ENTRY_PLUS_ROYALTY", "amount": "9", "rate": "0.1", "rate_base": "PROFIT"}),
            [("ENTRY", 900, date(2026, 12, 23))],
        ),
        (
            offered(**IN_PARTS),
            [("INSTALLMENT", 10_000, TODAY), ("INSTALLMENT", 20_000, date(2026, 12, 23))],
        ),
        # Of an open license what was due with the notice is paid when it takes effect.
        (announced(**IN_PARTS), [("INSTALLMENT", 20_000, date(2026, 12, 23))]),
        (announced(fee={"fee_type": "LUMP_SUM", "amount": "300.00"}), []),
    ],
)
def test_what_is_known_to_be_owed_when_a_license_takes_effect(terms: OfferTerms | Terms, expected: list[Any]) -> None:
    assert list(schedule.planned(terms, TODAY, shipped_days())) == expected


def test_money_goes_where_the_payer_says_and_else_to_what_is_due_first() -> None:
    """PAY-ORDER: Civil Code Art. 560."""
    items = [Due("due_b", 200, TODAY + DAY), Due("due_a", 100, TODAY), Due("due_c", 300, TODAY + 9 * DAY)]
    assert schedule.allocated(items, [Money(150)]) == ({"due_b": 50, "due_a": 100, "due_c": 0}, 0)
    assert schedule.allocated(items, [Money(150, "due_c")]) == ({"due_b": 0, "due_a": 0, "due_c": 150}, 0)
    assert schedule.allocated(items, [Money(350, "due_c")]) == ({"due_b": 0, "due_a": 50, "due_c": 300}, 0)
    assert schedule.allocated(items, [Money(700)]) == ({"due_b": 200, "due_a": 100, "due_c": 300}, 100)
    assert schedule.allocated([], [Money(7)]) == ({}, 7)


dues = st.lists(st.tuples(st.integers(0, 10**9), st.dates(TODAY, TODAY + 99 * DAY)), max_size=8).map(
    lambda found: [Due(f"due_{at}", fen, day) for at, (fen, day) in enumerate(found)]
)


@given(dues, st.lists(st.tuples(st.integers(1, 10**9), st.none() | st.integers(0, 9)), max_size=8))
def test_no_fen_is_lost_or_made_by_allocating(items: list[Due], paid: list[tuple[int, int | None]]) -> None:
    settled = [Money(fen, None if at is None else f"due_{at}") for fen, at in paid]
    got, rest = schedule.allocated(items, settled)
    assert sum(got.values()) + rest == sum(money.fen for money in settled) and rest >= 0
    assert all(0 <= got[item.id] <= item.fen for item in items)
    if rest:
        assert all(got[item.id] == item.fen for item in items)


def test_an_item_is_planned_due_overdue_paid_or_no_longer_owed() -> None:
    """DUE-STATE."""
    item = Due("due_1", 100, TODAY + 40 * DAY)

    def state(settled: int, later: int, ended: date | None = None) -> DueState:
        return schedule.state_on(item, settled, ended, TODAY + later * DAY)

    assert state(0, 0) is S.PLANNED and state(0, 10) is S.DUE and state(0, 40) is S.DUE
    assert state(0, 41) is S.OVERDUE and state(99, 41) is S.OVERDUE and state(100, 41) is S.PAID
    assert state(0, 50, TODAY + 40 * DAY) is S.CANCELLED and state(0, 50, TODAY + 41 * DAY) is S.OVERDUE
    assert state(100, 50, TODAY) is S.PAID


def test_a_royalty_is_reported_for_periods_that_are_over_up_to_the_last_day() -> None:
    rate = {"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "NET_SALES"}
    half_years = offered(fee=rate, royalty={"report_every_months": 6})
    found = list(schedule.reporting_periods(half_years, date(2026, 8, 31), date(2027, 9, 30)))
    assert found == [
        (date(2026, 8, 31), date(2027, 2, 27)),
        (date(2027, 2, 28), date(2027, 8, 30)),
        (date(2027, 8, 31), date(2027, 9, 30)),
    ]
    assert list(schedule.reporting_periods(offered(fee={"fee_type": "FREE"}), TODAY, TODAY)) == []
    assert verdict(schedule.period_is_over, found[0], date(2027, 2, 27)) == "ROY-PERIOD"
    assert verdict(schedule.period_is_over, found[0], date(2027, 2, 28)) is None
    assert verdict(schedule.period_is_over, None, TODAY) == "ROY-PERIOD"


def test_what_may_be_paid_under_a_license() -> None:
    assert verdict(schedule.item_is_open, None, []) is None
    assert verdict(schedule.item_is_open, "due_1", ["due_1"]) is None
    assert verdict(schedule.item_is_open, "due_2", ["due_1"]) == "PAY-ITEM"
    assert verdict(schedule.license_takes_money, True) is None
    assert verdict(schedule.license_takes_money, False) == "PAY-LICENSE"


FEE = Fee.model_validate({"fee_type": "ROYALTY", "rate": "0.05", "rate_base": "NET_SALES"})


def rates(**facts: Any) -> Rates:
    return royalty.rates_of(FEE, RoyaltyTerms.model_validate(facts))


def test_a_royalty_by_hand() -> None:
    """ROY-SUM: 5 % to 10,000 yuan, 3 % to 50,000, 1 % above."""
    falling = rates(steps=[{"above": "10000", "rate": "0.03"}, {"above": "50000", "rate": "0.01"}])
    assert royalty.royalty_fen(falling, 8_000_00, 0, 0) == 400_00
    assert royalty.royalty_fen(falling, 20_000_00, 0, 0) == 500_00 + 300_00
    assert royalty.royalty_fen(falling, 20_000_00, 45_000_00, 0) == 150_00 + 150_00
    assert royalty.royalty_fen(rates(), 10, 0, 0) == 1  # half a fen is rounded up
    assert royalty.royalty_fen(rates(minimum="100"), 0, 0, 0) == 100_00
    assert royalty.royalty_fen(rates(minimum="100", cap="150"), 0, 0, 100_00) == 50_00
    assert royalty.royalty_fen(rates(cap="150"), 10_000_00, 0, 150_00) == 0
    assert royalty.rates_of(FEE, None) == Rates([(0, Decimal("0.05"))])


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 10**6)), max_size=4, unique_by=lambda one: one[0]),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=6),
)
def test_reports_cost_together_what_one_report_of_all_costs(steps: list[tuple[int, int]], bases: list[int]) -> None:
    """To half a fen for each report; with rates of six places, on the whole base at once by another way of counting."""
    said = [(0, Decimal("0.05")), *sorted((above * 100, Decimal(rate) / 10**6) for above, rate in steps)]
    figures, before, total = Rates(said), 0, 0
    for base in bases:
        total += royalty.royalty_fen(figures, base, before, total)
        before += base
    edges = [above for above, _ in said] + [max(before, said[-1][0])]
    whole = sum((min(before, edges[at + 1]) - min(before, edges[at])) * said[at][1] for at in range(len(said)))
    assert abs(total - Decimal(whole).to_integral_value(ROUND_HALF_UP)) <= len(bases)


@pytest.mark.parametrize("state", list(ReportState))
def test_what_is_open_on_a_report(state: ReportState) -> None:
    """ROY-STATE."""
    for step, is_last in ((ReportAct.VERIFICATION, False), (ReportAct.CONTEST, True), (ReportAct.CONTEST, False)):
        free = state is ReportState.REPORTED and (is_last or step is ReportAct.VERIFICATION)
        assert verdict(partial(royalty.act_is_open, step, state, is_last=is_last)) == (None if free else "ROY-STATE")


def asked(method: str, figures: list[str], base: str | None = None, **more: Any) -> FeeEstimateQuery:
    name = "rate" if base is not None else "amount"
    comparables = [{name: figure, "source": "某合同", "year": 2025, **more} for figure in figures]
    return FeeEstimateQuery.model_validate(
        {"method": method, "comparables": comparables, "base": base and {"amount": base}}
    )


def test_a_fee_is_estimated_from_comparables_that_fit_the_method() -> None:
    """FEE-ESTIMATE."""
    by_fees = asked("ORDINARY_LICENSES", ["30000.00", "10000.00", "50000.01"])
    assert verdict(estimate.figures_fit, by_fees) is None
    assert estimate.estimate(by_fees) == estimate.Estimate(1_000_000, 3_000_000, 5_000_001)
    by_rates = asked("INDUSTRY_STATISTICS", ["0.03", "0.05"], base="1000000.00")
    assert verdict(estimate.figures_fit, by_rates) is None
    assert estimate.estimate(by_rates) == estimate.Estimate(3_000_000, 4_000_000, 5_000_000)
    for wrong in (
        asked("ORDINARY_LICENSES", ["0.03"], base="1.00"),
        asked("OWN_INCOME", ["30000.00"]),
        asked("APPRAISAL", ["30000.00"], rate="0.1"),
    ):
        assert verdict(estimate.figures_fit, wrong) == "FEE-COMPARABLES"
