"""Catalog over HTTP."""

from services.catalog.api import collections, imports, listings, patents, portfolio, record, reference
from services.catalog.api.base import router

# The modules enter their routes into the router.
__all__ = ["collections", "imports", "listings", "patents", "portfolio", "record", "reference", "router"]
