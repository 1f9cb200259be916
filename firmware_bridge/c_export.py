"""The models as C tables: weights in, the text of ``heartwire_weights.h`` and ``heartwire_weights.c`` out.

The kernels that read the tables are written by hand, in :data:`FOLDER`; names of layers are the contract between
the two. Nothing here knows where weights come from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_bridge import c_options
from firmware_bridge.c_layers import net_tables
from firmware_bridge.c_models import GruWeights, Int8Net, Options, Settings
from firmware_bridge.c_rows import most_stem1, row_tables
from firmware_bridge.c_text import braced, single

FOLDER = Path(__file__).parent / "c"
"""The hand-written part, to be compiled beside what :func:`files` gives."""

SOURCES = (
    "heartwire.h",
    "hw_fuse.h",
    "hw_fusion.h",
    "hw_intervals.h",
    "hw_layers.h",
    "hw_p_wave.h",
    "hw_rows.h",
    "hw_answer.c",
    "hw_beat.c",
    "hw_features.c",
    "hw_filters.c",
    "hw_fusion.c",
    "hw_gru.c",
    "hw_int8.c",
    "hw_intervals.c",
    "hw_mean.c",
    "hw_p_wave.c",
    "hw_patient.c",
    "hw_quality.c",
    "hw_resample.c",
    "hw_rhythm.c",
    "hw_rows.c",
    "hw_rows_int8.c",
    "hw_rpeaks.c",
    "hw_select.c",
)
"""What lies in :data:`FOLDER`."""

SEARCH_BACK = 9
"""Samples before the expected R-peak that the search for it reads (hw_patient.c)."""

DOUBT, MISSED, USUAL = 1.25, -2.0, 8
"""R-peaks, as in edge/rpeaks.py: so far above the threshold a logit is beyond doubt, so far below it one may have been
a missed beat; the usual interval is the mean of so many."""

OLDEST = 330 + 28
"""Age in samples of a missed maximum when it is taken back: no nearer than 45 to the beat before, which lies at most
375 before the next, which is decided up to 28 samples late (hw_rpeaks.c)."""


def files(gru: GruWeights, beat: Int8Net, settings: Settings, options: Options) -> dict[str, str]:
    """The generated files by name."""
    return {
        "heartwire_weights.h": header(gru, beat, settings, options),
        "heartwire_weights.c": tables(gru, beat, settings, options),
    }


def header(gru: GruWeights, beat: Int8Net, settings: Settings, options: Options) -> str:
    """Sizes, thresholds, and the tables' declarations."""
    lines = [_head("Sizes and thresholds of the models.", settings)]
    lines += ["#ifndef HEARTWIRE_WEIGHTS_H", "#define HEARTWIRE_WEIGHTS_H", "", "#include <stdint.h>", ""]
    numbers = {
        **_constants(gru, beat, settings),
        **c_options.constants(options, beat, settings, reach(settings)),
    }
    lines += [f"#define {name} {value}" for name, value in numbers.items()]
    lines += ["", "extern const double hw_taps[HW_N_TAPS];"]
    lines += ["extern const double hw_sos[HW_N_SECTIONS][5]; /* b0 b1 b2 a1 a2 */", "", "#endif", ""]
    return "\n".join(lines)


def _constants(gru: GruWeights, beat: Int8Net, s: Settings) -> dict[str, object]:
    n_stem1, kernel = gru.stem1_weight.shape
    even, odd = beat.scratch()
    return {
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
        "HW_N_CHANNELS": beat.n_channels,
        "HW_WINDOW": s.window,
        "HW_BEFORE": s.before,
        "HW_EVEN": even,
        "HW_ODD": max(odd, s.window * beat.n_channels),
        "HW_BEAT_IN_ZERO": f"({beat.in_zero})",
        "HW_BEAT_OUT_ZERO": f"({beat.out_zero})",
        "HW_QRS_DELAY": f"{s.qrs_delay}u",
        "HW_CLASS_DELAY": f"{s.class_delay}u",
        "HW_FILTER_DELAY": f"{s.filter_delay}u",
        "HW_LONGEST_WAIT": f"{s.longest_wait - (s.class_delay - s.qrs_delay) - 1}u",
        "HW_TICK": f"{s.tick}u",
        "HW_PEAK_LAG": single(s.peak_lag),
        "HW_LEARN_ABOVE": single(s.learn_above),
        "HW_WAIT": f"{s.class_delay - s.qrs_delay}u",
        "HW_RING_SHORT": f"{1 << reach(s).bit_length()}u",
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
        "HW_DOUBT_LOGIT": single(_below(s.qrs_logit + DOUBT)),
        "HW_MISSED_LOGIT": single(_below(s.qrs_logit + MISSED)),
        "HW_USUAL": USUAL,
        "HW_BEAT_IN_SCALE": single(beat.in_scale),
        "HW_BEAT_OUT_SCALE": single(beat.out_scale),
    }


def reach(s: Settings) -> int:
    """Samples from the newest back to the oldest that a beat's window needs."""
    oldest = max(OLDEST, 330 + s.class_delay - s.qrs_delay)
    return oldest + s.qrs_delay - s.filter_delay + SEARCH_BACK + s.before


def _below(value: float) -> np.float32:
    """The largest float32 not above `value`: a float is above the one exactly when it is above the other."""
    near = np.float32(value)
    return near if float(near) <= value else np.nextafter(near, np.float32(-np.inf))


def tables(gru: GruWeights, beat: Int8Net, settings: Settings, options: Options) -> str:
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
    parts += net_tables("hw_beat_layers", "HW_N_LAYERS", beat)
    parts += c_options.tables(options, settings.gru_int8)
    return "\n".join(parts)


def _head(what: str, settings: Settings) -> str:
    lines = ["", "SPDX-License-Identifier: Apache-2.0", "", "Written by `python -m train export --c`, of:"]
    return "/* " + "\n * ".join([what, *lines, *settings.origin]).replace(" * \n", " *\n") + "\n */"
