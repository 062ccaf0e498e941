"""Catalog over HTTP."""

from services.catalog.api import imports, listings, patents, record, reference
from services.catalog.api.base import router

__all__ = [
    "imports",
    "listings",
    "patents",
    "record",
    "reference",
    "router",
]  # the modules enter their routes into the router
