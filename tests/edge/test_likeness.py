from __future__ import annotations

import math

import numpy as np
import pytest

from edge.likeness import FLOOR, P_FROM, P_TO, QRS_HALF, likeness
from edge.template import Template

BEFORE = 109


def beat(p_mv: float = 0.15) -> np.ndarray:
    t = np.arange(128)
    x = np.exp(-(((t - BEFORE) / 2.0) ** 2)) + p_mv * np.exp(-(((t - BEFORE + 20) / 4.0) ** 2))
    return x.astype(np.float32)


def known() -> Template:
    template = Template()
    template.learn(beat())
    return template


def test_likeness_when_there_is_no_template_then_none() -> None:
    assert likeness(beat(), Template(), BEFORE) is None


def test_likeness_when_the_beat_is_the_template_then_nothing_is_left_over() -> None:
    found = likeness(beat(), known(), BEFORE)
    assert found is not None
    assert (found.whole, found.p_wave) == (pytest.approx(1.0, abs=1e-5), pytest.approx(1.0, abs=1e-5))
    assert (found.p_residual, found.qrs_residual, found.early_residual) == (math.log(FLOOR),) * 3


def test_likeness_when_the_p_wave_is_upside_down_then_seen_there_and_nowhere_else() -> None:
    found = likeness(beat(-0.15), known(), BEFORE)
    assert found is not None
    assert found.p_wave < -0.9
    assert found.whole > 0.8
    assert found.p_residual > math.log(0.1)
    assert found.qrs_residual < math.log(FLOOR + 0.01)
    assert found.early_residual < math.log(FLOOR + 0.01)


def test_stretches_when_laid_out_then_the_p_wave_ends_before_the_r_wave_begins() -> None:
    assert P_FROM > P_TO > 0
    assert BEFORE - P_FROM > 0
    assert BEFORE + QRS_HALF + 1 <= 128
