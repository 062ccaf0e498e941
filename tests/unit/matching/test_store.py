"""The index on disk is what was written, or it is not loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.matching.engine import Document, Engine, Query, store, terms
from services.matching.engine.store import Damaged, Store

EPOCH = "0123456789abcdef"


def documents(count: int = 5) -> list[Document]:
    titles = ["铝合金薄壁件铣削", "木耳菌棒蒸汽灭菌", "Ti-6Al-4V粉末烧结", "陶瓷釉料", "灭菌釜余热回收"]
    return [
        Document(
            f"lst_{number}",
            number + 1,
            {"title": dict(terms(title)), "abstract": {**terms(title * 2), "常": 400}, "summary": {}},
            {"card": {"id": f"lst_{number}", "titles": [title]}},
            {"region_code": ["3701"], "ipc": ["B23C3/00"]},
            "B23C3/00",
        )
        for number, title in enumerate(titles[:count])
    ]


def saved(folder: Path, position: int, count: int = 5) -> Engine:
    engine = Engine.of(documents(count), position)
    Store(folder).save(EPOCH, *engine.state())
    return engine


def load(folder: Path) -> tuple[Engine, object]:
    engine = Engine()
    return engine, Store(folder).load(engine)


def answers(engine: Engine) -> list[object]:
    query = Query.of("灭菌釜蒸汽余热", "铝合金铣削 常")
    return engine.snapshot.explain(query, [found.id for found in engine.snapshot.rank(query, 9).found])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    saved(tmp_path, 42)
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_was_saved_is_loaded(tmp_path: Path, count: int) -> None:
    assert load(tmp_path)[1] is None
    before = saved(tmp_path, 7, count)
    engine, stored = load(tmp_path)
    assert stored == (EPOCH, 7)
    assert (len(engine.snapshot), engine.snapshot.position) == (count, 7)
    assert answers(engine) == answers(before)
    assert bool(answers(engine)) is bool(count)


@pytest.mark.parametrize("kept_from", [1, 50_000])
def test_postings_are_kept_or_made_anew_with_the_same_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_from: int
) -> None:
    monkeypatch.setattr(store, "KEPT_FROM", kept_from)
    monkeypatch.setattr(store, "MAPPED_FROM", 1)
    monkeypatch.setattr("services.matching.engine.shelf.POSTINGS_FROM", 1)
    before = saved(tmp_path, 7)
    assert any("-weights-" in path.name for path in tmp_path.iterdir()) is (kept_from == 1)
    assert answers(load(tmp_path)[0]) == answers(before)


def test_a_segment_is_written_once(folder: Path) -> None:
    engine, keeper = Engine(), Store(folder)
    keeper.load(engine)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("segment-*/*")}
    keeper.save(EPOCH, *engine.state())
    assert {path: path.stat().st_mtime_ns for path in folder.glob("segment-*/*")} == before
    assert load(folder)[1] == (EPOCH, 42)


def test_a_newer_generation_takes_the_place_of_the_older(folder: Path) -> None:
    saved(folder, 43, 2)
    engine, stored = load(folder)
    assert (stored, len(engine.snapshot)) == ((EPOCH, 43), 2)
    assert len(list(folder.glob("segment-*"))) == len(list(folder.glob("state-*"))) == 1


def test_a_generation_that_was_not_finished_is_as_if_it_had_not_begun(folder: Path) -> None:
    half = folder / "segment-0123456789ab"
    half.mkdir()
    (half / "terms.npy").write_bytes(b"half")
    (folder / "manifest.json.new").write_bytes(b"{")
    assert load(folder)[1] == (EPOCH, 42)


def test_what_is_discarded_is_not_loaded(folder: Path) -> None:
    Store(folder).discard()
    Store(folder).discard()
    assert load(folder)[1] is None


def test_a_file_cut_short_at_any_place_is_found(folder: Path) -> None:
    for path in files(folder):
        whole = path.read_bytes()
        for length in {0, len(whole) // 2, len(whole) - 1} - {len(whole)}:
            path.write_bytes(whole[: max(length, 0)])
            with pytest.raises(Damaged):
                load(folder)
        path.write_bytes(whole + b"\n")
        if path.name != "manifest.json":
            with pytest.raises(Damaged):
                load(folder)
        path.write_bytes(whole)
    assert load(folder)[1] == (EPOCH, 42)


def test_a_flipped_bit_in_any_file_of_a_generation_is_found(folder: Path) -> None:
    for path in files(folder):
        if path.name != "manifest.json":
            undetected = flips(folder, path)
            assert undetected == [], path.name


def test_a_flipped_bit_in_the_manifest_is_found(folder: Path) -> None:
    """A wrong position would skip changes of the feed, or read them twice."""
    assert flips(folder, folder / "manifest.json") == []


def flips(folder: Path, path: Path) -> list[str]:
    """Where a flipped bit goes unnoticed, with what then stands there."""
    whole, unnoticed = path.read_bytes(), []
    for at in range(0, len(whole), max(1, len(whole) // 25)):
        changed = whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :]
        path.write_bytes(changed)
        try:
            load(folder)
        except Damaged:
            continue
        unnoticed.append(f"{at}: {changed[max(0, at - 12) : at + 6]!r}")
    path.write_bytes(whole)
    return unnoticed


def test_the_position_in_the_manifest_is_not_taken_on_trust(folder: Path) -> None:
    manifest = (folder / "manifest.json").read_text()
    assert '"position": 42' in manifest
    (folder / "manifest.json").write_text(manifest.replace('"position": 42', '"position": 46'))
    with pytest.raises(Damaged):
        load(folder)


def test_a_missing_file_is_found(folder: Path) -> None:
    for path in files(folder):
        if path.name != "manifest.json":
            whole = path.read_bytes()
            path.unlink()
            with pytest.raises(Damaged):
                load(folder)
            path.write_bytes(whole)


@pytest.mark.parametrize("changes", [{"tokenizer": "words-0"}, {"format": 0}, {"files": None}, {"state": "gone"}])
def test_what_another_version_wrote_is_refused(folder: Path, changes: dict[str, object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    with pytest.raises(Damaged):
        load(folder)
