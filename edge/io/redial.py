"""When to try the broker again, and what its losses mean. No clock of its own: times are arguments, in seconds."""

from __future__ import annotations

from edge.io.source import BackOff

FIRST_S, LAST_S = 0.25, 4.0
"""Waiting times between attempts, as :class:`edge.io.source.BackOff` has them."""
SHORT_S = 5.0
N_SHORT = 3
"""So many connections in a row that did not last `SHORT_S` are another client's of the same name: the broker
ends the older of two (MQTT 3.1.1, 3.1.4-2), and both come back for ever."""


class Redial:
    """The losses of one connection.

    Attributes
    ----------
    n_short : int
        Accepted connections in a row that did not last.
    """

    def __init__(self) -> None:
        self.n_short = 0
        self._back_off, self._at_s = BackOff(FIRST_S, LAST_S), 0.0
        self._lost_at_s: float | None = None

    def due(self, now_s: float) -> bool:
        """Whether it is time for an attempt."""
        return now_s >= self._at_s

    def failed(self, now_s: float) -> bool:
        """An attempt led to nothing, or a connection ended; gives whether that is news."""
        self._at_s = now_s + self._back_off.fail()
        news = self._lost_at_s is None
        self._lost_at_s = now_s if self._lost_at_s is None else self._lost_at_s
        return news

    def ended(self, accepted: bool) -> bool:
        """A connection ended that the broker had `accepted` or not; gives whether there must be another client."""
        self.n_short += accepted
        return accepted and self.n_short == N_SHORT

    def accepted(self, now_s: float) -> float | None:
        """The broker said yes; gives for how long it was away [s], None if it was not."""
        if self.n_short < N_SHORT:
            self._back_off.succeed()
        lost_at_s, self._lost_at_s = self._lost_at_s, None
        return None if lost_at_s is None else now_s - lost_at_s

    def lasts(self, since_s: float, now_s: float) -> None:
        """The broker's connection of `since_s` is there."""
        if now_s - since_s > SHORT_S:
            self.n_short = 0
