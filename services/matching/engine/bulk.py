"""Many documents at once: a segment from texts, words counted in columns and no object made per word.

A process that does nothing else cuts a chunk with numbers of its own (`cut`); whoever gathers the chunks gives
them common ones (`Engine.of_cuts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from services.matching.engine.documents import GRAM_MOST, Array, Draft, packed
from services.matching.engine.exact import taken
from services.matching.engine.kernels import ESCAPE, UNKNOWN, counted, recalled
from services.matching.engine.segment import CLASS, GRAM, Ragged, Segment
from services.matching.engine.text import FIELDS, cutter, doubled, folded, kept, standing

_TOGETHER = 64  # texts that are cut as one
_BETWEEN = -2  # what stands for the NUL between two of them
_BITS = 21  # of a code point
_REMEMBERED = 1 << 17  # short words; a power of two


class Cut(NamedTuple):
    """A segment and how its terms are spelled, by number."""

    spelled: list[str]
    segment: Segment


class _Numbers(dict[str, int]):
    """From a word as it stands to the number of its term, -1 when it carries no meaning. Learns what it is asked."""

    def __init__(self, terms: dict[str, int], term_of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._terms, self._term_of = terms, term_of
        self._known, self._values = np.full(_REMEMBERED, UNKNOWN, np.int64), np.zeros(_REMEMBERED, np.int32)

    def __missing__(self, word: str) -> int:
        term = self._term_of(word)
        self[word] = number = -1 if term is None else self._terms.setdefault(term, len(self._terms))
        return number

    def each(self, words: Sequence[str]) -> Array:
        """The numbers of words, int32. Short ones are remembered by their signs, which costs half of asking for each by name."""
        codes = np.frombuffer("".join(words).encode("utf-32-le"), "<u4")
        lengths = np.fromiter(map(len, words), np.int32, len(words))
        keys, places, numbers = recalled(codes, lengths, self._known, self._values)
        missed = np.flatnonzero(numbers == UNKNOWN)
        numbers[missed] = [self[words[at]] for at in missed.tolist()]
        short = missed[keys[missed] != UNKNOWN]
        self._known[places[short]], self._values[places[short]] = keys[short], numbers[short]
        return numbers


class _Said(NamedTuple):
    """Occurrences, int32: the cell where each stands, and the number of what stands there, below 0 for nothing."""

    cells: Array
    numbers: Array

    @classmethod
    def of(cls, cells: Sequence[int], numbers: Sequence[int]) -> _Said:
        return cls(np.array(cells, np.int32), np.array(numbers, np.int32))

    @classmethod
    def together(cls, parts: Sequence[_Said]) -> _Said:
        cells, numbers = zip(*parts, strict=True)
        return cls(np.concatenate(cells), np.concatenate(numbers))

    def counted(self, rows: int, number_of: Array, fields: int = 1) -> tuple[Array, Array, Array, Array]:
        """Where each row begins, then the distinct numbers in it, changed by `number_of`, with their fields and counts."""
        start, keys, counts = counted(rows, self.cells, number_of[self.numbers], fields)
        return start, keys // fields, keys % fields, counts


def cut(drafts: Sequence[Draft]) -> Cut:
    """The segment of some documents, equal to that of `Document.of` each.

    Its terms are numbered in the order of their spelling. Cost: about 170 µs a document of real length, 60 of them the dictionary's.
    """
    terms: dict[str, int] = {}
    word, exact, class_ = (_Numbers(terms, make) for make in (kept, str, CLASS.__add__))
    word["\0"] = _BETWEEN
    texts: list[str] = []
    cells: list[int] = []
    heads: dict[str, int] = {}  # class titles, which are the same in many documents
    headed: list[int] = []
    heading: list[int] = []
    whole: list[int] = []
    wholes: list[int] = []
    lying: list[int] = []
    classes: list[int] = []
    for row, draft in enumerate(drafts):
        for cell, name in enumerate(FIELDS, row * len(FIELDS)):
            text = draft.texts.get(name)
            if text and name == "ipc":
                headed.append(cell)
                heading.append(heads.setdefault(text, len(heads)))
            elif text:
                cells.append(cell)
                texts.append(text)
            for term, times in draft.terms.get(name, {}).items():
                whole += [cell] * times
                wholes += [exact[term]] * times
        for code in set(draft.classes):
            lying.append(row)
            classes.append(class_[code])
    said = _Said.together(
        [
            _words(texts, np.array(cells, np.int32), word),
            _headed(list(heads), headed, heading, word),
            _Said.of(whole, wholes),
        ]
    )
    shown = _characters([draft.shown for draft in drafts], terms)
    spelled = sorted(terms)
    number_of = np.full(len(spelled) - _BETWEEN, -1, np.int32)  # reached from behind by what is no term
    number_of[np.array([terms[term] for term in spelled], np.int64)] = np.arange(len(spelled))
    single = np.array([len(term) == len(GRAM) + 1 for term in spelled], bool)

    start, number, field, counts = said.counted(len(drafts), number_of, len(FIELDS))
    begins = np.ones(number.size, bool)
    begins[1:] = number[1:] != number[:-1]
    begins[start[:-1][start[:-1] < number.size]] = True
    first = np.flatnonzero(begins)
    codes = packed(field, counts, first)
    rare_at = np.flatnonzero(codes == ESCAPE)
    rare = np.zeros((rare_at.size, len(FIELDS)), np.int64)
    which = np.cumsum(begins) - 1
    is_rare = codes[which] == ESCAPE
    rare[np.searchsorted(rare_at, which[is_rare]), field[is_rare]] = counts[is_rare]

    gram_start, gram, _, gram_counts = shown.counted(len(drafts), number_of)
    class_start, class_number, _, _ = _Said.of(lying, classes).counted(len(drafts), number_of)
    return Cut(
        spelled,
        Segment.laid(
            ids=[draft.id for draft in drafts],
            near=[draft.near for draft in drafts],
            versions=[draft.version for draft in drafts],
            stored=[draft.stored for draft in drafts],
            facets=[draft.facets for draft in drafts],
            meanings=[draft.meaning for draft in drafts],
            terms=Ragged(np.searchsorted(first, start), number[first].astype(np.int32)),
            codes=codes,
            rare_at=rare_at,
            rare=rare,
            grams=Ragged(gram_start, gram.astype(np.int32)),
            gram_counts=np.minimum(
                GRAM_MOST, np.rint(np.where(single[gram], doubled(gram_counts), gram_counts))
            ).astype(np.uint16),
            classes=Ragged(class_start, class_number.astype(np.int32)),
        ),
    )


def _words(texts: Sequence[str], cells: Array, word: _Numbers) -> _Said:
    """The words of texts: of some at once, because a call costs; of few, so that what is made for each stays near."""
    cut_ = cutter()
    said = [_Said.of([], [])]
    for begin in range(0, len(texts), _TOGETHER):
        line = folded(texts[begin : begin + _TOGETHER])
        exact, rest = taken(line)
        found = cut_(rest)
        numbers = word.each(found)
        ends = np.flatnonzero(np.frombuffer(line.encode("utf-32-le"), "<u4") == 0)
        said.append(_Said(cells[begin + np.cumsum(numbers == _BETWEEN)], numbers))
        said.append(
            _Said(
                cells[begin + np.searchsorted(ends, [at for at, _ in exact])],
                np.array([word[term] for _, term in exact], np.int32),
            )
        )
    return _Said.together(said)


def _headed(heads: Sequence[str], cells: Sequence[int], head_of: Sequence[int], word: _Numbers) -> _Said:
    """The words of class titles, each cut once, wherever they stand."""
    said = _words(heads, np.arange(len(heads), dtype=np.int32), word)
    order = np.argsort(said.cells, kind="stable")
    start = np.searchsorted(said.cells[order], np.arange(len(heads) + 1))
    held = Ragged(start, said.numbers[order]).rows(np.array(head_of, np.int64))
    return _Said(np.repeat(np.array(cells, np.int32), np.diff(held.start)), held.values)


def _characters(texts: Sequence[str], terms: dict[str, int]) -> _Said:
    """Single characters and pairs of neighbors of one text a row: what `characters` finds in each."""
    codes = np.frombuffer(folded(texts).encode("utf-32-le"), "<u4").astype(np.int64)
    rows = np.cumsum(codes == 0, dtype=np.int32)
    stands = standing()[codes]
    single, paired = np.flatnonzero(stands), np.flatnonzero(stands[1:] & stands[:-1])
    keys = np.concatenate((codes[single], codes[paired] << _BITS | codes[paired + 1]))
    distinct, which = np.unique(keys, return_inverse=True)
    grams = [
        chr(key) if not key >> _BITS else chr(key >> _BITS) + chr(key & ((1 << _BITS) - 1)) for key in distinct.tolist()
    ]
    numbers = np.array([terms.setdefault(GRAM + gram, len(terms)) for gram in grams], np.int32)
    return _Said(rows[np.concatenate((single, paired))], numbers[which])
