"""R-peaks from the GRU's QRS posterior, and their time refined on the filtered lead.

A clear maximum of the posterior is a beat a fixed time later. A doubtful one waits longer: if it is a P-wave, its QRS
follows. One that fell short is taken back where the next beat comes so late that one must be missing before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.windows import Ring

F32 = NDArray[np.float32]

REFRACTORY, CLOSEST = 25, 20
"""Samples (200 ms at 125 Hz): no two beats are closer (the refractory time of Pan and Tompkins, 1985), but that a surer
one may follow from 160 ms on: the first was its P-wave, or its own first deflection."""

DOUBT, DOUBT_WAIT = 1.25, 28
"""A maximum less than so far above the threshold (a logit) is doubtful: a higher one within 28 samples (224 ms) takes
its place. P-waves that look like a QRS come 120 to 220 ms before theirs."""

T_WAVE, T_WAVE_FALL = 35, 2.5
"""Within 280 ms of a beat, a maximum so much lower than that beat's is its T-wave."""

MISSED, MISSED_APART = -2.0, 45
"""A maximum above this logit, relative to the threshold, and no nearer than 360 ms to the beats before and after it, is
a missed beat if they lie too far apart."""

USUAL, USUAL_LEAST = 8, 4
"""Intervals that the usual one is the mean of. Two beats more than half as much again apart are too far apart; where
the longest is more than 2.5 times the shortest there is no usual one (fibrillation, beats that are noise)."""

SLOW, SLOW_APART = 188, 62
"""Two beats 1.5 s apart (40 bpm, extreme bradycardia) are too far apart whatever is usual, for a bigeminy whose second
beats fall short is as regular as a slow heart. What is taken back then follows the beat by 500 ms: no T-wave does."""

LONGEST_BACK = 375
"""Samples (3 s): a longer interval is left as it is. It is a pause, and may be one with P-waves."""

SEARCH_BACK, SEARCH_AHEAD = 8, 4
"""The R-peak lies from 64 ms before to 32 ms after where the posterior says."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A maximum of the posterior that is a beat: its sample, its logit, and the GRU's logits when its class was due."""

    k: int
    height: float
    logits: F32


@dataclass(slots=True)
class _Top:
    """A maximum that waits; its `logits` are known when the class is due."""

    k: int
    height: float
    logits: F32


class RPeakDetector:
    """Local maxima of the posterior, decided some time later.

    Parameters
    ----------
    threshold : float
        Logit above which a maximum counts.
    wait : int
        Samples from the maximum to the decision (the class head answers then). A higher maximum in between
        takes its place. A doubtful one waits for `DOUBT_WAIT`, a missed one for the next beat.
    is_qrs : callable, optional
        Asked of every maximum before it is a beat, with its sample; all are believed where there is none.
    """

    __slots__ = (
        "_before",
        "_candidate",
        "_doubt",
        "_due",
        "_height",
        "_intervals",
        "_is_qrs",
        "_last",
        "_least",
        "_missed",
        "_taken",
        "_threshold",
        "_wait",
    )

    def __init__(self, threshold: float, wait: int, is_qrs: Callable[[int], bool] = lambda _: True) -> None:
        self._threshold, self._wait, self._is_qrs = threshold, wait, is_qrs
        self._doubt, self._least = threshold + DOUBT, threshold + MISSED
        self._intervals: deque[int] = deque(maxlen=USUAL)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._before = self._last = -1e9
        self._candidate: _Top | None = None
        self._missed: _Top | None = None
        self._due = 0
        self._taken, self._height = -(10**9), -1e9
        self._intervals.clear()

    def push(self, k: int, logits: F32) -> Decided | None:
        """Take the GRU's logits (n_out,) of sample `k`, the QRS's first; give a beat when one is decided."""
        logit = float(logits[0])
        last = self._last
        if last > self._least and last >= self._before and last > logit:
            self._consider(k - 1, last, logits)
        self._before, self._last = last, logit
        missed, candidate = self._missed, self._candidate
        if missed is not None and k - missed.k == self._wait:
            missed.logits = logits
        if candidate is None:
            return None
        if k - candidate.k == self._wait:
            candidate.logits = logits
        return self._decide(candidate) if k >= self._due else None

    def _consider(self, k: int, height: float, logits: F32) -> None:
        since, fall = k - self._taken, self._height - height
        if since < CLOSEST or (since < REFRACTORY and fall >= 0.0) or (since < T_WAVE and fall > T_WAVE_FALL):
            return
        held = self._candidate
        if height > self._threshold:
            if held is None or height > held.height:
                self._candidate = _Top(k, height, logits)
                self._due = k + (self._wait if height > self._doubt else max(self._wait, DOUBT_WAIT))
        elif (
            held is None and since >= MISSED_APART and (self._missed is None or height > self._missed.height)
        ):
            self._missed = _Top(k, height, logits)

    def _decide(self, candidate: _Top) -> Decided | None:
        """The candidate is due: a beat missed before it comes first, and the candidate with the next sample."""
        missed = self._missed
        if missed is not None and self._is_missed(missed.k, candidate.k):
            if self._is_qrs(missed.k):
                return self._take(missed)
            self._missed = None
        self._candidate = None
        return self._take(candidate) if self._is_qrs(candidate.k) else None

    def _is_missed(self, k: int, after: int) -> bool:
        known, apart = self._intervals, after - self._taken
        if apart > LONGEST_BACK or after - k < MISSED_APART:
            return False
        if apart >= SLOW and k - self._taken >= SLOW_APART:
            return True
        if len(known) < USUAL_LEAST:
            return False
        return 2 * max(known) <= 5 * min(known) and 2 * len(known) * apart > 3 * sum(known)

    def _take(self, top: _Top) -> Decided:
        since = top.k - self._taken
        if REFRACTORY <= since <= LONGEST_BACK:
            self._intervals.append(since)
        self._taken, self._height, self._missed = top.k, top.height, None
        return Decided(top.k, top.height, top.logits)


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


def deflection(x: F32) -> tuple[float, float]:
    """The largest deflection in a stretch `x` [mV], its two ends left out: position by a parabola, and x there."""
    size = np.abs(x)
    j = 1 + int(size[1:-1].argmax())
    left, top, right = float(size[j - 1]), float(size[j]), float(size[j + 1])
    bend = left - 2.0 * top + right
    shift = 0.5 * (left - right) / bend if bend < -1e-12 else 0.0
    return j + max(-0.5, min(0.5, shift)), float(x[j])
