"""Golden frames of the BITalino: the CRC's known answers, and channels placed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import Asker, DecoderOptions, EncoderOptions
from firmware_bridge.devices import bitalino
from firmware_bridge.types import BadInput, SampleBlock


@pytest.mark.parametrize(("frame", "crc"), [("fc 8f 50", 7), ("00 80 20 08 02 80 00 10", 1)])
def test_crc4_of_the_known_frames(frame: str, crc: int) -> None:
    assert bitalino.crc4(bytes.fromhex(frame)) == crc


@pytest.mark.parametrize(("n_channels", "n"), [(1, 3), (2, 4), (3, 6), (4, 7), (5, 8), (6, 8)])
def test_frame_length_of_each_number_of_channels(n_channels: int, n: int) -> None:
    assert bitalino.frame_length(n_channels) == n


def test_frame_of_one_channel_when_read_then_its_ten_bits() -> None:
    """b[-2] & 0f = f and b[-3] >> 2 = 3f: 3ff, the upper rail."""
    made = bitalino.BitalinoFormat()
    made.configure(1000.0, 1)
    packet = made.read(bytes.fromhex("fc 8f 57"))
    assert packet is not None
    assert packet.codes == [[0x3FF]]
    assert made.counter(bytes.fromhex("fc 8f 57")) == 5


def test_frame_of_four_channels_when_read_then_each_in_its_bits() -> None:
    a, b, c, d = 0x2A5, 0x15A, 0x3C3, 0x0F0
    frame = bytes(
        [
            (d & 0x0F) << 4,
            (c & 3) << 6 | d >> 4,
            c >> 2,
            b & 0xFF,
            (a & 0x3F) << 2 | b >> 8,
            a >> 6,
            0x10,
        ]
    )
    made = bitalino.BitalinoFormat()
    made.configure(None, 4)
    packet = made.read(frame)
    assert packet is not None
    assert packet.codes == [[a, b, c, d]]


def test_encoder_when_it_speaks_then_the_golden_frame() -> None:
    sender = bitalino.DEVICE.encoder(EncoderOptions(first_seq=5))
    top = np.array([[9.0]], np.float32)
    assert sender.encode(top)[:2] == bytes.fromhex("fc 0f")
    assert bitalino.BitalinoFormat.scale.lsb_mv == pytest.approx(2.93e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("fs", "leads", "commands"),
    [
        (None, None, ["00", "c3", "09"]),
        (100.0, ("I", "II", "III"), ["00", "83", "1d"]),
    ],
)
def test_board_when_it_is_silent_then_told_rate_and_channels(
    fs: float | None, leads: tuple[str, ...] | None, commands: list[str]
) -> None:
    receiver = bitalino.DEVICE.decoder(DecoderOptions(fs=fs, leads=leads))
    assert isinstance(receiver, Asker)
    asked = [receiver.ask(0.25 * k) for k in range(5)]
    assert [x.hex() for x in asked if x] == commands


def test_rate_when_the_board_has_it_not_then_said() -> None:
    with pytest.raises(BadInput, match="got fs 250, expected 1, 10, 100 or 1000 Hz"):
        bitalino.DEVICE.decoder(DecoderOptions(fs=250.0))


def test_flipped_bit_when_in_a_frame_then_it_costs_that_frame() -> None:
    sender = bitalino.DEVICE.encoder(EncoderOptions())
    mv = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    stream = bytearray(sender.encode(mv))
    stream[3 * 20 + 1] ^= 0x04
    receiver = bitalino.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(bytes(stream))
    assert [(b.start, len(b.mv)) for b in got if isinstance(b, SampleBlock)] == [(0, 20), (21, 19)]
    assert (receiver.stats.n_crc, receiver.stats.n_lost) == (1, 1)


def test_text_when_damage_looks_like_it_then_no_reboot() -> None:
    sent = bitalino.DEVICE.encoder(EncoderOptions()).encode(np.zeros((40, 1), np.float32))
    receiver = bitalino.DEVICE.decoder(DecoderOptions())
    receiver.feed(sent[:60] + b"8r$ Q~\n" + sent[66:])
    assert receiver.stats.n_reboot == 0
    assert (receiver.stats.n_samples, receiver.stats.n_lost) == (38, 2)
