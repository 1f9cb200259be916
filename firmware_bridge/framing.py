"""Bytes cut anywhere to whole frames: pure push parsers, bounded buffers, every loss counted.

A framer says where a frame begins and ends, not what is in it. None of them holds more than its longest
frame; what cannot become a frame is dropped and counted.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable

from firmware_bridge.types import LinkStats

_CODES = tuple(bytes([k]) for k in range(256))


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/CCITT-FALSE of `data`: poly 0x1021, init 0xFFFF, not reflected; of b"123456789" it is 0x29B1."""
    return crc_hqx(data, 0xFFFF)


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
            *parts, self._pending = data.split(self._delimiter)
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


class SyncFramer:
    """Frames with a sync word, a length the header implies and a footer, but no checksum.

    A frame found by chance inside rubbish is told from a real one by its neighbour: out of lock, a frame is
    believed only when another one follows it at once. In lock each frame is believed as it comes. After a
    false sync the search goes on from the byte after it, so that a true frame inside is not lost.

    Parameters
    ----------
    sync : bytes
        The sync word.
    measure : callable
        Given the buffer and a position of the sync word: the frame's length in bytes, 0 when more bytes are
        needed, -1 when this is no frame.
    stats : LinkStats
        `n_resync` counts each loss of lock.
    """

    __slots__ = ("_buffer", "_locked", "_measure", "_skipped", "_stats", "_sync", "_was_locked")

    def __init__(self, sync: bytes, measure: Callable[[bytes, int], int], stats: LinkStats) -> None:
        self._sync = sync
        self._measure = measure
        self._stats = stats
        self._buffer = b""
        self._locked = False
        self._was_locked = False
        self._skipped = 0

    @property
    def n_buffered(self) -> int:
        """Bytes held, never more than two frames."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Give the frames that `data` completes.

        Returns
        -------
        list of (n_skipped, frame)
            `n_skipped` is the number of bytes dropped between the last frame and this one; 0 before the
            first frame of a link, whatever came.
        """
        buffer = self._buffer + data
        frames: list[tuple[int, bytes]] = []
        at = 0
        while True:
            found = self._step(buffer, at)
            if found is None:
                break
            at, n = found
            if n:
                frames.append((self._skipped if self._was_locked else 0, buffer[at : at + n]))
                self._skipped = 0
                self._was_locked = True
                at += n
        self._buffer = buffer[at:]
        return frames

    def _step(self, buffer: bytes, at: int) -> tuple[int, int] | None:
        """Where to go on and the length of the frame there (0: none); None when more bytes are needed."""
        n = self._measure(buffer, at) if buffer.startswith(self._sync, at) else self._absent(buffer, at)
        if n == 0:
            return None
        if n > 0 and not self._locked:
            follows = self._measure(buffer, at + n) if self._starts(buffer, at + n) else -1
            if follows == 0 or (follows < 0 and self._absent(buffer, at + n) == 0):
                return None
            if follows < 0:
                n = -1
            else:
                self._locked = True
        if n > 0:
            return at, n
        if self._locked:
            self._locked = False
            self._stats.n_resync += 1
        after = buffer.find(self._sync[:1], at + 1)
        after = len(buffer) if after < 0 else after
        self._skipped += after - at
        return after, 0

    def _starts(self, buffer: bytes, at: int) -> bool:
        return buffer.startswith(self._sync, at)

    def _absent(self, buffer: bytes, at: int) -> int:
        """0 when the bytes from `at` on may still become a sync word, -1 when they cannot."""
        tail = buffer[at : at + len(self._sync)]
        return 0 if len(tail) < len(self._sync) and self._sync.startswith(tail) else -1

    def reset(self) -> None:
        """Forget the partial frame and the lock; bytes from before are not counted as skipped."""
        self._buffer = b""
        self._locked = self._was_locked = False
        self._skipped = 0
