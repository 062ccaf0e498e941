"""The figures of README and of the closing notes: `make bench`.

Rates are ratios against a bare FastAPI endpoint under the same server in the same run, in windows
A B B A; the run says so and should be repeated when the bare endpoint varies by more than 60 %.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from services.matching.engine import MIX, Engine
from services.matching.engine.store import Damaged, Store
from services.matching.service import ranking
from services.matching.service.needs import Said
from services.matching.service.tuning import Tuned
from services.matching.service.vocabulary import shipped
from shared.clock import SHANGHAI
from shared.contracts.matching import Filters
from shared.launcher import free_port
from tests import factories

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CONNECTIONS, WINDOW_S, ROUNDS = 16, 3.0, 3
JSON = {"Content-Type": "application/json"}
BARE = """
from fastapi import FastAPI
app = FastAPI(openapi_url=None)
@app.get("/thing/{id}")
async def thing(id: str) -> dict[str, str]:
    return {"id": id}
"""
NEEDS = [
    "镗深孔时杆子发颤，孔壁有波纹", "大棚番茄浇水施肥太费工", "污水里的氨氮总是超标", "布料染色后容易掉色", "鱼塘缺氧半夜翻塘",
    "混凝土冬天早强", "木材干燥开裂", "锂电池低温容量衰减", "电机轴承噪声大", "猪舍除臭",
]  # fmt: skip


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen([sys.executable, *command], env={**os.environ, **environment}, **quiet)  # type: ignore[call-overload]
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


def until(url: str, within_s: float = 60) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < within_s:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=1).status_code == 200:
                return time.perf_counter() - started
        time.sleep(0.02)
    raise SystemExit(f"{url} never answered")


async def hammer(port: int, path: str, seconds: float) -> tuple[float, float]:
    """(requests per second, p99 ms) of a closed loop over keep-alive connections."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"unexpected answer: {head[:200]!r}")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            latencies.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return len(latencies) / seconds, statistics.quantiles(latencies, n=100)[98] * 1000


def ratio(port: int, path: str, bare_port: int) -> None:
    ratios, bares, p99s = [], [], []
    for _ in range(ROUNDS):
        ours, bare = [], []
        for which in "ABBA":
            target = (port, path) if which == "A" else (bare_port, "/thing/1")
            rate, p99 = asyncio.run(hammer(*target, WINDOW_S))
            (ours if which == "A" else bare).append(rate)
            if which == "A":
                p99s.append(p99)
        ratios.append(sum(ours) / sum(bare))
        bares += bare
    spread = max(bares) / min(bares) - 1
    void = "  VOID: the bare endpoint varied too much, run again" if spread > 0.6 else ""
    say(
        f"GET {path.split('?', maxsplit=1)[0][:14]}… through the gateway: {statistics.median(ratios):.3f} of a bare endpoint "
        f"(rounds {', '.join(f'{r:.3f}' for r in ratios)}; bare {statistics.median(bares):.0f}/s, spread {spread:.0%}; "
        f"ours p99 {statistics.median(p99s):.0f} ms){void}"
    )


class Caller:
    def __init__(self, port: int, home: Path) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.clients = json.loads((home / "demo-clients.json").read_text(encoding="utf-8"))

    def sign_in(self, name: str) -> dict[str, str]:
        facts = self.clients[name]
        form = {"grant_type": "client_credentials", **{k: facts[k] for k in ("client_id", "client_secret")}}
        return {"Authorization": "Bearer " + self.http.post("/v1/oauth/token", data=form).json()["access_token"]}

    def match(self, headers: dict[str, str], title: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.post("/v1/match-queries", headers=headers, json={"title": title}).json()
        return found

    def post(self, headers: dict[str, str], path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.http.post(path, headers={**headers, "Idempotency-Key": secrets.token_hex(8)}, json=body or {})
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


def memory_mb(running: subprocess.Popen[bytes]) -> float:
    return psutil.Process(running.pid).memory_info().rss / 2**20


def match_latency(port: int, headers: dict[str, str], home: Path, what: str) -> None:
    """The same needs by the engine alone, on the index that the server saved, and over a bare socket, in turns."""
    state = saved(home)
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def served(title: str) -> bytes:
        connection.request("POST", "/v1/match-queries", json.dumps({"title": title}), headers | JSON)
        return connection.getresponse().read()

    def alone(title: str) -> bytes:
        return ranking.ranked(state, Said(title, "", None), Filters(), 0, 20, None).model_dump_json().encode()

    for _ in range(60):  # the server saves some time after the last change
        if all(items(alone(need)) == items(served(need)) for need in NEEDS):
            break
        time.sleep(1)
        state = saved(home)
    else:
        raise SystemExit("the saved index answers otherwise than the served one")
    times: list[tuple[float, float]] = []
    for _ in range(30):
        for need in NEEDS:
            marks = [time.perf_counter()]
            for ask in (alone, served):
                ask(need)
                marks.append(time.perf_counter())
            times.append(((marks[1] - marks[0]) * 1000, (marks[2] - marks[1]) * 1000))
    engine, http_ = ([pair[column] for pair in times] for column in (0, 1))
    more = statistics.median(theirs - ours for ours, theirs in times)
    say(
        f"POST /v1/match-queries on {what}: p50 {statistics.median(http_):.1f} ms, p95 {statistics.quantiles(http_, n=20)[18]:.1f} ms; "
        f"the same ranking without HTTP p50 {statistics.median(engine):.1f} ms; paired, HTTP adds {more:.1f} ms"
    )


def saved(home: Path) -> ranking.State:
    while True:
        engine = Engine()
        try:
            Store(home / "index").load(engine)
            break
        except Damaged:  # the server saved the next generation while this one was read
            time.sleep(0.5)
    return ranking.State(engine.snapshot, Tuned(shipped(), MIX, ""), datetime.now(SHANGHAI).date(), "")


def items(answer: bytes) -> object:
    return json.loads(answer)["items"]


def portfolio(home: Path, environment: dict[str, str], folder: Path) -> None:
    source = DATA / "sample" / "university_patents.jsonl.gz"
    if not source.exists():
        say(f"load of the real portfolio: skipped, no {source}")
        return
    granted = folder / "granted.jsonl"
    with gzip.open(source, "rt", encoding="utf-8") as rows:
        granted.write_text(
            "".join(row for row in rows if json.loads(row)["publication_number"][-1] != "A"), encoding="utf-8"
        )
    for turn in ("first", "again"):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "services", "load", str(granted)],
            env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        lines = [line for line in done.stdout.splitlines() if "rows in" in line or line.startswith("listings")]
        say(f"load, {turn}: {seconds:.1f} s in all; {'; '.join(lines)}")


def visible(caller: Caller, headers: dict[str, str]) -> None:
    """Publish → findable, and withdrawn or lapsed → gone, by polling match queries."""
    sme, operator = caller.sign_in("sme"), caller.sign_in("operator")
    today = datetime.now(SHANGHAI).date().isoformat()
    lapse = {"code": "LAPSE", "occurred_on": today, "source": "REGISTER"}
    took: dict[str, list[float]] = {"publish → findable": [], "withdraw → gone": [], "lapse recorded → gone": []}
    for turn in range(20):
        title = f"柳编提篮蒸汽定型模架{turn}"
        patent = caller.post(headers, "/v1/patents", factories.a_patent(title=title))
        listing = caller.post(headers, "/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
        at = f"/v1/listings/{listing['id']}"
        ends = (
            (operator, f"/v1/patents/{patent['id']}/legal-events", lapse)
            if turn % 2
            else (headers, f"{at}/withdrawal", {})
        )
        for what, (who, path, body), wanted in (
            ("publish → findable", (headers, f"{at}/submission", {}), True),
            ("lapse recorded → gone" if turn % 2 else "withdraw → gone", ends, False),
        ):
            caller.post(who, path, body)
            started = time.perf_counter()
            while (
                listing["id"] in [item["listing"]["id"] for item in caller.match(sme, title)["items"]]
            ) is not wanted:
                time.sleep(0.005)
            took[what].append((time.perf_counter() - started) * 1000)
    for what, times in took.items():
        say(f"{what}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="duijie-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        home, port, bare_port = folder / "home", free_port(), free_port()
        (folder / "bare.py").write_text(BARE)
        plenty = {
            f"DUIJIE_GATEWAY_{kind}_PER_MINUTE": "100000000" for kind in ("CLIENT", "ORGANIZATION", "ADDRESS", "TOKEN")
        }
        environment = {"DUIJIE_HOME": str(home), "DUIJIE_PORT": str(port), **plenty}
        ready = f"http://127.0.0.1:{port}/readyz"
        for turn in ("first start (packages there, no data)", "second start", "second start"):
            with process("-m", "services", "serve", **environment) as running:
                say(f"{turn}: {until(ready):.1f} s to /readyz")
                if turn.startswith("first"):
                    time.sleep(2)
                    say(f"memory at rest, all services in one process, sample loaded: {memory_mb(running):.0f} MB")
        bare = ("-m", "uvicorn", "bare:app", "--port", str(bare_port), "--no-access-log", "--log-level", "error")
        with process("-m", "services", "serve", **environment) as running, process(*bare, PYTHONPATH=str(folder)):
            until(ready)
            until(f"http://127.0.0.1:{bare_port}/thing/1")
            caller = Caller(port, home)
            headers = caller.sign_in("university")
            match_latency(port, headers, home, "the sample")
            listing = caller.http.get("/v1/listings?limit=1").json()["items"][0]["id"]
            ratio(port, f"/v1/listings/{listing}", bare_port)
            visible(caller, headers)
            portfolio(home, environment, folder)
            match_latency(port, headers, home, "sample and real portfolio")
            visible(caller, headers)
            ratio(port, f"/v1/listings/{listing}", bare_port)
            say(f"memory with the real portfolio: {memory_mb(running):.0f} MB")


if __name__ == "__main__":
    main()
