"""The verb end to end: a WFDB record of the virtual patient, the shipped models, the real pipeline."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.artefact import KINDS, load_models, shipped
from firmware_bridge.patient import VirtualPatient
from train import cli_evaluate, evaluate

wfdb = pytest.importorskip("wfdb")
pytestmark = pytest.mark.skipif(
    not all((shipped() / kind / "manifest.json").is_file() for kind in KINDS), reason="no models are shipped"
)
FS, SECONDS = 250.0, 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records, p1 and p2, with the labels of the patient who made them."""
    path = tmp_path_factory.mktemp("records")
    for seed, name in enumerate(("p1", "p2")):
        patient = VirtualPatient(FS, seed, "sinus:60s rate=72 pvc=0.1; bigeminy:40s")
        mv = patient.read(int(SECONDS * FS)).mv.astype(np.float64)
        wfdb.wrsamp(
            name, fs=FS, units=["mV"], sig_name=["II"], p_signal=mv, fmt=["16"], adc_gain=[1000.0],
            baseline=[0], write_dir=str(path),
        )  # fmt: skip
        beats = [beat for beat in patient.beats if beat.sample < len(mv)]
        wfdb.wrann(
            name, "atr", np.array([beat.sample for beat in beats]), [beat.symbol for beat in beats],
            write_dir=str(path),
        )  # fmt: skip
    return path


def evaluated(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser()
    cli_evaluate.add_arguments(parser)
    assert cli_evaluate.run(parser.parse_args([str(folder), "--start", "20", "--json", *words])) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_evaluate_when_the_heart_is_known_then_scores_and_delays_are_good(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *rows, last = evaluated(folder, capsys, "--jobs", "1", "--annotations", str(tmp_path))
    told = last["summary"]
    assert [row["record"] for row in rows] == ["p1", "p2"]
    assert told["records"] == 2
    assert told["beats"] == sum(row["beats"] for row in rows) > 150
    assert min(told["qrs"].values()) > 95.0
    assert min(told["veb"].values()) > 70.0
    assert 0.0 < told["early_ms"]["p50"] <= told["early_ms"]["p99"] <= 250.0
    for row in rows:
        for extension in ("hw", "hwe"):
            written = wfdb.rdann(str(tmp_path / row["record"]), extension)
            assert set(written.symbol) <= set("NSVFQ~")
            assert np.all(np.diff(written.sample) >= 0)
        assert (
            sum(symbol != "~" for symbol in wfdb.rdann(str(tmp_path / row["record"]), "hw").symbol)
            == row["answers"]
        )


def test_evaluate_when_records_run_in_processes_then_every_figure_is_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(folder, capsys, "--jobs", "2") == evaluated(folder, capsys, "--jobs", "1")


def test_evaluate_record_when_stretches_are_asked_for_then_each_is_scored_by_itself(folder: Path) -> None:
    job = evaluate.Job(folder, start_s=20.0, stretch_s=20.0)
    whole, none = (
        evaluate.evaluate_record(given, load_models(), "p1") for given in (job, replace(job, stretch_s=None))
    )
    assert len(whole.stretches) == 4
    assert abs(sum(m.qrs_se.total for m in whole.stretches) - whole.final.matrix.qrs_se.total) <= 2
    assert none.stretches == ()
