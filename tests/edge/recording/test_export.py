"""Exports, read back by libraries that are not ours, and held against the record."""

from __future__ import annotations

import csv
import importlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pyedflib
import pytest
import wfdb

from edge.cli import main
from edge.io.disk_budget import write_record
from edge.io.edf_export import write_edf
from edge.io.recordings import Recording, open_recording
from edge.recording.annotations import Mark
from edge.recording.csv import csv_blocks
from edge.recording.fhir import observation
from edge.recording.mark_words import in_words
from edge.recording.segments import Segment
from edge.recording.wfdb_header import Origin
from firmware_bridge.types import BadInput

N = 250 * 61 + 17
MARKS = [
    Mark(100, "N"), Mark(300, "V"), Mark(400, "+", aux="(AFIB"), Mark(500, "~", -1), Mark(900, "~", 0),
    Mark(1000, '"', aux="alarm vt active high: =5 beats"),
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record of two leads, the second far from 0, with a hole."""
    segment = Segment(1, 0, 250.0, ("MLII", "=cmd|' /C calc'!A0"), (0, -150_000), 1_790_000_000.25)
    adc = np.random.default_rng(1).integers(-2000, 2000, (N, 2)).astype(np.int16)
    adc[5000:6000] = -32768
    adc[0], adc[1] = 32767, -32767
    write_record(tmp_path, "r", segment, Origin("bed4", "b-1", 0, True), adc, MARKS)
    return tmp_path / "r"


def export(path: Path, to: str) -> Path:
    out = path.with_name(f"out.{to}")
    assert main(["export", str(path), str(out), "--to", to]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    return out


def truth(path: Path) -> Any:
    return wfdb.rdrecord(str(path)).p_signal


def test_export_when_edf_then_pyedflib_reads_the_record(path: Path) -> None:
    with pyedflib.EdfReader(str(export(path, "edf"))) as edf:
        assert edf.getStartdatetime().replace(microsecond=0) == datetime(2026, 9, 21, 14, 13, 20)
        assert edf.getSignalLabels() == ["ECG MLII", "ECG =cmd|' /C ca"]
        assert edf.getSampleFrequency(0) == 250.0
        want = truth(path)
        for k in range(2):
            digital, physical = edf.readSignal(k, digital=True), edf.readSignal(k)
            good = np.isfinite(want[:, k])
            assert edf.getPhysicalDimension(k) == "uV"
            assert np.abs(physical[:N][good] / 1000 - want[good, k]).max() < 1e-6
            assert (digital[:N][~good] == -32768).all()
            assert (digital[N:] == -32768).all()
        onsets, durations, texts = edf.readAnnotations()
    told = dict(zip(texts.tolist(), zip(onsets.tolist(), durations.tolist(), strict=True), strict=True))
    assert told["V"][0] == 1.2
    assert told["rhythm af"][0] == 1.6
    assert told["alarm vt active high: =5 beats"][0] == 4.0
    assert told["no samples"] == (20.0, 4.0)
    assert [text for text in texts if text in ("unreadable", "readable")] == ["unreadable", "readable"]


def test_export_when_csv_then_its_rows_are_the_record(path: Path) -> None:
    with export(path, "csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["t_s", "utc", "MLII_mv", "cmd_C_calc_A0_mv", "mark"]
    assert len(rows) == N + 1
    got = np.array([[float(x) if x else np.nan for x in row[2:4]] for row in rows[1:]])
    assert np.allclose(got, truth(path), atol=1e-5, equal_nan=True)
    assert rows[251][:2] == ["1.000000", "2026-09-21T14:13:21.250Z"]
    marks = {round(float(row[0]) * 250): row[4] for row in rows[1:] if row[4]}
    assert marks == {mark.sample: in_words(mark) for mark in MARKS}


@pytest.mark.parametrize(("release", "module"), [("r4", "fhir.resources.R4B"), ("r5", "fhir.resources")])
def test_export_when_fhir_then_it_validates_and_holds_the_record(
    release: str, module: str, path: Path
) -> None:
    text = export(path, f"fhir-{release}").read_text()
    observed = importlib.import_module(f"{module}.observation").Observation.model_validate_json(text)
    want = truth(path)
    for k, component in enumerate(observed.component):
        sampled = component.valueSampledData
        assert float(sampled.period if release == "r4" else sampled.interval) == 4.0
        words = sampled.data.split(" ")
        values = np.array([np.nan if word == "E" else float(word) for word in words])
        mv = float(sampled.origin.value) + values * float(sampled.factor)
        assert np.allclose(mv, want[:, k], atol=1e-5, equal_nan=True)
    assert observed.component[0].code.coding[0].code == "131330"
    assert observed.effectivePeriod.start == datetime(2026, 9, 21, 14, 13, 20, 250_000, tzinfo=timezone.utc)
    assert [note.text for note in observed.note] == ["alarm vt active high: =5 beats"]
    assert observed.device.display == "bed4"


def test_fhir_when_a_number_is_mistyped_then_the_validator_refuses_it(path: Path) -> None:
    resource = observation(open_recording(path), "r5")
    resource["component"][0]["valueSampledData"]["dimensions"] = "one"
    validator = importlib.import_module("fhir.resources.observation").Observation
    with pytest.raises(ValueError, match="dimensions"):
        validator.model_validate_json(json.dumps(resource))


def test_export_when_out_is_there_then_only_by_force(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = export(path, "csv")
    assert main(["export", str(path), str(out), "--to", "csv"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["export", str(path), str(out), "--to", "csv", "--force"]) == 0
    assert main(["export", str(path), str(path / "no" / "such"), "--to", "csv"]) == 2
    assert main(["export", str(path.with_name("none")), str(path.with_name("o")), "--to", "edf"]) == 2
    err = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in err] == ["heartwire", "heartwire"]
    assert not list(path.parent.glob(".*"))


@pytest.mark.parametrize("fraction", [0.0, 0.098, 0.25, 0.5, 0.728, 0.9999])
def test_write_edf_when_it_began_within_a_second_then_its_time_is_near_and_others_read_it(
    fraction: float, tmp_path: Path
) -> None:
    marks = tuple(Mark(k * 37, "N") for k in range(100))
    mv = np.zeros((5000, 1), np.float32)
    write_edf(
        Recording("r", "", 250.0, ("I",), mv, 1_790_000_000.0 + fraction, marks, True), tmp_path / "x.edf"
    )
    with pyedflib.EdfReader(str(tmp_path / "x.edf")) as edf:
        onsets = edf.readAnnotations()[0]
        assert np.allclose(onsets[:100], [k * 37 / 250 for k in range(100)], atol=1e-4)
    began = edfio.read_edf(tmp_path / "x.edf").starttime
    assert began.second + began.microsecond / 1e6 == pytest.approx(20 + fraction, abs=0.008)


@pytest.mark.parametrize("fs", [125.0, 360.0, 249.5, 128.0])
def test_write_edf_when_the_rate_is_odd_then_records_hold_whole_samples(fs: float, tmp_path: Path) -> None:
    mv = np.random.default_rng(2).integers(-999, 999, (1000, 1)).astype(np.float32) / 1000
    write_edf(Recording("r", "", fs, ("I",), mv, None, (), False), tmp_path / "x.edf")
    with pyedflib.EdfReader(str(tmp_path / "x.edf")) as edf:
        assert edf.getSampleFrequency(0) == pytest.approx(fs)
        assert np.abs(edf.readSignal(0)[:1000] / 1000 - mv[:, 0]).max() < 1e-6


def test_write_edf_when_no_whole_number_fits_then_one_line(tmp_path: Path) -> None:
    recording = Recording("r", "", 249.123456, ("I",), np.zeros((10, 1), np.float32), None, (), False)
    with pytest.raises(BadInput, match=r"EDF cannot hold 249\.123 Hz"):
        write_edf(recording, tmp_path / "x.edf")


def test_csv_blocks_when_no_time_is_known_then_no_column_for_it() -> None:
    recording = Recording(
        "r", "", 10.0, ("",), np.full((1, 1), np.nan, np.float32), None, (Mark(0, "@"),), True
    )
    assert "".join(csv_blocks(recording)) == "t_s,lead1_mv,mark\n0.000000,,'@\n"
