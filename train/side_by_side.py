"""Layers of several networks at once, each with its own input and weights: what fills a GPU that one would leave idle.

Every tensor begins with the axis of networks (m).
"""

from __future__ import annotations

import torch
from torch import Tensor


def dense(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A dense layer of each network: x (m, ..., inputs), weight (m, outputs, inputs), bias (m, outputs)."""
    y = torch.baddbmm(bias[:, None], x.reshape(len(x), -1, x.shape[-1]), weight.transpose(1, 2))
    return y.view(*x.shape[:-1], -1)


def conv(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """A convolution of each network over time, as one product of matrices: grouped convolutions are slow on a GPU.

    Parameters
    ----------
    x : Tensor, shape (m, rows, n, inputs)
        Padded already.
    weight, bias : Tensor, shapes (m, outputs, inputs, kernel), (m, outputs)
    stride, dilation : int
        In steps of time.

    Returns
    -------
    Tensor, shape (m, rows, (n - dilation * (kernel - 1) - 1) // stride + 1, outputs)
    """
    kernel = weight.shape[3]
    if dilation == 1:
        taken = x.unfold(2, kernel, stride)
    else:
        n = (x.shape[2] - dilation * (kernel - 1) - 1) // stride + 1
        ends = [(i * dilation, i * dilation + stride * (n - 1) + 1) for i in range(kernel)]
        taken = torch.stack([x[:, :, a:b:stride] for a, b in ends], -1)
    return dense(taken.flatten(3), weight.flatten(2), bias)
