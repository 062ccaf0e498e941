"""What the gateway does without being asked."""

from __future__ import annotations

from services.gateway.service import Gateway
from shared.loops import Loops


def loops(gateway: Gateway) -> Loops:
    """Feed wake-ups and tidying."""
    found = Loops("gateway")
    found.add("feed", gateway.listen)
    found.add("tidy", gateway.tidy)
    return found
