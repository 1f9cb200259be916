"""Golden frames of HealthyBridge, made by hand from its header file; the CRC by a second way."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import healthybridge
from firmware_bridge.types import Gap, SampleBlock


def crc(data: bytes) -> bytes:
    """Bit by bit, least significant first: poly 0x8408, init 0xFFFF."""
    value = 0xFFFF
    for byte in data:
        for k in range(8):
            low = (value ^ byte >> k) & 1
            value = value >> 1 ^ (0x8408 if low else 0)
    return value.to_bytes(2, "little")


def frame(text: str) -> bytes:
    body = bytes.fromhex(text)
    return b"\x55\xaa" + body + crc(body)


def batch(seq: int, ms: int, codes: list[int], fs: int = 128) -> bytes:
    samples = b"".join(code.to_bytes(4, "little", signed=True) + bytes(12) for code in codes)
    head = bytes.fromhex("20 04 8800") + seq.to_bytes(2, "little") + ms.to_bytes(4, "little") + b"\x08\x00"
    return frame((head + fs.to_bytes(2, "little") + samples).hex())


def vitals(seq: int, flags: int) -> bytes:
    return frame(f"40 04 0700 {seq.to_bytes(2, 'little').hex()}  4600 62 0e 420e {flags:02x}")


def test_batch_when_read_then_its_eight_ecg_values() -> None:
    receiver = healthybridge.DEVICE.decoder(DecoderOptions(scale=1 / healthybridge.LSB_MV))
    (block,) = receiver.feed(batch(1, 1000, [1, -2, 3, -4, 5, -6, 7, -8]))
    assert isinstance(block, SampleBlock)
    assert np.rint(block.mv[:, 0]).tolist() == [1, -2, 3, -4, 5, -6, 7, -8]


def test_vitals_when_bit_3_is_set_then_the_electrode_is_off() -> None:
    receiver = healthybridge.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(
        batch(1, 0, [1] * 8) + vitals(2, 8) + batch(3, 62, [1] * 8) + vitals(4, 7) + batch(5, 125, [1] * 8)
    )
    assert [(b.start, b.lead_off) for b in got if isinstance(b, SampleBlock)] == [(0, 0), (8, 1), (16, 0)]
    assert not [item for item in got if isinstance(item, Gap)]


@pytest.mark.parametrize(
    ("lost", "n_lost"), [(["b"], 8), (["v"], 0), (["b", "v"], 8), (["v", "b"], 8), (["b", "v", "b"], 16)]
)
def test_loss_when_batches_and_vitals_vanish_then_only_batches_cost_samples(
    lost: list[str], n_lost: int
) -> None:
    receiver = healthybridge.DEVICE.decoder(DecoderOptions())
    n_batches = lost.count("b")
    stream = batch(1, 1000, [1] * 8) + batch(2, 1062, [1] * 8)
    seq, ms = 3 + len(lost), 1062 + round(62.5 * (n_batches + 1))
    got = receiver.feed(stream + vitals(seq, 0) + batch(seq + 1, ms, [1] * 8))
    assert sum(item.n_lost for item in got if isinstance(item, Gap)) == n_lost
    assert receiver.stats.n_lost == n_lost


def test_rate_when_the_frame_says_another_then_it_counts_unless_given() -> None:
    for options, fs in ((DecoderOptions(), 250.0), (DecoderOptions(fs=128.5), 128.5)):
        (block,) = healthybridge.DEVICE.decoder(options).feed(batch(1, 0, [1] * 8, 250))
        assert isinstance(block, SampleBlock)
        assert block.fs == fs


def test_frame_when_its_kind_is_unknown_or_its_crc_is_wrong_then_counted() -> None:
    receiver = healthybridge.DEVICE.decoder(DecoderOptions())
    broken = bytearray(batch(2, 62, [1] * 8))
    broken[20] ^= 1
    got = receiver.feed(
        batch(1, 0, [1] * 8) + bytes(broken) + batch(3, 125, [1] * 8) + frame("61 00 0400 0400 00000000")
    )
    assert (receiver.stats.n_crc, receiver.stats.n_unknown, receiver.stats.n_lost) == (1, 1, 8)
    assert [(b.start, len(b.mv)) for b in got if isinstance(b, SampleBlock)] == [(0, 8), (16, 8)]


def test_encoder_when_it_speaks_then_the_golden_frames() -> None:
    sender = healthybridge.DEVICE.encoder(EncoderOptions(first_seq=1))
    mv = (np.arange(1, 9, dtype=np.float32) * healthybridge.LSB_MV)[:, None].astype(np.float32)
    assert sender.encode(mv) == batch(1, 125, list(range(1, 9)))
