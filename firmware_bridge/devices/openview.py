"""ProtoCentral's OpenView frame: ADS1292R shield, MAX30003 breakout, HealthyPi v4.

The frame is ``0A FA | LEN u16 LE | type | LEN bytes | 00 0B``, all little-endian; some firmware leaves the 00
out, so both ends are taken. There is no checksum and no counter: a frame counts only when its length is one
that the board sends, its footer is in place, and out of lock another frame follows. Bytes that had to be
skipped in lock are given as a gap of as many frames as they could have held.

Sources: Protocentral's ads1292r-arduino, max30003 and healthypi_v4 firmware, and the OpenView 3 decoders.
Conflict: OpenView documents 8 payload bytes for the ADS1292R with the two rates swapped; the firmware sends
9. Both lengths are taken, and the rates are not used here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from firmware_bridge.device import DecoderOptions, Device, EncoderOptions, lead_names
from firmware_bridge.devices.blocks import BlockBuilder, samples_between
from firmware_bridge.framing import SyncFramer
from firmware_bridge.types import F32, Gap, LinkStats, SampleBlock

SYNC = b"\x0a\xfa"
TYPE_DATA = 2
N_BEFORE = 5
FOOTER = 0x0B
FLAT_S = 0.5
"""The boards send exactly 0 while an electrode is off; so long a run of zeros is no heart."""


@dataclass(frozen=True, slots=True)
class Board:
    """What differs between the boards that speak this frame.

    Attributes
    ----------
    lengths : tuple of int
        Payload lengths; the first is what the encoder sends.
    fs : float
        Rate in Hz.
    lsb_mv : float
        mV per unit.
    limit : int
        Largest magnitude of a code.
    read : callable
        Payload to (code, electrode is off).
    write : callable
        (code, electrode is off) to payload.
    """

    lengths: tuple[int, ...]
    fs: float
    lsb_mv: float
    limit: int
    read: Callable[[bytes], tuple[int, bool]]
    write: Callable[[int, bool], bytes]


def _read_i16(payload: bytes) -> tuple[int, bool]:
    return int.from_bytes(payload[:2], "little", signed=True), False


def _write_ads1292r(code: int, off: bool) -> bytes:
    return struct.pack("<hhHHB", 0 if off else code, 0, 0, 0, 0)


def _read_max30003(payload: bytes) -> tuple[int, bool]:
    """The word is FIFO byte 0 << 24 | byte 1 << 16 | the two bits left of the 18: the sign is at the top."""
    (word,) = struct.unpack_from("<i", payload)
    return word >> 14 | word & 3, False


def _write_max30003(code: int, off: bool) -> bytes:
    code = 0 if off else code
    return struct.pack("<iII", (code >> 2) << 16 | code & 3, 0, 0)


def _read_healthypi4(payload: bytes) -> tuple[int, bool]:
    """The last byte holds the five LOFF_STAT bits of the ADS1292R."""
    return int.from_bytes(payload[:2], "little", signed=True), bool(payload[19] & 0x1F)


def _write_healthypi4(code: int, off: bool) -> bytes:
    return struct.pack("<h17xB", 0 if off else code, 0x1F if off else 0)


ADS1292R_LSB_MV = 2420.0 / 12 / (2**23 - 1) * 256
"""2.42 V reference, gain 12 (register code 110), 24 bits cut to 16: 6.154 uV."""
MAX30003_LSB_MV = 1000.0 / (2**17 * 20)
"""Gain 20 V/V, 18 bits, 1 V reference (data sheet): 0.3815 uV."""

ADS1292R = Board((9, 8), 125.0, ADS1292R_LSB_MV, 32767, _read_i16, _write_ads1292r)
MAX30003 = Board((12,), 125.0, MAX30003_LSB_MV, 131071, _read_max30003, _write_max30003)
HEALTHYPI4 = Board((20,), 125.0, ADS1292R_LSB_MV, 32767, _read_healthypi4, _write_healthypi4)


def frame_length(lengths: tuple[int, ...], buffer: bytes, at: int) -> int:
    """Measure the frame at a sync word: its bytes, 0 when more are needed, -1 when it is none."""
    n = len(buffer) - at
    if n < N_BEFORE:
        return 0
    length = buffer[at + 2] | buffer[at + 3] << 8
    if length not in lengths or buffer[at + 4] != TYPE_DATA:
        return -1
    for k in range(at + N_BEFORE + length, at + N_BEFORE + length + 2):
        if k >= len(buffer):
            return 0
        if buffer[k] == FOOTER:
            return k + 1 - at
        if buffer[k] != 0:
            return -1
    return -1


class OpenViewDecoder:
    """OpenView frames to blocks. See `firmware_bridge.device.Decoder`.

    Counted in `stats`: `n_frames`, `n_resync` losses of lock, `n_lost` frames that skipped bytes could have
    held.
    """

    def __init__(self, board: Board, options: DecoderOptions) -> None:
        self.stats = LinkStats()
        self._board = board
        self._lsb_mv = board.lsb_mv * options.factor
        fs = options.fs or board.fs
        self._n_flat = round(FLAT_S * fs)
        self._zeros = 0
        self._framer = SyncFramer(SYNC, partial(frame_length, board.lengths), self.stats)
        self._blocks = BlockBuilder(options.device_id, lead_names(("ECG",), options.leads), fs, self.stats)
        self._t_s: float | None = None
        self._reopened = False

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes; `t_s` only tells how long a link was closed."""
        self.stats.n_bytes += len(data)
        for n_skipped, frame in self._framer.feed(data):
            n_lost = round(n_skipped / len(frame))
            if self._reopened:
                self._reopened = False
                self._blocks.gap(samples_between(self._t_s, t_s, self._blocks.fs), "no_signal")
            elif n_lost:
                self._blocks.gap(n_lost, "lost")
            self._take(frame)
        if self._blocks.total and t_s is not None and not self._reopened:
            self._t_s = t_s
        return self._blocks.take()

    def reset(self) -> None:
        """Forget the partial frame and the lock; time without signal becomes a gap where `t_s` tells it."""
        self._framer.reset()
        self._zeros = 0
        self._reopened = self._blocks.total > 0

    def _take(self, frame: bytes) -> None:
        code, off = self._board.read(frame[N_BEFORE:])
        self._zeros = 0 if code else self._zeros + 1
        self.stats.n_frames += 1
        self._blocks.add((code * self._lsb_mv,), int(off or self._zeros >= self._n_flat))


class OpenViewEncoder:
    """Samples to OpenView frames. See `firmware_bridge.device.Encoder`.

    Only the first lead is sent. The format does not say its rate: where `fs` is not the board's own, the
    decoder must be told. NaN goes as 0.
    """

    def __init__(self, board: Board, options: EncoderOptions) -> None:
        self.fs = options.fs or board.fs
        self._board = board
        self._n_leads = len(options.leads)

    def preamble(self) -> bytes:
        """The line that the sketch prints once it has set up its chip."""
        return b"Initiliziation is done\r\n"

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give a frame for each sample of float32 `mv` (n, n_leads) in mV."""
        board = self._board
        first = np.nan_to_num(mv.reshape(-1, self._n_leads)[:, 0].astype(np.float64))
        codes = np.clip(np.rint(first / board.lsb_mv), -board.limit, board.limit).astype(int).tolist()
        off = bool(lead_off & 1)
        head = SYNC + struct.pack("<HB", board.lengths[0], TYPE_DATA)
        return b"".join([head + board.write(code, off) + b"\x00\x0b" for code in codes])


def _device(name: str, title: str, baud: int, board: Board) -> Device:
    return Device(
        name=name,
        title=title,
        fs=board.fs,
        baud=baud,
        leads=("ECG",),
        decoder=partial(OpenViewDecoder, board),
        encoder=partial(OpenViewEncoder, board),
        has_lead_off=True,
    )


DEVICE = _device("openview", "ProtoCentral ADS1292R (OpenView frame)", 57600, ADS1292R)
MAX30003_DEVICE = _device("max30003", "ProtoCentral MAX30003 (OpenView frame)", 57600, MAX30003)
HEALTHYPI4_DEVICE = _device("healthypi4", "ProtoCentral HealthyPi v4 (OpenView frame)", 115200, HEALTHYPI4)
