from __future__ import annotations

import re

import numpy as np
import pytest

from firmware_bridge import c_rows
from firmware_bridge.c_models import GruWeights
from firmware_bridge.types import BadInput


def test_row_quanta_when_made_then_each_row_comes_back_within_half_a_quantum() -> None:
    weight = np.random.default_rng(3).normal(0.0, 1.0, (9, 7)).astype(np.float32)
    weight[4] = 0.0
    quanta, scale = c_rows.row_quanta(weight)
    assert (np.abs(quanta * scale[:, None] - weight) <= scale[:, None] * 0.5001).all()
    assert (np.abs(quanta).max(1)[np.arange(9) != 4] == 127).all()


def test_row_quanta_when_a_row_is_too_long_then_one_line_says_what_to_do() -> None:
    c_rows.row_quanta(np.ones((2, 512), np.float32))
    with pytest.raises(BadInput, match=r"got rows of 513 weights, expected at most 512.*--gru float$"):
        c_rows.row_quanta(np.ones((2, 513), np.float32))


def test_in_fours_when_ordered_then_every_weight_lies_where_the_kernel_reads_it() -> None:
    quanta = np.random.default_rng(4).integers(-127, 128, (6, 21)).astype(np.int8)
    flat = c_rows.in_fours(quanta).reshape(-1)
    assert flat.size == 8 * 32
    for row in range(6):
        for k in range(21):
            place = (0, 2, 1, 3)[k % 4]
            assert flat[row // 4 * 4 * 32 + k // 4 * 16 + row % 4 * 4 + place] == quanta[row, k]
    assert np.count_nonzero(flat) == np.count_nonzero(quanta)


def test_most_stem1_when_the_lead_is_as_large_as_it_can_be_then_nothing_is_larger() -> None:
    rng = np.random.default_rng(5)
    shapes = ((4, 9), (4,), (2, 36), (2,), (6, 2), (6,), (6, 2), (6,), (11, 2), (11,))
    gru = GruWeights(*(rng.normal(0.0, 1.0, shape).astype(np.float32) for shape in shapes))
    worst = max(
        float((8.0 * np.abs(w)).sum() + abs(b)) for w, b in zip(gru.stem1_weight, gru.stem1_bias, strict=True)
    )
    assert worst <= c_rows.most_stem1(gru, 8.0) <= 1.02 * worst


def test_row_tables_when_weights_are_int8_then_scales_and_biases_are_padded_to_fours() -> None:
    weight, bias = np.eye(3, 5, dtype=np.float32), np.arange(3, dtype=np.float32)
    text = "\n".join(c_rows.row_tables("t", weight, bias, True))
    assert re.search(r"int8_t t_weight\[64\] ALIGNED = ", text)
    assert "t_scale[4] = {0.00787401572f, 0.00787401572f, 0.00787401572f, 0.0f}" in text
    assert "t_bias[4] = {0.0f, 1.0f, 2.0f, 0.0f}" in text
    assert "hw_table t = {t_weight, t_scale, t_bias, 3, 16};" in text


def test_row_tables_when_weights_are_float_then_they_stay_as_they_are() -> None:
    text = "\n".join(c_rows.row_tables("t", np.full((1, 2), 0.1, np.float32), np.ones(1, np.float32), False))
    assert "t_weight[2] = {0.100000001f, 0.100000001f}" in text
    assert "hw_table t = {t_weight, 0, t_bias, 1, 2};" in text
