"""Weights of signals learned from what people said of matches: a small logistic regression, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.matching.engine.documents import Array

_PRIOR = 20.0  # how many judgments the mix that ships is worth
_FOLDS = 5


def learn(signals: Sequence[Sequence[float]], alike: Sequence[bool], shipped: Sequence[float]) -> list[float]:
    """Weights of signals, none below zero and together as much as the shipped ones, from judged pairs.

    Logistic regression on one score, sum of weight x signal: the weights start from the shipped ones and are drawn
    towards them as if by `_PRIOR` judgments; fixed steps of Newton's method, so that equal feedback gives equal weights.
    """
    x, y = np.array(signals), np.array(alike, float)
    start = np.array(shipped)
    weights, scale, shift = start.copy(), *_calibrated(x @ start, y)
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-(scale * (x @ weights) + shift)))
        slope = scale * x.T @ (p - y) + _PRIOR * scale**2 * (weights - start)
        bend = (scale * x).T @ ((p * (1 - p))[:, None] * (scale * x)) + _PRIOR * scale**2 * np.eye(len(start))
        weights = np.maximum(weights - np.linalg.solve(bend, slope), 0.0)
        weights *= start.sum() / max(weights.sum(), 1e-12)
        scale, shift = _calibrated(x @ weights, y)
    return [round(float(weight), 4) for weight in weights]


def _calibrated(score: Array, y: Array) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of a score, with a whisper of a penalty."""
    found = np.zeros(2)
    x = np.column_stack((score, np.ones_like(score)))
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-(x @ found)))
        slope = x.T @ (p - y) + 1e-3 * found
        bend = x.T @ ((p * (1 - p))[:, None] * x) + 1e-3 * np.eye(2)
        found = found - np.linalg.solve(bend, slope)
    return float(found[0]), float(found[1])


def log_losses(
    needs: Sequence[str], signals: Sequence[Sequence[float]], alike: Sequence[bool], shipped: Sequence[float]
) -> tuple[float, float]:
    """How badly unseen feedback is foretold, by learned weights and by the shipped ones: needs in five folds by id."""
    fold = np.array([sum(need.encode()) % _FOLDS for need in needs])
    x, y = np.array(signals), np.array(alike, float)
    losses = np.zeros((2, y.size))
    judged = np.zeros(y.size, bool)
    for number in range(_FOLDS):
        seen, unseen = fold != number, fold == number
        if not unseen.any() or len(set(y[seen])) < 2:
            continue
        judged |= unseen
        for row, weights in enumerate((learn(x[seen].tolist(), y[seen].tolist(), shipped), shipped)):
            scale, shift = _calibrated(x[seen] @ np.array(weights), y[seen])
            p = np.clip(1.0 / (1.0 + np.exp(-(scale * (x[unseen] @ np.array(weights)) + shift))), 1e-9, 1 - 1e-9)
            losses[row, unseen] = -(y[unseen] * np.log(p) + (1 - y[unseen]) * np.log(1 - p))
    learned, plain = losses[:, judged].mean(axis=1).tolist() if judged.any() else (0.0, 0.0)
    return learned, plain
