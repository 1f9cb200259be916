"""The engines that are compared must compute the same, or their times say nothing."""

from __future__ import annotations

import importlib.util
import json
import math

import numpy as np
import pytest

from edge.artefact import load_models
from edge.bench import engines, peers, stages
from edge.bench.timing import median_us

SHAPE = peers.GruShape(kernel=9, n_stem1=16, n_stem2=32, n_hidden=64, n_out=11)


def test_median_us_when_one_batch_is_slow_then_it_does_not_count() -> None:
    calls = 0

    def act() -> int:
        nonlocal calls
        calls += 1
        return sum(range(200_000 if calls == 13 else 1))

    assert 0.0 < median_us(act, per_batch=5, n_batches=9) < 1000.0
    assert calls == 5 * (9 + 1)


def test_shape_of_when_read_off_the_shipped_model_then_it_chains_from_input_to_output() -> None:
    model = load_models().gru
    shape = peers.shape_of(model)
    assert shape.n_out == model.n_out
    assert (shape.kernel - 1) * (1 + shape.n_stem1) + shape.n_hidden == model.n_state


def test_tflite_step_when_run_beside_the_engine_then_it_gives_the_same_answers() -> None:
    model = load_models().gru
    state, step = model.new_state(), peers.tflite_step(model)
    for x_mv in np.sin(np.arange(50) / 3.0).tolist():
        np.testing.assert_array_equal(step(x_mv)[0], model.step(x_mv, state))


def test_torch_step_when_run_beside_numpy_then_it_gives_the_same_answers() -> None:
    pytest.importorskip("torch")
    plain, torch_ = peers.numpy_step(SHAPE), peers.torch_step(SHAPE)
    for _ in range(30):
        expected, got = plain(), torch_()
    np.testing.assert_allclose(np.asarray(got)[0], expected, atol=1e-6)


def test_peers_us_when_measured_then_those_that_are_installed_have_a_time() -> None:
    found = peers.peers_us(load_models().gru)
    assert {"numpy", "tflite_set_get"} <= set(found)
    assert ("torch" in found) == (importlib.util.find_spec("torch") is not None)
    assert all(0.0 < value < math.inf for value in found.values()), json.dumps(found)


def test_engines_when_measured_then_each_has_a_time() -> None:
    models = load_models()
    times = [
        engines.gru_step_us(models.gru),
        engines.cnn_window_us(models.beat_cnn),
        engines.cnn_window_us(models.rhythm_cnn),
        stages.pipeline_us(models, 1, seconds=7.0),
        stages.pipeline_us(models, 36, seconds=7.0),
    ]
    assert all(0.0 < value < math.inf for value in times), times
