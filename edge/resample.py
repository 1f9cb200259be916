"""Streaming resampling from any device rate to the model's rate, by a windowed sinc on exact rational time."""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from itertools import islice
from operator import mul

from firmware_bridge.types import BadInput

HALF_WIDTH_S = 0.032
"""Half the length of the kernel and therefore its delay: 4 samples at 125 Hz, little beside the 250 ms that an
early answer may take."""

CUTOFF_HZ = 42.0
"""-6 dB point. What the short kernel lets through above 62.5 Hz folds to above 40 Hz, where the model's own
low-pass takes it."""

KAISER_BETA = 5.0
MAX_PHASES = 1024


class Resampler:
    """Device samples in, samples at `fs_out` out, each no later than `HALF_WIDTH_S` after its time.

    Output k stands for time ``k / fs_out`` after the first input sample. Ratios are exact fractions, so the
    grid never drifts. A device slower than the model gets at least one output for each input.

    Parameters
    ----------
    fs_in, fs_out : float
        Rates in Hz; `fs_in` from 20 to 20,000.
    cutoff_hz, half_width_s : float
        -6 dB point and half length of the kernel.

    Raises
    ------
    BadInput
        When `fs_in` is out of range.
    """

    def __init__(
        self, fs_in: float, fs_out: float, cutoff_hz: float = CUTOFF_HZ, half_width_s: float = HALF_WIDTH_S
    ) -> None:
        if not 20.0 <= fs_in <= 20000.0:
            raise BadInput(
                f"sampling rate: got {fs_in} Hz, expected 20 to 20000; set fs in the device's config"
            )
        step = Fraction(fs_in).limit_denominator(1000) / Fraction(fs_out).limit_denominator(1000)
        self.step = step
        """Input samples per output sample, exact."""
        self._denominator = step.denominator
        self._whole, self._part = divmod(step.numerator, step.denominator)
        self.fs_in, self.fs_out = fs_in, fs_out
        cutoff = min(cutoff_hz, 0.42 * fs_in)
        self._half = max(2, math.ceil(half_width_s * fs_in))
        n_phases = min(step.denominator, MAX_PHASES)
        self._taps = [_kernel(p / n_phases, self._half, fs_in, cutoff, half_width_s) for p in range(n_phases)]
        self._n_phases = n_phases
        self._window: deque[float] = deque(maxlen=2 * self._half)
        self.reset()

    @property
    def delay_s(self) -> float:
        """How long after its own time an output is given, in seconds."""
        return self._half / self.fs_in

    @property
    def taps(self) -> list[list[float]]:
        """Taps of each phase, those of the oldest input first."""
        return self._taps

    def reset(self) -> None:
        """Forget everything: the next sample is input 0 and stands for time 0."""
        self._window.clear()
        self._n_in = 0
        self._need = 0
        self._phase_num = 0

    def push(self, x: float) -> list[float]:
        """Take one input sample, give the outputs (often none or one) that it completes."""
        window = self._window
        if self._n_in == 0:
            window.extend([x] * (2 * self._half))
            self._need = self._half
        window.append(x)
        self._n_in += 1
        if self._n_in <= self._need:
            return []
        out = []
        while self._n_in > self._need:
            out.append(sum(map(mul, self._taps[self._phase()], window)))
            self._advance()
        return out

    def input_index(self, k: float) -> float:
        """Input sample index (since the last reset) at the time of output `k` (may be fractional)."""
        return k * float(self.step)

    def _phase(self) -> int:
        if self._n_phases == self._denominator:
            return self._phase_num
        return min(self._n_phases - 1, self._phase_num * self._n_phases // self._denominator)

    def _advance(self) -> None:
        """The next output's time: a step of whole inputs and, carried in whole numbers, the fraction of one."""
        self._need += self._whole
        self._phase_num += self._part
        if self._phase_num >= self._denominator:
            self._phase_num -= self._denominator
            self._need += 1

    def recent(self, n: int) -> list[float]:
        """The newest `n` inputs, oldest first (fewer after a reset)."""
        return list(islice(self._window, max(0, len(self._window) - n), None))


def _kernel(fraction: float, half: int, fs: float, cutoff: float, half_width_s: float) -> list[float]:
    """Taps for an output that lies `fraction` of an input sample after input `i`.

    The window holds inputs ``i - half + 1 .. i + half``. Windowed sinc with a Kaiser window (Oppenheim and
    Schafer, Discrete-Time Signal Processing, section 7.5), taps scaled to unit gain at 0 Hz.
    """
    width = max(half, half_width_s * fs)
    taps = []
    for j in range(-half + 1, half + 1):
        u = j - fraction
        r = u / width
        window = _bessel_i0(KAISER_BETA * math.sqrt(max(0.0, 1.0 - r * r))) if abs(r) <= 1.0 else 0.0
        angle = 2.0 * math.pi * cutoff / fs * u
        taps.append(window * (1.0 if angle == 0.0 else math.sin(angle) / angle))
    total = math.fsum(taps)
    return [t / total for t in taps]


def _bessel_i0(x: float) -> float:
    """Modified Bessel function of order zero, by its power series."""
    term = total = 1.0
    k = 1
    while term > 1e-16 * total:
        term *= (x / (2.0 * k)) ** 2
        total += term
        k += 1
    return total
