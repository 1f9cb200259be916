"""One bed over ptys and a real broker: what comes over a wire never ends the monitor."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.config import MqttConfig
from edge.envelope import EnvelopeDecoder
from edge.io.mqtt_source import MqttSource
from edge.types import Command
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.mqtt_payload import ENCODERS
from firmware_bridge.types import BadInput

FS = 250.0
CHUNK = 25
UNREADABLE = "heartwire/bed4/alarm/unreadable"
STATE, EVENT, AVAILABLE = "heartwire/bed4/state", "heartwire/bed4/event", "heartwire/bed4/availability"


def test_monitor_when_samples_come_then_state_reaches_a_subscriber_with_rate_and_age(
    broker: Any, make_subscriber: Any, make_bed: Any, wearer: Any, until: Any
) -> None:
    subscriber, bed = make_subscriber(broker.port), make_bed(broker.port)
    until(lambda: subscriber.payloads(AVAILABLE), "the word that nothing is heard yet")
    wearer.play()
    until(lambda: len(subscriber.payloads(STATE)) >= 2, "two states")
    state = json.loads(subscriber.payloads(STATE)[-1])
    assert state["hr_bpm"] == 70.0
    assert 0 <= state["age_ms"] < 1000
    assert subscriber.payloads(AVAILABLE) == [b"offline", b"online"]
    assert bed.monitor.n_errors == 0


def test_monitor_when_unplugged_then_no_signal_within_two_seconds_and_back_within_three(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed = make_bed()
    wearer.play()
    until(lambda: bed.n_samples > 100, "samples")
    wearer.unplug()
    gone_s = time.monotonic()
    until(lambda: any("no_signal" in line for line in bed.lines), "no_signal")
    assert time.monotonic() - gone_s <= 2.5
    until(lambda: bed.words()[-1] == b"offline", "offline")
    n = bed.n_samples
    wearer.plug()
    back_s = time.monotonic()
    until(lambda: bed.n_samples > n, "samples again")
    assert time.monotonic() - back_s <= 3.5
    until(lambda: bed.words()[-1] == b"online", "online")
    assert [kind for kind in bed.kinds() if kind.startswith("source")] == ["source_lost", "source_back"]
    assert bed.words() == [b"offline", b"online", b"offline", b"online"]


def test_monitor_when_silent_then_state_says_so_once_a_second_and_its_age_grows(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed = make_bed()
    wearer.play()
    until(lambda: bed.n_samples > 100, "samples")
    wearer.play(False)
    until(lambda: len([s for s in bed.bodies(STATE) if s["reason"] == "no_signal"]) >= 2, "states of silence")
    ages = [s["age_ms"] for s in bed.bodies(STATE) if s["reason"] == "no_signal"]
    assert ages[0] >= 1500
    assert ages[1] - ages[0] >= 900


def test_monitor_when_the_pipeline_raises_then_told_reset_and_monitoring_goes_on(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed = make_bed()
    wearer.play()
    until(lambda: bed.n_samples > 50, "samples")
    bed.stages[0].raise_next = RuntimeError("out of a stage")
    until(lambda: "pipeline_error" in bed.kinds(), "an event")
    n = bed.n_samples
    until(lambda: bed.n_samples > n, "samples afterwards")
    assert (bed.monitor.n_errors, bed.stages[0].n_resets, len(bed.stages)) == (1, 1, 1)


def test_monitor_when_every_block_raises_then_it_is_an_alarm_and_no_heart_rate_stands(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed, _ = make_bed(), wearer.play()
    until(lambda: bed.bodies(STATE), "a heart rate")
    bed.stages[0].raise_always = True
    assert "a stage is broken" in until(lambda: bed.bodies(UNREADABLE), "the alarm")[-1]["value"]
    until(lambda: (b := bed.bodies(STATE)[-1])["reason"] == "no_analysis" and b["hr_bpm"] is None, "a state")
    bed.stages[0].raise_always = False
    until(lambda: bed.bodies(UNREADABLE)[-1]["state"] == "cleared", "the end of it")
    until(lambda: bed.bodies(STATE)[-1]["hr_bpm"] is not None, "a heart rate again")


def test_monitor_when_even_the_reset_raises_then_a_new_pipeline_takes_over_and_clears_alarms(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed = make_bed()
    until(lambda: bed.bodies("heartwire/bed4/alarm/no_signal"), "the alarm of silence")
    bed.stages[0].raise_on_reset = True
    bed.stages[0].raise_next = RuntimeError("out of a stage")
    wearer.play()
    until(lambda: len(bed.stages) == 2 and bed.stages[1].n_samples > 50, "samples in the new pipeline")
    assert bed.bodies("heartwire/bed4/alarm/no_signal")[-1]["state"] == "cleared"


def test_monitor_when_rubbish_comes_then_told_and_good_frames_afterwards_count(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    bed = make_bed()
    noise = np.random.default_rng(0).integers(0, 256, 2000, dtype=np.uint8).tobytes()
    until(lambda: "no_signal: no" in " ".join(bed.lines), "no_signal")
    wearer.write(noise)
    until(lambda: "rubbish" in bed.kinds(), "an event about rubbish")
    wearer.write(b"\0")
    wearer.play()
    until(lambda: bed.n_samples > 50, "samples")
    assert bed.monitor.n_errors == 0


def test_monitor_when_commanded_then_obeys_and_answers_but_never_a_retained_one(
    broker: Any, make_subscriber: Any, make_bed: Any, wearer: Any, until: Any
) -> None:
    subscriber = make_subscriber(broker.port)
    subscriber.client.publish("heartwire/bed4/command/reset", b"", 1, retain=False).wait_for_publish(60.0)
    subscriber.client.publish("heartwire/bed4/command/ack", b"asystole", 1, retain=True)
    bed = make_bed(broker.port)
    until(lambda: "command_ignored" in bed.kinds(), "a note about the retained command")
    subscriber.client.publish("heartwire/bed4/command/ack", b'{"name":"vt","id":17}', 1)
    answers = until(lambda: subscriber.payloads("heartwire/bed4/response/ack"), "an answer")
    answer = json.loads(answers[0])
    assert (answer["ok"], answer["name"], answer["id"], answer["verb"]) == (True, "vt", 17, "ack")
    assert bed.stages[0].commands == [Command("ack", "vt")]


def test_monitor_when_broker_is_away_then_alarm_lines_come_all_the_same(make_bed: Any, until: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bed = make_bed(port)
    until(lambda: any(line.startswith("broker_lost") for line in bed.lines), "a word about the broker")
    until(lambda: any(line.startswith("alarm: technical no_signal") for line in bed.lines), "an alarm line")
    assert sum(line.startswith("broker_lost") for line in bed.lines) == 1


def test_monitor_when_the_port_is_missing_at_start_then_bad_input(
    make_bed: Any, wearer: Any, until: Any
) -> None:
    wearer.link.unlink()
    bed = make_bed()
    until(lambda: bed.error, "an error")
    assert isinstance(bed.error, BadInput)
    assert "no such port" in str(bed.error)


def test_monitor_when_the_password_is_wrong_at_start_then_bad_input(
    tmp_path: Path, broker: Any, make_bed: Any, until: Any
) -> None:
    guarded = type(broker)(tmp_path, "allow_anonymous false\n")
    guarded.start()
    try:
        bed = make_bed(guarded.port, username="bed4", password="canary")
        until(lambda: bed.error, "an error")
        assert isinstance(bed.error, BadInput)
        assert "refused" in str(bed.error)
        assert "canary" not in str(bed.error) + " ".join(bed.lines)
    finally:
        guarded.stop()


@pytest.mark.parametrize("form", ["mqtt-json", "mqtt-int16", "mqtt-native"])
def test_monitor_when_samples_come_over_mqtt_then_they_count_like_any(
    broker: Any, make_subscriber: Any, until: Any, bed_on: Any, form: str
) -> None:
    mqtt = MqttConfig(host="127.0.0.1", port=broker.port)
    source = MqttSource(f"mqtt://127.0.0.1:{broker.port}/in/bed4", mqtt, "heartwire-bed4-in")
    bed = bed_on(source, EnvelopeDecoder(DecoderOptions("bed4")), mqtt)
    sender = make_subscriber(broker.port, "none").client
    encoder = ENCODERS[form](EncoderOptions(FS, ("II",)))
    for message in encoder.hello():
        sender.publish(f"in/bed4/{message.suffix}", message.payload, 1, message.retain)

    def sent_enough() -> bool:
        for message in encoder.encode(np.zeros((CHUNK, 1), dtype=np.float32)):
            sender.publish(f"in/bed4/{message.suffix}", message.payload, 1, message.retain)
        time.sleep(0.02)
        return bed.n_samples >= 250

    until(sent_enough, "250 samples")
    sender.publish("in/bed4/json", b"x" * 70_000, 1)
    until(lambda: sent_enough() and "link_errors" in bed.kinds(), "a note about what was refused")
    assert bed.monitor.n_errors == 0


def test_monitor_when_the_ingest_broker_goes_and_returns_then_samples_return(
    broker: Any, make_subscriber: Any, until: Any, bed_on: Any
) -> None:
    source = MqttSource(f"mqtt://127.0.0.1:{broker.port}/in/bed4", MqttConfig(), "in")
    bed = bed_on(source, EnvelopeDecoder(DecoderOptions("bed4")), MqttConfig(host=""))
    encoder = ENCODERS["mqtt-json"](EncoderOptions(FS, ("II",)))

    def send(sender: Any) -> None:
        for message in encoder.encode(np.zeros((CHUNK, 1), dtype=np.float32)):
            sender.publish(f"in/bed4/{message.suffix}", message.payload, 1)
        time.sleep(0.02)

    first = make_subscriber(broker.port, "none").client
    until(lambda: send(first) or bed.n_samples >= 100, "samples")
    broker.stop()
    until(lambda: "source_lost" in bed.kinds(), "the loss")
    broker.start()
    n, second = bed.n_samples, make_subscriber(broker.port, "none").client
    until(lambda: send(second) or bed.n_samples > n, "samples again")
    assert "source_back" in bed.kinds()
