"""[io] The way to the broker: keeps one connection, and what must wait while there is none.

Run by the monitor's own loop and thread. At most a handful of messages are ever in paho's hands; the others
wait in a `Backlog`, whose rules are ours: waveforms drop the oldest, a lethal alarm is never dropped. Alarms and
events go through an `Outbox` first, so that they outlive the monitor.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from edge.alarms.adoption import Adoption
from edge.backlog import Backlog
from edge.config import MqttConfig
from edge.integrations.homeassistant import Discovery
from edge.io.mqtt_link import NOT_AUTHORISED, Dialler, MqttLink, Received, make_client, tls_context
from edge.io.outbox import Outbox
from edge.io.outbox_file import OutboxFile
from edge.io.poller import READ, WRITE, Poller
from edge.io.redial import N_SHORT, Redial
from edge.messages import OFFLINE, Composer, Message

CLOSE_S = 2.0
MAX_COMMAND_BYTES = 4096
MAX_COMMANDS = 100
TURN_S = 5.0


class Publisher:
    """Publishes messages and receives commands for one monitor.

    All methods are called by the thread that runs `poller`; the publisher registers its sockets there itself.

    Parameters
    ----------
    config : MqttConfig
        Broker, names, limits. Without an `outbox_path` all that waits is in memory.
    composer : Composer
        Makes the plain words and knows the topics.
    poller : Poller
        Of the loop that runs everything.
    on_note : callable
        Called with (kind, detail) for what is worth an event: broker_lost, broker_back, client_id_clash, and
        what an `Outbox` says.
    clock : callable
        Monotonic seconds.
    adoption : Adoption, optional
        Takes what earlier starts have left, in the outbox and at the broker.

    Attributes
    ----------
    latest : dict of str to Message
        Last retained message of each topic: the truth, published again after a reconnection.
    commands : deque of Received
        Commands that came and that nobody has taken yet.
    refused : str or None
        Why the broker would not have us, if it never had.
    asked : bool
        A first attempt at the broker has come to an end, good or bad.
    n_reconnects, n_errors, n_ignored : int
        Connections made after a loss; exceptions out of the client; messages that were no command of ours.
    """

    def __init__(
        self,
        config: MqttConfig,
        composer: Composer,
        poller: Poller,
        on_note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
        adoption: Adoption | None = None,
    ) -> None:
        self._config, self._composer, self._poller, self._adoption = config, composer, poller, adoption
        self._on_note, self._clock = on_note, clock
        self._client_id = config.client_id or f"heartwire-{composer.device}"
        self._tls = tls_context(config)
        self._backlog = Backlog(config.ring, config.outbox)
        self._redial = Redial()
        self._dialler = Dialler(poller, self._on_dialled)
        self._link: MqttLink | None = None
        self._was_ready = self._closing = False
        self.latest: dict[str, Message] = {}
        self.commands: deque[Received] = deque(maxlen=MAX_COMMANDS)
        self.refused: str | None = None
        self.asked = False
        self._turned_s, self._replay_at_s = clock(), 0.0
        self.n_reconnects = self.n_errors = self.n_ignored = 0
        self._discovery: Discovery | None = None
        if config.homeassistant:
            self._discovery = Discovery(composer, config.homeassistant)
            self.latest[self._discovery.message.topic] = self._discovery.message
        self._outbox: Outbox | None = None
        if config.outbox_path:
            file = OutboxFile(Path(config.outbox_path), int(config.outbox_mb * 1e6))
            self._outbox = Outbox(file, poller, self._send_or_wait, self._on_found, on_note, clock)

    @property
    def ready(self) -> bool:
        """Whether a broker has accepted the connection and nothing speaks against it being alive."""
        return self._link is not None and self._link.ready

    @property
    def n_waiting(self) -> int:
        """Messages that wait for the broker or the disk."""
        return len(self._backlog) + self._n_held

    @property
    def counts(self) -> dict[str, int]:
        """What the bed's state tells of this: events that wait, beats and chunks given up, events given up."""
        n, lost = self._backlog.n_events + self._n_held, self._backlog
        return {"n_waiting": n, "n_dropped": lost.n_dropped, "n_dropped_events": lost.n_dropped_events}

    @property
    def n_dropped(self) -> int:
        """Messages given up while the broker was away or slow."""
        return self._backlog.n_dropped + self._backlog.n_dropped_events

    def publish(self, message: Message) -> None:
        """Send `message` now, or as soon as the broker takes it."""
        if message.retain:
            self.latest.pop(message.topic, None)  # the newest stands last
            self.latest[message.topic] = message
        link = self._link
        if link is not None and message.qos == 0 and not self._backlog.ring and link.send_now(message):
            if link.wants_write():
                self._watch(link)
            return
        now_s = self._clock()
        if self._outbox is not None and message.key is not None:
            self._outbox.add(message, now_s)
        else:
            self._send_or_wait(message, now_s)

    def offer(self, message: Message) -> bool:
        """Send a message of QoS 0 that nobody misses, if nothing at all waits; gives whether it went."""
        link = self._link
        if link is None or not link.ready or self.n_waiting or link.is_full(0):
            return False
        sent: list[bool] = []
        self._guarded(link, lambda: sent.append(link.send(message, self._clock())))
        self._watch(link)
        return sent == [True]

    def tick(self, now_s: float) -> None:
        """Keep the connection: dial, ping, judge its life. Call about four times a second."""
        self._turned_s = now_s
        if self._outbox is not None:
            self._outbox.tick(now_s)
        if self._discovery is not None and self._discovery.due(now_s):
            self.publish(self._discovery.message)
        link = self._link
        if link is None:
            if not self._dialler.busy and not self._closing and self._redial.due(now_s):
                self._dialler.dial(self._client())
            return
        self._guarded(link, lambda: link.tick(now_s))
        if link.ready:
            self._redial.lasts(link.opened_s, now_s)
        self._judge(link, now_s)

    def stuck(self, now_s: float) -> str:
        """Why this must be taken for dead, so that only a new start mends it; empty while it is not."""
        alone_s = now_s - self._turned_s
        alone = f"nobody has looked after the broker for {alone_s:.0f} s" if alone_s > TURN_S else ""
        return alone or self._dialler.stuck(now_s)

    def close(self) -> None:
        """Say offline, give the broker up to `CLOSE_S` to take what waits, disconnect. Twice does nothing."""
        if self._closing:
            return
        self._closing, self._replay_at_s = True, 0.0
        self.publish(self._composer.availability(False))
        self.publish(self._composer.bridge(False))
        deadline_s = self._clock() + CLOSE_S
        while self._clock() < deadline_s and (self._n_held or (self.ready and self._unsent)):
            self._turn()
        link, self._link = self._link, None
        if link is not None:
            self._unregister(link)
            with contextlib.suppress(Exception):
                link.disconnect()
            link.abandon()
        self._dialler.close()
        if self._outbox is not None:
            self._outbox.close()

    def _turn(self) -> None:
        """One turn of the loop for the connection and the outbox alone."""
        for fd, mask in self._poller.wait(0.1):
            if self._link is not None and fd == self._link.fd:
                self._on_socket(mask)
            elif self._outbox is not None and fd == self._outbox.wake.fileno():
                self._outbox.on_wake(mask)
        if self._outbox is not None:
            self._outbox.tick(self._clock())

    # -- what waits ----------------------------------------------------------------------------------

    @property
    def _unsent(self) -> bool:
        return bool(self._backlog or (self._link is not None and self._link.pending))

    @property
    def _n_held(self) -> int:
        return 0 if self._outbox is None else self._outbox.n_held

    def _send_or_wait(self, message: Message, since_s: float) -> None:
        """Send what may go, or let it wait for the broker."""
        link = self._link
        if link is not None and link.ready and not self._backlog and not link.is_full(message.qos):
            self._send(link, message, since_s)
            return
        given_up = self._backlog.push(message, since_s)
        if given_up is not None:
            self._forget(given_up)
        self._drain(self._clock())

    def _on_found(self, messages: list[Message]) -> None:
        """A former start left these: late, before all that this one says, but for what is true by now."""
        if self._adoption is not None:
            self._adoption.found(messages)
        for message in reversed(messages):
            if not message.retain or message.topic not in self.latest:
                self._backlog.push_back(float("-inf"), message)
            else:
                self._forget(message)
        now_s = self._clock()
        if messages:
            self._replay_at_s = now_s + self._config.replay_after_s
        self._drain(now_s)

    def _forget(self, message: Message) -> None:
        if self._outbox is not None and message.key is not None:
            self._outbox.done(message)

    # -- connecting ----------------------------------------------------------------------------------

    def _client(self) -> mqtt.Client:
        client, will = make_client(self._config, self._client_id, self._tls), self._composer.bridge(False)
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        return client

    def _on_dialled(self, client: mqtt.Client, error: BaseException | None) -> None:
        sock = client.socket()
        if error is not None or sock is None:
            self._failed(str(error) or type(error).__name__)
            return
        link = MqttLink(client, sock, self._composer.ping_topic, self._clock())
        link.on_acked = self._forget
        client.on_socket_close = lambda client, userdata, sock: self._unregister(link)
        self._link = link
        self._watch(link)

    def _welcome(self, link: MqttLink, now_s: float) -> None:
        """The broker has accepted: say that we are here, then all that is true now, then what waited."""
        link.ready = self._was_ready = self.asked = True
        away_s = self._redial.accepted(now_s)
        composer = self._composer
        topics = [(composer.ping_topic, 0), (composer.bridge(True).topic, 1), (composer.command_filter, 1)]
        if self._discovery is not None:
            topics.append((self._discovery.birth_topic, 1))
        if self._adoption is not None:
            topics += self._adoption.topics
            self._adoption.connected(now_s, self._redial.n_short == 0)
        self._guarded(link, lambda: link.client.subscribe(topics))
        word = composer.bridge(not self._closing)
        self.latest[word.topic] = word
        for message in self.latest.values():
            if message is not word:
                self._backlog.renew(message, now_s)
        # an event that nobody hears is lost, and readers lost the broker too
        if self._backlog.has_late(now_s):
            self._replay_at_s = now_s + self._config.replay_after_s
        self._send(link, word, now_s)
        if away_s is not None:
            self.n_reconnects += 1
            self._on_note("broker_back", f"away for {away_s:.1f} s; {self.n_dropped} messages dropped so far")

    def _failed(self, reason: str) -> None:
        """An attempt led to nothing, or a connection ended."""
        now_s, self.asked = self._clock(), True
        if self._redial.failed(now_s):
            self._on_note("broker_lost", f"broker {self._config.place}: {reason}")

    # -- a connection --------------------------------------------------------------------------------

    def _on_socket(self, mask: int) -> None:
        link = self._link
        if link is None:
            return
        came: list[Received] = []
        self._guarded(link, lambda: came.extend(link.handle(mask)))
        now_s = self._clock()
        if link.accepted and not link.ready:
            self._welcome(link, now_s)
        if link.refusal in NOT_AUTHORISED and not self._was_ready:
            self.refused = link.refusal
        for received in came:
            self._on_received(received)
        self._judge(link, now_s)

    def _judge(self, link: MqttLink, now_s: float) -> None:
        """End the connection if it must; else send what waits."""
        reason = link.verdict(now_s)
        if link is not self._link:
            return
        if reason is None:
            self._drain(now_s)
            self._watch(link)
        else:
            self._drop(link, reason, now_s)

    def _drain(self, now_s: float) -> None:
        """Send what waits, for as long as the socket takes it."""
        while (link := self._link) is not None and link.ready and not link.is_full(0):
            waited = self._backlog.pop(now_s, not link.is_full(1), now_s >= self._replay_at_s)
            if waited is None:
                return
            self._send(link, waited[1], waited[0])

    def _send(self, link: MqttLink, message: Message, since_s: float) -> None:
        try:
            if not link.send(message, since_s):
                self._backlog.push_back(since_s, message)
            if link.wants_write():
                self._watch(link)
        except ValueError:  # a message that can never be sent: trying again would be for ever
            self.n_errors += 1
            self._forget(message)
        except Exception as error:
            self.n_errors += not isinstance(error, OSError)
            self._backlog.push_back(since_s, message)
            now_s = self._clock()
            self._drop(link, link.verdict(now_s) or f"{type(error).__name__}: {error}", now_s)

    def _guarded(self, link: MqttLink, act: Callable[[], Any]) -> None:
        """Call into paho; an exception out of it ends this connection and nothing else."""
        try:
            act()
        except Exception as error:
            self.n_errors += 1
            self._drop(link, f"{type(error).__name__}: {error}", self._clock())

    def _drop(self, link: MqttLink, reason: str, now_s: float) -> None:
        """Give the connection up; what was not acknowledged waits again, in its order."""
        if self._link is not link:
            return
        self._link = None
        self._unregister(link)
        link.abandon()
        for _, since_s, message in reversed(link.pending):
            self._backlog.push_back(since_s, message)
        if self._redial.ended(link.ready):
            detail = f"lost {N_SHORT} times within seconds: is another client called {self._client_id!r}?"
            self._on_note("client_id_clash", detail)
            if not self._config.client_id:  # both stay, and hear each other
                self._client_id = f"heartwire-{self._composer.device}-{self._composer.boot_id}"
        if self._adoption is not None and self._redial.n_short >= N_SHORT:
            self._adoption.rival(now_s)
        self._failed(reason)

    def _on_received(self, received: Received) -> None:
        """A command is kept; an `offline` that somebody else's last will left behind is corrected."""
        topic, payload, adoption, now_s = received.topic, received.payload, self._adoption, self._clock()
        if topic == self._composer.bridge(True).topic:
            if payload == OFFLINE and not received.retain and not self._closing:
                self.publish(self._composer.bridge(True))
        elif (self._discovery is not None and self._discovery.hear(topic, payload, now_s)) or (
            adoption is not None and adoption.hear(topic, payload, received.retain, now_s)
        ):
            return
        elif len(payload) <= MAX_COMMAND_BYTES:
            self.commands.append(received)
        else:
            self.n_ignored += 1

    # -- the poller ----------------------------------------------------------------------------------

    def _watch(self, link: MqttLink) -> None:
        """Wait for reading always, for writing only when paho has something left."""
        if link is not self._link or link.client.socket() is None:
            return
        wanted = READ | (WRITE if link.wants_write() else 0)
        if link.events == 0:
            self._poller.register(link.fd, wanted, self._on_socket)
        elif wanted != link.events:
            self._poller.modify(link.fd, wanted)
        link.events = wanted

    def _unregister(self, link: MqttLink) -> None:
        if link.events:
            link.events = 0
            self._poller.unregister(link.fd)
