"""kill -9 at any moment of saving: what is on disk is always one whole generation."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.matching.engine import Change, Document, Engine, Query, terms
from services.matching.engine.store import Store

HERE = Path(__file__).parents[2]
WORDS = ["铣削", "颤振", "灭菌", "釉料", "发酵", "染色", "窑炉", "秧苗"]


def change(position: int) -> Change:
    """The history of an index, the same wherever it is told: documents come, change and go."""
    number = position * 7 % 40
    id_ = f"lst_{number:02}"
    if position % 5 == 4:
        return Change(position, id_, position, None)
    text = "".join(WORDS[(position + step * number) % len(WORDS)] for step in range(4))
    document = Document(id_, position, {"title": dict(terms(text))}, {"at": position}, {"region": [f"{number % 9}"]})
    return Change(position, id_, position, document)


def at(position: int) -> Engine:
    engine = Engine()
    for each in range(1, position + 1):
        engine.apply([change(each)], each)
    return engine


def answers(engine: Engine) -> list[object]:
    query = Query.of("铣削颤振", "窑炉釉料灭菌")
    return engine.snapshot.explain(query, [found.id for found in engine.snapshot.rank(query, 50).found])


def save_for_ever(folder: Path, start: int) -> None:
    """What the killed process does."""
    engine, store = Engine(), Store(folder)
    known = store.load(engine)
    position = known.position if known else 0
    assert position >= start, "an older generation came back"
    while True:
        for _ in range(3):
            position += 1
            engine.apply([change(position)], position)
        store.save("feed", *engine.state())
        sys.stdout.write("saved\n")
        sys.stdout.flush()


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_what_a_kill_leaves_behind_is_a_whole_generation(tmp_path: Path, kills: int) -> None:
    chance, reached = random.Random(kills), 0
    for _ in range(kills):
        script = f"from pathlib import Path; from tests.integration.test_killed_store import save_for_ever; save_for_ever(Path({str(tmp_path)!r}), {reached})"
        with subprocess.Popen([sys.executable, "-c", script], cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "saved\n", "the process could not go on from what was there"
            time.sleep(chance.random() * 0.3)
            process.send_signal(signal.SIGKILL)
        engine = Engine()
        stored = Store(tmp_path).load(engine)
        assert stored is not None
        assert stored.position > reached and stored.position % 3 == 0
        reached = stored.position
        assert answers(engine) == answers(at(reached))
        named = {path.name for path in tmp_path.iterdir()}
        Store(tmp_path).save("feed", *engine.state())
        assert len(list(tmp_path.iterdir())) <= len(named), "what a kill left half-written is swept away"
