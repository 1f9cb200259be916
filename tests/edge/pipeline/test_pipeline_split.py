"""The same samples, or the same bytes, give the same events bit for bit, however they were cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.pipeline import Item
from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.types import Gap, SampleBlock

FS = 125.0
SCRIPT = "sinus:5s rate=90 pvc=0.2; lead_off:2s; sinus:4s rate=90; lead_off:2s bit=0 style=hum; sinus:9s"
SECONDS = 16
GAPS = ((400, 20), (700, 80), (1500, 180))
"""0.16 s, 0.64 s and 1.44 s: bridged, intervals broken, begun anew."""

sizes = st.lists(st.sampled_from([1, 2, 3, 7, 25, 26, 64, 125, 300, 1000]), min_size=1, max_size=40)


def _cut(block: SampleBlock, sizes: list[int], turn: int) -> tuple[list[Item], int]:
    """A block in pieces of these sizes, taken in turn, the first of them number `turn`."""
    parts: list[Item] = []
    at = 0
    while at < len(block.mv):
        n = sizes[turn % len(sizes)]
        turn += 1
        mv = block.mv[at : at + n]
        parts.append(SampleBlock("bed", block.start + at, block.fs, mv, block.leads, block.lead_off))
        at += n
    return parts, turn


@pytest.fixture(scope="module")
def whole(ward: Any) -> tuple[list[Item], list[object]]:
    """The longest blocks there can be, with the gaps named, and what they give."""
    recording = ward.heart(SCRIPT, SECONDS, FS)
    items: list[Item] = []
    for block in recording.blocks(chunk=10**9, lost=GAPS):
        expected = items[-1].end if items else 0
        if block.start != expected:
            items.append(Gap(expected, block.start - expected))
        items.append(block)
    return items, ward.plain(ward.push(items, FS, ward.pipeline(100.0)).events)


@settings(max_examples=20, deadline=None)
@given(sizes=sizes, named=st.booleans())
def test_events_when_blocks_are_cut_in_any_way_then_identical(
    ward: Any, whole: tuple[list[Item], list[object]], sizes: list[int], named: bool
) -> None:
    items, expected = whole
    pipeline, turn, got = ward.pipeline(100.0), 0, []
    for item in items:
        if isinstance(item, Gap):
            # A gap may be named, or only seen by the index of the next block.
            got += pipeline.push(item) if named else []
            continue
        parts, turn = _cut(item, sizes, turn)
        for part in parts:
            got += pipeline.push(part)
    assert ward.plain(got) == expected


def test_events_when_one_sample_at_a_time_then_identical(
    ward: Any, whole: tuple[list[Item], list[object]]
) -> None:
    items, expected = whole
    pipeline, got = ward.pipeline(100.0), []
    for item in items:
        for part in [item] if isinstance(item, Gap) else _cut(item, [1], 0)[0]:
            got += pipeline.push(part)
    assert ward.plain(got) == expected


def test_whole_when_looked_at_then_it_holds_all_that_may_go_wrong(
    whole: tuple[list[Item], list[object]],
) -> None:
    text = "\n".join(map(str, whole[1]))
    for what in ("Beat(", "lead_off", "restart", "gap", "Status(", "final=True", "warming=False"):
        assert what in text


def _wire(ward: Any, name: str, faults: bool) -> bytes:
    """Bytes of a device, a frame of which may be missing and another damaged."""
    device = devices.get(name)
    fs = device.fs or FS
    recording = ward.heart(SCRIPT, 8, fs)
    encoder = device.encoder(EncoderOptions(fs=fs))
    out = [encoder.preamble()]
    out += [encoder.encode(b.mv, b.lead_off) for b in recording.blocks(chunk=5)]
    if faults:
        del out[100:104], out[40]
        out[60] = bytes([out[60][0] ^ 0x55]) + out[60][1:]
        out.insert(80, b"\x00\xffrubbish\n\x00")
    return b"".join(out)


def _from_bytes(ward: Any, name: str, data: bytes, cuts: list[int]) -> list[object]:
    decoder = devices.get(name).decoder(DecoderOptions(device_id="bed", fs=devices.get(name).fs or FS))
    pipeline, events = ward.pipeline(100.0), []
    edges = sorted({0, len(data), *(c % len(data) for c in cuts)})
    for a, b in zip(edges, edges[1:], strict=False):
        for item in decoder.feed(data[a:b], 0.0):
            events += pipeline.push(item)
    return ward.plain(events)


@pytest.fixture(scope="module")
def from_whole(ward: Any) -> dict[str, tuple[bytes, list[object]]]:
    made = {}
    for name in ("native", "text", "openview"):
        data = _wire(ward, name, faults=True)
        made[name] = (data, _from_bytes(ward, name, data, []))
    return made


@pytest.mark.parametrize("name", ["native", "text", "openview"])
@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 10**6), max_size=300))
def test_events_when_bytes_are_cut_in_any_way_then_identical(
    ward: Any, from_whole: dict[str, tuple[bytes, list[object]]], name: str, cuts: list[int]
) -> None:
    data, expected = from_whole[name]
    assert _from_bytes(ward, name, data, cuts) == expected


@pytest.mark.parametrize("name", ["native", "text", "openview"])
def test_events_when_bytes_come_one_by_one_then_identical(
    ward: Any, from_whole: dict[str, tuple[bytes, list[object]]], name: str
) -> None:
    data, expected = from_whole[name]
    assert _from_bytes(ward, name, data, list(range(len(data)))) == expected


@pytest.mark.parametrize("name", ["native", "text", "openview"])
def test_events_when_bytes_come_from_a_heart_then_they_are_about_beats(
    from_whole: dict[str, tuple[bytes, list[object]]], name: str
) -> None:
    beats = [e for e in from_whole[name][1] if isinstance(e, str) and e.startswith("Beat(")]
    assert len(beats) >= 8


def test_samples_when_blocks_are_views_of_a_larger_array_then_it_is_not_written_to(ward: Any) -> None:
    recording = ward.heart("sinus:60s", 6, FS)
    kept = recording.mv.copy()
    answers = ward.play(recording, pipeline=ward.pipeline(100.0))
    assert np.array_equal(recording.mv, kept)
    assert answers.events
