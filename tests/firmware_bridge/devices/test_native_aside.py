"""What native frames say beside samples: beats that the firmware found, who it is, another version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import wire
from firmware_bridge.device import DecoderOptions, EncoderOptions, Teller
from firmware_bridge.devices.native import AGAIN, MOST_TOLD, SURE, NativeDecoder, NativeEncoder
from firmware_bridge.framing import cobs_decode, cobs_encode, crc16
from firmware_bridge.types import DeviceBeat, Firmware

PROBS = (65535, 0, 0, 0, 0)


def stream(first_seq: int = 0, n: int = 40, size: int = 5) -> list[bytes]:
    """`n` frames of `size` samples at 250 Hz."""
    sender = NativeEncoder(EncoderOptions(250.0, ("II",)), first_seq=first_seq)
    return [sender.encode(np.zeros((size, 1), np.float32)) for _ in range(n)]


def beat(seq: int, aami: str = "N") -> bytes:
    return wire.BeatFrame(seq, 0, aami, PROBS, 1234, 2, wire.FLAG_FINAL).to_bytes()


def of_version(frame: bytes, version: int) -> bytes:
    """The same frame as firmware of another version would send it."""
    content = cobs_decode(frame[:-1])
    assert content is not None
    content[0] = version << 4 | content[0] & 0xF
    body = bytes(content[:-2])
    return cobs_encode(body + crc16(body).to_bytes(2, "big")) + b"\0"


def decoder() -> NativeDecoder:
    return NativeDecoder(DecoderOptions())


def test_told_when_a_beat_came_then_it_lies_on_the_sample_that_it_names() -> None:
    link, parts = decoder(), stream()
    assert isinstance(link, Teller)
    link.feed(b"\0" + b"".join([*parts[:20], beat(90), *parts[20:], beat(120, "V")]))
    first, second = link.told()
    assert first == DeviceBeat(90, 250.0, "N", (1.0, 0.0, 0.0, 0.0, 0.0), 1.234, "II", True)
    assert isinstance(second, DeviceBeat)
    assert (second.sample, second.aami) == (120, "V")
    assert link.told() == []
    assert link.stats.n_unknown == link.stats.n_rejected == 0


def test_told_when_the_counter_wraps_then_the_beat_stays_on_its_sample() -> None:
    link = decoder()
    link.feed(b"\0" + b"".join([*stream(65_500, 40), beat(65_530), beat(4)]))
    assert [b.sample for b in link.told() if isinstance(b, DeviceBeat)] == [30, 40]


def test_told_when_samples_were_lost_then_the_beat_counts_them() -> None:
    link, parts = decoder(), stream(n=60)
    link.feed(b"\0" + b"".join([*parts[:10], *parts[20:], beat(250)]))
    (said,) = link.told()
    assert isinstance(said, DeviceBeat)
    assert (said.sample, link.stats.n_lost) == (250, 50)


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), max_size=60))
def test_told_when_bytes_are_cut_anywhere_then_the_same_is_told(cuts: list[int]) -> None:
    parts = stream(65_400, 60)
    sent = wire.HelloFrame("heartwire-uno 1").to_bytes()
    for k, part in enumerate(parts):
        sent += part + (beat((65_400 + 5 * k - 20) & 0xFFFF) if k % 7 == 6 else b"")
    whole, split = decoder(), decoder()
    whole.feed(b"\0" + sent)
    split.feed(b"\0")
    told, at = [], 0
    for n in [*cuts, len(sent)]:
        split.feed(sent[at : at + n])
        told += split.told()
        at += n
    assert told == whole.told()
    assert len(told) == 9


@pytest.mark.parametrize("before", [0, 1])
def test_told_when_a_beat_has_no_sample_yet_then_it_is_counted_and_dropped(before: int) -> None:
    link, parts = decoder(), stream()
    link.feed(b"\0" + b"".join([*parts[:before], beat(1000)]))
    assert link.told() == []
    assert link.stats.n_rejected == 1


def test_told_when_the_link_was_opened_again_then_a_beat_waits_for_samples() -> None:
    link, parts = decoder(), stream()
    link.feed(b"\0" + b"".join(parts[:20]))
    link.reset()
    link.feed(beat(90) + parts[30] + beat(152))
    assert [b.sample for b in link.told() if isinstance(b, DeviceBeat)] == [152]
    assert link.stats.n_rejected == 1


def test_told_when_a_firmware_says_hello_then_once_for_each_opening() -> None:
    link, hello = decoder(), wire.HelloFrame("heartwire-uno 1").to_bytes()
    link.feed(b"\0" + hello + hello + hello)
    assert link.told() == [Firmware("heartwire-uno 1", 1, 1)]
    link.reset()
    link.feed(b"\0" + hello)
    assert link.told() == [Firmware("heartwire-uno 1", 1, 1)]


def test_told_when_firmware_of_another_version_sends_then_both_versions_are_named() -> None:
    link = decoder()
    parts = [of_version(part, 3) for part in stream(n=SURE + AGAIN)]
    assert link.feed(b"\0" + b"".join(parts[: SURE - 1])) == []
    assert link.told() == []
    link.feed(parts[SURE - 1])
    assert link.told() == [Firmware("", 3, wire.VERSION)]
    link.feed(b"".join(parts[SURE:]))
    assert link.told() == [Firmware("", 3, wire.VERSION)]
    assert link.stats.n_unknown == SURE + AGAIN


def test_told_when_firmware_of_another_version_says_hello_then_its_name_is_told_at_once() -> None:
    link = decoder()
    hello = wire.HelloFrame("heartwire-uno 9", 2).to_bytes()
    link.feed(b"\0" + hello + b"".join(of_version(part, 2) for part in stream(n=SURE)))
    assert link.told() == [Firmware("heartwire-uno 9", 2, 1)] * 2


def test_told_when_a_stray_frame_has_another_version_then_nothing_is_said() -> None:
    link, parts = decoder(), stream(n=40)
    for part in parts:
        link.feed(of_version(part, 2) + part)
    assert link.told() == []
    assert link.stats.n_unknown == 40
    assert link.stats.n_samples == 200


def test_told_when_nobody_asks_then_it_does_not_grow() -> None:
    link, parts = decoder(), stream()
    link.feed(b"\0" + b"".join(parts) + beat(100) * 1000)
    assert len(link.told()) == MOST_TOLD
