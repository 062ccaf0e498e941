"""What matching does without being asked."""

from __future__ import annotations

from services.matching.service import Matching
from shared.loops import Loops


def loops(matching: Matching) -> Loops:
    """The index follows catalog and keeps itself in order; feed wake-ups; tidying."""
    found = Loops("matching")
    found.add("index", matching.indexing.follow)
    found.add("index-care", matching.indexing.tend)
    found.add("feed", matching.listen)
    found.add("tidy", matching.tidy)
    return found
