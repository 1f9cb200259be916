"""How a link runs: its true rate, how evenly it arrives, and what is lost on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.doctor.findings import Finding
from firmware_bridge.device import Device
from firmware_bridge.types import LinkStats

RATE_NOTE, RATE_WRONG = 0.002, 0.02
"""Relative deviation of the rate worth a word, and that which the monitor calls a mismatch."""
LATE_MS = 250.0
"""What comes later than this costs the early answer its time."""
MIN_SPAN_S = 2.0

Arrival = tuple[float, int]
"""Monotonic time in seconds, and samples that had arrived by then, losses included."""


def rate(arrivals: Sequence[Arrival]) -> tuple[float, float] | None:
    """True rate [Hz] and lateness [ms] (99 % are no later), by least squares; None where the time is too short.

    Pieces that came together count once, with the last of them.
    """
    points = np.array([[t, n] for t, n in dict(arrivals).items()], np.float64)
    if len(points) < 4 or points[-1, 0] - points[0, 0] < MIN_SPAN_S:
        return None
    t, n = (points - points.mean(axis=0)).T
    spread = float(n @ n)
    if spread == 0:
        return None
    slope = float(n @ t) / spread
    delay = t - slope * n
    return float(1 / slope), float(1000 * (np.percentile(delay, 99) - delay.min()))


def look_at_rate(declared: float | None, device: Device, arrivals: Sequence[Arrival]) -> list[Finding]:
    """Findings about rate and jitter; `declared` is what the stream or the device says [Hz]."""
    measured = rate(arrivals)
    if measured is None:
        return [Finding("rate", "note", "too short to measure the rate: listen longer (--seconds)")]
    fs, late_ms = measured
    out = [_about_rate(fs, declared, device)]
    level, text = "ok", f"samples arrive evenly: 99 % within {late_ms:.0f} ms"
    if late_ms > LATE_MS:
        level = "note"
        text = f"samples arrive in bursts, up to {late_ms:.0f} ms late: a radio, a busy host, or a USB latency timer"
    out.append(Finding("jitter", level, text, round(late_ms, 1)))
    return out


def _about_rate(fs: float, declared: float | None, device: Device) -> Finding:
    if declared is None or (device.fs is None and not device.has_clock):
        text = f"the device does not say its rate; {fs:.1f} samples a second arrive"
        return Finding("rate", "note", text, round(fs, 2), f"fs = {fs:.1f}")
    off = fs / declared - 1
    text = f"{fs:.2f} samples a second arrive, {declared:g} are declared ({off:+.2%})"
    if abs(off) <= RATE_NOTE:
        return Finding("rate", "ok", text, round(fs, 3))
    if abs(off) <= RATE_WRONG:
        return Finding(
            "rate", "note", text + "; intervals are off by as much", round(fs, 3), f"fs = {fs:.1f}"
        )
    text += "; heart rates would be off by as much"
    return Finding("rate", "wrong", text, round(fs, 3), f"fs = {fs:.1f}")


def look_at_losses(stats: LinkStats, device: Device) -> list[Finding]:
    """Findings about what was lost and damaged."""
    total = stats.n_samples + stats.n_lost
    if not total:
        return []
    share = stats.n_lost / total
    parts = [
        f"{n} {word}"
        for n, word in (
            (stats.n_lost, "samples lost"),
            (stats.n_crc, "damaged frames"),
            (stats.n_resync, "times out of step"),
            (stats.n_duplicate, "frames twice or late"),
            (stats.n_reboot, "reboots"),
            (stats.n_rejected, "absurd values"),
        )
        if n
    ]
    if not parts:
        told = "by its counter" if device.has_counter else "though it has no counter that would tell"
        return [Finding("losses", "ok", f"nothing was lost, {told}", 0.0)]
    level = "wrong" if share > 0.001 or stats.n_reboot else "note"
    why = "a bad cable, a baud rate at the edge, a buffer that is too small, or a device that resets"
    return [Finding("losses", level, f"{', '.join(parts)} of {total}: {why}", round(share, 6))]
