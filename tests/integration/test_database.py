"""What the two ways to the database promise, and what callers see when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db import POOL_SIZE, Database, last
from shared.errors import Unavailable
from tests import factories

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, "catalog")
    yield database
    await database.close()


async def marks(db: Database) -> list[str]:
    async with db.read() as tx:
        return list(await tx.scalars(text("SELECT name FROM mark ORDER BY name")))


MARK = text("INSERT INTO mark (name, at) VALUES (:name, now())")


@pytest.mark.parametrize("statement", ["INSERT INTO mark VALUES ('x', now())", "DELETE FROM mark", "DROP TABLE mark"])
async def test_a_reading_connection_cannot_write(db: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with db.read() as tx:
            await tx.execute(text(statement))
    assert await marks(db) == []


async def test_an_error_undoes_the_whole_transaction(db: Database) -> None:
    with pytest.raises(LookupError):
        async with db.write() as tx:
            await tx.execute(MARK, {"name": "lost"})
            raise LookupError
    async with db.write() as tx:
        await tx.execute(MARK, {"name": "kept"})
    assert await marks(db) == ["kept"]


async def test_a_connection_acts_in_the_role_of_its_service(db: Database) -> None:
    async with db.read() as tx:
        assert await tx.scalar(text("SELECT current_user")) == "duijie_catalog"
        with pytest.raises(DBAPIError, match="permission denied for schema matching"):
            await tx.execute(text("SELECT * FROM matching.need"))


def end_connections(url: str, *, shut: bool) -> None:
    """End every session of a database; `shut` lets no new ones in."""
    name = url.rpartition("/")[2]
    with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not shut}")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


async def test_a_transaction_whose_connection_ends_is_unavailable_and_undone(db: Database) -> None:
    with pytest.raises(Unavailable):
        async with db.write() as tx:
            await tx.execute(MARK, {"name": "lost"})
            await asyncio.to_thread(end_connections, db.url, shut=False)
            await tx.execute(MARK, {"name": "after"})
    assert await marks(db) == [], "connections that ended as well are tried before they are used"


async def test_an_outage_is_told_once_and_not_by_every_connection_that_it_ended(db: Database) -> None:
    everybody = asyncio.Barrier(POOL_SIZE)

    async def reads() -> None:
        async with db.read() as tx:
            await everybody.wait()  # so each has a connection of its own
            await tx.execute(text("SELECT 1"))

    async def writes(name: str) -> None:
        async with db.write() as tx:
            await everybody.wait()
            await tx.execute(MARK, {"name": name})

    async def use_all(when: str) -> None:
        await asyncio.gather(*(reads() for _ in range(POOL_SIZE)))
        await asyncio.gather(*(writes(f"{when} {number}") for number in range(POOL_SIZE)))

    await use_all("before")
    await asyncio.to_thread(end_connections, db.url, shut=False)
    with pytest.raises(Unavailable):
        await marks(db)
    await use_all("after")
    assert len(await marks(db)) == 2 * POOL_SIZE


async def test_what_waits_for_the_last_trip_is_undone_with_the_rest_and_never_said_by_another(db: Database) -> None:
    """A word that cannot be said undoes the transaction; one of a transaction that was undone is forgotten."""
    mark, nonsense = "INSERT INTO mark (name, at) VALUES (%(name)s, now())", "SELECT 1 / %(number)s"
    with pytest.raises(psycopg.DataError):
        async with db.write() as tx:
            await tx.execute(MARK, {"name": "before"})
            last(tx, mark, {"name": "said"})
            last(tx, nonsense, {"number": 0})
    with pytest.raises(LookupError):
        async with db.write() as tx:
            last(tx, mark, {"name": "forgotten"})
            raise LookupError
    assert await marks(db) == []
    async with db.write() as tx:
        last(tx, mark, {"name": "second"})
        await tx.execute(MARK, {"name": "first"})
    assert sorted(await marks(db)) == ["first", "second"]


async def test_a_connection_that_ended_before_the_last_trip_is_unavailable_and_undone(db: Database) -> None:
    with pytest.raises(Unavailable, match="with the same Idempotency-Key it is done once"):
        async with db.write() as tx:
            await tx.execute(MARK, {"name": "lost"})
            last(tx, "INSERT INTO mark (name, at) VALUES (%(name)s, now())", {"name": "lost too"})
            await asyncio.to_thread(end_connections, db.url, shut=False)
    assert await marks(db) == [], "connections that ended as well are tried before they are used"


async def test_without_its_database_the_platform_answers_503_and_heals_by_itself(
    new_world: Callable[..., Any], database_url: str
) -> None:
    async with new_world(url=database_url) as world:
        university, anyone = await world.organization(), world.anyone()
        need = {"title": "铝件铣到薄壁的地方老是抖"}
        await asyncio.to_thread(end_connections, database_url, shut=True)
        for _ in range(3):
            listed = await anyone.get("/v1/listings")
            assert listed.status_code == 503
            assert listed.headers["content-type"] == "application/problem+json"
            assert listed.headers["retry-after"] == "1"
            assert (await university.post("/v1/needs", json=need)).status_code == 503
        assert (await world.http.get("/readyz")).status_code == 503
        assert (await world.http.get("/healthz")).status_code == 200

        await asyncio.to_thread(end_connections, database_url, shut=False)
        await world.until_ready()
        assert (await anyone.get("/v1/listings")).status_code == 200
        for _ in range(3):  # the first write of each service may meet a pooled connection that has ended
            await university.post("/v1/patents", json=factories.a_patent())
            await university.post("/v1/needs", json=need)
        title = "海带苗绳的自动夹苗机"
        listing = await world.published(university, patent={"title": title})
        await world.found(listing["id"], title, within_s=15)  # the loops come back with their back-off


async def test_who_is_at_work_when_a_service_stops_ends_it_and_no_connection_is_left_open(database_url: str) -> None:
    database = Database(database_url, "catalog")
    begun = asyncio.Event()

    async def work() -> None:
        async with database.write() as tx:
            await tx.execute(MARK, {"name": "begun"})
            begun.set()
            await tx.execute(text("SELECT pg_sleep(0.2)"))

    working = asyncio.create_task(work())
    await begun.wait()
    await database.close()
    assert working.done()
    with pytest.raises(Unavailable, match="stopping"):
        async with database.read():
            pass
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT name FROM catalog.mark").fetchall() == [("begun",)]
        (left,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone() or (None,)
    assert left == 0


@pytest.mark.parametrize("plans_anew", [True, False])
async def test_a_plan_made_for_a_small_table_is_not_kept_for_a_large_one(database_url: str, plans_anew: bool) -> None:
    """Of an import's connections; elsewhere PostgreSQL keeps it, and saves the planning."""
    database = Database(database_url, "catalog", plans_anew=plans_anew)
    looked = text("SELECT name FROM mark WHERE name = ANY(CAST(:names AS text[]))")
    read = text("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relid = 'mark'::regclass")
    async with database.write() as tx:
        await tx.execute(MARK, {"name": "first"})
        await tx.execute(text("ANALYZE mark"))
        for _ in range(12):
            await tx.execute(looked, {"names": ["first"]})
        await tx.execute(text("INSERT INTO mark SELECT 'm' || n, now() FROM generate_series(1, 20000) AS n"))
        before = await tx.scalar(read)
        await tx.execute(looked, {"names": ["m777"]})
        assert ((await tx.scalar(read)) - before > 10_000) is not plans_anew
    await database.close()
