"""Gateway's settings: `DUIJIE_GATEWAY_…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.settings import Settings

PerMinute = Annotated[int, Field(ge=1, le=100_000_000)]


class GatewaySettings(Settings):
    """What an operator may set. Quotas are requests per minute, counted in this process."""

    database_url: str | None = Field(default=None, pattern=r"^postgresql://")
    client_per_minute: PerMinute = 6_000
    organization_per_minute: PerMinute = 12_000
    address_per_minute: PerMinute = 1_200  # callers without a token, by address
    token_per_minute: PerMinute = 60  # attempts at the token endpoint, by address and by client
    catalog_url: str = Field(default="http://catalog", pattern=r"^https?://")
    matching_url: str = Field(default="http://matching", pattern=r"^https?://")
    licensing_url: str = Field(default="http://licensing", pattern=r"^https?://")
    oversight_url: str = Field(default="http://oversight", pattern=r"^https?://")
