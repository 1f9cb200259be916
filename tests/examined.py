"""Has every device examined on a port: ``python tests/examined.py [NAME ...] [--jobs 8]``.

Each device is a process (``heartwire simulate`` on a pseudo-terminal, at true speed, which gives garbage to a reader at
another baud than the device's), and ``heartwire doctor`` is told nothing but the port. It must name the format, the
baud, the rate within 1 % and the polarity, and find what is planted: a wrong rate, an inverted lead, clipping, hum of
50 and of 60 Hz, an electrode that is off. A line a device; 1 if something was not found.
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

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from live import fitting  # noqa: E402

from firmware_bridge import devices  # noqa: E402
from firmware_bridge.simulator import rate_of  # noqa: E402

SINUS = "sinus:600s rate=72"
START_S = 30.0
WITHIN = 0.01
SAME = ({"chords-npg", "chords-pico"}, {"text", "text-esp32"})
"""Formats that nothing tells apart but the board or the numbers' range."""
NO_RAILS = ("text-mv", "text-json")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is planted: how, and the finding that must say so, in a word of its own."""

    what: str = ""
    says: str = ""
    script: str = SINUS
    gain: float = 1.0
    pace: float = 1.0


TROUBLES = {
    "none": Trouble(),
    "rate": Trouble("rate", "samples a second", pace=0.9),
    "inverted": Trouble("polarity", "downwards", gain=-1.0),
    "clipping": Trouble("clipping", "end of the converter", gain=600.0),
    "50 Hz": Trouble("mains", "50 Hz", f"{SINUS} mains=0.4"),
    "60 Hz": Trouble("mains", "60 Hz", f"{SINUS} mains=0.4 mains_hz=60"),
    "electrode": Trouble("electrodes", "off", "sinus:4s rate=72; lead_off:3s"),
}


def examined(name: str, trouble: Trouble, *words: str) -> dict[str, Any]:
    """What `doctor` finds: its findings by their names."""
    fs, device = rate_of(name, None), devices.get(name)
    gain = trouble.gain * fitting(name, fs, SINUS)
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "port")
        simulator = _heartwire(
            "simulate", "--format", name, "--to", f"pty:{link}", "--script", trouble.script, "--gain", f"{gain:.3f}",
            "--baud", str(device.baud), "--fault", f"rate={trouble.pace}",
        )  # fmt: skip
        until_s = time.monotonic() + START_S
        while not link.exists() and simulator.poll() is None and time.monotonic() < until_s:
            time.sleep(0.01)
        said, error = _heartwire("doctor", str(link), "--json", *words).communicate()
        simulator.terminate()
        simulator.communicate()
    lines = [json.loads(line) for line in said.splitlines()]
    return {line["what"]: line for line in lines} or {"error": error.strip()}


def missed(name: str, key: str) -> str:
    """What `doctor` does not find of a device with this trouble; empty where it finds all."""
    trouble, device = TROUBLES[key], devices.get(name)
    found = examined(name, trouble)
    value = found.get("format", {}).get("value")
    if value != name and {value, name} not in SAME:
        return f"{key}: took it for {value} ({found.get('error', '')})"
    wanted = {"rate": trouble.pace * rate_of(name, None)}
    rate = found["rate"]["value"] or 0.0
    if abs(rate / wanted["rate"] - 1) > WITHIN:
        return f"{key}: rate {rate}, it is {wanted['rate']:g}"
    if f"at {device.baud} baud" not in found["format"]["text"]:
        return f"{key}: {found['format']['text']}, it is {device.baud} baud"
    if not trouble.what:
        wrong = [what for what, line in found.items() if line.get("level") == "wrong"]
        upright = found.get("polarity", {}).get("level") == "ok"
        return f"{key}: {wrong}, polarity {upright}" if wrong or not upright else ""
    line = found.get(trouble.what, {"level": "ok", "text": ""})
    if key == "clipping" and name in NO_RAILS:
        return ""
    return f"{key}: {line['text']}" if line["level"] == "ok" or trouble.says not in line["text"] else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Examine them; 1 if something was not found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="devices; all unless named")
    parser.add_argument("--jobs", type=int, default=8, help="so many at once")
    args = parser.parse_args(argv)
    good = True
    with ThreadPoolExecutor(args.jobs) as pool:
        names = args.names or devices.names()
        asked = {name: [pool.submit(missed, name, key) for key in TROUBLES] for name in names}
        for name, answers in asked.items():
            wrong = [answer.result() for answer in answers if answer.result()]
            good = good and not wrong
            print(f"{name:16} {'; '.join(wrong) or 'named, and all that was planted was found'}", flush=True)
    return 0 if good else 1


def _heartwire(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge.cli", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
