"""`heartwire demo`, whole, as somebody without any hardware would start it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge.bench.browser import chromium, find_chromium

ROOT = Path(__file__).parents[2]
MARKED = """(() => {
  const c = document.querySelector('.bed .trace');
  const ink = (y, n) => c.getContext('2d').getImageData(0, y, c.width, n).data.some((v) => v);
  return ink(0, 18) && ink(30, c.height - 30);
})()"""


def demo(*words: str, seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("amqtt")
    pytest.importorskip("websockets")
    command = [sys.executable, "-m", "edge.cli", "demo", "--seconds", str(seconds), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 90)


def test_demo_when_printing_json_then_beats_an_alarm_state_and_availability() -> None:
    done = demo("--json", "--script", "sinus:9s rate=80; vt:20s")
    assert done.returncode == 0, done.stderr
    messages: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    topics: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        topics.setdefault(message["topic"], []).append(message)
    assert len({message["payload"]["id"] for message in topics["heartwire/demo/beat"]}) > 10
    (alarm, *_) = topics["heartwire/demo/alarm/vt"]
    assert (alarm["payload"]["priority"], alarm["retain"]) == ("high", True)
    assert [message["payload"] for message in topics["heartwire/demo/availability"]][:2] == [
        "offline",
        "online",
    ]
    assert "online" in [message["payload"] for message in topics["heartwire/bridge/state"]]
    assert topics["heartwire/demo/state"][0]["retain"] is True


def test_demo_when_watched_then_readable_lines_and_the_address_for_others() -> None:
    done = demo(seconds=8.0)
    assert done.returncode == 0, done.stderr
    assert "mqtt://127.0.0.1:" in done.stderr
    assert "mosquitto_sub" in done.stderr
    assert [line for line in done.stdout.splitlines() if " beat N " in line]


def test_demo_when_the_page_is_opened_then_within_ten_seconds_a_moving_trace_with_marked_beats() -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    pytest.importorskip("amqtt")
    command = [sys.executable, "-m", "edge.cli", "demo", "--script", "sinus:60s"]
    with (
        chromium(program) as browser,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        found = re.search(
            r"See it: (http://127\.0\.0\.1:\d+/#key=\S+)",
            process.stderr.readline() + process.stderr.readline(),
        )
        assert found
        begun = time.monotonic()
        browser.size(1000, 700)
        browser.open(found[1])
        browser.until("document.querySelector('.hr dd')?.textContent > '0'")
        browser.until(MARKED)
        assert time.monotonic() - begun < 10.0
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 0


def test_demo_when_a_program_reads_its_log_then_objects_and_no_key() -> None:
    done = demo("--log-json", seconds=1.0)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert "live on mqtt://127.0.0.1:" in said[0]["text"]
    assert said[0]["text"].endswith("/#key=***")


def test_demo_when_the_record_is_missing_then_one_line() -> None:
    done = demo("--record", "/nowhere/100")
    assert done.returncode == 2
    assert done.stderr.startswith("heartwire: ")
    assert "/nowhere/100" in done.stderr
    assert done.stderr.count("\n") == 1


def test_demo_when_killed_then_none_of_its_processes_is_left() -> None:
    pytest.importorskip("amqtt")
    pytest.importorskip("websockets")
    command = [sys.executable, "-m", "edge.cli", "demo", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 3
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
    end = time.monotonic() + 10.0
    while any(os.path.exists(f"/proc/{child}/fd/0") for child in children):
        assert time.monotonic() < end, "a child is left"
        time.sleep(0.05)
