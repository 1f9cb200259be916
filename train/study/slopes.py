"""Gradients one can see: how much of the loss's slope reaches each layer, and each sample before the answer.

For a stack of recurrent layers the cross-entropy of the class of a beat, asked at the last sample, is led back through
real ECG: to the weights of every layer, and to every sample up to :data:`LONGEST` before it (d loss / d x[t - k]).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.study.zoo import Recurrent

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LONGEST = 4000
"""Longest lag, in samples: 32 s at 125 Hz."""

FLOOR = 1e-45
"""Below the smallest float32: the logarithm of a slope that is exactly 0."""


@dataclass(frozen=True, slots=True)
class Slope:
    """What reaches where, in one network.

    Attributes
    ----------
    family, layers, width, residual, seed
        The network; `residual` is with LayerNorm. Family 'monitor' is the monitor's own GRU after its convolutions,
        and `seed` the fold.
    stage : str
        'initial' or 'trained'.
    n_window : int
        Samples led back through for `layer_log10`.
    layer_log10 : tuple of float
        For each layer from the first on log10 of the root mean square of d loss / d weight over its weights.
    lags : tuple of int
        Lags k in samples: the largest of each bin; none where only layers were looked at.
    lag_log10 : tuple of float
        log10 of the root mean square of d loss / d x[t - k] over beats and the lags of the bin, a loss a beat [1/mV].
    macro_f1 : float
        Of the trained network on patients held out; -1 before training.
    """

    family: str
    layers: int
    width: int
    residual: bool
    seed: int
    stage: str
    n_window: int
    layer_log10: tuple[float, ...]
    lags: tuple[int, ...]
    lag_log10: tuple[float, ...]
    macro_f1: float = -1.0

    @property
    def reach(self) -> int:
        """Longest lag at which the slope is at least a hundredth of the largest one, 0 where no lags were looked at."""
        if not self.lags:
            return 0
        near = [k for k, v in zip(self.lags, self.lag_log10, strict=True) if v >= max(self.lag_log10) - 2.0]
        return max(near)

    @property
    def first_to_last(self) -> float:
        """log10 of the first layer's slope over the last layer's: below 0 where it vanishes on the way down."""
        return self.layer_log10[0] - self.layer_log10[-1]

    @property
    def fall(self) -> float:
        """What a layer costs: the slope of `layer_log10` from the last layer down to the first, in decades a layer."""
        if self.layers < 2:
            return 0.0
        return float(np.polyfit(np.arange(self.layers), self.layer_log10, 1)[0])


def bins() -> I64:
    """Edges of the bins of lags, 0 to :data:`LONGEST`: every lag alone at first, then a sixteenth wider each."""
    edges = [0]
    while edges[-1] < LONGEST:
        edges.append(min(LONGEST, max(edges[-1] + 1, round(edges[-1] * 17 / 16))))
    return np.array(edges, np.int64)


def layer_slopes(net: Recurrent, x: F32, c: I64) -> list[float]:
    """log10 of the root mean square slope on each layer's weights, of windows (n, n_window) and classes (n,)."""
    net.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(c))
    loss.backward()  # type: ignore[no-untyped-call]
    out = [weight_slope(cell) for cell in net.stack.cells]
    net.zero_grad(set_to_none=True)
    return out


def weight_slope(cell: nn.Module) -> float:
    """log10 of the root mean square slope on a layer's weights, biases left out."""
    named = cell.named_parameters()
    found = [p.grad.reshape(-1) for name, p in named if "weight" in name and p.grad is not None]
    return _log10(float(torch.cat(found).double().square().mean().sqrt()))


def lag_slopes(answer: Callable[[Tensor], Tensor], x: F32, c: I64) -> tuple[list[int], list[float]]:
    """(lags, log10 of the root mean square of d loss / d x[t - k]) of windows (n, at least LONGEST + 1), classes (n,).

    `answer` makes logits (n, classes) of windows.
    """
    given = torch.from_numpy(x).requires_grad_(True)
    loss = nn.functional.cross_entropy(answer(given), torch.from_numpy(c), reduction="sum")
    (slope,) = torch.autograd.grad(loss, given)
    square = slope.double().square().mean(0).flip(0).numpy()  # by lag, from 0
    edges = bins()
    lags, logs = [], []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        lags.append(int(b))
        logs.append(_log10(float(np.sqrt(square[a + 1 : b + 1].mean()))))
    return lags, logs


def _log10(value: float) -> float:
    return round(float(np.log10(max(value, FLOOR))), 3)


def measure(
    net: Recurrent, long: F32, c: I64, seed: int, stage: str, macro_f1: float = -1.0, with_lags: bool = True
) -> Slope:
    """Both slopes of a network.

    Parameters
    ----------
    net : Recurrent
    long : ndarray of float32, shape (n, LONGEST + 1)
        Real ECG in mV that ends where the class of a beat is asked for.
    c : ndarray of int64, shape (n,)
        Classes, an index into N S V F.
    seed : int
        Of the network.
    stage : str
        'initial' or 'trained'.
    macro_f1 : float
        What the trained network reaches on patients held out.
    with_lags : bool
        Whether samples are looked at as well, which takes thirty times as long.
    """
    config = net.config
    layers = layer_slopes(net, np.ascontiguousarray(long[:, -net.n_window :]), c)
    lags, logs = lag_slopes(net, long, c) if with_lags else ([], [])
    return Slope(
        config.family, config.layers, config.width, config.residual, seed, stage, net.n_window,
        tuple(layers), tuple(lags), tuple(logs), round(macro_f1, 4),
    )  # fmt: skip


def line(slope: Slope) -> dict[str, object]:
    """As it is written: the lags are the same for all and stand in :func:`bins`."""
    content = asdict(slope)
    del content["lags"]
    return content


def from_line(content: dict[str, object]) -> Slope:
    """What :func:`line` wrote."""
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    lags = tuple(int(k) for k in bins()[1:]) if fields["lag_log10"] else ()
    return Slope(lags=lags, **fields)  # type: ignore[arg-type]


def mean_curve(slopes: Iterable[Slope]) -> tuple[F64, F64]:
    """(lags, mean of the logarithms) of several seeds' curves, those that have one."""
    found = [s for s in slopes if s.lags]
    return np.array(found[0].lags, np.float64), np.mean([s.lag_log10 for s in found], 0)
