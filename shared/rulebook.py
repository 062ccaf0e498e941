"""Rules with a name, a source and a date. A rule says no by returning a `Refusal`.

    @rule("LS-TERM", source=Text("Patent Law Art. 42", "专利法第四十二条"), since="2021-06-01")
    def term_has_not_ended(patent: PatentFacts, today: date) -> Refusal | None: ...

A wrong spelling of a value (a check digit, a date) is found where the value is parsed; there the
parser raises `Refused` with the same `Refusal`, and the API answers 422 instead of 409.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TypeVar

from shared.errors import RuleRefused, Severity, Text, Violation

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Rule:
    """An entry of the rulebook."""

    id: str
    source: Text
    since: date
    decides: str
    where: str


_BOOK: dict[str, Rule] = {}


def rule(*ids: str, source: Text, since: str) -> Callable[[F], F]:
    """Enter a function into the rulebook under one or more ids; its first line says what it decides.

    A rule that two services decide, each on what it knows, is entered by both; source and date are then the same.
    """

    def enter(decide: F) -> F:
        doc = (decide.__doc__ or "").strip()
        assert doc, f"{ids} needs a docstring that says what it decides"
        for id_ in ids:
            where = f"{decide.__module__}.{getattr(decide, '__qualname__', '')}"
            entry = Rule(id_, source, date.fromisoformat(since), doc.splitlines()[0], where)
            if (known := _BOOK.get(id_)) is None:
                _BOOK[id_] = entry
                continue
            is_elsewhere = _service(known.where) != _service(where)
            is_same = (known.source, known.since) == (entry.source, entry.since)
            assert is_elsewhere and is_same, f"rule {id_} is defined twice"
        return decide

    return enter


def _service(where: str) -> str:
    return ".".join(where.split(".")[:2])


def book() -> Mapping[str, Rule]:
    """All rules that are loaded, by id."""
    return MappingProxyType(_BOOK)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule's no, in words for the person who has to mend it."""

    rule: str
    message: Text
    cure: Text | None = None
    pointer: str | None = None
    severity: Severity = "BLOCK"

    def violation(self) -> Violation:
        """With the legal basis from the rulebook, ready for a problem document."""
        entry = _BOOK[self.rule]
        return Violation(self.rule, self.message, self.severity, entry.source, self.pointer, self.cure)

    def raised(self) -> RuleRefused:
        """The problem to raise when the recorded state breaks the rule."""
        return RuleRefused(self.message.en, self.message.zh, violations=(self.violation(),))


class Refused(ValueError):
    """Raised by parsers of values: the input alone breaks the rule."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message.en)
        self.refusal = refusal
