"""A serial line at two speeds: what a receiver makes of bytes that were sent at another one. Pure.

Bytes go as eight bits, least first, between a start bit (0) and a stop bit (1). A receiver waits for the line to fall
and then looks at the middles of what it takes for bits. Where it finds no stop bit it gives a zero, as a terminal does
in raw mode (termios(3), without PARMRK and IGNPAR).
"""

from __future__ import annotations

BITS = 10
"""A byte's, with start and stop."""


def misread(data: bytes, sent_baud: float, read_baud: float) -> bytes:
    """What a receiver at `read_baud` gives of `data`, sent at `sent_baud` back to back, and nothing after it."""
    line = [bit for byte in data for bit in (0, *((byte >> k) & 1 for k in range(8)), 1)]
    width = sent_baud / read_baud
    n, at = len(line), 0.0
    out = bytearray()

    def level(t: float) -> int:
        return line[int(t)] if t < n else 1

    while at < n:
        start = _falls(line, at)
        if start is None:
            break
        at = start + 0.5 * width
        if level(at):
            at = start + 1.0  # too short for a start bit
            continue
        byte = sum(level(start + (k + 1.5) * width) << k for k in range(8))
        at = start + (BITS - 0.5) * width
        out.append(byte if level(at) else 0)
    return bytes(out)


def _falls(line: list[int], at: float) -> int | None:
    """The first bit from `at` on, a time in bits, that is 0 where the one before was 1; at the beginning it was."""
    before = line[int(at)] if at and int(at) < len(line) else 1
    for k in range(int(at) + bool(at), len(line)):
        if before and not line[k]:
            return k
        before = line[k]
    return None
