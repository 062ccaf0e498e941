"""The exact index: what is asked (`Index`), an immutable answerer (`Snapshot`), and its keeper (`Engine`).

The score of a document is that of scikit-learn's `TfidfTransformer(sublinear_tf=True)` and a cosine on
weighted counts (field weight x occurrences, summed over fields): tf = 1 + ln count, idf = 1 + ln((1 + n) / (1 + df)),
both sides scaled to length one. Query terms that no document holds do not count.

idf holds for an epoch. An epoch begins at a position of the feed, never at a time: at every change while
the index is small, later when a twentieth of the documents has changed. A term that came since has the idf
of a term that no document held. So what an index answers depends on (epoch, position) alone, not on how its
documents lie in segments, and equal versions answer equally to the last bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np

from services.matching.engine import kernels
from services.matching.engine.documents import GRAM_TF, TF, Array, Condition, Document, Hit, Leaf, Query
from services.matching.engine.segment import CLASS, GRAM, Segment, Weights, gathered
from services.matching.engine.text import FIELDS

SCORING = "signals-1"  # change it whenever any score would differ: it is part of index_version
POSTINGS_FROM = 512  # documents from which postings are faster than reading every row
YOUNG_MOST = 4_096  # documents that may wait for their postings
SMALL = 2_000  # documents up to which every change begins an epoch
EPOCH_SHARE = 20  # beyond, an epoch ends when one in so many documents has changed
DIRECT_SHARE = 100  # a filter that leaves fewer than one in so many rows is scored row by row
DEPTH = 500  # documents that all signals score
LEANING = 3.0  # what a need's own words say of its class, against what its nearest documents say
VOTERS = 200  # nearest documents that say in which class a need lies
SIGNALS = {"words": 0.22, "characters": 0.52, "class": 0.26}  # measured, see docs/quality.md
LEFT_SHARE = 0.6  # of the threshold that may be left to terms that are not walked: measured
_MASKS_MOST = 64
_NEVER = np.iinfo(np.int64).max


class Found(NamedTuple):
    """A ranked document. Its score is what its words contributed and its other signals."""

    id: str
    score: float
    text: float = 0.0  # what words and characters say, comparable from need to need
    words: float = 0.0  # the part of the score that its words contributed
    signals: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best documents that pass: score down, then id up."""

    found: list[Found]
    known_terms: frozenset[str]


class Index(Protocol):
    """What a ranking needs of an index, whatever stands behind it."""

    def __len__(self) -> int: ...

    @property
    def position(self) -> int:
        """The feed's position up to which it knows all changes."""
        ...

    @property
    def era(self) -> str:
        """Names the idf in use: "now" when it is that of this very position, else where its epoch began."""
        ...

    def rank(self, query: Query, k: int, conditions: Sequence[Condition] = ()) -> Ranking:
        """The k best documents with a score above zero that pass all conditions, exactly."""
        ...

    def match(self, query: Query, k: int, conditions: Sequence[Condition] = ()) -> Ranking:
        """The k best of the first `DEPTH` of `rank`, scored anew by all signals."""
        ...

    def judge(self, query: Query, ids: Sequence[str]) -> list[Found]:
        """The held ones of some documents, scored by all signals, in the order given."""
        ...

    def explain(self, query: Query, ids: Sequence[str]) -> list[Hit]:
        """The held ones of some documents with their score by words and what that is made of, in the order given."""
        ...

    def passes(self, id_: str, condition: Condition) -> bool:
        """Whether a held document passes a condition."""
        ...

    def sharing(self, word: str) -> list[str]:
        """Known terms that share a character with a word: where to look for misspellings."""
        ...


@dataclass(frozen=True, slots=True)
class Epoch:
    """The idf of every term while the epoch lasts."""

    position: int
    documents: int
    idf: Array  # float64 (terms at its beginning,)

    @classmethod
    def begin(cls, position: int, documents: int, frequencies: Array) -> Epoch:
        """From how many of the living documents hold each term: int64 (terms,)."""
        distinct, which = np.unique(frequencies, return_inverse=True)
        idf = np.array([_idf(documents, int(df)) for df in distinct])  # libm, not numpy: the same bits everywhere
        return cls(position, documents, idf[which] if distinct.size else np.zeros(0))

    def of(self, numbers: Array) -> Array:
        """idf of some terms."""
        found = np.full(numbers.size, _idf(self.documents, 0))
        early = numbers < self.idf.size
        found[early] = self.idf[numbers[early]]
        return found

    def reaching(self, terms: int) -> Array:
        """idf of the first so many terms, those that came later included."""
        late = np.full(max(0, terms - self.idf.size), _idf(self.documents, 0))
        return np.concatenate((self.idf[:terms], late))


def _idf(documents: int, frequency: int) -> float:
    return math.log((1.0 + documents) / (1.0 + frequency)) + 1.0


class Lexicon:
    """Terms and their numbers. Grows only, so that snapshots can share it."""

    def __init__(self, spelled: Iterable[str] = ()) -> None:
        self.spelled = list(spelled)
        self.number_of = {term: number for number, term in enumerate(self.spelled)}
        self._by_character: dict[str, list[int]] = {}
        self._listed = 0

    def __len__(self) -> int:
        return len(self.spelled)

    def add(self, terms: Iterable[str]) -> None:
        """Give numbers to terms that have none."""
        for term in terms:
            if term not in self.number_of:
                self.number_of[term] = len(self.spelled)
                self.spelled.append(term)

    def sharing(self, word: str) -> set[int]:
        """The numbers of terms that share a character with a word."""
        while self._listed < len(self.spelled):
            for character in set(self.spelled[self._listed]):
                self._by_character.setdefault(character, []).append(self._listed)
            self._listed += 1
        return {number for character in set(word) for number in self._by_character.get(character, ())}


class _Asked(NamedTuple):
    """A query against one epoch: its known terms by spelling, their numbers, and a = weight x idf of each."""

    names: list[str]
    numbers: Array  # int32 (m,)
    a: Array  # float64 (m,)


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

    def best(self, asked: _Asked, k: int, conditions: Sequence[Condition], floor: float) -> tuple[Array, Array]:
        """Rows and scores above a floor: all that can be among the k best, in no order."""
        allowed = self.live
        for condition in conditions:
            allowed = allowed & self.mask(condition)
        postings = self.weights.postings
        rows = None
        if postings is None or (conditions and int(allowed.sum()) * DIRECT_SHARE < len(self.segment)):
            rows = np.flatnonzero(allowed)
        if postings is None or rows is not None:
            assert rows is not None
            scores = kernels.score_many(rows, asked.numbers, asked.a, self.segment.forward, TF, self.weights.inverse)
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


def _scaled(shares: Mapping[int, float], most: float) -> dict[int, float]:
    """Shares, the greatest of them `most`."""
    greatest = max(shares.values(), default=0.0)
    return {key: most * share / greatest for key, share in shares.items()} if greatest else {}


class _Line(NamedTuple):
    """A document in the course of being ranked: sorts by score down, then id."""

    fallen: float  # minus the score by words
    id: str
    part: Part
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An index at one position. Immutable; any number of threads may ask it while the next one is made."""

    parts: tuple[Part, ...]
    lexicon: Lexicon
    known_at: Array  # int64 (terms,): the position from which each term counts in this epoch
    epoch: Epoch
    position: int
    changes: int = 0  # since the epoch began

    def __len__(self) -> int:
        return sum(int(part.live.sum()) for part in self.parts)

    @property
    def era(self) -> str:
        """Names the idf in use: "now" when it is that of this very position, else where its epoch began."""
        return str(self.epoch.position) if self.changes else "now"

    def _asked(self, counts: Mapping[str, float]) -> _Asked:
        number_of = self.lexicon.number_of
        names = sorted(term for term in counts if term in number_of)
        numbers = np.array([number_of[term] for term in names], np.int32)
        known = numbers < self.known_at.size
        known[known] = self.known_at[numbers[known]] <= self.position
        names = [name for name, is_known in zip(names, known.tolist(), strict=True) if is_known]
        numbers = numbers[known]
        idf = self.epoch.of(numbers)
        weights = np.array([1.0 + math.log(counts[name]) for name in names]) * idf
        length = math.sqrt(math.fsum((weights * weights).tolist()))
        return _Asked(names, numbers, weights * idf / length if length else weights)

    def rank(self, query: Query, k: int, conditions: Sequence[Condition] = ()) -> Ranking:
        """The k best documents with a score above zero that pass all conditions, exactly."""
        asked = self._asked(query.counts)
        best = self._first(asked, k, conditions)
        return Ranking([Found(each.id, -each.fallen) for each in best], frozenset(asked.names))

    def match(self, query: Query, k: int, conditions: Sequence[Condition] = ()) -> Ranking:
        """The k best of the first `DEPTH` of `rank`, scored anew by all signals."""
        asked = self._asked(query.counts)
        best = self._first(asked, DEPTH, conditions)
        found = self._judged(query, best, self._votes(query, best))
        found.sort(key=lambda each: (-each.score, each.id))
        return Ranking(found[:k], frozenset(asked.names))

    def judge(self, query: Query, ids: Sequence[str]) -> list[Found]:
        """The held ones of some documents, scored by all signals, in the order given."""
        asked = self._asked(query.counts)
        places = [(id_, *self.locate(id_)) for id_ in ids]
        held = [(id_, self.parts[number], row) for id_, number, row in places if row is not None]
        words = self._words(asked, [(part, row) for _, part, row in held])
        lines = [_Line(-score, *place) for score, place in zip(words, held, strict=True)]
        return self._judged(query, lines, self._votes(query, self._first(asked, VOTERS, ())))

    def _judged(self, query: Query, lines: Sequence[_Line], votes: Mapping[int, float]) -> list[Found]:
        asked = self._asked({GRAM + gram: count for gram, count in query.grams.items()})
        characters = self._each(
            [(line.part, line.row) for line in lines],
            lambda part, rows: kernels.score_many(
                rows, asked.numbers, asked.a, part.segment.gram_forward, GRAM_TF, part.weights.gram_inverse
            ),
        )
        texts = [
            SIGNALS["words"] * -line.fallen + SIGNALS["characters"] * alike
            for line, alike in zip(lines, characters, strict=True)
        ]
        found = []
        for line, alike, text in zip(lines, characters, texts, strict=True):
            share, number = max(
                ((votes.get(number, 0.0), -number) for number in line.part.segment.classes[line.row].tolist()),
                default=(0.0, 0),
            )
            signals = []
            if alike:
                signals.append(("characters", SIGNALS["characters"] * alike))
            if share:
                signals.append((f"class {self.lexicon.spelled[-number][1:]}", SIGNALS["class"] * share))
            words = SIGNALS["words"] * -line.fallen
            score = words + sum(weight for _, weight in signals)
            found.append(Found(line.id, score, text, words, tuple(signals)))
        return found

    def _votes(self, query: Query, best: Sequence[_Line]) -> dict[int, float]:
        """The need's likely classes, the first has 1: by what its nearest documents lie in, and by its own words."""
        votes: dict[int, float] = {}
        for line in best[:VOTERS]:
            for number in line.part.segment.classes[line.row].tolist():
                votes[number] = votes.get(number, 0.0) - line.fallen
        votes = _scaled(votes, 1.0)
        for code, share in query.leaning.items():
            if (number_ := self.lexicon.number_of.get(CLASS + code)) is not None:
                votes[number_] = votes.get(number_, 0.0) + LEANING * share
        return _scaled(votes, 1.0)

    def _words(self, asked: _Asked, places: Sequence[tuple[Part, int]]) -> list[float]:
        return self._each(
            places,
            lambda part, rows: kernels.score_many(
                rows, asked.numbers, asked.a, part.segment.forward, TF, part.weights.inverse
            ),
        )

    @staticmethod
    def _each(places: Sequence[tuple[Part, int]], scores: Callable[[Part, Array], Array]) -> list[float]:
        """Scores of documents wherever they lie, part by part, in the order given."""
        found = [0.0] * len(places)
        for part in {id(part): part for part, _ in places}.values():
            at = [number for number, (where, _) in enumerate(places) if where is part]
            rows = np.array([places[number][1] for number in at], np.int64)
            for number, score in zip(at, scores(part, rows).tolist(), strict=True):
                found[number] = score
        return found

    def _first(self, asked: _Asked, k: int, conditions: Sequence[Condition]) -> list[_Line]:
        best: list[_Line] = []
        floor = 0.0
        for part in self.parts if asked.names else ():
            rows, scores = part.best(asked, k, conditions, floor)
            best += [
                _Line(-score, part.segment.id_of(row), part, row)
                for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
            ]
            best.sort(key=lambda line: line[:2])
            del best[k:]
            if len(best) == k:
                floor = math.nextafter(-best[-1].fallen, 0.0)  # an equal score may still win by its id
        return best

    def locate(self, id_: str) -> tuple[int, int | None]:
        """The number of the part and the row where a living document lies; row None when there is none."""
        for number, part in enumerate(self.parts):
            row = part.segment.find(id_)
            if row is not None and part.live[row]:
                return number, row
        return -1, None

    def explain(self, query: Query, ids: Sequence[str]) -> list[Hit]:
        """The held ones of some documents with their score by words and what that is made of, in the order given."""
        asked = self._asked(query.counts)
        places = [(self.parts[number], row) for number, row in map(self.locate, ids) if row is not None]
        scores = self._words(asked, places)
        return [
            self._hit(part, row, score, asked, query.through) for (part, row), score in zip(places, scores, strict=True)
        ]

    def passes(self, id_: str, condition: Condition) -> bool:
        """Whether a held document passes a condition."""
        number, row = self.locate(id_)
        return row is not None and bool(self.parts[number].mask(condition)[row])

    def sharing(self, word: str) -> list[str]:
        """Known terms that share a character with a word: where to look for misspellings."""
        terms = (self.lexicon.spelled[number] for number in self.lexicon.sharing(word))
        return self._asked({term: 1.0 for term in terms if term[0] not in GRAM + CLASS}).names

    def _hit(self, part: Part, row: int, score: float, asked: _Asked, through: Mapping[str, str]) -> Hit:
        held = part.segment.occurrences(row, asked.numbers)
        inverse = float(part.weights.inverse[row])
        leaves = []
        for name, number, a in zip(asked.names, asked.numbers.tolist(), asked.a.tolist(), strict=True):
            if (occurrences := held.get(number)) is not None:
                counts = [weight * times for weight, times in zip(FIELDS.values(), occurrences, strict=True)]
                total = sum(counts)
                weight = a * (1.0 + math.log(total)) * inverse
                leaves += [
                    Leaf(name, field_, weight * (count / total), through.get(name))
                    for field_, count in zip(FIELDS, counts, strict=True)
                    if count
                ]
        leaves.sort(key=lambda leaf: (-leaf.weight, leaf.term, leaf.field))
        segment = part.segment
        return Hit(segment.id_of(row), int(segment.versions[row]), score, tuple(leaves), segment.shown(row))


class Change(NamedTuple):
    """A document as it is from a position on; None when it is not shown any more."""

    position: int
    id: str
    version: int
    document: Document | None


class Engine:
    """Keeps an index up to date: `snapshot` answers, `apply` makes the next one.

    `care` does what takes long and queries need not wait for (postings of young documents, merges, epochs of a
    large index). It may run beside `apply` in another thread; what it made is taken in by the function that it
    returns, to be called by whoever applies. None of it changes what a query answers, apart from an
    epoch's idf, which the version names.
    """

    def __init__(self) -> None:
        self._frequencies = np.zeros(0, np.int64)  # of living documents, by term
        self._learned: list[tuple[Array, int]] = []  # terms seen since the newest epoch began, and where
        epoch = Epoch(0, 0, np.zeros(0))
        self._newest = epoch  # begun by the feed; served once its weights are made
        self._changes = 0  # since the newest epoch began
        self.snapshot = Snapshot((), Lexicon(), np.zeros(0, np.int64), epoch, 0)

    @classmethod
    def of(cls, documents: Iterable[Document], position: int = 0) -> Engine:
        """An engine that holds these documents; their order does not matter."""
        engine = cls()
        engine.apply([Change(position, document.id, document.version, document) for document in documents], position)
        while adopt := engine.care():
            adopt()
        return engine

    def restore(self, snapshot: Snapshot, frequencies: Array) -> None:
        """Go on from what was saved. Terms learned since its epoch began are those that count from later on."""
        self.snapshot, self._frequencies = snapshot, frequencies
        self._newest, self._changes = snapshot.epoch, snapshot.changes
        late = (snapshot.known_at > snapshot.epoch.position) & (snapshot.known_at != _NEVER)
        self._learned = [(np.array([number]), int(snapshot.known_at[number])) for number in np.flatnonzero(late)]

    def state(self) -> tuple[Snapshot, Array]:
        """What `restore` takes; none of it changes any more."""
        return self.snapshot, self._frequencies.copy()

    def apply(self, changes: Sequence[Change], position: int) -> None:
        """Take changes up to a position in. Cost: some milliseconds, whatever the size of the index."""
        at = 0
        while at < len(changes):
            # No further than to where an epoch may begin, so that it begins there however changes come.
            room = max(1, -(-self._newest.documents // EPOCH_SHARE) - self._changes)
            batch = changes[at : at + room] if len(self.snapshot) > SMALL else changes[at:]
            self._apply(batch, batch[-1].position)
            at += len(batch)
        self.snapshot = replace(self.snapshot, position=position)

    def _apply(self, changes: Sequence[Change], position: int) -> None:
        before = self.snapshot
        lexicon = before.lexicon
        known_at = self._learn(before, changes)
        live: dict[int, Array] = {}
        fresh: list[Document] = []
        last = {change.id: change for change in sorted(changes, key=lambda change: change.version)}
        for change in last.values():
            number, row = before.locate(change.id)
            if row is not None:
                part = before.parts[number]
                if part.segment.versions[row] > change.version:
                    continue
                live.setdefault(number, part.live.copy())[row] = 0
                self._frequencies[part.segment.terms[row]] -= 1
                self._frequencies[part.segment.grams[row]] -= 1
            if change.document is not None:
                fresh.append(change.document)
                self._frequencies[[lexicon.number_of[term] for term in _terms_of(change.document)]] += 1
        parts = [
            replace(part, live=live[number]) if number in live else part for number, part in enumerate(before.parts)
        ]
        if fresh:
            parts = self._with(parts, Segment.of(fresh, lexicon.number_of), before.epoch, len(lexicon))
        parts = [part for part in parts if part.live.any()]
        self._changes += len(changes)
        changed = before.changes + len(changes)
        self.snapshot = Snapshot(tuple(parts), lexicon, known_at, before.epoch, position, changed)
        documents = len(self.snapshot)
        if documents <= SMALL:
            self._newest = Epoch.begin(position, documents, self._frequencies)
            self._learned, self._changes = [], 0
            self._serve(self._newest)
        elif self._changes * EPOCH_SHARE >= self._newest.documents:
            self._newest = Epoch.begin(position, documents, self._frequencies)
            self._learned, self._changes = [], 0

    def _learn(self, before: Snapshot, changes: Sequence[Change]) -> Array:
        """Number the terms of new documents; answers from where each term counts in the epoch that is served."""
        lexicon = before.lexicon
        held = [(_terms_of(change.document), change.position) for change in changes if change.document is not None]
        for terms, _ in held:
            lexicon.add(sorted(terms))
        lexicon.add(CLASS + code for change in changes if change.document for code in change.document.classes)
        grown = len(lexicon) - before.known_at.size
        known_at = np.concatenate((before.known_at, np.full(grown, _NEVER)))
        self._frequencies = np.concatenate(
            (self._frequencies, np.zeros(len(lexicon) - self._frequencies.size, np.int64))
        )
        for terms, position in held:
            numbers = np.array([lexicon.number_of[term] for term in terms], np.int64)
            known_at[numbers] = np.minimum(known_at[numbers], position)
            self._learned.append((numbers, position))
        return known_at

    def _with(self, parts: list[Part], segment: Segment, epoch: Epoch, terms: int) -> list[Part]:
        """The parts with a new segment: young documents are gathered in one that has no postings yet."""
        if parts and parts[-1].weights.postings is None and len(parts[-1].segment) < YOUNG_MOST:
            young = parts.pop()
            segment, _ = gathered([young.segment, segment], [young.live, np.ones(len(segment), np.uint8)])
        weights = Weights.of(segment, epoch.reaching(terms), with_postings=False)
        return [*parts, Part(segment, weights, np.ones(len(segment), np.uint8))]

    def _serve(self, epoch: Epoch, made: Callable[[Segment], Weights | None] = lambda _: None) -> None:
        """Serve an epoch, with weights that were made for it, or are made now."""
        snapshot = self.snapshot
        terms = len(snapshot.lexicon)
        idf = epoch.reaching(terms)
        parts = []
        for part in snapshot.parts:
            with_postings = part.weights.postings is not None or len(part.segment) >= POSTINGS_FROM
            weights = made(part.segment) or Weights.of(part.segment, idf, with_postings=with_postings)
            parts.append(replace(part, weights=weights))
        known_at = np.full(terms, _NEVER)
        known_at[: epoch.idf.size][epoch.idf < _idf(epoch.documents, 0)] = epoch.position
        for numbers, position in self._learned:
            known_at[numbers] = np.minimum(known_at[numbers], position)
        self.snapshot = replace(snapshot, parts=tuple(parts), epoch=epoch, known_at=known_at, changes=self._changes)

    def care(self) -> Callable[[], None] | None:
        """Do the most urgent long work; answers how to take it in, None when there was none."""
        snapshot, epoch = self.snapshot, self._newest
        if epoch is not snapshot.epoch:
            idf = epoch.reaching(len(snapshot.lexicon))
            made = {
                part.segment: Weights.of(part.segment, idf, with_postings=part.weights.postings is not None)
                for part in snapshot.parts
            }

            def serve() -> None:
                if self._newest is epoch:  # else a newer one has begun meanwhile
                    self._serve(epoch, made.get)

            return serve
        chosen = _to_merge(snapshot.parts)
        return None if chosen is None else self._merge(snapshot, [snapshot.parts[number] for number in chosen])

    def _merge(self, snapshot: Snapshot, sources: Sequence[Part]) -> Callable[[], None]:
        """Make one part of several; what dies meanwhile will be dead in it too."""
        segment, origin = gathered([part.segment for part in sources], [part.live for part in sources])
        idf = snapshot.epoch.reaching(len(snapshot.lexicon))
        weights = Weights.of(segment, idf, with_postings=True)

        def put() -> None:
            now = {part.segment: part for part in self.snapshot.parts}
            if self.snapshot.epoch is not snapshot.epoch or any(part.segment not in now for part in sources):
                return  # the ground has moved: the next call looks again
            live = np.ones(len(segment), np.uint8)
            for number, part in enumerate(sources):
                mine = origin[:, 0] == number
                live[mine] = now[part.segment].live[origin[mine, 1]]
            gone = {part.segment for part in sources}
            kept = [part for part in self.snapshot.parts if part.segment not in gone]
            sealed = [*(part for part in kept if part.weights.postings is not None), Part(segment, weights, live)]
            sealed.sort(key=lambda part: -len(part.segment))
            young = [part for part in kept if part.weights.postings is None]
            self.snapshot = replace(self.snapshot, parts=(*sealed, *young))

        return put


def _terms_of(document: Document) -> set[str]:
    return {term for words in document.counts.values() for term in words} | {GRAM + gram for gram in document.grams}


def _to_merge(parts: Sequence[Part]) -> list[int] | None:
    """Which parts to make one: young ones that are many, neighbors of like size, one that is mostly dead."""
    for number, part in enumerate(parts):
        rows = len(part.segment)
        if part.weights.postings is None and rows >= YOUNG_MOST:
            return [number]
        if part.weights.postings is not None and int(part.live.sum()) * 4 < rows * 3:
            return [number]
    sealed = [number for number, part in enumerate(parts) if part.weights.postings is not None]
    for first, second in itertools.pairwise(sealed):
        if len(parts[second].segment) * 2 >= len(parts[first].segment):
            return [first, second]
    return None
