"""What waits for one viewer: bounded, however slowly it reads. Pure.

Items that tell a state (a heart rate, an alarm) replace the one they make untrue; those that pass (waveforms,
beats) stand in a ring from which the oldest go. So a slow viewer misses waveforms and never an alarm.
"""

from __future__ import annotations

from collections import deque

MAX_BYTES = 262_144
MAX_STATES = 4000
"""More than a full ward has: only a flood of new devices gets here, while a viewer reads nothing."""


class Outgoing:
    """Items for one viewer, each a piece of JSON.

    Parameters
    ----------
    max_bytes : int
        Most bytes of passing items that wait.

    Attributes
    ----------
    n_dropped : int
        Passing items given up.
    lost : bool
        There were more states than may wait: this viewer must come again and begin with what is true then.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._states: dict[str, bytes] = {}
        self._passing: deque[bytes] = deque()
        self._n_bytes = 0
        self.n_dropped = 0
        self.lost = False

    def __bool__(self) -> bool:
        return bool(self._states or self._passing)

    def push(self, key: str, item: bytes) -> None:
        """Let an item wait; a `key` that is not empty names the state that it tells."""
        if key:
            self._states.pop(key, None)
            self._states[key] = item
            if len(self._states) > MAX_STATES:
                self._states.clear()
                self.lost = True
            return
        self._passing.append(item)
        self._n_bytes += len(item)
        while self._n_bytes > self._max_bytes:
            self._n_bytes -= len(self._passing.popleft())
            self.n_dropped += 1

    def take(self) -> bytes:
        """All that waits, as one JSON array: states first, in the order of their newest words."""
        text = b"[" + b",".join([*self._states.values(), *self._passing]) + b"]"
        self._states.clear()
        self._passing.clear()
        self._n_bytes = 0
        return text
