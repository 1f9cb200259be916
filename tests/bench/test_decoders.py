"""What the decoders are measured on, and that each has its figures. Never how large."""

from __future__ import annotations

import json
import math
from functools import partial

import pytest

from edge.bench import decoders
from edge.cli import main
from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions
from firmware_bridge.types import SampleBlock


@pytest.mark.parametrize("name", ["cyton", "bitalino", "native", "text", "medlab"])
def test_frames_when_made_then_the_decoder_takes_every_one_of_them(name: str) -> None:
    device = devices.get(name)
    sent = decoders.frames(device, 5000)
    receiver = device.decoder(DecoderOptions(fs=device.fs or 250.0))
    items = receiver.feed(b"".join(sent), 0.0)
    assert 5000 <= receiver.stats.n_bytes < 20_000
    assert receiver.stats.n_lost == receiver.stats.n_crc == receiver.stats.n_duplicate == 0
    assert all(isinstance(item, SampleBlock) for item in items)


def test_frames_when_they_are_to_meet_the_rails_then_every_other_sample_does() -> None:
    device = devices.get("cyton")
    items = device.decoder(DecoderOptions()).feed(b"".join(decoders.frames(device, 3000, rails=True)))
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    assert {len(block.mv) for block in blocks} == {1}
    assert [block.clipped for block in blocks[:4]] == [1, 0, 1, 0]


def test_bad_streams_when_made_then_each_is_as_long_as_asked_and_the_same_again() -> None:
    device = devices.get("chords")
    bad = decoders.bad_streams(device, 4000)
    assert bad == decoders.bad_streams(device, 4000)
    assert {name for name, data in bad.items() if len(data) < 3000} == set()
    assert len(set(bad.values())) == len(bad)


def test_bench_when_asked_for_the_decoders_then_a_line_for_each_with_three_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "speed", partial(decoders.speed, n_rounds=1, scale=0.02))
    assert main(["bench", "--decoders", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["decoders"]
    assert sorted(found) == sorted(devices.names())
    for one in found.values():
        assert {0.0 < one[key] < math.inf for key in ("bulk_mb_s", "live_mb_s")} == {True}
        assert one["worst_ms_kb"] >= 0.0
        assert one["worst"]
    monkeypatch.setattr(devices, "names", lambda: ["chords", "native"])
    assert main(["bench", "--decoders"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["decoder", "chords", "native", "measured"]
