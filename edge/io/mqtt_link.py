"""[io] One connection to a broker: dialled in a thread of its own, then owned by one loop, then thrown away.

paho's habits and what is done about them: an exception in a callback would end it silently, so callbacks
only note facts; `is_connected` may lie, so a connection is alive when an own message comes back through the
broker; a connection that ended is never mended, a new client takes its place, so that nothing half-sent is
left over.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.config import MqttConfig
from edge.io.poller import READ, WRITE, Poller
from edge.messages import Message
from firmware_bridge.types import BadInput

CONNECT_S = 5.0
CONNACK_S = 5.0
STUCK_S = 60.0
"""Looking up a name and connecting take half a minute at the most."""
PING_S = 2.0
DEAD_S = 6.0
MAX_INFLIGHT = 20
NOT_AUTHORISED = ("Bad user name or password", "Not authorized", "Client identifier not valid")


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker: topic, payload, and whether the broker had only kept it (retained)."""

    topic: str
    payload: bytes
    retain: bool


def tls_context(config: MqttConfig) -> ssl.SSLContext | None:
    """The TLS settings of `config`, None when it has none. Raises `BadInput` for files that do not serve."""
    if not config.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=config.ca_file or None)
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file or None)
    except OSError as error:
        files = ", ".join(name for name in (config.ca_file, config.cert_file, config.key_file) if name)
        raise BadInput(f"mqtt TLS: cannot use {files}: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def make_client(config: MqttConfig, client_id: str, tls: ssl.SSLContext | None = None) -> mqtt.Client:
    """A paho client that is set up but not connected (MQTT 3.1.1, clean session)."""
    wire: Literal["unix", "tcp"] = "unix" if config.is_local else "tcp"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv311, transport=wire)
    if config.username:
        client.username_pw_set(config.username, config.password or None)
    if tls is not None:
        client.tls_set_context(tls)
    client.max_inflight_messages_set(MAX_INFLIGHT)
    client.connect_timeout = CONNECT_S
    client.on_socket_open = _no_delay
    client.connect_async(config.host, config.port, config.keepalive_s)
    return client


def _no_delay(client: Any, userdata: Any, sock: Any) -> None:
    """Delayed acknowledgements cost 40 ms otherwise."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Dialler:
    """Connects clients in a thread that lives for one attempt, so that a black hole stalls nothing.

    Parameters
    ----------
    poller : Poller
        Of the loop that takes what the attempt brings.
    on_done : callable
        Called in that loop with the client and what went wrong, or None.
    """

    def __init__(
        self,
        poller: Poller,
        on_done: Callable[[mqtt.Client, BaseException | None], None],
    ) -> None:
        self._poller, self._on_done = poller, on_done
        self._done: deque[tuple[mqtt.Client, BaseException | None]] = deque()
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._closed = False
        self._since_s: float | None = None
        poller.register(self._here.fileno(), READ, self._on_wake)

    @property
    def busy(self) -> bool:
        """Whether an attempt is under way."""
        return self._since_s is not None

    def stuck(self, now_s: float) -> str:
        """Why the attempt's thread must be taken for dead; empty while it is not."""
        if self._since_s is None or now_s - self._since_s <= STUCK_S:
            return ""
        return f"the thread that connects to the broker has not answered for {now_s - self._since_s:.0f} s"

    def dial(self, client: mqtt.Client) -> None:
        """Begin one attempt. Not while `busy`."""
        self._since_s = time.monotonic()
        threading.Thread(target=self._attempt, args=(client,), name="heartwire-dial", daemon=True).start()

    def close(self) -> None:
        """Want nothing more; what an attempt still brings is thrown away."""
        self._closed = True
        self._poller.unregister(self._here.fileno())
        self._here.close()
        self._there.close()
        while self._done:
            _discard(self._done.popleft()[0])

    def _attempt(self, client: mqtt.Client) -> None:
        """In the dialling thread: the only one that touches `client` until it is handed over."""
        error: BaseException | None = None
        try:
            client.reconnect()
        except Exception as caught:
            error = caught
        self._done.append((client, error))
        if self._closed:
            _discard(client)
        with contextlib.suppress(OSError):
            self._there.send(b"x")

    def _on_wake(self, _mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._here.recv(64)
        while self._done:
            client, error = self._done.popleft()
            self._since_s = None
            self._on_done(client, error)


def _discard(client: mqtt.Client) -> None:
    sock = client.socket()
    if sock is not None:
        sock.close()


def publish_packet(message: Message) -> bytes:
    """The PUBLISH packet of a QoS 0 message (MQTT 3.1.1, section 3.3).

    Raises
    ------
    ValueError
        For a topic that is empty, too long or has wildcards, or a payload over 268 MB.
    """
    return _publish_head(message.topic, len(message.payload), message.retain) + message.payload


@lru_cache(maxsize=64)
def _publish_head(topic_name: str, n_payload: int, retain: bool) -> bytes:
    """Everything before the payload; chunks of one lead have all the same."""
    topic = topic_name.encode()
    if not 0 < len(topic) < 65536 or b"+" in topic or b"#" in topic or b"\0" in topic:
        raise ValueError(f"topic {topic_name[:80]!r}")
    n = 2 + len(topic) + n_payload
    if n >= 1 << 28:
        raise ValueError(f"payload of {n_payload} bytes")
    length = bytearray()
    while n > 127:
        length.append(n & 127 | 128)
        n >>= 7
    length.append(n)
    head = b"\x31" if retain else b"\x30"
    return b"".join((head, length, len(topic).to_bytes(2, "big"), topic))


class MqttLink:
    """One connection. All methods are called by the loop's thread.

    Attributes
    ----------
    accepted : bool
        The broker said yes to CONNECT.
    ready : bool
        Set by the owner once it has greeted the broker.
    refusal : str or None
        Why the broker said no.
    pending : deque
        (paho's receipt, since when it waits, message) of what is sent with QoS 1 and not acknowledged.
    on_acked : callable
        Called with each of those once the broker has acknowledged it.
    """

    def __init__(self, client: mqtt.Client, sock: Any, ping_topic: str, now_s: float) -> None:
        self.client, self.sock, self._ping_topic = client, sock, ping_topic
        self.fd, self.events = sock.fileno(), 0
        self.accepted = self.ready = False
        self.refusal: str | None = None
        self.opened_s = now_s
        self._gone: str | None = None
        self._echo_s = self._pinged_s = now_s
        self._echo = self._blocked = self._held_up = False
        self._tail = b""
        self._plain = type(sock) is socket.socket
        self._inbox: deque[Received] = deque()
        self.pending: deque[tuple[mqtt.MQTTMessageInfo, float, Message]] = deque()
        self.on_acked: Callable[[Message], None] = lambda message: None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_register_write = lambda *_: None  # so that paho waits for `flush`

    def _on_connect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self.refusal = str(code)
        else:
            self.accepted = True

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        self._gone = f"connection ended ({code})"

    def _on_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._inbox.append(Received(message.topic, bytes(message.payload), bool(message.retain)))

    def handle(self, mask: int) -> list[Received]:
        """Let paho read and write; give what came, but for the own ping."""
        if mask & ~WRITE:
            self.client.loop_read()
            while isinstance(self.sock, ssl.SSLSocket) and self.client.socket() and self.sock.pending():
                self.client.loop_read()
        if mask & ~READ:
            self._blocked = False
        if self.client.socket():
            self.flush()
        self.settle()
        came = []
        while self._inbox:
            received = self._inbox.popleft()
            if received.topic == self._ping_topic:
                self._echo = True
            else:
                came.append(received)
        return came

    def tick(self, now_s: float) -> None:
        """paho's own timers, and the own ping."""
        self.client.loop_misc()
        if self._echo:
            self._echo, self._echo_s = False, now_s
        if self.ready and now_s - self._pinged_s >= PING_S and not self.wants_write():
            self._pinged_s = now_s
            self.client.publish(self._ping_topic, b"ping", 0)
        if self.client.socket():
            self.flush()
        self.settle()

    def verdict(self, now_s: float) -> str | None:
        """Why this connection must end, or None."""
        if self.refusal:
            return f"refused: {self.refusal}"
        if self._gone or self.client.socket() is None:
            return self._gone or "connection ended"
        if not self.ready and now_s - self.opened_s > CONNACK_S:
            return f"no answer to CONNECT for {CONNACK_S:g} s"
        if self.ready and not self._echo and now_s - self._echo_s > DEAD_S:
            return f"the own message on {self._ping_topic} did not come back for {DEAD_S:g} s"
        return None

    def wants_write(self) -> bool:
        """Whether the socket must become writable before anything else can be sent."""
        return self._held_up

    def is_full(self, qos: int) -> bool:
        """Whether a message of this QoS must wait."""
        return self.wants_write() or (qos > 0 and len(self.pending) >= MAX_INFLIGHT)

    def send(self, message: Message, since_s: float) -> bool:
        """Send one message at once; False if the socket does not take it now.

        Raises
        ------
        OSError
            The connection is broken.
        ValueError
            The message can never be sent.
        """
        if message.qos == 0 and self._plain:
            return self._send_plain(publish_packet(message))
        info = self.client.publish(message.topic, message.payload, message.qos, message.retain)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            raise ConnectionError(self._gone or mqtt.error_string(info.rc))
        if message.qos:
            self.pending.append((info, since_s, message))
        self.flush()
        return True

    def send_now(self, message: Message) -> bool:
        """The short way of a QoS 0 message when nothing stands in its way; False: `send` must decide."""
        if self._held_up or not (self.ready and self._plain):
            return False
        try:
            return self._send_plain(publish_packet(message))
        except (OSError, ValueError):
            return False

    def _send_plain(self, packet: bytes) -> bool:
        """QoS 0 past paho, whose way takes several times as long: a sample's way to its reader is counted in
        microseconds. What the socket leaves of a packet is the first to go on, so that packets never mix.
        """
        try:
            n = self.sock.send(packet)
        except BlockingIOError:
            self._blocked = self._held_up = True
            return False
        if n < len(packet):
            self._tail, self._held_up = packet[n:], True
        return True

    def flush(self) -> None:
        """Write what is left of our own packet, then what paho has. paho never writes but here."""
        if self._tail:
            try:
                self._tail = self._tail[self.sock.send(self._tail) :]
            except BlockingIOError:
                return
        if not self._tail and self.client.want_write():
            self.client.loop_write()
        self._held_up = self._blocked or bool(self._tail) or self.client.want_write()

    def settle(self) -> None:
        """Forget what the broker has acknowledged."""
        while self.pending and self.pending[0][0].is_published():
            self.on_acked(self.pending.popleft()[2])

    def disconnect(self) -> None:
        """End it as the protocol wants it, so that the last will is not sent."""
        self.client.disconnect()
        self.flush()

    def abandon(self) -> None:
        """Close the socket without a word."""
        self.client.on_disconnect = None
        with contextlib.suppress(OSError):
            self.sock.close()
