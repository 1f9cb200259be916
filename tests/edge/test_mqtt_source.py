"""MQTT as a source: names, credentials, refusals, loss."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.envelope import wrap
from edge.io.mqtt_source import MAX_WAITING, MqttSource
from edge.io.source import SourceLost
from firmware_bridge.types import BadInput


@pytest.fixture
def source(broker: Any) -> Iterator[MqttSource]:
    made = MqttSource(f"mqtt://127.0.0.1:{broker.port}/in/bed4", MqttConfig(), "in")
    made.open()
    yield made
    made.close()
    made.close()


def read(source: MqttSource) -> bytes:
    assert select.select([source.fileno()], [], [], 10.0)[0], "nothing came within 10 s"
    return source.read()


def until_heard(source: MqttSource, sender: Any) -> bytes:
    """What came once the source has subscribed: what is sent before that never comes."""
    while True:
        sender.publish("in/bed4/json", b"hello", 1)
        if select.select([source.fileno()], [], [], 0.2)[0]:
            return source.read()


def read_on(source: MqttSource) -> None:
    while True:
        read(source)


@pytest.mark.parametrize(
    "name",
    [
        "mqtt://",
        "mqtt://h",
        "mqtt://h/",
        "mqtt://h:x/in",
        "mqtt://h/in/+",
        "mqtt://h/in/#",
        "mqtt://u:canary@h/in",
    ],
)
def test_source_when_its_name_is_wrong_then_one_line_without_secrets(name: str) -> None:
    with pytest.raises(BadInput, match="source") as caught:
        MqttSource(name, MqttConfig(), "in")
    assert "canary" not in str(caught.value)


def test_source_when_messages_come_then_envelopes_of_one_level_only(
    source: MqttSource, make_subscriber: Any, broker: Any
) -> None:
    sender = make_subscriber(broker.port, "none").client
    got = until_heard(source, sender)
    for topic, payload in (("json", b"first"), ("deep/json", b"no"), ("int16", b"last")):
        sender.publish(f"in/bed4/{topic}", payload, 1)
    while b"last" not in got:
        got += read(source)
    assert wrap("json", b"first") in got
    assert wrap("int16", b"last") in got
    assert b"no" not in got.replace(b"native", b"")


def test_source_when_nobody_reads_then_the_oldest_go(
    source: MqttSource, make_subscriber: Any, broker: Any, until: Any
) -> None:
    sender = make_subscriber(broker.port, "none").client
    until_heard(source, sender)
    for n in range(3 * MAX_WAITING):
        sender.publish("in/bed4/json", b"%07d" % n, 0)
    sender.publish("in/bed4/json", b"the end", 0).wait_for_publish(10.0)

    def at_end() -> bool:
        return source._link is not None and b"the end" in source._link._waiting[-1]

    until(at_end, "the last message")
    assert len(read(source)) == MAX_WAITING * len(wrap("json", b"the end"))


def test_source_when_the_broker_dies_then_what_came_is_read_and_then_lost(
    source: MqttSource, broker: Any, until: Any
) -> None:
    until(lambda: source._link is not None and source._link.connected, "a connection")
    broker.stop()
    with pytest.raises(SourceLost, match="connection ended"):
        read_on(source)


def test_source_when_nobody_listens_then_lost(broker: Any) -> None:
    broker.stop()
    source = MqttSource(f"mqtt://127.0.0.1:{broker.port}/in/bed4", MqttConfig(), "in")
    source.open()
    with pytest.raises(SourceLost, match="no connection"):
        read(source)
    source.close()
    assert source.fileno() == -1


def test_source_when_refused_then_bad_input_without_the_password(tmp_path: Path, broker: Any) -> None:
    guarded = type(broker)(tmp_path, "allow_anonymous false\n")
    guarded.start()
    try:
        config = MqttConfig(port=guarded.port, username="bed4", password="canary")
        source = MqttSource("mqtt:///in/bed4", config, "in")
        source.open()
        with pytest.raises(BadInput, match="refused us") as caught:
            read_on(source)
        assert "canary" not in str(caught.value)
        source.close()
    finally:
        guarded.stop()
