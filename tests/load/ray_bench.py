"""Shards on Ray against the embedded index: `make bench-ray`.

One process tree on one machine, one seeded corpus, query by query in turn: it shows what the way through Ray costs
and that every answer is equal, not what more machines gain. Two nodes of a test cluster, so that what goes between
shards goes between nodes.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from services.matching.engine import Change, Document, Engine, Query
from services.matching.service.bench import CLASSES, REGIONS, Asked, Corpus, corpus, in_turn, texts_of
from services.matching.service.cluster import Shards, rank_all

TEXTS = Path(__file__).parents[2].parent / "shared" / "data" / "bench" / "patents_with_abstracts.jsonl.gz"
BATCH, ROUNDS, LOSSES, CHANGES = 2_000, 3, 3, 50


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rows(made: Corpus) -> Iterator[dict[str, int]]:
    for start, stop in itertools.pairwise(made.start.tolist()):
        terms, times = made.term[start:stop].tolist(), made.times[start:stop].tolist()
        yield {f"t{number}": count for number, count in zip(terms, times, strict=True)}


def documents(made: Corpus) -> Iterator[Document]:
    chance, n = np.random.default_rng(1), made.start.size - 1
    regions = chance.integers(0, REGIONS, n).tolist()
    for number, counts in enumerate(rows(made)):
        ipc = f"{number * CLASSES // n:03}"
        facets = {"ipc": [ipc], "region": [f"{regions[number]:03}"]}
        yield Document(f"d{number:08}", 1, {"abstract": counts}, {}, facets, ipc)


def filled(engine: Engine, made: Corpus) -> float:
    """Seconds that it took, all merges and postings included."""
    changes = [Change(1, document.id, 1, document) for document in documents(made)]
    started = time.perf_counter()
    engine.apply(changes, 1)
    while adopt := engine.care():
        adopt()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="ray_bench", description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--terms", type=int, default=91)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--texts", type=Path, default=TEXTS)
    options = parser.parse_args()
    import ray
    from ray.cluster_utils import Cluster

    cores = os.cpu_count() or 1
    say(
        f"{options.documents} documents of about {options.terms} terms, {options.shards} shards on two nodes "
        f"of one machine with {cores} cores, Ray {ray.__version__}"
    )
    # Else Ray lets its processes wait for everybody else's.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray spells it so
    node = {"num_cpus": options.shards + 1, "object_store_memory": 1 << 30}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    ray.init(address=cluster.address, namespace="duijie", log_to_driver=False, configure_logging=False)
    made = corpus(texts_of(options.texts), options.documents, options.terms, 1)
    asked = [
        Asked(Query({term: float(times) for term, times in counts.items()}), np.zeros(0), None)
        for counts in rows(corpus(texts_of(options.texts), options.queries, options.terms, 77))
    ]
    with tempfile.TemporaryDirectory(prefix="duijie-ray-") as name:
        one, other = Engine(), Engine(Shards.empty(Path(name), options.shards))
        try:
            compare(one, other, made, asked)
        finally:
            other.snapshot.shelf.actors.close()
            ray.shutdown()
            cluster.shutdown()
    say(
        f"peak memory of this process, without its shards: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB"
    )


def compare(one: Engine, other: Engine, made: Corpus, asked: list[Asked]) -> None:
    say(f"  built from counted words: embedded {filled(one, made):.0f} s, shards {filled(other, made):.0f} s")
    equal(one, other, asked, "at first")
    engines = {
        "duijie": lambda need: one.snapshot.rank(need.query, 20),
        "shards": lambda need: other.snapshot.rank(need.query, 20),
    }
    rounds = [in_turn(engines, asked) for _ in range(ROUNDS)]
    for times in rounds:
        say("  top 20, " + "; ".join(times.line(name) for name in engines).replace("duijie", "embedded"))
    ratios = sorted(times.ratio("shards") for times in rounds)
    say(f"  shards / embedded: {statistics.median(ratios):.2f} (rounds {', '.join(f'{r:.2f}' for r in ratios)})")
    batch(one, other, asked)
    changes(one, other, asked)
    losses(one, other, asked)


def equal(one: Engine, other: Engine, asked: list[Asked], when: str) -> None:
    hits = 0
    for need in asked:
        for method in ("rank", "match"):
            first, second = (getattr(engine.snapshot, method)(need.query, 20).found for engine in (one, other))
            assert first == second, f"{when}: {method} differs"
            hits += len(first)
    say(f"  {when}: {hits} of {hits} hits of rank and match equal, ids and scores to the last bit")


def batch(one: Engine, other: Engine, asked: list[Asked]) -> None:
    queries = [need.query for need in itertools.islice(itertools.cycle(asked), BATCH)]
    rates: dict[str, list[float]] = {"embedded": [], "shards": []}
    for _ in range(ROUNDS):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            started = time.perf_counter()
            expected = [ranking.found for ranking in pool.map(lambda query: one.snapshot.rank(query, 20), queries)]
            rates["embedded"].append(BATCH / (time.perf_counter() - started))
        started = time.perf_counter()
        found = [ranking.found for ranking in rank_all(other.snapshot, queries, 20)]
        rates["shards"].append(BATCH / (time.perf_counter() - started))
        assert found == expected, "rank_all differs"
    spoken = "; ".join(f"{name} {', '.join(f'{rate:.0f}' for rate in sorted(each))}" for name, each in rates.items())
    say(f"  all x all, needs/s in {ROUNDS} rounds (embedded on {os.cpu_count()} threads): {spoken}; all equal")


def changes(one: Engine, other: Engine, asked: list[Asked]) -> None:
    times: dict[str, list[float]] = {"embedded": [], "shards": []}
    for number, need in enumerate(asked[:CHANGES]):
        counts = {term: int(count) for term, count in need.query.counts.items()}
        change = Change(2 + number, f"new{number}", 1, Document(f"new{number}", 1, {"abstract": counts}, {}))
        for name, engine in (("embedded", one), ("shards", other)):
            started = time.perf_counter()
            engine.apply([change], change.position)
            assert engine.snapshot.rank(need.query, 1).found[0].id == change.id
            times[name].append((time.perf_counter() - started) * 1000)
    spoken = "; ".join(
        f"{name} median {statistics.median(each):.1f} ms, worst {max(each):.1f}" for name, each in times.items()
    )
    say(f"  one addition made and found: {spoken}")
    equal(one, other, asked[:50], "after additions")


def losses(one: Engine, other: Engine, asked: list[Asked]) -> None:
    import ray

    actors = other.snapshot.shelf.actors
    seconds = []
    for number in range(LOSSES):
        time.sleep(15)  # a process stands by again
        place = actors._places[number % len(actors)]
        expected = one.snapshot.rank(asked[number].query, 20).found
        ray.kill(place.actor)
        started = time.perf_counter()
        assert other.snapshot.rank(asked[number].query, 20).found == expected
        seconds.append(time.perf_counter() - started)
        journal = len(place.journal)
        say(
            f"  shard {number % len(actors)} killed: exact again after {seconds[-1]:.1f} s ({journal} operations replayed)"
        )
    equal(one, other, asked, "after the losses")


if __name__ == "__main__":
    main()
