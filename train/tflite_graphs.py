"""PyTorch weights as TensorFlow graphs, and those as .tflite files (the converter is TensorFlow's own)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train.models import KERNEL, GruConfig

F32 = NDArray[np.float32]
Weights = dict[str, F32]


def tensorflow() -> Any:
    """The library, its chatter off. Raises BadInput where it is not installed."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError:
        raise BadInput(
            "exporting needs tensorflow: pip install 'heartwire[train]' on Python 3.10 or 3.11"
        ) from None
    return tf


def gru_step(weights: Weights, config: GruConfig) -> bytes:
    """The GRU as a float32 step: x (1, 1), s (1, n) -> y (1, 11), s (1, n).

    The state is the stem's contexts (8 samples, 8 times 16 features) and the hidden units.
    """
    tf = tensorflow()
    n1, n2, nh = config.n_stem1, config.n_stem2, config.n_hidden
    c1, c2 = KERNEL - 1, (KERNEL - 1) * n1
    w1 = weights["stem1.weight"][:, 0, :].T * np.float32(config.input_gain)
    w2 = weights["stem2.weight"].transpose(2, 1, 0).reshape(KERNEL * n1, n2)
    wx, wh = weights["gru.weight_ih_l0"].T, weights["gru.weight_hh_l0"].T
    bx, bh = weights["gru.bias_ih_l0"], weights["gru.bias_hh_l0"]
    b1, b2 = weights["stem1.bias"], weights["stem2.bias"]
    wo, bo = weights["head.weight"].T, weights["head.bias"]

    def step(x: Any, s: Any) -> dict[str, Any]:
        a = tf.concat([s[:, :c1], x], 1)
        z1 = tf.nn.relu(a @ w1 + b1)
        b = tf.concat([s[:, c1 : c1 + c2], z1], 1)
        z2 = tf.nn.relu(b @ w2 + b2)
        h = s[:, c1 + c2 :]
        h = _gru_cell(tf, z2 @ wx + bx, h @ wh + bh, h, nh)
        return {"y": h @ wo + bo, "s": tf.concat([a[:, 1:], b[:, n1:], h], 1)}

    spec = [
        tf.TensorSpec([1, 1], tf.float32, name="x"),
        tf.TensorSpec([1, c1 + c2 + nh], tf.float32, name="s"),
    ]
    return convert(step, spec)


AF_MOST = 5.0
"""How far from its mean a feature of the network below may lie, in standard deviations: beyond, it is taken there."""


def af(weights: Weights) -> bytes:
    """The network that tells AF from RR intervals, float32: x (1, 66) -> y (1, 1)."""
    tf = tensorflow()

    def run(x: Any) -> dict[str, Any]:
        z = tf.clip_by_value((x - weights["mean"]) / weights["spread"], -AF_MOST, AF_MOST)
        z = tf.nn.relu(z @ weights["hidden.weight"].T + weights["hidden.bias"])
        return {"y": z @ weights["out.weight"].T + weights["out.bias"]}

    return convert(run, [tf.TensorSpec([1, len(weights["mean"])], tf.float32, name="x")])


def beat_step(weights: Weights) -> bytes:
    """The fusion as a float32 step: x (1, n_in), s (1, n) -> y (1, 10), s (1, n).

    The state is the hidden units and the row before. PyTorch's GRU, as in `gru_step`.
    """
    tf = tensorflow()
    n_in, nh = len(weights["mean"]), weights["gru.weight_hh_l0"].shape[1]
    mean, spread = weights["mean"], weights["spread"]
    wm, bm = weights["mix.weight"].T, weights["mix.bias"]
    wx, wh = weights["gru.weight_ih_l0"].T, weights["gru.weight_hh_l0"].T
    bx, bh = weights["gru.bias_ih_l0"], weights["gru.bias_hh_l0"]
    wo, bo = weights["out.weight"].T, weights["out.bias"]

    def step(x: Any, s: Any) -> dict[str, Any]:
        h, before = s[:, :nh], s[:, nh:]
        both = tf.concat([(x - mean) / spread, (before - mean) / spread], 1)
        z = tf.nn.relu(both @ wm + bm)
        h = _gru_cell(tf, z @ wx + bx, h @ wh + bh, h, nh)
        return {"y": tf.concat([z, h], 1) @ wo + bo, "s": tf.concat([h, x], 1)}

    spec = [
        tf.TensorSpec([1, n_in], tf.float32, name="x"),
        tf.TensorSpec([1, nh + n_in], tf.float32, name="s"),
    ]
    return convert(step, spec)


def _gru_cell(tf: Any, gx: Any, gh: Any, h: Any, nh: int) -> Any:
    """PyTorch's cell: r, z = sigmoid(gx + gh), n = tanh(gx + r gh), h' = n + z (h - n)."""
    r, z = tf.split(tf.sigmoid(gx[:, : 2 * nh] + gh[:, : 2 * nh]), 2, 1)
    n = tf.tanh(gx[:, 2 * nh :] + r * gh[:, 2 * nh :])
    return n + z * (h - n)


def cnn_int8(
    weights: Weights, strides: list[int], flatten: bool, window: int, n_channels: int, samples: F32
) -> bytes:
    """A window network in full int8 (input and output too), per-channel weights, calibrated on `samples`.

    Parameters
    ----------
    samples : ndarray of float32, shape (n, window, n_channels)
        Representative windows of training patients.
    """
    tf = tensorflow()

    def run(x: Any) -> dict[str, Any]:
        z = x[:, None]
        for k, stride in enumerate(strides):
            kernel = weights[f"convs.{k}.weight"].transpose(2, 1, 0)[None]
            half = kernel.shape[1] // 2
            z = tf.pad(z, [[0, 0], [0, 0], [half, half], [0, 0]])
            z = tf.nn.relu(tf.nn.conv2d(z, kernel, [1, 1, stride, 1], "VALID") + weights[f"convs.{k}.bias"])
        z = tf.reshape(z, [1, -1]) if flatten else tf.reduce_mean(z, [1, 2])
        return {"y": z @ weights["dense.weight"].T + weights["dense.bias"]}

    def representative() -> Iterator[list[F32]]:
        for sample in samples:
            yield [sample[None]]

    return convert(run, [tf.TensorSpec([1, window, n_channels], tf.float32, name="x")], representative)


def convert(
    run: Callable[..., Any], spec: list[Any], representative: Callable[[], Iterator[Any]] | None = None
) -> bytes:
    """A function of tensors as a .tflite file, in full int8 where there are representative inputs."""
    tf = tensorflow()
    concrete = tf.function(run, input_signature=spec).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if representative is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        # TensorFlow asks for statistics that it then takes from the representative windows.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
        return bytes(converter.convert())
