"""One bed over ptys and a real broker: what comes over a wire never ends the monitor."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.config import MqttConfig
from edge.envelope import EnvelopeDecoder
from edge.io.mqtt_source import MqttSource
from edge.io.serial_source import SerialSource
from edge.io.source import Source
from edge.messages import Composer, Message
from edge.monitor import Monitor
from edge.types import Alarm, Command, Event, LinkState, Note, Status
from firmware_bridge.device import Decoder, DecoderOptions, EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.mqtt_payload import ENCODERS
from firmware_bridge.types import BadInput, Gap, SampleBlock

FS = 250.0
CHUNK = 25
UNREADABLE = "heartwire/bed4/alarm/unreadable"
STATE, EVENT, AVAILABLE = "heartwire/bed4/state", "heartwire/bed4/event", "heartwire/bed4/availability"


class Counting:
    """Stages that count samples and can be told to raise: the shell is on trial here, not the heart."""

    def __init__(self) -> None:
        self.n_samples, self.n_resets, self.n_missing = 0, 0, None
        self.raise_next: Exception | None = None
        self.raise_on_reset = self.raise_always = False
        self.commands: list[Command] = []
        self._at = 0

    def parts(self, item: SampleBlock | Gap | LinkState | Command) -> Iterator[list[Event]]:
        yield self._answer(item)

    def _answer(self, item: SampleBlock | Gap | LinkState | Command) -> list[Event]:
        if self.raise_always and isinstance(item, SampleBlock):
            raise RuntimeError("a stage is broken")
        if self.raise_next is not None:
            error, self.raise_next = self.raise_next, None
            raise error
        if isinstance(item, SampleBlock):
            before, self.n_samples = self.n_samples, self.n_samples + item.mv.shape[0]
            self._at = item.end - 1
            return [self._status(None)] if before // 25 != self.n_samples // 25 else []
        if isinstance(item, Gap):
            return [Note("gap", item.start, item.start + item.n_lost, item.reason, self._at)]
        if isinstance(item, Command):
            self.commands.append(item)
            return []
        state = "active" if item.kind == "no_signal" else "cleared"
        alarm = Alarm(
            "no_signal", state, "technical", "technical", self._at, False, False, item.detail, self._at
        )
        return [alarm, self._status(item.kind)]

    def reset(self) -> list[Event]:
        self.n_resets += 1
        if self.raise_on_reset:
            raise RuntimeError("no reset either")
        return []

    def _status(self, reason: str | None) -> Status:
        return Status(70.0, reason, "sinus", 1.0, False, 850.0, 20.0, 0.0, 0, False, self._at)


class Bed:
    """A monitor in a thread, with a device on a pty that the test plays by hand."""

    def __init__(self, source: Source, decoder: Decoder, mqtt: MqttConfig) -> None:
        self.stages: list[Counting] = []
        self.lines: list[str] = []
        self.published: list[Message] = []
        composer = Composer("bed4", "b00t")
        self.monitor = Monitor(
            source, decoder, self._make, composer, mqtt, self.lines.append, self.published.append
        )
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _make(self) -> Counting:
        self.stages.append(Counting())
        return self.stages[-1]

    def _run(self) -> None:
        try:
            self.monitor.run(60.0)
        except BaseException as error:
            self.error = error

    @property
    def n_samples(self) -> int:
        return sum(stages.n_samples for stages in self.stages)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def bodies(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in list(self.published) if m.topic == topic]

    def kinds(self) -> list[str]:
        return [body["event_type"] for body in self.bodies(EVENT)]

    def words(self) -> list[bytes]:
        return [m.payload for m in list(self.published) if m.topic == AVAILABLE]

    def end(self) -> None:
        self.monitor.stop()
        self._thread.join(10.0)
        assert not self._thread.is_alive()


class Wearer:
    """Plays a native device on a pty in true time, from a thread, while plugged in."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._encoder = get("native").encoder(EncoderOptions(FS, ("II",)))
        self._master = -1
        self._playing = threading.Event()
        self._done = False
        self._lock = threading.Lock()
        self.plug()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def plug(self) -> None:
        with self._lock:
            self._master, slave = os.openpty()
            os.set_blocking(self._master, False)
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(os.ttyname(slave))
            os.close(slave)

    def unplug(self) -> None:
        with self._lock:
            if self._master >= 0:
                os.close(self._master)
                self._master = -1

    def play(self, on: bool = True) -> None:
        self._playing.set() if on else self._playing.clear()

    def write(self, data: bytes) -> None:
        with self._lock:
            if self._master >= 0:
                try:
                    os.write(self._master, data)
                except OSError:
                    return

    def _play(self) -> None:
        due_s = time.monotonic()
        while not self._done:
            due_s += CHUNK / FS
            time.sleep(max(0.0, due_s - time.monotonic()))
            if self._playing.is_set():
                self.write(self._encoder.encode(np.zeros((CHUNK, 1), dtype=np.float32)))

    def close(self) -> None:
        self._done = True
        self._thread.join(5.0)
        self.unplug()


@pytest.fixture
def wearer(tmp_path: Path) -> Iterator[Wearer]:
    made = Wearer(tmp_path / "ttyECG")
    yield made
    made.close()


@pytest.fixture
def make_bed(wearer: Wearer) -> Iterator[Callable[..., Bed]]:
    made: list[Bed] = []

    def make(port: int = 0, **more: Any) -> Bed:
        mqtt = MqttConfig(host="127.0.0.1" if port else "", port=port or 1, **more)
        source = SerialSource(str(wearer.link), 115200)
        made.append(Bed(source, get("native").decoder(DecoderOptions("bed4")), mqtt))
        return made[-1]

    yield make
    for bed in made:
        bed.end()


def test_monitor_when_samples_come_then_state_reaches_a_subscriber_with_rate_and_age(
    broker: Any, make_subscriber: Any, make_bed: Any, wearer: Wearer, until: Any
) -> None:
    subscriber, bed = make_subscriber(broker.port), make_bed(broker.port)
    wearer.play()
    until(lambda: len(subscriber.payloads(STATE)) >= 2, "two states")
    state = json.loads(subscriber.payloads(STATE)[-1])
    assert state["hr_bpm"] == 70.0
    assert 0 <= state["age_ms"] < 1000
    assert subscriber.payloads(AVAILABLE) == [b"offline", b"online"]
    assert bed.monitor.n_errors == 0


def test_monitor_when_unplugged_then_no_signal_within_two_seconds_and_back_within_three(
    make_bed: Any, wearer: Wearer, until: Any
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
    make_bed: Any, wearer: Wearer, until: Any
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
    make_bed: Any, wearer: Wearer, until: Any
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
    make_bed: Any, wearer: Wearer, until: Any
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
    make_bed: Any, wearer: Wearer, until: Any
) -> None:
    bed = make_bed()
    until(lambda: bed.bodies("heartwire/bed4/alarm/no_signal"), "the alarm of silence")
    bed.stages[0].raise_on_reset = True
    bed.stages[0].raise_next = RuntimeError("out of a stage")
    wearer.play()
    until(lambda: len(bed.stages) == 2 and bed.stages[1].n_samples > 50, "samples in the new pipeline")
    assert bed.bodies("heartwire/bed4/alarm/no_signal")[-1]["state"] == "cleared"


def test_monitor_when_rubbish_comes_then_told_and_good_frames_afterwards_count(
    make_bed: Any, wearer: Wearer, until: Any
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
    broker: Any, make_subscriber: Any, make_bed: Any, wearer: Wearer, until: Any
) -> None:
    subscriber = make_subscriber(broker.port)
    subscriber.client.publish("heartwire/bed4/command/reset", b"", 1, retain=False)
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
    until(lambda: any(line.startswith("ALARM technical no_signal") for line in bed.lines), "an alarm line")
    assert sum(line.startswith("broker_lost") for line in bed.lines) == 1


def test_monitor_when_the_port_is_missing_at_start_then_bad_input(
    make_bed: Any, wearer: Wearer, until: Any
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
    broker: Any, make_subscriber: Any, until: Any, form: str
) -> None:
    mqtt = MqttConfig(host="127.0.0.1", port=broker.port)
    source = MqttSource(f"mqtt://127.0.0.1:{broker.port}/in/bed4", mqtt, "heartwire-bed4-in")
    bed = Bed(source, EnvelopeDecoder(DecoderOptions("bed4")), mqtt)
    try:
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
    finally:
        bed.end()


def test_monitor_when_the_ingest_broker_goes_and_returns_then_samples_return(
    tmp_path: Path, broker: Any, make_subscriber: Any, until: Any
) -> None:
    source = MqttSource(f"mqtt://127.0.0.1:{broker.port}/in/bed4", MqttConfig(), "in")
    bed = Bed(source, EnvelopeDecoder(DecoderOptions("bed4")), MqttConfig(host=""))
    try:
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
    finally:
        bed.end()
