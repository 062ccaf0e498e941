"""The index on disk is what was written, or it is not loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.matching.engine import Document, store, terms
from services.matching.engine.store import Damaged, Stored

EPOCH = "0123456789abcdef"


def documents(count: int = 5) -> list[Document]:
    titles = ["铝合金薄壁件铣削", "木耳菌棒蒸汽灭菌", "Ti-6Al-4V粉末烧结", "陶瓷釉料", "灭菌釜余热回收"]
    return [
        Document(
            f"lst_{number}",
            number + 1,
            {"title": dict(terms(title)), "abstract": dict(terms(title * 2)), "summary": {}},
            {"card": {"id": f"lst_{number}", "titles": [title]}, "ends_on": None},
        )
        for number, title in enumerate(titles[:count])
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store.save(tmp_path, EPOCH, 42, documents())
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_was_saved_is_loaded(tmp_path: Path, count: int) -> None:
    assert store.load(tmp_path) is None
    store.save(tmp_path, EPOCH, 7, documents(count))
    assert store.load(tmp_path) == Stored(EPOCH, 7, documents(count))


def test_a_newer_generation_takes_the_place_of_the_older(folder: Path) -> None:
    store.save(folder, EPOCH, 43, documents(2))
    assert store.load(folder) == Stored(EPOCH, 43, documents(2))
    assert len(list(folder.glob("generation-*"))) == 1


def test_a_generation_that_was_not_finished_is_as_if_it_had_not_begun(folder: Path) -> None:
    half = folder / "generation-01234567-99"
    half.mkdir()
    (half / "terms.txt").write_bytes(b"half")
    (folder / "manifest.json.new").write_bytes(b"{")
    assert store.load(folder) == Stored(EPOCH, 42, documents())


def test_what_is_discarded_is_not_loaded(folder: Path) -> None:
    store.discard(folder)
    store.discard(folder)
    assert store.load(folder) is None


def test_a_file_cut_short_at_any_place_is_found(folder: Path) -> None:
    for path in files(folder):
        whole = path.read_bytes()
        for length in {0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 2, len(whole) - 1}:
            path.write_bytes(whole[: max(length, 0)])
            with pytest.raises(Damaged):
                store.load(folder)
        path.write_bytes(whole + b"\n")
        if path.name != "manifest.json":
            with pytest.raises(Damaged):
                store.load(folder)
        path.write_bytes(whole)
    assert store.load(folder) == Stored(EPOCH, 42, documents())


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
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        changed = whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :]
        path.write_bytes(changed)
        try:
            store.load(folder)
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
        store.load(folder)


def test_a_missing_file_is_found(folder: Path) -> None:
    for path in files(folder):
        if path.name != "manifest.json":
            whole = path.read_bytes()
            path.unlink()
            with pytest.raises(Damaged):
                store.load(folder)
            path.write_bytes(whole)


@pytest.mark.parametrize("changes", [{"tokenizer": "words-0"}, {"format": 0}, {"files": None}, {"generation": "gone"}])
def test_what_another_version_wrote_is_refused(folder: Path, changes: dict[str, object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    with pytest.raises(Damaged):
        store.load(folder)
