"""Between the wire and the filters: no sample that could poison a state gets past here."""

from __future__ import annotations

MOST_MV = 600.0
"""No electrode gives more: a half-cell offset is at most 300 mV (AAMI EC13), converters saturate below this."""

JUMP_MV = 20.0
"""A jump this large is no ECG: a glitch if it lasts less than `JUMP_S`, a new baseline if longer."""

JUMP_S = 0.04


class Guard:
    """Holds the last good value in place of samples that are not finite, absurd, a glitch, or taken lead-off.

    Parameters
    ----------
    fs : float
        Device rate, Hz.
    """

    __slots__ = ("_last", "_n_jump", "_patience", "n_bad", "run")

    def __init__(self, fs: float) -> None:
        self._patience = max(1, int(JUMP_S * fs))
        self.n_bad = 0
        """Samples held since the stream began."""
        self.reset()

    def reset(self) -> None:
        """The next good sample is the first."""
        self._last: float | None = None
        self._n_jump = 0
        self.run = 0
        """Bad samples in a row, up to now."""

    @property
    def empty(self) -> bool:
        """Whether no good sample has come yet."""
        return self._last is None

    @property
    def held(self) -> float:
        """The last good value [mV], 0 before there is one."""
        return 0.0 if self._last is None else self._last

    def push(self, x: float, lead_off: bool) -> float:
        """Give `x`, or what stands in for it [mV]."""
        last = self._last
        if lead_off or not -MOST_MV < x < MOST_MV:
            self.n_bad += 1
            self.run += 1
            return self.held
        if last is not None and not -JUMP_MV < x - last < JUMP_MV:
            self._n_jump += 1
            if self._n_jump <= self._patience:
                self.n_bad += 1
                self.run += 1
                return last
        self._n_jump = 0
        self.run = 0
        self._last = x
        return x
