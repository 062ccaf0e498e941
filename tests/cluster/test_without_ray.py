"""The extra is an extra: without it everything else works, and what needs it says so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.matching.service.cluster import ExtraMissing, Shards
from services.matching.settings import MatchingSettings
from shared.settings import SettingsRefused, read
from tests.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)


def test_shards_without_ray_name_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ExtraMissing, match="make ray"):
        Shards.empty(tmp_path, 2)


async def test_without_the_extra_the_platform_does_not_start_and_says_how_to_get_it(
    new_database: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(ExtraMissing, match="make ray"):
        async with World.open(new_database(), tmp_path, matching={"ray": "auto"}):
            raise AssertionError("it started")


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", "first.node:6379", "[fd00::1]:6379"])
def test_an_address_of_a_cluster_is_read(address: str) -> None:
    assert read(MatchingSettings, {"X_RAY": address, "X_SHARDS": "8"}, "X_") == MatchingSettings(ray=address, shards=8)


@pytest.mark.parametrize(
    ("name", "value"), [("RAY", "ray://10.0.0.1:10001"), ("RAY", "local"), ("RAY", "10.0.0.1"), ("SHARDS", "0")]
)
def test_what_is_no_cluster_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=f"X_{name}"):
        read(MatchingSettings, {f"X_{name}": value}, "X_")
