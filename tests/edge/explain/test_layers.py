"""Feature maps of the shipped beat CNN, against arithmetic done by hand on the weights in its file."""

from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import Models, load_models, shipped
from edge.explain.layers import Layers
from firmware_bridge.c_models import Int8Layer
from firmware_bridge.types import BadInput
from train.tflite_read import int8_net


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


def image(seed: int) -> np.ndarray:
    """A window with a QRS in it, a template and their difference, as the CNN is shown them."""
    rng = np.random.default_rng(seed)
    k = np.arange(128)
    beat = np.exp(-(((k - 109) / 3.0) ** 2)) * rng.uniform(-1.5, 2.5) + rng.normal(0.0, 0.1, 128)
    usual = np.exp(-(((k - 109) / 3.0) ** 2))
    return np.stack([beat, usual, beat - usual], 1).astype(np.float32)


def convolved(x: np.ndarray, layer: Int8Layer) -> np.ndarray:
    """One convolution in whole numbers, from its definition: x (n_given, channels) to (n_made, channels)."""
    n_out, width, _ = layer.weight.shape
    padded = np.full((layer.n_given + 2 * width, x.shape[1]), layer.in_zero, np.int64)
    padded[layer.pad : layer.pad + layer.n_given] = x
    out = np.empty((layer.n_made, n_out), np.int64)
    for t in range(layer.n_made):
        seen = padded[t * layer.stride : t * layer.stride + width] - layer.in_zero
        sums = np.einsum("wc,owc->o", seen, layer.weight.astype(np.int64)) + layer.bias
        out[t] = np.clip(np.rint(sums * layer.rescale) + layer.out_zero, layer.least, layer.most)
    return out


@pytest.mark.parametrize("seed", range(4))
def test_maps_when_computed_by_hand_then_the_same_within_a_quantum(models: Models, seed: int) -> None:
    net = int8_net(models.beat_cnn.content, "beat_cnn")
    inside = Layers(models.beat_cnn.content, "beat_cnn").look(image(seed))
    x = np.clip(np.rint(image(seed) / net.in_scale) + net.in_zero, -128, 127).astype(np.int64)
    assert (inside.image.x == x).all()
    assert len(inside.maps) == len(net.layers) - 1 == 4
    for layer, made in zip(net.layers, inside.maps, strict=False):
        x = convolved(x, layer)
        assert np.abs(made.x.astype(np.int64) - x).max() <= 1
        assert made.zero == layer.out_zero
        x = made.x.astype(np.int64)


@pytest.mark.parametrize("seed", range(4))
def test_spoken_when_added_up_then_the_running_networks_logits(models: Models, seed: int) -> None:
    logits = models.beat_cnn.logits(image(seed))
    inside = Layers(models.beat_cnn.content, "beat_cnn").look(image(seed))
    assert inside.spoke is not None
    quantum = int8_net(models.beat_cnn.content, "beat_cnn").out_scale
    # Half a quantum by rounding; the runtimes' fast kernels may be two quanta off.
    assert np.abs(inside.spoke.sum(0) + inside.bias - logits).max() < 2.6 * quantum


def test_reach_when_a_sample_lies_outside_it_then_the_step_does_not_change(models: Models) -> None:
    layers = Layers(models.beat_cnn.content, "beat_cnn")
    before = layers.look(image(1))
    for k in (0, 31, 64, 127):
        other = image(1)
        other[k] += 2.0
        after = layers.look(other)
        for a, b in zip(before.maps, after.maps, strict=True):
            changed = np.flatnonzero((a.x != b.x).any(1))
            middle = (changed + 0.5) * 128 / len(a.x)
            assert len(changed) > 0
            assert np.abs(middle - k - 0.5).max() <= a.reach / 2 + 64 / len(a.x)
    assert [made.reach for made in before.maps] == [7, 15, 31, 47]


def test_layers_when_the_last_one_is_no_sum_over_time_then_nothing_is_spoken(models: Models) -> None:
    layers = Layers(models.rhythm_cnn.content, "rhythm_cnn")
    inside = layers.look(np.zeros((500, 1), np.float32))
    assert (len(inside.maps), inside.spoke) == (6, None)
    assert layers.n_bytes == 500 + sum(made.x.size for made in inside.maps)


def test_layers_when_the_file_is_another_model_then_one_line_says_so() -> None:
    with pytest.raises(
        BadInput, match=r"^gru: 2 inputs and 2 outputs, expected 1 and 1; export the model again$"
    ):
        Layers((shipped() / "gru" / "model.tflite").read_bytes(), "gru")
