"""What importing and exporting a large portfolio costs, and what readers notice of it: `make bench-imports`.

One platform in a process of its own on an embedded PostgreSQL; figures are seconds, megabytes above rest,
and the p99 of `GET /v1/listings` during the import as a ratio to the same reads before it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import xlsxwriter

from shared.contracts.values import check_character
from shared.launcher import EmbeddedPostgres, free_port

HEADS = [
    "申请号",
    "专利名称",
    "专利类型",
    "申请日",
    "授权公告号",
    "授权公告日",
    "专利权人",
    "发明人",
    "IPC分类号",
    "摘要",
    "行政区划代码",
]
WORDS = [
    "铣削",
    "薄壁件",
    "随动",
    "支撑",
    "装置",
    "系统",
    "控制",
    "方法",
    "温室",
    "卷帘机",
    "播种轮",
    "电池",
    "材料",
    "复合",
    "催化剂",
    "传感器",
    "废水",
    "氨氮",
    "轴承",
    "焊接",
]
_chance = random.Random(7)
RARE = ["".join(chr(_chance.randrange(0x4E00, 0x9000)) for _ in range(2)) for _ in range(2_000)]
CLASSES = [
    "B23Q11/00",
    "B23C3/00",
    "A01G9/14",
    "A01C7/08",
    "C02F1/00",
    "H01M10/05",
    "G01D5/00",
    "F16C33/00",
    "B23K9/00",
]
REGIONS = ["3701", "3703", "4401", "4403", "1101", "3101", "3301", "5101", "6101", "2101"]
NAMES = ["张三", "李四", "王五", "赵六", "钱七", "孙八", "周九", "吴十"]
READS_S, PAUSE_S = 10.0, 0.02


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rows(count: int) -> Iterator[list[str]]:
    """Rows as a university's list has them, the same at every run."""
    chance = random.Random(2026)
    for serial in range(count):
        digits = f"20231{serial:07d}"
        yield [
            f"{digits}.{check_character(digits)}",
            "一种" + "".join(chance.choices(WORDS, k=5)) + chance.choice(RARE),
            "发明",
            f"2023-{serial % 12 + 1:02d}-15",
            f"CN{110_000_000 + serial}B",
            "2025-06-10",
            "测试大学",
            "；".join(chance.sample(NAMES, 3)),
            "；".join(chance.sample(CLASSES, 2)),
            "".join(chance.choices(WORDS, k=70)),
            chance.choice(REGIONS),
        ]


def written(folder: Path, count: int) -> dict[str, Path]:
    """The list as CSV and as XLSX."""
    plain, book = folder / "list.csv", folder / "list.xlsx"
    with plain.open("w", newline="", encoding="utf-8-sig") as out:
        csv.writer(out).writerows([HEADS, *rows(count)])
    with xlsxwriter.Workbook(str(book), {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for index, cells in enumerate([HEADS, *rows(count)]):
            for column, cell in enumerate(cells):
                sheet.write_string(index, column, cell)
    return {"CSV": plain, "XLSX": book}


class Watched:
    """The platform's process, and the most memory that it, its writer of imports and its readers of files took."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self.parent, self.writer, self.reader = process, 0, 0, 0
        self._rest = process.memory_info().rss
        self._over = asyncio.Event()

    async def __aenter__(self) -> Watched:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._task

    async def _watch(self) -> None:
        while not self._over.is_set():
            self.parent = max(self.parent, self._process.memory_info().rss - self._rest)
            for child in self._process.children(recursive=True):
                try:
                    command, took = child.cmdline(), child.memory_info().rss
                except psutil.Error:
                    continue
                if "services.catalog.reading" in command:
                    self.reader = max(self.reader, took)
                elif "services.catalog.workers" in command:
                    self.writer = max(self.writer, took)
            await asyncio.sleep(0.5)  # looking costs a third of a processor when it is done all the time

    def told(self) -> str:
        return (
            f"+{self.parent >> 20} MB in the platform, {self.writer >> 20} MB in the writer,"
            f" {self.reader >> 20} MB in the reader"
        )


class Reader:
    """Somebody who reads a list all the time, in a process of its own: what this one does must not count as waiting."""

    def __init__(self, port: int, home: Path, who: str) -> None:
        asked = ["--read", str(port), "--home", str(home), "--who", who]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load.imports_bench", *asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def over(self) -> list[tuple[float, float]]:
        """When each read began, and the seconds that it took."""
        told, _ = self._process.communicate()
        return [(at, took) for at, took in json.loads(told)]


async def read_on(port: int, home: Path, who: str) -> None:
    """Read one page after another until the standard input ends, then tell how long each took."""
    found: list[tuple[float, float]] = []
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with client(port, home, who) as http:
        while not ended.done():
            started = time.monotonic()
            (await http.get("/v1/listings?limit=20")).raise_for_status()
            found.append((started, time.monotonic() - started))
            await asyncio.sleep(PAUSE_S)
    sys.stdout.write(json.dumps(found))


def p99(found: list[float]) -> float:
    return statistics.quantiles(found, n=100)[98]


async def imported(http: httpx.AsyncClient, path: Path, *, publish: bool = False) -> dict[str, Any]:
    form = {"publish": "true"} if publish else {}
    sent = await http.post("/v1/patent-imports", data=form, files={"file": (path.name, path.open("rb"))}, timeout=120)
    sent.raise_for_status()
    job = sent.json()
    while job["state"] in ("QUEUED", "RUNNING"):
        await asyncio.sleep(0.2)
        job = (await http.get(f"/v1/patent-imports/{job['id']}")).json()
    assert job["state"] == "DONE", job
    return job


def position(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT coalesce(max(position), 0) FROM catalog.outbox").fetchone()[0]


def client(port: int, home: Path, who: str) -> httpx.AsyncClient:
    facts = json.loads((home / "demo-clients.json").read_text())[who]
    form = {
        "grant_type": "client_credentials",
        "client_id": facts["client_id"],
        "client_secret": facts["client_secret"],
    }
    token = httpx.post(f"http://127.0.0.1:{port}/v1/oauth/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers)


async def measured(port: int, home: Path, url: str, files: dict[str, Path], process: psutil.Process) -> None:
    for who, (form, path) in zip(("university", "operator"), files.items(), strict=True):
        if form == "XLSX":
            forget(url)
        async with client(port, home, who) as http:
            reader = Reader(port, home, who)
            await asyncio.sleep(READS_S)
            begun = time.monotonic()
            async with Watched(process) as watched:
                job = await imported(http, path)
            took = time.monotonic() - begun
            seen = reader.over()
            idle = p99([seconds for at, seconds in seen if begun - READS_S + 2 < at < begun])
            busy = p99([seconds for at, seconds in seen if at >= begun])
            say(
                f"{form} import: {took:.1f} s, {watched.told()}, p99 of reads {busy * 1000:.1f} ms / {idle * 1000:.1f} ms"
                f" idle = {busy / idle:.1f}; {job['rows']}"
            )
            before, started = position(url), time.perf_counter()
            job = await imported(http, path)
            say(
                f"{form} again unchanged: {time.perf_counter() - started:.1f} s,"
                f" {position(url) - before} feed events; {job['rows']}"
            )
            if form == "CSV":
                for wanted in ("csv", "xlsx", "ndjson"):
                    await exported(http, wanted, process)


async def exported(http: httpx.AsyncClient, form: str, process: psutil.Process) -> None:
    started, size = time.perf_counter(), 0
    async with Watched(process) as watched:
        async with http.stream("GET", f"/v1/patents/export?format={form}") as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                size += len(piece)
    say(
        f"{form} export: {time.perf_counter() - started:.1f} s, {size >> 20} MB, +{watched.parent >> 20} MB in the platform"
    )


def forget(url: str) -> None:
    """Take the first list out, so that the second is new."""
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM catalog.patent WHERE application_number LIKE '20231%' AND NOT is_sample")


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--read", type=int, help="port; for the process that reads")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--who")
    options = parser.parse_args()
    if options.read:
        asyncio.run(read_on(options.read, options.home, options.who))
        return
    with tempfile.TemporaryDirectory(prefix="duijie-bench-") as folder:
        Path(folder).chmod(0o755)
        home, port = Path(folder) / "home", free_port()
        files = written(Path(folder), options.rows)
        say(
            f"{options.rows} rows, CSV {files['CSV'].stat().st_size >> 20} MB, XLSX {files['XLSX'].stat().st_size >> 20} MB"
        )
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=True, connections=100)
        url = server.start()
        environment = {
            **os.environ, "DUIJIE_HOME": str(home), "DUIJIE_PORT": str(port), "DUIJIE_LOG_LEVEL": "ERROR",
            "DUIJIE_DATABASE_URL": url,
        }  # fmt: skip
        running = subprocess.Popen(
            [sys.executable, "-m", "services", "serve"], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            for _ in range(600):
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)
            asyncio.run(measured(port, home, url, files, psutil.Process(running.pid)))
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(20)
            server.stop()


if __name__ == "__main__":
    main()
