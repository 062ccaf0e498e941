"""A shelf: where documents lie and are scored, and how they come, go and are put in order.

A shelf knows terms by their numbers alone. What words those are and which idf is in force is known to its keeper
(`index`), who asks one shelf or several and puts their answers together; so a shelf may as well stand on another
machine. It is immutable: a change makes another shelf, which shares with the first what did not change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from services.matching.engine import kernels
from services.matching.engine.documents import GRAM_TF, TF, Array, Condition, Document
from services.matching.engine.meaning import closeness
from services.matching.engine.segment import GRAM, Ragged, Segment, Weights, gathered

POSTINGS_FROM = 512  # documents from which postings are faster than reading every row
YOUNG_MOST = 4_096  # documents that may wait for their postings
DIRECT_SHARE = 100  # a filter that leaves fewer than one in so many rows is scored row by row
LEFT_SHARE = 0.3  # of the threshold that may be left to terms that are not walked: measured
_MASKS_MOST = 64


class Asked(NamedTuple):
    """A query against one epoch: its known terms in any order, their numbers, and a = weight x idf of each."""

    names: list[str]
    numbers: Array  # int32 (m,)
    a: Array  # float64 (m,)
    meaning: bytes = b""  # goes with the characters: the need's direction in the space of meanings


class Change(NamedTuple):
    """A document as it is from a position on; None when it is not shown any more."""

    position: int
    id: str
    version: int
    document: Document | None


class Candidates(NamedTuple):
    """Documents in the course of being ranked, in columns of one length."""

    ids: Array  # S
    words: Array  # float64: score by words
    characters: Array  # float64: score by characters; zeros when they were not asked for
    meaning: Array  # float64: closeness of meaning, 0 to 1; zeros without the extra [semantic]
    classes: Ragged  # int32 numbers in the lexicon
    passes: Array  # bool (n, conditions): those that were asked for as marks

    @classmethod
    def together(cls, parts: Sequence[Candidates], marks: int = 0) -> Candidates:
        """One after the other, each with so many marks."""
        return cls(
            np.concatenate([part.ids for part in parts]) if parts else np.zeros(0, "S1"),
            np.concatenate([part.words for part in parts]) if parts else np.zeros(0),
            np.concatenate([part.characters for part in parts]) if parts else np.zeros(0),
            np.concatenate([part.meaning for part in parts]) if parts else np.zeros(0),
            Ragged.joined([part.classes for part in parts]),
            np.concatenate([part.passes for part in parts]) if parts else np.zeros((0, marks), bool),
        )

    def take(self, order: Array) -> Candidates:
        """Some of them, in that order."""
        return Candidates(
            self.ids[order], self.words[order], self.characters[order], self.meaning[order],
            self.classes.rows(order), self.passes[order],
        )  # fmt: skip


class Held(NamedTuple):
    """What a shelf knows of one document, with its score by words."""

    id: str
    version: int
    score: float
    inverse: float  # 1 / length
    occurrences: Mapping[int, Sequence[int]]  # of the terms asked for, by field
    stored: Mapping[str, Any]


class Contents(NamedTuple):
    """All that a document is made of, by number."""

    occurrences: Mapping[int, Sequence[int]]  # of its words, by field
    grams: Mapping[int, int]
    classes: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment with its weights in this epoch, and which of its documents live: uint8 (n,)."""

    segment: Segment
    weights: Weights
    live: Array
    masks: dict[Condition, Array] = field(default_factory=dict)  # the segment never changes, so neither do they

    def mask(self, condition: Condition) -> Array:
        """Which rows pass a condition."""
        if (known := self.masks.get(condition)) is None:
            known = self.segment.passing(condition)
            if len(self.masks) >= _MASKS_MOST:
                self.masks.pop(next(iter(self.masks)), None)
            self.masks[condition] = known
        return known

    def best(self, asked: Asked, k: int, conditions: Sequence[Condition], floor: float) -> tuple[Array, Array]:
        """Rows and scores above a floor: all that can be among the k best, in no order."""
        allowed = self.live
        for condition in conditions:
            allowed = allowed & self.mask(condition)
        postings = self.weights.postings
        rows = None
        if postings is None or (conditions and int(np.count_nonzero(allowed)) * DIRECT_SHARE < len(self.segment)):
            rows = np.flatnonzero(allowed)
        if postings is None or rows is not None:
            assert rows is not None
            scores = self.words(asked, rows)
            above = scores > floor
            rows, scores = rows[above], scores[above]
            if rows.size > k:
                first = np.lexsort((self.segment.tie[rows], -scores))[:k]
                rows, scores = rows[first], scores[first]
            return rows, scores
        inside = asked.numbers < postings.step.size
        found, scores, _ = kernels.search(
            asked.numbers[inside], asked.a[inside], self.segment.forward, postings, TF, self.weights.inverse,
            self.weights.near, allowed, self.segment.tie, k, floor, LEFT_SHARE,
        )  # fmt: skip
        return found, scores

    def words(self, asked: Asked, rows: Array) -> Array:
        """Scores of some rows by words."""
        scores: Array = kernels.score_many(rows, asked.numbers, asked.a, self.segment.forward, TF, self.weights.inverse)
        return scores

    def candidates(self, rows: Array, words: Array, grams: Asked | None, marks: Sequence[Condition] = ()) -> Candidates:
        """Some rows with all that a ranking wants to know of them."""
        characters = meaning = np.zeros(rows.size)
        if grams is not None:
            if grams.meaning:
                meaning = closeness(np.frombuffer(grams.meaning, np.int8), self.segment.meanings[rows])
            characters = kernels.score_many(
                rows, grams.numbers, grams.a, self.segment.gram_forward, GRAM_TF, self.weights.gram_inverse
            )
        passes = np.zeros((rows.size, len(marks)), bool)
        for number, condition in enumerate(marks):
            passes[:, number] = self.mask(condition)[rows]
        classes = self.segment.classes.rows(rows)
        return Candidates(self.segment.ids[rows], words, characters, meaning, classes, passes)


class Shelving(Protocol):
    """What the index asks of a shelf, wherever its documents lie: `Shelf` says it of this process."""

    def __len__(self) -> int: ...

    @property
    def parts(self) -> tuple[Part, ...]:
        """What can be saved from here. Raises: TypeError, when the documents lie elsewhere."""
        ...

    def candidates(
        self,
        words: Asked,
        grams: Asked | None,
        k: int,
        conditions: Sequence[Condition],
        marks: Sequence[Condition] = (),
    ) -> Candidates:
        """The k best by words above zero that pass all conditions, exactly; best first."""
        ...

    def named(self, words: Asked, grams: Asked, ids: Sequence[str]) -> Candidates:
        """The held ones of some documents, in the order given."""
        ...

    def held(self, words: Asked, ids: Sequence[str]) -> list[Held]:
        """The held ones of some documents with what they hold of the terms asked for, in the order given."""
        ...

    def contents(self, id_: str) -> Contents | None:
        """What a held document is made of."""
        ...

    def passes(self, ids: Sequence[str], conditions: Sequence[Condition]) -> Array:
        """Which documents pass which conditions: bool (ids, conditions); what is not held passes none."""
        ...

    def locate(self, id_: str) -> tuple[int, ...] | None:
        """Where a living document lies, in numbers of the shelf's own."""
        ...

    def applied(self, changes: Sequence[Change], number_of: Mapping[str, int], idf: Array) -> tuple[Self, Array, Array]:
        """With changes taken in; the numbers of the terms that came and that went."""
        ...

    def weighed(self, idf: Array, made: Any = None) -> Self:
        """With the weights of another epoch: those that `weights` made before, or made now."""
        ...

    def weights(self, idf: Array) -> Any:
        """The weights of another epoch, made beforehand: what `weighed` takes."""
        ...

    def merged(self, idf: Array) -> Callable[[Self], Self] | None:
        """Put parts in order where that is due; answers how to take it in."""
        ...


class Moved(NamedTuple):
    """A shelf after changes, and the numbers of the terms of documents that came and that went, one each time."""

    shelf: Shelf
    came: Array
    gone: Array


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Documents in parts. Any number of threads may ask it."""

    parts: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return sum(int(np.count_nonzero(part.live)) for part in self.parts)

    # What is asked of it

    def candidates(
        self,
        words: Asked,
        grams: Asked | None,
        k: int,
        conditions: Sequence[Condition],
        marks: Sequence[Condition] = (),
    ) -> Candidates:
        """The k best by words above zero that pass all conditions, exactly; best first.

        With marks, also whether each passes those.
        """
        chosen: list[tuple[Part, Array, Array]] = []
        scores = np.zeros(0)
        floor = 0.0
        for part in self.parts if words.names else ():
            rows, found = part.best(words, k, conditions, floor)
            chosen.append((part, rows, found))
            scores = np.concatenate((scores, found))
            if scores.size >= k > 0:  # an equal score may still win by its id
                floor = math.nextafter(float(np.partition(scores, scores.size - k)[scores.size - k]), 0.0)
        ids = [part.segment.ids[rows] for part, rows, _ in chosen]
        order = np.lexsort((np.concatenate(ids) if ids else np.zeros(0, "S1"), -scores))[:k]
        parts, place = [], np.zeros(scores.size, np.int64)
        start = taken = 0
        for part, rows, found in chosen:  # characters and marks of the best only
            mine = np.sort(order[(order >= start) & (order < start + rows.size)])
            if mine.size == order.size:  # all of them lie here, as a rule: nothing to be put together
                return part.candidates(rows[order - start], found[order - start], grams, marks)
            place[mine] = taken + np.arange(mine.size)
            parts.append(part.candidates(rows[mine - start], found[mine - start], grams, marks))
            start, taken = start + rows.size, taken + mine.size
        return Candidates.together(parts, len(marks)).take(place[order])

    def named(self, words: Asked, grams: Asked, ids: Sequence[str]) -> Candidates:
        """The held ones of some documents, in the order given."""
        found, order = [], []
        for part, rows, at in self._lying(ids):
            found.append(part.candidates(rows, part.words(words, rows), grams))
            order += at
        return Candidates.together(found).take(np.argsort(np.array(order, np.int64)))

    def held(self, words: Asked, ids: Sequence[str]) -> list[Held]:
        """The held ones of some documents with what they hold of the terms asked for, in the order given."""
        found: dict[int, Held] = {}
        for part, rows, at in self._lying(ids):
            segment, inverse = part.segment, part.weights.inverse[rows].tolist()
            scores = part.words(words, rows).tolist()
            for row, place, score, length in zip(rows.tolist(), at, scores, inverse, strict=True):
                occurrences = segment.occurrences(row, words.numbers)
                version = int(segment.versions[row])
                found[place] = Held(segment.id_of(row), version, score, length, occurrences, segment.shown(row))
        return [found[place] for place in sorted(found)]

    def contents(self, id_: str) -> Contents | None:
        """What a held document is made of."""
        if (place := self.locate(id_)) is None:
            return None
        segment, row = self.parts[place[0]].segment, place[1]
        counts = segment.gram_counts[segment.grams.start[row] : segment.grams.start[row + 1]].tolist()
        grams = dict(zip(segment.grams[row].tolist(), counts, strict=True))
        return Contents(segment.occurrences(row), grams, segment.classes[row].tolist())

    def _lying(self, ids: Sequence[str]) -> list[tuple[Part, Array, list[int]]]:
        """Where the held ones of some documents lie: part, rows, and their places among the ids."""
        places = list(map(self.locate, ids))
        found = []
        for number, part in enumerate(self.parts):
            at = [place for place, where in enumerate(places) if where is not None and where[0] == number]
            rows = np.array([places[place][1] for place in at], np.int64)  # type: ignore[index]
            if at:
                found.append((part, rows, at))
        return found

    def passes(self, ids: Sequence[str], conditions: Sequence[Condition]) -> Array:
        """Which documents pass which conditions: bool (ids, conditions); what is not held passes none."""
        found = np.zeros((len(ids), len(conditions)), bool)
        for number, place in enumerate(map(self.locate, ids)):
            if place is not None:
                part = self.parts[place[0]]
                found[number] = [part.mask(condition)[place[1]] for condition in conditions]
        return found

    def locate(self, id_: str) -> tuple[int, int] | None:
        """The number of the part and the row where a living document lies."""
        for number, part in enumerate(self.parts):
            row = part.segment.find(id_)
            if row is not None and part.live[row]:
                return number, row
        return None

    # How it changes

    def applied(self, changes: Sequence[Change], number_of: Mapping[str, int], idf: Array) -> Moved:
        """With changes taken in, one for each document; what is older than what is held does nothing.

        New documents go to a young part without postings. idf float64 (terms,) reaches all their terms.
        """
        live: dict[int, Array] = {}
        fresh: list[Document] = []
        gone: list[Array] = []
        for change in changes:
            if (place := self.locate(change.id)) is not None:
                number, row = place
                segment = self.parts[number].segment
                if segment.versions[row] > change.version:
                    continue
                live.setdefault(number, self.parts[number].live.copy())[row] = 0
                gone += [segment.terms[row], segment.grams[row]]
            if change.document is not None:
                fresh.append(change.document)
        parts = [replace(part, live=live[number]) if number in live else part for number, part in enumerate(self.parts)]
        came = [np.array([number_of[term] for term in terms_of(document)], np.int32) for document in fresh]
        if fresh:
            parts = _with(parts, Segment.of(fresh, number_of), idf)
        kept = tuple(part for part in parts if part.live.any())
        return Moved(Shelf(kept), *(np.concatenate([np.zeros(0, np.int32), *each]) for each in (came, gone)))

    def weighed(self, idf: Array, made: Mapping[Segment, Weights] | None = None) -> Shelf:
        """With the weights of another epoch: those that were made before, or made now."""
        made, parts = made or {}, []
        for part in self.parts:
            with_postings = part.weights.postings is not None or len(part.segment) >= POSTINGS_FROM
            weights = made.get(part.segment) or Weights.of(part.segment, idf, with_postings=with_postings)
            parts.append(replace(part, weights=weights))
        return Shelf(tuple(parts))

    def weights(self, idf: Array) -> Mapping[Segment, Weights]:
        """The weights of another epoch, made beforehand. Takes long, and may run beside anything."""
        return {
            part.segment: Weights.of(part.segment, idf, with_postings=part.weights.postings is not None)
            for part in self.parts
        }

    def merged(self, idf: Array) -> Callable[[Shelf], Shelf] | None:
        """Make one part of several where that is due; answers how to put it into the shelf as it is by then.

        None when nothing is due. Takes long, and may run beside anything.
        """
        chosen = _to_merge(self.parts)
        if chosen is None:
            return None
        sources = [self.parts[number] for number in chosen]
        segment, origin = gathered([part.segment for part in sources], [part.live for part in sources])
        weights = Weights.of(segment, idf, with_postings=True)

        def put(shelf: Shelf) -> Shelf:
            now = {part.segment: part for part in shelf.parts}
            if any(part.segment not in now for part in sources):
                return shelf  # the ground has moved: the next call looks again
            live = np.ones(len(segment), np.uint8)
            for number, part in enumerate(sources):  # what died meanwhile is dead in it too
                mine = origin[:, 0] == number
                live[mine] = now[part.segment].live[origin[mine, 1]]
            gone = {part.segment for part in sources}
            kept = [part for part in shelf.parts if part.segment not in gone]
            sealed = [*(part for part in kept if part.weights.postings is not None), Part(segment, weights, live)]
            sealed.sort(key=lambda part: -len(part.segment))
            return Shelf((*sealed, *(part for part in kept if part.weights.postings is None)))

        return put


def terms_of(document: Document) -> set[str]:
    """What of a document counts towards frequencies: its words and its characters."""
    return {term for words in document.counts.values() for term in words} | {GRAM + gram for gram in document.grams}


def _with(parts: list[Part], segment: Segment, idf: Array) -> list[Part]:
    """The parts with a new segment: young documents are gathered in one that has no postings yet."""
    if parts and parts[-1].weights.postings is None and len(parts[-1].segment) < YOUNG_MOST:
        young = parts.pop()
        segment, _ = gathered([young.segment, segment], [young.live, np.ones(len(segment), np.uint8)])
    weights = Weights.of(segment, idf, with_postings=False)
    return [*parts, Part(segment, weights, np.ones(len(segment), np.uint8))]


def _to_merge(parts: Sequence[Part]) -> list[int] | None:
    """Which parts to make one: young ones that are many, neighbors of like size, one that is mostly dead."""
    for number, part in enumerate(parts):
        rows = len(part.segment)
        if part.weights.postings is None and rows >= YOUNG_MOST:
            return [number]
        if part.weights.postings is not None and int(np.count_nonzero(part.live)) * 4 < rows * 3:
            return [number]
    sealed = [number for number, part in enumerate(parts) if part.weights.postings is not None]
    for first, second in itertools.pairwise(sealed):
        if len(parts[second].segment) * 2 >= len(parts[first].segment):
            return [first, second]
    return None
