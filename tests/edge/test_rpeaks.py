from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rpeaks import (
    CLOSEST,
    DOUBT,
    DOUBT_WAIT,
    LONGEST_BACK,
    MISSED,
    MISSED_APART,
    REFRACTORY,
    SLOW,
    SLOW_APART,
    T_WAVE,
    T_WAVE_FALL,
    RPeakDetector,
    refine,
)
from edge.windows import Ring

WAIT = 12
USUAL = tuple((at, 4.0) for at in range(50, 551, 100))
"""Six beats, 0.8 s apart."""


def _run(detector: RPeakDetector, logits: list[float], start: int = 0) -> list[tuple[int, int, float]]:
    """(sample at which it was decided, its maximum, its logit) of every peak; its other logits are its sample's."""
    out = []
    for k, logit in enumerate(logits, start):
        decided = detector.push(k, np.array([logit, k], np.float32))
        if decided is not None:
            assert decided.logits.tolist()[1] == decided.k + WAIT
            out.append((k, decided.k, decided.height))
    return out


def _found(*tops: tuple[int, float], n: int = 1500) -> list[int]:
    return [k for _, k, _ in _run(RPeakDetector(0.0, WAIT), _hill(n, *tops))]


def _hill(n: int, *tops: tuple[int, float]) -> list[float]:
    x = np.full(n, -9.0)
    for at, height in tops:
        k = np.arange(n)
        x = np.maximum(x, height - 2.0 * np.abs(k - at))
    return x.tolist()


def test_push_when_posterior_peaks_then_decided_exactly_the_wait_later() -> None:
    found = _run(RPeakDetector(0.0, WAIT), _hill(300, (50, 3.0), (150, 4.0), (260, 2.0)))
    assert found == [(50 + WAIT, 50, 3.0), (150 + WAIT, 150, 4.0), (260 + WAIT, 260, 2.0)]


def test_push_when_maximum_lies_under_the_threshold_then_nothing() -> None:
    assert _run(RPeakDetector(3.0, WAIT), _hill(200, (50, 4.75), (120, 2.9))) == [(50 + WAIT, 50, 4.75)]


def test_push_when_a_higher_maximum_follows_within_the_wait_then_that_one_counts() -> None:
    assert _run(RPeakDetector(0.0, WAIT), _hill(200, (50, 3.0), (59, 4.0))) == [(59 + WAIT, 59, 4.0)]


def test_push_when_a_lower_maximum_follows_within_the_wait_then_the_first_counts() -> None:
    assert _run(RPeakDetector(0.0, WAIT), _hill(200, (50, 4.0), (59, 3.0))) == [(50 + WAIT, 50, 4.0)]


@pytest.mark.parametrize(("apart", "n"), [(REFRACTORY - 1, 1), (REFRACTORY, 2)])
def test_push_when_two_are_closer_than_the_refractory_time_then_one(apart: int, n: int) -> None:
    assert len(_found((50, 4.0), (50 + apart, 4.0))) == n


@pytest.mark.parametrize(("apart", "n"), [(CLOSEST - 1, 1), (CLOSEST, 2)])
def test_push_when_the_second_is_surer_then_it_may_come_earlier(apart: int, n: int) -> None:
    assert len(_found((50, 3.0), (50 + apart, 4.0))) == n


def test_push_when_a_doubtful_maximum_comes_alone_then_it_is_a_beat_a_little_later() -> None:
    for height, wait in ((DOUBT + 0.1, WAIT), (DOUBT - 0.1, DOUBT_WAIT), (0.1, DOUBT_WAIT)):
        assert _run(RPeakDetector(0.0, WAIT), _hill(200, (50, height))) == [
            (50 + wait, 50, pytest.approx(height))
        ]


@pytest.mark.parametrize("height", [0.2, DOUBT - 0.1])
@pytest.mark.parametrize("before", [15, 22, 27])
def test_push_when_a_p_wave_looks_like_a_qrs_then_the_qrs_that_follows_is_the_beat(
    height: float, before: int
) -> None:
    assert _found((150 - before, height), (150, 5.0), (250 - before, height), (250, 4.0)) == [150, 250]


@pytest.mark.parametrize(
    ("after", "fall", "n"),
    [
        (T_WAVE - 1, T_WAVE_FALL + 0.1, 1),
        (T_WAVE - 1, T_WAVE_FALL - 0.1, 2),
        (T_WAVE, T_WAVE_FALL + 0.1, 2),
        (REFRACTORY, 0.0, 2),
    ],
)
def test_push_when_a_much_lower_maximum_follows_soon_then_it_is_the_t_wave(
    after: int, fall: float, n: int
) -> None:
    assert len(_found((50, 5.0), (50 + after, 5.0 - fall))) == n


def test_push_when_fast_ventricular_beats_are_as_sure_as_each_other_then_all_count() -> None:
    run = [(50 + 27 * k, 2.0 + 0.5 * (k % 3)) for k in range(30)]
    assert _found(*run) == [k for k, _ in run]


@pytest.mark.parametrize("height", [MISSED + 0.1, -0.1])
def test_push_when_the_next_beat_comes_twice_as_late_then_what_fell_short_between_was_one(
    height: float,
) -> None:
    found = _run(RPeakDetector(0.0, WAIT), _hill(900, *USUAL, (640, height), (750, 4.0)))
    assert found[-2:] == [(750 + WAIT, 640, pytest.approx(height)), (751 + WAIT, 750, 4.0)]
    assert len(found) == len(USUAL) + 2


@pytest.mark.parametrize(
    "tops",
    [
        ((640, MISSED - 0.1), (750, 4.0)),
        ((550 + MISSED_APART - 1, -0.5), (750, 4.0)),
        ((751 - MISSED_APART, -0.5), (750, 4.0)),
        ((620, -0.5), (700, 4.0)),
        ((640, -0.5), (551 + LONGEST_BACK, 4.0)),
        ((640, -0.5),),
    ],
    ids=["too low", "too near", "too near the next", "no gap", "a pause", "nothing follows"],
)
def test_push_when_a_beat_need_not_be_missing_then_nothing_is_taken_back(
    tops: tuple[tuple[int, float], ...],
) -> None:
    assert _found(*USUAL, *tops) == [k for k, h in (*USUAL, *tops) if h > 0.0]


def test_push_when_too_few_intervals_are_known_then_nothing_is_taken_back() -> None:
    assert _found(*USUAL[:4], (430, -0.5), (537, 4.0)) == [50, 150, 250, 350, 537]
    assert _found(*USUAL[:5], (540, -0.5), (650, 4.0)) == [50, 150, 250, 350, 450, 540, 650]


SLOW_HEART = [(50 + SLOW * k, 4.0) for k in range(8)]


@pytest.mark.parametrize("after", [SLOW_APART, 80, SLOW - MISSED_APART])
def test_push_when_every_second_beat_falls_short_at_a_slow_rate_then_it_is_taken_back(after: int) -> None:
    short = [(k + after, -0.5) for k, _ in SLOW_HEART[:-1]]
    tops = sorted(SLOW_HEART + short)
    assert _found(*tops, n=1600) == [k for k, _ in tops]


@pytest.mark.parametrize(
    ("apart", "after"),
    [(SLOW - 1, 80), (SLOW, SLOW_APART - 1), (SLOW, SLOW - MISSED_APART + 1), (LONGEST_BACK + 1, 100)],
    ids=["not slow", "a T-wave", "a P-wave", "a pause"],
)
def test_push_when_what_falls_short_at_a_slow_rate_may_be_no_beat_then_left(apart: int, after: int) -> None:
    beats = [50 + apart * k for k in range(4)]
    tops = sorted([(k, 4.0) for k in beats] + [(k + after, -0.5) for k in beats[:-1]])
    assert _found(*tops, n=2000) == beats


def test_push_when_the_heart_stands_still_and_p_waves_go_on_then_silence_stays_silence() -> None:
    p_waves = [(650 + 90 * k, -0.3) for k in range(30)]
    assert _found(*USUAL, *p_waves, n=3500) == [k for k, _ in USUAL]
    assert _found(*USUAL, *p_waves, (3400, 4.0), n=3500)[-2:] == [550, 3400]


def test_push_when_posterior_is_flat_on_top_then_one_peak() -> None:
    logits = [-5.0] * 40 + [2.0] * 4 + [-5.0] * 60
    assert [k for _, k, _ in _run(RPeakDetector(0.0, WAIT), logits)] == [43]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 399))
def test_push_when_reset_then_equals_a_new_one(seed: int, cut: int) -> None:
    logits = (3.0 * np.random.default_rng(seed).standard_normal(400)).tolist()
    used, new = RPeakDetector(0.0, WAIT), RPeakDetector(0.0, WAIT)
    _run(used, logits[:cut])
    used.reset()
    found = _run(new, logits)
    assert _run(used, logits) == found
    peaks = [k for _, k, _ in found]
    assert all(b - a >= CLOSEST for a, b in zip(peaks, peaks[1:], strict=False))


def _ring(x: np.ndarray) -> Ring:
    ring = Ring()
    for v in x.tolist():
        ring.push(v)
    return ring


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("shift", [-0.5, -0.3, 0.0, 0.2, 0.45])
def test_refine_when_peak_lies_between_samples_then_found_to_a_tenth_of_a_sample(
    shift: float, sign: float
) -> None:
    k = np.arange(200)
    ring = _ring(sign * 1.4 * np.exp(-(((k - 150 - shift) / 2.5) ** 2)))
    for around in (147, 150, 155):
        position, amp_mv = refine(ring, around)
        assert position == pytest.approx(150 + shift, abs=0.1)
        assert amp_mv == pytest.approx(sign * 1.4, abs=0.1)


def test_refine_when_newest_sample_is_near_then_it_looks_no_further() -> None:
    ring = _ring(np.concatenate([np.zeros(95), [0.2, 1.0, 0.2, 0.0, 0.0]]))
    position, amp_mv = refine(ring, 96)
    assert position == pytest.approx(96.0)
    assert amp_mv == pytest.approx(1.0)


def test_refine_when_line_is_flat_then_stays_in_its_window() -> None:
    position, amp_mv = refine(_ring(np.zeros(100)), 60)
    assert 52 <= position <= 65
    assert amp_mv == 0.0
