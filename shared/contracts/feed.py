"""The wire form of a change feed."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.contracts.wire import Instant, Reply


class Change(Reply):
    """A fact, in the past tense; changes only ever gain fields."""

    position: int = Field(description="Rises from change to change; numbers may have gaps")
    type: str = Field(examples=["listing.published"])
    subject: str = Field(description="Id of the thing that changed")
    audience: str = Field(description="An organization's id, or `public`, or `services`")
    at: Instant
    data: dict[str, Any]


class FeedPage(Reply):
    """Changes after a position, in order; of all types, or of those that were asked for."""

    epoch: str = Field(description="Renewed when history was restored from a backup")
    head: int = Field(description="Position of the last change that exists")
    reached: int = Field(description="Ask on from here: up to there nothing else was of the types asked for")
    items: list[Change]
