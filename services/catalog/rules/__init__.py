"""Catalog's decisions: pure, named, sourced, dated."""

from services.catalog.rules import eligibility, events, fees, inventory, listing, screening, status, term

__all__ = ["eligibility", "events", "fees", "inventory", "listing", "screening", "status", "term"]
