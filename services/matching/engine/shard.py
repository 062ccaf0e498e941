"""A shard: one of several shelves that answer together, in a process of its own (`service.cluster` tells it what to do).

It keeps its last generations, so that who holds an older one is answered as before, and writes checkpoints as
`store` does. It knows nothing of Ray, rows or services: its process starts with little more than numpy and numba.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from services.matching.engine import kernels
from services.matching.engine.documents import Array, Condition
from services.matching.engine.index import Engine, Epoch, Lexicon, Snapshot
from services.matching.engine.segment import Ragged
from services.matching.engine.shelf import Asked, Candidates, Change, Shelf
from services.matching.engine.store import Damaged, Store

NOTHING = np.zeros(0, np.int32)


class Passed(Exception):
    """A shard does not hold a generation any more."""


# What a shard is told. A generation is made once, of its parent; told again, a shard answers as it did.


class Applied(NamedTuple):
    """Changes of documents, the numbers of their terms, and the idf of the terms from `known` on."""

    changes: Sequence[Change]
    number_of: Mapping[str, int]
    known: int
    idf: Array


class Weighed(NamedTuple):
    """Another epoch, whose idf comes beside; the name of the weights that care has made, 0 for none."""

    made: int


class Merged(NamedTuple):
    """Take in what care has merged under this name."""

    made: int


class Operation(NamedTuple):
    """How one generation becomes another."""

    generation: int
    parent: int
    what: Applied | Weighed | Merged


class Taken(NamedTuple):
    """A shard after an operation: its living documents, and the terms of those that came and that went."""

    documents: int
    came: Array
    gone: Array


class _Generation(NamedTuple):
    shelf: Shelf
    idf: Array  # float64, of the terms that this shard has met or that were known when the epoch began
    weighed: int  # the generation that its idf began with
    taken: Taken


class Shard:
    """One shelf and its last generations, in the process of an actor.

    Questions run in several threads, operations in one, care in another; generations are only ever added whole.
    """

    def __init__(self) -> None:
        kernels.warm()
        self._generations: dict[int, _Generation] = {}
        self._made: tuple[int, Any] = (0, None)  # what care made last, until it is taken in
        self._lexicon = Lexicon()  # to a shard a term's spelling is its number

    def begin(self, name: str, folder: str, kept: int, source: str | None) -> int:
        """Become a shard, empty or as another process of it was when it wrote its checkpoint; answers the generation.

        folder: where its own checkpoints go. kept: how many generations at most. Raises: Damaged.
        """
        self._name, self._store, self._folder, self._kept = name, Store(Path(folder)), folder, kept
        if source is None:
            self._generations = {0: _Generation(Shelf(), np.zeros(0), 0, Taken(0, NOTHING, NOTHING))}
            return 0
        engine = Engine()
        stored = Store(Path(source)).load(engine)
        if stored is None or stored.epoch != name:
            raise Damaged(f"no checkpoint of {name} in {source} as this node sees it")
        epoch, shelf = engine.snapshot.epoch, engine.snapshot.shelf
        assert isinstance(shelf, Shelf)
        held = _Generation(shelf, epoch.idf, epoch.position, Taken(len(shelf), NOTHING, NOTHING))
        self._generations = {stored.position: held}
        return stored.position

    def _at(self, generation: int) -> _Generation:
        if (held := self._generations.get(generation)) is None:
            raise Passed(generation)
        return held

    def ask(self, generation: int, question: str, *args: Any) -> Any:
        """What the shelf of a generation answers. Raises: Passed."""
        answer = getattr(self._at(generation).shelf, question)(*map(unpacked, args))
        return packed(answer) if isinstance(answer, Candidates) else answer

    def candidates_of_each(
        self, generation: int, asked: Sequence[Asked], k: int, conditions: Sequence[Condition]
    ) -> tuple[Array, Array, Array]:
        """The k best of each query, one after the other: how many, their ids and scores. Raises: Passed."""
        shelf = self._at(generation).shelf
        best = [shelf.candidates(unpacked(words), None, k, conditions) for words in asked]
        together = Candidates.together(best)
        return np.array([each.ids.size for each in best]), together.ids, together.words

    def take(self, operation: Operation, live: Sequence[int], epoch: Array | None = None) -> Taken:
        """Make a generation, for an epoch with its idf. Of the others only those stay that live.

        Raises: Passed, when its parent is not held any more.
        """
        if (done := self._generations.get(operation.generation)) is not None:
            return done.taken
        before, what = self._at(operation.parent), operation.what
        shelf, idf, weighed, came, gone = before.shelf, before.idf, before.weighed, NOTHING, NOTHING
        if isinstance(what, Applied):
            if what.idf.size:
                idf = np.concatenate((idf[: what.known], what.idf))
            shelf, came, gone = shelf.applied(what.changes, what.number_of, idf)
        elif isinstance(what, Weighed):
            assert epoch is not None
            idf, weighed = epoch.copy(), operation.generation  # Ray's arrays are read-only, see `unpacked`
            shelf = shelf.weighed(idf, self._take_made(what.made))
        elif put := self._take_made(what.made):  # made by a process that is lost: care will merge again
            shelf = put(shelf)
        taken = Taken(len(shelf), came, gone)
        stay = {*live, operation.generation}
        known = {number: held for number, held in self._generations.items() if number in stay}
        known[operation.generation] = _Generation(shelf, idf, weighed, taken)
        self._generations = {number: known[number] for number in sorted(known)[-self._kept :]}
        return taken

    def _take_made(self, made: int) -> Any:
        name, what = self._made
        if not made or name != made:
            return None
        self._made = (0, None)
        return what

    def weights(self, generation: int, idf: Array, made: int) -> None:
        """Make the weights of another epoch under a name. Raises: Passed."""
        self._made = made, self._at(generation).shelf.weights(idf.copy())

    def merge(self, generation: int, made: int) -> bool:
        """Merge under a name; answers whether anything was due. Raises: Passed."""
        held = self._at(generation)
        if (put := held.shelf.merged(held.idf)) is None:
            return False
        self._made = made, put
        return True

    def checkpoint(self, generation: int) -> str:
        """Write a generation; answers where to. Raises: Passed."""
        held, terms = self._at(generation), self._at(generation).idf.size
        self._lexicon.add(map(str, range(len(self._lexicon), terms)))
        engine, none = Engine(), np.zeros(terms, np.int64)
        epoch = Epoch(held.weighed, 0, held.idf)
        engine.restore(Snapshot(held.shelf, self._lexicon, none, epoch, generation), none)
        self._store.save(self._name, *engine.state())
        return self._folder


class _Flat(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    content: bytes


def packed(value: Any) -> Any:
    """Queries and candidates with their arrays as bytes: Ray is several times as quick with bytes as with small arrays."""
    if isinstance(value, (Asked, Candidates, Ragged)):
        return type(value)(*map(packed, value))
    if isinstance(value, np.ndarray):
        return _Flat(value.dtype.str, value.shape, value.tobytes())
    return value


def unpacked(value: Any) -> Any:
    """What was packed. Its arrays may be written: for those that may not, the loops would be compiled anew."""
    if isinstance(value, (Asked, Candidates, Ragged)):
        return type(value)(*map(unpacked, value))
    if isinstance(value, _Flat):
        return np.frombuffer(bytearray(value.content), value.dtype).reshape(value.shape)
    return value
