"""Whether the monitor keeps up. Pure: times are arguments.

A monitor that is too slow shows it in two ways: it never waits for anything any more, so what arrives piles up
unread; or it is held up, and all that time alone must bring about comes late. A third number says whose fault it is:
how long the system let it wait for a processor.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0
LEAST_IDLE = 0.02
"""Share of its time that a monitor must have nothing to do; with less, the backlog grows."""
LATE_S = 1.0
"""The loop comes by four times a second; who comes by so much later was held up."""
MOST_WAITING = 0.25
"""Share of its time that it may wait for a processor, before the core that it keeps to is left."""


class LoadWatch:
    """Judges the loop's own figures.

    Attributes
    ----------
    cause : bool
        Whether the monitor is too slow.
    detail : str
        Why, in words.
    hogged : bool
        Whether the processor is somebody else's for much of the time.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float, float]] = deque()
        self.cause = self.hogged = False
        self.detail = ""

    def push(self, now_s: float, idle_s: float, waited_s: float | None, late_s: float) -> None:
        """The loop came by.

        Parameters
        ----------
        now_s : float
            Monotonic time [s].
        idle_s, waited_s : float
            Time since the start that the loop had nothing to do, and that it waited for a processor [s]; None where
            the system does not say.
        late_s : float
            How much later it came by than it should have [s].
        """
        marks = self._marks
        marks.append((now_s, idle_s, waited_s or 0.0))
        while len(marks) > 2 and now_s - marks[1][0] >= WINDOW_S:
            marks.popleft()
        span_s = now_s - marks[0][0]
        whole = span_s >= WINDOW_S
        idle = (idle_s - marks[0][1]) / span_s if whole else 1.0
        waiting = ((waited_s or 0.0) - marks[0][2]) / span_s if whole else 0.0
        self.hogged = waiting > MOST_WAITING
        whose = f", waiting for a processor {100.0 * waiting:.0f} % of the time" if self.hogged else ""
        if late_s >= LATE_S:
            self.cause, self.detail = True, f"the monitor was held up for {late_s:.1f} s{whose}"
        elif idle < LEAST_IDLE:
            self.cause, self.detail = True, f"busy without a break for {span_s:.0f} s{whose}"
        else:
            self.cause, self.detail = False, f"idle {100.0 * idle:.0f} % of the time{whose}"
