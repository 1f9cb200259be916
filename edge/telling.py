"""[io] Where all that a monitor says goes out: to the broker, to who listens in, and as a line to a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.log_lines import about_event
from edge.messages import Composer, Message
from edge.stamps import Stamps
from edge.throttle import Throttle

if TYPE_CHECKING:
    from edge.io.log import Say
    from edge.io.publisher import Publisher


class Telling:
    """One monitor's way out.

    Parameters
    ----------
    composer : Composer
        Makes the messages.
    stamps : Stamps
        Gives events that answer no sample their time.
    log : callable
        Takes one line for the person at the terminal.
    tap : callable, optional
        Takes every message as it is published.

    Attributes
    ----------
    publisher : Publisher or None
        The way to the broker; None without one, and until the monitor has made it.
    tap : callable or None
        As given.
    """

    def __init__(
        self, composer: Composer, stamps: Stamps, log: Say, tap: Callable[[Message], None] | None = None
    ) -> None:
        self._composer, self._stamps, self._log, self.tap = composer, stamps, log, tap
        self._throttle = Throttle(10, 10.0)
        self.publisher: Publisher | None = None

    def publish(self, message: Message) -> None:
        """Send `message` out."""
        if self.tap is not None:
            self.tap(message)
        if self.publisher is not None:
            self.publisher.publish(message)

    def offer(self, message: Message) -> None:
        """Send out a message that nobody misses: it never waits for the broker."""
        if self.tap is not None:
            self.tap(message)
        if self.publisher is not None:
            self.publisher.offer(message)

    def note(self, kind: str, detail: str) -> None:
        """Something happened to the links: an event, and a line for the terminal, unless there were many just now."""
        if self.is_worth(kind):
            self._log(about_event(kind, detail))
            self.publish(self._composer.note(kind, detail, self._stamps.utc_s(time.monotonic())))

    def is_worth(self, kind: str) -> bool:
        """Whether one more event of this kind is told now: at most 10 in 10 s are."""
        return self._throttle.push(kind, time.monotonic()) is not None
