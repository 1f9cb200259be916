"""[io] A subscriber with nothing in it that takes time: MQTT 3.1.1, QoS 0, over a bare socket.

Packet layouts: MQTT 3.1.1 (OASIS), 2.2 fixed header, 3.1 CONNECT, 3.3 PUBLISH, 3.8 SUBSCRIBE.
"""

from __future__ import annotations

import select
import socket
import struct

from firmware_bridge.types import BadInput

CONNECT, SUBSCRIBE, PUBLISH = 0x10, 0x82, 0x30
TIMEOUT_S = 5.0


def packet(kind: int, body: bytes) -> bytes:
    """A packet with its length in base 128, least significant first."""
    length, n = bytearray(), len(body)
    while True:
        n, low = n >> 7, n & 0x7F
        length.append(low | 0x80 if n else low)
        if not n:
            return bytes([kind]) + bytes(length) + body


def text(value: str) -> bytes:
    """A string with its length in front."""
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


class PacketReader:
    """Bytes in, (kind, body) out; pure."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes cut anywhere, give the packets that they complete."""
        self._held += data
        out = []
        while (found := self._first()) is not None:
            start, end = found
            out.append((self._held[0], self._held[start:end]))
            self._held = self._held[end:]
        return out

    def _first(self) -> tuple[int, int] | None:
        """Where the first packet's body begins and ends, if all of it is there."""
        n, shift = 0, 0
        for at in range(1, min(5, len(self._held))):
            n |= (self._held[at] & 0x7F) << shift
            shift += 7
            if not self._held[at] & 0x80:
                end = at + 1 + n
                return (at + 1, end) if end <= len(self._held) else None
        return None


def connected(address: str) -> socket.socket:
    """A socket to the broker at `address`, over which CONNECT has been sent: clean, no keepalive.

    `address` is ``HOST:PORT`` or the path of a Unix socket.
    """
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(TIMEOUT_S)
        sock.connect(address)
    else:
        host, _, port = address.rpartition(":")
        sock = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    clean_session, keepalive_s = 0x02, 0
    head = text("MQTT") + bytes([4, clean_session]) + struct.pack(">H", keepalive_s)
    sock.sendall(packet(CONNECT, head + text("")))
    return sock


class Listener:
    """Subscribed to `filters` at the broker at `address`, ``HOST:PORT`` or the path of a Unix socket.

    Raises
    ------
    BadInput
        When the broker does not take the subscription.
    """

    def __init__(self, address: str, filters: list[str]) -> None:
        self._reader = PacketReader()
        self.sock = connected(address)
        wanted = b"".join(text(one) + b"\0" for one in filters)
        self.sock.sendall(packet(SUBSCRIBE, struct.pack(">H", 1) + wanted))
        self._waiting: list[tuple[str, bytes]] = []
        acknowledged: set[int] = set()
        while not {0x20, 0x90} <= acknowledged:
            for kind, body in self._read():
                if kind & 0xF0 == PUBLISH:
                    self._waiting.append(_published(body))
                elif 0x80 in body[-len(filters) :] or (kind == 0x20 and body[1] != 0):
                    raise BadInput(f"bench: the broker at {address} refuses to be subscribed to")
                acknowledged.add(kind)

    def read(self, timeout_s: float) -> list[tuple[str, bytes]]:
        """Topic and payload of what has arrived, waiting for it no longer than `timeout_s`."""
        waiting, self._waiting = self._waiting, []
        if waiting or not select.select([self.sock], [], [], max(0.0, timeout_s))[0]:
            return waiting
        return [_published(body) for kind, body in self._read() if kind & 0xF0 == PUBLISH]

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def _read(self) -> list[tuple[int, bytes]]:
        data = self.sock.recv(65536)
        if not data:
            raise BadInput("bench: the broker has hung up")
        return self._reader.feed(data)


def _published(body: bytes) -> tuple[str, bytes]:
    """Topic and payload of a PUBLISH of QoS 0."""
    n = 2 + int.from_bytes(body[:2], "big")
    return body[2:n].decode(), body[n:]
