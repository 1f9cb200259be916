"""Networks side by side: each gives what it gives alone."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study.config import CNN_KINDS, NetConfig  # noqa: E402
from train.study.together import Together  # noqa: E402
from train.study.zoo import Stream, build  # noqa: E402

N = 130
SHAPES = [
    *(NetConfig("cnn", 3, 4, kind=kind) for kind in CNN_KINDS),
    *(NetConfig(family, 2, 5, residual=residual) for family in ("gru", "lstm", "rnn") for residual in (0, 1)),
    NetConfig("conv_gru", 1, 6, stem=2, stem_width=3),
    NetConfig("gru_conv", 1, 6, stem=2, stem_width=3),
    NetConfig("late", 1, 6, stem=3, stem_width=3),
    NetConfig("tcn", 3, 4),
]


def nets_of(config: NetConfig) -> list[torch.nn.Module]:
    out = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = build(config, N)
        for name, value in net.named_buffers():
            if value.dtype.is_floating_point:
                value.copy_(torch.rand_like(value) + ("var" in name))
        out.append(net.eval())
    return out


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.family}-{c.kind}-{c.residual:d}")
@torch.no_grad()
def test_windows_when_networks_answer_together_then_each_answers_as_alone(config: NetConfig) -> None:
    nets = nets_of(config)
    x = torch.randn(3, 5, N)
    together = Together(nets, torch.device("cpu"))
    together.training = False
    for k, y in enumerate(together.windows(x)):
        torch.testing.assert_close(y, nets[k](x[k]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", SHAPES[-4:], ids=lambda c: c.family)
@torch.no_grad()
def test_stretch_when_the_state_is_carried_then_each_answers_as_alone(config: NetConfig) -> None:
    nets = nets_of(config)
    assert isinstance(nets[0], Stream)
    x, skip = torch.randn(3, 2, 304), -(-nets[0].context // nets[0].stride) * nets[0].stride
    row, at = torch.tensor([0, 1, 1]), torch.tensor([N, 150, 199])
    together = Together(nets, torch.device("cpu"))
    together.training = False
    h, state = together.run(x, None, None, skip)
    again, _ = together.run(x, None, state, skip)
    seen = x[:, :, skip:]
    y = together.answer(again, seen, row.expand(3, -1), at.expand(3, -1), None)
    for k, net in enumerate(nets):
        first, of_one = net.run(x[k], None, skip)
        torch.testing.assert_close(h[k], first, rtol=1e-4, atol=1e-5)
        then, _ = net.run(x[k], of_one, skip)
        torch.testing.assert_close(y[k], net.answer(then, seen[k], row, at), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "config", [NetConfig("tcn", 2, 4), NetConfig("conv_gru", 1, 6, stem_width=3)], ids=lambda c: c.family
)
def test_norms_when_rows_only_fill_up_then_they_are_not_counted(config: NetConfig) -> None:
    nets = nets_of(config)
    x = torch.randn(3, 4, N)
    together = Together(nets, torch.device("cpu"))
    mask = torch.ones(3, 6)
    mask[:, 4:] = 0.0
    filled = torch.cat([x, torch.full((3, 2, N), 9.0)], 1)
    h, _ = together.run(filled, mask)
    kept = together.state_dicts([1, 1, 1])
    for k, net in enumerate(nets):
        net.train()
        alone, _ = net.run(x[k])
        torch.testing.assert_close(h[k, :4], alone, rtol=1e-4, atol=1e-5)
        for name, value in net.state_dict().items():
            torch.testing.assert_close(kept[k][name].to(value.dtype), value, rtol=1e-4, atol=1e-5)
