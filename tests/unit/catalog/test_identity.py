"""Which number names which patent, and which codes its record may carry."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.catalog.rules.codes import Region, classes_fit_type, region_in_use
from services.catalog.rules.holders import Keeping
from services.catalog.rules.identity import (
    Kept,
    Named,
    no_deal_is_cut_off,
    nobody_loses_it,
    one_patent,
    one_record,
    patent_number,
    records_agree,
    records_differ,
)
from services.catalog.rules.status import Event, fold
from services.catalog.service.reference import shipped_regions
from shared.contracts.catalog import EventCode, EventDetail, EventSource, LegalState, LicenseType
from shared.contracts.values import PatentType
from tests.unit.verdicts import verdict

NUMBER, OTHER = "202310123456.6", "202310000007.2"
PUBLISHED = Named(None, "CN116000001B", PatentType.INVENTION, "一种镗杆")
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (PUBLISHED, None),
        (PUBLISHED._replace(application_number=NUMBER), None),
        (PUBLISHED._replace(application_number=NUMBER, title="一种　镗杆 "), None),
        (PUBLISHED._replace(application_number=NUMBER, title="一种刀杆"), "PN-FACTS"),
        (PUBLISHED._replace(application_number=NUMBER, patent_type=PatentType.UTILITY_MODEL), "PN-FACTS"),
        (PUBLISHED._replace(title="一种刀杆"), None),  # no number to add: an ordinary correction
    ],
)
def test_an_application_number_joins_a_published_patent_where_the_facts_agree(told: Named, refused: str | None) -> None:
    assert verdict(one_patent, PUBLISHED, told) == refused


def test_a_record_keeps_its_application_number() -> None:
    recorded = PUBLISHED._replace(application_number=NUMBER)
    assert verdict(one_patent, recorded, recorded._replace(title="授权时改名")) is None
    assert verdict(one_patent, recorded, recorded._replace(application_number=OTHER)) == "PN-FACTS"


def test_two_records_for_one_patent_are_told_apart_by_hand() -> None:
    assert verdict(one_record, ["pat_1"]) is None
    assert verdict(one_record, ["pat_1", "pat_2"]) == "PN-SPLIT"


def kept(id_: str = "pat_1", **facts: Any) -> Kept:
    keeping = Keeping([{"name": "甲大学"}], "org_a", None)
    return Kept(id_, PUBLISHED, None, None, ["甲大学"], False, keeping, fold([]))._replace(**facts)


@pytest.mark.parametrize(
    ("one", "two", "refused"),
    [
        ({}, {"named": PUBLISHED._replace(publication_number=None, application_number=NUMBER)}, None),
        ({}, {"named": PUBLISHED._replace(publication_number="CN116000001A")}, None),  # the application's publication
        ({}, {"named": PUBLISHED._replace(publication_number="CN116000002B")}, "PN-MERGE"),
        ({}, {"named": PUBLISHED._replace(patent_type=PatentType.DESIGN)}, "PN-MERGE"),
        ({"filed_on": TODAY}, {"filed_on": None}, None),
        ({"filed_on": TODAY}, {"filed_on": date(2023, 1, 1)}, "PN-MERGE"),
        ({"granted_on": TODAY}, {"granted_on": date(2025, 1, 1)}, "PN-MERGE"),
        ({}, {"is_sample": True}, "PN-MERGE"),
    ],
)
def test_records_whose_facts_contradict_each_other_are_two_patents(
    one: dict[str, Any], two: dict[str, Any], refused: str | None
) -> None:
    assert verdict(records_agree, kept(**one), kept("pat_2", **two)) == refused
    assert verdict(records_agree, kept(**two), kept("pat_2", **one)) == refused


def test_what_is_licensed_stays_under_its_id() -> None:
    detail = EventDetail(license_type=LicenseType.ORDINARY)
    licensed = fold([Event(EventCode.LICENSE_RECORDED, TODAY, EventSource.REGISTER, detail, "evt_1")])
    plain, with_deal = kept(), kept("pat_2", standing=licensed)
    assert verdict(no_deal_is_cut_off, with_deal, plain, TODAY) is None
    assert verdict(no_deal_is_cut_off, plain, with_deal, TODAY) == "PN-DEALS"
    both = no_deal_is_cut_off(with_deal, with_deal, TODAY)
    assert both is not None
    assert both.cure is not None
    assert "both" in both.cure.en


def test_nobody_loses_a_patent_by_a_merger() -> None:
    def by(organization: str, *holders: dict[str, str], uscc: str | None = None) -> Kept:
        return kept(keeping=Keeping(holders, organization, uscc))

    mine = by("org_a", {"name": "甲大学"}, {"name": "乙公司", "uscc": "91"}, {"name": "丙", "organization_id": "org_c"})
    for other in (by("org_a"), by("org_b", uscc="91"), by("org_c")):
        assert verdict(nobody_loses_it, mine, other) is None
    assert verdict(nobody_loses_it, mine, by("org_b", uscc="92")) == "PN-KEEPER"
    assert verdict(nobody_loses_it, mine, by("org_b")) == "PN-KEEPER"


@pytest.mark.parametrize(
    ("two", "refused"),
    [
        ({"named": PUBLISHED._replace(title="一种　镗杆 ")}, None),
        ({"named": PUBLISHED._replace(title="一种刀杆")}, "PN-DIFFERS"),
        ({"holders": ["乙大学"]}, "PN-DIFFERS"),
    ],
)
def test_whoever_merges_looks_at_what_is_said_in_two_ways(two: dict[str, Any], refused: str | None) -> None:
    assert verdict(records_differ, kept(), kept("pat_2", **two)) == refused


@pytest.mark.parametrize(
    ("state", "shows_grant", "has_one"),
    [
        (LegalState.UNKNOWN, False, False),
        (LegalState.UNKNOWN, True, True),
        (LegalState.PENDING, False, False),
        (LegalState.PENDING, True, False),
        (LegalState.IN_FORCE, False, True),
        (LegalState.LAPSED_UNPAID_FEE, False, True),
        (LegalState.REFUSED, False, False),
        (LegalState.WITHDRAWN, True, False),
    ],
)
def test_a_patent_number_exists_from_the_grant_on(state: LegalState, shows_grant: bool, has_one: bool) -> None:
    given = patent_number(NUMBER, shows_grant=shows_grant, state=state)
    assert given == (f"ZL{NUMBER}" if has_one else None)
    assert patent_number(None, shows_grant=shows_grant, state=state) is None


@pytest.mark.parametrize(
    ("classes", "kind", "refused"),
    [
        (["B23Q11/00"], PatentType.INVENTION, None),
        (["B23Q11/00"], PatentType.UTILITY_MODEL, None),
        (["06-01"], PatentType.DESIGN, None),
        ([], PatentType.DESIGN, None),
        (["06-01", "B23Q"], PatentType.DESIGN, "IPC-TYPE"),
        (["B23Q", "06-01"], PatentType.INVENTION, "IPC-TYPE"),
        (["06-01"], PatentType.UTILITY_MODEL, "IPC-TYPE"),
    ],
)
def test_designs_have_locarno_classes_and_the_others_ipc(
    classes: list[str], kind: PatentType, refused: str | None
) -> None:
    assert verdict(classes_fit_type, classes, kind) == refused
    no = classes_fit_type(classes, kind)
    assert no is None or (no.severity == "WARN" and no.pointer in ("/ipc/0", "/ipc/1"))


def test_a_region_is_in_use_until_its_last_day() -> None:
    laiwu = Region("3712", "莱芜市", date(2018, 12, 31), ("370116", "莱芜区"))
    assert verdict(region_in_use, None, TODAY) == "REGION-UNKNOWN"
    assert verdict(region_in_use, Region("3701", "济南市"), TODAY) is None
    assert verdict(region_in_use, laiwu, date(2018, 12, 31)) is None
    assert verdict(region_in_use, laiwu, TODAY) == "REGION-OLD"
    no = region_in_use(laiwu, TODAY)
    assert no is not None and no.severity == "WARN" and no.cure is not None and "370116" in no.cure.en
    without = region_in_use(Region("110103", "崇文区", date(2010, 12, 31)), TODAY)
    assert without is not None and without.cure is not None and "acknowledge" in without.cure.en


def test_the_table_that_ships_knows_years_and_successors() -> None:
    regions = {line.code: line for line in shipped_regions()}
    assert len(regions) == len(shipped_regions()) > 6_000
    jinan, laiwu = regions["3701"], regions["3712"]
    assert (jinan.valid_from, jinan.valid_until, jinan.successor) == (None, None, None)
    assert (laiwu.valid_from, laiwu.valid_until) == (date(1992, 1, 1), date(2018, 12, 31))
    assert laiwu.successor == "370116" and regions["370116"].zh == "莱芜区"
    assert regions["110221"].successor == "110114"  # 昌平县 became 昌平区
    assert regions["5327"].successor == "5308"  # 思茅地区 became a city, which has another name by now
    assert regions["110103"].successor is None  # 崇文区 went into 东城区: no name tells that
    for line in regions.values():
        if line.successor:
            assert line.valid_until is not None and regions[line.successor].valid_until is None, line
        assert line.valid_from is None or line.valid_until is None or line.valid_from <= line.valid_until, line
