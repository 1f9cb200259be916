"""Our firmware on emulated chips, its UART on a line into `heartwire run`, a real broker behind it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firmware_bridge.patient import VirtualPatient

FS, OFF = 250, 32767


def bodies(subscriber: Any, leaf: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(f"heartwire/bed4/{leaf}")]


def test_run_when_an_uno_sends_then_beats_arrive_and_a_lead_that_is_off_is_no_asystole(
    uno: tuple[str, str],
    tmp_path: Path,
    broker: Any,
    make_subscriber: Any,
    spawn: Callable[..., Any],
    until: Any,
) -> None:
    records = np.rint(1650 + 1100 * VirtualPatient(250.0, 3, "sinus:300s rate=90").read(FS * 240).mv[:, 0])
    records[6 * FS : 12 * FS] = OFF
    records.astype(np.int16).tofile(tmp_path / "records")
    subscriber = make_subscriber(broker.port)
    board, line = pty.openpty()
    tty.setraw(line)
    words = ("run", "--source", os.ttyname(line), "--device", "bed4", "--mqtt", f"127.0.0.1:{broker.port}")
    monitor = spawn(*words)
    until(lambda: subscriber.payloads("heartwire/bed4/availability"), "the monitor", 60.0)
    with subprocess.Popen([*uno, str(tmp_path / "records"), "real"], stdout=board) as chip:
        try:
            until(lambda: len([b for b in bodies(subscriber, "beat") if b["final"]]) >= 4, "beats", 60.0)
            off = until(lambda: bodies(subscriber, "alarm/lead_off"), "the alarm of the electrode", 60.0)
            assert (off[0]["state"], off[0]["kind"]) == ("active", "technical")
            n = len(bodies(subscriber, "beat"))
            until(lambda: len(bodies(subscriber, "beat")) > n + 6, "beats again", 60.0)
        finally:
            chip.kill()
    assert monitor.poll() is None
    assert bodies(subscriber, "alarm/asystole") == []
    assert bodies(subscriber, "state")[-1]["fs_est"] is not None
    (firmware,) = [event for event in bodies(subscriber, "event") if event["event_type"] == "firmware"]
    assert firmware["detail"] == "heartwire-uno 1, native frames of version 1"
    os.close(board)
    os.close(line)
