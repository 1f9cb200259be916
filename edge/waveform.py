"""The waveform chunk: 16 bytes of header, then one lead's samples. Pure.

All little-endian::

    0        3   4         8                  16
    +--------+---+---------+------------------+-------------------------
    | H W V  | 1 | seq u32 | t_us u64         | int16, one a sample ...
    +--------+---+---------+------------------+-------------------------

`seq` counts the chunks of this topic, `t_us` is the UTC time of the first sample in microseconds; fs, lead,
unit and scale are in the retained ``.../meta``. A sample of -32768 means: no value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import F32, BadInput

MAGIC, VERSION = b"HWV", 1
HEADER = struct.Struct("<3sBIQ")
SCALE_MV = 0.001
NONE = -32768


SHORT = 128


def quantise_wave(mv: F32) -> bytes:
    """Millivolts, float of shape (n,), to int16 LE, `SCALE_MV` a count: round, then clip; NaN is `NONE`."""
    clipped = np.clip(np.rint(np.divide(mv, SCALE_MV, dtype=np.float64)), -32767, 32767)
    return np.where(np.isnan(clipped), NONE, clipped).astype("<i2").tobytes()


def encode_wave(seq: int, t_us: int, mv: F32) -> bytes:
    """One chunk of millivolts, shape (n,). `seq` wraps at 2**32; a negative `t_us` becomes 0."""
    seq, t_us = seq & 0xFFFFFFFF, t_us if t_us > 0 else 0
    if len(mv) <= SHORT:
        # A short chunk is a reader waiting: this way costs a fifth of five NumPy calls on a sleepy processor.
        try:
            counts = []
            for v in mv.tolist():  # a comprehension is one more function to be found cold
                counts.append(round(v / SCALE_MV))
            if NONE not in counts:
                return _short_chunk(len(counts))(MAGIC, VERSION, seq, t_us, *counts)
        except (ValueError, OverflowError, struct.error):
            pass  # NaN, infinity, out of range
    return HEADER.pack(MAGIC, VERSION, seq, t_us) + quantise_wave(mv)


@lru_cache(maxsize=16)
def _short_chunk(n: int) -> Callable[..., bytes]:
    """Packs header and `n` samples in one step."""
    return struct.Struct(f"{HEADER.format}{n}h").pack


def decode_wave(payload: bytes) -> tuple[int, int, NDArray[np.int16]]:
    """Read one chunk: (seq, t_us, int16 of shape (n,)). Raises `BadInput` for anything else."""
    if len(payload) < HEADER.size or len(payload) % 2:
        raise BadInput(
            f"waveform chunk: got {len(payload)} bytes, expected a 16-byte header and int16 samples"
        )
    magic, version, seq, t_us = HEADER.unpack_from(payload)
    if magic != MAGIC or version != VERSION:
        raise BadInput(f"waveform chunk: got {payload[:4]!r}, expected {MAGIC + bytes([VERSION])!r}")
    return seq, t_us, np.frombuffer(payload, dtype="<i2", offset=HEADER.size)
