"""[io] A source whose device must be asked before it speaks: what its decoder has to say goes out on the same link."""

from __future__ import annotations

import os

from edge.io.source import Source
from firmware_bridge.device import Asker, Leaver


class AskingSource:
    """Another source, and what is sent through it.

    Parameters
    ----------
    source : Source
        The link.
    asker : Asker
        Says what to send and when: the decoder of the same device.
    """

    def __init__(self, source: Source, asker: Asker) -> None:
        self._source, self._asker = source, asker
        self._unsent = b""
        self.name = source.name

    def open(self) -> None:
        """Open the link."""
        self._source.open()

    def explain(self, error: OSError) -> str:
        """One line about why it is not open."""
        return self._source.explain(error)

    def fileno(self) -> int:
        """The descriptor to wait on; -1 while closed."""
        return self._source.fileno()

    def read(self) -> bytes:
        """What has arrived."""
        return self._source.read()

    def tick(self, now_s: float) -> None:
        """Send what is due. A link that takes nothing is no error here: reading it will tell."""
        self._source.tick(now_s)
        self._send(self._unsent or self._asker.ask(now_s))

    def close(self) -> None:
        """Say good-bye where the device wants to know, and close the link."""
        if self.fileno() >= 0 and isinstance(self._asker, Leaver):
            self._send(self._asker.leave())
        self._unsent = b""
        self._source.close()

    def _send(self, data: bytes) -> None:
        """Write `data`; what finds no room now is sent later."""
        self._unsent = b""
        if not data or self.fileno() < 0:
            return
        try:
            self._unsent = data[os.write(self.fileno(), data) :]
        except BlockingIOError:
            self._unsent = data
        except OSError:
            return  # reading the link will tell
