"""`heartwire run`, whole: the virtual patient as a device, the shipped models, a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.artefact import load_models
from edge.envelope import EnvelopeDecoder, wrap
from edge.pipeline import Pipeline
from edge.types import Event
from firmware_bridge.device import Decoder, DecoderOptions, EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.mqtt_payload import ENCODERS
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import Gap

ROOT = Path(__file__).parents[2]
Spawn = Callable[..., "subprocess.Popen[str]"]


def bodies(subscriber: Any, leaf: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(f"heartwire/bed4/{leaf}")]


def test_run_when_the_device_goes_and_returns_then_beats_no_signal_beats_and_never_asystole(
    tmp_path: Path, broker: Any, make_subscriber: Any, spawn: Spawn, until: Any
) -> None:
    subscriber, link = make_subscriber(broker.port), tmp_path / "ttyECG"
    play = ("simulate", "--script", "sinus:300s rate=90", "--to", f"pty:{link}")
    player = spawn(*play)
    until(link.exists, "the device")
    monitor = spawn("run", "--source", str(link), "--device", "bed4", "--mqtt", f"127.0.0.1:{broker.port}")
    until(lambda: [b for b in bodies(subscriber, "beat") if b["final"] and b["aami"] == "N"][2:], "beats")
    player.kill()
    player.wait()
    until(lambda: bodies(subscriber, "alarm/no_signal"), "the alarm of silence")
    assert bodies(subscriber, "state")[-1]["hr_bpm"] is None
    n = len(bodies(subscriber, "beat"))
    spawn(*play)
    until(lambda: len(bodies(subscriber, "beat")) > n + 3, "beats again")
    assert bodies(subscriber, "alarm/asystole") == []
    monitor.send_signal(signal.SIGTERM)
    assert monitor.wait(10) == 0
    assert subscriber.payloads("heartwire/bridge/state")[-1] == b"offline"
    assert subscriber.payloads("heartwire/bed4/availability")[-1] == b"offline"


def test_run_when_the_heart_stops_then_a_subscriber_hears_of_it_and_may_acknowledge(
    tmp_path: Path, broker: Any, make_subscriber: Any, spawn: Spawn, until: Any
) -> None:
    subscriber, link = make_subscriber(broker.port), tmp_path / "ttyECG"
    spawn("simulate", "--script", "sinus:10s rate=80; asystole:60s", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device")
    monitor = spawn("run", "--source", str(link), "--device", "bed4", "--mqtt", f"127.0.0.1:{broker.port}")
    alarms = until(lambda: bodies(subscriber, "alarm/asystole"), "the alarm", 40.0)
    assert (alarms[0]["state"], alarms[0]["priority"], alarms[0]["acked"]) == ("active", "high", False)
    subscriber.client.publish("heartwire/bed4/command/ack", b"asystole", 1)
    until(lambda: bodies(subscriber, "alarm/asystole")[-1]["acked"], "the acknowledgement")
    assert monitor.poll() is None


def test_run_when_printing_json_then_every_message_is_a_line(
    tmp_path: Path, spawn: Spawn, until: Any
) -> None:
    link = tmp_path / "ttyECG"
    spawn("simulate", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device")
    monitor = spawn(
        "run", "--source", str(link), "--device", "bed4", "--mqtt", "none", "--json", "--seconds", "8"
    )
    out, err = monitor.communicate(timeout=60)
    assert monitor.returncode == 0, err
    assert "error" not in err  # alarms of this patient may be told there
    messages = [json.loads(line) for line in out.splitlines()]
    assert all(set(message) == {"topic", "payload", "retain"} for message in messages)
    topics = {message["topic"] for message in messages}
    assert {f"heartwire/bed4/{leaf}" for leaf in ("availability", "state", "beat", "event")} <= topics
    assert {message["retain"] for message in messages if message["topic"].endswith("/state")} == {True}


def events_through(decoder: Decoder, parts: list[bytes]) -> list[Event]:
    pipeline = Pipeline(load_models(), wave_ms=0.0)
    events: list[Event] = []
    for part in parts:
        for item in decoder.feed(part):
            assert not isinstance(item, Gap)
            events += pipeline.push(item)
    return events


@pytest.mark.parametrize("form", sorted(ENCODERS))
def test_events_when_the_same_heart_comes_over_serial_and_mqtt_then_the_same(form: str) -> None:
    mv = VirtualPatient(250.0, 3, "demo").read(250 * 30).mv
    options, chunks = EncoderOptions(250.0, ("MLII",)), [mv[k : k + 50] for k in range(0, len(mv), 50)]
    wire, payloads = get("native").encoder(options), ENCODERS[form](options)
    serial = [wire.preamble(), *(wire.encode(chunk) for chunk in chunks)]
    messages = payloads.hello() + [message for chunk in chunks for message in payloads.encode(chunk)]
    mqtt = [wrap(message.suffix, message.payload) for message in messages]
    one = events_through(get("native").decoder(DecoderOptions()), serial)
    two = events_through(EnvelopeDecoder(DecoderOptions()), mqtt)
    assert len(one) > 60
    assert one == two
