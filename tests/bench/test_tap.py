"""What stands between a monitor and its broker passes everything and changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.bench.listener import Listener
from edge.bench.tap import Tap


@pytest.fixture
def tap(broker: str) -> Iterator[Tap]:
    made = Tap(broker)
    yield made
    made.close()


def place(tap: Tap) -> tuple[str, int]:
    host, _, port = tap.address.rpartition(":")
    return host, int(port)


def until(tap: Tap, condition: Callable[[list[tuple[str, bytes]]], Any]) -> list[tuple[str, bytes]]:
    """What passes until `condition` holds of it."""
    seen: list[tuple[str, bytes]] = []
    for _ in range(6000):
        if condition(seen):
            return seen
        seen += tap.read(0.01)
    raise AssertionError(f"it did not come true; seen: {seen}")


def test_tap_when_a_client_publishes_with_any_qos_then_seen_and_passed_on(broker: str, tap: Tap) -> None:
    listener = Listener(broker, ["a/#"])
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect_async(*place(tap))
    client.loop_start()
    try:
        until(tap, lambda seen: client.is_connected())
        for qos in (0, 1):
            client.publish(f"a/{qos}", b"x" * 5000, qos)
        seen = until(tap, lambda seen: len(seen) == 2)
        assert seen == [("a/0", b"x" * 5000), ("a/1", b"x" * 5000)]
        heard: list[tuple[str, bytes]] = []
        until(tap, lambda seen: heard.extend(listener.read(0.0)) or len(heard) == 2)
        assert heard == seen
    finally:
        client.loop_stop()
        listener.close()


def test_tap_when_a_client_goes_then_the_next_is_served(tap: Tap) -> None:
    first = socket.create_connection(place(tap), 5.0)
    until(tap, lambda seen: tap._near is not None)
    first.close()
    until(tap, lambda seen: tap._near is None)
    second = socket.create_connection(place(tap), 5.0)
    until(tap, lambda seen: tap._near is not None)
    second.close()
