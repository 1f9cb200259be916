"""Golden packets of "P2", made by hand from its layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import olimex
from firmware_bridge.types import Gap, SampleBlock

LSB_MV = 5000 / 1024 / 2848


def packet(count: int, code: int = 512, switches: int = 1) -> bytes:
    return bytes.fromhex(f"a5 5a 02 {count:02x}  {code:04x} 0201 0000 03ff 0200 0200  {switches:02x}")


def values(items: list[SampleBlock | Gap]) -> list[float]:
    return [float(v) for item in items if isinstance(item, SampleBlock) for v in item.mv[:, 0]]


def test_packet_when_read_then_ten_bits_round_512() -> None:
    got = olimex.DEVICE.decoder(DecoderOptions()).feed(packet(7, 612) + packet(8, 0x1FF))
    assert values(got) == pytest.approx([100 * LSB_MV, -LSB_MV], rel=1e-5)
    assert pytest.approx(1.714e-3, rel=1e-3) == LSB_MV


def test_packet_when_six_leads_are_named_then_six_columns_and_the_rails_are_told() -> None:
    leads = ("I", "II", "III", "V1", "V2", "V3")
    (block,) = olimex.DEVICE.decoder(DecoderOptions(leads=leads)).feed(packet(1) + packet(2))
    assert isinstance(block, SampleBlock)
    assert (block.leads, block.clipped) == (leads, 0b001100)
    assert np.rint(block.mv[0] / LSB_MV).tolist() == [0, 1, -512, 511, 0, 0]


def test_encoder_when_it_speaks_then_the_golden_packet() -> None:
    sender = olimex.DEVICE.encoder(EncoderOptions(first_seq=255))
    made = sender.encode(np.array([[100 * LSB_MV], [0.0]], np.float32))
    middle = "0200 0200 0200 0200 0200 01"
    assert made == bytes.fromhex(f"a5 5a 02 ff 0264 {middle}  a5 5a 02 00 0200 {middle}")


def test_switches_when_they_say_restarted_then_one_reboot() -> None:
    receiver = olimex.DEVICE.decoder(DecoderOptions())
    stream = b"".join(packet(k) for k in range(100, 110))
    stream += b"".join(packet(k, switches=2) for k in range(5)) + b"".join(packet(k) for k in range(5, 9))
    got = receiver.feed(stream)
    assert [item for item in got if isinstance(item, Gap)] == [Gap(10, 0, "reboot")]
    assert receiver.stats.n_reboot == 1
    assert len(values(got)) == 19


def test_rates_when_listed_then_the_pairs_of_rate_and_baud() -> None:
    assert [(d.fs, d.baud) for d in (olimex.DEVICE, olimex.SLOW)] == [(256.0, 57600), (125.0, 115200)]
