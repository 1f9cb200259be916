"""Cuts a two-hour recording: ``python tests/cut_record.py [--hours 2]``, some minutes.

A real ``heartwire run --record`` is given a virtual patient's two hours through its standard input, as fast as it takes
them, then half a minute at true speed; in the midst of that it is killed with -9, and its last files are made shorter
by some bytes more. What wfdb reads back must be what was sent, but for 5 s at most; the EDF+ file (read by pyedflib)
and the FHIR Observation (by fhir.resources) must equal it. Prints a line a question; 1 if one is answered wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.cli import main as heartwire  # noqa: E402
from edge.io.disk_budget import names_in, read_kept  # noqa: E402
from edge.io.recordings import open_recording  # noqa: E402
from firmware_bridge.device import EncoderOptions  # noqa: E402
from firmware_bridge.devices import get  # noqa: E402
from firmware_bridge.patient import VirtualPatient  # noqa: E402

SCRIPT = "sinus:240s rate=72 pvc=0.02; vt:8s rate=150; sinus:60s rate=80; af:60s; lead_off:6s"
FS, STEP = 250.0, 25
TAIL_S, MOST_LOST_S, WAIT_S = (15.0, 35.0), 5.0, 600.0
CUT_BYTES = {"dat": 33, "hw": 44}
HALF_STEP_MV = 0.0006
"""The record is of whole uV."""
Millivolts = NDArray[np.float64]


def main() -> int:
    """Play it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder:
        sent, n_sent = _record(Path(folder), hours)
        bed = Path(folder, "bed4")
        for extension, n in CUT_BYTES.items():
            path = bed / f"{names_in(bed)[-1]}.{extension}"
            os.truncate(path, path.stat().st_size - n)
        questions = {**_read_back(bed, sent, n_sent), **_exports(bed)}
    for question, good in questions.items():
        print(f"{'good' if good else 'BAD '}  {question}")
    return 0 if all(questions.values()) else 1


def _record(folder: Path, hours: float) -> tuple[Millivolts, int]:
    """What the patient gave [mV], and how many samples of it had been sent when the monitor was killed."""
    encoder = get("native").encoder(EncoderOptions(fs=FS, leads=("II",)))
    n_fast = round(hours * 3600.0 * FS)
    patient = VirtualPatient(FS, 1, SCRIPT)
    words = ("run", "--source", "-", "--device", "bed4", "--mqtt", "none", "--record", str(folder))
    log = str(folder / "alarms.jsonl")
    monitor = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", *words, "--alarms-log", log],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert monitor.stdin is not None
    kept: list[Millivolts] = []

    def send(n: int) -> None:
        kept.append(patient.read(n).mv[:, 0].astype(float))
        assert monitor.stdin is not None
        monitor.stdin.write(encoder.encode(kept[-1][:, None].astype(np.float32)))
        monitor.stdin.flush()

    try:
        monitor.stdin.write(encoder.preamble())
        for _ in range(0, n_fast, STEP):
            send(STEP)
        until_s = time.monotonic() + WAIT_S
        while _promised(folder / "bed4") < n_fast - MOST_LOST_S * FS:
            if time.monotonic() > until_s:
                raise SystemExit(f"cut_record: not on the disk within {WAIT_S:g} s")
            time.sleep(0.2)
        begun_s, tail_s = time.monotonic(), random.uniform(*TAIL_S)
        while (at_s := time.monotonic() - begun_s) < tail_s:
            while sum(map(len, kept[n_fast // STEP :])) < at_s * FS:
                send(STEP)
            time.sleep(0.02)
    finally:
        monitor.send_signal(signal.SIGKILL)
        monitor.wait()
        monitor.stdin.close()
    sent = np.concatenate(kept)
    print(
        f"{len(sent) / FS:.0f} s sent, the last {tail_s:.1f} s at true speed; killed, and cut by {CUT_BYTES}"
    )
    return sent, len(sent)


def _promised(folder: Path) -> int:
    """Samples that the newest record's header promises."""
    names = names_in(folder) if folder.is_dir() else []
    kept = read_kept(folder, names[-1]) if names else None
    return 0 if kept is None else kept.segment.start + kept.n


def _read_back(folder: Path, sent: Millivolts, n_sent: int) -> dict[str, bool]:
    """What wfdb finds."""
    import wfdb

    end, n_holes, worst_mv, symbols, notes = 0, 0, 0.0, [], []
    names = names_in(folder)
    for name in names:
        record, marks = wfdb.rdrecord(str(folder / name)), wfdb.rdann(str(folder / name), "hw")
        start = int(record.comments[0].split("start=")[1].split()[0])
        n_holes += start - end
        end = start + record.sig_len
        worst_mv = max(worst_mv, float(np.nanmax(np.abs(record.p_signal[:, 0] - sent[start:end]))))
        symbols += marks.symbol
        notes += marks.aux_note
    lost_s = (n_sent - end) / FS
    return {
        f"records: {len(names)}, samples between them that are missing: {n_holes}": n_holes == 0,
        f"lost at the end: {lost_s:.2f} s": 0.0 <= lost_s <= MOST_LOST_S,
        f"worst difference to what was sent: {1000.0 * worst_mv:.2f} uV": worst_mv <= HALF_STEP_MV,
        f"beats: {sum(s in 'NSVFQ' for s in symbols)}, of them V: {symbols.count('V')}": "V" in symbols,
        f"alarms of VT: {sum('alarm vt active high' in text for text in notes)}": any(
            "vt" in t for t in notes
        ),
    }


def _exports(folder: Path) -> dict[str, bool]:
    """What other people's libraries find in the exports, held against the recording."""
    import pyedflib
    from fhir.resources.observation import Observation

    edf, fhir = folder / "out.edf", folder / "out.json"
    done = [heartwire(["export", str(folder), str(edf), "--to", "edf"])]
    done += [heartwire(["export", str(folder), str(fhir), "--to", "fhir-r5"])]
    mv = open_recording(folder).mv[:, 0]
    good = np.isfinite(mv)
    with pyedflib.EdfReader(str(edf)) as read:
        same_edf = np.allclose(read.readSignal(0)[: len(mv)][good] / 1000.0, mv[good], atol=1e-6)
    observation = json.loads(fhir.read_text())
    Observation.model_validate(observation)
    data = observation["component"][0]["valueSampledData"]["data"].split(" ")
    same_fhir = [word == "E" for word in data] == (~good).tolist() and np.allclose(
        [float(word) / 1000.0 for word in data if word != "E"], mv[good], atol=1e-6
    )
    return {
        "both were exported": done == [0, 0],
        f"EDF+ ({edf.stat().st_size / 1e6:.1f} MB) equals the recording": bool(same_edf),
        f"FHIR R5 ({fhir.stat().st_size / 1e6:.1f} MB) is valid and equals the recording": bool(same_fhir),
    }


if __name__ == "__main__":
    sys.exit(main())
