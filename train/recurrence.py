"""The recurrent part of a layer for many networks of one shape at once: GRU, LSTM or vanilla RNN.

On a GPU by the kernel in ``recurrence_kernel.cu``, compiled here on first use: PyTorch's own layers take one network
at a time and one step after another by a launch each, which leaves a large GPU idle. Elsewhere by plain steps.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from firmware_bridge.types import BadInput
from train.dataset import cache_dir

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""Gates of each cell, in PyTorch's order: r, z, n of a GRU; i, f, g, o of an LSTM."""

SIZES = (16, 32, 64, 128)
"""Widths that kernels are compiled for; others are filled up with units of zero weights."""

KEPT = {"rnn": 1, "gru": 4, "lstm": 5}
FLAGS = ("-O3", "-arch=native", "-shared", "-Xcompiler", "-fPIC")


def recurrence(
    cell: str, gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """All states of M networks on B rows of n steps, from what the input adds to the gates.

    Parameters
    ----------
    cell : str
        One of :data:`GATES`; G gates.
    gates : Tensor of float32, shape (M, B, n, G * H)
        Input part of the gates, its bias in it.
    state : Tensor of float32, shape (M, B, H)
        First states. (An LSTM's cells begin at zero.)
    weight, bias : Tensor of float32, shapes (M, G * H, H), (M, G * H)
        Recurrent weights and their bias.

    Returns
    -------
    (h, last) : Tensor (M, B, n, H), Tensor (M, B, H)
    """
    width = state.shape[-1]
    if gates.device.type != "cuda":
        return _plainly(cell, gates, state, weight, bias)
    full = next((size for size in SIZES if size >= width), None)
    if full is None or gates.dtype is not torch.float32:
        return _plainly(cell, gates, state, weight, bias)
    kernel = load(cell, full)
    room = full - width
    if room:
        n_gates = GATES[cell]
        gates = pad(gates.unflatten(-1, (n_gates, width)), (0, room)).flatten(-2)
        weight = pad(weight.unflatten(1, (n_gates, width)), (0, room, 0, room)).flatten(1, 2)
        bias = pad(bias.unflatten(1, (n_gates, width)), (0, room)).flatten(1, 2)
        state = pad(state, (0, room))
    h, last = Recurrence.apply(cell, kernel, gates, state, weight, bias)
    return h[..., :width], last[..., :width]


def _plainly(cell: str, gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    h, c, out = state, torch.zeros_like(state), []
    for t in range(gates.shape[2]):
        of_state = torch.baddbmm(bias[:, None], h, weight.transpose(1, 2))
        if cell == "gru":
            r, z, n = gates[:, :, t].chunk(3, -1)
            hr, hz, hn = of_state.chunk(3, -1)
            new = torch.tanh(n + torch.sigmoid(r + hr) * hn)
            h = new + torch.sigmoid(z + hz) * (h - new)
        elif cell == "lstm":
            i, f, g, o = (gates[:, :, t] + of_state).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        else:
            h = torch.tanh(gates[:, :, t] + of_state)
        out.append(h)
    return torch.stack(out, 2), h


class Recurrence(torch.autograd.Function):
    """:func:`recurrence` by a kernel, for a width that it was compiled for."""

    @staticmethod
    def forward(
        ctx: Any, cell: str, kernel: ctypes.CDLL, gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States (M, B, n, H) and the last ones (M, B, H)."""
        nets, rows, n, _ = gates.shape
        width = state.shape[-1]
        gates, weight, bias = gates.contiguous(), weight.contiguous(), bias.contiguous()
        h = gates.new_empty(nets, rows, n + 1, width)
        h[:, :, 0] = state
        kept = gates.new_empty(nets, rows, n, KEPT[cell], width)
        _call(kernel.recurrence_forward, nets, rows, n, gates, weight, bias, h, kept)
        ctx.save_for_backward(weight, h, kept)
        ctx.cell, ctx.kernel = cell, kernel
        return h[:, :, 1:], h[:, :, -1].clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Slopes on gates, first states, weights and biases."""
        weight, h, kept = ctx.saved_tensors
        nets, rows, n, _, width = kept.shape
        dgates = h.new_empty(nets, rows, n, weight.shape[1])
        dstate = dlast.contiguous().clone()
        _call(ctx.kernel.recurrence_backward, nets, rows, n, dy.contiguous(), weight, h, kept, dgates, dstate)
        slopes = dgates
        if ctx.cell == "gru":  # the recurrent part of n is taken r times
            slopes = torch.cat([dgates[..., : 2 * width], dgates[..., 2 * width :] * kept[..., 0, :]], -1)
        flat = slopes.reshape(nets, rows * n, -1)
        dweight = torch.bmm(flat.transpose(1, 2), h[:, :, :-1].reshape(nets, rows * n, width))
        return None, None, dgates, dstate, dweight, flat.sum(1)


def _call(function: Any, nets: int, rows: int, n: int, *tensors: Tensor) -> None:
    device = tensors[0].device
    stream = torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0
    failed = function(
        ctypes.c_void_p(stream), nets, rows, n, *(ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors)
    )
    if failed:
        raise RuntimeError(f"the GPU refused the recurrent kernel: CUDA error {failed}")


@functools.cache
def load(cell: str, width: int) -> ctypes.CDLL:
    """The kernel of a cell and width, compiled by nvcc into the cache folder.

    Raises
    ------
    BadInput
        Without nvcc, or when it fails.
    """
    source, nvcc = (files("train") / "recurrence_kernel.cu").read_bytes(), compiler()
    key = hashlib.sha256(
        repr((source, FLAGS, cell, width, torch.cuda.get_device_name())).encode()
    ).hexdigest()
    path = cache_dir() / f"recurrence_{cell}{width}_{key[:16]}.so"
    if not path.exists():
        compile_kernel([nvcc, *FLAGS], source, cell, width, path)
    return ctypes.CDLL(str(path))


def compiler() -> str:
    """Where nvcc is: what ``NVCC`` names, on the PATH, or where CUDA puts it. Raises BadInput where it is not."""
    found = shutil.which(os.environ.get("NVCC", "nvcc")) or shutil.which("/usr/local/cuda/bin/nvcc")
    if found is None:
        raise BadInput(
            "training on a GPU compiles a kernel: got no nvcc on the PATH, expected CUDA's compiler; install the CUDA "
            "toolkit, name it in NVCC, or hide the GPU (CUDA_VISIBLE_DEVICES=) to train on the CPU"
        )
    return found


def compile_kernel(command: list[str], source: bytes, cell: str, width: int, path: Path) -> None:
    """Compile it to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.with_suffix(f".{os.getpid()}.cu")
    part = path.with_suffix(f".{os.getpid()}.part")
    text.write_bytes(source)
    try:
        done = subprocess.run(
            [*command, f"-DGATES={GATES[cell]}", f"-DH={width}", str(text), "-o", str(part)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["nothing"]
            raise BadInput(f"{command[0]} failed on recurrence_kernel.cu; it said: {said[-1]}")
        part.replace(path)
    finally:
        text.unlink(missing_ok=True)
