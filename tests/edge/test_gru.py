from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import shipped
from edge.gru import GruModel
from firmware_bridge.types import BadInput

CONTENT = (shipped() / "gru" / "model.tflite").read_bytes()
MODEL = GruModel(CONTENT, 11, "gru")


def _signal(n: int, seed: int = 0) -> list[float]:
    t = np.arange(n) / 125.0
    beats = 1.2 * np.exp(-(((t % 0.8 - 0.4) / 0.015) ** 2))
    return (beats + 0.02 * np.random.default_rng(seed).standard_normal(n)).tolist()


def test_step_when_state_is_reset_then_equals_a_new_one() -> None:
    used, new = MODEL.new_state(), MODEL.new_state()
    for x in _signal(200, seed=1):
        MODEL.step(x, used)
    assert np.abs(used.s).max() > 0.01
    used.reset()
    for x in _signal(200):
        assert MODEL.step(x, used).tobytes() == MODEL.step(x, new).tobytes()
    assert used.s.tobytes() == new.s.tobytes()


def test_step_when_two_states_take_turns_then_neither_sees_the_other() -> None:
    alone = MODEL.new_state()
    expected = [MODEL.step(x, alone).tobytes() for x in _signal(150)]
    one, other = MODEL.new_state(), MODEL.new_state()
    got = []
    for x, disturbance in zip(_signal(150), _signal(150, seed=2), strict=True):
        got.append(MODEL.step(x, one).tobytes())
        MODEL.step(-3.0 * disturbance, other)
    assert got == expected


def test_step_when_answer_is_kept_then_later_steps_leave_it_alone() -> None:
    state = MODEL.new_state()
    first = MODEL.step(0.5, state)
    kept, kept_state = first.copy(), state.s.copy()
    held = state.s
    MODEL.step(-2.0, state)
    assert (first == kept).all()
    assert (held == kept_state).all()
    assert first.shape == (11,)
    assert first.dtype == np.float32


def test_step_when_input_is_as_large_as_the_clip_then_everything_stays_finite_and_recovers() -> None:
    shaken, calm = MODEL.new_state(), MODEL.new_state()
    for k in range(500):
        assert np.isfinite(MODEL.step(8.0 if k % 2 else -8.0, shaken)).all()
        MODEL.step(0.0, calm)
    for x in _signal(1250):
        a, b = MODEL.step(x, shaken), MODEL.step(x, calm)
    assert float(np.abs(a - b).max()) < 0.5


def test_model_when_width_is_another_then_one_line_names_both() -> None:
    n = MODEL.n_state
    with pytest.raises(BadInput) as error:
        GruModel(CONTENT, 12, "here/gru")
    assert str(error.value) == (
        f"here/gru: inputs [(1, 1), (1, {n})] and outputs [(1, 11), (1, {n})], expected x (1, 1), "
        "s (1, n) and y (1, 12), s (1, n); export the model again"
    )


def test_model_when_it_is_a_cnn_then_one_line_names_both() -> None:
    with pytest.raises(
        BadInput, match=r"^here: inputs \[\(1, 128, 3\)\] and outputs \[\(1, 5\)\], expected "
    ):
        GruModel((shipped() / "beat_cnn" / "model.tflite").read_bytes(), 11, "here")
