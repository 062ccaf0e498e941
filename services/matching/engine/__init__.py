"""The engine: pure numeric code. Text becomes terms, terms a matrix, a need an exact ranking.

`Index` is the seam: whatever stands behind it answers exactly what scikit-learn's `TfidfTransformer`
and a cosine would answer on the same weighted term counts, with ties broken by id.
"""

from services.matching.engine.index import (
    Document,
    FlatIndex,
    Hit,
    Index,
    Leaf,
    Query,
    Ranking,
)
from services.matching.engine.text import FIELDS, TOKENIZER, terms

__all__ = ["FIELDS", "TOKENIZER", "Document", "FlatIndex", "Hit", "Index", "Leaf", "Query", "Ranking", "terms"]
