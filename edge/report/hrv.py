"""Heart rate variability of NN intervals, in time and in frequency. Pure.

Definitions are those of the Task Force of the ESC and NASPE, Circulation 93:1043-1065, 1996. The libraries that
compute them bring pandas, matplotlib and more along; what is needed of them is this file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.report.beats import Beats

F64 = NDArray[np.float64]

STRAY = 0.2
"""An interval that differs by more than a fifth from the median of its neighbours is a missed or a false beat
(Malik et al., Eur Heart J 10:1060-1074, 1989, take 20 % of the one before)."""
NEIGHBOURS = 11
STRETCH_S = 300.0
"""Length of the stretches for SDANN, the SDNN index and the spectra."""
STRETCH_LEAST = 0.8
"""Share of a stretch that NN intervals must cover."""
LEAST = 30
RESAMPLED_HZ = 4.0
SEGMENT = 512
BANDS_HZ = {"VLF": (0.0033, 0.04), "LF": (0.04, 0.15), "HF": (0.15, 0.4)}


@dataclass(frozen=True, slots=True)
class Variability:
    """What NN intervals tell; None where there are too few.

    Attributes
    ----------
    n_nn, n_excluded : int
        NN intervals used, and those left out as strays.
    mean_ms, sdnn_ms, sdann_ms, sdnn_index_ms, rmssd_ms, pnn50 : float or None
        Of the Task Force's table 1; `pnn50` in percent.
    powers_ms2 : dict of str to float
        Power in VLF, LF and HF, the mean over stretches of five minutes; empty without such a stretch.
    n_stretches : int
        Stretches that the powers and the SDNN index come from.
    """

    n_nn: int
    n_excluded: int
    mean_ms: float | None
    sdnn_ms: float | None
    sdann_ms: float | None
    sdnn_index_ms: float | None
    rmssd_ms: float | None
    pnn50: float | None
    powers_ms2: dict[str, float]
    n_stretches: int

    @property
    def lf_hf(self) -> float | None:
        """LF over HF."""
        hf = self.powers_ms2.get("HF", 0.0)
        return self.powers_ms2["LF"] / hf if hf > 0.0 else None


def strays(nn_s: F64) -> NDArray[np.bool_]:
    """Which of the intervals (n,) differ by more than `STRAY` from the median of the `NEIGHBOURS` round them."""
    n = len(nn_s)
    if n < NEIGHBOURS:
        return np.zeros(n, bool)
    half = NEIGHBOURS // 2
    padded = np.pad(nn_s, half, mode="reflect")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, NEIGHBOURS), axis=1)
    out: NDArray[np.bool_] = np.abs(nn_s - middle) > STRAY * middle
    return out


def usable(beats: Beats) -> NDArray[np.bool_]:
    """Which beats (n,) end an interval between two normal beats that is no stray."""
    mask = beats.nn
    index = np.flatnonzero(mask)
    mask[index[strays(beats.rr_s[index])]] = False
    return mask


def variability(beats: Beats) -> Variability:
    """HRV of a recording: intervals between two normal beats, without strays; differences only of neighbours."""
    kept = np.flatnonzero(usable(beats))
    nn, t = beats.rr_s[kept] * 1000.0, beats.t_s[kept]
    n_excluded = int(beats.nn.sum()) - len(kept)
    if len(nn) < LEAST:
        return Variability(len(nn), n_excluded, None, None, None, None, None, None, {}, 0)
    follows = np.diff(kept) == 1
    differences = np.diff(nn)[follows]
    parts = stretches(t, nn)
    means = [float(part.mean()) for _, part in parts]
    spectra = [powers(times, part) for times, part in parts]
    return Variability(
        n_nn=len(nn),
        n_excluded=n_excluded,
        mean_ms=float(nn.mean()),
        sdnn_ms=float(nn.std(ddof=1)),
        sdann_ms=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        sdnn_index_ms=float(np.mean([part.std(ddof=1) for _, part in parts])) if parts else None,
        rmssd_ms=float(np.sqrt(np.mean(differences**2))) if len(differences) else None,
        pnn50=float(100.0 * np.mean(np.abs(differences) > 50.0)) if len(differences) else None,
        powers_ms2={name: float(np.mean([s[name] for s in spectra])) for name in BANDS_HZ} if spectra else {},
        n_stretches=len(parts),
    )


def stretches(t_s: F64, nn_ms: F64) -> list[tuple[F64, F64]]:
    """Times and intervals of each five minutes that are covered well enough."""
    out = []
    number = np.floor(t_s / STRETCH_S).astype(int)
    for k in np.unique(number):
        mine = number == k
        if nn_ms[mine].sum() >= STRETCH_LEAST * STRETCH_S * 1000.0:
            out.append((t_s[mine], nn_ms[mine]))
    return out


def powers(t_s: F64, nn_ms: F64) -> dict[str, float]:
    """Power [ms^2] in each of `BANDS_HZ`: the intervals, resampled at 4 Hz by a cubic spline, by Welch's method.

    Parameters
    ----------
    t_s, nn_ms : ndarray of float, shape (n,)
        When each interval ended [s], and how long it was [ms].
    """
    from scipy.interpolate import CubicSpline
    from scipy.signal import welch

    grid = np.arange(t_s[0], t_s[-1], 1.0 / RESAMPLED_HZ)
    even = CubicSpline(t_s, nn_ms)(grid)
    f, density = welch(even - even.mean(), RESAMPLED_HZ, "hann", min(SEGMENT, len(even)), detrend="linear")
    width = f[1] - f[0]
    return {
        name: float(density[(f >= low) & (f < high)].sum() * width) for name, (low, high) in BANDS_HZ.items()
    }
