"""A shelf that stands on several machines: shards in Ray actors, exact to the bit, and back after a loss.

`Shards` is to the index what `Shelf` is: immutable, numbers only. It is a handle to one generation of every
shard; a document lies on the shard that its id hashes to. A shard holds a `Shelf` of its own, and because a score
depends on a document, its terms and the epoch's idf alone, what the shards answer, merged by score and id, is
what one shelf would answer, to the last bit.

What survives what:
- A query in flight survives the loss of a shard, of its process or of its node: the actor is started again
  where Ray finds room, reads its checkpoint, takes the journal's operations in again and is asked again.
- Checkpoints are files (`Store`: checksums, no pickle) in a folder that every node sees: objects in Ray's store
  would be lost with their node. The journal since the checkpoint lives in this process.
- The loss of this process ends the shards. The index holds nothing of its own: it is built from the catalog's snapshot.

Needs the extra `ray`, the same release in the same place on every node, and a network of its own: whoever
reaches a Ray cluster's ports may run code on it.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import secrets
import shutil
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np

from services.matching.engine import Change, Condition, Query, Ranking, Snapshot
from services.matching.engine.documents import Array
from services.matching.engine.segment import CLASS
from services.matching.engine.shard import (
    NOTHING,
    Applied,
    Merged,
    Operation,
    Passed,
    Shard,
    Taken,
    Weighed,
    packed,
    unpacked,
)
from services.matching.engine.shelf import Asked, Candidates, Contents, Held, Part, terms_of
from shared import log
from shared.errors import Unavailable
from shared.launcher import LaunchRefused, check_reached
from shared.settings import SettingsRefused

ANSWER_S = 30.0  # how long a question may take; what changes a shard may take as long as it takes
START_S = 120.0  # how long a lost shard may take to stand again
ATTEMPTS = 4  # losses of one shard in a row that one call sits out
KEPT = 64  # generations that a shard holds at most, the newest
JOURNAL = 2_000  # changes of a shard after which it writes a checkpoint
ASKED_AT_ONCE = 4  # questions that a shard answers at the same time: threads, the loops let go of the lock
CHUNK = 64  # needs that go to a shard in one call of `rank_all`


class Lost(Exception):
    """A shard is gone and cannot be restored: the index has to be built again from the snapshot.

    For whoever keeps the index, as `Gone` and `Forked` are: it never goes over the wire. Who only asks is told
    Unavailable; the keeper's care comes by every shard each second and finds the same.
    """


class ExtraMissing(SettingsRefused):
    """Shards were asked for, and the extra that they need is not installed."""

    def __init__(self) -> None:
        super().__init__("an index on shards needs the extra [ray], which is not installed: run `make ray`")


class NoCluster(LaunchRefused):
    """There is no Ray cluster at the address given, or none that this process can join."""

    exit_code = 7


def _gone(shard: int, why: object) -> Unavailable:
    return Unavailable(
        "a part of the index does not come back", "部分索引暂不可用", internal=f"shard {shard}: {why}", retry_after_s=5
    )


def check() -> None:
    """Raises: ExtraMissing, without loading anything."""
    if find_spec("ray") is None:
        raise ExtraMissing


def connect(address: str) -> None:
    """Connect this process to a Ray cluster, unless it is connected.

    Call it in a thread: in the main one Ray would take the process's SIGTERM for itself. Raises: ExtraMissing; NoCluster.
    """
    ray = _ray()
    if ray.is_initialized():
        return
    try:
        if address != "auto":
            check_reached(address)  # Ray itself would try for minutes
        ray.init(address=address, namespace="duijie", log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError, OverflowError) as why:  # as Ray and sockets have it
        reason = str(why).strip().partition("\n")[0]
        raise NoCluster(
            f"no Ray cluster to join at {address} ({reason}); start one with `ray start`, see docs/scale.md, "
            "or take DUIJIE_MATCHING_RAY out"
        ) from None


def _ray() -> Any:
    check()
    return importlib.import_module("ray")


class _Entry(NamedTuple):
    """An operation in a journal; a reference to the idf that it is for."""

    operation: Operation
    idf: Any

    @property
    def weight(self) -> int:
        """How much nearer it brings a checkpoint. What care has made is dear to make again: at once."""
        what = self.operation.what
        return len(what.changes) if isinstance(what, Applied) else JOURNAL if what.made else 1


@dataclass(slots=True)
class _Place:
    """Where a shard stands now, and how it would be made again."""

    actor: Any
    checkpoint: str | None  # a folder; None as long as the journal reaches back to the beginning
    journal: list[_Entry]
    lock: threading.Lock  # held while the actor is replaced or the journal changes
    writing: tuple[Any, Shards] | None = None  # a checkpoint under way; holding the shards keeps their generation


class _Call(NamedTuple):
    shard: int
    actor: Any
    ref: Any
    again: Callable[[], _Call]


class Actors:
    """The processes behind all handles of one index: asked, told and, when lost, put back as they were."""

    def __init__(self, folder: Path, shards: int, *, kept: int = KEPT, cpus: float = 1.0) -> None:
        """Raises: Unavailable, when the cluster has no room; Lost."""
        ray = _ray()
        if (counted := ray.cluster_resources().get("CPU", 0.0)) < shards * cpus:  # Ray would wait for more nodes
            raise Unavailable(
                f"the Ray cluster counts {counted:g} CPUs and {shards} shards need {shards * cpus:g}",
                f"Ray 集群共 {counted:g} 个 CPU，{shards} 个分片需要 {shards * cpus:g} 个",
                retry_after_s=5,
            )
        threads = {"ask": ASKED_AT_ONCE, "change": 1, "care": 1}
        self._kind = ray.remote(
            num_cpus=cpus, max_restarts=0, concurrency_groups=threads, scheduling_strategy="SPREAD"
        )(Shard)
        self._ray, self._errors = ray, ray.exceptions
        self._name = f"shards-{secrets.token_hex(6)}"
        self._folder, self._kept = folder / self._name, kept
        self._numbers = itertools.count(1)  # of generations, of what care makes, of processes: never twice
        self._over: str | None = None  # why no shard comes back any more: one is lost, or all were closed
        self._spare_lock = threading.Lock()
        self._changing = threading.RLock()  # one operation at a time
        self._log = log.logger("matching")
        self.handles: WeakSet[Shards] = WeakSet()  # what is still held somewhere is not forgotten by the shards
        for old in folder.glob("shards-*"):  # one index a folder: what another process left is of no use
            shutil.rmtree(old, ignore_errors=True)
        self._spares = [self._kind.remote() for _ in range(shards + 1)]
        self._places = [_Place(None, None, [], threading.Lock()) for _ in range(shards)]
        try:
            for shard, place in enumerate(self._places):
                place.actor, _ = self._revived(shard, place)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._places)

    def number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def _start(self) -> Any:
        """A process that waits to become a shard. One always does, for to start one takes seconds. Raises: Lost."""
        with self._spare_lock:
            if self._over is not None:
                raise Lost(self._over)
            actor = self._spares.pop(0)
            if not self._spares:
                self._spares.append(self._kind.remote())
        return actor

    def _begin(self, shard: int, actor: Any, source: str | None) -> int:
        """Let a process become a shard; answers the generation that it begins with."""
        folder = self._folder / f"{shard}-{self.number()}"  # its own: a process thought dead may still be writing
        begun = actor.begin.remote(f"{self._name}/{shard}", str(folder), self._kept, source)
        generation: int = self._ray.get(begun, timeout=START_S)
        return generation

    def begin(self, shard: int, group: str, method: str, *args: Any) -> _Call:
        """Send a call to a shard; `result` waits for it."""
        actor = self._places[shard].actor
        sent = [packed(arg) if isinstance(arg, Asked) else arg for arg in args]
        ref = getattr(actor, method).options(concurrency_group=group).remote(*sent)
        return _Call(shard, actor, ref, lambda: self.begin(shard, group, method, *args))

    def result(self, call: _Call, within_s: float | None = ANSWER_S) -> Any:
        """What a call answers, by another process of the shard when the first is lost.

        Raises: Unavailable, when it takes too long or its generation has passed; Lost.
        """
        for _ in range(ATTEMPTS):
            try:
                return unpacked(self._ray.get(call.ref, timeout=within_s))
            except self._errors.RayActorError as lost:
                self._replace(call.shard, call.actor, str(lost))
                call = call.again()
            except self._errors.ObjectLostError:  # the answer was lost with its node, the shard perhaps not
                call = call.again()
            except self._errors.GetTimeoutError as late:
                raise Unavailable("the index is slow to answer", "索引响应超时，请稍后重试", retry_after_s=1) from late
            except self._errors.RayTaskError as failed:
                if isinstance(failed.cause, Passed):
                    raise Unavailable(
                        "the index has moved on; ask again", "索引已更新，请重新查询", retry_after_s=1
                    ) from failed
                raise
        raise _gone(call.shard, f"lost {ATTEMPTS} times")

    def answer(self, call: _Call) -> Any:
        """What a question's call answers. Raises: Unavailable, also when its shard is lost for good."""
        try:
            return self.result(call)
        except Lost as lost:
            raise _gone(call.shard, lost) from lost

    def all(self, shards: Shards, group: str, method: str, *args: Any) -> list[_Call]:
        """Send a call to the generation of every shard."""
        return [self.begin(number, group, method, at.generation, *args) for number, at in enumerate(shards.lying)]

    def _replace(self, shard: int, dead: Any, why: str) -> None:
        """Put a lost shard back as it was. Raises: Unavailable; Lost."""
        place, started = self._places[shard], time.monotonic()
        if not place.lock.acquire(timeout=ANSWER_S):
            raise Unavailable("a part of the index is coming back", "部分索引正在恢复，请稍后重试", retry_after_s=5)
        try:
            if place.actor is not dead:
                return  # another thread was here first
            with contextlib.suppress(Exception):  # it may live on, beyond a broken network
                self._ray.kill(dead)
            actor, since = self._revived(shard, place)
            place.actor, place.writing = actor, None
            if self._over is not None:  # closed meanwhile, by who could not know of this process yet
                self._ray.kill(actor)
                raise Lost(self._over)
            self._log.warning(
                "shard restored", shard=shard, seconds=round(time.monotonic() - started, 2),
                operations=since, reason=why.splitlines()[0] if why else "",
            )  # fmt: skip
        finally:
            place.lock.release()

    def _revived(self, shard: int, place: _Place) -> tuple[Any, int]:
        """Another process with all generations since the checkpoint; how many operations made them."""
        for attempt in range(ATTEMPTS):
            actor = self._start()
            try:
                begun = self._begin(shard, actor, place.checkpoint)
                since = [entry for entry in place.journal if entry.operation.generation > begun]
                live = self._live(shard)
                take = actor.take.options(concurrency_group="change")
                taken = [take.remote(entry.operation, live, entry.idf) for entry in since]
                self._ray.get(taken, timeout=START_S)
                return actor, len(since)
            except self._errors.RayActorError as lost:  # the spare one was on the node that was lost, say
                if attempt == ATTEMPTS - 1:
                    raise _gone(shard, lost) from lost
            except self._errors.GetTimeoutError as late:
                raise _gone(shard, late) from late
            except self._errors.RayTaskError as failed:
                self._over = f"shard {shard}: {failed.cause}"
                raise Lost(self._over) from failed
        raise _gone(shard, "no attempt")

    def close(self) -> None:
        """End the shards and delete what they wrote. Whoever still asks them is told Unavailable."""
        with self._spare_lock:
            self._over = "closed"
        for actor in [*self._spares, *(place.actor for place in self._places)]:
            with contextlib.suppress(Exception):  # it may be dead, or the cluster gone
                self._ray.kill(actor)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _live(self, shard: int) -> list[int]:
        return sorted({handle.lying[shard].generation for handle in list(self.handles)})

    def change(self, before: Shards, whats: Mapping[int, Applied | Weighed | Merged], idf: Array) -> _Changed:
        """The next generation of some shards; nothing has happened when it fails.

        An operation is in the journal before it is sent, so that a shard that is put back meanwhile has it.
        Raises: Unavailable; Lost.
        """
        epoch = self._ray.put(idf) if any(isinstance(what, Weighed) for what in whats.values()) else None
        with self._changing:
            entries = {
                shard: _Entry(Operation(self.number(), before.lying[shard].generation, what), epoch)
                for shard, what in whats.items()
            }
            try:
                for shard, entry in entries.items():
                    with self._places[shard].lock:
                        self._places[shard].journal.append(entry)
                calls = [
                    self.begin(shard, "change", "take", entry.operation, self._live(shard), entry.idf)
                    for shard, entry in entries.items()
                ]
                taken = [self.result(call, None) for call in calls]
            except BaseException:
                for shard, entry in entries.items():
                    place = self._places[shard]
                    with place.lock:
                        place.journal = [each for each in place.journal if each is not entry]
                raise
            lying = list(before.lying)
            for (shard, entry), made in zip(entries.items(), taken, strict=True):
                lying[shard] = Lying(entry.operation.generation, made.documents, idf.size)
            after = Shards(self, tuple(lying), idf)
            for shard in entries:
                self._write(shard, after)
            return _Changed(after, taken)

    def _write(self, shard: int, shards: Shards) -> None:
        """Cut the journal after a checkpoint that is done; begin another where one is due. Waits for neither."""
        place = self._places[shard]
        if place.writing is not None:
            ref, written = place.writing
            if not self._ray.wait([ref], timeout=0)[0]:
                return
            place.writing = None
            try:
                folder = self._ray.get(ref)
            except self._errors.RayError as failed:
                self._log.warning("checkpoint of a shard failed", shard=shard, reason=str(failed).splitlines()[-1])
            else:
                with place.lock:
                    generation, old = written.lying[shard].generation, place.checkpoint
                    place.journal = [each for each in place.journal if each.operation.generation > generation]
                    place.checkpoint = folder
                if old is not None and old != folder:  # by a process of this shard that was lost
                    shutil.rmtree(old, ignore_errors=True)
        if sum(entry.weight for entry in place.journal) >= JOURNAL:
            call = self.begin(shard, "care", "checkpoint", shards.lying[shard].generation)
            place.writing = call.ref, shards


class _Changed(NamedTuple):
    shards: Shards
    taken: list[Taken]


class Lying(NamedTuple):
    """What a handle knows of one shard: its generation, its living documents, of how many terms it has the idf."""

    generation: int
    documents: int
    terms: int


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Shards:
    """A shelf on several machines (`Shelving`). Any number of threads may ask it.

    Every question may raise Unavailable: ask again, with the present snapshot. What changes or tends it may also
    raise Lost: build again.
    """

    actors: Actors
    lying: tuple[Lying, ...]
    idf: Array  # float64 (terms,): what was weighed for, and the terms that came since

    def __post_init__(self) -> None:
        self.actors.handles.add(self)

    @classmethod
    def empty(cls, folder: Path, count: int, *, address: str = "auto", kept: int = KEPT, cpus: float = 1.0) -> Shards:
        """New shards without documents. Connects this process to a Ray cluster unless it is connected.

        folder: seen by every node under the same name, for this index alone. cpus: reserved for each shard.
        """
        connect(address)
        return cls(Actors(folder, count, kept=kept, cpus=cpus), (Lying(0, 0, 0),) * count, np.zeros(0))

    def __len__(self) -> int:
        return sum(at.documents for at in self.lying)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Raises: TypeError: a sharded index is not saved here, its shards write checkpoints of their own."""
        raise TypeError("the parts of shards lie in other processes")

    def shard_of(self, id_: str) -> int:
        """Where a document lies, whoever asks and whenever."""
        return zlib.crc32(id_.encode()) % len(self.lying)

    # What is asked of it

    def candidates(
        self,
        words: Asked,
        grams: Asked | None,
        k: int,
        conditions: Sequence[Condition],
        marks: Sequence[Condition] = (),
    ) -> Candidates:
        """The k best by words above zero that pass all conditions, exactly; best first."""
        calls = self.actors.all(self, "ask", "ask", "candidates", words, grams, k, conditions, marks)
        found = Candidates.together(list(map(self.actors.answer, calls)), len(marks))
        return found.take(np.lexsort((found.ids, -found.words))[:k])

    def candidates_of_each(
        self, asked: Iterable[Asked], k: int, conditions: Sequence[Condition] = ()
    ) -> Iterator[tuple[Asked, Candidates]]:
        """The k best of each of many queries by words, in their order. Some chunks are always under way."""
        waiting: deque[tuple[list[Asked], list[_Call]]] = deque()
        coming = iter(asked)
        while (chunk := list(itertools.islice(coming, CHUNK))) or waiting:
            if chunk:
                waiting.append(
                    (chunk, self.actors.all(self, "ask", "candidates_of_each", list(map(packed, chunk)), k, conditions))
                )
            if not chunk or len(waiting) > 2 * ASKED_AT_ONCE:
                done, calls = waiting.popleft()
                yield from zip(done, _best_of_each(list(map(self.actors.answer, calls)), k), strict=True)

    def named(self, words: Asked, grams: Asked, ids: Sequence[str]) -> Candidates:
        """The held ones of some documents, in the order given."""
        found, order = [], []
        for places, mine in self._of_holders(ids, "named", words, grams):
            held = set(mine.ids.tolist())
            found.append(mine)
            order += [place for place in places if ids[place].encode() in held]
        return Candidates.together(found).take(np.argsort(np.array(order, np.int64)))

    def held(self, words: Asked, ids: Sequence[str]) -> list[Held]:
        """The held ones of some documents with what they hold of the terms asked for, in the order given."""
        by_id = {each.id: each for _, mine in self._of_holders(ids, "held", words) for each in mine}
        return [by_id[id_] for id_ in ids if id_ in by_id]

    def passes(self, ids: Sequence[str], conditions: Sequence[Condition]) -> Array:
        """Which documents pass which conditions: bool (ids, conditions); what is not held passes none."""
        found = np.zeros((len(ids), len(conditions)), bool)
        for places, mine in self._of_holders(ids, "passes", after=(conditions,)):
            found[places] = mine
        return found

    def contents(self, id_: str) -> Contents | None:
        """What a held document is made of."""
        found: Contents | None = self._of_holder(id_, "contents")
        return found

    def locate(self, id_: str) -> tuple[int, ...] | None:
        """The number of the shard, of its part and the row where a living document lies."""
        place = self._of_holder(id_, "locate")
        return None if place is None else (self.shard_of(id_), *place)

    def _of_holder(self, id_: str, question: str) -> Any:
        shard = self.shard_of(id_)
        call = self.actors.begin(shard, "ask", "ask", self.lying[shard].generation, question, id_)
        return self.actors.answer(call)

    def _of_holders(
        self, ids: Sequence[str], question: str, *before: Any, after: tuple[Any, ...] = ()
    ) -> list[tuple[list[int], Any]]:
        """Of each shard that would hold some of the documents: their places among the ids, and its answer."""
        places: dict[int, list[int]] = {}
        for place, id_ in enumerate(ids):
            places.setdefault(self.shard_of(id_), []).append(place)
        calls = [
            self.actors.begin(
                shard, "ask", "ask", self.lying[shard].generation, question, *before, [ids[at] for at in mine], *after
            )
            for shard, mine in places.items()
        ]
        return list(zip(places.values(), map(self.actors.answer, calls), strict=True))

    # How it changes

    def applied(
        self, changes: Sequence[Change], number_of: Mapping[str, int], idf: Array
    ) -> tuple[Shards, Array, Array]:
        """With changes taken in by the shards that they concern; the numbers of the terms that came and went.

        A shard is told the numbers of the terms that its documents hold, and the idf that it does not have yet.
        Raises: Unavailable, Lost: then nothing has changed, and the same may be tried again.
        """
        assert np.array_equal(idf[: self.idf.size], self.idf), "within an epoch idf only grows"
        mine: dict[int, list[Change]] = {}
        for change in changes:
            mine.setdefault(self.shard_of(change.id), []).append(change)
        whats: dict[int, Applied] = {}
        for shard, of_it in mine.items():
            documents = [change.document for change in of_it if change.document is not None]
            held = {term for document in documents for term in terms_of(document)}
            held |= {CLASS + code for document in documents for code in document.classes}
            known = self.lying[shard].terms
            whats[shard] = Applied(of_it, {term: number_of[term] for term in held}, known, idf[known:])
        after, taken = self.actors.change(self, whats, idf)
        return (
            after,
            np.concatenate([NOTHING, *(each.came for each in taken)]),
            np.concatenate([NOTHING, *(each.gone for each in taken)]),
        )

    def weighed(self, idf: Array, made: int | None = None) -> Shards:
        """With the weights of another epoch: those that `weights` made under this name, or made now."""
        return self.actors.change(self, dict.fromkeys(range(len(self.lying)), Weighed(made or 0)), idf).shards

    def weights(self, idf: Array) -> int:
        """Have every shard make the weights of another epoch, each on its own core; answers their name.

        Raises: Unavailable; Lost.
        """
        made = self.actors.number()
        for call in self.actors.all(self, "care", "weights", _ray().put(idf), made):
            self.actors.result(call, None)
        return made

    def merged(self, idf: Array) -> Callable[[Shards], Shards] | None:
        """Have every shard merge what is due with it; answers how to take that in, None when nothing was due.

        Raises: Unavailable; Lost.
        """
        made = self.actors.number()
        calls = self.actors.all(self, "care", "merge", made)
        due = [shard for shard, call in enumerate(calls) if self.actors.result(call, None)]

        def put(shards: Shards) -> Shards:
            return self.actors.change(shards, dict.fromkeys(due, Merged(made)), shards.idf).shards

        return put if due else None


def _best_of_each(answers: Sequence[tuple[Array, Array, Array]], k: int) -> Iterator[Candidates]:
    """What shards answered to a chunk of queries, merged query by query: score down, then id up."""
    of = np.concatenate([np.repeat(np.arange(sizes.size), sizes) for sizes, _, _ in answers])
    ids = np.concatenate([ids for _, ids, _ in answers])
    scores = np.concatenate([scores for _, _, scores in answers])
    order = np.lexsort((ids, -scores, of))
    starts = np.concatenate(([0], np.cumsum(sum(sizes for sizes, _, _ in answers))))
    for start, stop in itertools.pairwise(starts.tolist()):
        best = order[start:stop][:k]
        none = Candidates.together([])
        yield none._replace(ids=ids[best], words=scores[best])


def rank_all(
    snapshot: Snapshot, queries: Iterable[Query], k: int, conditions: Sequence[Condition] = ()
) -> Iterator[Ranking]:
    """What `Snapshot.rank` answers to each of many needs, in their order, as tasks of all shards over chunks.

    Raises: Unavailable.
    """
    shards = snapshot.shelf
    assert isinstance(shards, Shards)
    asked = (snapshot.asked(query.counts) for query in queries)
    for words, best in shards.candidates_of_each(asked, k, conditions):
        yield Ranking.by_words(words, best)
