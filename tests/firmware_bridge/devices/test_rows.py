"""Runs read at once give what the same frames give one by one: for every device, on long and damaged streams."""

from __future__ import annotations

import importlib.util
import random
import struct
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, Device, EncoderOptions
from firmware_bridge.devices.bitalino import BitalinoFormat
from firmware_bridge.devices.frame_format import Scale, signed
from firmware_bridge.devices.frames import FrameDecoder, frame_device
from firmware_bridge.devices.layout import Check, Facts, Field, Layout, LayoutFormat, Mark, layout_format
from firmware_bridge.devices.rows import (
    LEAST,
    LEAST_PLACES,
    MOST,
    ChainStarts,
    rows_of,
    run_of,
    stretches,
    zeros_so_far,
)  # fmt: skip


def _load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


flat = _load("test_every_format").flat
rate = _load("test_every_format").rate

FULL = Layout(
    length=14,
    sync=b"\xd0\x0d",
    counter=Field(2, "u8"),
    channels=(Field(4, "i16le"), Field(6, "i16be")),
    marks=(Mark(13, 0x0A), Mark(3, 0, 0x80)),
    check=Check(12, "crc8", 2, 12),
    lead_off=(Mark(3, 1, 1), Mark(3, 2, 2)),
    pace=(Mark(3, 4, 4),),
    boot=(Mark(3, 8, 8),),
    n_samples=2,
    stride=4,
)
FLOATING = Layout(9, (Field(0, "f32le"), Field(4, "f32be")), marks=(Mark(8, 0x50, 0xF0),))
DEVICES = {
    **{name: devices.get(name) for name in devices.names()},
    "full": frame_device("full", "", 9600, layout_format(FULL, Facts(100.0, signed(16, 0.001), ("I", "II")))),
    "floating": frame_device(
        "floating",
        "",
        9600,
        layout_format(FLOATING, Facts(100.0, Scale(1.0, -0.4, 0.4, whole=False), ("I", "II"), flat_s=0.1)),
    ),
}
FRAMED = [
    name
    for name, device in DEVICES.items()
    if isinstance(made := device.decoder(DecoderOptions(fs=rate(device))), FrameDecoder)
    and made._format.has_runs
]


def sent(device: Device, rng: random.Random) -> bytes:
    """Stretches of frames, some of them at a rail, flat or with an electrode off; damage, rubbish, reboots between."""
    sender = device.encoder(EncoderOptions(rate(device), device.leads[:1], rng.choice([0, 3, 250, 65_000])))
    parts = [sender.preamble()]
    for _ in range(rng.randrange(4, 12)):
        n, kind = rng.choice([1, 3, 20, 60, 200]), rng.randrange(9)
        mv = np.random.default_rng(rng.randrange(99)).uniform(-0.5, 0.5, (n, 1)).astype(np.float32)
        if kind == 0:
            mv[:] = 0.0
        elif kind == 1:
            mv[n // 3 : n // 2] = rng.choice([-1e5, 1e5])
        elif kind == 2:
            mv[::2] = 1e5
        made = bytearray(sender.encode(mv, rng.random() < 0.1))
        what = rng.randrange(12)
        if what == 0 and made:
            made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
        elif what == 1 and made:
            at = rng.randrange(len(made))
            del made[at : at + rng.randrange(1, 90)]
        elif what == 2:
            made += made[-40:]
        elif what == 3:
            made += rng.randbytes(rng.randrange(1, 200))
        elif what == 4:
            made += b"Hello there\r\n"
        elif what == 5:
            sender = device.encoder(EncoderOptions(rate(device), device.leads[:1]))
        elif what == 6:
            made.clear()
        parts.append(bytes(made))
    return b"".join(parts)


def decoded(
    device: Device, data: bytes, cuts: list[int], leads: tuple[str, ...] | None, t_s: float | None
) -> Any:
    receiver = device.decoder(DecoderOptions("bed1", fs=rate(device), leads=leads))
    items = []
    for start, end in pairwise([0, *cuts, len(data)]):
        items += receiver.feed(data[start:end], None if t_s is None else t_s + end / 5000)
    return flat(items), receiver.stats


@pytest.mark.parametrize("name", [*FRAMED, "medlab"])
def test_stream_when_decoded_at_once_in_pieces_and_by_bytes_then_the_same(name: str) -> None:
    device = DEVICES[name]
    for seed in range(8):
        rng = random.Random(seed)
        data = sent(device, rng)
        most = getattr(device.decoder(DecoderOptions()), "_format", None)
        leads = None if seed % 2 or most is None else tuple("ABCDEFGH"[: rng.randint(1, len(device.leads))])
        whole = decoded(device, data, [], leads, None)
        assert whole == decoded(device, data, list(range(1, len(data))), leads, None)
        for n in (41, 700):
            assert whole == decoded(device, data, list(range(n, len(data), n)), leads, None)


@pytest.mark.parametrize("name", FRAMED)
def test_runs_when_they_are_not_looked_for_then_the_same_with_receive_times(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = DEVICES[name]
    streams = [sent(device, random.Random(seed)) for seed in range(100, 106)]
    cuts = [
        list(range(n, len(data), n)) for data, n in zip(streams, (97, 256, 999, 4096, 333, 2000), strict=True)
    ]
    at_once = [decoded(device, data, at, None, 5.0) for data, at in zip(streams, cuts, strict=True)]
    kind = type(device.decoder(DecoderOptions(fs=rate(device)))._format)  # type: ignore[attr-defined]
    monkeypatch.setattr(kind, "has_runs", False)
    monkeypatch.setattr(kind, "starts", lambda made: None)
    assert at_once == [decoded(device, data, at, None, 5.0) for data, at in zip(streams, cuts, strict=True)]


@pytest.mark.parametrize("name", FRAMED)
def test_run_when_it_comes_then_few_of_its_frames_are_read_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = DEVICES[name]
    receiver: Any = device.decoder(DecoderOptions(fs=rate(device)))
    made = receiver._format
    n_frames = 400
    mv = np.random.default_rng(1).uniform(-0.3, 0.3, (n_frames * made.n_samples, 1)).astype(np.float32)
    data = device.encoder(EncoderOptions(rate(device), device.leads[:1])).encode(mv)
    alone: list[bytes] = []
    read = type(made).read
    monkeypatch.setattr(type(made), "read", lambda made, frame: (alone.append(frame), read(made, frame))[1])
    receiver.feed(data)
    assert receiver.stats.n_samples == len(mv)
    assert len(alone) <= 8
    assert receiver.stats.n_frames >= n_frames


PLAIN = LayoutFormat(
    Layout(4, (Field(2, "i8"),), b"\xa5", (Mark(3, 0x5A),), Field(1, "u8")), Facts(100.0, signed(8, 1.0))
)


def plain(*counts: int) -> bytes:
    return b"".join(bytes([0xA5, count & 0xFF, 7, 0x5A]) for count in counts)


def test_run_of_when_frames_follow_each_other_then_all_and_over_the_wrap() -> None:
    before, data = plain(249), plain(*range(250, 290)) + b"\xa5\x22"
    assert run_of(PLAIN, data, 0, before) == (40, 4)
    assert run_of(PLAIN, b"xyz" + data, 3, before) == (40, 4)
    assert run_of(PLAIN, plain(*range(2 * MOST)), 0, plain(255)) == (MOST, 4)


@pytest.mark.parametrize("at", [0, 1, LEAST - 1, LEAST, LEAST + 1, 99])
def test_run_of_when_one_is_damaged_or_missing_then_it_ends_before_it(at: int) -> None:
    counts = list(range(100))
    damaged = bytearray(plain(*counts))
    damaged[4 * at + 3] ^= 1
    assert run_of(PLAIN, bytes(damaged), 0, plain(255)) == (at, 4)
    assert run_of(PLAIN, plain(*counts[:at], *counts[at + 1 :]), 0, plain(255)) == (at if at < 99 else 99, 4)


def test_run_of_when_few_wait_or_the_first_was_not_due_then_none() -> None:
    assert run_of(PLAIN, plain(*range(LEAST - 1)), 0, plain(255)) == (0, 4)
    assert run_of(PLAIN, plain(*range(40)), 0, plain(9)) == (0, 4)


def test_zeros_and_stretches_when_counted_then_from_those_before() -> None:
    is_zero = np.array([True, True, False, True, True, True, False])
    assert zeros_so_far(is_zero, 5).tolist() == [6, 7, 0, 1, 2, 3, 0]
    assert zeros_so_far(~is_zero, 5).tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert stretches(np.array([3, 3, 1, 1, 1, 3])) == [0, 2, 5, 6]
    assert stretches(np.array([4])) == [0, 1]


def test_rows_when_cut_then_views_of_the_bytes() -> None:
    assert rows_of(b"-abcdef", 1, 3, 2).tolist() == [list(b"abc"), list(b"def")]


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=LEAST_PLACES, max_size=400), n_good=st.integers(0, 12), at=st.integers(0, 300))
def test_starts_when_looked_for_then_every_frame_that_others_follow_is_among_them(
    data: bytes, n_good: int, at: int
) -> None:
    made = BitalinoFormat()
    made.configure(None, 1)
    good = b"".join(made.write(k, [[512 + k]], 0) for k in range(n_good))
    buffer = data[:at] + good + data[at:]
    starts = ChainStarts(made, 3)
    places = set()
    place = starts.after(buffer, 0)
    while place < len(buffer):
        places.add(place)
        place = starts.after(buffer, place + 1)
    n = made.n_frame
    for k in range(len(buffer) - 4 * n + 1):
        frames = [buffer[k + n * i : k + n * (i + 1)] for i in range(4)]
        if all(made.measure(frame, 0) == n for frame in frames) and all(
            1 <= made.distance(*pair) <= 8 for pair in pairwise(frames)
        ):
            assert k in places


def test_starts_when_the_buffer_or_the_form_is_another_then_they_are_looked_for_anew() -> None:
    made = BitalinoFormat()
    made.configure(None, 1)
    good = b"".join(made.write(k, [[700]], 0) for k in range(60))
    starts = ChainStarts(made, 3)
    assert starts.after(b"\x01" + good, 0) == 1
    starts.forget()
    assert starts.after(b"\x01\x01" + good, 0) == 2
    starts.forget()
    assert starts.after(b"short", 3) == 3


@pytest.mark.parametrize("kind", ["u8", "i8", "u16le", "i24be", "i32le", "u32be", "f32le", "f32be"])
def test_column_and_getter_when_read_then_as_one_by_one(kind: str) -> None:
    rows = np.random.default_rng(2).integers(0, 256, (300, 9)).astype(np.uint8)
    rows[:4, 2:6] = np.frombuffer(struct.pack("<4f", np.inf, np.nan, -1e35, 2.5), np.uint8).reshape(4, 4)
    field = Field(2, kind)
    expected = [field.get(row.tobytes()) for row in rows]
    assert np.array_equal(field.column(rows), expected, equal_nan=True)
    assert np.array_equal([field.getter()(row.tobytes()) for row in rows], expected, equal_nan=True)
    assert np.array_equal(Field(1, kind).column(rows, 1), expected, equal_nan=True)


def test_marks_when_they_contradict_each_other_then_nothing_is_a_frame() -> None:
    layout = Layout(2, (Field(0, "u8"),), marks=(Mark(1, 0x10, 0xF0), Mark(1, 0x20, 0xF0)))
    receiver = frame_device("no", "", 9600, layout_format(layout, Facts(10.0, Scale(1, 0, 255)))).decoder(
        DecoderOptions()
    )
    assert receiver.feed(bytes(range(256)) * 40) == []
