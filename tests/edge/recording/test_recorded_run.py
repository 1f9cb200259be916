"""`heartwire run --record`, whole: minutes of stream at full speed through standard input, killed, cut, read back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyedflib
import wfdb

from edge.cli import main
from edge.io.disk_budget import names_in
from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient

ROOT = Path(__file__).parents[3]
FS = 250.0
SECONDS = 150
HOLE = slice(60 * 250, 63 * 250)


def test_run_when_it_is_killed_and_its_record_cut_then_the_rest_reads_back_and_exports_equal_it(
    tmp_path: Path, until: Any
) -> None:
    device = get("native")
    encoder = device.encoder(EncoderOptions(fs=FS, leads=("II",)))
    patient = VirtualPatient(FS, 1, "sinus:60s rate=72; vt:12s; sinus:300s")
    sent = patient.read(round(SECONDS * FS)).mv[:, :1]
    parts = [encoder.preamble()]
    for start in range(0, len(sent), 25):
        data = encoder.encode(sent[start : start + 25])
        if not HOLE.start <= start < HOLE.stop:
            parts.append(data)
    words = ["run", "--source", "-", "--device", "bed4", "--mqtt", "none", "--record", str(tmp_path)]
    monitor = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", *words],
        cwd=ROOT,
        env=dict(os.environ),
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert monitor.stdin is not None
    folder = tmp_path / "bed4"
    try:
        monitor.stdin.write(b"".join(parts))
        monitor.stdin.flush()

        def promised() -> int:
            names = names_in(folder) if folder.is_dir() else []
            return int(wfdb.rdheader(str(folder / names[0])).sig_len) if names else 0

        until(lambda: promised() >= (SECONDS - 5) * FS, "all but five seconds on the disk", 90.0)
        until(lambda: list((folder / "alarms").glob("*-vt.svg")), "the strip of the alarm", 60.0)
    finally:
        monitor.send_signal(signal.SIGKILL)
        monitor.wait()
        monitor.stdin.close()
    (name,) = names_in(folder)
    for extension, n in (("dat", 33), ("hw", 44)):
        path = folder / f"{name}.{extension}"
        os.truncate(path, path.stat().st_size - n)
    record = wfdb.rdrecord(str(folder / name))
    assert len(sent) - record.sig_len <= 5 * FS
    want = sent[: record.sig_len, 0].astype(float).copy()
    want[HOLE] = np.nan
    assert np.allclose(record.p_signal[:, 0], want, atol=0.0016, equal_nan=True)
    marks = wfdb.rdann(str(folder / name), "hw")
    assert sum(symbol == "V" for symbol in marks.symbol) > 20
    assert any("alarm vt active high" in text for text in marks.aux_note)
    _check_exports(folder / name, record.p_signal[:, 0])


def _check_exports(record: Path, mv: np.ndarray) -> None:  # type: ignore[type-arg]
    edf, fhir = record.with_suffix(".edf"), record.with_suffix(".json")
    assert main(["export", str(record), str(edf), "--to", "edf"]) == 0
    assert main(["export", str(record), str(fhir), "--to", "fhir-r5"]) == 0
    good = np.isfinite(mv)
    with pyedflib.EdfReader(str(edf)) as read:
        assert np.allclose(read.readSignal(0)[: len(mv)][good] / 1000.0, mv[good], atol=1e-6)
        assert "no samples" in read.readAnnotations()[2]
    words = json.loads(fhir.read_text())["component"][0]["valueSampledData"]["data"].split(" ")
    assert [word == "E" for word in words] == (~good).tolist()
    assert np.allclose([float(word) / 1000.0 for word in words if word != "E"], mv[good], atol=1e-6)
