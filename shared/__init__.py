"""The kernel, and what crosses the wire between services.

A thing belongs here only if it would be word for word the same in a hotel-booking company (kernel),
or if two services exchange it (contracts, clients). No table, rule, threshold or default that a
lawyer or a product owner could change.
"""
