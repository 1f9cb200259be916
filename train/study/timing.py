"""Microseconds of a network on the edge's own runtime: its shape as a float32 .tflite, stepped as the monitor would.

The weights are drawn at random: time does not depend on them.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.runtime import load_interpreter_class, make_interpreter, quiet_stderr
from firmware_bridge.types import BadInput
from train import tflite_graphs
from train.study.baselines import BEATS_S, median_us
from train.study.config import CLASSES, NetConfig, TaskConfig
from train.study.record import Cost
from train.study.zoo import TAIL, TCN_KERNEL, Cnn

TIMES = 200
_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def timed(net: NetConfig, task: TaskConfig, cost: Cost, out: Path) -> Cost:
    """`cost` with the measured times, kept in ``timing.json`` of `out` for the runs to come.

    Without TensorFlow (which writes the .tflite) nothing is measured: us stays 0 and engine empty.
    """
    path = out / "timing.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    key = key_of(net, task)
    if key not in known:
        try:
            known[key] = measure(net, task)
        except BadInput:
            return cost
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        part.write_text(json.dumps(known))
        part.replace(path)
    per_step, per_beat = known[key]
    engine = load_interpreter_class()[1]
    if net.family == "cnn":
        return replace(cost, us=per_beat, us_per="beat", us_s=per_beat * BEATS_S, engine=engine)
    if task.mode == "window":
        us = per_step * task.n_window + per_beat
        return replace(cost, us=us, us_per="beat", us_s=us * BEATS_S, engine=engine)
    stride = 2**net.stem if net.family == "conv_gru" else 1
    us_s = per_step * task.fs / stride + per_beat * BEATS_S
    return replace(cost, us=per_step / stride, us_per="sample", us_s=us_s, engine=engine)


def key_of(net: NetConfig, task: TaskConfig) -> str:
    """Under which the times of a network are kept."""
    what = json.dumps([asdict(net), task.mode, task.fs, task.window_s])
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def measure(net: NetConfig, task: TaskConfig) -> tuple[float, float]:
    """Medians (us of a step, us more for a beat); 0 for what a network has not.

    Raises
    ------
    BadInput
        Where TensorFlow or the runtime is missing.
    """
    step = 0.0 if net.family == "cnn" else _us(*step_graph(net))
    if net.family in ("cnn", "late"):
        shape = net if net.family == "cnn" else NetConfig("cnn", net.stem, net.stem_width, net.kernel)
        return step, _us(*window_graph(shape, task.n_window))
    return step, _us(*tail_graph(net)) if net.family == "gru_conv" else 0.0


def _us(run: Callable[..., Any], shapes: Iterable[list[int]]) -> float:
    tf = tflite_graphs.tensorflow()
    names = "xs"
    spec = [tf.TensorSpec(shape, tf.float32, name=names[i]) for i, shape in enumerate(shapes)]
    with quiet_stderr():  # the converter warns of options that nobody gave it
        content = tflite_graphs.convert(run, spec)
    interpreter = make_interpreter(content)
    given, made = interpreter.get_input_details(), interpreter.get_output_details()
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0.0, 0.5, detail["shape"]).astype(np.float32) for detail in given]

    def call() -> None:
        for detail, array in zip(given, arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        for detail in made:
            interpreter.get_tensor(detail["index"])

    return median_us(call, TIMES)


class _Weights:
    """Draws weights as they are asked for."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(1)

    def __call__(self, *shape: int) -> Any:
        return self.rng.normal(0.0, 0.1, shape).astype(np.float32)


def step_graph(net: NetConfig) -> tuple[Callable[..., Any], list[list[int]]]:
    """One step of all that goes on between beats: (x (1, stride), s (1, n_state)) to what a head reads, and s.

    Returns
    -------
    (function, shapes of its arguments)
    """
    tf, draw = tflite_graphs.tensorflow(), _Weights()
    pieces: list[tuple[int, Callable[[Any, Any], tuple[Any, Any]]]] = []
    if net.family == "tcn":
        for i in range(net.layers):
            pieces.append(_causal(tf, draw, net.width if i else 1, net.width, 2**i))
        return _chained(tf, pieces, 1)
    stride, n_in = 1, 1
    if net.family == "conv_gru":
        stride = 2**net.stem
        for i in range(net.stem):
            pieces.append(_strided(tf, draw, n_in, net.stem_width, net.kernel, stride >> i))
            n_in = net.stem_width
    cell = net.family if net.family in _GATES else "gru"
    for _ in range(net.layers):
        pieces.append(_cell(tf, draw, cell, n_in, net.width, net.residual))
        n_in = net.width
    return _chained(tf, pieces, stride)


def _chained(
    tf: Any, pieces: list[tuple[int, Any]], stride: int
) -> tuple[Callable[..., Any], list[list[int]]]:
    def run(x: Any, s: Any) -> dict[str, Any]:
        z, at, new = x, 0, []
        for n, piece in pieces:
            z, state = piece(z, s[:, at : at + n])
            new.append(state)
            at += n
        return {"y": z, "s": tf.concat(new, 1)}

    return run, [[1, stride], [1, sum(n for n, _ in pieces)]]


def _cell(tf: Any, draw: _Weights, cell: str, n_in: int, w: int, residual: bool) -> tuple[int, Any]:
    gates = _GATES[cell]
    wx, wh, b, bh = draw(n_in, gates * w), draw(w, gates * w), draw(gates * w), draw(gates * w)

    def step(z: Any, s: Any) -> tuple[Any, Any]:
        gx, gh = z @ wx + b, s[:, :w] @ wh + bh
        if cell == "rnn":
            h = state = tf.tanh(gx + gh)
        elif cell == "gru":
            r, u = tf.split(tf.sigmoid(gx[:, : 2 * w] + gh[:, : 2 * w]), 2, 1)
            n = tf.tanh(gx[:, 2 * w :] + r * gh[:, 2 * w :])
            h = state = n + u * (s - n)
        else:
            i, f, o = tf.split(tf.sigmoid(gx[:, : 3 * w] + gh[:, : 3 * w]), 3, 1)
            c = f * s[:, w:] + i * tf.tanh(gx[:, 3 * w :] + gh[:, 3 * w :])
            h = o * tf.tanh(c)
            state = tf.concat([h, c], 1)
        if residual:
            mean = tf.reduce_mean(h, 1, keepdims=True)
            apart = h - mean
            h = apart * tf.math.rsqrt(tf.reduce_mean(apart * apart, 1, keepdims=True) + 1e-5)
            h = h + z if n_in == w else h
        return h, state

    return w * (2 if cell == "lstm" else 1), step


def _causal(tf: Any, draw: _Weights, n_in: int, w: int, dilation: int) -> tuple[int, Any]:
    weight, b = draw(TCN_KERNEL * n_in, w), draw(w)
    n = (TCN_KERNEL - 1) * dilation

    def step(z: Any, s: Any) -> tuple[Any, Any]:
        both = tf.concat([s, z], 1)
        taps = [both[:, k * dilation * n_in : k * dilation * n_in + n_in] for k in range(TCN_KERNEL)]
        y = tf.nn.relu(tf.concat(taps, 1) @ weight + b)
        return (y + z if n_in == w else y), both[:, n_in:]

    return n * n_in, step


def _strided(tf: Any, draw: _Weights, n_in: int, w: int, kernel: int, n_new: int) -> tuple[int, Any]:
    weight, b = draw(1, kernel, n_in, w), draw(w)
    n_old = kernel - 2

    def step(z: Any, s: Any) -> tuple[Any, Any]:
        both = tf.concat([s, z], 1)
        image = tf.reshape(both, [1, 1, n_old + n_new, n_in])
        y = tf.nn.relu(tf.nn.conv2d(image, weight, [1, 1, 2, 1], "VALID") + b)
        return tf.reshape(y, [1, n_new // 2 * w]), both[:, n_new * n_in :]

    return n_old * n_in, step


def window_graph(net: NetConfig, n_window: int) -> tuple[Callable[..., Any], list[list[int]]]:
    """A CNN on one window (1, n_window) to logits, as :func:`step_graph`."""
    tf, draw = tflite_graphs.tensorflow(), _Weights()
    built = Cnn(net, n_window)
    kernels = [draw(1, c.kernel_size[0], c.in_channels, c.out_channels) for c in built.convs]
    dense = draw(built.dense.in_features, len(CLASSES))

    def run(x: Any) -> dict[str, Any]:
        z = x[:, None, :, None]
        for conv, kernel in zip(built.convs, kernels, strict=True):
            pad, stride, dilation = conv.padding[0], conv.stride[0], conv.dilation[0]
            z = tf.pad(z, [[0, 0], [0, 0], [pad, pad], [0, 0]])
            z = tf.nn.relu(tf.nn.conv2d(z, kernel, [1, 1, stride, 1], "VALID", dilations=[1, 1, dilation, 1]))
        z = tf.reduce_mean(z, [1, 2]) if net.kind == "gap" else tf.reshape(z, [1, -1])
        return {"y": z @ dense}

    return run, [[1, n_window]]


def tail_graph(net: NetConfig) -> tuple[Callable[..., Any], list[list[int]]]:
    """The convolutions of ``gru_conv`` over the last states (1, TAIL, width), as :func:`step_graph`."""
    tf, draw = tflite_graphs.tensorflow(), _Weights()
    widths = [net.width, *[net.stem_width] * net.stem]
    kernels = [draw(1, net.kernel, a, b) for a, b in zip(widths, widths[1:], strict=False)]
    n = TAIL
    for _ in kernels:
        n = (n + 1) // 2
    dense = draw(n * net.stem_width, len(CLASSES))

    def run(x: Any) -> dict[str, Any]:
        z = x[:, None]
        for kernel in kernels:
            half = net.kernel // 2
            z = tf.pad(z, [[0, 0], [0, 0], [half, half], [0, 0]])
            z = tf.nn.relu(tf.nn.conv2d(z, kernel, [1, 1, 2, 1], "VALID"))
        return {"y": tf.reshape(z, [1, -1]) @ dense}

    return run, [[1, TAIL, net.width]]
