"""Laws of the index: exact against scikit-learn, ordered, explained, blind to the order of arrival."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.engine import FIELDS, Document, FlatIndex, Hit, Query
from tests.property.judge import Judge

WORDS = [f"词{n}" for n in range(9)] + ["tc4", "0.5mm"]
COUNTS = st.dictionaries(st.sampled_from(WORDS), st.integers(1, 300), max_size=6)
FIELDED = st.dictionaries(st.sampled_from(list(FIELDS)), COUNTS, max_size=4)
CORPUS = st.lists(FIELDED, max_size=14).map(
    lambda held: [Document(f"lst_{n:02}", 1, counts, {"place": n}) for n, counts in enumerate(held)]
)
QUERY = st.builds(
    lambda title, text: Query.of(Counter(title), Counter(text)),
    st.dictionaries(st.sampled_from([*WORDS, "unknown"]), st.integers(1, 5), max_size=6),
    st.dictionaries(st.sampled_from([*WORDS, "unheard"]), st.integers(1, 5), max_size=6),
)


def plain(hits: list[Hit]) -> bytes:
    """Hits as bytes: equal only when every figure is equal to the last bit."""
    return json.dumps([asdict(hit) for hit in hits], sort_keys=True).encode()


@settings(max_examples=80, deadline=None)
@given(CORPUS, QUERY)
def test_every_score_is_that_of_scikit_learn(corpus: list[Document], query: Query) -> None:
    index, expected = FlatIndex.build(corpus), Judge(corpus).scores(query.counts, len(corpus))
    assert np.allclose(index.scores(query), expected, rtol=0, atol=1e-6)
    hits = {hit.document.id: hit.score for hit in index.rank(query, len(corpus) + 1).hits}
    for document, score in zip(corpus, expected, strict=True):
        assert math.isclose(hits.get(document.id, 0.0), score, rel_tol=0, abs_tol=1e-6)
        assert math.isclose(index.explain(query, document.id).score, score, rel_tol=0, abs_tol=1e-6)
    assert index.explain(query, "lst_gone") is None


@settings(max_examples=80, deadline=None)
@given(CORPUS, QUERY, st.integers(1, 6), st.data())
def test_the_best_k_are_the_first_k_of_a_full_sort(
    corpus: list[Document], query: Query, k: int, data: st.DataObject
) -> None:
    index = FlatIndex.build(corpus)
    passes = data.draw(st.none() | st.lists(st.booleans(), min_size=len(corpus), max_size=len(corpus)))
    mask = None if passes is None else np.asarray(passes, dtype=bool)
    allowed = [document for document in corpus if passes is None or passes[index.place(document.id)]]
    everything = [hit for document in allowed if (hit := index.explain(query, document.id)).score > 0]
    everything.sort(key=lambda hit: (-hit.score, hit.document.id))
    ranking = index.rank(query, k, mask)
    assert plain(ranking.hits) == plain(everything[:k])
    held = {term for document in corpus for words in document.counts.values() for term in words}
    assert ranking.known_terms == held & query.counts.keys()


@settings(max_examples=80, deadline=None)
@given(CORPUS, QUERY)
def test_the_leaves_of_a_hit_sum_to_its_score(corpus: list[Document], query: Query) -> None:
    for hit in FlatIndex.build(corpus).rank(query, 20).hits:
        assert math.fsum(leaf.weight for leaf in hit.leaves) == hit.score
        assert 0 < hit.score <= 1 + 1e-12
        for leaf in hit.leaves:
            assert leaf.weight > 0
            assert leaf.term in query.counts
            assert leaf.term in hit.document.counts[leaf.field]


@settings(max_examples=60, deadline=None)
@given(CORPUS, QUERY, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_bit(corpus: list[Document], query: Query, dice) -> None:
    def shuffled(items):
        return dict(dice.sample(list(items.items()), len(items)))

    again = [
        Document(d.id, d.version, shuffled({f: shuffled(words) for f, words in d.counts.items()}), d.stored)
        for d in dice.sample(corpus, len(corpus))
    ]
    one, other = FlatIndex.build(corpus), FlatIndex.build(again)
    reordered = Query(shuffled(query.counts))
    for k in (1, 3, 20):
        assert plain(one.rank(query, k).hits) == plain(other.rank(reordered, k).hits)


def the(*texts: dict[str, int]) -> list[Document]:
    return [Document(f"lst_{n}", 1, {"title": words}, {}) for n, words in enumerate(texts)]


def asked(**words: int) -> Query:
    return Query.of(Counter(words), Counter())


def test_an_empty_index_answers_nothing() -> None:
    index = FlatIndex.build([])
    assert (len(index), index.rank(asked(a=1), 5).hits, index.scores(asked(a=1)).tolist()) == (0, [], [])


def test_a_query_without_a_known_word_finds_nothing() -> None:
    index = FlatIndex.build(the({"a": 1}, {"b": 2}))
    ranking = index.rank(asked(x=1, y=2), 5)
    assert (ranking.hits, ranking.known_terms) == ([], frozenset())
    assert index.rank(asked(), 5).hits == []


def test_an_unknown_word_does_not_lower_the_score_of_the_known() -> None:
    index = FlatIndex.build(the({"a": 1, "b": 1}, {"b": 2}))
    assert plain(index.rank(asked(a=1), 5).hits) == plain(index.rank(asked(a=1, unknown=9), 5).hits)


def test_a_single_document_that_is_the_query_scores_one() -> None:
    (hit,) = FlatIndex.build(the({"a": 2, "b": 1})).rank(asked(a=2, b=1), 5).hits
    assert math.isclose(hit.score, 1.0, rel_tol=0, abs_tol=1e-12)


def test_among_equal_documents_the_ids_decide() -> None:
    index = FlatIndex.build(the(*[{"a": 1, "b": 3}] * 50))
    ids = sorted(f"lst_{n}" for n in range(50))
    assert [hit.document.id for hit in index.rank(asked(a=1), 7).hits] == ids[:7]
    assert len({hit.score for hit in index.rank(asked(a=1), 50).hits}) == 1


def test_a_word_said_more_often_counts_more_but_less_each_time() -> None:
    index = FlatIndex.build(the({"a": 1, "z": 4}, {"a": 2, "z": 4}, {"a": 4, "z": 4}, {"z": 4}))
    once, twice, often = (index.explain(asked(a=1), f"lst_{n}").score for n in range(3))
    assert 0 < once < twice < often
    assert twice - once > (often - twice) / 2


def test_a_mask_is_kept_under_its_key_and_leaves_out_what_does_not_pass() -> None:
    index = FlatIndex.build(the(*[{"a": n + 1} for n in range(4)]))
    even = index.mask(("id", "even"), lambda document: int(document.id[-1]) % 2 == 0)
    assert even.tolist() == [True, False, True, False]
    assert index.mask(("id", "even"), lambda _: False) is even
    assert {hit.document.id for hit in index.rank(asked(a=1), 9, even).hits} == {"lst_0", "lst_2"}
    nothing = np.zeros(4, dtype=bool)
    assert index.rank(asked(a=1), 9, nothing).hits == []


def test_words_that_share_a_character_are_found_for_suggestions() -> None:
    index = FlatIndex.build(the({"铣削": 1, "切削": 1}, {"灭菌": 1}))
    assert index.sharing("削铣") == ["切削", "铣削"]
    assert index.sharing("x") == []
