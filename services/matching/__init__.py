"""Matching: the demand side, and what the platform exists for.

Owns: technology needs and their versions, the index, rankings and their explanations.
Does not own: patents and listings (catalog), deals (licensing), who is who (gateway).
Reads the feeds of: catalog (`listing.*`), into an index on disk that carries its own cursor.
Promises: a ranking is exact, explained to the last digit and reproducible; a listing withdrawn is
gone within a second; the text of a need reaches no log, no feed and no other organization.
"""
