"""A recording of half a minute in numbers: intervals, the shape of its beats, P-waves, noise, the rhythm CNN's opinion.

What they are made of is what the monitor has: R-peaks found by the pipeline, the lead after the front end, and the
probabilities of rhythm of every second and of class of every beat. Networks of beats have heard recordings of cinc2017
as weak labels: these must be of a fold that holds the recording out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.af import LEAST
from edge.rhythm import AfJudge
from edge.scatter import LONGEST_RR_S, MEASURES, SHORTEST_RR_S, measures
from train.front import FS_MODEL

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]

BEFORE, AFTER = 38, 63
"""A beat's window: 304 ms before its R-peak to 504 ms after it."""

QRS, P_WAVE, T_WAVE = (
    slice(BEFORE - 10, BEFORE + 11),
    slice(BEFORE - 35, BEFORE - 8),
    slice(BEFORE + 15, BEFORE + 60),
)
EARLY, LATE, LOOSE = 0.85, 1.2, 0.8
"""An interval below / above so much of the median is early / late; a beat correlated less with the template is odd."""

SCATTER = (
    "mean_step", "rms_step", "median_step", "lower_step", "upper_step", "memory_1", "memory_2", "turns",
    "share_of_steps", "step_over_two", "scatter", "entropy", "level",
)  # fmt: skip
"""Those of :data:`~edge.scatter.MEASURES` that count here."""

QUANTILES = (0.05, 0.25, 0.75, 0.95)
LEAST_BEATS = 5
FEATURES: tuple[str, ...] = (
    "duration_s", "beats_per_s", "too_few",
    *(f"rr_{m}" for m in SCATTER), "af_logit", "af_known",
    "rr_median", "rr_shortest", "rr_longest", *(f"rr_q{round(100 * q)}" for q in QUANTILES),
    "early", "late", "early_then_late", "very_late", "steady", "rate_drift", "rmssd", "pnn50", "sequence_entropy",
    "odd", "odd_early", "odd_late", "likeness_mean", "likeness_least", "likeness_spread",
    "qrs_width", "qrs_width_spread", "qrs_height", "qrs_up", "height_spread",
    "p_height", "p_at", "p_likeness", "p_likeness_least", "p_spread", "p_likeness_early", "t_height", "t_at",
    "st_level", "p_spread_median", "whole_beats",
    "f_wave", "f_wave_narrow", "between_beats",
    "sqi_mean", "sqi_least", "peak_prob_mean", "peak_prob_least",
    "slow_share", "fast_share", "clipped", "size",
    *(f"cnn_{stat}_{k}" for stat in ("mean", "most", "spread") for k in range(5)),
    *(f"beat_{stat}_{c}" for c in ("S", "V", "other") for stat in ("mean", "most", "second", "called")),
    "beat_early_S", "beat_early_V", "beat_sure_N",
)  # fmt: skip
"""Names of the features, in order."""


def features(x: F32, beats: F32, rhythm: F32, judge: AfJudge) -> F32:
    """Features (n,) of :data:`FEATURES`.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples,)
        The lead after the front end, mV at 125 Hz.
    beats : ndarray of float32, shape (n_beats, 8)
        R-peaks in seconds, their probability, the signal quality at them, and the probabilities of N, S, V, F and Q.
    rhythm : ndarray of float32, shape (n_windows, 5)
        Probabilities of every second's window.
    judge : AfJudge
        Tells AF from intervals.
    """
    seconds = len(x) / FS_MODEL
    at_s = beats[:, 0].astype(np.float64)
    rr = np.diff(at_s)
    few = len(rr) < LEAST_BEATS
    out = [seconds, len(at_s) / seconds, float(few)]
    out += _intervals(np.full(8, 1.0) if few else rr, judge)
    windows, whole = _cut(x.astype(np.float64), at_s)
    out += _shapes(windows, rr[whole[1:] - 1] if len(whole) > 1 else np.zeros(0), rr)
    out += _between(x.astype(np.float64), at_s)
    quality, prob = (beats[:, 2], beats[:, 1]) if len(beats) else (np.zeros(1), np.zeros(1))
    out += [float(v) for v in (quality.mean(), quality.min(), prob.mean(), prob.min())]
    out += _bands(x.astype(np.float64))
    shown = rhythm if len(rhythm) else np.full((1, 5), 0.2, np.float32)
    out += [*shown.mean(0).tolist(), *shown.max(0).tolist(), *shown.std(0).tolist()]
    out += _classes(beats[:, 3:].astype(np.float64), rr)
    found = np.nan_to_num(np.asarray(out, np.float32), posinf=0.0, neginf=0.0)
    assert len(found) == len(FEATURES)
    return np.clip(found, -50.0, 50.0)


def _classes(probs: F64, rr: F64) -> list[float]:
    """What the beats were said to be, by their probabilities (n, 5)."""
    if len(probs) < LEAST_BEATS:
        return [0.0] * 15
    n, s, v = probs[:, 0], probs[:, 1], probs[:, 2]
    other, called = probs[:, 3] + probs[:, 4], probs.argmax(1)
    out = []
    for p, which in ((s, (1,)), (v, (2,)), (other, (3, 4))):
        top = np.sort(p)
        out += [float(p.mean()), float(top[-1]), float(top[-2]), float(np.isin(called, which).mean())]
    short = rr < EARLY * np.median(rr)
    return [*out, float((s[1:] * short).mean()), float((v[1:] * short).mean()), float((n > 0.9).mean())]


def _intervals(rr: F64, judge: AfJudge) -> list[float]:
    logit = judge.logit(rr[(rr > SHORTEST_RR_S) & (rr < LONGEST_RR_S)].tolist()) if len(rr) >= LEAST else None
    median = float(np.median(rr))
    share = rr / median
    before, after = share[:-1], share[1:]
    step = np.diff(rr)
    signs = np.digitize(share, (EARLY, LATE))
    pairs = np.bincount(3 * signs[:-1] + signs[1:], minlength=9) / max(1, len(rr) - 1)
    pairs = pairs[pairs > 0]
    halves = np.array_split(rr, 2)
    return [
        *_scatter(rr), 0.0 if logit is None else logit, float(logit is not None),
        median, float(share.min()), float(share.max()), *np.quantile(share, QUANTILES).tolist(),
        float((share < EARLY).mean()), float((share > LATE).mean()),
        float(((before < EARLY) & (after > 1.05)).mean()), float((share > 1.5).mean()),
        float((np.abs(share - 1.0) < 0.08).mean()),
        float(np.log(np.median(halves[1]) / np.median(halves[0]))),
        float(np.sqrt((step**2).mean()) / median), float((np.abs(step) > 0.05).mean()),
        float(-(pairs * np.log(pairs)).sum()),
    ]  # fmt: skip


def _scatter(rr: F64) -> list[float]:
    found = dict(zip(MEASURES, measures(rr).tolist(), strict=True))
    return [found[name] for name in SCATTER]


def _cut(x: F64, at_s: F64) -> tuple[F64, NDArray[np.int64]]:
    """Windows (n, BEFORE + AFTER) round the R-peaks that lie whole in `x`, less their medians; and which these are."""
    at = np.rint(at_s * FS_MODEL).astype(np.int64) + 1
    whole = np.flatnonzero((at >= BEFORE + 2) & (at < len(x) - AFTER - 2))
    cut = (
        np.stack([x[k - BEFORE : k + AFTER] for k in at[whole]])
        if len(whole)
        else np.zeros((0, BEFORE + AFTER))
    )
    return cut - np.median(cut, 1, keepdims=True) if len(cut) else cut, whole


def _shapes(windows: F64, rr_before: F64, rr: F64) -> list[float]:
    """Likeness to the recording's median beat, its QRS, P and T."""
    if len(windows) < 3:
        return [0.0] * 22
    mean = np.median(windows, 0)
    up = 1.0 if mean[QRS][np.abs(mean[QRS]).argmax()] > 0 else -1.0
    mean, windows = up * mean, up * windows
    height = float(np.ptp(mean[QRS])) + 1e-3
    alike, p_alike = _correlation(windows, mean), _correlation(windows[:, P_WAVE], mean[P_WAVE])
    odd = alike < LOOSE
    median = float(np.median(rr)) if len(rr) else 1.0
    early = np.concatenate(([False], rr_before < EARLY * median))[: len(odd)]
    late = np.concatenate(([False], rr_before > LATE * median))[: len(odd)]
    slope = np.abs(np.diff(windows[:, QRS], axis=1))
    width = (slope > 0.15 * slope.max(1, keepdims=True)).sum(1)
    heights = np.ptp(windows[:, QRS], 1)
    p, t = mean[P_WAVE], mean[T_WAVE]
    level = np.median(mean[BEFORE - 12 : BEFORE - 7])
    apart = windows[:, P_WAVE] - mean[P_WAVE]
    return [
        float(odd.mean()), float((odd & early).mean()), float((odd & late).mean()),
        float(alike.mean()), float(alike.min()), float(alike.std()),
        float(np.median(width)), float(width.std()), float(np.log(height)), up,
        float(heights.std() / (heights.mean() + 1e-3)),
        float((p.max() - np.median(p)) / height), float(p.argmax()),
        float(np.median(p_alike)), float(np.quantile(p_alike, 0.1)),
        float(np.log(0.01 + np.sqrt((apart**2).mean()) / height)),
        float(np.median(p_alike[early])) if early.any() else 1.0,
        float((t.max() - level) / height), float(np.abs(t - level).argmax()),
        float((mean[BEFORE + 12] - level) / height),
        float(np.log(0.01 + np.median(np.sqrt((apart**2).mean(1))) / height)), float(len(windows)),
    ]  # fmt: skip


def _correlation(windows: F64, mean: F64) -> F64:
    a, b = windows - windows.mean(1, keepdims=True), mean - mean.mean()
    out: F64 = a @ b / (np.sqrt((a**2).sum(1) * (b**2).sum()) + 1e-9)
    return out


def _between(x: F64, at_s: F64) -> list[float]:
    """Waves of 4 to 10 Hz between T and the next QRS, the narrowness of their band, and their size."""
    at = np.rint(at_s * FS_MODEL).astype(np.int64)
    spectra, sizes = [], []
    for a, b in zip(at[:-1], at[1:], strict=True):
        piece = x[a + 50 : b - 10]
        if len(piece) < 25:
            continue
        piece = piece[:100] - piece[:100].mean()
        spectra.append(np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 128)) ** 2)
        sizes.append(float(np.log(0.001 + piece.std())))
    if not spectra:
        return [0.0, 0.0, 0.0]
    power = np.mean(spectra, 0)
    hz = np.fft.rfftfreq(128, 1.0 / FS_MODEL)
    band = power[(hz >= 4.0) & (hz <= 10.0)]
    return [
        float(band.sum() / (power[hz >= 1.0].sum() + 1e-12)),
        float(band.max() / (band.sum() + 1e-12)),
        float(np.median(sizes)),
    ]


def _bands(x: F64) -> list[float]:
    """Share of power below 1 Hz and above 20 Hz, samples at the clip, logarithm of the size."""
    power = np.abs(np.fft.rfft(x - x.mean())) ** 2
    hz = np.fft.rfftfreq(len(x), 1.0 / FS_MODEL)
    total = power.sum() + 1e-9
    return [
        float(power[hz < 1.0].sum() / total),
        float(power[hz > 20.0].sum() / total),
        float((np.abs(x) > 6.0).mean()),
        float(np.log(0.01 + np.quantile(np.abs(x), 0.95))),
    ]
