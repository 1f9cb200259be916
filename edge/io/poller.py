"""[io] Waits for descriptors and knows whom to call: what a loop needs of `selectors`, and nothing between.

A loop that is woken hundreds of times a second for one sample each time finds its caches cold; then every line
between the kernel and the reader counts, and `selectors` takes fifteen of them a wait.
"""

from __future__ import annotations

import contextlib
import math
import select
from collections.abc import Callable
from time import monotonic
from typing import Any

READ, WRITE = select.POLLIN, select.POLLOUT
"""Events to wait for, bits of a mask: epoll(7) has the numbers of poll(2)."""

Call = Callable[[int], None]


class Poller:
    """Descriptors, the events they wait for, and who is called with the mask of what happened.

    Attributes
    ----------
    wait : callable
        Takes seconds (0 or more), gives (descriptor, mask) of those that are ready. An error or a hang-up is
        told even where nobody asked: a bit of the mask that is neither `READ` nor `WRITE`.
    idle_s : float
        Seconds that `turn` has waited so far.
    calls : dict of int to callable
        Whom to call, by descriptor. One that is ready may be missing here: who was called before it took it out.
    """

    def __init__(self) -> None:
        self.idle_s = 0.0
        self.calls: dict[int, Call] = {}
        self._poll: Any
        self.wait: Callable[[float], list[tuple[int, int]]]
        if hasattr(select, "epoll"):
            self._poll = select.epoll()
            self.wait = self._poll.poll
        else:
            self._poll = select.poll()
            self.wait = lambda timeout_s: self._poll.poll(math.ceil(timeout_s * 1000.0))

    def turn(self, timeout_s: float) -> None:
        """Wait once, and call whom it concerns."""
        began_s = monotonic()
        ready = self.wait(timeout_s)
        woke_s = monotonic()
        for fd, mask in ready:
            call = self.calls.get(fd)
            if call is not None:
                call(mask)
        self.idle_s += woke_s - began_s  # now that nobody waits

    def register(self, fd: int, events: int, call: Call) -> None:
        """Wait for `events` on `fd` from now on."""
        self._poll.register(fd, events)
        self.calls[fd] = call

    def modify(self, fd: int, events: int) -> None:
        """Wait for other events on `fd`."""
        self._poll.modify(fd, events)

    def unregister(self, fd: int) -> None:
        """Wait for `fd` no more. Nothing happens if nobody did, or if it was closed before."""
        if self.calls.pop(fd, None) is not None:
            with contextlib.suppress(OSError, KeyError):
                self._poll.unregister(fd)

    def close(self) -> None:
        """Forget all."""
        self.calls.clear()
        if hasattr(self._poll, "close"):
            self._poll.close()
