"""One Alembic environment, one history per service, each in the service's own schema and role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, NullPool, create_engine, text

from shared.db import driver_url, role
from shared.launcher import LaunchRefused, NewerDatabase

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent
SERVICES = ("catalog", "matching", "licensing", "oversight", "gateway")
LOCK = 0x6475696A  # advisory: one migration at a time, whoever starts first


def config(service: str, connection: Connection | None = None) -> Config:
    """Alembic's settings for one service's history."""
    from alembic.config import Config  # 0.7 s, and most starts find nothing to migrate

    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.set_main_option("path_separator", "newline")
    settings.set_main_option("version_locations", str(FOLDER / "versions" / service).replace("%", "%%"))
    settings.attributes["service"], settings.attributes["connection"] = service, connection
    return settings


def upgrade(urls: dict[str, str], revision: str = "head") -> None:
    """Bring each service's schema to a revision, making role and schema on the first time.

    Raises: NewerDatabase, when a schema was written by a later version of the platform.
    """
    for service, url in urls.items():
        engine = create_engine(driver_url(url), poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
            _make_home(connection, service)
            _act_as(connection, service)
            _move(connection, service, revision)
            connection.commit()


def downgrade(service: str, url: str, revision: str) -> None:
    """Take one service's schema back to a revision, or to `base`."""
    engine = create_engine(driver_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        _act_as(connection, service)
        from alembic import command

        command.downgrade(config(service, connection), revision)
        connection.commit()


def _make_home(connection: Connection, service: str) -> None:
    name = role(service)
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}):
        try:
            with connection.begin_nested():
                connection.execute(text(f"CREATE ROLE {name} NOLOGIN"))
        except Exception as error:  # another database of this server may be making it just now
            if "already exists" not in str(error):
                raise LaunchRefused(f"the database user may not make the role {name}: {error}") from None
    member = text("SELECT pg_has_role(current_user, :name, 'MEMBER')")
    if not connection.scalar(member, {"name": name}):
        connection.execute(text(f"GRANT {name} TO CURRENT_USER"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {name}"))
    connection.commit()


def _act_as(connection: Connection, service: str) -> None:
    connection.execute(text(f"SET ROLE {role(service)}"))
    connection.execute(text(f"SET search_path = {service}"))
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()


def head(service: str) -> str:
    """The newest revision of a service's history, read from its files: the one that no other builds on."""
    files = [path.read_text(encoding="utf-8") for path in sorted((FOLDER / "versions" / service).glob("*.py"))]
    revisions = {match[1] for text_ in files if (match := re.search(r'^revision = "(.+)"', text_, re.MULTILINE))}
    built_on = {match[1] for text_ in files if (match := re.search(r'^down_revision = "(.+)"', text_, re.MULTILINE))}
    (newest,) = revisions - built_on
    return newest


def current(connection: Connection, service: str) -> str | None:
    """The revision that a schema is at."""
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"{service}.alembic_version"}) is None:
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {service}.alembic_version"))  # noqa: S608 - ours
    return found


def _move(connection: Connection, service: str, revision: str) -> None:
    at = current(connection, service)
    if revision == "head" and at == head(service):
        return
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(config(service, connection), revision)
    except CommandError as error:
        if at is not None and "Can't locate revision" in str(error):
            raise NewerDatabase(
                f"the {service} schema is at revision {at}, which this version does not know; "
                "start the newer version, or restore a backup"
            ) from None
        raise
