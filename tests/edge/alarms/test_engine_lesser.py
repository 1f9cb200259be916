"""Medium and low alarms: told once for one event, never instead of a lethal one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.alarms.limits import AlarmLimits

LESSER = ("pause", "run", "brady", "tachy", "af", "couplet", "bigeminy", "trigeminy", "pvc_rate")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [("NNVVNNN", "couplet"), ("NNVVVNNN", "run"), ("NVNVNVNN", "bigeminy"), ("NNVNNVNNVNN", "trigeminy")],
)
def test_ectopy_when_it_comes_then_one_alarm_with_its_rule(bed: Any, labels: str, expected: str) -> None:
    bed.play(labels)
    (alarm,) = [a for a in bed.out if a.state == "active"]
    assert (alarm.name, alarm.kind, alarm.latched) == (expected, "patient", False)
    assert alarm.limit
    assert alarm.occurrence == 1


def test_run_when_it_becomes_vt_then_vt_alone_is_told(bed: Any) -> None:
    bed.play("NVVVVVVVVNNN", 0.5)
    assert [a.name for a in bed.out if a.state == "active"] == ["vt"]


def test_run_when_it_is_long_but_slow_then_told_while_it_goes_on_and_vt_if_it_gets_fast(bed: Any) -> None:
    bed.play("NVVVVVVV", 1.0)
    assert bed.raised("run")
    assert bed.raised("vt") == []
    bed.play("VVVVVVV", 0.5)
    assert len(bed.raised("vt")) == 1


def test_couplets_when_they_come_again_and_again_then_one_alarm_in_five_minutes(bed: Any) -> None:
    start = bed.t
    for _ in range(60):
        bed.play("NNNNVVNNNNNNNNNN")
    times = bed.raised("couplet")
    assert len(times) <= 1 + (bed.t - start) / 300.0
    assert all(b - a >= 300.0 for a, b in zip(times, times[1:], strict=False))


def test_rates_when_beyond_the_limit_then_medium_and_when_far_beyond_then_lethal_alone(
    bed: Any, new_bed: Any
) -> None:
    bed.beats(12, 1.25)
    assert [a.name for a in bed.out if a.state == "active"] == ["brady"]
    fast = new_bed()
    fast.beats(20)
    fast.out.clear()
    fast.beats(60, 0.25)
    assert [a.name for a in fast.out if a.state == "active"] == ["extreme_tachy"]
    slow = new_bed()
    slow.beats(20)
    slow.beats(20, 1.75)
    assert [a.name for a in slow.out if a.state == "active"] == ["extreme_brady"]


def test_brady_when_it_grows_extreme_then_the_lethal_one_breaks_through_an_acknowledged_one(bed: Any) -> None:
    bed.beats(12, 1.25)
    bed.engine.ack("", bed.at)
    bed.beats(8, 1.75)
    assert len(bed.raised("extreme_brady")) == 1


def test_brady_when_the_rate_swings_about_the_limit_then_one_alarm(bed: Any) -> None:
    for _ in range(40):
        bed.beats(6, 1.25)
        bed.beats(5, 1.0)
    assert len(bed.raised("brady")) == 1


def test_pause_when_it_ends_in_a_beat_then_told_and_when_in_none_then_asystole_instead(
    bed: Any, new_bed: Any
) -> None:
    bed.flat(2.5)
    bed.beats(1)
    bed.beats(5)
    (alarm,) = [a for a in bed.out if a.state == "active"]
    assert (alarm.name, alarm.priority, alarm.value) == ("pause", "medium", "3.2 s between two beats")
    stopped = new_bed()
    stopped.beats(20)
    stopped.flat(6.0)
    stopped.beats(5)
    assert len(stopped.raised("asystole")) == 1
    assert stopped.raised("pause") == []


@pytest.mark.parametrize("seen", [{"noisy": True}, {"unreadable": True}, {"settling": True}])
def test_pause_when_a_beat_may_have_been_hidden_then_not_told(bed: Any, seen: dict[str, bool]) -> None:
    bed.wait(1.0)
    bed.wait(1.5, **seen)
    bed.wait(0.5)
    bed.beats(10)
    assert bed.raised("pause") == []


def test_pause_when_samples_were_lost_then_not_told(bed: Any) -> None:
    bed.lose(3.5)
    bed.qrs_s = None
    bed.beats(10)
    assert bed.raised("pause") == []


def test_af_when_it_lasts_for_thirty_seconds_then_told_once(bed: Any) -> None:
    start = bed.t
    for k in range(120):
        bed.beats(1, rhythm="sinus" if k in (90, 91) else "af")
    (at,) = bed.raised("af")
    assert 30.0 <= at - start <= 31.0


def test_pvc_rate_when_above_the_limit_then_told_as_low(bed: Any) -> None:
    for _ in range(12):
        bed.play("NNNNNV")
    (alarm,) = [a for a in bed.out if a.state == "active"]
    assert (alarm.name, alarm.priority) == ("pvc_rate", "low")


@pytest.mark.parametrize("name", LESSER)
def test_lesser_when_switched_off_then_never_told(new_bed: Any, name: str) -> None:
    bed = new_bed(AlarmLimits(off=LESSER))
    bed.beats(20)
    for labels in ("NNVVNNN", "NVVVNN", "NVNVNVN", "NNVNNVNNVN"):
        bed.play(labels)
    bed.beats(12, 1.25)
    for _ in range(160):
        bed.tick(rhythm="af")
    assert bed.raised(name) == []


def test_lesser_when_acknowledged_then_over_without_latching(bed: Any) -> None:
    bed.play("NNVVNN")
    assert [a.acked for a in bed.engine.ack("couplet", bed.at, "a nurse")] == [True]
    bed.beats(120)
    last = [a for a in bed.out if a.name == "couplet"][-1]
    assert (last.state, last.by) == ("cleared", "a nurse")


def test_limits_when_another_preset_then_its_rates_count(new_bed: Any) -> None:
    bed = new_bed(replace(AlarmLimits(), brady_bpm=100.0, tachy_bpm=130.0))
    bed.beats(20)
    assert len(bed.raised("brady")) == 1
    assert "below 100 bpm" in next(a.limit for a in bed.out)
