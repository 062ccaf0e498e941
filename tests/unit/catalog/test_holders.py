from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from services.catalog.rules.events import holders_are_here, particulars_fit
from services.catalog.rules.holders import Keeping, handed_over, holders_are_registered
from services.catalog.rules.status import Event, fold
from shared.contracts.catalog import EventCode, EventDetail, EventSource, Holder
from tests import factories

KEEPER, BUYER = "org_keeper", "org_buyer"
CODE = factories.uscc()
DAY = date(2025, 6, 1)


def held(*names: str, keeper_at: int | None = 0) -> tuple[Keeping, int | None]:
    return Keeping([{"name": name} for name in names], KEEPER, CODE), keeper_at


def told(*holders: dict[str, str]) -> list[Holder]:
    return [Holder(**holder) for holder in holders]


def test_whoever_still_holds_keeps_the_record() -> None:
    """ST-HOLDERS: a share is assigned, the keeper is known by the name under which it held, or by its credit code."""
    shares = told({"name": "甲大学", "share": "60"}, {"name": "乙公司", "share": "40"})
    after = handed_over(*held("甲大学"), shares)
    assert after.organization_id == KEEPER
    assert after.holders == [
        {"organization_id": KEEPER, "name": "甲大学", "share": "60"},
        {"name": "乙公司", "share": "40"},
    ]
    renamed = handed_over(*held("甲大学"), told({"name": "甲科技大学", "uscc": CODE}))
    assert (renamed.organization_id, renamed.holds) == (KEEPER, {KEEPER})


def test_where_the_keeper_is_gone_the_record_goes_to_the_new_holder_that_is_here() -> None:
    """ST-HOLDERS: or stays until one of them comes, when none is known by id."""
    after = handed_over(*held("甲大学"), told({"name": "乙公司"}, {"name": "丙公司", "organization_id": BUYER}))
    assert (after.organization_id, after.uscc, after.holds) == (BUYER, None, {BUYER})
    unknown = handed_over(*held("甲大学"), told({"name": "乙公司"}))
    assert (unknown.organization_id, unknown.holds) == (KEEPER, set())
    other = handed_over(
        *held("甲大学", "乙公司", keeper_at=0), told({"name": "乙公司"})
    )  # the co-owner is not the keeper
    assert KEEPER not in other.holds
    for_others = handed_over(*held("甲大学", keeper_at=None), told({"name": "甲大学"}))
    assert KEEPER not in for_others.holds


def test_a_change_of_data_renames_who_held_before() -> None:
    """ST-HOLDERS: in their order, unless another credit code says that it is somebody else."""
    before = Keeping([{"name": "甲学院"}, {"name": "乙公司"}], KEEPER, CODE)
    renamed = handed_over(before, 0, told({"name": "甲大学"}, {"name": "乙公司"}), is_assigned=False)
    assert (renamed.organization_id, renamed.holds) == (KEEPER, {KEEPER})
    assert [holder["name"] for holder in renamed.holders] == ["甲大学", "乙公司"]
    other = {"name": "甲大学", "uscc": factories.uscc()}
    for changed in (
        handed_over(before, 0, told(other, {"name": "乙公司"}), is_assigned=False),
        handed_over(before, 0, told({"name": "甲大学"}), is_assigned=False),  # one of two: who, nobody says
        handed_over(before, 0, told({"name": "甲大学"}, {"name": "乙公司"})),
    ):
        assert KEEPER not in changed.holds
    swapped = handed_over(before, 0, told({"name": "乙公司"}, {"name": "甲学院"}), is_assigned=False)
    assert swapped.holders[1] == {"organization_id": KEEPER, "name": "甲学院"}


def test_a_list_does_not_write_over_a_registered_transfer() -> None:
    recorded = [{"name": "乙公司"}]
    no = holders_are_registered(DAY, recorded, [{"name": "甲大学"}])
    assert no is not None
    assert (no.rule, no.pointer) == ("HOLDER-REGISTERED", "/holders")
    assert "乙公司" in no.message.zh
    assert holders_are_registered(DAY, recorded, [{"name": "乙公司", "uscc": CODE}]) is None
    assert holders_are_registered(None, recorded, [{"name": "甲大学"}]) is None


def test_new_holders_named_by_an_id_are_organizations_of_the_platform() -> None:
    no = holders_are_here([None, "org_nobody"], {BUYER})
    assert no is not None
    assert (no.rule, no.pointer) == ("EV-HOLDER", "/detail/holders/1/organization_id")
    assert holders_are_here([None, BUYER], {BUYER}) is None


def test_the_last_event_by_its_day_says_who_holds() -> None:
    first = Event(EventCode.TRANSFER, DAY, EventSource.REGISTER, EventDetail(holders=told({"name": "乙公司"})))
    later = Event(
        EventCode.HOLDER_CHANGE, date(2025, 9, 1), EventSource.REGISTER, EventDetail(holders=told({"name": "丙公司"}))
    )
    unnamed = Event(EventCode.TRANSFER, date(2025, 10, 1), EventSource.REGISTER)
    for order in ([first, later, unnamed], [unnamed, later, first]):
        standing = fold(order)
        assert [holder.name for holder in standing.holders or ()] == ["丙公司"]
        assert standing.held_since == date(2025, 9, 1)
        assert standing.restored(standing.stored()) == standing
    assert fold([unnamed]).holders is None


def test_holders_stand_on_events_that_change_hands_only_and_make_a_whole() -> None:
    detail = EventDetail(holders=told({"name": "乙公司"}))
    for code in (EventCode.TRANSFER, EventCode.HOLDER_CHANGE, EventCode.EQUITY_CONTRIBUTION):
        assert particulars_fit(code, detail) is None
    no = particulars_fit(EventCode.LAPSE, detail)
    assert no is not None
    assert no.pointer == "/detail/holders"
    with pytest.raises(ValidationError):
        EventDetail(holders=told({"name": "甲", "share": "60"}, {"name": "乙", "share": "30"}))
