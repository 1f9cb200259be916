"""What waits while the broker is away or slow: three lanes with three rules. Pure: time is an argument.

- Retained messages: only the newest of each topic counts.
- Events (QoS 1): kept in order, at most `outbox`; then the oldest that is no lethal alarm goes.
- The rest (beats, waveform chunks): a ring of `ring` messages; the oldest goes.

What waited for longer than `LATE_S` is marked ``late: true`` when it leaves. Losses are counted.
"""

from __future__ import annotations

from collections import deque

import msgspec

from edge.messages import Message, mark_late

LATE_S = 1.0


class Backlog:
    """Messages that could not be sent yet.

    Parameters
    ----------
    ring, outbox : int
        Most messages of QoS 0, and most events, that wait.

    Attributes
    ----------
    ring : deque
        What waits with QoS 0, oldest first; to be looked at only.
    n_dropped, n_dropped_events : int
        Losses, of the ring and of events.
    """

    def __init__(self, ring: int, outbox: int) -> None:
        self.ring: deque[tuple[float, Message]] = deque()
        self._events: deque[tuple[float, Message]] = deque()
        self._newest: dict[str, tuple[float, Message]] = {}
        self._n_kept = 0
        self._max_ring, self._max_events = ring, outbox
        self.n_dropped = 0
        self.n_dropped_events = 0

    def __len__(self) -> int:
        return len(self._newest) + len(self._events) + len(self.ring)

    def push(self, message: Message, now_s: float) -> None:
        """Let `message` wait, from `now_s` on."""
        if message.retain:
            self._newest.pop(message.topic, None)
            self._newest[message.topic] = (now_s, message)
        elif message.qos:
            self._events.append((now_s, message))
            self._n_kept += message.keep
            if len(self._events) - self._n_kept > self._max_events:
                self._drop_event()
        else:
            self.ring.append((now_s, message))
            if len(self.ring) > self._max_ring:
                self.ring.popleft()
                self.n_dropped += 1

    def push_back(self, since_s: float, message: Message) -> None:
        """Stand `message` at the head of its lane again; a newer retained one of its topic stays instead."""
        if message.retain:
            self._newest.setdefault(message.topic, (since_s, message))
        elif message.qos:
            self._events.appendleft((since_s, message))
            self._n_kept += message.keep
        elif len(self.ring) < self._max_ring:
            self.ring.appendleft((since_s, message))
        else:
            self.n_dropped += 1

    def pop(self, now_s: float, qos1: bool = True) -> tuple[float, Message] | None:
        """The next to send and since when it waits: retained, events (both only if `qos1`), then the ring."""
        if self._newest and qos1:
            since_s, message = self._newest.pop(next(iter(self._newest)))
        elif self._events and qos1:
            since_s, message = self._events.popleft()
            self._n_kept -= message.keep
        elif self.ring:
            since_s, message = self.ring.popleft()
        else:
            return None
        if now_s - since_s > LATE_S:
            message = msgspec.structs.replace(message, payload=mark_late(message.payload))
        return since_s, message

    def _drop_event(self) -> None:
        for k, (_, message) in enumerate(self._events):
            if not message.keep:
                del self._events[k]
                self.n_dropped_events += 1
                return
