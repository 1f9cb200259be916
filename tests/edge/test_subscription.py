"""A reader against a real Mosquitto: connects again, bounded, refused in words, and publishes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.config import MqttConfig
from edge.io import subscription as module
from edge.io.mqtt_link import Received
from edge.io.subscription import LinkWord, Subscription
from edge.ward.heard import MAX_BYTES


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscription]]:
    made: list[Subscription] = []

    def make(port: int, wake: Callable[[], None] = lambda: None, **login: str) -> Subscription:
        config = MqttConfig(port=port, **login)  # type: ignore[arg-type]
        made.append(Subscription(config, [("heartwire/+/state", 1), ("heartwire/+/beat", 0)], wake))
        made[-1].start()
        return made[-1]

    yield make
    for reader in made:
        reader.close()


@pytest.fixture
def sender(broker: Any) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def test_subscription_when_messages_come_then_states_first_and_whether_they_were_kept(
    broker: Any, sender: mqtt.Client, subscribe: Callable[..., Subscription], until: Callable[..., Any]
) -> None:
    sender.publish("heartwire/bed4/state", b"kept", 1, True).wait_for_publish(5)
    woken = threading.Event()
    reader = subscribe(broker.port, woken.set)
    until(lambda: reader._slow, "the kept state")
    assert woken.is_set()
    assert reader.word == LinkWord(True, "")
    sender.publish("heartwire/bed4/beat", b"1", 0)
    sender.publish("heartwire/bed4/state", b"2", 1, True)
    until(lambda: len(reader._slow) == 2 and reader._fast, "both")
    assert reader.take() == [
        Received("heartwire/bed4/state", b"kept", True),
        Received("heartwire/bed4/state", b"2", False),
        Received("heartwire/bed4/beat", b"1", False),
    ]


def test_subscription_when_the_broker_goes_and_comes_then_said_and_connected_again(
    broker: Any, subscribe: Callable[..., Subscription], until: Callable[..., Any]
) -> None:
    reader = subscribe(broker.port)
    until(lambda: reader.word.up, "the connection")
    broker.stop()
    until(lambda: not reader.word.up, "the loss")
    reader.send("heartwire/bed4/command/ack", b"never")
    assert not reader._sends
    broker.start()
    until(lambda: reader.word.up, "the connection after it")


def test_subscription_when_the_broker_freezes_then_said_though_no_socket_ends_and_back_when_it_thaws(
    broker: Any,
    subscribe: Callable[..., Subscription],
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CONNACK_S", 1.0)
    reader = subscribe(broker.port)
    until(lambda: reader.word.up, "the connection")
    broker.signal(signal.SIGSTOP)
    until(lambda: not reader.word.up, "the silence", 60.0)
    assert reader.word.why == "no sign of life for 2.5 s"
    until(lambda: reader.word.why == "no answer to CONNECT for 1 s", "another attempt", 60.0)
    broker.signal(signal.SIGCONT)
    until(lambda: reader.word.up, "the thaw", 60.0)


def test_subscription_when_nothing_comes_for_long_then_the_broker_is_asked_and_lives(
    broker: Any,
    subscribe: Callable[..., Subscription],
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PROBE_S", 0.05)
    words, say = [], Subscription._say
    monkeypatch.setattr(Subscription, "_say", lambda self, word: words.append(word) or say(self, word))
    reader = subscribe(broker.port)
    until(lambda: reader.word.up, "the connection")
    asked_s = reader._asked_s
    for _ in range(5):  # each answer lets the next question be asked
        until(lambda before=asked_s: reader._asked_s > before and reader._heard_s > before, "an answer")
        asked_s = reader._asked_s
    assert words == [LinkWord(True, "")]


def test_subscription_when_the_reader_sleeps_then_bounded_and_all_that_is_kept_is_asked_for_again(
    broker: Any,
    sender: mqtt.Client,
    subscribe: Callable[..., Subscription],
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    reader = subscribe(broker.port)
    until(lambda: reader.word.up, "the connection")
    for k in range(20):
        sender.publish(f"heartwire/bed{k}/state", b"%d" % k, 1, True)
        sender.publish("heartwire/bed/beat", b"%d" % k, 0)
    until(lambda: reader.n_dropped == 30, "drops")
    assert [received.payload for received in reader.take()] == [b"15", b"16", b"17", b"18", b"19"] * 2
    until(lambda: len(reader._slow) == 5, "the kept ones again")
    assert all(received.retain for received in reader.take())


def test_subscription_when_a_payload_is_huge_then_not_even_kept_waiting(
    broker: Any, sender: mqtt.Client, subscribe: Callable[..., Subscription], until: Callable[..., Any]
) -> None:
    reader = subscribe(broker.port)
    until(lambda: reader.word.up, "the connection")
    sender.publish("heartwire/bed4/state", b"x" * (MAX_BYTES + 1), 1)
    sender.publish("heartwire/bed4/state", b"y", 1)
    until(lambda: reader._slow, "the small one")
    assert [received.payload for received in reader.take()] == [b"y"]


def test_subscription_when_sending_then_published_once_not_retained(
    broker: Any,
    subscribe: Callable[..., Subscription],
    make_subscriber: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    watcher = make_subscriber(broker.port, "heartwire/bed4/command/+")
    reader = subscribe(broker.port)
    until(lambda: reader.word.up, "the connection")
    reader.send("heartwire/bed4/command/ack", b"vt")
    until(lambda: watcher.got, "the command")
    assert watcher.got == [("heartwire/bed4/command/ack", b"vt", False)]


def test_subscription_when_the_broker_refuses_us_then_said_so(
    tmp_path: Path, subscribe: Callable[..., Subscription], until: Callable[..., Any], broker: Any
) -> None:
    broker.stop()
    conf = tmp_path / f"mosquitto-{broker.port}.conf"
    conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()
    reader = subscribe(broker.port, username="nurse", password="wrong")
    until(lambda: reader.word.refused, "the refusal")
    assert reader.word.why.startswith("refused: ")


def test_subscription_when_nobody_listens_there_then_the_reason(
    subscribe: Callable[..., Subscription], until: Callable[..., Any]
) -> None:
    reader = subscribe(1)
    until(lambda: reader.word.why == "Connection refused", "the reason")
