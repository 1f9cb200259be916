"""[io] Where a simulated device's bytes go: a pseudo-terminal, a TCP port, an open file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import socket
import struct
import termios
import time
import tty
from collections.abc import Callable
from typing import BinaryIO

from firmware_bridge.types import BadInput
from firmware_bridge.uart import misread

#: How long one wait for room lasts before it is asked whether to go on waiting [s].
TURN_S = 0.2
#: From a reader's opening of the port to the first byte: serial libraries throw away what came before [s].
SETTLE_S = 0.3
#: At the end: how long a reader may stand still with bytes on their way, at full speed and in true time [s].
STALL_S, HURRY_S = 2.0, 0.3


SPEEDS = {
    getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()
}
"""What a terminal calls its speeds -> baud."""


class PtySink:
    """A pseudo-terminal: for a reader, a serial port.

    The reader may close and open it as it likes. In true time what nobody reads is dropped once the kernel's
    buffer is full, as a wire would.

    Parameters
    ----------
    link : str, optional
        Path of a symbolic link to make to the port; a link that is there is replaced.
    await_reader : bool
        Say nothing until a reader has opened the port.
    settle_s : float
        How long after that.
    baud : int, optional
        The device's speed: a reader that has set the port to another gets what a UART would make of it.
    """

    def __init__(
        self,
        link: str | None = None,
        await_reader: bool = False,
        settle_s: float = SETTLE_S,
        baud: int | None = None,
    ) -> None:
        self._link = link
        self._await_reader = await_reader
        self._settle_s = settle_s
        self._baud = baud
        self._master = self._slave = -1
        self._port = ""
        self._hello = b""
        self._patient = False
        self.n_dropped = 0

    @property
    def name(self) -> str:
        """Path of the port: the link where there is one."""
        return self._link or self._port

    @property
    def port(self) -> str:
        """Path of the port itself."""
        return self._port

    def open(self, hello: bytes) -> None:
        """Make the port, raw, so that no byte is echoed or translated whoever reads it."""
        self._master, self._slave = pty.openpty()
        self._port = os.ttyname(self._slave)
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        if self._link:
            self._make_link(self._link)
        self._hello = hello

    def send(self, data: bytes, keep_waiting: Callable[[], bool] | None = None) -> None:
        """Write `data`, dropping or waiting when there is no room."""
        self._patient = keep_waiting is not None and keep_waiting()
        if self._await_reader:
            self._wait_for_reader(keep_waiting or (lambda: True))
        read_baud = self._read_baud()
        data, self._hello = self._hello + data, b""
        if self._baud and read_baud != self._baud:
            data = misread(data, self._baud, read_baud)
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._master, view) :]
            except BlockingIOError:
                if keep_waiting is None or not keep_waiting():
                    self._patient = False
                    self.n_dropped += len(view)
                    return
                select.select([], [self._master], [], TURN_S)

    def heard(self) -> bytes:
        """What the reader has written since the last call."""
        if self._slave < 0:
            return b""
        try:
            data = os.read(self._master, 4096)
        except OSError:  # nothing there
            return b""
        read_baud = self._read_baud()
        return data if self._baud in (None, read_baud) else misread(data, read_baud, self._baud or 0)

    def unplug(self) -> None:
        """The port vanishes, as when its plug is pulled; `plug` brings it back under the same link."""
        self.close()

    def plug(self) -> None:
        """Bring the port back."""
        self.open(b"")

    def close(self) -> None:
        """Close both ends, so that a reader sees the port vanish, and remove the link.

        What is on its way would vanish with it: a reader that reads is given a moment to finish.
        """
        self._let_read()
        if self._link and self._port and os.path.islink(self._link) and os.readlink(self._link) == self._port:
            os.unlink(self._link)
        for fd in (self._slave, self._master):
            if fd >= 0:
                os.close(fd)
        self._master = self._slave = -1

    def _read_baud(self) -> int:
        """The speed that the reader has set, the device's where it cannot be told."""
        if not self._baud or self._slave < 0:
            return self._baud or 0
        return SPEEDS.get(termios.tcgetattr(self._slave)[5], self._baud)

    def _let_read(self) -> None:
        """Wait until the kernel holds nothing unread, or the reader stands still."""
        stall_s = STALL_S if self._patient else HURRY_S
        moved_s, before, empty = time.monotonic(), -1, 0
        while self._slave >= 0 and empty < 2 and time.monotonic() < moved_s + stall_s:
            unread = struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))[0]
            # The kernel moves bytes to where they are counted in portions: look twice.
            empty = empty + 1 if unread == 0 else 0
            if unread != before:
                moved_s, before = time.monotonic(), unread
            time.sleep(0.005)

    def _make_link(self, link: str) -> None:
        if os.path.lexists(link) and not os.path.islink(link):
            raise BadInput(f"pty:{link}: that file is there and no link; choose another path")
        try:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(self._port, link)
        except OSError as error:
            raise BadInput(
                f"pty:{link}: cannot make the link ({error.strerror}); choose another path"
            ) from None

    def _wait_for_reader(self, keep_waiting: Callable[[], bool]) -> None:
        """Let go of the reader's end until someone else has opened it, then hold it again."""
        self._await_reader = False
        os.close(self._slave)
        self._slave = -1
        poll = select.poll()
        poll.register(self._master, 0)
        while poll.poll(0):
            if not keep_waiting():
                break
            time.sleep(0.02)
        self._slave = os.open(self._port, os.O_RDWR | os.O_NOCTTY)
        # A port that was closed has its cooked settings again; those that a reader made are left alone.
        mode = termios.tcgetattr(self._slave)
        if mode[3] & (termios.ICANON | termios.ECHO):
            tty.setraw(self._slave, termios.TCSANOW)
        time.sleep(self._settle_s)


class TcpSink:
    """A TCP server for one reader at a time, like a serial-to-network box.

    Parameters
    ----------
    port : int
        Port to listen on; 0 takes a free one.
    host : str
        Address to listen on.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = (host, port)
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None
        self._hello = b""
        self.n_dropped = 0

    @property
    def name(self) -> str:
        """``tcp://host:port``."""
        return f"tcp://{self._address[0]}:{self._address[1]}"

    def open(self, hello: bytes) -> None:
        """Listen. Raises BadInput when the port is not to be had."""
        try:
            self._server = socket.create_server(self._address)
        except (OSError, OverflowError) as error:
            detail = getattr(error, "strerror", None) or str(error)
            raise BadInput(f"{self.name}: cannot listen there ({detail}); choose another port") from None
        self._server.setblocking(False)
        self._address = self._server.getsockname()[:2]
        self._hello = hello

    def send(self, data: bytes, keep_waiting: Callable[[], bool] | None = None) -> None:
        """Send `data` to the reader, if there is one, dropping or waiting when there is none or no room."""
        view = memoryview(data)
        while view:
            try:
                client = self._reader()
                if client is not None:
                    view = view[client.send(view) :]
                    continue
            except BlockingIOError:
                pass
            except OSError:
                self._drop_reader()
            if keep_waiting is None or not keep_waiting():
                self.n_dropped += len(view)
                return
            self._wait()

    def heard(self) -> bytes:
        """What the reader has written since the last call."""
        if self._client is None:
            return b""
        try:
            return self._client.recv(4096)
        except OSError:  # nothing there, or no reader: `send` will see
            return b""

    def unplug(self) -> None:
        """Hang up and listen no more; `plug` listens again."""
        self.close()

    def plug(self) -> None:
        """Listen again, on the same port."""
        self.open(self._hello)

    def close(self) -> None:
        """Hang up and stop listening."""
        self._drop_reader()
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reader(self) -> socket.socket | None:
        if self._client is None and self._server is not None:
            with contextlib.suppress(BlockingIOError):
                self._client, _ = self._server.accept()
                self._client.setblocking(False)
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._client.send(self._hello)
        return self._client

    def _wait(self) -> None:
        if self._client is not None:
            select.select([], [self._client], [], TURN_S)
        elif self._server is not None:
            select.select([self._server], [], [], TURN_S)

    def _drop_reader(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class StreamSink:
    """An open binary file: standard output or a capture. It sets the pace itself, so nothing is dropped."""

    def __init__(self, stream: BinaryIO, name: str = "-") -> None:
        self._stream = stream
        self.name = name
        self.n_dropped = 0

    def open(self, hello: bytes) -> None:
        """Write `hello`."""
        self._stream.write(hello)

    def send(self, data: bytes, keep_waiting: Callable[[], bool] | None = None) -> None:
        """Write and flush `data`."""
        self._stream.write(data)
        self._stream.flush()

    def heard(self) -> bytes:
        """Nobody answers to a file."""
        return b""

    def unplug(self) -> None:
        """A file cannot be unplugged: the bytes stop."""

    def plug(self) -> None:
        """The bytes go on by themselves."""

    def close(self) -> None:
        """Flush; the file is its owner's to close."""
        self._stream.flush()
