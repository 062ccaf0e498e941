"""Quick licenses: each rule under its id and both ways."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.licensing.rules import deadlines, quick
from services.licensing.rules.quick import Trial
from services.licensing.service.calendar import shipped_days
from shared.contracts.gateway import PartyOut
from shared.contracts.licensing import DeadlineKind, QuickOfferState, QuickRequestState, QuickTerms
from tests.unit.verdicts import verdict

TODAY, DAY = date(2026, 11, 23), timedelta(days=1)
ENDS = date(2027, 5, 22)
S, R = QuickOfferState, QuickRequestState


def terms(**facts: Any) -> QuickTerms:
    known = {
        "trial": {"duration": "P6M", "permitted_use": "INTERNAL_TEST"},
        "fee": {"fee_type": "LUMP_SUM", "amount": "8000.00"},
        "license_term_months": 36,
    }
    return QuickTerms.model_validate({**known, **facts})


def test_a_trial_lasts_its_months_to_the_day() -> None:
    assert quick.trial_ends_on(TODAY, terms()) == ENDS
    short = terms(trial={"duration": "P1M", "permitted_use": "LIMITED_SALE"})
    assert quick.trial_ends_on(date(2027, 1, 31), short) == date(2027, 2, 27)


@pytest.mark.parametrize(
    ("facts", "on", "state"),
    [
        ({}, ENDS, R.TRIAL),
        ({}, ENDS + DAY, R.ENDED_WITHOUT_CONVERSION),
        ({"terminated_on": TODAY}, TODAY, R.TERMINATED),
        ({"terminated_on": TODAY + DAY}, TODAY, R.TRIAL),
        ({"converted_on": TODAY}, ENDS, R.CONVERTED),
        ({"converted_on": TODAY}, ENDS + DAY, R.IN_FORCE),
        ({"converted_on": TODAY}, date(2029, 11, 22), R.IN_FORCE),
        ({"converted_on": TODAY}, date(2029, 11, 23), R.EXPIRED),
        ({"converted_on": TODAY, "terminated_on": ENDS}, ENDS + DAY, R.TERMINATED),
        ({"patent_ended_on": TODAY + DAY}, TODAY, R.TRIAL),
        ({"patent_ended_on": TODAY}, TODAY, R.ENDED_WITHOUT_CONVERSION),
        ({"converted_on": TODAY, "patent_ended_on": ENDS}, ENDS, R.EXPIRED),
    ],
)
def test_e22_how_a_quick_license_stands(facts: dict[str, Any], on: date, state: QuickRequestState) -> None:
    assert quick.state_on(Trial(ENDS, date(2029, 11, 22), **facts), on) is state


@pytest.mark.parametrize("state", list(QuickOfferState))
@pytest.mark.parametrize("act", list(quick.OFFER_TO))
def test_every_act_of_a_standing_offer_in_every_state(act: str, state: QuickOfferState) -> None:
    wanted = {
        "activation": {S.DRAFT},
        "pause": {S.ACTIVE},
        "resumption": {S.PAUSED},
        "ending": {S.DRAFT, S.ACTIVE, S.PAUSED},
    }
    assert verdict(quick.offer_act_is_open, act, state) == (None if state in wanted[act] else "QL-OFFER-STATE")
    assert verdict(quick.offer_stands, state) == (None if state is S.ACTIVE else "QL-OPEN")


@pytest.mark.parametrize("state", list(QuickRequestState))
def test_a_trial_is_converted_or_left_while_it_runs(state: QuickRequestState) -> None:
    assert verdict(quick.trial_runs, state) == (None if state is R.TRIAL else "QL-STATE")


def test_nobody_decides_for_a_license_under_a_patent_that_is_gone() -> None:
    assert verdict(quick.patents_stand, ["LS-NOT-IN-FORCE"]) == "QL-PATENT-GONE"
    assert verdict(quick.patents_stand, []) is None


def test_terms_for_small_firms_are_for_small_firms() -> None:
    known: dict[str, Any] = {
        "id": "org_1", "name": "某厂", "uscc": None, "type": "ENTERPRISE", "state_owned": False, "region_code": None,
        "verification": "VERIFIED", "sample": False,
    }  # fmt: skip
    large, small = (PartyOut.model_validate({**known, "sme_class": size}) for size in (None, "SMALL"))
    assert verdict(quick.firm_is_small, True, large) == "QL-SME"
    assert verdict(quick.firm_is_small, True, small) is None and verdict(quick.firm_is_small, False, large) is None


def test_a_fee_waits_for_what_it_was_deferred_to() -> None:
    """QL-SALE; 30 days to pay, none of them a holiday's end."""

    def due(converted: date | None, sold: date | None = None, **facts: Any) -> list[date]:
        trial = Trial(ENDS, date(2029, 11, 22), converted_on=converted)
        return [on for _, _, on in quick.planned(terms(**facts), trial, sold, shipped_days())]

    assert due(None) == []
    assert due(TODAY) == [date(2026, 12, 23)]
    assert due(TODAY, deferred_until="2027-03-01") == [date(2027, 3, 31)]
    assert due(TODAY, deferred_to="TRIAL_END") == [date(2027, 6, 21)]
    waiting = {"deferred_to": "FIRST_SALE"}
    assert due(TODAY, **waiting) == [] and due(TODAY, date(2027, 3, 1), **waiting) == [date(2027, 3, 31)]
    parts = [{"amount": "3000", "after_days": 0}, {"amount": "5000", "after_days": 60}]
    in_parts = {"fee": {"fee_type": "INSTALLMENTS", "amount": "8000.00"}, "installments": parts}
    assert due(TODAY, **in_parts) == [TODAY, date(2027, 1, 22)]
    assert due(TODAY, fee={"fee_type": "FREE"}) == []

    def sale(said: QuickTerms, *facts: date | None) -> str | None:
        return verdict(quick.first_sale_counts, said, TODAY, *facts)

    assert sale(terms(**waiting), TODAY, None, TODAY, TODAY) is None
    assert sale(terms(), TODAY, None, TODAY, TODAY) == "QL-SALE"
    assert sale(terms(**waiting), None, None, TODAY, TODAY) == "QL-SALE"
    assert sale(terms(**waiting), TODAY, TODAY, TODAY, TODAY) == "QL-SALE"
    assert sale(terms(**waiting), TODAY, None, TODAY + DAY, TODAY) == "QL-SALE"
    assert sale(terms(**waiting), TODAY, None, TODAY - DAY, TODAY) == "QL-SALE"


def test_the_terms_of_a_quick_license_fit_each_other() -> None:
    """QL-TERMS"""

    def told(*patents: str, **said: Any) -> str | None:
        return verdict(quick.terms_fit, terms(**said), patents, TODAY)

    assert told("pat_1", "pat_2") is told("pat_1", deferred_until=str(TODAY)) is None
    assert told("pat_1", license_term_months=6) == "QL-TERMS"
    assert told("pat_1", "pat_1") == "QL-TERMS"
    for day in (TODAY - DAY, date(2050, 1, 1)):
        assert told("pat_1", deferred_until=str(day)) == "QL-TERMS"


def test_who_has_to_act_is_reminded_when_a_deadline_is_near() -> None:
    """DUE-REMINDER."""
    for kind, before in deadlines.REMINDED_BEFORE.items():
        assert deadlines.is_near(kind, TODAY, TODAY) and deadlines.is_near(kind, TODAY + before * DAY, TODAY)
        assert not deadlines.is_near(kind, TODAY + (before + 1) * DAY, TODAY)
        assert not deadlines.is_near(kind, TODAY - DAY, TODAY)
    assert set(deadlines.REMINDED_BEFORE) == set(DeadlineKind)
