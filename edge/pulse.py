"""Whether the monitor does its work to the end: what the watchdog of the system is fed on. Pure: times are arguments.

The last thing that the monitor does with a sample is to publish the state that followed from it. While states go out,
the loop turns, and neither the analysis nor a thread that the monitor relies on is stuck, it is alive, however
bad the news are: a silent cable, a broker that is away and a full disk are told by alarms, and no restart mends them.
"""

from __future__ import annotations

BEHIND_S = 5.0
"""So much of the stream went into the analysis and no state came out: it is dead (it gives one a second)."""


class Pulse:
    """Judges it, a few times a second.

    Attributes
    ----------
    trouble : str
        Why the watchdog is not fed; empty while it is.
    """

    def __init__(self) -> None:
        self._answered_at: int | None = None
        self._n_said = self._n_fed = 0
        self.trouble = ""

    def answered(self, at: int) -> None:
        """The analysis gave a state of sample `at`."""
        self._answered_at = at

    def said(self) -> None:
        """A state was handed to those who publish it."""
        self._n_said += 1

    def poll(self, last: int, fs: float, stuck: str, dead: bool) -> bool:
        """Whether the watchdog is to be fed now.

        Parameters
        ----------
        last : int
            Index of the newest sample.
        fs : float
            Device rate [Hz]; 0 while it is not known.
        stuck : str
            Why something that the monitor relies on is stuck; empty where nothing is.
        dead : bool
            The analysis has not answered for long, by the clock.
        """
        behind = last - (0 if self._answered_at is None else self._answered_at)
        if dead and fs and abs(behind) > BEHIND_S * fs:
            stuck = f"no answer of the analysis to {abs(behind) / fs:.0f} s of samples"
        self.trouble = stuck
        fed = not stuck and self._n_said > self._n_fed
        self._n_fed = self._n_said
        return fed
