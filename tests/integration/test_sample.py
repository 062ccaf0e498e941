"""The sample: what it promises of itself, as written and as loaded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from services.catalog.service.sample import entries
from services.licensing import models
from shared.contracts.catalog import LegalState
from shared.contracts.values import PatentType
from tests import factories
from tests.deals import Bank, Case, Talks, a_transfer
from tests.world import Api, World

pytestmark = pytest.mark.anyio

ENTRIES = list(entries())


def check_character(digits: str) -> str:
    """ZC 0006-2003: weights 2 to 9, again from 2, modulo 11; ten is X."""
    total = sum(int(digit) * (2 + place % 8) for place, digit in enumerate(digits))
    return "0123456789X"[total % 11]


async def all_of(api: Api, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = await api.read(path + (f"&after={after}" if after else ""))
        items += page["items"]
        after = page["next"]
        if after is None:
            return items


def test_the_sample_is_wide() -> None:
    assert len(ENTRIES) >= 240
    divisions = {code for entry in ENTRIES if entry["listing"] for code in entry["listing"]["industry_codes"]}
    assert len(divisions) >= 15
    assert {entry["legal"] for entry in ENTRIES} == set(LegalState)
    assert {entry["patent_type"] for entry in ENTRIES} == set(PatentType)


def test_every_entry_is_a_patent_of_its_own() -> None:
    for field in ("key", "title", "application_number"):
        assert len({entry[field] for entry in ENTRIES}) == len(ENTRIES), field
    published = [entry["publication_number"] for entry in ENTRIES if entry["publication_number"]]
    assert len(set(published)) == len(published)


def faults(entry: dict[str, Any]) -> list[str]:
    """What is wrong with an entry's numbers; the standards ZC 0006 and ZC 0007 in short."""
    digits, granted_as = {"INVENTION": ("18", "B"), "UTILITY_MODEL": ("29", "U"), "DESIGN": ("3", "S")}[
        entry["patent_type"]
    ]
    number = re.fullmatch(r"(\d{4})(\d)\d{7}\.([\dX])", entry["application_number"])
    if number is None:
        return ["not of the form YYYYTNNNNNNN.C"]
    published = entry["publication_number"]
    kind = granted_as if entry["grant_date"] else "A"
    found = {
        "check character": number[3] == check_character(entry["application_number"][:12]),
        "type digit": number[2] in digits,
        "year": number[1] == entry["filing_date"][:4],
        "publication": re.fullmatch(rf"CN\d{{9}}{kind}", published) if published else kind == "A",
    }
    return [name for name, holds in found.items() if not holds]


def test_every_number_is_valid_and_fits_type_filing_and_grant() -> None:
    assert {entry["key"]: found for entry in ENTRIES if (found := faults(entry))} == {}


def test_every_holder_says_that_it_is_fictitious() -> None:
    names = {holder["name"] for entry in ENTRIES for holder in entry.get("co_holders") or []}
    names |= {entry["holder"] for entry in ENTRIES}
    assert len(names) >= 10
    assert [name for name in names if not name.endswith("（虚构）")] == []


async def test_loaded_patents_stand_today_where_their_entries_say(world: World) -> None:
    operator = await world.demo("operator")
    loaded = {
        patent["external_id"]: patent for patent in await all_of(operator, "/v1/patents?limit=100") if patent["sample"]
    }
    stands = {key: patent["legal_status"]["state"] for key, patent in loaded.items()}
    assert stands == {entry["key"]: entry["legal"] for entry in ENTRIES}
    for entry in ENTRIES:
        patent = loaded[entry["key"]]
        assert patent["application_number"] == entry["application_number"]
        assert all(holder["name"].endswith("（虚构）") for holder in patent["holders"])


async def test_every_listing_of_the_sample_is_on_offer_and_says_what_it_is(world: World) -> None:
    cards = await all_of(world.anyone(), "/v1/listings?limit=100&sample=true")
    offered = {card["titles"][0]: card for card in cards}
    assert offered.keys() == {entry["title"] for entry in ENTRIES if entry["listing"]}
    for card in cards:
        assert "SAMPLE" in card["labels"]
        assert ("STATUS_UNKNOWN" in card["labels"]) == (card["patents"][0]["legal_state"] == "UNKNOWN")
        assert all(name.endswith("（虚构）") for name in card["holders"])


# What a firm would say, the patent that helps it, and one that shares its words but not its trouble.
NEAR_MISSES = [
    ("铣刀什么时候磨损该换刀具，全靠师傅听声音", "小批量铣削刀具磨损判别", "杏鲍菇定长切根刀具"),
    ("豆粕发酵了喂小猪，想少买鱼粉", "豆粕饲料袋式固态发酵", "冷冻馒头生坯用酸面团发酵"),
    ("冬天零下植筋胶怎么早强，梁柱加固不停工，混凝土不能拆", "负温早强型环氧植筋胶", "早强免蒸养混凝土管片"),
    ("混凝土构件不通蒸汽也要早强，当天拆模", "早强免蒸养混凝土管片", "负温早强型环氧植筋胶"),
    ("镗深孔时镗杆振动，孔壁有波纹", "大长径比减振镗杆", "防堵孔弹球清网振动筛"),
    ("湿砂过振动筛老堵筛网", "防堵孔弹球清网振动筛", "切屑振动脱油与碎屑分级"),
]


@pytest.mark.parametrize(("need", "right", "wrong"), NEAR_MISSES, ids=[right for _, right, _ in NEAR_MISSES])
async def test_a_plain_need_finds_the_right_patent_before_one_that_only_shares_its_words(
    world: World, need: str, right: str, wrong: str
) -> None:
    sme = await world.demo("sme")
    ask = {"title": need, "limit": 100, "filters": {"sample": True}}
    ranked = await sme.made("/v1/match-queries", ask)
    titles = [item["listing"]["titles"][0] for item in ranked["items"]]
    (at,) = [place for place, title in enumerate(titles) if right in title]
    (beside,) = [place for place, title in enumerate(titles) if wrong in title]  # it does share words
    assert at < beside
    assert at < 3


async def test_the_samples_deals_go_with_the_sample_and_no_others(new_world: Callable[..., Any]) -> None:
    async with new_world() as world:
        operator, university, sme = [await world.demo(name) for name in ("operator", "university", "sme")]
        patent = (await university.made("/v1/patents", factories.a_patent()))["id"]
        talks = Talks(world, operator, university, sme, patent)
        await talks.checked(patent)
        request = await talks.notice(await talks.announced())
        await talks.settled(request, "30000.01")
        (paid,) = (await talks.seen(request))["payments"]
        await university.made(f"/v1/payments/{paid['id']}/refunds", a_transfer(world, "0.01", "R"))
        talks.patent = (await university.made("/v1/patents", factories.a_patent()))["id"]
        await talks.checked(talks.patent)
        await talks.offered(modes=["ORDINARY"])
        held = await talks.overdue(5, license_type="ORDINARY", pricing_way="MARKET_LISTING")
        demand = {"item_ids": [held["schedule"][0]["id"]], "pay_by": talks.day(30)}
        await university.made(f"/v1/licenses/{held['id']}/demands", demand)
        await talks.trial(await talks.standing())
        real = await Case.open(world)
        bank, kept = await Bank.open(real), await real.notice(await real.announced())
        assert (await bank.notify(a_transfer(world, "30000.00", request_id=kept["id"]))).status_code == 201
        anyone, path = world.anyone(), "/v1/open-license-declarations?sample=true&count=true"
        assert (await anyone.read(path))["count"] == 1
        assert (await operator.send("DELETE", "/v1/sample")).status_code == 200
        for _ in range(400):
            if (await anyone.read(path))["count"] == 0:
                break
            await asyncio.sleep(0.05)
        left = {}
        async with world.house.licensing.db.read() as tx:
            for table in models.meta.sorted_tables:
                if "is_sample" in table.c:
                    left[table.name] = await tx.scalar(select(func.count()).where(table.c.is_sample))
            counted = [models.payment, models.refund, models.due_item, models.demand, models.ledger_entry]
            rows = {table.name: await tx.scalar(select(func.count()).select_from(table)) for table in counted}
        assert left and not any(left.values()), left
        assert rows == {"payment": 1, "refund": 0, "due_item": 0, "demand": 0, "ledger_entry": 1}
        assert (await real.seen(kept))["state"] == "EFFECTIVE"
        assert (await anyone.read("/v1/open-license-declarations?count=true"))["count"] == 1
