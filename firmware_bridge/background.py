"""What is in an ECG beside the beats: noise of skin and muscle, wander, mains, fibrillating chambers.

Every source makes a fixed number of samples at a time (`take`), at about unit amplitude, whether they are
used or not: so no source ever depends on what the others did or on how a reader cut the stream.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

#: Control points of slow random quantities per block of samples.
POINTS = 10


class Drift:
    """A slow random quantity, zero mean, unit variance: first-order autoregressive points, joined linearly.

    `point` samples between points, `tau` points to forget; :meth:`take` gives ``POINTS * point`` samples.
    """

    def __init__(self, point: int, tau: float, rng: np.random.Generator) -> None:
        self._point = point
        self._keep = float(np.exp(-1.0 / tau))
        self._rng = rng
        self._last = float(rng.standard_normal())

    def take(self) -> F64:
        """The next block, shape (POINTS * point,)."""
        points = [self._last]
        for draw in self._rng.standard_normal(POINTS):
            points.append(self._keep * points[-1] + float(np.sqrt(1.0 - self._keep**2)) * float(draw))
        self._last = points[-1]
        at = np.arange(1, POINTS * self._point + 1) / self._point
        joined: F64 = np.interp(at, np.arange(POINTS + 1), points)
        return joined


class Oscillator:
    """A chamber that fibrillates: one wave of wandering frequency and height, and a weaker, faster second.

    Frequency `hz` +- `spread_hz` (1 sigma, held within 2.5 sigma); peaks are about 1 high.
    """

    def __init__(self, fs: float, point: int, hz: float, spread_hz: float, rng: np.random.Generator) -> None:
        self._fs, self._hz, self._spread_hz = fs, hz, spread_hz
        self._freq = (Drift(point, 6.0, rng), Drift(point, 6.0, rng))
        self._height = (Drift(point, 8.0, rng), Drift(point, 5.0, rng))
        self._phase = [float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 2 * np.pi))]

    def take(self) -> F64:
        """The next block, shape as that of :class:`Drift`."""
        return self._wave(0, 1.0, 0.8) + self._wave(1, 1.55, 0.35)

    def _wave(self, which: int, ratio: float, height: float) -> F64:
        wandering = np.clip(self._freq[which].take(), -2.5, 2.5) * self._spread_hz
        hz = np.maximum(0.5, (self._hz + wandering) * ratio)
        phase = self._phase[which] + np.cumsum(hz) * (2 * np.pi / self._fs)
        self._phase[which] = float(phase[-1] % (2 * np.pi))
        wave: F64 = height * np.clip(1.0 + 0.35 * self._height[which].take(), 0.15, 2.0) * np.sin(phase)
        return wave


class Muscle:
    """Electromyogram, unit variance in the long run: white noise, differenced, that swells and fades."""

    def __init__(self, point: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._swell = Drift(point, 10.0, rng)
        self._last = float(rng.standard_normal())
        self._n = POINTS * point

    def take(self) -> F64:
        """The next block, shape (POINTS * point,)."""
        white = self._rng.standard_normal(self._n)
        before = np.concatenate(([self._last], white[:-1]))
        self._last = float(white[-1])
        # Normal variance of the difference with 0.4 is 1 + 0.16; that of exp(0.5 x) is exp(0.5).
        swell = np.exp(0.5 * np.clip(self._swell.take(), -2.5, 2.5) - 0.5)
        noise: F64 = (white - 0.4 * before) / np.sqrt(1.16) * swell * np.exp(0.25)
        return noise


class Background:
    """All sources of one stream, each with a generator of its own; `block` samples a :meth:`take`."""

    def __init__(self, fs: float, resp_hz: float, seeds: np.random.SeedSequence) -> None:
        point = max(1, round(fs / POINTS))
        self.block = POINTS * point
        rngs = [np.random.default_rng(seed) for seed in seeds.spawn(6)]
        self._fs, self._resp_hz = fs, resp_hz
        self._white = rngs[0]
        self._muscle = Muscle(point, rngs[1])
        self._wander = (Drift(point, 12.0, rngs[2]), Drift(point, 40.0, rngs[2]))
        self._vf = Oscillator(fs, point, 4.9, 0.45, rngs[3])
        self._atria = Oscillator(fs, point, 6.3, 0.5, rngs[4])
        self._mains_phase = float(rngs[5].uniform(0, 2 * np.pi))

    def take(self, start: int) -> dict[str, F64]:
        """The block from sample `start` on: floor, emg, wander, vf, atria, each of shape (block,).

        `mains` depends on the frequency asked for and is made by :meth:`mains`.
        """
        t_s = (start + np.arange(self.block)) / self._fs
        breath = np.sin(2 * np.pi * self._resp_hz * t_s + 0.7)
        return {
            "floor": self._white.standard_normal(self.block),
            "emg": self._muscle.take(),
            "wander": 0.6 * self._wander[0].take() + 0.5 * self._wander[1].take() + 0.6 * breath,
            "vf": self._vf.take(),
            "atria": self._atria.take(),
        }

    def mains(self, start: int, hz: F64) -> F64:
        """Mains of unit amplitude and some third harmonic at `hz`, from sample `start`; shape as `hz`."""
        angle = 2 * np.pi * hz * ((start + np.arange(hz.shape[0])) / self._fs) + self._mains_phase
        hum: F64 = np.sin(angle) + 0.15 * np.sin(3 * angle)
        return hum
