from __future__ import annotations

import numpy as np

from firmware_bridge.c_models import GruWeights, Int8Layer


def test_macs_when_counted_then_they_are_rows_times_columns() -> None:
    shapes = ((2, 3), (2,), (4, 6), (4,), (15, 4), (15,), (15, 5), (15,), (7, 5), (7,))
    gru = GruWeights(*(np.ones(shape, np.float32) for shape in shapes))
    assert gru.macs == 2 * 3 + 4 * 6 + 15 * 4 + 15 * 5 + 7 * 5
    weight, none = np.ones((3, 3, 2), np.int8), np.zeros(3, np.int32)
    layer = Int8Layer(weight, none, np.full(3, 0.1), 0, 0, -128, 127, 10, 5, 2, 1)
    assert layer.macs == 5 * 3 * 3 * 2
