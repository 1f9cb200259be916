"""A line on which a QRS may hide: noise that begins, fibrillation that grows, an electrode that settles."""

from __future__ import annotations

from typing import Any

import pytest


def test_asystole_when_line_begins_to_look_like_noise_then_unreadable_within_ten_seconds(bed: Any) -> None:
    stopped = bed.t
    for i in range(60):
        bed.tick(noisy=i % 8 < 4)
    assert bed.raised("asystole") == []
    (told,) = bed.raised("unreadable")
    assert stopped + 7.0 <= told <= stopped + 10.0


def test_asystole_when_line_looked_like_noise_and_is_flat_then_at_four_seconds(bed: Any) -> None:
    stopped = bed.t
    bed.flat(1.0, noisy=True)
    bed.flat(6.0, flat_s=0.0, quiet=True)
    assert bed.raised("asystole") == [stopped + 4.0]


def test_asystole_when_noise_is_over_for_four_seconds_then_at_seven_seconds_without_qrs(bed: Any) -> None:
    stopped = bed.t
    bed.wait(1.0, noisy=True)
    bed.wait(9.0)
    assert bed.raised("asystole") == [stopped + 7.0]


def test_asystole_when_electrode_settles_and_the_heart_comes_back_then_not_raised(bed: Any) -> None:
    bed.flat(5.0, settling=True)
    bed.flat(3.5, quiet=True, flat_s=8.0)
    bed.beats(20)
    assert bed.raised("asystole", "extreme_brady") == []


@pytest.mark.parametrize("seconds", [1.0, 3.0, 60.0])
def test_asystole_when_electrode_settles_over_a_stopped_heart_then_still_within_ten_seconds(
    bed: Any, seconds: float
) -> None:
    stopped = bed.t
    bed.flat(seconds, settling=True)
    bed.flat(12.0, quiet=True, flat_s=60.0)
    told = bed.raised("asystole")[0]
    assert stopped + 4.0 <= told <= stopped + min(seconds, 5.5) + 4.25


@pytest.mark.parametrize(
    "seen", [{"noisy": True}, {"settling": True}, {"vf_prob": 0.9}, {"unreadable": True}]
)
def test_brady_when_beats_were_missed_in_noise_or_fibrillation_then_not_raised(
    bed: Any, seen: dict[str, Any]
) -> None:
    for _ in range(4):
        bed.wait(0.5, **seen)
        bed.beats(1, 1.5)
    bed.beats(4)
    assert bed.raised("extreme_brady") == []


@pytest.mark.parametrize("seen", [{"noisy": True}, {"settling": True}, {"vf_prob": 0.9}])
def test_brady_when_noise_is_over_and_the_heart_is_slow_then_raised_at_the_fifth_beat(
    bed: Any, seen: dict[str, Any]
) -> None:
    bed.wait(1.0, **seen)
    bed.beats(4, 1.75)
    assert bed.raised("extreme_brady") == []
    bed.beats(1, 1.75)
    assert bed.raised("extreme_brady") == [bed.t]


def test_brady_when_quality_has_just_fallen_then_the_interval_across_is_no_evidence(bed: Any) -> None:
    bed.wait(5.0, sqi=0.05)
    bed.beats(1, 0.25, sqi=0.05)
    bed.wait(2.0, sqi=0.05)
    assert bed.raised("extreme_brady") == []


def test_brady_when_quality_stays_poor_then_believed_after_four_seconds(bed: Any) -> None:
    bed.wait(4.25, sqi=0.05)
    bed.beats(5, 1.75, sqi=0.05)
    assert bed.raised("extreme_brady") == [bed.t]


def test_brady_when_quality_only_wavers_then_raised_at_once(bed: Any) -> None:
    bed.beats(4, 1.75, sqi=0.3)
    assert bed.raised("extreme_brady") == [bed.t]


def test_brady_when_the_last_beat_is_hardly_one_then_the_gates_next_look_is_awaited(bed: Any) -> None:
    bed.wait(4.0)
    bed.beats(1, 0.5, prob=0.6)
    fifth = bed.t
    assert bed.raised("extreme_brady") == []
    bed.wait(2.0)
    assert bed.raised("extreme_brady") == [fifth + 1.5]


def test_brady_when_the_last_beat_is_hardly_one_and_noise_is_seen_then_not_raised(bed: Any) -> None:
    bed.wait(4.0)
    bed.beats(1, 0.5, prob=0.6)
    bed.wait(0.75)
    bed.tick(noisy=True)
    bed.wait(2.0)
    assert bed.raised("extreme_brady") == []


def test_brady_when_no_beat_is_ever_clear_then_raised_all_the_same(bed: Any) -> None:
    bed.beats(5, 1.75, prob=0.6)
    assert len(bed.raised("extreme_brady")) == 1


def test_vt_when_line_looks_noisy_then_raised_all_the_same(bed: Any) -> None:
    bed.tick(noisy=True)
    bed.beats(6, 0.5, "V")
    assert len(bed.raised("vt")) == 1


def test_unreadable_when_fibrillation_is_only_suspected_in_noise_then_told_within_ten_seconds(
    bed: Any,
) -> None:
    stopped = bed.t
    for i in range(44):
        bed.tick(noisy=True, vf_prob=0.9 if i % 8 < 4 else 0.1)
    assert bed.raised("vf", "asystole") == []
    assert stopped + 7.0 <= bed.raised("unreadable")[0] <= stopped + 10.0


def test_vf_when_most_samples_are_lost_then_not_made_of_what_stands_in_but_said(bed: Any) -> None:
    bed.beats(5)
    bed.wait(20.0, vf_prob=None, lost=True)
    assert bed.raised("vf") == []
    assert len(bed.raised("unreadable")) == 1
    assert next(a.value[:17] for a in bed.out if a.name == "unreadable") == "most samples lost"


def test_asystole_when_most_samples_are_lost_then_still_raised(bed: Any) -> None:
    bed.beats(5)
    bed.wait(12.0, vf_prob=None, lost=True, quiet=True)
    assert bed.raised("asystole")
