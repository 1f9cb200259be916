"""RR intervals of one patient: the last one, their running mean, their spread, heart rate and variability."""

from __future__ import annotations

import math
from collections import deque

LONG = 32
"""Intervals that the long mean and the irregularity are taken over; no fewer than `LONG_LEAST`."""

LONG_LEAST = 4
MEAN_OF = 8
"""Intervals in the running mean, and the most that a heart rate is taken from."""

RATE_OVER_S = 6.0
"""Heart rate is taken from the newest intervals that make up so much, so that also a step from 80 to 40 bpm
shows within 10 s (IEC 60601-2-27)."""

LONGEST_RR_S = 3.0
"""A longer interval is a pause or a gap: it does not enter the mean."""


def irregularity(rr_s: list[float]) -> tuple[float, float]:
    """Two measures of an RR series: mean |log ratio| of neighbours, and their root mean square."""
    d = [abs(math.log(b / a)) for a, b in zip(rr_s, rr_s[1:], strict=False)]
    return sum(d) / len(d), math.sqrt(sum(v * v for v in d) / len(d))


class Intervals:
    """Keeps what is known about a patient's RR intervals (all in seconds)."""

    __slots__ = ("_after_normal", "_differences", "_last_nn", "_last_peak_s", "_long", "_recent", "last")

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=MEAN_OF)
        self._long: deque[float] = deque(maxlen=LONG)
        self._differences: deque[float] = deque(maxlen=32)
        self._last_nn: float | None = None
        self._after_normal = False
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
        if rr_s is not None and 0.0 < rr_s <= LONGEST_RR_S:
            self._recent.append(rr_s)
            self._long.append(rr_s)

    def keep_class(self, rr_s: float | None, normal: bool) -> None:
        """Take a beat's final class: an interval between two normal beats counts for the variability."""
        nn = rr_s if normal and self._after_normal and rr_s is not None and rr_s <= LONGEST_RR_S else None
        if nn is not None and self._last_nn is not None:
            self._differences.append(nn - self._last_nn)
        self._last_nn = nn
        self._after_normal = normal

    @property
    def mean_s(self) -> float | None:
        """Mean of the last intervals, None before there is one."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    @property
    def long_mean_s(self) -> float | None:
        """Mean of the last 32 intervals, None before there are four."""
        return sum(self._long) / len(self._long) if len(self._long) >= LONG_LEAST else None

    @property
    def irregular(self) -> tuple[float, float] | None:
        """:func:`irregularity` of the last 32 intervals, None before there are four."""
        return irregularity([*self._long]) if len(self._long) >= LONG_LEAST else None

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
        """Heart rate from the newest intervals, two at least."""
        n, total = 0, 0.0
        for rr in reversed(self._recent):
            n, total = n + 1, total + rr
            if n >= 2 and total >= RATE_OVER_S:
                break
        return 60.0 * n / total if n >= 2 else None

    @property
    def rmssd_ms(self) -> float | None:
        """Root mean square of at least seven successive differences of normal intervals.

        Task Force, Circulation 93:1043, 1996.
        """
        n = len(self._differences)
        return 1000.0 * math.sqrt(sum(d * d for d in self._differences) / n) if n >= 7 else None

    def break_(self) -> None:
        """Samples were lost: the next peak has no interval."""
        self._last_peak_s = None
        self.last = None

    def forget_rate(self) -> None:
        """Forget the running mean too (a gap too long to bridge)."""
        self.break_()
        self._recent.clear()
        self._long.clear()

    def forget(self) -> None:
        """Another patient: forget the variability as well."""
        self.forget_rate()
        self._differences.clear()
        self._last_nn, self._after_normal = None, False
