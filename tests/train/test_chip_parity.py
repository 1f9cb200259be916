from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.patient import VirtualPatient
from train import __main__ as train_main
from train import chip_parity

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two and a half minutes of the virtual patient as a WFDB record at 360 Hz."""
    wfdb = pytest.importorskip("wfdb")
    folder = tmp_path_factory.mktemp("records")
    mv = VirtualPatient(360.0, 4, "sinus:150s rate=70 pvc=0.1; end").read(360 * 150).mv[:, :1]
    wfdb.wrsamp("v1", 360, ["mV"], ["II"], p_signal=mv.astype(np.float64), fmt=["16"], write_dir=str(folder))
    return folder / "v1"


def test_main_when_a_folder_is_played_then_a_line_a_record_says_how_near_they_are(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main.main(["parity", str(record.parent), "--minutes", "1"]) == 0
    first, total = capsys.readouterr().out.splitlines()
    assert re.match(
        r"v1 +1\d\d answers, 0 of the pipeline alone, 0 of the chip alone, 0 of another class", first
    )
    assert total.startswith("all")
    assert "0 of one alone" in total
    apart = re.search(r"apart: most (\S+), 99 % of them (\S+);", total)
    assert apart
    assert float(apart[1]) < 0.02


def test_main_when_a_record_is_looped_then_the_loops_are_told_apart_and_the_last_is_the_pipelines(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["parity", str(record), "--loop-hours", "0.3", "--gru", "int8"]
    assert train_main.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == round(0.3 * 3600 / 124)
    assert re.search(
        r"since the loop before 0 answers changed, probabilities by \S+; largest hidden", lines[-2]
    )
    assert re.search(r"0 of the pipeline alone, 0 of the chip alone, 0 of another class", lines[-1])


def test_parity_when_a_class_and_a_beat_differ_then_they_are_counted() -> None:
    one = chip_parity.Parity(
        n_both=3, n_pipeline=1, n_chip=2, n_other_class=1, apart=[0.5], rhythm_apart=[0.1]
    )
    one.add(chip_parity.Parity(n_both=1, n_rhythm_missing=4, apart=[0.25]))
    assert one.row("x").startswith(
        "x                4 answers, 1 of the pipeline alone, 2 of the chip alone, 1 of another"
    )
    assert "most 0.5" in one.row("x")
    assert "1 windows of rhythm, 4 of one alone" in one.row("x")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["none"], "none"), (["{record}", "--loop-hours", "1", "--minutes", "1"], "a loop needs 124 s")],
)
def test_main_when_it_cannot_be_played_then_one_line_says_why(
    record: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert train_main.main(["parity", *(w.format(record=record) for w in words)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told
