"""Whether the analysis still answers while samples arrive. Pure: times are arguments.

A pipeline that raises on every block is survived block by block, and would leave the last heart rate standing as if
it were true. It answers once a second of stream; when it does not, someone must be told.
"""

from __future__ import annotations

from edge.types import Status

DEAD_S = 5.0
"""Without an answer for so long, with samples arriving, the analysis is dead (faults.md T16 allows 10 s)."""

REASON = "no_analysis"


class Vigil:
    """Says once that the analysis is dead, and once that it is back.

    Parameters
    ----------
    t_s : float
        Monotonic time of the start in seconds.
    """

    def __init__(self, t_s: float) -> None:
        self._answered_s = t_s
        self.dead = False

    def answered(self, t_s: float) -> bool:
        """The analysis gave a status; True if it had been dead."""
        self._answered_s = t_s
        was_dead, self.dead = self.dead, False
        return was_dead

    def poll(self, t_s: float, silent: bool) -> bool:
        """Time passed: True when it has just died. `silent`: no samples arrive, so there is nothing to answer."""
        if silent and not self.dead:
            self._answered_s = t_s
        if self.dead or t_s - self._answered_s <= DEAD_S:
            return False
        self.dead = True
        return True


def status_of_the_dead(at: int) -> Status:
    """What is known when nothing is analysed: nothing, and why."""
    return Status(None, REASON, "unknown", 0.0, False, None, None, None, 0, True, at)
