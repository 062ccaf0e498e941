"""How written codes are made comparable, and how a coded string is shown in the OpenAPI document."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import Field, WithJsonSchema

_FOLDED = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad")),  # invisible: away
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
}

Raw = Annotated[str, Field(max_length=60)]


def fold(raw: str) -> str:
    """Full-width forms to ASCII, dashes to one, invisible characters and all blanks away: how codes are compared."""
    if raw.isascii():
        return "".join(raw.split())
    return "".join(unicodedata.normalize("NFKC", raw).split()).translate(_FOLDED)


def coded(pattern: str, example: str, description: str) -> WithJsonSchema:
    """The schema of a code's canonical form."""
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "examples": [example], "description": description, "maxLength": 60}
    )
