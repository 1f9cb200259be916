"""[io] Samples that come over MQTT, as bytes: a thread a connection takes messages and hands them over."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from edge.config import MqttConfig
from edge.envelope import wrap
from edge.io.mqtt_link import NOT_AUTHORISED, STUCK_S, make_client, tls_context
from edge.io.source import SourceLost
from edge.messages import base_topic
from firmware_bridge.types import BadInput

MAX_WAITING = 1000


class MqttSource:
    """Messages below ``mqtt://host:port/<topic>/`` as envelopes (see `edge.envelope`).

    Parameters
    ----------
    name : str
        The address. Without a host the publisher's broker is meant: ``mqtt:///in/bed4``.
    config : MqttConfig
        The publisher's broker; its user, password and TLS are used when it is the same one.
    client_id : str
        Our name at the broker.
    """

    def __init__(self, name: str, config: MqttConfig, client_id: str) -> None:
        self.name = name
        parts = urlsplit(name)
        try:
            host, port = (
                parts.hostname or config.host,
                parts.port or (1883 if parts.hostname else config.port),
            )
        except ValueError:
            host = ""
        more = parts.username or parts.password or "?" in name or "#" in name
        if not host or more or not parts.path.strip("/"):
            raise BadInput(f"source: got {name.partition('@')[2] or name!r}, expected mqtt://HOST:PORT/TOPIC")
        self._topic = base_topic(parts.path.strip("/"), "source topic")
        same = (host, port) == (config.host, config.port)
        self._config = config if same else replace(MqttConfig(), host=host, port=port)
        self._client_id = client_id
        self._tls = tls_context(self._config)
        self._link: _Connection | None = None
        self._was_connected = False

    def open(self) -> None:
        """Begin to connect; what goes wrong is told by `read`."""
        client = make_client(self._config, self._client_id, self._tls)
        self._link = _Connection(client, f"{self._topic}/+")

    def explain(self, error: OSError) -> str:
        """One line about why it is not open."""
        return f"{self.name}: {error.strerror or error}"

    def fileno(self) -> int:
        """Readable when a message came or the connection ended; -1 while closed."""
        return -1 if self._link is None else self._link.fileno()

    def read(self) -> bytes:
        """Envelopes of the messages that came."""
        link = self._link
        assert link is not None
        data = link.take()
        self._was_connected |= link.connected
        if link.refusal in NOT_AUTHORISED and not self._was_connected:
            raise BadInput(
                f"{self.name}: the broker refused us ({link.refusal}); check user name and password"
            )
        if not data and link.gone is not None:
            raise SourceLost(errno.ENOTCONN, link.gone)
        return data

    def tick(self, now_s: float) -> None:
        """The connection has a thread and timers of its own."""

    def stuck(self, now_s: float) -> str:
        """Why the thread must be taken for dead; empty while it is not."""
        link = self._link
        if link is None or link.gone is not None or now_s - link.turned_s <= STUCK_S:
            return ""
        return f"the thread that reads {self.name} has not moved for {now_s - link.turned_s:.0f} s"

    def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None


class _Connection:
    """One connection and its thread, which only notes what happened and writes a byte to wake the reader."""

    def __init__(self, client: mqtt.Client, topic: str) -> None:
        self._client, self._topic = client, topic
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._there.setblocking(False)
        self._closing = False
        self.connected = False
        self.refusal: str | None = None
        self.gone: str | None = None
        self.turned_s = time.monotonic()
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        self._thread = threading.Thread(target=self._run, name="heartwire-ingest", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        return self._here.fileno()

    def take(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            self._here.recv(4096)
        parts = []
        while self._waiting:
            parts.append(self._waiting.popleft())
        return b"".join(parts)

    def close(self) -> None:
        self._closing = True
        self._here.close()
        self._thread.join(0.2)

    def _run(self) -> None:
        reason = "connection ended"
        try:
            self._client.reconnect()
            while not self._closing and not self.refusal:
                self.turned_s = time.monotonic()
                code = self._client.loop(0.1)
                if code != mqtt.MQTT_ERR_SUCCESS:
                    reason = f"connection ended ({mqtt.error_string(code).rstrip('.')})"
                    break
        except Exception as error:
            reason = f"no connection ({error})"
        with contextlib.suppress(Exception):
            self._client.disconnect()
            if (sock := self._client.socket()) is not None:
                sock.close()
        self.gone = f"refused: {self.refusal}" if self.refusal else reason
        self._wake()
        self._there.close()

    def _on_connect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self.refusal = str(code)
        else:
            self.connected = True
            client.subscribe(self._topic, 1)

    def _on_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._waiting.append(wrap(message.topic.rpartition("/")[2], bytes(message.payload)))
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._there.send(b"x")
