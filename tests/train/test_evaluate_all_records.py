"""The table of accuracy end to end, on three short records: the shipped networks, the folds', the real pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.artefact import shipped
from firmware_bridge.patient import VirtualPatient
from train import evaluate_all
from train.evaluate_all import fold_models, models_for

wfdb = pytest.importorskip("wfdb")
FS, SECONDS = 128.0, 330
SCRIPT = "sinus:200s rate=75; sinus:95s rate=80 pvc=0.15 apc=0.1; vt:12s; af:30s; end"


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases of three patients: one that the shipped networks are scored on, two that those of folds are."""
    for seed, (database, record) in enumerate((("mitdb", "100"), ("mitdb", "106"), ("svdb", "800"))):
        patient = VirtualPatient(FS, seed, SCRIPT)
        mv = patient.read(int(SECONDS * FS)).mv.astype(np.float64)
        beats = [beat for beat in patient.beats if beat.sample < len(mv)]
        (tmp_path / database).mkdir(exist_ok=True)
        wfdb.wrsamp(
            record, fs=FS, units=["mV"], sig_name=["MLII"], p_signal=mv, fmt=["16"], adc_gain=[200.0],
            baseline=[0], write_dir=str(tmp_path / database),
        )  # fmt: skip
        wfdb.wrann(
            record, "atr", np.array([beat.sample for beat in beats]), [beat.symbol for beat in beats],
            write_dir=str(tmp_path / database),
        )  # fmt: skip
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    lists = SimpleNamespace(MITDB=("100", "106"), DS2=("100",), SVDB=("800",))
    monkeypatch.setattr(evaluate_all, "splits", lists)
    monkeypatch.setattr(evaluate_all, "SNR_DB", ())


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert evaluate_all.main(["--all", "--beats", "--json", *words]) == 0
    return capsys.readouterr().out


def test_table_when_it_is_made_again_from_the_same_artefacts_then_it_is_the_same_bit_for_bit(
    few: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models_for("mitdb", "106") != models_for("mitdb", "100") == shipped()
    first = printed(capsys, "--jobs", "1")
    again = printed(capsys, "--jobs", "2", "--folds", str(fold_models()), "--models", str(shipped()))
    assert again == first
    rows: dict[str, Any] = json.loads(first)
    assert [rows[name]["records"] for name in ("mitdb 48", "ds2", "svdb by folds")] == [2, 1, 1]
    assert min(rows["mitdb 48"]["final"]["qrs"][rate] for rate in ("se", "ppv")) > 80.0
    assert rows["svdb by folds"]["final"]["veb"]["se"] is not None
    assert rows["early answer"]["p50_ms"] > 200.0
    assert rows["lethal alarms"]["hours"] == round(3 * SECONDS / 3600.0, 2)
