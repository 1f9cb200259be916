from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.io.disk_budget import write_record
from edge.io.recordings import open_recording
from edge.io.reel import Reel
from edge.recording.annotations import Mark, encode
from edge.recording.segments import Segment
from edge.recording.wfdb_header import Origin
from edge.types import Beat
from firmware_bridge.types import BadInput

S = 250


@pytest.fixture
def bed(make_reel: Callable[..., Reel], arrived: Callable[..., object], beat: Callable[..., Beat]) -> Path:
    """Eleven minutes in pieces of five, samples 100 s to 102 s lost; a restart of the device 800 s after the start."""
    reel = make_reel(segment_s=300.0)
    for k in range(660):
        if k not in (100, 101):
            reel.take([arrived(S * k, S), beat(k, S * k + 50)])  # type: ignore[list-item]
    reel.take([None])
    for k in range(60):
        reel.take([arrived(S * k, S, late_s=800.0), beat(1000 + k, S * k + 50, "V")])  # type: ignore[list-item]
    reel.close()
    return reel._folder


def test_open_recording_when_a_folder_then_losses_and_pauses_are_in_their_place(bed: Path) -> None:
    recording = open_recording(bed)
    assert (recording.name, recording.device, recording.leads, recording.fs) == (
        "bed4",
        "bed4",
        ("II",),
        250.0,
    )
    mv = recording.mv[:, 0]
    start = np.flatnonzero(np.isfinite(mv[660 * S :]))[0] + 660 * S
    assert abs(start - 800 * S) <= 2
    ramp = ((np.arange(660 * S) % 1000) / 1000.0).astype(np.float32)
    lost = slice(100 * S, 102 * S)
    assert np.isnan(mv[lost]).all()
    ramp[lost] = np.nan
    assert np.allclose(mv[: 660 * S], ramp, atol=1e-6, equal_nan=True)
    beats = [mark.sample for mark in recording.marks]
    assert beats == [S * k + 50 for k in range(660) if k not in (100, 101)] + [
        start + S * k + 50 for k in range(60)
    ]
    assert recording.annotated


def test_open_recording_when_a_single_record_of_others_then_it_too(tmp_path: Path) -> None:
    np.arange(500, dtype="<i2").tofile(tmp_path / "x.dat")
    (tmp_path / "x.hea").write_text("x 1 100 500\nx.dat 16 200 16 0 0 0 0 MLII\n")
    (tmp_path / "x.atr").write_bytes(encode([Mark(7, "N"), Mark(600, "V")]))
    bare, labelled = open_recording(tmp_path / "x"), open_recording(tmp_path / "x.hea", "atr")
    assert (bare.annotated, bare.marks, bare.utc_s, bare.device) == (False, (), None, "")
    assert labelled.marks == (Mark(7, "N"),)
    assert labelled.seconds == 5.0


def test_open_recording_when_the_folder_is_no_recording_then_one_line(bed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"got a folder without a record.*the beds in it: bed4"):
        open_recording(tmp_path)
    other = Segment(1, 0, 360.0, ("II",), (0,), 1_790_000_000.0)
    write_record(bed, "other", other, Origin("bed4", "x-1", 0, True), np.zeros((9, 1), np.int16), [])
    with pytest.raises(BadInput, match="differ in rate or leads"):
        open_recording(bed)
    (bed / "other.hea").write_text("other 1 250 9\nother.dat 16 200 16 0 0 0 0 II\n")
    with pytest.raises(BadInput, match="several records, not one recording"):
        open_recording(bed)
    (bed / "other.hw").write_bytes(b"")
    with pytest.raises(BadInput, match=r"annotations .*is empty"):
        open_recording(bed / "other")
    with pytest.raises(BadInput, match="not found"):
        open_recording(bed / "none")
