"""NeuroSky's BMD101 and its kin, which speak ThinkGear packets.

A packet is ``AA AA | length (to 169) | payload | check``, check being the inverted sum of the payload. A payload is
rows of a code and a value: a code below 0x80 has a value of one byte, from 0x80 on a length goes before it. Row 0x80
is a raw sample, i16 BE. Once a second comes row 0x02, 200 with the electrodes on and 0 with them off, with the heart
rate in row 0x03.

There is no counter, and a sum of one byte does not see two flips of the same bit, in opposite ways, of two bytes: of
raw packets, at one flip in a thousand bits, 14 in a million have another sample than was sent.

Source: kw81634dr/BMD101-plotter (whose own check of raw packets is wrong; the rule above is the right one). From
memory and of low confidence: 18.3 / 128 uV a unit; `scale` corrects it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from firmware_bridge.devices.frame_format import Codes, FrameFormat, Packet, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Field
from firmware_bridge.devices.rows import U8, Batch, Flags
from firmware_bridge.scanning import DAMAGED, MORE, NO_FRAME

LSB_MV = 18.3 / 128 / 1000
MAX_PAYLOAD = 169
EXTENDED = 0x55
QUALITY, HEART_RATE, RAW = 0x02, 0x03, 0x80
ON, OFF = 200, 0
RAW_HEAD = np.frombuffer(b"\xaa\xaa\x04\x80\x02", np.uint8)
"""How a packet of one raw sample begins, which nearly all are."""
SAMPLE = Field(5, "i16be")


def rows(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and value of each row; what is cut short is left out."""
    at = 0
    while at < len(payload):
        code = payload[at]
        at += 1
        if code == EXTENDED:
            continue
        n = 1
        if code >= 0x80:
            n = payload[at] if at < len(payload) else 0
            at += 1
        if at + n <= len(payload):
            yield code, payload[at : at + n]
        at += n


class ThinkGearFormat(FrameFormat):
    """Packets of samples and, once a second, of quality. See `FrameFormat`."""

    fs = 512.0
    scale = signed(16, LSB_MV)
    sync = b"\xaa\xaa"
    n_frame = 8
    confirm = 0
    has_runs = True
    has_checksum = True
    has_lead_off = True

    def __init__(self) -> None:
        self._off = False
        self._n_sent = 0

    def measure(self, buffer: bytes, at: int) -> int:
        """Length by the third byte; a third AA belongs to the sync of a packet that begins later."""
        if len(buffer) - at < 3:
            return MORE
        length = buffer[at + 2]
        if not 0 < length <= MAX_PAYLOAD:
            return NO_FRAME
        n = length + 4
        if len(buffer) - at < n:
            return MORE
        return n if ~sum(buffer[at + 3 : at + n - 1]) & 0xFF == buffer[at + n - 1] else DAMAGED

    def read(self, frame: bytes) -> Packet | None:
        """The samples of a packet, with the electrodes as they were last said to be."""
        codes: list[list[int]] = []
        known = False
        for code, value in rows(frame[3:-1]):
            known |= code in (QUALITY, HEART_RATE, RAW)
            if code == QUALITY:
                self._off = value[0] == OFF
            elif code == RAW and len(value) == 2:
                codes.append([int.from_bytes(value, "big", signed=True)])
        return Packet(codes, int(self._off)) if known else None

    def whole(self, rows: U8) -> Flags:
        """The rows that are packets of one raw sample, with a right check."""
        good: Flags = (rows[:, :5] == RAW_HEAD).all(axis=1)
        total = rows[:, 3:-1].sum(axis=1, dtype=np.uint8)
        good &= ~total == rows[:, -1]
        return good

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """The sample of each, with the electrodes as they were last said to be."""
        return Batch(SAMPLE.column(rows).astype(np.float64)[:, None], int(self._off))

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A packet with one sample; before it the quality, once a second and when it changes."""
        off = bool(lead_off)
        due = off != self._off or seq % round(self.fs) == 0
        self._off = off
        quality = _packet(bytes([QUALITY, OFF if off else ON, HEART_RATE, 0 if off else 70])) if due else b""
        raw = int(codes[0][0]).to_bytes(2, "big", signed=True)
        return quality + _packet(bytes([RAW, 2]) + raw)

    def forget(self) -> None:
        """Electrodes count as on until the device says otherwise."""
        self._off = False


def _packet(payload: bytes) -> bytes:
    return b"\xaa\xaa" + bytes([len(payload)]) + payload + bytes([~sum(payload) & 0xFF])


DEVICE = frame_device("bmd101", "NeuroSky BMD101 (ThinkGear)", 57600, ThinkGearFormat)
