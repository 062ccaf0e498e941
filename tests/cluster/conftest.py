"""A Ray cluster of two nodes in one process tree, and what makes corpora for it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.matching.engine import FIELDS, Change, Document, Engine, Query
from services.matching.service.cluster import Shards

NODE = {"num_cpus": 8, "object_store_memory": 200 << 20}  # promised, not there: shards only reserve them


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Two nodes; the first one is this process's."""
    ray = pytest.importorskip("ray", reason="needs the extra `ray`: make test-ray")
    from ray.cluster_utils import Cluster

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray spells it so
    made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    made.add_node(**NODE)
    ray.init(address=made.address, namespace="duijie", log_to_driver=False, configure_logging=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def empty(cluster: Any, tmp_path: Path) -> Iterator[Callable[..., Shards]]:
    """Makes shards without documents."""
    made: list[Shards] = []

    def make(count: int = 3, **options: Any) -> Shards:
        made.append(Shards.empty(tmp_path / str(len(made)), count, **options))
        return made[-1]

    yield make
    for shards in made:
        shards.actors.close()


class Maker:
    """Draws documents, changes and needs; equal seeds, equal draws."""

    def __init__(self, seed: int, words: int = 300) -> None:
        self.dice, self.words, self.position = random.Random(seed), words, 0
        self.held: set[str] = set()

    def word(self) -> str:
        return f"w{int(self.words * self.dice.random() ** 2)}"

    def counts(self, most: int) -> dict[str, int]:
        return {
            self.word(): 1 if self.dice.random() < 0.95 else self.dice.randint(2, 60)
            for _ in range(self.dice.randint(0, most))
        }

    def document(self, id_: str, version: int) -> Document:
        dice = self.dice
        grams = {f"{self.word()[-1]}{dice.randint(0, 9)}": float(dice.randint(1, 3)) for _ in range(6)}
        return Document(
            id_, version, {field: self.counts(9) for field in FIELDS}, {"number": version},
            {"region": [str(dice.randint(10, 40))], "kind": [dice.choice("abc")]},
            f"A{dice.randint(10, 30)}B", grams, dice.sample(["A01B", "B23B", "C04B", "G06F"], dice.randint(0, 2)),
        )  # fmt: skip

    def changes(self, many: int, among: int) -> list[Change]:
        """New, changed and withdrawn documents, and some that are older than what is known."""
        found = []
        for _ in range(many):
            self.position += 1
            id_ = f"lst_{self.dice.randrange(among)}"
            version = 0 if self.dice.random() < 0.03 else self.position
            gone = self.dice.random() < 0.25
            found.append(Change(self.position, id_, version, None if gone else self.document(id_, version)))
        return found

    def query(self) -> Query:
        counts = {self.word(): float(self.dice.randint(1, 5)) for _ in range(self.dice.randint(1, 12))}
        grams = {f"{self.dice.randint(0, 9)}{self.dice.randint(0, 9)}": 1.0 for _ in range(8)}
        leaning = {"B23B": 1.0} if self.dice.random() < 0.3 else {}
        return Query({**counts, "unheard": 2.0}, grams, leaning=leaning)


class Twins:
    """One index embedded, one on shards, told the same."""

    def __init__(self, shards: Shards, seed: int) -> None:
        self.maker, self.one, self.other = Maker(seed), Engine(), Engine(shards)

    def change(self, many: int, among: int) -> None:
        changes = self.maker.changes(many, among)
        for engine in (self.one, self.other):
            engine.apply(changes, self.maker.position)

    def care(self) -> None:
        """All of it, each in its own time: what is due differs, what is answered must not."""
        for engine in (self.one, self.other):
            while adopt := engine.care():
                adopt()

    @property
    def shards(self) -> Shards:
        shelf = self.other.snapshot.shelf
        assert isinstance(shelf, Shards)
        return shelf
