"""A portfolio at once: screened, offered, taken stock of, held against demand."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from python_calamine import CalamineWorkbook

from tests import factories
from tests.contract.support import bearing, problem, service_token
from tests.world import Api, World

pytestmark = pytest.mark.anyio


async def screened(owner: Api, **criteria: Any) -> dict[str, Any]:
    """A screening that has come to its end."""
    run = await owner.made("/v1/screening-runs", {"criteria": criteria})
    for _ in range(400):
        run = await owner.read(f"/v1/screening-runs/{run['id']}")
        if run["state"] == "DONE":
            return run
        await asyncio.sleep(0.05)
    raise AssertionError(run)


async def results(owner: Api, run: dict[str, Any], **filters: Any) -> list[dict[str, Any]]:
    return (await owner.read(f"/v1/screening-runs/{run['id']}/results", params={"limit": 100, **filters}))["items"]


async def test_a_screening_scores_what_is_unused_and_says_why_the_rest_is_not(world: World) -> None:
    owner, operator = await world.organization(), await world.demo("operator")
    fresh = (await owner.made("/v1/patents", factories.a_patent(title="新授权的方法", grant_date="2026-05-01")))["id"]
    old = factories.a_patent(title="将到期的方法", filing_date="2007-12-01", grant_date="2010-01-01")
    ending = (await owner.made("/v1/patents", old))["id"]
    used = (await owner.made("/v1/patents", factories.a_patent(title="已许可的方法")))["id"]
    event = {"code": "LICENSE_RECORDED", "occurred_on": "2025-09-01", "source": "REGISTER"}
    detail = {"license_type": "ORDINARY", "until": "2025-12-31"}
    await operator.made(f"/v1/patents/{used}/legal-events", {**event, "detail": detail})

    run = await screened(owner, demand=False)
    assert run["counts"]["total"] == run["counts"]["done"] == 3
    assert run["counts"]["tiers"]["EXCLUDED"] == 2
    assert run["counts"]["excluded"] == {"TERM_SHORT": 1, "USED": 1}
    found = {result["patent_id"]: result for result in await results(owner, run)}
    best = found[fresh]
    assert next(iter(found)) == fresh and best["tier"] in ("A", "B", "C")
    assert best["score"] == pytest.approx(sum(reason["points"] for reason in best["reasons"]))
    assert {reason["code"] for reason in best["reasons"]} == {"YEARS_LEFT", "MAINTENANCE", "TYPE"}
    assert [reason["code"] for reason in found[ending]["reasons"]] == ["TERM_SHORT"]
    assert found[ending]["score"] is None and "整年" in found[ending]["reasons"][0]["message"]
    english = await owner.read(
        f"/v1/screening-runs/{run['id']}/results?tier=EXCLUDED", headers={"Accept-Language": "en"}
    )
    assert {reason["message"] for item in english["items"] for reason in item["reasons"]} == {
        "only 1 full years of its term are left", "used already: LICENSED"
    }  # fmt: skip

    again = await screened(owner, demand=False)
    assert [(r["patent_id"], r["score"], r["reasons"]) for r in await results(owner, again)] == [
        (r["patent_id"], r["score"], r["reasons"]) for r in await results(owner, run)
    ]


async def test_a_screening_goes_out_as_a_file_best_first(world: World) -> None:
    university = await world.organization()
    for title in ("=开沟器", "覆土器"):
        await university.made("/v1/patents", factories.a_patent(title=title))
    lapsed = await university.made("/v1/patents", factories.a_patent(title="失效的播种轮"))
    operator = await world.demo("operator")
    event = {"code": "ABANDONMENT", "occurred_on": "2026-01-05", "source": "REGISTER"}
    await operator.made(f"/v1/patents/{lapsed['id']}/legal-events", event)
    run = await screened(university)
    at = f"/v1/screening-runs/{run['id']}/results/export"
    listed = await results(university, run)
    sent = await university.get(at, params={"format": "ndjson"}, headers={"Accept-Language": "en"})
    said = [json.loads(line) for line in sent.text.splitlines()]
    assert [row["patent_id"] for row in said] == [item["patent_id"] for item in listed]
    assert [row["score"] for row in said] == [item["score"] for item in listed]
    assert all(len(row["reasons"]) == len(item["reasons"]) for row, item in zip(said, listed, strict=True))
    sheet = (await university.get(at, params={"format": "csv", "tier": "EXCLUDED"})).content.decode("utf-8-sig")
    heads, only = csv.reader(io.StringIO(sheet))
    assert heads[:2] == ["等级", "得分"] and only[0] == "排除" and only[4] == "失效的播种轮"
    book = (await university.get(at)).content
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
    assert {row[4] for row in rows[1:]} == {"'=开沟器", "覆土器", "失效的播种轮"}
    stranger = await world.organization()
    problem(await stranger.get(at), 404)


async def test_a_screening_asks_how_many_open_needs_a_patent_answers(world: World) -> None:
    owner, firm = (
        await world.organization(),
        await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303")),
    )
    wanted = factories.a_patent(
        title="一种珐琅搪瓷锅底裂纹超声检测方法", abstract="超声检测珐琅搪瓷锅底的裂纹。", ipc=["G01N29/04"]
    )
    unwanted = factories.a_patent(title="一种蚕茧缫丝索绪机构", abstract="缫丝索绪。", ipc=["D01B7/00"])
    ids = [(await owner.made("/v1/patents", facts))["id"] for facts in (wanted, unwanted)]
    need = await firm.made(
        "/v1/needs", factories.a_need(title="珐琅搪瓷锅底裂纹怎么用超声检测", description="搪瓷锅底裂纹超声检测方法。")
    )
    await firm.made(f"/v1/needs/{need['id']}/publication")
    for _ in range(100):
        run = await screened(owner)
        found = {result["patent_id"]: result for result in await results(owner, run)}
        if found[ids[0]]["needs"]:
            break
        await asyncio.sleep(0.1)
    assert found[ids[0]]["needs"] >= 1 and found[ids[1]]["needs"] == 0
    assert found[ids[0]]["score"] > found[ids[1]]["score"]
    assert len(run["needs_versions"]) == 1
    few = await screened(owner, needs_at_least=1)
    assert few["counts"]["excluded"] == {"FEW_NEEDS": 1}


async def test_offers_are_made_from_a_screening_and_none_twice(world: World) -> None:
    owner = await world.organization()
    facts = [factories.a_patent(title=f"批量挂牌的方法{n}") for n in range(3)]
    co_owned = factories.a_patent(holders=[{"name": "测试大学"}, {"name": "共有公司"}], title="共有的方法")
    ids = [(await owner.made("/v1/patents", each))["id"] for each in [*facts, co_owned]]
    run = await screened(owner, demand=False)
    at = f"/v1/screening-runs/{run['id']}/listings"
    template = {"modes": ["ORDINARY", "SOLE"], "pricing": {"fee_type": "FREE"}, "trl": 6}
    batch = {"tiers": ["A", "B", "C"], "template": template, "submit": True}
    dry = await owner.post(at, json={**batch, "dry_run": True})
    assert dry.status_code == 200 and dry.json()["created"] == 0
    refused = [item for item in dry.json()["items"] if item["violations"]]
    assert [item["patent_id"] for item in refused] == [ids[3]]
    assert refused[0]["violations"][0]["rule"] == "CO-CONSENT"
    assert (await owner.read("/v1/listings?mine=true"))["items"] == []

    some = await owner.made(at, {**batch, "limit": 2})
    assert (some["created"], some["remaining"]) == (2, 2)
    rest = await owner.made(at, batch)
    assert (rest["created"], rest["left_alone"], rest["remaining"]) == (2, 2, 0)
    assert some["published"] + rest["published"] == 3
    states = {item["patent_id"]: item["state"] for item in [*some["items"], *rest["items"]]}
    assert states == {**dict.fromkeys(ids[:3], "PUBLISHED"), ids[3]: "DRAFT"}
    none = await owner.made(at, batch)
    assert (none["created"], none["left_alone"]) == (0, 4)
    title = "批量挂牌的方法0"
    listing = next(item["listing_id"] for item in [*some["items"], *rest["items"]] if item["patent_id"] == ids[0])
    await world.found(listing, title)
    assert (await owner.read(f"/v1/listings/{listing}"))["trl"] == 6


async def test_patents_chosen_by_hand_are_offered_from_one_template_and_none_twice(world: World) -> None:
    owner, stranger = await world.organization(), await world.organization()
    ids = [(await owner.made("/v1/patents", factories.a_patent(title=f"手选的方法{n}")))["id"] for n in range(2)]
    template = {"pricing": {"fee_type": "LUMP_SUM", "amount": "20000.00", "deferred_to": "FIRST_SALE"}, "trl": 7}
    batch = {"patent_ids": [ids[1], ids[0], ids[1]], "template": template, "submit": True}
    dry = await owner.post("/v1/listing-batches", json={**batch, "dry_run": True})
    assert (dry.status_code, dry.json()["created"], len(dry.json()["items"])) == (200, 0, 2)
    made = await owner.made("/v1/listing-batches", batch)
    assert (made["created"], made["published"], made["left_alone"]) == (2, 2, 0)
    assert [item["patent_id"] for item in made["items"]] == [ids[1], ids[0]]
    listing = await owner.read(f"/v1/listings/{made['items'][0]['listing_id']}")
    assert (listing["trl"], listing["pricing"]["deferred_to"]) == (7, "FIRST_SALE")
    again = await owner.made("/v1/listing-batches", batch)
    assert (again["created"], again["left_alone"]) == (0, 2)
    problem(await stranger.post("/v1/listing-batches", json=batch), 404)
    twice = {**batch, "template": {**template, "modes": ["OPEN"], "pricing": {"fee_type": "FREE", "sme_only": True}}}
    assert problem(await owner.post("/v1/listing-batches", json=twice), 422)["violations"][0]["rule"] == "OL-ANYONE"


async def test_a_screening_is_its_owners_and_can_be_removed(world: World) -> None:
    owner, stranger = await world.organization(), await world.organization()
    await owner.made("/v1/patents", factories.a_patent())
    run = await screened(owner, demand=False)
    at = f"/v1/screening-runs/{run['id']}"
    for path in (at, f"{at}/results", f"{at}/events"):
        problem(await stranger.get(path), 404)
    problem(await stranger.send("DELETE", at), 404)
    stream = await owner.get(f"{at}/events")
    assert '"state":"DONE"' in stream.text.replace(" ", "")
    assert (await owner.send("DELETE", at)).status_code == 204
    problem(await owner.get(at), 404)


@pytest.mark.parametrize(
    "criteria",
    [
        {"weights": dict.fromkeys(["years_left", "maintenance", "demand", "type", "stars"], 0)},
        {"needs_at_least": 3, "demand": False},
        {"ipc": ["Z99"]},
        {"years_left_at_least": 21},
        {"acts": ["SELL"]},
        {"unknown": 1},
    ],
)
async def test_criteria_that_make_no_sense_are_refused(world: World, criteria: dict[str, Any]) -> None:
    owner = await world.organization()
    problem(await owner.post("/v1/screening-runs", json={"criteria": criteria}), 422)


async def test_an_inventory_goes_from_stars_to_the_pool(world: World) -> None:
    owner = await world.organization()
    numbers = [factories.application_number() for _ in range(3)]
    ids = [(await owner.made("/v1/patents", factories.a_patent(application_number=n)))["id"] for n in numbers]
    asked = {"name": "2026 年存量盘点", "begins_on": "2026-01-01", "ends_on": "2026-06-30", "ipc": ["B23"]}
    campaign = await owner.made("/v1/inventory-campaigns", asked)
    at = f"/v1/inventory-campaigns/{campaign['id']}"
    assert campaign["items"]["IMPORTED"] == 3

    rating = {"stars": 4, "rated_by": "机械学院", "trl": 6, "prospects": "可用于液压缸"}
    ratings = [
        {**rating, "patent": f"ZL{numbers[0]}"}, {**rating, "patent": ids[1], "stars": 2}, {**rating, "patent": "CN116999999B"}
    ]  # fmt: skip
    rated = await owner.made(f"{at}/self-ratings", {"items": ratings})
    assert rated["rated"] == 2
    assert [(no["index"], no["violations"][0]["rule"]) for no in rated["refused"]] == [(2, "INV-PATENT")]
    items = {item["patent_id"]: item for item in (await owner.read(f"{at}/items"))["items"]}
    assert [items[id_]["stars"] for id_ in ids] == [4, 2, None]

    first = f"/v1/inventory-items/{items[ids[0]]['id']}"
    early = await owner.post(f"{first}/decision", json={"outcome": "IN_POOL"})
    assert [v["rule"] for v in problem(early, 409)["violations"]] == ["INV-STATE"]
    silent = await owner.post(f"{first}/review", json={"stars": 3})
    assert [v["rule"] for v in problem(silent, 409)["violations"]] == ["INV-STARS"]
    reviewed = await owner.made(f"{first}/review", {"stars": 3, "note": "市场较小"})
    assert (reviewed["state"], reviewed["stars"], reviewed["self_stars"]) == ("REVIEWED", 3, 4)
    pooled = await owner.made(f"{first}/decision", {"outcome": "IN_POOL"})
    assert pooled["state"] == "IN_POOL"
    shown = await owner.read(at)
    assert (shown["items"]["IN_POOL"], shown["items"]["SELF_RATED"], shown["stars"]["3"]) == (1, 1, 1)
    assert len((await owner.read(f"{at}/items?stars_at_least=3"))["items"]) == 1

    run = await screened(owner, demand=False, stars_at_least=3)
    assert run["counts"]["excluded"] == {"FEW_STARS": 2}
    (best,) = [result for result in await results(owner, run) if result["tier"] != "EXCLUDED"]
    assert "STARS" in {reason["code"] for reason in best["reasons"]}

    late = (await owner.made("/v1/patents", factories.a_patent()))["id"]
    assert (await owner.made(f"{at}/refresh"))["items"]["IMPORTED"] == 2
    closed = await owner.made(f"{at}/closing")
    assert closed["closed_at"]
    item = next(i for i in (await owner.read(f"{at}/items"))["items"] if i["patent_id"] == late)
    over = await owner.post(f"/v1/inventory-items/{item['id']}/self-rating", json=rating)
    assert [v["rule"] for v in problem(over, 409)["violations"]] == ["INV-STATE"]
    problem(await owner.post(f"{at}/closing"), 409)
    stranger = await world.organization()
    for path in (at, f"{at}/items", first):
        problem(await stranger.get(path), 404)
    problem(await stranger.post(f"{first}/self-rating", json=rating), 404)


async def test_supply_and_demand_are_counted_by_class_and_province(
    new_world: Callable[..., Any],
) -> None:
    async with new_world(sample=False) as world:
        await world.without_sample()
        owner = await world.organization()
        firm = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
        facts = {"region_code": "3701", "ipc": ["B23B29/02", "B23B5/00", "F15B15/00"], "title": "一种深孔镗削减振镗杆"}
        await world.published(owner, patent=facts)
        need = await firm.made(
            "/v1/needs",
            factories.a_need(title="镗深孔时镗杆发颤孔壁有波纹", description="镗孔加工", region_code="3703"),
        )
        await firm.made(f"/v1/needs/{need['id']}/publication")
        for _ in range(100):
            found = await owner.read("/v1/supply-demand?level=subclass")
            if any(cell["needs"] for cell in found["items"]):
                break
            await asyncio.sleep(0.1)
        cells = {(cell["ipc"], cell["region_code"]): (cell["patents"], cell["needs"]) for cell in found["items"]}
        assert (found["patents"], found["needs"]) == (1, 1)
        assert cells["F15B", "37"] == (1, 0)
        assert cells["B23B", "37"] == (1, 1)  # one patent in two groups of the subclass counts once
        table = await owner.get("/v1/supply-demand?level=section&format=csv")
        assert table.headers["content-type"].startswith("text/csv")
        assert "B,37,1," in table.text
        picture = await owner.get("/v1/supply-demand?format=svg", headers={"Accept-Language": "en"})
        assert picture.headers["content-type"].startswith("image/svg+xml")
        drawn = ElementTree.fromstring(picture.text)
        texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
        assert "Patents on offer against open needs" in texts and "1 / 1" in texts


async def test_demand_in_figures_is_for_services_only(world: World) -> None:
    sme = await world.demo("sme")
    problem(await sme.get("/demand-map"), 404)
    headers = bearing(service_token(world, "matching", of="catalog"))
    answer = await world.direct("matching").get("/demand-map", headers=headers)
    assert answer.status_code == 200 and answer.json()["needs"] >= 0
