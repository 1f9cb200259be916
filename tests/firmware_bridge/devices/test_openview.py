from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.device import Decoder, DecoderOptions, Device, EncoderOptions
from firmware_bridge.devices import openview
from firmware_bridge.types import F32, Gap, SampleBlock

BOARDS = [
    openview.DEVICE,
    openview.MAX30003_DEVICE,
    openview.HEALTHYPI4_DEVICE,
    openview.HEALTHYPI5_DEVICE,
    openview.HEALTHYPI5_BATCH_DEVICE,
    openview.ADS1293_DEVICE,
]
LSB_UV = 6.154


def signal(n: int, seed: int = 0) -> F32:
    return np.random.default_rng(seed).normal(0, 0.6, (n, 1)).astype(np.float32)


def sent(device: Device, mv: F32) -> bytes:
    return device.encoder(EncoderOptions(device.fs)).encode(mv)


def ads_frame(code: int, payload: str = "0000 0000 0000 00", footer: str = "00 0b") -> bytes:
    head = bytes.fromhex("0afa 0900 02") + code.to_bytes(2, "little", signed=True)
    return head + bytes.fromhex(payload) + bytes.fromhex(footer)


def samples(items: list[SampleBlock | Gap]) -> list[tuple[int, int, float]]:
    return [
        (item.start + k, item.lead_off, float(value))
        for item in items
        if isinstance(item, SampleBlock)
        for k, value in enumerate(item.mv[:, 0])
    ]


def run(decoder: Decoder, stream: bytes, step: int) -> list[SampleBlock | Gap]:
    return [item for at in range(0, len(stream), step) for item in decoder.feed(stream[at : at + step])]


@pytest.mark.parametrize("device", BOARDS, ids=lambda device: device.name)
def test_round_trip_is_within_half_a_unit(device: Device) -> None:
    mv = signal(400)
    sender = device.encoder(EncoderOptions())
    receiver = device.decoder(DecoderOptions("bed1"))
    (block,) = receiver.feed(sender.preamble() + sender.encode(mv))
    assert isinstance(block, SampleBlock)
    assert (block.device_id, block.start, block.fs, block.leads) == ("bed1", 0, device.fs, device.leads)
    assert np.abs(block.mv[:, :1] - mv).max() <= LSB_UV / 2000 + 1e-6
    assert (receiver.stats.n_samples, receiver.stats.n_resync, receiver.stats.n_lost) == (400, 0, 0)


@pytest.mark.parametrize(
    ("device", "n"),
    list(zip(BOARDS, (16, 19, 27, 29, 57, 19), strict=True)),
    ids=lambda x: str(getattr(x, "name", x)),
)
def test_frame_is_as_long_as_the_firmware_makes_it(device: Device, n: int) -> None:
    frame = sent(device, signal(8 if n == 57 else 1))
    assert len(frame) == n
    assert frame.startswith(b"\x0a\xfa")
    assert frame.endswith(b"\x00\x0b")


def test_ads1292r_frame_as_documented_is_decoded_to_its_millivolts() -> None:
    got = openview.DEVICE.decoder(DecoderOptions()).feed(ads_frame(-100) + ads_frame(162))
    assert [value for _, _, value in samples(got)] == pytest.approx([-0.6154, 0.99695], rel=1e-4)


@pytest.mark.parametrize(
    ("word", "code"), [(0x00010003, 7), (0xFFFF0003, -1), (0x7FFF0003, 131071), (0x80000000, -131072), (0, 0)]
)
def test_max30003_word_is_put_together_from_its_two_parts(word: int, code: int) -> None:
    frame = bytes.fromhex("0afa 0c00 02") + word.to_bytes(4, "little") + bytes(8) + b"\x00\x0b"
    got = openview.MAX30003_DEVICE.decoder(DecoderOptions()).feed(frame * 2)
    assert samples(got)[0][2] == pytest.approx(code * 1000 / (2**17 * 20))


def test_boards_that_send_12_bytes_are_told_apart_by_them() -> None:
    max30003 = bytes.fromhex("0afa 0c00 02  0100ff7f 20030000 48000000  00 0b") * 3
    ads1293 = bytes.fromhex("0afa 0c00 02  04000000 feffffff 00010000  00 0b") * 3
    for device, theirs, other in (
        (openview.MAX30003_DEVICE, max30003, ads1293),
        (openview.ADS1293_DEVICE, ads1293, max30003),
    ):
        assert len(samples(device.decoder(DecoderOptions()).feed(theirs))) == 3
        assert samples(device.decoder(DecoderOptions()).feed(other)) == []


def test_healthypi5_frames_of_all_kinds_are_told_apart() -> None:
    single = "0afa 1600 02   0a000000 0000 0000 00 00000000 00000000 0000 00 00 00   00 0b"
    batch = "0afa 3200 03 " + "".join(f"{k:02x}000000" for k in range(11, 19)) + "00" * 18 + "00 0b"
    ppg = "0afa 1300 04 " + "55" * 19 + "00 0b"
    receiver = openview.HEALTHYPI5_DEVICE.decoder(DecoderOptions(scale=1 / openview.MAX30001_LSB_MV))
    got = receiver.feed(bytes.fromhex(single + ppg + batch + single + ppg))
    assert [round(value) for _, _, value in samples(got)] == [10, *range(11, 19), 10]
    assert (receiver.stats.n_frames, receiver.stats.n_unknown) == (5, 0)


@pytest.mark.parametrize("extra", ["", "4800"])
def test_ads1293_frames_with_and_without_heart_rate_give_three_leads(extra: str) -> None:
    head = f"0afa {12 + len(extra) // 2:02x}00 02"
    frame = bytes.fromhex(head + "01000000 feffffff ffff7f00" + extra + "00 0b")
    (block,) = openview.ADS1293_DEVICE.decoder(DecoderOptions(scale=1 / openview.ADS1293_LSB_MV)).feed(
        frame * 2
    )
    assert isinstance(block, SampleBlock)
    assert block.leads == ("I", "II", "V1")
    assert block.mv[0].tolist() == pytest.approx([1, -2, 0x7FFFFF])


@pytest.mark.parametrize("footer", ["00 0b", "0b"])
@pytest.mark.parametrize("length", [8, 9])
def test_both_footers_and_both_lengths_are_taken(footer: str, length: int) -> None:
    frame = bytes.fromhex("0afa") + bytes([length, 0, 2, 100]) + bytes(length - 1) + bytes.fromhex(footer)
    assert len(samples(openview.DEVICE.decoder(DecoderOptions()).feed(frame * 3))) == 3


@pytest.mark.parametrize("device", BOARDS, ids=lambda device: device.name)
def test_byte_by_byte_gives_the_same_bits(device: Device) -> None:
    stream = sent(device, signal(40))
    whole = device.decoder(DecoderOptions()).feed(stream)
    assert samples(run(device.decoder(DecoderOptions()), stream, 1)) == samples(whole)


def test_trailing_bytes_wait_for_their_frame() -> None:
    receiver = openview.DEVICE.decoder(DecoderOptions())
    stream = sent(openview.DEVICE, signal(4))
    assert len(samples(receiver.feed(stream[:55]))) == 3
    assert len(samples(receiver.feed(stream[55:]))) == 1


def test_sync_bytes_inside_a_payload_do_not_confuse() -> None:
    code = int.from_bytes(b"\x0a\xfa", "little", signed=True)
    stream = ads_frame(code, "0afa 0900 020b 0b") * 50
    got = openview.DEVICE.decoder(DecoderOptions()).feed(stream)
    assert len(samples(got)) == 50
    assert {round(value / LSB_UV * 1000) for _, _, value in samples(got)} == {code}


def test_frame_inside_a_false_sync_is_found() -> None:
    stream = bytes.fromhex("0afa 0900 02 0000") + ads_frame(5) * 3
    assert len(samples(openview.DEVICE.decoder(DecoderOptions()).feed(stream))) == 3


@pytest.mark.parametrize(("cut", "n_lost"), [(slice(0, 3), 1), (slice(3, 7), 1), (slice(0, 16), 0)])
def test_damage_in_lock_is_a_gap_of_the_frames_it_cost(cut: slice, n_lost: int) -> None:
    frames = [ads_frame(k) for k in range(1, 21)]
    broken = bytearray(frames[7])
    del broken[cut]
    receiver = openview.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(b"".join(frames[:7]) + bytes(broken) + b"".join(frames[8:]))
    assert [item for item in got if isinstance(item, Gap)] == [Gap(7, 1, "lost")] * n_lost
    assert receiver.stats.n_lost == n_lost
    assert receiver.stats.n_resync == n_lost
    assert len(samples(got)) == 19


@pytest.mark.parametrize("bit", [*range(40), *range(112, 128)])
def test_flipped_bit_of_the_frame_itself_costs_one_sample(bit: int) -> None:
    frames = [ads_frame(k) for k in range(1, 21)]
    broken = bytearray(frames[7])
    broken[bit // 8] ^= 1 << bit % 8
    got = openview.DEVICE.decoder(DecoderOptions()).feed(b"".join([*frames[:7], bytes(broken), *frames[8:]]))
    right = [(k, 0, pytest.approx((k + 1) * LSB_UV / 1000, rel=1e-3)) for k in range(20) if k != 7]
    assert [sample for sample in samples(got) if sample[0] != 7] == right


def test_rubbish_of_100_kb_stays_small_and_real_frames_are_found_again() -> None:
    rubbish = random.Random(4).randbytes(100_000)
    receiver = openview.DEVICE.decoder(DecoderOptions())
    for at in range(0, len(rubbish), 113):
        assert samples(receiver.feed(rubbish[at : at + 113])) == []
        assert receiver.n_buffered <= 256  # type: ignore[attr-defined]
    assert len(samples(receiver.feed(ads_frame(9) * 5))) >= 4


def test_half_a_second_of_zeros_is_an_electrode_off() -> None:
    stream = ads_frame(50) * 10 + ads_frame(0) * 100 + ads_frame(50) * 3
    got = samples(openview.DEVICE.decoder(DecoderOptions()).feed(stream))
    off = [start for start, lead_off, _ in got if lead_off]
    assert off == list(range(10 + 61, 110))


def test_zeros_before_and_after_a_closed_link_are_not_added_up() -> None:
    receiver = openview.DEVICE.decoder(DecoderOptions())
    receiver.feed(ads_frame(0) * 40)
    receiver.reset()
    assert {lead_off for _, lead_off, _ in samples(receiver.feed(ads_frame(0) * 40))} == {0}


def test_lead_off_bits_of_healthypi4_are_read_at_once() -> None:
    sender = openview.HEALTHYPI4_DEVICE.encoder(EncoderOptions())
    stream = sender.encode(signal(3)) + sender.encode(signal(2), lead_off=1) + sender.encode(signal(2))
    got = openview.HEALTHYPI4_DEVICE.decoder(DecoderOptions()).feed(stream)
    assert [lead_off for _, lead_off, _ in samples(got)] == [0, 0, 0, 1, 1, 0, 0]


def test_after_reset_the_time_without_signal_is_a_gap() -> None:
    receiver = openview.DEVICE.decoder(DecoderOptions())
    receiver.feed(ads_frame(1) * 10 + ads_frame(1)[:9], 5.0)
    receiver.reset()
    got = receiver.feed(ads_frame(2) * 2, 7.0)
    assert got[0] == Gap(10, 248, "no_signal")
    assert [start for start, _, _ in samples(got)] == [258, 259]


def test_options_override_rate_scale_and_polarity() -> None:
    receiver = openview.DEVICE.decoder(DecoderOptions(fs=128.0, scale=0.5, invert=True, leads=("II",)))
    (block,) = receiver.feed(ads_frame(100) * 2)
    assert isinstance(block, SampleBlock)
    assert (block.fs, block.leads) == (128.0, ("II",))
    assert block.mv[0, 0] == pytest.approx(-0.3077, rel=1e-4)


def test_values_beyond_the_range_are_clipped_and_nan_is_zero() -> None:
    mv = np.array([[1e9], [-1e9], [np.nan]], np.float32)
    got = openview.DEVICE.decoder(DecoderOptions()).feed(sent(openview.DEVICE, mv))
    limit = 32767 * LSB_UV / 1000
    assert [value for _, _, value in samples(got)] == pytest.approx([limit, -limit, 0.0], rel=1e-3)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30), st.integers(-30000, 30000).map(ads_frame), st.just(ads_frame(0) * 70)
        ),
        max_size=20,
    ),
    st.integers(1, 50),
)
def test_any_split_gives_the_same_samples_gaps_and_counts(pieces: list[bytes], step: int) -> None:
    stream = ads_frame(7) * 4 + b"".join(pieces)
    whole, cut = (openview.DEVICE.decoder(DecoderOptions()) for _ in range(2))
    expected, got = whole.feed(stream), run(cut, stream, step)
    assert samples(got) == samples(expected)
    assert [x for x in got if isinstance(x, Gap)] == [x for x in expected if isinstance(x, Gap)]
    assert cut.stats == whole.stats
