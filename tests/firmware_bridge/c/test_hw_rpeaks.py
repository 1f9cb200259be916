from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from edge.rpeaks import RPeakDetector


class Detector(ctypes.Structure):
    _fields_ = [
        ("before", ctypes.c_float),
        ("last", ctypes.c_float),
        ("height", ctypes.c_float),
        ("since_candidate", ctypes.c_uint32),
        ("since_taken", ctypes.c_uint32),
    ]


def both(chip: Any, logits: list[float]) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """(sample of the maximum, its logit) by edge and in C."""
    s = chip.made.settings
    python = RPeakDetector(s.qrs_logit, s.class_delay - s.qrs_delay)
    state, height = Detector(-1e9, -1e9, -1e9, 0, 1000), ctypes.c_float()
    expected, got = [], []
    for k, logit in enumerate(logits):
        decided = python.push(k, logit)
        if decided is not None:
            expected.append(decided)
        age = chip.lib.hw_detect(ctypes.byref(state), logit, ctypes.byref(height))
        if age:
            got.append((k - age, height.value))
    return expected, got


@pytest.mark.parametrize("seed", range(6))
def test_detect_when_logits_are_anything_then_the_maxima_are_edges(chip: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rough = rng.normal(-1.0, 3.0, 6000)
    smooth = np.convolve(rough, np.ones(1 + 4 * seed) / (1 + seed), "same")
    logits = np.round(smooth, 1 if seed % 2 else 6).astype(np.float32)
    expected, got = both(chip, logits.tolist())
    assert got == expected
    assert len(got) > 40


def test_detect_when_a_maximum_is_within_the_refractory_time_then_it_is_left_out(chip: Any) -> None:
    threshold = chip.made.settings.qrs_logit
    for distance, n in ((24, 1), (25, 2), (26, 2)):
        logits = [threshold - 5.0] * 200
        logits[50] = logits[50 + distance] = threshold + 2.0
        expected, got = both(chip, logits)
        assert got == expected
        assert len(got) == n


def test_detect_when_nothing_happens_for_hours_then_the_next_beat_is_found(chip: Any) -> None:
    threshold = chip.made.settings.qrs_logit
    logits = [threshold - 5.0] * 500_000
    logits[100] = logits[-100] = threshold + 2.0
    expected, got = both(chip, logits)
    assert got == expected
    assert [k for k, _ in got] == [100, 499_900]
