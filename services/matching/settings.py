"""Matching's settings: `DUIJIE_MATCHING_…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.settings import Settings


class MatchingSettings(Settings):
    """What an operator may set."""

    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    need_days: Annotated[int, Field(ge=1, le=3650)] = 180  # how long a published need stays open
    rankings_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    semantic: bool = False  # rank by meaning too; needs the extra [semantic]
    catalog_url: str = Field(default="http://catalog", pattern=r"^https?://")  # where `serve matching` finds catalog
