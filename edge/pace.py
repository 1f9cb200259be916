"""Pacing pulses that the device marks: what lies under them stays out of the filters, beats beside them are flagged.

A front end leaves a pulse of 0.1 to 2 ms (AAMI EC13) as a few samples of anything up to its rails: a QRS to whoever
looks for steep things. The class of a beat is left to the networks: calling every beat near a pulse Q would hide a VT
under a pacemaker that fires into it.

A format that can mark a frame or packet only (native, DRI) marks its first sample: a pulse that lies further behind it
than `HOLD_S` flags its beat, but passes the filters as it always did.
"""

from __future__ import annotations

import math
from collections import deque

from edge.types import Note

HOLD_S = 0.012
"""So long after a mark the last good sample stands in: a pulse, and the ringing of a converter's filter."""

PACED_S, AHEAD_S = 0.15, 0.02
"""A beat is paced whose R-peak lies at most so long after a pulse, or so long before it (a ventricle answers within
40 ms, and is at its R-peak 100 ms later at most)."""

MOST, OVER_S = 24, 4.0
"""More pulses in 4 s than two for each beat at 180 bpm are not a pacemaker's (as in :mod:`edge.quality`): they are not
believed, so that no device can blank its own ECG."""

QUIET_S = 60.0
"""Pulses after so long without are told again."""


class PaceMarks:
    """The pulses of one stream.

    Parameters
    ----------
    fs : float
        Device rate [Hz].
    """

    __slots__ = ("_ahead", "_believed", "_hold", "_marks", "_over", "_paced", "_quiet", "until")

    def __init__(self, fs: float) -> None:
        self._hold = max(1, math.ceil(HOLD_S * fs))
        self._paced, self._ahead = PACED_S * fs, AHEAD_S * fs
        self._over, self._quiet = OVER_S * fs, QUIET_S * fs
        self.reset()

    def reset(self) -> None:
        """Samples count anew."""
        self._marks: deque[int] = deque(maxlen=MOST + 1)
        self._believed = True
        self.until = -1
        """Samples below this index lie under a pulse."""

    def mark(self, at: int) -> list[Note]:
        """The device saw a pulse at sample `at`; told when the pulses begin and when they are too many."""
        last = self._marks[-1] if self._marks else None
        if last is not None and at <= last:
            return []
        self._marks.append(at)
        believed = len(self._marks) <= MOST or at - self._marks[0] > self._over
        before, self._believed = self._believed, believed
        if not believed:
            told = f"more than {MOST} pacing pulses in {OVER_S:g} s: not a pacemaker's, the marks are not believed"
            return [Note("pace", at, at, told, at)] if before else []
        self.until = at + self._hold
        if last is None or at - last > self._quiet or not before:
            return [Note("pace", at, at, "the device marks pacing pulses", at)]
        return []

    def beside(self, sample: int) -> bool:
        """Whether an R-peak at `sample` belongs to a believed pulse."""
        return self._believed and any(-self._ahead <= sample - at <= self._paced for at in self._marks)
