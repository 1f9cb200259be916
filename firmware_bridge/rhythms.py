"""When the next heartbeat comes and of which kind: one rhythm of a script as RR intervals.

Pure: a rhythm is asked with the time of the last beat and draws from the generator it was given, in a fixed
order, so that the same seed gives the same heart at every sampling rate.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from firmware_bridge.morphology import Person
from firmware_bridge.scenario import Step

#: Repeating patterns: factor on the sinus RR, kind of beat. A ventricular beat comes after 0.60 RR and is
#: followed by the full compensatory pause: the sinus node is not reset, so both intervals add up to 2 RR.
_PATTERNS: dict[str, tuple[tuple[float, str], ...]] = {
    "bigeminy": ((0.60, "pvc"), (1.40, "normal")),
    "trigeminy": ((1.0, "normal"), (0.60, "pvc"), (1.40, "normal")),
    "couplet": (
        (1.0, "normal"),
        (1.0, "normal"),
        (0.60, "pvc"),
        (0.58, "pvc"),
        (1.45, "normal"),
        (1.0, "normal"),
    ),
}

#: Rhythms without any beat.
SILENT = frozenset({"asystole", "vf", "noise", "lead_off"})

#: Rhythms whose RR varies at random alone: kind of beat and relative standard deviation of RR. The 0.21 of
#: atrial fibrillation is the median over records of the MIT-BIH Atrial Fibrillation Database, in 100 beats.
_PLAIN: dict[str, tuple[str, float]] = {
    "af": ("conducted", 0.21),
    "svt": ("atrial", 0.01),
    "vt": ("vt", 0.02),
    "paced": ("paced", 0.002),
    "spikes": ("spike", 0.002),
}

#: No ventricle is excited again sooner than this [s].
REFRACTORY_S = 0.24


class Rhythm:
    """The beats of one script step; `rng` is drawn from once per beat asked for."""

    def __init__(self, step: Step, person: Person, rng: np.random.Generator) -> None:
        self._name = step.rhythm
        self._values = step.values
        self._person = person
        self._rng = rng
        self._queue: deque[tuple[float, str]] = deque()

    def next_beat(self, last_s: float) -> tuple[float, str]:
        """RR interval [s] after the beat at `last_s` [s], and the kind of the beat that ends it.

        Not to be asked of a rhythm in :data:`SILENT`.
        """
        if self._name in _PLAIN:
            return self._irregular()
        factor, kind = self._patterned()
        return max(REFRACTORY_S, factor * self._sinus_rr(last_s)), kind

    def _irregular(self) -> tuple[float, str]:
        kind, spread = _PLAIN[self._name]
        mean_s = 60.0 / self._values["rate"]
        draw, chance = self._rng.standard_normal(), self._rng.random()
        sigma = float(np.sqrt(np.log1p(spread**2)))
        rr_s = mean_s * float(np.exp(sigma * draw - 0.5 * sigma**2))
        if chance < self._values.get("pvc", 0.0):
            return max(REFRACTORY_S, 0.65 * mean_s), "pvc"
        return max(REFRACTORY_S, rr_s), kind

    def _sinus_rr(self, last_s: float) -> float:
        """RR of the sinus node: breathing and the 0.1 Hz (Mayer) wave in about equal parts, and chance."""
        hrv = self._values["hrv"]
        breath = np.sin(2 * np.pi * self._person.resp_hz * last_s)
        mayer = np.sin(2 * np.pi * 0.095 * last_s + 1.0)
        chance = float(np.clip(self._rng.standard_normal(), -3, 3))
        return 60.0 / self._values["rate"] * float(1.0 + hrv * (0.9 * breath + 0.7 * mayer + 0.5 * chance))

    def _patterned(self) -> tuple[float, str]:
        chance = self._rng.random()
        if not self._queue:
            self._queue.extend(self._phrase(chance))
        return self._queue.popleft()

    def _phrase(self, chance: float) -> tuple[tuple[float, str], ...]:
        if self._name in _PATTERNS:
            return _PATTERNS[self._name]
        if self._name == "pause":
            long = self._values["length"] * self._values["rate"] / 60.0
            return *(((1.0, "normal"),) * 4), (long, "normal")
        if chance < self._values["pvc"]:
            return (0.60, "pvc"), (1.40, "normal")
        if chance < self._values["pvc"] + self._values["apc"]:
            # The premature impulse resets the sinus node: the pause after it is not compensatory.
            return (0.66, "atrial"), (1.06, "normal")
        return ((1.0, "normal"),)
