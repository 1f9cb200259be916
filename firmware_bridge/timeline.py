"""Counters and rates of a stream: what was lost, and how fast it really runs. Pure: times are arguments.

A counter that wraps is not a loss, a frame that comes twice is not a reboot, and a burst on the way is not a
change of rate. When a sample was is in :mod:`firmware_bridge.sample_clock`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from statistics import median

MAX_PLAUSIBLE_LOSS = 1 << 24
NARROW = 16
"""A counter of so many values comes round within a few damaged frames."""


class Arrival(Enum):
    """How a frame stands to those before it."""

    FIRST = "first"
    NEXT = "next"
    LOST = "lost"
    DUPLICATE = "duplicate"
    LATE = "late"
    REBOOT = "reboot"


@dataclass(frozen=True, slots=True)
class Step:
    """The verdict on one frame; `n_lost` is how many counts are missing before it."""

    arrival: Arrival
    n_lost: int = 0

    @property
    def accepted(self) -> bool:
        """False for what must be dropped: it was seen, or its place in time is past."""
        return self.arrival not in (Arrival.DUPLICATE, Arrival.LATE)


def usual_late_window(bits: int) -> int:
    """How far behind (in counts) a frame may be and still be called late, by a counter so wide."""
    return min(max(8, (1 << bits) >> 6), 1024)


def distance(before: int, seq: int, bits: int, late_window: int | None = None) -> int:
    """How many counts `seq` is after `before` by a counter of `bits`; 0 or less where it comes again or late."""
    ahead = (seq - before) & (1 << bits) - 1
    late = usual_late_window(bits) if late_window is None else late_window
    return ahead - (1 << bits) if ahead > (1 << bits) - late else ahead


class SequenceCounter:
    """Tell losses, duplicates, late frames, wraps and reboots apart by a counter that wraps.

    Parameters
    ----------
    bits : int
        Width of the device's counter. It counts whatever the device counts: frames or samples.
    late_window : int or None
        How far behind (in counts) a frame may be and still be called late, 1/64 of the counter's range where
        not given, but 8 to 1024 (`usual_late_window`). It is also how soon after a reboot a frame must be to be
        seen as such.

    Attributes
    ----------
    expected : int
        The counter of the frame that should come next.
    slack : float
        How far (in counts) the device's clock may be off the counter, besides 2 % of what is missing.

    Notes
    -----
    Without a clock a loss of a whole turn of the counter cannot be seen, and a reboot is told by a counter
    near zero or by a jump of more than half a turn. With the device's own clock (`elapsed`) both are decided:
    the counter and the clock must tell the same story, or the device began again. A counter that goes on
    while the clock jumps is a device that did not sample for a while: what is missing is what the clock says.
    """

    __slots__ = ("_last_n", "_late_window", "_mask", "_started", "expected", "slack")

    def __init__(self, bits: int, late_window: int | None = None) -> None:
        self._mask = (1 << bits) - 1
        self._late_window = usual_late_window(bits) if late_window is None else late_window
        self._last_n = 0
        self._started = False
        self.expected = 0
        self.slack = 8.0

    def push(
        self,
        seq: int,
        n: int = 1,
        elapsed: float | None = None,
        boot: bool = False,
        missing: float | None = None,
        damaged: int = 0,
    ) -> Step:
        """Take the next frame.

        Parameters
        ----------
        seq : int
            Its counter.
        n : int
            How many counts it holds.
        elapsed : float or None
            What the device's clock says of the time since the start of the last accepted frame, in counts
            (seconds times rate); negative when the clock went back.
        boot : bool
            The device itself says that it has begun again since the last frame.
        missing : float or None
            For devices without a clock: how many counts the host's clock misses before this frame, where that
            is too much to be a delay on the way. It tells whole turns of a narrow counter.
        damaged : int
            How many counts went by before this frame that could not be read, by the bytes that they took. That too
            tells whole turns.
        """
        step = self._judge(seq, elapsed, boot, missing, damaged)
        if step.accepted:
            self._started = True
            self._last_n = n
            self.expected = (seq + n) & self._mask
        return step

    def go_on(self, n: int) -> None:
        """Take `n` more frames of one count each, each the next."""
        self._last_n = 1
        self.expected = (self.expected + n) & self._mask

    def _judge(
        self, seq: int, elapsed: float | None, boot: bool, missing: float | None, damaged: int
    ) -> Step:
        if not self._started:
            return Step(Arrival.FIRST)
        ahead = (seq - self.expected) & self._mask
        behind = (self.expected - seq) & self._mask
        if boot:
            return Step(Arrival.REBOOT)
        if elapsed is not None:
            return self._judge_by_clock(ahead, behind, elapsed)
        if missing is not None:
            turn = self._mask + 1
            n_lost = ahead + turn * max(0, round((missing - ahead) / turn))
            if n_lost and abs(missing - n_lost) <= 128 + missing / 4:
                return Step(Arrival.LOST, n_lost)
        if damaged:
            # At least these: a quarter of a turn less, should bytes have come that were no frames.
            turn = self._mask + 1
            n_lost = ahead + turn * max(0, math.ceil((damaged - ahead) / turn - 0.25))
            # A narrow counter comes round soon: of what went missing whole more can have left no bytes.
            if n_lost and abs(n_lost - damaged) <= (2 if turn <= NARROW else 1) * damaged + behind:
                return Step(Arrival.LOST, n_lost)
        if ahead == 0:
            return Step(Arrival.NEXT)
        if behind <= self._late_window:
            return Step(Arrival.DUPLICATE if behind == self._last_n else Arrival.LATE)
        began = self._mask > 0xFF and seq <= self._late_window < ahead
        if began or ahead > min(self._mask - self._late_window, MAX_PLAUSIBLE_LOSS):
            return Step(Arrival.REBOOT)
        if self._mask > 0xFF and ahead > self._mask >> 1:
            return Step(Arrival.REBOOT)
        return Step(Arrival.LOST, ahead)

    def _judge_by_clock(self, ahead: int, behind: int, elapsed: float) -> Step:
        """Of "ahead, perhaps by whole turns more" and "behind" take what the clock is nearer to."""
        missing = elapsed - self._last_n
        turn = self._mask + 1
        slack = self.slack + self._last_n + 0.02 * abs(missing)
        n_lost = ahead + turn * max(0, round((missing - ahead) / turn))
        if 0 < behind <= self._late_window and abs(missing + behind) < abs(missing - n_lost):
            if abs(missing + behind) > slack:
                return Step(Arrival.REBOOT)
            return Step(Arrival.DUPLICATE if behind == self._last_n else Arrival.LATE)
        if abs(missing - n_lost) > slack:
            stalled = ahead == 0 and 0 < missing < MAX_PLAUSIBLE_LOSS
            return Step(Arrival.LOST, round(missing)) if stalled else Step(Arrival.REBOOT)
        return Step(Arrival.LOST, n_lost) if n_lost else Step(Arrival.NEXT)


class RateMeter:
    """The true rate of a stream, by its sample index against the host's clock.

    The time is cut into half seconds; of each the last arrival counts, and the rate is the median slope over
    pairs half the window apart (Theil and Sen's estimator, thinned), so that bursts and single stalls on the
    way do not move it.

    Parameters
    ----------
    window_s : float
        How far back it looks.
    """

    MIN_SPAN_S = 5.0
    BUCKET_S = 0.5

    def __init__(self, window_s: float = 60.0) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=max(12, int(window_s / self.BUCKET_S)))
        self._open: tuple[float, int] | None = None
        self._edge_s = 0.0
        self._fs: float | None = None

    def push(self, index: int, t_s: float) -> None:
        """Say that the sample before `index` (so that many in all) had arrived at monotonic time `t_s`."""
        if self._open is None:
            self._edge_s = t_s + self.BUCKET_S
        elif t_s >= self._edge_s:
            self._points.append(self._open)
            self._edge_s = max(self._edge_s + self.BUCKET_S, t_s)
            self._fs = None
        self._open = (t_s, index)

    @property
    def fs_est(self) -> float | None:
        """The measured rate in Hz; None until 5 s were seen."""
        points = self._points
        if len(points) < 2 or points[-1][0] - points[0][0] < self.MIN_SPAN_S - 2 * self.BUCKET_S:
            return None
        if self._open is None or self._open[0] - points[0][0] < self.MIN_SPAN_S:
            return None
        if self._fs is None:
            half = len(points) // 2
            self._fs = median(
                (points[k + half][1] - points[k][1]) / (points[k + half][0] - points[k][0])
                for k in range(len(points) - half)
            )
        return self._fs

    def reset(self) -> None:
        """Begin again: the link was opened anew or the device rebooted."""
        self._points.clear()
        self._open = None
        self._fs = None
