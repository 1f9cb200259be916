"""The publisher against a real Mosquitto: killed, frozen, silent, hostile, refusing, back again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.io.mqtt_link import CONNACK_S, DEAD_S
from edge.io.poller import Poller
from edge.io.publisher import Publisher
from edge.messages import Composer, Message
from edge.types import Alarm

DEADLINE_S = 20.0
BRIDGE, AVAILABLE = "heartwire/bridge/state", "heartwire/bed4/availability"
EVENT = "heartwire/bed4/event"


class Loop:
    """The monitor's loop without a monitor: a poller, a publisher, and a clock that can be put forward."""

    def __init__(self, port: int, **more: Any) -> None:
        self.ahead_s = 0.0
        self.notes: list[tuple[str, str]] = []
        self.poller = Poller()
        self.composer = Composer("bed4", "b00t")
        config = MqttConfig(port=port, **{"host": "127.0.0.1", "replay_after_s": 0.0, **more})
        self.publisher = Publisher(config, self.composer, self.poller, self._note, self.clock)

    def _note(self, kind: str, detail: str) -> None:
        self.notes.append((kind, detail))

    def clock(self) -> float:
        return time.monotonic() + self.ahead_s

    def turn(self) -> None:
        self.poller.turn(0.01)
        self.publisher.tick(self.clock())

    def until(self, condition: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, (
                f"{what} did not happen within {DEADLINE_S:g} s; notes: {self.notes}"
            )
            self.turn()

    def until_ready(self) -> None:
        self.until(lambda: self.publisher.ready, "a connection")

    def until_lost(self) -> None:
        self.until(lambda: not self.publisher.ready, "the loss of the connection")

    def alarm(self, n: int, state: str = "active") -> None:
        alarm = Alarm("vt", state, "high", "patient", n, True, False, f"number {n}", n)
        for message in self.composer.compose(alarm, lambda index: 1.8e9 + index):
            self.publisher.publish(message)

    def close(self) -> None:
        self.publisher.close()
        self.poller.close()


@pytest.fixture
def make_loop() -> Iterator[Callable[..., Loop]]:
    made: list[Loop] = []

    def make(port: int, **more: Any) -> Loop:
        made.append(Loop(port, **more))
        return made[-1]

    yield make
    for loop in made:
        loop.close()


def events(subscriber: Any) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(EVENT)]


def test_publisher_when_broker_is_there_then_online_and_messages_arrive(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(broker.port)
    loop.until_ready()
    loop.publisher.publish(loop.composer.availability(True))
    loop.alarm(1)
    loop.until(lambda: events(subscriber), "an event")
    loop.until(lambda: subscriber.payloads(BRIDGE), "the bridge's state")
    assert subscriber.payloads(BRIDGE)[-1] == b"online"
    assert subscriber.payloads(AVAILABLE) == [b"online"]
    assert "late" not in events(subscriber)[0]


def test_publisher_when_the_broker_listens_on_a_unix_socket_then_the_same_and_again_after_its_death(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder:  # a socket's path is at most 107 bytes
        path = f"{folder}/broker.sock"
        local = type(broker)(Path(folder), f"allow_anonymous true\nlistener 0 {path}\n")
        local.start()
        try:
            loop = make_loop(1, host=path)
            loop.until_ready()
            local.stop()
            loop.until_lost()
            assert loop.notes[-1][1].startswith(f"broker {path}: ")
            local.start()
            subscriber = make_subscriber(local.port)
            loop.until_ready()
            loop.alarm(1)
            loop.until(lambda: events(subscriber), "an event")
        finally:
            local.stop()


def test_publisher_when_closed_then_both_words_are_offline_and_retained(
    broker: Any, make_subscriber: Any, make_loop: Any, until: Any
) -> None:
    loop = make_loop(broker.port)
    loop.publisher.publish(loop.composer.availability(True))
    loop.until_ready()
    loop.publisher.close()
    later = make_subscriber(broker.port)
    until(lambda: later.payloads(BRIDGE) and later.payloads(AVAILABLE), "retained words")
    assert (later.payloads(BRIDGE), later.payloads(AVAILABLE)) == ([b"offline"], [b"offline"])


def test_publisher_when_it_dies_then_last_will_says_offline(
    proxy: Any, broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(proxy.port)
    loop.until(lambda: b"online" in subscriber.payloads(BRIDGE), "online")
    proxy.reset()
    loop.until(lambda: b"offline" in subscriber.payloads(BRIDGE), "the last will")
    loop.until(lambda: subscriber.payloads(BRIDGE)[-1] == b"online", "online after the reconnection")
    assert [kind for kind, _ in loop.notes] == ["broker_lost", "broker_back"]


def test_publisher_when_password_is_wrong_then_refused(tmp_path: Path, broker: Any, make_loop: Any) -> None:
    secrets = tmp_path / "passwords"
    secrets.write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(secrets), "bed4", "right"], check=True, capture_output=True)
    guarded = type(broker)(tmp_path, f"allow_anonymous false\npassword_file {secrets}\n")
    guarded.start()
    try:
        wrong = make_loop(guarded.port, username="bed4", password="canary")
        wrong.until(lambda: wrong.publisher.refused, "a refusal")
        assert wrong.publisher.refused == "Not authorized"
        assert not any("canary" in detail for _, detail in wrong.notes)
        right = make_loop(guarded.port, username="bed4", password="right")
        right.until_ready()
        assert right.publisher.refused is None
    finally:
        guarded.stop()


def test_publisher_when_broker_starts_later_then_what_waited_arrives_marked_late(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    broker.stop()
    loop = make_loop(broker.port)
    loop.until(lambda: loop.notes, "a note")
    loop.alarm(1)
    loop.ahead_s += 5.0
    broker.start()
    subscriber = make_subscriber(broker.port)
    loop.until(lambda: events(subscriber), "an event")
    assert [kind for kind, _ in loop.notes] == ["broker_lost", "broker_back"]
    assert (events(subscriber)[0]["late"], events(subscriber)[0]["seq"]) == (True, 1)


def test_publisher_when_broker_is_away_during_50_alarms_then_50_in_order_with_their_own_times(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    loop = make_loop(broker.port)
    loop.until_ready()
    broker.stop()
    loop.until_lost()
    for n in range(50):
        loop.alarm(n)
    loop.publisher.publish(loop.composer.availability(True))
    loop.ahead_s += 3600.0
    broker.start()
    subscriber = make_subscriber(broker.port)
    loop.until(lambda: len(events(subscriber)) >= 50, "50 alarms")
    got = {(event["boot_id"], event["seq"]): event for event in events(subscriber)}
    assert [event["value"] for event in got.values()] == [f"number {n}" for n in range(50)]
    assert all(event["late"] for event in got.values())
    assert [event["t"] for event in got.values()] == sorted(event["t"] for event in got.values())
    (newest,) = set(subscriber.payloads("heartwire/bed4/alarm/vt"))
    assert json.loads(newest)["value"] == "number 49"
    assert subscriber.payloads(AVAILABLE)[-1] == b"online"


def test_publisher_when_reset_twenty_times_then_nothing_is_missing_after_deduplication(
    proxy: Any, broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(proxy.port)
    loop.until_ready()
    for n in range(1000):
        loop.alarm(n)
        if n % 50 == 25:
            proxy.reset()
            loop.ahead_s += 5.0
        loop.turn()
    loop.until(lambda: loop.publisher.n_waiting == 0, "an empty backlog")
    loop.until(lambda: len({event["seq"] for event in events(subscriber)}) == 1000, "all events")
    order = list({event["seq"]: event["value"] for event in events(subscriber)}.values())
    assert order == [f"number {n}" for n in range(1000)]
    assert loop.publisher.n_dropped == 0


def test_publisher_when_broker_freezes_then_noticed_by_its_own_ping(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    loop = make_loop(broker.port)
    loop.until_ready()
    broker.signal(signal.SIGSTOP)
    loop.ahead_s += DEAD_S + 0.1
    loop.until_lost()
    assert "did not come back" in loop.notes[-1][1]
    loop.alarm(1)
    broker.signal(signal.SIGCONT)
    loop.until_ready()
    subscriber = make_subscriber(broker.port)
    loop.until(lambda: subscriber.payloads("heartwire/bed4/alarm/vt"), "the retained alarm")


def test_publisher_when_broker_is_frozen_then_waveforms_stay_bounded_and_the_oldest_go(
    broker: Any, make_loop: Any
) -> None:
    loop = make_loop(broker.port, ring=100)
    loop.until_ready()
    broker.signal(signal.SIGSTOP)
    wave = Message("heartwire/bed4/waveform/I", bytes(1024), False, 0)
    for _ in range(30_000):
        loop.publisher.publish(wave)
    assert loop.publisher.n_waiting == 100
    assert loop.publisher.n_dropped > 15_000


def test_publisher_when_nobody_answers_connect_then_given_up_and_tried_again(make_loop: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        loop = make_loop(silent.getsockname()[1])
        loop.until(lambda: loop.publisher._link is not None, "an open socket")
        loop.ahead_s += CONNACK_S + 0.1
        loop.until(lambda: loop.notes, "a note")
        assert "no answer to CONNECT" in loop.notes[0][1]
        loop.ahead_s += 10.0
        loop.until(lambda: loop.publisher._link is not None, "another attempt")


def test_publisher_when_broker_is_a_black_hole_then_the_loop_turns_on(make_loop: Any) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        loop = make_loop(full.getsockname()[1])
        loop.turn()
        assert loop.publisher._dialler.busy
        for n in range(20):
            loop.alarm(n)
            loop.turn()
        assert loop.publisher.n_waiting == 21
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("name", ["loop_read", "loop_misc", "publish", "subscribe"])
def test_publisher_when_the_client_raises_then_a_new_connection_takes_over(
    broker: Any, make_subscriber: Any, make_loop: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(broker.port)
    loop.until_ready()

    def burst(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of the client")

    if name == "subscribe":
        monkeypatch.setattr("paho.mqtt.client.Client.subscribe", burst)
        broker.stop()
        broker.start()
        loop.until(lambda: loop.publisher.n_errors, "an error")
        monkeypatch.undo()
        subscriber = make_subscriber(broker.port)
    else:
        setattr(loop.publisher._link.client, name, burst)
        loop.alarm(1)
        loop.ahead_s += 2.1
        loop.until(lambda: loop.publisher.n_errors, "an error")
    loop.until_ready()
    loop.alarm(2)
    loop.until(lambda: any(event["value"] == "number 2" for event in events(subscriber)), "the alarm")


def test_publisher_when_a_message_can_never_be_sent_then_dropped_and_the_connection_stays(
    broker: Any, make_loop: Any
) -> None:
    loop = make_loop(broker.port)
    loop.until_ready()
    for qos in (0, 1):
        loop.publisher.publish(Message("a/#", b"x", False, qos))
    assert (loop.publisher.ready, loop.publisher.n_errors, loop.publisher.n_waiting) == (True, 2, 0)


def test_publisher_when_commands_come_then_kept_with_their_retain_flag_and_big_ones_ignored(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(broker.port)
    topic = "heartwire/bed4/command/ack"
    subscriber.client.publish(topic, b"old", 1, retain=True)
    loop.until(lambda: loop.publisher.commands, "the retained command")
    assert loop.publisher.commands.popleft().retain
    subscriber.client.publish(topic, bytes(5000), 1)
    subscriber.client.publish("heartwire/bed5/command/ack", b"not ours", 1)
    subscriber.client.publish(topic, b"now", 1)
    loop.until(lambda: loop.publisher.commands, "a command")
    (command,) = loop.publisher.commands
    assert (command.topic, command.payload, command.retain) == (topic, b"now", False)
    assert loop.publisher.n_ignored == 1


def test_publisher_when_another_last_will_says_offline_then_corrected(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(broker.port)
    loop.until(lambda: subscriber.payloads(BRIDGE), "online")
    subscriber.client.publish(BRIDGE, b"offline", 1, retain=True)
    loop.until(lambda: subscriber.payloads(BRIDGE)[-2:] == [b"offline", b"online"], "a correction")


def test_publisher_when_another_has_its_client_id_then_the_clash_is_named(
    broker: Any, make_loop: Any
) -> None:
    one, two = make_loop(broker.port), make_loop(broker.port)
    one.until_ready()

    def both() -> bool:
        two.turn()
        one.ahead_s += 0.5
        two.ahead_s += 0.5
        return any(kind == "client_id_clash" for kind, _ in one.notes + two.notes)

    one.until(both, "a named clash")


@pytest.mark.parametrize("n", [0, 1, 115, 116, 16_372, 16_373, 100_000])
def test_packet_when_written_past_the_client_then_the_broker_reads_it(
    broker: Any, make_subscriber: Any, make_loop: Any, n: int
) -> None:
    subscriber, loop = make_subscriber(broker.port, "a/#"), make_loop(broker.port)
    loop.until_ready()
    payload = bytes(k % 251 for k in range(n))
    loop.publisher.publish(Message("a/waveform/é", payload, False, 0))
    loop.publisher.publish(Message("a/state", b"after", True, 1))
    loop.until(lambda: subscriber.payloads("a/state"), "the message after it")
    assert subscriber.payloads("a/waveform/é") == [payload]


def test_offer_when_nothing_waits_then_sent_and_when_anything_does_then_given_up(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port, "a/#"), make_loop(broker.port)
    publisher, large = loop.publisher, Message("a/explain", b"x" * 30_000, False, 0)
    assert not publisher.offer(large)  # not connected yet
    loop.until_ready()
    loop.until(lambda: publisher.n_waiting == 0, "an empty queue")
    assert publisher.offer(large)
    loop.until(lambda: subscriber.payloads("a/explain") == [large.payload], "the message")
    broker.signal(signal.SIGSTOP)
    for _ in range(2000):  # until the socket holds no more
        if not publisher.offer(large):
            break
    else:
        raise AssertionError("a frozen broker took 60 MB")
    assert not publisher.offer(large)
    assert publisher.n_waiting == 0
    publisher.publish(Message("a/alarm/vt", b"now", True, 1))
    assert publisher.n_waiting == 1
    broker.signal(signal.SIGCONT)
    loop.until(lambda: subscriber.payloads("a/alarm/vt") == [b"now"], "the alarm")
    assert set(subscriber.payloads("a/explain")) == {large.payload}
