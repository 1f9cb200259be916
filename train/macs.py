"""How much a network costs: parameters and multiply-accumulates, counted from the trained shapes."""

from __future__ import annotations

from dataclasses import dataclass

from edge.fusion import N_CLASSES, N_INPUTS
from train.beat_images import WINDOW as BEAT_WINDOW
from train.fit_fusion import FusionRecipe
from train.models import KERNEL, BeatCnn, GruConfig, RhythmCnn
from train.rhythm_windows import WINDOW as RHYTHM_WINDOW

NJ_PER_MAC = 2.3
"""Energy of a multiply-accumulate on a Cortex-M4F, published: about 2.3 nJ."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`params`; `macs` of one step; how often a second it steps."""

    name: str
    params: int
    macs: int
    per_s: float

    @property
    def macs_per_s(self) -> float:
        """Multiply-accumulates in a second."""
        return self.macs * self.per_s


def gru(config: GruConfig) -> Cost:
    """The per-sample GRU at 125 steps a second."""
    n1, n2, nh = config.n_stem1, config.n_stem2, config.n_hidden
    n_out = 1 + 2 * config.n_classes
    macs = KERNEL * n1 + KERNEL * n1 * n2 + 3 * nh * (n2 + nh) + nh * n_out
    biases = n1 + n2 + 6 * nh + n_out
    return Cost("gru", macs + biases, macs, 125.0)


def conv_net(name: str, net: BeatCnn | RhythmCnn, window: int, per_s: float) -> Cost:
    """A window network of strided convolutions and a dense layer."""
    params = macs = 0
    n = window
    for conv in net.convs:
        n = (n + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
        weights = conv.out_channels * conv.in_channels * conv.kernel_size[0]
        params += weights + conv.out_channels
        macs += weights * n
    dense = net.dense.in_features * net.dense.out_features
    return Cost(name, params + dense + net.dense.out_features, macs + dense, per_s)


def fusion(recipe: FusionRecipe, beats_per_s: float) -> Cost:
    """The fusion's GRU, one step a beat."""
    m, h = recipe.n_mixed, recipe.n_hidden
    macs = 2 * N_INPUTS * m + 3 * h * (m + h) + (m + h) * 2 * N_CLASSES
    return Cost("fusion", macs + m + 6 * h + 2 * N_CLASSES, macs, beats_per_s)


def all_costs(beats_per_s: float = 1.25) -> list[Cost]:
    """The four shipped networks at 75 beats a minute."""
    return [
        gru(GruConfig()),
        conv_net("beat_cnn", BeatCnn(), BEAT_WINDOW, beats_per_s),
        conv_net("rhythm_cnn", RhythmCnn(), RHYTHM_WINDOW, 1.0),
        fusion(FusionRecipe(), beats_per_s),
    ]
