from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rpeaks import REFRACTORY, RPeakDetector, refine
from edge.windows import Ring

WAIT = 12


def _run(detector: RPeakDetector, logits: list[float], start: int = 0) -> list[tuple[int, int, float]]:
    """(sample at which it was decided, its maximum, its logit) of every peak."""
    out = []
    for k, logit in enumerate(logits, start):
        decided = detector.push(k, logit)
        if decided is not None:
            out.append((k, *decided))
    return out


def _hill(n: int, *tops: tuple[int, float]) -> list[float]:
    x = np.full(n, -5.0)
    for at, height in tops:
        k = np.arange(n)
        x = np.maximum(x, height - 2.0 * np.abs(k - at))
    return x.tolist()


def test_push_when_posterior_peaks_then_decided_exactly_the_wait_later() -> None:
    found = _run(RPeakDetector(0.0, WAIT), _hill(300, (50, 3.0), (150, 4.0), (260, 2.0)))
    assert found == [(50 + WAIT, 50, 3.0), (150 + WAIT, 150, 4.0), (260 + WAIT, 260, 2.0)]


def test_push_when_maximum_lies_under_the_threshold_then_nothing() -> None:
    assert _run(RPeakDetector(3.0, WAIT), _hill(200, (50, 3.0), (120, 2.9))) == []


def test_push_when_a_higher_maximum_follows_within_the_wait_then_that_one_counts() -> None:
    assert _run(RPeakDetector(0.0, WAIT), _hill(200, (50, 3.0), (59, 4.0))) == [(59 + WAIT, 59, 4.0)]


def test_push_when_a_lower_maximum_follows_within_the_wait_then_the_first_counts() -> None:
    assert _run(RPeakDetector(0.0, WAIT), _hill(200, (50, 4.0), (59, 3.0))) == [(50 + WAIT, 50, 4.0)]


@pytest.mark.parametrize(("apart", "n"), [(REFRACTORY - 1, 1), (REFRACTORY, 2)])
def test_push_when_two_are_closer_than_the_refractory_time_then_one(apart: int, n: int) -> None:
    found = _run(RPeakDetector(0.0, WAIT), _hill(200, (50, 3.0), (50 + apart, 4.0)))
    assert len(found) == n


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
    assert all(b - a >= REFRACTORY for a, b in zip(peaks, peaks[1:], strict=False))


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
