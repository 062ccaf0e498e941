"""Orders and appeals: each rule under its id and both ways."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.oversight import rules
from shared.contracts.oversight import RestrictionBasis, RestrictionState
from tests.unit.verdicts import verdict

TODAY = date(2026, 11, 30)
DAY = timedelta(days=1)
S = RestrictionState


def a_basis(kind: str, **facts: Any) -> RestrictionBasis:
    return RestrictionBasis.model_validate({"kind": kind, "number": "（2026）鲁03执123号", **facts})


def test_only_a_court_an_authority_or_the_platforms_rules_restrict_a_party() -> None:
    """RESTRICT-BASIS"""
    for kind in ("COURT_ORDER", "ADMINISTRATIVE_ORDER"):
        named = {"authority": "淄博市中级人民法院", "document_ids": ["doc_1"]}
        assert verdict(rules.rests_on_an_order, a_basis(kind, **named)) is None
        for missing in named:
            partly = {name: value for name, value in named.items() if name != missing}
            assert verdict(rules.rests_on_an_order, a_basis(kind, **partly)) == "RESTRICT-BASIS"
    assert verdict(rules.rests_on_an_order, a_basis("PLATFORM_RULES")) is None
    with pytest.raises(ValueError, match="kind"):
        a_basis("CREDIT_MARK")


def test_an_order_does_not_reach_back_and_ends_after_it_begins() -> None:
    """RESTRICT-DAYS"""
    for first, last in ((TODAY, None), (TODAY, TODAY), (TODAY + DAY, TODAY + 9 * DAY)):
        assert verdict(rules.days_are_ahead, first, last, TODAY) is None
    for first, last in ((TODAY - DAY, None), (TODAY + DAY, TODAY)):
        assert verdict(rules.days_are_ahead, first, last, TODAY) == "RESTRICT-DAYS"


@pytest.mark.parametrize(
    ("first", "last", "is_lifted", "state"),
    [
        (1, None, False, S.SCHEDULED),
        (0, None, False, S.ACTIVE),
        (-9, 0, False, S.ACTIVE),
        (-9, -1, False, S.EXPIRED),
        (1, None, True, S.LIFTED),
        (0, None, True, S.LIFTED),
        (-9, -1, True, S.LIFTED),
    ],
)
def test_how_an_order_stands(first: int, last: int | None, is_lifted: bool, state: RestrictionState) -> None:
    days = TODAY + first * DAY, None if last is None else TODAY + last * DAY
    assert rules.state_on(*days, is_lifted, TODAY) is state


@pytest.mark.parametrize("state", S)
def test_what_may_be_done_with_an_order_in_each_state(state: RestrictionState) -> None:
    """RESTRICT-STATE and RESTRICT-APPEAL"""
    stands = state in (S.SCHEDULED, S.ACTIVE)
    assert verdict(rules.is_liftable, state) == (None if stands else "RESTRICT-STATE")
    assert verdict(rules.may_be_appealed, state, False) == (None if stands else "RESTRICT-APPEAL")
    assert verdict(rules.may_be_appealed, state, True) == "RESTRICT-APPEAL"


def test_an_appeal_is_decided_once() -> None:
    assert verdict(rules.is_undecided, False) is None
    assert verdict(rules.is_undecided, True) == "RESTRICT-DECIDED"
