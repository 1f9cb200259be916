"""What makes 60 patients look like thousands: lead mixing, warp, gain, polarity, real noise, silence.

Every function is pure: the random generator is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch of one filtered lead at 125 Hz: `x` (n,) in mV, beats at `r` (samples, float) of class `c`.

    `mask` is 0 where nothing may be learned (VF, unreadable).
    """

    x: F32
    r: NDArray[np.float64]
    c: NDArray[np.int64]
    mask: NDArray[np.uint8]


def mix_leads(rng: np.random.Generator, leads: F32, most_rad: float = 0.5) -> F32:
    """Rotate the two leads into one, at most `most_rad` away from a recorded one."""
    if leads.shape[1] == 1:
        return leads[:, 0]
    angle = rng.uniform(-most_rad, most_rad)
    first = 0 if rng.random() < 0.7 else 1
    mixed: F32 = (np.cos(angle) * leads[:, first] + np.sin(angle) * leads[:, 1 - first]).astype(np.float32)
    return mixed


def warp(
    x: F32, r: NDArray[np.float64], mask: NDArray[np.uint8], factor: float, n: int
) -> tuple[F32, NDArray[np.float64], NDArray[np.uint8]]:
    """Play a strip `factor` times slower: `n` samples out of ``n / factor`` in, beats moved along."""
    at = np.arange(n) / factor
    y = np.interp(at, np.arange(len(x)), x).astype(np.float32)
    return y, r * factor, mask[np.minimum(np.rint(at).astype(np.int64), len(x) - 1)]


def add_noise(rng: np.random.Generator, x: F32, noises: list[F32], chance: float = 0.6) -> F32:
    """Add bursts of real noise: two standard deviations of it are 2 to 200 % of the signal's 95th percentile."""
    if rng.random() > chance:
        return x
    x = x.copy()
    n = len(x)
    level = np.percentile(np.abs(x), 95) + 1e-3
    for _ in range(rng.integers(1, 6)):
        noise = noises[rng.integers(len(noises))]
        length = int(min(n, len(noise) - 1, rng.uniform(2.0, 60.0) * 125))
        start = rng.integers(0, n - length + 1)
        take = rng.integers(0, len(noise) - length)
        piece = noise[take : take + length]
        scale = level * np.exp(rng.uniform(np.log(0.02), np.log(2.0))) / (np.std(piece) * 2.0 + 1e-6)
        x[start : start + length] += (scale * piece * np.hanning(length) ** 0.25).astype(np.float32)
    return x


def add_silence(rng: np.random.Generator, strip: Strip, noises: list[F32], chance: float = 0.08) -> Strip:
    """Cut the heart out for a while: a low noise floor, or nothing but noise, and no beat to be found in it."""
    if rng.random() > chance:
        return strip
    x, keep = strip.x.copy(), np.ones(len(strip.r), bool)
    mask = strip.mask.copy()
    n = len(x)
    for _ in range(rng.integers(1, 4)):
        length = min(int(rng.uniform(3.0, 20.0) * 125), n - 1)
        start = int(rng.integers(0, n - length))
        floor = rng.normal(0.0, np.exp(rng.uniform(np.log(0.003), np.log(0.03))), length)
        if rng.random() < 0.5:
            noise = noises[rng.integers(len(noises))]
            take = rng.integers(0, len(noise) - length)
            floor += noise[take : take + length] * np.exp(rng.uniform(np.log(0.1), np.log(1.5)))
        x[start : start + length] = floor
        keep &= ~((strip.r > start - 6) & (strip.r < start + length + 6))
        mask[max(0, start - 40) : start + 40] = 0
        mask[start + length - 10 : start + length + 60] = 0
    return Strip(x, strip.r[keep], strip.c[keep], mask)


def augment(
    rng: np.random.Generator,
    leads: F32,
    r: NDArray[np.float64],
    c: NDArray[np.int64],
    mask: NDArray[np.uint8],
    n: int,
    noises: list[F32],
) -> Strip:
    """Make a strip of `n` samples out of a two-lead stretch (at least ``n / 0.82`` samples long)."""
    factor = float(np.exp(rng.uniform(np.log(0.82), np.log(1.22))))
    x, r, mask = warp(mix_leads(rng, leads), r, mask, factor, n)
    keep = (r >= 0) & (r < n)
    x = add_noise(rng, x, noises)
    strip = add_silence(rng, Strip(x, r[keep], c[keep], mask), noises)
    gain = np.exp(rng.uniform(-0.7, 0.7)) * (-1.0 if rng.random() < 0.08 else 1.0)
    return Strip((strip.x * gain).astype(np.float32), strip.r, strip.c, strip.mask)
