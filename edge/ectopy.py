"""Patterns of ventricular beats: couplets, runs, bigeminy, trigeminy, and how many there are in a minute. Pure.

Only final answers count: an early one may still be revised, and none of these is worth a false word a second sooner.
A run is told when it has ended, or when it is as long as VT and too slow for it: so a VT on its way to five beats is
not told three times over. Beats of a run count for the run alone, not for how many there are in a minute.
"""

from __future__ import annotations

from collections import deque

from edge.alarms.limits import AlarmLimits
from edge.alarms.rules import NOTHING, Finding
from edge.types import Beat

VENTRICULAR, ORDINARY, BREAK = "V", "o", "|"
MINUTE_S = 60.0


class Ectopy:
    """Follows the final answers of one patient.

    Parameters
    ----------
    limits : AlarmLimits
        Beats of a run and of VT, cycles, beats a minute.
    """

    def __init__(self, limits: AlarmLimits) -> None:
        self._limits = limits
        self._keep = max(3 * limits.cycles, limits.vt_beats) + 3
        self._bigeminy = _rotations(VENTRICULAR + ORDINARY, limits.cycles)
        self._trigeminy = _rotations(VENTRICULAR + 2 * ORDINARY, limits.cycles)
        self.reset()

    def reset(self) -> None:
        """No beat seen."""
        self._kinds = BREAK
        self._run = self._ended = 0
        self._run_from = self._newest = 0
        self._whole = False
        self._sure: deque[int] = deque()
        self._many = False

    def interrupt(self) -> None:
        """Beats may have been missed since the last."""
        self._put(BREAK, self._newest)

    def push(self, beat: Beat) -> None:
        """A final answer; others are passed over."""
        if not beat.final:
            return
        sample = beat.r_peak.sample
        if beat.rr_s is None or not beat.readable:
            self._put(BREAK, sample)
        if not beat.readable or beat.warming:
            return
        ventricular = beat.aami == "V"
        self._put(VENTRICULAR if ventricular else ORDINARY, sample)
        if ventricular:
            self._count(sample)

    def _count(self, sample: int) -> None:
        """Count a ventricular beat; those of a run, from its first, are not."""
        if self._run < self._limits.run_beats:
            self._sure.append(sample)
        elif self._run == self._limits.run_beats:
            while self._sure and self._sure[-1] >= self._run_from:
                self._sure.pop()

    def _put(self, kind: str, sample: int) -> None:
        self._newest = sample
        if kind == VENTRICULAR:
            if self._run == 0:
                self._whole = self._kinds[-1:] != BREAK
                self._run_from = sample
            self._run += 1
            self._ended = 0
        else:
            self._ended = self._run if kind == ORDINARY else 0
            self._run = 0
        self._kinds = (self._kinds + kind)[-self._keep :]

    def couplet(self) -> Finding:
        """Two ventricular beats stood between ordinary ones just now."""
        return Finding(self._ended == 2 and self._whole, 0.0, "2 ventricular beats in a row")

    def run(self, fs: float) -> Finding:
        """A run has just ended, or goes on for as long as VT without being one (that is the VT rule's to say)."""
        limits = self._limits
        n = (
            self._ended
            if self._ended >= limits.run_beats
            else self._run
            if self._run >= limits.vt_beats
            else 0
        )
        if n == 0:
            return NOTHING
        since_s = (self._newest - self._run_from) / fs
        return Finding(True, since_s, f"{n} ventricular beats in a row")

    def bigeminy(self) -> Finding:
        """Every second beat is ventricular."""
        return Finding(self._kinds.endswith(self._bigeminy), 0.0, "every second beat ventricular")

    def trigeminy(self) -> Finding:
        """Every third beat is ventricular."""
        return Finding(self._kinds.endswith(self._trigeminy), 0.0, "every third beat ventricular")

    def pvc_rate(self, at: int, fs: float) -> Finding:
        """More ventricular beats in the last minute than the limit, those of runs left out."""
        while self._sure and at - self._sure[0] > MINUTE_S * fs:
            self._sure.popleft()
        n = len(self._sure)
        least = self._limits.pvc_per_min - (self._limits.pvc_margin if self._many else 0.0)
        self._many = n > least
        return Finding(self._many, 0.0, f"{n} ventricular beats in the last minute, runs left out")


def _rotations(cycle: str, n: int) -> tuple[str, ...]:
    """Every way in which `n` cycles in a row can end."""
    return tuple((cycle[k:] + cycle[:k]) * n for k in range(len(cycle)))
