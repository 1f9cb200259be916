"""The binary waveform chunk, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from edge.waveform import HEADER, SCALE_MV, SHORT, decode_wave, encode_wave, quantise_wave
from firmware_bridge.types import BadInput


def test_chunk_when_encoded_then_these_bytes() -> None:
    got = encode_wave(2, 0x0102030405060708, np.array([0.001, -0.001], dtype=np.float32))
    assert got == bytes.fromhex("48575601 02000000 0807060504030201 0100 ffff")


def test_chunk_when_read_back_then_within_half_a_count() -> None:
    mv = np.linspace(-5, 5, 101).astype(np.float32)
    seq, t_us, counts = decode_wave(encode_wave(2**32 + 5, -3, mv))
    assert (seq, t_us) == (5, 0)
    assert np.max(np.abs(counts * SCALE_MV - mv)) <= SCALE_MV / 2 + 1e-6


@pytest.mark.parametrize("n", [0, 1, 36, SHORT, SHORT + 1])
def test_chunk_when_short_or_long_then_header_and_the_same_counts(n: int) -> None:
    mv = np.random.default_rng(n).normal(0, 9, n).astype(np.float32)
    assert encode_wave(7, 8, mv) == HEADER.pack(b"HWV", 1, 7, 8) + quantise_wave(mv)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 99.0, -32.768])
def test_chunk_when_one_value_is_no_int16_then_as_a_long_one(odd: float) -> None:
    mv = np.array([0.5, odd], np.float32)
    assert encode_wave(7, 8, mv)[HEADER.size :] == quantise_wave(mv)


def test_quantise_when_not_finite_then_clipped_or_none() -> None:
    mv = np.array([np.inf, -np.inf, np.nan, 99.0, -99.0], dtype=np.float32)
    assert np.frombuffer(quantise_wave(mv), "<i2").tolist() == [32767, -32767, -32768, 32767, -32767]


@pytest.mark.parametrize("bad", [b"", b"HWV\x01", b"XXX\x01" + bytes(12), b"HWV\x02" + bytes(12), bytes(17)])
def test_decode_when_foreign_then_one_line(bad: bytes) -> None:
    with pytest.raises(BadInput, match="waveform chunk: got"):
        decode_wave(bad)


def test_header_when_measured_then_sixteen_bytes() -> None:
    assert HEADER.size == 16
