from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artefact import Models
from edge.filters import Cascade

F32 = NDArray[np.float32]


def test_filter_when_a_lead_is_pushed_then_it_is_edges_cascade(
    chip: Any, models: Models, virtual_lead: F32
) -> None:
    state = ctypes.create_string_buffer(256)
    cascade = Cascade(models.manifests["gru"].sos)
    lead = virtual_lead[:5000] + 3.0
    got = np.array([chip.lib.hw_filter(state, float(x)) for x in lead])
    expected = np.array([cascade.push(float(x)) for x in lead])
    assert np.abs(got - expected).max() <= 1e-12
    assert np.abs(expected).max() > 0.5


def test_filter_when_the_first_sample_is_far_from_zero_then_there_is_no_transient(chip: Any) -> None:
    state = ctypes.create_string_buffer(256)
    assert max(abs(chip.lib.hw_filter(state, 250.0)) for _ in range(500)) < 1e-6


def test_filter_when_the_lead_leaps_then_the_output_is_clipped(chip: Any) -> None:
    state = ctypes.create_string_buffer(256)
    got = [chip.lib.hw_filter(state, x) for x in (0.0, 100.0, 100.0, -200.0, -200.0)]
    assert max(got) == chip.made.settings.clip_mv
    assert min(got) == -chip.made.settings.clip_mv
