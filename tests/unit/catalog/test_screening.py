"""What a screening excludes, and how it scores the rest; how an inventory item is carried on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.rules.eligibility import Target
from services.catalog.rules.inventory import TRANSITIONS, may_act, review_is_explained
from services.catalog.rules.screening import (
    _MESSAGES,
    Candidate,
    exclusions,
    holder_kind,
    judge,
    maintained,
    message,
    years_left,
)
from services.catalog.rules.status import Standing
from services.catalog.service.inventory import not_in_this_inventory
from shared.contracts.catalog import (
    Act,
    ExploitationStatus,
    Freshness,
    Holder,
    HolderKind,
    ItemState,
    LegalState,
    LegalStatus,
    ScreeningCriteria,
    ScreeningWeights,
    Tier,
)
from shared.contracts.values import PatentType
from shared.rulebook import book
from tests.unit.verdicts import verdict

TODAY = date(2024, 6, 30)


def status(state: LegalState) -> LegalStatus:
    return LegalStatus(state=state, as_of=None, source=None, freshness=Freshness.STALE)


TARGET = Target("pat_1", PatentType.INVENTION, status(LegalState.IN_FORCE), date(2015, 3, 1), is_granted=True)
GOOD = Candidate(
    TARGET, ["B23B29/02"], [Holder(name="某大学")], "3701", date(2018, 1, 1), is_on_offer=False, stars=None, needs=None
)


def of(**facts: object) -> Candidate:
    return replace(GOOD, target=replace(TARGET, **facts))


@pytest.mark.parametrize(
    ("candidate", "criteria", "code"),
    [
        (of(status=status(LegalState.LAPSED_UNPAID_FEE)), {}, "NOT_IN_FORCE"),
        (of(status=status(LegalState.FEE_GRACE_PERIOD)), {}, "NOT_IN_FORCE"),
        (of(status=status(LegalState.UNKNOWN)), {"include_unknown": False}, "NOT_IN_FORCE"),
        (of(status=status(LegalState.UNKNOWN), is_granted=False), {}, "NOT_GRANTED"),
        (of(filed_on=date(2007, 6, 29)), {}, "TERM_SHORT"),
        (replace(GOOD, granted_on=date(2021, 7, 1)), {"maintained_years_at_least": 3}, "MAINTAINED_SHORT"),
        (of(standing=Standing(uses=(ExploitationStatus.LICENSED,))), {}, "USED"),
        (GOOD, {"ipc": ["B24"]}, "OTHER_FIELD"),
        (GOOD, {"patent_types": ["DESIGN"]}, "OTHER_TYPE"),
        (GOOD, {"holder_kinds": ["ENTERPRISE"]}, "OTHER_HOLDER"),
        (GOOD, {"region_code": "41"}, "OTHER_REGION"),
        (replace(GOOD, is_on_offer=True), {"not_on_offer": True}, "ON_OFFER"),
        (GOOD, {"stars_at_least": 1}, "FEW_STARS"),
        (replace(GOOD, stars=3), {"stars_at_least": 4}, "FEW_STARS"),
        (replace(GOOD, needs=2), {"needs_at_least": 3}, "FEW_NEEDS"),
        (of(is_co_owned=True), {"acts": ["SOLE_LICENSE"]}, "ACT_SOLE_LICENSE"),
    ],
)
def test_each_criterion_excludes_what_fails_it_and_nothing_else(
    candidate: Candidate, criteria: dict[str, object], code: str
) -> None:
    asked = ScreeningCriteria.model_validate(criteria)
    assert [reason.code for reason in exclusions(candidate, asked, TODAY)] == [code]
    assert judge(candidate, asked, TODAY).tier is Tier.EXCLUDED
    text = message(code, "x")
    assert text.zh and text.en and "{" not in text.zh + text.en


@pytest.mark.parametrize(
    ("candidate", "criteria"),
    [
        (GOOD, {}),
        (of(status=status(LegalState.UNKNOWN)), {}),
        (of(filed_on=date(2007, 6, 30)), {}),
        (of(filed_on=None), {}),
        (replace(GOOD, granted_on=date(2021, 6, 30)), {"maintained_years_at_least": 3}),
        (of(standing=Standing(uses=(ExploitationStatus.LICENSED,))), {"exploitation": []}),
        (of(standing=Standing(uses=(ExploitationStatus.PLEDGED,))), {"exploitation": ["UNIMPLEMENTED", "PLEDGED"]}),
        (GOOD, {"ipc": ["F15", "B23B"], "patent_types": ["INVENTION"], "holder_kinds": ["UNIVERSITY"]}),
        (GOOD, {"region_code": "37", "not_on_offer": True, "acts": ["OPEN_LICENSE", "ORDINARY_LICENSE"]}),
        (replace(GOOD, stars=4, needs=3), {"stars_at_least": 4, "needs_at_least": 3}),
        (GOOD, {"needs_at_least": 3}),  # nobody has asked yet
    ],
)
def test_what_meets_every_criterion_is_scored(candidate: Candidate, criteria: dict[str, object]) -> None:
    found = judge(candidate, ScreeningCriteria.model_validate(criteria), TODAY)
    assert found.tier is not Tier.EXCLUDED and found.score is not None


def test_every_reason_that_can_be_given_has_words() -> None:
    codes = {
        mark.args[1][n][2]
        for mark in test_each_criterion_excludes_what_fails_it_and_nothing_else.pytestmark
        for n in range(len(mark.args[1]))
    }
    assert {code for code in codes if not code.startswith("ACT_")} | {
        "YEARS_LEFT", "MAINTENANCE", "DEMAND", "TYPE", "STARS"
    } == _MESSAGES.keys()  # fmt: skip
    assert all(message(f"ACT_{act}", "CO-CONSENT").en for act in Act)


def test_all_there_is_makes_a_hundred_points_and_nothing_none() -> None:
    """SCREEN-SCORE."""
    assert "SCREEN-SCORE" in book()
    best = replace(
        GOOD, target=replace(TARGET, filed_on=date(2020, 1, 1)), granted_on=date(2016, 1, 1), stars=5, needs=20
    )
    assert judge(best, ScreeningCriteria(), TODAY).score == 1000
    worst = replace(
        GOOD, target=replace(TARGET, filed_on=date(2007, 6, 30)), granted_on=TODAY, stars=1, needs=0
    )  # fmt: skip
    only_demand = ScreeningCriteria(weights=ScreeningWeights(years_left=0, maintenance=0, type=0, stars=0, demand=1))
    assert judge(worst, only_demand, TODAY).score == 0
    assert judge(best, only_demand, TODAY).tier is Tier.A


def test_an_unknown_component_is_left_out_of_the_sum() -> None:
    known = judge(replace(GOOD, stars=5), ScreeningCriteria(), TODAY)
    unknown = judge(GOOD, ScreeningCriteria(), TODAY)
    assert {reason.code for reason in known.reasons} - {reason.code for reason in unknown.reasons} == {"STARS"}
    assert known.score > unknown.score


@given(
    st.integers(0, 50),
    st.integers(1, 5),
    st.dates(date(2008, 1, 1), date(2024, 1, 1)),
    st.tuples(*[st.integers(0, 100)] * 5).filter(any),
)
def test_points_sum_to_the_score_and_more_demand_never_harms(
    needs: int, stars: int, granted: date, weights: tuple[int, ...]
) -> None:
    names = ("years_left", "maintenance", "demand", "type", "stars")
    criteria = ScreeningCriteria(weights=ScreeningWeights(**dict(zip(names, weights, strict=True))))
    candidate = replace(GOOD, granted_on=granted, stars=stars, needs=needs)
    found = judge(candidate, criteria, TODAY)
    assert found.score == sum(reason.points for reason in found.reasons)
    assert 0 <= found.score <= 1000
    assert judge(replace(candidate, needs=needs + 1), criteria, TODAY).score >= found.score


def test_years_are_full_years() -> None:
    assert years_left(replace(TARGET, filed_on=date(2010, 6, 30)), TODAY) == 6
    assert years_left(replace(TARGET, filed_on=date(2010, 6, 29)), TODAY) == 5
    assert maintained(date(2020, 7, 1), TODAY) == 3
    assert maintained(None, TODAY) is None


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("某大学", None, HolderKind.UNIVERSITY),
        ("某职业技术学院", None, HolderKind.UNIVERSITY),
        ("某省科学院", None, HolderKind.INSTITUTE),
        ("某机械研究所", None, HolderKind.INSTITUTE),
        ("某大学科技园有限公司", None, HolderKind.ENTERPRISE),
        ("某某大学", "123700004950A0014K", HolderKind.UNIVERSITY),
        ("某研究院", "91370303MA3CD00120", HolderKind.ENTERPRISE),
        ("张三", None, HolderKind.OTHER),
    ],
)
def test_a_holders_kind_is_read_from_its_code_and_name(name: str, code: str | None, kind: HolderKind) -> None:
    assert holder_kind(Holder(name=name, uscc=code)) is kind


# Inventories


@pytest.mark.parametrize("state", list(ItemState))
@pytest.mark.parametrize("act", list(TRANSITIONS))
def test_an_item_is_rated_reviewed_and_decided_in_this_order(state: ItemState, act: str) -> None:
    allowed = {
        "self-rating": {ItemState.IMPORTED, ItemState.SELF_RATED},
        "review": {ItemState.SELF_RATED, ItemState.REVIEWED},
        "decision": {ItemState.REVIEWED, ItemState.IN_POOL, ItemState.KEPT, ItemState.TO_ABANDON},
    }
    assert verdict(lambda: may_act(state, act, is_closed=False)) == (None if state in allowed[act] else "INV-STATE")
    assert verdict(lambda: may_act(state, act, is_closed=True)) == "INV-STATE"


def test_a_review_that_differs_says_why() -> None:
    assert verdict(review_is_explained, 4, 4, None) is None
    assert verdict(review_is_explained, 4, 3, "市场较小") is None
    assert verdict(review_is_explained, 4, 3, None) == "INV-STARS"


def test_a_rating_of_a_foreign_patent_is_refused() -> None:
    assert verdict(not_in_this_inventory, "CN116999999B") == "INV-PATENT"
