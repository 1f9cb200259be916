"""Bedside monitors with records as long as theirs are: damage, losses, rubbish, and talk among the waves."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import dri, intellivue_messages
from firmware_bridge.faults import parse
from firmware_bridge.simulator import byte_wire
from firmware_bridge.types import F32, Gap, SampleBlock

MONITORS = ["dri", "intellivue"]
FRAME = {"dri": 150, "intellivue": 128}
WITHIN_MV = 0.003
MAX_HELD = 4096
WAIL = {
    "starts": {"dri": b"\x7e", "intellivue": b"\xc0"},
    "escapes": {"dri": b"\x7d", "intellivue": b"\x7d"},
    "ends": {"dri": b"\x7e\x7e\x00", "intellivue": b"\xc1"},
    "headers": {"dri": b"\x7e\x48\x00", "intellivue": b"\xc0\x11\x01\xff\xff"},
}
"""What a decoder may be led astray by."""


def signal(n: int, seed: int = 0) -> F32:
    return np.random.default_rng(seed).uniform(-2, 2, (n, 1)).astype(np.float32)


def decoder(name: str) -> Any:
    return devices.get(name).decoder(DecoderOptions())


def sent(name: str, mv: F32) -> bytes:
    return devices.get(name).encoder(EncoderOptions()).encode(mv)


def placed(items: list[SampleBlock | Gap]) -> dict[int, float]:
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    return {block.start + k: float(v) for block in blocks for k, v in enumerate(block.mv[:, 0])}


def contiguous(items: list[SampleBlock | Gap]) -> bool:
    ends = [item.end if isinstance(item, SampleBlock) else item.start + item.n_lost for item in items]
    return [item.start for item in items] == [0, *ends[:-1]] if items else True


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize(
    ("faults", "seed"),
    [
        ("drop=0.2@2+56", 0),
        ("flip=1e-3@2+56", 1),
        ("flip=1e-3@2+56", 2),
        ("drop=0.2@2+56; flip=1e-3@2+56", 3),
    ],
)
def test_line_when_frames_are_lost_and_bits_flip_then_no_damage_is_taken_and_losses_are_exact(
    name: str, faults: str, seed: int
) -> None:
    fs = devices.get(name).fs or 0.0
    n = round(60 * fs) // FRAME[name] * FRAME[name]
    mv = signal(n, seed)
    wire = byte_wire(name, fs, ("ECG",), parse(faults), seed, asked=True)
    receiver = decoder(name)
    got = receiver.feed(wire.encode(mv))
    values = placed(got)
    assert contiguous(got)
    assert max(abs(values[k] - mv[k, 0]) for k in values) <= WITHIN_MV
    assert max(values) == n - 1
    assert len(values) + receiver.stats.n_lost == n
    assert 0.02 * n < len(values) < 0.9 * n
    assert receiver.stats.n_reboot == 0


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize("kind", ["noise", *WAIL])
def test_rubbish_of_100_kb_when_over_then_the_second_good_frame_at_the_latest_is_read(
    name: str, kind: str
) -> None:
    rubbish = random.Random(4).randbytes(100_000) if kind == "noise" else WAIL[kind][name] * 30_000
    rubbish = rubbish[:100_000]
    receiver = decoder(name)
    for at in range(0, len(rubbish), 997):
        assert receiver.feed(rubbish[at : at + 997]) == []
        assert receiver.n_buffered <= MAX_HELD
    n = FRAME[name]
    mv = signal(3 * n)
    values = [v for _, v in sorted(placed(receiver.feed(sent(name, mv))).items())]
    assert len(values) >= 2 * n
    assert np.abs(np.array(values[-2 * n :]) - mv[n:, 0]).max() <= WITHIN_MV


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize("kind", WAIL)
def test_rubbish_when_byte_by_byte_then_the_same_and_the_buffer_stays_small(name: str, kind: str) -> None:
    stream = (WAIL[kind][name] * 9000)[:9000] + sent(name, signal(2 * FRAME[name]))
    whole, single = decoder(name), decoder(name)
    expected = placed(whole.feed(stream))
    got: list[SampleBlock | Gap] = []
    for k in range(len(stream)):
        got += single.feed(stream[k : k + 1])
        assert single.n_buffered <= MAX_HELD
    assert placed(got) == expected
    assert single.stats == whole.stats


def talk(name: str) -> list[bytes]:
    """Frames that are not about samples."""
    if name == "dri":
        numerics = dri.Record(0, 0, 0, ((1, bytes(50)),))
        return [dri.framed(numerics.to_bytes()), dri.request((1,)), b"\x7e\x7e"]
    m = intellivue_messages
    said = [m.acceptance(), m.created_event(7), m.RELEASE_REQUEST, m.REFUSAL, m.ABORT_REQUEST, m.keep_alive()]
    said += [
        m.polled(0, 0, []),
        m.Operation(m.ERROR, 3, 4, b"").to_bytes(),
        m.poll_waves(600),
        b"\x00",
        b"\xe1",
    ]
    return [m.framed(message) for message in said]


@pytest.mark.parametrize("name", MONITORS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_anything_when_fed_then_survived_in_any_split_with_a_small_buffer(
    name: str, data: st.DataObject
) -> None:
    mv = signal(6 * FRAME[name])
    frames = [sent(name, mv[: k * FRAME[name]]) for k in range(1, 3)]
    piece = st.one_of(
        st.binary(max_size=60), st.sampled_from(frames), st.sampled_from(talk(name)),
        st.builds(_spoilt, st.sampled_from([*frames, *talk(name)]), st.integers(0, 4000), st.integers(0, 255)),
    )  # fmt: skip
    stream = b"".join(data.draw(st.lists(piece, max_size=12)))
    whole, cut = decoder(name), decoder(name)
    expected = whole.feed(stream)
    edges = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8))), len(stream)]
    got: list[SampleBlock | Gap] = []
    for a, b in zip(edges, edges[1:], strict=False):
        got += cut.feed(stream[a:b])
        assert cut.n_buffered <= MAX_HELD
        assert len(cut.ask(float(a))) <= 1000
    assert contiguous(expected)
    assert placed(got) == pytest.approx(placed(expected), nan_ok=True)
    assert cut.stats == whole.stats


@pytest.mark.parametrize("name", MONITORS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_monitor_when_a_host_says_anything_then_survived(name: str, data: st.DataObject) -> None:
    sender: Any = devices.get(name).encoder(EncoderOptions(asked=False, n_samples=4))
    host = talk(name) + [intellivue_messages.framed(intellivue_messages.REQUEST)]
    piece = st.one_of(st.binary(max_size=60), st.sampled_from(host))
    for part in data.draw(st.lists(piece, max_size=12)):
        sender.hear(part)
        sender.encode(np.zeros((400, 1), np.float32))


def _spoilt(frame: bytes, at: int, value: int) -> bytes:
    at %= len(frame)
    return frame[:at] + bytes([value]) + frame[at + 1 :]
