"""One PostgreSQL server per run, a clone of a migrated template per worker and world.

`world` is the whole platform in one process, shared by a worker's tests: each test makes the
organizations it needs. `new_world` builds one for a test that wants a database of its own.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import migrations
from services.matching.engine import kernels
from shared import log
from shared.launcher import EmbeddedPostgres
from tests.world import World

TEMPLATE = "template_duijie"


def pytest_configure(config: pytest.Config) -> None:
    log.configure("ERROR")
    if hasattr(config, "workerinput"):
        config.duijie_url = config.workerinput["duijie_url"]
        return
    folder = Path(tempfile.mkdtemp(prefix="duijie-tests-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder, durable=False, connections=400)
    url = server.start()
    config.add_cleanup(lambda: (server.stop(), shutil.rmtree(folder, ignore_errors=True)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrations.upgrade(dict.fromkeys(migrations.SERVICES, at(url, TEMPLATE)))
    kernels.warm()  # compiled once and kept; else each process of a fresh clone compiles for itself, all at once
    config.duijie_url = url


def pytest_configure_node(node: Any) -> None:
    node.workerinput["duijie_url"] = node.config.duijie_url


def at(url: str, name: str) -> str:
    return url.rsplit("/", 1)[0] + "/" + name


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    return request.config.duijie_url


@pytest.fixture(scope="session")
def new_database(server_url: str) -> Iterator[Callable[..., str]]:
    """Makes databases: clones of the migrated template, or empty ones."""
    made: list[str] = []

    def make(*, template: str | None = TEMPLATE) -> str:
        name = "test_" + secrets.token_hex(6)
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        made.append(name)
        return at(server_url, name)

    yield make
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    return new_database()


@pytest.fixture(scope="session")
async def world(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The platform with its sample, shared by the tests of a worker."""
    async with World.open(new_database(), tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture
async def new_world(new_database: Callable[..., str], tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens further worlds: `async with new_world(sample=False) as world`, or on a database and home given."""
    async with AsyncExitStack() as stack:

        @asynccontextmanager
        async def open_(*, url: str | None = None, home: Path | None = None, **settings: Any) -> AsyncIterator[World]:
            async with World.open(url or new_database(), home or tmp_path / secrets.token_hex(4), **settings) as opened:
                yield opened

        yield open_
        await stack.aclose()
