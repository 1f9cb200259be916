"""Several GRU networks of one shape as one: their weights one row each, every operation over all of them at once.

One network is too small to keep a GPU busy; a dozen side by side cost hardly more than one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from train.models import GruConfig, GruNet
from train.recurrence import recurrence
from train.side_by_side import conv, dense


class GruStack:
    """The forward pass of `n` networks :class:`~train.models.GruNet`, each with its own input and weights.

    Parameters
    ----------
    nets : sequence of GruNet
        All of one configuration.

    Attributes
    ----------
    weights : Tensor of float32, shape (n_networks, n_weights)
        A row is a network's parameters behind each other, in the order of ``net.parameters()``. It asks for gradients.
    """

    def __init__(self, nets: Sequence[GruNet], device: torch.device) -> None:
        self.config: GruConfig = nets[0].config
        self._shapes = {name: value.shape for name, value in nets[0].named_parameters()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        self.weights = self.joined([dict(net.named_parameters()) for net in nets]).to(device).requires_grad_()

    def joined(self, named: Sequence[dict[str, Tensor]]) -> Tensor:
        """One row of each network's named tensors: (n_networks, n_weights), on the CPU."""
        rows = [torch.cat([one[name].detach().reshape(-1).cpu() for name in self._shapes]) for one in named]
        return torch.stack(rows)

    def named(self, rows: Tensor) -> dict[str, Tensor]:
        """The tensors in rows (..., n_weights), by name, with the leading dimensions in front; views of `rows`."""
        pieces = rows.split(self._sizes, -1)
        return {
            name: piece.view(*rows.shape[:-1], *shape)
            for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)
        }

    def forward(
        self, rows: Tensor, x: Tensor, state: Tensor, keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run a stretch of samples through every network.

        Parameters
        ----------
        rows : Tensor, shape (n_networks, n_weights)
            :attr:`weights`, or an average of them.
        x : Tensor, shape (n_networks, batch, 2 * (KERNEL - 1) + n)
            Filtered mV with the context of the two convolutions in front.
        state : Tensor, shape (n_networks, batch, n_hidden)
        keep : Tensor, optional, shape (n_networks, batch, 1, n_hidden)
            What each unit is multiplied with on its way to the heads (dropout).

        Returns
        -------
        (y, state) : Tensor (n_networks, batch, n, 1 + 2 * n_classes) of logits, and the new state.
        """
        w = self.named(rows)
        z = torch.relu(conv(x[..., None] * self.config.input_gain, w["stem1.weight"], w["stem1.bias"]))
        z = torch.relu(conv(z, w["stem2.weight"], w["stem2.bias"]))
        gates = dense(z, w["gru.weight_ih_l0"], w["gru.bias_ih_l0"])
        weight, bias = w["gru.weight_hh_l0"].contiguous(), w["gru.bias_hh_l0"].contiguous()
        h, state = recurrence("gru", gates, state, weight, bias)
        if keep is not None:
            h = h * keep
        return dense(h, w["head.weight"], w["head.bias"]), state
