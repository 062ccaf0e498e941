"""What matching does without being asked."""

from __future__ import annotations

from services.matching.service import Matching
from shared.loops import Loops


def loops(matching: Matching) -> Loops:
    """The indexes follow their feeds and keep themselves in order; runs, subscriptions; feed wake-ups; tidying."""
    found = Loops("matching")
    found.add("index", matching.indexing.follow)
    found.add("index-care", matching.indexing.tend)
    found.add("index-of-needs", matching.demand.follow)
    found.add("index-of-needs-care", matching.demand.tend)
    found.add("vocabulary", matching.tuning.follow)
    found.add("classes-of-needs", matching.demanded.classify)
    found.add("runs", matching.runs.work)
    found.add("subscriptions-to-listings", matching.subscriptions.follow_listings)
    found.add("subscriptions-to-needs", matching.subscriptions.follow_needs)
    found.add("deliveries", matching.subscriptions.tell)
    found.add("feed", matching.listen)
    found.add("tidy", matching.tidy)
    return found
