"""Golden packets of Chords, made by hand from their layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, Device, EncoderOptions, Hearer
from firmware_bridge.devices import chords
from firmware_bridge.types import SampleBlock

UNO = "c7 7c 05  0264 0200 0000 03ff 0200 0200  01   c7 7c 06  0200 0200 0000 03ff 0200 0200  01"
LSB_MV = 5000 / 1024 / 2420


def test_packet_when_read_then_ten_bits_round_512() -> None:
    (block,) = chords.DEVICE.decoder(DecoderOptions()).feed(bytes.fromhex(UNO))
    assert isinstance(block, SampleBlock)
    assert block.mv[:, 0].tolist() == pytest.approx([100 * LSB_MV, 0])


def test_packet_when_a_value_is_wider_than_the_converter_then_none() -> None:
    broken = UNO.replace("0264", "0464")
    assert chords.DEVICE.decoder(DecoderOptions()).feed(bytes.fromhex(broken)) == []


@pytest.mark.parametrize(
    ("device", "golden"),
    [
        (chords.DEVICE, "c7 7c 05  0200 0200 0200 0200 0200 0200  01"),
        (chords.UNO_R4, "c7 7c 05  2000 2000 2000 2000 2000 2000  01"),
        (chords.NPG_LITE, "c7 7c 05  0800 0800 0800  01"),
        (chords.PICO, "c7 7c 05  0800 0800 0800  01"),
    ],
)
def test_encoder_when_it_speaks_then_the_golden_packet(device: Device, golden: str) -> None:
    made = device.encoder(EncoderOptions(first_seq=5)).encode(np.zeros((1, 1), np.float32))
    assert made == bytes.fromhex(golden)


def test_board_when_asked_who_it_is_then_it_says_so() -> None:
    sender = chords.DEVICE.encoder(EncoderOptions())
    assert isinstance(sender, Hearer)
    assert sender.hear(b"whoru\n") == b"UNO-R3\r\n"
    assert sender.hear(b"START\r\n") == b""


def test_answer_between_packets_when_nothing_is_missing_then_no_gap() -> None:
    receiver = chords.DEVICE.decoder(DecoderOptions())
    sender = chords.DEVICE.encoder(EncoderOptions())
    one = np.zeros((10, 1), np.float32)
    got = receiver.feed(sender.encode(one) + b"RUNNING\r\n" + sender.encode(one))
    assert [(item.start, len(item.mv)) for item in got if isinstance(item, SampleBlock)] == [(0, 20)]
    assert len(got) == 1
