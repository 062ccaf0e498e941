"""scikit-learn as the judge of the engine: the same weighted counts, its own arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics.pairwise import linear_kernel

from services.matching.engine import FIELDS, Document


class Judge:
    """TfidfTransformer(sublinear_tf=True) and the cosine, over a corpus in a given order."""

    def __init__(self, documents: Sequence[Document]) -> None:
        counted = [_sum(document.counts) for document in documents]
        self._column = {
            term: column for column, term in enumerate(sorted({term for words in counted for term in words}))
        }
        self._transformer = TfidfTransformer(sublinear_tf=True)
        self._matrix = self._transformer.fit_transform(self._table(counted)) if self._column else None

    def _table(self, counted: Sequence[Mapping[str, float]]) -> csr_array:
        cells = [
            (row, self._column[term], count)
            for row, words in enumerate(counted)
            for term, count in words.items()
            if term in self._column
        ]
        rows, columns, counts = zip(*cells, strict=True) if cells else ((), (), ())
        shape = (len(counted), len(self._column))
        return csr_array((np.asarray(counts, dtype=float), (rows, columns)), shape=shape)

    def scores(self, counts: Mapping[str, float], documents: int) -> npt.NDArray[np.float64]:
        """The cosine of a query with every document, shape (n_documents,)."""
        if self._matrix is None:
            return np.zeros(documents)
        return linear_kernel(self._transformer.transform(self._table([counts])), self._matrix)[0]


def _sum(counts: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for field, words in counts.items():
        for term, occurrences in words.items():
            total[term] = total.get(term, 0) + FIELDS[field] * occurrences
    return total
