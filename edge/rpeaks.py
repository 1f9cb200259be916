"""R-peaks from the GRU's QRS posterior, and their time refined on the filtered lead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.windows import Ring

REFRACTORY = 25
"""Samples (200 ms at 125 Hz): no two beats are closer (the refractory time of Pan and Tompkins, 1985)."""

SEARCH_BACK, SEARCH_AHEAD = 8, 4
"""The R-peak lies from 64 ms before to 32 ms after where the posterior says."""


class RPeakDetector:
    """Local maxima of the posterior, decided a fixed time later.

    Parameters
    ----------
    threshold : float
        Logit above which a maximum counts.
    wait : int
        Samples from the maximum to the decision (the class head answers then). A higher maximum in between
        takes its place.
    """

    __slots__ = ("_before", "_candidate", "_height", "_last", "_last_taken", "_threshold", "_wait")

    def __init__(self, threshold: float, wait: int) -> None:
        self._threshold, self._wait = threshold, wait
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._before = self._last = -1e9
        self._candidate = -1
        self._height = -1e9
        self._last_taken = -(10**9)

    def push(self, k: int, logit: float) -> tuple[int, float] | None:
        """Take the logit of sample `k`; give (sample of the maximum, its logit) when one is decided."""
        last = self._last
        if last > self._threshold and last >= self._before and last > logit:
            self._consider(k - 1, last)
        self._before, self._last = last, logit
        if self._candidate >= 0 and k - self._candidate >= self._wait:
            decided = self._candidate, self._height
            self._last_taken, self._candidate, self._height = self._candidate, -1, -1e9
            return decided
        return None

    def _consider(self, k: int, height: float) -> None:
        if k - self._last_taken < REFRACTORY:
            return
        if self._candidate < 0 or height > self._height:
            self._candidate, self._height = k, height


def refine(ring: Ring, around: int) -> tuple[float, float]:
    """The R-peak near sample `around` of the filtered lead.

    Returns
    -------
    (position, amp_mv) : float, float
        Position of the largest deflection, by a parabola through its three samples, and the lead there [mV].
    """
    start = around - SEARCH_BACK - 1
    at, amp_mv = deflection(ring.cut(start, min(SEARCH_BACK + SEARCH_AHEAD + 3, ring.end - start)))
    return start + at, amp_mv


def deflection(x: NDArray[np.float32]) -> tuple[float, float]:
    """The largest deflection in a stretch `x` [mV], its two ends left out: position by a parabola, and x there."""
    size = np.abs(x)
    j = 1 + int(size[1:-1].argmax())
    left, top, right = float(size[j - 1]), float(size[j]), float(size[j + 1])
    bend = left - 2.0 * top + right
    shift = 0.5 * (left - right) / bend if bend < -1e-12 else 0.0
    return j + max(-0.5, min(0.5, shift)), float(x[j])
