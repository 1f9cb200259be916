from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from edge.alarms.audio_pause import MAX_PAUSE_S, AudioPause, sounding
from edge.types import Alarm


def _alarm(priority: str = "high", state: str = "active", acked: bool = False) -> Alarm:
    return Alarm("vt", state, priority, "patient", 0, state == "latched", acked, "", 0)


def test_pause_when_its_time_is_over_then_it_ends_by_itself_and_once() -> None:
    pause = AudioPause()
    pause.begin(120.0, 1000.0)
    assert pause.left_s(1030.0) == 90.0
    assert not pause.poll(1119.9)
    assert pause.poll(1120.0)
    assert not pause.poll(1121.0)
    assert pause.left_s(1121.0) is None


def test_pause_when_asked_for_too_long_then_cut_and_when_for_nothing_then_none() -> None:
    pause = AudioPause()
    pause.begin(1e9, 0.0)
    assert pause.left_s(0.0) == MAX_PAUSE_S
    pause.begin(0.0, 1.0)
    assert pause.left_s(1.0) is None


@pytest.mark.parametrize(
    ("alarm", "ends"),
    [
        (_alarm(), True),
        (_alarm("medium"), False),
        (_alarm("technical"), False),
        (_alarm(acked=True), False),
        (_alarm(state="latched"), False),
        (_alarm(state="cleared"), False),
    ],
)
def test_pause_when_an_alarm_changes_then_only_a_new_lethal_one_ends_it(alarm: Alarm, ends: bool) -> None:
    pause = AudioPause()
    pause.begin(60.0, 0.0)
    assert pause.heard(alarm) is ends
    assert (pause.left_s(1.0) is None) is ends


@pytest.mark.parametrize(
    ("alarms", "paused", "expected"),
    [
        ([], False, None),
        ([_alarm("low"), _alarm("technical"), _alarm("medium")], False, "medium"),
        ([_alarm("high", acked=True), _alarm("technical")], False, "technical"),
        ([_alarm("high", "latched"), _alarm("low")], False, "high"),
        ([_alarm("high", "cleared"), _alarm("low")], False, "low"),
        ([_alarm("medium")], True, None),
    ],
)
def test_sounding_when_alarms_stand_so_then_the_most_urgent_open_one(
    alarms: list[Alarm], paused: bool, expected: str | None
) -> None:
    assert sounding(alarms, paused) == expected


class Silence(RuleBasedStateMachine):
    """However pauses are asked for: silence is never longer than the longest, and no new lethal alarm is silent."""

    def __init__(self) -> None:
        super().__init__()
        self.pause, self.now_s, self.asked_s = AudioPause(), 0.0, -1e9

    @rule(seconds=st.floats(-10.0, 1e6))
    def ask(self, seconds: float) -> None:
        self.pause.begin(seconds, self.now_s)
        self.asked_s = self.now_s
        assert (self.pause.left_s(self.now_s) is None) == (seconds <= 0.0)

    @rule(dt_s=st.floats(0.0, 1000.0))
    def wait(self, dt_s: float) -> None:
        self.now_s += dt_s
        before = self.pause.left_s(self.now_s)
        assert self.pause.poll(self.now_s) == (before == 0.0)

    @rule(priority=st.sampled_from(["high", "medium", "low", "technical"]), acked=st.booleans())
    def alarm(self, priority: str, acked: bool) -> None:
        self.pause.heard(_alarm(priority, acked=acked))
        if priority == "high" and not acked:
            assert self.pause.left_s(self.now_s) is None

    @invariant()
    def silence_ends(self) -> None:
        left_s = self.pause.left_s(self.now_s)
        assert left_s is None or self.now_s + left_s <= self.asked_s + MAX_PAUSE_S + 1e-6


def test_pause_when_anything_comes_in_any_order_then_silence_is_bounded() -> None:
    run_state_machine_as_test(
        Silence, settings=settings(max_examples=50, stateful_step_count=30, deadline=None)
    )
