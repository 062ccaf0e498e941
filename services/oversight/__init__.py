"""Oversight: trust, so far the orders that keep a party from dealing.

Owns: party restrictions, their lifting, appeals against them and how those were decided.
Does not own: who is who (gateway), what a restricted party may still do (licensing, catalog).
Reads the feeds of: none.
Promises: only a court, an authority or the platform's own rules restrict, never a mark in a credit record; every order
has a reason that its party reads and may appeal against; on the feed stand ids and days, no reasons.
"""
