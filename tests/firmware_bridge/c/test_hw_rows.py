"""Tables times vectors: float and int8, and what int8 weights change about beats."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.c_rows import row_quanta

F32 = NDArray[np.float32]


def product(chip: Any, name: str, x: F32, n_rows: int, most: float = 0.0) -> F32:
    """hw_rows of the table `name`, of what hw_values makes of `x`."""
    table = ctypes.c_byte.in_dll(chip.lib, name)
    x, out = np.ascontiguousarray(x, np.float32), np.full(n_rows + 1, 7.0, np.float32)
    values = np.zeros(len(x) + 16, np.float32)
    chip.lib.hw_values.restype = ctypes.c_float
    where, n = [ctypes.c_void_p(a.ctypes.data) for a in (x, values, out)], ctypes.c_int32(len(x))
    unit = ctypes.c_float(chip.lib.hw_values(where[0], n, ctypes.c_float(most), where[1]))
    chip.lib.hw_rows(ctypes.byref(table), where[1], unit, where[2])
    assert out[-1] == 7.0
    return out[:-1]


def finals(chip: Any, lead: F32) -> list[tuple[int, int]]:
    """Sample and class of every final answer."""

    class Answer(ctypes.Structure):
        _fields_ = (
            ("sample", ctypes.c_uint32),
            ("rest", ctypes.c_float * 6),
            ("aami", ctypes.c_uint8),
            ("final", ctypes.c_uint8),
        )

    patient, out, found = chip.patient(), (Answer * 2)(), []
    scratch = ctypes.create_string_buffer(chip.lib.size_of_scratch())
    for x in lead.tolist():
        n = chip.lib.hw_step(patient.state, ctypes.c_float(x), scratch, out)
        found += [(a.sample, a.aami) for a in out[:n] if a.final]
    return found


@pytest.mark.parametrize("which", ["chip", "odd_chip"])
def test_rows_when_weights_are_float_then_it_is_the_product(
    which: str, request: pytest.FixtureRequest
) -> None:
    chip, rng = request.getfixturevalue(which), np.random.default_rng(1)
    for name, weight, bias in chip.made.gru.rows():
        x = rng.normal(0.0, 1.0, weight.shape[1]).astype(np.float32)
        assert np.abs(product(chip, name, x, len(bias)) - (weight @ x + bias)).max() < 1e-4


@pytest.mark.parametrize(("size", "most"), [(0.0, 0.0), (1e-6, 0.0), (1.0, 0.0), (1e6, 0.0), (0.1, 1.0)])
def test_rows_when_weights_are_int8_then_the_vector_costs_a_part_in_thirty_thousand(
    odd_int8_chip: Any, int8_chip: Any, size: float, most: float
) -> None:
    for chip in (int8_chip, odd_int8_chip):
        rng = np.random.default_rng(2)
        for name, weight, bias in chip.made.gru.rows():
            n_rows, n = weight.shape
            x = (size * rng.uniform(-1.0, 1.0, n)).astype(np.float32)
            quanta, scale = row_quanta(weight)
            expected = (quanta * scale[:, None]) @ x + bias
            largest = most or float(np.abs(x).max())
            allowed = np.abs(weight).sum(1).max() * largest / 32767.0 + 1e-5 * (1.0 + size)
            assert np.abs(product(chip, name, x, n_rows, most) - expected).max() <= allowed


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_rows_when_a_value_is_absurd_then_nothing_is_written_beyond(int8_chip: Any, bad: float) -> None:
    for name, weight, bias in int8_chip.made.gru.rows():
        product(int8_chip, name, np.full(weight.shape[1], bad, np.float32), len(bias))


def test_answers_when_weights_are_int8_then_the_beats_are_the_same(
    chip: Any, int8_chip: Any, virtual_lead: F32
) -> None:
    expected, got = finals(chip, virtual_lead), finals(int8_chip, virtual_lead)
    assert [k for k, _ in got] == [k for k, _ in expected]
    assert sum(a == b for a, b in zip(got, expected, strict=True)) >= 0.99 * len(expected)
    assert len(expected) > 200


@pytest.mark.parametrize("name", ["119", "208", "223", "233"])
def test_answers_when_weights_are_int8_then_real_beats_are_the_same(
    chip: Any, int8_chip: Any, real_lead: Callable[[str], F32], name: str
) -> None:
    lead = real_lead(name)
    expected, got = finals(chip, lead), finals(int8_chip, lead)
    assert [k for k, _ in got] == [k for k, _ in expected]
    assert sum(a == b for a, b in zip(got, expected, strict=True)) >= 0.99 * len(expected)
