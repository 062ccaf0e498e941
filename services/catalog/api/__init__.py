"""Catalog over HTTP."""

from services.catalog.api import exports, imports, listings, patents, reference
from services.catalog.api.base import router

# The modules enter their routes into the router: exports first, for /patents/export is no patent's id.
__all__ = ["exports", "imports", "listings", "patents", "reference", "router"]
