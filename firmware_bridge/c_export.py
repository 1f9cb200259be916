"""The models as C tables: weights in, the text of ``heartwire_weights.h`` and ``heartwire_weights.c`` out.

The kernels that read the tables are written by hand, in :data:`FOLDER`; names of layers are the contract between
the two. Nothing here knows where weights come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]
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

LONGEST_ROW = 512
"""127 times 32767 times so many is the most that 32 bits hold (hw_rows_int8.c)."""

SEARCH_BACK = 9
"""Samples before the expected R-peak that the search for it reads (hw_patient.c)."""


@dataclass(frozen=True, slots=True)
class GruWeights:
    """The step model, float32; rows are outputs, gates in the order r, z, n.

    Attributes
    ----------
    stem1_weight, stem1_bias : ndarray (n_stem1, kernel) and (n_stem1,)
        First causal convolution, the newest sample last.
    stem2_weight, stem2_bias : ndarray (n_stem2, kernel * n_stem1) and (n_stem2,)
        Second one, sample by sample.
    weight_ih, bias_ih : ndarray (3 * n_hidden, n_stem2) and (3 * n_hidden,)
        From the stem into the gates.
    weight_hh, bias_hh : ndarray (3 * n_hidden, n_hidden) and (3 * n_hidden,)
        From the hidden units into the gates.
    head_weight, head_bias : ndarray (n_logits, n_hidden) and (n_logits,)
        The logits.
    """

    stem1_weight: F32
    stem1_bias: F32
    stem2_weight: F32
    stem2_bias: F32
    weight_ih: F32
    bias_ih: F32
    weight_hh: F32
    bias_hh: F32
    head_weight: F32
    head_bias: F32

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a step."""
        return sum(value.size for name, value in self.tables() if "weight" in name)

    def rows(self) -> list[tuple[str, F32, F32]]:
        """Name in C, weights and bias of every product with a vector."""
        return [
            ("hw_stem1", self.stem1_weight, self.stem1_bias),
            ("hw_stem2", self.stem2_weight, self.stem2_bias),
            ("hw_gru_ih", self.weight_ih, self.bias_ih),
            ("hw_gru_hh", self.weight_hh, self.bias_hh),
            ("hw_head", self.head_weight, self.head_bias),
        ]

    def tables(self) -> list[tuple[str, F32]]:
        """Every table and its name in C."""
        return [
            (f"{name}_{what}", table)
            for name, weight, bias in self.rows()
            for what, table in (("weight", weight), ("bias", bias))
        ]


@dataclass(frozen=True, slots=True)
class Int8Layer:
    """A convolution over samples, or (width 1, one sample) a dense layer.

    Attributes
    ----------
    weight : ndarray of int8 (n_out, width, n_in)
        Zero point 0.
    bias : ndarray of int32 (n_out,)
        In units of the accumulator.
    rescale : ndarray of float64 (n_out,)
        Quanta of the output per unit of the accumulator, below 1.
    in_zero, out_zero : int
        Zero points of input and output.
    least, most : int
        Range of the output (a ReLU begins at its zero point).
    n_given, n_made, stride, pad : int
        Samples in and out, step, and samples of padding before the first.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    rescale: NDArray[np.float64]
    in_zero: int
    out_zero: int
    least: int
    most: int
    n_given: int
    n_made: int
    stride: int = 1
    pad: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those on padding among them."""
        return self.n_made * self.weight.size


@dataclass(frozen=True, slots=True)
class Int8Net:
    """Layers in a row, and the scales at both ends."""

    layers: tuple[Int8Layer, ...]
    in_scale: float
    in_zero: int
    out_scale: float
    out_zero: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What the manifests say: delays, window and ``before`` in samples at `fs` Hz.

    Attributes
    ----------
    step : int
        Samples of the device for each of the models'.
    taps : sequence of float
        The low-pass between the two, that of the oldest sample first.
    sos : sequence of (b0, b1, b2, a0, a1, a2)
        The filters; a0 is 1.
    clip_mv, qrs_logit : float
        Where the filtered lead is clipped; above what a maximum of the QRS logit counts.
    qrs_delay, class_delay, filter_delay : int
        How much later than an R-peak the QRS logit, the class logits and the filtered lead are.
    gru_int8 : bool
        Whether the GRU's weights become int8, a scale for each row; its state stays float.
    longest_wait : int
        How long the final answer of a beat waits for the next one.
    peak_lag, learn_above : float
        How much later an R-peak is on the filtered lead (samples); probability above which a normal beat joins the
        template.
    window, before : int
        Size of the beat network's window, and where in it the R-peak lies.
    classes : tuple of str
        In the order of the logits.
    origin : tuple of str
        Lines that say in the files which models these are.
    """

    fs: float
    step: int
    taps: Sequence[float]
    sos: Sequence[Sequence[float]]
    clip_mv: float
    qrs_logit: float
    qrs_delay: int
    class_delay: int
    filter_delay: int
    longest_wait: int
    peak_lag: float
    learn_above: float
    window: int
    before: int
    classes: tuple[str, ...]
    gru_int8: bool = False
    origin: tuple[str, ...] = ()


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


def row_quanta(weight: F32) -> tuple[NDArray[np.int8], F32]:
    """Weights (n_rows, n) as int8 (n_rows, n4), a row padded with zeros to a multiple of 4, and the scale of each row.

    Zero point 0, largest weight of a row 127, ``weight = scale * int8``.

    Raises
    ------
    BadInput
        When a row is longer than :data:`LONGEST_ROW`.
    """
    n_rows, n = weight.shape
    if n > LONGEST_ROW:
        raise BadInput(
            f"gru: got rows of {n} weights, expected at most {LONGEST_ROW} with int8 weights "
            "(a sum would leave 32 bits); export it with --gru float"
        )
    scale = np.maximum(np.abs(weight).max(1), 1e-30).astype(np.float32) / np.float32(127.0)
    out = np.zeros((n_rows, -(-n // 4) * 4), np.int8)
    out[:, :n] = np.clip(np.rint(weight / scale[:, None]), -127, 127)
    return out, scale


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
        "HW_WIDEST": max(weight.shape[1] for _, weight, _ in gru.rows()),
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
        "HW_PEAK_LAG": _float(s.peak_lag),
        "HW_LEARN_ABOVE": _float(s.learn_above),
        "HW_WAIT": f"{s.class_delay - s.qrs_delay}u",
        "HW_RING": f"{1 << reach.bit_length()}u",
        "HW_LONG_AGO": "1000u",
        "HW_MOST_WEIGHT": 16,
        "HW_STEP": f"{s.step}u",
        "HW_N_TAPS": len(s.taps),
        "HW_FS": f"{s.fs!r}",
        "HW_FS_IN": f"{s.fs * s.step!r}",
        "HW_CLIP_MV": f"{float(s.clip_mv)!r}",
        "HW_QRS_LOGIT": _float(_below(s.qrs_logit)),
        "HW_BEAT_IN_SCALE": _float(beat.in_scale),
        "HW_BEAT_OUT_SCALE": _float(beat.out_scale),
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
        parts += _row_tables(name, weight, bias, settings.gru_int8)
    rows = ["{" + ", ".join(repr(float(v)) for v in (*row[:3], *row[4:])) + "}" for row in settings.sos]
    parts.append("const double hw_sos[HW_N_SECTIONS][5] = {\n    " + ",\n    ".join(rows) + "};\n")
    parts.append(f"const double hw_taps[HW_N_TAPS] = {_braced([repr(float(v)) for v in settings.taps])};\n")
    for k, layer in enumerate(beat.layers):
        parts += _layer_tables(f"layer{k}", layer)
    made = ",\n    ".join(_layer(f"layer{k}", layer) for k, layer in enumerate(beat.layers))
    parts.append(f"const hw_layer hw_beat_layers[HW_N_LAYERS] = {{\n    {made}}};\n")
    return "\n".join(parts)


def _row_tables(name: str, weight: F32, bias: F32, int8: bool) -> list[str]:
    """A table of the GRU, float or int8, and what hw_rows needs of it."""
    floats = {"weight": weight.reshape(-1), "bias": bias}
    out, scale = [], "0"
    if int8:
        quanta, floats["scale"] = row_quanta(weight)
        scale = f"{name}_scale"
        body = _braced([str(int(v)) for v in quanta.flat])
        out.append(f"static const int8_t {name}_weight[{quanta.size}] ALIGNED = {body};\n")
        del floats["weight"]
    for what, values in floats.items():
        body = _braced([_float(v) for v in values])
        out.append(f"static const float {name}_{what}[{len(values)}] = {body};\n")
    n_rows, n = weight.shape
    out.append(f"const hw_table {name} = {{{name}_weight, {scale}, {name}_bias, {n_rows}, {n}}};\n")
    return out


def _layer_tables(name: str, layer: Int8Layer) -> list[str]:
    points = [fixed_point(float(v)) for v in layer.rescale]
    arrays: list[tuple[str, str, Integers]] = [
        ("int8_t", "weight", layer.weight.reshape(-1)),
        ("int32_t", "bias", layer.bias),
        ("int32_t", "multiplier", np.array([m for m, _ in points], np.int32)),
        ("uint8_t", "shift", np.array([shift for _, shift in points], np.uint8)),
    ]
    return [
        f"static const {kind} {name}_{what}[{len(a)}] = {_braced([str(int(v)) for v in a])};\n"
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


def _float(value: float | np.float32) -> str:
    text = f"{float(value):.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def _braced(words: list[str]) -> str:
    """Words in braces, eight to twenty a line."""
    per_line = 8 if any("." in word or "e" in word for word in words) else 20
    lines = [", ".join(words[k : k + per_line]) for k in range(0, len(words), per_line)]
    return "{" + ",\n    ".join(lines) + "}"
