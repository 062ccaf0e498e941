"""What oversight does without being asked. No order is among it: whether one stands follows from the calendar."""

from __future__ import annotations

from services.oversight.service import Oversight
from shared.loops import Loops


def loops(oversight: Oversight) -> Loops:
    """Feed wake-ups, and the tidying of what retention has ended."""
    found = Loops("oversight")
    found.add("feed", oversight.listen)
    found.add("tidy", oversight.tidy)
    return found
