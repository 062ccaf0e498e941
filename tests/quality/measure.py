"""How well the engine ranks, signal by signal: `make quality`.

Two measures: nDCG@10 on real needs judged by transfer staff (../shared/data/bench/needs_dev), and the share of
the first ten in a right IPC subclass for plain needs of our own writing on the granted patents of ../shared/data/sample.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from services.matching.engine import MIX, Mix, Query, Snapshot
from services.matching.engine.text import pieces
from services.matching.service import files
from services.matching.service.semantic import MIXED, Meaning, Semantics
from services.matching.service.vocabulary import (
    Understanding,
    class_words,
    shipped,
    subclasses,
    understanding,
    words,
)

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


def ndcg(folder: Path, understood: Understanding, mix: Mix, semantics: Semantics | None = None) -> files.Quality:
    """The judged pairs of a set, through the command's own code."""
    out = Path(tempfile.mkdtemp()) / "run.tsv"
    files.rank(
        folder / "corpus.jsonl.gz", folder / "queries.jsonl.gz", out, limit=20, pairs=folder / "qrels.tsv",
        ipc_titles=titles(), understanding=understood, processes=1, progress=quiet, mix=mix,
        semantics=semantics,
    )  # fmt: skip
    return files.evaluate(folder / "qrels.tsv", out)


def portfolio(semantics: Semantics | None = None) -> tuple[Snapshot, dict[str, set[str]]]:
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
    return files.index(corpus, titles(), 1, quiet, semantics).snapshot, classes


def plain_needs() -> list[tuple[str, set[str], str]]:
    """Our own needs in plain words, the subclasses that are right for each, and the firm's industry."""
    with (HERE / "plain_needs.tsv").open(encoding="utf-8") as file:
        return [
            (row["need"], set(row["subclasses"].split(",")), row["division"])
            for row in csv.DictReader(file, delimiter="\t")
        ]


def titled_needs(understood: Understanding) -> list[tuple[Query, set[str]]]:
    """Titles of applications as needs, and the subclasses that their examiners gave them: a set for class signals.

    Attorneys wrote them, so they say nothing about lay words. 500, drawn with a fixed seed; none that was granted too.
    """
    with gzip.open(DATA / "sample" / "university_patents.jsonl.gz", "rt", encoding="utf-8") as rows:
        patents = [row for row in map(json.loads, rows) if row["ipc"]]
    granted = {row["title"] for row in patents if row["publication_number"][-1] != "A"}
    asked = [row for row in patents if row["publication_number"][-1] == "A" and row["title"] not in granted]
    asked.sort(key=lambda row: row["publication_number"])
    drawn = random.Random(20190709).sample(asked, 500)
    return [(understood.query(row["title"]), set(subclasses(row["ipc"]))) for row in drawn]


def share(snapshot: Snapshot, classes: dict[str, set[str]], queries: list[tuple[Query, set[str]]], mix: Mix) -> float:
    """Of the first ten of each need: the mean share that lies in a right subclass."""
    shares = [
        sum(bool(classes[found.id] & right) for found in snapshot.match(query, 10, (), mix).found) / 10
        for query, right in queries
    ]
    return sum(shares) / len(shares)


def recalled_titles(snapshot: Snapshot, understood: Understanding) -> list[tuple[Query, str]]:
    """Titles of the indexed patents by about a third of their words, and the patent meant: 400, with a fixed seed.

    What helps needs that share no word with a patent must not hide the patent of those that do.
    """
    chance = random.Random(20190709)
    held = [
        segment.id_of(row) for segment in (part.segment for part in snapshot.shelf.parts) for row in range(len(segment))
    ]
    asked = []
    for hit in snapshot.explain(Query({}), chance.sample(sorted(held), 400)):
        words_ = pieces(hit.stored["title"])
        kept = [word for word in words_ if chance.random() < 0.35] or words_[:1]
        asked.append((understood.query("".join(kept)), hit.id))
    return asked


def reciprocal_rank(snapshot: Snapshot, queries: list[tuple[Query, str]], mix: Mix) -> float:
    """The mean of 1 / the rank of the patent meant, 0 beyond the first fifty."""
    ranks = []
    for query, meant in queries:
        ids = [found.id for found in snapshot.match(query, 50, (), mix).found]
        ranks.append(1.0 / (ids.index(meant) + 1) if meant in ids else 0.0)
    return sum(ranks) / len(ranks)


def main() -> None:
    understood, (snapshot, classes) = shipped(), portfolio()
    plain = [(understood.query(need), right) for need, right, _ in plain_needs()]
    placed = [(understood.query(need, "", division), right) for need, right, division in plain_needs()]
    divisions = [division for _, _, division in plain_needs()]
    shifted = divisions[len(divisions) // 2 :] + divisions[: len(divisions) // 2]
    misplaced = [
        (understood.query(need, "", division), right)
        for (need, right, _), division in zip(plain_needs(), shifted, strict=True)
    ]
    say(f"{len(plain)} plain needs on {len(snapshot)} granted patents; share of the first ten in a right subclass:")
    bare = [
        (replace(query, counts={t: n for t, n in query.counts.items() if t not in query.through}, leaning={}), r)
        for query, r in plain
    ]
    for name, mix in ABLATIONS.items():
        said = f"  {name}: as the need says it {share(snapshot, classes, bare, mix):.3f}"
        say(said + f", with lay words and class words {share(snapshot, classes, plain, mix):.3f}")
    own, wrong = (share(snapshot, classes, each, MIX) for each in (placed, misplaced))
    say(f"  with the firm's industry {own:.3f}, with a wrong one {wrong:.3f}")
    needs = titled_needs(understood)
    say(f"{len(needs)} titles of applications on the same patents; share of the first ten in a right subclass:")
    for name, mix in ABLATIONS.items():
        say(f"  {name}: {share(snapshot, classes, needs, mix):.3f}")
    recalled = recalled_titles(snapshot, understood)
    say(f"{len(recalled)} titles by a third of their words; mean reciprocal rank of the patent meant:")
    for name, mix in ABLATIONS.items():
        say(f"  {name}: {reciprocal_rank(snapshot, recalled, mix):.3f}")
    for name, mix in ABLATIONS.items():
        quality = ndcg(DATA / "bench" / "needs_dev", understood, mix)
        say(f"needs_dev, {name}: nDCG@10 {quality.ndcg:.4f}  MAP {quality.map:.4f}")
    if Semantics.available():
        by_meaning()


def by_meaning() -> None:
    """The same with the extra [semantic]; takes minutes, because every title is given its direction."""
    semantics = Semantics()
    understood = understanding(words(), Meaning(semantics, class_words()))
    snapshot, classes = portfolio(semantics)
    plain = [(understood.query(need), right) for need, right, _ in plain_needs()]
    placed = [(understood.query(need, "", division), right) for need, right, division in plain_needs()]
    needs = titled_needs(understood)
    say(f"with [semantic]: plain needs {share(snapshot, classes, plain, MIXED):.3f}")
    say(f"  with the firm's industry {share(snapshot, classes, placed, MIXED):.3f}")
    say(f"  titles of applications {share(snapshot, classes, needs, MIXED):.3f}")
    recalled = recalled_titles(snapshot, understood)
    say(f"  titles by a third of their words {reciprocal_rank(snapshot, recalled, MIXED):.3f}")
    quality = ndcg(DATA / "bench" / "needs_dev", understood, MIXED, semantics)
    say(f"  needs_dev: nDCG@10 {quality.ndcg:.4f}  MAP {quality.map:.4f}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
