"""Catalog's decisions: pure, named, sourced, dated."""

from services.catalog.rules import listing, status, term

__all__ = ["listing", "status", "term"]
