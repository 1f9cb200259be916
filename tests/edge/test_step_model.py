from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import shipped
from edge.step_model import StepModel, StepState
from firmware_bridge.types import BadInput


def _content(kind: str) -> bytes:
    return (shipped() / kind / "model.tflite").read_bytes()


@pytest.mark.parametrize(("kind", "n_in", "n_out"), [("gru", 1, 11), ("fusion", 33, 10)])
def test_advance_when_two_patients_share_the_weights_then_neither_disturbs_the_other(
    kind: str, n_in: int, n_out: int
) -> None:
    model = StepModel(_content(kind), n_in, n_out, kind)
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 30, 1, n_in)).astype(np.float32)
    alone = model.new_state()
    expected = [model.advance(x, alone) for x in first]
    a, b = model.new_state(), model.new_state()
    got = []
    for x, other in zip(first, second, strict=True):
        got.append(model.advance(x, a))
        model.advance(other, b)
    assert np.array_equal(got, expected)
    assert np.array_equal(a.s, alone.s)
    assert not np.array_equal(a.s, b.s)


def test_reset_when_called_then_a_patient_never_seen() -> None:
    model = StepModel(_content("gru"), 1, 11, "gru")
    state = model.new_state()
    first = model.advance(np.ones((1, 1), np.float32), state)
    state.reset()
    assert not state.s.any()
    assert np.array_equal(model.advance(np.ones((1, 1), np.float32), state), first)


def test_state_when_made_then_zero_and_of_the_models_width() -> None:
    model = StepModel(_content("fusion"), 33, 10, "fusion")
    assert model.new_state().s.shape == StepState(model.n_state).s.shape == (1, model.n_state)


@pytest.mark.parametrize(("kind", "n_in", "n_out"), [("gru", 2, 11), ("gru", 1, 10), ("beat_cnn", 1, 5)])
def test_model_when_widths_differ_then_one_line_names_what_is_there(kind: str, n_in: int, n_out: int) -> None:
    with pytest.raises(BadInput, match=rf"here: inputs .* expected x \(1, {n_in}\)") as error:
        StepModel(_content(kind), n_in, n_out, "here")
    assert "\n" not in str(error.value)
