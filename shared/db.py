"""PostgreSQL through SQLAlchemy Core: `read()` cannot write, `write()` commits before the reply leaves.

Core and not the ORM: a use case loads, decides and writes a handful of rows, which reads as plainly
in Core and costs half the time. Connections take on the service's own role, so that a service has no
rights on another's schema even where all share one URL.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from typing import Any, cast

import psycopg
from psycopg import sql
from pydantic_core import from_json, to_json
from sqlalchemy import MetaData, Table, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from shared.errors import Unavailable

Tx = AsyncConnection
_RESTS = "rests since"

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

LOCK_TIMEOUT_MS = 5_000
STATEMENT_TIMEOUT_MS = 30_000
POOL_SIZE = 8
POOL_WAIT_S = 5
CLOSE_WAIT_S = 5
TRUSTED_S = 1.0  # how long a connection that worked is not tried again before a write


def metadata(service: str) -> MetaData:
    """Tables of one service; its schema carries its name."""
    return MetaData(schema=service, naming_convention=NAMING)


def role(service: str) -> str:
    """The database role that owns the service's schema."""
    return f"duijie_{service}"


def driver_url(url: str) -> str:
    """The SQLAlchemy spelling of a postgresql:// URL."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


class Database:
    """One service's way to its schema."""

    def __init__(self, url: str, service: str, *, plans_anew: bool = False) -> None:
        """`plans_anew`: for a process under whose hands tables grow a thousandfold. Else PostgreSQL keeps the plan of
        a prepared statement, and reads through the large table as was right for the small one."""
        self.url, self.service, self._plans_anew = url, service, plans_anew
        self.notified = asyncio.Event()  # the service's own feed has something new
        self._is_closed = False
        self._at_work = 0
        self._at_rest = asyncio.Event()  # nobody holds a connection
        self._at_rest.set()
        self._doubted = -math.inf  # when an outage was last noticed
        self._writing = self._engine(read_only=False)
        self._reading = self._engine(read_only=True)

    def _engine(self, *, read_only: bool) -> AsyncEngine:
        # A reading connection is in autocommit under default_transaction_read_only: one round trip
        # for one SELECT, and still unable to write.
        options = (
            f"-c role={role(self.service)} -c search_path={self.service} -c timezone=UTC"
            f" -c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_MS}"
            f" -c default_transaction_read_only={'on' if read_only else 'off'}"
            f" -c plan_cache_mode={'force_custom_plan' if self._plans_anew else 'auto'}"
        )
        engine = create_async_engine(
            driver_url(self.url),
            connect_args={"options": options, "application_name": f"duijie {self.service}", "connect_timeout": 5},
            json_deserializer=from_json,
            isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_WAIT_S,
            pool_reset_on_return=None if read_only else "rollback",
        )
        # A read that meets a connection which an outage killed may be repeated by its caller; a write should not be.
        trusted_s, dialect = math.inf if read_only else TRUSTED_S, engine.sync_engine.dialect

        def rests(_: object, record: ConnectionPoolEntry) -> None:
            record.info[_RESTS] = time.monotonic()

        def awakes(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
            """Try a connection that has rested long, or since before an outage; another costs no trip."""
            since = record.info.get(_RESTS, math.inf)  # a new one has not rested
            try:
                if cast("psycopg.AsyncConnection[Any]", record.driver_connection).closed:
                    raise DisconnectionError
                if time.monotonic() - since > trusted_s or since <= self._doubted:
                    dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error

        event.listen(engine.sync_engine, "checkin", rests)
        event.listen(engine.sync_engine, "checkout", awakes)
        return engine

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A connection on which writing fails. Each statement sees what is committed when it starts."""
        with self._working():
            async with self._reading.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction, committed on the way out with what was left for its `last` trip; any exception undoes it."""
        with self._working():
            async with self._writing.begin() as connection:
                said = connection.info[_LAST] = []
                yield connection
                await _finish(connection, said)

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Tx]:
        """A connection on which writing fails and all statements see what was committed at the first of them."""
        with self._working():
            async with self._reading.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield connection

    async def ping(self) -> None:
        """Raises: Unavailable, when the database does not answer."""
        async with self.read() as tx:
            await tx.execute(text("SELECT 1"))

    async def notifications(self, channel: str) -> AsyncIterator[None]:
        """Wake whenever the channel is notified; yields once at the start, after listening began."""
        connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            yield
            async for _ in connection.notifies():
                yield

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Note who works, and tell of an outage that they meet as such, once.

        A service that has stopped would open its pools again for whoever still asks it in the same process."""
        if self._is_closed:
            raise Unavailable("this service is stopping", "该服务正在停止", retry_after_s=1)
        self._at_work += 1
        self._at_rest.clear()
        try:
            with _told():
                yield
        except Unavailable as told:
            if _is_cut(told.__cause__):
                self._doubted = time.monotonic()
            raise
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._at_rest.set()

    async def close(self) -> None:
        """Give all connections back, for good; whoever is at work has some seconds to end it.

        A connection that is given back to a pool which was disposed of is closed by nobody.
        """
        self._is_closed = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._at_rest.wait(), CLOSE_WAIT_S)
        await self._writing.dispose()
        await self._reading.dispose()


_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


def _is_cut(error: BaseException | None) -> bool:
    """Whether a connection was lost, and the database is not merely busy."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and (
        error.sqlstate is None or error.sqlstate.startswith(("57P", "08"))
    )


class _told:  # noqa: N801 - reads as a word in `with _told()`
    """Turn a database that cannot serve now into `Unavailable`; every other error is a bug and passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, _AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated):
            raise Unavailable(
                "the database does not answer now; nothing has been changed, please try again",
                "数据库暂时无法响应，未作任何更改，请稍后重试",
                internal=str(getattr(error, "orig", error)),
                retry_after_s=1,
            ) from error


# A trip to the database costs more than most statements: what begins a transaction and what ends it travel together.
# SQLAlchemy sends one statement a trip, so these few go to the driver itself, in its pipeline.

Values = Mapping[str, Any]
_LAST = "said last"


def _driver(tx: Tx) -> psycopg.AsyncConnection[Any]:
    assert tx.sync_connection is not None
    return cast("psycopg.AsyncConnection[Any]", tx.sync_connection.connection.driver_connection)


async def first(tx: Tx, statement: str, values: Values) -> Any:
    """The first row of the first statement of a transaction, in one trip with its BEGIN."""
    driver = _driver(tx)
    async with driver.pipeline():
        cursor = await driver.execute(statement.encode(), values)
    return await cursor.fetchone()


def last(tx: Tx, statement: str, values: Values) -> None:
    """Have a statement run at the very end, in one trip with the COMMIT; nothing in this transaction reads it."""
    tx.info[_LAST].append((statement, values))


def insert_last(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """`insert_many`, of a few rows, at the very end."""
    if rows:
        last(tx, _inserting(table, tuple(rows[0]), "%(rows)s"), {"rows": as_json(rows)})


async def _finish(tx: Tx, said: Sequence[tuple[str, Values]]) -> None:
    """Say what was left, and commit. Raises: Unavailable, where nobody can know whether it was committed."""
    driver = _driver(tx)
    try:
        async with driver.pipeline():
            for statement, values in said:
                await driver.execute(statement.encode(), values)
            await driver.commit()
    except psycopg.OperationalError as error:
        if error.sqlstate and not error.sqlstate.startswith("57P"):  # an answer, and not the end of the server
            raise
        await tx.invalidate(error)  # there is nothing to roll back on it
        raise Unavailable(
            "the database broke off while this was being written down: send it again, with the same Idempotency-Key"
            " it is done once",
            "写入时数据库连接中断，请重新提交；使用同一 Idempotency-Key 只会生效一次",
            internal=str(error),
            retry_after_s=1,
        ) from error


async def insert_many(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name the same columns, in one statement with one parameter.

    A statement a row costs the event loop 30 to 50 µs each, JSON made in a thread costs it nothing.
    """
    if not rows:
        return
    statement = text(_inserting(table, tuple(rows[0]), ":rows"))
    await tx.execute(statement, {"rows": await asyncio.to_thread(as_json, rows)})


@cache
def _inserting(table: Table, columns: tuple[str, ...], rows: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"""
        INSERT INTO {table.fullname} ({names})
        SELECT {names} FROM jsonb_populate_recordset(NULL::{table.fullname}, CAST({rows} AS jsonb))
    """  # noqa: S608 - names of our own tables and columns


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as PostgreSQL reads them: instants and days in ISO 8601."""
    return to_json(rows).decode()


def violated(error: DBAPIError) -> str:
    """The name of the constraint that an IntegrityError broke, empty when unknown."""
    diagnosis: Any = getattr(error.orig, "diag", None)
    return str(getattr(diagnosis, "constraint_name", "") or "")
