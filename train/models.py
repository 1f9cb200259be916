"""The networks, in PyTorch, as they are trained; :mod:`train.quantise` turns them into what the edge runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from train.gru_layer import run_layer

KERNEL = 9
"""Width of the two causal convolutions of the GRU's stem, in samples."""


@dataclass(frozen=True, slots=True)
class GruConfig:
    """Shape and targets of the per-sample GRU.

    The delays say how many samples (at 125 Hz) after an R-peak reached the filtered stream each head answers:
    QRS 104 ms, class 200 ms, and the class of the beat before, once its following RR interval is known.
    """

    n_stem1: int = 16
    n_stem2: int = 32
    n_hidden: int = 64
    n_classes: int = 5
    qrs_delay: int = 13
    class_delay: int = 25
    input_gain: float = 1.0


class GruNet(nn.Module):
    """Causal stem, one GRU layer, three heads on one state: QRS, class, class of the beat before.

    Gate order of the recurrent weights is PyTorch's: r, z, n.
    """

    def __init__(self, config: GruConfig) -> None:
        super().__init__()
        self.config = config
        self.stem1 = nn.Conv1d(1, config.n_stem1, KERNEL)
        self.stem2 = nn.Conv1d(config.n_stem1, config.n_stem2, KERNEL)
        self.gru = nn.GRU(config.n_stem2, config.n_hidden, batch_first=True)
        self.head = nn.Linear(config.n_hidden, 1 + 2 * config.n_classes)

    def forward(self, x: Tensor, state: Tensor, drop: float = 0.0) -> tuple[Tensor, Tensor]:
        """Run a stretch of samples.

        Parameters
        ----------
        x : Tensor, shape (batch, 2 * (KERNEL - 1) + n)
            Filtered mV with the context of the two convolutions in front.
        state : Tensor, shape (1, batch, n_hidden)
        drop : float
            Share of units hidden from the heads, the same ones through the whole stretch.

        Returns
        -------
        (y, state) : Tensor (batch, n, 1 + 2 * n_classes) of logits, and the new state.
        """
        z = torch.relu(self.stem1(x[:, None] * self.config.input_gain))
        z = torch.relu(self.stem2(z))
        h, state = run_layer(self.gru, z.transpose(1, 2), state)
        if drop:
            keep = torch.bernoulli(torch.full((len(h), 1, h.shape[2]), 1.0 - drop))
            h = h * keep / (1.0 - drop)
        return self.head(h), state


class BeatCnn(nn.Module):
    """Four strided convolutions over a beat's image and a dense layer: (batch, window, 3) -> (batch, 5) logits."""

    def __init__(self, window: int = 128, n_channels: int = 3, n_classes: int = 5) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv1d(n_channels, 16, 7, 2, 3),
                nn.Conv1d(16, 32, 5, 2, 2),
                nn.Conv1d(32, 48, 5, 2, 2),
                nn.Conv1d(48, 64, 3, 2, 1),
            ]
        )
        self.dense = nn.Linear(64 * window // 16, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (batch, window, n_channels)."""
        z = x.transpose(1, 2)
        for conv in self.convs:
            z = torch.relu(conv(z))
        z = nn.functional.dropout(z, 0.3, self.training)
        return self.dense(z.transpose(1, 2).flatten(1))


class RhythmCnn(nn.Module):
    """Six strided convolutions with batch norm and a mean over time: (batch, window, 1) -> (batch, 5) logits."""

    def __init__(self, n_classes: int = 5) -> None:
        super().__init__()
        widths, kernels = (1, 16, 24, 32, 48, 64, 64), (7, 5, 5, 5, 3, 3)
        pairs = list(zip(widths, widths[1:], kernels, strict=False))
        self.convs = nn.ModuleList([nn.Conv1d(a, b, k, 2, k // 2) for a, b, k in pairs])
        self.norms = nn.ModuleList([nn.BatchNorm2d(b) for _, b, _ in pairs])
        self.dense = nn.Linear(widths[-1], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows (batch, window, 1)."""
        z = x.transpose(1, 2)[:, :, None].contiguous(memory_format=torch.channels_last)
        for conv, norm in zip(self.convs, self.norms, strict=True):  # as pictures of height 1: twice as fast
            weight, half = conv.weight[:, :, None], conv.padding[0]
            z = nn.functional.conv2d(z, weight, conv.bias, (1, conv.stride[0]), (0, half))
            z = torch.relu(norm(z))
        z = nn.functional.dropout(z.mean((2, 3)), 0.2, self.training)
        return self.dense(z)


def fold_norms(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Batch norms multiplied into the convolutions before them: the same network, convolutions and dense alone."""
    out = {k: v for k, v in state.items() if not k.startswith("norms.")}
    for k in [key for key in state if key.startswith("norms.") and key.endswith(".running_mean")]:
        n = k.split(".")[1]
        factor = state[f"norms.{n}.weight"] / torch.sqrt(state[f"norms.{n}.running_var"] + 1e-5)
        out[f"convs.{n}.weight"] = state[f"convs.{n}.weight"] * factor[:, None, None]
        shifted = state[f"convs.{n}.bias"] - state[f"norms.{n}.running_mean"]
        out[f"convs.{n}.bias"] = shifted * factor + state[f"norms.{n}.bias"]
    return out
