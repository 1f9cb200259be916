"""A whole monitor whose disk is full or cannot be written: alarms go out, what is wrong is told, and it comes back."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient

ROOT = Path(__file__).parents[2]
FS = 250.0
BED = "heartwire/bed4/"
LONG_S = 60.0


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of its own, or mounts it anew with other options."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    place = tmp_path / "disk"
    place.mkdir()

    def to_be(options: str) -> Path:
        again = "remount," if os.path.ismount(place) else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a disk")
        return place

    yield to_be
    if os.path.ismount(place):
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextlib.contextmanager
def running(disk: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A monitor that has everything on `disk`, fed at four times the speed of life."""
    words = ["--mqtt", f"127.0.0.1:{port}", "--mqtt-outbox-path", str(disk / "outbox")]
    words += ["--mqtt-replay-after-s", "0", "--alarms-log", str(disk / "alarms.jsonl")]
    words += ["--record", str(disk / "record")]
    command = [sys.executable, "-m", "edge.cli", "run", "--source", "-", "--device", "bed4", *words]
    encoder = get("native").encoder(EncoderOptions(fs=FS, leads=("II",)))
    patient, over = VirtualPatient(FS, 0, "sinus:10s rate=75; vt:20s rate=150; sinus:600s rate=75"), Event()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=quiet, bufsize=0) as monitor:
        stdin = monitor.stdin
        assert stdin is not None

        def feed() -> None:
            with contextlib.suppress(OSError):
                stdin.write(encoder.preamble())
                while not over.wait(0.025):
                    stdin.write(encoder.encode(patient.read(25).mv))

        feeder = Thread(target=feed)
        feeder.start()
        try:
            yield monitor
        finally:
            over.set()
            monitor.kill()
            feeder.join()


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_run_when_its_disk_takes_nothing_then_alarms_arrive_it_is_told_and_all_goes_on_when_it_does(
    trouble: str, mount: Callable[[str], Path], broker: Any, make_subscriber: Any, until: Any
) -> None:
    disk, subscriber = mount("size=1m"), make_subscriber(broker.port, BED + "#")
    if trouble == "read-only":
        mount("ro")
    else:
        with contextlib.suppress(OSError), (disk / "fill").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def told(leaf: str) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in subscriber.payloads(BED + leaf) if payload]

    def stands(name: str) -> str:
        return str((told(f"alarm/{name}") or [{"state": ""}])[-1]["state"])

    def kinds() -> set[str]:
        return {event["event_type"] for event in told("event")}

    log = disk / "alarms.jsonl"
    with running(disk, broker.port) as monitor:
        until(lambda: stands("vt") in ("active", "latched"), "the alarm of the heart", LONG_S)
        until(lambda: stands("recording_stopped") == "active", "the alarm of the recorder", LONG_S)
        until(lambda: {"outbox_memory", "alarm_log_failed"} <= kinds(), "a word about both files", LONG_S)
        n = len(told("state"))
        until(lambda: len(told("state")) > n + 8, "its life", LONG_S)
        assert stands("recording_stopped") == "active"
        assert not log.exists() or not log.read_bytes()
        mount("rw,size=600m")
        until(lambda: stands("recording_stopped") == "cleared", "the recorder to go on", LONG_S)
        subscriber.client.publish(BED + "command/ack", b'{"name":"vt","by":"Ana"}', 1)
        until(lambda: "outbox_disk" in kinds(), "the outbox to be on the disk", LONG_S)
        until(lambda: log.exists() and b'"by":"Ana"' in log.read_bytes(), "the alarm log", LONG_S)
        until(lambda: list((disk / "record" / "bed4").glob("*.dat")), "a record", LONG_S)
        assert monitor.poll() is None
