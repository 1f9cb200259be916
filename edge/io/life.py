"""[io] Tells the service manager how the monitor fares: ready, alive, one readable line, ending."""

from __future__ import annotations

from edge.io.log import Say
from edge.io.notify import Notifier
from edge.io.publisher import Publisher
from edge.io.source import Source, Threaded
from edge.log_lines import Line
from edge.pulse import Pulse
from edge.stamps import Stamps


class Life:
    """Feeds the manager's watchdog while the monitor does its work to the end (:mod:`edge.pulse`).

    Parameters
    ----------
    notifier : Notifier
        The way to the manager.
    bed : str
        Id of the bed, for the line.
    source : Source
        Where samples come from; asked whether its thread is stuck, if it has one.
    log : callable
        Takes a line when the watchdog is no longer fed.

    Attributes
    ----------
    pulse : Pulse
        Told by the monitor what it has done.
    """

    def __init__(self, notifier: Notifier, bed: str, source: Source, log: Say) -> None:
        self._notifier, self._bed, self._source, self._log = notifier, bed, source, log
        self._ready = False
        self._line = ""
        self._trouble = ""
        self.pulse = Pulse()

    def tick(
        self, now_s: float, publisher: Publisher | None, stamps: Stamps, silent: bool, dead: bool
    ) -> None:
        """Time passed; the last thing in a turn of the loop.

        Parameters
        ----------
        now_s : float
            Monotonic time [s].
        publisher : Publisher or None
            None where no broker is wanted.
        stamps : Stamps
            The newest sample and the rate.
        silent : bool
            No samples arrive.
        dead : bool
            The analysis has not answered for long, by the clock.
        """
        if not self._notifier.wanted:
            return
        words = []
        if not self._ready and (publisher is None or publisher.asked):
            self._ready = True
            words.append("READY=1")
        if self.pulse.poll(stamps.last, stamps.fs, self._stuck(now_s, publisher), dead):
            words.append("WATCHDOG=1")
        line = self._status(publisher, 0.0 if silent else stamps.fs)
        if line != self._line:
            self._line = line
            words.append(f"STATUS={line}")
        self._notifier.send(*words)
        self._tell()

    def close(self) -> None:
        """The monitor ends."""
        self._notifier.send("STOPPING=1", f"STATUS={self._bed}: ending")
        self._notifier.close()

    def _stuck(self, now_s: float, publisher: Publisher | None) -> str:
        stuck = "" if publisher is None else publisher.stuck(now_s)
        if not stuck and isinstance(self._source, Threaded):
            stuck = self._source.stuck(now_s)
        return stuck

    def _status(self, publisher: Publisher | None, fs: float) -> str:
        if self.pulse.trouble:
            return f"{self._bed}: {self.pulse.trouble}"
        signal = f"samples at {fs:g} Hz" if fs else "no signal"
        broker = "no broker wanted" if publisher is None else "broker away"
        if publisher is not None and publisher.ready:
            broker = "connected to the broker"
        return f"{self._bed}: {signal}, {broker}"

    def _tell(self) -> None:
        """Say once that the watchdog is not fed any more, and once that it is again."""
        trouble = self.pulse.trouble
        if bool(trouble) == bool(self._trouble):
            return
        self._trouble = trouble
        text = f"not fed: {trouble}" if trouble else "fed again"
        self._log(Line("watchdog", text, "error" if trouble else "info"))
