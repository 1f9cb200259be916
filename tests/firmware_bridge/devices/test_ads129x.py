"""Golden frames of the ADS129x, made by hand from their data sheets' layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import ads129x
from firmware_bridge.types import SampleBlock

EIGHT = "c0 0a 10   000064 ffff9c 7fffff 800000 000000 000000 000000 000001"
LEADS = ("I", "II", "III", "V1", "V2", "V3", "V4", "V5")


def test_frame_of_8_when_read_then_values_rails_and_electrodes() -> None:
    """Status c00a10: STATP 0, STATN a1 = electrodes of channels 0, 5 and 7."""
    receiver = ads129x.DEVICE.decoder(DecoderOptions(leads=LEADS))
    (block,) = receiver.feed(bytes.fromhex(EIGHT) * 12)
    assert isinstance(block, SampleBlock)
    assert (len(block.mv), block.lead_off, block.clipped) == (12, 0xA1, 0b1100)
    codes = block.mv[0] / (2400 / 6 / 8388607)
    assert codes.tolist() == pytest.approx([100, -100, 8388607, -8388608, 0, 0, 0, 1], rel=1e-6)


def test_frame_of_8_when_the_positive_comparator_says_off_then_off() -> None:
    (block,) = ads129x.ADS1299.decoder(DecoderOptions(leads=LEADS)).feed(
        bytes.fromhex("c8 10 00" + "000000" * 8) * 12
    )
    assert isinstance(block, SampleBlock)
    assert block.lead_off == 0x81


@pytest.mark.parametrize(
    ("status", "off"), [("c0 00 00", 0), ("c0 80 00", 1), ("c1 00 00", 1), ("c2 00 00", 2), ("c8 00 00", 3)]
)
def test_frame_of_2_when_read_then_its_five_bits_are_two_electrodes(status: str, off: int) -> None:
    frame = bytes.fromhex(status + " 000001 000002")
    (block,) = ads129x.ADS1292R.decoder(DecoderOptions()).feed(frame * 8)
    assert isinstance(block, SampleBlock)
    assert (block.leads, block.lead_off) == (("I", "II"), off)
    assert np.rint(block.mv[0] / (2420 / 6 / 8388607)).tolist() == [1, 2]


def test_encoder_when_it_speaks_then_the_golden_frames() -> None:
    one = np.array([[100 * ads129x.lsb_mv(4500.0, 24)]], np.float32)
    made = ads129x.ADS1299.encoder(EncoderOptions()).encode(one, lead_off=1)
    assert made == bytes.fromhex("c0 10 00  000064" + "000000" * 7)
    two = np.array([[100 * ads129x.lsb_mv(2420.0, 6), 0.0]], np.float32)
    made = ads129x.ADS1292R.encoder(EncoderOptions(leads=("I", "II"))).encode(two, lead_off=2)
    assert made == bytes.fromhex("c2 00 00  000064 000000")


def test_frames_when_opened_in_the_middle_then_found() -> None:
    stream = bytes.fromhex(EIGHT.replace("c0 0a 10", "c0 00 00")) * 40
    got = ads129x.DEVICE.decoder(DecoderOptions()).feed(stream[11:])
    assert sum(len(item.mv) for item in got if isinstance(item, SampleBlock)) == 39
