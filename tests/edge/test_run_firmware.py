"""Our firmware on emulated chips, its UART on a line into `heartwire run`, a real broker behind it."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
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


def feed(link: socket.socket, stop: threading.Event) -> None:
    """The ADS1292R: 125 frames a second until told to stop."""
    encoder = get("ads1292r-raw").encoder(EncoderOptions(fs=125.0, leads=("I", "II")))
    mv = VirtualPatient(125.0, 3, "sinus:300s rate=80 pvc=0.2").read(125 * 200).mv[:, 0]
    begun = time.monotonic()
    for k in range(0, len(mv), 5):
        link.sendall(encoder.encode(np.repeat(mv[k : k + 5, None], 2, axis=1)))
        if stop.wait(max(0.0, begun + (k + 5) / 125.0 - time.monotonic())):
            return


@pytest.fixture
def chip(m4f: Path, until: Any) -> Iterator[int]:
    """The Cortex-M4F under QEMU, its converter running: the TCP port of its serial line."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
        words += ["-kernel", str(m4f), "-serial", f"tcp:127.0.0.1:{port},server=on,wait=off"]
        words += ["-serial", f"tcp:127.0.0.1:{server.getsockname()[1]}"]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as process:
            link, _ = server.accept()
            player = threading.Thread(target=feed, args=(link, stop))
            player.start()
            yield port
            stop.set()
            player.join()
            process.kill()
            link.close()


def test_run_when_a_cortex_m4f_sends_then_its_beats_are_published_beside_the_monitors_own(
    chip: int, broker: Any, make_subscriber: Any, spawn: Callable[..., Any], until: Any
) -> None:
    subscriber = make_subscriber(broker.port)
    monitor = spawn(
        "run", "--source", f"tcp://127.0.0.1:{chip}", "--device", "bed4", "--mqtt", f"127.0.0.1:{broker.port}"
    )

    def both() -> list[tuple[str, str]]:
        """Classes that both have given to the same beat, the chip's first."""
        theirs = {b["sample"]: b["aami"] for b in bodies(subscriber, "device_beat") if b["final"]}
        ours = {b["sample"]: b["aami"] for b in bodies(subscriber, "beat") if b["final"] and not b["warming"]}
        return [(theirs[k], ours[k]) for k in theirs if k in ours]

    until(lambda: len(both()) >= 6, "beats that both have named", 60.0)
    assert sum(a == b for a, b in both()) >= 0.8 * len(both())
    beat = bodies(subscriber, "device_beat")[-1]
    assert set(beat) >= {"sample", "aami", "probs", "amp_mv", "lead", "final", "t", "boot_id", "seq"}
    assert beat["lead"] == "II"
    assert set(beat["probs"]) == set("NSVFQ")
    assert monitor.poll() is None
    assert bodies(subscriber, "alarm/asystole") == []
