"""The binary waveform chunk, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from edge.waveform import HEADER, SCALE_MV, decode_wave, encode_wave, quantise_wave
from firmware_bridge.types import BadInput


def test_chunk_when_encoded_then_these_bytes() -> None:
    got = encode_wave(2, 0x0102030405060708, np.array([0.001, -0.001], dtype=np.float32))
    assert got == bytes.fromhex("48575601 02000000 0807060504030201 0100 ffff")


def test_chunk_when_read_back_then_within_half_a_count() -> None:
    mv = np.linspace(-5, 5, 101).astype(np.float32)
    seq, t_us, counts = decode_wave(encode_wave(2**32 + 5, -3, mv))
    assert (seq, t_us) == (5, 0)
    assert np.max(np.abs(counts * SCALE_MV - mv)) <= SCALE_MV / 2 + 1e-6


def test_quantise_when_not_finite_then_clipped_or_none() -> None:
    mv = np.array([np.inf, -np.inf, np.nan, 99.0, -99.0], dtype=np.float32)
    assert np.frombuffer(quantise_wave(mv), "<i2").tolist() == [32767, -32767, -32768, 32767, -32767]


@pytest.mark.parametrize("bad", [b"", b"HWV\x01", b"XXX\x01" + bytes(12), b"HWV\x02" + bytes(12), bytes(17)])
def test_decode_when_foreign_then_one_line(bad: bytes) -> None:
    with pytest.raises(BadInput, match="waveform chunk: got"):
        decode_wave(bad)


def test_header_when_measured_then_sixteen_bytes() -> None:
    assert HEADER.size == 16
