"""What may be shown of an anonymized need, when something found is told, and what a mix is learned from."""

from __future__ import annotations

import math
from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import rules
from services.matching.engine import MIX, tagged
from services.matching.engine.learning import learn, log_losses
from shared.clock import SHANGHAI
from shared.contracts.matching import NeedState

RULES = ("ND-MASK", "SB-DUE", "MT-CODE", "RM-ENOUGH", "RM-BETTER")


def nothing_common(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "hidden", "shown"),
    [
        ("济南宏沃达机械有限公司的薄壁铝件铣削老是抖", ["济南", "宏沃达"], ["薄壁", "铣削", "抖"]),
        ("联系张伟13800001111，型号HWD-2000", ["张伟", "13800001111", "HWD"], ["联系", "型号"]),
        ("我们济南宏沃达厂的老镗床", ["济南", "宏沃达", "达厂"], ["镗床", "我们"]),
        ("我厂和本公司", [], ["我厂", "公司"]),
        ("山东大学给一汽做过", ["山东大学", "一汽"], ["做"]),
        ("信用代码91370100MA3C12345X", ["91370100", "MA3C"], ["信用"]),
        ("壁厚2.5毫米，转速8000转", [], ["2.5", "8000", "壁厚"]),
    ],
)
def test_names_and_long_figures_are_masked_unless_they_are_common(
    text: str, hidden: list[str], shown: list[str]
) -> None:
    masked = rules.masked(tagged(text), nothing_common)
    assert [word for word in hidden if word in masked] == []
    assert [word for word in shown if word not in masked] == []
    assert rules.MASK in masked or not hidden
    assert rules.masked(tagged(text), lambda _: True) == text


@given(st.text(alphabet="铣削抖，。 a1", max_size=30))
def test_a_text_without_names_stays_as_it_is(text: str) -> None:
    cut = [(word, "n") for word in text]
    assert rules.masked(cut, nothing_common) == text


def at(clock: str, day: int = 10) -> datetime:
    return datetime(2026, 11, day, *map(int, clock.split(":")), 30, tzinfo=SHANGHAI)


def hour(clock: str) -> time:
    return time.fromisoformat(clock)


@pytest.mark.parametrize(
    ("found", "daily", "quiet", "told"),
    [
        ("10:00", None, None, "10 10:00"),
        ("10:00", "09:00", None, "11 09:00"),
        ("08:00", "09:00", None, "10 09:00"),
        ("23:10", None, ("22:00", "07:30"), "11 07:30"),
        ("06:10", None, ("22:00", "07:30"), "10 07:30"),
        ("12:30", None, ("12:00", "14:00"), "10 14:00"),
        ("14:00", None, ("12:00", "14:00"), "10 14:00"),
        ("21:59", None, ("22:00", "07:30"), "10 21:59"),
        ("20:00", "23:00", ("22:00", "07:30"), "11 07:30"),
        ("23:30", "23:00", ("22:00", "07:30"), "12 07:30"),
    ],
)
def test_nothing_is_told_in_quiet_hours(
    found: str, daily: str | None, quiet: tuple[str, str] | None, told: str
) -> None:
    due = rules.due(at(found), daily and hour(daily), quiet and (hour(quiet[0]), hour(quiet[1])))
    assert f"{due:%d %H:%M}" == told


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.none() | st.times(),
    st.none() | st.tuples(st.times(), st.times()),
)
def test_what_is_found_is_told_within_two_days_and_outside_quiet_hours(
    found: datetime, daily: time | None, quiet: tuple[time, time] | None
) -> None:
    bare = quiet and (quiet[0].replace(second=0, microsecond=0), quiet[1].replace(second=0, microsecond=0))
    if bare and bare[0] == bare[1]:
        bare = None
    found = found.replace(tzinfo=SHANGHAI)
    due = rules.due(found, daily and daily.replace(second=0, microsecond=0), bare)
    assert 0 <= (due - found).total_seconds() <= 2 * 86_400
    if bare is not None:
        start, end = bare
        clock = due.time()
        assert not (start <= clock < end if start < end else clock >= start or clock < end)


def test_expiry_is_no_recorded_state() -> None:
    assert rules.lasting(NeedState.EXPIRED) is NeedState.PUBLISHED
    assert rules.lasting(NeedState.MATCHED) is NeedState.MATCHED


# Learned mixes


@pytest.mark.parametrize(
    ("verdict", "reason", "alike"),
    [
        ("INTERESTED", None, True),
        ("CONTACTED", None, True),
        ("NOT_SUITABLE", "WRONG_FIELD", False),
        ("NOT_SUITABLE", "WRONG_PROBLEM", False),
        ("NOT_SUITABLE", "TOO_EXPENSIVE", None),
        ("NOT_SUITABLE", "KNOWN_ALREADY", None),
    ],
)
def test_only_reasons_of_likeness_teach(verdict: str, reason: str | None, alike: bool | None) -> None:
    assert rules.label(verdict, reason) is alike


@pytest.mark.parametrize(
    ("judgments", "needs", "rarer", "is_enough"),
    [(300, 40, 30, True), (299, 40, 100, False), (300, 39, 100, False), (300, 40, 29, False), (9_000, 400, 900, True)],
)
def test_a_mix_is_learned_from_enough_only(judgments: int, needs: int, rarer: int, is_enough: bool) -> None:
    assert (rules.enough(judgments, needs, rarer) is None) is is_enough
    assert (rules.better(0.5, 0.6) is None, rules.better(0.6, 0.6) is None) == (True, False)


def judged(told_by: int, many: int = 400) -> tuple[list[str], list[list[float]], list[bool]]:
    """Pairs whose likeness shows in one signal; the others are noise."""
    needs, signals, alike = [], [], []
    for number in range(many):
        noise = [(number * step % 101) / 101 for step in (37, 53, 71)]
        is_alike = (number * 29 % 97) / 97 < noise[told_by] ** 2
        needs.append(f"ned_{number % 50:03}")
        signals.append(noise)
        alike.append(is_alike)
    return needs, signals, alike


@pytest.mark.parametrize("told_by", [0, 1, 2])
def test_the_signal_that_tells_gains_and_the_sum_stays(told_by: int) -> None:
    needs, signals, alike = judged(told_by)
    weights = learn(signals, alike, MIX[:3])
    assert weights[told_by] > MIX[told_by]
    assert math.isclose(sum(weights), sum(MIX), abs_tol=1e-3)
    assert min(weights) >= 0.0
    assert weights == learn(signals, alike, MIX[:3])
    learned, shipped = log_losses(needs, signals, alike, MIX[:3])
    assert learned < shipped


def test_noise_moves_the_mix_little() -> None:
    needs, signals, _ = judged(0)
    alike = [(number * 61 % 89) / 89 < 0.3 for number in range(len(signals))]
    weights = learn(signals, alike, MIX[:3])
    learned, shipped = log_losses(needs, signals, alike, MIX[:3])
    assert learned > shipped - 0.02
    assert math.isclose(sum(weights), sum(MIX), abs_tol=1e-3)
