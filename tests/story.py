"""Plays the story of one bed and asks all who tell of it: ``python tests/story.py``, five minutes.

A virtual patient's heart stops, fibrillates, races, goes into atrial fibrillation; an electrode comes off; the cable
is pulled. A real monitor publishes to a real Mosquitto; ``mosquitto_sub``, ``heartwire watch``, the alarm log and the
page in Chromium each say which alarms there were, and the first is acknowledged on the page. Prints a line a teller; 1
if one of them differs from what the story holds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.alarms.log import read_log  # noqa: E402
from edge.alarms.state import SPECS  # noqa: E402
from edge.bench.broker import find_mosquitto, mosquitto  # noqa: E402
from edge.bench.browser import Browser, chromium, find_chromium  # noqa: E402

SCRIPT = (
    "sinus:20s rate=75; asystole:9s; sinus:25s rate=75; vf:12s; sinus:25s rate=75; vt:9s rate=125; sinus:25s rate=75; "
    "af:120s; sinus:25s rate=75; lead_off:6s; sinus:15s rate=75"
)
LONG_S, UNPLUGGED_S, WAIT_S = 291.0, 6.0, 120.0
EXPECTED = ("asystole", "extreme_brady", "vf", "vt", "af", "lead_off", "no_signal")
"""Five beats around a stop of nine seconds are below 40 a minute too: no lethal alarm is withheld for another."""
SPECS_BY_NAME = {spec.name: spec for spec in SPECS}
WORDS = (ROOT / "edge" / "io" / "dashboard" / "static" / "words.js").read_text(encoding="utf-8")
TITLES = {title: name for name, title in re.findall(r'^  (\w+): "([^"]+)",$', WORDS, re.MULTILINE)}
Told = tuple[set[tuple[str, str]], str]
SHOWN = """[...document.querySelectorAll('.alarm')].map(
  (a) => [a.querySelector('.what').textContent, a.dataset.priority, a.classList.contains('acked')])"""


def main() -> int:
    """Play it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    broker, browser = find_mosquitto(), find_chromium()
    if broker is None or browser is None:
        print("story: needs mosquitto, mosquitto-clients and chromium", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="heartwire-") as folder,
        mosquitto(broker) as running,
        _bed(Path(folder), running.tcp, str(running.port)) as (patient, address),
        chromium(browser) as page,
    ):
        on_page = _watch_page(page, address, patient)
        time.sleep(1.0)
        tellers = {
            "page": on_page,
            "watch": _of_watch(Path(folder, "watch").read_text()),
            "mosquitto_sub": _of_topics(Path(folder, "topics").read_text()),
            "alarm log": _of_log(Path(folder, "alarms.jsonl")),
        }
    expected = {(name, SPECS_BY_NAME[name].priority) for name in EXPECTED}
    good = True
    for teller, (told, by) in tellers.items():
        more, less = sorted(told - expected), sorted(expected - told)
        good &= not more and not less and bool(by)
        print(
            f"{teller:14} {len(told & expected)} of {len(expected)}; besides {more}; missing {less}; acked: {by}"
        )
    return 0 if good else 1


def _watch_page(page: Browser, address: str, patient: subprocess.Popen[str]) -> Told:
    """All alarms that the page showed until the cable was pulled, the first of them acknowledged there."""
    told: set[tuple[str, str]] = set()
    by, pressed, pulled_s = "", False, 0.0
    page.size(1366, 768)
    page.open(address)
    page.until("document.querySelectorAll('.bed:not(.stale)').length === 1", WAIT_S)
    until_s = time.monotonic() + LONG_S
    while pulled_s == 0.0 or time.monotonic() < pulled_s + UNPLUGGED_S:
        for title, priority, acked in page.evaluate(SHOWN):
            told.add((TITLES.get(title, title), priority))
            by = "page" if acked else by
        if told and not pressed:
            page.click(".alarm > button")
            pressed = True
        if pulled_s == 0.0 and time.monotonic() > until_s:
            patient.kill()
            pulled_s = time.monotonic()
        time.sleep(0.2)
    return told, by


def _of_watch(text: str) -> Told:
    told = {(name, priority) for name, priority in re.findall(r"ALARM (\w+) \w+.*?, priority (\w+):", text)}
    by = re.search(r"acknowledged by ([\w@]+)", text)
    return told, "" if by is None else by[1]


def _of_topics(text: str) -> Told:
    told, by = set(), ""
    for topic, payload in re.findall(r"^heartwire/bed4/alarm/(\w+) ({.*})$", text, re.MULTILINE):
        it = json.loads(payload)
        told.add((topic, it["priority"]))
        by = it.get("by") or by
    return told, by


def _of_log(path: Path) -> Told:
    records, _ = read_log(path.read_bytes())
    of_alarms = [record for record in records if record.get("name")]
    told = {(record["name"], record["priority"]) for record in of_alarms}
    return told, next((record["by"] for record in of_alarms if record.get("by")), "")


@contextlib.contextmanager
def _bed(folder: Path, broker: str, port: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The patient, the monitor and all who tell of them; gives the patient and the page's address."""
    made: list[subprocess.Popen[str]] = []

    def start(command: list[str], out: IO[str] | int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        env = {**os.environ, "XDG_STATE_HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        made.append(
            subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.PIPE, text=True)
        )
        return made[-1]

    def heartwire(*words: str, out: IO[str] | int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        return start([sys.executable, "-m", "edge.cli", *words], out)

    link = folder / "port"
    with (folder / "watch").open("w") as watched, (folder / "topics").open("w") as topics:
        try:
            start(["mosquitto_sub", "-p", port, "-v", "-t", "heartwire/bed4/alarm/+"], topics)
            heartwire("watch", "--mqtt", broker, "--plain", out=watched)
            server = heartwire("dashboard", "--mqtt", broker, "--listen", "127.0.0.1:0")
            patient = heartwire("simulate", "--script", SCRIPT, "--to", f"pty:{link}", "--wait")
            while not link.exists():
                time.sleep(0.05)
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found is not None
            log = str(folder / "alarms.jsonl")
            heartwire("run", "--source", str(link), "--device", "bed4", "--mqtt", broker, "--alarms-log", log)
            yield patient, found[0]
        finally:
            for process in made:
                process.kill()
                process.communicate()


if __name__ == "__main__":
    sys.exit(main())
