"""`heartwire run --explain`, whole: one more topic, and nothing else is another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from edge.explain import message as explained
from edge.ward.heard import read
from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient

ROOT = Path(__file__).parents[2]
FS = 250.0
CHUNK = 25
SECONDS = 24
FASTER = 6.0
"""The stream is played so much faster than it was."""
MORE_SECONDS = 90
"""On a machine so busy that no moment was quiet, it goes on in its own time for so long, until one was."""
SCRIPT = "sinus:6s rate=80; vt:8s; bigeminy:120s"
OF_THE_CLOCK = ("t", "since", "boot_id", "seq", "occurrence")


def undisturbed(*words: str) -> list[dict[str, Any]]:
    """A run in which the machine let the stream flow: where it stopped for 1.5 s there is an alarm about that."""
    for _ in range(4):
        messages = run(*words)
        if not [m for m in messages if m["topic"].endswith("/alarm/no_signal")]:
            return messages
    raise AssertionError("the stream was held up for 1.5 s in every one of four runs")


def run(*words: str) -> list[dict[str, Any]]:
    """All that a monitor of this stream publishes, in its order."""
    command = [sys.executable, "-m", "edge.cli", "run", "--source", "-", "--device", "bed4", "--json", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    monitor = subprocess.Popen(
        [*command, "--mqtt", "none"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said: list[bytes] = []
    assert monitor.stdin is not None
    assert monitor.stdout is not None
    assert monitor.stderr is not None
    reader = threading.Thread(target=lambda out: said.extend(out), args=(monitor.stdout,))
    reader.start()
    mv = VirtualPatient(FS, 2, SCRIPT).read(round((SECONDS + MORE_SECONDS) * FS)).mv
    encoder = get("native").encoder(EncoderOptions(FS, ("II",)))
    for k in range(0, len(mv), CHUNK):
        late = k >= SECONDS * FS
        if late and ("--explain" not in words or any(b"/explain" in line for line in said)):
            break
        monitor.stdin.write(encoder.encode(mv[k : k + CHUNK]))
        monitor.stdin.flush()
        time.sleep(CHUNK / FS / (1.0 if late else FASTER))
    time.sleep(0.5)
    monitor.stdin.close()
    reader.join(60.0)
    assert monitor.wait(60.0) == 0, monitor.stderr.read()
    for pipe in (monitor.stdout, monitor.stderr):
        pipe.close()
    return [json.loads(line) for line in said]


@pytest.fixture(scope="module")
def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The same stream without and with explanations, side by side."""
    out: dict[bool, list[dict[str, Any]]] = {}
    threads = [
        threading.Thread(target=lambda: out.update({False: undisturbed()})),
        threading.Thread(target=lambda: out.update({True: undisturbed("--explain")})),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200.0)
    return out[False], out[True]


def answers(messages: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What was answered about the heart, topic by topic, without what the wall clock gives."""
    out: dict[str, list[Any]] = {}
    for message in messages:
        topic, body = message["topic"].removeprefix("heartwire/bed4/"), message["payload"]
        if topic in ("beat", "rhythm") or (topic.startswith("alarm/") and body["kind"] == "patient"):
            out.setdefault(topic, []).append({k: v for k, v in body.items() if k not in OF_THE_CLOCK})
    return out


def test_answers_when_explained_then_the_same_and_no_number_of_theirs_is_taken(
    both: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    off, on = both
    for topic, said in answers(off).items():
        assert answers(on)[topic][: len(said)] == said
    assert {"beat", "rhythm", "alarm/vt", "alarm/bigeminy"} <= set(answers(off))
    assert not [message for message in off if message["topic"].endswith("/explain")]
    for messages in both:
        numbers = [
            m["payload"]["seq"] for m in messages if isinstance(m["payload"], dict) and "seq" in m["payload"]
        ]
        assert numbers == list(range(len(numbers)))


def test_explanations_when_published_then_each_follows_its_beats_answer_and_can_be_read(
    both: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    _, on = both
    answered: dict[int, dict[str, Any]] = {}
    n = 0
    for message in on:
        body = message["payload"]
        if message["topic"].endswith("/beat") and not body["final"]:
            answered[body["id"]] = body
        if message["topic"].endswith("/explain"):
            n += 1
            beat = answered[body["id"]]
            assert (body["aami"], body["t"]) == (beat["aami"], beat["t"])
            heard = read(["explain"], json.dumps(body).encode())
            assert heard is not None
            assert isinstance(heard.fact, explained.ExplainHeard)
    assert n >= 1
