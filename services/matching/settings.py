"""Matching's settings: `DUIJIE_MATCHING_…`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.settings import Settings


class MatchingSettings(Settings):
    """What an operator may set."""

    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    need_days: Annotated[int, Field(ge=1, le=3650)] = 180  # how long a published need stays open
    rankings_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    semantic: bool = False  # rank by meaning too; needs the extra [semantic]
    ray: str | None = Field(default=None, pattern=r"^(auto|[^\s/]+:\d{1,5})$")  # listings' index on a Ray cluster
    shards: Annotated[int, Field(ge=1, le=1_000)] = 4  # on so many processes there
    shards_folder: Path | None = None  # for their checkpoints, under one name on every node; else beside the index
    catalog_url: str = Field(default="http://catalog", pattern=r"^https?://")  # where `serve matching` finds catalog
