"""All alarms of a bed in one hand: what only the monitor knows, what a failure must not end, who has seen it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from edge.alarms.adoption import Left
from edge.alarms.desk import ANALYSIS, AlarmDesk
from edge.alarms.limits import AlarmLimits
from edge.alarms.state import MONITOR_SPECS, SPECS, AlarmState
from edge.types import Alarm, Note, Origin

SPEC = {spec.name: spec for spec in SPECS}


def _alarm(name: str = "vt", state: str = "active", acked: bool = False, occurrence: int = 7) -> Alarm:
    spec = SPEC[name]
    latched = state == "latched"
    return Alarm(name, state, spec.priority, spec.kind, 100, latched, acked, "172 bpm", 200, occurrence)


def _ticks(desk: AlarmDesk, start_s: float, seconds: float) -> list[tuple[float, str, str]]:
    out = []
    for k in range(round(seconds / 0.25)):
        now_s = start_s + 0.25 * k
        for alarm in desk.tick(now_s, 0):
            desk.take(alarm)
            out.append((now_s, alarm.name, alarm.state))
    return out


@pytest.mark.parametrize("spec", MONITOR_SPECS, ids=lambda s: s.name)
def test_monitors_alarm_when_its_cause_comes_and_goes_then_told_after_its_delay_and_over(
    spec: object,
) -> None:
    desk, name, on_s = AlarmDesk(), spec.name, spec.on_s  # type: ignore[attr-defined]
    desk.set(name, True, "why")
    assert _ticks(desk, 1000.0, 20.0) == [(1000.0 + on_s, name, "active")]
    assert (desk.alarms[name].value, desk.alarms[name].kind) == ("why", "technical")
    assert desk.alarms[name].limit
    desk.set(name, False, "")
    ((_, _, state),) = _ticks(desk, 1020.0, 20.0)
    assert state == "cleared"


def test_broker_when_it_is_gone_for_a_moment_then_no_alarm() -> None:
    desk = AlarmDesk()
    desk.set("broker_lost", True, "refused")
    out = _ticks(desk, 0.0, 4.0)
    desk.set("broker_lost", False, "")
    assert out + _ticks(desk, 4.0, 10.0) == []


def test_analysis_when_it_dies_and_lives_then_unreadable_and_a_person_can_acknowledge_it() -> None:
    desk = AlarmDesk()
    desk.set(ANALYSIS, True, "the analysis has stopped")
    assert _ticks(desk, 0.0, 2.0) == [(0.0, "unreadable", "active")]
    (acked,) = desk.ack("unreadable", 5, "Ana")
    assert (acked.acked, acked.by, acked.state) == (True, "Ana", "active")
    desk.set(ANALYSIS, False, "")
    assert [state for _, _, state in _ticks(desk, 2.0, 4.0)] == ["cleared"]


def test_numbers_when_shared_with_the_analysis_then_none_twice() -> None:
    numbers = count(1)
    desk, vt = AlarmDesk(numbers=numbers), AlarmState(SPEC["vt"], "", numbers)
    desk.set("overload", True, "busy")
    first = vt.update(True, 0.0, 0, 0, "")
    second = desk.tick(0.0, 0)
    third = vt.update(True, 30.0, 0, 0, "")
    assert [a.occurrence for a in [*first, *second, *third]] == [1, 2]


def test_hold_when_the_analysis_fails_then_an_unseen_lethal_alarm_stays_latched_until_acknowledged() -> None:
    desk = AlarmDesk()
    for alarm in (_alarm(), _alarm("lead_off", occurrence=8), _alarm("couplet", occurrence=9)):
        desk.take(alarm)
    failed = [replace(a, state="cleared", at=300) for a in desk.open]
    note = Note("restart", 0, 0, "", 0)
    out = desk.hold([note, *failed])
    assert out[0] is note
    told = {a.name: a.state for a in out if isinstance(a, Alarm)}
    assert told == {"vt": "latched", "lead_off": "cleared", "couplet": "cleared"}
    for alarm in out[1:]:
        desk.take(alarm)  # type: ignore[arg-type]
    (over,) = desk.ack("vt", 400, "Ana")
    assert (over.state, over.acked, over.by, over.occurrence) == ("cleared", True, "Ana", 7)
    assert desk.ack("vt", 401, "Ana") == []


def test_hold_when_it_was_seen_already_then_it_is_over() -> None:
    desk = AlarmDesk()
    desk.take(_alarm(acked=True))
    (out,) = desk.hold([_alarm(state="cleared", acked=True)])
    assert isinstance(out, Alarm)
    assert out.state == "cleared"


def test_hold_when_the_alarm_is_raised_anew_then_the_analysis_speaks_for_it_again() -> None:
    desk = AlarmDesk()
    desk.take(_alarm())
    (held,) = desk.hold([_alarm(state="cleared")])
    desk.take(held)  # type: ignore[arg-type]
    desk.take(_alarm(occurrence=8))
    assert desk.ack("vt", 400, "") == []


def test_orphans_when_a_new_analysis_takes_over_then_the_monitors_own_alarms_stay() -> None:
    desk = AlarmDesk()
    desk.take(_alarm())
    desk.take(_alarm("no_signal", occurrence=8))
    desk.set("overload", True, "busy")
    desk.set(ANALYSIS, True, "dead")
    _ticks(desk, 0.0, 1.0)
    told = {a.name: a.state for a in desk.orphans() if isinstance(a, Alarm)}
    assert told == {"vt": "latched", "no_signal": "cleared"}


def test_patient_when_another_comes_then_nothing_is_held_or_silenced() -> None:
    desk = AlarmDesk()
    desk.take(_alarm())
    for alarm in desk.hold([_alarm(state="cleared")]):
        desk.take(alarm)  # type: ignore[arg-type]
    desk.begin_pause(60.0, 0.0)
    (over,) = desk.forget_patient(500)
    assert over.state == "cleared"
    assert desk.pause.left_s(0.0) is None
    assert desk.forget_patient(501) == []


def test_unseen_when_asked_then_open_and_unacknowledged_ones_by_name_or_all() -> None:
    desk = AlarmDesk()
    for alarm in (_alarm(), _alarm("lead_off", occurrence=8), _alarm("couplet", acked=True, occurrence=9)):
        desk.take(alarm)
    assert (desk.unseen(), desk.unseen("vt"), desk.unseen("couplet")) == (["vt", "lead_off"], ["vt"], [])


def test_pause_when_no_time_is_named_then_the_beds_own() -> None:
    desk = AlarmDesk(AlarmLimits(), pause_s=90.0)
    assert desk.begin_pause(None, 10.0) == 90.0
    assert desk.begin_pause(0.0, 11.0) is None


def test_sounding_when_paused_then_nothing_until_a_new_lethal_alarm() -> None:
    desk = AlarmDesk()
    desk.take(_alarm("lead_off"))
    assert desk.sounding(0.0) == "technical"
    desk.begin_pause(60.0, 0.0)
    assert desk.sounding(1.0) is None
    assert desk.take(_alarm("couplet", occurrence=8)) == (None, False)
    assert desk.sounding(2.0) is None
    assert desk.take(_alarm(occurrence=9)) == (None, True)
    assert desk.sounding(3.0) == "high"


def _left(name: str = "vt", state: str = "active", acked: bool = False, **more: Any) -> Left:
    said = {
        "value": "172 bpm",
        "limit": "above 100",
        "by": "",
        "occurrence": "old-7",
        "since_s": 1.7e9,
        "told_s": 1.8e9,
    }
    return Left(name, state, acked, **{**said, "stands": state != "cleared", **more})


def _adopted(desk: AlarmDesk, left: Left, at: int = 50) -> Alarm | None:
    alarm = desk.adopt(left, at)
    if alarm is not None:
        desk.take(alarm)
    return alarm


@pytest.mark.parametrize("state", ["active", "latched"])
def test_adopt_when_a_lethal_one_was_not_seen_then_latched_with_its_time_and_identity_until_acknowledged(
    state: str,
) -> None:
    desk = AlarmDesk()
    alarm = _adopted(desk, _left(state=state))
    assert alarm is not None
    assert (alarm.state, alarm.latched, alarm.acked, alarm.priority) == ("latched", True, False, "high")
    assert alarm.origin == Origin("old-7", 1.7e9)
    assert alarm.value == "172 bpm (before the monitor was started again)"
    assert (desk.sounding(0.0), desk.unseen()) == ("high", ["vt"])
    (over,) = desk.ack("vt", 60, "Ana")
    assert (over.state, over.acked, over.by, over.origin) == ("cleared", True, "Ana", alarm.origin)
    assert over.occurrence == alarm.occurrence
    assert desk.ack("", 61, "Ana") == []


@pytest.mark.parametrize(
    ("left", "acked"),
    [(_left("bigeminy"), False), (_left("broker_lost"), False), (_left(acked=True, by="Ana"), True),
     (_left(state="cleared", acked=True, stands=True), True)],
)  # fmt: skip
def test_adopt_when_any_other_stands_then_it_is_over_and_says_why(left: Left, acked: bool) -> None:
    desk = AlarmDesk()
    alarm = _adopted(desk, left)
    assert alarm is not None
    assert (alarm.state, alarm.latched, alarm.acked, alarm.by) == ("cleared", False, acked, left.by)
    assert alarm.value == "172 bpm (not followed since the monitor was started again)"
    assert desk.open == []


def test_adopt_when_it_was_over_or_this_start_has_spoken_of_it_then_nothing() -> None:
    desk = AlarmDesk()
    assert desk.adopt(_left(state="cleared"), 0) is None
    desk.take(_alarm())
    assert desk.adopt(_left(), 0) is None
    desk.take(_alarm(state="cleared", acked=True))
    assert desk.adopt(_left(), 0) is None


def test_adopt_when_another_patient_has_come_then_nothing_is_held_against_him() -> None:
    desk = AlarmDesk()
    _adopted(desk, _left())
    (over,) = desk.forget_patient(60)
    assert (over.state, over.acked) == ("cleared", False)
    late = _adopted(desk, _left("vf"))
    assert late is not None
    assert late.state == "cleared"


def test_adopt_when_the_monitor_was_started_many_times_then_said_once() -> None:
    value = "172 bpm"
    for _ in range(3):
        alarm = AlarmDesk().adopt(_left(state="latched", value=value), 0)
        assert alarm is not None
        value = alarm.value
    assert value == "172 bpm (before the monitor was started again)"


def test_adopt_when_the_analysis_fails_or_raises_it_anew_then_kept_or_replaced() -> None:
    desk = AlarmDesk()
    adopted = _adopted(desk, _left())
    (kept,) = desk.orphans()
    assert isinstance(kept, Alarm)
    assert adopted is not None
    assert (kept.state, kept.origin) == ("latched", adopted.origin)
    desk.take(_alarm(occurrence=8))
    assert desk.ack("vt", 60, "Ana") == []


class Desk(RuleBasedStateMachine):
    """Failures, kills, acknowledgements and pauses in any order: no unseen lethal alarm is ever silent or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s, self.unseen = 0.0, set[str]()
        self.kept: dict[str, Alarm] = {}
        self.pending: dict[str, Left] = {}
        self.start()

    def start(self) -> None:
        self.desk, self.numbers = AlarmDesk(), count(1)
        self.engine = {
            n: AlarmState(SPEC[n], "", self.numbers) for n in ("vt", "asystole", "couplet", "lead_off")
        }

    def take(self, events: list[Alarm]) -> None:
        for alarm in events:
            self.desk.take(alarm)
            self.kept[alarm.name] = alarm
            if alarm.priority == "high" and alarm.state == "active" and not alarm.acked:
                self.unseen.add(alarm.name)

    @rule(name=st.sampled_from(["vt", "asystole", "couplet", "lead_off"]), cause=st.booleans())
    def judge(self, name: str, cause: bool) -> None:
        self.take(self.engine[name].update(cause, self.now_s, 0, 0, ""))

    @rule(dt_s=st.sampled_from([0.25, 5.0, 30.0, 400.0]))
    def wait(self, dt_s: float) -> None:
        self.now_s += dt_s
        self.desk.pause.poll(self.now_s)
        self.take(self.desk.tick(self.now_s, 0))

    @rule(
        name=st.sampled_from(["overload", "broker_lost", "recording_stopped", ANALYSIS]), cause=st.booleans()
    )
    def monitor(self, name: str, cause: bool) -> None:
        self.desk.set(name, cause, "")

    @rule()
    def fail(self) -> None:
        over = []
        for state in self.engine.values():
            if state.state != "cleared":
                over.append(replace(state.alarm(0), state="cleared", latched=False))
            state.reset()
        self.take([a for a in self.desk.hold(over) if isinstance(a, Alarm)])

    @rule()
    def replace_analysis(self) -> None:
        self.take([a for a in self.desk.orphans() if isinstance(a, Alarm)])
        for state in self.engine.values():
            state.reset()

    @rule()
    def kill(self) -> None:
        for name, alarm in self.kept.items():
            told = alarm.origin.occurrence if alarm.origin else f"old-{alarm.occurrence}"
            self.pending[name] = _left(name, alarm.state, alarm.acked, occurrence=told)
        self.start()

    @rule(data=st.data())
    def adopt(self, data: st.DataObject) -> None:
        for name in data.draw(st.permutations(sorted(self.pending))):
            alarm = self.desk.adopt(self.pending.pop(name), 0)
            self.take([] if alarm is None else [alarm])
        assert self.desk.open == [a for a in self.desk.alarms.values() if a.state != "cleared"]
        assert {a.name for a in self.desk.open} == {n for n, a in self.kept.items() if a.state != "cleared"}

    @rule(name=st.sampled_from(["", "vt", "asystole", "overload"]))
    def ack(self, name: str) -> None:
        states = [s for s in self.engine.values() if name in ("", s.spec.name)]
        self.take([a for s in states for a in s.ack(0, "Ana")] + self.desk.ack(name, 0, "Ana"))
        self.unseen -= ({name} if name else set(self.unseen)) - (set(self.pending) - set(self.desk.alarms))

    @rule(seconds=st.sampled_from([0.0, 30.0, 600.0]))
    def hush(self, seconds: float) -> None:
        self.desk.begin_pause(seconds, self.now_s)

    @invariant()
    def unseen_ones_are_shown_and_sound_but_for_a_pause(self) -> None:
        shown = {a.name for a in self.desk.open if not a.acked}
        unseen = self.unseen - (set(self.pending) - set(self.desk.alarms))
        assert unseen <= shown
        if unseen and self.desk.pause.left_s(self.now_s) is None:
            assert self.desk.sounding(self.now_s) == "high"


def test_desk_when_anything_comes_in_any_order_then_no_lethal_alarm_is_lost() -> None:
    run_state_machine_as_test(Desk, settings=settings(max_examples=80, stateful_step_count=30, deadline=None))
