"""Rankings on plain files, for a matchmaking event without any database, and their quality against judgments.

A corpus line is {"id", "title", "text"} and, where known, "ipc": […], "patent_type"; a query line {"id", "title",
"text"} and, where known, "industry_code" (GB/T 4754); a run line query, document, score; a judgment line query, document, level (1 unrelated … 4 strong). Files
ending in .gz are compressed. What cannot be read is refused with its line, and nothing is written then.
"""

from __future__ import annotations

import gc
import gzip
import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.matching.engine import MIX, Cut, Draft, Engine, Mix, Query, Snapshot, cut
from services.matching.engine.store import Store
from services.matching.service.semantic import Semantics
from services.matching.service.vocabulary import Understanding, class_term, subclasses

__all__ = ["LIMIT_MOST", "FileRefused", "Quality", "evaluate", "index", "rank"]
LINE_MOST = 1 << 20
CHUNK = 20_000  # lines that a process takes at once: the more, the fewer words it meets for the first time
DEPTHS = (10, 20, 100)
LIMIT_MOST = 500  # hits a query
MANY, TOGETHER = 1_000, 50  # queries from which other processes are worth their start; that go to one at a time
RELEVANT = 3  # the level from which a pair counts as a match

Progress = Callable[[str], None]


class FileRefused(Exception):
    """A file cannot be used; the message names file, line and cure."""


class _Text(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: str = Field(min_length=1, max_length=200, pattern=r"^[^\t\r\n\x00]+$")
    title: str = ""
    text: str | None = None


T = TypeVar("T", bound=_Text)
S = TypeVar("S")
R = TypeVar("R")


class _Query(_Text):
    industry_code: str | None = None


class _Entry(_Text):
    ipc: list[str] = []
    patent_type: str | None = None


def rank(
    corpus: Path,
    queries: Path,
    out: Path,
    *,
    limit: int,
    pairs: Path | None,
    ipc_titles: Mapping[str, str],
    understanding: Understanding,
    processes: int,
    progress: Progress,
    mix: Mix = MIX,
    semantics: Semantics | None = None,
) -> int:
    """Rank every query against a corpus, or score the given pairs by all signals; answers the lines written.

    Raises: FileRefused.
    """
    asked = [
        (entry.id, understanding.query(entry.title, entry.text or "", entry.industry_code))
        for entry in _texts(queries, _Query)
    ]
    wanted = _pairs(pairs) if pairs is not None else None
    engine = index(corpus, ipc_titles, processes, progress, semantics)
    if wanted is not None:
        _check_pairs(wanted, {id_ for id_, _ in asked}, engine.snapshot, pairs)
    jobs = [_Job(id_, query, limit, mix, None if wanted is None else wanted.get(id_, ())) for id_, query in asked]

    draft = out.with_name(f".{out.name}.{os.getpid()}")
    written = 0
    try:
        with draft.open("w", encoding="utf-8") as file, _ranking(engine, len(jobs), processes) as ranked:
            for number, lines in enumerate(ranked(jobs), 1):
                file.writelines(lines)
                written += len(lines)
                if number % 1_000 == 0:
                    progress(f"{number} of {len(asked)} queries")
        draft.replace(out)
    except OSError as error:
        raise FileRefused(f"{out}: {error.strerror or error}") from None
    finally:
        draft.unlink(missing_ok=True)
    return written


class _Job(NamedTuple):
    """A query to be ranked, or the documents to be scored for it."""

    id: str
    query: Query
    limit: int
    mix: Mix
    documents: Sequence[str] | None

    def lines(self, snapshot: Snapshot) -> list[str]:
        """Its lines of the run."""
        if self.documents is None:
            found = snapshot.match(self.query, self.limit, (), self.mix).found
        else:
            found = snapshot.judge(self.query, self.documents, self.mix)
        return [f"{self.id}\t{each.id}\t{each.score!r}\n" for each in found]


@contextmanager
def _ranking(engine: Engine, queries: int, processes: int) -> Iterator[Callable[[Sequence[_Job]], Iterable[list[str]]]]:
    """Ranks queries in order. Many go to processes that map the index from disk: threads would wait for one another."""
    if queries < MANY or processes < 2:
        yield lambda jobs: (job.lines(engine.snapshot) for job in jobs)
        return
    with TemporaryDirectory(prefix="duijie-rank-") as folder:
        try:
            Store(Path(folder)).save("rank", *engine.state())
        except OSError as error:
            raise FileRefused(f"{folder}: {error.strerror}; set TMPDIR to a folder with room for the index") from None
        spawn = get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_hold, initargs=(Path(folder),)) as pool:
            yield lambda jobs: pool.map(_lines_of, jobs, chunksize=TOGETHER)


_held = Engine()  # of a process that ranks


def _hold(folder: Path) -> None:
    Store(folder).load(_held)


def _lines_of(job: _Job) -> list[str]:
    return job.lines(_held.snapshot)


def index(
    corpus: Path,
    ipc_titles: Mapping[str, str],
    processes: int,
    progress: Progress,
    semantics: Semantics | None = None,
) -> Engine:
    """An engine that holds a corpus file. Words are cut in processes of their own. Raises: FileRefused."""
    seen: dict[str, int] = {}

    def cuts() -> Iterator[Cut]:
        lines = _lines(corpus)
        chunks = iter(lambda: list(itertools.islice(lines, CHUNK)), [])
        for numbers, (spelled, segment) in _each(partial(_cut, corpus, ipc_titles), chunks, processes):
            for id_, number in numbers.items():
                _once(corpus, seen, id_, number)
            progress(f"{len(seen)} documents")
            if semantics is None:
                yield Cut(spelled, segment)
            else:
                titles = [segment.shown(row)["title"] for row in range(len(segment))]
                yield Cut(spelled, replace(segment, meanings=semantics.passages(titles)))
        if not seen:
            raise FileRefused(f"{corpus}: holds no document")

    return Engine.of_cuts(cuts())


def _each(act: Callable[[S], R], chunks: Iterable[S], processes: int) -> Iterator[R]:
    """What comes of each chunk, in order; in processes of their own when there is more than one chunk."""
    chunks = iter(chunks)
    some = list(itertools.islice(chunks, 2))
    if len(some) < 2 or processes < 2:
        yield from map(act, itertools.chain(some, chunks))
        return
    # What is made of texts holds no cycles: looking for them takes a tenth of the time.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=gc.disable) as pool:
        running = deque(pool.submit(act, chunk) for chunk in some)
        for chunk in chunks:
            running.append(pool.submit(act, chunk))
            if len(running) > 2 * processes:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _cut(path: Path, ipc_titles: Mapping[str, str], lines: Sequence[tuple[int, str]]) -> tuple[dict[str, int], Cut]:
    """Lines of a corpus with the lines of their ids, which stand once each."""
    numbers: dict[str, int] = {}
    drafts = []
    for number, line in lines:
        entry = _read(path, number, line, _Entry)
        _once(path, numbers, entry.id, number)
        drafts.append(_draft(entry, ipc_titles))
    return numbers, cut(drafts)


def _draft(entry: _Entry, ipc_titles: Mapping[str, str]) -> Draft:
    classes = subclasses(entry.ipc)
    return Draft(
        id=entry.id,
        version=1,
        texts={
            "title": entry.title,
            "abstract": entry.text or "",
            "ipc": "\n".join([ipc_titles[code] for code in classes if code in ipc_titles]),
        },
        terms={"ipc": {class_term(code): 1 for code in classes}},
        shown=entry.title,
        stored={"title": entry.title},
        facets={"patent_type": [entry.patent_type]} if entry.patent_type else {},
        near=entry.ipc[0] if entry.ipc else "",
        classes=classes,
    )


def _open(path: Path) -> IO[bytes]:
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror or error}") from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with _open(path) as file:
        number = 0
        try:
            while line := file.readline(LINE_MOST + 1):
                number += 1
                if len(line) > LINE_MOST:
                    raise FileRefused(f"{path}, line {number}: longer than {LINE_MOST >> 20} MB; shorten the text")
                if text := line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n"):
                    yield number, text
        except UnicodeDecodeError:
            raise FileRefused(f"{path}, line {number}: not UTF-8; save the file as UTF-8") from None
        except (OSError, EOFError) as error:
            raise FileRefused(f"{path}, after line {number}: {error}") from None


def _read(path: Path, number: int, line: str, model: type[T]) -> T:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(map(str, first["loc"])) or "the line"
        raise FileRefused(
            f'{path}, line {number}: {where}: {first["msg"]}; a line is {{"id": "…", "title": "…", "text": "…"}}'
        ) from None


def _once(path: Path, seen: dict[str, int], id_: str, number: int) -> None:
    if (before := seen.setdefault(id_, number)) != number:
        raise FileRefused(f"{path}, line {number}: id {id_!r} stands in line {before} already")


def _texts(path: Path, model: type[T]) -> Iterator[T]:
    seen: dict[str, int] = {}
    for number, line in _lines(path):
        entry = _read(path, number, line, model)
        _once(path, seen, entry.id, number)
        yield entry


def _columns(path: Path, name: str) -> Iterator[tuple[int, str, str, str]]:
    """Lines of three tab-separated columns; a first line whose third is no number is a head."""
    for number, line in _lines(path):
        cells = line.split("\t")
        if len(cells) < 3:
            raise FileRefused(f"{path}, line {number}: a {name} line is query, document and number, divided by tabs")
        try:
            float(cells[2])
        except ValueError:
            if number == 1:
                continue
            raise FileRefused(f"{path}, line {number}: {cells[2][:40]!r} is not a number") from None
        yield number, cells[0], cells[1], cells[2]


def _pairs(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _, query, document, _ in _columns(path, "pair"):
        found.setdefault(query, []).append(document)
    return found


def _check_pairs(wanted: Mapping[str, Sequence[str]], queries: set[str], snapshot: Snapshot, path: Path | None) -> None:
    for query, documents in wanted.items():
        if query not in queries:
            raise FileRefused(f"{path}: query {query!r} is not among the queries")
        for document in documents:
            if snapshot.shelf.locate(document) is None:
                raise FileRefused(f"{path}: document {document!r} is not in the corpus")


class Quality(NamedTuple):
    """Means over the queries that have a relevant document."""

    queries: int
    ndcg: float  # of the first ten; gain is level - 1
    map: float  # relevant from level 3
    recall: dict[int, float]  # by depth


def evaluate(qrels: Path, run: Path) -> Quality:
    """How well a run ranks the judged documents; a judged pair that the run leaves out scores 0.

    Ties are broken by document id. Raises: FileRefused.
    """
    levels: dict[str, dict[str, int]] = {}
    for number, query, document, level in _columns(qrels, "judgment"):
        if not level.isdigit():
            raise FileRefused(f"{qrels}, line {number}: a level is a whole number, 1 unrelated to 4 strong")
        levels.setdefault(query, {})[document] = int(level)
    scores: dict[tuple[str, str], float] = {}
    for number, query, document, score in _columns(run, "run"):
        if not math.isfinite(float(score)):
            raise FileRefused(f"{run}, line {number}: the score is not finite")
        scores[query, document] = float(score)
    ndcgs, precisions = [], []
    recalls: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    for query, judged in levels.items():
        relevant = sum(level >= RELEVANT for level in judged.values())
        if not relevant:
            continue
        order = sorted(judged, key=lambda document: (-scores.get((query, document), 0.0), document))
        gains = [judged[document] - 1 for document in order]
        ndcgs.append(_dcg(gains) / _dcg(sorted(gains, reverse=True)))
        at = [place for place, document in enumerate(order, 1) if judged[document] >= RELEVANT]
        precisions.append(sum(found / place for found, place in enumerate(at, 1)) / relevant)
        for depth, shares in recalls.items():
            shares.append(sum(place <= depth for place in at) / relevant)
    if not ndcgs:
        raise FileRefused(f"{qrels}: no query has a document of level {RELEVANT} or better")
    return Quality(
        len(ndcgs), _mean(ndcgs), _mean(precisions), {depth: _mean(shares) for depth, shares in recalls.items()}
    )


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:10]))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
