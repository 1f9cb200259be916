from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch
from torch import nn

from train.study.config import NetConfig, TaskConfig
from train.study.costs import cost, receptive_s, state_bytes, widest
from train.study.zoo import build

STREAM = TaskConfig("stream")
WINDOW = TaskConfig()


def counted(config: NetConfig, task: TaskConfig) -> float:
    """Multiply-accumulates of a window, counted by what its layers are given."""
    net = build(config, task.n_window).eval()
    total = 0.0

    def count(module: nn.Module, given: tuple[torch.Tensor, ...], made: object) -> None:
        nonlocal total
        if isinstance(module, nn.Conv1d):
            assert isinstance(made, torch.Tensor)
            total += made.numel() * module.in_channels * module.kernel_size[0]
        elif isinstance(module, nn.Linear):
            total += module.in_features * module.out_features
        elif isinstance(module, (nn.GRU, nn.LSTM, nn.RNN)):
            total += given[0].shape[1] * (module.weight_ih_l0.numel() + module.weight_hh_l0.numel())

    for module in net.modules():
        module.register_forward_hook(count)
    net(torch.zeros(1, task.n_window))
    return total


@pytest.mark.parametrize(
    "config",
    [
        NetConfig("cnn", 5, 8),
        NetConfig("cnn", 2, 4, kind="dilated"),
        NetConfig("cnn", 3, 4, kind="gap"),
        NetConfig("lstm", 2, 8),
        NetConfig("rnn", 3, 8),
    ],
    ids=lambda c: f"{c.family}-{c.kind}",
)
def test_macs_of_a_window_when_counted_layer_by_layer_then_the_same(config: NetConfig) -> None:
    assert cost(config, WINDOW).macs_beat == counted(config, WINDOW)


def test_gru_when_it_steps_on_samples_then_its_cost_is_known() -> None:
    price = cost(NetConfig("gru", 2, 32), STREAM)
    step = 3 * 32 * (1 + 32) + 3 * 32 * 64
    assert price.macs_s == step * 125 + 32 * 4 * 1.25
    assert price.params == step + 2 * 6 * 32 + 32 * 4 + 4
    assert (price.weight_bytes, price.state_bytes) == (4 * price.params, 2 * 32 * 4)


def test_window_when_computed_anew_for_each_beat_then_a_gru_costs_more_than_on_the_stream() -> None:
    config = NetConfig("gru", 1, 32)
    assert cost(config, WINDOW).macs_s == pytest.approx(2.5 * cost(config, STREAM).macs_s, rel=0.01)


def test_conv_gru_when_the_rate_is_quartered_then_so_are_the_grus_steps() -> None:
    config = NetConfig("conv_gru", 1, 32, stem=2, stem_width=8)
    stem = 62.5 * 5 * 8 + 31.25 * 5 * 64
    assert cost(config, STREAM).macs_s == pytest.approx(stem + 31.25 * 3 * 32 * 40 + 1.25 * 128)


def test_state_when_it_is_a_window_or_a_ring_then_its_bytes_are_counted() -> None:
    assert state_bytes(NetConfig("cnn"), WINDOW) == 1000
    assert state_bytes(NetConfig("lstm", 2, 8), STREAM) == 128
    assert state_bytes(NetConfig("tcn", 3, 8), STREAM) == 4 * (2 + 2 * 2 * 8 + 2 * 4 * 8)
    assert state_bytes(NetConfig("gru_conv", 1, 8), STREAM) == 4 * (8 + 64 * 8)


def test_batch_norm_when_counted_then_it_is_none_for_it_is_multiplied_in() -> None:
    assert cost(NetConfig("cnn", 1, 4), WINDOW).params == 5 * 4 + 4 + 125 * 4 * 4 + 4


@pytest.mark.parametrize(
    ("kind", "samples"), [("plain", 1 + 4 * 3), ("dilated", 1 + 4 * 7), ("strided", 1 + 4 * 7)]
)
def test_receptive_field_when_of_three_layers_then_as_the_kind_says(kind: str, samples: int) -> None:
    assert receptive_s(NetConfig("cnn", 3, 4, kind=kind), WINDOW) == samples / 125.0


def test_receptive_field_when_it_is_no_cnn_then_refused() -> None:
    with pytest.raises(ValueError, match="expected cnn"):
        receptive_s(NetConfig("gru"), WINDOW)


def test_widest_when_found_then_one_more_would_not_keep_to_it() -> None:
    def price(config: NetConfig) -> float:
        return cost(config, STREAM).macs_s

    found = widest(lambda w: NetConfig("gru", 1, w), price, 200_000)
    assert price(found) <= 200_000 < price(NetConfig("gru", 1, found.width + 1))
