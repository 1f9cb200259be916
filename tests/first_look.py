"""What a newcomer sees: ``python tests/first_look.py [FOLDER]``, one minute.

Runs ``heartwire demo`` and opens the page that it prints in Chromium: seconds from the command to the address, to a
moving trace, to the first beat with its letter on the canvas. Then three screens (phone, laptop, one on the wall), calm
and while an alarm stands, are put into FOLDER, to be looked at. 1 if the first beat took longer than 10 s.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.bench.browser import Browser, chromium, find_chromium  # noqa: E402

SCRIPT = "sinus:25s rate=72 pvc=0.1; vt:60s rate=150"
SIZES = {"phone": (390, 844, 2.0, True), "laptop": (1366, 768, 1.0, False), "wall": (1920, 1080, 1.0, False)}
GOAL_S, WAIT_S = 10.0, 90.0
INK = """(() => {
  const c = document.querySelector('.bed .trace');
  if (c === null || c.height === 0) return [0, 0];
  const ink = (y, n) => c.getContext('2d').getImageData(0, y, c.width, n).data.reduce((s, v, k) => s + (v ? k : 0), 0);
  return [ink(0, 18), ink(30, c.height - 30)];
})()"""
"""What is drawn in the row of beat marks, and below it."""


def main() -> int:
    """Look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("."), help="where the screens go")
    folder = parser.parse_args().folder
    program = find_chromium()
    if program is None:
        print("first_look: needs chromium", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    with chromium(program) as page:
        return _look(page, folder)


def _look(page: Browser, folder: Path) -> int:
    page.size(*SIZES["laptop"])
    page.prefer(color_scheme="light")
    begun_s = time.monotonic()
    command = [sys.executable, "-m", "edge.cli", "demo", "--script", SCRIPT]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    demo = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        page.open(_address(demo))
        at = {"address": time.monotonic() - begun_s}
        page.until(f"{INK}[1] > 0", WAIT_S)
        first = page.evaluate(INK)[1]
        page.until(f"{INK}[1] !== {first}", WAIT_S)
        at["moving trace"] = time.monotonic() - begun_s
        page.until(f"{INK}[0] > 0", WAIT_S)
        at["labelled beat"] = time.monotonic() - begun_s
        print("; ".join(f"{what} after {seconds:.1f} s" for what, seconds in at.items()), flush=True)
        (folder / "laptop-first.png").write_bytes(page.screenshot())
        time.sleep(8.0)
        _shoot(page, folder, "calm")
        page.until("document.querySelector('.alarm[data-priority=high]')", WAIT_S)
        time.sleep(4.0)
        _shoot(page, folder, "alarm")
        for error in page.errors:
            print(f"the page complained: {error}")
        return int(at["labelled beat"] > GOAL_S or bool(page.errors))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()


def _address(demo: subprocess.Popen[str]) -> str:
    assert demo.stderr is not None
    for line in demo.stderr:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise SystemExit("first_look: the demo ended without an address")


def _shoot(page: Browser, folder: Path, name: str) -> None:
    for screen, (width, height, ratio, mobile) in SIZES.items():
        page.size(width, height, ratio, mobile)
        time.sleep(2.0)
        path = folder / f"{screen}-{name}.png"
        path.write_bytes(page.screenshot())
        print(f"{path}: {width}x{height}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
