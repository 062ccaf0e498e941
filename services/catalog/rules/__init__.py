"""Catalog's decisions: pure, named, sourced, dated."""

from services.catalog.rules import eligibility, events, fees, listing, status, term

__all__ = ["eligibility", "events", "fees", "listing", "status", "term"]
