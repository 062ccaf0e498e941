"""What licensing does without being asked. No deadline is among it: states follow from the calendar when they are read."""

from __future__ import annotations

from services.licensing.service import Licensing
from shared.loops import Loops


def loops(licensing: Licensing) -> Loops:
    """What ends with its patent, reminders, feed wake-ups, and the tidying of what retention has ended."""
    found = Loops("licensing")
    found.add("facts", licensing.facts.follow)
    found.add("reminders", licensing.deadlines.watch)
    found.add("feed", licensing.listen)
    found.add("tidy", licensing.tidy)
    return found
