"""What a notice costs, and what a race for an exclusive license does: `make bench-deals`.

Notices under one announced declaration, each an act with its outbox rows and its record, written through the gateway
with durable commits; beside it bare INSERTs of one row, each committed, on the same server at the same time of day.
Beside the rate stands what a notice costs the services' process in processor time, which others on the machine change
less.
A wave of the race accepts as many offers of the same exclusive scope at once: one contract, everybody else is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import tempfile
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
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


class Line:
    """A connection that posts, kept alive: httpx takes as long over a request as the platform over its answer."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._port, self._token = http.base_url.port, http.headers["authorization"]

    async def open(self) -> Line:
        """Connected."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def post(self, path: str, body: bytes) -> int:
        """An act; answers its status."""
        head = {
            "Host": "localhost", "Authorization": self._token, "Content-Type": "application/json",
            "Content-Length": len(body), "Idempotency-Key": secrets.token_hex(8),
        }  # fmt: skip
        fields = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self._writer.write(f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length:" in answer:
            await self._reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        else:  # passed on in chunks by the gateway
            while size := int(await self._reader.readline(), 16):
                await self._reader.readexactly(size + 2)
            await self._reader.readline()
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        """Gone."""
        self._writer.close()


async def notices(port: int, home: Path, declaration: str, count: int) -> tuple[float, float]:
    """(notices a second, p99 in seconds) of a firm that sends many at once."""
    took: list[float] = []
    body = json.dumps({"declaration_id": declaration, "intended_use": "生产"}).encode()
    async with client(port, home, "sme") as firm:

        async def send(line: Line) -> None:
            for _ in range(count // AT_ONCE):
                started = time.perf_counter()
                assert await line.post("/v1/open-license-requests", body) == 201
                took.append(time.perf_counter() - started)
            line.close()

        lines = [await Line(firm).open() for _ in range(AT_ONCE)]
        started = time.perf_counter()
        await asyncio.gather(*map(send, lines))
        return len(took) / (time.perf_counter() - started), statistics.quantiles(took, n=100)[98]


async def raced(port: int, home: Path, waves: int, racers: int) -> None:
    """Waves of acceptances that all want one exclusive scope, each wave another month of one patent."""
    today = legal_day(datetime.now(UTC))
    async with client(port, home, "university") as university, client(port, home, "sme") as firm:
        listed = (await university.get("/v1/listings?mine=true&limit=100")).json()["items"]
        *_, listing = (  # the last: the first is under open license by now
            one["id"]
            for one in listed
            if one["patents"][0]["patent_type"] == "INVENTION" and len(one["holders"]) == 1 and len(one["patents"]) == 1
        )
        for number in range(1, waves + 1):
            codes, took = await wave(university, firm, listing, today + timedelta(days=31 * number), racers)
            p99 = statistics.quantiles(took, n=100)[98]
            say(f"wave {number}: {dict(sorted(codes.items()))}, p99 {p99:.2f} s, slowest {max(took):.2f} s")
            assert codes[200] == 1 and codes[409] == racers - 1, codes


async def wave(
    university: httpx.AsyncClient, firm: httpx.AsyncClient, listing: str, first: date, racers: int
) -> tuple[Counter[int], list[float]]:
    """Status codes and seconds of as many acceptances at once."""
    terms = {
        "license_type": "EXCLUSIVE", "fee": {"fee_type": "FREE"}, "valid_until": "2099-12-31",
        "scope": {"from": str(first), "to": str(first + timedelta(days=30))},
    }  # fmt: skip
    gate, took = asyncio.Semaphore(AT_ONCE), []

    async def offer() -> str:
        async with gate:
            asked = await acted(firm, "/v1/inquiries", {"listing_id": listing, "message": "询价"})
            return str((await acted(firm, f"/v1/inquiries/{asked['id']}/offers", terms))["id"])

    offers = await asyncio.gather(*(offer() for _ in range(racers)))
    say(f"  {racers} offers stand, and are now accepted at once")
    lines = [await Line(university).open() for _ in offers]

    async def accept(id_: str, line: Line) -> int:
        started = time.perf_counter()
        status = await line.post(f"/v1/offers/{id_}/acceptance", b'{"acknowledged_rules": ["CO-SHARES"]}')
        took.append(time.perf_counter() - started)
        line.close()
        return status

    return Counter(await asyncio.gather(*map(accept, offers, lines))), took


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
    parser.add_argument("--waves", type=int, default=0, help="of the race for an exclusive license")
    parser.add_argument("--racers", type=int, default=1_000)
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
            with process("-m", "services", "serve", **environment) as running:
                until(f"http://127.0.0.1:{port}/readyz")
                if options.notices:
                    asyncio.run(measured(port, home, url, options.notices, running.pid))
                asyncio.run(raced(port, home, options.waves, options.racers))
        finally:
            server.stop()


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(port: int, home: Path, url: str, count: int, pid: int) -> None:
    """Rounds of both, one after the other."""
    declaration, ratios = await announced(port, home), []
    for _ in range(ROUNDS):
        bare = await inserts(url, count)
        before = processor_s(pid)
        rate, p99 = await notices(port, home, declaration, count)
        each_ms = (processor_s(pid) - before) / count * 1000
        ratios.append(rate / bare)
        say(f"notices: {rate:.0f}/s, p99 {p99 * 1000:.0f} ms, {each_ms:.1f} ms of processor time each")
        say(f"bare INSERT commits: {bare:.0f}/s; ratio {rate / bare:.3f}")
    say(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
