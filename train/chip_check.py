"""What the C kernels compute, computed with numpy: does what was read from a file answer as the file does?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.cnn import Int8Cnn, softmax
from edge.fusion import Fusion
from edge.gru import GruModel
from firmware_bridge.c_layers import fixed_point
from firmware_bridge.c_models import F32, FusionWeights, GruWeights, Int8Layer, Int8Net
from firmware_bridge.types import BadInput

LARGEST_GRU = 5e-4
"""Logits of the step, around 10 where it is sure, may differ by this: single precision, sums in another order."""

LARGEST_FUSION = 1e-4
"""Probabilities of the fusion may differ by this."""

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


def check_net(net: Int8Net, model: Int8Cnn, what: str) -> int:
    """Largest difference of a logit, in quanta, between `net` and `model`, named `what`, on smoothed noise.

    Raises
    ------
    BadInput
        When it is above :data:`LARGEST_INT8`.
    """
    rng = np.random.default_rng(0)
    worst = 0
    for size in np.geomspace(0.05, 8.0, WINDOWS):
        window = rng.normal(0.0, size, (model.window + 8, net.n_channels)).cumsum(0).astype(np.float32) / 3.0
        window = np.clip(window[8:] - window[:-8], -4.0, 4.0)
        theirs = np.rint(model.logits(window) / np.float32(net.out_scale)) + net.out_zero
        worst = max(worst, int(np.abs(int8_logits(net, window) - theirs).max()))
    if worst > LARGEST_INT8:
        raise BadInput(
            f"{what}: what was read from the file answers {worst} quanta away from it, at most {LARGEST_INT8} is "
            "allowed; its graph is not the one that the C kernels compute"
        )
    return worst


def check_fusion(weights: FusionWeights, model: Fusion) -> float:
    """Largest difference of a probability between `weights` and `model` on rows drawn at random.

    Raises
    ------
    BadInput
        When it is above :data:`LARGEST_FUSION`.
    """
    rng = np.random.default_rng(0)
    rows = (weights.mean + rng.normal(0.0, 1.5, (STEPS, len(weights.mean))) / weights.gain).astype(np.float32)
    state = model.new_state()
    theirs = np.array([np.concatenate(model.step(row, state)) for row in rows])
    worst = float(np.abs(fusion_probs(weights, rows) - theirs).max())
    if not worst <= LARGEST_FUSION:
        raise BadInput(
            f"fusion: what was read from the file answers {worst:.3g} away from it, at most {LARGEST_FUSION:g} is "
            "allowed; its graph is not the step that the C kernels compute"
        )
    return worst


def fusion_probs(w: FusionWeights, rows: F32) -> F32:
    """Probabilities (n, 10), early ones and those of the beat before, of rows (n, n_inputs), from a cold state."""
    h, before = np.zeros(w.weight_hh.shape[1], np.float32), np.zeros(len(w.mean), np.float32)
    out = []
    for row in rows:
        both = np.concatenate(((row - w.mean) * w.gain, (before - w.mean) * w.gain))
        mixed = np.maximum(w.mix_weight @ both + w.mix_bias, 0)
        h = gated(h, w.weight_ih @ mixed + w.bias_ih, w.weight_hh @ h + w.bias_hh)
        logits = w.out_weight @ np.concatenate((mixed, h)) + w.out_bias
        out.append(np.concatenate([softmax(half) for half in np.split(logits, 2)]))
        before = row
    return np.array(out, np.float32)


def gated(h: F32, gx: F32, gh: F32) -> F32:
    """The next hidden units (n,) of these and the gates' sums (3 n,), in the order r, z, n."""
    n = len(h)
    r, z = np.split(1.0 / (1.0 + np.exp(-(gx + gh)[: 2 * n])), 2)
    new = np.tanh(gx[2 * n :] + r * gh[2 * n :])
    out: F32 = new + z * (h - new)
    return out


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
        h = gated(h, gx, gh)
        out[k] = w.head_weight @ h + w.head_bias
    return out


def int8_logits(net: Int8Net, window: F32) -> NDArray[np.int64]:
    """Logits as quanta (n_out,) of a window (n, n_channels)."""
    q = np.clip(np.rint(window / np.float32(net.in_scale)) + net.in_zero, -128, 127).astype(np.int64)
    for layer in net.layers:
        q = _run(layer, q.reshape(layer.n_given, -1))
    return q.reshape(-1)


def _run(layer: Int8Layer, given: NDArray[np.int64]) -> NDArray[np.int64]:
    if layer.is_mean:
        return _rescaled(layer, (given - layer.in_zero).sum(0))
    n_out, width, n_in = layer.weight.shape
    last = (layer.n_made - 1) * layer.stride + width
    x = np.zeros((max(last, layer.pad + len(given)), n_in), np.int64)
    x[layer.pad : layer.pad + len(given)] = given - layer.in_zero
    taps = np.stack([x[k * layer.stride : k * layer.stride + width] for k in range(layer.n_made)])
    sums = taps.reshape(layer.n_made, -1) @ layer.weight.reshape(n_out, -1).astype(np.int64).T + layer.bias
    return _rescaled(layer, sums)


def _rescaled(layer: Int8Layer, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Accumulators (..., n_out) as quanta of the output."""
    points = np.array([fixed_point(float(v)) for v in layer.rescale], np.int64)
    high = (sums * points[:, 0] + 2**30) // 2**31
    half = (1 << points[:, 1]) >> 1
    made = np.sign(high) * ((np.abs(high) + half) >> points[:, 1]) + layer.out_zero
    return np.clip(made, layer.least, layer.most)
