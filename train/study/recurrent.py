"""Recurrent layers on one another, with or without what is said to help depth: residuals and LayerNorm."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from train import gru_layer

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Stack(nn.Module):
    """`layers` of one kind of cell: (batch, n, n_in) to (batch, n, width).

    With `residual` each layer's output goes through a LayerNorm, and its input is added where it has the same width
    (all layers but the first).
    """

    def __init__(self, cell: str, n_in: int, width: int, layers: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        sizes = [n_in, *[width] * (layers - 1)]
        self.cells = nn.ModuleList(CELLS[cell](n, width, batch_first=True) for n in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in sizes if residual)

    def forward(self, z: Tensor, state: list[Any] | None = None) -> tuple[Tensor, list[Any]]:
        """(features (batch, n, width) of the last layer, state of each layer after the last step)."""
        new = []
        for h, last in self._walk(z, state):
            z = h
            new.append(last)
        return z, new

    def each(self, z: Tensor) -> list[Tensor]:
        """Features (batch, n, width) of every layer, from a state of zeros."""
        return [h for h, _ in self._walk(z, None)]

    def _walk(self, z: Tensor, state: list[Any] | None) -> Iterator[tuple[Tensor, Any]]:
        for i, cell in enumerate(self.cells):
            given = None if state is None else state[i]
            if isinstance(cell, nn.GRU):
                zero = z.new_zeros(1, len(z), cell.hidden_size)
                h, last = run_gru(cell, z, zero if given is None else given)
            else:
                h, last = cell(z, given)
            if self.residual:
                h = self.norms[i](h)
                h = h + z if h.shape == z.shape else h
            z = h
            yield z, last


LANES = 16
"""The kernel of :mod:`train.gru_layer` takes so many units at once."""


def run_gru(cell: nn.GRU, z: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """What ``cell(z, state)`` gives, by the kernel whatever the width.

    Units of zero weights fill the last lanes: they begin at zero and stay there, and no gradient comes out of them.
    """
    width = cell.hidden_size
    room = -width % LANES
    if not room or z.dtype is not torch.float32 or gru_layer.load(width + room) is None:
        return gru_layer.run_layer(cell, z, state)

    def wider(value: Tensor, columns: int) -> Tensor:
        gates = value.reshape(3, width, -1)
        return pad(gates, (0, columns, 0, room)).reshape(3 * (width + room), -1)

    filled: Any = SimpleNamespace(
        hidden_size=width + room,
        weight_ih_l0=wider(cell.weight_ih_l0, 0),
        weight_hh_l0=wider(cell.weight_hh_l0, room),
        bias_ih_l0=wider(cell.bias_ih_l0, 0)[:, 0],
        bias_hh_l0=wider(cell.bias_hh_l0, 0)[:, 0],
    )
    h, last = gru_layer.run_layer(filled, z, pad(state, (0, room)))
    return h[:, :, :width], last[:, :, :width]
