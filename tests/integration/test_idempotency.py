"""Keys of acts, when the act is broken off in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests import factories
from tests.world import World

pytestmark = pytest.mark.anyio


def query(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, values).fetchall()


async def kill_who_waits(url: str) -> None:
    """End the one session that waits for a row's lock."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not (found := await asyncio.to_thread(query, url, waiting)):
            await asyncio.sleep(0.01)
    await asyncio.to_thread(query, url, "SELECT pg_terminate_backend(%s)", found[0][0])


async def test_an_act_that_crashed_after_claiming_its_key_leaves_no_key_and_is_done_once_by_the_retry(
    new_world: Callable[..., Any], database_url: str
) -> None:
    async with new_world(url=database_url) as world:
        university = await world.organization()
        patent = await university.made("/v1/patents", factories.a_patent())
        listing = await university.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
        act, key = f"/v1/listings/{listing['id']}/submission", "submission-1"

        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT 1 FROM catalog.listing WHERE id = %s FOR UPDATE", [listing["id"]])
            sent = asyncio.create_task(university.post(act, key=key, json={}))
            await kill_who_waits(database_url)
            broken = await sent
        assert broken.status_code == 503
        count = "SELECT count(*) FROM catalog.idempotency WHERE key = %s"
        assert query(database_url, count, key) == [(0,)]
        assert (await university.read(f"/v1/listings/{listing['id']}"))["state"] == "DRAFT"

        done = await university.post(act, key=key, json={})
        again = await university.post(act, key=key, json={})
        assert (done.status_code, again.status_code) == (200, 200)
        assert "idempotency-replayed" not in done.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert again.content == done.content
        acts = query(database_url, "SELECT act FROM catalog.listing_act WHERE listing_id = %s", listing["id"])
        assert sorted(acts) == [("publication",), ("submission",)]


async def test_a_refused_act_may_be_tried_again_under_its_key_when_the_reason_is_gone(world: World) -> None:
    university, operator = await world.organization(), await world.demo("operator")
    patent = await university.made("/v1/patents", factories.a_patent())
    listing = await university.made("/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    events, act = f"/v1/patents/{patent['id']}/legal-events", f"/v1/listings/{listing['id']}/submission"
    await operator.made(events, {"code": "LAPSE", "occurred_on": "2025-07-01", "source": "REGISTER"})
    refused = await university.post(act, key="submission-2", json={})
    assert refused.status_code == 409
    assert [no["rule"] for no in refused.json()["violations"]] == ["LS-NOT-IN-FORCE"]

    await operator.made(events, {"code": "RESTORATION", "occurred_on": "2025-08-01", "source": "REGISTER"})
    done = await university.post(act, key="submission-2", json={})
    assert done.status_code == 200
    assert done.json()["state"] == "PUBLISHED"
