from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.artefact import load_networks, shipped
from edge.gru import GruModel
from edge.types import AAMI
from firmware_bridge import c_export, sketch
from train import __main__ as train_main
from train import chip_size, export

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
needs_arm = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")


@pytest.fixture(scope="module")
def chip() -> export.Chip:
    return export.read(shipped())


def test_main_when_run_then_the_folder_compiles_alone_and_the_cost_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "chip"
    assert train_main.main(["export", "--c", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        *c_export.SOURCES,
        "heartwire_weights.h",
        "heartwire_weights.c",
    }
    told = capsys.readouterr().out
    assert re.search(r"^gru: \d+ MAC a sample, \d+\.\d\d million a second at 125 Hz; at most \S+ from", told)
    assert re.search(r"^beat_cnn: \d+ MAC a beat; at most [01] quanta from", told, re.MULTILINE)
    text = (out / "heartwire_weights.h").read_text()
    for kind in ("gru", "beat_cnn"):
        assert json.loads((shipped() / kind / "manifest.json").read_text())["sha256"] in text


def test_main_when_run_twice_then_the_files_are_the_same(chip: export.Chip, tmp_path: Path) -> None:
    assert chip.files() == export.read(shipped()).files()


def test_settings_when_read_then_they_are_the_manifests(chip: export.Chip) -> None:
    manifests = load_networks(shipped()).manifests
    assert chip.settings.classes == AAMI
    assert chip.settings.sos == manifests["gru"].sos
    assert chip.settings.qrs_logit == manifests["gru"].thresholds["qrs_logit"]
    assert chip.settings.window == manifests["beat_cnn"].window


@needs_cc
def test_measure_when_compiled_here_then_flash_and_ram_are_small(chip: export.Chip, tmp_path: Path) -> None:
    export.write(chip, tmp_path)
    fits([s for s in chip_size.measure(tmp_path) if s.target == "this machine"], chip)


@needs_arm
def test_measure_when_compiled_for_a_cortex_m4f_then_flash_and_ram_are_small(
    chip: export.Chip, tmp_path: Path
) -> None:
    export.write(chip, tmp_path)
    fits([s for s in chip_size.measure(tmp_path) if s.target == "Cortex-M4F"], chip)


def fits(sizes: list[chip_size.Sizes], chip: export.Chip) -> None:
    found = sizes[0]
    assert not found.options
    assert all(s.flash > found.flash and s.state >= found.state for s in sizes[1:])
    assert all(s.state > found.state for s in sizes[1:] if "fusion" in s.options)
    assert all(s.scratch > found.scratch for s in sizes[1:])
    assert [s.options for s in sizes[1:]] in ([], [("fusion",), ("rhythm",), ("fusion", "rhythm")])
    floats = sum(value.nbytes for _, value in chip.gru.tables())
    bytes_ = sum(layer.weight.nbytes for layer in chip.beat.layers)
    assert floats + bytes_ < found.weights < (floats + bytes_) * 1.1
    assert 1000 < found.code < 16_000
    assert 1000 < found.state < 5120  # a ring of 512 samples: a beat may be taken back 3 s
    assert 0 < found.scratch <= 4096
    assert f"RAM {found.state} a patient" in export.report(chip, sizes)


@needs_cc
def test_measure_when_the_c_is_broken_then_one_line_says_where(chip: export.Chip, tmp_path: Path) -> None:
    export.write(chip, tmp_path)
    (tmp_path / "hw_gru.c").write_text("int hw_gru = 1.5;\n")
    with pytest.raises(export.BadInput, match=r"^cc: .*hw_gru\.c.*error"):
        chip_size.measure(tmp_path)


def test_report_when_there_is_no_compiler_then_it_says_so(chip: export.Chip) -> None:
    assert export.report(chip, []).endswith("sizes: no C compiler here")


def test_main_when_the_weights_do_not_answer_as_the_file_then_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(content: bytes, where: str) -> Any:
        right = read(content, where)
        order = [*range(64, 128), *range(64), *range(128, 192)]
        return replace(right, weight_hh=right.weight_hh[order])

    read = export.gru_weights
    monkeypatch.setattr(export, "gru_weights", swapped)
    assert train_main.main(["export", "--c", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "its graph is not the step that the C kernels compute" in said
    assert not (tmp_path / "out").exists()


def test_main_when_the_artefacts_are_missing_then_one_line_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main.main(["export", "--c", str(tmp_path / "out"), "--models", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_main_when_the_folder_is_a_file_then_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    assert train_main.main(["export", "--c", str(tmp_path / "out")]) == 2
    assert "name a folder that can be written" in capsys.readouterr().err


def test_gru_model_when_exported_then_the_state_of_the_file_is_that_of_the_kernels(chip: export.Chip) -> None:
    model = GruModel((shipped() / "gru" / "model.tflite").read_bytes(), 11, "gru")
    n_stem1, kernel = chip.gru.stem1_weight.shape
    assert model.n_state == (kernel - 1) * (1 + n_stem1) + chip.gru.weight_hh.shape[1]


def test_main_when_asked_for_a_sketch_then_it_is_complete_and_no_model_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sketches"
    assert train_main.main(["export", "--arduino", str(out), "--models", str(tmp_path / "none")]) == 0
    assert {path.name: path.read_text() for path in (out / sketch.NAME).iterdir()} == {
        Path(name).name: text for name, text in sketch.files().items()
    }
    assert capsys.readouterr().out.count("\n") == 1


def test_main_when_not_told_where_then_one_line_says_what_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        train_main.main(["export"])
    assert "got neither --c DIR nor --arduino DIR" in capsys.readouterr().err


@pytest.mark.parametrize("fs", ["360", "0", "nan", "4000"])
def test_main_when_the_rate_is_no_multiple_of_the_models_then_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fs: str
) -> None:
    assert train_main.main(["export", "--c", str(tmp_path / "out"), "--fs", fs]) == 2
    assert "expected a multiple of the models' rate, 125 to 2000 Hz" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
