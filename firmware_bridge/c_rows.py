"""Tables that a vector is multiplied with, as C: float, or int8 in the order that the kernel reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.c_models import F32, GruWeights
from firmware_bridge.c_text import braced, single
from firmware_bridge.types import BadInput

LONGEST_ROW = 512
"""127 times 32767 times so many is the most that 32 bits hold (hw_rows_int8.c)."""

COLUMNS = 16
"""Weights of a row that one turn of the kernel takes (hw_rows_int8.c)."""


def row_quanta(weight: F32) -> tuple[NDArray[np.int8], F32]:
    """Weights (n_rows, n) as int8 of the same shape, and the scale of each row.

    Zero point 0, largest weight of a row 127, ``weight = scale * int8``.

    Raises
    ------
    BadInput
        When a row is longer than :data:`LONGEST_ROW`.
    """
    n = weight.shape[1]
    if n > LONGEST_ROW:
        raise BadInput(
            f"gru: got rows of {n} weights, expected at most {LONGEST_ROW} with int8 weights "
            "(a sum would leave 32 bits); export it with --gru float"
        )
    scale = np.maximum(np.abs(weight).max(1), 1e-30).astype(np.float32) / np.float32(127.0)
    return np.clip(np.rint(weight / scale[:, None]), -127, 127).astype(np.int8), scale


def in_fours(quanta: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rows (n_rows, n) in the order of hw_rows.h: ``(n_rows / 4, n / 4, 4 rows, 4)``, weights in the order 0 2 1 3.

    Padded with zeros, rows to a multiple of 4, columns to one of :data:`COLUMNS`.
    """
    n_rows, n = quanta.shape
    padded = np.zeros((-(-n_rows // 4) * 4, -(-n // COLUMNS) * COLUMNS), np.int8)
    padded[:n_rows, :n] = quanta
    return padded.reshape(len(padded) // 4, 4, -1, 4).transpose(0, 2, 1, 3)[..., [0, 2, 1, 3]]


def most_stem1(gru: GruWeights, clip_mv: float) -> float:
    """The largest that a value of the first convolution can become, its weights int8 or not, in its own unit."""
    quanta, scale = row_quanta(gru.stem1_weight)
    size = np.maximum(np.abs(gru.stem1_weight), np.abs(quanta * scale[:, None])).sum(1)
    return float((clip_mv * size + np.abs(gru.stem1_bias)).max()) * 1.0001


def row_tables(name: str, weight: F32, bias: F32, int8: bool) -> list[str]:
    """A table of the GRU, float or int8, and what hw_rows needs of it."""
    n_rows, n = weight.shape
    if not int8:
        floats, out, scale = {"weight": weight.reshape(-1), "bias": bias}, [], "0"
    else:
        quanta, scales = row_quanta(weight)
        ordered, unused = in_fours(quanta), np.zeros(-n_rows % 4, np.float32)
        n = ordered.shape[1] * 4
        body = braced([str(int(v)) for v in ordered.flat])
        out, scale = (
            [f"static const int8_t {name}_weight[{ordered.size}] ALIGNED = {body};\n"],
            f"{name}_scale",
        )
        floats = {"scale": np.append(scales, unused), "bias": np.append(bias, unused)}
    for what, values in floats.items():
        body = braced([single(v) for v in values])
        out.append(f"static const float {name}_{what}[{len(values)}] = {body};\n")
    out.append(f"const hw_table {name} = {{{name}_weight, {scale}, {name}_bias, {n_rows}, {n}}};\n")
    return out
