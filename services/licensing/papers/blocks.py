"""What a paper is made of, whatever it is printed as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import Text


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of an article."""

    text: Text


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph."""

    text: Text


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: heads, and rows; a plain `str` is the same in every language."""

    heads: Sequence[Text]
    rows: Sequence[Sequence[str | Text]]


@dataclass(frozen=True, slots=True)
class Signatures:
    """Room for the signatures, one column a side."""

    sides: Sequence[Text]


Block = Heading | Para | Rows | Signatures


@dataclass(frozen=True, slots=True)
class Paper:
    """A document with its title, its number (of what, says `numbered`), and what follows."""

    title: Text
    number: str
    blocks: Sequence[Block]
    numbered: str = "编号"


def same(text: str) -> Text:
    """Text of the parties' own, which nobody translates."""
    return Text(text, text)
