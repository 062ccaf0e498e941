"""What goes into the engine and what comes out, and how occurrences by field are packed into two bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.engine.kernels import ESCAPE
from services.matching.engine.text import FIELDS

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A listing as the index takes it.

    `counts`: field → term → occurrences. `stored` comes back with a hit. `facets`: name → values, what
    filters look at. `near` is where it lies among others (its IPC class): neighbors share memory.
    """

    id: str
    version: int
    counts: Mapping[str, Mapping[str, int]]
    stored: Mapping[str, Any]
    facets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    near: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A need's words: weighted counts, as for a document."""

    counts: Mapping[str, float]

    @classmethod
    def of(cls, title: Counter[str], text: Counter[str]) -> Query:
        """Words of the title weigh as a title's, words of the text as an abstract's."""
        counts: dict[str, float] = {}
        for weight, words in ((FIELDS["title"], title), (FIELDS["abstract"], text)):
            for term, occurrences in words.items():
                counts[term] = counts.get(term, 0.0) + weight * occurrences
        return cls(counts)


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


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one term contributed through one field."""

    term: str
    field: str
    weight: float


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


def pack(occurrences: Sequence[int]) -> int:
    """A term's occurrences by field as a 16-bit code; ESCAPE when they do not fit."""
    code = 0
    for held, (name, bits) in zip(occurrences, _BITS.items(), strict=True):
        if held >> bits:
            return ESCAPE
        code |= held << _SHIFT[name]
    return code


def unpack(code: int) -> list[int]:
    """The occurrences by field behind a code that fits."""
    return [(code >> _SHIFT[name]) & ((1 << bits) - 1) for name, bits in _BITS.items()]


def sublinear(occurrences: Array) -> Array:
    """1 + ln(weighted count) of rows of occurrences by field: (n, fields) → float64 (n,)."""
    counts = occurrences @ _WEIGHTS
    return np.array([1.0 + math.log(count) if count > 0 else 0.0 for count in counts.tolist()])


TF = sublinear(np.array([unpack(code) for code in range(1 << 16)]))  # term frequency by code
