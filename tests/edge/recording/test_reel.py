from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from edge.io.disk_budget import names_in, read_kept
from edge.io.reel import Reel
from edge.io.wfdb_writer import mend
from edge.types import Alarm, Beat

ROOT = Path(__file__).parents[3]
S = 250
PLAYER = """
import sys, time, json
from pathlib import Path
sys.path.insert(0, {root!r})
from tests_conftest import make_arrived, make_beat
from edge.io.reel import Reel
reel = Reel(Path(sys.argv[1]), "bed4", "b00t", True, 10**9, reserve=0)
reel.begin()
for k in range(10**9):
    reel.take([make_arrived(250 * k, 250), make_beat(k, 250 * k + 50)])
    if k % 2:
        reel.sync()
    print(json.dumps(k), flush=True)
"""


def test_reel_when_runs_and_hours_change_then_every_beat_is_in_the_file_that_holds_it(
    make_reel: Callable[..., Reel], arrived: Callable[..., object], beat: Callable[..., Beat]
) -> None:
    reel = make_reel(segment_s=300.0)
    for k in range(700):
        reel.take([arrived(S * k, S)])  # type: ignore[list-item]
        if k:  # answers come later than their samples
            reel.take([beat(k, S * (k - 1) + 240)])
    reel.take([None])
    for k in range(20):
        reel.take([arrived(S * k, S, late_s=800.0), beat(2000 + k, S * k + 100, "V")])  # type: ignore[list-item]
    reel.close()
    found: dict[str, list[int]] = {}
    for name in names_in(reel._folder):
        kept = read_kept(reel._folder, name)
        assert kept is not None
        marks = wfdb.rdann(str(reel._folder / name), "hw")
        assert (marks.sample < kept.n).all()
        found.setdefault(kept.origin.run, []).extend((marks.sample + kept.segment.start).tolist())
    assert found["b00t-1"] == [S * k + 240 for k in range(699)]
    assert found["b00t-2"] == [S * k + 100 for k in range(20)]


def test_reel_when_an_alarm_comes_then_a_strip_as_record_and_as_picture(
    make_reel: Callable[..., Reel],
    arrived: Callable[..., object],
    beat: Callable[..., Beat],
    alarm: Callable[..., Alarm],
) -> None:
    reel = make_reel()
    for k in range(60):
        reel.take([arrived(S * k, S), beat(k, S * k + 50, "V")])  # type: ignore[list-item]
        if k == 20:
            reel.take([alarm("vt", S * 20)])
    (name,) = names_in(reel._folder / "alarms")
    assert name.endswith("-vt")
    strip = wfdb.rdrecord(str(reel._folder / "alarms" / name))
    assert strip.sig_len == 30 * S
    assert len(wfdb.rdann(str(reel._folder / "alarms" / name), "hw").sample) == 31
    assert (reel._folder / "alarms" / f"{name}.svg").read_text().startswith("<svg")
    reel.close()


def test_begin_when_another_monitor_records_there_then_it_is_told(make_reel: Callable[..., Reel]) -> None:
    first = make_reel()
    with pytest.raises(OSError, match="another monitor records into"):
        make_reel()
    first.close()
    make_reel().close()


def test_reel_when_killed_and_cut_then_wfdb_reads_all_but_five_seconds(tmp_path: Path) -> None:
    (tmp_path / "tests_conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    code = PLAYER.format(root=str(tmp_path))
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "bed4")], stdout=subprocess.PIPE, env=environ
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line) >= 120:
            break
    child.send_signal(signal.SIGKILL)
    said = json.loads([line, *child.stdout][-1])
    child.wait()
    child.stdout.close()
    folder = tmp_path / "bed4"
    name = names_in(folder)[-1]
    for extension, n in (("dat", 37), ("hw", 3)):
        path = folder / f"{name}.{extension}"
        os.truncate(path, path.stat().st_size - n)
    for mended in (False, True):
        if mended:
            assert mend(folder, name)
        record = wfdb.rdrecord(str(folder / name))
        assert (said + 1) * S - record.sig_len <= 5 * S
        want = (np.arange(record.sig_len) % 1000) / 1000.0
        assert np.allclose(record.p_signal[:, 0], want, atol=1e-6)
    beats = wfdb.rdann(str(folder / name), "hw").sample
    assert beats.tolist() == [S * k + 50 for k in range(len(beats))]
    assert (said + 1) - len(beats) <= 5
