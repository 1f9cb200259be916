"""Parameters, multiply-accumulates and bytes of a network, from its shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from train.study.baselines import BEATS_S
from train.study.config import CLASSES, NetConfig, TaskConfig
from train.study.record import Cost
from train.study.zoo import TAIL, TCN_KERNEL, Cnn, build

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
N_OUT = len(CLASSES)


@lru_cache(maxsize=4096)
def cost(net: NetConfig, task: TaskConfig) -> Cost:
    """What the network costs: in mode ``stream`` as it steps through a record, in mode ``window`` anew for each beat.

    Batch norms are taken as multiplied into their convolutions; LayerNorms are counted as parameters alone.
    """
    built = build(net, task.n_window)
    n_norm = sum(p.numel() for name, p in built.named_parameters() if "norm" in name and "stack" not in name)
    params = sum(p.numel() for p in built.parameters()) - n_norm
    per_s, per_beat = rates(net, task)
    if task.mode == "window":
        macs_beat = per_s * task.window_s + per_beat
        macs_s = macs_beat * BEATS_S
    else:
        macs_s = per_s + per_beat * BEATS_S
        macs_beat = macs_s / BEATS_S
    return Cost(params, macs_beat, macs_s, 4 * params, state_bytes(net, task))


def rates(net: NetConfig, task: TaskConfig) -> tuple[float, float]:
    """(multiply-accumulates a second of what steps on samples, and more for each beat)."""
    w, fs = net.width, task.fs
    if net.family == "cnn":
        return 0.0, cnn_macs(net, task.n_window)
    if net.family == "tcn":
        return fs * (TCN_KERNEL * (w + (net.layers - 1) * w * w)), w * N_OUT
    if net.family == "conv_gru":
        stem, n_in, rate = 0.0, 1, fs
        for _ in range(net.stem):
            rate /= 2.0
            stem += rate * net.kernel * n_in * net.stem_width
            n_in = net.stem_width
        return stem + rate * stack_macs("gru", n_in, net), w * N_OUT
    if net.family == "gru_conv":
        tail, n, n_in = 0.0, TAIL, w
        for _ in range(net.stem):
            n = (n + 1) // 2
            tail += n * net.kernel * n_in * net.stem_width
            n_in = net.stem_width
        return fs * stack_macs("gru", 1, net), tail + n * n_in * N_OUT
    if net.family == "late":
        beside = NetConfig("cnn", net.stem, net.stem_width, net.kernel)
        return fs * stack_macs("gru", 1, net), w * N_OUT + cnn_macs(beside, task.n_window)
    return fs * stack_macs(net.family, 1, net), w * N_OUT


def stack_macs(cell: str, n_in: int, net: NetConfig) -> int:
    """Of one step of all layers."""
    w = net.width
    return GATES[cell] * w * ((n_in + w) + (net.layers - 1) * 2 * w)


def cnn_macs(net: NetConfig, n_window: int) -> float:
    """Of one window."""
    built, n, total = Cnn(net, n_window), n_window, 0.0
    for conv in built.convs:
        n = (n + 2 * conv.padding[0] - conv.dilation[0] * (conv.kernel_size[0] - 1) - 1) // conv.stride[0] + 1
        total += n * conv.in_channels * conv.out_channels * conv.kernel_size[0]
    return total + built.dense.in_features * built.dense.out_features


def state_bytes(net: NetConfig, task: TaskConfig) -> int:
    """What is kept between samples, float32: states, contexts of causal convolutions, the buffer of a window."""
    window = 4 * task.n_window
    units = 4 * net.layers * net.width * (2 if net.family == "lstm" else 1)
    if net.family == "cnn":
        return window
    if net.family == "tcn":
        return 4 * sum((TCN_KERNEL - 1) * 2**i * (net.width if i else 1) for i in range(net.layers))
    if net.family == "conv_gru":
        return units + 4 * (net.kernel - 1) * (1 + (net.stem - 1) * net.stem_width)
    if net.family == "gru_conv":
        return units + 4 * TAIL * net.width
    return units + window if net.family == "late" else units


def receptive_s(net: NetConfig, task: TaskConfig) -> float:
    """How much signal [s] one unit of a CNN's last convolution sees (for gap and dense: before they pool)."""
    if net.family != "cnn":
        raise ValueError(f"receptive field: got {net.family}, expected cnn")
    seen, step, built = 1, 1, Cnn(net, task.n_window)
    for conv in built.convs:
        seen += (conv.kernel_size[0] - 1) * conv.dilation[0] * step
        step *= conv.stride[0]
    return min(seen, task.n_window) / task.fs


def widest(
    make: Callable[[int], NetConfig], measure: Callable[[NetConfig], float], most: float, limit: int = 512
) -> NetConfig:
    """The widest network of a family whose `measure` (MAC a second, parameters) is at most `most`."""
    low, high = 1, 2
    while high <= limit and measure(make(high)) <= most:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if measure(make(middle)) <= most else (low, middle)
    return make(low)
