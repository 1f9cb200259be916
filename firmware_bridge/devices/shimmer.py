"""Shimmer3 with its ExG board, over Bluetooth SPP.

It must be asked: what it sends is what it was set to, and its answer to an inquiry says so:
``FF 02 | divider u16 | config u32 | n | samples a packet | n channel ids``, rate = 32768 / divider. A packet is ``00``
and, for each of its samples, a time stamp (u24 LE, 1/32768 s) and the channels in the order of the inquiry: ExG
status 1 byte, ExG values i24 or i16, big-endian. There is no counter; what is missing is told by the time stamps,
which is also how packets are told from what merely begins with 00.

Source: brainflow (shimmer3.cpp, shimmer3_defines.h). From memory: gain 6 (`scale` corrects it), that all other
channels are 2 bytes, and which lead is on which channel. The optional CRC is not switched on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from firmware_bridge.device import FS_MAX, FS_MIN
from firmware_bridge.devices.frame_format import Codes, FrameFormat, Packet, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Field
from firmware_bridge.devices.rows import U8, Batch, ChainStarts, Flags
from firmware_bridge.scanning import LINKS, MORE, NEAR, NO_FRAME

GAIN = 6
LSB_MV = 2420.0 / (2**23 - 1) / GAIN
CLOCK_HZ = 32768
STAMP_MASK = 0xFFFFFF
ACK, INQUIRY, RESPONSE, DATA = 0xFF, 0x01, 0x02, 0x00
START, STOP, SET_RATE, SET_SENSORS = b"\x07", b"\x20", 0x05, 0x08
EXG1_24 = (0x10).to_bytes(3, "little")
"""Bit of the sensors' field that switches the first ExG chip on, 24 bits."""
HEAD = struct.Struct("<BBHIBB")
STATUS = (0x1D, 0x20)
WIDE = (0x1E, 0x1F, 0x21, 0x22)
NARROW = (0x23, 0x24, 0x25, 0x26)
USUAL_IDS = bytes([0x1D, 0x1E, 0x1F])
MAX_IDS, MAX_ID, MAX_SAMPLES = 24, 0x2F, 16


def field_size(channel: int) -> int:
    """Bytes of the channel with this id."""
    return 1 if channel in STATUS else 3 if channel in WIDE else 2


class ShimmerFormat(FrameFormat):
    """Packets as the last inquiry described them. See `FrameFormat`."""

    fs = 512.0
    leads = ("II", "I")
    n_channels = 2
    scale = signed(24, LSB_MV)
    counter_bits = 32
    confirm = 3
    chained = True
    has_runs = True

    def __init__(self) -> None:
        self._adopt(round(CLOCK_HZ / self.fs), USUAL_IDS, 1)
        self._ticks: int | None = None
        self._number = 0

    def configure(self, fs: float | None, n_leads: int | None) -> None:
        """Take rate and number of leads. Raises BadInput."""
        super().configure(fs, n_leads)
        self._adopt(max(1, round(CLOCK_HZ / self.fs)), USUAL_IDS, 1)
        rate = bytes([SET_RATE]) + self._divider.to_bytes(2, "little")
        sensors = bytes([SET_SENSORS]) + EXG1_24
        self.commands = (STOP, sensors, rate, bytes([INQUIRY]), START)
        self.hello = self._response()

    def _adopt(self, divider: int, ids: bytes, n_samples: int) -> None:
        self._divider, self._ids, self.n_samples = divider, ids, n_samples
        self._n_sample = 3 + sum(map(field_size, ids))
        self.n_frame = 1 + n_samples * self._n_sample
        self._per_frame = divider * n_samples

    def _response(self) -> bytes:
        head = HEAD.pack(ACK, RESPONSE, self._divider, 0, len(self._ids), self.n_samples)
        return head + self._ids

    def measure(self, buffer: bytes, at: int) -> int:
        """A packet, or the answer to an inquiry; an acknowledgement by itself is nothing."""
        if buffer[at] == DATA:
            return self.n_frame if len(buffer) - at >= self.n_frame else MORE
        if buffer[at] != ACK or buffer[at + 1 : at + 2] not in (b"", bytes([RESPONSE])):
            return NO_FRAME
        if len(buffer) - at < HEAD.size:
            return MORE
        _, _, divider, _, n, n_samples = HEAD.unpack_from(buffer, at)
        sane = divider and FS_MIN <= CLOCK_HZ / divider <= FS_MAX
        if not (sane and 0 < n <= MAX_IDS and 0 < n_samples <= MAX_SAMPLES):
            return NO_FRAME
        ids = buffer[at + HEAD.size : at + HEAD.size + n]
        if max(ids, default=0) > MAX_ID or len(set(ids)) < len(ids):
            return NO_FRAME
        return HEAD.size + n if len(ids) == n else MORE

    def doubt(self, frame: bytes, due: bool) -> int:
        """The answer to an inquiry vouches for itself; a packet does not."""
        return 0 if frame[0] == ACK else self.confirm

    def distance(self, before: bytes, frame: bytes) -> int:
        """By the time stamps, give or take a quarter of a packet, else 0; what is no packet follows anything."""
        if before[0] != DATA or frame[0] != DATA:
            return 1
        passed = (_stamp(frame) - _stamp(before)) & STAMP_MASK
        n = round(passed / self._per_frame)
        return n if 4 * abs(passed - n * self._per_frame) <= self._per_frame else 0

    def counter(self, frame: bytes) -> int:
        """A number by the time stamp: that of the packet before, and as many more as fit between them."""
        if frame[0] != DATA:
            self._number += 1
            return self._number & 0xFFFFFFFF
        ticks = _stamp(frame)
        if self._ticks is None:
            self._ticks = ticks - self._per_frame
        elapsed = (ticks - self._ticks) & STAMP_MASK
        elapsed -= STAMP_MASK + 1 if elapsed > STAMP_MASK >> 1 else 0
        number = self._number + round(elapsed / self._per_frame)
        if number > self._number:
            self._ticks, self._number = ticks, number
        return number & 0xFFFFFFFF

    def read(self, frame: bytes) -> Packet | None:
        """The samples of a packet; none of an inquiry's answer, which is remembered."""
        if frame[0] == ACK:
            _, _, divider, _, _, n_samples = HEAD.unpack_from(frame)
            self._adopt(divider, frame[HEAD.size :], n_samples)
            self.fs = self.fs if self.fs_given else CLOCK_HZ / divider
            return Packet(())
        size = self._n_sample
        samples = [frame[1 + k * size : 1 + (k + 1) * size] for k in range(self.n_samples)]
        codes = [
            (list(self._values(sample)) + [0] * self.n_channels)[: self.n_channels] for sample in samples
        ]
        return Packet(codes)

    @property
    def form(self) -> object:
        """As the last inquiry described them."""
        return self._divider, self._ids, self.n_samples

    def starts(self) -> ChainStarts:
        """By the time stamps; the answer to an inquiry stands for itself."""
        return ChainStarts(self, LINKS)

    def may_be(self, rows: U8) -> tuple[Flags, Flags]:
        """By the first byte."""
        alone = _is_answer(rows)
        return alone | (rows[:, 0] == DATA), alone

    def linked(self, rows: U8, after: U8) -> Flags:
        """By the time stamps, 1 to `NEAR` packets on; or the answer to an inquiry comes between."""
        passed = _STAMP.column(after).astype(np.int64) - _STAMP.column(rows).astype(np.int64) & STAMP_MASK
        n = np.rint(passed / self._per_frame).astype(np.int64)
        fits = (np.abs(passed - n * self._per_frame) * 4 <= self._per_frame) & (n >= 1) & (n <= NEAR)
        made: Flags = fits | _is_answer(after)
        return made

    def whole(self, rows: U8) -> Flags:
        """The rows that are packets."""
        made: Flags = rows[:, 0] == DATA
        return made

    def follows(self, rows: U8) -> Flags:
        """By the time stamps."""
        passed = np.diff(_STAMP.column(rows).astype(np.int64)) & STAMP_MASK
        made: Flags = np.abs(passed - self._per_frame) * 4 <= self._per_frame
        return made

    def goes_on(self, frame: bytes, expected: int) -> bool:
        """So it is where packets are counted from each to the next, and not, after a reboot, from an old stamp."""
        return self.counter(frame) == expected and self._ticks == _stamp(frame)

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """The samples of all packets."""
        codes = np.zeros((len(rows), self.n_samples, n_columns))
        for sample in range(self.n_samples):
            at, k = 1 + sample * self._n_sample + 3, 0
            for channel in self._ids:
                if channel in WIDE or channel in NARROW:
                    if k < n_columns:
                        value = Field(at, "i24be" if channel in WIDE else "i16be").column(rows)
                        codes[:, sample, k] = value if channel in WIDE else value * 256
                    k += 1
                at += field_size(channel)
        self._number += len(rows) - 1  # the first has been counted
        self._ticks = _stamp(rows[-1].tobytes())
        return Batch(codes.reshape(-1, n_columns))

    def _values(self, sample: bytes) -> Iterator[int]:
        at = 3
        for channel in self._ids:
            size = field_size(channel)
            if channel in WIDE or channel in NARROW:
                value = int.from_bytes(sample[at : at + size], "big", signed=True)
                yield value if channel in WIDE else value << 8
            at += size

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A packet of one sample, stamped by its number."""
        stamp = (seq * self._divider & STAMP_MASK).to_bytes(3, "little")
        values = b"".join(int(code).to_bytes(3, "big", signed=True) for code in codes[0])
        return bytes([DATA]) + stamp + b"\x80" + values

    def hear(self, data: bytes) -> bytes:
        """An acknowledgement, and for an inquiry the answer."""
        return self._response() if data[:1] == bytes([INQUIRY]) else bytes([ACK])


_STAMP = Field(1, "u24le")


def _is_answer(rows: U8) -> Flags:
    made: Flags = (rows[:, 0] == ACK) & (rows[:, 1] == RESPONSE)
    return made


def _stamp(packet: bytes) -> int:
    return int.from_bytes(packet[1:4], "little")


DEVICE = frame_device("shimmer", "Shimmer3 ExG", 115200, ShimmerFormat)
