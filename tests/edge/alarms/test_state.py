from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge.alarms.state import SPECS, AlarmSpec, AlarmState
from edge.types import Alarm

LETHAL = AlarmSpec("vt", "high", "patient", True, 3.0)
TECHNICAL = AlarmSpec("lead_off", "technical", "technical", False, 1.0, 10.0)


def _step(state: AlarmState, cause: bool, now_s: float) -> list[Alarm]:
    return state.update(cause, now_s, round(100 * now_s), round(100 * now_s), "seen")


def _states(state: AlarmState, causes: dict[float, bool], until_s: float) -> list[tuple[float, str]]:
    out, cause, t = [], False, 0.0
    while t <= until_s:
        cause = causes.get(t, cause)
        out += [(t, a.state) for a in _step(state, cause, t)]
        t += 0.25
    return out


def test_update_when_cause_first_appears_then_active_at_once_with_its_facts() -> None:
    (alarm,) = AlarmState(LETHAL).update(True, 7.0, 700, 300, "130 bpm")
    assert (alarm.state, alarm.since, alarm.at, alarm.value) == ("active", 300, 700, "130 bpm")
    assert (alarm.latched, alarm.acked, alarm.priority, alarm.kind) == (False, False, "high", "patient")


def test_update_when_lethal_cause_goes_then_latched_after_off_time_and_stays() -> None:
    state = AlarmState(LETHAL)
    assert _states(state, {1.0: True, 2.0: False}, 3600.0) == [(1.0, "active"), (5.0, "latched")]
    assert state.sounding


def test_ack_when_latched_then_cleared_and_a_second_ack_says_nothing() -> None:
    state = AlarmState(LETHAL)
    _states(state, {1.0: True, 2.0: False}, 20.0)
    (alarm,) = state.ack(2000)
    assert (alarm.state, alarm.acked, alarm.latched) == ("cleared", True, False)
    assert state.ack(2001) == []


def test_ack_when_active_then_acked_and_cleared_without_latching() -> None:
    state = AlarmState(LETHAL)
    _step(state, True, 1.0)
    (alarm,) = state.ack(110)
    assert (alarm.state, alarm.acked) == ("active", True)
    assert not state.sounding
    _step(state, False, 2.0)
    assert [a.state for a in _step(state, False, 5.0)] == ["cleared"]


def test_update_when_new_occurrence_after_ack_then_it_breaks_through() -> None:
    state = AlarmState(LETHAL)
    _step(state, True, 1.0)
    state.ack(150)
    out = _states(state, {0.0: False, 20.0: True}, 20.0)
    assert out[-1] == (20.0, "active")
    assert state.sounding


def test_update_when_new_occurrence_soon_after_ack_then_waits_for_ten_seconds_and_no_longer() -> None:
    state = AlarmState(LETHAL)
    _step(state, True, 1.0)
    state.ack(120)
    _step(state, False, 2.0)
    assert [a.state for a in _step(state, False, 5.0)] == ["cleared"]
    assert [(a.state, a.acked) for a in _step(state, True, 6.0)] == [("active", True)]
    assert _step(state, False, 10.75) == []  # gone again, but it was lethal: it is owed
    assert [a.state for a in _step(state, False, 11.0)] == ["active"]
    assert [a.state for a in _step(state, False, 14.0)] == ["latched"]


def test_update_when_technical_cause_flaps_then_one_alarm_held() -> None:
    causes = {float(t): t % 2 == 1 for t in range(1, 9)}
    assert _states(AlarmState(TECHNICAL), causes, 30.0) == [(1.0, "active"), (11.0, "cleared")]


def test_update_when_technical_is_acked_and_comes_back_then_new_after_ten_seconds() -> None:
    state = AlarmState(TECHNICAL)
    _step(state, True, 1.0)
    state.ack(110)
    _step(state, False, 2.0)
    assert _step(state, True, 4.0) == []  # shown as acknowledged until then
    assert state.state == "active"
    assert [(a.state, a.acked) for a in _step(state, True, 11.0)] == [("active", False)]


def test_update_when_technical_is_owed_and_gone_then_nothing() -> None:
    state = AlarmState(TECHNICAL)
    _step(state, True, 1.0)
    state.ack(110)
    _step(state, False, 2.0)
    _step(state, True, 4.0)
    _step(state, False, 9.0)
    assert [a.state for a in _step(state, False, 11.0)] == ["cleared"]


@pytest.mark.parametrize("spec", [s for s in SPECS if s.on_s == 0.0], ids=lambda s: s.name)
def test_update_when_cause_toggles_at_1_hz_for_ten_minutes_then_few_alarms_first_at_once(
    spec: AlarmSpec,
) -> None:
    state = AlarmState(spec)
    times = [t for t, s in _states(state, {0.5 * k: k % 2 == 0 for k in range(1200)}, 600.0) if s == "active"]
    assert times[0] == 0.0
    assert all(b - a >= 10.0 for a, b in pairwise(times))


def test_reset_when_latched_then_as_new() -> None:
    state = AlarmState(LETHAL)
    _states(state, {1.0: True, 2.0: False}, 20.0)
    state.reset()
    assert [a.state for a in _step(state, True, 0.5)] == ["active"]


@pytest.mark.parametrize("name", ["vt", "brady", "lead_off"])
def test_idle_when_a_cause_comes_and_goes_then_only_while_an_update_without_one_would_change_nothing(
    name: str,
) -> None:
    spec = next(spec for spec in SPECS if spec.name == name)
    state, rng, seen = AlarmState(spec), np.random.default_rng(3), set()
    for tick in range(4000):
        now_s = tick * 0.5
        if rng.random() < 0.02:
            state.ack(tick)
        if state.idle:
            before = dict(vars(state))
            assert state.update(False, now_s, tick, 0, "") == []
            assert vars(state) == before
        seen.add((state.idle, state.state))
        state.update(bool(np.sin(now_s / 9.0) + rng.normal(0.0, 0.4) > 0.8), now_s, tick, 0, "seen")
    assert {(True, "cleared"), (False, "active")} <= seen
    assert (True, "active") not in seen
