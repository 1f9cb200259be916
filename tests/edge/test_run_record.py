"""A real heart through the real programs: mitdb 208 over a pty and over MQTT at once, and the same events from both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 25
Spawn = Callable[..., "subprocess.Popen[bytes]"]


def bodies(subscriber: Any, device: str, leaf: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(f"heartwire/{device}/{leaf}")]


def answers(subscriber: Any, device: str, before: int) -> list[tuple[Any, ...]]:
    """What was said of every beat up to a sample, without what differs from one monitor to the next."""
    return [
        (b["sample"], b["final"], b["aami"], b["rr_ms"], tuple(b["probs"].values()), b["sqi"], b["warming"])
        for b in bodies(subscriber, device, "beat")
        if b["sample"] < before
    ]


def test_run_when_record_208_comes_over_a_pty_and_over_mqtt_then_both_say_the_same_and_call_its_vebs(
    tmp_path: Path, broker: Any, make_subscriber: Any, spawn_unheard: Spawn, until: Any
) -> None:
    if not os.environ.get("HEARTWIRE_DATA"):
        pytest.skip("HEARTWIRE_DATA is not set")
    subscriber, link = make_subscriber(broker.port, "heartwire/#"), tmp_path / "ttyECG"
    ward, source = f"127.0.0.1:{broker.port}", f"mqtt://127.0.0.1:{broker.port}/in/bed5"
    monitor = spawn_unheard("run", "--source", source, "--format", "mqtt", "--device", "bed5", "--mqtt", ward)
    until(lambda: subscriber.payloads("heartwire/bed5/availability"), "the monitor that listens to MQTT")
    player = spawn_unheard("replay", "mitdb/208", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device")
    spawn_unheard("run", "--source", str(link), "--device", "bed4", "--mqtt", ward)
    until(lambda: bodies(subscriber, "bed4", "beat"), "a beat over the pty")
    spawn_unheard("replay", "mitdb/208", "--to", source, "--format", "mqtt-int16", "--seconds", str(SECONDS))
    last = (SECONDS - 4) * 360
    for bed in ("bed4", "bed5"):
        until(
            lambda bed=bed: any(b["sample"] >= last for b in bodies(subscriber, bed, "beat")), f"{bed}", 60.0
        )
    serial, mqtt = answers(subscriber, "bed4", last), answers(subscriber, "bed5", last)
    assert len(serial) > 50
    assert serial == mqtt
    assert sum(aami == "V" for _, final, aami, *_ in serial if final) > 8
    assert bodies(subscriber, "bed4", "rhythm")
    assert bodies(subscriber, "bed4", "state")[-1]["hr_bpm"] > 60
    player.kill()
    until(lambda: bodies(subscriber, "bed4", "alarm/no_signal"), "the alarm of silence")
    assert bodies(subscriber, "bed4", "alarm/asystole") == []
    monitor.send_signal(signal.SIGTERM)
    assert monitor.wait(10) == 0
