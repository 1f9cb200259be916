"""The writer, read back by PhysioNet's own library."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from edge.io.wfdb_writer import RecordFiles, mend
from edge.recording.annotations import Mark, encode, parse
from edge.recording.segments import Arrived, Piece, Segment
from edge.recording.wfdb_header import Origin, read_origin

SEGMENT = Segment(1, 1000, 250.0, ("II", "lead <b>"), (0, -150_000), 1_790_000_000.25)
ORIGIN = Origin("bed4", "b00t-1", 1000, True)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(-3000, 3000, (n, 2)).astype(np.int16)


def test_close_when_a_gap_was_filled_then_wfdb_reads_all_in_its_place(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, "bed4-1", SEGMENT, ORIGIN)
    a, b = noise(500), noise(700)
    files.append(Piece(SEGMENT, 1000, a))
    files.append(Piece(SEGMENT, 1800, b))
    files.mark([Mark(1100, "N", num=90), Mark(1900, "+", aux="(AFIB")])
    files.mark([Mark(2000, "V", num=80), Mark(9999, '"', aux="too late for its file")])
    files.close()
    record = wfdb.rdrecord(str(tmp_path / "bed4-1"), physical=False)
    assert (record.d_signal[:500] == a).all()
    assert (record.d_signal[500:800] == -32768).all()
    assert (record.d_signal[800:] == b).all()
    sums = record.d_signal.sum(axis=0) % 65536
    assert [c % 65536 for c in record.checksum] == sums.tolist()
    assert record.init_value == a[0].tolist()
    physical = wfdb.rdrecord(str(tmp_path / "bed4-1"))
    assert physical.base_datetime.isoformat() == "2026-09-21T14:13:20.250000"
    assert np.isnan(physical.p_signal[500:800]).all()
    assert np.allclose(physical.p_signal[800:, 1], (b[:, 1] + 150_000) / 1000.0)
    assert physical.sig_name == ["II", "lead <b>"]
    origin = read_origin(physical.comments)
    assert origin == Origin("bed4", "b00t-1", 1000, False)
    marks = wfdb.rdann(str(tmp_path / "bed4-1"), "hw")
    assert marks.sample.tolist() == [100, 900, 1000, 1499]
    assert marks.symbol == ["N", "+", "V", '"']
    assert marks.num.tolist() == [90, 0, 80, 0]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_sync_when_the_tail_is_lost_then_the_header_promises_no_more_than_is_there(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, "r", SEGMENT, ORIGIN)
    given = noise(1000)
    for k in range(4):
        files.append(Piece(SEGMENT, 1000 + 250 * k, given[250 * k : 250 * k + 250]))
        files.sync()
    files.abandon()
    os.truncate(tmp_path / "r.dat", 1000 * 4 - 250 * 4 + 3)
    record = wfdb.rdrecord(str(tmp_path / "r"), physical=False)
    assert (record.d_signal == given[:750]).all()
    assert [c % 65536 for c in record.checksum] == (given[:750].sum(axis=0) % 65536).tolist()


def test_sync_when_nothing_more_comes_then_the_last_second_stays_unpromised(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, "r", SEGMENT, ORIGIN)
    given = noise(10_017)
    files.append(Piece(SEGMENT, 1000, given))
    for _ in range(3):
        files.sync()
    files.abandon()
    record = wfdb.rdrecord(str(tmp_path / "r"), physical=False)
    assert record.sig_len == 9750
    assert [c % 65536 for c in record.checksum] == (given[:9750].sum(axis=0) % 65536).tolist()


def test_mend_when_a_record_was_cut_then_all_that_is_there_is_told(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, "r", SEGMENT, ORIGIN)
    given = noise(1000)
    files.append(Piece(SEGMENT, 1000, given))
    files.mark([Mark(1100, "N"), Mark(1990, "V")])
    files.abandon()
    whole = (tmp_path / "r.hw").stat().st_size
    os.truncate(tmp_path / "r.dat", 990 * 4 + 1)
    for n_cut in (0, 2, 100, 256):
        os.truncate(tmp_path / "r.hw", whole - n_cut)
        assert wfdb.rdann(str(tmp_path / "r"), "hw").sample.tolist() == [100, 990]
    os.truncate(tmp_path / "r.hw", whole - 259)
    assert mend(tmp_path, "r")
    record = wfdb.rdrecord(str(tmp_path / "r"), physical=False)
    assert (record.d_signal == given[:990]).all()
    assert [c % 65536 for c in record.checksum] == (given[:990].sum(axis=0) % 65536).tolist()
    assert wfdb.rdann(str(tmp_path / "r"), "hw").sample.tolist() == [100]
    assert not mend(tmp_path, "r")


@pytest.mark.parametrize("marks", [b"", b"\xff" * 7, encode([Mark(5, "N"), Mark(50_000, "V")])])
def test_mend_when_the_annotations_are_damaged_then_they_are_whole_again(
    marks: bytes, tmp_path: Path
) -> None:
    files = RecordFiles(tmp_path, "r", SEGMENT, ORIGIN)
    files.append(Piece(SEGMENT, 1000, noise(100)))
    files.abandon()
    (tmp_path / "r.hw").write_bytes(marks)
    assert mend(tmp_path, "r")
    found = parse((tmp_path / "r.hw").read_bytes())
    assert found.whole
    assert all(mark.sample < 100 for mark in found.marks)


def test_append_when_the_disk_is_full_then_what_was_written_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrived: Callable[..., Arrived]
) -> None:
    files = RecordFiles(tmp_path, "r", SEGMENT, ORIGIN)
    given = noise(300)
    files.append(Piece(SEGMENT, 1000, given))
    real = os.pwrite

    def full(descriptor: int, data: bytes, at: int) -> int:
        if len(data) > 10:
            return real(descriptor, data[:7], at)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        files.append(Piece(SEGMENT, 1300, noise(4)))
    monkeypatch.undo()
    files.close()
    assert (wfdb.rdrecord(str(tmp_path / "r"), physical=False).d_signal == given).all()
