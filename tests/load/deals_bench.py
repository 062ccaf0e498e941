"""What a notice costs: `make bench-deals`.

Notices under one announced declaration, each an act with its outbox rows and its record, written through the gateway
with durable commits; beside it bare INSERTs of one row, each committed, on the same server at the same time of day.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from shared.clock import legal_day
from shared.launcher import EmbeddedPostgres, free_port
from tests.load.bench import process, say, until
from tests.load.imports_bench import client

AT_ONCE, ROUNDS = 16, 3


async def acted(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer of an act that succeeded."""
    answer = await http.post(path, json=body, headers={"Idempotency-Key": secrets.token_hex(8)})
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def announced(port: int, home: Path) -> str:
    """A declaration on a patent of the sample, open to anyone."""
    today = legal_day(datetime.now(UTC)).isoformat()
    async with client(port, home, "university") as university, client(port, home, "operator") as operator:
        listed = (await university.get("/v1/listings?mine=true&limit=100")).json()["items"]
        sole = [one["patents"][0] for one in listed if len(one["holders"]) == 1]
        patent = next(one["id"] for one in sole if one["patent_type"] == "INVENTION")
        terms = {
            "patent_id": patent, "fee": {"fee_type": "LUMP_SUM", "amount": "30000.00"}, "license_term_months": 36,
            "payment_method": "一次总付", "calculation_note": "参照同行业中位数",
        }  # fmt: skip
        root = "/v1/open-license-declarations"
        declared = await acted(university, root, terms)
        signed = {
            "filed_on": today, "signatory": {"name": "校长"},
            "acknowledged_rules": ["OL-TERM-EXPIRY", "CO-SHARES"],
        }  # fmt: skip
        await acted(university, f"{root}/{declared['id']}/filing", signed)
        gazette = {"announcement_number": "KF1", "announced_on": today}
        await acted(operator, f"{root}/{declared['id']}/announcement", gazette)
    return str(declared["id"])


async def notices(port: int, home: Path, declaration: str, count: int) -> tuple[float, float]:
    """(notices a second, p99 in seconds) of a firm that sends many at once."""
    took: list[float] = []
    body = {"declaration_id": declaration, "intended_use": "生产"}
    async with client(port, home, "sme") as firm:

        async def send(number: int) -> None:
            for _ in range(number):
                started = time.perf_counter()
                await acted(firm, "/v1/open-license-requests", body)
                took.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(send(count // AT_ONCE) for _ in range(AT_ONCE)))
        return len(took) / (time.perf_counter() - started), statistics.quantiles(took, n=100)[98]


async def inserts(url: str, count: int) -> float:
    """Bare INSERTs a second, each committed, over as many connections."""
    connections = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(AT_ONCE)]
    await connections[0].execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, said text)")

    async def write(connection: psycopg.AsyncConnection[Any]) -> None:
        for _ in range(count // AT_ONCE):
            await connection.execute("INSERT INTO bare (said) VALUES ('x')")

    started = time.perf_counter()
    await asyncio.gather(*map(write, connections))
    took = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    return count / took


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--notices", type=int, default=1_600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duijie-bench-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        home = folder / "home"
        server = EmbeddedPostgres(folder / "postgres", durable=True, connections=100)
        url = server.start()
        limits = {f"DUIJIE_GATEWAY_{who}_PER_MINUTE": "100000000" for who in ("CLIENT", "ORGANIZATION")}
        environment = {
            "DUIJIE_HOME": str(home), "DUIJIE_PORT": str(port), "DUIJIE_LOG_LEVEL": "ERROR",
            "DUIJIE_DATABASE_URL": url, **limits,
        }  # fmt: skip
        try:
            with process("-m", "services", "serve", **environment):
                until(f"http://127.0.0.1:{port}/readyz")
                asyncio.run(measured(port, home, url, options.notices))
        finally:
            server.stop()


async def measured(port: int, home: Path, url: str, count: int) -> None:
    """Rounds of both, one after the other."""
    declaration, ratios = await announced(port, home), []
    for _ in range(ROUNDS):
        bare = await inserts(url, count)
        rate, p99 = await notices(port, home, declaration, count)
        ratios.append(rate / bare)
        say(
            f"notices: {rate:.0f}/s, p99 {p99 * 1000:.0f} ms; bare INSERT commits: {bare:.0f}/s; ratio {rate / bare:.3f}"
        )
    say(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
