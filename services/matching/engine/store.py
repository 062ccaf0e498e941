"""The index on disk: written whole, checked whole, never trusted by half.

A segment is written once, in a folder of its own; what changes (which documents live, frequencies, the epoch,
new terms) is written anew each time. `manifest.json` names them all with size and CRC-32 and is written last, by
rename. Whatever does not agree with it is not loaded: the index is then rebuilt from the feed. No pickle.
What is looked for is a disk's or a crash's damage and not a forger, who could write another manifest; a gigabyte is
read before the first answer, and SHA-256 takes twice as long for it.

Large columns are mapped and stay in the page cache; the postings, which every query walks, are read into
memory of our own, where large pages make walking them about twice as fast.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from services.matching.engine.index import Engine, Epoch, Lexicon, Snapshot
from services.matching.engine.kernels import RANGE_BITS, Postings
from services.matching.engine.segment import Ragged, Segment, Weights
from services.matching.engine.shelf import Part, Shelf
from services.matching.engine.text import TOKENIZER

FORMAT = 7
MAPPED_FROM = 1 << 20  # bytes; smaller columns are read
KEPT_FROM = 50_000  # documents from which weights are kept on disk: making them anew takes too long at a start
MANIFEST = "manifest.json"
PIECE = 1 << 19  # bytes read at once: they are still in the second cache when they are summed
_RAGGED = {"grams", "classes", "stored", "terms", "facet_rows"}

Array = npt.NDArray[Any]


class Stored(NamedTuple):
    """Where an index stood when it was saved."""

    epoch: str
    position: int


class Damaged(Exception):
    """What is on disk is not what was written, or was written by another version."""


class Store:
    """A folder that keeps one index. One process uses it. What was made by another recipe is not loaded."""

    def __init__(self, folder: Path, recipe: str = "") -> None:
        self._folder, self._recipe = folder, recipe
        self._known: dict[str, dict[str, Any]] = {}  # file → its entry in the last manifest
        self._names: WeakKeyDictionary[Segment, str] = WeakKeyDictionary()

    def save(self, feed_epoch: str, snapshot: Snapshot, frequencies: Array) -> None:
        """Write an engine's state as far as it is not on disk yet, and point the manifest at it, last.

        What the manifest names no more is deleted. One call at a time.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        files: dict[str, dict[str, Any]] = {}
        state = f"state-{secrets.token_hex(6)}"
        parts = []
        self._write(files, f"{state}/terms.txt", "\n".join(snapshot.lexicon.spelled[: snapshot.known_at.size]).encode())
        self._columns(
            files, state, known_at=snapshot.known_at, frequencies=frequencies[: snapshot.known_at.size],
            idf=snapshot.epoch.idf,
        )  # fmt: skip
        for number, part in enumerate(snapshot.shelf.parts):
            name = self._names.setdefault(part.segment, f"segment-{secrets.token_hex(6)}")
            if not self._is_kept(files, name):
                self._columns(files, name, **_flat(part.segment))
            self._columns(files, state, **{f"live-{number}": np.packbits(part.live)})
            weights = None
            if part.weights.postings is not None and len(part.segment) >= KEPT_FROM:
                weights = f"{name}-weights-{snapshot.epoch.position}"
                if not self._is_kept(files, weights):
                    postings = part.weights.postings._asdict()
                    vectors = {name: getattr(part.weights, name) for name in ("inverse", "near", "gram_inverse")}
                    self._columns(files, weights, **vectors, **postings)
            has_postings = part.weights.postings is not None
            parts.append({"segment": name, "weights": weights, "postings": has_postings, "rows": len(part.segment)})
        manifest = {
            "format": FORMAT,
            "tokenizer": TOKENIZER,
            "recipe": self._recipe,
            "range_bits": RANGE_BITS,
            "feed_epoch": feed_epoch,
            "position": snapshot.position,
            "epoch": {"position": snapshot.epoch.position, "documents": snapshot.epoch.documents},
            "changes": snapshot.changes,
            "state": state,
            "parts": parts,
            "files": files,
        }
        manifest["sha256"] = _seal(manifest)
        _put(self._folder / "manifest.json.new", json.dumps(manifest, indent=1).encode())
        os.replace(self._folder / "manifest.json.new", self._folder / MANIFEST)
        self._known = files
        self._sweep()

    def _is_kept(self, files: dict[str, dict[str, Any]], folder: str) -> bool:
        """Whether a folder was written before; its files then go into the new manifest too."""
        before = {name: entry for name, entry in self._known.items() if name.startswith(folder + "/")}
        files.update(before)
        return bool(before)

    def _columns(self, files: dict[str, dict[str, Any]], folder: str, **columns: Array) -> None:
        for name, column in columns.items():
            path = f"{folder}/{name}.npy"
            target = self._folder / path
            target.parent.mkdir(exist_ok=True)
            with target.open("wb") as file:
                np.save(file, column, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            files[path] = _entry(target)

    def _write(self, files: dict[str, dict[str, Any]], path: str, content: bytes) -> None:
        target = self._folder / path
        target.parent.mkdir(exist_ok=True)
        _put(target, content)
        files[path] = _entry(target)

    def _sweep(self) -> None:
        """Delete folders that the manifest does not name."""
        named = {name.split("/")[0] for name in self._known}
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in named:
                shutil.rmtree(folder, ignore_errors=True)

    def discard(self) -> None:
        """Forget what is saved: the next start reads the snapshot."""
        (self._folder / MANIFEST).unlink(missing_ok=True)
        self._known = {}

    def load(self, engine: Engine) -> Stored | None:
        """Give the saved index to an engine; None when there is none.

        Raises: Damaged, when it cannot be trusted.
        """
        try:
            manifest = json.loads((self._folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise Damaged(f"manifest: {error}") from None
        try:
            written = manifest["format"], manifest["tokenizer"], manifest["recipe"], manifest["range_bits"]
            if written != (FORMAT, TOKENIZER, self._recipe, RANGE_BITS):
                raise Damaged(f"written as format {written[0]} with tokenizer {written[1]}")
            if manifest.pop("sha256") != _seal(manifest):
                raise Damaged("the manifest does not agree with its checksum")
            self._check(manifest["files"])
            engine.restore(*self._restored(manifest))
            self._known = manifest["files"]
            return Stored(manifest["feed_epoch"], manifest["position"])
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise Damaged(f"{type(error).__name__}: {error}") from None

    def _check(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        def wrong(name: str) -> str | None:
            return None if _entry(self._folder / name) == files[name] else name

        largest_first = sorted(files, key=lambda name: -files[name]["size"])  # so that both threads end together
        with ThreadPoolExecutor(2) as pool:  # reading and summing let go of the interpreter lock
            if found := next((name for name in pool.map(wrong, largest_first) if name is not None), None):
                raise Damaged(f"{found} does not agree with its checksum")

    def _restored(self, manifest: dict[str, Any]) -> tuple[Snapshot, Array]:
        state = manifest["state"]
        text = (self._folder / state / "terms.txt").read_bytes().decode()
        lexicon = Lexicon(text.split("\n") if text else [])
        epoch = Epoch(manifest["epoch"]["position"], manifest["epoch"]["documents"], self._read(state, "idf"))
        idf = epoch.reaching(len(lexicon))
        parts = []
        for number, entry in enumerate(manifest["parts"]):
            segment = _unflat(lambda name, folder=entry["segment"]: self._read(folder, name))
            live = np.unpackbits(self._read(state, f"live-{number}"), count=entry["rows"])
            if entry["weights"] is not None:
                weights = self._weights(entry["weights"])
            else:
                weights = Weights.of(segment, idf, with_postings=entry["postings"])
            self._names[segment] = entry["segment"]
            parts.append(Part(segment, weights, live))
        known_at, frequencies = self._read(state, "known_at"), self._read(state, "frequencies")
        assert len(lexicon) == known_at.size == frequencies.size
        snapshot = Snapshot(Shelf(tuple(parts)), lexicon, known_at, epoch, manifest["position"], manifest["changes"])
        return snapshot, frequencies

    def _weights(self, folder: str) -> Weights:
        postings = Postings(*(self._read(folder, name, mapped=name != "words") for name in Postings._fields))
        inverse, near, grams = (self._read(folder, name) for name in ("inverse", "near", "gram_inverse"))
        return Weights(inverse, near, postings, grams)

    def _read(self, folder: str, name: str, *, mapped: bool = True) -> Array:
        """A column. Mapped ones are copy-on-write, so that numba sees one type of array whatever its origin."""
        path = self._folder / folder / f"{name}.npy"
        if mapped and path.stat().st_size >= MAPPED_FROM:
            found: Array = np.load(path, mmap_mode="c", allow_pickle=False)
            return np.asarray(found)
        loaded: Array = np.load(path, allow_pickle=False)
        return loaded


def _flat(segment: Segment) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for each in fields(segment):
        column = getattr(segment, each.name)
        if each.name in _RAGGED:
            found[each.name], found[f"{each.name}-start"] = column.values, column.start
        else:
            found[each.name] = column
    return found


def _unflat(read: Any) -> Segment:
    columns: dict[str, Any] = {
        each.name: Ragged(read(f"{each.name}-start"), read(each.name)) if each.name in _RAGGED else read(each.name)
        for each in fields(Segment)
    }
    return Segment(**columns)


def _entry(path: Path) -> dict[str, Any]:
    checksum, size, piece = 0, 0, memoryview(bytearray(PIECE))
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(piece):
            checksum, size = zlib.crc32(piece[:read], checksum), size + read
    return {"crc32": checksum, "size": size}


def _seal(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _put(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
