"""What waits while the broker is away or slow: three lanes with three rules. Pure: time is an argument.

- Retained messages: only the newest of each topic counts; alarms leave first, the one said last before the others.
- Events (QoS 1): kept in order, at most `outbox`; then the oldest that is no lethal alarm goes.
- The rest (beats, waveform chunks): a ring of `ring` messages; the oldest goes.

So whoever listens sees how things stand, the newest alarm before all, and then what happened, in its order. What
waited for longer than `LATE_S` is marked ``late: true`` when it leaves. Losses are counted.
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

    @property
    def n_events(self) -> int:
        """Events that wait."""
        return len(self._events)

    def has_late(self, now_s: float) -> bool:
        """Whether an event waits that will be marked late."""
        return bool(self._events) and now_s - self._events[0][0] > LATE_S

    def __len__(self) -> int:
        return len(self._newest) + len(self._events) + len(self.ring)

    def push(self, message: Message, now_s: float) -> Message | None:
        """Let `message` wait, from `now_s` on; gives the event that was given up for it, if one was."""
        if message.retain:
            self._newest.pop(message.topic, None)
            self._newest[message.topic] = (now_s, message)
        elif message.qos:
            self._events.append((now_s, message))
            self._n_kept += message.keep
            if len(self._events) - self._n_kept > self._max_events:
                return self._drop_event()
        else:
            self.ring.append((now_s, message))
            if len(self.ring) > self._max_ring:
                self.ring.popleft()
                self.n_dropped += 1
        return None

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

    def renew(self, message: Message, now_s: float) -> None:
        """Let a retained message, the newest of its topic, be sent again; it waits as long as it did already."""
        since_s, _ = self._newest.pop(message.topic, (now_s, None))
        self._newest[message.topic] = (since_s, message)

    def pop(self, now_s: float, qos1: bool = True, events: bool = True) -> tuple[float, Message] | None:
        """The next to send and since when it waits: retained, events (both only if `qos1`), then the ring.

        Without `events` those wait on.
        """
        if self._newest and qos1:
            since_s, message = self._newest.pop(self._first_topic())
        elif self._events and qos1 and events:
            since_s, message = self._events.popleft()
            self._n_kept -= message.keep
        elif self.ring:
            since_s, message = self.ring.popleft()
        else:
            return None
        if now_s - since_s > LATE_S:
            message = msgspec.structs.replace(message, payload=mark_late(message.payload))
        return since_s, message

    def _first_topic(self) -> str:
        """Of the retained ones: the newest alarm, else what waits for longest."""
        alarms = (topic for topic in reversed(self._newest) if self._newest[topic][1].key is not None)
        return next(alarms, None) or next(iter(self._newest))

    def _drop_event(self) -> Message | None:
        for k, (_, message) in enumerate(self._events):
            if not message.keep:
                del self._events[k]
                self.n_dropped_events += 1
                return message
        return None
