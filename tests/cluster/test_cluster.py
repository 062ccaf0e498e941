"""Shards answer as one shelf does, to the last bit, whatever comes, goes or dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from services.matching.engine import Condition, Engine, Query, Ranking, Snapshot, index
from services.matching.service import cluster as cluster_
from services.matching.service.cluster import Lost, Shards, rank_all
from shared.errors import Unavailable
from tests.cluster.conftest import NODE, Maker, Twins
from tests.e2e.processes import alive

pytestmark = pytest.mark.slow  # a cluster needs half a minute to start: `make test-ray`
REGION, KIND = Condition.prefix("region", "2"), Condition.exactly("kind", "a")
Make = Callable[..., Shards]


def plain(ranking: Ranking) -> tuple[Any, ...]:
    return ranking.found, ranking.known_terms, ranking.texts.tobytes(), ranking.passes.tolist()


def answers(snapshot: Snapshot, queries: list[Query], ids: list[str]) -> list[Any]:
    """All that an index can be asked, so that equal means equal to the last bit."""
    found: list[Any] = [len(snapshot), snapshot.position, snapshot.era, snapshot.passes(ids, [REGION, KIND]).tolist()]
    found += [snapshot.query_of(id_) for id_ in ids[:3]]
    found += [sorted(snapshot.common([f"w{n}" for n in range(40)], 5)), snapshot.sharing("w7", 1)]
    for query in queries:
        found += [plain(snapshot.rank(query, k, conditions)) for k, conditions in [(1, []), (20, []), (7, [REGION])]]
        found += [plain(snapshot.match(query, 10, conditions)) for conditions in ([], [KIND], [REGION, KIND])]
        found += [snapshot.judge(query, ids), snapshot.likeness(query, ids)]
        found.append(json.dumps([asdict(hit) for hit in snapshot.explain(query, ids)], sort_keys=True))
    return found


def check(twins: Twins, queries: int = 3) -> None:
    asked = [twins.maker.query() for _ in range(queries)]
    ids = [f"lst_{twins.maker.dice.randrange(60)}" for _ in range(12)]
    assert answers(twins.other.snapshot, asked, ids) == answers(twins.one.snapshot, asked, ids)


def whereabouts(shards: Shards, number: int) -> dict[str, Any]:
    """Node and process of a shard, as Ray knows them."""
    from ray._private import state

    found = state.actors(shards.actors._places[number].actor._actor_id.hex())
    return {"node": found["Address"]["NodeID"], "pid": found["Pid"]}


def kill(shards: Shards, number: int, how: str = "told") -> None:
    import ray

    if how == "told":
        ray.kill(shards.actors._places[number].actor)
    else:  # as the kernel does when memory is short
        os.kill(whereabouts(shards, number)["pid"], signal.SIGKILL)


def written(shards: Shards) -> None:
    """Every checkpoint that is under way is done."""
    import ray

    for number in range(len(shards.actors)):
        while (place := shards.actors._places[number]).writing is not None:
            ray.wait([place.writing[0]], timeout=30)
            shards.actors._write(number, shards)


@pytest.mark.parametrize("small", [20_000, 15], ids=["an epoch a change", "long epochs"])
def test_any_history_is_answered_as_by_one_shelf(empty: Make, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SMALL", small)
    twins = Twins(empty(), small)
    check(twins)
    for step in range(20):
        twins.change(twins.maker.dice.randint(1, 12), 60)
        if step % 3 == 0:
            twins.care()
        if step % 2 == 0:
            check(twins, 2)
    twins.care()
    check(twins)


def test_thousands_of_documents_with_merges_and_epochs(empty: Make) -> None:
    twins = Twins(empty(2), 1)
    for many in (9_000, 3_000, 800, 40, 1):
        twins.change(many, 12_000)
        check(twins, 2)
        twins.care()
        check(twins, 2)
    assert twins.one.snapshot.era != "now"
    queries = [twins.maker.query() for _ in range(150)]
    expected = [twins.one.snapshot.rank(query, 9, [REGION]) for query in queries]
    assert list(map(plain, rank_all(twins.other.snapshot, queries, 9, [REGION]))) == list(map(plain, expected))


def test_all_needs_are_answered_in_order_although_a_shard_dies(empty: Make) -> None:
    twins = Twins(empty(), 2)
    twins.change(300, 200)
    queries = [twins.maker.query() for _ in range(1_000)]
    found = []
    for number, ranking in enumerate(rank_all(twins.other.snapshot, iter(queries), 5)):
        found.append(plain(ranking))
        if number == 100:
            kill(twins.shards, 1)
    assert found == [plain(twins.one.snapshot.rank(query, 5)) for query in queries]
    assert list(rank_all(twins.other.snapshot, [], 5)) == []


def test_an_older_snapshot_answers_as_before(empty: Make) -> None:
    twins = Twins(empty(), 3)
    before, queries, ids = [], [twins.maker.query() for _ in range(3)], [f"lst_{n}" for n in range(20)]
    for _ in range(6):
        twins.change(15, 60)
        before.append((twins.one.snapshot, twins.other.snapshot))
        twins.care()
    for one, other in before:
        assert answers(other, queries, ids) == answers(one, queries, ids)


def test_a_snapshot_that_is_too_old_asks_to_ask_again(empty: Make) -> None:
    twins = Twins(empty(1, kept=4), 4)
    twins.change(15, 60)
    old = [twins.other.snapshot]
    for _ in range(4):
        twins.change(3, 60)
        old.append(twins.other.snapshot)
    with pytest.raises(Unavailable, match="ask again"):
        old[0].rank(twins.maker.query(), 5)
    check(twins)


def test_what_nobody_holds_is_forgotten(empty: Make) -> None:
    import ray

    twins = Twins(empty(1), 5)
    for _ in range(10):
        twins.change(3, 60)
    actor = twins.shards.actors._places[0].actor
    with pytest.raises(ray.exceptions.RayTaskError):
        ray.get(actor.ask.options(concurrency_group="ask").remote(1, "locate", "lst_1"))


# Losses


@pytest.mark.parametrize(("number", "how"), [(0, "told"), (1, "by the kernel"), (2, "told")])
def test_a_killed_shard_answers_exactly_again_from_the_journal(empty: Make, number: int, how: str) -> None:
    twins = Twins(empty(), 6 + number)
    for _ in range(4):
        twins.change(20, 60)
    kill(twins.shards, number, how)
    check(twins)
    twins.change(20, 60)
    check(twins)


def test_a_killed_shard_answers_exactly_again_from_a_checkpoint_and_the_journal(
    empty: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_, "JOURNAL", 40)
    monkeypatch.setattr(index, "SMALL", 30)
    twins = Twins(empty(2), 9)
    for round_ in range(6):
        twins.change(90, 200)
        twins.care()
        written(twins.shards)
        twins.change(7, 200)
        place = twins.shards.actors._places[round_ % 2]
        assert place.checkpoint is not None
        assert len(place.journal) < 30
        kill(twins.shards, round_ % 2)
        check(twins, 2)
    assert len(list(twins.shards.actors._folder.iterdir())) <= 4  # what lost processes wrote does not pile up


def test_a_shard_that_is_dead_when_it_is_told_takes_the_change_in(empty: Make) -> None:
    twins = Twins(empty(), 10)
    twins.change(40, 60)
    for number in (0, 1, 2):
        kill(twins.shards, number)
        twins.change(20, 60)
        check(twins, 1)


def test_a_shard_that_dies_during_care_is_cared_for_again(empty: Make) -> None:
    twins = Twins(empty(2), 11)
    twins.change(9_500, 20_000)
    adopt = twins.other.care()
    assert adopt is not None
    kill(twins.shards, 0)
    adopt()
    twins.care()
    check(twins)
    twins.change(600, 20_000)  # an epoch begins
    adopt = twins.other.care()
    kill(twins.shards, 1)
    assert adopt is not None
    adopt()
    twins.care()
    check(twins)


def test_a_shard_comes_back_on_another_node(cluster: Any, empty: Make) -> None:
    node = cluster.add_node(**NODE)
    twins = Twins(empty(4), 12)
    twins.change(200, 300)
    assert node.node_id in {whereabouts(twins.shards, number)["node"] for number in range(4)}
    cluster.remove_node(node, allow_graceful=False)
    check(twins)
    twins.change(30, 300)
    check(twins)


class Shown(Engine):
    """Keeps what it showed for a moment only: changes taken in, their epoch not served yet (`era` says so)."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Snapshot] = []

    def _serve(self, *what: Any) -> None:
        self.shown.append(self.snapshot)
        super()._serve(*what)


@pytest.mark.parametrize("seed", [13, 20, 21])
def test_queries_during_updates_and_losses_see_one_version_each(empty: Make, seed: int) -> None:
    """Writers, losses and readers at once: every answer is that of the embedded index at the same version."""
    twins = Twins(empty(), seed)
    twins.one = one = Shown()
    twins.change(60, 60)
    queries = [twins.maker.query() for _ in range(4)]
    expected: dict[tuple[int, str], list[Any]] = {}
    seen: list[tuple[tuple[int, str], list[Any]]] = []
    wrong: list[BaseException] = []
    done = threading.Event()

    def said(snapshot: Snapshot) -> tuple[tuple[int, str], list[Any]]:
        version = snapshot.position, snapshot.era
        return version, [(plain(snapshot.rank(query, 9)), plain(snapshot.match(query, 9, [KIND]))) for query in queries]

    def read() -> None:
        try:
            while not done.is_set():
                seen.append(said(twins.other.snapshot))
        except BaseException as error:
            wrong.append(error)

    expected |= map(said, [*one.shown, one.snapshot])
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(25):
        changes = twins.maker.changes(4, 60)
        one.shown.clear()
        one.apply(changes, twins.maker.position)
        expected |= map(said, [*one.shown, one.snapshot])  # known before anybody can see it
        twins.other.apply(changes, twins.maker.position)
        if step in {8, 16}:
            kill(twins.shards, step % 3)
    time.sleep(0.5)
    done.set()
    for reader in readers:
        reader.join(60)
    assert wrong == []
    assert len({version for version, _ in seen}) > 5
    assert [version for version, found in seen if found != expected[version]] == []
    check(twins)


def test_a_change_that_cannot_be_made_has_not_happened(empty: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    twins = Twins(empty(), 14)
    twins.change(40, 60)
    changes = twins.maker.changes(20, 60)
    before = twins.other.snapshot
    monkeypatch.setattr(cluster_, "ATTEMPTS", 0)
    with pytest.raises(Unavailable):
        twins.other.apply(changes, twins.maker.position)
    assert twins.other.snapshot is before
    monkeypatch.undo()
    for engine in (twins.one, twins.other):
        engine.apply(changes, twins.maker.position)
    check(twins)


def test_a_shard_without_its_checkpoint_is_lost_and_says_so(empty: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_, "JOURNAL", 10)
    twins = Twins(empty(1), 15)
    twins.change(60, 60)
    written(twins.shards)
    twins.change(1, 60)
    folder = twins.shards.actors._places[0].checkpoint
    assert folder is not None
    shutil.rmtree(folder)
    kill(twins.shards, 0)
    with pytest.raises(Unavailable, match="does not come back"):  # who asks is told to ask again …
        twins.other.snapshot.rank(twins.maker.query(), 5)
    with pytest.raises(Lost):  # … who keeps the index to build it again
        twins.other.care()
    with pytest.raises(Lost):
        twins.other.apply(twins.maker.changes(5, 60), twins.maker.position)


def test_shards_that_are_closed_stay_closed(empty: Make) -> None:
    twins = Twins(empty(2), 17)
    twins.change(20, 60)
    pids = [whereabouts(twins.shards, number)["pid"] for number in (0, 1)]
    twins.shards.actors.close()
    with pytest.raises(Unavailable):
        twins.other.snapshot.rank(twins.maker.query(), 5)
    with pytest.raises(Lost, match="closed"):
        twins.other.care()
    assert not twins.shards.actors._folder.exists()
    until = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_losses_at_random(empty: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_, "JOURNAL", 60)
    monkeypatch.setattr(index, "SMALL", 40)
    twins = Twins(empty(), 16)
    for _ in range(60):
        what = twins.maker.dice.random()
        if what < 0.6:
            twins.change(twins.maker.dice.randint(1, 20), 80)
        elif what < 0.75:
            twins.care()
        elif what < 0.85:
            kill(twins.shards, twins.maker.dice.randrange(3))
        else:
            check(twins, 1)
    check(twins)


def test_a_sharded_index_is_not_saved_by_half(empty: Make) -> None:
    with pytest.raises(TypeError):
        _ = Engine(empty(1)).snapshot.shelf.parts


def test_a_cluster_without_room_says_what_it_lacks(empty: Make) -> None:
    with pytest.raises(Unavailable, match="CPUs and 99 shards need 99"):
        empty(99)


def test_equal_seeds_draw_equally() -> None:
    assert Maker(7).changes(20, 9) == Maker(7).changes(20, 9)
