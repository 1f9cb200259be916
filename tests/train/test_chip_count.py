from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.artefact import shipped
from firmware_bridge.types import BadInput
from train import export
from train.chip_count import count

pytestmark = pytest.mark.skipif(
    None in (shutil.which("arm-none-eabi-gcc"), shutil.which("qemu-system-arm")),
    reason="no arm-none-eabi-gcc or no qemu-system-arm",
)


def test_count_when_the_shipped_models_run_then_a_step_is_within_what_was_asked(tmp_path: Path) -> None:
    chip = export.read(shipped())
    export.write(chip, tmp_path / "float")
    export.write(replace(chip, settings=replace(chip.settings, gru_int8=True)), tmp_path / "int8")
    floats, int8 = count(tmp_path / "float"), count(tmp_path / "int8")
    assert floats is not None
    assert int8 is not None
    assert chip.gru.macs < floats.gru_step <= 40_000
    assert chip.gru.macs < int8.gru_step <= 40_000
    assert 100 < floats.filters < 3000
    assert int8.rhythm > sum(layer.macs for layer in chip.options.rhythm.layers)
    assert chip.options.fusion.macs < int8.fusion < 200_000
    assert 1000 < int8.quality < 500_000
    assert floats.beat_cnn > sum(layer.macs for layer in chip.beat.layers)
    assert f"{floats.gru_step} instructions a GRU step" in export.report(chip, [], floats)


def test_count_when_the_c_is_broken_then_one_line_says_where(tmp_path: Path) -> None:
    export.write(export.read(shipped()), tmp_path)
    (tmp_path / "hw_gru.c").write_text("int hw_gru = 1.5;\n")
    with pytest.raises(BadInput, match=r"^arm-none-eabi-gcc: .*hw_gru\.c.*error"):
        count(tmp_path)
