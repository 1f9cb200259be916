from __future__ import annotations

from typing import Any

import pytest


def test_healthy_heart_when_it_beats_for_minutes_then_no_alarm(bed: Any) -> None:
    bed.beats(300)
    assert bed.out == []


def test_asystole_when_heart_stops_then_at_four_seconds_and_latched_until_ack(bed: Any) -> None:
    stopped = bed.t
    bed.flat(6.0)
    assert bed.raised("asystole") == [stopped + 4.0]
    bed.beats(60)
    assert bed.now("asystole") == "latched"
    assert [a.state for a in bed.engine.ack("asystole", bed.at)] == ["cleared"]


def test_asystole_when_raised_then_since_is_the_last_qrs(bed: Any) -> None:
    last = bed.at
    bed.flat(5.0)
    (alarm,) = bed.engine.active
    assert alarm.since == last
    assert alarm.value == "no QRS for 4.0 s"


def test_asystole_when_line_is_neither_quiet_nor_noise_then_at_seven_seconds(bed: Any) -> None:
    stopped = bed.t
    bed.wait(9.0)
    assert bed.raised("asystole") == [stopped + 7.0]


def test_asystole_when_detector_sees_beats_on_a_flat_line_then_still_raised(bed: Any) -> None:
    stopped = bed.t
    for _ in range(10):
        bed.flat(1.0, flat_s=bed.t - stopped)
        bed.qrs_s = bed.t
    assert bed.raised("asystole")[0] <= stopped + 6.0


def test_asystole_when_only_noise_is_seen_then_unreadable_instead(bed: Any) -> None:
    start = bed.t
    bed.wait(60.0, unreadable=True)
    assert bed.raised("asystole") == []
    assert bed.raised("unreadable") == [start + 5.0]


def test_asystole_when_noise_ends_on_a_flat_line_then_within_ten_seconds(bed: Any) -> None:
    bed.wait(20.0, unreadable=True)
    end = bed.t
    bed.flat(10.0)
    (at,) = bed.raised("asystole")
    assert end + 4.0 <= at <= end + 10.0


def test_asystole_when_lead_is_off_then_never_and_lead_off_at_once(bed: Any) -> None:
    off = bed.t
    bed.flat(60.0, lead_off=True)
    assert bed.raised("asystole") == []
    assert bed.raised("lead_off") == [off + 0.25]
    assert bed.raised("unreadable") == []


def test_asystole_when_lead_is_detached_500_times_then_never(bed: Any) -> None:
    for _ in range(500):
        bed.flat(3.0, lead_off=True)
        bed.flat(2.0, flat_s=60.0, quiet=True)
        bed.beats(4)
    assert bed.raised("asystole") == []


def test_asystole_when_reattached_to_a_stopped_heart_then_four_to_ten_seconds_later(bed: Any) -> None:
    bed.flat(5.0, lead_off=True)
    on = bed.t
    bed.flat(12.0)
    (at,) = bed.raised("asystole")
    assert on + 4.0 <= at <= on + 10.0


@pytest.mark.parametrize("seconds", [1.5, 20.0, 60.0])
def test_asystole_when_stream_has_a_long_gap_then_clock_starts_again(bed: Any, seconds: float) -> None:
    bed.flat(3.0)
    bed.lose(seconds)
    end = bed.t
    bed.flat(8.0, flat_s=60.0)
    assert bed.raised("asystole") == [end + 4.0]


def test_asystole_when_small_losses_go_on_then_only_seen_time_counts_and_it_is_still_raised(bed: Any) -> None:
    stopped = bed.t
    for _ in range(12):
        bed.flat(0.75, quiet=True)
        bed.lose(0.25)
    (at,) = bed.raised("asystole")
    assert stopped + 4.0 < at <= stopped + 7.0


def test_asystole_when_link_was_silent_then_clock_starts_again(bed: Any) -> None:
    bed.flat(3.0)
    bed.link("no_signal")
    assert bed.now("no_signal") == "active"
    bed.link("signal")
    back = bed.t
    bed.flat(14.0)
    assert bed.raised("asystole") == [back + 4.0]
    assert bed.now("no_signal") == "cleared"


def test_asystole_when_fibrillation_then_vf_instead(bed: Any) -> None:
    start = bed.t
    bed.wait(20.0, vf_prob=0.9)
    assert bed.raised("vf") == [start + 4.0]
    assert bed.raised("asystole") == []


def test_asystole_when_fibrillation_goes_flat_then_both_are_shown(bed: Any) -> None:
    bed.wait(10.0, vf_prob=0.9)
    flat = bed.t
    bed.flat(8.0, vf_prob=0.9)
    assert bed.raised("asystole")[0] <= flat + 5.0
    assert [a.name for a in bed.engine.active] == ["asystole", "vf"]


def test_asystole_when_no_heart_was_ever_seen_and_line_wanders_then_unreadable_instead(new_bed: Any) -> None:
    bed = new_bed()
    bed.flat(120.0, wander_mv=0.4)
    assert bed.raised("asystole") == []
    assert bed.raised("unreadable") == [10.0]


def test_asystole_when_no_heart_was_ever_seen_and_line_is_still_then_within_ten_seconds(new_bed: Any) -> None:
    bed = new_bed()
    bed.flat(15.0)
    assert len(bed.raised("asystole")) == 1
    assert 4.0 <= bed.raised("asystole")[0] <= 10.0


def test_vf_when_seen_only_in_noise_then_not_raised(bed: Any) -> None:
    bed.wait(30.0, vf_prob=0.99, unreadable=True)
    assert bed.raised("vf") == []


def test_vt_when_five_fast_v_beats_then_raised_at_the_fifth(bed: Any) -> None:
    bed.beats(4, 0.5, "V")
    assert bed.raised("vt") == []
    bed.beats(1, 0.5, "V")
    assert bed.raised("vt") == [bed.t]


def test_vt_when_beats_are_unreadable_then_not_raised(bed: Any) -> None:
    bed.beats(20, 0.5, "V", readable=False)
    assert bed.raised("vt") == []


def test_extreme_rates_when_slow_or_fast_then_raised(bed: Any, new_bed: Any) -> None:
    bed.beats(5, 1.75)
    assert len(bed.raised("extreme_brady")) == 1
    fast = new_bed()
    fast.beats(17, 0.25)
    assert len(fast.raised("extreme_tachy")) == 1


def test_extreme_rates_when_rate_does_not_match_then_not_raised(bed: Any) -> None:
    bed.link("rate_mismatch")
    bed.beats(30, 0.25)
    assert bed.raised("extreme_tachy") == []
    assert len(bed.raised("rate_mismatch")) == 1
    bed.link("rate_ok")
    bed.beats(60)
    assert bed.now("rate_mismatch") == "cleared"


def test_ack_when_name_is_empty_then_all_and_when_unknown_then_none(bed: Any) -> None:
    bed.flat(6.0)
    assert bed.engine.ack("nonsense", bed.at) == []
    assert [a.name for a in bed.engine.ack("", bed.at)] == ["asystole"]


def test_ack_when_another_lethal_alarm_follows_then_it_sounds(bed: Any) -> None:
    bed.flat(6.0)
    bed.engine.ack("", bed.at)
    bed.beats(8, 0.5, "V")
    assert len(bed.raised("vt")) == 1


def test_active_when_technical_and_lethal_then_lethal_first(bed: Any) -> None:
    bed.wait(6.0, unreadable=True)
    bed.beats(8, 0.5, "V")
    assert [a.priority for a in bed.engine.active] == ["high", "technical"]


def test_reset_when_alarms_are_on_then_all_end_and_nothing_is_remembered(bed: Any) -> None:
    bed.flat(6.0)
    assert [(a.name, a.state) for a in bed.engine.reset(bed.at)] == [("asystole", "cleared")]
    assert bed.engine.active == ()
    bed.qrs_s = None
    start = bed.t
    bed.flat(8.0)
    assert all(t >= start + 4.0 for t in bed.raised("asystole")[1:])


def test_reset_when_stream_is_hours_old_then_a_stopped_heart_is_told_in_time(bed: Any) -> None:
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
    bed: Any, fs: float, reboot: bool
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
