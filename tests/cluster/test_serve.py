"""The platform with its index on shards: as embedded, through changes, a killed process and the loss of a shard."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.matching.service import cluster as cluster_
from services.matching.service import indexing
from services.matching.service.cluster import Shards
from shared.contracts.matching import MatchQuery
from shared.launcher import free_port
from tests.cluster.test_cluster import whereabouts, written
from tests.e2e.processes import Served, alive, command, environment, made
from tests.integration.test_index import NEEDS, Replica, act_often, mover, replica
from tests.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Open = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
async def one_loop(anyio_backend: object) -> AsyncIterator[None]:
    """As in tests/integration."""
    yield


@pytest.fixture
def opened(cluster: Any, new_database: Callable[..., str], tmp_path: Path) -> Open:
    """Opens the platform on shards, and an embedded index that follows the same catalog."""

    @asynccontextmanager
    async def open_(**settings: Any) -> AsyncIterator[tuple[World, Replica]]:
        on = {"ray": cluster.address, "shards": 2, **settings}
        async with World.open(new_database(), tmp_path / "home", matching=on) as world:
            async with replica(world, tmp_path / "embedded") as embedded:
                yield world, embedded

    return open_


def shards_of(world: World) -> Shards:
    shelf = world.house.matching.indexing.index.shelf
    assert isinstance(shelf, Shards)
    return shelf


async def equal(world: World, embedded: Replica) -> None:
    """Both have followed to the end and give the same bytes, index_version included."""
    await embedded.until_current()
    matching = world.house.matching
    async with asyncio.timeout(30):
        await matching.indexing.reached(embedded.indexing.position)
    asked = [await matching.rankings.query(MatchQuery(title=need, limit=100)) for need in NEEDS]
    assert [answer.model_dump_json().encode() for answer in asked] == await embedded.answers()


async def test_the_platform_on_shards_answers_as_an_embedded_index_through_changes_and_a_killed_process(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_, "JOURNAL", 10)
    async with opened() as (world, embedded):
        assert len(shards_of(world).lying) == 2
        assert len(world.house.matching.indexing.index) > 200
        await equal(world, embedded)
        moving = await mover(world, 0)
        await act_often(moving, 12)
        await equal(world, embedded)

        os.kill(whereabouts(shards_of(world), 1)["pid"], signal.SIGKILL)
        await equal(world, embedded)
        await act_often(moving, 6)
        await equal(world, embedded)

        written(shards_of(world))
        assert not (tmp_path / "home" / "index").exists()
        assert list((tmp_path / "home" / "index-shards").glob("shards-*"))
        pids = [whereabouts(shards_of(world), number)["pid"] for number in (0, 1)]
    async with asyncio.timeout(20):  # the platform has stopped, and its shards with it
        while any(map(alive, pids)):
            await asyncio.sleep(0.1)
    assert not list((tmp_path / "home" / "index-shards").glob("shards-*"))


async def test_a_lost_shard_is_built_again_from_the_snapshot_and_503_until_then(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_, "JOURNAL", 10)
    monkeypatch.setattr(indexing, "WAIT_S", 1.0)
    async with opened(shards_folder=tmp_path / "seen by all") as (world, embedded):
        sme, before = await world.demo("sme"), shards_of(world)
        await act_often(await mover(world, 1), 12)
        await equal(world, embedded)
        written(shards_of(world))
        lost = whereabouts(shards_of(world), 0)["pid"]
        for folder in (tmp_path / "seen by all").glob("shards-*"):
            shutil.rmtree(folder)
        os.kill(lost, signal.SIGKILL)

        async def asked() -> int:
            return (await sme.post("/v1/match-queries", json={"title": NEEDS[0]})).status_code

        statuses = [await asked()]
        async with asyncio.timeout(90):
            while statuses[-1] != 200 or shards_of(world).actors is before.actors:
                await asyncio.sleep(0.1)
                statuses.append(await asked())
        assert statuses[0] == 503
        assert set(statuses) == {200, 503}
        await world.until_ready()
        await equal(world, embedded)
        run = await sme.made("/v1/match-runs", {})  # nor do the other loops stay with what is gone
        async with asyncio.timeout(30):
            while (await sme.read(f"/v1/match-runs/{run['id']}"))["state"] != "DONE":
                await asyncio.sleep(0.1)


async def test_a_run_whose_index_is_gone_goes_on_with_the_present_one(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as (world, _):
        sme, runs = await world.demo("sme"), world.house.matching.runs
        state = await world.house.matching.rankings.state()
        gone = Shards.empty(world.configuration.home / "gone", 1)
        gone.actors.close()
        need = await sme.made("/v1/needs", {"title": NEEDS[0]})
        await sme.made(f"/v1/needs/{need['id']}/publication")
        run = await sme.made("/v1/match-runs", {"needs": {"of": "OWN", "ids": [need["id"]]}})
        runs._pinned = run["id"], replace(state, index=replace(state.index, shelf=gone))
        async with asyncio.timeout(30):
            while (run := await sme.read(f"/v1/match-runs/{run['id']}"))["state"] != "DONE":
                await asyncio.sleep(0.1)
        assert run["counts"]["done"] == 1


# As a person starts it


def test_serve_with_an_index_on_shards_answers_and_stops_at_once(cluster: Any, tmp_path: Path) -> None:
    served = Served(tmp_path / "home", DUIJIE_MATCHING_RAY=cluster.address, DUIJIE_MATCHING_SHARDS="2")
    try:
        served.start()
        served.until_ready(120)
        with served.demo("sme") as sme:
            assert made(sme, "/v1/match-queries", {"title": NEEDS[0], "limit": 3})["items"]
        code, seconds = served.end()
        assert code == 0, served.output()
        assert seconds < 10
    finally:
        served.stop()


def test_serve_without_its_cluster_stops_with_one_line(cluster: Any, tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    env = environment(tmp_path / "home", free_port(), DUIJIE_MATCHING_RAY=nowhere, DUIJIE_SAMPLE="0")
    done = command("serve", env=env)
    assert done.returncode == 7, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"duijie: no Ray cluster to join at {nowhere} (")
    assert "ray start" in line
