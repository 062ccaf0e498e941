"""The histories of the schemas, up, down and up again, each in its own role."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

import migrations
from shared.db import driver_url, role
from shared.launcher import NewerDatabase

EVERYTHING = """
    SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'S', 'v')
    UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
    UNION ALL SELECT 'type ' || typname FROM pg_type
        WHERE typnamespace = %(schema)s::regnamespace AND typtype IN ('e', 'd')
"""


@pytest.fixture
def empty_url(new_database: Callable[..., str]) -> str:
    return new_database(template=None)


def contents(url: str, schema: str) -> set[str]:
    """Everything that stands in a schema, save Alembic's own note of the revision."""
    with psycopg.connect(url) as connection:
        found = connection.execute(EVERYTHING, {"schema": schema})
        return {line[0] for line in found} - {"relation alembic_version"}


def differences(url: str, service: str) -> list[Any]:
    """What Alembic would still have to do, by the service's own tables."""
    models = importlib.import_module(f"services.{service}.models")
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == service,
            "version_table_schema": service,
            "compare_type": True,
            "compare_server_default": True,
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), models.meta)


@pytest.mark.parametrize("service", migrations.SERVICES)
def test_a_schema_goes_up_as_its_models_say_down_to_nothing_and_up_again(empty_url: str, service: str) -> None:
    migrations.upgrade({service: empty_url})
    first = contents(empty_url, service)
    assert {"relation outbox", "relation idempotency", "function outbox_in_order"} <= first
    assert differences(empty_url, service) == []

    migrations.downgrade(service, empty_url, "base")
    assert contents(empty_url, service) == set()

    migrations.upgrade({service: empty_url})
    assert contents(empty_url, service) == first
    assert differences(empty_url, service) == []


def test_the_comparison_would_notice_a_column_that_no_revision_made(empty_url: str) -> None:
    migrations.upgrade({"matching": empty_url})
    with psycopg.connect(empty_url) as connection:
        connection.execute("ALTER TABLE matching.need DROP COLUMN state_reason")
    assert [(step[0], step[3].name) for step in differences(empty_url, "matching")] == [("add_column", "state_reason")]


def test_a_database_of_a_later_version_is_refused_by_name(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE catalog.alembic_version SET version_num = 'catalog_9999'")
    with pytest.raises(NewerDatabase, match="catalog schema is at revision catalog_9999") as refused:
        migrations.upgrade(dict.fromkeys(migrations.SERVICES, database_url))
    assert refused.value.exit_code == 6
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM catalog.patent").fetchone() == (0,)


def test_starts_at_the_same_time_migrate_once(empty_url: str) -> None:
    urls = dict.fromkeys(migrations.SERVICES, empty_url)
    with ThreadPoolExecutor(3) as starts:
        for done in [starts.submit(migrations.upgrade, urls) for _ in range(3)]:
            done.result(timeout=60)
    with psycopg.connect(empty_url) as connection:
        for service in migrations.SERVICES:
            revisions = connection.execute(f"SELECT version_num FROM {service}.alembic_version").fetchall()
            assert revisions == [(migrations.head(service),)]
            assert connection.execute(f"SELECT count(*) FROM {service}.feed_state").fetchone() == (1,)


@pytest.mark.parametrize("other", migrations.SERVICES)
@pytest.mark.parametrize("service", migrations.SERVICES)
def test_a_service_has_no_rights_on_the_schema_of_another(database_url: str, service: str, other: str) -> None:
    attempts = (
        f"SELECT * FROM {other}.outbox",
        f"DELETE FROM {other}.idempotency",
        f"CREATE TABLE {other}.intruder (id int)",
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role(service)}")
        for statement in attempts:
            if service == other:
                connection.execute(statement)
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                    connection.execute(statement)
