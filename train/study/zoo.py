"""The networks that are compared, built from a :class:`~train.study.config.NetConfig`: ``build(config, n_window)``.

All take filtered mV (batch, n) and give logits (batch, 4) of N S V F at the last sample; :meth:`Net.taps` gives what
every layer puts out on the way. Recurrent and causal ones can be run through a record as well (:meth:`Stream.run`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from firmware_bridge.types import BadInput
from train.study.config import CLASSES, NetConfig
from train.study.recurrent import Stack

SHORTEST = 16
"""A strided CNN goes on with full steps once no more samples than this are left."""

TAIL = 64
"""How many of the GRU's last states the convolutions of ``gru_conv`` look at."""

TCN_KERNEL = 3


class Net(nn.Module):
    """What all networks of the study can be asked.

    Attributes
    ----------
    config : NetConfig
    n_window : int
        Samples that :meth:`forward` is given.
    """

    streams = False

    def __init__(self, config: NetConfig, n_window: int) -> None:
        super().__init__()
        self.config, self.n_window = config, n_window

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Output of every layer, in order: name to (batch, units, steps), and 'logits' (batch, 4) last."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 4) of windows (batch, n_window)."""
        return self.taps(x)["logits"]


class Cnn(Net):
    """Convolutions with batch norm and ReLU, and a dense layer: see :data:`train.study.config.CNN_KINDS`."""

    def __init__(self, config: NetConfig, n_window: int, n_out: int = len(CLASSES)) -> None:
        super().__init__(config, n_window)
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        n_in, n, k = 1, n_window, config.kernel
        for layer in range(config.layers):
            stride = 2 if config.kind == "strided" and n > SHORTEST else 1
            dilation = 2**layer if config.kind == "dilated" else 1
            pad = dilation * (k // 2)
            self.convs.append(nn.Conv1d(n_in, config.width, k, stride, pad, dilation))
            self.norms.append(nn.BatchNorm1d(config.width))
            n, n_in = (n + 2 * pad - dilation * (k - 1) - 1) // stride + 1, config.width
        self.n_left = 1 if config.kind == "gap" else n
        self.dense = nn.Linear(self.n_left * config.width, n_out)

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """See :meth:`Net.taps`: conv1, conv2, ..."""
        out: dict[str, Tensor] = {}
        z = x[:, None]
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            z = torch.relu(norm(conv(z)))
            out[f"conv{i}"] = z
        flat = z.mean(2) if self.config.kind == "gap" else z.flatten(1)
        out["logits"] = self.dense(flat)
        return out


class Stream(Net):
    """What can be run through a record, sample after sample.

    Attributes
    ----------
    context : int
        Samples in front of a stretch that its first answer needs, beside the state.
    stride : int
        Samples in a step.
    reach : int
        Samples before an answer that must be in the stretch (of ``late`` and ``gru_conv``).
    """

    streams = True
    context = 0
    stride = 1
    reach = 0

    def run(self, x: Tensor, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """Features (batch, (n - skip) // stride, units) after every step of x (batch, n), and the state after the last.

        The first `skip` samples are context alone: a multiple of `stride`, and no step is made for them.
        """
        raise NotImplementedError

    def answer(self, h: Tensor, x: Tensor, row: Tensor, at: Tensor) -> Tensor:
        """Logits (m, 4) at samples `at` (m,) of rows `row` (m,), from what :meth:`run` made of `x`."""
        logits: Tensor = self.head(h[row, at // self.stride])
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 4) of windows (batch, n_window), from a state of zeros."""
        h, _ = self.run(x)
        row = torch.arange(len(x))
        return self.answer(h, x, row, torch.full_like(row, x.shape[1] - 1))


class Recurrent(Stream):
    """Layers of RNN, LSTM or GRU on the samples, one dense layer on the last one's state."""

    def __init__(self, config: NetConfig, n_window: int) -> None:
        super().__init__(config, n_window)
        self.stack = Stack(config.family, 1, config.width, config.layers, config.residual)
        self.head = nn.Linear(config.width, len(CLASSES))

    def run(self, x: Tensor, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """See :meth:`Stream.run`."""
        return self.stack(x[:, skip:, None], state)

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """See :meth:`Net.taps`: layer1, layer2, ..."""
        out = {f"layer{i}": h.transpose(1, 2) for i, h in enumerate(self.stack.each(x[:, :, None]), 1)}
        out["logits"] = self.head(out[f"layer{self.config.layers}"][:, :, -1])
        return out


class Causal(nn.Module):
    """A convolution that sees nothing to come, with batch norm and ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, kernel, stride, dilation=dilation)
        self.norm = nn.BatchNorm1d(n_out)
        # the last sample of a step is the newest that its answer may see
        self.pad = dilation * (kernel - 1) - (stride - 1)

    def forward(self, z: Tensor) -> Tensor:
        """(batch, n_in, n) to (batch, n_out, n // stride)."""
        return torch.relu(self.norm(self.conv(nn.functional.pad(z, (self.pad, 0)))))


class ConvGru(Stream):
    """Causal convolutions that halve the rate, a GRU on what they extract."""

    def __init__(self, config: NetConfig, n_window: int) -> None:
        super().__init__(config, n_window)
        n_in, self.stride = 1, 2**config.stem
        self.stem = nn.ModuleList()
        for _ in range(config.stem):
            self.stem.append(Causal(n_in, config.stem_width, config.kernel, 2))
            n_in = config.stem_width
        self.context = -(-(config.kernel - 1) * (self.stride - 1) // self.stride) * self.stride
        self.stack = Stack("gru", n_in, config.width, config.layers, config.residual)
        self.head = nn.Linear(config.width, len(CLASSES))

    def run(self, x: Tensor, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """See :meth:`Stream.run`."""
        z = x[:, None]
        for conv in self.stem:
            z = conv(z)
        return self.stack(z[:, :, skip // self.stride :].transpose(1, 2), state)

    def answer(self, h: Tensor, x: Tensor, row: Tensor, at: Tensor) -> Tensor:
        """See :meth:`Stream.answer`: of the last step that is complete."""
        logits: Tensor = self.head(h[row, ((at + 1) // self.stride - 1).clamp(min=0)])
        return logits

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """See :meth:`Net.taps`: conv1, ..., layer1, ..."""
        out: dict[str, Tensor] = {}
        z = x[:, None]
        for i, conv in enumerate(self.stem, 1):
            z = out[f"conv{i}"] = conv(z)
        for i, h in enumerate(self.stack.each(z.transpose(1, 2)), 1):
            out[f"layer{i}"] = h.transpose(1, 2)
        out["logits"] = self.head(out[f"layer{self.config.layers}"][:, :, -1])
        return out


class GruConv(Stream):
    """A GRU on the samples, strided convolutions over its last states when a beat asks."""

    reach = TAIL - 1

    def __init__(self, config: NetConfig, n_window: int) -> None:
        super().__init__(config, n_window)
        self.stack = Stack("gru", 1, config.width, config.layers, config.residual)
        n_in, n = config.width, TAIL
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for _ in range(config.stem):
            self.convs.append(nn.Conv1d(n_in, config.stem_width, config.kernel, 2, config.kernel // 2))
            self.norms.append(nn.BatchNorm1d(config.stem_width))
            n, n_in = (n + 1) // 2, config.stem_width
        self.head = nn.Linear(n * n_in, len(CLASSES))

    def run(self, x: Tensor, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """See :meth:`Stream.run`."""
        return self.stack(x[:, skip:, None], state)

    def answer(self, h: Tensor, x: Tensor, row: Tensor, at: Tensor) -> Tensor:
        """See :meth:`Stream.answer`: from the last :data:`TAIL` states."""
        tail = h[row[:, None], at[:, None] - self.reach + torch.arange(TAIL)]
        return self._tail(tail.transpose(1, 2))["logits"]

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """See :meth:`Net.taps`: layer1, ..., conv1, ... (these over the last states alone)."""
        states = [h.transpose(1, 2) for h in self.stack.each(x[:, :, None])]
        out = {f"layer{i}": h for i, h in enumerate(states, 1)}
        return out | self._tail(states[-1][:, :, -TAIL:])

    def _tail(self, z: Tensor) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            z = out[f"conv{i}"] = torch.relu(norm(conv(z)))
        out["logits"] = self.head(z.flatten(1))
        return out


class Late(Stream):
    """A GRU on the samples and a strided CNN on the window, each with an answer of its own; the logits are added."""

    def __init__(self, config: NetConfig, n_window: int) -> None:
        super().__init__(config, n_window)
        self.stack = Stack("gru", 1, config.width, config.layers, config.residual)
        self.head = nn.Linear(config.width, len(CLASSES))
        shape = NetConfig("cnn", config.stem, config.stem_width, config.kernel)
        self.cnn = Cnn(shape, n_window)
        self.reach = n_window - 1

    def run(self, x: Tensor, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """See :meth:`Stream.run`."""
        return self.stack(x[:, skip:, None], state)

    def answer(self, h: Tensor, x: Tensor, row: Tensor, at: Tensor) -> Tensor:
        """See :meth:`Stream.answer`."""
        window = x[row[:, None], at[:, None] - self.reach + torch.arange(self.n_window)]
        logits: Tensor = self.head(h[row, at]) + self.cnn(window)
        return logits

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """See :meth:`Net.taps`: layer1, ..., conv1, ..."""
        out = {f"layer{i}": h.transpose(1, 2) for i, h in enumerate(self.stack.each(x[:, :, None]), 1)}
        last = self.head(out[f"layer{self.config.layers}"][:, :, -1])
        convs = self.cnn.taps(x)
        return out | convs | {"logits": last + convs["logits"]}


class Tcn(Stream):
    """Causal convolutions of dilation 1, 2, 4... with their input added: what a GRU does, without a state."""

    def __init__(self, config: NetConfig, n_window: int) -> None:
        super().__init__(config, n_window)
        widths = [1, *[config.width] * config.layers]
        self.blocks = nn.ModuleList(
            Causal(a, b, TCN_KERNEL, dilation=2**i)
            for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False))
        )
        self.context = (TCN_KERNEL - 1) * (2**config.layers - 1)
        self.head = nn.Linear(config.width, len(CLASSES))

    def run(self, x: Tensor, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """See :meth:`Stream.run`; there is no state."""
        *_, last = self._each(x)
        return last[:, :, skip:].transpose(1, 2), None

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """See :meth:`Net.taps`: conv1, ..."""
        out = {f"conv{i}": z for i, z in enumerate(self._each(x), 1)}
        out["logits"] = self.head(out[f"conv{self.config.layers}"][:, :, -1])
        return out

    def _each(self, x: Tensor) -> list[Tensor]:
        z, out = x[:, None], []
        for i, block in enumerate(self.blocks):
            z = block(z) + z if i else block(z)
            out.append(z)
        return out


def build(config: NetConfig, n_window: int) -> Net:
    """The network of this shape, its weights drawn from torch's generator as it stands.

    Raises
    ------
    BadInput
        For a family that is no network, or an unknown kind.
    """
    if config.family == "cnn":
        return Cnn(config, n_window)
    if config.family in ("rnn", "lstm", "gru"):
        return Recurrent(config, n_window)
    kinds: dict[str, type[Net]] = {"conv_gru": ConvGru, "gru_conv": GruConv, "late": Late, "tcn": Tcn}
    if config.family not in kinds:
        raise BadInput(
            f"network: got family {config.family!r}, expected cnn, rnn, lstm, gru, {', '.join(kinds)}"
        )
    return kinds[config.family](config, n_window)
