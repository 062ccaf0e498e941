"""Licensing's rules: pure decisions about declarations, notices, payments and periods."""

from services.licensing.rules import declaration, notice, parties, payment, periods, recordal, terms

__all__ = ["declaration", "notice", "parties", "payment", "periods", "recordal", "terms"]
