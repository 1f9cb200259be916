"""When a sample was, in UTC: host clocks and the sample index meet here. Pure: times are arguments."""

from __future__ import annotations

from collections.abc import Callable

from firmware_bridge.sample_clock import SampleClock
from firmware_bridge.types import SampleBlock

STEP_S = 1.0
"""The wall clock against the monotonic one: what moves by more is a step (somebody set it), not drift."""


class Stamps:
    """Monotonic time and sample index to UTC.

    Everything is timed by the monotonic clock; the wall clock only says what to call it. A wall clock that is
    set changes names of times, never their order of arrival or the distance of two samples.

    Parameters
    ----------
    mono_s, utc_s : float
        Both clocks, read together.

    Attributes
    ----------
    fs : float
        Rate of the samples whose times are known, in Hz; 0 while there are none.
    last : int
        Index of the newest sample; -1 before the first.
    """

    def __init__(self, mono_s: float, utc_s: float) -> None:
        self._offset_s = utc_s - mono_s
        self._clock: SampleClock | None = None
        self.fs = 0.0
        self._utc_s = utc_s
        self.last = -1

    def set(self, mono_s: float, utc_s: float) -> float | None:
        """Compare the clocks again; gives the step in seconds if the wall clock was set, else None."""
        moved_s = utc_s - mono_s - self._offset_s
        self._offset_s += moved_s
        if abs(moved_s) <= STEP_S:
            return None
        self._clock, self.fs = None, 0.0
        return moved_s

    def utc_s(self, mono_s: float) -> float:
        """UTC seconds of a monotonic time."""
        return mono_s + self._offset_s

    def as_of(self, mono_s: float) -> Callable[[int], float]:
        """`of_sample` for what happened at monotonic time `mono_s`: the newest sample is as old as that."""
        utc_s, last = self.utc_s(mono_s), self.last
        return lambda index: utc_s if index >= last else self.of_sample(index)

    def push(self, block: SampleBlock, mono_s: float) -> None:
        """A block arrived."""
        self.last = block.end - 1
        self._utc_s = mono_s + self._offset_s
        clock = self._clock
        if clock is None or block.fs != self.fs:
            self.fs = block.fs
            self._clock = clock = SampleClock(block.fs)
        clock.push(self.last, self._utc_s)

    def restart(self) -> None:
        """The device began again: its index stood still for an unknown time."""
        if self._clock is not None:
            self._clock.restart()

    def of_sample(self, index: int) -> float:
        """UTC seconds of sample `index`; before any sample, or just after a step, the newest time known."""
        if self._clock is None:
            return self._utc_s
        return self._clock.utc_s(index)
