"""[io] Alarms and events on disk before they are published, by a thread of its own.

A card or a disk may take a second for a write, or hang: samples never wait for it. A message that must not be lost
is given to the thread and goes on to the broker when it is written. If that takes longer than `PATIENCE_S` it goes
on all the same: an alarm that waits for a disk helps nobody. What the broker has acknowledged is forgotten; what
a former start of the monitor left behind is found and handed over first.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from edge.io.outbox_file import OutboxDamaged, OutboxFile, OutboxTrouble
from edge.io.poller import READ, Poller
from edge.messages import Key, Message

PATIENCE_S = 0.25
"""A message waits no longer for the disk."""
OPENING_S = 2.0
"""Nor, after the start, longer for what a former start has left."""
RETRY_S = 5.0
FORGET_S, FORGET_MANY = 1.0, 500
"""Acknowledged messages leave the file together, so long after or so many: a reader removes what comes twice."""
CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Written:
    """Everything up to the message with this number is on disk, or cannot be."""

    number: int


@dataclass(frozen=True, slots=True)
class _Note:
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Found:
    messages: list[Message]


_Said = Union[_Written, _Note, _Found]  # noqa: UP007 (a runtime alias on 3.10)
_Job = Union[Message, Key, None]  # noqa: UP007


class Outbox:
    """Keeps what must reach the broker even if the monitor dies.

    All methods are called by the thread that runs `poller`, and so are the callables.

    Parameters
    ----------
    file : OutboxFile
        Where to; handed over to the writing thread.
    poller : Poller
        Of the loop that runs everything.
    on_ready : callable
        Called with a message that may be published and since when it waits [s], in the order of `add`.
    on_found : callable
        Called with the messages that a former start left, oldest first.
    on_note : callable
        Called with (kind, detail): outbox_memory, outbox_disk, outbox_corrupt, outbox_full.
    clock : callable
        Monotonic seconds.

    Attributes
    ----------
    wake : socket
        What the poller watches for the thread's answers.
    """

    def __init__(
        self,
        file: OutboxFile,
        poller: Poller,
        on_ready: Callable[[Message, float], None],
        on_found: Callable[[list[Message]], None],
        on_note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poller, self._clock = poller, clock
        self._on_ready, self._on_found, self._on_note = on_ready, on_found, on_note
        self._held: deque[tuple[int, float, float, Message]] = deque()
        self._n_added = 0
        self._ready_s = clock() + OPENING_S
        self._stalled = False
        self.wake, self._there = socket.socketpair()
        self.wake.setblocking(False)
        poller.register(self.wake.fileno(), READ, self.on_wake)
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._said: deque[_Said] = deque()
        writer = _Writer(file, self._jobs, self._say)
        self._thread = threading.Thread(target=writer.run, name="heartwire-outbox", daemon=True)
        self._thread.start()

    @property
    def n_held(self) -> int:
        """Messages that wait for the disk."""
        return len(self._held)

    def add(self, message: Message, now_s: float) -> None:
        """Write `message` (one with a `key`), then give it to `on_ready`."""
        self._n_added += 1
        self._jobs.put(message)
        until_s = 0.0 if self._stalled else max(now_s + PATIENCE_S, self._ready_s)
        self._held.append((self._n_added, now_s, until_s, message))
        self.tick(now_s)

    def done(self, message: Message) -> None:
        """The broker has `message`, or it is given up: forget it."""
        if message.key is not None:
            self._jobs.put(message.key)

    def tick(self, now_s: float) -> None:
        """Let go what has waited for the disk for too long."""
        stalls = False
        while self._held and self._held[0][2] <= now_s:
            stalls, self._stalled = stalls or not self._stalled, True
            self._release()
        if stalls:  # the last thing done: the word itself is an event, and comes back here
            self._on_note("outbox_memory", f"the disk did not write for {PATIENCE_S:g} s: not waited for")

    def on_wake(self, _mask: int) -> None:
        """The thread has said something."""
        with contextlib.suppress(BlockingIOError):
            self.wake.recv(4096)
        while self._said:
            said = self._said.popleft()
            if isinstance(said, _Found):
                self._ready_s = 0.0
                self._on_found(said.messages)
            elif isinstance(said, _Note):
                self._on_note(said.kind, said.detail)
            else:
                while self._held and self._held[0][0] <= said.number:
                    self._release()
                if self._stalled and said.number == self._n_added:
                    self._stalled = False

    def close(self) -> None:
        """Let the thread write what it was given, for `CLOSE_S` at most, and end it."""
        self._jobs.put(None)
        self._thread.join(CLOSE_S)
        self._poller.unregister(self.wake.fileno())
        self.wake.close()
        if not self._thread.is_alive():
            self._there.close()

    def _release(self) -> None:
        _, since_s, _, message = self._held.popleft()
        self._on_ready(message, since_s)

    def _say(self, said: _Said) -> None:
        """In the writing thread: hand something over to the loop."""
        self._said.append(said)
        with contextlib.suppress(OSError):
            self._there.send(b"x", socket.MSG_DONTWAIT)


class _Writer:
    """What the thread does: keeps the file equal to what waits.

    `_waiting` is all that waits, `_fresh` that of it which is not on disk, `_gone` what is on disk and need not be.
    """

    def __init__(self, file: OutboxFile, jobs: queue.SimpleQueue[_Job], say: Callable[[_Said], None]) -> None:
        self._file, self._jobs, self._say = file, jobs, say
        self._waiting: dict[Key, Message] = {}
        self._fresh: dict[Key, Message] = {}
        self._gone: list[Key] = []
        self._kept: dict[str, Key] = {}
        self._number = 0
        self._loaded = self._in_trouble = False
        self._n_pushed_out = 0

    def run(self) -> None:
        """Until a None comes."""
        self._attempt()
        self._say(_Found([]))  # at the latest now nothing waits for what a former start has left
        going_on = True
        while going_on:
            before = self._number
            idle, going_on = self._take()
            forget = idle or not going_on or len(self._gone) >= FORGET_MANY
            if self._due or (self._gone and forget):
                self._attempt()
            if self._number > before:
                self._say(_Written(self._number))
        self._file.close()

    @property
    def _due(self) -> bool:
        """Whether something is to be written, or what a former start has left could not be read yet."""
        return bool(self._fresh) or not self._loaded

    def _take(self) -> tuple[bool, bool]:
        """Wait for a job and note all that are there: whether none came in time, and whether to go on."""
        patience_s = FORGET_S if self._gone else RETRY_S if self._due else None
        idle = True
        try:
            job = self._jobs.get(timeout=patience_s)
            while job is not None:
                idle = False
                if isinstance(job, Message):
                    self._add(job)
                else:
                    self._forget(job)
                job = self._jobs.get_nowait()
        except queue.Empty:
            return idle, True
        return idle, False

    def _add(self, message: Message) -> None:
        assert message.key is not None
        if message.retain:  # only the newest of a topic waits
            older = self._kept.pop(message.topic, None)
            if older is not None:
                self._waiting.pop(older, None)
                self._fresh.pop(older, None)
            self._kept[message.topic] = message.key
        self._waiting[message.key] = self._fresh[message.key] = message
        self._number += 1

    def _forget(self, key: Key) -> None:
        message = self._waiting.pop(key, None)
        if message is None:
            return
        if message.retain and self._kept.get(message.topic) == key:
            del self._kept[message.topic]
        if self._fresh.pop(key, None) is None:
            self._gone.append(key)

    def _load(self) -> None:
        """Hand over what a former start has left; what this one said since stays the truth."""
        found = [message for message in self._file.load() if message.key not in self._waiting]
        self._loaded = True
        self._gone += [m.key for m in found if m.key is not None and m.retain and m.topic in self._kept]
        found = [m for m in found if not (m.retain and m.topic in self._kept)]
        self._waiting = {m.key: m for m in found if m.key is not None} | self._waiting
        self._kept = {m.topic: m.key for m in found if m.retain and m.key is not None} | self._kept
        if found:
            self._say(_Found(found))

    def _sync(self) -> None:
        if not self._loaded:
            self._load()
        if self._fresh or self._gone:
            self._file.sync(self._fresh.values(), self._gone)
            self._fresh.clear()
            self._gone.clear()
        if self._file.n_pushed_out > self._n_pushed_out:
            n, self._n_pushed_out = self._file.n_pushed_out - self._n_pushed_out, self._file.n_pushed_out
            detail = f"the {n} oldest events that are no lethal alarms wait in memory only"
            self._say(_Note("outbox_full", f"{self._file.path} has its full size: {detail}"))

    def _attempt(self) -> None:
        """Bring the file up to date; set a damaged one aside and begin anew; live without one if need be."""
        try:
            try:
                self._sync()
            except OutboxDamaged as error:
                aside = self._file.set_aside()
                self._loaded = True
                self._say(_Note("outbox_corrupt", f"{error}: set aside as {aside.name}, a new one is begun"))
                self._fresh = dict(self._waiting)
                self._gone.clear()
                self._sync()
            if self._in_trouble:
                self._in_trouble = False
                self._say(_Note("outbox_disk", f"{self._file.path}: what waits is on disk again"))
        except OutboxTrouble as error:
            if not self._in_trouble:
                self._in_trouble = True
                self._say(_Note("outbox_memory", f"{error}; alarms and events wait in memory only"))
