from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from edge.p_wave import MOST_REFUSED, SPAN, QrsSizes

DRIVER = """
#include "hw_p_wave.h"

void judge(const float *waves, uint32_t n, uint8_t *said, double *usual_mv, double *steep_mv);

/* What is said of n waves in their order, and the usual range and steepest step after each. */
void judge(const float *waves, uint32_t n, uint8_t *said, double *usual_mv, double *steep_mv)
{
    static hw_state s;
    hw_start(&s);
    for (uint32_t k = 0; k < n; k++) {
        said[k] = (uint8_t)hw_is_qrs(&s.sizes, waves + k * HW_WAVE);
        usual_mv[k] = s.sizes.usual_mv;
        steep_mv[k] = s.sizes.usual_steep_mv;
    }
}
"""


@pytest.fixture(scope="module")
def judged(compiled: Any, chip: Any) -> Any:
    """The shipped models, and a way to the judge of waves alone."""
    return compiled(chip.made, more=DRIVER)


@pytest.mark.parametrize("seed", range(4))
def test_is_qrs_when_waves_are_of_all_sizes_and_widths_then_as_edge_says(judged: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(SPAN) - 12.0
    width, size = rng.uniform(0.7, 6.0, 4000), np.exp(rng.normal(-0.8, 0.8, 4000)) * rng.choice([-1, 1], 4000)
    waves = size[:, None] * np.exp(-((t / width[:, None]) ** 2)) + rng.normal(0.0, 0.01, (4000, SPAN))
    waves[2000 : 2200 + MOST_REFUSED] = 0.1 * np.exp(-((t / 4.0) ** 2))  # long enough to be believed again
    waves = np.ascontiguousarray(waves, np.float32)
    sizes = QrsSizes()
    expected = [(sizes.is_qrs(wave), sizes.usual_mv, sizes.usual_steep_mv) for wave in waves]
    said, usual_mv, steep_mv = np.zeros(len(waves), np.uint8), *np.zeros((2, len(waves)))
    judged.lib.judge(
        *(
            ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else a
            for a in (waves, len(waves), said, usual_mv, steep_mv)
        )
    )
    assert list(zip((said > 0).tolist(), usual_mv.tolist(), steep_mv.tolist(), strict=True)) == expected
    assert 400 < sum(not s for s, *_ in expected) < 3000
