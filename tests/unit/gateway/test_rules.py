"""Who takes part, in what, for whom, and how large a firm is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from services.gateway.rules import (
    days_in_order,
    delegation_state,
    grantable,
    is_between_two,
    is_identified,
    may_accept,
    may_hold,
    may_register,
    sme_class,
)
from shared.contracts.access import SCOPES, OrganizationType
from shared.contracts.gateway import DelegationState, SmeClass
from shared.rulebook import book
from tests.unit.verdicts import verdict

ORG, D = OrganizationType, DelegationState
MEDIUM, SMALL, MICRO, LARGE = SmeClass.MEDIUM, SmeClass.SMALL, SmeClass.MICRO, None
assert "ORG-SME" in book()  # it derives and never refuses

OPERATOR_ONLY = {"announcements:write", "payments:confirm", "platform:operate"}
SUPERVISOR = {"oversight:read", "oversight:write", "audit:read"}


@pytest.mark.parametrize("kind", OrganizationType)
def test_only_operator_and_government_may_be_given_power_over_others(kind: OrganizationType) -> None:
    beyond = set(SCOPES) - grantable(kind)
    if kind is ORG.PLATFORM_OPERATOR:
        assert beyond == set()
    elif kind is ORG.GOVERNMENT:
        assert beyond == OPERATOR_ONLY
    else:
        assert beyond == OPERATOR_ONLY | SUPERVISOR


def test_a_client_holds_no_scope_beyond_its_makers() -> None:
    allowed = frozenset({"needs:read", "needs:write"})
    assert verdict(may_hold, frozenset({"needs:read"}), allowed) is None
    assert verdict(may_hold, allowed, allowed) is None
    assert verdict(may_hold, frozenset(), frozenset()) is None
    assert verdict(may_hold, frozenset({"needs:read", "audit:read"}), allowed) == "ORG-SCOPE"
    assert "audit:read" in may_hold(frozenset({"audit:read"}), allowed).message.en
    assert verdict(may_hold, frozenset({"service"}), grantable(ORG.PLATFORM_OPERATOR)) == "ORG-SCOPE"


@pytest.mark.parametrize("kind", OrganizationType)
def test_every_organization_but_a_person_is_known_by_its_code(kind: OrganizationType) -> None:
    assert verdict(is_identified, kind, None) == (None if kind is ORG.INDIVIDUAL else "ORG-USCC")
    assert verdict(is_identified, kind, "91370303MA3CD00120") is None


@pytest.mark.parametrize("kind", OrganizationType)
def test_operators_and_government_are_brought_in_by_the_operator(kind: OrganizationType) -> None:
    reserved = kind in (ORG.PLATFORM_OPERATOR, ORG.GOVERNMENT)
    assert verdict(may_register, kind, False) == ("ORG-OPERATOR" if reserved else None)
    assert verdict(may_register, kind, True) is None


@pytest.mark.parametrize(
    ("industry", "staff", "millions", "expected"),
    [
        # Industry (mining, manufacturing, utilities): below 1,000 persons or below 400 m.
        ("C34", 1000, "400", LARGE),
        ("C34", 999, "400", MEDIUM),
        ("C34", 1000, "399.99", MEDIUM),
        ("C34", 300, "20", MEDIUM),
        ("C34", 299, "20", SMALL),
        ("C34", 300, "19.99", SMALL),
        ("C34", 20, "3", SMALL),
        ("C34", 19, "300", MICRO),
        ("C34", 20, "2.99", MICRO),
        ("B06", 299, "100", SMALL),
        ("D44", 300, "20", MEDIUM),
        # Agriculture: by revenue alone.
        ("A01", None, "200", LARGE),
        ("A01", None, "199.99", MEDIUM),
        ("A01", 5000, "5", MEDIUM),
        ("A01", None, "4.99", SMALL),
        ("A01", None, "0.5", SMALL),
        ("A01", None, "0.49", MICRO),
        # Construction, as far as revenue tells.
        ("E47", None, "800", LARGE),
        ("E47", None, "60", MEDIUM),
        ("E47", None, "3", SMALL),
        ("E47", None, "2.99", MICRO),
        # Wholesale and retail are two divisions of one section.
        ("F51", 200, "400", LARGE),
        ("F51", 199, "50", MEDIUM),
        ("F51", 20, "49.99", SMALL),
        ("F51", 5, "10", SMALL),
        ("F51", 4, "10", MICRO),
        ("F52", 300, "200", LARGE),
        ("F5211", 50, "5", MEDIUM),
        ("F52", 10, "1", SMALL),
        ("F52", 10, "0.99", MICRO),
        # Transport, information transmission, software.
        ("G54", 1000, "300", LARGE),
        ("G54", 300, "30", MEDIUM),
        ("G54", 20, "2", SMALL),
        ("I63", 2000, "1000", LARGE),
        ("I63", 1999, "1000", MEDIUM),
        ("I63", 10, "1", SMALL),
        ("I65", 300, "100", LARGE),
        ("I65", 100, "10", MEDIUM),
        ("I6513", 10, "0.5", SMALL),
        ("I65", 9, "0.5", MICRO),
        # Others by persons alone.
        ("M73", 300, None, LARGE),
        ("M73", 299, None, MEDIUM),
        ("M73", 99, "9000", SMALL),
        ("M73", 9, None, MICRO),
    ],
)
def test_the_size_of_a_firm_by_industry_persons_and_revenue(
    industry: str, staff: int | None, millions: str | None, expected: SmeClass | None
) -> None:
    """ORG-SME: 工信部联企业〔2011〕300号."""
    revenue = Decimal(millions) * 1_000_000 if millions else None
    assert sme_class(ORG.ENTERPRISE, industry, staff, revenue) is expected
    assert sme_class(ORG.COOPERATIVE, industry, staff, revenue) is expected
    assert sme_class(ORG.UNIVERSITY, industry, staff, revenue) is None


@pytest.mark.parametrize(
    ("industry", "staff", "revenue"),
    [
        (None, 10, Decimal(1)),
        ("C34", None, Decimal(1)),
        ("C34", 10, None),
        ("A01", 10, None),
        ("M73", None, Decimal(1)),
    ],
)
def test_a_missing_figure_leaves_the_size_open(
    industry: str | None, staff: int | None, revenue: Decimal | None
) -> None:
    assert sme_class(ORG.ENTERPRISE, industry, staff, revenue) is None


TODAY, DAY = date(2024, 6, 30), timedelta(days=1)
AT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("accepted", "revoked", "first", "last", "state"),
    [
        (None, None, TODAY, None, D.PROPOSED),
        (AT, None, TODAY, None, D.ACTIVE),
        (AT, None, TODAY + DAY, None, D.PROPOSED),
        (AT, None, TODAY - DAY, TODAY, D.ACTIVE),
        (AT, None, TODAY - DAY, TODAY - DAY, D.EXPIRED),
        (None, None, TODAY - DAY, TODAY - DAY, D.EXPIRED),
        (AT, AT, TODAY, None, D.REVOKED),
        (None, AT, TODAY, None, D.REVOKED),
        (AT, AT, TODAY - DAY, TODAY - DAY, D.REVOKED),
    ],
)
def test_a_delegation_is_what_its_acts_and_days_say(
    accepted: datetime | None, revoked: datetime | None, first: date, last: date | None, state: DelegationState
) -> None:
    assert delegation_state(accepted, revoked, first, last, TODAY) is state


@pytest.mark.parametrize(
    ("state", "by_principal", "by_operator", "has_mandate", "rule"),
    [
        (D.PROPOSED, True, False, False, None),
        (D.PROPOSED, False, True, True, None),
        (D.PROPOSED, False, True, False, "DG-ACCEPT"),
        (D.PROPOSED, False, False, True, "DG-ACCEPT"),  # the delegate itself
        (D.ACTIVE, True, False, False, "DG-ACCEPT"),
        (D.REVOKED, True, False, False, "DG-ACCEPT"),
        (D.EXPIRED, True, True, True, "DG-ACCEPT"),
    ],
)
def test_a_mandate_is_given_by_the_principal(
    state: DelegationState, by_principal: bool, by_operator: bool, has_mandate: bool, rule: str | None
) -> None:
    assert verdict(may_accept, state, by_principal, by_operator, has_mandate) == rule


def test_nobody_delegates_to_itself() -> None:
    assert verdict(is_between_two, "org_1", "org_1") == "DG-SELF"
    assert verdict(is_between_two, "org_1", "org_2") is None


def test_a_delegation_does_not_end_before_it_begins() -> None:
    assert verdict(days_in_order, TODAY, TODAY - DAY) == "DG-DATES"
    assert [verdict(days_in_order, TODAY, last) for last in (TODAY, TODAY + DAY, None)] == [None] * 3
