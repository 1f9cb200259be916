"""ProtoCentral's OpenView frame: ADS1292R shield, MAX30003 breakout, HealthyPi v4 and 5, ADS1293.

The frame is ``0A FA | LEN u16 LE | type | LEN bytes | 00 0B``, all little-endian; some firmware leaves the 00
out, so both ends are taken. There is no checksum and no counter: a frame counts only when its length is one
that the board sends, its footer is in place, and out of lock another frame follows. Bytes that had to be
skipped in lock are given as a gap of as many frames as they could have held.

Sources: Protocentral's ads1292r-arduino, max30003, healthypi_v4 and healthypi_5 firmware, and the OpenView 3
decoders. Conflict: OpenView documents 8 payload bytes for the ADS1292R with the two rates swapped; the
firmware sends 9. Both lengths are taken, and the rates are not used here.

Uncertain, so named below: the gain of HealthyPi 5's MAX30001 and of the ADS1293 were not found in a source;
`scale` corrects them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from firmware_bridge.device import Device
from firmware_bridge.devices.frame_format import Codes, FrameFormat, Packet, Scale, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Field
from firmware_bridge.devices.rows import I64, U8, Batch, Flags
from firmware_bridge.scanning import MORE, NO_FRAME

SYNC = b"\x0a\xfa"
TYPE_DATA = 2
TYPE_BATCH = 3
TYPE_PPG = 4
N_BEFORE = 5
FOOTER = 0x0B
FLAT_S = 0.5
"""The boards send exactly 0 while an electrode is off; so long a run of zeros is no heart."""

Samples = tuple[Codes, bool]
"""What a payload holds: values, and whether an electrode is off."""


@dataclass(frozen=True, slots=True)
class Board:
    """What differs between the boards that speak this frame.

    Attributes
    ----------
    kinds : tuple of (int, int)
        Types and payload lengths that it sends; the first is what the encoder sends.
    fs : float
        Rate in Hz.
    scale : Scale
        What its values mean.
    read : callable
        Type and payload to samples.
    read_rows : callable
        Type and payloads, one a row, to their values, one after the other in a row.
    write : callable
        Codes, and whether an electrode is off, to a payload.
    leads : tuple of str
        One for each channel.
    n_samples : int
        Samples in a frame that the encoder makes.
    hello : bytes
        What it prints when it starts.
    fits, rows_fit : callable
        Whether a payload, or each of many, can be this board's: more than one sends 12 bytes.
    status : int or None
        Where the byte stands whose lower five bits say that an electrode is off.
    """

    kinds: tuple[tuple[int, int], ...]
    fs: float
    scale: Scale
    read: Callable[[int, bytes], Samples]
    read_rows: Callable[[int, U8], I64]
    write: Callable[[Codes, bool], bytes]
    leads: tuple[str, ...] = ("ECG",)
    n_samples: int = 1
    hello: bytes = b"Initiliziation is done\r\n"
    fits: Callable[[bytes], bool] = lambda payload: True
    rows_fit: Callable[[U8], Flags] = lambda payloads: np.ones(len(payloads), np.bool_)
    status: int | None = None


class OpenViewFormat(FrameFormat):
    """The frame round a board's payload. See `FrameFormat`."""

    sync = SYNC
    has_runs = True
    flat_s = FLAT_S
    has_lead_off = True

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lengths = {length for _, length in board.kinds}
        self.fs, self.scale, self.leads = board.fs, board.scale, board.leads
        self.n_channels, self.n_samples, self.hello = len(board.leads), board.n_samples, board.hello
        self.n_frame = N_BEFORE + board.kinds[0][1] + 2

    def measure(self, buffer: bytes, at: int) -> int:
        """Length of the frame at `at`, with either footer."""
        if len(buffer) - at < N_BEFORE:
            return MORE
        length = buffer[at + 2] | buffer[at + 3] << 8
        if (buffer[at + 4], length) not in self._board.kinds:
            return NO_FRAME
        for k in range(at + N_BEFORE + length, at + N_BEFORE + length + 2):
            if k >= len(buffer):
                return MORE
            if buffer[k] == FOOTER:
                payload = buffer[at + N_BEFORE : at + N_BEFORE + length]
                return k + 1 - at if self._board.fits(payload) else NO_FRAME
            if buffer[k] != 0:
                return NO_FRAME
        return NO_FRAME

    def stride(self, before: bytes) -> int:
        """That of the frame before: the footer stays as it is."""
        return len(before)

    def whole(self, rows: U8) -> Flags:
        """The rows that are like the first, where that is a frame with samples."""
        head, stride = rows[0, :N_BEFORE], rows.shape[1]
        kind, length = int(head[4]), int(head[2]) | int(head[3]) << 8
        end = N_BEFORE + length
        if (kind, length) not in self._board.kinds or kind == TYPE_PPG or stride - end not in (1, 2):
            return np.zeros(len(rows), np.bool_)
        good: Flags = (rows[:, :N_BEFORE] == head).all(axis=1)
        good &= (rows[:, 0] == SYNC[0]) & (rows[:, 1] == SYNC[1]) & (rows[:, -1] == FOOTER)
        if stride - end == 2:
            good &= rows[:, end] == 0
        return good & self._board.rows_fit(rows[:, N_BEFORE:end])

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """Samples of frames that are all of one type."""
        payloads = rows[:, N_BEFORE:]
        values = self._board.read_rows(int(rows[0, 4]), payloads).astype(np.float64)
        codes = values.reshape(-1, self.n_channels)[:, :n_columns]
        if self._board.status is None:
            return Batch(codes)
        off = payloads[:, self._board.status] & 0x1F != 0
        return Batch(codes, off * ((1 << self.n_channels) - 1))

    def read(self, frame: bytes) -> Packet | None:
        """Samples of a frame; `measure` has made sure that it is one of the board's."""
        length = frame[2] | frame[3] << 8
        codes, off = self._board.read(frame[4], frame[N_BEFORE : N_BEFORE + length])
        return Packet(codes, (1 << self.n_channels) - 1 if off else 0)

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A frame; while an electrode is off its values are 0, as the boards have it."""
        off = lead_off != 0
        sent = [[0] * self.n_channels for _ in codes] if off else codes
        kind, length = self._board.kinds[0]
        return SYNC + struct.pack("<HB", length, kind) + self._board.write(sent, off) + b"\x00\x0b"


def _read_i16(kind: int, payload: bytes) -> Samples:
    return [[int.from_bytes(payload[:2], "little", signed=True)]], False


def _read_i16_rows(kind: int, payloads: U8) -> I64:
    return np.ascontiguousarray(payloads[:, :2]).view("<i2").astype(np.int64)


def _write_ads1292r(codes: Codes, off: bool) -> bytes:
    return struct.pack("<hhHHB", int(codes[0][0]), 0, 0, 0, 0)


def _read_max30003(kind: int, payload: bytes) -> Samples:
    """The word is FIFO byte 0 << 24 | byte 1 << 16 | the two bits left of the 18: the sign is at the top."""
    (word,) = struct.unpack_from("<i", payload)
    return [[word >> 14 | word & 3]], False


def _read_max30003_rows(kind: int, payloads: U8) -> I64:
    word = Field(0, "i32le").column(payloads).astype(np.int64)
    return (word >> 14 | word & 3)[:, None]


def _max30003_rows(payloads: U8) -> Flags:
    made: Flags = (payloads[:, 1] == 0) & (payloads[:, 0] & 0xFC == 0)
    return made


def _is_max30003(payload: bytes) -> bool:
    """Bits 2 to 15 of the word are never set."""
    return payload[1] == 0 and payload[0] & 0xFC == 0


def _write_max30003(codes: Codes, off: bool) -> bytes:
    code = int(codes[0][0])
    return struct.pack("<iII", (code >> 2) << 16 | code & 3, 0, 0)


def _read_healthypi4(kind: int, payload: bytes) -> Samples:
    """The last byte holds the five LOFF_STAT bits of the ADS1292R."""
    return _read_i16(kind, payload)[0], bool(payload[19] & 0x1F)


def _write_healthypi4(codes: Codes, off: bool) -> bytes:
    return struct.pack("<h17xB", int(codes[0][0]), 0x1F if off else 0)


def _read_healthypi5(kind: int, payload: bytes) -> Samples:
    """Type 2 begins with one ECG value, type 3 with eight, type 4 has none."""
    if kind == TYPE_PPG:
        return (), False
    n = 8 if kind == TYPE_BATCH else 1
    return [[code] for code in struct.unpack_from(f"<{n}i", payload)], False


def _read_i32_rows(n: int, payloads: U8) -> I64:
    """The first `n` words of each."""
    return np.ascontiguousarray(payloads[:, : 4 * n]).view("<i4").astype(np.int64)


def _read_healthypi5_rows(kind: int, payloads: U8) -> I64:
    return _read_i32_rows(8 if kind == TYPE_BATCH else 1, payloads)


def _write_healthypi5(codes: Codes, off: bool) -> bytes:
    return struct.pack("<i18x", int(codes[0][0]))


def _write_batch(codes: Codes, off: bool) -> bytes:
    return struct.pack("<8i18x", *(int(code) for (code,) in codes))


def _read_ads1293(kind: int, payload: bytes) -> Samples:
    return [struct.unpack_from("<3i", payload)], False


def _read_ads1293_rows(kind: int, payloads: U8) -> I64:
    return _read_i32_rows(3, payloads)


def _ads1293_rows(payloads: U8) -> Flags:
    codes = _read_i32_rows(3, payloads)
    made: Flags = ((codes >= -(1 << 23)) & (codes < 1 << 23)).all(axis=1)
    return made


def _is_ads1293(payload: bytes) -> bool:
    """24 bits with their sign extended to 32."""
    return all(-(1 << 23) <= code < 1 << 23 for code in struct.unpack_from("<3i", payload))


def _write_ads1293(codes: Codes, off: bool) -> bytes:
    return struct.pack("<3i", *map(int, codes[0]))


ADS1292R_LSB_MV = 2420.0 / 12 / (2**23 - 1) * 256
"""2.42 V reference, gain 12 (register code 110), 24 bits cut to 16: 6.154 uV."""
MAX30003_LSB_MV = 1000.0 / (2**17 * 20)
"""Gain 20 V/V, 18 bits, 1 V reference (data sheet): 0.3815 uV."""
MAX30001_LSB_MV = 1000.0 / (2**17 * 20)
"""As the MAX30003 (data sheet formula); the gain that HealthyPi 5 sets was not verified."""
ADS1293_LSB_MV = 4800.0 / 3.5 / (2**24 - 1)
"""Reference 2.4 V either way, gain 3.5, 24 bits (data sheet, from memory): 0.0817 uV; not verified."""

ADS1292R = Board(
    ((TYPE_DATA, 9), (TYPE_DATA, 8)), 125.0, signed(16, ADS1292R_LSB_MV), _read_i16, _read_i16_rows,
    _write_ads1292r,
)  # fmt: skip
MAX30003 = Board(
    ((TYPE_DATA, 12),), 125.0, signed(18, MAX30003_LSB_MV), _read_max30003, _read_max30003_rows,
    _write_max30003, fits=_is_max30003, rows_fit=_max30003_rows,
)  # fmt: skip
HEALTHYPI4 = Board(
    ((TYPE_DATA, 20),), 125.0, signed(16, ADS1292R_LSB_MV), _read_healthypi4, _read_i16_rows,
    _write_healthypi4, status=19,
)  # fmt: skip
_KINDS5 = (TYPE_DATA, 22), (TYPE_BATCH, 50), (TYPE_PPG, 19)
HEALTHYPI5 = Board(
    _KINDS5, 128.0, signed(18, MAX30001_LSB_MV), _read_healthypi5, _read_healthypi5_rows,
    _write_healthypi5, hello=b"HealthyPi 5\r\n",
)  # fmt: skip
HEALTHYPI5_BATCH = Board(
    (_KINDS5[1], _KINDS5[0], _KINDS5[2]), 125.0, HEALTHYPI5.scale, _read_healthypi5, _read_healthypi5_rows,
    _write_batch, n_samples=8, hello=HEALTHYPI5.hello,
)  # fmt: skip
ADS1293 = Board(
    ((TYPE_DATA, 12), (TYPE_DATA, 14)), 128.0, signed(24, ADS1293_LSB_MV), _read_ads1293,
    _read_ads1293_rows, _write_ads1293, leads=("I", "II", "V1"), fits=_is_ads1293, rows_fit=_ads1293_rows,
)  # fmt: skip


def _device(name: str, title: str, baud: int, board: Board) -> Device:
    return frame_device(name, f"ProtoCentral {title} (OpenView frame)", baud, partial(OpenViewFormat, board))


DEVICE = _device("openview", "ADS1292R", 57600, ADS1292R)
MAX30003_DEVICE = _device("max30003", "MAX30003", 57600, MAX30003)
HEALTHYPI4_DEVICE = _device("healthypi4", "HealthyPi v4", 115200, HEALTHYPI4)
HEALTHYPI5_DEVICE = _device("healthypi5", "HealthyPi 5", 115200, HEALTHYPI5)
HEALTHYPI5_BATCH_DEVICE = _device(
    "healthypi5-batch", "HealthyPi 5, 8 samples a frame", 115200, HEALTHYPI5_BATCH
)
ADS1293_DEVICE = _device("ads1293", "ADS1293, 5 leads", 115200, ADS1293)
