"""Legal status: what recorded events say, and what the calendar adds to them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.catalog.rules.events import event_is_past, word_needs_evidence
from services.catalog.rules.status import (
    AFTER,
    CLOSES,
    OPENS,
    Event,
    Standing,
    after_due_date,
    expires_on,
    fold,
    on,
)
from shared.contracts.catalog import (
    Act,
    ConsentRole,
    EncumbranceKind,
    EventCode,
    EventDetail,
    EventSource,
    ExploitationStatus,
    Freshness,
    LegalState,
    LicenseType,
)
from shared.contracts.values import PatentType
from shared.rulebook import book
from tests.unit.verdicts import verdict

C, S = EventCode, LegalState
FILED = date(2015, 3, 1)
FRESH_DAYS = 30
assert {"ST-EVENTS", "ST-GRACE", "ST-SUSPENSION"} <= book().keys()  # the rules that derive and never refuse


def event(code: EventCode, day: str, **facts: object) -> Event:
    id_ = facts.pop("id", "evt_" + code.lower().replace("_", "") + day.replace("-", ""))
    return Event(code, date.fromisoformat(day), EventSource.REGISTER, EventDetail(**facts), str(id_))


def state_on(day: str, *events: Event, patent_type: PatentType = PatentType.INVENTION) -> LegalState:
    return on(fold(events), patent_type, FILED, date.fromisoformat(day), FRESH_DAYS).state


GRANT = event(C.GRANT, "2018-01-01")


def test_no_event_means_no_status() -> None:
    status = on(fold([]), PatentType.INVENTION, FILED, date(2020, 1, 1), FRESH_DAYS)
    assert (status.state, status.as_of, status.source, status.freshness) == (S.UNKNOWN, None, None, Freshness.STALE)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (C.GRANT, S.IN_FORCE),
        (C.ANNUAL_FEE_PAID, S.IN_FORCE),
        (C.REGISTER_CHECKED, S.IN_FORCE),
        (C.SUSPENSION, S.SUSPENDED),
        (C.SUSPENSION_END, S.IN_FORCE),
        (C.LAPSE, S.LAPSED_UNPAID_FEE),
        (C.RESTORATION, S.RESTORED),
        (C.ABANDONMENT, S.ABANDONED),
        (C.PARTIAL_INVALIDATION, S.PARTIALLY_INVALIDATED),
        (C.INVALIDATION, S.INVALIDATED),
        (C.REFUSAL, S.REFUSED),
        (C.APPLICATION_WITHDRAWAL, S.WITHDRAWN),
        (C.PRESERVATION, S.SUSPENDED),
        (C.PRESERVATION_END, S.IN_FORCE),
    ],
)
def test_each_event_leaves_a_granted_patent_in_its_state(code: EventCode, state: LegalState) -> None:
    """ST-EVENTS."""
    assert state_on("2020-01-02", GRANT, event(code, "2020-01-01")) is state


def test_every_event_code_is_tried_above() -> None:
    (mark,) = test_each_event_leaves_a_granted_patent_in_its_state.pytestmark
    tried = {code for code, _ in mark.args[1]}
    assert tried >= AFTER.keys()
    for code in set(EventCode) - tried:  # the others tell of something beside the legal state
        assert state_on("2020-01-02", GRANT, event(code, "2020-01-01")) is S.IN_FORCE
        assert fold([event(code, "2020-01-01")]).as_of is None


def test_the_days_of_events_count_and_not_the_order_of_their_recording() -> None:
    events = [
        event(C.RESTORATION, "2021-06-01"),
        GRANT,
        event(C.LAPSE, "2020-03-02"),
    ]
    assert fold(events) == fold(reversed(events))
    assert fold(events).state is S.RESTORED
    assert fold(events[1:]).state is S.LAPSED_UNPAID_FEE


def test_within_a_day_the_order_of_recording_counts() -> None:
    suspended = [event(C.SUSPENSION_END, "2020-01-01"), event(C.SUSPENSION, "2020-01-01")]
    assert fold([GRANT, *suspended]).state is S.SUSPENDED
    assert fold([GRANT, *reversed(suspended)]).state is S.IN_FORCE


@pytest.mark.parametrize(
    "before",
    [
        [],
        [event(C.PARTIAL_INVALIDATION, "2019-01-01")],
        [event(C.LAPSE, "2019-01-01"), event(C.RESTORATION, "2019-06-01")],
    ],
)
def test_the_end_of_a_suspension_gives_back_the_state_before_it(before: list[Event]) -> None:
    was = fold([GRANT, *before]).state
    suspension = [event(C.SUSPENSION, "2020-01-01"), event(C.SUSPENSION, "2020-06-01")]
    assert fold([GRANT, *before, *suspension]).state is S.SUSPENDED
    assert fold([GRANT, *before, *suspension, event(C.SUSPENSION_END, "2021-01-01")]).state is was


def test_a_suspension_found_in_the_register_gives_back_the_state_before_it_too() -> None:
    events = [
        GRANT,
        event(C.PARTIAL_INVALIDATION, "2019-01-01"),
        event(C.REGISTER_CHECKED, "2020-01-01", state=S.SUSPENDED),
        event(C.SUSPENSION_END, "2021-01-01"),
    ]
    assert fold(events).state is S.PARTIALLY_INVALIDATED


def test_the_end_of_a_suspension_does_not_raise_a_dead_patent() -> None:
    events = [event(C.SUSPENSION, "2020-01-01"), event(C.INVALIDATION, "2020-06-01")]
    assert fold([GRANT, *events, event(C.SUSPENSION_END, "2021-01-01")]).state is S.INVALIDATED


def test_a_fee_paid_late_does_not_raise_a_lapsed_patent() -> None:
    assert fold([GRANT, event(C.LAPSE, "2020-01-01"), event(C.ANNUAL_FEE_PAID, "2020-02-01")]).state is (
        S.LAPSED_UNPAID_FEE
    )


def test_a_look_at_the_register_counts_more_than_what_was_thought() -> None:
    looked = event(C.REGISTER_CHECKED, "2021-01-01", state=S.INVALIDATED)
    assert fold([GRANT, looked]).state is S.INVALIDATED
    nothing_said = event(C.REGISTER_CHECKED, "2021-02-01")
    standing = fold([GRANT, looked, nothing_said])
    assert (standing.state, standing.checked_on, standing.as_of) == (S.INVALIDATED, date(2021, 2, 1), date(2021, 2, 1))


@pytest.mark.parametrize(
    ("days_ago", "freshness"),
    [(0, Freshness.FRESH), (30, Freshness.FRESH), (31, Freshness.STALE), (-1, Freshness.STALE)],
)
def test_a_look_at_the_register_is_fresh_for_thirty_days(days_ago: int, freshness: Freshness) -> None:
    today = date(2024, 6, 30)
    looked = event(C.REGISTER_CHECKED, str(today - timedelta(days=days_ago)), state=S.IN_FORCE)
    assert on(fold([GRANT, looked]), PatentType.INVENTION, FILED, today, FRESH_DAYS).freshness is freshness


@pytest.mark.parametrize(
    ("paid_until", "last_day_of_grace"),
    [
        ("2024-03-15", "2024-09-15"),
        ("2024-08-31", "2025-02-28"),
        ("2023-08-31", "2024-02-29"),
        ("2023-08-29", "2024-02-29"),
        ("2024-05-31", "2024-11-30"),
        ("2024-06-30", "2024-12-30"),
        ("2024-07-01", "2025-01-01"),
        ("2024-12-31", "2025-06-30"),
    ],
)
def test_unpaid_fees_have_six_months_of_grace_and_then_end_the_right(paid_until: str, last_day_of_grace: str) -> None:
    """ST-GRACE."""
    due, last, day = date.fromisoformat(paid_until), date.fromisoformat(last_day_of_grace), timedelta(days=1)
    assert after_due_date(due, due) is S.IN_FORCE
    assert after_due_date(due, due + day) is S.FEE_GRACE_PERIOD
    assert after_due_date(due, last) is S.FEE_GRACE_PERIOD
    assert after_due_date(due, last + day) is S.LAPSED_UNPAID_FEE


PAID_UNTIL_MARCH = event(C.REGISTER_CHECKED, "2023-04-01", state=S.IN_FORCE, fees_paid_until=date(2024, 3, 1))


@pytest.mark.parametrize(
    ("day", "state"),
    [
        ("2024-03-01", S.IN_FORCE),
        ("2024-03-02", S.FEE_GRACE_PERIOD),
        ("2024-09-01", S.FEE_GRACE_PERIOD),
        ("2024-09-02", S.LAPSED_UNPAID_FEE),
    ],
)
def test_the_status_moves_with_the_calendar_alone(day: str, state: LegalState) -> None:
    assert state_on(day, GRANT, PAID_UNTIL_MARCH) is state


@pytest.mark.parametrize(
    ("state", "day", "expected"),
    [
        (S.FEE_GRACE_PERIOD, "2024-08-31", S.FEE_GRACE_PERIOD),
        (S.FEE_GRACE_PERIOD, "2024-09-02", S.LAPSED_UNPAID_FEE),
        (S.PARTIALLY_INVALIDATED, "2024-03-01", S.PARTIALLY_INVALIDATED),
        (S.PARTIALLY_INVALIDATED, "2024-09-02", S.LAPSED_UNPAID_FEE),
    ],
)
def test_no_living_state_outlasts_the_grace_period(state: LegalState, day: str, expected: LegalState) -> None:
    looked = event(C.REGISTER_CHECKED, "2024-03-01", state=state, fees_paid_until=date(2024, 3, 1))
    assert state_on(day, GRANT, looked) is expected


@pytest.mark.parametrize(
    ("later", "state"),
    [
        ([event(C.ANNUAL_FEE_PAID, "2024-05-01", fees_paid_until=date(2025, 3, 1))], S.IN_FORCE),
        ([event(C.ANNUAL_FEE_PAID, "2024-05-01")], S.IN_FORCE),
        ([event(C.REGISTER_CHECKED, "2025-01-10", state=S.IN_FORCE)], S.IN_FORCE),
        ([event(C.LAPSE, "2024-09-02"), event(C.RESTORATION, "2025-01-05")], S.RESTORED),
    ],
    ids=["paid with its date", "paid", "seen in force", "restored"],
)
def test_what_happened_after_the_due_date_counts_more_than_the_due_date(later: list[Event], state: LegalState) -> None:
    assert state_on("2025-01-15", GRANT, PAID_UNTIL_MARCH, *later) is state


@pytest.mark.parametrize("code", [c for c in EventCode if c not in {C.REGISTER_CHECKED}])
def test_only_a_living_patent_expires(code: EventCode) -> None:
    """On the first day after the term a right that lived has expired; one that had ended stays ended."""
    before = state_on("2035-03-01", GRANT, event(code, "2020-01-01"))
    after = state_on("2035-03-02", GRANT, event(code, "2020-01-01"))
    ended = {S.LAPSED_UNPAID_FEE, S.ABANDONED, S.INVALIDATED, S.REFUSED, S.WITHDRAWN}
    assert after is (before if before in ended else S.EXPIRED)
    assert before is not S.EXPIRED


def test_a_term_ends_even_where_no_source_has_spoken() -> None:
    assert state_on("2025-03-02", patent_type=PatentType.UTILITY_MODEL) is S.EXPIRED
    assert state_on("2025-03-01", patent_type=PatentType.UTILITY_MODEL) is S.UNKNOWN
    assert on(Standing(), PatentType.INVENTION, None, date(2099, 1, 1), FRESH_DAYS).state is S.UNKNOWN


@pytest.mark.parametrize(
    "events",
    [
        [],
        [GRANT],
        [GRANT, PAID_UNTIL_MARCH],
        [GRANT, event(C.LAPSE, "2020-01-01")],
        [
            GRANT,
            event(C.PLEDGE, "2020-01-01", party="某银行"),
            event(C.CONSENT, "2020-02-01", role="PLEDGEE", party="某银行", acts=["PLEDGE"]),
        ],
        [
            GRANT,
            event(C.CO_OWNERS_AGREEMENT, "2020-01-01", acts=["SOLE_LICENSE"]),
            event(C.OPEN_LICENSE, "2021-01-01", reference="1"),
        ],
    ],
)
def test_a_standing_is_stored_and_read_without_loss(events: list[Event]) -> None:
    standing = fold(events)
    assert Standing.restored(standing.stored()) == standing


@pytest.mark.parametrize(
    ("source", "has_document", "is_operator", "rule"),
    [
        (EventSource.HOLDER, False, False, "EV-EVIDENCE"),
        (EventSource.HOLDER, True, False, None),
        (EventSource.REGISTER, True, False, "EV-EVIDENCE"),
        (EventSource.IMPORT, True, False, "EV-EVIDENCE"),
        (EventSource.REGISTER, False, True, None),
        (EventSource.HOLDER, False, True, None),
    ],
)
def test_a_holders_word_needs_a_document_and_the_operators_none(
    source: EventSource, has_document: bool, is_operator: bool, rule: str | None
) -> None:
    assert verdict(word_needs_evidence, source, has_document, is_operator) == rule


def test_an_event_that_has_not_come_yet_is_not_recorded() -> None:
    today = date(2024, 2, 29)
    assert verdict(event_is_past, today, today) is None
    assert verdict(event_is_past, today + timedelta(days=1), today) == "EV-DATE"


# A right that ends retroactively

IN_GRACE = event(C.REGISTER_CHECKED, "2024-06-01", state=S.FEE_GRACE_PERIOD, fees_paid_until=date(2024, 3, 1))
SEEN_ALIVE = event(C.REGISTER_CHECKED, "2024-08-01", state=S.IN_FORCE)
LAPSED_IN_MARCH = event(C.LAPSE, "2024-03-01", announced_on=date(2024, 11, 5))


def test_a_lapse_recorded_late_overrides_what_was_seen_in_the_months_of_grace() -> None:
    """Rule 115: unpaid, the right ends from the due date on, whatever somebody saw in the register meanwhile."""
    status = on(
        fold([GRANT, IN_GRACE, SEEN_ALIVE, LAPSED_IN_MARCH]), PatentType.INVENTION, FILED, date(2024, 12, 1), 30
    )
    assert (status.state, status.ended_on) == (S.LAPSED_UNPAID_FEE, date(2024, 3, 1))


def test_a_look_after_the_lapse_was_known_counts_more_than_the_lapse() -> None:
    assert fold([GRANT, LAPSED_IN_MARCH, SEEN_ALIVE]).state is S.IN_FORCE
    restored = event(C.RESTORATION, "2025-02-01")
    standing = fold([GRANT, SEEN_ALIVE, LAPSED_IN_MARCH, restored])
    assert (standing.state, standing.ended_on) == (S.RESTORED, None)


@pytest.mark.parametrize(
    ("day", "state", "ended_on", "grace_ends_on"),
    [
        ("2024-03-01", S.IN_FORCE, None, None),
        ("2024-03-02", S.FEE_GRACE_PERIOD, None, "2024-09-01"),
        ("2024-09-01", S.FEE_GRACE_PERIOD, None, "2024-09-01"),
        ("2024-09-02", S.LAPSED_UNPAID_FEE, "2024-03-01", None),
    ],
)
def test_the_calendar_says_since_when_a_right_is_gone(
    day: str, state: LegalState, ended_on: str | None, grace_ends_on: str | None
) -> None:
    status = on(fold([GRANT, PAID_UNTIL_MARCH]), PatentType.INVENTION, FILED, date.fromisoformat(day), FRESH_DAYS)
    assert status.state is state
    assert (status.ended_on and str(status.ended_on), status.grace_ends_on and str(status.grace_ends_on)) == (
        ended_on,
        grace_ends_on,
    )


def test_an_invalidated_patent_counts_as_never_granted() -> None:
    """Patent Law Art. 47."""
    granted = date(2018, 1, 1)
    invalid = fold([GRANT, SEEN_ALIVE, event(C.INVALIDATION, "2024-05-01")])
    status = on(invalid, PatentType.INVENTION, FILED, date(2024, 12, 1), FRESH_DAYS, granted)
    assert (status.state, status.ended_on) == (S.INVALIDATED, granted)


def test_a_compensated_term_ends_later() -> None:
    """Patent Law Art. 42."""
    compensated = [GRANT, event(C.TERM_COMPENSATION, "2019-01-01", days=100)]
    assert expires_on(fold(compensated), PatentType.INVENTION, FILED) == date(2035, 3, 1) + timedelta(days=100)
    assert state_on("2035-03-02", *compensated) is S.IN_FORCE
    assert state_on("2035-06-09", *compensated) is S.IN_FORCE
    assert state_on("2035-06-10", *compensated) is S.EXPIRED
    assert expires_on(fold(compensated), PatentType.INVENTION, None) is None


# What stands beside the legal state


@pytest.mark.parametrize(("opening", "kind"), OPENS.items())
def test_an_encumbrance_stands_until_its_release(opening: EventCode, kind: EncumbranceKind) -> None:
    closing = next(code for code, ended in CLOSES.items() if ended is kind)
    day = date(2024, 6, 30)
    opened = event(opening, "2020-01-01", party="某方", reference="Y1")
    assert [one.party for one in fold([GRANT, opened]).active(kind, day)] == ["某方"]
    assert fold([GRANT, opened, event(closing, "2021-01-01")]).active(kind, day) == []
    released = fold([GRANT, opened, event(closing, "2021-01-01")]).encumbrances[0]
    assert (released.state, released.released_on) == ("RELEASED", date(2021, 1, 1))


def test_of_several_pledges_the_named_one_is_released() -> None:
    pledges = [event(C.PLEDGE, f"2020-0{n}-01", party=f"银行{n}", reference=f"Y{n}") for n in (1, 2, 3)]
    by_reference = fold([*pledges, event(C.PLEDGE_RELEASE, "2021-01-01", reference="Y2")])
    by_id = fold([*pledges, event(C.PLEDGE_RELEASE, "2021-01-01", ends=by_reference.encumbrances[1].id)])
    for standing in (by_reference, by_id):
        assert [one.party for one in standing.active(EncumbranceKind.PLEDGE, date(2024, 1, 1))] == ["银行1", "银行3"]


def test_a_license_stands_until_its_last_day() -> None:
    standing = fold([event(C.LICENSE_RECORDED, "2020-01-01", license_type="SOLE", until="2023-12-31")])
    (license_,) = standing.active(EncumbranceKind.LICENSE, date(2023, 12, 31))
    assert license_.license_type is LicenseType.SOLE
    assert standing.active(EncumbranceKind.LICENSE, date(2024, 1, 1)) == []
    assert standing.encumbrances_on(date(2024, 1, 1))[0].state == "RELEASED"


def test_a_suspension_until_a_day_ends_by_itself_after_it() -> None:
    """ST-SUSPENSION."""
    ordered = [GRANT, event(C.PRESERVATION, "2024-01-01", party="某法院", until="2024-06-30")]
    assert state_on("2024-06-30", *ordered) is S.SUSPENDED
    assert state_on("2024-07-01", *ordered) is S.IN_FORCE
    prolonged = [*ordered, event(C.PRESERVATION, "2024-06-20", party="某法院", until="2024-12-31")]
    assert state_on("2024-07-01", *prolonged) is S.SUSPENDED
    assert state_on("2025-01-01", *prolonged) is S.IN_FORCE
    assert state_on("2025-01-01", *ordered, event(C.SUSPENSION, "2024-02-01")) is S.SUSPENDED


def test_two_suspensions_both_have_to_end() -> None:
    both = [GRANT, event(C.SUSPENSION, "2024-01-01"), event(C.PRESERVATION, "2024-02-01", party="某法院")]
    assert state_on("2024-06-01", *both, event(C.SUSPENSION_END, "2024-03-01")) is S.SUSPENDED
    ended = [event(C.SUSPENSION_END, "2024-03-01"), event(C.PRESERVATION_END, "2024-04-01")]
    assert state_on("2024-06-01", *both, *ended) is S.IN_FORCE


def test_a_consent_stands_until_it_is_revoked() -> None:
    given = event(C.CONSENT, "2024-01-01", role="CO_OWNER", party="某公司", acts=["SOLE_LICENSE"], id="evt_c1")
    (consent,) = fold([given]).consents
    assert (consent.id, consent.role, consent.acts) == ("cns_c1", ConsentRole.CO_OWNER, [Act.SOLE_LICENSE])
    (revoked,) = fold([given, event(C.CONSENT_REVOCATION, "2024-02-01", ends="cns_c1")]).consents
    assert revoked.revoked_on == date(2024, 2, 1)


def test_an_open_license_runs_from_its_announcement_to_its_withdrawal() -> None:
    announced = event(C.OPEN_LICENSE, "2024-01-01", reference="2024000123")
    assert fold([GRANT, announced]).open_license == "2024000123"
    assert fold([GRANT, announced, event(C.OPEN_LICENSE_WITHDRAWAL, "2024-09-01")]).open_license is None


def test_a_classified_patent_is_free_after_its_declassification() -> None:
    assert fold([event(C.CLASSIFICATION, "2019-01-01")]).is_classified
    assert not fold([event(C.CLASSIFICATION, "2019-01-01"), event(C.DECLASSIFICATION, "2024-01-01")]).is_classified


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], ExploitationStatus.UNIMPLEMENTED),
        ([event(C.GRANT, "2018-01-01"), event(C.ANNUAL_FEE_PAID, "2019-01-01")], ExploitationStatus.UNIMPLEMENTED),
        ([event(C.PLEDGE, "2020-01-01", party="某银行")], ExploitationStatus.PLEDGED),
        (
            [event(C.PLEDGE, "2020-01-01", party="某银行"), event(C.PLEDGE_RELEASE, "2021-01-01")],
            ExploitationStatus.UNIMPLEMENTED,
        ),
        ([event(C.SELF_EXPLOITATION, "2020-01-01")], ExploitationStatus.SELF_EXPLOITED),
        ([event(C.EQUITY_CONTRIBUTION, "2020-01-01")], ExploitationStatus.CONTRIBUTED_AS_EQUITY),
        ([event(C.TRANSFER, "2020-01-01"), event(C.SELF_EXPLOITATION, "2021-01-01")], ExploitationStatus.TRANSFERRED),
        (
            [event(C.LICENSE_RECORDED, "2020-01-01", license_type="ORDINARY", until="2021-01-01")],
            ExploitationStatus.LICENSED,
        ),
    ],
)
def test_the_strongest_recorded_use_is_the_exploitation_status(events: list[Event], status: ExploitationStatus) -> None:
    assert fold(events).exploitation is status
