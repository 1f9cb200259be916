from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from edge.rpeaks import DOUBT, MISSED, RPeakDetector

Found = list[tuple[int, int, float, list[float]]]
"""Of each beat: when it was decided, its maximum, its logit, the logits when its class was due."""

DRIVER = """
#include "heartwire.h"

uint32_t detect(const float *logits, uint32_t n, uint32_t *when, hw_top *found);

/* All that is decided in n rows of logits. */
uint32_t detect(const float *logits, uint32_t n, uint32_t *when, hw_top *found)
{
    static hw_state s;
    uint32_t count = 0;
    hw_start(&s);
    for (uint32_t k = 0; k < n; k++) {
        const hw_top *top = hw_detect(&s.detector, logits + k * HW_N_LOGITS, 0, 0);
        if (top) {
            when[count] = k;
            found[count++] = *top;
        }
    }
    return count;
}
"""


@pytest.fixture(scope="module")
def detector(compiled: Any, chip: Any) -> Any:
    """The shipped models, and a way to the R-peak logic alone."""
    return compiled(chip.made, more=DRIVER)


def both(chip: Any, qrs: list[float]) -> tuple[Found, Found]:
    """What edge and the C decide on the logits `qrs`; each sample's others are its number."""
    s = chip.made.settings
    rows = np.repeat(np.arange(len(qrs), dtype=np.float32)[:, None], 11, 1)
    rows[:, 0] = qrs
    python, expected = RPeakDetector(s.qrs_logit, s.class_delay - s.qrs_delay), []
    for k, row in enumerate(rows):
        decided = python.push(k, row)
        if decided is not None:
            expected.append((k, decided.k, decided.height, decided.logits.tolist()))
    top = np.dtype([("age", "u4"), ("height", "f4"), ("logits", "f4", 11)])
    when, found = np.zeros(len(qrs), np.uint32), np.zeros(len(qrs), top)
    at = [ctypes.c_void_p(a.ctypes.data) for a in (rows, when, found)]
    n = chip.lib.detect(at[0], len(qrs), at[1], at[2])
    got = [
        (int(k), int(k) - int(f["age"]), float(f["height"]), f["logits"].tolist())
        for k, f in zip(when[:n], found[:n], strict=True)
    ]
    return expected, got


@pytest.mark.parametrize("seed", range(6))
def test_detect_when_logits_are_anything_then_the_beats_are_edges(detector: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rough = rng.normal(-1.0, 3.0, 6000)
    smooth = np.convolve(rough, np.ones(1 + 4 * seed) / (1 + seed), "same")
    expected, got = both(detector, np.round(smooth, 1 if seed % 2 else 6).tolist())
    assert got == expected
    assert len(got) > 40


@pytest.mark.parametrize("seed", range(4))
def test_detect_when_beats_are_doubtful_missed_and_followed_by_t_waves_then_the_beats_are_edges(
    detector: Any, seed: int
) -> None:
    rng, wait = np.random.default_rng(seed), detector.made.settings.class_delay
    qrs = np.full(60_000, -9.0)
    beats = np.cumsum(rng.choice([90, 100, 110, 150], 500))
    for at in beats[beats < 59_000]:
        qrs[at] = rng.choice([*[6.0, 4.0] * 6, DOUBT, 0.5, -1.0, MISSED, MISSED + 0.5])
        qrs[at - rng.integers(14, 27)] = rng.choice([*[-9.0] * 30, 1.0, 2.5])
        qrs[at + rng.integers(18, 38)] = rng.choice([*[-9.0] * 30, 1.5, 3.5])
    expected, got = both(detector, qrs.tolist())
    assert got == expected
    late = [k - at for k, at, _, _ in got]
    assert sum(w == 11 for w in late) > 100
    assert sum(w == 28 for w in late) > 10
    assert sum(w > 28 for w in late) > 2
    assert all(row[1] == at + 11 for _, at, _, row in got)
    assert wait == 24


def test_detect_when_a_maximum_is_within_the_refractory_time_then_it_is_left_out(detector: Any) -> None:
    threshold = detector.made.settings.qrs_logit
    for distance, n in ((24, 1), (25, 2), (26, 2)):
        logits = [threshold - 5.0] * 200
        logits[50] = logits[50 + distance] = threshold + 2.0
        expected, got = both(detector, logits)
        assert got == expected
        assert len(got) == n


def test_detect_when_nothing_happens_for_hours_then_the_next_beat_is_found(detector: Any) -> None:
    threshold = detector.made.settings.qrs_logit
    logits = [threshold - 5.0] * 500_000
    logits[100] = logits[-100] = threshold + 2.0
    expected, got = both(detector, logits)
    assert got == expected
    assert [k for _, k, _, _ in got] == [100, 499_900]
