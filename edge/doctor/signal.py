"""What a signal looks like: electrodes, rails, hum, size and direction of the QRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.doctor.findings import Finding
from edge.signal_measures import MAINS_HZ, moving_mean
from firmware_bridge.types import SampleBlock

F64 = NDArray[np.float64]

MIN_S = 3.0
R_MV = 0.2, 5.0
"""R-waves outside of this are rare on the surface (0.5 to 2 mV are usual): the gain is in doubt."""
HUM_MV = 0.1
"""Hum of this size peak to peak can be seen; ten times as much hides the P-wave."""
CLIPPED_SHARE = 1e-4
OFF_SHARE = 0.02
FLAT_MV = 0.02
STILL_S = 1.5
REFRACTORY_S = 0.25
BASE_S = 0.3
WIDE_S = 0.06


@dataclass(frozen=True, slots=True)
class Beats:
    """QRS complexes found: samples of their peaks, and their heights from the baseline [mV], with sign."""

    at: NDArray[np.int64]
    mv: F64


def beats(mv: F64, fs: float) -> Beats:
    """Find the QRS complexes of `mv` (n,), at `fs` Hz: where the slope is steepest, the highest point nearby.

    Good enough to measure heights by; the monitor's own detector is another.
    """
    rest = mv - moving_mean(mv, max(1, round(BASE_S * fs)))
    n_wide = max(1, round(WIDE_S * fs / 2))
    energy = moving_mean(np.gradient(rest) ** 2, n_wide)
    threshold = 0.3 * float(np.percentile(energy, 99))
    wait = max(1, round(REFRACTORY_S * fs))
    found: list[int] = []
    for k in np.flatnonzero(energy > threshold).tolist():
        if not found or k - found[-1] > wait:
            found.append(k)
        elif energy[k] > energy[found[-1]]:
            found[-1] = k
    at = np.array([_peak(rest, k, 2 * n_wide) for k in found], np.int64)
    return Beats(at, rest[at] if len(at) else np.zeros(0))


def _peak(rest: F64, k: int, half: int) -> int:
    start = max(0, k - half)
    return start + int(np.abs(rest[start : k + half + 1]).argmax())


def look(blocks: Sequence[SampleBlock], fs: float, calibration_mv: float | None = None) -> list[Finding]:
    """Findings about the first lead of `blocks`.

    Parameters
    ----------
    blocks : sequence of SampleBlock
        In order.
    fs : float
        The true rate [Hz].
    calibration_mv : float, optional
        The signal is a calibrator's square wave of this height, peak to peak, and no heart.
    """
    n = sum(len(block.mv) for block in blocks)
    out = [_electrodes(blocks, n, fs), _clipping(blocks, n)]
    parts = [block.mv[:, 0].astype(np.float64) for block in blocks if not block.lead_off & 1]
    mv = np.concatenate(parts) if parts else np.zeros(0)
    mv = mv[np.isfinite(mv)]
    if len(mv) < MIN_S * fs:
        return [
            *out,
            Finding("heart", "note", "not enough signal with the electrodes on to look at the heart"),
        ]
    if float(mv.max() - mv.min()) < FLAT_MV:
        return [*out, Finding("heart", "wrong", "the line is flat: no electrode, no patient, or no gain")]
    out.append(_mains(mv, fs))
    if calibration_mv is not None:
        return [*out, _calibration(mv, calibration_mv)]
    return out + _heart(mv, fs)


def _electrodes(blocks: Sequence[SampleBlock], n: int, fs: float) -> Finding:
    off = sum(len(block.mv) for block in blocks if block.lead_off) / max(1, n)
    still = _still(blocks, fs) / max(1, n)
    if off <= OFF_SHARE < still:
        text = f"the line stands still {still:.0%} of the time: an electrode is off, though the device does not say so"
        return Finding("electrodes", "wrong", text, round(still, 4))
    leads = sorted({lead for b in blocks for k, lead in enumerate(b.leads) if b.lead_off >> k & 1})
    if off <= OFF_SHARE:
        return Finding("electrodes", "ok", "no electrode is reported off", round(off, 4))
    which = ", ".join(leads)
    return Finding(
        "electrodes", "wrong", f"an electrode is off {off:.0%} of the time (lead {which})", round(off, 4)
    )


def _still(blocks: Sequence[SampleBlock], fs: float) -> int:
    """Samples of stretches of `STILL_S` that move by less than `FLAT_MV`: between two beats they are shorter."""
    mv = np.concatenate([block.mv[:, 0] for block in blocks])
    n_long, n_still, at = max(2, round(STILL_S * fs)), 0, 0
    while at + n_long <= len(mv):
        part = mv[at : at + n_long]
        still = float(part.max() - part.min()) < FLAT_MV
        n_still += n_long if still else 0
        at += n_long if still else max(1, n_long // 8)
    return n_still


def _clipping(blocks: Sequence[SampleBlock], n: int) -> Finding:
    share = sum(len(block.mv) for block in blocks if block.clipped & 1) / max(1, n)
    if share <= CLIPPED_SHARE:
        return Finding("clipping", "ok", "the signal stays within the converter's range", round(share, 5))
    text = f"{share:.2%} of the samples stand at an end of the converter's range: less gain, or a better electrode"
    return Finding("clipping", "wrong", text, round(share, 5))


def _mains(mv: F64, fs: float) -> Finding:
    t = np.arange(len(mv)) / fs
    rest = (mv - moving_mean(mv, max(1, round(BASE_S * fs)))) * np.hanning(len(mv))
    sizes = {f: 8 * abs(np.mean(rest * np.exp(-2j * np.pi * f * t))) for f in MAINS_HZ if f < 0.49 * fs}
    if not sizes:
        return Finding("mains", "note", "the rate is too low to see mains hum")
    f, size = max(sizes.items(), key=lambda item: item[1])
    if size < HUM_MV:
        return Finding("mains", "ok", f"mains hum is below {HUM_MV:g} mV", round(float(size), 4))
    text = f"{size:.2f} mV of {f:g} Hz hum, peak to peak: electrodes dry, cable by a power line, or no ground"
    return Finding("mains", "wrong" if size > 10 * HUM_MV else "note", text, round(float(size), 4))


def _calibration(mv: F64, calibration_mv: float) -> Finding:
    """The height of a square wave: between the medians of its upper and lower halves."""
    middle = (np.percentile(mv, 2) + np.percentile(mv, 98)) / 2
    height = float(np.median(mv[mv > middle]) - np.median(mv[mv <= middle]))
    factor = calibration_mv / height
    text = f"the {calibration_mv:g} mV pulse is {height:.3f} mV high here"
    if abs(factor - 1) < 0.02:
        return Finding("gain", "ok", text, round(height, 4))
    return Finding("gain", "wrong", text, round(height, 4), f"scale = {factor:.4g}")


def _heart(mv: F64, fs: float) -> list[Finding]:
    found = beats(mv, fs)
    rr_s = np.diff(found.at) / fs
    if len(found.at) < 3 or not 0.25 < float(np.median(rr_s)) < 3.0:
        return [Finding("heart", "note", "no heartbeat was found in the signal")]
    bpm = 60 / float(np.median(rr_s))
    height = float(np.median(np.abs(found.mv)))
    out = [Finding("heart", "ok", f"a heartbeat of about {bpm:.0f} a minute", round(bpm, 1)), _gain(height)]
    down = float(np.mean(found.mv < 0))
    if down > 0.8:
        text = "the QRS points downwards: electrodes may be swapped (or the lead is one where it does, as aVR or V1)"
        out.append(Finding("polarity", "note", text, round(down, 3), "invert = true"))
    else:
        out.append(Finding("polarity", "ok", "the QRS points upwards", round(down, 3)))
    return out


def _gain(height: float) -> Finding:
    low, high = R_MV
    text = f"R-waves are {height:.3g} mV high"
    if low <= height <= high:
        return Finding("gain", "ok", text, round(height, 4))
    text += ", usual are 0.5 to 2: the gain is not what the format's default says, or the electrodes are far apart"
    return Finding(
        "gain", "wrong", text, round(height, 4), f"scale = {1 / height:.2g}  # guessed: check by a pulse"
    )
