"""One stopped heart, told alike on the topic, in a terminal, in the log and on the page; so is who has seen it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.alarms.log import read_log
from edge.io.dashboard import feed
from edge.ward.beds import Ward

ROOT = Path(__file__).parents[3]
LETHAL = ("asystole", "vf", "vt", "extreme_brady", "extreme_tachy")
Changes = list[tuple[str, str, bool]]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []

    def start(name: str, *words: str) -> subprocess.Popen[str]:
        with (tmp_path / f"{name}.out").open("w") as out, (tmp_path / f"{name}.err").open("w") as err:
            command = [sys.executable, "-m", "edge.cli", *words]
            environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
            made.append(subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=err, text=True))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


def _of_topic(subscriber: Any) -> Changes:
    found = [json.loads(payload) for topic, payload, _ in subscriber.got if "/alarm/" in topic]
    return [(a["name"], a["state"], a["acked"]) for a in found if a["name"] in LETHAL]


def _of_terminal(text: str) -> Changes:
    lines = re.findall(r"ALARM (\w+) (\w+)(, acknowledged by Ana)?, priority high", text)
    return [(name, state, bool(acked)) for name, state, acked in lines]


def _of_log(path: Path) -> Changes:
    records, n_torn = read_log(path.read_bytes())
    assert n_torn == 0
    return [(r["name"], r["state"], bool(r["by"])) for r in records if r.get("name") in LETHAL]


def _of_page(subscriber: Any) -> Changes:
    """What the page's server tells the page of the same messages."""
    ward, out = Ward(), []
    for topic, payload, retain in subscriber.got:
        for change in ward.push(topic, payload, retain, 0.0):
            one = feed.item(change)
            body = {} if one is None else json.loads(one.text)
            if body.get("is") == "alarm" and body["it"]["name"] in LETHAL:
                out.append((body["it"]["name"], body["it"]["state"], body["it"]["acked"]))
    return out


def test_alarm_when_a_heart_stops_and_is_seen_then_all_who_show_it_say_the_same(
    tmp_path: Path, broker: Any, make_subscriber: Any, spawn: Callable[..., Any], until: Callable[..., Any]
) -> None:
    subscriber, link, log = make_subscriber(broker.port), tmp_path / "ttyECG", tmp_path / "alarms.jsonl"
    at = f"127.0.0.1:{broker.port}"
    spawn("watch", "watch", "--mqtt", at, "--plain")
    until(lambda: "connected" in (tmp_path / "watch.err").read_text(), "a watcher", 60.0)
    spawn(
        "player", "simulate", "--script", "sinus:10s rate=80; asystole:120s", "--to", f"pty:{link}", "--wait"
    )
    until(link.exists, "the device", 60.0)
    monitor = spawn(
        "run", "run", "--source", str(link), "--device", "bed4", "--mqtt", at, "--alarms-log", str(log)
    )
    until(lambda: _of_topic(subscriber), "the alarm", 60.0)
    audio = "heartwire/bed4/audio"
    until(lambda: json.loads(subscriber.payloads(audio)[-1])["sounding"] == "high", "the word to sound", 60.0)
    subscriber.client.publish("heartwire/bed4/command/ack", b'{"name":"asystole","by":"Ana"}', 1)
    expected = [("asystole", "active", False), ("asystole", "active", True)]
    until(lambda: _of_topic(subscriber)[:2] == expected, "the acknowledgement", 60.0)
    until(
        lambda: _of_terminal((tmp_path / "watch.out").read_text())[:2] == expected, "a watcher's word", 60.0
    )
    until(lambda: _of_log(log)[:2] == expected, "the log", 60.0)
    assert _of_page(subscriber)[:2] == expected
    monitor.send_signal(signal.SIGTERM)
    assert monitor.wait(60) == 0
    records, _ = read_log(log.read_bytes())
    raised = next(r for r in records if r["what"] == "raised")
    assert (raised["limit"], raised["kind"]) == ("no QRS for 4 s with the electrodes on", "patient")
    assert [r["by"] for r in records if r["what"] == "acknowledged"] == ["Ana"]
    assert records[0]["what"] == "started"
