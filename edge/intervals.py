"""RR intervals of one patient: the last one, their running mean, their spread, heart rate and variability."""

from __future__ import annotations

import math
from collections import deque

MEAN_OF = 8
"""Beats in the running mean; heart rate is taken from the same."""

LONGEST_RR_S = 3.0
"""A longer interval is a pause or a gap: it does not enter the mean."""


class Intervals:
    """Keeps what is known about a patient's RR intervals (all in seconds)."""

    __slots__ = ("_last_peak_s", "_nn", "_recent", "last")

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=MEAN_OF)
        self._nn: deque[float] = deque(maxlen=32)
        self.last: float | None = None
        self._last_peak_s: float | None = None

    def peak(self, t_s: float) -> float | None:
        """An R-peak at `t_s`: gives the RR interval before it, None for the first one after a break."""
        rr = None if self._last_peak_s is None else t_s - self._last_peak_s
        self._last_peak_s = t_s
        return rr

    def keep(self, rr_s: float | None) -> None:
        """Take an interval into the statistics, once the beat that ends it has been looked at."""
        self.last = rr_s
        if rr_s is not None and rr_s <= LONGEST_RR_S:
            self._recent.append(rr_s)

    def keep_normal(self, rr_s: float | None) -> None:
        """Take an interval between two normal beats into the variability."""
        if rr_s is not None and rr_s <= LONGEST_RR_S:
            self._nn.append(rr_s)

    @property
    def mean_s(self) -> float | None:
        """Mean of the last intervals, None before there is one."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    @property
    def spread(self) -> float:
        """Standard deviation of the last intervals over their mean (0 with fewer than three)."""
        n = len(self._recent)
        if n < 3:
            return 0.0
        mean = sum(self._recent) / n
        return min(1.0, math.sqrt(sum((r - mean) ** 2 for r in self._recent) / n) / mean)

    @property
    def hr_bpm(self) -> float | None:
        """Heart rate from the mean of at least two intervals."""
        return 60.0 * len(self._recent) / sum(self._recent) if len(self._recent) >= 2 else None

    @property
    def rmssd_ms(self) -> float | None:
        """Root mean square of successive differences of normal intervals (Task Force, Circulation 93:1043, 1996)."""
        rr = list(self._nn)
        if len(rr) < 8:
            return None
        return 1000.0 * math.sqrt(sum((b - a) ** 2 for a, b in zip(rr, rr[1:], strict=False)) / (len(rr) - 1))

    def break_(self) -> None:
        """Samples were lost: the next peak has no interval."""
        self._last_peak_s = None
        self.last = None

    def forget_rate(self) -> None:
        """Forget the running mean too (a gap too long to bridge)."""
        self.break_()
        self._recent.clear()
