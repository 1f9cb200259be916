from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artefact import Models
from train.chip_check import gru_logits

F32 = NDArray[np.float32]


def test_step_when_a_lead_is_pushed_then_logits_and_state_are_edges(
    chip: Any, models: Models, virtual_lead: F32
) -> None:
    gru = chip.made.gru
    n_stem1, kernel = gru.stem1_weight.shape
    memory = np.zeros(kernel + kernel * n_stem1 + gru.weight_hh.shape[1], np.float32)
    got, state = np.empty(11, np.float32), models.gru.new_state()
    where = [ctypes.c_void_p(a.ctypes.data) for a in (memory, got)]
    for x in virtual_lead[:2500]:
        expected = models.gru.step(float(x), state)
        chip.lib.hw_gru_step(where[0], ctypes.c_float(float(x)), where[1])
        assert np.abs(got - expected).max() <= 5e-4
    # edge keeps what the next step needs; here the oldest of each context is still there.
    same = np.concatenate([memory[1:kernel], memory[kernel + n_stem1 :]])
    assert same.shape == state.s[0].shape
    assert np.abs(same - state.s[0]).max() <= 1e-4
    assert np.abs(state.s).max() > 0.1


def test_step_when_the_input_is_huge_then_everything_stays_finite(chip: Any) -> None:
    memory, got = np.zeros(4096, np.float32), np.empty(11, np.float32)
    for k in range(300):
        x = ctypes.c_float(1e30 if k % 2 else -1e30)
        chip.lib.hw_gru_step(ctypes.c_void_p(memory.ctypes.data), x, ctypes.c_void_p(got.ctypes.data))
        assert np.isfinite(got).all()


def test_step_when_the_layers_are_of_odd_sizes_then_logits_are_those_of_the_formula(odd_chip: Any) -> None:
    x = np.random.default_rng(2).normal(0.0, 1.0, 400).astype(np.float32)
    memory, got = np.zeros(4096, np.float32), np.empty(11, np.float32)
    expected = gru_logits(odd_chip.made.gru, x)
    for k, value in enumerate(x):
        where = ctypes.c_void_p(memory.ctypes.data), ctypes.c_void_p(got.ctypes.data)
        odd_chip.lib.hw_gru_step(where[0], ctypes.c_float(float(value)), where[1])
        assert np.abs(got - expected[k]).max() <= 1e-4
    assert expected.std(axis=0).min() > 0.1
