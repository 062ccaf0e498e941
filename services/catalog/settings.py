"""Catalog's settings: `DUIJIE_CATALOG_…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.settings import Settings


class CatalogSettings(Settings):
    """What an operator may set."""

    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    review_listings: bool = False  # True: the operator publishes; False: a listing that passes all rules goes live
    matching_url: str = Field(default="http://matching", pattern=r"^https?://")  # where `serve catalog` finds matching
    gateway_url: str = Field(default="http://gateway", pattern=r"^https?://")  # and the gateway, for documents
    licensing_url: str = Field(default="http://licensing", pattern=r"^https?://")  # and licensing, for its feed
    oversight_url: str = Field(default="http://oversight", pattern=r"^https?://")  # and oversight, for its feed
    import_chunk_rows: Annotated[int, Field(ge=1, le=5_000)] = 500


FRESH_DAYS = 30  # how long a look at the register counts
