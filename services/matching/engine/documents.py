"""What goes into the engine and what comes out, and how occurrences by field are packed into two bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from services.matching.engine.kernels import ESCAPE
from services.matching.engine.text import FIELDS, characters, fold, telling, terms

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A document whose words are not cut yet.

    `texts`: field → text. `terms`: field → terms that count as they are, with their occurrences. `shown`: the text
    whose characters count. The rest as in `Document`.
    """

    id: str
    version: int
    texts: Mapping[str, str]
    shown: str
    stored: Mapping[str, Any]
    terms: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    facets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    near: str = ""
    classes: Sequence[str] = ()
    meaning: bytes = b""


@dataclass(frozen=True, slots=True)
class Document:
    """A listing as the index takes it.

    `counts`: field → term → occurrences. `grams`: characters of title and summary and their pairs, `telling` or not. `classes`: IPC
    subclasses. `stored` comes back with a hit. `facets`: name → values, what
    filters look at. `near` is where it lies among others (its IPC class): neighbors share memory.
    """

    id: str
    version: int
    counts: Mapping[str, Mapping[str, int]]
    stored: Mapping[str, Any]
    facets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    near: str = ""
    grams: Mapping[str, float] = field(default_factory=dict)
    classes: Sequence[str] = ()
    meaning: bytes = b""  # its direction in a space of meanings, int8; nothing without the extra [semantic]

    @classmethod
    def of(cls, draft: Draft) -> Document:
        """A draft with its words cut. Cost: about 350 µs with an abstract; for many at once see `bulk`."""
        counts = {name: terms(text) for name, text in draft.texts.items()}
        for name, some in draft.terms.items():
            counts.setdefault(name, Counter()).update(some)
        return cls(
            draft.id,
            draft.version,
            {name: dict(counted) for name, counted in counts.items() if counted},
            draft.stored,
            draft.facets,
            draft.near,
            telling(characters(draft.shown)),
            draft.classes,
            draft.meaning,
        )


TITLE_WORDS, TITLE_GRAMS = 5.0, 16.0  # what a need's title weighs against its text: measured


@dataclass(frozen=True, slots=True)
class Query:
    """A need: weighted counts of its words, and of its characters and their pairs."""

    counts: Mapping[str, float]
    grams: Mapping[str, float] = field(default_factory=dict)
    through: Mapping[str, str] = field(default_factory=dict)  # terms that it did not say → the words that led to them
    meaning: bytes = b""  # as a document's
    leaning: Mapping[str, float] = field(default_factory=dict)  # classes → how likely by its words alone, the first 1

    @classmethod
    def of(cls, title: str, text: str = "", vocabulary: Vocabulary | None = None) -> Query:
        """From a need's texts. A vocabulary adds what its lay words are called in patents."""
        counts = weighted(TITLE_WORDS, terms(title), terms(text))
        through: dict[str, str] = {}
        for term, (weight, lay) in (vocabulary.leads(title, text) if vocabulary else {}).items():
            if term not in counts:
                counts[term], through[term] = weight, lay
        return cls(counts, telling(weighted(TITLE_GRAMS, characters(title), characters(text))), through)


def weighted(weight: float, title: Counter[str], text: Counter[str]) -> dict[str, float]:
    """Counts of a title and a text, with what the title weighs against the text."""
    return {each: weight * title[each] + text[each] for each in title | text}


class Vocabulary:
    """From words of the workshop to words of patents: 抖 → 颤振, 早点硬 → 早强. Editable data, not code."""

    WEIGHT = 2.0  # of a word that the vocabulary adds, against one in the need's text: measured

    def __init__(self, technical: Mapping[str, Sequence[str]]) -> None:
        self._technical = {
            fold(lay): [word for each in words for word in terms(each)] for lay, words in technical.items()
        }
        self._longest = max(map(len, self._technical), default=0)

    def leads(self, *texts: str) -> dict[str, tuple[float, str]]:
        """Terms with their weight and the lay word that leads to each; the longest lay word counts at each place."""
        found: dict[str, tuple[float, str]] = {}
        for text in map(fold, texts):
            at = 0
            while at < len(text):
                size = next((n for n in range(self._longest, 0, -1) if text[at : at + n] in self._technical), 0)
                lay = text[at : at + size]
                for term in self._technical.get(lay, ()) if size else ():
                    found.setdefault(term, (self.WEIGHT, lay))
                at += size or 1
        return found


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter: the document has a value v of a facet with first <= v < past (as text)."""

    facet: str
    first: str
    past: str

    @classmethod
    def prefix(cls, facet: str, prefix: str) -> Condition:
        """Has a value that starts so."""
        return cls(facet, prefix, prefix + "\U0010ffff")

    @classmethod
    def exactly(cls, facet: str, value: str) -> Condition:
        """Has this value."""
        return cls(facet, value, value + "\x01")  # numpy drops a NUL at the end

    @classmethod
    def from_(cls, facet: str, first: str) -> Condition:
        """Has this value or a later one."""
        return cls(facet, first, "\U0010ffff")


class Leaf(NamedTuple):
    """What one term contributed through one field."""

    term: str
    field: str
    weight: float
    through: str | None = None  # the lay word that stood for it


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked document; its leaves sum to its score, which is in [0, 1]."""

    id: str
    version: int
    score: float
    leaves: tuple[Leaf, ...]
    stored: Mapping[str, Any]


_BITS = {"title": 4, "summary": 4, "abstract": 5, "ipc": 3}
assert _BITS.keys() == FIELDS.keys() and sum(_BITS.values()) == 16
_SHIFT = {name: sum(list(_BITS.values())[:number]) for number, name in enumerate(_BITS)}
_WEIGHTS = np.array([FIELDS[name] for name in _BITS])


def packed(fields: Array, counts: Array, first: Array) -> Array:
    """The codes of many terms: of each the fields it stands in and how often, one term after the other.

    Fields and counts (m,), `first` where each term begins (terms,); answers uint16 (terms,), see `pack`.
    """
    bits, shift = (np.array(list(each.values()), np.int64)[fields] for each in (_BITS, _SHIFT))
    fits = np.minimum.reduceat(counts >> bits == 0, first)
    return np.where(fits, np.add.reduceat(counts << shift, first), ESCAPE).astype(np.uint16)


@lru_cache(maxsize=1 << 14)
def pack(occurrences: tuple[int, ...]) -> int:
    """A term's occurrences by field as a 16-bit code; ESCAPE when they do not fit."""
    code = 0
    for held, (name, bits) in zip(occurrences, _BITS.items(), strict=True):
        if held >> bits:
            return ESCAPE
        code |= held << _SHIFT[name]
    return code


@lru_cache(maxsize=1 << 14)
def unpack(code: int) -> tuple[int, ...]:
    """The occurrences by field behind a code that fits."""
    return tuple((code >> _SHIFT[name]) & ((1 << bits) - 1) for name, bits in _BITS.items())


def sublinear(occurrences: Array) -> Array:
    """1 + ln(weighted count) of rows of occurrences by field: (n, fields) → float64 (n,)."""
    counts = occurrences @ _WEIGHTS
    return np.array([1.0 + math.log(count) if count > 0 else 0.0 for count in counts.tolist()])


GRAM_TF = np.array([0.0, *(1.0 + math.log(count) for count in range(1, 1 << 16))])  # by count: grams are not packed
GRAM_MOST = 255
TF = sublinear(np.array([unpack(code) for code in range(1 << 16)]))  # term frequency by code
