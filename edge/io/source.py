"""[io] Where bytes come from: one interface for serial ports, TCP, standard input and MQTT."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from firmware_bridge.types import BadInput

READ_BYTES = 65536


class SourceLost(OSError):
    """The link is gone for now: close, wait, open again."""


class SourceEnded(Exception):
    """The stream has an end and it was reached (standard input)."""


class Source(Protocol):
    """A link that brings bytes. All methods are called by one thread."""

    name: str

    def open(self) -> None:
        """Open the link. Raises `SourceLost` when it is not there now, `BadInput` when it never can be."""

    def explain(self, error: OSError) -> str:
        """One line for the user: why `open` failed with `error` and what to do about it."""

    def fileno(self) -> int:
        """The descriptor to wait on; -1 while closed."""

    def read(self) -> bytes:
        """What has arrived (b'' for a false alarm). Call only when the descriptor is readable.

        Raises `SourceLost` when the other end is gone, `SourceEnded` when the stream is complete.
        """

    def tick(self, now_s: float) -> None:
        """Called about four times a second with a monotonic time, for links with timers of their own."""

    def close(self) -> None:
        """Close the link. Closing twice does nothing."""


@runtime_checkable
class Threaded(Protocol):
    """A source whose bytes are fetched by a thread of its own."""

    def stuck(self, now_s: float) -> str:
        """Why that thread must be taken for dead at a monotonic time; empty while it is not."""


class BackOff:
    """Waiting times between attempts: doubled from `first_s` to `last_s`, begun again after a success."""

    def __init__(self, first_s: float = 0.2, last_s: float = 2.0) -> None:
        self._first_s, self._last_s = first_s, last_s
        self._next_s = first_s

    def fail(self) -> float:
        """Seconds to wait after one more failure."""
        wait_s = self._next_s
        self._next_s = min(wait_s * 2.0, self._last_s)
        return wait_s

    def succeed(self) -> None:
        """The next failure waits `first_s` again."""
        self._next_s = self._first_s


class FdSource:
    """What all sources over a plain file descriptor share."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._fd = -1

    def fileno(self) -> int:
        return self._fd

    def read(self) -> bytes:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise SourceLost(error.errno, error.strerror or str(error)) from None
        if not data:
            raise SourceLost(errno.EIO, "the other end closed it")
        return data

    def tick(self, now_s: float) -> None:
        """Nothing here has a timer."""

    def explain(self, error: OSError) -> str:
        return f"{self.name}: cannot open it: {error.strerror or error}"

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class TcpSource(FdSource):
    """Bytes from a TCP server (``tcp://host:port``): a serial-to-network box or a simulator."""

    CONNECT_S = 1.0

    def __init__(self, name: str) -> None:
        super().__init__(name)
        parts = urlsplit(name)
        try:
            self._host, port = parts.hostname, parts.port
        except ValueError:
            port = None
        if not port or not self._host:
            raise BadInput(f"source: got {name!r}, expected tcp://HOST:PORT")
        self._port = port

    def open(self) -> None:
        try:
            link = socket.create_connection((self._host, self._port), timeout=self.CONNECT_S)
        except OSError as error:
            raise SourceLost(error.errno or errno.EIO, error.strerror or str(error)) from None
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._fd = link.detach()

    def explain(self, error: OSError) -> str:
        return f"{self.name}: no connection ({error.strerror or error}); is the sender running there?"


class StdinSource(FdSource):
    """Bytes from standard input (``-``), to its end."""

    def __init__(self) -> None:
        super().__init__("-")

    def open(self) -> None:
        mode = os.fstat(sys.stdin.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(sys.stdin.fileno())):
            what = "a file" if stat.S_ISREG(mode) else "no pipe"
            raise BadInput(
                f"source: standard input is {what}, expected a pipe; use `cat FILE | heartwire run ...`"
            )
        self._fd = os.dup(sys.stdin.fileno())
        os.set_blocking(self._fd, False)

    def read(self) -> bytes:
        try:
            return super().read()
        except SourceLost:
            raise SourceEnded from None


def make_source(text: str, baud: int, parity: str = "N") -> Source:
    """The source that `text` names: a port's path, ``tcp://host:port`` or ``-``. Does not open it."""
    if not text:
        raise BadInput(
            "source: got nothing, expected a port such as /dev/ttyUSB0; `heartwire ports` lists them"
        )
    if text == "-":
        return StdinSource()
    if text.startswith("tcp://"):
        return TcpSource(text)
    if "://" in text:
        raise BadInput(
            f"source: got {text!r}, expected a port's path, tcp://HOST:PORT, mqtt://HOST:PORT/TOPIC or -"
        )
    from edge.io.serial_source import SerialSource

    return SerialSource(text, baud, parity)
