"""Licensing: deals, from a declaration or a notice to a license in force.

Owns: open-license declarations and requests, payments, licenses.
Does not own: patents and their status (catalog), needs (matching), who is who (gateway).
Reads the feeds of: catalog, for what ends with a patent; oversight, for who may not deal. Asks both afresh before
every act that cannot be taken back.
Promises: what the law gives, nobody approves; terms never change under a notice; every amount is exact;
a state follows from recorded acts and the calendar, whatever process was up at midnight.
"""
