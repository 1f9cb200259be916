"""A patient, a lead and a link, as the alarm engine sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.alarms.engine import AlarmEngine
from edge.alarms.limits import AlarmLimits
from edge.alarms.rules import Observation
from edge.types import AAMI, Alarm, Beat, LinkState, RPeak

FS = 240.0


class Bed:
    """A patient, a lead and a link, seen by an engine; keeps every change."""

    def __init__(self, limits: AlarmLimits | None = None) -> None:
        self.engine = AlarmEngine(limits)
        self.last: Beat | None = None
        self.t = 0.0
        self.n = 0
        self.qrs_s: float | None = None
        self.out: list[Alarm] = []
        self.fs = FS
        self.count_from: tuple[int, float] = (0, 0.0)

    @property
    def at(self) -> int:
        at, t = self.count_from
        return at + round((self.t - t) * self.fs)

    def recount(self, at: int, fs: float) -> None:
        """The device counts its samples from `at` now, at `fs` Hz."""
        self.last = None
        self.count_from, self.fs = (at, self.t), fs
        self._keep(self.engine.on_gap(0.0, at, fs))

    def tick(self, **seen: object) -> list[Alarm]:
        self.t += 0.25
        since = None if self.qrs_s is None else self.t - self.qrs_s
        obs = Observation(self.at, self.fs, since, False, False, False, 0.0, 0.0, 0.2)
        return self._keep(self.engine.on_tick(replace(obs, **seen)))  # type: ignore[arg-type]

    def wait(self, seconds: float, **seen: object) -> None:
        for _ in range(round(seconds / 0.25)):
            self.tick(**seen)

    def beats(
        self,
        n: int,
        rr_s: float = 0.75,
        aami: str = "N",
        readable: bool = True,
        prob: float = 0.9,
        **seen: object,
    ) -> None:
        """`n` beats `rr_s` apart, a multiple of 0.25 s: each one's early answer, then the final one of the last.

        `prob` is how sure an R-peak each is.
        """
        for _ in range(n):
            for _ in range(round(rr_s / 0.25)):
                self.tick(**seen)
            self.n += 1
            rr = None if self.qrs_s is None else self.t - self.qrs_s
            self.qrs_s = self.t
            probs = tuple(0.8 if c == aami else 0.05 for c in AAMI)
            beat = Beat(
                self.n, RPeak(self.at, 1.0, prob), rr, aami, probs, 1.0, False, False, readable, self.at
            )
            if self.last is not None and self.last.r_peak.sample < self.at:
                self._keep(self.engine.on_beat(replace(self.last, final=True, at=self.at), self.fs))
            self._keep(self.engine.on_beat(beat, self.fs))
            self.last = beat

    def play(self, labels: str, rr_s: float = 0.75) -> None:
        """A beat for each letter."""
        for aami in labels:
            self.beats(1, rr_s, aami)

    def flat(self, seconds: float, **seen: object) -> None:
        """A flat line with a noise floor."""
        start = self.t
        for _ in range(round(seconds / 0.25)):
            calm = self.t + 0.25 - start
            self.tick(**{"quiet": calm >= 3.0, "flat_s": max(0.0, calm - 0.5), "wander_mv": 0.02, **seen})

    def link(self, kind: str) -> None:
        self._keep(self.engine.on_link(LinkState(kind), self.at, self.fs))

    def lose(self, seconds: float) -> None:
        self.t += seconds
        self._keep(self.engine.on_gap(seconds, self.at, self.fs))

    def raised(self, *names: str) -> list[float]:
        """When any of `names` became active, in seconds."""
        return [a.at / FS for a in self.out if a.name in names and a.state == "active" and not a.acked]

    def now(self, name: str) -> str:
        return next((a.state for a in self.engine.active if a.name == name), "cleared")

    def _keep(self, alarms: list[Alarm]) -> list[Alarm]:
        self.out += alarms
        return alarms


@pytest.fixture
def bed() -> Bed:
    """A heart that has been seen to beat."""
    bed = Bed()
    bed.beats(20)
    return bed


@pytest.fixture
def new_bed() -> type[Bed]:
    """Beds of which nothing is known yet."""
    return Bed
