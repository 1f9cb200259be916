from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.models import KERNEL, BeatCnn, GruConfig, GruNet, RhythmCnn, fold_norms  # noqa: E402

CONTEXT = 2 * (KERNEL - 1)


def test_gru_net_when_windows_carry_their_state_then_they_equal_one_long_pass() -> None:
    torch.manual_seed(0)
    net = GruNet(GruConfig())
    x = torch.randn(2, CONTEXT + 200)
    with torch.no_grad():
        whole, end = net(x, torch.zeros(1, 2, 64))
        state, parts = torch.zeros(1, 2, 64), []
        for start, stop in ((0, 1), (1, 60), (60, 61), (61, 200)):
            y, state = net(x[:, start : stop + CONTEXT], state)
            parts.append(y)
    assert whole.shape == (2, 200, 11)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
    assert torch.allclose(state, end, atol=1e-5)


def test_gru_net_when_the_future_changes_then_the_past_does_not() -> None:
    torch.manual_seed(0)
    net = GruNet(GruConfig())
    x = torch.randn(1, CONTEXT + 100)
    other = x.clone()
    other[:, CONTEXT + 50 :] += 1.0
    with torch.no_grad():
        a, b = (net(v, torch.zeros(1, 1, 64))[0] for v in (x, other))
    assert torch.equal(a[:, :50], b[:, :50])
    assert not torch.allclose(a[:, 50:], b[:, 50:])


def test_gru_net_when_units_are_dropped_then_they_are_the_same_through_the_stretch() -> None:
    torch.manual_seed(0)
    net = GruNet(GruConfig())
    with torch.no_grad():
        net.head.weight.copy_(torch.eye(11, 64))
        net.head.bias.zero_()
        y, _ = net(torch.randn(4, CONTEXT + 50), torch.zeros(1, 4, 64), drop=0.5)
    silent = (y == 0.0).all(1)
    assert torch.equal(silent, (y == 0.0).any(1))
    assert 0 < silent.sum() < silent.numel()


def test_gru_net_when_the_input_gain_is_set_then_it_multiplies_the_samples() -> None:
    torch.manual_seed(0)
    plain, loud = GruNet(GruConfig()), GruNet(GruConfig(input_gain=3.0))
    loud.load_state_dict(plain.state_dict())
    x = torch.randn(1, CONTEXT + 20)
    with torch.no_grad():
        assert torch.allclose(
            loud(x, torch.zeros(1, 1, 64))[0], plain(3.0 * x, torch.zeros(1, 1, 64))[0], atol=1e-5
        )


@pytest.mark.parametrize(("net", "shape"), [(BeatCnn(), (3, 128, 3)), (RhythmCnn(), (3, 640, 1))])
def test_cnn_when_it_sees_windows_then_it_gives_five_logits_each(
    net: torch.nn.Module, shape: tuple[int, ...]
) -> None:
    net.eval()
    with torch.no_grad():
        assert net(torch.randn(shape)).shape == (3, 5)
    assert sum(p.numel() for p in net.parameters()) < 40_000


def test_fold_norms_when_multiplied_in_then_the_network_is_the_same() -> None:
    torch.manual_seed(1)
    net = RhythmCnn()
    for norm in net.norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.2, 3.0)
        torch.nn.init.uniform_(norm.weight, 0.5, 2.0)
        torch.nn.init.normal_(norm.bias)
    net.eval()
    folded = fold_norms(net.state_dict())
    assert not [name for name in folded if name.startswith("norms.")]
    x = torch.randn(4, 640, 1)
    with torch.no_grad():
        z = x.transpose(1, 2)
        for k, conv in enumerate(net.convs):
            kernel, bias = folded[f"convs.{k}.weight"], folded[f"convs.{k}.bias"]
            z = torch.relu(torch.nn.functional.conv1d(z, kernel, bias, conv.stride, conv.padding))
        y = z.mean(2) @ folded["dense.weight"].T + folded["dense.bias"]
        assert torch.allclose(y, net(x), atol=1e-4)


def test_fold_norms_when_there_are_none_then_nothing_changes() -> None:
    state = BeatCnn().state_dict()
    folded = fold_norms(state)
    assert folded.keys() == state.keys()
    assert all(torch.equal(folded[name], state[name]) for name in state)
