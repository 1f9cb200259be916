from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.gru_stack import GruStack  # noqa: E402
from train.models import KERNEL, GruConfig, GruNet  # noqa: E402

CONFIG = GruConfig(input_gain=1.3)
CONTEXT = 2 * (KERNEL - 1)


@pytest.fixture
def nets() -> list[GruNet]:
    torch.manual_seed(4)
    return [GruNet(CONFIG) for _ in range(3)]


@pytest.fixture
def stack(nets: list[GruNet]) -> GruStack:
    return GruStack(nets, torch.device("cpu"))


def test_named_when_a_row_is_taken_apart_then_it_is_the_network(nets: list[GruNet], stack: GruStack) -> None:
    for net, row in zip(nets, stack.weights.detach(), strict=True):
        named = stack.named(row)
        assert named.keys() == net.state_dict().keys()
        assert all(torch.equal(value, named[name]) for name, value in net.state_dict().items())
    assert torch.equal(stack.joined([net.state_dict() for net in nets]), stack.weights)


def test_forward_when_networks_run_side_by_side_then_each_answers_as_alone(
    nets: list[GruNet], stack: GruStack
) -> None:
    x, state = torch.randn(3, 2, CONTEXT + 40), torch.randn(3, 2, CONFIG.n_hidden)
    y, last = stack.forward(stack.weights, x, state)
    assert y.shape == (3, 2, 40, 11)
    for m, net in enumerate(nets):
        alone, state_alone = net(x[m], state[m][None])
        assert torch.allclose(y[m], alone, atol=1e-5)
        assert torch.allclose(last[m], state_alone[0], atol=1e-5)


def test_forward_when_units_are_dropped_then_the_heads_alone_miss_them(stack: GruStack) -> None:
    x, state = torch.randn(3, 2, CONTEXT + 20), torch.zeros(3, 2, CONFIG.n_hidden)
    keep = torch.zeros(3, 2, 1, CONFIG.n_hidden)
    y, last = stack.forward(stack.weights, x, state, keep)
    bias = stack.named(stack.weights)["head.bias"]
    assert torch.allclose(y, bias[:, None, None].expand_as(y))
    assert torch.equal(last, stack.forward(stack.weights, x, state)[1])


def test_forward_when_one_network_is_asked_then_only_its_row_has_slopes(
    nets: list[GruNet], stack: GruStack
) -> None:
    x, state = torch.randn(3, 2, CONTEXT + 30), torch.zeros(3, 2, CONFIG.n_hidden)
    y, _ = stack.forward(stack.weights, x, state)
    y[1].square().sum().backward()
    alone, _ = nets[1](x[1], state[1][None])
    alone.square().sum().backward()
    assert stack.weights.grad is not None
    assert not stack.weights.grad[[0, 2]].any()
    expected = torch.cat([p.grad.reshape(-1) for p in nets[1].parameters() if p.grad is not None])
    assert torch.allclose(stack.weights.grad[1], expected, rtol=1e-3, atol=1e-3)
