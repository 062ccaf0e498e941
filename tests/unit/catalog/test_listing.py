"""Which patents may be on offer, and every act in every state of a listing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.catalog.rules.listing import (
    TRANSITIONS,
    ListedPatent,
    may_edit,
    may_list,
    next_state,
    sample_stays_apart,
)
from services.catalog.service.patents import number_is_taken
from shared.contracts.catalog import LegalState, ListingState
from shared.contracts.values import PatentType
from tests import factories
from tests.unit.verdicts import verdict
from tests.world import World

PATENT = ListedPatent("pat_1", PatentType.INVENTION, LegalState.IN_FORCE, date(2015, 3, 1), is_granted=True)
TODAY = date(2024, 6, 30)


@pytest.mark.parametrize(
    ("state", "rules"),
    [
        (LegalState.UNKNOWN, []),
        (LegalState.IN_FORCE, []),
        (LegalState.FEE_GRACE_PERIOD, []),
        (LegalState.PARTIALLY_INVALIDATED, []),
        (LegalState.RESTORED, []),
        (LegalState.PENDING, ["LS-NOT-GRANTED"]),
        (LegalState.SUSPENDED, ["LS-SUSPENDED"]),
        (LegalState.LAPSED_UNPAID_FEE, ["LS-NOT-IN-FORCE"]),
        (LegalState.ABANDONED, ["LS-NOT-IN-FORCE"]),
        (LegalState.EXPIRED, ["LS-NOT-IN-FORCE"]),
        (LegalState.INVALIDATED, ["LS-NOT-IN-FORCE"]),
        (LegalState.REFUSED, ["LS-NOT-IN-FORCE"]),
        (LegalState.WITHDRAWN, ["LS-NOT-IN-FORCE"]),
    ],
)
def test_a_patent_is_offered_while_its_right_lives(state: LegalState, rules: list[str]) -> None:
    assert [refusal.rule for refusal in may_list(replace(PATENT, state=state), TODAY)] == rules


def test_every_legal_state_is_tried_above() -> None:
    (mark,) = test_a_patent_is_offered_while_its_right_lives.pytestmark
    assert {state for state, _ in mark.args[1]} == set(LegalState)


def test_without_a_word_on_its_status_a_patent_needs_a_grant_and_a_running_term() -> None:
    unknown = replace(PATENT, state=LegalState.UNKNOWN)
    assert [no.rule for no in may_list(replace(unknown, is_granted=False), TODAY)] == ["LS-NOT-GRANTED"]
    assert [no.rule for no in may_list(replace(unknown, filed_on=date(2004, 6, 29)), TODAY)] == ["LS-TERM"]
    assert may_list(replace(unknown, filed_on=date(2004, 6, 30)), TODAY) == []
    assert may_list(replace(unknown, filed_on=None), TODAY) == []


L = ListingState
ALLOWED = {
    (L.DRAFT, "submission"): L.SUBMITTED,
    (L.RETURNED, "submission"): L.SUBMITTED,
    (L.SUBMITTED, "return"): L.RETURNED,
    (L.SUBMITTED, "publication"): L.PUBLISHED,
    (L.PUBLISHED, "suspension"): L.SUSPENDED,
    (L.SUSPENDED, "resumption"): L.PUBLISHED,
    (L.DRAFT, "withdrawal"): L.WITHDRAWN,
    (L.SUBMITTED, "withdrawal"): L.WITHDRAWN,
    (L.RETURNED, "withdrawal"): L.WITHDRAWN,
    (L.PUBLISHED, "withdrawal"): L.WITHDRAWN,
    (L.SUSPENDED, "withdrawal"): L.WITHDRAWN,
    (L.PUBLISHED, "closing"): L.CLOSED,
    (L.SUSPENDED, "closing"): L.CLOSED,
}
ACTS = sorted({act for _, act in ALLOWED})


@pytest.mark.parametrize("state", ListingState)
@pytest.mark.parametrize("act", ACTS)
def test_every_act_in_every_state_of_a_listing(state: ListingState, act: str) -> None:
    answer = next_state(state, act)
    if (state, act) in ALLOWED:
        assert answer is ALLOWED[state, act]
        return
    assert verdict(next_state, state, act) == "LS-STATE"
    offered = answer.cure.en.removeprefix("acts possible now: ").split(", ")
    possible = sorted(act_ for state_, act_ in ALLOWED if state_ is state and act_ != "closing")
    assert offered == (possible or ["none"])


def test_no_act_is_missing_in_the_table() -> None:
    assert sorted(TRANSITIONS) == ACTS


@pytest.mark.parametrize("state", ListingState)
def test_a_listing_is_changed_until_it_is_a_record(state: ListingState) -> None:
    assert verdict(may_edit, state) == ("LS-EDIT" if state in (L.CLOSED, L.WITHDRAWN) else None)


def test_sample_and_real_patents_are_not_offered_together() -> None:
    assert verdict(sample_stays_apart, [True, False]) == "SAMPLE-ONLY"
    assert [verdict(sample_stays_apart, flags) for flags in ([], [True], [False, False], [True, True])] == [None] * 4


def test_a_taken_number_is_named_to_the_stranger() -> None:
    assert verdict(number_is_taken, "202310123456.6") == "PN-TAKEN"
    assert "202310123456.6" in number_is_taken("202310123456.6").message.zh


@pytest.mark.anyio
async def test_a_number_is_recorded_once_and_a_named_holder_gets_that_record(world: World) -> None:
    code = factories.uscc()
    first, stranger, co_holder = (
        await world.organization(),
        await world.organization(),
        await world.organization(uscc=code),
    )
    patent = factories.a_patent(holders=[{"name": "甲大学"}, {"name": "乙大学", "uscc": code}])
    registered = await first.made("/v1/patents", patent)

    refused = await stranger.post("/v1/patents", json=patent)
    assert refused.status_code == 409
    assert [violation["rule"] for violation in refused.json()["violations"]] == ["PN-TAKEN"]
    same = await co_holder.post("/v1/patents", json=patent)
    assert (same.status_code, same.json()["id"]) == (200, registered["id"])
