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

from edge.alarms.log import read_log
from edge.cli import main
from edge.io.disk_budget import names_in, read_kept
from edge.io.recordings import open_recording
from edge.recording.marks import read_alarm
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
            kept = read_kept(folder, names_in(folder)[-1]) if folder.is_dir() and names_in(folder) else None
            return 0 if kept is None else kept.segment.start + kept.n

        until(lambda: promised() >= (SECONDS - 5) * FS, "all but five seconds on the disk", 90.0)
        until(lambda: list((folder / "alarms").glob("*-vt.svg")), "the strip of the alarm", 60.0)
    finally:
        monitor.send_signal(signal.SIGKILL)
        monitor.wait()
        monitor.stdin.close()
    names = names_in(folder)  # two, where an hour ended meanwhile
    for extension, n in (("dat", 33), ("hw", 44)):
        path = folder / f"{names[-1]}.{extension}"
        os.truncate(path, path.stat().st_size - n)
    want = sent[:, 0].astype(float).copy()
    want[HOLE] = np.nan
    symbols, notes, end = [], [], 0
    for name in names:
        record, marks = wfdb.rdrecord(str(folder / name)), wfdb.rdann(str(folder / name), "hw")
        start = int(record.comments[0].split("start=")[1].split()[0])
        assert start - end <= 5 * FS
        end = start + record.sig_len
        assert np.allclose(record.p_signal[:, 0], want[start:end], atol=0.0016, equal_nan=True)
        symbols += marks.symbol
        notes += marks.aux_note
    assert len(sent) - end <= 5 * FS
    assert symbols.count("V") > 20
    assert any("alarm vt active high" in text for text in notes)
    _check_exports(folder)


def _check_exports(folder: Path) -> None:
    edf, fhir = folder / "out.edf", folder / "out.json"
    assert main(["export", str(folder), str(edf), "--to", "edf"]) == 0
    assert main(["export", str(folder), str(fhir), "--to", "fhir-r5"]) == 0
    mv = open_recording(folder).mv[:, 0]
    good = np.isfinite(mv)
    with pyedflib.EdfReader(str(edf)) as read:
        assert np.allclose(read.readSignal(0)[: len(mv)][good] / 1000.0, mv[good], atol=1e-6)
        assert "no samples" in read.readAnnotations()[2]
    words = json.loads(fhir.read_text())["component"][0]["valueSampledData"]["data"].split(" ")
    assert [word == "E" for word in words] == (~good).tolist()
    assert np.allclose([float(word) / 1000.0 for word in words if word != "E"], mv[good], atol=1e-6)


def test_run_when_the_device_and_the_broker_are_gone_then_the_monitors_own_alarms_are_in_the_record_too(
    tmp_path: Path, until: Any
) -> None:
    device, log = get("native"), tmp_path / "alarms.jsonl"
    encoder = device.encoder(EncoderOptions(fs=FS, leads=("II",)))
    sent = VirtualPatient(FS, 1, "sinus:60s").read(round(20 * FS)).mv[:, :1]
    frames = [encoder.encode(sent[k : k + 25]) for k in range(0, len(sent), 25)]
    words = ["run", "--source", "-", "--device", "bed4", "--mqtt", "127.0.0.1:1", "--alarms-log", str(log)]
    words += ["--record", str(tmp_path)]
    monitor = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", *words], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert monitor.stdin is not None

    def logged() -> list[tuple[str, str]]:
        records = read_log(log.read_bytes())[0] if log.exists() else []
        return [(r["name"], r["state"]) for r in records if "occurrence" in r]

    try:
        monitor.stdin.write(encoder.preamble() + b"".join(frames[:100]))
        monitor.stdin.flush()
        until(lambda: {("no_signal", "active"), ("broker_lost", "active")} <= set(logged()), "both", 60.0)
        monitor.stdin.write(b"".join(frames[100:]))
        monitor.stdin.flush()
        until(lambda: ("no_signal", "cleared") in logged(), "the signal", 60.0)
        monitor.send_signal(signal.SIGTERM)
        assert monitor.wait(60) == 0
    finally:
        monitor.kill()
        monitor.wait()
        monitor.stdin.close()
    marks = open_recording(tmp_path / "bed4").marks
    alarms = [alarm for mark in marks if (alarm := read_alarm(mark)) is not None]
    assert sorted((a.name, a.state) for a in alarms) == sorted(logged())
    (lost,) = [a for a in alarms if a.name == "broker_lost"]
    assert (lost.priority, "Connection refused" in lost.value) == ("technical", True)
    assert lost.at == 100 * 25 - 1
