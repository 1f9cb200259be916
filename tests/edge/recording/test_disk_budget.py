from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from edge.io.disk_budget import NoRoom, make_room, names_in, read_kept, used_bytes
from edge.io.reel import Reel

S = 250


def record(reel: Reel, arrived: Callable[..., object], seconds: int, alarms: list[object]) -> None:
    for k in range(seconds):
        reel.take([arrived(S * k, S), *(a for a in alarms if S * k <= a.at < S * (k + 1))])  # type: ignore[attr-defined,list-item]
    reel.close()


@pytest.fixture
def folder(
    make_reel: Callable[..., Reel], arrived: Callable[..., object], alarm: Callable[..., object]
) -> Path:
    """Half an hour in pieces of five minutes, an alarm in the second, one near the beginning of the fifth."""
    reel = make_reel(segment_s=300.0)
    ends = [at * S for at in (450, 1005)]
    record(reel, arrived, 1800, [alarm("vt", at) for at in ends])
    return reel._folder


def minute(folder: Path, at: int) -> np.ndarray:
    """The samples of the minute round index `at`, gathered from all records that hold them."""
    out = np.full(60 * S, np.nan)
    for where in (folder, folder / "alarms"):
        for name in names_in(where):
            kept = read_kept(where, name)
            assert kept is not None
            mv = wfdb.rdrecord(str(where / name)).p_signal[:, 0]
            index = kept.segment.start + np.arange(len(mv)) - (at - 30 * S)
            good = (index >= 0) & (index < len(out))
            out[index[good]] = mv[good]
    return out


def test_make_room_when_all_goes_then_alarms_keep_their_minute(folder: Path) -> None:
    before = used_bytes(folder)
    names = names_in(folder)
    assert len(names) >= 6
    with pytest.raises(NoRoom, match="nothing but alarms"):
        make_room(folder, 1000, reserve=0)
    assert names_in(folder) == []
    assert used_bytes(folder) < before
    for at in (450 * S, 1005 * S):
        got = minute(folder, at)
        want = (np.arange(at - 30 * S, at + 30 * S) % 1000) / 1000.0
        assert np.allclose(got, want, atol=1e-6)
    marks = [
        wfdb.rdann(str(folder / "alarms" / name), "hw")
        for name in names_in(folder / "alarms")
        if "minute" in name
    ]
    assert sum("alarm vt active" in text for found in marks for text in found.aux_note) == 2


def test_make_room_when_a_little_must_go_then_the_oldest_and_never_what_is_written(folder: Path) -> None:
    names = names_in(folder)
    assert make_room(folder, used_bytes(folder), reserve=0) == []
    gone = make_room(folder, used_bytes(folder) - 1000, names[:1], reserve=0)
    assert gone == names[1:2]
    assert names_in(folder) == [names[0], *names[2:]]


def test_make_room_when_the_disk_itself_is_full_then_it_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for full in (folder, tmp_path / "empty"):
        with pytest.raises(NoRoom, match="of the disk are free"):
            make_room(full, 10**12, reserve=1 << 60)


def test_read_kept_when_it_is_no_record_of_ours_then_none(tmp_path: Path) -> None:
    (tmp_path / "100.hea").write_text("100 1 360 650000\n100.dat 212 200 11 1024 995 -22131 0 MLII\n")
    (tmp_path / "bad.hea").write_text("# heartwire device=a run=b start=0 closed\nx\n")
    assert read_kept(tmp_path, "100") is None
    assert read_kept(tmp_path, "bad") is None
    assert read_kept(tmp_path, "none") is None
