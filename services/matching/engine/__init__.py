"""The engine: pure numeric code. Text becomes terms, terms columns, a need an exact ranking.

`Index` is the seam: whatever stands behind it answers exactly what scikit-learn's `TfidfTransformer`
and a cosine would answer on the same weighted term counts, with ties broken by id.

text → documents (what goes in and comes out) → segment (columns; `bulk`: of many texts at once) → kernels (loops)
→ shelf (where they lie) → index (what a need is answered) → store.
"""

from services.matching.engine.bulk import Cut, cut
from services.matching.engine.documents import Condition, Document, Draft, Hit, Leaf, Query, Vocabulary
from services.matching.engine.index import MIX, Engine, Found, Index, Mix, Ranking, Snapshot
from services.matching.engine.shelf import Change
from services.matching.engine.text import FIELDS, TOKENIZER, characters, fold, places, tagged, telling, terms

__all__ = [
    "FIELDS", "MIX", "TOKENIZER", "Change", "Condition", "Cut", "Document", "Draft", "Engine", "Found", "Hit", "Index", "Leaf", "Mix", "Query", "Ranking",
    "Snapshot", "Vocabulary", "characters", "cut", "fold", "places", "tagged", "telling", "terms",
]  # fmt: skip
