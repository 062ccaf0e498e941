"""How written codes are made comparable, and how a coded string is shown in the OpenAPI document."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import Field, WithJsonSchema

_INVISIBLE = {"\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2060", "\ufeff", "\u00ad"}
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")

Raw = Annotated[str, Field(max_length=60)]


def fold(raw: str) -> str:
    """Full-width forms to ASCII, dashes to one, invisible characters and all blanks away: how codes are compared."""
    folded = unicodedata.normalize("NFKC", raw).translate(_DASHES)
    return "".join(c for c in folded if c not in _INVISIBLE and not c.isspace())


def coded(pattern: str, example: str, description: str) -> WithJsonSchema:
    """The schema of a code's canonical form."""
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "examples": [example], "description": description, "maxLength": 60}
    )
