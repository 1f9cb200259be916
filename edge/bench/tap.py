"""[io] A stop on the way from a monitor to its broker: passes bytes both ways, and sees when the monitor publishes.

So the monitor's own part of a latency can be told from what the broker, and those who are served before, add to it.
"""

from __future__ import annotations

import contextlib
import select
import socket

from edge.bench.listener import PUBLISH, TIMEOUT_S, PacketReader


class Tap:
    """Stands in for the broker at `broker`, ``HOST:PORT``, for one client after another.

    Bytes pass only while somebody calls `read`.

    Attributes
    ----------
    address : str
        Where the monitor connects to, ``HOST:PORT``.
    """

    def __init__(self, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        self._broker = host, int(port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._near: socket.socket | None = None
        self._far: socket.socket | None = None
        self._reader = PacketReader()

    def read(self, timeout_s: float) -> list[tuple[str, bytes]]:
        """Topic and payload of what the monitor publishes, waiting for anything no longer than `timeout_s`."""
        socks = [sock for sock in (self._server, self._near, self._far) if sock is not None]
        ready = select.select(socks, [], [], max(0.0, timeout_s))[0]
        if self._server in ready:
            self._accept()
            return []
        out: list[tuple[str, bytes]] = []
        if self._near in ready:
            out = self._pass(self._near, self._far)
        if self._far in ready and self._far is not None:
            self._pass(self._far, self._near)
        return out

    def close(self) -> None:
        """Hang up on both sides."""
        self._hang_up()
        self._server.close()

    def _accept(self) -> None:
        self._hang_up()
        self._near = self._server.accept()[0]
        self._far = socket.create_connection(self._broker, timeout=TIMEOUT_S)
        for sock in (self._near, self._far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = PacketReader()

    def _pass(self, source: socket.socket | None, sink: socket.socket | None) -> list[tuple[str, bytes]]:
        """Pass on what has come; what the monitor published of it."""
        if source is None or sink is None:
            return []
        data = b""
        with contextlib.suppress(OSError):
            data = source.recv(65536)
            sink.sendall(data)
        if not data:
            self._hang_up()
            return []
        if source is not self._near:
            return []
        return [_published(kind, body) for kind, body in self._reader.feed(data) if kind & 0xF0 == PUBLISH]

    def _hang_up(self) -> None:
        for sock in (self._near, self._far):
            if sock is not None:
                sock.close()
        self._near = self._far = None


def _published(kind: int, body: bytes) -> tuple[str, bytes]:
    """Topic and payload of a PUBLISH of any QoS: above 0 a number stands between them (MQTT 3.1.1, 3.3.2)."""
    n = 2 + int.from_bytes(body[:2], "big")
    return body[2:n].decode(), body[n + (2 if kind & 0x06 else 0) :]
