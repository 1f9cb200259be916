"""What the C kernels compute, computed with numpy: does what was read from a file answer as the file does?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.cnn import Int8Cnn
from edge.gru import GruModel
from firmware_bridge.c_export import fixed_point
from firmware_bridge.c_models import F32, GruWeights, Int8Layer, Int8Net
from firmware_bridge.types import BadInput

LARGEST_GRU = 5e-4
"""Logits of the step, around 10 where it is sure, may differ by this: single precision, sums in another order."""

LARGEST_INT8 = 1
"""int8 logits may differ by so many quanta: the runtimes round some sums another way."""

STEPS, WINDOWS = 500, 40


def check_gru(weights: GruWeights, model: GruModel) -> float:
    """Largest difference of a logit between `weights` and `model` on noise as large as an ECG.

    Raises
    ------
    BadInput
        When it is above :data:`LARGEST_GRU`.
    """
    x = np.random.default_rng(0).normal(0.0, 1.0, STEPS).astype(np.float32)
    state = model.new_state()
    theirs = np.stack([model.step(float(v), state) for v in x])
    worst = float(np.abs(gru_logits(weights, x) - theirs).max())
    if not worst <= LARGEST_GRU:
        raise BadInput(
            f"gru: what was read from the file answers {worst:.3g} away from it, at most {LARGEST_GRU:g} is allowed; "
            "its graph is not the step that the C kernels compute"
        )
    return worst


def check_beat(net: Int8Net, model: Int8Cnn, n_channels: int) -> int:
    """Largest difference of a logit, in quanta, between `net` and `model` on smoothed noise.

    Raises
    ------
    BadInput
        When it is above :data:`LARGEST_INT8`.
    """
    rng = np.random.default_rng(0)
    worst = 0
    for size in np.geomspace(0.05, 8.0, WINDOWS):
        window = rng.normal(0.0, size, (model.window + 8, n_channels)).cumsum(0).astype(np.float32) / 3.0
        window = np.clip(window[8:] - window[:-8], -4.0, 4.0)
        theirs = np.rint(model.logits(window) / np.float32(net.out_scale)) + net.out_zero
        worst = max(worst, int(np.abs(int8_logits(net, window) - theirs).max()))
    if worst > LARGEST_INT8:
        raise BadInput(
            f"beat_cnn: what was read from the file answers {worst} quanta away from it, at most {LARGEST_INT8} is "
            "allowed; its graph is not the one that the C kernels compute"
        )
    return worst


def gru_logits(w: GruWeights, x: F32) -> F32:
    """Logits (n, n_logits) of a lead (n,), from a cold state."""
    n_stem1, kernel = w.stem1_weight.shape
    n_hidden = w.weight_hh.shape[1]
    a, b, h = (
        np.zeros(kernel, np.float32),
        np.zeros(kernel * n_stem1, np.float32),
        np.zeros(n_hidden, np.float32),
    )
    out = np.empty((len(x), len(w.head_bias)), np.float32)
    for k, v in enumerate(x):
        a = np.append(a[1:], v)
        b = np.append(b[n_stem1:], np.maximum(w.stem1_weight @ a + w.stem1_bias, 0))
        gx = w.weight_ih @ np.maximum(w.stem2_weight @ b + w.stem2_bias, 0) + w.bias_ih
        gh = w.weight_hh @ h + w.bias_hh
        r, z = np.split(1.0 / (1.0 + np.exp(-(gx + gh)[: 2 * n_hidden])), 2)
        n = np.tanh(gx[2 * n_hidden :] + r * gh[2 * n_hidden :])
        h = n + z * (h - n)
        out[k] = w.head_weight @ h + w.head_bias
    return out


def int8_logits(net: Int8Net, window: F32) -> NDArray[np.int64]:
    """Logits as quanta (n_out,) of a window (n, n_channels)."""
    q = np.clip(np.rint(window / np.float32(net.in_scale)) + net.in_zero, -128, 127).astype(np.int64)
    for layer in net.layers:
        q = _run(layer, q.reshape(layer.n_given, -1))
    return q.reshape(-1)


def _run(layer: Int8Layer, given: NDArray[np.int64]) -> NDArray[np.int64]:
    n_out, width, n_in = layer.weight.shape
    last = (layer.n_made - 1) * layer.stride + width
    x = np.zeros((max(last, layer.pad + len(given)), n_in), np.int64)
    x[layer.pad : layer.pad + len(given)] = given - layer.in_zero
    taps = np.stack([x[k * layer.stride : k * layer.stride + width] for k in range(layer.n_made)])
    sums = taps.reshape(layer.n_made, -1) @ layer.weight.reshape(n_out, -1).astype(np.int64).T + layer.bias
    points = np.array([fixed_point(float(v)) for v in layer.rescale], np.int64)
    high = (sums * points[:, 0] + 2**30) // 2**31
    half = (1 << points[:, 1]) >> 1
    made = np.sign(high) * ((np.abs(high) + half) >> points[:, 1]) + layer.out_zero
    return np.clip(made, layer.least, layer.most)
