"""Devices that must be asked before they speak: which command is due. Pure: time is an argument."""

from __future__ import annotations

from typing import Protocol

EVERY_S = 0.2
"""Between two commands: the slowest of these devices (BITalino) wants 100 ms."""
AGAIN_S = 3.0
"""Without a frame for so long the device is asked again: it was switched off, or did not hear."""


class Opener(Protocol):
    """The host's part of a conversation: what to say when."""

    def ask(self, t_s: float) -> bytes:
        """What to send at monotonic time `t_s`; empty when nothing is due."""
        ...

    def heard(self, t_s: float | None) -> None:
        """Samples came at `t_s` (None: not known when)."""
        ...

    def reset(self) -> None:
        """The link was opened again: ask from the beginning."""
        ...

    def leave(self) -> bytes:
        """What to send before the link is closed."""
        ...


class Opening:
    """Sends `commands` one after the other, and again after a silence. An `Opener`.

    Parameters
    ----------
    commands : tuple of bytes
        In their order; none means that the device speaks by itself.
    every_s : float
        Between two commands.
    goodbye : bytes
        What the device is sent before the link is closed.
    """

    def __init__(self, commands: tuple[bytes, ...], every_s: float = EVERY_S, goodbye: bytes = b"") -> None:
        self._commands = commands
        self._every_s, self._goodbye = every_s, goodbye
        self._next = 0
        self._due_s: float | None = None

    def ask(self, t_s: float) -> bytes:
        """What to send at monotonic time `t_s`; empty when nothing is due."""
        if self._due_s is None:
            self._due_s = t_s + EVERY_S  # a device that speaks already is not disturbed
        if not self._commands or t_s < self._due_s:
            return b""
        if self._next == len(self._commands):
            self._next = 0
        command = self._commands[self._next]
        self._next += 1
        self._due_s = t_s + (AGAIN_S if self._next == len(self._commands) else self._every_s)
        return command

    def heard(self, t_s: float | None) -> None:
        """Frames came at `t_s`: nothing need be asked for a while."""
        self._next = len(self._commands)
        if t_s is not None:
            self._due_s = t_s + AGAIN_S

    def reset(self) -> None:
        """The link was opened again: ask from the beginning."""
        self._next = 0
        self._due_s = None

    def leave(self) -> bytes:
        """What to send before the link is closed."""
        return self._goodbye
