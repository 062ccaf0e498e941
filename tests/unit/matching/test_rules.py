"""Every act in every state of a need, and what a score means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.rules import TRANSITIONS, band, fit, may_edit, next_state, state_on
from shared.contracts.matching import NeedState
from tests.unit.verdicts import verdict

N = NeedState
ALLOWED = {
    (N.DRAFT, "publication"): N.PUBLISHED,
    (N.PAUSED, "publication"): N.PUBLISHED,
    (N.EXPIRED, "publication"): N.PUBLISHED,
    (N.PUBLISHED, "pause"): N.PAUSED,
    (N.MATCHED, "pause"): N.PAUSED,
    (N.DRAFT, "closing"): N.CLOSED,
    (N.PUBLISHED, "closing"): N.CLOSED,
    (N.MATCHED, "closing"): N.CLOSED,
    (N.PAUSED, "closing"): N.CLOSED,
    (N.EXPIRED, "closing"): N.CLOSED,
}
ACTS = sorted({act for _, act in ALLOWED})


@pytest.mark.parametrize("state", NeedState)
@pytest.mark.parametrize("act", ACTS)
def test_every_act_in_every_state_of_a_need(state: NeedState, act: str) -> None:
    answer = next_state(state, act)
    if (state, act) in ALLOWED:
        assert answer is ALLOWED[state, act]
        return
    assert verdict(next_state, state, act) == "ND-STATE"
    offered = answer.cure.en.removeprefix("acts possible now: ").split(", ")
    assert offered == (sorted(act_ for state_, act_ in ALLOWED if state_ is state) or ["none"])


def test_no_act_is_missing_in_the_table() -> None:
    assert sorted(TRANSITIONS) == ACTS


@pytest.mark.parametrize("state", NeedState)
def test_a_need_is_changed_until_it_is_a_record(state: NeedState) -> None:
    assert verdict(may_edit, state) == ("ND-EDIT" if state in (N.CLOSED, N.FULFILLED) else None)


NOON = datetime(2024, 6, 30, 4, tzinfo=UTC)


@pytest.mark.parametrize("state", NeedState)
def test_an_open_need_expires_at_its_instant_and_no_other_does(state: NeedState) -> None:
    assert state_on(state, NOON, NOON - timedelta(microseconds=1)) is state
    assert state_on(state, None, NOON) is state
    expected = N.EXPIRED if state in (N.PUBLISHED, N.MATCHED) else state
    assert state_on(state, NOON, NOON) is expected


ORDER = ["WEAK", "FAIR", "STRONG"]
SCORES = st.floats(0, 1)


@given(SCORES, SCORES)
def test_a_better_score_never_means_a_worse_fit(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 < fit(low) <= fit(high) < 1
    assert ORDER.index(band(fit(low))) <= ORDER.index(band(fit(high)))


def test_bands_begin_where_they_say() -> None:
    assert [band(fit_) for fit_ in (0, 0.1999, 0.2, 0.3499, 0.35, 1)] == [
        "WEAK", "WEAK", "FAIR", "FAIR", "STRONG", "STRONG",
    ]  # fmt: skip
    assert {band(fit(score / 100)) for score in range(101)} == set(ORDER)  # each of them can be reached
    assert fit(-1e-12) == fit(0.0)
