"""[io] The one place through which a program of heartwire speaks on stderr."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from edge.log_lines import LEVELS, Line, Lines, written

Say = Callable[[Line], None]
"""What those who have something to say are given."""


class Log:
    """Writes lines, from any thread, and never waits: what nobody reads is given up and counted.

    Parameters
    ----------
    as_json : bool
        One JSON object a line.
    secrets : sequence of str
        What must never be shown.
    stream : text stream, optional
        Where to; default is stderr.
    environ : mapping, optional
        Where systemd says that the stream is its journal; then each line tells it its level.
    """

    def __init__(
        self,
        as_json: bool = False,
        secrets: Sequence[str] = (),
        stream: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._as_json = as_json
        self._lines = Lines(secrets)
        self._stream = sys.stderr if stream is None else stream
        self._lock = threading.Lock()
        self._n_unread = 0
        self._fd = _descriptor(self._stream)
        self._journal = _is_journal(self._fd, environ)

    @property
    def for_people(self) -> bool:
        """Whether a person reads it as it comes, and nobody keeps it."""
        return not (self._as_json or self._journal)

    def __call__(self, line: Line) -> None:
        """Say `line`."""
        with self._lock:
            for one in self._lines.push(line, time.monotonic()):
                self._write(one)

    def close(self) -> None:
        """Say what is left to be said."""
        with self._lock:
            for one in self._lines.close(time.monotonic()):
                self._write(one)

    def _write(self, line: Line) -> None:
        if not self._is_read():
            self._n_unread += 1
            return
        if self._n_unread:
            n, self._n_unread = self._n_unread, 0
            self._put(Line("log", f"{n} lines are missing here: nobody read them", "warning"))
        self._put(line)

    def _put(self, line: Line) -> None:
        prefix = f"<{LEVELS[line.level]}>" if self._journal else ""
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more: monitoring goes on
            self._stream.write(f"{prefix}{written(line, time.time(), self._as_json)}\n")
            self._stream.flush()

    def _is_read(self) -> bool:
        """Whether a line can be written without waiting: a pipe that nobody reads must not stop a monitor."""
        if self._fd is None:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(0))


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _is_journal(fd: int | None, environ: Mapping[str, str]) -> bool:
    """Whether the descriptor is the one that ``JOURNAL_STREAM`` names, as DEVICE:INODE (systemd.exec(5))."""
    if fd is None:
        return False
    with contextlib.suppress(OSError):
        stat = os.fstat(fd)
        return environ.get("JOURNAL_STREAM", "") == f"{stat.st_dev}:{stat.st_ino}"
    return False
