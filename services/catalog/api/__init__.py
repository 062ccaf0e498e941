"""Catalog over HTTP."""

from services.catalog.api import collections, exports, imports, listings, patents, portfolio, record, reference
from services.catalog.api.base import router

# The modules enter their routes into the router: exports first, for /patents/export is no patent's id.
__all__ = ["collections", "exports", "imports", "listings", "patents", "portfolio", "record", "reference", "router"]
