"""int8 networks as C: a table for each layer, and the list of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.c_models import Int8Layer, Int8Net
from firmware_bridge.c_text import braced
from firmware_bridge.types import BadInput

Integers = NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.int32]


def fixed_point(scale: float) -> tuple[int, int]:
    """A factor below 1 as (multiplier, shift): ``multiplier / 2^31 / 2^shift``, multiplier 2^30 or more.

    Raises
    ------
    BadInput
        When the factor is not above 0 and below 1.
    """
    if not 0.0 < scale < 1.0:
        raise BadInput(f"int8 layer: factor {scale}, expected above 0 and below 1; quantise the model again")
    mantissa, exponent = math.frexp(scale)
    multiplier = round(mantissa * 2**31)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    if exponent > 0:
        return 2**31 - 1, 0
    return (multiplier, -exponent) if exponent >= -31 else (0, 0)


def net_tables(name: str, n_layers: str, net: Int8Net) -> list[str]:
    """A network's layers, and `name`, the list of them; `n_layers` is the constant that counts them."""
    parts = []
    for k, layer in enumerate(net.layers):
        parts += _layer_tables(f"{name}_{k}", layer)
    made = ",\n    ".join(_layer(f"{name}_{k}", layer) for k, layer in enumerate(net.layers))
    return [*parts, f"const hw_layer {name}[{n_layers}] = {{\n    {made}}};\n"]


def _layer_tables(name: str, layer: Int8Layer) -> list[str]:
    points = [fixed_point(float(v)) for v in layer.rescale]
    arrays: list[tuple[str, str, Integers]] = [
        ("int8_t", "weight", layer.weight.reshape(-1)),
        ("int32_t", "bias", layer.bias),
        ("int32_t", "multiplier", np.array([m for m, _ in points], np.int32)),
        ("uint8_t", "shift", np.array([shift for _, shift in points], np.uint8)),
    ]
    return [
        f"static const {kind} {name}_{what}[{len(a)}] = {braced([str(int(v)) for v in a])};\n"
        for kind, what, a in arrays
        if len(a)
    ]


def _layer(name: str, layer: Int8Layer) -> str:
    width = 1 if layer.is_mean else layer.weight.shape[1]
    numbers = (layer.in_zero, layer.out_zero, layer.least, layer.most, layer.n_given, layer.n_made)
    arrays = ["0", "0"] if layer.is_mean else [f"{name}_weight", f"{name}_bias"]
    arrays += [f"{name}_multiplier", f"{name}_shift"]
    sizes = (*numbers, layer.n_in, layer.n_out, width, layer.stride, layer.pad)
    return "{" + ", ".join([*arrays, *map(str, sizes)]) + "}"
