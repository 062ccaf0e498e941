"""Many documents at once: a segment from texts, words counted in columns and no object made per word.

A process that does nothing else cuts a chunk with numbers of its own (`cut`); whoever gathers the chunks gives
them common ones (`Engine.of_cuts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import add
from typing import NamedTuple

import numpy as np

from services.matching.engine.documents import GRAM_MOST, Array, Draft, packed
from services.matching.engine.kernels import ESCAPE
from services.matching.engine.segment import CLASS, GRAM, Ragged, Segment
from services.matching.engine.text import FIELDS, doubled, kept, runs, words

_HEADS = 4_096  # class titles that are cut once


class Cut(NamedTuple):
    """A segment and how its terms are spelled, by number."""

    spelled: list[str]
    segment: Segment


class _Numbers(dict[str, int]):
    """From a word as it stands to the number of its term, -1 when it carries no meaning. Learns what it is asked."""

    def __init__(self, terms: dict[str, int], term_of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._terms, self._term_of = terms, term_of

    def __missing__(self, word: str) -> int:
        term = self._term_of(word)
        self[word] = number = -1 if term is None else self._terms.setdefault(term, len(self._terms))
        return number


class _Cells:
    """Numbers cell by cell: how often each stands in each."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._ends = [0]

    def end(self) -> None:
        """The next cell."""
        self._ends.append(len(self.numbers))

    def counted(self, number_of: Array, fields: int = 1) -> tuple[Array, Array, Array, Array]:
        """Rows of so many cells each, numbers, fields and counts, int64, in that order.

        Numbers are changed by `number_of` first; those below 0 are left out.
        """
        numbers = np.fromiter(self.numbers, np.int64, len(self.numbers))
        cells = np.repeat(np.arange(len(self._ends) - 1), np.diff(self._ends))[numbers >= 0]
        keys = (cells // fields * max(1, number_of.size) + number_of[numbers[numbers >= 0]]) * fields + cells % fields
        distinct, counts = np.unique(keys, return_counts=True)
        pairs = distinct // fields
        return pairs // max(1, number_of.size), pairs % max(1, number_of.size), distinct % fields, counts


def cut(drafts: Sequence[Draft]) -> Cut:
    """The segment of some documents, equal to that of `Document.of` each.

    Its terms are numbered in the order of their spelling. Cost: about 300 µs a document of real length, 100 of them the dictionary's.
    """
    terms: dict[str, int] = {}
    word, exact, gram, class_ = (_Numbers(terms, make) for make in (kept, str, GRAM.__add__, CLASS.__add__))
    heads = lru_cache(_HEADS)(lambda text: list(map(word.__getitem__, words(text))))
    said, shown, lies = _Cells(), _Cells(), _Cells()
    for draft in drafts:
        for name in FIELDS:
            if text := draft.texts.get(name):
                said.numbers.extend(heads(text) if name == "ipc" else map(word.__getitem__, words(text)))
            for term, times in draft.terms.get(name, {}).items():
                said.numbers += [exact[term]] * times
            said.end()
        for run in runs(draft.shown):
            shown.numbers.extend(map(gram.__getitem__, run))
            shown.numbers.extend(map(gram.__getitem__, map(add, run, run[1:])))
        shown.end()
        lies.numbers.extend(map(class_.__getitem__, set(draft.classes)))
        lies.end()
    spelled = sorted(terms)
    number_of = np.empty(len(spelled), np.int64)
    number_of[np.array([terms[term] for term in spelled], np.int64)] = np.arange(len(spelled))
    single = np.array([len(term) == len(GRAM) + 1 for term in spelled], bool)

    row, number, field, counts = said.counted(number_of, len(FIELDS))
    begins = np.ones(row.size, bool)
    begins[1:] = (row[1:] != row[:-1]) | (number[1:] != number[:-1])
    first = np.flatnonzero(begins)
    codes = packed(field, counts, first)
    rare_at = np.flatnonzero(codes == ESCAPE)
    rare = np.zeros((rare_at.size, len(FIELDS)), np.int64)
    which = np.cumsum(begins) - 1
    is_rare = codes[which] == ESCAPE
    rare[np.searchsorted(rare_at, which[is_rare]), field[is_rare]] = counts[is_rare]

    gram_row, gram_number, _, gram_counts = shown.counted(number_of)
    class_row, class_number, _, _ = lies.counted(number_of)
    return Cut(
        spelled,
        Segment.laid(
            ids=[draft.id for draft in drafts],
            near=[draft.near for draft in drafts],
            versions=[draft.version for draft in drafts],
            stored=[draft.stored for draft in drafts],
            facets=[draft.facets for draft in drafts],
            meanings=[draft.meaning for draft in drafts],
            terms=_ragged(row[first], number[first], len(drafts)),
            codes=codes,
            rare_at=rare_at,
            rare=rare,
            grams=_ragged(gram_row, gram_number, len(drafts)),
            gram_counts=np.minimum(
                GRAM_MOST, np.rint(np.where(single[gram_number], doubled(gram_counts), gram_counts))
            ).astype(np.uint16),
            classes=_ragged(class_row, class_number, len(drafts)),
        ),
    )


def _ragged(rows: Array, numbers: Array, size: int) -> Ragged:
    start = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=size)))).astype(np.int64)
    return Ragged(start, numbers.astype(np.int32))
