"""From samples to alarms where a QRS may hide: noise begins, an electrode is jolted, a heart fibrillates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

FS = 250.0


@pytest.mark.parametrize("seed", [*range(12), 17])
def test_asystole_when_muscle_noise_begins_then_not_raised_nor_a_slow_heart(ward: Any, seed: int) -> None:
    script = "sinus:20s rate=75 emg=0.08 wander=0.4 mains=0.16; noise:10s; sinus:20s"
    assert ward.play(ward.heart(script, 45, seed=seed)).raised("asystole", "extreme_brady") == []


@pytest.mark.parametrize("seed", range(3))
def test_brady_when_heart_is_slow_and_line_is_not_clean_then_alarm_within_10_s(ward: Any, seed: int) -> None:
    recording = ward.heart(
        "sinus:20s rate=70 emg=0.05 wander=0.3; sinus:60s rate=33 emg=0.05 wander=0.3", 40, seed=seed
    )
    slow = [b.sample for b in recording.beats if b.sample > 20.0 * FS]
    (alarm,) = ward.play(recording).raised("extreme_brady")
    assert (alarm.at - slow[4]) / FS <= 2.0


def _add_p_waves(mv: Any, from_s: float, per_min: float, size_mv: float) -> None:
    """Atria that beat by themselves: P-waves of 100 ms that know nothing of the QRS."""
    t = np.arange(len(mv)) / FS
    since_s = (t - from_s) % (60.0 / per_min) - 0.3
    mv[t >= from_s, 0] += (size_mv * np.exp(-((since_s / 0.03) ** 2)))[t >= from_s].astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("per_min", "size_mv"), [(78.0, 0.15), (66.0, 0.3), (95.0, -0.2)])
def test_brady_when_the_atria_go_on_by_themselves_then_no_p_wave_hides_it(
    ward: Any, seed: int, per_min: float, size_mv: float
) -> None:
    recording = ward.heart("sinus:20s rate=70; sinus:60s rate=33", 45, seed=seed)
    blocked = recording.changed(lambda mv: _add_p_waves(mv, 20.0, per_min, size_mv))
    slow = [b.sample for b in recording.beats if b.sample > 20.0 * FS]
    (alarm,) = ward.play(blocked).raised("extreme_brady")
    assert (alarm.at - slow[4]) / FS <= 2.0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("per_min", "size_mv"), [(78.0, 0.15), (66.0, 0.3), (95.0, -0.2), (60.0, 0.2)])
def test_asystole_when_the_ventricles_stand_still_and_p_waves_go_on_then_alarm_and_no_beat(
    ward: Any, seed: int, per_min: float, size_mv: float
) -> None:
    recording = ward.heart("sinus:20s rate=70; asystole:60s", 50, seed=seed)
    last = recording.beats[-1].sample
    answers = ward.play(recording.changed(lambda mv: _add_p_waves(mv, 20.0, per_min, size_mv)))
    (alarm,) = answers.raised()
    assert alarm.name == "asystole"
    assert (alarm.at - last) / FS <= 5.0
    assert [b for b in answers.beats(False) if b.r_peak.sample > last + FS] == []


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("size_mv", [0.2, 0.25])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_asystole_when_the_ventricles_stand_still_and_p_waves_have_a_notch_then_alarm_and_no_beat(
    ward: Any, seed: int, size_mv: float, gain: float
) -> None:
    recording = ward.heart("sinus:20s rate=72; asystole:60s", 40, seed=seed)

    def blocked(mv: Any) -> None:
        mv *= gain
        t = np.arange(len(mv)) / FS
        since_s = (t - 20.0) % 0.9 - 0.3
        notched = sum(size_mv * np.exp(-(((since_s - at) / 0.018) ** 2)) for at in (-0.022, 0.022))
        mv[t >= 20.0, 0] += notched[t >= 20.0].astype(np.float32)

    last = recording.beats[-1].sample
    answers = ward.play(recording.changed(blocked))
    (alarm,) = answers.raised("asystole")
    assert (alarm.at - last) / FS <= 8.0
    assert [b for b in answers.beats(False) if b.r_peak.sample > last + FS] == []


@pytest.mark.parametrize("seed", range(3))
def test_brady_when_heart_fibrillates_then_only_fibrillation_is_told(ward: Any, seed: int) -> None:
    answers = ward.play(ward.heart("sinus:20s rate=76; vf:60s", 75, seed=seed))
    assert answers.raised("vf")
    assert answers.raised("extreme_brady", "asystole") == []


def _jolt(mv: Any, at_s: float, size_mv: float, blind_s: float) -> None:
    """The electrode jumps and comes back as its front end does; meanwhile nothing of the heart is seen."""
    a, b = round(at_s * FS), round((at_s + blind_s) * FS)
    t = np.arange(len(mv) - a) / FS
    mv[a:b] = 0.05 * mv[a:b] + 0.006 * np.random.default_rng(1).standard_normal((b - a, 1))
    mv[a:, 0] += (size_mv * np.exp(-t / 1.4)).astype(np.float32)


@pytest.mark.parametrize("size_mv", [-3.5, 3.5])
def test_asystole_when_electrode_is_jolted_and_beats_are_lost_then_not_raised(
    ward: Any, size_mv: float
) -> None:
    recording = ward.heart("sinus:60s rate=80", 45)
    answers = ward.play(recording.changed(lambda mv: _jolt(mv, 20.0, size_mv, 6.5)))
    assert answers.raised() == []


@pytest.mark.parametrize("late_s", [0.3, 3.0])
def test_asystole_when_electrode_is_jolted_and_the_heart_stops_then_alarm_within_10_s(
    ward: Any, late_s: float
) -> None:
    recording = ward.heart("sinus:20s rate=80; asystole:60s", 40)
    last = recording.beats[-1].sample
    jolted = recording.changed(lambda mv: _jolt(mv, last / FS + late_s, 3.5, 0.0))
    alarm = ward.play(jolted).raised("asystole")[0]
    # The jolt itself may have been taken for the last QRS.
    assert (alarm.at - last) / FS <= 10.0 + late_s
