"""What licensing does without being asked. No deadline waits for it: what a calendar decides is decided when it is read."""

from __future__ import annotations

from services.licensing.service import Licensing
from shared.loops import Loops


def loops(licensing: Licensing) -> Loops:
    """What ends with its patent, who may not deal, what silence has settled, reminders, feed wake-ups, and the tidying."""
    found = Loops("licensing")
    found.add("facts", licensing.facts.follow)
    found.add("restrictions", licensing.follow_orders)
    found.add("silence", licensing.silence.watch)
    found.add("reminders", licensing.deadlines.watch)
    found.add("feed", licensing.listen)
    found.add("tidy", licensing.tidy)
    return found
