"""Confusion matrices and what is read off them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from train.study.config import CLASSES, SCORED

N = len(CLASSES)


def confusion(
    c: NDArray[np.int64], answer: NDArray[np.int64], weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Matrix (4, 4): label in rows, answer in columns, N S V F."""
    flat = np.bincount(c * N + answer, weights=weight, minlength=N * N)
    out: NDArray[np.float64] = flat.reshape(N, N).astype(np.float64)
    return out


def f1(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 (..., 4) of each class, of matrices (..., 4, 4); 0 where there is neither label nor answer."""
    hit = np.einsum("...ii->...i", matrix)
    both = matrix.sum(-1) + matrix.sum(-2)
    out: NDArray[np.float64] = 2.0 * hit / np.maximum(both, 1e-9)
    return out


def macro_f1(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean F1 (...) over N, S and V of matrices (..., 4, 4). F beats count where they are called N, S or V, and N, S
    and V beats where they are called F."""
    out: NDArray[np.float64] = f1(matrix)[..., :SCORED].mean(-1)
    return out


def scores_of(matrix: NDArray[np.float64]) -> dict[str, float]:
    """macro_f1, and se_, ppv_ and f1_ of each class (0 where there is nothing to divide by)."""
    hit = np.diag(matrix)
    se = hit / np.maximum(matrix.sum(1), 1e-9)
    ppv = hit / np.maximum(matrix.sum(0), 1e-9)
    out = {"macro_f1": float(macro_f1(matrix))}
    for name, values in (("se", se), ("ppv", ppv), ("f1", f1(matrix))):
        out |= {f"{name}_{c}": float(v) for c, v in zip(CLASSES, values, strict=True)}
    return out


def matrix_of(counts: Mapping[str, list[int]]) -> NDArray[np.float64]:
    """All records' counts (see :class:`train.study.record.Run`) as one matrix (4, 4)."""
    out: NDArray[np.float64] = np.sum([np.reshape(v, (N, N)) for v in counts.values()], 0, dtype=np.float64)
    return out


def pooled(many: Iterable[Mapping[str, list[int]]]) -> dict[str, NDArray[np.float64]]:
    """Matrix (4, 4) of each record over several runs (folds, seeds)."""
    out: dict[str, NDArray[np.float64]] = {}
    for counts in many:
        for name, flat in counts.items():
            out[name] = out.get(name, np.zeros((N, N))) + np.reshape(flat, (N, N))
    return out
