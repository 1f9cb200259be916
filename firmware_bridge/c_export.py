"""The models as C tables: weights in, the text of ``heartwire_weights.h`` and ``heartwire_weights.c`` out.

The kernels that read the tables are written by hand, in :data:`FOLDER`; names of layers are the contract between
the two. Nothing here knows where weights come from.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.c_models import GruWeights, Int8Layer, Int8Net, Settings
from firmware_bridge.c_rows import most_stem1, row_tables
from firmware_bridge.c_text import braced, single
from firmware_bridge.types import BadInput

Integers = NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.int32]

FOLDER = Path(__file__).parent / "c"
"""The hand-written part, to be compiled beside what :func:`files` gives."""

SOURCES = (
    "heartwire.h",
    "hw_layers.h",
    "hw_rows.h",
    "hw_answer.c",
    "hw_beat.c",
    "hw_filters.c",
    "hw_gru.c",
    "hw_int8.c",
    "hw_patient.c",
    "hw_resample.c",
    "hw_rows.c",
    "hw_rows_int8.c",
    "hw_rpeaks.c",
)
"""What lies in :data:`FOLDER`."""

SEARCH_BACK = 9
"""Samples before the expected R-peak that the search for it reads (hw_patient.c)."""


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


def files(gru: GruWeights, beat: Int8Net, settings: Settings) -> dict[str, str]:
    """The generated files by name."""
    return {
        "heartwire_weights.h": header(gru, beat, settings),
        "heartwire_weights.c": tables(gru, beat, settings),
    }


def header(gru: GruWeights, beat: Int8Net, settings: Settings) -> str:
    """Sizes, thresholds, and the tables' declarations."""
    lines = [_head("Sizes and thresholds of the models.", settings)]
    lines += ["#ifndef HEARTWIRE_WEIGHTS_H", "#define HEARTWIRE_WEIGHTS_H", "", "#include <stdint.h>", ""]
    lines += [f"#define {name} {value}" for name, value in _constants(gru, beat, settings)]
    lines += ["", "extern const double hw_taps[HW_N_TAPS];"]
    lines += ["extern const double hw_sos[HW_N_SECTIONS][5]; /* b0 b1 b2 a1 a2 */", "", "#endif", ""]
    return "\n".join(lines)


def _constants(gru: GruWeights, beat: Int8Net, s: Settings) -> list[tuple[str, str]]:
    n_stem1, kernel = gru.stem1_weight.shape
    reach = s.class_delay - s.filter_delay + SEARCH_BACK + s.before
    n_channels = beat.layers[0].weight.shape[2]
    numbers = {
        "HW_N_STEM1": n_stem1,
        "HW_N_STEM2": gru.stem2_weight.shape[0],
        "HW_N_HIDDEN": gru.weight_hh.shape[1],
        "HW_N_LOGITS": gru.head_weight.shape[0],
        "HW_KERNEL": kernel,
        "HW_GRU_INT8": int(s.gru_int8),
        "HW_N_SECTIONS": len(s.sos),
        "HW_N_CLASSES": len(s.classes),
        **{f"HW_CLASS_{name}": k for k, name in enumerate(s.classes)},
        "HW_N_LAYERS": len(beat.layers),
        "HW_N_CHANNELS": n_channels,
        "HW_WINDOW": s.window,
        "HW_BEFORE": s.before,
        "HW_SCRATCH": max(layer.n_made * layer.weight.shape[0] for layer in beat.layers),
        "HW_BEAT_IN_ZERO": f"({beat.in_zero})",
        "HW_BEAT_OUT_ZERO": f"({beat.out_zero})",
        "HW_QRS_DELAY": f"{s.qrs_delay}u",
        "HW_CLASS_DELAY": f"{s.class_delay}u",
        "HW_FILTER_DELAY": f"{s.filter_delay}u",
        "HW_LONGEST_WAIT": f"{s.longest_wait - (s.class_delay - s.qrs_delay)}u",
        "HW_PEAK_LAG": single(s.peak_lag),
        "HW_LEARN_ABOVE": single(s.learn_above),
        "HW_WAIT": f"{s.class_delay - s.qrs_delay}u",
        "HW_RING": f"{1 << reach.bit_length()}u",
        "HW_LONG_AGO": "1000u",
        "HW_MOST_WEIGHT": 16,
        "HW_STEP": f"{s.step}u",
        "HW_N_TAPS": len(s.taps),
        "HW_FS": f"{s.fs!r}",
        "HW_FS_IN": f"{s.fs * s.step!r}",
        "HW_CLIP_MV": f"{float(s.clip_mv)!r}",
        "HW_MOST_MV": single(s.clip_mv),
        "HW_MOST_STEM1": single(most_stem1(gru, s.clip_mv)),
        "HW_QRS_LOGIT": single(_below(s.qrs_logit)),
        "HW_BEAT_IN_SCALE": single(beat.in_scale),
        "HW_BEAT_OUT_SCALE": single(beat.out_scale),
    }
    return [(name, str(value)) for name, value in numbers.items()]


def _below(value: float) -> np.float32:
    """The largest float32 not above `value`: a float is above the one exactly when it is above the other."""
    near = np.float32(value)
    return near if float(near) <= value else np.nextafter(near, np.float32(-np.inf))


def tables(gru: GruWeights, beat: Int8Net, settings: Settings) -> str:
    """The tables."""
    parts = [
        _head("Weights of the models.", settings),
        '#include "heartwire.h"',
        '#include "hw_layers.h"',
        '#include "hw_rows.h"',
        "",
        "#if defined(__GNUC__) /* words of four are read at once */",
        "#define ALIGNED __attribute__((aligned(4)))",
        "#else",
        "#define ALIGNED",
        "#endif",
        "",
    ]
    for name, weight, bias in gru.rows():
        parts += row_tables(name, weight, bias, settings.gru_int8)
    rows = ["{" + ", ".join(repr(float(v)) for v in (*row[:3], *row[4:])) + "}" for row in settings.sos]
    parts.append("const double hw_sos[HW_N_SECTIONS][5] = {\n    " + ",\n    ".join(rows) + "};\n")
    parts.append(f"const double hw_taps[HW_N_TAPS] = {braced([repr(float(v)) for v in settings.taps])};\n")
    for k, layer in enumerate(beat.layers):
        parts += _layer_tables(f"layer{k}", layer)
    made = ",\n    ".join(_layer(f"layer{k}", layer) for k, layer in enumerate(beat.layers))
    parts.append(f"const hw_layer hw_beat_layers[HW_N_LAYERS] = {{\n    {made}}};\n")
    return "\n".join(parts)


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
    ]


def _layer(name: str, layer: Int8Layer) -> str:
    n_out, width, n_in = layer.weight.shape
    numbers = (layer.in_zero, layer.out_zero, layer.least, layer.most, layer.n_given, layer.n_made)
    arrays = [f"{name}_{what}" for what in ("weight", "bias", "multiplier", "shift")]
    return (
        "{" + ", ".join([*arrays, *map(str, (*numbers, n_in, n_out, width, layer.stride, layer.pad))]) + "}"
    )


def _head(what: str, settings: Settings) -> str:
    lines = ["", "SPDX-License-Identifier: Apache-2.0", "", "Written by `python -m train export --c`, of:"]
    return "/* " + "\n * ".join([what, *lines, *settings.origin]).replace(" * \n", " *\n") + "\n */"
