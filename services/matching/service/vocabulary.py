"""What comes with the product to understand a need in plain words: lay words, and what each IPC class is about."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from services.matching.engine import Document, Engine, Mix, Query, Snapshot, Vocabulary, characters, terms
from services.matching.engine.documents import TITLE_WORDS, Array, weighted
from services.matching.service.semantic import Meaning
from services.matching.service.spelling import Spelling

_HERE = Path(__file__).parents[1]
LIKELY = 12  # classes that a need's words may lean to
SOUGHT_FROM = 0.3  # share from which documents of a class are sought even where they share no word with the need
CLASS_WEIGHT = 5.0  # of a sought class, against a word of the need's text
CLASS = "class"
# An industry adds this much to the class that it needs most, half of that to the seventh. Measured: more harms
# needs whose firm named a wrong industry.
INDUSTRY, INDUSTRY_HALF = 0.3, 6.0
_DIVISION = 3
MEANING = 6.0  # what the meaning of a class's words says, against the words themselves; with the extra [semantic]
_PROFILE_TITLE, _PROFILE_MIX = 8.0, Mix(0.22, 0.52, 0.26)  # the words about a class are many and short: see docs


class Understanding:
    """Turns a need's texts into a query: its words, what patents call them, and the classes it leans to."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        classes: Snapshot,
        industries: Mapping[str, Sequence[str]],
        spelling: Spelling,
        meaning: Meaning | None = None,
    ) -> None:
        self._vocabulary, self._classes, self._industries = vocabulary, classes, industries
        self._spelling, self._meaning = spelling, meaning

    def query(self, title: str, text: str = "", industry_code: str | None = None) -> Query:
        """A need by its words and, where it is known, the firm's industry.

        Cost: below a millisecond for a need of a hundred characters.
        """
        query = self._spelled(Query.of(title, text, self._vocabulary), title, text)
        direction = self._meaning.direction(title) if self._meaning else None
        leaning = self._leaning(query, title, text, industry_code, direction)
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
            meaning=b"" if direction is None else direction.tobytes(),
        )

    def _spelled(self, query: Query, title: str, text: str) -> Query:
        """With the words that were meant where words are mistyped; what was written counts as well."""
        counts, through = dict(query.counts), dict(query.through)
        for part, weight in ((title, TITLE_WORDS), (text, 1.0)):
            for word, written in self._spelling.meant(part).items():
                for term in terms(word).keys() - counts.keys():
                    counts[term], through[term] = weight, written
        return replace(query, counts=counts, through=through)

    def _leaning(
        self, query: Query, title: str, text: str, industry_code: str | None, direction: Array | None
    ) -> dict[str, float]:
        """Likely classes, the likeliest has 1: what their words say and mean, and what the industry usually needs."""
        plain = replace(query, grams=weighted(_PROFILE_TITLE, characters(title), characters(text)))
        many = LIKELY if direction is None else len(self._classes)
        found = self._classes.match(plain, many, (), _PROFILE_MIX).found
        leaning = {each.id: each.score / found[0].score for each in found}
        if self._meaning is not None and direction is not None:
            for code, share in self._meaning.sense.leaning(direction).items():
                leaning[code] = leaning.get(code, 0.0) + MEANING * share
            likely = sorted(leaning, key=lambda code: (-leaning[code], code))[:LIKELY]
            leaning = {code: leaning[code] / leaning[likely[0]] for code in likely}
        for rank, code in enumerate(self._industries.get((industry_code or "")[:_DIVISION], ())):
            leaning[code] = leaning.get(code, 0.0) + INDUSTRY / (1.0 + rank / INDUSTRY_HALF)
        most = max(leaning.values(), default=1.0)
        return {code: share / most for code, share in sorted(leaning.items(), key=lambda each: (-each[1], each[0]))}


def subclasses(codes: Iterable[str]) -> list[str]:
    """The IPC subclasses of some codes, each once. Designs have Locarno classes, which lead nowhere here."""
    return list(dict.fromkeys(code.replace(" ", "")[:4] for code in codes if code[:1].isalpha()))


def class_term(subclass: str) -> str:
    """How a subclass stands among the words of the listings in it, so that it can be sought like one."""
    return subclass.lower()


@cache
def shipped() -> Understanding:
    """From the tables beside the service: lay words, every subclass of the IPC in plain words, industries' classes."""
    return understanding(words())


def understanding(technical: Mapping[str, Sequence[str]], meaning: Meaning | None = None) -> Understanding:
    """With a vocabulary of lay words and what patents call them."""
    return Understanding(Vocabulary(technical), _classes(), _industries(), _spelling(), meaning)


@cache
def words() -> Mapping[str, Sequence[str]]:
    """The vocabulary that ships: lay words and what patents call them."""
    rows = (line.split("\t") for line in _read("vocabulary").splitlines()[1:] if line)
    return {lay: technical.split() for lay, technical in rows}


@cache
def recipe() -> str:
    """Names the tables that ship: what is made with their help is made anew when a release changes them."""
    tables = "".join(map(_read, ("vocabulary", "class_words", "industry_classes")))
    return hashlib.sha256(tables.encode()).hexdigest()[:12]


@cache
def _classes() -> Snapshot:
    return Engine.of([_profile(*row) for row in class_words().items()]).snapshot


@cache
def class_words() -> Mapping[str, str]:
    """What each subclass is about, in plain words."""
    return dict(line.split("\t") for line in _read("class_words").splitlines()[1:])


@cache
def known() -> Mapping[str, int]:
    """The words of the tables, with how many entries use each."""
    entries = list(class_words().values())
    entries += [" ".join(technical) for technical in words().values()]
    return Counter(term for entry in entries for term in terms(entry))


@cache
def _spelling() -> Spelling:
    return Spelling(known())


@cache
def _industries() -> Mapping[str, Sequence[str]]:
    """Divisions of GB/T 4754 and the subclasses whose techniques they use, the most typical first."""
    rows = (line.split("\t") for line in _read("industry_classes").splitlines()[1:] if line)
    return {division: codes.split() for division, codes in rows}


def _read(table: str) -> str:
    return (_HERE / f"{table}.tsv").read_text(encoding="utf-8")


def _profile(code: str, words: str) -> Document:
    return Document(code, 1, {"title": dict(terms(words))}, {}, near=code, grams=characters(words))
