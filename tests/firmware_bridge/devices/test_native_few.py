"""Frames that come one at a time become samples another way than many at once: the same bits, and they stay so."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge import wire
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices.native import FEW_BYTES, ROOM, NativeDecoder, NativeEncoder
from firmware_bridge.types import F32, SampleBlock

SCALED = DecoderOptions(scale=1.1)


def noise(n: int, n_leads: int) -> F32:
    mv = np.random.default_rng(n_leads).normal(0, 2, (n, n_leads)).astype(np.float32)
    mv[::7] = np.nan
    return mv


def sent_of(mv: F32, size: int) -> list[bytes]:
    """Frames of `size` samples each."""
    sender = NativeEncoder(EncoderOptions(250.0, wire.LEADS[1 : 1 + mv.shape[1]]))
    return [sender.encode(mv[k : k + size]) for k in range(0, len(mv), size)]


def samples(decoder: NativeDecoder, feeds: list[bytes]) -> list[F32]:
    return [item.mv for data in feeds for item in decoder.feed(data) if isinstance(item, SampleBlock)]


@pytest.mark.parametrize("n_leads", [1, 3, 8])
def test_few_when_thousands_came_after_them_then_still_the_bits_of_many(n_leads: int) -> None:
    sent = sent_of(noise(2 * ROOM, n_leads), 1)
    few = samples(NativeDecoder(SCALED), sent)
    (many,) = samples(NativeDecoder(SCALED), [b"".join(sent)])
    assert {mv.shape for mv in few} == {(1, n_leads)}
    assert np.concatenate(few).tobytes() == many.tobytes()


def test_few_when_leads_and_sizes_change_then_every_block_keeps_its_own() -> None:
    parts = [
        sent_of(noise(200, n_leads), size) for n_leads, size in ((1, 1), (2, 8), (1, 16), (2, 9), (1, 17))
    ]
    assert FEW_BYTES == 2 * 2 * 8, "on both sides of what counts as few"
    for part in parts:
        few = samples(NativeDecoder(SCALED), part)
        assert np.concatenate(few).tobytes() == samples(NativeDecoder(SCALED), [b"".join(part)])[0].tobytes()
    mixed = samples(NativeDecoder(SCALED), [frame for part in parts for frame in part])
    alone = [mv for part in parts for mv in samples(NativeDecoder(SCALED), part)]
    assert [mv.tobytes() for mv in mixed] == [mv.tobytes() for mv in alone]
