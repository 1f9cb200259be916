"""`heartwire run --personal labels`, whole: a person labels beats over MQTT while the heart beats."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LABEL = "heartwire/bed4/command/label"
MANY = 15
Spawn = Callable[..., "subprocess.Popen[bytes]"]


def bodies(subscriber: Any, leaf: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(f"heartwire/bed4/{leaf}")]


def events(subscriber: Any, kind: str) -> list[dict[str, Any]]:
    return [body for body in bodies(subscriber, "event") if body["event_type"] == kind]


def test_run_when_beats_are_labelled_over_mqtt_then_answered_logged_learned_and_forgotten_at_a_reset(
    tmp_path: Path, broker: Any, make_subscriber: Any, spawn_unheard: Spawn, until: Any
) -> None:
    subscriber, link = make_subscriber(broker.port), tmp_path / "ttyECG"

    def say(retain: bool = False, **body: Any) -> None:
        subscriber.client.publish(LABEL, json.dumps(body), 1, retain)

    def answer(id_: int) -> dict[str, Any]:
        found = until(
            lambda: [b for b in bodies(subscriber, "response/label") if b.get("id") == id_],
            f"answer {id_}",
            60.0,
        )
        return dict(found[0])

    say(retain=True, beat=1, aami="Q", id=99)
    spawn_unheard("simulate", "--script", "sinus:300s rate=100", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device", 60.0)
    where = f"127.0.0.1:{broker.port}"
    monitor = spawn_unheard(
        "run", "--source", str(link), "--device", "bed4", "--mqtt", where, "--personal", "labels"
    )
    beats = until(lambda: [b for b in bodies(subscriber, "beat") if b["final"]][3:], "beats", 60.0)
    assert events(subscriber, "command_ignored")
    first = until(lambda: bodies(subscriber, "state"), "a state", 60.0)[0]
    assert (first["personal"], first["personal_beats"]) == ("labels", 0)

    say(beat=12345, aami="V", id=1)
    assert "got beat 12345, expected the id of one of the last 768 beats (0 to " in answer(1)["error"]
    say(beat=beats[0]["id"], aami="X", id=2)
    assert answer(2)["error"] == "got class 'X', expected one of N S V F Q"
    assert events(subscriber, "label") == []

    for k in range(MANY):
        say(beat=beats[0]["id"], aami="NS"[k % 2], by="Ana", id=100 + k)
    assert [answer(100 + k)["ok"] for k in range(MANY)] == [True] * MANY
    told = until(
        lambda: len(found := events(subscriber, "label")) == MANY and found, "an event a label", 60.0
    )
    assert f"beat {beats[0]['id']} is N, says Ana; the monitor's own answer was" in told[-1]["detail"]
    until(lambda: bodies(subscriber, "state")[-1]["personal_beats"] == 1, "a state that says so", 60.0)
    learned = until(lambda: events(subscriber, "personal"), "an event that says so", 60.0)
    assert "labels: answers are corrected by 1 labelled beat" in learned[-1]["detail"]
    until(lambda: "plain_aami" in bodies(subscriber, "beat")[-1], "corrected answers", 60.0)

    subscriber.client.publish("heartwire/bed4/command/reset", b"", 1)
    until(lambda: bodies(subscriber, "state")[-1]["personal_beats"] == 0, "a state after the reset", 60.0)
    say(beat=beats[0]["id"], aami="N", id=3)
    assert answer(3)["ok"] is False
    assert monitor.poll() is None


def test_run_when_the_mode_is_unknown_then_one_line_and_status_2() -> None:
    command = [sys.executable, "-m", "edge.cli", "run", "--source", "-", "--personal", "yes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["heartwire: personal: got 'yes', expected one of off, self, labels"]
