"""[io] Words for the service manager that started us: sd_notify(3), a datagram each."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends to the socket that ``NOTIFY_SOCKET`` names; to nobody where it names none.

    Parameters
    ----------
    environ : mapping
        The environment.

    Attributes
    ----------
    wanted : bool
        Whether anybody listens.
    watchdog_s : float
        How long the manager waits for us to be fed again [s]; 0 where it does not.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name  # an abstract one (unix(7))
        self.wanted = name[:1] in ("@", "/")
        self.watchdog_s = _watchdog_s(environ)
        self._socket = None
        if self.wanted:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def send(self, *words: str) -> None:
        """Send assignments such as ``READY=1``; never waits, and a manager that is away changes nothing."""
        if self._socket is not None and words:
            with contextlib.suppress(OSError, ValueError):
                self._socket.sendto("\n".join(words).encode(), self._address)

    def close(self) -> None:
        """Say nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """``WATCHDOG_USEC``, if it is meant for this process (sd_watchdog_enabled(3))."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0.0, int(environ.get("WATCHDOG_USEC", "0")) / 1e6)
    except ValueError:
        return 0.0
