"""What every registered format must do: the same checks, run over all of them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, Device, Encoder, EncoderOptions
from firmware_bridge.types import F32, Gap, SampleBlock

ALL = devices.names()
COUNTED = [name for name in ALL if devices.get(name).has_counter]
TOLERANCE_MV = 0.011
"""Half a unit of the coarsest converter (Medlab) and a little."""
MAX_HELD = 4096


def signal(n: int, seed: int = 0) -> F32:
    """Noise within the range of every converter."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (n, 1)).astype(np.float32)


def rate(device: Device) -> float:
    return device.fs or 250.0


def decoder(device: Device) -> Any:
    return device.decoder(DecoderOptions("bed1", fs=rate(device), leads=("ECG",)))


def encoder(device: Device, leads: tuple[str, ...] = ("ECG",), first_seq: int = 0) -> Encoder:
    """A device with frames of no more than 8 samples."""
    return device.encoder(EncoderOptions(rate(device), leads, first_seq, n_samples=8))


def frames(device: Device, mv: F32, first_seq: int = 0) -> list[bytes]:
    """What is sent for each sample; empty where a frame is not full yet."""
    sender = encoder(device, ("ECG",), first_seq)
    sent = [sender.encode(mv[k : k + 1]) for k in range(len(mv))]
    return [sender.preamble() + sent[0], *sent[1:]]


def held(receiver: Any) -> int:
    """Bytes that a decoder holds."""
    n = getattr(receiver, "n_buffered", None)
    return receiver._framer.n_buffered if n is None else n


def flat(items: list[SampleBlock | Gap]) -> list[object]:
    """What was decoded, sample by sample: the same however blocks were cut."""
    out: list[object] = []
    for item in items:
        if isinstance(item, Gap):
            out.append(item)
            continue
        rows = [repr(row) for row in item.mv.tolist()]
        facts = (item.fs, item.leads, item.lead_off, item.clipped)
        out += [(item.start + k, facts, item.start + k in item.pace, row) for k, row in enumerate(rows)]
    return out


def placed(items: list[SampleBlock | Gap]) -> dict[int, float]:
    """Sample index -> millivolts."""
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    return {b.start + k: float(v) for b in blocks for k, v in enumerate(b.mv[:, 0])}


def contiguous(items: list[SampleBlock | Gap]) -> bool:
    at = 0
    for item in items:
        if item.start != at:
            return False
        at = item.end if isinstance(item, SampleBlock) else item.start + item.n_lost
    return True


@pytest.mark.parametrize("name", ALL)
def test_round_trip_when_decoded_whole_then_every_sample_in_its_place(name: str) -> None:
    device = devices.get(name)
    mv = signal(160)
    receiver = decoder(device)
    got = receiver.feed(b"".join(frames(device, mv)), 0.0)
    assert contiguous(got)
    assert {item.device_id for item in got if isinstance(item, SampleBlock)} == {"bed1"}
    values = placed(got)
    assert sorted(values) == list(range(160))
    assert max(abs(values[k] - mv[k, 0]) for k in values) <= TOLERANCE_MV
    stats = receiver.stats
    assert stats.n_samples == 160
    assert (stats.n_lost, stats.n_crc, stats.n_duplicate, stats.n_reboot, stats.n_rejected) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("name", ALL)
def test_leads_when_named_then_so_many_columns_of_those_names(name: str) -> None:
    device = devices.get(name)
    n_most = 1 if name in ("openview", "max30003", "healthypi4", "medlab") else len(device.leads)
    leads = ("V4", "V5", "V6")[:n_most]
    mv = np.repeat(signal(64), n_most, axis=1) * np.array([1.0, -0.5, 0.25], np.float32)[:n_most]
    sent = encoder(device, leads).encode(mv)
    got = device.decoder(DecoderOptions(fs=rate(device), leads=leads)).feed(
        b"\n" * (name[:4] == "text") + sent, 0.0
    )
    blocks = [item for item in got if isinstance(item, SampleBlock)]
    assert {block.leads for block in blocks} == {leads}
    assert np.abs(np.concatenate([b.mv for b in blocks]) - mv[: sum(len(b.mv) for b in blocks)]).max() < 0.03


@pytest.mark.parametrize("name", ALL)
def test_trailing_bytes_when_a_frame_is_cut_then_it_is_given_with_its_rest(name: str) -> None:
    device = devices.get(name)
    mv = signal(80)
    stream = b"".join(frames(device, mv))
    receiver = decoder(device)
    first = receiver.feed(stream[:-2], 0.0)
    assert len(placed(first)) < 80
    rest = receiver.feed(stream[-2:], 0.0)
    assert sorted(placed(first + rest)) == list(range(80))


@pytest.mark.parametrize("name", ALL)
def test_options_when_given_then_rate_scale_and_polarity_follow(name: str) -> None:
    device = devices.get(name)
    fs = rate(device)
    stream = b"".join(frames(device, signal(40)))
    plain = decoder(device).feed(stream, 0.0)
    turned = device.decoder(DecoderOptions(fs=fs, scale=2.0, invert=True, leads=("ECG",))).feed(stream, 0.0)
    expected = placed(plain)
    assert placed(turned) == pytest.approx({k: -2 * v for k, v in expected.items()}, abs=1e-5)
    assert {item.fs for item in turned if isinstance(item, SampleBlock)} == {fs}


def stream_with_everything(device: Device, seed: int = 1) -> bytes:
    """Good frames, a loss, a duplicate, damage, rubbish, a line of text, an electrode off and on, a reboot."""
    rng = random.Random(seed)
    sent = frames(device, signal(64))
    cut = b"".join(sent[20:28])
    parts = [*sent[:20], cut[: len(cut) // 2], *sent[28:30], *sent[29:40], rng.randbytes(70)]
    parts += [*sent[40:48], b"Initiliziation is done\r\n", *sent[52:]]
    sender = encoder(device)
    again = [sender.encode(signal(16)), sender.encode(signal(16), 1), sender.encode(signal(24))]
    return b"".join(parts) + sender.preamble() + b"".join(again)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 6000), max_size=12))
def test_split_when_anywhere_then_the_same_samples_gaps_and_counts(name: str, cuts: list[int]) -> None:
    device = devices.get(name)
    stream = stream_with_everything(device)
    whole = decoder(device)
    expected = flat(whole.feed(stream))
    assert len(expected) > 40
    receiver = decoder(device)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    got = [item for a, b in zip(edges, edges[1:], strict=False) for item in receiver.feed(stream[a:b])]
    assert flat(got) == expected
    assert receiver.stats == whole.stats


@pytest.mark.parametrize("name", ALL)
def test_split_when_byte_by_byte_then_the_same_bits(name: str) -> None:
    device = devices.get(name)
    stream = stream_with_everything(device, 2)
    whole, single = decoder(device), decoder(device)
    expected = whole.feed(stream)
    got = [item for k in range(len(stream)) for item in single.feed(stream[k : k + 1])]
    assert flat(got) == flat(expected)
    assert contiguous(expected)
    assert single.stats == whole.stats


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_anything_when_fed_then_survived_and_the_buffer_stays_small(name: str, data: st.DataObject) -> None:
    device = devices.get(name)
    good = frames(device, signal(24))
    piece = st.one_of(st.binary(max_size=80), st.sampled_from(good), st.just(b"\r\n"), st.just(None))
    receiver = decoder(device)
    items: list[SampleBlock | Gap] = []
    for part in data.draw(st.lists(piece, max_size=25)):
        if part is None:
            receiver.reset()
        else:
            items += receiver.feed(part, 0.0)
        assert held(receiver) <= MAX_HELD
    assert contiguous(items)


@pytest.mark.parametrize("name", ALL)
def test_rubbish_of_100_kb_when_fed_then_the_buffer_stays_small_and_frames_are_found_again(name: str) -> None:
    device = devices.get(name)
    rubbish = random.Random(4).randbytes(100_000)
    receiver = decoder(device)
    for at in range(0, len(rubbish), 509):
        receiver.feed(rubbish[at : at + 509], 0.0)
        assert held(receiver) <= MAX_HELD
    mv = signal(400)
    got = placed(receiver.feed(b"".join(frames(device, mv)), 0.0))
    tail = [got[k] for k in sorted(got)[-100:]]
    assert np.abs(np.array(tail) - mv[-100:, 0]).max() <= TOLERANCE_MV


@pytest.mark.parametrize("name", COUNTED)
def test_loss_of_5_percent_when_frames_vanish_then_counted_exactly_and_the_rest_in_place(name: str) -> None:
    device = devices.get(name)
    mv = signal(4000, 3)
    sent = frames(device, mv)
    rng = random.Random(5)
    kept = [f for k, f in enumerate(sent) if rng.random() > 0.05 or k < 40 or k > 3950]
    receiver = decoder(device)
    got = receiver.feed(b"".join(kept), 0.0)
    values = placed(got)
    assert max(values) == 3999
    assert 0 < 4000 - len(values) == receiver.stats.n_lost
    assert max(abs(values[k] - mv[k, 0]) for k in values) <= TOLERANCE_MV
    assert (receiver.stats.n_reboot, receiver.stats.n_duplicate) == (0, 0)


@pytest.mark.parametrize("name", COUNTED)
def test_loss_of_bytes_when_1_frame_in_20_is_cut_then_the_rest_is_in_its_place(name: str) -> None:
    device = devices.get(name)
    mv = signal(4000, 4)
    rng = random.Random(6)
    sent = frames(device, mv)
    for k in range(40, 3950):
        if sent[k] and rng.random() < 0.05:
            cut = rng.randrange(len(sent[k]))
            sent[k] = sent[k][:cut] + sent[k][cut + 1 :]
    receiver = decoder(device)
    values = placed(receiver.feed(b"".join(sent), 0.0))
    right = [k for k in values if abs(values[k] - mv[min(k, 3999), 0]) <= TOLERANCE_MV]
    assert max(values) == 3999
    assert len(values) + receiver.stats.n_lost == 4000
    assert len(right) > 0.75 * 4000
    # A frame without a checksum that lacks its last byte looks whole: Shimmer's has no footer either.
    assert len(right) >= 0.98 * len(values)


@pytest.mark.parametrize("name", ALL)
def test_bit_when_flipped_anywhere_in_a_frame_then_only_its_neighbourhood_suffers(name: str) -> None:
    device = devices.get(name)
    mv = signal(96)
    sent = frames(device, mv)
    at = next(k for k in range(40, 96) if sent[k])
    for bit in range(8 * len(sent[at])):
        broken = bytearray(sent[at])
        broken[bit // 8] ^= 1 << bit % 8
        receiver = decoder(device)
        got = receiver.feed(b"".join([*sent[:at], bytes(broken), *sent[at + 1 :]]), 0.0)
        assert contiguous(got)
        values = placed(got)
        assert all(abs(values[k] - mv[k, 0]) <= TOLERANCE_MV for k in range(at - 8))
        last = [values[k] for k in sorted(values)[-32:]]
        assert np.abs(np.array(last) - mv[-32:, 0]).max() <= TOLERANCE_MV
        if device.has_counter:
            assert max(values) == 95
            assert len(values) + receiver.stats.n_lost == 96


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("back", [3, 1])
def test_counter_when_it_wraps_then_nothing_is_lost(name: str, back: int) -> None:
    device = devices.get(name)
    made = getattr(device.decoder(DecoderOptions(fs=rate(device))), "_format", None)
    bits = made.counter_bits if made else 16
    mv = signal(160)
    got = decoder(device).feed(b"".join(frames(device, mv, (1 << bits) - back)), 0.0)
    assert [item for item in got if isinstance(item, Gap)] == []
    assert sorted(placed(got)) == list(range(160))


@pytest.mark.parametrize("name", [name for name in COUNTED if name != "bitalino"])
def test_frame_when_it_comes_twice_then_it_is_dropped_and_counted(name: str) -> None:
    device = devices.get(name)
    mv = signal(160)
    sent = frames(device, mv)
    k = next(k for k in range(80, 160) if sent[k])
    receiver = decoder(device)
    got = receiver.feed(b"".join([*sent[: k + 1], sent[k], *sent[k + 1 :]]), 0.0)
    assert sorted(placed(got)) == list(range(160))
    assert receiver.stats.n_duplicate == 1


@pytest.mark.parametrize("name", [name for name in ALL if devices.get(name).has_lead_off])
def test_electrode_when_it_comes_off_and_on_then_the_blocks_say_so(name: str) -> None:
    device = devices.get(name)
    fs = rate(device)
    n = 16 * round(fs / 8)
    sender = encoder(device)
    stream = sender.preamble() + b"".join(
        sender.encode(signal(n, k) + np.float32(0.1), off) for k, off in enumerate((0, 1, 0))
    )
    got = device.decoder(DecoderOptions(fs=fs)).feed(stream, 0.0)
    off = {b.start + k: b.lead_off & 1 for b in got if isinstance(b, SampleBlock) for k in range(len(b.mv))}
    assert [off[k] for k in (n // 2, 2 * n - 1, 3 * n - 1)] == [0, 1, 0]
    assert sum(off.values()) == pytest.approx(n, abs=0.6 * fs)


@pytest.mark.parametrize("name", ALL)
def test_link_when_opened_again_then_the_count_goes_on_after_the_gap(name: str) -> None:
    device = devices.get(name)
    fs = rate(device)
    n, away = 80, 16 * round(fs / 8)
    sent = frames(device, signal(2 * n + away))
    receiver = decoder(device)
    first = receiver.feed(b"".join(sent[:n]), 10.0)
    receiver.reset()
    back_s = 10.0 + (n + away) / fs
    more = receiver.feed(b"\n" * (name[:4] == "text") + b"".join(sent[n + away :]), back_s)
    more += receiver.feed(b"", back_s + 0.1)  # a narrow counter waits to see whether it was a stall
    gaps = [item for item in more if isinstance(item, Gap)]
    assert [gap.reason for gap in gaps] == ["no_signal"]
    slack = 0 if device.has_counter else 0.05 * fs + n
    assert gaps[0].n_lost == pytest.approx(away, abs=slack)
    assert contiguous(first + more)
