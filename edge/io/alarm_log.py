"""[io] The alarm log on disk: appended to, synced to the medium line by line, bounded, never waited for.

A thread of its own writes: a card that hangs must not hold up an alarm. What cannot be written waits, is counted
when it is too much, and is tried again; the monitor is told, and goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.alarms.log import newest, read_log, unseen
from firmware_bridge.types import BadInput

MAX_WAITING = 5000
TAIL_BYTES = 4_000_000
"""How much of an old log is looked through at the start."""
OLDER_BYTES = 500_000
"""And of the older file before it."""
AGAIN_S = 5.0
CLOSE_S = 2.0
OLDER = ".1"
"""What is added to the name of the one older file that is kept."""


class AlarmLog:
    """Appends lines to a file.

    Parameters
    ----------
    path : Path
        The file; its folder is made if it is not there.
    max_bytes : int
        Beyond this size it becomes the older file, in the place of the one before, and a new one is begun.

    Attributes
    ----------
    n_lost : int
        Lines given up, because the file could not be written for too long.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._waiting: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._notes: deque[tuple[str, str]] = deque(maxlen=100)
        self._left: deque[Mapping[str, Any]] = deque()
        self._news, self._closing = threading.Event(), threading.Event()
        self._fd = -1
        self._failed = False
        self.n_lost = 0
        self._thread = threading.Thread(target=self._run, name="heartwire-alarm-log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Let a line be written, soon; never waits."""
        self._waiting.append(line)
        if len(self._waiting) > MAX_WAITING:
            with contextlib.suppress(IndexError):
                self._waiting.popleft()
                self.n_lost += 1
        self._news.set()

    def notes(self) -> list[tuple[str, str]]:
        """What happened to the file since the last call: (kind, detail) for an event each."""
        out = []
        with contextlib.suppress(IndexError):
            while True:
                out.append(self._notes.popleft())
        return out

    def left(self) -> list[Mapping[str, Any]]:
        """The newest record of each alarm that earlier starts wrote, once they are read; each is given once."""
        return [self._left.popleft() for _ in range(len(self._left))]

    def close(self) -> None:
        """Write what waits, for at most `CLOSE_S`."""
        self._closing.set()
        self._news.set()
        self._thread.join(CLOSE_S)

    # -- in the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        again_s = 0.0
        while not (self._closing.is_set() and (self._failed or not (self._waiting or self._taken))):
            if not self._waiting and not self._taken and self._fd >= 0:
                self._news.wait()
                self._news.clear()
            if (wait_s := again_s - time.monotonic()) > 0.0 and self._closing.wait(wait_s):
                break
            try:
                self._write_all()
            except Exception as error:  # a mistake of ours, too, must be told and not end the log in silence
                again_s = time.monotonic() + AGAIN_S
                self._fail(error)
        self._shut()

    def _write_all(self) -> None:
        if self._fd < 0:
            self._open()
        with contextlib.suppress(IndexError):
            while len(self._taken) < MAX_WAITING:
                self._taken.append(self._waiting.popleft())
        if self._taken:
            data, n = b"".join(self._taken), 0
            if os.fstat(self._fd).st_size + len(data) > self._max_bytes:
                self._begin_anew()
            while n < len(data):
                n += os.write(self._fd, data[n:])
            os.fsync(self._fd)
            self._taken.clear()
        if self._failed:
            self._failed = False
            self._notes.append(("alarm_log_back", f"{self._path}: written again; {self.n_lost} lines lost"))

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _sync_folder(self._path.parent)
        size = os.fstat(self._fd).st_size
        data = os.pread(self._fd, TAIL_BYTES, max(0, size - TAIL_BYTES)) if size else b""
        if data and data[-1:] != b"\n":
            os.write(self._fd, b"\n")
        if size > TAIL_BYTES:
            data = data.partition(b"\n")[2]
        alone = _lock(self._fd)
        if not self._failed and alone:
            self._report(data)
        elif not self._failed:
            shared = f"{self._path}: another monitor writes it too; its alarms are its own"
            self._notes.append(("alarm_log_shared", shared))

    def _report(self, data: bytes) -> None:
        """What an old log says: torn lines, how alarms stood, and lethal ones that nobody has seen."""
        records, n_torn = read_log(data)
        records = read_log(self._older_tail())[0] + records
        self._left.extend(newest(records))
        if n_torn:
            detail = f"{self._path}: {n_torn} torn lines (a loss of power?); what is whole stays"
            self._notes.append(("alarm_log_torn", detail))
        open_ = unseen(records)
        if open_:
            names = ", ".join(f"{r.get('name')} {str(r.get('t'))[:19]}" for r in open_[-5:])
            self._notes.append(("alarms_unseen", f"{len(open_)} lethal before this start: {names}"))

    def _older_tail(self) -> bytes:
        """The last of the older file: what was raised just before a new one was begun stands there alone."""
        with contextlib.suppress(OSError), self._path.with_name(self._path.name + OLDER).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - OLDER_BYTES))
            return file.read(OLDER_BYTES)
        return b""

    def _begin_anew(self) -> None:
        """The file becomes the older one; a loss of power leaves one or the other, never none."""
        if os.fstat(self._fd).st_size == 0:
            return
        self._shut()
        os.replace(self._path, self._path.with_name(self._path.name + OLDER))
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _lock(self._fd)
        _sync_folder(self._path.parent)

    def _fail(self, error: Exception) -> None:
        """Lines that were half written come again whole: readers name the torn one and go on."""
        self._shut()
        if not self._failed:
            self._failed = True
            why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self._notes.append(
                ("alarm_log_failed", f"{self._path}: {why}; alarms go on, the log is tried again")
            )

    def _shut(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1


def read_files(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The records of a log and of its older file, oldest first, and how many lines are none.

    Raises
    ------
    BadInput
        There is neither, one cannot be read, or what is in it is no alarm log.
    """
    found = [one for one in (path.with_name(path.name + OLDER), path) if one.exists()]
    if not found:
        raise BadInput(
            f"{path}: no such file; expected an alarm log or a folder of them (a service's: /var/lib/heartwire)"
        )
    records: list[dict[str, Any]] = []
    n_torn = 0
    for one in found:
        try:
            data = one.read_bytes()
        except OSError as error:
            raise BadInput(
                f"{one}: cannot read it: {error.strerror or error}; expected an alarm log"
            ) from None
        some, n = read_log(data)
        if data.strip(b"\0 \r\n") and not any("what" in record for record in some) and not _is_torn(data):
            raise BadInput(
                f"{one}: not an alarm log: expected a JSON object a line, with `device` and `what`"
            )
        records += some
        n_torn += n
    return records, n_torn


def _is_torn(data: bytes) -> bool:
    """Whether this may be the beginning of a log's first line."""
    return data.count(b"\n") <= 1 and data.lstrip(b"\0").startswith(b'{"t"')


def _lock(fd: int) -> bool:
    """Say that the file is ours while we live; False where another process has said so. It hinders no reader."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a disk without such locks: as if we were alone
    return True


def _sync_folder(folder: Path) -> None:
    """Make a new or renamed file's name itself survive a loss of power."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
