"""Slopes: what is measured is what finite differences give, and a chain that is known forgets as it must."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch

from train.study import slopes
from train.study.config import NetConfig
from train.study.slopes import (
    LONGEST,
    Slope,
    bins,
    from_line,
    lag_slopes,
    layer_slopes,
    line,
    mean_curve,
    measure,
)
from train.study.zoo import Recurrent, build


def net_of(
    family: str, layers: int = 1, width: int = 4, residual: bool = False, n_window: int = 60
) -> Recurrent:
    torch.manual_seed(0)
    net = build(NetConfig(family, layers, width, residual=residual), n_window)
    assert isinstance(net, Recurrent)
    return net.eval()


def test_bins_when_listed_then_every_lag_is_in_one() -> None:
    edges = bins()
    assert edges[:5].tolist() == [0, 1, 2, 3, 4]
    assert edges[-1] == LONGEST
    assert (np.diff(edges) > 0).all()
    assert len(edges) < 120


def test_lag_slopes_when_compared_with_differences_then_they_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slopes, "LONGEST", 12)
    net = net_of("gru").double()
    x = np.random.default_rng(0).normal(0.0, 0.5, (3, 13))
    c = np.array([0, 2, 1])
    lags, logs = lag_slopes(net, x, c)
    assert lags == list(range(1, 13))

    def losses(given: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            y = net(torch.from_numpy(given))
            return torch.nn.functional.cross_entropy(y, torch.from_numpy(c), reduction="none").numpy()

    for lag, value in list(zip(lags, logs, strict=True))[:6]:
        moved = x.copy()
        moved[:, -1 - lag] += 1e-5
        rms = float(np.sqrt((((losses(moved) - losses(x)) / 1e-5) ** 2).mean()))
        assert value == pytest.approx(np.log10(rms), abs=0.01)


def test_lag_slopes_when_the_cell_is_a_known_chain_then_each_step_costs_its_factor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slopes, "LONGEST", 40)
    net = net_of("rnn", width=1)
    cell = net.stack.cells[0]
    with torch.no_grad():
        cell.weight_hh_l0.fill_(0.5)
        cell.bias_ih_l0.zero_()
        cell.bias_hh_l0.zero_()
    x = np.zeros((1, 41), np.float32)  # tanh'(0) is 1: a step back costs a factor of 0.5 and nothing else
    lags, logs = lag_slopes(net, x, np.array([1]))
    falls = np.diff(logs[:15]) / np.diff(lags[:15])
    assert falls == pytest.approx(np.full(14, np.log10(0.5)), abs=2e-3)


def test_layer_slopes_when_the_stack_is_plain_then_they_fall_towards_the_samples() -> None:
    x = np.random.default_rng(1).normal(0.0, 0.5, (8, 60)).astype(np.float32)
    c = np.arange(8) % 4
    plain = layer_slopes(net_of("lstm", 6, 16), x, c)
    helped = layer_slopes(net_of("lstm", 6, 16, residual=True), x, c)
    assert len(plain) == len(helped) == 6
    assert plain[0] < plain[-1] - 1.5
    assert helped[0] > helped[-1] - 0.7


def test_slope_when_written_and_read_then_it_is_the_same() -> None:
    long = np.random.default_rng(2).normal(0.0, 0.5, (2, LONGEST + 1)).astype(np.float32)
    found = measure(net_of("gru", 3, 4), long, np.array([0, 1]), 7, "initial")
    assert from_line(line(found)) == found
    assert found.seed == 7
    assert found.lags[-1] == LONGEST
    assert found.first_to_last == found.layer_log10[0] - found.layer_log10[2]
    assert 1 <= found.reach < 400
    short = measure(net_of("gru", 3, 4), long, np.array([0, 1]), 8, "initial", with_lags=False)
    assert (short.lags, short.reach) == ((), 0)
    assert from_line(line(short)) == short
    assert mean_curve([short, found])[1].tolist() == list(found.lag_log10)


def test_slope_when_layers_lose_a_decade_each_then_fall_and_reach_say_so() -> None:
    lags = (1, 2, 3, 4, 5)
    one = Slope(
        "gru", 3, 8, False, 1, "initial", 250, (-4.0, -3.0, -2.0), lags, (-1.0, -0.5, -2.4, -2.6, -4.0)
    )
    assert one.fall == pytest.approx(1.0)
    assert one.reach == 3
    x, y = mean_curve([one, one])
    assert x.tolist() == list(lags)
    assert y.tolist() == list(one.lag_log10)
