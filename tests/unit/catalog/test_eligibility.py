"""What a patent may lawfully be used for: every rule both ways, under its id."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.catalog.rules.eligibility import (
    Target,
    against_offer,
    agreed_acts,
    blocks,
    is_party,
    refusals,
)
from services.catalog.rules.status import Event, Standing, fold
from shared.contracts.catalog import (
    Act,
    EventCode,
    EventDetail,
    EventSource,
    Freshness,
    Holder,
    LegalState,
    LegalStatus,
    LicenseMode,
)
from shared.contracts.values import PatentType

TODAY = date(2024, 6, 30)
C = EventCode
BEYOND = [act for act in Act if act is not Act.LISTING]
LICENSES = [Act.ORDINARY_LICENSE, Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE]


def status(state: LegalState = LegalState.IN_FORCE, freshness: Freshness = Freshness.FRESH) -> LegalStatus:
    return LegalStatus(state=state, as_of=TODAY, source=None, freshness=freshness)


PATENT = Target("pat_1", PatentType.INVENTION, status(), date(2015, 3, 1), is_granted=True)


def standing(*events: tuple[EventCode, dict[str, object]]) -> Standing:
    return fold(
        Event(code, date(2024, 1, n), EventSource.REGISTER, EventDetail(**detail), f"evt_{n}")
        for n, (code, detail) in enumerate(events, 1)
    )


def rules(target: Target, act: Act, *, warnings: bool = False) -> list[str]:
    """The rules that forbid an act, or with `warnings` those that warn of it."""
    found = refusals(target, act, TODAY)
    assert all(no.violation().legal_basis and no.message.zh and no.message.en for no in found)
    return [no.rule for no in found if (no.severity == "WARN") is warnings]


def saying(rule: str, target: Target, *, warnings: bool = False) -> set[Act]:
    """The acts that a rule forbids, or warns of."""
    return {act for act in Act if rule in rules(target, act, warnings=warnings)}


def test_a_plain_patent_in_force_and_lately_checked_may_be_used_for_everything() -> None:
    assert {act: rules(PATENT, act) for act in Act} == {act: [] for act in Act}


@pytest.mark.parametrize(
    ("state", "rule"),
    [
        (LegalState.UNKNOWN, None),
        (LegalState.IN_FORCE, None),
        (LegalState.FEE_GRACE_PERIOD, None),
        (LegalState.PARTIALLY_INVALIDATED, None),
        (LegalState.RESTORED, None),
        (LegalState.PENDING, "LS-NOT-GRANTED"),
        (LegalState.SUSPENDED, "LS-SUSPENDED"),
        (LegalState.LAPSED_UNPAID_FEE, "LS-NOT-IN-FORCE"),
        (LegalState.ABANDONED, "LS-NOT-IN-FORCE"),
        (LegalState.EXPIRED, "LS-NOT-IN-FORCE"),
        (LegalState.INVALIDATED, "LS-NOT-IN-FORCE"),
        (LegalState.REFUSED, "LS-NOT-IN-FORCE"),
        (LegalState.WITHDRAWN, "LS-NOT-IN-FORCE"),
    ],
)
def test_a_patent_is_offered_while_its_right_lives(state: LegalState, rule: str | None) -> None:
    target = replace(PATENT, status=status(state))
    assert rules(target, Act.LISTING) == ([rule] if rule else [])
    assert rule is None or saying(rule, target) >= {Act.LISTING, *LICENSES, Act.ASSIGNMENT, Act.PLEDGE}


def test_who_keeps_a_record_for_strangers_acts_as_far_as_they_consented() -> None:
    kept = replace(PATENT, is_keepers_own=False)
    assert saying("LS-AUTHORITY", PATENT) == set()
    assert saying("LS-AUTHORITY", kept) == set(Act)
    some = replace(kept, agreed=frozenset({Act.ORDINARY_LICENSE}))
    assert saying("LS-AUTHORITY", some) == set(Act) - {Act.LISTING, Act.ORDINARY_LICENSE}
    assert {no.rule for no in against_offer(some, [LicenseMode.SOLE], TODAY)} == {"LS-AUTHORITY"}
    assert against_offer(some, [LicenseMode.ORDINARY], TODAY) == []


def test_every_legal_state_is_tried_above() -> None:
    (mark,) = test_a_patent_is_offered_while_its_right_lives.pytestmark
    assert {state for state, _ in mark.args[1]} == set(LegalState)


def test_without_a_word_on_its_status_a_patent_needs_a_grant_and_a_running_term() -> None:
    unknown = replace(PATENT, status=status(LegalState.UNKNOWN, Freshness.STALE))
    assert rules(replace(unknown, is_granted=False), Act.LISTING) == ["LS-NOT-GRANTED"]
    assert rules(replace(unknown, filed_on=date(2004, 6, 29)), Act.LISTING) == ["LS-TERM"]
    assert rules(replace(unknown, filed_on=date(2004, 6, 30)), Act.LISTING) == []
    assert rules(replace(unknown, filed_on=None), Act.LISTING) == []


def test_beyond_a_listing_the_register_was_looked_at_lately() -> None:
    assert saying("LS-STALE", PATENT) == set()
    assert saying("LS-STALE", replace(PATENT, status=status(freshness=Freshness.STALE))) == set(BEYOND)
    assert saying("LS-STALE", replace(PATENT, status=status(LegalState.UNKNOWN))) == set(BEYOND)
    gone = replace(PATENT, status=status(LegalState.ABANDONED, Freshness.STALE))
    assert saying("LS-STALE", gone) == set()  # a look at the register would change nothing


def test_in_the_months_of_grace_a_license_is_warned_of_and_an_open_one_refused() -> None:
    """Rules 86 (3) and 115; scenario 8."""
    grace = replace(PATENT, status=status(LegalState.FEE_GRACE_PERIOD))
    assert saying("LS-GRACE", grace, warnings=True) == {*LICENSES, Act.ASSIGNMENT, Act.PLEDGE}
    assert saying("OL-FEES", grace) == {Act.OPEN_LICENSE}
    assert saying("LS-GRACE", PATENT, warnings=True) == saying("OL-FEES", PATENT) == set()


def test_a_suspended_patent_is_not_open_licensed_by_its_own_rule() -> None:
    suspended = replace(PATENT, status=status(LegalState.SUSPENDED))
    assert saying("OL-SUSPENDED", suspended) == {Act.OPEN_LICENSE}
    assert saying("LS-SUSPENDED", suspended) == set(Act) - {Act.OPEN_LICENSE}
    assert saying("OL-SUSPENDED", PATENT) == set()


def test_a_classified_patent_is_used_for_nothing_in_public() -> None:
    assert saying("SECRECY-CLASSIFIED", replace(PATENT, standing=standing((C.CLASSIFICATION, {})))) == set(Act)
    free = standing((C.CLASSIFICATION, {}), (C.DECLASSIFICATION, {}))
    assert saying("SECRECY-CLASSIFIED", replace(PATENT, standing=free)) == set()


# Several owners

ALL_BUT_ORDINARY = {Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE, Act.OPEN_LICENSE, Act.ASSIGNMENT, Act.PLEDGE}
CO_OWNED = replace(PATENT, is_co_owned=True, has_shares=True)


def test_an_owner_alone_lists_and_grants_ordinary_licenses_and_nothing_else() -> None:
    """Patent Law Art. 14; scenario 5."""
    assert saying("CO-CONSENT", CO_OWNED) == ALL_BUT_ORDINARY
    assert saying("CO-CONSENT", PATENT) == set()
    agreed = replace(CO_OWNED, agreed=frozenset({Act.SOLE_LICENSE}))
    assert saying("CO-CONSENT", agreed) == ALL_BUT_ORDINARY - {Act.SOLE_LICENSE}


def test_the_owners_agreement_goes_first() -> None:
    loose = standing((C.CO_OWNERS_AGREEMENT, {"acts": ["ORDINARY_LICENSE", "SOLE_LICENSE", "OPEN_LICENSE"]}))
    assert saying("CO-CONSENT", replace(CO_OWNED, standing=loose)) == {
        Act.EXCLUSIVE_LICENSE, Act.ASSIGNMENT, Act.PLEDGE
    }  # fmt: skip
    strict = standing((C.CO_OWNERS_AGREEMENT, {"acts": ["LISTING"]}))
    assert saying("CO-CONSENT", replace(CO_OWNED, standing=strict)) == set(BEYOND)


def test_unrecorded_shares_leave_the_split_open() -> None:
    unshared = replace(CO_OWNED, has_shares=False)
    assert saying("CO-SHARES", unshared, warnings=True) == {*LICENSES, Act.OPEN_LICENSE}
    assert saying("CO-SHARES", CO_OWNED, warnings=True) == set()
    assert saying("CO-SHARES", PATENT, warnings=True) == set()


OTHERS = [Holder(name="某公司", uscc="91370303MA3CD00120"), Holder(name="某研究所")]


def test_an_act_is_agreed_when_every_other_owner_consents() -> None:
    def consent(party: str, acts: list[str], **facts: object) -> tuple[EventCode, dict[str, object]]:
        return C.CONSENT, {"role": "CO_OWNER", "party": party, "acts": acts, **facts}

    one, two = consent("某公司", ["SOLE_LICENSE", "ASSIGNMENT"]), consent("某研究所", ["SOLE_LICENSE"])
    assert agreed_acts(standing(one, two), OTHERS) == {Act.SOLE_LICENSE}
    assert agreed_acts(standing(one), OTHERS) == frozenset()
    assert agreed_acts(standing(one, two, (C.CONSENT_REVOCATION, {"ends": "cns_1"})), OTHERS) == frozenset()
    as_pledgee = (C.CONSENT, {"role": "PLEDGEE", "party": "某研究所", "acts": ["SOLE_LICENSE"]})
    assert agreed_acts(standing(one, as_pledgee), OTHERS) == frozenset()


def test_parties_are_one_by_credit_code_else_by_name() -> None:
    assert is_party("某公司", "91370303MA3CD00120", "改名后的公司", "91370303MA3CD00120")
    assert not is_party("某公司", "91370303MA3CD00120", "某公司", "91370100MA3CD00205")
    assert is_party("某 公司", None, "某公司", "91370100MA3CD00205")
    assert not is_party("北京大学", None, "北京大学第三医院", None)
    assert not is_party("某公司", None, None, None)


# Pledges

PLEDGE = (C.PLEDGE, {"party": "某银行", "reference": "Y1"})


def test_a_pledged_patent_waits_for_its_pledgee() -> None:
    """Civil Code Art. 444, rule 86 (4); scenario 9."""
    pledged = replace(PATENT, standing=standing(PLEDGE))
    assert saying("PLEDGE-CONSENT", pledged) == {*LICENSES, Act.ASSIGNMENT}
    assert saying("OL-PLEDGE", pledged) == {Act.OPEN_LICENSE}
    acts = ["ORDINARY_LICENSE", "OPEN_LICENSE"]
    consent = (C.CONSENT, {"role": "PLEDGEE", "party": "某银行", "acts": acts})
    consented = replace(PATENT, standing=standing(PLEDGE, consent))
    assert saying("PLEDGE-CONSENT", consented) == {Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE, Act.ASSIGNMENT}
    assert saying("OL-PLEDGE", consented) == set()
    revoked = replace(PATENT, standing=standing(PLEDGE, consent, (C.CONSENT_REVOCATION, {"ends": "cns_2"})))
    assert saying("OL-PLEDGE", revoked) == {Act.OPEN_LICENSE}
    released = replace(PATENT, standing=standing(PLEDGE, (C.PLEDGE_RELEASE, {})))
    assert saying("PLEDGE-CONSENT", released) == saying("OL-PLEDGE", released) == set()


def test_every_pledgee_has_to_consent() -> None:
    consent = (C.CONSENT, {"role": "PLEDGEE", "party": "某银行", "acts": ["OPEN_LICENSE"]})
    two = replace(PATENT, standing=standing(PLEDGE, (C.PLEDGE, {"party": "另一银行"}), consent))
    assert saying("OL-PLEDGE", two) == {Act.OPEN_LICENSE}


# Licenses in force


def licensed(kind: str, **facts: object) -> Target:
    return replace(PATENT, standing=standing((C.LICENSE_RECORDED, {"license_type": kind, **facts})))


def test_beside_an_exclusive_or_sole_license_there_is_no_other() -> None:
    assert saying("SCOPE-CONFLICT", licensed("ORDINARY")) == {Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE}
    assert saying("SCOPE-CONFLICT", licensed("SOLE")) == set(LICENSES)
    assert saying("SCOPE-CONFLICT", licensed("EXCLUSIVE")) == set(LICENSES)
    assert saying("SCOPE-CONFLICT", licensed("EXCLUSIVE", until="2024-06-29")) == set()
    assert saying("SCOPE-CONFLICT", licensed("EXCLUSIVE", until="2024-06-30")) == set(LICENSES)


def test_a_license_of_limited_scope_warns() -> None:
    limited = licensed("EXCLUSIVE", territory=["3701"])
    assert saying("SCOPE-CONFLICT", limited) == set()
    assert saying("SCOPE-CONFLICT", limited, warnings=True) == set(LICENSES)
    assert saying("SCOPE-CONFLICT", licensed("SOLE", field_of_use="液压"), warnings=True) == set(LICENSES)


def test_no_open_license_beside_an_exclusive_or_sole_one() -> None:
    """Rule 86 (1); scenario 10."""
    assert saying("OL-EXCL", licensed("EXCLUSIVE")) == saying("OL-EXCL", licensed("SOLE")) == {Act.OPEN_LICENSE}
    assert saying("OL-EXCL", licensed("EXCLUSIVE", territory=["3701"])) == {Act.OPEN_LICENSE}  # open is open to all
    assert saying("OL-EXCL", licensed("ORDINARY")) == set()


def test_no_sole_or_exclusive_license_while_an_open_one_is_announced() -> None:
    """Patent Law Art. 51; scenario 10, the reverse."""
    announced = replace(PATENT, standing=standing((C.OPEN_LICENSE, {"reference": "2024000123"})))
    assert saying("OL-IN-FORCE", announced) == {Act.SOLE_LICENSE, Act.EXCLUSIVE_LICENSE}
    withdrawn = standing((C.OPEN_LICENSE, {"reference": "1"}), (C.OPEN_LICENSE_WITHDRAWAL, {}))
    assert saying("OL-IN-FORCE", replace(PATENT, standing=withdrawn)) == set()


@pytest.mark.parametrize("kind", [PatentType.UTILITY_MODEL, PatentType.DESIGN])
def test_an_open_license_on_an_unexamined_right_needs_a_good_report(kind: PatentType) -> None:
    """Patent Law Art. 50; scenario 4."""
    unexamined = replace(PATENT, patent_type=kind)
    assert saying("OL-EVAL-REPORT", unexamined) == {Act.OPEN_LICENSE}
    good = replace(unexamined, standing=standing((C.EVALUATION_REPORT, {"conclusion": "MEETS"})))
    assert saying("OL-EVAL-REPORT", good) == set()
    bad = replace(unexamined, standing=standing((C.EVALUATION_REPORT, {"conclusion": "FAILS"})))
    assert saying("OL-EVAL-REPORT", bad) == {Act.OPEN_LICENSE}
    cures = {
        no.cure
        for target in (unexamined, bad)
        for no in refusals(target, Act.OPEN_LICENSE, TODAY)
        if no.rule == "OL-EVAL-REPORT"
    }
    assert len(cures) == 2
    assert saying("OL-EVAL-REPORT", PATENT) == set()


def test_an_assignment_is_warned_of_the_licenses_and_the_inventors() -> None:
    assert rules(licensed("ORDINARY"), Act.ASSIGNMENT, warnings=True) == ["AS-LICENSES", "AS-PREEMPTION"]
    assert rules(PATENT, Act.ASSIGNMENT, warnings=True) == ["AS-PREEMPTION"]


# On offer


def offer(target: Target, *modes: LicenseMode) -> list[str]:
    return [no.rule for no in against_offer(target, modes, TODAY)]


def test_an_offer_is_information_and_stands_on_a_stale_status() -> None:
    """I-10."""
    stale = replace(PATENT, status=status(freshness=Freshness.STALE))
    assert offer(stale, LicenseMode.ORDINARY, LicenseMode.ASSIGNMENT) == []
    assert offer(replace(PATENT, status=status(LegalState.UNKNOWN)), LicenseMode.ORDINARY) == []


def test_what_the_law_would_refuse_is_not_offered() -> None:
    assert offer(CO_OWNED, LicenseMode.ORDINARY, LicenseMode.QUICK) == []
    assert offer(CO_OWNED, LicenseMode.SOLE, LicenseMode.EXCLUSIVE) == ["CO-CONSENT", "CO-CONSENT"]
    assert offer(licensed("ORDINARY"), LicenseMode.ORDINARY) == []
    assert offer(licensed("ORDINARY"), LicenseMode.ORDINARY, LicenseMode.SOLE) == ["SCOPE-CONFLICT"]
    gone = replace(PATENT, status=status(LegalState.ABANDONED))
    assert offer(gone, LicenseMode.ORDINARY, LicenseMode.SOLE) == ["LS-NOT-IN-FORCE"]  # said once


def test_only_an_announced_open_license_is_shown_as_one() -> None:
    """I-11."""
    assert offer(PATENT, LicenseMode.OPEN) == ["OL-NOT-ANNOUNCED"]
    announced = replace(PATENT, standing=standing((C.OPEN_LICENSE, {"reference": "2024000123"})))
    assert offer(announced, LicenseMode.OPEN, LicenseMode.ORDINARY) == []
    assert offer(announced, LicenseMode.OPEN, LicenseMode.SOLE) == ["OL-IN-FORCE"]


def test_blocks_are_the_reasons_that_forbid() -> None:
    found = refusals(licensed("ORDINARY"), Act.ASSIGNMENT, TODAY)
    assert len(found) == 2 and blocks(found) == []
