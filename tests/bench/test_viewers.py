"""Viewers that read too slowly lose waveforms, and never an alarm; nothing grows for them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.bench import crowd, viewers
from edge.bench.listener import PUBLISH, PacketReader
from edge.bench.process import rss_mb
from edge.messages import Composer
from edge.types import Alarm
from firmware_bridge.types import BadInput

pytest.importorskip("websockets")
VT = Alarm("vt", "active", "high", "patient", 0, False, False, "172 bpm", 0, 1)
ROOM = 1 << 22


@pytest.fixture
def say(broker: str) -> Iterator[Callable[[], None]]:
    """Publishes an alarm and waits until the broker has it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", int(broker.rpartition(":")[2]))
    client.loop_start()

    def say_it() -> None:
        for m in Composer("bed4", "b00t").compose(VT, lambda index: 1.8e9):
            client.publish(m.topic, m.payload, m.qos, m.retain).wait_for_publish(60.0)

    yield say_it
    client.disconnect()
    client.loop_stop()


def topics(sock: socket.socket, until: str, seconds: float) -> list[str]:
    """Topics of what comes until one ends so, or nothing comes for `seconds`.

    Every read is acknowledged at once: the window of a socket that was small grows by acknowledgements alone, and late
    ones would have it read 8 kB five times a second.
    """
    reader, found = PacketReader(), []
    sock.settimeout(seconds)
    try:
        while data := sock.recv(ROOM):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            for kind, body in reader.feed(data):
                if kind & 0xF0 == PUBLISH:
                    found.append(body[2 : 2 + int.from_bytes(body[:2], "big")].decode())
                    if found[-1].endswith(until):
                        return found
    except TimeoutError:
        return found
    return found


def test_subscriber_when_it_reads_nothing_for_long_then_waves_are_lost_and_the_alarm_is_there(
    broker: str, say: Callable[[], None]
) -> None:
    n = 2500  # more than Mosquitto holds for one who does not read
    slow = crowd.subscriber(broker, small=True, alarm_qos=1)
    viewers.fill(broker, n, 0.0)
    say()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    found = topics(slow, "alarm/vt", 3.0)
    assert 0 < found.count(viewers.FILLER) < n
    slow.close()
    if (
        "heartwire/bed4/alarm/vt" not in found
    ):  # Mosquitto drops what it has no room for, alarms too, but keeps them
        again = crowd.subscriber(broker, alarm_qos=1)
        assert "heartwire/bed4/alarm/vt" in topics(again, "alarm/vt", 60.0)
        again.close()


def test_page_when_it_reads_nothing_for_long_then_waves_are_lost_and_the_alarm_is_there(
    broker: str, say: Callable[[], None]
) -> None:
    n = viewers.FILL_CHUNKS
    with viewers.served(broker) as (address, pid):
        before_mb = rss_mb(pid)
        slow = [crowd.stuck_page(address) for _ in range(5)]
        viewers.fill(broker)
        say()
        for sock in slow:
            text = _until_alarm(sock, address)
            assert 0 < text.count(b'"is":"wave"') < n
        after_mb = rss_mb(pid)
    assert before_mb is not None
    assert after_mb is not None
    assert after_mb - before_mb < 20.0


def _until_alarm(sock: socket.socket, address: str) -> bytes:
    """What a page gets until the alarm; one that was closed for its slowness comes again and begins with it."""
    text = b""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    sock.settimeout(60.0)
    while b'"is":"alarm"' not in text:
        try:
            data = sock.recv(ROOM)
        except ConnectionError:
            data = b""
        text += data
        if not data:
            sock.close()
            sock = crowd.stuck_page(address)
            sock.settimeout(60.0)
    sock.close()
    return text


def test_crowd_when_the_page_refuses_it_then_one_line(broker: str) -> None:
    with (
        pytest.raises(BadInput, match="bench: 3 viewers did not connect"),
        viewers.crowd(broker, "http://127.0.0.1:9/", 2, 1),
    ):
        pass
