"""The engine on a real portfolio: 4,987 granted patents of Chinese universities."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.matching.engine import Document, Engine, Query, Snapshot, terms
from services.matching.engine.store import Store
from shared.contracts.values import is_grant, parse_application_number, parse_publication_number
from tests.property.judge import Judge
from tests.unit.verdicts import verdict

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "sample" / "university_patents.jsonl.gz"
pytestmark = [
    pytest.mark.portfolio,
    pytest.mark.skipif(not FILE.exists(), reason="the real portfolio (shared/data/sample) is not there"),
]


@pytest.fixture(scope="module")
def patents() -> list[dict[str, Any]]:
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def documents(patents: list[dict[str, Any]]) -> list[Document]:
    return [
        Document(
            patent["publication_number"],
            1,
            {"title": dict(terms(patent["title"])), "ipc": dict(Counter(code[:4] for code in patent["ipc"]))},
            {},
        )
        for patent in patents
        if is_grant(patent["publication_number"])
    ]


@pytest.fixture(scope="module")
def engine(documents: list[Document]) -> Engine:
    return Engine.of(documents)


@pytest.fixture(scope="module")
def index(engine: Engine) -> Snapshot:
    return engine.snapshot


@pytest.fixture(scope="module")
def queries(patents: list[dict[str, Any]]) -> list[Query]:
    """Titles, half of them of applications that the index does not hold, some two in one."""
    titles = random.Random(7).sample([patent["title"] for patent in patents], 60)
    short = [Query.of(title) for title in titles[:30]]
    return short + [Query.of(titles[n], titles[n + 1]) for n in range(30, 50, 2)]


def test_the_numbers_of_a_real_portfolio_are_read(patents: list[dict[str, Any]]) -> None:
    assert {verdict(parse_publication_number, patent["publication_number"]) for patent in patents} == {None}
    numbers = [patent["application_number"] for patent in patents if patent["application_number"]]
    assert len(numbers) > 1000
    assert {verdict(parse_application_number, number) for number in numbers} == {None}


def test_the_scores_of_a_real_portfolio_are_scikit_learns(
    documents: list[Document], index: Snapshot, queries: list[Query]
) -> None:
    assert (len(documents), len(queries)) == (4987, 40)
    judge = Judge(documents)
    place = {document.id: number for number, document in enumerate(documents)}
    for query in queries:
        expected = judge.scores(query.counts, len(documents))
        hits = index.rank(query, 20).found
        assert len(hits) == min(20, np.count_nonzero(expected))
        for hit in hits:
            assert math.isclose(hit.score, expected[place[hit.id]], rel_tol=0, abs_tol=1e-6)
        # scikit-learn's own first twenty may differ from ours only among documents that tie.
        best = np.sort(expected)[::-1][: len(hits)]
        assert np.allclose([hit.score for hit in hits], best, rtol=0, atol=1e-6)


def test_the_first_twenty_of_a_real_portfolio_are_those_of_a_full_sort(
    documents: list[Document], index: Snapshot, queries: list[Query]
) -> None:
    for query in queries[::4]:
        found = [hit for hit in index.explain(query, [document.id for document in documents]) if hit.score > 0]
        found.sort(key=lambda hit: (-hit.score, hit.id))
        assert [each[:2] for each in index.rank(query, 20).found] == [(hit.id, hit.score) for hit in found[:20]]


def test_a_restarted_index_answers_the_same_to_the_last_bit(
    engine: Engine, index: Snapshot, queries: list[Query], tmp_path: Path
) -> None:
    Store(tmp_path).save("epoch-of-a-test", *engine.state())
    restarted = Engine()
    Store(tmp_path).load(restarted)
    for query in queries:
        assert restarted.snapshot.rank(query, 50) == index.rank(query, 50)


def test_a_title_finds_its_own_patent_first(documents: list[Document], index: Snapshot) -> None:
    for document in random.Random(3).sample(documents, 40):
        query = Query({term: float(times) for term, times in document.counts["title"].items()})
        best, (own,) = index.rank(query, 1).found[0], index.explain(query, [document.id])
        assert best.score >= own.score > 0.5
