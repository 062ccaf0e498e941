"""Every act in every state of a listing, and what the system does when its patents change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.catalog.rules.eligibility import Target, against_offer
from services.catalog.rules.listing import (
    BY_SYSTEM,
    TRANSITIONS,
    WAITS,
    consent_is_to_these_terms,
    consent_stands,
    fate,
    is_cleared,
    may_edit,
    next_state,
    sample_stays_apart,
    stays_for_some,
    supplier_may_deal,
)
from services.catalog.rules.status import Event, fold
from services.catalog.service.patents import number_is_taken
from shared.contracts.catalog import (
    EventCode,
    EventDetail,
    EventSource,
    Freshness,
    LegalState,
    LegalStatus,
    LicenseMode,
    ListingState,
)
from shared.contracts.values import PatentType
from shared.rulebook import book
from tests import factories
from tests.unit.verdicts import verdict
from tests.world import World

TODAY = date(2024, 6, 30)
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


def test_a_consent_is_given_to_the_terms_that_stand() -> None:
    assert verdict(consent_is_to_these_terms, 2, 2) is None
    assert verdict(consent_is_to_these_terms, 1, 2) == "TERMS-CHANGED"


def test_only_a_consent_that_stands_is_revoked() -> None:
    assert verdict(consent_stands, "VALID") is None
    assert verdict(consent_stands, "REVOKED") == "CONSENT-STATE"
    assert verdict(consent_stands, "SUPERSEDED") == "CONSENT-STATE"


@pytest.mark.parametrize(
    ("is_soe", "cleared", "text", "rule"),
    [
        (False, None, 1, None),
        (True, None, 1, "SECRECY-CLEARANCE"),
        (True, 1, 1, None),
        (True, 1, 2, "SECRECY-CLEARANCE"),
    ],
)
def test_a_state_owned_enterprise_publishes_what_was_reviewed(
    is_soe: bool, cleared: int | None, text: int, rule: str | None
) -> None:
    assert verdict(is_cleared, is_soe, cleared, text) == rule


def test_a_supplier_against_which_an_order_stands_offers_nothing_and_its_listings_rest() -> None:
    assert verdict(supplier_may_deal, False) is None
    assert verdict(supplier_may_deal, True) == "PARTY-RESTRICTED"
    no = supplier_may_deal(True)
    assert no and fate([no], [], TODAY) == ("SUSPENDED", "PARTY_RESTRICTED")
    lapsed = replace(no, rule="LS-NOT-IN-FORCE")
    assert fate([no, lapsed], [], TODAY) == ("SUSPENDED", "LEGAL_STATUS"), "what does not end by itself comes first"


def offered(state: LegalState, *events: Event, modes: tuple[LicenseMode, ...] = (LicenseMode.ORDINARY,)) -> object:
    """What becomes of a published listing of a patent with these events, its own state given."""
    status = LegalStatus(state=state, as_of=TODAY, source=None, freshness=Freshness.FRESH)
    target = Target("pat_1", PatentType.INVENTION, status, date(2015, 3, 1), True, fold(events), is_co_owned=True)
    return fate(against_offer(target, modes, TODAY), [target], TODAY)


def license_(kind: str, **facts: object) -> Event:
    detail = EventDetail(license_type=kind, **facts)
    return Event(EventCode.LICENSE_RECORDED, date(2024, 1, 1), EventSource.REGISTER, detail, "evt_1")


@pytest.mark.parametrize(
    ("state", "events", "modes", "expected"),
    [
        (LegalState.IN_FORCE, [], ["ORDINARY"], None),
        (LegalState.LAPSED_UNPAID_FEE, [], ["ORDINARY"], ("SUSPENDED", "LEGAL_STATUS")),
        (LegalState.SUSPENDED, [], ["ORDINARY"], ("SUSPENDED", "LEGAL_STATUS")),
        (LegalState.EXPIRED, [], ["ORDINARY"], ("CLOSED", "EXPIRED")),
        (LegalState.IN_FORCE, [license_("ORDINARY")], ["ORDINARY"], None),
        (LegalState.IN_FORCE, [license_("SOLE")], ["ORDINARY"], ("SUSPENDED", "LICENSED")),
        (LegalState.IN_FORCE, [license_("EXCLUSIVE")], ["ORDINARY"], ("CLOSED", "EXCLUSIVELY_LICENSED")),
        (LegalState.IN_FORCE, [license_("EXCLUSIVE", territory=["3701"])], ["ORDINARY"], None),
        (LegalState.IN_FORCE, [license_("EXCLUSIVE", until="2024-02-01")], ["ORDINARY"], None),
        (LegalState.IN_FORCE, [], ["SOLE"], ("SUSPENDED", "CONSENT_REVOKED")),
    ],
)
def test_the_system_suspends_and_closes_what_may_not_be_offered(
    state: LegalState, events: list[Event], modes: list[str], expected: tuple[str, str] | None
) -> None:
    """LS-FATE."""
    assert "LS-FATE" in book()
    assert offered(state, *events, modes=tuple(map(LicenseMode, modes))) == expected


def test_whatever_waits_goes_on_by_itself() -> None:
    assert set(WAITS.values()) <= BY_SYSTEM


ALL = ["ORDINARY", "SOLE", "EXCLUSIVE"]


@pytest.mark.parametrize(
    ("events", "modes", "stays"),
    [
        ([license_("ORDINARY")], ALL, True),  # one more ordinary license is possible
        ([license_("ORDINARY")], ["SOLE", "EXCLUSIVE"], False),
        ([license_("SOLE")], ALL, False),
        ([license_("EXCLUSIVE")], ["EXCLUSIVE", "ASSIGNMENT"], False),  # nothing for whoever wants to use it
    ],
)
def test_what_a_license_leaves_stays_on_offer(events: list[Event], modes: list[str], stays: bool) -> None:
    """LS-MODES."""
    status = LegalStatus(state=LegalState.IN_FORCE, as_of=TODAY, source=None, freshness=Freshness.FRESH)
    target = Target("pat_1", PatentType.INVENTION, status, date(2015, 3, 1), True, fold(events))
    by_mode = [against_offer(target, [mode], TODAY) for mode in modes]
    assert stays_for_some(by_mode, [target], TODAY) is stays
