from __future__ import annotations

import math

import pytest

from edge.intervals import LONGEST_RR_S, MEAN_OF, Intervals, irregularity


def _beating(intervals: Intervals, rr_s: list[float], normal: bool = True) -> Intervals:
    """Peaks at these intervals, and one before the first."""
    t = 0.0
    intervals.keep(intervals.peak(t))
    intervals.keep_class(None, normal)
    for rr in rr_s:
        t += rr
        kept = intervals.peak(t)
        intervals.keep(kept)
        intervals.keep_class(kept, normal)
    return intervals


def test_peak_when_first_then_no_interval_and_then_the_distance() -> None:
    intervals = Intervals()
    assert intervals.peak(3.0) is None
    assert intervals.peak(3.8) == pytest.approx(0.8)
    assert intervals.hr_bpm is None


def test_rate_when_steady_then_exact() -> None:
    assert _beating(Intervals(), [0.75] * 12).hr_bpm == pytest.approx(80.0)
    assert _beating(Intervals(), [0.75] * 12).mean_s == pytest.approx(0.75)
    assert _beating(Intervals(), [0.75]).hr_bpm is None
    assert _beating(Intervals(), [0.75, 0.75]).hr_bpm == pytest.approx(80.0)


@pytest.mark.parametrize(("before", "after"), [(80.0, 120.0), (80.0, 40.0), (120.0, 60.0), (40.0, 150.0)])
def test_rate_when_it_steps_then_settled_within_10_s(before: float, after: float) -> None:
    n = math.floor(10.0 * after / 60.0)
    hr = _beating(Intervals(), [60.0 / before] * 20 + [60.0 / after] * n).hr_bpm
    assert hr == pytest.approx(after, abs=max(5.0, 0.1 * after))


def test_rate_when_bigeminy_then_that_of_all_beats() -> None:
    for n in (16, 17):
        hr = _beating(Intervals(), [0.5 if k % 2 else 1.0 for k in range(n)]).hr_bpm
        assert hr == pytest.approx(80.0, abs=5.0)


def test_mean_when_an_interval_is_a_pause_then_it_does_not_enter() -> None:
    intervals = _beating(Intervals(), [0.8] * 10 + [LONGEST_RR_S + 0.1])
    assert intervals.mean_s == pytest.approx(0.8)
    assert intervals.last == pytest.approx(LONGEST_RR_S + 0.1)


def test_mean_when_many_then_of_the_last_few() -> None:
    assert _beating(Intervals(), [2.0] * 20 + [0.5] * MEAN_OF).mean_s == pytest.approx(0.5)


def test_spread_when_steady_none_and_when_irregular_its_share() -> None:
    assert _beating(Intervals(), [0.8] * 2).spread == 0.0
    assert _beating(Intervals(), [0.8] * 8).spread == pytest.approx(0.0, abs=1e-6)
    assert _beating(Intervals(), [0.6, 1.0] * 4).spread == pytest.approx(0.25)


def test_rmssd_when_intervals_alternate_then_their_difference() -> None:
    assert _beating(Intervals(), [0.80, 0.85] * 8).rmssd_ms == pytest.approx(50.0)


def test_rmssd_when_fewer_than_eight_normal_intervals_then_none() -> None:
    assert _beating(Intervals(), [0.8] * 7).rmssd_ms is None
    assert _beating(Intervals(), [0.8] * 8).rmssd_ms == pytest.approx(0.0, abs=1e-6)


def test_rmssd_when_beats_are_ectopic_then_neither_they_nor_what_follows_count() -> None:
    intervals = _beating(Intervals(), [0.8] * 10)
    for _ in range(5):
        intervals.keep_class(0.5, normal=False)
        intervals.keep_class(1.1, normal=True)
        intervals.keep_class(0.8, normal=True)
        intervals.keep_class(0.8, normal=True)
    assert intervals.rmssd_ms == pytest.approx(0.0, abs=1e-6)


def test_break_when_samples_were_lost_then_no_interval_across_and_the_rate_stays() -> None:
    intervals = _beating(Intervals(), [0.8] * 10)
    intervals.break_()
    assert intervals.last is None
    assert intervals.peak(100.0) is None
    assert intervals.mean_s == pytest.approx(0.8)


def test_forget_when_another_patient_then_as_new() -> None:
    intervals = _beating(Intervals(), [0.8, 0.9] * 10)
    intervals.forget_rate()
    assert (intervals.mean_s, intervals.hr_bpm, intervals.spread) == (None, None, 0.0)
    assert intervals.rmssd_ms is not None
    intervals.forget()
    assert intervals.rmssd_ms is None
    assert _beating(intervals, [0.8] * 7).rmssd_ms is None


def test_long_mean_when_fewer_than_four_intervals_are_known_then_neither_it_nor_irregularity() -> None:
    few, enough = _beating(Intervals(), [0.8] * 3), _beating(Intervals(), [0.8] * 4)
    assert (few.long_mean_s, few.irregular) == (None, None)
    assert enough.long_mean_s == pytest.approx(0.8)
    assert enough.irregular == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.0, abs=1e-9))


def test_irregular_when_every_second_interval_is_half_then_the_log_of_two() -> None:
    intervals = _beating(Intervals(), [0.5, 1.0] * 20)
    assert intervals.irregular == (pytest.approx(math.log(2.0)), pytest.approx(math.log(2.0)))
    intervals.forget_rate()
    assert intervals.irregular is None


def test_keep_when_an_interval_is_not_positive_then_it_enters_no_mean() -> None:
    intervals = _beating(Intervals(), [0.8] * 6)
    intervals.keep(0.0)
    intervals.keep(-1.0)
    assert intervals.long_mean_s == pytest.approx(0.8)


def test_irregularity_when_steady_then_none_and_when_alternating_the_ratio() -> None:
    assert irregularity([0.8] * 10) == (0.0, 0.0)
    assert irregularity([0.5, 1.0] * 5) == pytest.approx((math.log(2), math.log(2)))
