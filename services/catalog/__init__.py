"""Catalog: the supply side.

Owns: patents and their holders' shares, the legal events recorded on them, listings and the acts
recorded on those, collections of listings and who follows them, imports and exports, reference
tables (IPC, industries, regions, universities).
Does not own: needs and rankings (matching), deals (licensing), who is who (gateway).
Reads the feeds of: licensing, for what is announced and licensed; oversight, for suppliers that may not deal.
Promises: a status is derived from recorded events; a listing that may not be offered is not
published; every change is on the feed in the transaction that made it.
"""
