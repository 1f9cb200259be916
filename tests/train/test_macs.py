from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import macs  # noqa: E402
from train.fit_fusion import FusionNet, FusionRecipe  # noqa: E402
from train.models import BeatCnn, GruConfig, GruNet, RhythmCnn  # noqa: E402


def n_params(net: torch.nn.Module, without: str = "norms") -> int:
    return sum(p.numel() for name, p in net.named_parameters() if without not in name)


def test_params_when_counted_then_as_many_as_the_networks_hold() -> None:
    found = {cost.name: cost.params for cost in macs.all_costs()}
    assert found == {
        "gru": n_params(GruNet(GruConfig())),
        "beat_cnn": n_params(BeatCnn()),
        "rhythm_cnn": n_params(RhythmCnn()),
        "fusion": n_params(FusionNet(FusionRecipe())),
    }


def test_params_when_held_against_the_limits_then_within_them() -> None:
    found = {cost.name: cost.params for cost in macs.all_costs()}
    assert found["gru"] + found["fusion"] <= 40_000
    assert max(found["beat_cnn"], found["rhythm_cnn"]) <= 60_000


def test_macs_when_a_convolution_is_counted_by_hand_then_the_same() -> None:
    first = 64 * 16 * 3 * 7
    rest = 32 * 32 * 16 * 5 + 16 * 48 * 32 * 5 + 8 * 64 * 48 * 3 + 64 * 8 * 5
    assert macs.conv_net("beat_cnn", BeatCnn(), 128, 1.0).macs == first + rest


def test_macs_per_s_when_it_steps_on_every_sample_then_125_times_a_step() -> None:
    cost = macs.gru(GruConfig())
    assert cost.macs_per_s == 125 * cost.macs
