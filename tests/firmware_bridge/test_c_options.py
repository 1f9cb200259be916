from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from edge.artefact import shipped
from edge.fusion import FUSION_INPUTS
from edge.types import AAMI
from firmware_bridge import c_options
from firmware_bridge.types import BadInput
from train import export

CHIP = export.read(shipped())
REACH = 300


def test_check_inputs_when_they_are_the_monitors_then_the_c_computes_them_all() -> None:
    c_options.check_inputs(FUSION_INPUTS, AAMI)
    c_options.check_inputs((*FUSION_INPUTS[15:], *FUSION_INPUTS[:15]), AAMI)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ((*FUSION_INPUTS, "pace"), "differ in PACE; add them there"),
        (FUSION_INPUTS[:-1], "differ in NOTHING; add them there"),
        (
            (FUSION_INPUTS[1], FUSION_INPUTS[0], *FUSION_INPUTS[2:]),
            "no gru_N gru_S gru_V gru_F gru_Q in a row",
        ),
    ],
)
def test_check_inputs_when_they_are_others_then_one_line_names_them(
    inputs: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        c_options.check_inputs(inputs, AAMI)


def test_constants_when_made_then_names_are_the_manifests_and_windows_fit_the_ring() -> None:
    got = c_options.constants(CHIP.options, CHIP.beat, CHIP.settings, REACH)
    assert [got[f"HW_IN_{name.upper()}"] for name in FUSION_INPUTS] == list(range(len(FUSION_INPUTS)))
    ring = int(str(got["HW_RING_LONG"]).rstrip("u"))
    assert ring & (ring - 1) == 0
    assert ring >= max(CHIP.options.window, CHIP.options.noise.window)
    assert int(str(got["HW_RHYTHM_FIRST"])) % CHIP.options.hop == 0
    assert int(str(got["HW_RHYTHM_FIRST"])) >= CHIP.options.window
    assert 2 ** int(str(got["HW_FFT_STAGES"])) == got["HW_N_FFT"]


@pytest.mark.parametrize("window", [400, 1000])
def test_constants_when_the_rhythm_network_looks_further_back_then_the_ring_grows(window: int) -> None:
    got = c_options.constants(replace(CHIP.options, window=window), CHIP.beat, CHIP.settings, REACH)
    assert int(str(got["HW_RING_LONG"]).rstrip("u")) == (512 if window == 400 else 1024)


def test_tables_when_made_then_each_option_is_behind_its_switch() -> None:
    text = "\n".join(c_options.tables(CHIP.options, True))
    fusion, rhythm = re.findall(r"#if HW_\w+\n(.*?)#endif", text, re.DOTALL)
    assert "hw_table hw_fusion_mix = " in fusion
    assert f"hw_turns[HW_FFT_STAGES][2] = {{\n    {{-1.0f, {math.sin(math.pi):.9g}f}}" in fusion
    assert "const hw_layer hw_rhythm_layers[HW_N_RHYTHM_LAYERS] = " in rhythm
