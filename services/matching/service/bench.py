"""The engine against its peers: `python -m services bench` (extra `[bench]`).

One process, one seeded corpus, query by query, peers taking turns on each query: absolute times drift with the
machine, ratios do not. The corpus is drawn from the word statistics of real texts: each document has a subject
(one text, most of whose words it takes), neighbors of the subject, words of the language at large, and words
that hardly anybody else uses.
"""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import math
import os
import random
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from services.matching.engine import Change, Condition, Document, Engine, Query, Snapshot, terms
from services.matching.engine.documents import pack
from services.matching.engine.index import Epoch, Lexicon
from services.matching.engine.segment import CLASS, GRAM, Ragged, Segment, Weights
from services.matching.engine.shelf import Part, Shelf
from services.matching.engine.store import Store
from services.matching.engine.text import FIELDS
from services.matching.service import files

Array = npt.NDArray[Any]
Say = Callable[[str], None]
RARE_WORDS = 300_000
BLOCK, BATCH, CHUNK = 8, 400, 100_000
GRAMS, GRAMS_OF_ONE = 20_000, 60  # real titles and summaries: about as many
REGIONS, CLASSES = 340, 600


class Corpus(NamedTuple):
    """Documents as term numbers: row i is term[start[i]:start[i + 1]], with how often each occurs."""

    start: Array
    term: Array
    times: Array  # uint16
    terms: int


def texts_of(path: Path) -> Iterable[str]:
    """Titles and abstracts of a file of lines {"title", "abstract"}."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield f"{row.get('title', '')}\n{row.get('abstract') or row.get('text') or ''}"


@njit(cache=True)
def _draw(n: int, mean: int, flat: Array, start: Array, common: Array, rare: int, seed: int) -> tuple[Array, Array]:
    np.random.seed(seed)
    subjects, words = start.size - 1, common.size
    out = np.empty(n * (mean + 40), np.int32)
    ends = np.zeros(n + 1, np.int64)
    seen = np.full(words + rare, -1, np.int64)
    subject_of = np.sort(np.random.randint(0, subjects, n))
    row = np.empty(2 * mean + 60, np.int32)
    filled = 0
    for d in range(n):
        size = min(max(int(np.random.normal(mean, mean * 0.25)), 8), mean + 38)
        held, tries = 0, 0
        while held < size and tries < 20 * size:
            tries += 1
            chance = np.random.random()
            subject = subject_of[d]
            if 0.45 <= chance < 0.6:
                subject = min(max(subject + np.random.randint(-3, 4), 0), subjects - 1)
            if chance < 0.6:
                t = flat[start[subject] + np.random.randint(0, start[subject + 1] - start[subject])]
            elif chance < 0.985:
                t = min(np.searchsorted(common, np.random.random()), words - 1)
            else:
                t = words + min(int(rare * np.random.random() ** 2), rare - 1)
            if seen[t] != d:
                seen[t] = d
                row[held] = t
                held += 1
        out[filled : filled + held] = np.sort(row[:held])
        filled += held
        ends[d + 1] = filled
    return ends, out[:filled]


def corpus(texts: Iterable[str], documents: int, mean_terms: int, seed: int) -> Corpus:
    """A seeded corpus from the statistics of texts; equal seeds and texts give equal corpora."""
    number_of: dict[str, int] = {}
    rows = [[number_of.setdefault(term, len(number_of)) for term in sorted(terms(text))] for text in texts]
    rows = [row for row in rows if row]
    flat = np.array([number for row in rows for number in row], np.int32)
    start = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    common = np.cumsum(np.bincount(flat, minlength=len(number_of)) / flat.size)
    ends, term = _draw(documents, mean_terms, flat, start, common, RARE_WORDS, seed)
    times = np.minimum(np.random.default_rng(seed).geometric(0.6, term.size), 20).astype(np.uint16)
    return Corpus(ends, term, times, len(number_of) + RARE_WORDS)


def _grams(documents: int, seed: int) -> Ragged:
    """Characters of titles and summaries as numbers below `GRAMS`: few are frequent, most are rare, as they are."""
    chance, rows = np.random.default_rng(seed), []
    for start in range(0, documents, CHUNK):
        drawn = np.exp(chance.random((min(CHUNK, documents - start), GRAMS_OF_ONE)) * math.log(GRAMS)).astype(np.int32)
        drawn.sort(axis=1)
        first = np.ones(drawn.shape, bool)
        first[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
        starts = np.concatenate(([0], np.cumsum(first.sum(axis=1)))).astype(np.int64)
        rows.append(Ragged(starts, drawn[first]))
    return Ragged.joined(rows)


def engine_of(made: Corpus, seed: int, *, whole: bool = False) -> Engine:
    """An engine that holds a corpus, from term numbers: what it costs to weigh and invert, not to cut words.

    Whole, it holds what the second stage looks at too: characters and classes.
    """
    n, chance = made.start.size - 1, np.random.default_rng(seed)
    ids = np.char.add(b"d", np.char.zfill(np.arange(n).astype("S8"), 8))
    code_of = np.array([pack((0, 0, times, 0)) for times in range(21)], np.uint16)
    region = chance.integers(0, REGIONS, n)
    class_ = np.arange(n) * CLASSES // n  # documents of a subject lie in one class, as patents do
    names = [b"ipc\x1f%03d" % code for code in range(CLASSES)] + [b"region\x1f%03d" % code for code in range(REGIONS)]
    facets = np.concatenate((class_, CLASSES + region))
    by_value = np.argsort(facets, kind="stable")
    starts = np.searchsorted(facets[by_value], np.arange(len(names) + 1)).astype(np.int64)
    grams = classes = Ragged(np.zeros(n + 1, np.int64), np.zeros(0, np.int32))
    if whole:
        drawn = _grams(n, seed)
        grams = Ragged(drawn.start, drawn.values + made.terms)
        classes = Ragged(np.arange(n + 1, dtype=np.int64), (made.terms + GRAMS + class_).astype(np.int32))
    segment = Segment(
        ids=ids, near=np.zeros(n, "S1"), grams=grams,
        gram_counts=np.full(grams.values.size, 3, np.uint16), classes=classes,
        meanings=np.zeros((n, 0), np.int8),
        versions=np.ones(n, np.int64),
        stored=Ragged(np.arange(n + 1, dtype=np.int64) * 2, np.tile(np.frombuffer(b"{}", np.uint8), n)),
        terms=Ragged(made.start, made.term), codes=code_of[made.times],
        rare_at=np.zeros(0, np.int64), rare=np.zeros((0, len(FIELDS)), np.int64),
        facet_values=np.array(names), facet_rows=Ragged(starts, (by_value % n).astype(np.int32)),
        by_id=np.arange(n, dtype=np.int32), tie=np.arange(n, dtype=np.int32),
    )  # fmt: skip
    frequencies = np.bincount(made.term, minlength=made.terms)
    names_ = [f"t{number}" for number in range(made.terms)]
    if whole:
        held = np.bincount(grams.values - made.terms, minlength=GRAMS)
        frequencies = np.concatenate((frequencies, held, np.zeros(CLASSES, np.int64)))
        names_ += [f"{GRAM}{number:05}" for number in range(GRAMS)] + [f"{CLASS}{code:03}" for code in range(CLASSES)]
    epoch = Epoch.begin(0, n, frequencies)
    weights = Weights.of(segment, epoch.idf, with_postings=True)
    if weights.postings is not None:  # as they are after a restart: in memory with large pages
        words = np.empty_like(weights.postings.words)
        words[:] = weights.postings.words
        weights = replace(weights, postings=weights.postings._replace(words=words))
    known_at = np.where(frequencies > 0, 0, np.iinfo(np.int64).max)
    lexicon = Lexicon(names_)
    engine = Engine()
    shelf = Shelf((Part(segment, weights, np.ones(n, np.uint8)),))
    engine.restore(Snapshot(shelf, lexicon, known_at, epoch, 0), frequencies)
    return engine


class Asked(NamedTuple):
    """A need in all the shapes that the engines want."""

    query: Query
    numbers: Array
    row: Any  # scipy: (1, terms), length one


def needs(made: Corpus, idf: Array, shape_of: Corpus) -> list[Asked]:
    """Every document of a small corpus as a need, without the words that the large one does not hold."""
    sparse = importlib.import_module("scipy.sparse")
    held = np.bincount(made.term, minlength=made.terms) > 0
    found = []
    for start, stop in zip(shape_of.start, shape_of.start[1:], strict=False):
        numbers, times = shape_of.term[start:stop], shape_of.times[start:stop]
        numbers, times = numbers[held[numbers]], times[held[numbers]]
        weights = (1.0 + np.log(times.astype(float))) * idf[numbers]
        weights = weights / math.sqrt(float((weights * weights).sum()))
        query = Query({f"t{number}": float(count) for number, count in zip(numbers, times, strict=True)})
        row = sparse.csr_matrix((weights, (np.zeros(numbers.size, int), numbers)), shape=(1, made.terms))
        found.append(Asked(query, numbers, row))
    return found


def matrix(made: Corpus, idf: Array) -> Any:
    """The corpus as scikit-learn's TfidfTransformer would have it: rows of length one."""
    sparse = importlib.import_module("scipy.sparse")
    preprocessing = importlib.import_module("sklearn.preprocessing")
    weights = (1.0 + np.log(made.times.astype(float))) * idf[made.term]
    rows = sparse.csr_matrix((weights, made.term, made.start), shape=(made.start.size - 1, made.terms))
    return preprocessing.normalize(rows, copy=False)


def _first(scores: Array, k: int) -> tuple[Array, Array]:
    best = np.argpartition(-scores, k)[:k]
    best = best[np.lexsort((best, -scores[best]))]
    return best, scores[best]


def peers(made: Corpus, x: Any, chosen: Sequence[str], say: Say, k: int) -> dict[str, Callable[[Asked], Any]]:
    """The peers that were chosen, built and ready, each as a function of a need."""
    found: dict[str, Callable[[Asked], Any]] = {}
    if "scipy" in chosen:
        transposed = x.T.tocsr()

        def scipy_(asked: Asked) -> Any:
            return _first((asked.row @ transposed).toarray().ravel(), k)

        found["scipy"] = scipy_
    if "bm25s" in chosen:
        started = time.perf_counter()
        repeated = np.repeat(made.term, np.minimum(made.times, 3))
        ends = np.concatenate(([0], np.cumsum(np.minimum(made.times, 3), dtype=np.int64)))[made.start]
        rows = [repeated[a:b].tolist() for a, b in itertools.pairwise(ends)]
        index = importlib.import_module("bm25s").BM25(backend="numba")
        index.index((rows, {str(number): number for number in range(made.terms)}), show_progress=False)
        del rows, repeated
        say(f"  bm25s (numba) built in {time.perf_counter() - started:.0f} s")
        found["bm25s"] = lambda asked: index.retrieve([asked.numbers.tolist()], k=k, show_progress=False, n_threads=1)
    if "tantivy" in chosen:
        started = time.perf_counter()
        tantivy = importlib.import_module("tantivy")
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("body", stored=False, tokenizer_name="whitespace")
        builder.add_unsigned_field("id", stored=True)
        index_ = tantivy.Index(builder.build())
        writer = index_.writer(heap_size=512 << 20, num_threads=1)
        for number in range(made.start.size - 1):
            row = slice(made.start[number], made.start[number + 1])
            body = " ".join(map(str, np.repeat(made.term[row], np.minimum(made.times[row], 3)).tolist()))
            writer.add_document(tantivy.Document(body=body, id=number))
        writer.commit()
        writer.wait_merging_threads()
        index_.reload()
        searcher = index_.searcher()
        say(f"  tantivy built in {time.perf_counter() - started:.0f} s")

        def tantivy_(asked: Asked) -> Any:
            clauses = [
                (tantivy.Occur.Should, tantivy.Query.term_query(index_.schema, "body", str(number)))
                for number in asked.numbers.tolist()
            ]
            return searcher.search(tantivy.Query.boolean_query(clauses), k).hits

        found["tantivy"] = tantivy_
    return found


class Times(NamedTuple):
    """Milliseconds, query by query."""

    of: dict[str, list[float]]

    def line(self, name: str) -> str:
        """Median and 95th percentile."""
        cuts = statistics.quantiles(self.of[name], n=20)
        return f"{name}: p50 {statistics.median(self.of[name]):.2f} ms, p95 {cuts[18]:.2f} ms"

    def ratio(self, name: str) -> float:
        """The median of another engine's time by ours, query by query."""
        pairs = zip(self.of[name], self.of["duijie"], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)


def in_turn(engines: dict[str, Callable[[Asked], Any]], asked: Sequence[Asked]) -> Times:
    """Every engine on every need; blocks of a few needs each, so that none runs on another's cold caches only."""
    for answer in engines.values():
        answer(asked[0])
    times: dict[str, list[float]] = {name: [] for name in engines}
    for at in range(0, len(asked), BLOCK):
        for name, answer in engines.items():
            for one in asked[at : at + BLOCK]:
                started = time.perf_counter()
                answer(one)
                times[name].append((time.perf_counter() - started) * 1000)
    return Times(times)


def run(
    *,
    sizes: Sequence[int],
    mean_terms: int,
    texts: Path,
    chosen: Sequence[str],
    rounds: int,
    queries: int,
    plots: Path | None,
    say: Say,
) -> None:
    """Build, ask, change, restart; print every figure as it comes."""
    medians: list[tuple[int, float]] = []
    bars: list[tuple[str, float]] = []
    for n in sizes:
        say(f"{n} documents of about {mean_terms} terms, drawn from {texts.name}, seed 1")
        made = corpus(texts_of(texts), n, mean_terms, 1)
        engine_of(corpus(texts_of(texts), 600, mean_terms, 2), 2)  # compiled before anything is timed
        started = time.perf_counter()
        engine = engine_of(made, 1)
        say(f"  built from term numbers in {time.perf_counter() - started:.1f} s, two threads")
        snapshot = engine.snapshot
        asked = needs(made, snapshot.epoch.idf, corpus(texts_of(texts), queries, mean_terms, 77))
        x = matrix(made, snapshot.epoch.idf)
        _exactness(snapshot, x, asked[:100], say)
        engines: dict[str, Callable[[Asked], Any]] = {"duijie": partial(_ours, snapshot)}
        engines |= peers(made, x, chosen, say, 20)
        rounds_ = [in_turn(engines, asked) for _ in range(rounds)]
        for times in rounds_:
            say("  " + "; ".join(times.line(name) for name in engines))
        medians.append((n, statistics.median(statistics.median(times.of["duijie"]) for times in rounds_)))
        for name in engines:
            if name != "duijie":
                ratios = sorted(times.ratio(name) for times in rounds_)
                say(
                    f"  {name} / duijie: {statistics.median(ratios):.1f} (rounds {', '.join(f'{r:.2f}' for r in ratios)})"
                )
                if n == sizes[-1]:
                    bars.append((name, statistics.median(ratios)))
        if "sklearn" in chosen:
            _sklearn(x, snapshot, asked[:2], say)
        _batch(snapshot, x, asked, "sparse_dot_topn" in chosen, say)
        _filters(snapshot, asked, say)
        del x, engines, rounds_
        _changes(engine, asked, say)
        _restart(engine, asked, say)
        del engine, snapshot
        _whole(made, asked, say)
        del made, asked
        _from_texts(texts, n, say)
    say(f"peak memory of this process, peers included: {_peak():.1f} GB")
    if len(medians) > 1:
        (small, fast), (large, slow) = medians[0], medians[-1]
        say(f"growth: {large / small:.1f} x documents, {slow / fast:.1f} x latency")
    if plots is not None:
        _plot(plots, medians, bars)


def _ours(snapshot: Snapshot, one: Asked) -> object:
    return snapshot.rank(one.query, 20)


def _exactness(snapshot: Snapshot, x: Any, asked: Sequence[Asked], say: Say) -> None:
    worst, other = 0.0, 0
    for one in asked:
        scores = (x @ one.row.T).toarray().ravel()
        expected, best = _first(scores, 20)
        found = snapshot.rank(one.query, 20).found
        for each, number, score in zip(found, expected, best, strict=True):
            worst = max(worst, abs(each.score - score))
            other += int(each.id[1:]) != number and abs(scores[int(each.id[1:])] - score) > 1e-12
    say(f"  exactness: {20 * len(asked)} hits, {other} other ids than scikit-learn's, greatest difference {worst:.1e}")


def _sklearn(x: Any, snapshot: Snapshot, asked: Sequence[Asked], say: Say) -> None:
    kernel = importlib.import_module("sklearn.metrics.pairwise").linear_kernel
    theirs, ours = [], []
    for one in asked:
        started = time.perf_counter()
        _first(kernel(one.row, x).ravel(), 20)
        theirs.append(time.perf_counter() - started)
        started = time.perf_counter()
        snapshot.rank(one.query, 20)
        ours.append(time.perf_counter() - started)
    say(f"  scikit-learn linear_kernel / duijie: {statistics.median(theirs) / statistics.median(ours):.0f}")


def _batch(snapshot: Snapshot, x: Any, asked: Sequence[Asked], with_peer: bool, say: Say) -> None:
    many = [asked[number % len(asked)] for number in range(BATCH)]
    rates = {}
    for threads in (1, 2):
        with ThreadPoolExecutor(threads) as pool:
            started = time.perf_counter()
            list(pool.map(lambda one: snapshot.rank(one.query, 20), many))
            rates[threads] = BATCH / (time.perf_counter() - started)
    line = f"  all x all: {rates[1]:.0f} needs/s on one thread, {rates[2]:.0f} on two"
    if with_peer:
        sparse = importlib.import_module("scipy.sparse")
        topn = importlib.import_module("sparse_dot_topn").sp_matmul_topn
        some = sparse.vstack([one.row for one in many[:40]]).tocsr()
        transposed = x.T.tocsr()
        started = time.perf_counter()
        topn(some, transposed, top_n=20, n_threads=2)
        theirs = 40 / (time.perf_counter() - started)
        line += f"; sparse_dot_topn {theirs:.1f} on two: ratio {rates[2] / theirs:.0f}"
    say(line)


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def _filters(snapshot: Snapshot, asked: Sequence[Asked], say: Say) -> None:
    chosen = {
        "one region of 340": [Condition.exactly("region", "017")],
        "regions 0xx": [Condition.prefix("region", "0")],
        "one class of 600": [Condition.exactly("ipc", "123")],
        "classes 1xx": [Condition.prefix("ipc", "1")],
        "classes 1xx in regions 2xx": [Condition.prefix("ipc", "1"), Condition.prefix("region", "2")],
    }
    parts = []
    for name, conditions in chosen.items():
        for part in snapshot.shelf.parts:
            part.masks.clear()
        times = [_timed(partial(snapshot.rank, one.query, 20, conditions)) for one in asked]
        parts.append(f"{name} p95 {statistics.quantiles(times, n=20)[18]:.1f} ms (first {times[0]:.1f})")
    say("  filters: " + "; ".join(parts))


def _changes(engine: Engine, asked: Sequence[Asked], say: Say) -> None:
    added, gone = [], []
    for number, one in enumerate(asked[:100], 1):
        id_ = f"new{number:06}"
        counts = {"abstract": {term: int(times) for term, times in one.query.counts.items()}}
        document = Document(id_, 1, counts, {}, {"region": ["001"]})
        added.append(_timed(lambda: engine.apply([Change(2 * number, id_, 1, document)], 2 * number)))  # noqa: B023
        assert engine.snapshot.rank(one.query, 1).found[0].id == id_
        old = engine.snapshot.rank(one.query, 2).found[1].id
        gone.append(_timed(lambda: engine.apply([Change(2 * number + 1, old, 2, None)], 2 * number + 1)))  # noqa: B023
        assert old not in [found.id for found in engine.snapshot.rank(one.query, 20).found]
    say(
        f"  one add visible: median {statistics.median(added):.1f} ms, worst {max(added):.1f}; "
        f"one withdrawal: median {statistics.median(gone):.1f} ms, worst {max(gone):.1f}"
    )


def _restart(engine: Engine, asked: Sequence[Asked], say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="duijie-bench-") as name:
        folder = Path(name)
        Store(folder).save("bench", *engine.state())
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**30
        before = engine.snapshot.rank(asked[0].query, 20)
        started = time.perf_counter()
        again = Engine()
        Store(folder).load(again)
        after = again.snapshot.rank(asked[0].query, 20)
        seconds = time.perf_counter() - started
        assert after.found == before.found
        say(f"  on disk {size:.2f} GB; restart to first answer, checksums and all: {seconds:.2f} s")


def _whole(made: Corpus, asked: Sequence[Asked], say: Say) -> None:
    """The ranking as it is served: 500 of the first stage scored by all signals, 20 of them explained."""
    snapshot = engine_of(made, 1, whole=True).snapshot
    grams = _grams(len(asked), 99)
    queries = [
        replace(
            one.query,
            grams={f"{number:05}": 2.0 for number in grams[row].tolist()},
            leaning={f"{(row * 7) % CLASSES:03}": 1.0},
        )
        for row, one in enumerate(asked)
    ]
    found = [[each.id for each in snapshot.match(query, 20).found] for query in queries]
    ranked = [_timed(partial(snapshot.match, query, 20)) for query in queries]
    explained = [_timed(partial(snapshot.explain, query, ids)) for query, ids in zip(queries, found, strict=True)]
    cuts = statistics.quantiles(ranked, n=20)
    say(
        f"  whole ranking: p50 {statistics.median(ranked):.1f} ms, p95 {cuts[18]:.1f} ms; "
        f"its 20 hits explained: p50 {statistics.median(explained):.1f} ms"
    )


def _from_texts(path: Path, n: int, say: Say) -> None:
    """From a file of texts to an engine that answers, in a process of its own, as `rank` does it."""
    with tempfile.TemporaryDirectory(prefix="duijie-bench-") as name:
        corpus_ = Path(name) / "corpus.jsonl"
        with corpus_.open("w", encoding="utf-8") as file:
            file.writelines(_mixed(list(texts_of(path)), n))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            seconds, own, most = pool.submit(_index, corpus_).result()
    say(
        f"  built from texts in {seconds:.0f} s, {os.cpu_count()} processes ({n / seconds:.0f} documents/s); "
        f"peak memory {own:.1f} GB, each process that cuts words {most:.1f} GB"
    )


def _mixed(texts: Sequence[str], n: int) -> Iterator[str]:
    """Lines of a corpus: titles as they are, texts of about their length from the clauses of several."""
    chance = random.Random(1)  # noqa: S311 - a corpus, not a secret
    titles = [text.partition("\n")[0] for text in texts]
    clauses = [re.split("(?<=[，。；])", text.partition("\n")[2]) for text in texts]
    size = statistics.mean(len(text) for text in texts)
    for number in range(n):
        subject, said, wanted = chance.randrange(len(texts)), "", chance.gauss(size, size / 4)
        while len(said) < wanted:
            said += chance.choice(clauses[subject if chance.random() < 0.6 else chance.randrange(len(texts))]) or "。"
        row = {"id": f"d{number:08}", "title": titles[subject], "text": said, "ipc": [f"A{subject % 99:02}B"]}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _index(path: Path) -> tuple[float, float, float]:
    started = time.perf_counter()
    files.index(path, {}, os.cpu_count() or 1, lambda _: None)
    seconds = time.perf_counter() - started
    return seconds, _peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def _peak() -> float:
    """GB at most that this process held. Not by `getrusage`: that remembers what a process was started from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**20


def _plot(folder: Path, medians: Sequence[tuple[int, float]], bars: Sequence[tuple[str, float]]) -> None:
    """Two plain SVGs: latency over size, and how many times longer each peer takes."""
    folder.mkdir(parents=True, exist_ok=True)
    ink, font = "#1f4e79", 'font-family="sans-serif" font-size="13"'
    high = max((ms for _, ms in medians), default=1.0)
    points = [(60 + 400 * n / medians[-1][0], 210 - 170 * ms / high) for n, ms in medians]
    dots = "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{ink}"/><text x="{x - 30:.0f}" y="{y - 10:.0f}" {font}>{n:,}: {ms:.2f} ms</text>'
        for (x, y), (n, ms) in zip(points, medians, strict=True)
    )
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in [(60.0, 210.0), *points])
    (folder / "bench-latency.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 240"><rect width="560" height="240" fill="white"/>'
        f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>{dots}'
        f'<text x="60" y="232" {font}>documents → median latency of an exact top-20</text></svg>\n'
    )
    longest = max((ratio for _, ratio in bars), default=1.0)
    rows = "".join(
        f'<text x="10" y="{30 + 30 * row}" {font}>{name}</text>'
        f'<rect x="130" y="{16 + 30 * row}" width="{320 * ratio / longest:.0f}" height="18" fill="{ink}"/>'
        f'<text x="{140 + 320 * ratio / longest:.0f}" y="{30 + 30 * row}" {font}>{ratio:.1f} ×</text>'
        for row, (name, ratio) in enumerate([("duijie", 1.0), *bars])
    )
    height = 40 + 30 * (len(bars) + 1)
    (folder / "bench-ratio.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 {height}"><rect width="560" height="{height}" fill="white"/>{rows}</svg>\n'
    )
