"""Both ends of a session with an IntelliVue monitor: the host that asks, and the simulated monitor that answers. Pure.

The host asks for an association, is accepted, is told that the monitor's object is there and says that it has heard;
then it chooses waves, polls them for some minutes, says now and then that it still listens, and polls again before
the time is over. A monitor that hears nothing for 10 s breaks off, and has one association at a time.
"""

from __future__ import annotations

from enum import Enum

from firmware_bridge.devices import intellivue_messages as m
from firmware_bridge.devices.intellivue_messages import Operation

LISTEN_S = 0.6
"""Before anything is asked: who polled before may have gone without a word, and the waves go on."""
ANSWER_S = 3.0
"""How long an answer is waited for; the monitor repeats its event as often."""
KEEP_ALIVE_S = 4.0
POLL_S, RENEW_S = 600, 300.0
SILENT_S, LOST_S = 3.0, 9.0
"""Without waves for so long they are polled anew, by the next label that may be there; and the session is given up."""
AGAIN_S = 1.0
"""After a refusal, or an end of the session, until it is asked for again."""


class State(Enum):
    """Where the host stands."""

    IDLE = "nothing was asked"
    ASKED = "an association was asked for"
    ACCEPTED = "it was granted"
    POLLING = "waves were asked for"


class Session:
    """The host's end. An `Opener` (see `firmware_bridge.devices.asking`).

    Parameters
    ----------
    choices : tuple of tuple of int
        Labels of the waves to choose; the next where none of the first comes.
    """

    def __init__(self, choices: tuple[tuple[int, ...], ...]) -> None:
        self._choices = choices
        self.reset()

    def reset(self) -> None:
        """The link was opened again: listen, then ask."""
        self.state = State.IDLE
        self._answers: list[bytes] = []
        self._refused = False
        self._choice = 0
        self._good: int | None = None
        self._due_s: float | None = None
        self._wait_s = LISTEN_S
        self._waves_s = self._alive_s = self._polled_s = 0.0

    def hear(self, message: bytes) -> bool:
        """A message that is no wave came; False for a refusal, or what is not known."""
        kind = message[0]
        if kind == m.ACCEPT:
            self._turn(State.ACCEPTED, ANSWER_S)
            return m.grants_waves(message)
        if kind in (m.REFUSE, m.ABORT):
            self._refused = kind == m.REFUSE
            self._turn(State.IDLE, AGAIN_S)
            return False
        if kind in (m.RELEASE, m.RELEASED):
            self._answers += [m.framed(m.RELEASE_RESPONSE)] if kind == m.RELEASE else []
            self._turn(State.IDLE, AGAIN_S)
            return True
        operation = m.read_operation(message)
        if operation is None or operation.kind == m.ERROR:
            return False
        if operation.kind == m.INVOKE and operation.command == m.EVENT and len(operation.body) >= 14:
            self._answers = [m.framed(m.created_result(operation))]
            self._choice = self._choice if self._good is None else self._good
            if self.state is not State.POLLING:
                self._turn(State.POLLING, 0.0)
        return True

    def ask(self, t_s: float) -> bytes:
        """What to send at monotonic time `t_s`."""
        answers, self._answers = self._answers, []
        if self._due_s is None:
            self._due_s = t_s + self._wait_s
            self._waves_s = t_s
            return b"".join([*answers, *(self._poll(t_s) if self.state is State.POLLING else [])])
        if self.state is State.POLLING:
            answers += self._go_on(t_s)
        elif t_s >= self._due_s:
            if self._refused:
                answers += [m.framed(m.RELEASE_REQUEST), m.framed(m.ABORT_REQUEST)]
            self._refused = False
            answers.append(m.framed(m.REQUEST))
            self.state, self._due_s = State.ASKED, t_s + ANSWER_S
        return b"".join(answers)

    def heard(self, t_s: float | None) -> None:
        """Waves came, even if nobody asked for them in this session: keep them coming."""
        if self.state is not State.POLLING:
            self.state = State.POLLING
            self._alive_s = self._polled_s = -1e9
        self._good = self._choice
        if t_s is not None:
            self._waves_s = t_s

    def leave(self) -> bytes:
        """End the association, if there is one."""
        left, self.state = self.state, State.IDLE
        return m.framed(m.RELEASE_REQUEST) if left in (State.ACCEPTED, State.POLLING) else b""

    def _turn(self, state: State, wait_s: float) -> None:
        self.state, self._wait_s, self._due_s = state, wait_s, None

    def _go_on(self, t_s: float) -> list[bytes]:
        """Keep a session alive whose waves come; revive or give up one whose waves do not."""
        if t_s - self._waves_s >= LOST_S:
            self._turn(State.IDLE, AGAIN_S)
            return [m.framed(m.RELEASE_REQUEST)]
        if t_s - max(self._waves_s, self._polled_s) >= SILENT_S:
            self._choice += 1
            return self._poll(t_s)
        if t_s - self._polled_s >= RENEW_S:
            return self._poll(t_s)
        if t_s - self._alive_s >= KEEP_ALIVE_S:
            self._alive_s = t_s
            return [m.framed(m.keep_alive())]
        return []

    def _poll(self, t_s: float) -> list[bytes]:
        self._alive_s = self._polled_s = t_s
        labels = self._choices[self._choice % len(self._choices)]
        return [m.framed(m.set_priorities(labels)), m.framed(m.poll_waves(POLL_S))]


HEAR_S = 10.0
"""The monitor breaks off when it has heard nothing for so long (p. 70, for the period that is asked for here)."""
MAX_WAVES = 3


class Monitor:
    """The simulated monitor's end. Its time is its own clock, in ticks of 1/8000 s.

    Parameters
    ----------
    asked : bool
        It was asked long ago, and its session never ends.

    Attributes
    ----------
    sequence : int or None
        Number of the next result of a poll; None while none is wanted.
    labels : list of int
        The waves chosen.
    """

    def __init__(self, asked: bool) -> None:
        self._forever = self._associated = self._confirmed = asked
        self.sequence: int | None = 1 if asked else None
        self.labels: list[int] = []
        self._now = self._heard = self._told = self._until = 0

    def tick(self, ticks: int) -> bytes:
        """Time goes on: what the monitor says of itself, in frames."""
        self._now = ticks
        if not self._associated or self._forever:
            return b""
        if ticks - self._heard > HEAR_S * m.TICKS_HZ:
            self._end()
            return m.framed(m.ABORT_REQUEST)
        if self.sequence is not None and ticks > self._until:
            self.sequence = None
        if not self._confirmed and ticks - self._told >= ANSWER_S * m.TICKS_HZ:
            self._told = ticks
            return m.framed(m.created_event(ticks))
        return b""

    def hear(self, message: bytes) -> bytes:
        """Answer a host's message, in frames."""
        return b"".join(map(m.framed, self._answers(message)))

    def _answers(self, message: bytes) -> list[bytes]:
        kind = message[0]
        if kind == m.ASSOCIATE:
            if self._associated:
                return [m.REFUSAL]
            self._associated, self._heard, self._told = True, self._now, self._now
            return [m.acceptance(), m.created_event(self._now)]
        if kind in (m.RELEASE, m.ABORT):
            was = self._associated
            self._end()
            return [m.RELEASE_RESPONSE] if was and kind == m.RELEASE else []
        operation = m.read_operation(message)
        if operation is None or not self._associated:
            return []
        self._heard = self._now
        if operation.kind == m.RESULT and operation.command == m.EVENT:
            self._confirmed = True
            return []
        return self._obey(operation) if self._confirmed and operation.kind == m.INVOKE else []

    def _obey(self, operation: Operation) -> list[bytes]:
        if operation.command == m.SET:
            self.labels = m.read_priorities(operation.body)[:MAX_WAVES]
            return [Operation(m.RESULT, operation.invoke, m.SET, operation.body[:6]).to_bytes()]
        if operation.command != m.ACTION or len(operation.body) < 12:
            return []
        if int.from_bytes(operation.body[10:12], "big") != m.EXTENDED_POLL:
            result = operation.body[:6] + operation.body[10:12] + b"\0\0"
            return [Operation(m.RESULT, operation.invoke, m.ACTION, result).to_bytes()]
        self._until = self._now + int.from_bytes(operation.body[-4:], "big")
        self.sequence = 1
        return [m.polled(0, self._now, [])]

    def _end(self) -> None:
        self._associated = self._confirmed = False
        self.sequence = None
