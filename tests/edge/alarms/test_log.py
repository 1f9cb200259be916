"""The log of alarms: what a line says, what a loss of power leaves, and a disk that will not have it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.alarms.log import Diary, newest, read_log, unseen, what_happened
from edge.io.alarm_log import MAX_WAITING, AlarmLog
from edge.types import Alarm, Origin, Status

ROOT = Path(__file__).parents[3]
VT = Alarm(
    "vt", "active", "high", "patient", 1000, False, False, "5 in a row", 1250, 3, "5 or more in a row", ""
)
ORIGIN = Origin("old-7", 1.7e9)
STATUS = Status(171.234, None, "vt", 0.93, False, 350.5, None, 12.0, 0, False, 1200)


def _line(alarm: Alarm = VT, before: Alarm | None = None, **more: Any) -> dict[str, Any]:
    line = Diary("bed4", "b00t").alarm(alarm, before, STATUS, lambda sample: 1.8e9 + sample / 250.0)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def _changed(**more: Any) -> Alarm:
    import dataclasses

    return dataclasses.replace(VT, **more)


def test_line_when_an_alarm_is_raised_then_who_what_when_and_the_values() -> None:
    assert _line() == {
        "t": "2027-01-15T08:00:05.000Z", "device": "bed4", "boot_id": "b00t", "what": "raised",
        "occurrence": "b00t-3", "name": "vt", "state": "active", "priority": "high", "kind": "patient",
        "since": "2027-01-15T08:00:04.000Z", "value": "5 in a row", "limit": "5 or more in a row", "by": "",
        "hr_bpm": 171.23, "rhythm": "vt", "sqi": 0.93, "rr_ms": 350.5, "pvc_per_min": 12.0, "lead_off": False,
    }  # fmt: skip


def test_line_when_an_earlier_start_raised_it_then_its_own_time_and_identity() -> None:
    line = _line(_changed(state="latched", origin=ORIGIN))
    assert (line["what"], line["occurrence"], line["since"]) == (
        "adopted",
        "old-7",
        "2023-11-14T22:13:20.000Z",
    )
    assert (line["boot_id"], line["t"]) == ("b00t", "2027-01-15T08:00:05.000Z")
    assert _line(_changed(state="latched", origin=Origin("", 1.7e9)))["occurrence"] == "b00t-3"


def test_line_when_the_clock_is_not_set_then_it_says_so() -> None:
    assert json.loads(Diary("b", "x").note("started", "here", 5.0))["synced"] is False


@pytest.mark.parametrize(
    ("alarm", "before", "what"),
    [
        (VT, None, "raised"),
        (VT, _changed(state="cleared", occurrence=2), "raised"),
        (_changed(acked=True), VT, "acknowledged"),
        (_changed(acked=True, state="cleared"), _changed(state="latched"), "acknowledged"),
        (_changed(state="latched"), VT, "latched"),
        (_changed(acked=True, state="cleared"), _changed(acked=True), "cleared"),
        (_changed(acked=True), _changed(acked=True, state="cleared"), "returned"),
        (_changed(state="cleared"), VT, "cleared"),
        (_changed(state="latched", origin=ORIGIN), None, "adopted"),
        (_changed(state="cleared", acked=True, origin=ORIGIN), None, "cleared"),
        (
            _changed(acked=True, state="cleared", origin=ORIGIN),
            _changed(state="latched", origin=ORIGIN),
            "acknowledged",
        ),
    ],
)
def test_what_when_an_alarm_changes_then_one_word(alarm: Alarm, before: Alarm | None, what: str) -> None:
    assert what_happened(alarm, before) == what


def test_unseen_when_read_then_lethal_ones_that_nobody_acknowledged() -> None:
    def record(n: int, what: str, name: str, priority: str = "high", device: str = "bed4") -> dict[str, Any]:
        said = {"occurrence": f"b-{n}", "what": what, "priority": priority}
        return {**said, "name": name, "device": device}

    records = [record(1, "raised", "vt"), record(1, "latched", "vt"), record(2, "raised", "vf")]
    records += [
        record(2, "acknowledged", "vf"),
        record(3, "raised", "af", "medium"),
        record(4, "raised", "asystole"),
    ]
    records += [
        record(4, "cleared", "asystole"),
        record(5, "adopted", "vt", device="bed5"),
        {"what": "started"},
    ]
    assert [r["occurrence"] for r in unseen(records)] == ["b-1", "b-5"]


def test_unseen_when_a_later_one_of_that_name_was_acknowledged_then_none() -> None:
    def record(n: int, what: str) -> dict[str, Any]:
        return {"occurrence": f"b-{n}", "what": what, "priority": "high", "name": "vt", "device": "bed4"}

    records = [record(1, "raised"), record(2, "raised"), record(2, "acknowledged")]
    assert unseen(records) == []
    assert newest(records) == records[-1:]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=300))
def test_read_when_the_end_is_cut_or_rubbish_then_all_that_is_whole_and_the_rest_counted(
    cut: int, tail: bytes
) -> None:
    whole = [Diary("bed4", "b00t").note("paused", f"number {k}", 1.8e9 + k) for k in range(10)]
    data = b"".join(whole)[:cut]
    n = data.count(b"\n")
    records, n_torn = read_log(data)
    assert [r["detail"] for r in records[:n]] == [f"number {k}" for k in range(n)]
    assert len(records) + n_torn <= n + 1
    records, _ = read_log(b"".join(whole) + tail)
    assert len(records) >= 10
    assert all(isinstance(r, dict) for r in records)


@pytest.fixture
def open_log() -> Any:
    made: list[AlarmLog] = []

    def make(path: Path, max_bytes: int = 100_000) -> AlarmLog:
        made.append(AlarmLog(path, max_bytes))
        return made[-1]

    yield make
    for log in made:
        log.close()


def _details(path: Path) -> list[str]:
    return [r["detail"] for r in read_log(path.read_bytes())[0]]


def test_log_when_lines_come_then_on_disk_in_order_and_for_its_owner_alone(
    tmp_path: Path, open_log: Callable[..., AlarmLog]
) -> None:
    path, diary = tmp_path / "new" / "alarms.jsonl", Diary("bed4", "b00t")
    log = open_log(path)
    for k in range(100):
        log.write(diary.note("paused", str(k), 1.8e9))
    log.close()
    assert _details(path) == [str(k) for k in range(100)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert log.notes() == []
    again = open_log(path)
    again.write(diary.note("paused", "later", 1.8e9))
    again.close()
    assert _details(path)[-2:] == ["99", "later"]


def test_log_when_a_line_was_torn_then_named_and_the_next_is_whole(
    tmp_path: Path, open_log: Callable[..., AlarmLog], until: Callable[..., Any]
) -> None:
    path, diary = tmp_path / "alarms.jsonl", Diary("bed4", "b00t")
    raised = diary.alarm(VT, None, STATUS, lambda sample: 1.8e9)
    path.write_bytes(raised + raised[:50])
    log = open_log(path)
    log.write(diary.note("started", "again", 1.8e9))
    log.close()
    notes = dict(log.notes())
    assert "1 torn line" in notes["alarm_log_torn"]
    assert "1 lethal before this start: vt" in notes["alarms_unseen"]
    records, n_torn = read_log(path.read_bytes())
    assert ([r["what"] for r in records], n_torn) == (["raised", "started"], 1)


def test_left_when_the_log_was_begun_anew_then_what_the_older_file_says_last_counts_too(
    tmp_path: Path, open_log: Callable[..., AlarmLog], until: Callable[..., Any]
) -> None:
    path, diary = tmp_path / "alarms.jsonl", Diary("bed4", "b00t")
    raised = diary.alarm(VT, None, STATUS, lambda sample: 1.8e9)
    asystole = _changed(name="asystole", occurrence=4)
    noise = b"".join(diary.note("paused", str(k), 1.8e9) for k in range(5000))
    path.with_name("alarms.jsonl.1").write_bytes(
        noise + raised + diary.alarm(asystole, None, STATUS, lambda s: 1.8e9)
    )
    path.write_bytes(diary.alarm(_changed(acked=True, by="Ana"), VT, STATUS, lambda sample: 1.8e9))
    log = open_log(path)
    log.write(diary.note("started", "again", 1.8e9))
    log.close()
    assert [(r["name"], r["what"]) for r in log.left()] == [("asystole", "raised"), ("vt", "acknowledged")]
    assert log.left() == []
    assert "1 lethal before this start: asystole" in dict(log.notes())["alarms_unseen"]


def test_log_when_another_monitor_writes_it_too_then_said_and_its_alarms_are_not_taken_over(
    tmp_path: Path, open_log: Callable[..., AlarmLog], until: Callable[..., Any]
) -> None:
    path, diary = tmp_path / "alarms.jsonl", Diary("bed4", "b00t")
    first = open_log(path)
    first.write(diary.alarm(VT, None, STATUS, lambda sample: 1.8e9))
    until(lambda: path.exists() and path.stat().st_size > 0, "the first line", 60.0)
    second, notes = open_log(path), []
    until(lambda: notes.extend(second.notes()) or notes, "a word about it", 60.0)
    assert [kind for kind, _ in notes] == ["alarm_log_shared"]
    assert second.left() == []
    second.write(diary.note("started", "second", 1.8e9))
    second.close()
    first.close()
    assert len(read_log(path.read_bytes())[0]) == 2
    third = open_log(path)
    found = until(lambda: third.left(), "what the first left, once it has gone", 60.0)
    assert [r["name"] for r in found] == ["vt"]
    assert "alarms_unseen" in dict(third.notes())


def test_log_when_it_grows_then_two_files_of_bounded_size_and_the_newest_lines_kept(
    tmp_path: Path, open_log: Callable[..., AlarmLog], until: Callable[..., Any]
) -> None:
    path, diary = tmp_path / "alarms.jsonl", Diary("bed4", "b00t")
    log = open_log(path, 20_000)
    for k in range(1000):
        log.write(diary.note("paused", str(k), 1.8e9))
        if k % 50 == 0:
            until(lambda: not log._waiting and not log._taken, "all written", 60.0)
    log.close()
    older = tmp_path / "alarms.jsonl.1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alarms.jsonl", "alarms.jsonl.1"]
    assert path.stat().st_size <= 20_000
    assert older.stat().st_size <= 20_000
    kept = _details(older) + _details(path)
    assert kept == [str(k) for k in range(1000 - len(kept), 1000)]


def test_log_when_the_disk_is_full_then_told_once_and_it_never_waits(
    open_log: Callable[..., AlarmLog], until: Callable[..., Any]
) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    log = open_log(Path("/dev/full"))
    notes: list[tuple[str, str]] = []
    for _ in range(3 * MAX_WAITING):  # as many again may be in the writer's hand
        log.write(b"{}\n")
    until(lambda: notes.extend(log.notes()) or notes, "a note", 60.0)
    assert [kind for kind, _ in notes] == ["alarm_log_failed"]
    assert "No space left" in notes[0][1]
    assert log.n_lost > 0
    log.close()


def test_log_when_the_folder_comes_back_then_what_waited_is_written(
    tmp_path: Path,
    open_log: Callable[..., AlarmLog],
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.io.alarm_log.AGAIN_S", 0.05)
    blocked = tmp_path / "card"
    blocked.write_text("not a folder")
    log = open_log(blocked / "alarms.jsonl")
    log.write(Diary("bed4", "b00t").note("paused", "kept", 1.8e9))
    until(lambda: [k for k, _ in log.notes()] == ["alarm_log_failed"], "the failure", 60.0)
    blocked.unlink()
    until(lambda: [k for k, _ in log.notes()] == ["alarm_log_back"], "the return", 60.0)
    assert _details(blocked / "alarms.jsonl") == ["kept"]


WRITER = """
import sys, time
from pathlib import Path
from edge.alarms.log import Diary
from edge.io.alarm_log import AlarmLog
log, diary, n = AlarmLog(Path(sys.argv[1]), 10**6), Diary("bed4", "b00t"), 0
while True:
    log.write(diary.note("paused", str(n), 1.8e9))
    while log._waiting or log._taken:
        time.sleep(0.001)
    print(n, flush=True)
    n += 1
"""


def test_log_when_the_monitor_is_killed_then_every_line_that_was_synced_is_there(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    for _ in range(3):
        before = len(_details(path)) if path.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                break
        process.send_signal(signal.SIGKILL)
        last = max([20, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
        process.stdout.close()
        process.wait()
        details = _details(path)[before:]
        assert details[: last + 1] == [str(k) for k in range(last + 1)]
        with path.open("ab") as file:  # what a loss of power may leave behind the synced lines
            file.write(b'{"t": "2027-' + b"\0" * 100)


def test_log_when_closed_then_its_thread_ends(tmp_path: Path, open_log: Callable[..., AlarmLog]) -> None:
    log = open_log(tmp_path / "alarms.jsonl")
    log.close()
    assert not [t for t in threading.enumerate() if t is log._thread]


def test_log_when_a_mistake_of_ours_stops_it_then_told_and_tried_again_instead_of_silence(
    tmp_path: Path,
    open_log: Callable[..., AlarmLog],
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(data: bytes) -> Any:
        raise ValueError("a mistake")

    monkeypatch.setattr("edge.io.alarm_log.AGAIN_S", 0.05)
    monkeypatch.setattr("edge.io.alarm_log.read_log", wrong)
    log = open_log(tmp_path / "alarms.jsonl")
    log.write(Diary("bed4", "b00t").note("paused", "kept", 1.8e9))
    notes: list[tuple[str, str]] = []
    until(lambda: notes.extend(log.notes()) or len(notes) == 2, "failure and return", 60.0)
    assert [kind for kind, _ in notes] == ["alarm_log_failed", "alarm_log_back"]
    assert "ValueError: a mistake" in notes[0][1]
    assert _details(tmp_path / "alarms.jsonl") == ["kept"]
