"""Records of the Datex record interface, made by hand from their layout, and the monitor that is asked for them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from firmware_bridge.device import Asker, DecoderOptions, EncoderOptions, Hearer, Leaver
from firmware_bridge.devices import dri
from firmware_bridge.types import F32, BadInput, Gap, SampleBlock

REQUEST = (
    "7e  48000000 0000 00000000 00000000 0100  000000 0000ff" + " 000000" * 6 + "  0000 0000 01ff000000000000"
    "" + " 0000" * 10 + "  48 7e"
)
"""Start the wave ECG1, level 0."""


def record(
    samples: list[int], status: int = 0, number: int = 0, time_s: int = 1000, kind: int = 1, main: int = 1
) -> bytes:
    """A record of one wave, framed, built without the module."""
    part = struct.pack("<hHH", len(samples), status, 0) + struct.pack(f"<{len(samples)}h", *samples)
    head = struct.pack("<hBBHIIh", 40 + len(part), number & 0xFF, 9, 7, time_s, 0, main)
    body = (head + struct.pack("<hBhB", 0, kind, 0, 0xFF)).ljust(40, b"\0") + part
    body += bytes([sum(body) % 256])
    return b"\x7e" + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


def blocks(items: list[SampleBlock | Gap]) -> list[SampleBlock]:
    return [item for item in items if isinstance(item, SampleBlock)]


def uv(items: list[SampleBlock | Gap]) -> list[float]:
    return [round(float(v) * 1000, 2) for block in blocks(items) for v in block.mv[:, 0]]


def test_request_when_built_then_the_golden_frame() -> None:
    assert dri.request((1,)) == bytes.fromhex(REQUEST)
    assert dri.request((1, 2), dri.STOP)[41:].startswith(bytes.fromhex("0100 0000 0102ff"))


def test_record_when_read_then_microvolts_of_the_first_ecg() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(record([0, 1, -1, 1500, 0x7E7D, 0x7D7E]))
    assert uv(got) == [0, 1, -1, 1500, 0x7E7D, 0x7D7E]
    (block,) = blocks(got)
    assert (block.fs, block.leads, block.lead_off, block.clipped, block.pace) == (300.0, ("ECG1",), 0, 0, ())


def test_flags_when_shared_or_doubled_then_all_the_same() -> None:
    frames = [record([k, k], number=k) for k in range(4)]
    shared = b"\x7e" + b"".join(frame.strip(b"\x7e") + b"\x7e" for frame in frames)
    for stream in (shared, b"\x7e\x7e".join(frames), b"".join(frames)):
        receiver = dri.DEVICE.decoder(DecoderOptions())
        assert uv(receiver.feed(stream)) == [0, 0, 1, 1, 2, 2, 3, 3]
        assert (receiver.stats.n_resync, receiver.stats.n_crc, receiver.stats.n_frames) == (0, 0, 4)


def test_status_when_its_bits_are_set_then_electrode_pulse_and_gap() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    got = receiver.feed(record([5, 5], 0x0008) + record([6, 6], 0x0004, 1) + record([7], 0x0001, 2))
    off, paced, gap, after = got
    assert isinstance(off, SampleBlock)
    assert isinstance(paced, SampleBlock)
    assert (off.lead_off, paced.lead_off, paced.pace) == (1, 0, (2,))
    assert gap == Gap(4, 0, "lost")
    assert isinstance(after, SampleBlock)
    assert after.start == 4


def test_words_when_in_place_of_samples_then_no_value_and_a_rail_where_it_is_one() -> None:
    got = dri.DEVICE.decoder(DecoderOptions()).feed(record([1, -32767, -32763, -32764, -32001, 2]))
    values = uv(got)
    assert (values[0], values[-1]) == (1, 2)
    assert np.isnan(values[1:-1]).all()
    clipped = [block.clipped for block in blocks(got) for _ in block.mv]
    assert clipped == [0, 0, 1, 1, 0, 0]


def test_record_when_of_another_kind_then_talk_and_when_short_then_unknown() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    assert receiver.feed(record([1, 2], kind=8) + record([1, 2], main=0)) == []
    assert receiver.stats.n_unknown == 0
    cut = bytearray(record([1, 2, 3]))
    cut[41] = 90  # more samples than there are, and the sum as if that were so
    cut[-2] = (cut[-2] + 87) & 0xFF
    assert receiver.feed(bytes(cut)) == []
    assert (receiver.stats.n_unknown, receiver.stats.n_crc) == (1, 0)


def test_two_leads_when_named_then_two_columns_and_a_hole_where_one_is_missing() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions(leads=("II", "V5")))
    sender = dri.DEVICE.encoder(EncoderOptions(leads=("II", "V5"), n_samples=4))
    mv = np.array([[0.1, 0.2]] * 4, np.float32)
    got = blocks(receiver.feed(sender.encode(mv, 2)))
    assert (got[0].leads, got[0].lead_off) == (("II", "V5"), 2)
    assert got[0].mv == pytest.approx(mv, abs=1e-4)
    (alone,) = blocks(receiver.feed(record([3, 3], number=1, time_s=dri.EPOCH_S)))
    assert np.isnan(alone.mv).tolist() == [[False, True]] * 2
    with pytest.raises(BadInput, match="got 3 leads, expected at most 2"):
        dri.DEVICE.decoder(DecoderOptions(leads=("I", "II", "III")))


@pytest.mark.parametrize("number", [0, 7])
def test_number_when_it_never_moves_then_nothing_is_dropped(number: int) -> None:
    """A monitor that does not count its records; the time tells of a loss, to the second."""
    receiver = dri.DEVICE.decoder(DecoderOptions())
    kept = [*range(8), *range(28, 36)]
    got = receiver.feed(b"".join(record([k] * 150, number=number, time_s=1000 + k // 2) for k in kept))
    assert len(uv(got)) == 16 * 150
    lost = [item.n_lost for item in got if isinstance(item, Gap)]
    assert lost == [pytest.approx(20 * 150, abs=450)]
    assert receiver.stats.n_duplicate == 0


def test_number_when_it_contradicts_the_time_then_it_is_believed_no_more() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    stream = [record([k] * 150, number=37 * k, time_s=1000 + k // 2) for k in range(60)]
    got = receiver.feed(b"".join(stream))
    assert sum(isinstance(item, Gap) for item in got) <= 3
    assert len(uv(got)) >= 57 * 150
    assert blocks(got)[-1].end - blocks(got)[0].start == pytest.approx(60 * 150, abs=1200)


def test_loss_when_the_number_jumps_then_exact_also_over_a_turn() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    kept = [*range(10), *range(13, 40), *range(40 + 256 + 3, 320)]
    got = receiver.feed(b"".join(record([k] * 150, number=k, time_s=1000 + k // 2) for k in kept))
    assert [item for item in got if isinstance(item, Gap)] == [
        Gap(10 * 150, 3 * 150, "lost"), Gap(40 * 150, 259 * 150, "lost"),
    ]  # fmt: skip


def test_time_when_it_is_set_then_no_loss() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    times = [1000, 1000, 1001, 4601, 4602, 4602]
    got = receiver.feed(b"".join(record([k] * 150, number=k, time_s=t) for k, t in enumerate(times)))
    assert [item for item in got if isinstance(item, Gap)] == []


def test_host_when_nothing_comes_then_it_asks_by_every_level_and_says_good_bye() -> None:
    receiver = dri.DEVICE.decoder(DecoderOptions())
    assert isinstance(receiver, Asker)
    assert isinstance(receiver, Leaver)
    asked = [x for k in range(4 * 40) if (x := receiver.ask(0.25 * k))]
    assert asked[0] == dri.DEVICE.start == dri.request((1,))
    assert len(set(asked)) == len(dri.LEVELS)
    assert {x[4] for x in asked} == set(dri.LEVELS)
    assert receiver.leave() == dri.request((1,), dri.STOP)


def signal(n: int) -> F32:
    return np.linspace(-1, 1, n, dtype=np.float32)[:, None]


def test_monitor_when_asked_then_it_sends_until_it_is_told_to_stop() -> None:
    sender = dri.DEVICE.encoder(EncoderOptions(asked=False))
    assert isinstance(sender, Hearer)
    assert sender.encode(signal(300)) == b""
    start = dri.request((1, 8), level=9)
    assert sender.hear(start[:20]) + sender.hear(start[20:]) == b""
    sent = sender.encode(signal(300))
    assert sent[3] == 2  # records were counted before anybody asked
    assert len(uv(dri.DEVICE.decoder(DecoderOptions()).feed(sent))) == 300
    sender.hear(dri.request((1,), dri.STOP))
    assert sender.encode(signal(300)) == b""
    sender.hear(b"\x7e rubbish \x7e" + dri.request((8,)))
    assert sender.encode(signal(300)) == b""
