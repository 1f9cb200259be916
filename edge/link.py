"""Watches one link: is it alive, and does it run at the rate it declares? Pure: time is an argument."""

from __future__ import annotations

from edge.types import LinkState
from firmware_bridge.timeline import RateMeter

SILENCE_S = 1.5
"""Without a new sample for this long there is no signal (2 s are allowed in all)."""
HELD_S = 6.0
"""Before the first sample frames are a sign of life for so long: a text device's rate is measured over 4 s."""
RATE_TOLERANCE = 0.02
"""Relative deviation of the measured from the declared rate that is flagged."""
RATE_RETURN = 0.015
"""Deviation below which a flagged rate is right again: less, so that it does not flap."""
RATE_CONFIRM_S = 2.0
"""How long the measured rate must stay on the other side: a stall on the way is no change of rate."""
RATE_WINDOW_S = 8.0


class LinkWatch:
    """Says 'no_signal', 'signal', 'rate_mismatch' and 'rate_ok', each once when it becomes true.

    Only new samples count as signs of life: a frame that is repeated for ever is silence. Before the very first, frames
    count for `HELD_S`, whose samples are held until the rate is known.
    """

    def __init__(self) -> None:
        self._meter = RateMeter(RATE_WINDOW_S)
        self._fs = 0.0
        self._next = 0
        self._last_s: float | None = None
        self._n_held, self._held_until_s = 0, 0.0
        self._silent = False
        self._mismatch = False
        self._differs_since_s: float | None = None

    @property
    def fs_est(self) -> float | None:
        """Measured rate in Hz of the last seconds; None until 5 s were seen and while there is no signal."""
        return None if self._silent else self._meter.fs_est

    @property
    def silent(self) -> bool:
        """Whether 'no_signal' was said last."""
        return self._silent

    def age_s(self, t_s: float) -> float:
        """Seconds from the newest sample to `t_s`; 0 before the first `poll` or `push`."""
        return 0.0 if self._last_s is None else max(0.0, t_s - self._last_s)

    def push(self, t_s: float, n_samples: int, index: int, fs: float) -> list[LinkState]:
        """Samples arrived.

        Parameters
        ----------
        t_s : float
            Monotonic time of their arrival in seconds.
        n_samples : int
            How many.
        index : int
            Index of the first one, losses included.
        fs : float
            The rate the device declares, in Hz.
        """
        end = index + n_samples
        if end <= self._next:
            return []
        if fs != self._fs:
            self.restart()
            self._fs = fs
        self._next = end
        self._last_s = t_s
        said: list[LinkState] = []
        if self._silent:
            self._silent = False
            self._meter.reset()
            said.append(LinkState("signal", "samples arrive again"))
        self._meter.push(end, t_s)
        return said

    def hold(self, n_frames: int, t_s: float) -> None:
        """So many frames have been read since the start, whether samples came of them or not.

        Parameters
        ----------
        n_frames : int
            `LinkStats.n_frames` of the decoder.
        t_s : float
            Monotonic time [s].
        """
        if self._next or self._silent or n_frames <= self._n_held:
            return
        if not self._n_held:
            self._held_until_s = t_s + HELD_S
        self._n_held = n_frames
        if t_s < self._held_until_s:
            self._last_s = t_s

    def poll(self, t_s: float) -> list[LinkState]:
        """Time passed: call a few times a second."""
        if self._last_s is None:
            self._last_s = t_s
        if not self._silent and t_s - self._last_s >= SILENCE_S:
            self._silent = True
            self._differs_since_s = None
            return [LinkState("no_signal", f"no new sample for {t_s - self._last_s:.1f} s")]
        return [] if self._silent else self._check_rate(t_s)

    def restart(self) -> None:
        """The device began again: what was measured so far says nothing about what follows."""
        self._meter.reset()
        self._differs_since_s = None

    def _check_rate(self, t_s: float) -> list[LinkState]:
        measured = self._meter.fs_est
        if measured is None:
            return []
        deviation = abs(measured / self._fs - 1.0)
        differs = deviation <= RATE_RETURN if self._mismatch else deviation > RATE_TOLERANCE
        if not differs:
            self._differs_since_s = None
            return []
        if self._differs_since_s is None:
            self._differs_since_s = t_s
        if t_s - self._differs_since_s < RATE_CONFIRM_S:
            return []
        self._mismatch = not self._mismatch
        self._differs_since_s = None
        detail = f"measured {measured:.1f} Hz, declared {self._fs:g} Hz"
        return [LinkState("rate_mismatch" if self._mismatch else "rate_ok", detail)]
