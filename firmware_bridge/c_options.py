"""What can be compiled in, as C: the fusion with the quality it wants to know, and the rhythm network."""

from __future__ import annotations

import math
import re
from pathlib import Path

from firmware_bridge.c_layers import net_tables
from firmware_bridge.c_models import FusionWeights, Int8Net, NoiseSettings, Options, Settings
from firmware_bridge.c_rows import row_tables
from firmware_bridge.c_text import braced, single
from firmware_bridge.types import BadInput

FEATURES = Path(__file__).parent / "c" / "hw_features.c"
BLOCKS = ("gru", "cnn", "gru_before")
"""Features that there is one of for each class, one after the other."""


def check_inputs(inputs: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """Compare the names of the fusion's features with those that the C computes.

    Raises
    ------
    BadInput
        When a feature is missing or unknown, or a block's classes are not in their order.
    """
    used = set(re.findall(r"\bHW_IN_(\w+)", FEATURES.read_text(encoding="utf-8")))
    rest = {name.upper() for name in inputs}
    for block in BLOCKS:
        names = tuple(f"{block}_{c}" for c in classes)
        at = inputs.index(names[0]) if names[0] in inputs else 0
        if inputs[at : at + len(names)] != names:
            raise BadInput(
                f"fusion: its inputs have no {' '.join(names)} in a row; the C kernels need them so"
            )
        rest -= {name.upper() for name in names[1:]}
    if rest != used:
        odd = ", ".join(sorted(rest ^ used))
        raise BadInput(
            f"fusion: its inputs and those that {FEATURES.name} computes differ in {odd}; add them there"
        )


def constants(options: Options, beat: Int8Net, settings: Settings, reach: int) -> dict[str, object]:
    """Sizes and thresholds by their names in C; a beat's window reaches back so many samples."""
    first = -(-options.window // options.hop) * options.hop
    even, odd = options.rhythm.scratch()
    beat_even, beat_odd = beat.scratch()
    longest = max(options.window, options.noise.window)
    return {
        **_fusion(options.fusion),
        "HW_N_INTERVALS": options.n_intervals,
        **_noise(options.noise),
        "HW_N_RHYTHMS": len(options.rhythms),
        **{f"HW_RHYTHM_{name.upper()}": k for k, name in enumerate(options.rhythms)},
        "HW_N_RHYTHM_LAYERS": len(options.rhythm.layers),
        "HW_RHYTHM_WINDOW": options.window,
        "HW_RHYTHM_HOP": options.hop,
        "HW_RHYTHM_FIRST": first,
        "HW_RHYTHM_SCALE_AT": options.scale_at,
        "HW_RHYTHM_IN_SCALE": single(options.rhythm.in_scale),
        "HW_RHYTHM_IN_ZERO": f"({options.rhythm.in_zero})",
        "HW_RHYTHM_OUT_SCALE": single(options.rhythm.out_scale),
        "HW_RHYTHM_OUT_ZERO": f"({options.rhythm.out_zero})",
        "HW_EVEN_BOTH": max(even, beat_even),
        "HW_ODD_BOTH": max(odd, beat_odd, options.window, settings.window * beat.n_channels),
        "HW_WORK": max(2 * options.noise.n_fft, options.window),
        "HW_RING_LONG": f"{1 << max(longest, settings.window * 2, reach).bit_length()}u",
    }


def _fusion(fusion: FusionWeights) -> dict[str, object]:
    return {
        "HW_FUSION_INPUTS": len(fusion.inputs),
        **{f"HW_IN_{name.upper()}": k for k, name in enumerate(fusion.inputs)},
        "HW_FUSION_MIXED": len(fusion.mix_bias),
        "HW_FUSION_HIDDEN": fusion.weight_hh.shape[1],
    }


def _noise(noise: NoiseSettings) -> dict[str, object]:
    turn = 2.0 * math.pi / (noise.window - 1)
    return {
        "HW_NOISE_WINDOW": noise.window,
        "HW_LOOK": noise.look,
        "HW_SECOND": noise.second,
        "HW_SLOPE_LAG": noise.lag,
        "HW_ENVELOPE": noise.envelope,
        "HW_HALF_MEAN": noise.half,
        "HW_N_FFT": noise.n_fft,
        "HW_FFT_STAGES": noise.n_fft.bit_length() - 1,
        "HW_TAPER_COS": single(math.cos(turn)),
        "HW_TAPER_SIN": single(math.sin(turn)),
        **{f"HW_EDGE_{k}": edge for k, edge in enumerate(noise.edges)},
        "HW_PEAK_FROM": noise.peak[0],
        "HW_PEAK_TO": noise.peak[1],
        "HW_PEAK_HALF": noise.peak[2],
        "HW_NOISE_ON": noise.on,
        "HW_NOISE_OFF": noise.off,
        **{f"HW_NOISE_{name.upper()}": single(value) for name, value in noise.limits.items()},
    }


def tables(options: Options, int8: bool) -> list[str]:
    """Both options' tables, each behind its switch; the fusion's weights are int8 where the GRU's are."""
    fusion = options.fusion
    parts = ["#if HW_FUSION\n"]
    for name, weight, bias in fusion.rows():
        parts += row_tables(name, weight, bias, int8)
    for name, values in (("mean", fusion.mean), ("gain", fusion.gain)):
        parts.append(
            f"const float hw_fusion_{name}[HW_FUSION_INPUTS] = {braced([single(v) for v in values])};\n"
        )
    angles = [math.pi / 2**k for k in range(options.noise.n_fft.bit_length() - 1)]
    turns = ",\n    ".join(f"{{{single(math.cos(a))}, {single(math.sin(a))}}}" for a in angles)
    parts.append(f"const float hw_turns[HW_FFT_STAGES][2] = {{\n    {turns}}};\n")
    return [
        *parts,
        "#endif\n\n#if HW_RHYTHM\n",
        *net_tables("hw_rhythm_layers", "HW_N_RHYTHM_LAYERS", options.rhythm),
        "#endif\n",
    ]
