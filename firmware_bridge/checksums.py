"""Checksums of device frames, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import xor
from zlib import crc32

from firmware_bridge.framing import crc16


@dataclass(frozen=True, slots=True)
class Kind:
    """A checksum: its length in bytes, and its value over some bytes."""

    size: int
    over: Callable[[bytes], int]


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in the other order."""


def crc16_reflected(data: bytes) -> int:
    """CRC-16/MCRF4XX: CCITT's poly 0x1021 reflected, init 0xFFFF, no final xor; of b"123456789" it is 0x6F91.

    It is the CRC that is not reflected, of mirrored bytes, mirrored: so the C of `crc16` does it.
    """
    crc = crc16(data.translate(_MIRRORED))
    return _MIRRORED[crc & 0xFF] << 8 | _MIRRORED[crc >> 8]


def _crc8_of_byte(crc: int) -> int:
    for _ in range(8):
        crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


_CRC8 = bytes(map(_crc8_of_byte, range(256)))


def crc8(data: bytes) -> int:
    """CRC-8/SMBUS: poly 0x07, init 0, not reflected; of b"123456789" it is 0xF4."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


KINDS = {
    "sum8": Kind(1, lambda data: sum(data) & 0xFF),
    "sum8-inverted": Kind(1, lambda data: ~sum(data) & 0xFF),
    "sum8-negated": Kind(1, lambda data: -sum(data) & 0xFF),
    "sum16": Kind(2, lambda data: sum(data) & 0xFFFF),
    "xor8": Kind(1, lambda data: reduce(xor, data, 0)),
    "crc8": Kind(1, crc8),
    "crc16": Kind(2, crc16),
    "crc16-reflected": Kind(2, crc16_reflected),
    "crc16-x25": Kind(2, lambda data: crc16_reflected(data) ^ 0xFFFF),
    "crc32": Kind(4, crc32),
}
"""All of them. ``crc16`` is CCITT-FALSE, ``crc32`` that of Ethernet and zip."""
