from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput
from train import splits, strips
from train.paper import Mark
from train.strips import TOPICS, Topic, paired, worst

wfdb = pytest.importorskip("wfdb")
FS = 250.0


def missed_v(truth: str, answer: str) -> bool:
    return truth == "V" != answer


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of the virtual patient whose labels call every fourth normal beat V."""
    folder = tmp_path / "mitdb"
    folder.mkdir()
    patient = VirtualPatient(FS, 3, "sinus:400s rate=72")
    mv = patient.read(int(330 * FS)).mv.astype(np.float64)
    wfdb.wrsamp(
        "101", fs=FS, units=["mV"], sig_name=["MLII"], p_signal=mv, fmt=["16"], adc_gain=[1000.0],
        baseline=[0], write_dir=str(folder),
    )  # fmt: skip
    at = np.array([beat.sample for beat in patient.beats if beat.sample < len(mv)])
    wfdb.wrann("101", "atr", at, ["V" if k % 4 == 0 else "N" for k in range(len(at))], write_dir=str(folder))
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    return tmp_path


def test_topics_when_listed_then_none_is_of_ds2_and_each_has_a_name_of_its_own() -> None:
    assert len({t.name for t in TOPICS}) == len(TOPICS) >= 5
    for t in TOPICS:
        assert splits.person(t.database, t.record).split("/")[1] not in splits.DS2
        assert not t.is_error("N", "N")


def test_paired_when_label_and_answer_are_within_150_ms_then_they_are_one_mark() -> None:
    found = paired([(1.0, "N"), (2.0, "V"), (3.0, "N")], [(1.14, "N"), (2.2, "V"), (4.0, "S")])
    assert found == [
        Mark(1.0, "N", "N"), Mark(2.0, "V", ""), Mark(2.2, "", "V"), Mark(3.0, "N", ""), Mark(4.0, "", "S"),
    ]  # fmt: skip


def test_worst_when_errors_gather_then_the_stretch_begins_half_a_second_before_them() -> None:
    marks = [Mark(at, "V", "N") for at in (310.0, 350.0, 351.0, 352.0, 400.0)]
    assert worst(marks, missed_v, 1000.0) == (349.5, 3)
    assert worst(marks, lambda t, a: False, 1000.0) == (strips.FIRST_S, 0)
    assert worst(marks, missed_v, 401.0)[0] <= 401.0 - strips.SECONDS


def test_main_when_a_record_is_there_then_its_worst_stretch_is_drawn_and_counted(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(strips, "TOPICS", (Topic("missed", "mitdb", "101", "V called N", missed_v),))
    assert strips.main(["--out", str(tmp_path / "strips")]) == 0
    told = json.loads(capsys.readouterr().out)
    picture = (tmp_path / "strips" / "missed.svg").read_text(encoding="utf-8")
    assert told["errors"] >= 2
    assert told["errors_in_record"] >= 7
    assert picture.count(">V<") >= told["errors"]
    assert "V called N" in picture
    assert json.loads((tmp_path / "strips" / "strips.json").read_text()) == [told]


def test_main_when_the_folder_cannot_be_written_then_one_line_says_so(
    record: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def draw(topic: Topic) -> tuple[str, dict[str, object]]:
        return "", {}

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(strips, "draw", draw)
    with pytest.raises(BadInput, match=r"cannot write .*; choose another folder"):
        strips.main(["--out", str(tmp_path / "file" / "x")])
