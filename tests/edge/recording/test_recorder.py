from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wfdb

from edge.io import recorder as module
from edge.io.disk_budget import NoRoom, names_in, read_kept
from edge.io.recorder import Recorded, Recorder, check_folder
from edge.io.reel import Reel
from edge.recording.segments import Arrived
from edge.types import Command, Event, Status
from firmware_bridge.types import BadInput, Gap, SampleBlock

S = 250


class Pipe:
    """Stages that give a status for every block."""

    n_missing = 3

    def parts(self, item: Any) -> Iterator[list[Event]]:
        yield [Status(70.0, None, "sinus", 1.0, False, 850.0, 20.0, 0.0, 0, False, getattr(item, "start", 0))]
        yield []

    def reset(self) -> list[Event]:
        return []

    def refuses(self, command: Command) -> str | None:
        return f"no beat {command.beat}"


class Stuck:
    """A reel whose disk answers only when told to."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.taken: list[Any] = []
        self.error: Exception | None = None

    def begin(self) -> int:
        return 0

    fresh = False

    def take(self, items: Any, began_s: float | None = None) -> None:
        if self.error is not None:
            raise self.error
        self.free.wait(60.0)
        self.taken += items

    def sync(self) -> None: ...
    def tidy(self) -> list[str]:
        return []

    def abandon(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def block(arrived: Callable[..., Arrived]) -> Callable[..., SampleBlock]:
    return lambda start, n=S, **more: arrived(start, n, **more).block


def test_recorder_when_it_ends_well_then_all_samples_losses_and_runs_are_on_the_disk(
    make_reel: Callable[..., Reel], block: Callable[..., SampleBlock]
) -> None:
    reel, lines, told = make_reel(), [], []
    recorder = Recorder(reel, lines.append)
    recorded = Recorded(Pipe(), recorder, told.append)
    assert recorded.n_missing == 3
    assert recorded.refuses(Command("label", "V", "", beat=8)) == "no beat 8"
    recorder.start()
    for item in (block(0), block(S), Gap(2 * S, S), block(3 * S), Gap(4 * S, 0, "reboot"), block(0)):
        list(recorded.parts(item))
    recorder.close()
    assert told == []
    kept = [read_kept(reel._folder, name) for name in names_in(reel._folder)]
    assert [(k.origin.run, k.n) for k in kept if k] == [("b00t-1", 4 * S), ("b00t-2", S)]
    assert (
        wfdb.rdrecord(str(reel._folder / kept[0].name), physical=False).d_signal[2 * S : 3 * S] == -32768
    ).all()  # type: ignore[union-attr]
    assert lines == []


def test_recorder_when_the_disk_hangs_then_nothing_waits_and_it_is_told_and_ends(
    block: Callable[..., SampleBlock], monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.05)
    monkeypatch.setattr(module, "MOST_S", 20.0)
    reel = Stuck()
    recorder = Recorder(reel, lambda line: None)  # type: ignore[arg-type]
    told: list[str | None] = []
    recorded = Recorded(Pipe(), recorder, told.append)
    recorder.start()
    recorded.reset()
    list(recorded.parts(block(0)))
    until(lambda: recorder.problem, "a disk that is late")
    list(recorded.parts(block(S)))
    (why,) = told
    assert "has not answered" in str(why)
    list(recorded.parts(block(2 * S)))
    assert len(told) == 1
    for k in range(3, 103):
        list(recorded.parts(block(k * S)))
    assert recorder.n_dropped >= 80
    reel.free.set()
    until(lambda: recorder.problem is None, "a disk that answers again")
    list(recorded.parts(block(103 * S)))
    assert told[1:] == [None]
    recorder.close()
    starts = [item.block.start for item in reel.taken if isinstance(item, Arrived)]
    assert starts == sorted(starts)
    assert starts[-1] == 103 * S


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "x.dat"), "Read-only file system: x.dat"),
        (NoRoom("4 GB are full"), "4 GB are full"),
        (RuntimeError("a mistake"), "RuntimeError: a mistake"),
    ],
)
def test_recorder_when_the_disk_fails_then_it_says_why_and_goes_on_when_it_can(
    error: Exception,
    text: str,
    block: Callable[..., SampleBlock],
    monkeypatch: pytest.MonkeyPatch,
    until: Any,
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    reel, lines = Stuck(), []
    reel.free.set()
    reel.error = error
    recorder = Recorder(reel, lines.append)  # type: ignore[arg-type]
    recorder.start()
    until(lambda: recorder.problem == text, "the failure")
    reel.error = None
    recorder.block(block(0))
    until(lambda: recorder.problem is None and reel.taken, "the recording to go on")
    recorder.close()
    assert [str(line) for line in lines] == [f"recording: stopped: {text}", "recording: goes on"]


def test_recorder_when_a_real_disk_is_full_then_older_data_stay_and_it_resumes(
    make_reel: Callable[..., Reel],
    block: Callable[..., SampleBlock],
    monkeypatch: pytest.MonkeyPatch,
    until: Any,
) -> None:
    import os

    monkeypatch.setattr(module, "RETRY_S", 0.05)
    reel = make_reel()
    recorder = Recorder(reel, lambda line: None)
    recorder.start()
    recorder.block(block(0))
    until(lambda: [path for path in reel._folder.glob("*.dat") if path.stat().st_size], "a file")
    real = os.pwrite

    def full(descriptor: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    for k in range(1, 4):
        recorder.block(block(k * S))
    until(lambda: recorder.problem, "a full disk")
    monkeypatch.setattr(os, "pwrite", real)
    until(lambda: recorder.problem is None, "space")
    recorder.block(block(10 * S))
    recorder.close()
    kept = [read_kept(reel._folder, name) for name in names_in(reel._folder)]
    spans = [(k.segment.start, k.segment.start + k.n) for k in kept if k]
    assert spans[0][0] == 0
    assert spans[0][1] >= S
    assert spans[-1][0] >= S
    assert spans[-1][1] == 11 * S


def test_check_folder_when_it_cannot_be_made_then_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"^record: cannot make the folder"):
        check_folder(str(tmp_path / "file" / "x"))
    check_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
