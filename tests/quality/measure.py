"""How well the engine ranks, signal by signal: `make quality`.

Two measures: nDCG@10 on real needs judged by transfer staff (../shared/data/bench/needs_dev), and the share of
the first ten in a right IPC subclass for plain needs of our own writing on the granted patents of ../shared/data/sample.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from services.matching.engine import MIX, Mix, Query, Snapshot
from services.matching.service import files
from services.matching.service.vocabulary import Understanding, shipped

HERE = Path(__file__).parent
DATA = HERE.parents[1].parent / "shared" / "data"
ROOT = HERE.parents[1]

ABLATIONS = {
    "words alone": MIX._replace(characters=0.0, classes=0.0),
    "words and characters": MIX._replace(classes=0.0),
    "all signals": MIX,
}


def titles() -> dict[str, str]:
    table = (ROOT / "services" / "catalog" / "reference" / "ipc.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t")[:2] for line in table.splitlines()[1:])


def quiet(_: str) -> None:
    return None


def ndcg(folder: Path, understanding: Understanding, mix: Mix) -> files.Quality:
    """The judged pairs of a set, through the command's own code."""
    out = Path(tempfile.mkdtemp()) / "run.tsv"
    files.rank(
        folder / "corpus.jsonl.gz", folder / "queries.jsonl.gz", out, limit=20, pairs=folder / "qrels.tsv",
        ipc_titles=titles(), understanding=understanding, processes=1, progress=quiet, mix=mix,
    )  # fmt: skip
    return files.evaluate(folder / "qrels.tsv", out)


def portfolio() -> tuple[Snapshot, dict[str, set[str]]]:
    """The granted patents, indexed as titles with classes; each one's subclasses."""
    corpus = Path(tempfile.mkdtemp()) / "granted.jsonl"
    classes = {}
    with gzip.open(DATA / "sample" / "university_patents.jsonl.gz", "rt", encoding="utf-8") as rows:
        granted = [row for row in map(json.loads, rows) if row["publication_number"][-1] != "A"]
    with corpus.open("w", encoding="utf-8") as file:
        for row in granted:
            classes[row["publication_number"]] = {code[:4] for code in row["ipc"]}
            entry = {"id": row["publication_number"], "title": row["title"], "ipc": row["ipc"]}
            file.write(json.dumps({**entry, "patent_type": row["patent_type"]}) + "\n")
    return files.index(corpus, titles(), 1, quiet).snapshot, classes


def plain_needs() -> list[tuple[str, set[str]]]:
    with (HERE / "plain_needs.tsv").open(encoding="utf-8") as file:
        return [(row["need"], set(row["subclasses"].split(","))) for row in csv.DictReader(file, delimiter="\t")]


def share(snapshot: Snapshot, classes: dict[str, set[str]], queries: list[tuple[Query, set[str]]], mix: Mix) -> float:
    """Of the first ten of each need: the mean share that lies in a right subclass."""
    shares = [
        sum(bool(classes[found.id] & right) for found in snapshot.match(query, 10, (), mix).found) / 10
        for query, right in queries
    ]
    return sum(shares) / len(shares)


def main() -> None:
    understanding, (snapshot, classes) = shipped(), portfolio()
    plain = [(understanding.query(need), right) for need, right in plain_needs()]
    say(f"{len(plain)} plain needs on {len(snapshot)} granted patents; share of the first ten in a right subclass:")
    bare = [
        (replace(query, counts={t: n for t, n in query.counts.items() if t not in query.through}, leaning={}), r)
        for query, r in plain
    ]
    for name, mix in ABLATIONS.items():
        said = f"  {name}: as the need says it {share(snapshot, classes, bare, mix):.3f}"
        say(said + f", with lay words and class words {share(snapshot, classes, plain, mix):.3f}")
    for name, mix in ABLATIONS.items():
        quality = ndcg(DATA / "bench" / "needs_dev", understanding, mix)
        say(f"needs_dev, {name}: nDCG@10 {quality.ndcg:.4f}  MAP {quality.map:.4f}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
