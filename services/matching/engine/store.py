"""The index on disk: written whole, checked whole, never trusted by half.

A generation is a folder of numpy arrays and text; `manifest.json` beside it names the generation, the
feed position it stands for, the tokeniser that cut its words, and the SHA-256 of every file. The
manifest is written last and by rename. Whatever does not agree with it is not loaded: the index is
then rebuilt from the feed. No pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from services.matching.engine.index import Document
from services.matching.engine.text import TOKENIZER

FORMAT = 2


class Stored(NamedTuple):
    """An index as it was saved."""

    epoch: str
    position: int
    documents: list[Document]


class Damaged(Exception):
    """What is on disk is not what was written, or was written by another version."""


def save(folder: Path, epoch: str, position: int, documents: Sequence[Document]) -> None:
    """Write a generation and point the manifest at it; older generations are deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"generation-{epoch[:8]}-{position}"
    generation = folder / name
    shutil.rmtree(generation, ignore_errors=True)
    generation.mkdir()
    files = {}
    for file, content in _packed(documents).items():
        _write(generation / file, content)
        files[file] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "tokenizer": TOKENIZER,
        "epoch": epoch,
        "position": position,
        "generation": name,
        "files": files,
    }
    manifest["sha256"] = _seal(manifest)
    draft = folder / "manifest.json.new"
    _write(draft, json.dumps(manifest, indent=1).encode())
    os.replace(draft, folder / "manifest.json")
    for old in folder.glob("generation-*"):
        if old.name != name:
            shutil.rmtree(old, ignore_errors=True)


def _seal(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def discard(folder: Path) -> None:
    """Forget what is saved: the next start reads the snapshot."""
    (folder / "manifest.json").unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load(folder: Path) -> Stored | None:
    """The saved index, None when there is none.

    Raises: Damaged, when it cannot be trusted.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Damaged(f"manifest: {error}") from None
    try:
        if manifest["format"] != FORMAT or manifest["tokenizer"] != TOKENIZER:
            raise Damaged(f"written as format {manifest['format']} with tokenizer {manifest['tokenizer']}")
        if manifest.pop("sha256") != _seal(manifest):
            raise Damaged("the manifest does not agree with its checksum")
        generation = folder / manifest["generation"]
        contents = {name: (generation / name).read_bytes() for name in manifest["files"]}
        for name, expected in manifest["files"].items():
            if hashlib.sha256(contents[name]).hexdigest() != expected["sha256"]:
                raise Damaged(f"{name} does not agree with its checksum")
        return Stored(manifest["epoch"], manifest["position"], _unpacked(contents))
    except (KeyError, TypeError, OSError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from None


def _packed(documents: Sequence[Document]) -> dict[str, bytes]:
    """Documents as files: vocabulary, (document, field) pointers, term ids and counts, stored fields."""
    place: dict[str, int] = {}
    fields: dict[str, int] = {}
    rows: list[tuple[int, int, int]] = []  # document, field, first posting
    terms: list[int] = []
    counts: list[int] = []
    for number, document in enumerate(documents):
        for field, words in document.counts.items():
            rows.append((number, fields.setdefault(field, len(fields)), len(terms)))
            for word, count in words.items():
                terms.append(place.setdefault(word, len(place)))
                counts.append(count)
    return {
        "terms.txt": "\n".join(place).encode(),
        "fields.txt": "\n".join(fields).encode(),
        "rows.npy": _array(np.asarray(rows, dtype=np.int64).reshape(-1, 3)),
        "terms.npy": _array(np.asarray(terms, dtype=np.int32)),
        "counts.npy": _array(np.asarray(counts, dtype=np.int32)),
        "stored.jsonl": _lines({"id": d.id, "version": d.version, "stored": d.stored} for d in documents),
    }


def _array(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _lines(items: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in items)


def _unpacked(files: dict[str, bytes]) -> list[Document]:
    words, names = files["terms.txt"].decode().split("\n"), files["fields.txt"].decode().split("\n")
    arrays = {
        name: np.load(io.BytesIO(files[name]), allow_pickle=False) for name in ("rows.npy", "terms.npy", "counts.npy")
    }
    heads = [json.loads(line) for line in files["stored.jsonl"].splitlines()]
    terms, counts = arrays["terms.npy"].tolist(), arrays["counts.npy"].tolist()
    rows = arrays["rows.npy"].tolist()
    held: list[dict[str, dict[str, int]]] = [{} for _ in heads]
    for index, (number, field, start) in enumerate(rows):
        stop = rows[index + 1][2] if index + 1 < len(rows) else len(terms)
        held[number][names[field]] = {words[terms[at]]: counts[at] for at in range(start, stop)}
    return [
        Document(head["id"], head["version"], counts_, head["stored"])
        for head, counts_ in zip(heads, held, strict=True)
    ]
