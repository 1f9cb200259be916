"""A ring of the newest filtered samples, from which windows are cut by absolute index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RING_SIZE = 2048
"""Samples that a ring keeps (16 s at 125 Hz)."""


class Ring:
    """The newest `size` samples of one filtered lead.

    Every sample is written twice, `size` apart, so that any window is one contiguous slice.

    Parameters
    ----------
    size : int
        How many samples are kept.
    """

    __slots__ = ("_buffer", "_size", "end")

    def __init__(self, size: int = RING_SIZE) -> None:
        self._size = size
        self._buffer: NDArray[np.float32] = np.zeros(2 * size, np.float32)
        self.end = 0
        """Index of the next sample: everything below it has been pushed."""

    def push(self, x: float) -> None:
        """Append one sample [mV]."""
        at = self.end % self._size
        self._buffer[at] = x
        self._buffer[at + self._size] = x
        self.end += 1

    def cut(self, start: int, n: int) -> NDArray[np.float32]:
        """Samples ``start .. start + n - 1`` (a copy), zeros where they lie before the first sample.

        Raises
        ------
        IndexError
            When the window reaches past the newest sample or back beyond what is kept.
        """
        if start + n > self.end or start < self.end - self._size or n > self._size:
            raise IndexError(f"window {start}..{start + n} outside {self.end - self._size}..{self.end}")
        at = start % self._size
        out = self._buffer[at : at + n].copy()
        if start < 0:
            out[: min(n, -start)] = 0.0
        return out

    def reset(self) -> None:
        """Forget everything; the next sample has index 0."""
        self._buffer[:] = 0.0
        self.end = 0
