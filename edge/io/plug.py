"""[io] Keeps one source open: opened at the start, lost, tried again ever more rarely, heard again."""

from __future__ import annotations

from collections.abc import Callable

from edge.io.poller import READ, Call, Poller
from edge.io.source import BackOff, Source, SourceLost
from firmware_bridge.types import BadInput


class Plug:
    """A source and what has become of it.

    Parameters
    ----------
    source : Source
        What is kept open.
    poller : Poller
        Of the loop that runs everything.
    on_bytes : callable
        Called by the poller when there is something to read; it reads.
    on_note : callable
        Called with (kind, detail) when the source is lost and when it is back: source_lost, source_back.

    Attributes
    ----------
    fresh : bool
        Bytes have come since it was opened.
    """

    def __init__(
        self, source: Source, poller: Poller, on_bytes: Call, on_note: Callable[[str, str], None]
    ) -> None:
        self._source, self._poller = source, poller
        self._on_bytes, self._on_note = on_bytes, on_note
        self._back_off, self._open_at_s = BackOff(), 0.0
        self._lost_at_s: float | None = None
        self._open = self.fresh = False

    def open(self) -> None:
        """Open it for the first time. Raises `BadInput` with what a user can do when that fails."""
        try:
            self._source.open()
        except SourceLost as error:
            raise BadInput(self._source.explain(error)) from None
        self._watch()

    def tick(self, now_s: float) -> None:
        """Let it do what time asks for, or try to open it again."""
        if self._open:
            self._source.tick(now_s)
        elif now_s >= self._open_at_s:
            try:
                self._source.open()
            except (SourceLost, BadInput):
                self._open_at_s = now_s + self._back_off.fail()
                return
            self._watch()

    def lose(self, error: SourceLost, now_s: float) -> None:
        """Reading it has failed with `error`."""
        self._poller.unregister(self._source.fileno())
        self._open = False
        self._source.close()
        self._open_at_s = now_s + self._back_off.fail()
        if self._lost_at_s is None:
            self._lost_at_s = now_s
            self._on_note("source_lost", f"{self._source.name}: {error.strerror or error}")

    def hear(self, now_s: float) -> None:
        """First bytes since it was opened: only now is it really there."""
        self.fresh = True
        self._back_off.succeed()
        if self._lost_at_s is not None:
            away_s, self._lost_at_s = now_s - self._lost_at_s, None
            self._on_note("source_back", f"{self._source.name}: bytes again after {away_s:.1f} s")

    def close(self) -> None:
        """Close it and wait for it no more."""
        if self._open:
            self._poller.unregister(self._source.fileno())
        self._source.close()

    def _watch(self) -> None:
        self._poller.register(self._source.fileno(), READ, self._on_bytes)
        self._open, self.fresh = True, False
