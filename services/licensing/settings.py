"""Licensing's settings: `DUIJIE_LICENSING_…`."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Settings


class LicensingSettings(Settings):
    """What an operator may set."""

    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    catalog_url: str = Field(default="http://catalog", pattern=r"^https?://")  # where `serve licensing` finds catalog
    gateway_url: str = Field(default="http://gateway", pattern=r"^https?://")  # and the gateway, for documents
    oversight_url: str = Field(default="http://oversight", pattern=r"^https?://")  # and oversight, for restrictions
