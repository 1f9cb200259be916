from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import wire
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices.native import NativeDecoder, NativeEncoder
from firmware_bridge.framing import cobs_decode, cobs_encode, crc16
from firmware_bridge.types import F32, BadInput, Gap, SampleBlock


def encoder(
    fs: float = 250.0, leads: tuple[str, ...] = ("II",), seq: int = 0, t_us: int = 0
) -> NativeEncoder:
    return NativeEncoder(EncoderOptions(fs, leads), first_seq=seq, first_t_us=t_us)


def decoder(**options: object) -> NativeDecoder:
    return NativeDecoder(DecoderOptions(**options))  # type: ignore[arg-type]


def ramp(n: int, n_leads: int = 1, first: int = 0) -> F32:
    """Samples that say their own index in uV, so that a wrong place shows."""
    values = np.arange(first, first + n, dtype=np.float32)[:, None] * 1e-3
    return np.repeat(values, n_leads, axis=1).astype(np.float32)


def frames(sender: NativeEncoder, n: int, size: int = 1) -> list[bytes]:
    return [sender.encode(ramp(size, first=k * size)) for k in range(n)]


def flat(items: list[SampleBlock | Gap]) -> list[object]:
    """What was decoded, sample by sample: the same however blocks were cut."""
    out: list[object] = []
    for item in items:
        if isinstance(item, Gap):
            out.append(item)
            continue
        rows = np.where(np.isnan(item.mv), np.float32(-999), item.mv).tolist()
        out += [(item.start + k, item.fs, item.leads, item.lead_off, row) for k, row in enumerate(rows)]
    return out


def starts_and_values(items: list[SampleBlock | Gap]) -> list[tuple[int, int]]:
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    return [
        (block.start + k, round(float(v) * 1000)) for block in blocks for k, v in enumerate(block.mv[:, 0])
    ]


@pytest.mark.parametrize("n_leads", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [1, 9, 117, 500])
def test_round_trip_gives_samples_within_half_a_microvolt(n: int, n_leads: int) -> None:
    leads = wire.LEADS[1 : 1 + n_leads]
    mv = np.random.default_rng(n).normal(0, 0.7, (n, n_leads)).astype(np.float32)
    sender = encoder(360.0, leads)
    got = decoder(device_id="bed1").feed(sender.preamble() + sender.encode(mv))
    assert len(got) == 1
    block = got[0]
    assert isinstance(block, SampleBlock)
    assert (block.device_id, block.start, block.fs, block.leads, block.lead_off) == (
        "bed1",
        0,
        360.0,
        leads,
        0,
    )
    assert block.mv.dtype == np.float32
    assert block.mv.shape == (n, n_leads)
    assert np.abs(block.mv - mv).max() <= 0.0005001


def test_many_frames_in_one_feed_are_one_block() -> None:
    receiver = decoder()
    got = receiver.feed(b"".join(frames(encoder(), 1000)))
    assert len(got) == 1
    assert starts_and_values(got) == [(k, k) for k in range(1000)]
    assert (receiver.stats.n_frames, receiver.stats.n_samples, receiver.stats.n_bytes) == (1000, 1000, 24_000)


def test_byte_by_byte_gives_the_same_bits() -> None:
    sender = encoder(leads=("I", "II"))
    mv = np.random.default_rng(0).normal(0, 1, (60, 2)).astype(np.float32)
    stream = b"".join(sender.encode(mv[k : k + 4]) for k in range(0, 60, 4))
    receiver = decoder()
    single = [item for k in range(len(stream)) for item in receiver.feed(stream[k : k + 1])]
    assert flat(single) == flat(decoder().feed(stream))


def test_trailing_bytes_wait_for_their_frame() -> None:
    first, second = frames(encoder(), 2)
    receiver = decoder()
    assert starts_and_values(receiver.feed(first + second[:9])) == [(0, 0)]
    assert starts_and_values(receiver.feed(second[9:])) == [(1, 1)]


@pytest.mark.parametrize("bit", range(23 * 8))
def test_one_flipped_bit_costs_that_frame_and_is_counted(bit: int) -> None:
    sent = frames(encoder(), 5)
    broken = bytearray(sent[2])
    broken[bit // 8] ^= 1 << bit % 8
    receiver = decoder()
    got = receiver.feed(sent[0] + sent[1] + bytes(broken) + sent[3] + sent[4])
    assert starts_and_values(got) == [(0, 0), (1, 1), (3, 3), (4, 4)]
    assert [item for item in got if isinstance(item, Gap)] == [Gap(2, 1, "lost")]
    assert receiver.stats.n_crc >= 1
    assert receiver.stats.n_lost == 1


def test_flipped_delimiter_costs_the_two_frames_it_joined() -> None:
    sent = frames(encoder(), 5)
    got = decoder().feed(sent[0] + sent[1] + sent[2][:-1] + b"\x01" + sent[3] + sent[4])
    assert starts_and_values(got) == [(0, 0), (1, 1), (4, 4)]


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_bit_errors_never_let_a_wrong_sample_through_and_losses_are_exact(rate: float) -> None:
    rng = np.random.default_rng(11)
    n = 3000
    bits = np.unpackbits(np.frombuffer(b"".join(frames(encoder(), n)), np.uint8))
    noisy = np.packbits(bits ^ (rng.random(bits.size) < rate)).tobytes()
    receiver = decoder()
    got = receiver.feed(noisy)
    pairs = starts_and_values(got)
    shift = pairs[0][1]
    assert all(start == value - shift for start, value in pairs)
    assert len(pairs) + receiver.stats.n_lost == pairs[-1][1] + 1 - shift
    assert receiver.stats.n_reboot == 0


def test_a_fifth_of_the_frames_lost_is_counted_exactly() -> None:
    rng = random.Random(5)
    sent = frames(encoder(), 2000, size=3)
    kept = [frame for k, frame in enumerate(sent) if k in (0, 1999) or rng.random() > 0.2]
    receiver = decoder()
    got = receiver.feed(b"".join(kept))
    assert receiver.stats.n_lost == 3 * (2000 - len(kept))
    assert all(start == value for start, value in starts_and_values(got))


def test_rubbish_of_100_kb_gives_nothing_stays_small_and_the_next_frame_is_taken() -> None:
    rubbish = random.Random(9).randbytes(100_000)
    receiver = decoder()
    for at in range(0, len(rubbish), 333):
        assert receiver.feed(rubbish[at : at + 333]) == []
        assert receiver._framer.n_buffered <= 255
    sender = encoder()
    assert starts_and_values(receiver.feed(sender.preamble() + sender.encode(ramp(1)))) == [(0, 0)]
    stats = receiver.stats
    assert stats.n_crc + stats.n_resync + stats.n_unknown + stats.n_rejected > 300


def test_empty_frame_is_damage_and_nothing_worse() -> None:
    receiver = decoder()
    assert receiver.feed(bytes.fromhex("00 01 00 01 00")) == []
    assert receiver.stats.n_crc + receiver.stats.n_resync == 2


def test_rubbish_without_any_delimiter_is_dropped_and_counted_once() -> None:
    receiver = decoder()
    for _ in range(100):
        assert receiver.feed(b"\xff" * 1000) == []
    assert receiver._framer.n_buffered <= 255
    assert receiver.stats.n_resync == 1
    first, second = frames(encoder(), 2)
    assert starts_and_values(receiver.feed(b"\0" + first + second)) == [(0, 0), (1, 1)]


def test_opening_in_the_middle_of_a_frame_is_a_resync_not_damage() -> None:
    sent = frames(encoder(), 3)
    receiver = decoder()
    assert starts_and_values(receiver.feed(sent[0][7:] + sent[1] + sent[2])) == [(0, 1), (1, 2)]
    assert (receiver.stats.n_resync, receiver.stats.n_crc) == (1, 0)


def test_counter_and_clock_wrap_without_a_gap() -> None:
    sender = encoder(seq=65_530, t_us=2**32 - 20_000)
    got = decoder().feed(b"".join(frames(sender, 20)))
    assert starts_and_values(got) == [(k, k) for k in range(20)]
    assert len(got) == 1


@pytest.mark.parametrize("n_lost", [1, 1_023, 40_000, 65_535, 65_536, 65_537, 300_000])
def test_a_long_loss_is_exact_beyond_the_turn_of_the_counter(n_lost: int) -> None:
    before = encoder().encode(ramp(10))
    after = encoder(seq=10 + n_lost, t_us=(10 + n_lost) * 4000).encode(ramp(10, first=10))
    receiver = decoder()
    got = receiver.feed(before + after)
    assert got[1] == Gap(10, n_lost, "lost")
    assert isinstance(got[2], SampleBlock)
    assert got[2].start == 10 + n_lost
    assert receiver.stats.n_lost == n_lost


@pytest.mark.parametrize("uptime_s", [8, 30, 170, 2000, 4000])
@pytest.mark.parametrize("first_seen_s", [0, 2])
def test_a_reboot_is_a_reboot_and_not_a_loss(uptime_s: int, first_seen_s: int) -> None:
    old = encoder(seq=250 * uptime_s, t_us=1_000_000 * uptime_s)
    new = encoder()
    new.encode(ramp(250 * first_seen_s))
    receiver = decoder()
    old_bytes = b"".join(frames(old, 300))
    got = receiver.feed(old_bytes + b"".join(frames(new, 300)))
    assert got[1] == Gap(300, 0, "reboot")
    assert isinstance(got[2], SampleBlock)
    assert (got[2].start, len(got[2].mv)) == (300, 300)
    assert (receiver.stats.n_reboot, receiver.stats.n_lost) == (1, 0)


def test_a_reboot_that_counter_and_clock_could_take_for_a_loss_is_told_by_its_flag() -> None:
    uptime_us, n_before = 3_600_000_000, 300
    missing = (2**32 - uptime_us) // 4000 - n_before
    old = encoder(seq=-(n_before + missing) % 65_536, t_us=uptime_us)
    receiver = decoder()
    got = receiver.feed(b"".join(frames(old, n_before)) + b"".join(frames(encoder(), 10)))
    assert got[1] == Gap(n_before, 0, "reboot")


def test_duplicates_and_late_frames_are_dropped_and_counted() -> None:
    sent = frames(encoder(), 6)
    receiver = decoder()
    got = receiver.feed(sent[0] + sent[1] + sent[1] + sent[3] + sent[2] + sent[4] + sent[5])
    assert starts_and_values(got) == [(0, 0), (1, 1), (3, 3), (4, 4), (5, 5)]
    assert [item for item in got if isinstance(item, Gap)] == [Gap(2, 1, "lost")]
    assert (receiver.stats.n_duplicate, receiver.stats.n_lost) == (2, 1)


def test_a_device_that_did_not_sample_for_a_while_leaves_a_gap_by_its_clock() -> None:
    before = encoder().encode(ramp(10))
    after = encoder(seq=10, t_us=10 * 4000 + 2_000_000).encode(ramp(10, first=10))
    assert decoder().feed(before + after)[1] == Gap(10, 500, "lost")


def test_stamps_that_jitter_lose_nothing() -> None:
    rng = random.Random(6)
    stream = b"".join(
        encoder(seq=k, t_us=10_000_000 + 4000 * k + rng.randrange(-40_000, 40_000)).encode(ramp(1, first=k))
        for k in range(500)
    )
    assert starts_and_values(decoder().feed(stream)) == [(k, k) for k in range(500)]


def test_after_reset_the_count_goes_on_and_the_gap_is_for_want_of_signal() -> None:
    sent = frames(encoder(), 30)
    receiver = decoder()
    receiver.feed(b"".join(sent[:10]) + sent[10][:5])
    receiver.reset()
    got = receiver.feed(b"".join(sent[20:25]) + b"".join(sent[27:]))
    assert [item for item in got if isinstance(item, Gap)] == [Gap(10, 10, "no_signal"), Gap(25, 2, "lost")]
    assert starts_and_values(got)[0] == (20, 20)


def test_after_reset_without_a_loss_there_is_no_gap_and_a_later_one_is_lost() -> None:
    sent = frames(encoder(), 30)
    receiver = decoder()
    receiver.feed(b"".join(sent[:10]))
    receiver.reset()
    assert starts_and_values(receiver.feed(b"".join(sent[10:20]))) == [(k, k) for k in range(10, 20)]
    assert receiver.feed(sent[22])[0] == Gap(20, 2, "lost")


def test_a_new_block_begins_where_lead_off_changes() -> None:
    sender = encoder()
    stream = (
        sender.encode(ramp(4)) + sender.encode(ramp(3, first=4), lead_off=1) + sender.encode(ramp(2, first=7))
    )
    got = decoder().feed(stream)
    assert [(b.start, b.lead_off, len(b.mv)) for b in got if isinstance(b, SampleBlock)] == [
        (0, 0, 4),
        (4, 1, 3),
        (7, 0, 2),
    ]


def test_frames_of_other_sizes_join_the_same_block() -> None:
    sender = encoder()
    stream = b"".join(sender.encode(ramp(n, first=n)) for n in (1, 7, 7, 117, 30))
    got = decoder().feed(stream)
    assert len(got) == 1
    assert starts_and_values(got)[-1] == (161, 59)


@pytest.mark.parametrize("n", [1, 100])
def test_no_value_comes_back_as_nan(n: int) -> None:
    mv = ramp(n)
    mv[n // 2] = np.nan
    (block,) = decoder().feed(encoder().encode(mv))
    assert isinstance(block, SampleBlock)
    assert np.flatnonzero(np.isnan(block.mv[:, 0])).tolist() == [n // 2]


def test_what_meets_the_rail_is_clipped_and_flagged() -> None:
    stream = encoder().encode(np.array([[1e30], [-np.inf], [50.0]], np.float32))
    content = cobs_decode(stream[:-1])
    assert content is not None
    assert content[1] & wire.FLAG_CLIPPED
    (block,) = decoder().feed(stream)
    assert isinstance(block, SampleBlock)
    assert block.mv[:, 0].tolist() == pytest.approx([32.767, -32.767, 32.767])
    assert block.clipped == 1
    within = b"".join(frames(encoder(), 2)) + encoder(seq=2, t_us=8000).encode(np.array([[50.0]], np.float32))
    got = [item.clipped for item in decoder().feed(within) if isinstance(item, SampleBlock)]
    assert got == [0, 1]


def test_a_pacing_pulse_is_given_with_the_first_sample_of_its_frame_wherever_the_bytes_are_cut() -> None:
    stream = b""
    layout = wire.Layout(250_000, 1000, (wire.code_of("II"), wire.code_of("V1")), 3)
    for k in range(6):
        flags = {2: wire.FLAG_PACE, 3: wire.FLAG_PACE | wire.FLAG_CLIPPED, 4: wire.FLAG_CLIPPED}.get(k, 0)
        adu = np.full((3, 2), k, np.int16)
        stream += wire.Frame(layout, 3 * k, 12_000 * k, adu, flags).to_bytes()
    for size in (len(stream), 1, 7, 40):
        receiver = decoder()
        items = [x for at in range(0, len(stream), size) for x in receiver.feed(stream[at : at + size])]
        blocks = [item for item in items if isinstance(item, SampleBlock)]
        assert [at for block in blocks for at in block.pace] == [6, 9]
        assert [block.clipped for block in blocks for _ in block.mv] == [0] * 9 + [3] * 6 + [0] * 3


def test_a_change_of_rate_in_the_stream_is_a_new_beginning() -> None:
    receiver = decoder()
    got = receiver.feed(encoder(250.0).encode(ramp(5)) + encoder(500.0).encode(ramp(5)))
    assert got[1] == Gap(5, 0, "reboot")
    assert [item.fs for item in got if isinstance(item, SampleBlock)] == [250.0, 500.0]


def test_options_override_rate_scale_polarity_and_names() -> None:
    stream = encoder().encode(np.full((3, 1), 0.5, np.float32))
    (block,) = decoder(fs=251.5, scale=2.0, invert=True, leads=("V5",)).feed(stream)
    assert isinstance(block, SampleBlock)
    assert (block.fs, block.leads) == (251.5, ("V5",))
    assert block.mv[:, 0].tolist() == pytest.approx([-1.0] * 3)


def test_absurd_and_unknown_frames_are_counted_and_change_nothing() -> None:
    sent = frames(encoder(), 3)

    def forged(offset: int, value: int) -> bytes:
        content = cobs_decode(sent[1][:-1])
        assert content is not None
        content[offset] = value
        body = bytes(content[:-2])
        return cobs_encode(body + crc16(body).to_bytes(2, "big")) + b"\0"

    receiver = decoder()
    stream = sent[0] + forged(15, 200) + forged(14, 0) + forged(0, 0x13) + sent[1] + sent[2]
    assert starts_and_values(receiver.feed(stream)) == [(0, 0), (1, 1), (2, 2)]
    assert (receiver.stats.n_rejected, receiver.stats.n_unknown, receiver.stats.n_crc) == (2, 1, 0)


def stream_with_everything() -> bytes:
    """Good frames, a loss, a duplicate, rubbish, lead off, a reboot, and frames of other sizes."""
    sender = encoder(seq=5000, t_us=20_000_000)
    parts = frames(sender, 8)
    off = sender.encode(ramp(3, first=8), lead_off=1)
    more = sender.encode(ramp(20, first=11)) + sender.encode(np.full((2, 1), np.nan, np.float32))
    junk = random.Random(1).randbytes(400)
    parts[5:5] = [parts[4], junk, b"\0"]
    del parts[2]
    return b"".join(parts) + off + more + b"".join(frames(encoder(), 10, size=2))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 1200), max_size=12))
def test_any_split_gives_the_same_samples_gaps_and_counts(cuts: list[int]) -> None:
    stream = stream_with_everything()
    whole = decoder()
    expected = flat(whole.feed(stream))
    assert len(expected) > 50
    receiver = decoder()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert flat([item for piece in pieces for item in receiver.feed(piece)]) == expected
    assert receiver.stats == whole.stats


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(frames(encoder(), 40))), max_size=20))
def test_anything_is_survived_and_starts_never_go_back(pieces: list[bytes]) -> None:
    receiver = decoder()
    at = 0
    for piece in pieces:
        for item in receiver.feed(piece):
            assert item.start == at
            at = item.end if isinstance(item, SampleBlock) else item.start + item.n_lost
        assert receiver._framer.n_buffered <= 255


def test_encoder_without_a_rate_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="got no fs, expected the rate in Hz"):
        NativeEncoder(EncoderOptions(None))
