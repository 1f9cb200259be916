"""Golden packets of the BMD101, made by hand from the ThinkGear layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import thinkgear
from firmware_bridge.types import SampleBlock

RAW = "aa aa 04  80 02 00 64  19"
ON, OFF = "aa aa 04  02 c8 03 46  ec", "aa aa 04  02 00 03 00  fa"


def offs(stream: str) -> list[int]:
    got = thinkgear.DEVICE.decoder(DecoderOptions()).feed(bytes.fromhex(stream))
    return [b.lead_off for b in got if isinstance(b, SampleBlock) for _ in b.mv]


def test_raw_packet_when_read_then_16_bits_big_endian() -> None:
    got = thinkgear.DEVICE.decoder(DecoderOptions(scale=1 / thinkgear.LSB_MV)).feed(
        bytes.fromhex(RAW + "aa aa 04 80 02 ff 9c e2")
    )
    values = [float(v) for b in got if isinstance(b, SampleBlock) for v in b.mv[:, 0]]
    assert values == pytest.approx([100, -100])


def test_quality_when_it_is_0_then_the_electrode_is_off_until_it_is_not() -> None:
    assert offs(RAW + OFF + RAW + RAW + ON + RAW) == [0, 1, 1, 0]


def test_slow_packet_of_the_board_when_read_then_its_quality_is_taken() -> None:
    slow = bytes.fromhex("02 00 03 48  84 05 0000000000  85 02 0000  08 01")
    packet = bytes([0xAA, 0xAA, len(slow)]) + slow + bytes([~sum(slow) & 0xFF])
    assert offs(packet.hex() + RAW) == [1]


def test_packet_when_its_check_is_wrong_then_counted_and_passed_over() -> None:
    receiver = thinkgear.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(bytes.fromhex(RAW + RAW.replace("19", "18") + RAW))
    assert receiver.stats.n_crc == 1
    assert receiver.stats.n_lost == 1
    assert sum(len(b.mv) for b in got if isinstance(b, SampleBlock)) == 2


def test_sync_when_three_aa_stand_together_then_the_last_two_count() -> None:
    assert offs("aa" + RAW) == [0]


def test_packet_when_nothing_in_it_is_known_then_counted() -> None:
    receiver = thinkgear.DEVICE.decoder(DecoderOptions())
    receiver.feed(bytes.fromhex("aa aa 02  16 50  99"))
    assert receiver.stats.n_unknown == 1


@pytest.mark.parametrize("payload", ["80", "80 05 00", "83 ff 01", "55", "55 80", "02"])
def test_rows_when_cut_short_then_left_out(payload: str) -> None:
    assert list(thinkgear.rows(bytes.fromhex(payload))) == []


def test_encoder_when_it_speaks_then_the_golden_packets() -> None:
    sender = thinkgear.DEVICE.encoder(EncoderOptions())
    one = np.array([[100 * thinkgear.LSB_MV]], np.float32)
    assert sender.encode(one) == bytes.fromhex(ON + RAW)
    assert sender.encode(one) == bytes.fromhex(RAW)
    assert sender.encode(one, lead_off=1) == bytes.fromhex(OFF + RAW)
