"""Golden packets of OpenBCI's Cyton, made by hand from their layout."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import Asker, DecoderOptions, EncoderOptions, Hearer
from firmware_bridge.devices import cyton
from firmware_bridge.types import Gap, SampleBlock

AUX = "0000 0000 0000"


def packet(count: int, first: str = "000064", footer: str = "c0") -> bytes:
    return bytes.fromhex(
        f"a0 {count:02x}  {first} ffff9c 7fffff 800000 000000 000000 000000 000001  {AUX} {footer}"
    )


def test_packet_when_read_then_24_bits_big_endian_and_the_rails_are_told() -> None:
    leads = ("I", "II", "III", "V1", "V2", "V3", "V4", "V5")
    (block,) = cyton.DEVICE.decoder(DecoderOptions(leads=leads)).feed(packet(3) + packet(4, footer="c6"))
    assert isinstance(block, SampleBlock)
    assert block.clipped == 0b00001100
    codes = block.mv[0] / (4500 / 8388607 / 24)
    assert codes.tolist() == pytest.approx([100, -100, 8388607, -8388608, 0, 0, 0, 1], rel=1e-6)


def test_scale_when_gain_is_24_then_as_openbci_says() -> None:
    assert pytest.approx(0.02235e-3, rel=1e-3) == cyton.LSB_MV


@pytest.mark.parametrize("footer", ["bf", "c8", "00"])
def test_packet_when_its_footer_is_wrong_then_none(footer: str) -> None:
    assert cyton.DEVICE.decoder(DecoderOptions()).feed(packet(1, footer=footer) * 3) == []


def test_encoder_when_it_speaks_then_the_golden_packet() -> None:
    sender = cyton.DEVICE.encoder(EncoderOptions(first_seq=3))
    made = sender.encode(np.array([[100 * cyton.LSB_MV]], np.float32))
    assert made == bytes.fromhex(f"a0 03  000064 {'000000' * 7}  {AUX} c0")


def silent_then(late: bytes, pause_s: float, pieces: int = 1) -> list[SampleBlock | Gap]:
    """Ten packets, a pause, and `late` in so many pieces that come together."""
    receiver = cyton.DEVICE.decoder(DecoderOptions())
    receiver.feed(b"".join(packet(k) for k in range(10)), 5.0)
    step = -(-len(late) // pieces)
    items = [
        item for k in range(pieces) for item in receiver.feed(late[k * step : (k + 1) * step], 5.0 + pause_s)
    ]
    return items + receiver.feed(b"", 5.1 + pause_s)


def packets(*numbers: int) -> bytes:
    return b"".join(packet(k & 0xFF) for k in numbers)


@pytest.mark.parametrize("n_lost", [70, 255, 256, 257, 1300, 25_600])
def test_loss_when_longer_than_the_counter_then_the_hosts_clock_tells_the_turns(n_lost: int) -> None:
    first = 10 + n_lost
    got = silent_then(packets(*range(first, first + 5)), (n_lost + 5) / 250 + 0.03)
    assert got[0] == Gap(10, n_lost, "lost")
    assert sum(len(item.mv) for item in got if isinstance(item, SampleBlock)) == 5


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_stall_when_all_comes_at_once_after_it_then_nothing_is_lost(pieces: int) -> None:
    got = silent_then(packets(*range(10, 510)), 2.0, pieces)
    assert [item for item in got if isinstance(item, Gap)] == []


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_stall_when_the_buffer_overflowed_in_it_then_what_did_not_fit_is_lost(pieces: int) -> None:
    got = silent_then(packets(*range(640, 760)), 3.0, pieces)
    assert [item for item in got if isinstance(item, Gap)] == [Gap(10, 630, "lost")]


def test_board_when_it_is_silent_then_it_is_told_to_start() -> None:
    receiver, sender = cyton.DEVICE.decoder(DecoderOptions()), cyton.DEVICE.encoder(EncoderOptions())
    assert isinstance(receiver, Asker)
    assert isinstance(sender, Hearer)
    assert [receiver.ask(t) for t in (0.0, 0.25, 0.5)] == [b"", b"b", b""]
    assert sender.hear(b"v").endswith(b"$$$")
