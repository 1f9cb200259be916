"""Many networks of one shape walked through at once: the same layers as in :mod:`train.study.zoo`, with one more axis.

A network alone leaves a GPU idle; all seeds and folds of an arm fill it as one. Tensors begin with the axis of networks
(M), then rows, then time, features last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from train import side_by_side
from train.recurrence import recurrence
from train.study.recurrent import Stack
from train.study.zoo import TAIL, Causal, Cnn, ConvGru, GruConv, Late, Net, Recurrent, Tcn

MOMENTUM = 0.1
"""Of a batch norm's running mean and variance, PyTorch's own."""


class Together:
    """M networks of one shape: their weights in one matrix, and what they do with it.

    Parameters
    ----------
    nets : sequence of Net
        All of the same :class:`~train.study.config.NetConfig`; their weights are taken over.
    device : torch.device

    Attributes
    ----------
    flat : Tensor, shape (M, P)
        All weights of each network; what :attr:`weights` looks into.
    n_recurrent : int
        Recurrent layers.
    """

    def __init__(self, nets: Sequence[Net], device: torch.device) -> None:
        self.model, self.n = nets[0], len(nets)
        named = [dict(net.named_parameters()) for net in nets]
        sizes = {name: value.shape for name, value in named[0].items()}
        rows = [torch.cat([value.detach().reshape(-1) for value in each.values()]) for each in named]
        self.flat = torch.stack(rows).to(device)
        self.weights: dict[str, Tensor] = {}
        at = 0
        for name, size in sizes.items():
            part = self.flat[:, at : at + size.numel()].view(self.n, *size)
            self.weights[name] = part.detach().requires_grad_()
            at += size.numel()
        kept = [dict(net.named_buffers()) for net in nets]
        self.buffers = {
            name: torch.stack([each[name] for each in kept]).to(device)
            for name in kept[0]
            if kept[0][name].dtype.is_floating_point
        }
        self.n_recurrent = sum(1 for _ in self._cells())
        self.training = True
        self.active = torch.ones(self.n, 1, device=device)

    def state_dicts(self, steps: Sequence[int]) -> list[dict[str, Tensor]]:
        """Weights and running means of each network, as :mod:`train.study.zoo` loads them; `steps` each was trained."""
        out = []
        for k in range(self.n):
            of_one = {name: value[k] for name, value in (*self.weights.items(), *self.buffers.items())}
            mine = {}
            for name in self.model.state_dict():
                counts = name.endswith("num_batches_tracked")
                mine[name] = torch.tensor(steps[k]) if counts else of_one[name].detach().cpu().clone()
            out.append(mine)
        return out

    def recurrent_slopes(self, grads: dict[str, Tensor]) -> Tensor:
        """Norm (M, n_recurrent) of the slopes on each recurrent layer's recurrent weights."""
        return torch.stack([grads[f"{at}.weight_hh_l0"].flatten(1).norm(dim=1) for at in self._cells()], 1)

    def _cells(self) -> Iterator[str]:
        for name, module in self.model.named_modules():
            if isinstance(module, Stack):
                yield from (f"{name}.cells.{i}" for i in range(len(module.cells)))

    def windows(self, x: Tensor) -> Tensor:
        """Logits (M, rows, 4) of windows (M, rows, n)."""
        if isinstance(self.model, Cnn):
            return self._cnn("", self.model, x, None)
        h, _ = self.run(x, None)
        last = torch.arange(x.shape[1], device=x.device).expand(self.n, -1)
        return self.answer(h, x, last, torch.full_like(last, x.shape[2] - 1), None)

    def run(self, x: Tensor, mask: Tensor | None, state: Any = None, skip: int = 0) -> tuple[Tensor, Any]:
        """Features (M, rows, steps, units) of stretches (M, rows, n), as :meth:`train.study.zoo.Stream.run`.

        `mask` (M, rows) is 0 for rows that only fill up, None where there are none.
        """
        net = self.model
        if isinstance(net, ConvGru):
            z = x[..., None]
            for i, conv in enumerate(net.stem):
                assert isinstance(conv, Causal)
                z = self._causal(f"stem.{i}", conv, z, mask)
            return self._stack("stack", net.stack, z[:, :, skip // net.stride :], state)
        if isinstance(net, Tcn):
            z = x[..., None]
            for i, block in enumerate(net.blocks):
                assert isinstance(block, Causal)
                new = self._causal(f"blocks.{i}", block, z, mask)
                z = new + z if i else new
            return z[:, :, skip:], None
        assert isinstance(net, Recurrent | GruConv | Late)
        return self._stack("stack", net.stack, x[:, :, skip:, None], state)

    def answer(self, h: Tensor, x: Tensor, row: Tensor, at: Tensor, mask: Tensor | None) -> Tensor:
        """Logits (M, k, 4) at samples `at` (M, k) of rows `row` (M, k), as :meth:`train.study.zoo.Stream.answer`.

        `mask` (M, k) is 0 for answers that nobody asked for.
        """
        net = self.model
        if isinstance(net, ConvGru):
            at = ((at + 1) // net.stride - 1).clamp(min=0)
        if isinstance(net, GruConv):
            steps = at[..., None] - net.reach + torch.arange(TAIL, device=at.device)
            z = _picked(h, row[..., None].expand_as(steps), steps)
            for i, conv in enumerate(net.convs):
                assert isinstance(conv, nn.Conv1d)
                z = torch.relu(self._norm(f"norms.{i}", self._conv(f"convs.{i}", conv, z), mask))
            return self._dense("head", z.transpose(2, 3).flatten(2))
        logits = self._dense("head", _picked(h, row, at))
        if isinstance(net, Late):
            steps = at[..., None] - net.reach + torch.arange(net.n_window, device=at.device)
            window = _picked(x[..., None], row[..., None].expand_as(steps), steps)[..., 0]
            logits = logits + self._cnn("cnn.", net.cnn, window, mask)
        return logits

    def _cnn(self, prefix: str, net: Cnn, x: Tensor, mask: Tensor | None) -> Tensor:
        z = x[..., None]
        for i, conv in enumerate(net.convs):
            assert isinstance(conv, nn.Conv1d)
            z = self._conv(f"{prefix}convs.{i}", conv, z)
            z = torch.relu(self._norm(f"{prefix}norms.{i}", z, mask))
        flat = z.mean(2) if net.config.kind == "gap" else z.transpose(2, 3).flatten(2)
        return self._dense(f"{prefix}dense", flat)

    def _causal(self, name: str, block: Causal, z: Tensor, mask: Tensor | None) -> Tensor:
        z = self._conv(f"{name}.conv", block.conv, functional.pad(z, (0, 0, block.pad, 0)))
        return torch.relu(self._norm(f"{name}.norm", z, mask))

    def _conv(self, name: str, conv: nn.Conv1d, z: Tensor) -> Tensor:
        padding = int(conv.padding[0])
        if padding:
            z = functional.pad(z, (0, 0, padding, padding))
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return side_by_side.conv(z, weight, bias, conv.stride[0], conv.dilation[0])

    def _norm(self, name: str, z: Tensor, mask: Tensor | None) -> Tensor:
        """Batch norm over rows and time of each network, over the rows of `mask` alone in training."""
        mean, var = self.buffers[f"{name}.running_mean"], self.buffers[f"{name}.running_var"]
        if self.training:
            if mask is None:
                count = torch.full_like(self.active, float(z.shape[1] * z.shape[2]))
                now = z.mean((1, 2))
                spread = (z - now[:, None, None]).square().mean((1, 2))
            else:
                there = mask[:, :, None, None]
                count = mask.sum(1, keepdim=True) * z.shape[2]
                now = (z * there).sum((1, 2)) / count
                spread = ((z - now[:, None, None]).square() * there).sum((1, 2)) / count
            with torch.no_grad():
                momentum = MOMENTUM * self.active
                mean.add_(momentum * (now - mean))
                var.add_(momentum * (spread * count / (count - 1.0) - var))
            mean, var = now, spread
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        scale = weight * torch.rsqrt(var + 1e-5)
        return z * scale[:, None, None] + (bias - mean * scale)[:, None, None]

    def _dense(self, name: str, z: Tensor) -> Tensor:
        return side_by_side.dense(z, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _stack(
        self, name: str, stack: Stack, z: Tensor, state: list[Tensor] | None
    ) -> tuple[Tensor, list[Tensor]]:
        """The layers of :class:`train.study.recurrent.Stack`. An LSTM's state is its output alone: it cannot go on."""
        new = []
        for i, cell in enumerate(stack.cells):
            at = f"{name}.cells.{i}"
            kind = "gru" if isinstance(cell, nn.GRU) else "lstm" if isinstance(cell, nn.LSTM) else "rnn"
            nets, rows = z.shape[:2]
            of_input = side_by_side.dense(
                z, self.weights[f"{at}.weight_ih_l0"], self.weights[f"{at}.bias_ih_l0"]
            )
            first = z.new_zeros(nets, rows, int(cell.hidden_size)) if state is None else state[i]
            h, last = recurrence(
                kind,
                of_input,
                first,
                self.weights[f"{at}.weight_hh_l0"],
                self.weights[f"{at}.bias_hh_l0"],
            )
            new.append(last)
            if stack.residual:
                h = functional.layer_norm(h, h.shape[-1:])
                scale, shift = (
                    self.weights[f"{name}.norms.{i}.weight"],
                    self.weights[f"{name}.norms.{i}.bias"],
                )
                h = h * scale[:, None, None] + shift[:, None, None]
                h = h + z if h.shape == z.shape else h
            z = h
        return z, new


def _picked(h: Tensor, row: Tensor, at: Tensor) -> Tensor:
    """Features (M, ..., units) at steps `at` (M, ...) of rows `row` (M, ...) of h (M, rows, n, units).

    Answers that only fill up may ask for what was before the beginning: they get the first step.
    """
    nets, _, n, units = h.shape
    index = (row * n + at.clamp(min=0)).reshape(nets, -1, 1).expand(-1, -1, units)
    return torch.gather(h.reshape(nets, -1, units), 1, index).view(*at.shape, units)
