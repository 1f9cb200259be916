"""[io] A reader's connection to the broker, in a thread of its own that alone touches the client.

It is made again for ever, also where the broker is frozen or the cable cut and no socket says so: a broker that brings
nothing is asked to take back a subscription that was never made, which it must answer (MQTT 3.1.1, 3.10.4) and which
needs no right. What comes waits in a bounded inbox: when the reader is too slow, waveforms and beats
give way, the oldest first; if anything else had to, all that the broker keeps is asked for again.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt

from edge.config import MqttConfig
from edge.io.mqtt_link import CONNACK_S, NOT_AUTHORISED, Received, make_client, tls_context
from edge.io.source import BackOff
from edge.ward.heard import most_bytes

LOOP_S = 0.1
PROBE_S = 1.0
"""After so long a silence the broker is asked for a sign of life."""
DEAD_S = 2.5
"""Without any sign for so long it is gone, whatever TCP says: people know within 3 s."""
MAX_WAITING = 2000
MAX_SENDS = 100


@dataclass(frozen=True, slots=True)
class LinkWord:
    """Whether the broker is there; why not; whether it said that it would never have us (user, password)."""

    up: bool
    why: str = "not connected yet"
    refused: bool = False


class Subscription:
    """Receives the messages of some topics and publishes a few.

    Parameters
    ----------
    config : MqttConfig
        The broker and who we are.
    topics : sequence of (str, int)
        Filters and their QoS.
    wake : callable
        Called in the connection's thread whenever there is something new for `take` or in `word`.

    Attributes
    ----------
    word : LinkWord
        How the connection is.
    n_dropped : int
        Messages given up because the reader was too slow.
    """

    def __init__(
        self, config: MqttConfig, topics: Sequence[tuple[str, int]], wake: Callable[[], None]
    ) -> None:
        self._config, self._topics, self._wake = config, list(topics), wake
        self._tls = tls_context(config)
        self._client_id = f"heartwire-reader-{secrets.token_hex(4)}"
        self._fast: deque[Received] = deque(maxlen=MAX_WAITING)
        self._slow: deque[Received] = deque(maxlen=MAX_WAITING)
        self._sends: deque[tuple[str, bytes]] = deque(maxlen=MAX_SENDS)
        self._closing = threading.Event()
        self._ask_again = False
        self._heard_s = self._asked_s = 0.0
        self.word = LinkWord(False)
        self.n_dropped = 0
        self._thread = threading.Thread(target=self._run, name="heartwire-reader", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def take(self, most: int = 500) -> list[Received]:
        """Up to `most` of the messages that wait: first what tells a state, in its order, then the others."""
        out: list[Received] = []
        for lane in (self._slow, self._fast):
            with contextlib.suppress(IndexError):
                while len(out) < most:
                    out.append(lane.popleft())
        return out

    def send(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, not retained; while there is no broker, never."""
        if self.word.up:
            self._sends.append((topic, payload))

    def close(self) -> None:
        """End the connection and its thread."""
        self._closing.set()
        self._thread.join(2.0)

    # -- in the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        back_off = BackOff(0.25, 4.0)
        while not self._closing.is_set():
            client = make_client(self._config, self._client_id, self._tls)
            client.on_connect, client.on_message = self._on_connect, self._on_message
            client.on_unsubscribe = self._on_unsubscribe
            refused: list[str] = []
            client.user_data_set(refused)
            why = self._stay(client, refused)
            if self.word.up:
                back_off.succeed()
            self._sends.clear()
            self._say(LinkWord(False, why, bool(refused) and refused[0] in NOT_AUTHORISED))
            self._closing.wait(back_off.fail())

    def _stay(self, client: mqtt.Client, refused: list[str]) -> str:
        """Connect and stay until the connection ends; gives why it did."""
        why = "connection ended"
        try:
            client.reconnect()
            self._heard_s = time.monotonic()
            while not (self._closing.is_set() or refused):
                code = client.loop(LOOP_S)
                if code != mqtt.MQTT_ERR_SUCCESS:
                    why = f"connection ended ({mqtt.error_string(code).rstrip('.')})"
                    break
                if (silence := self._silence(client, time.monotonic())) is not None:
                    why = silence
                    break
                self._errands(client)
        except Exception as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        with contextlib.suppress(Exception):
            client.disconnect()
            if (sock := client.socket()) is not None:
                sock.close()
        return f"refused: {refused[0]}" if refused else why

    def _silence(self, client: mqtt.Client, now_s: float) -> str | None:
        """Why the connection is dead, though nothing has ended it; None while there is life in it."""
        silent_s = now_s - self._heard_s
        if not self.word.up:
            return f"no answer to CONNECT for {CONNACK_S:g} s" if silent_s > CONNACK_S else None
        if silent_s > DEAD_S:
            return f"no sign of life for {DEAD_S:g} s"
        if now_s - max(self._heard_s, self._asked_s) >= PROBE_S:
            self._asked_s = now_s
            client.unsubscribe(self._client_id)
        return None

    def _errands(self, client: mqtt.Client) -> None:
        while self._sends:
            topic, payload = self._sends.popleft()
            client.publish(topic, payload, 1)
        if self._ask_again and not self._slow:
            self._ask_again = False
            client.subscribe(self._topics)

    def _say(self, word: LinkWord) -> None:
        if word != self.word:
            self.word = word
            self._wake()

    def _on_connect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        self._heard_s = time.monotonic()
        if code.is_failure:
            userdata.append(str(code))
        else:
            client.subscribe(self._topics)
            self._say(LinkWord(True, ""))

    def _on_unsubscribe(self, *_: Any) -> None:
        self._heard_s = time.monotonic()

    def _on_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        """Never raises: an exception in here would end the connection."""
        self._heard_s = time.monotonic()
        payload = message.payload
        with contextlib.suppress(UnicodeDecodeError):
            topic = message.topic
            if len(payload) > most_bytes(topic):
                return
            slow = message.qos > 0 or message.retain
            lane = self._slow if slow else self._fast
            if len(lane) == MAX_WAITING:
                self.n_dropped += 1
                self._ask_again |= slow
            lane.append(Received(topic, bytes(payload), bool(message.retain)))
            self._wake()
