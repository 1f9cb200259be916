"""Everything that a report tells in numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.io.recordings import Recording
from edge.recording.marks import AlarmMark
from edge.report.beats import Beats, Span, alarms, beats_of, rhythms, unreadable
from edge.report.hrv import Variability, variability
from edge.report.strips import Windows, windows

F64 = NDArray[np.float64]

MEAN_OF = 8
"""Intervals in a heart rate, as the monitor has it."""
BINS = 240
SHORTEST_BIN_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """Heart rate in bins: `t_s` (n,) their middles, lowest, mean and highest rate [bpm], NaN without beats."""

    t_s: F64
    low: F64
    mean: F64
    high: F64


@dataclass(frozen=True, slots=True)
class Runs:
    """Ventricular beats in a row: single ones, pairs, runs of three and more, and the longest run."""

    single: int
    couplets: int
    runs: int
    longest: int


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What is known of a recording; see the parts."""

    beats: Beats
    rates_bpm: F64
    trend: Trend
    rhythms: tuple[Span, ...]
    unreadable: tuple[Span, ...]
    alarms: tuple[AlarmMark, ...]
    hrv: Variability
    ventricular: Runs
    windows: Windows
    missing_s: float
    unreadable_s: float

    def rhythm_seconds(self) -> dict[str, float]:
        """Seconds in each rhythm, the longest first."""
        total: dict[str, float] = {}
        for span in self.rhythms:
            total[span.label] = total.get(span.label, 0.0) + span.end_s - span.start_s
        return dict(sorted(total.items(), key=lambda item: -item[1]))


def measure(recording: Recording) -> Measures:
    """All measures of a recording."""
    beats = beats_of(recording)
    bad = unreadable(recording)
    found = alarms(recording.marks)
    rates = heart_rates(beats)
    return Measures(
        beats=beats,
        rates_bpm=rates,
        trend=trend(beats.t_s, rates, recording.seconds),
        rhythms=tuple(rhythms(recording)),
        unreadable=tuple(bad),
        alarms=tuple(found),
        hrv=variability(beats),
        ventricular=ventricular(beats),
        windows=windows(recording, beats, bad),
        missing_s=float((~np.isfinite(recording.mv[:, 0])).sum() / recording.fs),
        unreadable_s=sum(span.end_s - span.start_s for span in bad),
    )


def heart_rates(beats: Beats) -> F64:
    """Rate at each beat [bpm], shape (n,): over the `MEAN_OF` intervals that end with it, NaN where one is missing."""
    n = len(beats.rr_s)
    out = np.full(n, np.nan)
    if n >= MEAN_OF:
        out[MEAN_OF - 1 :] = 60.0 / np.lib.stride_tricks.sliding_window_view(beats.rr_s, MEAN_OF).mean(axis=1)
    return out


def trend(t_s: F64, rates_bpm: F64, seconds: float) -> Trend:
    """Heart rate over time, in at most `BINS` bins of at least `SHORTEST_BIN_S`."""
    n = max(1, min(BINS, int(seconds / SHORTEST_BIN_S)))
    middles = (np.arange(n) + 0.5) * seconds / n
    low, mean, high = (np.full(n, np.nan) for _ in range(3))
    good = np.isfinite(rates_bpm)
    number = np.minimum((t_s[good] / max(seconds, 1e-9) * n).astype(int), n - 1)
    rates = rates_bpm[good]
    for k in np.unique(number):
        mine = rates[number == k]
        low[k], mean[k], high[k] = mine.min(), mine.mean(), mine.max()
    return Trend(middles, low, mean, high)


def ventricular(beats: Beats) -> Runs:
    """How ventricular beats stand together; an unknown interval ends a run."""
    lengths: list[int] = []
    for name, rr in zip(beats.aami.tolist(), beats.rr_s.tolist(), strict=True):
        if name != "V":
            lengths.append(0)
        elif lengths and lengths[-1] and rr == rr:
            lengths[-1] += 1
        else:
            lengths.append(1)
    ran = [length for length in lengths if length >= 3]
    return Runs(lengths.count(1), lengths.count(2), len(ran), max(lengths, default=0))
