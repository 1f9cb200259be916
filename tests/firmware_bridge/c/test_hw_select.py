from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("n", [1, 2, 3, 26, 500])
@pytest.mark.parametrize("kind", ["noise", "equal", "few", "rising", "falling"])
def test_select_when_asked_for_any_place_then_it_is_that_of_the_sorted(
    full_chip: Any, n: int, kind: str
) -> None:
    rng = np.random.default_rng(n)
    x = {
        "noise": rng.normal(0.0, 1.0, n),
        "equal": np.ones(n),
        "few": rng.integers(0, 3, n),
        "rising": np.arange(n),
        "falling": -np.arange(n),
    }[kind].astype(np.float32)
    for k in {0, n // 3, n // 2, n - 1}:
        work = x.copy()
        got = full_chip.lib.hw_select(ctypes.c_void_p(work.ctypes.data), n, k)
        assert got == np.sort(x)[k]
        assert np.sort(work).tolist() == np.sort(x).tolist()
