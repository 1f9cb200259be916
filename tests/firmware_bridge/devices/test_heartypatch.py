"""Golden packets of HeartyPatch's protocol 3, made by hand from their layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import heartypatch
from firmware_bridge.types import Gap, SampleBlock

LSB_MV = 1000 / (2**17 * 20)


def packet(seq: int, codes: list[int], footer: str = "f0 0b") -> bytes:
    words = b"".join((code << 14).to_bytes(4, "little", signed=True) for code in codes)
    head = bytes.fromhex("0afa 3000 03") + seq.to_bytes(4, "little")
    return head + bytes.fromhex("01000000 40420f00 20030000") + words + bytes.fromhex(footer)


@pytest.mark.parametrize("footer", ["f0 0b", "00 0b"])
def test_packet_when_read_then_eight_samples_of_18_bits(footer: str) -> None:
    codes = [0, 1, -1, 131071, -131072, 5, 6, 7]
    got = heartypatch.DEVICE.decoder(DecoderOptions()).feed(
        packet(1, codes, footer) + packet(2, [3] * 8, footer)
    )
    blocks = [item for item in got if isinstance(item, SampleBlock)]
    values = [float(v) for block in blocks for v in block.mv[:, 0]]
    assert np.rint(np.array(values) / LSB_MV).tolist() == codes + [3] * 8
    assert [(b.start, b.clipped) for b in blocks] == [(0, 0), (3, 1), (5, 0)]


def test_word_when_written_out_then_it_is_the_fifos() -> None:
    """FIFO bytes 00 01 40 are code 5: they stand at the top of the little-endian word."""
    golden = b"".join(
        bytes.fromhex(f"0afa 3000 03  {k}000000  00000000 00000000 00000000" + "00400100" * 8 + "f0 0b")
        for k in ("07", "08")
    )
    got = heartypatch.DEVICE.decoder(DecoderOptions(scale=1 / LSB_MV)).feed(golden)
    assert isinstance(got[0], SampleBlock)
    assert got[0].mv[:, 0].tolist() == pytest.approx([5.0] * 16)


def test_encoder_when_it_speaks_then_the_golden_packet() -> None:
    sender = heartypatch.DEVICE.encoder(EncoderOptions(first_seq=16))
    made = sender.encode(np.full((8, 1), 5 * LSB_MV, np.float32))
    assert made == bytes.fromhex(
        "0afa 3000 03  10000000  01000000 00000000 00000000" + "00400100" * 8 + "f0 0b"
    )


def test_count_when_the_fifo_overflowed_then_it_begins_again() -> None:
    receiver = heartypatch.DEVICE.decoder(DecoderOptions())
    stream = b"".join(packet(k, [0] * 8) for k in range(70_000, 70_005))
    got = receiver.feed(stream + b"".join(packet(k, [0] * 8) for k in range(5)))
    assert [item for item in got if isinstance(item, Gap)] == [Gap(40, 0, "reboot")]
