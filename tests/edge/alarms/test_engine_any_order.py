"""The alarm engine under whatever may come, in whatever order."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from edge.alarms.state import PRIORITIES, RANK, SPECS
from edge.types import Alarm

FS = 240.0
LETHAL = ("asystole", "vf", "vt", "extreme_brady", "extreme_tachy")
SPEC = {spec.name: spec for spec in SPECS}


class Ward(RuleBasedStateMachine):
    """Anything in any order; what must hold, holds."""

    def __init__(self, new_bed: Any) -> None:
        super().__init__()
        self.new_bed = new_bed

    @initialize()
    def admit(self) -> None:
        self.bed = self.new_bed()
        self.bed.beats(10)
        self.unacked: set[str] = set()
        self.last_new: dict[str, float] = {}
        self.n_seen = 0
        self.numbers: set[int] = set()
        self.on_since = 0.0
        self.silent = False
        self.checked()

    @rule(seconds=st.sampled_from([0.25, 1.0, 4.0, 8.0, 15.0]))
    def flat(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            self.bed.flat(0.25, quiet=True, flat_s=self.bed.t - (self.bed.qrs_s or 0.0))
            self.checked()

    @rule(
        seconds=st.sampled_from([0.25, 1.0, 6.0]), prob=st.sampled_from([0.1, 0.9, None]), noisy=st.booleans()
    )
    def wave(self, seconds: float, prob: float | None, noisy: bool) -> None:
        self.bed.wait(seconds, vf_prob=prob, unreadable=noisy)
        self.checked()

    @rule(n=st.integers(1, 20), rr_s=st.sampled_from([0.25, 0.5, 0.75, 1.75]), aami=st.sampled_from("NSVFQ"))
    def beat(self, n: int, rr_s: float, aami: str) -> None:
        start, first = self.bed.t, "vt" not in self.last_new
        self.bed.beats(n, rr_s, aami)
        self.checked()
        if aami == "V" and n >= 6 and rr_s < 0.6 and first and not self.silent:
            assert self.last_new["vt"] <= start + 6 * rr_s, "the first run of V was told late"

    @rule(seconds=st.sampled_from([0.25, 2.0, 12.0]))
    def detach(self, seconds: float) -> None:
        self.bed.flat(seconds, lead_off=True)
        assert self.bed.now("lead_off") == "active"
        self.on_since = self.bed.t
        self.checked(detached=True)

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0, 60.0]))
    def lose(self, seconds: float) -> None:
        self.bed.lose(seconds)
        if seconds > 1.0:
            self.on_since = self.bed.t
        self.checked(detached=True)

    @rule(kind=st.sampled_from(["no_signal", "signal", "rate_mismatch", "rate_ok", "else"]))
    def link(self, kind: str) -> None:
        self.bed.link(kind)
        if kind in ("no_signal", "signal"):
            self.on_since = self.bed.t
            self.silent = kind == "no_signal"
            assert self.silent <= (self.bed.now("no_signal") == "active")
        self.checked(detached=True)

    @rule(
        pattern=st.sampled_from(["NVVN", "NVVVN", "NVNVNVN", "NNVNNVNNVN", "NVVVVVVVN"]),
        rr_s=st.sampled_from([0.5, 1.0]),
    )
    def ectopy(self, pattern: str, rr_s: float) -> None:
        self.bed.play(pattern, rr_s)
        self.checked()

    @rule(seconds=st.sampled_from([5.0, 40.0]), rhythm=st.sampled_from(["af", "sinus", "vf"]))
    def rhythm(self, seconds: float, rhythm: str) -> None:
        self.bed.beats(round(seconds / 0.75), rhythm=rhythm)
        self.checked()

    @rule(name=st.sampled_from(["", "asystole", "vt", "vf", "lead_off", "no_signal"]))
    def ack(self, name: str) -> None:
        self.unacked -= {name} if name else set(self.unacked)
        self.bed.out += self.bed.engine.ack(name, self.bed.at)
        self.checked()

    def checked(self, detached: bool = False) -> None:
        """Look at what came since the last look."""
        for a in self.bed.out[self.n_seen :]:
            if a.state == "active" and not a.acked:
                self._new_alarm(a, detached)
        self.n_seen = len(self.bed.out)

    def _new_alarm(self, a: Alarm, detached: bool) -> None:
        t = a.at / FS
        assert a.limit
        assert a.occurrence not in self.numbers, "two occurrences of one number"
        self.numbers.add(a.occurrence)
        if a.name not in LETHAL:
            least = SPEC[a.name].again_s if SPEC[a.name].kind == "patient" else 0.0
            assert t - self.last_new.get(a.name, -1e9) >= least - 0.001, f"{a.name} again too soon"
        if a.name in LETHAL:
            assert t - self.last_new.get(a.name, -10.0) >= 9.999, f"{a.name} raised twice within 10 s"
            self.unacked.add(a.name)
        if a.name == "asystole" and a.name not in self.last_new:
            assert not detached, "asystole from a detached lead, a gap or a silent link"
            assert t - self.on_since >= 4.0 - 1.0 / FS, "asystole before four seconds were seen"
        self.last_new[a.name] = t

    @invariant()
    def lethal_ones_stay_until_acked(self) -> None:
        shown = {a.name for a in self.bed.engine.active if not a.acked}
        assert self.unacked <= shown

    @invariant()
    def urgent_ones_come_first(self) -> None:
        shown = self.bed.engine.active
        assert [RANK[a.name] for a in shown] == sorted(RANK[a.name] for a in shown)
        ranks = [PRIORITIES.index(a.priority) for a in shown]
        assert ranks == sorted(ranks)

    @invariant()
    def shown_is_what_was_told(self) -> None:
        told = {a.name: a for a in self.bed.out}
        active = {a.name for a in self.bed.engine.active}
        assert active == {name for name, a in told.items() if a.state != "cleared"}


def test_engine_when_anything_comes_in_any_order_then_what_must_hold_holds(new_bed: Any) -> None:
    limits = settings(max_examples=25, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(lambda: Ward(new_bed), settings=limits)
