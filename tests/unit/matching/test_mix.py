"""How much a need's field counts: more where no listing speaks its words, less where one does."""

from __future__ import annotations

import numpy as np
import pytest

from services.matching.engine import MIX, Mix
from services.matching.engine.index import FOREIGN, SPOKEN
from services.matching.engine.shelf import Candidates


def heeding(best: float, mix: Mix = MIX) -> Mix:
    nearest = Candidates.together([])._replace(characters=np.array([best / 2, best]))
    return mix.heeding(nearest)


@pytest.mark.parametrize("mix", [MIX, Mix(0.1, 0.5, 0.3, 0.1), Mix(0.2, 0.8, 0.0), Mix(0.0, 0.0, 1.0), Mix(0, 0, 0)])
@pytest.mark.parametrize("best", [0.0, FOREIGN, 0.3, SPOKEN, 0.45, 1.0])
def test_the_sum_stays_and_nothing_falls_below_zero(best: float, mix: Mix) -> None:
    heeded = heeding(best, mix)
    assert sum(heeded) == pytest.approx(sum(mix))
    assert min(heeded) >= 0
    assert (heeded.classes > 0) == (mix.classes > 0)


def test_the_more_its_words_are_spoken_the_less_its_classes_weigh() -> None:
    weights = [heeding(best).classes for best in (0.0, FOREIGN, 0.3, SPOKEN, 0.45, 0.5, 1.0)]
    assert weights[0] == weights[1] > weights[2] > weights[3] > weights[4] > weights[5] == weights[6]
    assert heeding(SPOKEN).classes == pytest.approx(MIX.classes)


def test_a_need_without_any_neighbor_is_foreign() -> None:
    assert MIX.heeding(Candidates.together([])) == heeding(0.0)
