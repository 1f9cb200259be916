"""The bytes of Medlab's modules, made by hand from their manual."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.device import Asker, DecoderOptions, EncoderOptions
from firmware_bridge.devices import medlab
from firmware_bridge.types import BadInput, Gap, SampleBlock


def read(text: str) -> list[tuple[int, int, int]]:
    got = medlab.DEVICE.decoder(DecoderOptions(scale=50.0)).feed(bytes.fromhex(text))
    return [
        (round(float(v)), b.lead_off, b.clipped)
        for b in got
        if isinstance(b, SampleBlock)
        for v in b.mv[:, 0]
    ]


def test_bytes_when_read_then_128_is_zero_and_the_ends_are_rails() -> None:
    assert read("80 81 7f 00 f6") == [(0, 0, 0), (1, 0, 0), (-1, 0, 0), (-128, 0, 1), (118, 0, 1)]


def test_markers_when_between_samples_then_their_values_are_none() -> None:
    assert [v for v, _, _ in read("f8 80 81  f9 10 f8 82  fa 48 83  fb 00 f8 84")] == [0, 1, 2, 3, 4]


def test_electrode_when_said_to_be_off_then_until_a_pulse_or_another_word() -> None:
    assert [off for _, off, _ in read("80 fb11 f8 80 80 fa 48 f8 80 fb11 80 fb00 80")] == [0, 1, 1, 0, 1, 0]


def test_marker_when_unknown_then_counted() -> None:
    receiver = medlab.DEVICE.decoder(DecoderOptions())
    receiver.feed(bytes.fromhex("80 fe 80 80"))
    assert (receiver.stats.n_unknown, receiver.stats.n_samples) == (1, 2)


def test_encoder_when_it_speaks_then_bytes_and_a_word_at_each_change() -> None:
    sender = medlab.DEVICE.encoder(EncoderOptions())
    mv = np.array([[0.0], [1.0]], np.float32)
    assert sender.preamble() + sender.encode(mv) == bytes.fromhex("f8 80 b2")
    assert sender.encode(mv, 1) == bytes.fromhex("fb 11 f8 80 b2")
    assert sender.encode(mv, 1) + sender.encode(mv) == bytes.fromhex("80 b2 fb 00 f8 80 b2")


def test_module_when_it_is_silent_then_told_mode_rate_and_lead() -> None:
    receiver = medlab.DEVICE.decoder(DecoderOptions(fs=100.0))
    assert isinstance(receiver, Asker)
    assert [x for k in range(5) if (x := receiver.ask(0.25 * k))] == [b"N", b"S1", b"G1"]


def test_rate_when_the_module_has_it_not_then_said() -> None:
    with pytest.raises(BadInput, match="got fs 250, expected 50, 100 or 300 Hz"):
        medlab.DEVICE.encoder(EncoderOptions(250.0))


def test_link_when_opened_again_then_a_gap_by_the_clock() -> None:
    receiver = medlab.DEVICE.decoder(DecoderOptions())
    receiver.feed(bytes([128] * 30), 10.0)
    receiver.reset()
    got = receiver.feed(bytes([128] * 30), 12.1)
    assert got[0] == Gap(30, 600, "no_signal")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 17, 128, 245, 246, 247, *range(0xF8, 0x100)]), min_size=200, max_size=400)
)
def test_bytes_when_many_come_at_once_then_as_one_by_one(codes: list[int]) -> None:
    at_once, single = (medlab.DEVICE.decoder(DecoderOptions()) for _ in range(2))
    data = bytes(codes)
    many = at_once.feed(data) + at_once.feed(data)
    few = [item for k in range(2 * len(data)) for item in single.feed((data * 2)[k : k + 1])]
    told = [
        [(b.start + k, float(x), b.lead_off, b.clipped) for b in items if isinstance(b, SampleBlock)
         for k, x in enumerate(b.mv[:, 0])]
        for items in (many, few)
    ]  # fmt: skip
    assert told[0] == told[1]
    assert at_once.stats == single.stats
