"""What catalog does without being asked."""

from __future__ import annotations

from services.catalog.service import Catalog
from shared.loops import Loops


def loops(catalog: Catalog) -> Loops:
    """Imports, screenings, what a new day changes, what deals leave on record, suppliers that may not deal; feed wake-ups, and the tidying of what retention has ended."""
    found = Loops("catalog")
    found.add("imports", catalog.imports.work)
    found.add("screenings", catalog.screenings.work)
    found.add("aging", catalog.listings.age)
    found.add("deals", catalog.deals.follow)
    found.add("restrictions", catalog.restrictions.follow)
    found.add("market", catalog.restrictions.keep)
    found.add("feed", catalog.listen)
    found.add("tidy", catalog.tidy)
    return found
