from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.artefact import shipped
from edge.resample import Resampler
from train import export


@pytest.mark.parametrize("fs", [125.0, 500.0])
def test_resample_when_noise_is_played_then_it_is_edges(
    compiled: Callable[[export.Chip], Any], fs: float
) -> None:
    chip = compiled(export.read(shipped(), fs))
    mv = np.random.default_rng(2).normal(0.0, 2.0, 4000).astype(np.float32).tolist()
    resampler, out, got, expected = Resampler(fs, 125.0), ctypes.c_double(), [], []
    state = ctypes.create_string_buffer(1024)
    for k, x in enumerate(mv):
        expected += [(k, y) for y in resampler.push(x)]
        if chip.lib.hw_resample(state, ctypes.c_float(x), ctypes.byref(out)):
            got.append((k, out.value))
    assert [k for k, _ in got] == [k for k, _ in expected]
    assert np.abs(np.array(got)[:, 1] - np.array(expected)[:, 1]).max() < 1e-12
    assert len(got) >= 4000 // (fs / 125.0) - 4
