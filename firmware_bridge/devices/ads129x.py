"""What an ADS1298, ADS1299 or ADS1292R gives out on its SPI, passed on as it is.

A frame is a status word of 24 bits and an i24 BE a channel. ADS1298 and ADS1299: status is ``1100 | LOFF_STATP |
LOFF_STATN | GPIO``, 8 channels, 27 bytes. ADS1292R: ``1100 | LOFF_STAT (5) | GPIO (2) | 13 zeros``, 2 channels,
9 bytes. There is no counter and no checksum, and the only sync are the four bits 1100 (and the 1292R's zeros):
out of lock many frames must follow each other.

Sources: TI e2e 549402, 63155, 537491. From memory, so named: rates (firmware sets them), gains (6, 24, 6) and
references (2.4, 4.5, 2.42 V); `fs` and `scale` correct them. The first channel of the 1298 and 1299, and both of the
1292R, are taken unless other leads are named.
"""

from __future__ import annotations

import numpy as np

from firmware_bridge.devices.frame_format import signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Facts, Field, Layout, LayoutFormat, Mark
from firmware_bridge.devices.rows import I64, U8

VREF_1298_MV, VREF_1299_MV, VREF_1292R_MV = 2400.0, 4500.0, 2420.0
GAIN_1298, GAIN_1299, GAIN_1292R = 6, 24, 6
FS_1298, FS_1299, FS_1292R = 500.0, 250.0, 500.0
CONFIRM_8, CONFIRM_2 = 8, 3
"""Frames that must follow: a byte is 1100.... by chance once in 16, the 1292R's 17 bits once in 131072."""

EIGHT = Layout(
    length=27, channels=tuple(Field(3 + 3 * k, "i24be") for k in range(8)), marks=(Mark(0, 0xC0, 0xF0),)
)
TWO = Layout(
    length=9,
    channels=(Field(3, "i24be"), Field(6, "i24be")),
    marks=(Mark(0, 0xC0, 0xF0), Mark(1, 0, 0x1F), Mark(2, 0)),
)

STATUS = Field(0, "u24be")


def lsb_mv(vref_mv: float, gain: float) -> float:
    """Millivolts of one unit of the 24-bit converter."""
    return vref_mv / gain / (2**23 - 1)


class EightFormat(LayoutFormat):
    """Frames of 8 channels: an electrode is off where either comparator of its channel says so."""

    has_lead_off = True

    def _lead_off(self, frame: bytes) -> int:
        status = int.from_bytes(frame[:3], "big")
        return (status >> 12 | status >> 4) & 0xFF

    def _lead_off_rows(self, rows: U8) -> I64:
        status = STATUS.column(rows).astype(np.int64)
        return (status >> 12 | status >> 4) & 0xFF

    def write(self, seq: int, codes: object, lead_off: int) -> bytes:
        """A frame; an electrode that is off shows at the positive comparator."""
        frame = bytearray(super().write(seq, codes, 0))  # type: ignore[arg-type]
        frame[:3] = (0xC00000 | (lead_off & 0xFF) << 12).to_bytes(3, "big")
        return bytes(frame)


class TwoFormat(LayoutFormat):
    """Frames of 2 channels: bits IN1P IN1N IN2P IN2N from the lowest, and that of the right leg for both."""

    has_lead_off = True

    def _lead_off(self, frame: bytes) -> int:
        bits = int.from_bytes(frame[:3], "big") >> 15
        return 3 if bits & 0x10 else bool(bits & 3) | bool(bits & 12) << 1

    def _lead_off_rows(self, rows: U8) -> I64:
        bits = STATUS.column(rows).astype(np.int64) >> 15
        off = (bits & 3 != 0).astype(np.int64) | (bits & 12 != 0).astype(np.int64) << 1
        return np.where(bits & 0x10, 3, off)

    def write(self, seq: int, codes: object, lead_off: int) -> bytes:
        """A frame; an electrode that is off shows at the positive comparator."""
        frame = bytearray(super().write(seq, codes, 0))  # type: ignore[arg-type]
        bits = (lead_off & 1) | (lead_off & 2) << 1
        frame[:3] = (0xC00000 | bits << 15).to_bytes(3, "big")
        return bytes(frame)


def _eight(fs: float, vref_mv: float, gain: float) -> EightFormat:
    return EightFormat(EIGHT, Facts(fs, signed(24, lsb_mv(vref_mv, gain)), confirm=CONFIRM_8))


def _two() -> TwoFormat:
    facts = Facts(FS_1292R, signed(24, lsb_mv(VREF_1292R_MV, GAIN_1292R)), ("I", "II"), CONFIRM_2)
    return TwoFormat(TWO, facts)


DEVICE = frame_device(
    "ads1298", "ADS1298 raw frames", 921600, lambda: _eight(FS_1298, VREF_1298_MV, GAIN_1298)
)
ADS1299 = frame_device(
    "ads1299", "ADS1299 raw frames", 921600, lambda: _eight(FS_1299, VREF_1299_MV, GAIN_1299)
)
ADS1292R = frame_device("ads1292r-raw", "ADS1292R raw frames", 115200, _two)
