"""The MQTT sink against a real broker (Mosquitto where it is installed), and its one-line errors."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.device import DecoderOptions
from firmware_bridge.mqtt_payload import ENCODERS, Message, PayloadDecoder, quantise
from firmware_bridge.mqtt_sink import MqttSink, parse_url
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import Simulator, message_wire
from firmware_bridge.types import BadInput, Gap, SampleBlock

DEADLINE_S = 20.0
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def broker(folder: Path, port: int, lines: str = "allow_anonymous true") -> Iterator[None]:
    """Mosquitto on loopback."""
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\n{lines}\npersistence false\n")
    assert MOSQUITTO
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert until(lambda: reachable(port))
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def reachable(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def until(condition: Callable[[], bool]) -> bool:
    """Whether `condition` becomes true before the deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def listener(port: int, topic: str) -> Iterator[list[Message]]:
    """All messages below `topic`, in order, while the context lasts."""
    got: list[Message] = []
    ready = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: ready.set()
    client.on_connect = lambda c, *_: c.subscribe(f"{topic}/#", 1)
    client.on_message = lambda _c, _u, m: got.append(Message(m.topic.rpartition("/")[2], m.payload, m.retain))
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert ready.wait(DEADLINE_S)
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


def pump(sink: MqttSink, name: str, seconds: float) -> None:
    patient = VirtualPatient(250, 0)
    sim = Simulator(patient, message_wire(name, 250, patient.leads), sink, 200, 0)
    sim.open()
    sim.run(seconds)


@needs_broker
@pytest.mark.parametrize(("name", "qos"), [(name, k % 2) for k, name in enumerate(sorted(ENCODERS))])
def test_send_when_played_fast_then_a_subscriber_gets_every_sample(
    tmp_path: Path, name: str, qos: int
) -> None:
    port = free_port()
    sink = MqttSink(f"mqtt://127.0.0.1:{port}/ecg/bed4", qos)
    decoder = PayloadDecoder(DecoderOptions())
    with broker(tmp_path, port), listener(port, "ecg/bed4") as got:
        pump(sink, name, 60)
        assert until(lambda: len([m for m in got if m.suffix != "meta"]) >= 300)
    items = [item for message in got for item in decoder.feed(message.suffix, message.payload)]
    mv = np.concatenate([item.mv for item in items if isinstance(item, SampleBlock)])
    assert not [item for item in items if isinstance(item, Gap)]
    assert np.array_equal(quantise(mv), quantise(VirtualPatient(250, 0).read(15000).mv))
    assert sink.n_dropped == 0


@needs_broker
def test_hello_when_a_reader_comes_later_then_the_description_is_retained(tmp_path: Path) -> None:
    port = free_port()
    with broker(tmp_path, port):
        pump(MqttSink(f"mqtt://127.0.0.1:{port}/ecg/bed4"), "mqtt-int16", 1)
        with listener(port, "ecg/bed4") as got:
            assert until(lambda: len(got) > 0)
    assert [(message.suffix, message.retain) for message in got] == [("meta", True)]


@needs_broker
def test_send_when_the_broker_goes_and_returns_then_the_stream_goes_on_described_again(
    tmp_path: Path,
) -> None:
    port = free_port()
    patient = VirtualPatient(250, 0)
    sink = MqttSink(f"mqtt://127.0.0.1:{port}/ecg/bed4")
    sim = Simulator(patient, message_wire("mqtt-int16", 250, patient.leads), sink, 200, 0)
    with broker(tmp_path, port):
        sim.open()
        thread = threading.Thread(target=sim.run)
        thread.start()
        assert until(lambda: sim.n_sent > 1000)
    assert until(lambda: not sink._connected)
    with broker(tmp_path, port), listener(port, "ecg/bed4") as got:
        assert until(lambda: any(m.suffix == "meta" for m in got) and any(m.suffix == "int16" for m in got))
        sim.stop()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


@needs_broker
def test_send_when_the_broker_is_away_in_true_time_then_messages_are_dropped_and_counted(
    tmp_path: Path,
) -> None:
    port = free_port()
    sink = MqttSink(f"mqtt://127.0.0.1:{port}/ecg/bed4")
    with broker(tmp_path, port):
        sink.open([])
    assert until(lambda: not sink._connected)
    for _ in range(5):
        sink.send([Message("json", b"{}")])
    assert sink.n_dropped == 5
    sink.close()


@needs_broker
def test_open_when_the_broker_refuses_then_one_line_says_so(tmp_path: Path) -> None:
    port = free_port()
    sink = MqttSink(f"mqtt://127.0.0.1:{port}/ecg/bed4", username="x", password="secret")
    with (
        broker(tmp_path, port, "allow_anonymous false"),
        pytest.raises(BadInput, match=r"the broker refused \(Not authorized\)") as caught,
    ):
        sink.open([])
    assert "secret" not in str(caught.value)


def test_open_when_there_is_no_broker_then_one_line_says_so() -> None:
    sink = MqttSink(f"mqtt://127.0.0.1:{free_port()}/ecg/bed4")
    with pytest.raises(BadInput, match="expected an MQTT broker there; start one"):
        sink.open([])


def test_url_when_it_is_right_then_host_port_and_topic_are_read() -> None:
    assert parse_url("mqtt://localhost:1884/ecg/bed4") == ("localhost", 1884, "ecg/bed4")
    assert parse_url("mqtt://[::1]/bed4/") == ("::1", 1883, "bed4")


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://localhost:1884",
        "mqtt://localhost/a/+/b",
        "mqtt://localhost/#",
        "mqtt://localhost:99999/bed",
        "mqtt:///bed",
        "http://localhost/bed",
        "mqtt://user:secret@localhost/bed",
        "mqtt://localhost/a//b",
    ],
)
def test_url_when_it_is_wrong_then_one_line_says_so(url: str) -> None:
    with pytest.raises(BadInput, match="such as"):
        parse_url(url)
    with pytest.raises(BadInput, match="expected 0 or 1"):
        MqttSink("mqtt://localhost/bed", qos=2)
