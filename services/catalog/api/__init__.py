"""Catalog over HTTP."""

from services.catalog.api import collections, imports, listings, patents, reference
from services.catalog.api.base import router

__all__ = [
    "collections",
    "imports",
    "listings",
    "patents",
    "reference",
    "router",
]  # the modules enter their routes into the router
