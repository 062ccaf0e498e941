"""What messages refuse because a rule says so."""

from __future__ import annotations

import pytest

from shared.contracts.catalog import ListingDraft, PatentDraft
from tests import factories
from tests.unit.verdicts import verdicts


@pytest.mark.parametrize(
    ("shares", "refused"),
    [
        (["60", "40"], []),
        (["33.33", "33.33", "33.34"], []),
        ([None, None], []),
        (["100"], []),
        (["60", "30"], ["HOLDER-SHARES"]),
        (["60", None], ["HOLDER-SHARES"]),
        (["100", "100"], ["HOLDER-SHARES"]),
    ],
)
def test_shares_make_a_hundred_or_are_all_left_open(shares: list[str | None], refused: list[str]) -> None:
    holders = [{"name": f"单位{place}", "share": share} for place, share in enumerate(shares)]
    assert verdicts(PatentDraft, factories.a_patent(holders=holders)) == refused


FIGURES = {"amount": "30000.00", "rate": "0.03", "rate_base": "NET_SALES"}
NEEDED = {
    "FREE": (),
    "NEGOTIABLE": (),
    "LUMP_SUM": ("amount",),
    "INSTALLMENTS": ("amount",),
    "ROYALTY": ("rate", "rate_base"),
    "ENTRY_PLUS_ROYALTY": ("amount", "rate", "rate_base"),
}


@pytest.mark.parametrize("fee_type", NEEDED)
@pytest.mark.parametrize(
    "given", [(), ("amount",), ("rate",), ("rate", "rate_base"), ("amount", "rate"), ("amount", "rate", "rate_base")]
)
def test_a_fee_carries_exactly_its_figures(fee_type: str, given: tuple[str, ...]) -> None:
    pricing = {"fee_type": fee_type, **{name: FIGURES[name] for name in given}}
    expected = [] if given == NEEDED[fee_type] else ["FEE-FORM"]
    assert verdicts(ListingDraft, factories.a_listing(patent_ids=["pat_1"], pricing=pricing)) == expected


LUMP = {"fee_type": "LUMP_SUM", "amount": "30000.00"}


@pytest.mark.parametrize(
    ("pricing", "modes", "refused"),
    [
        ({**LUMP, "reduction_rate": "0.3", "deferred_until": "2027-01-01"}, ["ORDINARY"], []),
        ({**LUMP, "deferred_to": "FIRST_SALE", "sme_only": True}, ["ORDINARY"], []),
        ({"fee_type": "ENTRY_PLUS_ROYALTY", **FIGURES, "reduction_rate": "0.5"}, ["SOLE"], []),
        ({"fee_type": "INSTALLMENTS", "amount": "1.00", "deferred_to": "FIRST_SALE"}, ["ORDINARY"], []),
        ({"fee_type": "FREE", "sme_only": True}, ["ORDINARY"], []),
        ({"fee_type": "FREE", "deferred_until": "2027-01-01"}, ["ORDINARY"], ["FEE-ONE-TIME"]),
        ({"fee_type": "NEGOTIABLE", "reduction_rate": "0.3"}, ["ORDINARY"], ["FEE-ONE-TIME"]),
        ({"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "PROFIT", "deferred_to": "FIRST_SALE"}, ["ORDINARY"],
         ["FEE-ONE-TIME"]),
        ({**LUMP, "deferred_until": "2027-01-01", "deferred_to": "FIRST_SALE"}, ["ORDINARY"], ["FEE-ONE-TIME"]),
        ({**LUMP, "reduction_rate": "0"}, ["ORDINARY"], ["FEE-ONE-TIME"]),
        ({**LUMP, "reduction_rate": "1.0"}, ["ORDINARY"], ["FEE-ONE-TIME"]),
        ({**LUMP, "deferred_to": "TRIAL_END"}, ["ORDINARY", "QUICK"], []),
        ({**LUMP, "deferred_to": "TRIAL_END"}, ["ORDINARY"], ["FEE-TRIAL"]),
        ({**LUMP, "sme_only": True}, ["OPEN", "ORDINARY"], ["OL-ANYONE"]),
        ({**LUMP}, ["OPEN"], []),
    ],
)  # fmt: skip
def test_a_one_time_fee_is_reduced_and_deferred_and_terms_fit_their_modes(
    pricing: dict[str, object], modes: list[str], refused: list[str]
) -> None:
    draft = factories.a_listing(patent_ids=["pat_1"], pricing=pricing, modes=modes)
    assert verdicts(ListingDraft, draft) == refused


def test_a_wrong_number_in_a_message_is_refused_by_its_rule() -> None:
    assert verdicts(PatentDraft, factories.a_patent(application_number="202310123456.X")) == ["PN-CHECK"]
    assert verdicts(PatentDraft, factories.a_patent(application_number="202310123456.6")) == []
