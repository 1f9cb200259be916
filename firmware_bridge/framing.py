"""Bytes cut anywhere to whole frames: pure push parsers, bounded buffers, every loss counted.

A framer says where a frame begins and ends, not what is in it. None of them holds more than its longest
frame; what cannot become a frame is dropped and counted.
"""

from __future__ import annotations

from binascii import crc_hqx

from firmware_bridge.types import LinkStats

CRC_START = 0xFFFF
"""The first value of the native frame's CRC, see `crc16`."""

_CODES = tuple(bytes([k]) for k in range(256))


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/CCITT-FALSE of `data`: poly 0x1021, init 0xFFFF, not reflected; of b"123456789" it is 0x29B1."""
    return crc_hqx(data, CRC_START)


def cobs_encode(content: bytes) -> bytes:
    """Stuff `content` so that it has no zero byte (Cheshire and Baker, 1999), without the closing zero.

    Parameters
    ----------
    content : bytes
        At most 254 bytes, so that the cost is always one byte.

    Raises
    ------
    ValueError
        When it is longer.
    """
    if len(content) > 254:
        raise ValueError(f"got {len(content)} bytes, expected at most 254, in cobs_encode; cut the frame")
    return b"".join([_CODES[len(run) + 1] + run for run in content.split(b"\0")])


def cobs_decode(stuffed: bytes) -> bytearray | None:
    """Undo `cobs_encode`. None when the chain of distances does not end where the bytes do.

    Parameters
    ----------
    stuffed : bytes
        1 to 255 bytes, none of them zero: what a split at the zeros gives.
    """
    n = len(stuffed)
    content = bytearray(stuffed)
    at = content[0]
    while at < n:
        step = content[at]
        content[at] = 0
        at += step
    if at != n:
        return None
    del content[0]
    return content


class DelimiterFramer:
    """Frames that end with one delimiter byte: COBS (zero) and text lines (newline).

    Parameters
    ----------
    delimiter : bytes
        One byte.
    max_len : int
        The longest frame, without its delimiter. A longer one is dropped whole and counted in `n_resync`.
    stats : LinkStats
        Where losses are counted.
    """

    __slots__ = ("_delimiter", "_max_len", "_overlong", "_pending", "_stats")

    def __init__(self, delimiter: bytes, max_len: int, stats: LinkStats) -> None:
        self._delimiter = delimiter
        self._max_len = max_len
        self._stats = stats
        self._pending = b""
        self._overlong = False

    @property
    def n_buffered(self) -> int:
        """Bytes held, never more than `max_len`."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[bytes]:
        """Give the frames that `data` completes, without delimiters; an empty one is b""."""
        if len(data) <= self._max_len and not (self._pending or self._overlong):  # nothing can be too long
            parts = data.split(self._delimiter)
            self._pending = parts.pop()
            return parts
        parts = (self._pending + data).split(self._delimiter)
        pending = parts.pop()
        if parts and self._overlong:
            self._overlong = False
            del parts[0]
        if len(pending) > self._max_len or (self._overlong and not parts):
            if not self._overlong:
                self._overlong = True
                self._stats.n_resync += 1
            pending = b""
        self._pending = pending
        if parts and max(map(len, parts)) > self._max_len:
            return self._drop_overlong(parts)
        return parts

    def _drop_overlong(self, parts: list[bytes]) -> list[bytes]:
        whole = [part for part in parts if len(part) <= self._max_len]
        self._stats.n_resync += len(parts) - len(whole)
        return whole

    def reset(self) -> None:
        """Forget the partial frame."""
        self._pending = b""
        self._overlong = False
