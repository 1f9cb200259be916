from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

import torch

from firmware_bridge.types import BadInput
from train.study.config import CNN_KINDS, NetConfig
from train.study.zoo import Stream, build

N = 250
ALL = [
    *(NetConfig("cnn", 3, 8, kind=kind) for kind in CNN_KINDS),
    NetConfig("rnn", 2, 8),
    NetConfig("lstm", 2, 8, residual=True),
    NetConfig("gru", 2, 11),
    NetConfig("conv_gru", 1, 16, stem_width=6),
    NetConfig("gru_conv", 1, 16, stem_width=6),
    NetConfig("late", 1, 16, stem_width=6),
    NetConfig("tcn", 4, 6),
]
STREAMS = [c for c in ALL if c.family != "cnn"]


def name(config: NetConfig) -> str:
    return config.kind if config.family == "cnn" else config.family


@pytest.mark.parametrize("config", ALL, ids=name)
def test_network_when_built_then_it_answers_its_taps_agree_and_all_of_it_learns(config: NetConfig) -> None:
    torch.manual_seed(0)
    net = build(config, N)
    x = torch.randn(5, N)
    logits = net(x)
    assert logits.shape == (5, 4)
    logits.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    net.eval()
    taps = net.taps(x)
    torch.testing.assert_close(taps["logits"], net(x))
    layers = [k for k in taps if k != "logits"]
    assert len(layers) >= config.layers
    assert all(taps[k].shape[0] == 5 and taps[k].ndim == 3 for k in layers)


@pytest.mark.parametrize("config", ALL, ids=name)
def test_network_when_the_seed_is_the_same_then_so_are_its_weights(config: NetConfig) -> None:
    torch.manual_seed(3)
    first = build(config, N).state_dict()
    torch.manual_seed(3)
    assert all(torch.equal(v, first[k]) for k, v in build(config, N).state_dict().items())


@pytest.mark.parametrize("config", STREAMS, ids=name)
def test_stream_when_what_comes_later_changes_then_the_answer_does_not(config: NetConfig) -> None:
    torch.manual_seed(0)
    net = build(config, N).eval()
    assert isinstance(net, Stream)
    x = torch.randn(1, 400)
    later = x.clone()
    later[:, 301:] += 5.0
    row, at = torch.tensor([0]), torch.tensor([300])
    answers = [net.answer(net.run(given)[0], given, row, at) for given in (x, later)]
    torch.testing.assert_close(answers[0], answers[1])
    earlier = x.clone()
    earlier[:, 290:301] += 5.0
    assert not torch.allclose(net.answer(net.run(earlier)[0], earlier, row, at), answers[0])


@pytest.mark.parametrize("config", STREAMS, ids=name)
def test_stream_when_cut_in_two_then_state_and_context_make_it_whole(config: NetConfig) -> None:
    torch.manual_seed(0)
    net = build(config, N).eval()
    assert isinstance(net, Stream)
    x = torch.randn(2, 400)
    whole, _ = net.run(x)
    _, state = net.run(x[:, :200])
    second, _ = net.run(x[:, 200 - net.context :], state, net.context)
    torch.testing.assert_close(second, whole[:, 200 // net.stride :], atol=1e-5, rtol=1e-4)


def test_strided_when_the_window_is_long_then_it_halves_until_16_are_left() -> None:
    taps = build(NetConfig("cnn", 8, 4), 256).taps(torch.zeros(2, 256))
    assert [z.shape[2] for k, z in taps.items() if k != "logits"] == [128, 64, 32, 16, 16, 16, 16, 16]


@pytest.mark.parametrize("family", ["trees", "nn1", "transformer"])
def test_family_when_it_is_no_network_then_one_line_says_so(family: str) -> None:
    with pytest.raises(BadInput, match="expected cnn, rnn"):
        build(NetConfig(family), N)
