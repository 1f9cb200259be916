from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from edge.intervals import Intervals
from train.chip_host import HostPatient


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 8, 31, 32, 33, 100])
def test_intervals_when_kept_then_what_is_known_of_them_is_edges(full_chip: Any, n: int) -> None:
    rr = np.random.default_rng(n).choice([0.0, 0.3, 0.6, 0.81, 0.84, 1.2, 3.5], n).astype(np.float32)
    theirs, out = Intervals(), np.zeros(6, np.float32)
    for value in rr.tolist():
        theirs.keep(value or None)
    patient = HostPatient(full_chip.lib, 5)
    full_chip.lib.keep(
        patient.state, ctypes.c_void_p(rr.ctypes.data), ctypes.c_uint32(n), ctypes.c_void_p(out.ctypes.data)
    )
    expected = [theirs.last or 0.0, theirs.mean_s or 0.0, theirs.long_mean_s or 0.0, theirs.spread]
    assert out[:4] == pytest.approx(expected, abs=1e-6)
    assert out[4:] == pytest.approx(theirs.irregular or (0.0, 0.0), abs=1e-6)
