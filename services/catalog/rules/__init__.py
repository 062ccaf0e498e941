"""Catalog's decisions: pure, named, sourced, dated."""

from services.catalog.rules import eligibility, events, fees, holders, inventory, listing, screening, status, term

__all__ = ["eligibility", "events", "fees", "holders", "inventory", "listing", "screening", "status", "term"]
