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


def test_a_wrong_number_in_a_message_is_refused_by_its_rule() -> None:
    assert verdicts(PatentDraft, factories.a_patent(application_number="202310123456.X")) == ["PN-CHECK"]
    assert verdicts(PatentDraft, factories.a_patent(application_number="202310123456.6")) == []
