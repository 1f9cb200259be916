"""HeartyPatch, protocol version 3: what its firmware streams over TCP (port 4567).

A packet is ``0A FA | 30 00 | 03 | seq u32 | s u32 | us u32 | RR u32 ms | 8 x i32 | F0 0B``, little-endian; other
firmware ends with ``00 0B``. A value is the MAX30003's FIFO word: its 18 bits are the upper ones. Rate and gain
are the firmware's default (128 Hz, 20 V/V); it can be built for 256 and 512 Hz as well: `fs` says so. The firmware
begins its count again when the chip's FIFO overflowed.

Sources: patchinc/heartypatch, firmware/heartypatch-stream-tcp/main/max30003.c, and its Python downloader.
"""

from __future__ import annotations

import numpy as np

from firmware_bridge.devices.frame_format import Codes, Packet, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Facts, Field, Layout, LayoutFormat, Mark
from firmware_bridge.devices.rows import U8, Batch

LSB_MV = 1000.0 / (2**17 * 20)
"""18 bits, 1 V reference, gain 20 (data sheet): 0.3815 uV."""
UNUSED_BITS = 14

LAYOUT = Layout(
    length=55,
    sync=b"\x0a\xfa\x30\x00\x03",
    counter=Field(5, "u32le"),
    channels=(Field(21, "i32le"),),
    marks=(Mark(53, 0x00, 0x0F), Mark(54, 0x0B)),
    n_samples=8,
    stride=4,
)


class HeartyPatchFormat(LayoutFormat):
    """Its packets; the values stand 14 bits up in their words."""

    def __init__(self) -> None:
        super().__init__(LAYOUT, Facts(128.0, signed(18, LSB_MV)))

    def read(self, frame: bytes) -> Packet | None:
        """The eight samples of a packet."""
        words = LayoutFormat.read(self, frame)
        return words and Packet([[int(word) >> UNUSED_BITS for word in sample] for sample in words.codes])

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """The samples of all packets."""
        words = LayoutFormat.read_rows(self, rows, n_columns)
        return Batch(np.floor(words.codes / (1 << UNUSED_BITS)))

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A packet with its time, counted in samples."""
        words = [[int(code) << UNUSED_BITS for code in sample] for sample in codes]
        frame = bytearray(super().write(seq, words, lead_off))
        us = round(seq * self.n_samples / self.fs * 1e6)
        Field(9, "u32le").put(frame, us // 1_000_000)
        Field(13, "u32le").put(frame, us % 1_000_000)
        frame[53] = 0xF0
        return bytes(frame)


DEVICE = frame_device(
    "heartypatch", "HeartyPatch, protocol 3 (also tcp://...:4567)", 115200, HeartyPatchFormat
)
