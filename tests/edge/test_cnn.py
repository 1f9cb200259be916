from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import shipped
from edge.cnn import Int8Cnn, quantise, softmax
from firmware_bridge.types import BadInput

CONTENT = (shipped() / "beat_cnn" / "model.tflite").read_bytes()
CNN = Int8Cnn(CONTENT, (1, 128, 3), 5, "beat_cnn")


def test_quantise_when_values_lie_between_then_rounded_to_the_nearest() -> None:
    x = np.array([0.0, 0.04, 0.06, -0.04, -0.06, 1.26], np.float32)
    assert quantise(x, 0.1, 3).tolist() == [3, 3, 4, 3, 2, 16]


def test_quantise_when_r_wave_is_too_tall_then_clipped_and_not_turned_over() -> None:
    x = np.array([13.0, 1e6, -13.0, -1e6], np.float32)
    assert quantise(x, 0.1, 0).tolist() == [127, 127, -128, -128]
    assert quantise(x, 0.1, 0).dtype == np.int8


def test_softmax_when_logits_are_large_then_finite_and_sums_to_one() -> None:
    p = softmax(np.array([1000.0, 999.0, -1000.0], np.float32))
    assert p.sum() == pytest.approx(1.0)
    assert p[0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_probs_when_same_window_twice_then_same_bits_and_a_distribution() -> None:
    x = np.random.default_rng(0).standard_normal((128, 3)).astype(np.float32)
    first = CNN.probs(x)
    CNN.probs(-x)
    assert CNN.probs(x).tobytes() == first.tobytes()
    assert first.shape == (5,)
    assert first.sum() == pytest.approx(1.0, abs=1e-5)


def test_probs_when_window_is_beyond_the_range_then_as_at_its_edge() -> None:
    tall = np.full((128, 3), 1e4, np.float32)
    assert CNN.probs(tall).tobytes() == CNN.probs(2 * tall).tobytes()


@pytest.mark.parametrize(
    ("shape", "n", "text"),
    [
        ((1, 100, 3), 5, "expected (1, 100, 3) and 5 classes"),
        ((1, 128, 1), 5, "expected (1, 128, 1) and 5 classes"),
        ((1, 128, 3), 4, "expected (1, 128, 3) and 4 classes"),
    ],
)
def test_cnn_when_shape_differs_then_one_line_names_both(
    shape: tuple[int, int, int], n: int, text: str
) -> None:
    with pytest.raises(BadInput) as error:
        Int8Cnn(CONTENT, shape, n, "here/beat_cnn")
    assert str(error.value) == (
        f"here/beat_cnn: input (1, 128, 3), output (1, 5), {text}; export the model again"
    )


def test_cnn_when_model_has_two_inputs_then_one_line_says_so() -> None:
    with pytest.raises(BadInput) as error:
        Int8Cnn((shipped() / "gru" / "model.tflite").read_bytes(), (1, 128, 3), 5, "here")
    assert str(error.value) == "here: 2 inputs and 2 outputs, expected 1 and 1; export the model again"
