"""What four seconds of signal look like: sizes, shares of power per band, and what these say about noise.

The limits in :class:`NoiseLimits` were chosen on MIT-BIH records of DS1, on svdb, on the noise records of
nstdb (em, ma, bw: noise without a heart) and on the fibrillation of cudb and vfdb, and never on DS2. How they fare, and
that a search by folds finds none that are clearly better, is in train/RESULTS.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

MAINS_HZ = (50.0, 60.0)


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures of one window of filtered signal.

    Attributes
    ----------
    range_mv : float
        Median of the ranges of its seconds, wander removed [mV].
    full_mv : float
        Range of the whole window [mV].
    busy : float
        Median slope over the largest slopes, 0 to 1. A QRS complex is short and steep, so ECG is near 0.05;
        noise of the same kind throughout is near 0.25, fibrillation near 0.4.
    noise_mv : float
        1.4826 times the median distance from the moving mean [mV]: what lies between the beats.
    wander, slow, middle, fast : float
        Shares of power in 0 to 1.2, 1.2 to 3, 3 to 9, and above 20 Hz.
    peak_hz : float
        Strongest frequency between 1.5 and 9 Hz.
    peak_share : float
        Share of power within 0.75 Hz of `peak_hz`; fibrillation and flutter gather theirs there.
    repeats : float
        How far the signal is the same again after 0.25 to 0.62 s (97 to 240 a minute): its autocorrelation there, 1 at
        most. VT is near 0.97; of nstdb's em and bw, 95 % are below 0.33 and 0.85.
    """

    range_mv: float
    full_mv: float
    busy: float
    noise_mv: float
    wander: float
    slow: float
    middle: float
    fast: float
    peak_hz: float
    peak_share: float
    repeats: float


@dataclass(frozen=True, slots=True)
class NoiseLimits:
    """Where noise begins. Medians (5 % to 95 %) seen are given as *noise* against *signal*.

    Attributes
    ----------
    min_range_mv : float
        Below this nothing is called noise: it may be a heart standing still. em 0.40 (0.25 to 3.1).
    muscle_fast, muscle_busy : float
        More power above 20 Hz, and busier. ma 0.43, 0.20 against DS1 0.05 (95 %: 0.25), 0.05.
    motion_busy, motion_low, motion_wander, motion_middle, motion_peak_share, motion_peak_hz : float
        Electrode motion is busy, lies below 3 Hz, and has no peak where fibrillation has one.
        em 0.24, 0.75, 0.35, 0.18, 0.35, 2.0 against fibrillation 0.40, 0.35, 0.05, 0.52, 0.55, 3.4.
    motion_ratio : float
        Wander over middle at least this. em 1.9 against fibrillation 0.1.
    """

    min_range_mv: float = 0.25
    muscle_fast: float = 0.25
    muscle_busy: float = 0.085
    motion_busy: float = 0.16
    motion_low: float = 0.60
    motion_wander: float = 0.12
    motion_middle: float = 0.30
    motion_peak_share: float = 0.55
    motion_peak_hz: float = 3.0
    motion_ratio: float = 0.7


class Measurer:
    """Measures windows of `n` samples at `fs` Hz; what depends on these alone is worked out once.

    Attributes
    ----------
    second, lag, envelope, half : int
        Samples of a second, between the two of a slope, of the sums of slopes, of half the moving mean.
    n_fft : int
        Points of the transform.
    edges : list of int
        Bins where bands begin: 0, 1.2, 3, 9 and 20 Hz.
    peak_from, peak_to, peak_half : int
        Bins in which the peak is looked for, and how many on either side belong to it.
    """

    def __init__(self, fs: float, n: int) -> None:
        self.second = round(fs)
        self.lag = max(1, round(0.032 * fs))
        self.envelope = max(1, round(0.08 * fs))
        self.half = round(0.25 * fs)
        self.n_fft = 1 << (n - 1).bit_length()
        self._taper = np.hanning(n)
        self._hz = np.fft.rfftfreq(self.n_fft, 1.0 / fs)
        self.edges = [int(np.searchsorted(self._hz, f)) for f in (0.0, 1.2, 3.0, 9.0, 20.0)]
        self.peak_from, self.peak_to = (int(np.searchsorted(self._hz, f)) for f in (1.5, 9.0))
        self.peak_half = max(1, round(0.75 * self.n_fft / fs))
        own = np.fft.irfft(np.abs(np.fft.rfft(self._taper, self.n_fft)) ** 2, self.n_fft)
        self._lags = slice(round(0.25 * fs), round(0.62 * fs))
        self._taper_echo: F64 = own[self._lags] / own[0]

    def __call__(self, y: F64) -> Measures:
        """Measures of `y`, shape (n,) [mV], all finite."""
        slope = np.abs(y[self.lag :] - y[: -self.lag])
        envelope = np.sort(moving_sum(slope, self.envelope)) / self.envelope
        steep = float(envelope[-self.envelope])
        rest = y - moving_mean(y, self.half)
        whole = rest[: len(rest) // self.second * self.second].reshape(-1, self.second)
        power = np.abs(np.fft.rfft((y - y.mean()) * self._taper, self.n_fft)) ** 2
        total = float(power.sum()) + 1e-12
        a, b, c, d, e = self.edges
        at = self.peak_from + int(power[self.peak_from : self.peak_to].argmax())
        near = power[max(0, at - self.peak_half) : at + self.peak_half + 1]
        echo = np.fft.irfft(power, self.n_fft)
        again = echo[self._lags] / self._taper_echo
        return Measures(
            range_mv=_median(whole.max(axis=1) - whole.min(axis=1)),
            full_mv=float(y.max() - y.min()),
            busy=_median(slope) / (steep + 1e-9),
            noise_mv=1.4826 * _median(np.abs(rest)),
            wander=float(power[a:b].sum()) / total,
            slow=float(power[b:c].sum()) / total,
            middle=float(power[c:d].sum()) / total,
            fast=float(power[e:].sum()) / total,
            peak_hz=float(self._hz[at]),
            peak_share=float(near.sum()) / total,
            repeats=min(1.0, float(again.max()) / (float(echo[0]) + 1e-12)),
        )


def noise_reason(m: Measures, limits: NoiseLimits) -> str | None:
    """'muscle' or 'motion' when the window is noise through and through, None when it may be a heart."""
    if m.range_mv < limits.min_range_mv:
        return None
    if m.fast > limits.muscle_fast and m.busy > limits.muscle_busy:
        return "muscle"
    motion = (
        m.busy > limits.motion_busy
        and m.wander + m.slow > limits.motion_low
        and m.wander > limits.motion_wander
        and m.middle < limits.motion_middle
        and m.wander > limits.motion_ratio * m.middle
        and m.peak_share < limits.motion_peak_share
        and m.peak_hz < limits.motion_peak_hz
    )
    return "motion" if motion else None


def quality_index(m: Measures) -> float:
    """Signal quality, 0 (noise) to 1 (clean): how far beats, or a fibrillation's peak, stand out.

    Falls from 1 at busy 0.08 (95 % of clean DS1 is below 0.11) to 0 at 0.28; an organised wave between 2.5
    and 9 Hz keeps at least its share of power. Fast power above 0.15 takes its part off.
    """
    stands_out = 1.0 - (m.busy - 0.08) / 0.20
    organised = m.peak_share if m.busy > 0.2 and m.peak_hz >= 2.5 else 0.0
    return min(1.0, max(0.0, stands_out, organised)) * _calm(m)


def wave_index(m: Measures) -> float:
    """Quality of a wave that repeats itself, 0 (none does) to 1: VT has no flat line that a complex could stand out of.

    From 0 at `repeats` 0.75 to 1 at 0.95: no window of nstdb's em and bw (3,594) that was not called
    noise is above 0.65.
    """
    return min(1.0, max(0.0, (m.repeats - 0.75) / 0.20)) * _calm(m)


def _calm(m: Measures) -> float:
    return max(0.0, 1.0 - max(0.0, m.fast - 0.15) * 1.5)


def _median(x: F64) -> float:
    # Upper median: a partition costs a third of np.median on windows this short.
    half = len(x) // 2
    return float(np.partition(x, half)[half])


def moving_sum(x: F64, n: int) -> F64:
    """Sums of every `n` neighbours, shape (len(x) - n + 1,)."""
    total = np.cumsum(x)
    out: F64 = total[n - 1 :].copy()
    out[1:] -= total[:-n]
    return out


def moving_mean(x: F64, half: int) -> F64:
    """Mean of ``2 half + 1`` neighbours, the ends repeated, shape of `x`."""
    first, last = np.full(half, x[0]), np.full(half, x[-1])
    return moving_sum(np.concatenate((first, x, last)), 2 * half + 1) / (2 * half + 1)


class MainsMeter:
    """Share of power that is mains hum in `n` samples at `fs` Hz, by projection on 50 and 60 Hz."""

    def __init__(self, fs: float, n: int) -> None:
        t = np.arange(n) / fs
        usable = [f for f in MAINS_HZ if f < 0.49 * fs]
        waves = [w(2 * np.pi * f * t) for f in usable for w in (np.cos, np.sin)]
        self._waves: F64 = np.array(waves).reshape(len(waves), len(t))
        self._ramp = t - t.mean()
        self._ramp_power = float(self._ramp @ self._ramp)

    def __call__(self, x: F64) -> tuple[float, float]:
        """Share of power (0 to 1) and peak-to-peak size [mV] of the hum in `x`, shape (n,), all finite."""
        if not len(self._waves):
            return 0.0, 0.0
        x = x - x.mean()
        x = x - self._ramp * (float(self._ramp @ x) / self._ramp_power)
        parts = (self._waves @ x) * (2.0 / len(x))
        amplitude = float(np.sqrt((parts.reshape(-1, 2) ** 2).sum(axis=1).max()))
        power = float(x @ x) / len(x)
        return (min(1.0, 0.5 * amplitude**2 / power) if power > 0.0 else 0.0), 2.0 * amplitude
