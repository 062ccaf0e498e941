"""What comes with the product to understand a need in plain words: lay words, and what each IPC class is about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from services.matching.engine import Document, Engine, Query, Snapshot, Vocabulary, characters, terms

_HERE = Path(__file__).parents[1]
LIKELY = 12  # classes that a need's words may lean to
SOUGHT_FROM = 0.3  # share from which documents of a class are sought even where they share no word with the need
CLASS_WEIGHT = 5.0  # of a sought class, against a word of the need's text
CLASS = "class"


class Understanding:
    """Turns a need's texts into a query: its words, what patents call them, and the classes it leans to."""

    def __init__(self, vocabulary: Vocabulary, classes: Snapshot) -> None:
        self._vocabulary, self._classes = vocabulary, classes

    def query(self, title: str, text: str = "") -> Query:
        """Cost: below a millisecond for a need of a hundred characters."""
        query = Query.of(title, text, self._vocabulary)
        found = self._classes.match(query, LIKELY).found
        leaning = {each.id: each.score / found[0].score for each in found}
        sought = {
            term: CLASS_WEIGHT * share
            for code, share in leaning.items()
            if share >= SOUGHT_FROM and (term := class_term(code)) not in query.counts
        }
        return replace(
            query,
            counts={**query.counts, **sought},
            through={**query.through, **dict.fromkeys(sought, CLASS)},
            leaning=leaning,
        )


def subclasses(codes: Iterable[str]) -> list[str]:
    """The IPC subclasses of some codes, each once. Designs have Locarno classes, which lead nowhere here."""
    return list(dict.fromkeys(code.replace(" ", "")[:4] for code in codes if code[:1].isalpha()))


def class_term(subclass: str) -> str:
    """How a subclass stands among the words of the listings in it, so that it can be sought like one."""
    return subclass.lower()


@cache
def shipped() -> Understanding:
    """From the tables beside the service: about 800 lay words, and every subclass of the IPC in plain words."""
    return understanding(words())


def understanding(technical: Mapping[str, Sequence[str]]) -> Understanding:
    """With a vocabulary of lay words and what patents call them."""
    return Understanding(Vocabulary(technical), _classes())


@cache
def words() -> Mapping[str, Sequence[str]]:
    """The vocabulary that ships: lay words and what patents call them."""
    rows = (line.split("\t") for line in _read("vocabulary").splitlines()[1:] if line)
    return {lay: technical.split() for lay, technical in rows}


@cache
def recipe() -> str:
    """Names the tables that ship: what is made with their help is made anew when a release changes them."""
    return hashlib.sha256((_read("vocabulary") + _read("class_words")).encode()).hexdigest()[:12]


@cache
def _classes() -> Snapshot:
    lines = _read("class_words").splitlines()[1:]
    return Engine.of([_profile(*line.split("\t")) for line in lines]).snapshot


def _read(table: str) -> str:
    return (_HERE / f"{table}.tsv").read_text(encoding="utf-8")


def _profile(code: str, words: str) -> Document:
    return Document(code, 1, {"title": dict(terms(words))}, {}, near=code, grams=characters(words))
