"""A real monitor killed over a stopped heart, and started again: what nobody has acknowledged is still there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.alarms.log import read_log
from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient

ROOT = Path(__file__).parents[2]
FS = 250.0
BED = "heartwire/bed4/"
LONG_S = 60.0


def played(script: str, seconds: float) -> bytes:
    """What a native device sends of that heart."""
    encoder = get("native").encoder(EncoderOptions(fs=FS, leads=("II",)))
    mv = VirtualPatient(FS, 0, script).read(round(seconds * FS)).mv
    return encoder.preamble() + b"".join(encoder.encode(mv[k : k + 25]) for k in range(0, len(mv), 25))


@pytest.fixture
def run(broker: Any, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a monitor and has a device say something to it, all at once; then the device is silent."""
    made: list[subprocess.Popen[bytes]] = []

    def start(data: bytes, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge.cli", "run", "--source", "-", "--device", "bed4", *words]
        command += ["--mqtt", f"127.0.0.1:{broker.port}"]
        command += [] if "--alarms-log" in words else ["--alarms-log", "none"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        made.append(subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdin=subprocess.PIPE, **quiet))
        made[-1].stdin.write(data)
        made[-1].stdin.flush()
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def told(subscriber: Any, leaf: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(BED + leaf) if payload]


def last(subscriber: Any, name: str) -> dict[str, Any]:
    return (told(subscriber, f"alarm/{name}") or [{}])[-1]


def kill(monitor: subprocess.Popen[bytes]) -> None:
    monitor.kill()
    monitor.wait()


def test_run_when_killed_over_a_stopped_heart_then_latched_again_seen_once_and_lesser_ones_are_over(
    tmp_path: Path, broker: Any, make_subscriber: Any, run: Callable[..., Any], until: Any
) -> None:
    subscriber, log = make_subscriber(broker.port, BED + "#"), tmp_path / "alarms.jsonl"
    words = ("--alarms-log", str(log), "--mqtt-replay-after-s", "0")
    monitor = run(played("bigeminy:25s; asystole:9s; sinus:60s", 40.0), *words)
    until(lambda: last(subscriber, "asystole").get("state") == "latched", "a latched alarm", LONG_S)
    until(lambda: last(subscriber, "bigeminy").get("state") == "active", "a lesser alarm", LONG_S)
    first = last(subscriber, "asystole")
    kill(monitor)
    subscriber.client.publish(BED + "alarm/dance", b'{"state":"active"}', 1, retain=True)
    subscriber.client.publish(BED + "alarm/vf", b"{", 1, retain=True)
    until(lambda: subscriber.payloads(BED + "alarm/vf"), "rubbish")
    monitor = run(played("sinus:60s", 8.0), *words)
    adopted = until(lambda: (a := last(subscriber, "asystole")).get("adopted") and a, "its adoption", LONG_S)
    same = ("occurrence", "since", "priority", "kind", "limit")
    assert {key: adopted[key] for key in same} == {key: first[key] for key in same}
    assert (adopted["state"], adopted["latched"], adopted["acked"]) == ("latched", True, False)
    assert adopted["boot_id"] != first["boot_id"]
    assert adopted["value"].endswith("(before the monitor was started again)")
    over = until(lambda: (a := last(subscriber, "bigeminy"))["state"] == "cleared" and a, "the lesser's end")
    assert over["value"].endswith("(not followed since the monitor was started again)")
    until(lambda: told(subscriber, "state")[-1]["alarms"].split(",").count("asystole"), "the state", LONG_S)
    until(lambda: told(subscriber, "audio")[-1]["sounding"] == "high", "the word to sound", LONG_S)
    for name in ("dance", "vf"):
        until(lambda name=name: subscriber.payloads(f"{BED}alarm/{name}")[-1] == b"", f"{name} emptied")
    kinds = until(
        lambda: "alarm_unknown" in (k := [e["event_type"] for e in told(subscriber, "event")]) and k, "a word"
    )
    assert kinds.count("alarm_unknown") == 1
    subscriber.client.publish(BED + "command/ack", b'{"name":"asystole","by":"Ana"}', 1)
    seen = until(lambda: (a := last(subscriber, "asystole"))["state"] == "cleared" and a, "the end", LONG_S)
    assert (seen["acked"], seen["by"], seen["occurrence"]) == (True, "Ana", first["occurrence"])
    kill(monitor)
    records, _ = read_log(log.read_bytes())
    mine = [r for r in records if r.get("name") == "asystole"]
    assert [r["what"] for r in mine] == ["raised", "latched", "adopted", "acknowledged"]
    assert {r["occurrence"] for r in mine} == {first["occurrence"]}


def test_run_when_killed_without_a_log_then_what_the_broker_keeps_is_enough_and_once_seen_it_stays_away(
    broker: Any, make_subscriber: Any, run: Callable[..., Any], until: Any
) -> None:
    subscriber = make_subscriber(broker.port, BED + "#")
    monitor = run(played("sinus:12s rate=80; asystole:9s; sinus:60s", 24.0))
    until(lambda: last(subscriber, "asystole").get("state") == "latched", "a latched alarm", LONG_S)
    kill(monitor)
    monitor = run(b"")
    until(lambda: last(subscriber, "asystole").get("adopted"), "its adoption", LONG_S)
    assert len({a["occurrence"] for a in told(subscriber, "alarm/asystole")}) == 1
    boots = {a["boot_id"] for a in told(subscriber, "alarm/asystole")}
    subscriber.client.publish(BED + "command/ack", b"", 1)
    until(lambda: last(subscriber, "asystole")["state"] == "cleared", "its end", LONG_S)
    kill(monitor)
    run(b"")
    until(lambda: last(subscriber, "no_signal")["boot_id"] not in boots, "the next start", LONG_S)
    n = len(told(subscriber, "state"))
    until(lambda: len(told(subscriber, "state")) > n + 5, "its life", LONG_S)
    assert {a["boot_id"] for a in told(subscriber, "alarm/asystole")} == boots
    assert last(subscriber, "asystole")["state"] == "cleared"


@pytest.mark.parametrize("ids", [("a", "b"), ("", "")])
def test_run_when_two_monitors_have_one_name_then_an_alarm_says_so_and_neither_ends_the_others(
    ids: tuple[str, str],
    tmp_path: Path,
    broker: Any,
    make_subscriber: Any,
    run: Callable[..., Any],
    until: Any,
) -> None:
    subscriber = make_subscriber(broker.port, BED + "#")
    log = "--alarms-log", str(tmp_path / "alarms.jsonl")  # as two of one name have by default
    run(played("sinus:12s rate=80; asystole:9s; sinus:60s", 24.0), "--mqtt-client-id", ids[0], *log)
    until(lambda: last(subscriber, "asystole").get("state") == "latched", "a latched alarm", LONG_S)
    first = last(subscriber, "asystole")
    other = run(b"", "--mqtt-client-id", ids[1], "--mqtt-outbox-path", "none", *log)

    def clashes() -> set[str]:
        return {a["boot_id"] for a in told(subscriber, "alarm/device_id_clash") if a["state"] == "active"}

    until(lambda: len(clashes()) == 2, "both name it", LONG_S)
    n = len(told(subscriber, "state"))
    until(lambda: len(told(subscriber, "state")) > n + 10, "some seconds", LONG_S)
    assert "speaks for bed4 too" in last(subscriber, "device_id_clash")["value"]
    assert last(subscriber, "asystole") == first
    kill(other)
    until(lambda: last(subscriber, "device_id_clash")["state"] == "cleared", "the end of it", LONG_S)
