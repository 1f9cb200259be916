"""BITalino (r)evolution, over Bluetooth SPP or a serial line.

A frame has no sync byte: its last byte holds a count of 4 bits and a CRC of 4 bits, the byte before it the four
digital lines, and the channels lie before that, the later the nearer to the beginning: 10 bits each, the fifth and
sixth 6 bits. So frames are found by CRC and count, four in a row; in step with the last one, also four of which some
are missing between.

A count of 4 bits tells 15 frames lost in a row and no more, but for what the bytes that went by tell: with one frame in
five lost and one bit in a thousand flipped a turn is mistaken once in some 25 minutes. A CRC of 4 bits does not see two
flipped bits that are 15 apart: of frames of 3 bytes at one flip in a thousand bits, 9 in a million. Nothing is printed
at the start: what looks like text is damage.

Only the first four channels (10 bits) are given: the ECG is not on the others. As many are switched on as leads
are named: one is A2, where the board has its ECG (from memory); two or more are A1, A2, ... in this order.

Sources: BITalinoWorld/revolution-python-api (bitalino.py); PLUX's ECG data sheet for the scale.
"""

from __future__ import annotations

import numpy as np

from firmware_bridge.devices.frame_format import Codes, FrameFormat, Packet, Scale
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.rows import I64, U8, Batch, ChainStarts, Flags
from firmware_bridge.scanning import DAMAGED, MORE, NEAR
from firmware_bridge.types import BadInput

LSB_MV = 3300.0 / 2**10 / 1100
"""(code / 1024 - 1/2) * 3.3 V / 1100 (PLUX): 2.93 uV."""
RATES = {1: 0, 10: 1, 100: 2, 1000: 3}
"""Hz -> code of the command that sets it."""
ECG_CHANNEL = 1
MAX_CHANNELS = 4
CONFIRM = 3
IDLE = b"\x00"


def _shifted_in(state: int) -> int:
    """The register after a byte: its value before is the upper part of `state`, the byte the lower 8 bits."""
    register = state >> 8
    for bit in range(7, -1, -1):
        register = register << 1 ^ state >> bit & 1
        register ^= 0x13 if register & 0x10 else 0
    return register


_HIGH, _LOW = (list(map(_shifted_in, part)) for part in (range(0, 1 << 12, 1 << 8), range(1 << 8)))
_CRC4 = bytes(high ^ low for high in _HIGH for low in _LOW)
"""The register after a byte, by the register before and the byte."""
_CRC4_ROWS = np.frombuffer(_CRC4, np.uint8)


def crc4(frame: bytes) -> int:
    """CRC of 4 bits, poly x^4 + x + 1, over a frame whose last byte's lower half counts as zero."""
    register = 0
    for byte in frame[:-1]:
        register = _CRC4[register << 8 | byte]
    return _CRC4[register << 8 | frame[-1] & 0xF0]


def frame_length(n_channels: int) -> int:
    """Bytes in a frame of 1 to 6 channels."""
    n_bits = 12 + 10 * n_channels if n_channels <= 4 else 52 + 6 * (n_channels - 4)
    return -(-n_bits // 8)


class BitalinoFormat(FrameFormat):
    """Frames of as many channels as leads are named. See `FrameFormat`."""

    fs = 1000.0
    n_channels = MAX_CHANNELS
    scale = Scale(LSB_MV, 0, 1023, 512)
    counter_bits = 4
    late_window = 1
    confirm = CONFIRM
    chained = True
    has_runs = True
    says_boot = False
    has_checksum = True
    commands = (IDLE, b"\xc3", b"\x09")

    def configure(self, fs: float | None, n_leads: int | None) -> None:
        """Take rate and number of leads. Raises BadInput."""
        super().configure(fs, n_leads)
        if self.fs not in RATES:
            raise BadInput(f"got fs {self.fs:g}, expected 1, 10, 100 or 1000 Hz, from a BITalino; give one")
        self.n_channels = n_leads or 1
        self.n_frame = frame_length(self.n_channels)
        self._shifts = [8 * self.n_frame - 12 - 10 * (k + 1) for k in range(self.n_channels)]
        channels = [ECG_CHANNEL] if self.n_channels == 1 else range(self.n_channels)
        live = 1 | sum(1 << 2 + channel for channel in channels)
        self.commands = (IDLE, bytes([RATES[round(self.fs)] << 6 | 3]), bytes([live]))

    def measure(self, buffer: bytes, at: int) -> int:
        """Any stretch of the right length whose CRC is right is a frame."""
        frame = buffer[at : at + self.n_frame]
        if len(frame) < self.n_frame:
            return MORE
        register = 0
        for byte in frame:  # with the CRC in its place nothing is left
            register = _CRC4[register << 8 | byte]
        return DAMAGED if register else len(frame)

    def counter(self, frame: bytes) -> int:
        """The upper half of the last byte."""
        return frame[-1] >> 4

    def read(self, frame: bytes) -> Packet | None:
        """The channels: below the last 12 bits, 10 bits each."""
        bits = int.from_bytes(frame, "little")
        return Packet([[bits >> shift & 0x3FF for shift in self._shifts]])

    def distance(self, before: bytes, frame: bytes) -> int:
        """By the count alone: of its 16 none is late."""
        return (frame[-1] >> 4) - (before[-1] >> 4) & 0x0F

    def starts(self) -> ChainStarts:
        """By CRC and count, four in a row; some may be missing between."""
        return ChainStarts(self, CONFIRM)

    def may_be(self, rows: U8) -> tuple[Flags, Flags]:
        """By the CRC; none alone."""
        return self.whole(rows), np.zeros(len(rows), np.bool_)

    def linked(self, rows: U8, after: U8) -> Flags:
        """By the count: 1 to `NEAR` on."""
        ahead = self.numbers(after) - self.numbers(rows) & 0x0F
        made: Flags = (ahead >= 1) & (ahead <= NEAR)
        return made

    def whole(self, rows: U8) -> Flags:
        """The rows whose CRC is right."""
        register = np.zeros(len(rows), np.uint8)
        for k in range(rows.shape[1]):
            register = _CRC4_ROWS[register.astype(np.uint16) << 8 | rows[:, k]]
        made: Flags = register == 0
        return made

    def numbers(self, rows: U8) -> I64:
        """The upper half of each row's last byte."""
        return rows[:, -1].astype(np.int64) >> 4

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """The channels of each row."""
        bits = np.zeros(len(rows), np.int64)
        for k in range(rows.shape[1] - 1, -1, -1):
            bits = bits << 8 | rows[:, k]
        channels = [bits >> shift & 0x3FF for shift in self._shifts[:n_columns]]
        return Batch(np.stack(channels, axis=1).astype(np.float64))

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A frame with all digital lines low."""
        top = 8 * self.n_frame - 12
        bits = (seq & 0x0F) << 8 * self.n_frame - 4
        for k, code in enumerate(codes[0]):
            bits |= int(code) << top - 10 * (k + 1)
        frame = bits.to_bytes(self.n_frame, "little")
        return frame[:-1] + bytes([frame[-1] | crc4(frame)])


DEVICE = frame_device("bitalino", "BITalino (r)evolution", 115200, BitalinoFormat)
