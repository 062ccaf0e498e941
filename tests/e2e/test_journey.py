"""The journeys of README, embedded."""

from __future__ import annotations

import math

import pytest

from tests import factories
from tests.world import World

pytestmark = pytest.mark.anyio


async def test_a_published_patent_answers_a_plain_need_with_its_reasons(world: World) -> None:
    university, sme = await world.organization(), await world.demo("sme")
    title = "木耳菌棒蒸汽灭菌的余热回收装置"
    listing = await world.published(university, patent={"title": title, "ipc": ["A01G18/00"]})
    assert listing["state"] == "PUBLISHED"
    await world.found(listing["id"], title)

    need = await sme.made("/v1/needs", factories.a_need(title="木耳菌棒灭菌太费蒸汽", description="余热想收回来用"))
    matches = await sme.read(f"/v1/needs/{need['id']}/matches?limit=5")

    best = matches["items"][0]
    assert best["listing"]["id"] == listing["id"]
    explanation = best["explanation"]
    weights = [part["weight"] for part in explanation["terms"] + explanation["other"]]
    assert {part["signal"] for part in explanation["other"]} >= {"characters", "class A01G"}
    assert math.isclose(math.fsum(weights), best["score"], rel_tol=0, abs_tol=1e-12)
    assert {"菌棒", "灭菌"} <= {term["term"] for term in best["explanation"]["terms"]}


async def test_a_withdrawn_listing_is_gone_within_a_second(world: World) -> None:
    university = await world.organization()
    title = "柳编提篮的蒸汽定型模架"
    listing = await world.published(university, patent={"title": title})
    await world.found(listing["id"], title)
    await university.made(f"/v1/listings/{listing['id']}/withdrawal")
    await world.found(listing["id"], title, gone=True)
    assert (await world.anyone().get(f"/v1/listings/{listing['id']}")).status_code == 404
