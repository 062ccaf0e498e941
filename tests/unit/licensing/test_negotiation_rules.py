"""Scopes, offers, clauses and contracts: each rule under its id and both ways."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.rules import clauses, contract, declaration, offer, parties, scope
from services.licensing.rules.contract import Contract
from services.licensing.rules.dunning import DemandState
from services.licensing.rules.offer import Said
from services.licensing.rules.scope import Cell, Rival
from shared.contracts.access import OrganizationType
from shared.contracts.catalog import LicenseType
from shared.contracts.gateway import PartyOut, Verification
from shared.contracts.licensing import InquiryState, LicenseScope, LicenseState, OfferState, OfferTerms, Side
from shared.contracts.oversight import BasisKind, PartyOrder
from tests.unit.verdicts import verdict

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
S, L, T = OfferState, LicenseState, LicenseType


def a_scope(**facts: Any) -> LicenseScope:
    return LicenseScope.model_validate({"from": "2027-01-01", "to": "2029-12-31", **facts})


def terms(**facts: Any) -> OfferTerms:
    fee = {"fee_type": "LUMP_SUM", "amount": "50000.00"}
    return OfferTerms.model_validate({"scope": {"from": "2027-01-01", "to": "2029-12-31"}, "fee": fee, **facts})


def said(**facts: Any) -> Said:
    return Said(**{"side": Side.LICENSOR, "valid_until": TODAY, "is_fixed": True, **facts})


# Scopes


def test_a_region_and_an_industry_are_the_range_of_their_parts() -> None:
    assert scope.regions_of("3703") == (370300, 370400) and scope.regions_of("37") == (370000, 380000)
    assert scope.regions_of("370303") == (370303, 370304) and scope.regions_of(None) == (0, 1_000_000)
    assert scope.classes_of("C") == (1300, 4400) and scope.classes_of("A") == (100, 600)
    assert scope.classes_of("C34") == (3400, 3500) and scope.classes_of("C3425") == (3425, 3426)
    assert scope.classes_of(None) == (0, 10_000)
    cut = scope.cells_of(a_scope(territory=["37", "41"], field_of_use=["C34", "C35", "I"]))
    assert len(cut) == 6 and len(scope.cells_of(a_scope())) == 1
    # What is named twice, or lies inside another, is there once: a license does not stand in its own way.
    nested = scope.cells_of(a_scope(territory=["3703", "37", "41", "41"], field_of_use=["C3425", "C", "I65"]))
    assert [(cell.regions, cell.classes) for cell in nested] == [
        ((370000, 380000), (1300, 4400)),
        ((370000, 380000), (6500, 6600)),
        ((410000, 420000), (1300, 4400)),
        ((410000, 420000), (6500, 6600)),
    ]


regions = st.sampled_from([None, "37", "3703", "370303", "41"])
fields = st.sampled_from([None, "C", "C34", "C3425", "C35", "I65"])
days = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda two: (min(two), max(two)))


def holds(place: str | None, field: str | None, span: tuple[int, int], there: str, what: str, day: int) -> bool:
    """Whether a scope covers one county, one class and one day: by the codes themselves."""
    in_field = field is None or what.startswith(field) or (len(field) == 1 and what[0] == field)
    return (place is None or there.startswith(place)) and in_field and span[0] <= day <= span[1]


@given(regions, fields, days, regions, fields, days)
def test_two_cells_overlap_where_some_county_class_and_day_is_in_both(
    here: str | None,
    what: str | None,
    span: tuple[int, int],
    there: str | None,
    other: str | None,
    later: tuple[int, int],
) -> None:
    first = Cell(scope.regions_of(here), scope.classes_of(what), TODAY + span[0] * DAY, TODAY + span[1] * DAY)
    second = Cell(scope.regions_of(there), scope.classes_of(other), TODAY + later[0] * DAY, TODAY + later[1] * DAY)
    counties, classes = ["370303", "370102", "410100", "110101"], ["C3425", "C3421", "C3511", "C1310", "I6510", "A0111"]
    met = any(
        holds(here, what, span, *at) and holds(there, other, later, *at) for at in product(counties, classes, range(31))
    )
    assert scope.overlap(first, second) is met is scope.overlap(second, first)


def test_beside_a_sole_or_exclusive_license_there_is_no_other() -> None:
    """SCOPE-CONFLICT."""
    for wanted, there in product(T, T):
        found = [Rival(there, is_signed=True, until=TODAY)]
        free = wanted is T.ORDINARY and there is T.ORDINARY
        assert verdict(scope.scope_is_free, wanted, found) == (None if free else "SCOPE-CONFLICT")
    waiting = scope.scope_is_free(T.ORDINARY, [Rival(T.SOLE, is_signed=False, until=TODAY)])
    assert waiting is not None and "awaiting" in waiting.message.en
    assert verdict(scope.scope_is_free, T.EXCLUSIVE, []) is None


def test_nothing_sole_is_granted_while_a_declaration_or_a_notice_lives() -> None:
    for type_ in T:
        alone = type_ is not T.ORDINARY
        assert verdict(scope.no_declaration_is_live, type_, "old_1") == ("OL-LIVE" if alone else None)
        assert verdict(scope.no_notice_is_pending, type_, TODAY) == ("OL-PENDING" if alone else None)
        assert verdict(scope.no_declaration_is_live, type_, None) is None
        assert verdict(scope.no_notice_is_pending, type_, None) is None
    assert verdict(declaration.nothing_sole_is_agreed, "lic_1") == "OL-EXCL"
    assert verdict(declaration.nothing_sole_is_agreed, None) is None


def test_e21_a_license_ends_with_its_patent_and_lies_ahead() -> None:
    """The utility model was filed on 2017-03-01, so it ends on 2027-03-01."""
    model_ends = date(2027, 3, 1)
    assert verdict(scope.term_fits_the_patents, a_scope(to="2028-12-31"), model_ends) == "TERM-BEYOND-EXPIRY"
    assert verdict(scope.term_fits_the_patents, a_scope(to="2027-03-01"), model_ends) is None
    assert verdict(scope.term_fits_the_patents, a_scope(), None) is None
    assert verdict(scope.days_are_ahead, a_scope(), TODAY) is None
    assert verdict(scope.days_are_ahead, a_scope(), date(2030, 1, 1)) == "SCOPE-DAYS"
    first = a_scope().from_
    assert verdict(scope.begins_from_now_on, a_scope(), first) is None
    assert verdict(scope.begins_from_now_on, a_scope(), first + timedelta(days=1)) == "SCOPE-BEGIN"
    assert verdict(scope.days_are_ahead, a_scope(to="2026-12-31"), TODAY) == "SCOPE-DAYS"


# Offers


@pytest.mark.parametrize("answer", [None, S.ACCEPTED, S.REJECTED, S.COUNTERED, S.REVOKED, S.EXPIRED])
def test_an_offer_lives_until_it_is_answered_or_its_last_day_is_over(answer: OfferState | None) -> None:
    """OFFER-NOT-LIVE."""
    assert verdict(offer.is_live, said(answer=answer), TODAY) == (None if answer is None else "OFFER-NOT-LIVE")
    assert verdict(offer.is_live, said(answer=answer), TODAY + DAY) == "OFFER-NOT-LIVE"
    assert offer.state_on(said(answer=answer), TODAY + DAY) is (answer or S.EXPIRED)


def test_who_received_an_offer_answers_it_and_who_made_it_may_revoke_it_unless_it_binds() -> None:
    mine = said(side=Side.LICENSEE, is_fixed=False)

    def by(side: Side, is_revocation: bool) -> str | None:
        return verdict(lambda: offer.is_answered_by(mine, side, is_revocation=is_revocation))

    assert by(Side.LICENSOR, False) is None and by(Side.LICENSEE, False) == "OFFER-SIDE"
    assert by(Side.LICENSEE, True) is None and by(Side.LICENSOR, True) == "OFFER-SIDE"
    assert verdict(offer.is_revocable, mine) is None
    assert verdict(offer.is_revocable, said()) == "OFFER-BINDS"


def test_one_offer_stands_at_a_time() -> None:
    """OFFER-STANDS."""
    theirs = said(side=Side.LICENSEE)
    assert verdict(offer.speaks_in_turn, None, None, Side.LICENSOR, None) is None
    assert verdict(offer.speaks_in_turn, None, None, Side.LICENSOR, "ofr_1") == "OFFER-STANDS"
    assert verdict(offer.speaks_in_turn, theirs, "ofr_1", Side.LICENSOR, "ofr_1") is None
    assert verdict(offer.speaks_in_turn, theirs, "ofr_1", Side.LICENSOR, None) is None
    assert verdict(offer.speaks_in_turn, theirs, "ofr_1", Side.LICENSOR, "ofr_2") == "OFFER-STANDS"
    assert verdict(offer.speaks_in_turn, theirs, "ofr_1", Side.LICENSEE, None) == "OFFER-STANDS"


def test_an_offer_says_its_price_in_full_and_leaves_time() -> None:
    whole: list[dict[str, Any]] = [
        {},
        {"fee": {"fee_type": "FREE"}},
        {"fee": {"fee_type": "INSTALLMENTS", "amount": "3"}, "installments": [{"amount": "1", "after_days": 0}, {"amount": "2", "after_days": 90}]},
        {"fee": {"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "NET_SALES"}, "royalty": {"steps": [{"above": "10", "rate": "0.02"}, {"above": "20", "rate": "0.01"}]}},
    ]  # fmt: skip
    for facts in whole:
        assert verdict(offer.is_specific, terms(**facts)) is None
    for facts in (
        {"fee": {"fee_type": "NEGOTIABLE"}},
        {"fee": {"fee_type": "INSTALLMENTS", "amount": "3"}},
        {"installments": [{"amount": "50000", "after_days": 0}]},
        {"fee": {"fee_type": "INSTALLMENTS", "amount": "3"}, "installments": [{"amount": "1", "after_days": 0}]},
        {"fee": {"fee_type": "INSTALLMENTS", "amount": "3"}, "installments": [{"amount": "1", "after_days": 9}, {"amount": "2", "after_days": 0}]},
        {"royalty": {"report_every_months": 12}},
        {"fee": {"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "PROFIT"}, "royalty": {"steps": [{"above": "20", "rate": "0.02"}, {"above": "10", "rate": "0.01"}]}},
    ):  # fmt: skip
        assert verdict(offer.is_specific, terms(**facts)) == "OFFER-SPECIFIC"
    assert verdict(offer.leaves_time, TODAY, TODAY) is None and verdict(offer.leaves_time, None, TODAY) is None
    assert verdict(offer.leaves_time, TODAY - DAY, TODAY) == "OFFER-PERIOD"
    assert offer.lapses_on(TODAY, None) == TODAY + 30 * DAY and offer.lapses_on(TODAY, TODAY) == TODAY


def test_a_negotiation_is_open_until_it_is_agreed_or_closed_and_knows_its_sides() -> None:
    known = {
        (None, False, False): InquiryState.OPEN,
        (None, True, False): InquiryState.IN_NEGOTIATION,
        (TODAY, True, False): InquiryState.CLOSED,
        (None, True, True): InquiryState.AGREED,
    }
    for facts, state in known.items():
        assert offer.inquiry_state(*facts) is state
        is_open = state in (InquiryState.OPEN, InquiryState.IN_NEGOTIATION)
        assert verdict(offer.is_open, state) == (None if is_open else "INQ-STATE")
    assert verdict(offer.sides_are_known, True, False) == "INQ-DISCLOSURE"
    assert verdict(offer.sides_are_known, True, True) is None and verdict(offer.sides_are_known, False, False) is None


def test_an_agent_of_both_sides_needs_both() -> None:
    other = {"org_other", "org_broker", None}
    assert verdict(offer.agent_serves_one_side, "org_broker", other, []) == "DUAL-AGENCY"
    assert verdict(offer.agent_serves_one_side, "org_broker", other, [Side.LICENSEE]) == "DUAL-AGENCY"
    assert verdict(offer.agent_serves_one_side, "org_broker", other, list(Side)) is None
    assert verdict(offer.agent_serves_one_side, "org_third", other, []) is None
    assert verdict(offer.agent_serves_one_side, None, other, []) is None


# Clauses


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("CLAUSE-IMPROVEMENT", "被许可方不得对许可技术进行改进。", "后续改进由完成方享有，另一方可以优先取得许可。"),
        ("CLAUSE-IMPROVEMENT", "改进成果无偿转让给许可方。", "双方可就改进成果另行签订许可合同。"),
        ("CLAUSE-IMPROVEMENT", "The licensee shall not improve the technology.", "Each side owns its improvements."),
        ("CLAUSE-COMPETING", "被许可方不得从第三方取得类似技术。", "被许可方可以使用其他来源的技术。"),
        ("CLAUSE-COMPETING", "The licensee shall not use competing technologies.", "It may use any technology."),
        ("CLAUSE-MARKET", "产品的销售价格由许可方确定。", "被许可方自行确定产量与销售渠道。"),
        ("CLAUSE-MARKET", "产品不得出口。", "产品可以在境内外销售。"),
        ("CLAUSE-MARKET", "The licensee shall not export the products.", "The licensee may export the products."),
        ("CLAUSE-TYING", "被许可方必须同时购买许可方的润滑油。", "被许可方可以自愿购买许可方的设备。"),
        ("CLAUSE-SOURCING", "关键零部件只能向许可方指定的供应商采购。", "许可方可以推荐供应商名单。"),
        ("CLAUSE-SOURCING", "被许可方不得从其他来源采购原材料。", "被许可方可以从其他来源采购原材料。"),
        (
            "CLAUSE-SOURCING",
            "The licensee shall buy parts exclusively from the licensor.",
            "Parts may be bought anywhere.",
        ),
        ("CLAUSE-NO-CHALLENGE", "被许可方不得请求宣告该专利权无效。", "被许可方可以对专利的有效性提出异议。"),
        (
            "CLAUSE-NO-CHALLENGE",
            "The licensee shall not challenge the patent.",
            "The licensee may challenge the patent.",
        ),
    ],
)
def test_a_clause_that_may_be_void_is_told_from_one_that_is_not(rule: str, bad: str, good: str) -> None:
    found = clauses.against(["双方按季度对账。", bad])
    assert [no.rule for no in found] == [rule]
    assert found[0].severity == "WARN" and found[0].pointer == "/clauses/1" and verdict(lambda: found[0]) == rule
    assert clauses.against([good]) == []


# Contracts

RUN = {"begins_on": TODAY, "until": TODAY + 10 * DAY, "effective_on": TODAY, "sign_by": TODAY}
STATES: list[tuple[dict[str, Any], int, LicenseState]] = [
    ({"effective_on": None}, 0, L.PENDING_SIGNATURES),
    ({"effective_on": None}, 1, L.NOT_CONCLUDED),
    ({"effective_on": None, "is_given_up": True}, 0, L.NOT_CONCLUDED),
    ({"begins_on": TODAY + DAY}, 0, L.SIGNED),
    ({}, 10, L.IN_FORCE),
    ({}, 11, L.EXPIRED),
    ({"terminated_on": TODAY + DAY}, 0, L.IN_FORCE),
    ({"terminated_on": TODAY + DAY}, 1, L.TERMINATED),
    ({"terminated_on": TODAY + DAY}, 11, L.TERMINATED),
]


@pytest.mark.parametrize(("facts", "later", "state"), STATES)
def test_how_far_a_license_has_come(facts: dict[str, Any], later: int, state: LicenseState) -> None:
    assert contract.state_on(Contract(**{**RUN, **facts}), TODAY + later * DAY) is state


@pytest.mark.parametrize("state", list(LicenseState))
def test_what_is_open_on_a_license(state: LicenseState) -> None:
    """SIGN-STATE, LIC-END."""
    for signed, side in product(([], [Side.LICENSEE]), Side):
        free = state is L.PENDING_SIGNATURES and side not in signed
        assert verdict(contract.may_sign, state, signed, side) == (None if free else "SIGN-STATE")
    assert verdict(contract.may_end, state) == (None if state in (L.SIGNED, L.IN_FORCE) else "LIC-END")


def test_what_is_signed_is_what_was_agreed_by_those_who_may_on_a_day_that_was() -> None:
    assert verdict(contract.signs_what_was_agreed, "ab", "ab") is None
    assert verdict(contract.signs_what_was_agreed, "ab", "cd") == "SIGN-DOCUMENT"
    assert verdict(contract.signature_is_proved, "PLATFORM", False) is None
    assert verdict(contract.signature_is_proved, "PAPER", False) == "SIGN-EVIDENCE"
    assert verdict(contract.signature_is_proved, "PROVIDER", True) is None
    assert verdict(contract.signature_is_dated, TODAY, TODAY, TODAY) is None
    assert verdict(contract.signature_is_dated, TODAY - DAY, TODAY, TODAY) == "SIGN-DAY"
    assert verdict(contract.signature_is_dated, TODAY + DAY, TODAY, TODAY) == "SIGN-DAY"
    assert verdict(contract.parties_are_verified, [party()]) is None
    assert verdict(contract.parties_are_verified, [party(), party(verification="PENDING")]) == "PARTY-UNVERIFIED"
    assert verdict(contract.breach_was_warned_of, "AGREEMENT", False, None) is None
    assert verdict(contract.breach_was_warned_of, "BREACH", True, None) is None
    assert verdict(contract.breach_was_warned_of, "BREACH", False, None) == "LIC-BREACH"
    for has_document in (False, True):  # a period that one has set binds oneself, whatever else is uploaded
        assert verdict(contract.breach_was_warned_of, "BREACH", has_document, DemandState.UNMET) is None
        assert verdict(contract.breach_was_warned_of, "BREACH", has_document, DemandState.RUNNING) == "LIC-BREACH"
        assert verdict(contract.breach_was_warned_of, "BREACH", has_document, DemandState.MET) == "LIC-BREACH"


def party(**facts: Any) -> PartyOut:
    known: dict[str, Any] = {
        "id": "org_1", "name": "测试大学", "uscc": None, "type": "UNIVERSITY", "state_owned": True, "region_code": None,
        "sme_class": None, "verification": Verification.VERIFIED, "sample": False,
    }  # fmt: skip
    return PartyOut.model_validate(known | facts)


@pytest.mark.parametrize("kind", list(OrganizationType))
def test_a_state_university_makes_an_agreed_price_public_first(kind: OrganizationType) -> None:
    """PRICE-PUBLICITY, PUBLICITY-DAYS: 15 days after the one on which it was put up, and over by the signature."""
    unit = kind in (OrganizationType.UNIVERSITY, OrganizationType.RESEARCH_INSTITUTE)
    assert contract.must_publish(party(type=kind), "AGREEMENT") is unit
    assert not contract.must_publish(party(type=kind, state_owned=False), "AGREEMENT")
    assert not contract.must_publish(party(type=kind), "AUCTION")
    runs = [(TODAY, TODAY + 15 * DAY)]
    assert verdict(contract.price_was_public, True, [], TODAY) == "PRICE-PUBLICITY"
    assert verdict(contract.price_was_public, True, runs, TODAY + 15 * DAY) == "PRICE-PUBLICITY"
    assert verdict(contract.price_was_public, True, runs, TODAY + 16 * DAY) is None
    assert verdict(contract.price_was_public, False, [], TODAY) is None
    assert verdict(contract.publicity_is_long_enough, TODAY, TODAY + 15 * DAY, TODAY) is None
    assert verdict(contract.publicity_is_long_enough, TODAY, TODAY + 14 * DAY, TODAY) == "PUBLICITY-DAYS"
    assert verdict(contract.publicity_is_long_enough, TODAY - DAY, TODAY + 20 * DAY, TODAY) == "PUBLICITY-DAYS"


# Parties


def an_order(party: str, kind: str = "COURT_ORDER", until: str | None = None) -> PartyOrder:
    said = {"id": "res_1", "organization_id": party, "kind": kind, "from": "2026-11-01", "until": until}
    return PartyOrder.model_validate(said)


@pytest.mark.parametrize("kind", BasisKind)
def test_a_restricted_party_and_whoever_deals_with_it_begin_nothing_new(kind: BasisKind) -> None:
    """PARTY-RESTRICTED: the party is told why and where to appeal, the other side only that it is so."""
    assert verdict(parties.nobody_is_restricted, [], "org_a") is None
    own = parties.nobody_is_restricted([an_order("org_b"), an_order("org_a", kind, "2027-01-31")], "org_a")
    other = parties.nobody_is_restricted([an_order("org_b", kind)], "org_a")
    assert own and other and own.rule == other.rule == "PARTY-RESTRICTED"
    assert own.cure and "/v1/party-restrictions/res_1/appeals" in own.cure.en and "2027-01-31" in own.message.zh
    assert "res_1" not in str(other)
    for is_own in (True, False):
        held = parties.held(an_order("org_a", kind), is_own)
        assert ("res_1" in held.en) is ("res_1" in held.zh) is is_own and "依法" in held.zh
