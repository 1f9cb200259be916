from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.alarms import AlarmEngine, Observation
from edge.types import Alarm, Beat, LinkState, RPeak

FS = 240.0
LETHAL = ("asystole", "vf", "vt", "extreme_brady", "extreme_tachy")


class Bed:
    """A patient, a lead and a link, seen by an engine; keeps every change."""

    def __init__(self) -> None:
        self.engine = AlarmEngine()
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

    def beats(self, n: int, rr_s: float = 0.75, aami: str = "N", readable: bool = True) -> None:
        """`n` beats `rr_s` apart, a multiple of 0.25 s."""
        for _ in range(n):
            for _ in range(round(rr_s / 0.25)):
                self.tick()
            self.n += 1
            rr = None if self.qrs_s is None else self.t - self.qrs_s
            self.qrs_s = self.t
            beat = Beat(
                self.n, RPeak(self.at, 1.0, 0.9), rr, aami, (0.2,) * 5, 1.0, False, False, readable, self.at
            )
            self._keep(self.engine.on_beat(beat, self.fs))

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

    def raised(self, name: str) -> list[float]:
        """When `name` became active, in seconds."""
        return [a.at / FS for a in self.out if a.name == name and a.state == "active" and not a.acked]

    def now(self, name: str) -> str:
        return next((a.state for a in self.engine.active if a.name == name), "cleared")

    def _keep(self, alarms: list[Alarm]) -> list[Alarm]:
        self.out += alarms
        return alarms


@pytest.fixture
def bed() -> Bed:
    bed = Bed()
    bed.beats(20)
    return bed


def test_healthy_heart_when_it_beats_for_minutes_then_no_alarm(bed: Bed) -> None:
    bed.beats(300)
    assert bed.out == []


def test_asystole_when_heart_stops_then_at_four_seconds_and_latched_until_ack(bed: Bed) -> None:
    stopped = bed.t
    bed.flat(6.0)
    assert bed.raised("asystole") == [stopped + 4.0]
    bed.beats(60)
    assert bed.now("asystole") == "latched"
    assert [a.state for a in bed.engine.ack("asystole", bed.at)] == ["cleared"]


def test_asystole_when_raised_then_since_is_the_last_qrs(bed: Bed) -> None:
    last = bed.at
    bed.flat(5.0)
    (alarm,) = bed.engine.active
    assert alarm.since == last
    assert alarm.value == "no QRS for 4.0 s"


def test_asystole_when_line_is_neither_quiet_nor_noise_then_at_seven_seconds(bed: Bed) -> None:
    stopped = bed.t
    bed.wait(9.0)
    assert bed.raised("asystole") == [stopped + 7.0]


def test_asystole_when_detector_sees_beats_on_a_flat_line_then_still_raised(bed: Bed) -> None:
    stopped = bed.t
    for _ in range(10):
        bed.flat(1.0, flat_s=bed.t - stopped)
        bed.qrs_s = bed.t
    assert bed.raised("asystole")[0] <= stopped + 6.0


def test_asystole_when_only_noise_is_seen_then_unreadable_instead(bed: Bed) -> None:
    start = bed.t
    bed.wait(60.0, unreadable=True)
    assert bed.raised("asystole") == []
    assert bed.raised("unreadable") == [start + 5.0]


def test_asystole_when_noise_ends_on_a_flat_line_then_within_ten_seconds(bed: Bed) -> None:
    bed.wait(20.0, unreadable=True)
    end = bed.t
    bed.flat(10.0)
    (at,) = bed.raised("asystole")
    assert end + 4.0 <= at <= end + 10.0


def test_asystole_when_lead_is_off_then_never_and_lead_off_at_once(bed: Bed) -> None:
    off = bed.t
    bed.flat(60.0, lead_off=True)
    assert bed.raised("asystole") == []
    assert bed.raised("lead_off") == [off + 0.25]
    assert bed.raised("unreadable") == []


def test_asystole_when_lead_is_detached_500_times_then_never(bed: Bed) -> None:
    for _ in range(500):
        bed.flat(3.0, lead_off=True)
        bed.flat(2.0, flat_s=60.0, quiet=True)
        bed.beats(4)
    assert bed.raised("asystole") == []


def test_asystole_when_reattached_to_a_stopped_heart_then_four_to_ten_seconds_later(bed: Bed) -> None:
    bed.flat(5.0, lead_off=True)
    on = bed.t
    bed.flat(12.0)
    (at,) = bed.raised("asystole")
    assert on + 4.0 <= at <= on + 10.0


@pytest.mark.parametrize("seconds", [1.5, 20.0, 60.0])
def test_asystole_when_stream_has_a_long_gap_then_clock_starts_again(bed: Bed, seconds: float) -> None:
    bed.flat(3.0)
    bed.lose(seconds)
    end = bed.t
    bed.flat(8.0, flat_s=60.0)
    assert bed.raised("asystole") == [end + 4.0]


def test_asystole_when_small_losses_go_on_then_only_seen_time_counts_and_it_is_still_raised(bed: Bed) -> None:
    stopped = bed.t
    for _ in range(12):
        bed.flat(0.75, quiet=True)
        bed.lose(0.25)
    (at,) = bed.raised("asystole")
    assert stopped + 4.0 < at <= stopped + 7.0


def test_asystole_when_link_was_silent_then_clock_starts_again(bed: Bed) -> None:
    bed.flat(3.0)
    bed.link("no_signal")
    assert bed.now("no_signal") == "active"
    bed.link("signal")
    back = bed.t
    bed.flat(14.0)
    assert bed.raised("asystole") == [back + 4.0]
    assert bed.now("no_signal") == "cleared"


def test_asystole_when_fibrillation_then_vf_instead(bed: Bed) -> None:
    start = bed.t
    bed.wait(20.0, vf_prob=0.9)
    assert bed.raised("vf") == [start + 4.0]
    assert bed.raised("asystole") == []


def test_asystole_when_fibrillation_goes_flat_then_both_are_shown(bed: Bed) -> None:
    bed.wait(10.0, vf_prob=0.9)
    flat = bed.t
    bed.flat(8.0, vf_prob=0.9)
    assert bed.raised("asystole")[0] <= flat + 5.0
    assert [a.name for a in bed.engine.active] == ["asystole", "vf"]


def test_asystole_when_no_heart_was_ever_seen_and_line_wanders_then_unreadable_instead() -> None:
    bed = Bed()
    bed.flat(120.0, wander_mv=0.4)
    assert bed.raised("asystole") == []
    assert bed.raised("unreadable") == [10.0]


def test_asystole_when_no_heart_was_ever_seen_and_line_is_still_then_within_ten_seconds() -> None:
    bed = Bed()
    bed.flat(15.0)
    assert len(bed.raised("asystole")) == 1
    assert 4.0 <= bed.raised("asystole")[0] <= 10.0


def test_vf_when_seen_only_in_noise_then_not_raised(bed: Bed) -> None:
    bed.wait(30.0, vf_prob=0.99, unreadable=True)
    assert bed.raised("vf") == []


def test_vt_when_five_fast_v_beats_then_raised_at_the_fifth(bed: Bed) -> None:
    bed.beats(4, 0.5, "V")
    assert bed.raised("vt") == []
    bed.beats(1, 0.5, "V")
    assert bed.raised("vt") == [bed.t]


def test_vt_when_beats_are_unreadable_then_not_raised(bed: Bed) -> None:
    bed.beats(20, 0.5, "V", readable=False)
    assert bed.raised("vt") == []


def test_extreme_rates_when_slow_or_fast_then_raised(bed: Bed) -> None:
    bed.beats(5, 1.75)
    assert len(bed.raised("extreme_brady")) == 1
    fast = Bed()
    fast.beats(17, 0.25)
    assert len(fast.raised("extreme_tachy")) == 1


def test_extreme_rates_when_rate_does_not_match_then_not_raised(bed: Bed) -> None:
    bed.link("rate_mismatch")
    bed.beats(30, 0.25)
    assert bed.raised("extreme_tachy") == []
    assert len(bed.raised("rate_mismatch")) == 1
    bed.link("rate_ok")
    bed.beats(60)
    assert bed.now("rate_mismatch") == "cleared"


def test_ack_when_name_is_empty_then_all_and_when_unknown_then_none(bed: Bed) -> None:
    bed.flat(6.0)
    assert bed.engine.ack("nonsense", bed.at) == []
    assert [a.name for a in bed.engine.ack("", bed.at)] == ["asystole"]


def test_ack_when_another_lethal_alarm_follows_then_it_sounds(bed: Bed) -> None:
    bed.flat(6.0)
    bed.engine.ack("", bed.at)
    bed.beats(8, 0.5, "V")
    assert len(bed.raised("vt")) == 1


def test_active_when_technical_and_lethal_then_lethal_first(bed: Bed) -> None:
    bed.wait(6.0, unreadable=True)
    bed.beats(8, 0.5, "V")
    assert [a.priority for a in bed.engine.active] == ["high", "technical"]


def test_reset_when_alarms_are_on_then_all_end_and_nothing_is_remembered(bed: Bed) -> None:
    bed.flat(6.0)
    assert [(a.name, a.state) for a in bed.engine.reset(bed.at)] == [("asystole", "cleared")]
    assert bed.engine.active == ()
    bed.qrs_s = None
    start = bed.t
    bed.flat(8.0)
    assert all(t >= start + 4.0 for t in bed.raised("asystole")[1:])


def test_reset_when_stream_is_hours_old_then_a_stopped_heart_is_told_in_time(bed: Bed) -> None:
    bed.lose(7200.0)
    bed.beats(20)
    bed.engine.reset(bed.at)
    bed.qrs_s = None
    start = bed.t
    bed.flat(8.0)
    (at,) = bed.raised("asystole")
    assert start + 6.0 <= at <= start + 7.0


@pytest.mark.parametrize("fs", [120.0, 480.0])
@pytest.mark.parametrize("reboot", [False, True])
def test_asystole_when_it_comes_again_after_the_count_or_rate_changed_then_in_four_seconds(
    bed: Bed, fs: float, reboot: bool
) -> None:
    bed.lose(600.0)
    bed.beats(20)
    bed.flat(5.0)
    bed.beats(20)
    bed.engine.ack("", bed.at)
    bed.recount(0 if reboot else bed.at, fs)
    bed.beats(20)
    bed.out.clear()
    stopped = bed.at
    bed.flat(8.0)
    (again,) = [a for a in bed.out if a.name == "asystole" and not a.acked]
    assert (again.at - stopped) / fs == 4.0


class Ward(RuleBasedStateMachine):
    """Anything in any order; what must hold, holds."""

    @initialize()
    def admit(self) -> None:
        self.bed = Bed()
        self.bed.beats(10)
        self.unacked: set[str] = set()
        self.last_new: dict[str, float] = {}
        self.n_seen = 0
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
        ranks = [("high", "technical").index(a.priority) for a in self.bed.engine.active]
        assert ranks == sorted(ranks)

    @invariant()
    def shown_is_what_was_told(self) -> None:
        told = {a.name: a for a in self.bed.out}
        active = {a.name for a in self.bed.engine.active}
        assert active == {name for name, a in told.items() if a.state != "cleared"}


TestWard = Ward.TestCase
TestWard.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
