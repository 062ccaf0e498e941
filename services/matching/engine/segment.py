"""A segment: some documents in columns, written once, never changed.

Columns are flat numpy arrays, so that they can lie in mapped files and that any set of segments can be
gathered into one by index arithmetic. Documents are sorted by `near`, then id. What depends on idf
(`Weights`) stands beside a segment and is made anew for each idf epoch.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from services.matching.engine import kernels
from services.matching.engine.documents import (
    GRAM_MOST,
    GRAM_TF,
    TF,
    Array,
    Condition,
    Document,
    pack,
    sublinear,
    unpack,
)
from services.matching.engine.kernels import ESCAPE, Forward, Postings
from services.matching.engine.text import FIELDS

_SEPARATOR = "\x1f"
GRAM, CLASS = "\x02", "\x03"  # stand before what shares the lexicon with words


class Ragged(NamedTuple):
    """Rows of different lengths: row i is values[start[i]:start[i + 1]]."""

    start: Array  # int64 (n + 1,)
    values: Array

    @classmethod
    def of(cls, rows: Sequence[Any], dtype: Any) -> Ragged:
        """From rows, arrays or for uint8 bytes, one after the other."""
        start = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=start[1:])
        if dtype == np.uint8:
            return cls(start, np.frombuffer(bytearray(b"".join(rows)), np.uint8))
        return cls(start, np.concatenate(rows).astype(dtype) if rows else np.zeros(0, dtype))

    def rows(self, rows: Array) -> Ragged:
        """Some rows, in that order."""
        return Ragged.gathered([(self, rows, np.arange(rows.size))], rows.size)

    @classmethod
    def gathered(cls, sources: Sequence[tuple[Ragged, Array, Array]], size: int) -> Ragged:
        """So many rows from several: of each source some rows, and where each of them goes. One pass over what it holds."""
        start = np.zeros(size + 1, np.int64)
        for column, rows, to in sources:
            start[to + 1] = column.start[rows + 1] - column.start[rows]
        np.cumsum(start, out=start)
        values = np.empty(int(start[-1]), sources[0][0].values.dtype if sources else np.int32)
        for column, rows, to in sources:
            kernels.copy_rows(
                column.values.view(np.uint8), column.start, values.itemsize, rows, start[to], values.view(np.uint8)
            )
        return cls(start, values)

    @classmethod
    def joined(cls, parts: Sequence[Ragged], dtype: Any = np.int32) -> Ragged:
        """The rows of several, one after the other."""
        start, shift = [np.zeros(1, np.int64)], 0
        for part in parts:
            start.append(part.start[1:] + shift)
            shift += int(part.start[-1])
        return cls(np.concatenate(start), np.concatenate([part.values for part in parts] or [np.zeros(0, dtype)]))

    def __getitem__(self, row: int) -> Array:  # type: ignore[override]
        return self.values[self.start[row] : self.start[row + 1]]


@dataclass(frozen=True, eq=False)
class Segment:
    """Shapes: n documents. `ids` and `near` bytes (n,), sorted by (near, id); `by_id` the rows in the order of ids."""

    ids: Array  # S
    near: Array  # S
    grams: Ragged  # int32 numbers in the lexicon
    gram_counts: Array  # uint16
    classes: Ragged  # int32 numbers in the lexicon
    meanings: Array  # int8 (n, d): directions in a space of meanings; d is 0 without the extra [semantic]
    versions: Array  # int64 (n,)
    stored: Ragged  # uint8: JSON
    terms: Ragged  # int32 ids in the lexicon, by spelling within a document
    codes: Array  # uint16 (postings,)
    rare_at: Array  # int64 rising: postings whose occurrences do not fit a code
    rare: Array  # int64 (rare, fields): their occurrences
    facet_values: Array  # S, sorted: name, separator, value
    facet_rows: Ragged  # int32: rows that have each value
    by_id: Array  # int32 (n,)
    tie: Array  # int32 (n,): the inverse of by_id

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def forward(self) -> Forward:
        """The document-major side as the kernels take it."""
        return Forward(self.terms.start, self.terms.values, self.codes, self.rare_at, sublinear(self.rare))

    @cached_property
    def gram_forward(self) -> Forward:
        """The same for the characters of titles; a code is a count."""
        return Forward(self.grams.start, self.grams.values, self.gram_counts, np.zeros(0, np.int64), np.zeros(0))

    def find(self, id_: str) -> int | None:
        """The row of a document. O(log n)."""
        wanted = id_.encode()
        at = bisect_left(self.by_id, wanted, key=self.ids.__getitem__)
        if at < len(self) and self.ids[self.by_id[at]] == wanted:
            return int(self.by_id[at])
        return None

    def id_of(self, row: int) -> str:
        """A document's id."""
        return bytes(self.ids[row]).decode()

    def shown(self, row: int) -> Mapping[str, Any]:
        """What is stored with a document."""
        found: Mapping[str, Any] = json.loads(self.stored[row].tobytes())
        return found

    def occurrences(self, row: int, numbers: Array | None = None) -> dict[int, Sequence[int]]:
        """Term → occurrences by field of one document: of some terms, or of all in the order of spelling."""
        start, terms = int(self.terms.start[row]), self.terms[row]
        at = np.arange(terms.size) if numbers is None else kernels.common(terms, numbers)
        codes = self.codes[start + at].tolist()
        return {
            term: unpack(code)
            if code != ESCAPE
            else self.rare[int(np.searchsorted(self.rare_at, start + offset))].tolist()
            for offset, term, code in zip(at.tolist(), terms[at].tolist(), codes, strict=True)
        }

    def passing(self, condition: Condition) -> Array:
        """Which documents pass: uint8 (n,). O(rows that do), not O(n) comparisons."""
        first, past = (
            int(np.searchsorted(self.facet_values, (condition.facet + _SEPARATOR + edge).encode()))
            for edge in (condition.first, condition.past)
        )
        passes = np.zeros(len(self), np.uint8)
        passes[self.facet_rows.values[self.facet_rows.start[first] : self.facet_rows.start[past]]] = 1
        return passes

    @classmethod
    def of(cls, documents: Sequence[Document], number_of: Mapping[str, int]) -> Segment:
        """From documents whose terms all have a number. O(postings) in Python: about 30 µs a document."""
        terms, codes, rare_at, rare = [], [], [], []
        grams, gram_counts, classes = [], [], []
        at = 0
        for document in documents:
            merged: dict[str, list[int]] = {}
            for field_number, name in enumerate(FIELDS):
                for term, occurrences in document.counts.get(name, {}).items():
                    merged.setdefault(term, [0] * len(FIELDS))[field_number] = occurrences
            spelled = sorted(merged)
            packed = [pack(tuple(merged[term])) for term in spelled]
            for offset, code in enumerate(packed):
                if code == ESCAPE:
                    rare_at.append(at + offset)
                    rare.append(merged[spelled[offset]])
            at += len(spelled)
            terms.append(np.array([number_of[term] for term in spelled], np.int32))
            codes.append(np.array(packed, np.uint16))
            spelled_grams = sorted(document.grams)
            grams.append(np.array([number_of[GRAM + gram] for gram in spelled_grams], np.int32))
            gram_counts.append(
                np.array([min(GRAM_MOST, round(document.grams[gram])) for gram in spelled_grams], np.uint16)
            )
            classes.append(np.array([number_of[CLASS + code] for code in sorted(set(document.classes))], np.int32))
        return cls.laid(
            ids=[document.id for document in documents],
            near=[document.near for document in documents],
            versions=[document.version for document in documents],
            stored=[document.stored for document in documents],
            facets=[document.facets for document in documents],
            meanings=[document.meaning for document in documents],
            grams=Ragged.of(grams, np.int32),
            gram_counts=np.concatenate(gram_counts) if gram_counts else np.zeros(0, np.uint16),
            classes=Ragged.of(classes, np.int32),
            terms=Ragged.of(terms, np.int32),
            codes=np.concatenate(codes) if codes else np.zeros(0, np.uint16),
            rare_at=np.array(rare_at, np.int64),
            rare=np.array(rare, np.int64).reshape(-1, len(FIELDS)),
        )

    @classmethod
    def laid(
        cls,
        *,
        ids: Sequence[str],
        near: Sequence[str],
        versions: Sequence[int],
        stored: Sequence[Mapping[str, Any]],
        facets: Sequence[Mapping[str, Sequence[str]]],
        meanings: Sequence[bytes],
        terms: Ragged,
        codes: Array,
        rare_at: Array,
        rare: Array,
        grams: Ragged,
        gram_counts: Array,
        classes: Ragged,
    ) -> Segment:
        """From documents in any order: what they are made of in columns, the rest as it comes."""
        n = len(ids)
        values: list[bytes] = []
        value_rows: list[int] = []
        for row, each in enumerate(facets):
            held = {(name + _SEPARATOR + value).encode() for name, some in each.items() for value in some}
            values += held
            value_rows += [row] * len(held)
        distinct, which = np.unique(_bytes(values), return_inverse=True)
        ends = np.cumsum(np.bincount(which, minlength=distinct.size))
        loose = cls(
            ids=_bytes([id_.encode() for id_ in ids]),
            near=_bytes([place.encode() for place in near]),
            versions=np.array(versions, np.int64),
            stored=Ragged.of([_json(each) for each in stored], np.uint8),
            meanings=_meanings(meanings),
            facet_values=distinct if values else distinct[:0],
            facet_rows=Ragged(
                np.concatenate(([0], ends)).astype(np.int64),
                np.array(value_rows, np.int32)[np.argsort(which, kind="stable")],
            ),
            terms=terms, codes=codes, rare_at=rare_at, rare=rare, grams=grams, gram_counts=gram_counts, classes=classes,
            by_id=np.zeros(0, np.int32), tie=np.zeros(0, np.int32),
        )  # fmt: skip
        return gathered([loose], [np.ones(n, np.uint8)])[0]

    def renumbered(self, numbers: Array) -> Segment:
        """The same with other numbers for its terms: int32 (terms it was made with,)."""
        terms, grams, classes = (
            Ragged(column.start, numbers[column.values]) for column in (self.terms, self.grams, self.classes)
        )
        return replace(self, terms=terms, grams=grams, classes=classes)


def gathered(segments: Sequence[Segment], live: Sequence[Array]) -> tuple[Segment, Array]:
    """One segment of what lives in several, and where each of its documents was: int64 (n, 2) segment and row.

    Cost: one pass over the postings; no text is cut and no object made per document. Memory: the new segment.
    """
    kept = [np.flatnonzero(mask) for mask in live]
    origin = np.concatenate([np.column_stack((np.full(rows.size, at), rows)) for at, rows in enumerate(kept)])
    ids = np.concatenate([segment.ids[rows] for segment, rows in zip(segments, kept, strict=True)])
    near = np.concatenate([segment.near[rows] for segment, rows in zip(segments, kept, strict=True)])
    order = np.lexsort((ids, near))
    n = order.size
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    ends = np.cumsum([rows.size for rows in kept])
    places = [place[end - rows.size : end] for end, rows in zip(ends, kept, strict=True)]

    def ragged(column: Callable[[Segment], Ragged]) -> Ragged:
        return Ragged.gathered(
            [(column(segment), rows, to) for segment, rows, to in zip(segments, kept, places, strict=True)], n
        )

    terms = ragged(lambda segment: segment.terms)
    width = max(segment.meanings.shape[1] for segment in segments)
    meanings, versions = np.zeros((n, width), np.int8), np.empty(n, np.int64)
    rare_at, rare, facet_of, facet_rows = [], [], [], []
    values = np.unique(np.concatenate([segment.facet_values for segment in segments]))
    for segment, rows, to in zip(segments, kept, places, strict=True):
        versions[to], meanings[to, : segment.meanings.shape[1]] = segment.versions[rows], segment.meanings[rows]
        moved = np.full(len(segment), -1, np.int64)
        moved[rows] = to
        row = np.searchsorted(segment.terms.start, segment.rare_at, side="right") - 1
        lives = moved[row] >= 0
        rare_at.append(terms.start[moved[row[lives]]] + segment.rare_at[lives] - segment.terms.start[row[lives]])
        rare.append(segment.rare[lives])
        value = np.searchsorted(values, segment.facet_values)
        value = np.repeat(value, np.diff(segment.facet_rows.start))
        row = moved[segment.facet_rows.values]
        facet_of.append(value[row >= 0])
        facet_rows.append(row[row >= 0])
    rising = np.argsort(np.concatenate(rare_at))
    by_value = np.lexsort((np.concatenate(facet_rows), np.concatenate(facet_of)))
    held, sizes = np.unique(np.concatenate(facet_of), return_counts=True)
    by_id = np.argsort(ids[order], kind="stable").astype(np.int32)
    tie = np.empty(n, np.int32)
    tie[by_id] = np.arange(n, dtype=np.int32)
    return Segment(
        ids=ids[order],
        near=near[order],
        versions=versions,
        meanings=meanings,
        terms=terms,
        codes=ragged(lambda segment: Ragged(segment.terms.start, segment.codes)).values,
        rare_at=np.concatenate(rare_at)[rising],
        rare=np.concatenate(rare)[rising],
        grams=ragged(lambda segment: segment.grams),
        gram_counts=ragged(lambda segment: Ragged(segment.grams.start, segment.gram_counts)).values,
        classes=ragged(lambda segment: segment.classes),
        stored=ragged(lambda segment: segment.stored),
        facet_values=values[held],
        facet_rows=Ragged(
            np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
            np.concatenate(facet_rows)[by_value].astype(np.int32),
        ),
        by_id=by_id,
        tie=tie,
    ), origin[order]


def _meanings(directions: Sequence[bytes]) -> Array:
    width = max(map(len, directions), default=0)
    filled = b"".join(each or bytes(width) for each in directions)
    return np.frombuffer(bytearray(filled), np.int8).reshape(len(directions), width)


def _json(stored: Mapping[str, Any]) -> bytes:
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _bytes(values: Sequence[bytes]) -> Array:
    return np.array(values, dtype=f"S{max(map(len, values), default=1) or 1}")


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What idf makes of a segment. A segment too small for postings has none and is scored row by row."""

    inverse: Array  # float64 (n,): 1 / length
    near: Array  # float32 (n,): the same, rounded up
    postings: Postings | None
    gram_inverse: Array  # float64 (n,): 1 / length of the characters' vector

    @classmethod
    def of(cls, segment: Segment, idf: Array, *, with_postings: bool) -> Weights:
        """Cost with postings: about 0.1 s for a million postings' worth of documents."""
        forward = segment.forward
        inverse = kernels.inverses(forward, TF, idf)
        postings = kernels.invert(forward, TF, inverse, idf.size) if with_postings else None
        grams = kernels.inverses(segment.gram_forward, GRAM_TF, idf)
        return cls(inverse, (inverse * (1.0 + 1e-6)).astype(np.float32), postings, grams)
