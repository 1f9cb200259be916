"""Causal IIR filters run by hand: a cascade of biquads whose coefficients come from a model's manifest.

A single sample costs well under a microsecond this way, where a call into a library costs twenty; and the
monitor starts without importing one.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware_bridge.types import BadInput


class Biquad:
    """One second-order section, direct form II transposed, in double precision.

    Parameters
    ----------
    b0, b1, b2, a1, a2 : float
        Coefficients with a0 = 1: ``y = b0 x + b1 x1 + b2 x2 - a1 y1 - a2 y2``.
    """

    __slots__ = ("_z1", "_z2", "a1", "a2", "b0", "b1", "b2")

    def __init__(self, b0: float, b1: float, b2: float, a1: float, a2: float) -> None:
        self.b0, self.b1, self.b2, self.a1, self.a2 = b0, b1, b2, a1, a2
        self._z1 = self._z2 = 0.0

    def push(self, x: float) -> float:
        """Filter one sample."""
        y = self.b0 * x + self._z1
        self._z1 = self.b1 * x - self.a1 * y + self._z2
        self._z2 = self.b2 * x - self.a2 * y
        return y

    def settle(self, x: float) -> float:
        """Set the state to what it would be had `x` come for ever; gives the output for it.

        Steady state of the transposed form: y = x * H(0), z2 = b2 x - a2 y, z1 = b1 x - a1 y + z2.
        """
        gain = (self.b0 + self.b1 + self.b2) / (1.0 + self.a1 + self.a2)
        y = gain * x
        self._z2 = self.b2 * x - self.a2 * y
        self._z1 = self.b1 * x - self.a1 * y + self._z2
        return y


class Cascade:
    """Biquads in a row, started at the step response of the first sample: no start-up transient.

    Parameters
    ----------
    sos : sequence of six floats each
        Second-order sections ``b0 b1 b2 a0 a1 a2`` as `scipy.signal` writes them (a0 must be 1).

    Raises
    ------
    BadInput
        When a section has not six finite numbers or a0 is not 1.
    """

    delay = 0

    def __init__(self, sos: Sequence[Sequence[float]]) -> None:
        self._sections = [_section(row, i) for i, row in enumerate(sos)]
        self._cold = True

    def push(self, x: float) -> float:
        """Filter one sample [mV]."""
        if self._cold:
            self._cold = False
            for section in self._sections:
                x = section.settle(x)
            return x
        for section in self._sections:
            x = section.push(x)
        return x

    def reset(self) -> None:
        """Forget everything: the next sample is the first."""
        self._cold = True


def _section(row: Sequence[float], index: int) -> Biquad:
    values = [float(v) for v in row]
    if len(values) != 6 or values[3] != 1.0 or not all(abs(v) < 1e6 for v in values):
        raise BadInput(
            f"filter section {index}: got {values}, expected b0 b1 b2 1.0 a1 a2; export the model again"
        )
    return Biquad(values[0], values[1], values[2], values[4], values[5])
