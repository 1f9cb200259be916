"""The README's command on this Python: broker, patient, monitor and subscriber, each its real self."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_demo_when_run_for_some_seconds_then_beats_and_states_come_over_mqtt() -> None:
    command = [sys.executable, "-W", "error", "-m", "edge.cli", "demo", "--seconds", "12", "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    said = {message["topic"] for message in messages}
    assert {f"heartwire/{topic}" for topic in ("bridge/state", "demo/availability", "demo/state")} <= said
    beats = [message["payload"] for message in messages if message["topic"] == "heartwire/demo/beat"]
    assert len({beat["id"] for beat in beats}) >= 5
    assert {"N"} <= {beat["aami"] for beat in beats} <= set("NSVFQ")
