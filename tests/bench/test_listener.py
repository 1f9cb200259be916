"""The lean subscriber against a real Mosquitto, and its packets cut anywhere."""

from __future__ import annotations

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from edge.bench import broker, process
from edge.bench.listener import PUBLISH, Listener, PacketReader, packet, text


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.data())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_reader_when_the_bytes_are_cut_anywhere_then_the_packets_are_the_same(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(packet(PUBLISH, body) for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, got = PacketReader(), []
    for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[a:b])
    assert got == [(PUBLISH, body) for body in bodies]


def test_packet_when_long_then_its_length_is_in_base_128() -> None:
    assert packet(PUBLISH, b"x" * 321)[:3].hex(" ") == "30 c1 02"
    assert text("a/b").hex(" ") == "00 03 61 2f 62"


@pytest.mark.parametrize("wire", ["tcp", "socket_path"])
def test_listener_when_something_is_published_then_it_hears_that_and_what_was_retained(
    running: broker.Running, wire: str
) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", running.port)
    client.loop_start()
    client.publish("t/old", b"kept", qos=1, retain=True).wait_for_publish(10.0)
    listener = Listener(getattr(running, wire), ["t/#"])
    got = []
    client.publish("t/new", b"\0\1\2" * 100, qos=1).wait_for_publish(10.0)
    client.publish("u/new", b"not for us", qos=1).wait_for_publish(10.0)
    while len(got) < 2:
        more = listener.read(10.0)
        assert more, got
        got += more
    assert got == [("t/old", b"kept"), ("t/new", b"\0\1\2" * 100)]
    assert listener.read(0.0) == []
    listener.close()
    client.disconnect()
    client.loop_stop()


def test_find_mosquitto_when_it_is_nowhere_then_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(broker, "PLACES", "")
    assert broker.find_mosquitto() is None


def test_process_when_it_is_gone_then_it_uses_nothing() -> None:
    assert process.cpu_s(2**30) is None
    assert process.rss_mb(2**30) is None
