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
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np

from services.matching.engine.bulk import Cut
from services.matching.engine.documents import Array, Condition, Document, Hit, Leaf, Query
from services.matching.engine.segment import CLASS, GRAM, Ragged, Weights, gathered
from services.matching.engine.shelf import (
    POSTINGS_FROM,
    Asked,
    Candidates,
    Change,
    Held,
    Part,
    Shelf,
    Shelving,
    terms_of,
)  # fmt: skip
from services.matching.engine.text import FIELDS

SCORING = "signals-4"  # change it whenever any score would differ: it is part of index_version
SMALL = 2_000  # documents up to which every change begins an epoch
EPOCH_SHARE = 20  # beyond, an epoch ends when one in so many documents has changed
DEPTH = 200  # documents that all signals score: 500 are no better on any set, and cost twice as much
LEANING = 3.0  # what a need's own words say of its class, against what its nearest documents say
VOTERS = 200  # nearest documents that say in which class a need lies
FOREIGN, SPOKEN = (
    0.2,
    0.4,
)  # what the nearest document's characters score: up to here it speaks other words, from here on the need's
_NEVER = np.iinfo(np.int64).max


class Mix(NamedTuple):
    """What each signal weighs. A score is at most their sum."""

    words: float
    characters: float
    classes: float
    meaning: float = 0.0

    def heeding(self, nearest: Candidates) -> Mix:
        """The mix for a need whose nearest documents are these: the less they speak its words, the more classes weigh.

        The sum stays. Plain needs lie in a right class more often (0.605 before, 0.620; by meaning too 0.680, 0.703), and
        a title by a third of its words is found earlier (reciprocal rank 0.593 before, 0.664).
        """
        best = float(nearest.characters[:VOTERS].max(initial=0.0))
        foreign = min(1.0, max(-0.5, (SPOKEN - best) / (SPOKEN - FOREIGN)))
        rest = 1.0 - foreign * self.classes / sum(self) if any(self) else 1.0
        classes = sum(self) - rest * (sum(self) - self.classes)
        return Mix(rest * self.words, rest * self.characters, classes, rest * self.meaning)


MIX = Mix(0.15, 0.59, 0.26)  # measured, see docs/matching.md


class Found(NamedTuple):
    """A ranked document. Its score is what its words contributed and its other signals."""

    id: str
    score: float
    text: float = 0.0  # what words and characters say, comparable from need to need
    words: float = 0.0  # the part of the score that its words contributed
    signals: tuple[tuple[str, float], ...] = ()
    mix: Mix = MIX  # by which its signals were weighed


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best documents that pass: score down, then id up."""

    found: list[Found]
    known_terms: frozenset[str]
    texts: Array = field(
        default_factory=lambda: np.zeros(0), compare=False
    )  # of the first without any condition, best first …
    passes: Array = field(
        default_factory=lambda: np.zeros((0, 0), bool), compare=False
    )  # … and which conditions each passes

    @classmethod
    def by_words(cls, words: Asked, best: Candidates) -> Ranking:
        """Candidates as they come, ranked by words alone."""
        found = [Found(id_.decode(), score) for id_, score in zip(best.ids.tolist(), best.words.tolist(), strict=True)]
        return cls(found, frozenset(words.names))


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

    def match(self, query: Query, k: int, conditions: Sequence[Condition] = (), mix: Mix = MIX) -> Ranking:
        """The k best of the first `DEPTH` of `rank`, scored anew by all signals."""
        ...

    def judge(self, query: Query, ids: Sequence[str], mix: Mix = MIX) -> list[Found]:
        """The held ones of some documents, scored by all signals, in the order given."""
        ...

    def likeness(self, query: Query, ids: Sequence[str]) -> dict[str, float]:
        """What words and characters say of the held ones of some documents, comparable from need to need."""
        ...

    def explain(self, query: Query, ids: Sequence[str]) -> list[Hit]:
        """The held ones of some documents with their score by words and what that is made of, in the order given."""
        ...

    def passes(self, ids: Sequence[str], conditions: Sequence[Condition]) -> Array:
        """Which documents pass which conditions: bool (ids, conditions); what is not held passes none."""
        ...

    def query_of(self, id_: str) -> Query | None:
        """A held document as if it were asked for: what is like it?"""
        ...

    def common(self, terms: Iterable[str], least: int) -> set[str]:
        """Those of some terms that at least so many documents held when the epoch began."""
        ...

    def sharing(self, word: str, least: int) -> list[str]:
        """Known terms that share at least so many different characters with a word: where to look for misspellings."""
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
        self._listed: tuple[int, dict[str, array[int]]] = 0, {}  # so many terms, by character; replaced as a whole

    def __len__(self) -> int:
        return len(self.spelled)

    def add(self, terms: Iterable[str]) -> None:
        """Give numbers to terms that have none."""
        for term in terms:
            if term not in self.number_of:
                self.number_of[term] = len(self.spelled)
                self.spelled.append(term)

    def sharing(self, word: str, least: int) -> Array:
        """The numbers of terms that share at least so many different characters with a word: int64, rising."""
        by_character = self._by_character()
        held = [np.array(by_character[character], np.int64) for character in set(word) & by_character.keys()]
        numbers = np.concatenate([np.zeros(0, np.int64), *held])
        distinct, shared = np.unique(numbers, return_counts=True)
        found: Array = distinct[shared >= least]
        return found

    def _by_character(self) -> Mapping[str, array[int]]:
        listed, known = self._listed
        if listed == len(self.spelled):
            return known
        fresh: dict[str, array[int]] = {}
        terms = self.spelled[listed:]
        for number, term in enumerate(terms, listed):
            for character in set(term):
                fresh.setdefault(character, array("i")).append(number)
        together = {**known, **{each: known.get(each, array("i")) + numbers for each, numbers in fresh.items()}}
        self._listed = listed + len(terms), together
        return together


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An index at one position. Immutable; any number of threads may ask it while the next one is made."""

    shelf: Shelving
    lexicon: Lexicon
    known_at: Array  # int64 (terms,): the position from which each term counts in this epoch
    epoch: Epoch
    position: int
    changes: int = 0  # since the epoch began

    def __len__(self) -> int:
        return len(self.shelf)

    @property
    def era(self) -> str:
        """Names the idf in use: "now" when it is that of this very position, else where its epoch began."""
        return str(self.epoch.position) if self.changes else "now"

    def rank(self, query: Query, k: int, conditions: Sequence[Condition] = ()) -> Ranking:
        """The k best documents with a score above zero that pass all conditions, exactly."""
        words = self.asked(query.counts)
        return Ranking.by_words(words, self.shelf.candidates(words, None, k, conditions))

    def match(self, query: Query, k: int, conditions: Sequence[Condition] = (), mix: Mix = MIX) -> Ranking:
        """The k best of the first `DEPTH` of `rank`, scored anew by all signals."""
        words, grams = self.asked(query.counts), self._grams(query)
        depth = max(DEPTH, k)
        first = self.shelf.candidates(words, grams, depth, (), conditions)
        votes = self._votes(query, first)  # what a need is about does not depend on what it must not find
        mix = mix.heeding(first)
        scored = without = _Scored.of(first, votes, mix)
        if not first.passes.all():
            scored = _Scored.of(self.shelf.candidates(words, grams, depth, conditions), votes, mix)
        order = without.best(depth)
        return Ranking(
            self._found(scored, mix, scored.best(k)), frozenset(words.names), without.text[order], first.passes[order]
        )

    def judge(self, query: Query, ids: Sequence[str], mix: Mix = MIX) -> list[Found]:
        """The held ones of some documents, scored by all signals, in the order given."""
        words, grams = self.asked(query.counts), self._grams(query)
        named = self.shelf.named(words, grams, ids)
        nearest = self.shelf.candidates(words, grams, VOTERS, ())
        mix = mix.heeding(nearest)
        scored = _Scored.of(named, self._votes(query, nearest), mix)
        return self._found(scored, mix, np.arange(named.ids.size))

    def likeness(self, query: Query, ids: Sequence[str]) -> dict[str, float]:
        """What words and characters say of the held ones of some documents, comparable from need to need."""
        named = self.shelf.named(self.asked(query.counts), self._grams(query), ids)
        text = MIX.words * named.words + MIX.characters * named.characters
        return {id_.decode(): score for id_, score in zip(named.ids.tolist(), text.tolist(), strict=True)}

    def explain(self, query: Query, ids: Sequence[str]) -> list[Hit]:
        """The held ones of some documents with their score by words and what that is made of, in the order given."""
        words = self.asked(query.counts)
        sought = {
            number: (name, a, query.through.get(name))
            for name, number, a in zip(words.names, words.numbers.tolist(), words.a.tolist(), strict=True)
        }
        return [_hit(held, sought) for held in self.shelf.held(words, ids)]

    def passes(self, ids: Sequence[str], conditions: Sequence[Condition]) -> Array:
        """Which documents pass which conditions: bool (ids, conditions); what is not held passes none."""
        return self.shelf.passes(ids, conditions)

    def query_of(self, id_: str) -> Query | None:
        """A held document as if it were asked for: what is like it?"""
        if (held := self.shelf.contents(id_)) is None:
            return None
        spelled, weights = self.lexicon.spelled, list(FIELDS.values())
        return Query(
            {
                spelled[number]: sum(weight * times for weight, times in zip(weights, occurrences, strict=True))
                for number, occurrences in held.occurrences.items()
            },
            {spelled[number][1:]: float(count) for number, count in held.grams.items()},
            leaning={spelled[number][1:]: 1.0 for number in held.classes},
        )

    def common(self, terms: Iterable[str], least: int) -> set[str]:
        """Those of some terms that at least so many documents held when the epoch began."""
        asked = self.asked(dict.fromkeys(terms, 1.0))
        held = self.epoch.of(asked.numbers) <= _idf(self.epoch.documents, least)
        return {name for name, is_held in zip(asked.names, held.tolist(), strict=True) if is_held}

    def sharing(self, word: str, least: int) -> list[str]:
        """Known terms that share at least so many different characters with a word: where to look for misspellings."""
        terms = (self.lexicon.spelled[number] for number in self.lexicon.sharing(word, least).tolist())
        return sorted(self.asked({term: 1.0 for term in terms if term[0] not in GRAM + CLASS}).names)

    def asked(self, counts: Mapping[str, float]) -> Asked:
        """Weighted counts against this epoch: their known terms, as a shelf takes them."""
        number_of = self.lexicon.number_of
        names = list(filter(number_of.__contains__, counts))
        numbers = np.array(list(map(number_of.__getitem__, names)), np.int32)
        known = numbers < self.known_at.size
        known[known] = self.known_at[numbers[known]] <= self.position
        if not known.all():
            names = list(itertools.compress(names, known.tolist()))
            numbers = numbers[known]
        idf = self.epoch.of(numbers)
        weights = (1.0 + np.array(list(map(math.log, map(counts.__getitem__, names))))) * idf
        length = math.sqrt(math.fsum((weights * weights).tolist()))
        return Asked(names, numbers, weights * idf / length if length else weights)

    def _grams(self, query: Query) -> Asked:
        grams = self.asked({GRAM + gram: count for gram, count in query.grams.items()})
        return grams._replace(meaning=query.meaning)

    def _votes(self, query: Query, nearest: Candidates) -> _Votes:
        """The need's likely classes: by what its nearest documents lie in, and by its own words."""
        sizes = np.diff(nearest.classes.start)[:VOTERS]
        numbers, which = np.unique(nearest.classes.values[: int(sizes.sum())], return_inverse=True)
        shares = np.bincount(which, np.repeat(nearest.words[:VOTERS], sizes), numbers.size)
        votes = dict(zip(numbers.tolist(), _scaled(shares).tolist(), strict=True))
        for code, share in query.leaning.items():
            if (number_ := self.lexicon.number_of.get(CLASS + code)) is not None:
                votes[number_] = votes.get(number_, 0.0) + LEANING * share
        by_number, spelled = sorted(votes), self.lexicon.spelled
        place = {number: at for at, number in enumerate(sorted(votes, key=spelled.__getitem__))}
        return _Votes(
            np.array(by_number, np.int32),
            _scaled(np.array([votes[number] for number in by_number])),
            np.array([place[number] for number in by_number], np.int64),
        )

    def _found(self, scored: _Scored, mix: Mix, order: Array) -> list[Found]:
        found = []
        for id_, score, text, words, characters, meaning, number, share in zip(
            *(column[order].tolist() for column in scored), strict=True
        ):
            signals = []
            if characters:
                signals.append(("characters", characters))
            if meaning:
                signals.append(("meaning", meaning))
            if weight := mix.classes * share:
                signals.append((f"class {self.lexicon.spelled[number][1:]}", weight))
            found.append(Found(id_.decode(), score, text, words, tuple(signals), mix))
        return found


class _Votes(NamedTuple):
    """Likely classes, the most likely has 1."""

    numbers: Array  # int32, rising
    shares: Array  # float64
    place: Array  # int64: in the order of spelling, which numbers do not keep

    def strongest(self, classes: Ragged) -> tuple[Array, Array]:
        """Of the classes of each row the likeliest, else the first, and its share; (0, 0) for a row without any."""
        n = classes.start.size - 1
        best, most = np.zeros(n, np.int32), np.zeros(n)
        if not (self.numbers.size and classes.values.size):
            return best, most
        at = np.minimum(np.searchsorted(self.numbers, classes.values), self.numbers.size - 1)
        shares = np.where(self.numbers[at] == classes.values, self.shares[at], 0.0)
        rows = np.repeat(np.arange(n), np.diff(classes.start))
        order = np.lexsort((self.place[at], -shares, rows))
        held, first = np.unique(rows[order], return_index=True)
        best[held], most[held] = classes.values[order][first], shares[order][first]
        return best, most


class _Scored(NamedTuple):
    """Candidates scored by all signals, in columns."""

    ids: Array
    score: Array
    text: Array
    words: Array  # what each signal contributed
    characters: Array
    meaning: Array
    likeliest: Array  # the class that counted
    share: Array

    @classmethod
    def of(cls, found: Candidates, votes: _Votes, mix: Mix) -> _Scored:
        """O(candidates)."""
        words, characters = mix.words * found.words, mix.characters * found.characters
        meaning = mix.meaning * found.meaning
        likeliest, share = votes.strongest(found.classes)
        score = words + (characters + meaning + mix.classes * share)
        text = MIX.words * found.words + MIX.characters * found.characters
        return cls(found.ids, score, text, words, characters, meaning, likeliest, share)

    def best(self, k: int) -> Array:
        """The places of the k best: score down, then id up."""
        order: Array = np.lexsort((self.ids, -self.score))[:k]
        return order


def _scaled(shares: Array) -> Array:
    """The greatest becomes 1."""
    greatest = shares.max(initial=0.0)
    return shares / greatest if greatest else shares


def _hit(held: Held, sought: Mapping[int, tuple[str, float, str | None]]) -> Hit:
    leaves = []
    for number, occurrences in held.occurrences.items():
        name, a, through = sought[number]
        counts = [(field_, FIELDS[field_] * times) for field_, times in zip(FIELDS, occurrences, strict=True) if times]
        total = sum(count for _, count in counts)
        weight = a * (1.0 + math.log(total)) * held.inverse
        leaves += [Leaf(name, field_, weight * (count / total), through) for field_, count in counts]
    leaves.sort(key=lambda leaf: (-leaf.weight, leaf.term, leaf.field))
    return Hit(held.id, held.version, held.score, tuple(leaves), held.stored)


class Engine:
    """Keeps an index up to date: `snapshot` answers, `apply` makes the next one.

    `care` does what takes long and queries need not wait for (postings of young documents, merges, epochs of a
    large index). It may run beside `apply` in another thread; what it made is taken in by the function that it
    returns, to be called by whoever applies. None of it changes what a query answers, apart from an
    epoch's idf, which the version names.
    """

    def __init__(self, shelf: Shelving | None = None) -> None:
        self._frequencies = np.zeros(0, np.int64)  # of living documents, by term
        self._learned: list[tuple[Array, int]] = []  # terms seen since the newest epoch began, and where
        epoch = Epoch(0, 0, np.zeros(0))
        self._newest = epoch  # begun by the feed; served once its weights are made
        self._changes = 0  # since the newest epoch began
        self.snapshot = Snapshot(Shelf() if shelf is None else shelf, Lexicon(), np.zeros(0, np.int64), epoch, 0)

    @classmethod
    def of(cls, documents: Iterable[Document], position: int = 0) -> Engine:
        """An engine that holds these documents; their order does not matter."""
        engine = cls()
        engine.apply([Change(position, document.id, document.version, document) for document in documents], position)
        while adopt := engine.care():
            adopt()
        return engine

    @classmethod
    def of_cuts(cls, cuts: Iterable[Cut]) -> Engine:
        """An engine that holds what was cut, at position 0. Memory: about twice what it holds."""
        lexicon, segments = Lexicon(), []
        for spelled, segment in cuts:
            lexicon.add(spelled)
            segments.append(segment.renumbered(np.array([lexicon.number_of[term] for term in spelled], np.int32)))
        segment, _ = gathered(segments, [np.ones(len(each), np.uint8) for each in segments])
        segments.clear()
        frequencies = np.bincount(segment.terms.values, minlength=len(lexicon))
        frequencies += np.bincount(segment.grams.values, minlength=len(lexicon))
        epoch = Epoch.begin(0, len(segment), frequencies)
        weights = Weights.of(segment, epoch.idf, with_postings=len(segment) >= POSTINGS_FROM)
        shelf = Shelf((Part(segment, weights, np.ones(len(segment), np.uint8)),))
        engine = cls()
        engine.restore(Snapshot(shelf, lexicon, np.where(frequencies > 0, 0, _NEVER), epoch, 0), frequencies)
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
        lexicon, known_at = before.lexicon, self._learn(before, changes)
        last = {change.id: change for change in sorted(changes, key=lambda change: change.version)}
        idf = before.epoch.reaching(len(lexicon))
        shelf, came, gone = before.shelf.applied(list(last.values()), lexicon.number_of, idf)
        np.add.at(self._frequencies, came, 1)
        np.subtract.at(self._frequencies, gone, 1)
        self._changes += len(changes)
        self.snapshot = Snapshot(shelf, lexicon, known_at, before.epoch, position, before.changes + len(changes))
        documents = len(shelf)
        if documents <= SMALL or self._changes * EPOCH_SHARE >= self._newest.documents:
            self._newest = Epoch.begin(position, documents, self._frequencies)
            self._learned, self._changes = [], 0
        if documents <= SMALL:
            self._serve(self._newest, shelf.weighed(self._newest.reaching(len(lexicon))))

    def _learn(self, before: Snapshot, changes: Sequence[Change]) -> Array:
        """Number the terms of new documents; answers from where each term counts in the epoch that is served."""
        lexicon = before.lexicon
        held = [(terms_of(change.document), change.position) for change in changes if change.document is not None]
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

    def _serve(self, epoch: Epoch, shelf: Shelving) -> None:
        """Serve an epoch with a shelf that was weighed for it."""
        terms = len(self.snapshot.lexicon)
        known_at = np.full(terms, _NEVER)
        known_at[: epoch.idf.size][epoch.idf < _idf(epoch.documents, 0)] = epoch.position
        for numbers, position in self._learned:
            known_at[numbers] = np.minimum(known_at[numbers], position)
        self.snapshot = replace(self.snapshot, shelf=shelf, epoch=epoch, known_at=known_at, changes=self._changes)

    def care(self) -> Callable[[], None] | None:
        """Do the most urgent long work; answers how to take it in, None when there was none."""
        snapshot, epoch = self.snapshot, self._newest
        terms = len(snapshot.lexicon)
        if epoch is not snapshot.epoch:
            made = snapshot.shelf.weights(epoch.reaching(terms))

            def serve() -> None:
                if self._newest is epoch:  # else a newer one has begun meanwhile
                    idf = epoch.reaching(len(self.snapshot.lexicon))
                    self._serve(epoch, self.snapshot.shelf.weighed(idf, made))

            return serve
        put = snapshot.shelf.merged(snapshot.epoch.reaching(terms))
        if put is None:
            return None

        def adopt() -> None:
            if self.snapshot.epoch is snapshot.epoch:  # else it was weighed for what is over
                self.snapshot = replace(self.snapshot, shelf=put(self.snapshot.shelf))

        return adopt
