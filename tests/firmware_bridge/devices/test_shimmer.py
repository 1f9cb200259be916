"""Golden packets of the Shimmer3, made by hand from their layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import Asker, DecoderOptions, EncoderOptions, Hearer
from firmware_bridge.devices import shimmer
from firmware_bridge.types import Gap, SampleBlock

INQUIRY = "ff 02  4000 00000000  03 01  1d 1e 1f"


def packet(stamp: int, first: str = "000064", second: str = "ffff9c") -> bytes:
    return b"\x00" + (stamp & 0xFFFFFF).to_bytes(3, "little") + bytes.fromhex(f"80 {first} {second}")


def codes(items: list[SampleBlock | Gap]) -> list[list[int]]:
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    return [[round(v / shimmer.LSB_MV) for v in row] for block in blocks for row in block.mv.tolist()]


def test_packets_when_read_then_two_channels_big_endian() -> None:
    got = shimmer.DEVICE.decoder(DecoderOptions()).feed(b"".join(packet(64 * k) for k in range(6)))
    assert codes(got) == [[100, -100]] * 6
    assert isinstance(got[0], SampleBlock)
    assert (got[0].fs, got[0].leads) == (512.0, ("II", "I"))


def test_inquiry_when_answered_then_rate_and_fields_are_as_it_says() -> None:
    """256 Hz, 2 samples a packet; fields: an accelerometer (2 bytes) and the ExG in 16 bits."""
    answer = bytes.fromhex("ff 02  8000 00000000  03 02  00 23 24")
    stream = b"".join(
        b"\x00"
        + (256 * k).to_bytes(3, "little") + bytes.fromhex("1234 0001 ffff")
        + (256 * k + 128).to_bytes(3, "little") + bytes.fromhex("1234 0002 fffe")
        for k in range(5)
    )  # fmt: skip
    got = shimmer.DEVICE.decoder(DecoderOptions()).feed(b"\xff" + answer + b"\xff" + stream)
    assert codes(got) == [[256, -256], [512, -512]] * 5
    assert {item.fs for item in got if isinstance(item, SampleBlock)} == {256.0}


@pytest.mark.parametrize(
    "bad", ["ff 02 0000", "ff 02 4000 00000000 00 01", "ff 02 4000 00000000 02 01 1e 1e"]
)
def test_inquiry_when_it_is_absurd_then_none(bad: str) -> None:
    receiver = shimmer.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(bytes.fromhex(bad) + bytes([0xFF] * 8) + b"".join(packet(64 * k) for k in range(6)))
    assert codes(got) == [[100, -100]] * 6


@pytest.mark.parametrize("first", [0, 0xFFFF80])
def test_loss_when_stamps_jump_then_exact_also_over_their_wrap(first: int) -> None:
    receiver = shimmer.DEVICE.decoder(DecoderOptions())
    kept = [k for k in range(40) if k not in (10, 11, 12, 20)]
    got = receiver.feed(b"".join(packet(first + 64 * k + k % 3) for k in kept))
    assert [item for item in got if isinstance(item, Gap)] == [Gap(10, 3, "lost"), Gap(20, 1, "lost")]


def test_encoder_when_asked_then_it_answers_and_speaks_the_golden_packets() -> None:
    sender = shimmer.DEVICE.encoder(EncoderOptions(first_seq=3))
    assert isinstance(sender, Hearer)
    assert sender.hear(b"\x01") == sender.preamble() == bytes.fromhex(INQUIRY)
    assert sender.hear(b"\x07") == b"\xff"
    one = np.array([[100 * shimmer.LSB_MV]], np.float32)
    assert sender.encode(one) == packet(3 * 64, second="000000")


def test_device_when_it_is_silent_then_set_asked_and_started() -> None:
    receiver = shimmer.DEVICE.decoder(DecoderOptions(fs=256.0))
    assert isinstance(receiver, Asker)
    asked = [receiver.ask(0.25 * k).hex() for k in range(5)]
    receiver.feed(bytes.fromhex("ff" + INQUIRY), 1.1)
    asked += [receiver.ask(0.25 * k).hex() for k in range(5, 7)]
    assert asked == ["", "20", "08100000", "058000", "01", "07", ""]
