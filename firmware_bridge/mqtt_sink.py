"""[io] A simulated device's messages to an MQTT broker.

paho's network thread only notes facts (what was sent, that a connection came or went); one thread, the
caller's, publishes.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.mqtt_payload import Message
from firmware_bridge.types import BadInput

#: Messages handed to paho and not yet sent (QoS 0) or acknowledged (QoS 1).
MAX_OUTSTANDING = 100
CONNECT_S = 5.0
KEEPALIVE_S = 15
TURN_S = 0.2


class MqttSink:
    """Publishes on ``<topic>/json``, ``/int16`` and ``/meta``, or ``/native``.

    Parameters
    ----------
    url : str
        ``mqtt://host[:port]/topic``, where topic is the device's, such as ``ecg/bed4``.
    qos : int
        0 or 1.
    username, password : str
        Where the broker wants them.
    """

    def __init__(self, url: str, qos: int = 0, username: str = "", password: str = "") -> None:
        if qos not in (0, 1):
            raise BadInput(f"qos is {qos}: expected 0 or 1")
        self._host, self._port, self.topic = parse_url(url)
        self._qos = qos
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        if username:
            self._client.username_pw_set(username, password or None)
        self._client.max_queued_messages_set(MAX_OUTSTANDING)
        self._client.connect_timeout = CONNECT_S
        self._client.reconnect_delay_set(1, 2)
        self._client.on_socket_open = _no_delay
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._changed = threading.Condition()
        self._outstanding = 0
        self._connected = self._say_hello = False
        self._refused = ""
        self._hello: list[Message] = []
        self.n_dropped = 0

    @property
    def name(self) -> str:
        """The broker and the topic."""
        return f"mqtt://{self._host}:{self._port}/{self.topic}"

    def open(self, hello: list[Message]) -> None:
        """Connect. `hello` is published now and after every reconnection."""
        self._hello = hello
        try:
            self._client.connect(self._host, self._port, KEEPALIVE_S)
        except OSError as error:
            raise BadInput(
                f"{self.name}: no connection ({error.strerror or error}), expected an MQTT broker there; "
                "start one, or correct the address"
            ) from None
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._refused, CONNECT_S)
            complaint = "" if self._connected else self._refused or f"no answer within {CONNECT_S:g} s"
        if complaint:
            self._client.disconnect()
            self._client.loop_stop()
            raise BadInput(
                f"{self.name}: the broker refused ({complaint}); set HEARTWIRE_MQTT_USERNAME and "
                "HEARTWIRE_MQTT_PASSWORD if it wants them"
            )
        self._greet()

    def send(self, data: list[Message], keep_waiting: Callable[[], bool] | None = None) -> None:
        """Publish `data`; drop or wait while the broker is away or behind."""
        for message in data:
            while not self._publish(message):
                if keep_waiting is None or not keep_waiting():
                    self.n_dropped += 1
                    break
                with self._changed:
                    self._changed.wait_for(self._has_room, TURN_S)

    def close(self) -> None:
        """Give what is outstanding a few seconds, then disconnect."""
        with self._changed:
            self._changed.wait_for(lambda: self._outstanding <= 0 or not self._connected, CONNECT_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _has_room(self) -> bool:
        return self._connected and self._outstanding < MAX_OUTSTANDING

    def _publish(self, message: Message) -> bool:
        with self._changed:
            if not self._has_room():
                return False
            greet = self._say_hello
        if greet:
            self._greet()
        with self._changed:
            self._outstanding += 1
        info = self._client.publish(
            f"{self.topic}/{message.suffix}", message.payload, self._qos, message.retain
        )
        # rc NO_CONN with QoS 1 means: kept until the connection is back.
        sent = info.rc == mqtt.MQTT_ERR_SUCCESS or (self._qos == 1 and info.rc == mqtt.MQTT_ERR_NO_CONN)
        if not sent:
            with self._changed:
                self._outstanding -= 1
        return sent

    def _greet(self) -> None:
        self._say_hello = False
        for message in self._hello:
            self._publish(message)

    # -- called by paho's thread: no work here, and nothing that can raise

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._refused = str(reason) if reason.is_failure else ""
            self._connected = not self._refused
            self._say_hello = True
            self._changed.notify_all()

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._connected = False
            if self._qos == 0:
                self._outstanding = 0
            self._changed.notify_all()

    def _on_publish(self, client: Any, userdata: Any, mid: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._outstanding -= 1
            self._changed.notify_all()


def parse_url(url: str) -> tuple[str, int, str]:
    """Host, port and topic of ``mqtt://host[:port]/topic``. Raises BadInput."""
    parts = urlsplit(url)
    topic = parts.path.strip("/")
    port: int | None = None
    with contextlib.suppress(ValueError):
        port = parts.port or 1883
    if parts.scheme != "mqtt" or not parts.hostname or port is None or parts.username:
        raise BadInput(
            f"got {url[:80]!r}, expected mqtt://HOST:PORT/TOPIC, such as mqtt://127.0.0.1:1883/ecg/bed4"
        )
    if not re.fullmatch(r"[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*", topic) or len(topic) > 200:
        raise BadInput(
            f"got the topic {topic[:80]!r} in {url[:80]!r}, expected levels of a-z A-Z 0-9 _ -, "
            "such as ecg/bed4"
        )
    return parts.hostname, port, topic


def _no_delay(client: Any, userdata: Any, sock: Any) -> None:
    """Else delayed acknowledgements cost 40 ms."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
