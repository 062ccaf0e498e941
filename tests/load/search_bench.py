"""What people's search over many listings costs, against a bare endpoint: `make bench-search`.

Listings are made by one import of a list (`--rows`), then asked through the gateway as a frontend asks:
pages, words, filters, counts and facets. Ratios are those of `make bench`: windows A B B A against a bare
FastAPI endpoint under the same server. Also printed: how long counts over everything take after a change.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import httpx

from shared.launcher import free_port
from tests import factories
from tests.load.bench import BARE, Caller, process, ratio, say, until
from tests.load.imports_bench import RARE, client, imported, written

FACETS = "facets=mode,fee_type,patent_type,region_code,ipc"
ASKED = {
    "a page": "",
    "a page, counted": "count=true",
    "a page by region": "region_code=37",
    "a page by class": "ipc=B23Q",
    "a word in a third of all": f"q={quote('温室')}",
    "a word in one of 2,000": f"q={quote(RARE[7])}",
    "two words": f"q={quote('温室 传感器')}",
    "a word in none": f"q={quote('齉齾')}",
    "facets over all": FACETS,
    "facets and count of a word": f"q={quote('温室')}&count=true&{FACETS}",
    "facets of a class and a region": f"ipc=A01G&region_code=44&{FACETS}",
}


def first_counts(caller: Caller, headers: dict[str, str], path: str) -> float:
    """Median milliseconds of the first question after a change of what is on offer, when nothing is kept."""
    times = []
    for turn in range(5):
        offer(caller, headers, f"柳编提篮蒸汽定型模架{turn}")
        started = time.perf_counter()
        caller.http.get(path).raise_for_status()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duijie-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        home, port, bare_port = folder / "home", free_port(), free_port()
        (folder / "bare.py").write_text(BARE)
        limits = {
            f"DUIJIE_GATEWAY_{who}_PER_MINUTE": "100000000" for who in ("CLIENT", "ORGANIZATION", "ADDRESS", "TOKEN")
        }
        environment = {"DUIJIE_HOME": str(home), "DUIJIE_PORT": str(port), "DUIJIE_LOG_LEVEL": "ERROR", **limits}
        bare = ("-m", "uvicorn", "bare:app", "--port", str(bare_port), "--no-access-log", "--log-level", "error")
        with process("-m", "services", "serve", **environment), process(*bare, PYTHONPATH=str(folder)):
            until(f"http://127.0.0.1:{port}/readyz", 120)
            until(f"http://127.0.0.1:{bare_port}/thing/1")
            asyncio.run(offered(port, home, written(folder, options.rows)["CSV"]))
            caller = Caller(port, home)
            headers = caller.sign_in("university")
            settled(caller, headers)
            for what, query in ASKED.items():
                path = f"/v1/listings?{query}"
                say(f"{what}: {len(httpx.get(f'http://127.0.0.1:{port}{path}').content) >> 10} kB")
                ratio(port, path, bare_port)
            for what in ("facets over all", "facets and count of a word"):
                say(
                    f"{what}, first time after a change: {first_counts(caller, headers, '/v1/listings?' + ASKED[what]):.0f} ms"
                )


async def offered(port: int, home: Path, path: Path) -> None:
    """Put a whole list on offer."""
    async with client(port, home, "university") as http:
        started = time.perf_counter()
        job = await imported(http, path, publish=True)
        say(f"{job['rows']['total']} rows listed in {time.perf_counter() - started:.1f} s: {job['listings']}")


def settled(caller: Caller, headers: dict[str, str]) -> None:
    """Wait until matching has taken everything in: what is offered now is found last."""
    started, sme = time.perf_counter(), caller.sign_in("sme")
    listing = offer(caller, headers, "柳编提篮蒸汽定型模架")
    while listing not in [item["listing"]["id"] for item in caller.match(sme, "柳编提篮蒸汽定型模架")["items"]]:
        time.sleep(0.5)
    say(f"all of them in the index {time.perf_counter() - started:.1f} s later")
    time.sleep(5)


def offer(caller: Caller, headers: dict[str, str], title: str) -> str:
    """A new listing's id."""
    patent = caller.post(headers, "/v1/patents", factories.a_patent(title=title))
    listing = caller.post(headers, "/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
    caller.post(headers, f"/v1/listings/{listing['id']}/submission")
    return str(listing["id"])


if __name__ == "__main__":
    main()
