"""The rule of the quality gate with other limits: would a search by folds find better ones than those set by hand?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.signal_measures import NoiseLimits
from train.gate_windows import LETHAL, NAMES, NOISE, SIGNAL, SOURCES

if TYPE_CHECKING:
    from train.fit_gate import Examples, Flags

BOUNDS: dict[str, tuple[float, float]] = {
    "muscle_fast": (0.15, 0.40),
    "muscle_busy": (0.04, 0.20),
    "motion_busy": (0.08, 0.24),
    "motion_low": (0.40, 0.80),
    "motion_wander": (0.04, 0.30),
    "motion_middle": (0.15, 0.50),
    "motion_peak_share": (0.40, 0.90),
    "motion_peak_hz": (2.0, 5.0),
    "motion_ratio": (0.2, 1.5),
}
"""Between what a limit is looked for. `min_range_mv` stays: below it a heart may be standing still."""

MOST_MOVED = 3
"""Limits that one try moves."""

FAR, NEAR = 0.25, 0.075
"""How far they are moved in the first half of the tries and in the second: standard deviation, by the bounds' width."""

EVERY = 4
"""Of the other signals, whose looks are most, every so-maniest is searched on."""


def noisy(measures: NDArray[np.float64], limits: NoiseLimits) -> NDArray[np.bool_]:
    """What :func:`edge.signal_measures.noise_reason` calls noise, of measures (n, 11) as in ``train.gate_windows``."""
    m = dict(zip(NAMES, measures.T, strict=True))
    muscle = (m["fast"] > limits.muscle_fast) & (m["busy"] > limits.muscle_busy)
    motion = (
        (m["busy"] > limits.motion_busy)
        & (m["wander"] + m["slow"] > limits.motion_low)
        & (m["wander"] > limits.motion_wander)
        & (m["middle"] < limits.motion_middle)
        & (m["wander"] > limits.motion_ratio * m["middle"])
        & (m["peak_share"] < limits.motion_peak_share)
        & (m["peak_hz"] < limits.motion_peak_hz)
    )
    found: NDArray[np.bool_] = (m["range_mv"] >= limits.min_range_mv) & (muscle | motion)
    return found


def fit_limits(data: Examples, mine: Flags, tries: int, seed: int) -> NoiseLimits:
    """Limits that find the most noise among the looks `mine`, with no more lethal rhythms or other signals called so.

    From those set by hand on, up to :data:`MOST_MOVED` are moved at random; what is better is kept.
    """
    rng = np.random.default_rng(seed)
    plain = data.is_kind(SIGNAL)
    at = np.flatnonzero(mine & (~plain | (np.cumsum(plain) % EVERY == 0)))
    # Columns one after another in memory: each is compared as a whole, thousands of times.
    measures, truth = np.asfortranarray(data.measures[at]), data.truth[at]
    best = NoiseLimits()
    most = by_hand = _shares(noisy(measures, best), truth)
    for k in range(tries):
        far = FAR if k < tries // 2 else NEAR
        tried = best
        for name in rng.choice(list(BOUNDS), rng.integers(1, MOST_MOVED + 1), replace=False):
            low, high = BOUNDS[name]
            value = getattr(tried, name) + far * (high - low) * rng.normal()
            tried = replace(tried, **{name: round(float(np.clip(value, low, high)), 3)})
        shares = _shares(noisy(measures, tried), truth)
        no_worse = all(shares[kind] <= by_hand[kind] for kind in (LETHAL, SIGNAL))
        if no_worse and shares[NOISE] > most[NOISE]:
            best, most = tried, shares
    return best


def _shares(flags: Flags, truth: NDArray[np.int8]) -> dict[str, float]:
    """What share is flagged of each kind, the mean of its sources; 0 where there is none."""
    n = np.bincount(truth, minlength=len(SOURCES) + 1)[1:]
    each = np.bincount(truth, weights=flags, minlength=len(SOURCES) + 1)[1:] / np.maximum(n, 1)
    kinds = np.array([kind for _, kind in SOURCES])
    there = {kind: each[(kinds == kind) & (n > 0)] for kind in (NOISE, SIGNAL, LETHAL)}
    return {kind: float(shares.mean()) if len(shares) else 0.0 for kind, shares in there.items()}
