from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch
from torch import nn

from train.study.recurrent import Stack, run_gru


@pytest.mark.parametrize("width", [5, 16, 23])
def test_gru_when_its_width_fills_no_lanes_then_kernel_and_layer_agree(width: int) -> None:
    torch.manual_seed(0)
    cell = nn.GRU(3, width, batch_first=True)
    x, state = torch.randn(4, 40, 3), torch.randn(1, 4, width)
    grads = []
    for way in (run_gru, lambda layer, z, s: layer(z, s)):
        cell.zero_grad()
        y, last = way(cell, x, state)
        torch.testing.assert_close(last[0], y[:, -1])
        y.square().sum().backward()
        grads.append([y.detach(), *(p.grad.clone() for p in cell.parameters() if p.grad is not None)])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_stack_when_residual_then_each_layer_is_normal_and_has_its_input_added(cell: str) -> None:
    torch.manual_seed(0)
    stack = Stack(cell, 1, 12, 3, residual=True)
    first, second, _ = stack.each(torch.randn(2, 30, 1))
    torch.testing.assert_close(first.mean(2), torch.zeros(2, 30), atol=1e-5, rtol=0.0)
    added = second - first
    torch.testing.assert_close(added.mean(2), torch.zeros(2, 30), atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_stack_when_its_state_is_given_then_it_goes_on(cell: str) -> None:
    torch.manual_seed(0)
    stack = Stack(cell, 2, 8, 2, residual=False)
    x = torch.randn(3, 20, 2)
    whole, _ = stack(x)
    _, state = stack(x[:, :9])
    rest, _ = stack(x[:, 9:], state)
    torch.testing.assert_close(rest, whole[:, 9:], atol=1e-5, rtol=1e-4)
