"""Oversight's settings: `DUIJIE_OVERSIGHT_…`."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Settings


class OversightSettings(Settings):
    """What an operator may set."""

    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    gateway_url: str = Field(
        default="http://gateway", pattern=r"^https?://"
    )  # where `serve oversight` finds the gateway
