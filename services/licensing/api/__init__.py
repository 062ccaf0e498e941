"""Licensing over HTTP."""

from services.licensing.api import days, income, licenses, negotiation, open_licenses, payments, quick_licenses
from services.licensing.api.base import router

__all__ = ["days", "income", "licenses", "negotiation", "open_licenses", "payments", "quick_licenses", "router"]
