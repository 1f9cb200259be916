"""What every network is compared with: boosted trees on RR and QRS width, and the nearest training beat."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train.study.beats import F32, I64, Beats, shares, thinned, windows
from train.study.config import TaskConfig
from train.study.record import Cost

MOST_NEIGHBOURS = 16384
"""The nearest one is looked for among so many training beats; N are thinned first."""

BEATS_S = 1.25
"""75 beats a minute."""

FEATURES = ("rr_s", "rr_before_s", "rr_to_8", "rr_to_32", "rr_before_to_8", "qrs_width_s")


def features(beats: Beats) -> F32:
    """What the trees see of each beat (n, 6), :data:`FEATURES`: all known 250 ms after the R-peak.

    The last two intervals [s], their ratios to the mean of the 8 and 32 before, and the width of the QRS [s].
    """
    out = np.zeros((len(beats), len(FEATURES)), np.float32)
    for k, lead in enumerate(beats.leads):
        of_lead = np.flatnonzero(beats.lead == k)
        at = np.searchsorted(lead.r, beats.r[of_lead] - 0.5)
        rr = np.diff(lead.r, prepend=lead.r[:1] - beats.fs) / beats.fs
        total = np.concatenate([[0.0], np.cumsum(rr)])
        mean8, mean32 = (
            (total[at] - total[np.maximum(at - m, 0)]) / np.maximum(np.minimum(at, m), 1) for m in (8, 32)
        )
        before = rr[np.maximum(at - 1, 0)]
        out[of_lead, 0], out[of_lead, 1] = rr[at], before
        out[of_lead, 2], out[of_lead, 3] = rr[at] / (mean8 + 1e-3), rr[at] / (mean32 + 1e-3)
        out[of_lead, 4] = before / (mean8 + 1e-3)
        out[of_lead, 5] = qrs_width(lead.x[:, 0], lead.r[at], beats.fs)
    return out


def qrs_width(x: F32, r: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Width [s] of each QRS (n,): of the middle nine tenths of the slope's energy within 160 ms of the R-peak."""
    half = round(0.16 * fs)
    at = np.clip(np.rint(r).astype(np.int64), half + 1, len(x) - half - 2)
    energy = np.cumsum(np.square(np.diff(x))[at[:, None] + np.arange(-half, half + 1)], 1)
    energy /= energy[:, -1:] + 1e-12
    out: NDArray[np.float64] = ((energy < 0.95).sum(1) - (energy < 0.05).sum(1)) / fs
    return out


class Trees:
    """Gradient-boosted trees (scikit-learn's histogram ones), classes weighed as the networks are shown them."""

    def __init__(self, seed: int, rounds: int = 200) -> None:
        try:
            from sklearn.ensemble import HistGradientBoostingClassifier
        except ImportError:
            raise BadInput("the trees need scikit-learn: pip install 'heartwire[train]'") from None
        self.model: Any = HistGradientBoostingClassifier(
            max_iter=rounds, learning_rate=0.05, max_leaf_nodes=15, random_state=seed, early_stopping=False
        )

    def fit(self, beats: Beats) -> None:
        """Learn from all beats."""
        n_class = np.bincount(beats.c, minlength=4)
        weight = (shares(beats) / np.maximum(n_class, 1))[beats.c]
        self.model.fit(features(beats), beats.c, sample_weight=weight / weight.mean())

    def answers(self, beats: Beats) -> I64:
        """Class (n,) of each beat."""
        out: I64 = self.model.predict(features(beats)).astype(np.int64)
        return out

    def cost(self) -> Cost:
        """Nodes for parameters (a threshold or a value each); a comparison is no multiplication."""
        n_nodes = sum(len(tree.nodes) for row in self.model._predictors for tree in row)
        one = np.zeros((1, len(FEATURES)), np.float32)
        us = median_us(lambda: self.model.predict(one), 50)
        return Cost(n_nodes, 0.0, 0.0, 8 * n_nodes, 34 * 4, us, "beat", us * BEATS_S, "scikit-learn")


class Nearest:
    """The class of the nearest training window: it remembers all, and has learned nothing."""

    def __init__(self, beats: Beats, task: TaskConfig) -> None:
        self.task, self.beats = task, thinned(beats, MOST_NEIGHBOURS)
        self.x = windows(self.beats, task)
        self.square = np.square(self.x).sum(1)

    def answers(self, beats: Beats, itself: bool = False) -> I64:
        """Class (n,) of each beat's nearest one; with `itself`, not counting windows at distance 0."""
        out = np.zeros(len(beats), np.int64)
        for start in range(0, len(beats), 512):
            part = beats.part(np.arange(start, min(start + 512, len(beats))))
            x = windows(part, self.task)
            far = self.square[None] - 2.0 * (x @ self.x.T)
            if itself:
                far[far + np.square(x).sum(1)[:, None] < 1e-3] = np.inf
            out[start : start + 512] = self.beats.c[far.argmin(1)]
        return out

    def cost(self) -> Cost:
        """A multiplication for each sample of each remembered beat."""
        x = self.x[:1]
        us = median_us(lambda: int((self.square - 2.0 * (self.x @ x[0])).argmin()), 20)
        macs = float(self.x.size)
        n = self.task.n_window
        return Cost(
            self.x.size, macs, macs * BEATS_S, 4 * self.x.size, 4 * n, us, "beat", us * BEATS_S, "numpy"
        )


def median_us(call: Any, times: int) -> float:
    """Median time of a call [us], after one that is not counted."""
    call()
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        took.append((time.perf_counter() - begun) * 1e6)
    return float(np.median(took))
