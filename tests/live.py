"""Plays every device live: ``python tests/live.py [NAME ...] [--minutes 5] [--jobs 8]``.

Each device is a process (``heartwire simulate`` on a pseudo-terminal, at true speed), and so is its monitor
(``heartwire run``). The beats that the monitor told are held against the virtual patient's own: a line a device with
sensitivity and positive predictivity (150 ms, as EC57; the first 5 s are left out), and the alarms that it raised.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from firmware_bridge import devices  # noqa: E402
from firmware_bridge.device import DecoderOptions  # noqa: E402
from firmware_bridge.patient import VirtualPatient  # noqa: E402
from firmware_bridge.simulator import byte_wire, rate_of  # noqa: E402
from firmware_bridge.types import SampleBlock  # noqa: E402

SCRIPT = "sinus:3600s rate=72 pvc=0.06 apc=0.03"
MATCH_S = 0.15
FROM_S = 5.0
START_S = 30.0
LEAST = 99.0
ROOM = 0.9
"""A beat takes so much of the device's range at most: the next minutes' may be larger."""
Samples = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one device: beats of the patient, those found, those called and true; alarms; what went wrong."""

    name: str
    n_true: int = 0
    n_found: int = 0
    n_called: int = 0
    n_right: int = 0
    alarms: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def se(self) -> float:
        """Sensitivity in percent."""
        return 100.0 * self.n_found / max(1, self.n_true)

    @property
    def ppv(self) -> float:
        """Positive predictivity in percent."""
        return 100.0 * self.n_right / max(1, self.n_called)

    @property
    def is_good(self) -> bool:
        """Whether it is as it must be."""
        return not self.trouble and not self.alarms and min(self.se, self.ppv) >= LEAST

    def line(self) -> str:
        """As a person reads it."""
        said = self.trouble or ", ".join(self.alarms) or "no alarm"
        counts = f"{self.n_found}/{self.n_true}, {self.n_right}/{self.n_called}"
        return f"{self.name:18} Se {self.se:6.2f}  +P {self.ppv:6.2f}  ({counts})  {said}"


def main(argv: Sequence[str] | None = None) -> int:
    """Play them; 1 if one of them is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="devices; all unless named")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--script", default=SCRIPT, help=f"what the patient does (default: {SCRIPT})")
    parser.add_argument("--jobs", type=int, default=8, help="so many at once")
    args = parser.parse_args(argv)
    with ThreadPoolExecutor(args.jobs) as pool:
        good = [
            print(played.line(), flush=True) or played.is_good
            for played in pool.map(
                lambda name: play(name, 60.0 * args.minutes, args.script), args.names or devices.names()
            )
        ]
    return 0 if all(good) else 1


def play(name: str, seconds: float, script: str = SCRIPT) -> Played:
    """One device, for so long."""
    fs = rate_of(name, None)
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "port")
        gain = f"{fitting(name, fs, script):.2f}"
        simulator = _heartwire(
            "simulate", "--format", name, "--to", f"pty:{link}", "--script", script, "--seconds",
            str(seconds + FROM_S), "--wait", "--gain", gain,
        )  # fmt: skip
        until_s = time.monotonic() + START_S
        while not link.exists() and simulator.poll() is None and time.monotonic() < until_s:
            time.sleep(0.01)
        monitor = _heartwire(
            "run", "--source", str(link), "--format", name, "--device", "bed1", "--mqtt", "none", "--json",
            "--alarms-log", "none", "--seconds", str(seconds),
        )  # fmt: skip
        said, error = monitor.communicate()
        simulator.terminate()
        simulator.communicate()
    if monitor.returncode:
        return Played(name, trouble=error.strip().splitlines()[-1] if error.strip() else "the monitor ended")
    messages = [json.loads(line) for line in said.splitlines()]
    return scored(name, fs, seconds, messages, script)


def fitting(name: str, fs: float, script: str) -> float:
    """How large the patient's ECG may be, 1 at most, for the device to clip none of its first minute.

    A clean run has no clipping: what a board with a range of half a millivolt makes of a beat of 1.6 mV says
    nothing of the way from there on.
    """
    wire = byte_wire(name, fs, ("ECG",), asked=True)
    rails = np.repeat(np.array([-50.0, 50.0], np.float32), 2 * round(fs)).reshape(-1, 1)
    items = devices.get(name).decoder(DecoderOptions(fs=fs)).feed(wire.hello() + wire.encode(rails))
    ends = np.concatenate([item.mv[:, 0] for item in items if isinstance(item, SampleBlock)])
    mv = VirtualPatient(fs, 0, script).read(round(60 * fs)).mv
    return min(1.0, ROOM * float(ends.min() / mv.min()), ROOM * float(ends.max() / mv.max()))


def scored(
    name: str, fs: float, seconds: float, messages: Sequence[dict[str, Any]], script: str = SCRIPT
) -> Played:
    """Beats of the monitor's messages against the patient's, and its alarms."""
    beats = [m["payload"] for m in messages if m["topic"].endswith("/beat") and m["payload"]["final"]]
    alarms = sorted(
        {m["topic"].rpartition("/")[2] for m in messages if "/alarm/" in m["topic"] and m["payload"]}
    )
    called = np.array(sorted({int(beat["sample"]) for beat in beats}), np.int64)
    if len(called) < 10:
        return Played(name, alarms=tuple(alarms), trouble=f"{len(called)} beats")
    patient = VirtualPatient(fs, 0, script)
    for _ in range(round(seconds + 2 * FROM_S)):
        patient.read(round(fs))
    true: Samples = np.array([beat.sample for beat in patient.beats], np.int64)
    true = true - shift(true, called, fs)
    first, last = int(FROM_S * fs), int(called[-1])
    slack = round(MATCH_S * fs)
    of_true, of_called = true[(true >= first) & (true <= last)], called[called >= first]
    return Played(
        name, len(of_true), near(of_true, called, slack), len(of_called), near(of_called, true, slack), tuple(alarms)
    )  # fmt: skip


def shift(true: Samples, called: Samples, fs: float) -> int:
    """Samples that had gone by at the monitor's first: some devices play on until somebody asks them."""
    of = called[len(called) // 2]
    candidates = [int(one - of) for one in true if -fs <= one - of <= 20 * fs]
    return max(candidates, key=lambda n: near(called, true - n, round(0.02 * fs)))


def near(these: Samples, those: Samples, slack: int) -> int:
    """How many of `these` have one of `those` within `slack`."""
    at = np.searchsorted(those, these)
    before, after = those[np.maximum(at - 1, 0)], those[np.minimum(at, len(those) - 1)]
    return int(np.sum(np.minimum(np.abs(these - before), np.abs(after - these)) <= slack))


def _heartwire(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge.cli", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
