"""Makes the picture of the live page anew: ``python tests/picture.py edge/page.png``.

Two virtual patients on pseudo-terminals, a real monitor each, Mosquitto, ``heartwire dashboard`` and Chromium; the
second patient's heart goes into ventricular tachycardia, and the picture is taken once the page says so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge.bench.broker import find_mosquitto, mosquitto
from edge.bench.browser import chromium, find_chromium

ROOT = Path(__file__).resolve().parents[1]
BEDS = {"ana": "sinus:600s rate=68 pvc=0.1", "rui": "sinus:20s rate=84; vt:600s rate=130"}
WIDTH, HEIGHT = 1000, 620
WAIT_S = 120.0


def main() -> int:
    """Take it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="PNG to write")
    out = parser.parse_args().out
    programs = find_mosquitto(), find_chromium()
    if None in programs:
        print("picture: needs mosquitto and chromium (apt-get install mosquitto chromium)", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory() as folder,
        mosquitto(programs[0]) as broker,
        _ward(broker.port, Path(folder)) as page,
        chromium(programs[1]) as browser,
    ):
        browser.prefer(color_scheme="light")
        browser.size(WIDTH, HEIGHT)
        browser.open(page)
        browser.until("document.querySelectorAll('.bed:not(.stale)').length === 2", WAIT_S)
        browser.until("document.querySelector('.alarm[data-priority=high]')", WAIT_S)
        time.sleep(2.0)  # so that the sweep shows where it began
        if browser.evaluate("document.querySelectorAll('.alarm').length") > 1:
            print("picture: this machine is too busy (overload, rate): try again", file=sys.stderr)
            return 1
        browser.until("document.querySelectorAll('.bed:not(.stale)').length === 2", WAIT_S)
        out.write_bytes(browser.screenshot())
    print(f"picture: {out}, {out.stat().st_size} bytes", file=sys.stderr)
    return 0


@contextlib.contextmanager
def _ward(port: int, folder: Path) -> Iterator[str]:
    """The beds' patients and monitors, and the page's server; gives its address."""
    made: list[subprocess.Popen[str]] = []
    broker = f"127.0.0.1:{port}"

    def start(*words: str, **more: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge.cli", *words]
        env = {**os.environ, "XDG_STATE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE if more else subprocess.DEVNULL
        made.append(
            subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=pipe, text=True)
        )
        return made[-1]

    try:
        for seed, (bed, script) in enumerate(BEDS.items()):
            link = folder / bed
            start("simulate", "--script", script, "--seed", str(seed), "--to", f"pty:{link}", "--wait")
            while not link.exists():
                time.sleep(0.05)
            start("run", "--source", str(link), "--device", bed, "--mqtt", broker, "--roam")
        server = start("dashboard", "--mqtt", broker, "--listen", "127.0.0.1:0", said=True)
        assert server.stderr is not None
        found = re.search(r"http://\S+", server.stderr.readline())
        assert found is not None
        yield found[0]
    finally:
        for process in made:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
