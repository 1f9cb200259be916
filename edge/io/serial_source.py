"""[io] Bytes from a serial port or a pty: raw, exclusive, non-blocking, read straight from the descriptor."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import termios
from dataclasses import dataclass
from pathlib import Path

from edge.io.source import FdSource, SourceLost

BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


class SerialSource(FdSource):
    """One serial port, opened by pyserial (it knows every platform's speeds) and read with `os.read`.

    The name may be a link (``/dev/serial/by-id/...``): it is resolved anew at every opening, so that a device
    that comes back as another ttyUSBn is found again. `parity` is "N", "E" or "O"; a byte whose parity bit is
    wrong is dropped by the kernel, so that the frame it was in is too short.
    """

    def __init__(self, name: str, baud: int, parity: str = "N") -> None:
        super().__init__(name)
        self._baud, self._parity = baud, parity

    def open(self) -> None:
        import serial

        try:
            if not stat.S_ISCHR(os.stat(self.name).st_mode):
                raise SourceLost(errno.ENOTTY, "not a serial port")
            # A pty has no line and no parity: where nothing but that would change, asking for it is an error.
            parity = "N" if self._is_pty() else self._parity
            port = serial.Serial(self.name, self._baud, parity=parity, timeout=0, exclusive=True)
        except serial.SerialException as error:
            code = error.errno or _errno_in(str(error))
            raise SourceLost(code, os.strerror(code)) from None
        except (OSError, ValueError, termios.error) as error:
            code = error.args[0] if error.args and isinstance(error.args[0], int) else errno.EIO
            raise SourceLost(code, os.strerror(code)) from None
        try:
            self._fd = os.dup(port.fileno())
        finally:
            port.close()
        self._claim()

    def _claim(self) -> None:
        """Keep all others out (pyserial locks out its own kind), and make `os.read` tell "nothing yet"
        (EAGAIN) from "hung up" (no bytes).
        """
        try:
            if not self._is_pty():
                fcntl.ioctl(self._fd, termios.TIOCEXCL)
            attributes = termios.tcgetattr(self._fd)
            checked = termios.INPCK | termios.IGNPAR
            attributes[0] = attributes[0] & ~checked | (checked if self._parity != "N" else 0)
            attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
            os.set_blocking(self._fd, False)
        except (OSError, termios.error) as error:
            self.close()
            code = error.args[0] if isinstance(error.args[0], int) else errno.EIO
            raise SourceLost(code, os.strerror(code)) from None

    def _is_pty(self) -> bool:
        """A pty's slave stays exclusive after its holder was killed, for as long as the master lives."""
        return os.path.realpath(self.name).startswith("/dev/pts/")

    def explain(self, error: OSError) -> str:
        code = error.errno
        if code == errno.ENOENT:
            ports = [port.path for port in list_ports()]
            there = "there are " + ", ".join(ports) if ports else "there is none at all"
            return f"{self.name}: no such port; {there}; plug it in, or see `heartwire ports`"
        if code in (errno.EACCES, errno.EPERM):
            group = _group_of(self.name)
            return (
                f"{self.name}: no permission; it belongs to the group {group!r}: "
                f"`sudo usermod -aG {group} $USER`, then log in again"
            )
        if code in BUSY:
            holder = _holder_of(self.name)
            return f"{self.name}: busy; {holder or 'another program'} holds it; stop it or use another port"
        if code == errno.ENOTTY:
            return f"{self.name}: not a serial port; see `heartwire ports`"
        return f"{self.name}: cannot open it: {error.strerror or error}; see `heartwire ports`"


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port of this machine: the path to use, what it calls itself, its USB maker (None: not USB), product
    and serial number."""

    path: str
    title: str
    vid: int | None = None
    pid: int | None = None
    serial: str = ""


def list_ports() -> list[Port]:
    """Serial ports of this machine, by their stable by-id links where there are any."""
    from serial.tools import list_ports as lister

    links = {os.path.realpath(link): str(link) for link in sorted(Path("/dev/serial/by-id").glob("*"))}
    found = []
    for port in sorted(lister.comports()):
        ids = "" if port.vid is None else f" [{port.vid:04x}:{port.pid:04x}]"
        path = links.get(os.path.realpath(port.device), port.device)
        found.append(Port(path, f"{port.description}{ids}", port.vid, port.pid, port.serial_number or ""))
    return found


def _errno_in(text: str) -> int:
    """Number that pyserial put into its text and not into `errno`."""
    return errno.ENOTTY if "configure" in text else errno.EIO


def _group_of(path: str) -> str:
    import grp

    try:
        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _holder_of(path: str) -> str | None:
    """Name and number of a process that has `path` open, as far as this user may look. Linux only."""
    real = os.path.realpath(path)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == real and link.parts[2] != str(os.getpid()):
                name = Path("/proc", link.parts[2], "comm").read_text().strip()
                return f"{name} (process {link.parts[2]})"
    return None
