"""Linear probes: ridge regression whose strength is chosen on other patients, scored on patients it has not seen.

A probe tells what a layer holds ready, in a form that one more layer can read. It cannot tell what the network uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties that are tried, as multiples of the number of rows: features are standardised."""

Measure = Callable[[F64, NDArray[np.generic]], float]
"""(answers (n,) or (n, k), truth (n,)) to a score; larger is better, nan where it is undefined."""


def balanced_accuracy(answers: F64, truth: NDArray[np.generic]) -> float:
    """Mean over the classes present of the share of their rows that are told right; by chance 1 / number of classes."""
    said = answers.argmax(1)
    return float(np.mean([(said[truth == kind] == kind).mean() for kind in np.unique(truth)]))


def area(answers: F64, truth: NDArray[np.generic]) -> float:
    """Area under the receiver operating characteristic of answers (n,) for truth (n,) of 0 and 1; by chance 0.5."""
    there = np.asarray(truth, bool)
    n_there, n_not = int(there.sum()), int((~there).sum())
    if not n_there or not n_not:
        return float("nan")
    return float((ranks(answers)[there].sum() - n_there * (n_there + 1) / 2.0) / (n_there * n_not))


def rank_correlation(answers: F64, truth: NDArray[np.generic]) -> float:
    """Spearman's correlation of answers (n,) and truth (n,); by chance 0."""
    a, b = ranks(answers), ranks(np.asarray(truth, np.float64))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0.0 else float("nan")


def ranks(values: F64) -> F64:
    """Ranks (n,) from 1, those of equal values their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    out: F64 = (last - (counts - 1) / 2.0)[inverse.reshape(-1)]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """Answers are ``((x - mean) / scale) @ weight + offset``; `weight` is (n_features, n_answers)."""

    mean: F32
    scale: F32
    weight: F32
    offset: F64

    def answers(self, x: F32) -> F64:
        """Answers (n, n_answers) for rows (n, n_features)."""
        out: F64 = ((x - self.mean) / self.scale) @ self.weight + self.offset
        return out


class Rows:
    """Rows taken apart once, for ridge regressions of several answers and strengths.

    Parameters
    ----------
    x : ndarray of float32, shape (n, n_features)
    importance : ndarray of float64, shape (n,)
        Weight of each row.
    """

    def __init__(self, x: F32, importance: F64) -> None:
        share = importance / importance.sum()
        self._share = share
        self._mean = (share @ x).astype(np.float32)
        self._scale = (np.sqrt(share @ (x - self._mean) ** 2) + 1e-6).astype(np.float32)
        z = (x - self._mean) / self._scale
        self._weighed = z * share[:, None].astype(np.float32)
        self._gram = self._weighed.T @ z

    def ridge(self, y: F64, strength: float) -> Ridge:
        """The regression of answers (n, n_answers); `strength` is a multiple of the number of rows."""
        offset = self._share @ y
        sums = self._weighed.T @ (y - offset).astype(np.float32)
        weight = np.linalg.solve(
            self._gram + np.float32(strength) * np.eye(len(sums), dtype=np.float32), sums
        )
        return Ridge(self._mean, self._scale, weight, offset)


class Halves:
    """The patients' rows, and those of every second patient, taken apart once for all that is asked of them.

    Parameters
    ----------
    x, importance
        As for :class:`Rows`.
    patients : ndarray of int64, shape (n,)
        Whose each row is.
    """

    def __init__(self, x: F32, importance: F64, patients: I64) -> None:
        _, order = np.unique(patients, return_inverse=True)
        self._half = order.reshape(-1) % 2 == 0
        self._rest = x[~self._half]
        self._first, self._all = Rows(x[self._half], importance[self._half]), Rows(x, importance)

    def fit(self, y: F64, score: Callable[[F64, NDArray[np.bool_]], float]) -> Ridge:
        """The ridge of the strength that does best on the half of the patients that it was not fitted to.

        Parameters
        ----------
        y : ndarray of float64, shape (n, n_answers)
        score : callable
            (answers of the rows left out, which rows these are) to how good they are.
        """
        made = [self._first.ridge(y[self._half], strength) for strength in STRENGTHS]
        tried = [score(ridge.answers(self._rest), ~self._half) for ridge in made]
        best = STRENGTHS[int(np.nanargmax(tried))] if np.isfinite(tried).any() else STRENGTHS[-1]
        return self._all.ridge(y, best)


def replicates(
    measure: Measure, answers: F64, truth: NDArray[np.generic], patients: I64, n: int = 200, seed: int = 0
) -> F64:
    """`measure` (n,) of rows whose patients were drawn with replacement.

    The same patients are drawn whatever is measured, so replicates of two probes on the same rows are pairs.
    """
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(patients == who) for who in np.unique(patients)]
    found = []
    for _ in range(n):
        drawn = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        found.append(measure(answers[drawn], truth[drawn]))
    return np.array(found)


def interval(found: F64) -> tuple[float, float]:
    """The middle 95 % of replicates (n,), those without a value left out; nan where none has one."""
    kept = found[np.isfinite(found)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.percentile(kept, (2.5, 97.5))
    return float(low), float(high)
