"""Laws of the index: exact against scikit-learn, ordered, explained, blind to how its documents came and lie."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.matching.engine import FIELDS, Change, Condition, Document, Engine, Hit, Query, Snapshot, index, shelf
from services.matching.engine.store import Store
from tests.property.judge import Judge

WORDS = [f"词{n}" for n in range(9)] + ["tc4", "0.5mm"]
COUNTS = st.dictionaries(st.sampled_from(WORDS), st.integers(1, 300), max_size=6)
FIELDED = st.dictionaries(st.sampled_from(list(FIELDS)), COUNTS, max_size=4)
REGIONS = st.lists(st.sampled_from(["11", "37", "3701", "3702"]), max_size=3)
NEAR = st.sampled_from(["", "A01B1/00", "B23B29/02"])


def a_document(
    number: int, counts: dict[str, dict[str, int]], regions: list[str], near: str, version: int = 1
) -> Document:
    return Document(f"lst_{number:02}", version, counts, {"place": number}, {"region": regions}, near)


CORPUS = st.lists(st.tuples(FIELDED, REGIONS, NEAR), max_size=14).map(
    lambda held: [a_document(number, *facts) for number, facts in enumerate(held)]
)
QUERY = st.builds(
    lambda title, text: Query({word: 3.0 * title.get(word, 0) + text.get(word, 0) for word in title | text}),
    st.dictionaries(st.sampled_from([*WORDS, "unknown"]), st.integers(1, 5), max_size=6),
    st.dictionaries(st.sampled_from([*WORDS, "unheard"]), st.integers(1, 5), max_size=6),
)


@pytest.fixture(autouse=True, params=[1, 512], ids=["with postings", "row by row"])
def postings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both ways of scoring hold to the same laws; small corpora would only ever take one."""
    monkeypatch.setattr(shelf, "POSTINGS_FROM", request.param)
    yield


def of(documents: list[Document]) -> Snapshot:
    return Engine.of(documents).snapshot


def hits(snapshot: Snapshot, query: Query, k: int, *conditions: Condition) -> list[Hit]:
    return snapshot.explain(query, [found.id for found in snapshot.rank(query, k, conditions).found])


def plain(found: list[Hit]) -> bytes:
    """Hits as bytes: equal only when every figure is equal to the last bit."""
    return json.dumps([asdict(hit) for hit in found], sort_keys=True).encode()


@settings(max_examples=80, deadline=None)
@given(CORPUS, QUERY)
def test_every_score_is_that_of_scikit_learn(corpus: list[Document], query: Query) -> None:
    snapshot, expected = of(corpus), Judge(corpus).scores(query.counts, len(corpus))
    scores = {found.id: found.score for found in snapshot.rank(query, len(corpus) + 1).found}
    for document, score in zip(corpus, expected, strict=True):
        assert math.isclose(scores.get(document.id, 0.0), score, rel_tol=0, abs_tol=1e-6)
        assert math.isclose(snapshot.explain(query, [document.id])[0].score, score, rel_tol=0, abs_tol=1e-6)
    assert snapshot.explain(query, ["lst_gone"]) == []


@settings(max_examples=80, deadline=None)
@given(CORPUS, QUERY, st.integers(1, 6), st.sampled_from(["", "3", "37", "3701", "9"]))
def test_the_best_k_are_the_first_k_of_a_full_sort(corpus: list[Document], query: Query, k: int, region: str) -> None:
    snapshot = of(corpus)
    conditions = [Condition.prefix("region", region)] if region else []
    allowed = [d for d in corpus if not region or any(code.startswith(region) for code in d.facets["region"])]
    everything = [hit for hit in snapshot.explain(query, [document.id for document in allowed]) if hit.score > 0]
    everything.sort(key=lambda hit: (-hit.score, hit.id))
    assert plain(hits(snapshot, query, k, *conditions)) == plain(everything[:k])
    held = {term for document in corpus for words in document.counts.values() for term in words}
    assert snapshot.rank(query, k).known_terms == held & query.counts.keys()


@settings(max_examples=80, deadline=None)
@given(CORPUS, QUERY)
def test_the_leaves_of_a_hit_sum_to_its_score(corpus: list[Document], query: Query) -> None:
    counts = {document.id: document.counts for document in corpus}
    for hit in hits(of(corpus), query, 20):
        assert math.isclose(math.fsum(leaf.weight for leaf in hit.leaves), hit.score, rel_tol=0, abs_tol=1e-12)
        assert 0 < hit.score <= 1 + 1e-12
        for leaf in hit.leaves:
            assert leaf.weight > 0
            assert leaf.term in query.counts
            assert leaf.term in counts[hit.id][leaf.field]


@settings(max_examples=60, deadline=None)
@given(CORPUS, QUERY, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_bit(corpus: list[Document], query: Query, dice) -> None:
    def shuffled(items):
        return dict(dice.sample(list(items.items()), len(items)))

    again = [
        Document(
            d.id, d.version, shuffled({f: shuffled(words) for f, words in d.counts.items()}), d.stored, d.facets, d.near
        )
        for d in dice.sample(corpus, len(corpus))
    ]
    one, other = of(corpus), of(again)
    reordered = Query(shuffled(query.counts))
    for k in (1, 3, 20):
        assert plain(hits(one, query, k)) == plain(hits(other, reordered, k))


# A history: whatever came in whatever batches, with whatever care, saved and loaded in between


class History(RuleBasedStateMachine):
    """An index beside a dictionary that is ranked by scikit-learn."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.engine, self.held, self.position = Engine(), dict[str, Document](), 0
        self.store = Store(self.folder)
        self.store.discard()

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 9), st.none() | st.tuples(FIELDED, REGIONS, NEAR)), min_size=1, max_size=5
        )
    )
    def change(self, batch) -> None:
        changes = []
        for number, facts in batch:
            self.position += 1
            id_ = f"lst_{number:02}"
            document = None if facts is None else a_document(number, *facts, version=self.position)
            changes.append(Change(self.position, id_, self.position, document))
            self.held.pop(id_, None)
            if document is not None:
                self.held[id_] = document
        self.engine.apply(changes, self.position)

    @precondition(lambda self: self.held)
    @rule(number=st.integers(0, 9))
    def hear_of_the_past(self, number: int) -> None:
        """A change that is older than what is known does nothing."""
        id_ = f"lst_{number:02}"
        if id_ in self.held:
            self.engine.apply([Change(self.position, id_, 0, None)], self.position)

    @rule()
    def care(self) -> None:
        if adopt := self.engine.care():
            adopt()

    @rule(number=st.integers(0, 9))
    def care_while_a_document_goes(self, number: int) -> None:
        adopt = self.engine.care()
        self.change([(number, None)])
        if adopt:
            adopt()

    @rule()
    def restart(self) -> None:
        self.store.save("feed", *self.engine.state())
        self.engine, self.store = Engine(), Store(self.folder)
        assert self.store.load(self.engine) == ("feed", self.position)

    @invariant()
    def answers_as_scikit_learn(self) -> None:
        corpus = [self.held[id_] for id_ in sorted(self.held)]
        snapshot = self.engine.snapshot
        assert (len(snapshot), snapshot.position) == (len(corpus), self.position)
        query = Query({word: 1.0 + number % 3 for number, word in enumerate(WORDS)})
        expected = Judge(corpus).scores(query.counts, len(corpus)) if corpus else np.zeros(0)
        scores = {found.id: found.score for found in snapshot.rank(query, 20).found}
        if snapshot.era == "now":
            assert np.allclose([scores.get(d.id, 0.0) for d in corpus], expected, rtol=0, atol=1e-9)
        assert scores.keys() <= self.held.keys()
        south = snapshot.rank(query, 20, [Condition.prefix("region", "37")]).found
        assert [found.id for found in south] == [
            id_ for id_ in scores if any(code.startswith("37") for code in self.held[id_].facets["region"])
        ]
        assert plain(hits(snapshot, query, 20)) == plain(hits(self.rebuilt(corpus), query, 20)) or snapshot.era != "now"

    def rebuilt(self, corpus: list[Document]) -> Snapshot:
        return Engine.of(corpus, self.position).snapshot


@pytest.mark.parametrize("small", [20_000, 0], ids=["an epoch a change", "long epochs"])
def test_any_history_answers_as_if_rebuilt(small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SMALL", small)
    monkeypatch.setattr(shelf, "YOUNG_MOST", 4)
    monkeypatch.setattr(History, "folder", tmp_path, raising=False)
    run_state_machine_as_test(
        History, settings=settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[])
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.none() | FIELDED), min_size=30, max_size=60), QUERY, st.data())
def test_where_an_epoch_begins_does_not_depend_on_how_changes_come(history, query: Query, data: st.DataObject) -> None:
    """Two replicas of one feed, in batches of their own, cared for at different moments."""
    changes = [
        Change(at, f"lst_{n:02}", at, None if counts is None else a_document(n, counts, [], "", at))
        for at, (n, counts) in enumerate(history, 1)
    ]
    known = index.SMALL
    index.SMALL = 2
    try:
        one, other = Engine(), Engine()
        for change in changes:
            one.apply([change], change.position)
            while adopt := one.care():
                adopt()
        at = 0
        while at < len(changes):
            size = data.draw(st.integers(1, 25))
            other.apply(changes[at : at + size], changes[min(at + size, len(changes)) - 1].position)
            at += size
        while adopt := other.care():
            adopt()
    finally:
        index.SMALL = known
    first, second = one.snapshot, other.snapshot
    assert (first.position, first.era, len(first)) == (second.position, second.era, len(second))
    assert first.rank(query, 10).known_terms == second.rank(query, 10).known_terms
    assert plain(hits(first, query, 10)) == plain(hits(second, query, 10))


# Cases


def the(*texts: dict[str, int]) -> list[Document]:
    return [Document(f"lst_{n}", 1, {"title": words}, {}) for n, words in enumerate(texts)]


def asked(**words: int) -> Query:
    return Query({word: 3.0 * count for word, count in words.items()})


def test_an_empty_index_answers_nothing() -> None:
    assert (len(of([])), of([]).rank(asked(a=1), 5).found) == (0, [])


def test_a_query_without_a_known_word_finds_nothing() -> None:
    snapshot = of(the({"a": 1}, {"b": 2}))
    ranking = snapshot.rank(asked(x=1, y=2), 5)
    assert (ranking.found, ranking.known_terms) == ([], frozenset())
    assert snapshot.rank(asked(), 5).found == []


def test_an_unknown_word_does_not_lower_the_score_of_the_known() -> None:
    snapshot = of(the({"a": 1, "b": 1}, {"b": 2}))
    assert plain(hits(snapshot, asked(a=1), 5)) == plain(hits(snapshot, asked(a=1, unknown=9), 5))


def test_a_single_document_that_is_the_query_scores_one() -> None:
    (found,) = of(the({"a": 2, "b": 1})).rank(asked(a=2, b=1), 5).found
    assert math.isclose(found.score, 1.0, rel_tol=0, abs_tol=1e-12)


@pytest.mark.parametrize("many", [50, 2_000, 40_000])
def test_among_equal_documents_the_ids_decide(many: int) -> None:
    snapshot = of(the(*[{"a": 1, "b": 3}] * many))
    ids = sorted(f"lst_{n}" for n in range(many))
    assert [found.id for found in snapshot.rank(asked(a=1), 7).found] == ids[:7]
    assert len({found.score for found in snapshot.rank(asked(a=1), 50).found}) == 1


def test_a_word_said_more_often_counts_more_but_less_each_time() -> None:
    snapshot = of(the({"a": 1, "z": 4}, {"a": 2, "z": 4}, {"a": 4, "z": 4}, {"z": 4}))
    once, twice, often = (hit.score for hit in snapshot.explain(asked(a=1), [f"lst_{n}" for n in range(3)]))
    assert 0 < once < twice < often
    assert twice - once > (often - twice) / 2


def test_a_query_may_have_thousands_of_words() -> None:
    rows = [{f"w{(row * 37 + step) % 5_000}": 1 + step % 4 for step in range(60)} for row in range(3_000)]
    corpus = the(*rows)
    query = asked(**{f"w{n}": 1 + n % 3 for n in range(5_000)})
    expected = Judge(corpus).scores(query.counts, len(corpus))
    found = of(corpus).rank(query, 25).found
    assert np.allclose([each.score for each in found], np.sort(expected)[::-1][:25], rtol=0, atol=1e-9)


def test_words_that_share_a_character_are_found_for_suggestions() -> None:
    snapshot = of(the({"铣削": 1, "切削": 1}, {"灭菌": 1}))
    assert snapshot.sharing("削铣", 1) == ["切削", "铣削"]
    assert snapshot.sharing("削铣", 2) == ["铣削"]
    assert snapshot.sharing("x", 1) == []
