"""How good a fusion's answers are, as `bxb` counts them, and the factors that its probabilities need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.fusion import N_CLASSES
from train.beat_rows import F32, UNKNOWN, Rows

LEARNING_S = 300.0
"""Scores leave out the first five minutes, as EC57 does."""

S_FACTORS, V_FACTORS = (0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0), (0.1, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5)


def table(probs: Sequence[F32], rows: Sequence[Rows]) -> NDArray[np.int64]:
    """Confusion matrix (true, called), the sixth row being false peaks; the first five minutes left out."""
    out = np.zeros((N_CLASSES + 1, N_CLASSES), np.int64)
    for p, r in zip(probs, rows, strict=True):
        late = r.at_s >= LEARNING_S
        np.add.at(out, (r.c[late], p[late].argmax(1)), 1)
    return out


def rates(t: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """Percent of S and V, as `bxb` counts them: F or Q called V is no false V, nor is V or F called S a false S."""
    counted = {"S": (1, (0, 5)), "V": (2, (0, 1, 5))}
    out = {}
    for name, (k, false) in counted.items():
        se = 100.0 * t[k, k] / max(1, t[k].sum())
        ppv = 100.0 * t[k, k] / max(1, t[k, k] + t[list(false), k].sum())
        out[name] = {
            "se": round(float(se), 2),
            "ppv": round(float(ppv), 2),
            "f1": round(float(2 * se * ppv / max(1e-9, se + ppv)), 2),
        }
    return out


def calibration_error(probs: F32, c: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error of the class called (Guo et al., ICML 2017), in percent."""
    sure, right = probs.max(1), probs.argmax(1) == c
    at = np.minimum((sure * bins).astype(int), bins - 1)
    gap = sum(abs(sure[at == k].sum() - right[at == k].sum()) for k in range(bins))
    return round(float(100.0 * gap / max(1, len(c))), 3)


def scores(shown: list[Rows], answered: list[tuple[F32, F32]]) -> dict[str, object]:
    """S and V in percent of all and by database, early and final, and how far the probabilities are off."""
    classes = np.concatenate([r.c for r in shown])
    known = classes != UNKNOWN
    out: dict[str, object] = {}
    for k, name in enumerate(("early", "final")):
        probs = [pair[k] for pair in answered]
        by_database = {}
        for database in ("mitdb", "svdb"):
            at = [i for i, r in enumerate(shown) if r.patient.startswith(database)]
            by_database[database] = rates(table([probs[i] for i in at], [shown[i] for i in at]))
        error = calibration_error(np.concatenate(probs)[known], classes[known])
        out[name] = {"all": rates(table(probs, shown)), **by_database, "ece": error}
    return out


def spread_of(results: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Mean and standard deviation over fits of F1 as :func:`scores` gives it: S and V, early and final, and the sum."""
    each = {
        f"{name} {kind}": [r[name]["all"][kind]["f1"] for r in results]
        for name in ("early", "final")
        for kind in ("S", "V")
    }
    each["sum"] = [sum(four) for four in zip(*each.values(), strict=True)]
    return {
        name: [round(float(np.mean(f1)), 2), round(float(np.std(f1, ddof=1)), 2)] for name, f1 in each.items()
    }


def chosen_factors(shown: list[Rows], answered: list[tuple[F32, F32]]) -> tuple[float, float]:
    """Factors on the probabilities of S and V that give the largest sum of their F1, early and final together.

    The class weights of the loss make both too probable; by how much, patients held out decide.
    """

    def worth(factors: tuple[float, float]) -> float:
        total = 0.0
        for k in (0, 1):
            found = rates(table([weighed(pair[k], factors) for pair in answered], shown))
            total += found["S"]["f1"] + found["V"]["f1"]
        return total

    return max(((s, v) for s in S_FACTORS for v in V_FACTORS), key=worth)


def weighed(probs: F32, factors: tuple[float, float]) -> F32:
    """Probabilities (n, 5) with those of S and V multiplied, and made to sum to 1 again."""
    out = probs.copy()
    out[:, 1] *= factors[0]
    out[:, 2] *= factors[1]
    return np.asarray(out / out.sum(1, keepdims=True), np.float32)
