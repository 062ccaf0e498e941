"""Laws of cutting many texts at once: the columns are those of one text after the other, however they are divided."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.engine import FIELDS, Condition, Cut, Document, Draft, Engine, Query, cut, fold
from services.matching.engine.kernels import RANGE
from services.matching.engine.segment import Ragged, Segment

PIECES = [
    "轴承",
    "镗杆",
    "一种",
    "减振",
    "減振",
    "TC4",
    "6061-T6",
    "0.5毫米",
    "℃",
    "，",
    " ",
    "Ⅲ",
    "\x02",
    "é",
    "𠮷",
    "抖",
]
TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(max_size=20),
    st.sampled_from(["轴承 " * 40, "振" * 300, ""]),
)
DRAFTS = st.lists(
    st.builds(
        lambda texts, terms, shown, near, kinds, classes, meaning: Draft(
            "", 1, texts, shown, {"title": shown}, terms, {"patent_type": kinds}, near, classes, meaning
        ),
        st.dictionaries(st.sampled_from(list(FIELDS)), TEXT),
        st.dictionaries(st.sampled_from(["ipc", "abstract"]), st.dictionaries(st.just("b23b"), st.integers(1, 9))),
        TEXT,
        st.sampled_from(["", "A01B1/00", "B23B29/02"]),
        st.lists(st.sampled_from(["invention", "design"]), max_size=3),
        st.lists(st.sampled_from(["A01B", "B23B"]), max_size=3),
        st.sampled_from([b"", b"\x01\x7f"]),
    ),
    max_size=9,
).map(lambda drafts: [_named(number, draft) for number, draft in enumerate(drafts)])


def _named(number: int, draft: Draft) -> Draft:
    return Draft(f"d{number}", 1, *(getattr(draft, each.name) for each in fields(Draft)[2:]))


@settings(max_examples=300, deadline=None)
@given(DRAFTS)
def test_a_segment_of_many_texts_is_that_of_each(drafts: list[Draft]) -> None:
    spelled, found = cut(drafts)
    assert spelled == sorted(set(spelled))
    wanted = Segment.of([Document.of(draft) for draft in drafts], {term: at for at, term in enumerate(spelled)})
    for each in fields(Segment):
        ours, theirs = getattr(found, each.name), getattr(wanted, each.name)
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, Ragged) else [(ours, theirs)]
        for one, other in pairs:
            assert one.dtype == other.dtype and np.array_equal(one, other), each.name


@settings(max_examples=100, deadline=None)
@given(DRAFTS, st.integers(1, 4), TEXT)
def test_an_engine_of_cuts_answers_as_one_of_documents(drafts: list[Draft], size: int, asked: str) -> None:
    chunks: list[Cut] = [cut(drafts[at : at + size]) for at in range(0, len(drafts), size)] or [cut([])]
    query = Query.of("减振镗杆", asked)
    ours = Engine.of_cuts(chunks).snapshot
    theirs = Engine.of([Document.of(draft) for draft in drafts]).snapshot
    assert ours.rank(query, 20) == theirs.rank(query, 20)
    assert ours.match(query, 20) == theirs.match(query, 20)
    ids = [draft.id for draft in drafts]
    assert ours.explain(query, ids) == theirs.explain(query, ids)


SIGNS = [
    chr(code) for code in (*range(0x20, 0x180), *range(0x390, 0x3D0), *range(0x2000, 0x2600), *range(0xFF00, 0xFFF0))
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*SIGNS, *SIGNS, "轴", "́", "゙"]), max_size=12).map("".join))
def test_folding_sign_by_sign_is_folding_the_text(text: str) -> None:
    """Short cuts apply to signs that never combine with a neighbor: not to accents, final sigmas, half-width kana."""
    whole = unicodedata.normalize("NFKC", text).lower().replace("°c", "℃")
    assert fold(text) == whole


def test_a_text_without_traditional_characters_is_not_taken_for_one() -> None:
    assert fold("一坏就停机") == "一坏就停机"
    assert fold("減振鏜桿") == "减振镗杆"


def test_a_filter_over_many_ranges_finds_what_scoring_every_row_finds() -> None:
    """More documents than one range of postings holds, sorted by class: whole ranges are passed over, none too many."""
    dice = random.Random(7)
    techniques = [f"w{number}" for number in range(60)]
    codes = [f"{letter}01B" for letter in "ABCDEFGH"]
    drafts = []
    for number in range(3 * RANGE):
        code = codes[number % len(codes)]
        said = " ".join(dice.choices(techniques, k=6))
        drafts.append(Draft(f"d{number:06}", 1, {"title": said}, "", {}, {}, {"ipc": [code]}, code, [code]))
    snapshot = Engine.of_cuts([cut(drafts[: 2 * RANGE]), cut(drafts[2 * RANGE :])]).snapshot
    (part,) = snapshot.shelf.parts
    assert part.weights.postings is not None and len(part.segment) > 2 * RANGE
    for _ in range(20):
        query = Query({technique: float(dice.randint(1, 3)) for technique in dice.sample(techniques, 5)})
        first = dice.choice("ABCDEFGH")
        for conditions in ([Condition.prefix("ipc", first)], [Condition.from_("ipc", first)], []):
            allowed = np.ones(len(part.segment), np.uint8)
            for condition in conditions:
                allowed &= part.segment.passing(condition)
            rows = np.flatnonzero(allowed)
            scores = part.words(snapshot.asked(query.counts), rows)
            best = np.lexsort((part.segment.ids[rows], -scores))[:20]
            expected = [(part.segment.id_of(rows[at]), float(scores[at])) for at in best]
            found = [(each.id, each.score) for each in snapshot.rank(query, 20, conditions).found]
            assert found == expected, (first, conditions)
