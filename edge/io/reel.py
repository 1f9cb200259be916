"""[io] What the recorder does with what it is handed: segments, annotations, strips and room, in one thread."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Union

from edge.io.disk_budget import ALARMS, RESERVE_BYTES, make_room, names_in, write_record
from edge.io.wfdb_writer import RecordFiles, mend, write_whole
from edge.messages import safe_id
from edge.recording.event_strips import EventStrips, Strip
from edge.recording.marks import HORIZON_S, MarkBuffer
from edge.recording.segments import SEGMENT_S, Arrived, Piece, Segment, Segmenter, coalesced
from edge.recording.wfdb_header import Origin, stamp
from edge.types import Alarm, Beat, Rhythm, Status

Handed = Union[Arrived, Beat, Rhythm, Alarm, Status, None]  # noqa: UP007 (a runtime alias on 3.10)
"""Samples; what was said about them, after them; a status, when all up to it is said; None: the device began again."""


class Reel:
    """Writes one device's recording.

    Parameters
    ----------
    folder : Path
        The device's own; made if it is not there.
    device, boot_id : str
        Who is recorded, and by which start of the monitor.
    counts : bool
        Whether the device counts its samples.
    budget_bytes : int
        Most that `folder` may hold.
    segment_s : float
        Length of a segment.
    reserve : int
        Bytes of the disk to leave free.

    Every method may raise OSError, `take` and `tidy` also NoRoom.
    """

    def __init__(
        self,
        folder: Path,
        device: str,
        boot_id: str,
        counts: bool,
        budget_bytes: int,
        segment_s: float = SEGMENT_S,
        reserve: int = RESERVE_BYTES,
    ) -> None:
        self._folder, self._device, self._boot_id = folder, device, boot_id
        self._budget, self._reserve = budget_bytes, reserve
        self._segmenter = Segmenter(counts, segment_s)
        self._marks, self._strips = MarkBuffer(), EventStrips(device)
        self._open: list[RecordFiles] = []
        """Being written, the newest last; the others wait for the answers about their last beats."""
        self._said_to = 0
        self._began_s: float | None = None
        self._to_mend: list[str] = []
        """Records that the disk failed under: their headers tell less than is there."""
        self._lock = -1

    def begin(self) -> int:
        """Make the folder, mend what an earlier start left open; gives how many records that was."""
        self._folder.mkdir(0o700, parents=True, exist_ok=True)
        if self._lock < 0:
            self._lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(error.errno, f"another monitor records into {self._folder}") from None
        return sum(self._mend(name) for name in names_in(self._folder))

    def _mend(self, name: str) -> bool:
        """Mend a record of ours; what is none, or is not all there, stays as it is."""
        try:
            return mend(self._folder, name)
        except (ValueError, IndexError, FileNotFoundError):
            return False

    @property
    def fresh(self) -> bool:
        """Whether the next samples begin a run."""
        return self._segmenter.fresh

    def take(self, items: Iterable[Handed], began_s: float | None = None) -> None:
        """Write what was handed over, in its order; `began_s`: when the first sample was, if they begin a run."""
        self._began_s = began_s
        held: list[Arrived] = []
        for item in items:
            if isinstance(item, Arrived):
                held.append(item)
                continue
            self._samples(held)
            held = []
            if item is None:
                self._segmenter.restart()
            elif isinstance(item, Status):
                self._said_to = item.at
            else:
                self._marks.push(item)
                if isinstance(item, Alarm):
                    self._strips.alarm(item)
        self._samples(held)
        if self._open:
            self._flush(self._said_to - round(HORIZON_S * self._open[-1].segment.fs))
        for strip in self._strips.ready(self._said_to):
            self._write_strip(strip)

    def sync(self) -> None:
        """Have on the disk what was taken."""
        for files in self._open:
            files.sync()

    def tidy(self) -> list[str]:
        """Keep the budget; gives the names of the records that went."""
        if not self._folder.is_dir():
            return []
        return make_room(self._folder, self._budget, [files.name for files in self._open], self._reserve)

    def close(self) -> None:
        """End well: all marks, the strips as far as they got, whole headers."""
        self._end_run()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def abandon(self) -> None:
        """The disk failed: let go of everything; what comes next goes into another segment."""
        for files in self._open:
            try:
                files.close()
            except OSError:
                self._to_mend.append(files.name)
        self._open = []
        self._segmenter.cut()

    def _samples(self, held: list[Arrived]) -> None:
        if held:
            self._said_to = held[-1].block.start  # what was handed over before these has been said
        for item in coalesced(held):
            began_s, self._began_s = self._began_s, None
            for piece in self._segmenter.push(item, began_s):
                self._place(piece)

    def _place(self, piece: Piece) -> None:
        if not self._open or self._open[-1].segment is not piece.segment:
            self._next(piece.segment)
        self._open[-1].append(piece)
        self._strips.samples(piece)

    def _next(self, segment: Segment) -> None:
        """Begin a file; one of another run first ends all that is open."""
        if self._open and self._open[-1].segment.run != segment.run:
            self._end_run()
        self.tidy()
        self._folder.mkdir(0o700, parents=True, exist_ok=True)
        name = _free_name(self._folder, f"{self._device}-{stamp(segment.utc_s)}")
        origin = Origin(self._device, f"{self._boot_id}-{segment.run}", segment.start, True)
        self._open.append(RecordFiles(self._folder, name, segment, origin))
        while self._to_mend:
            self._mend(self._to_mend.pop())

    def _end_run(self) -> None:
        self._flush(None)
        self._marks.restart()
        for strip in self._strips.ready():
            self._write_strip(strip)
        while self._open:
            self._open.pop(0).close()

    def _flush(self, until: int | None) -> None:
        """Write the marks before sample `until`, each into its file, and close files that are done."""
        marks = self._marks.take(until)
        self._strips.marks(marks)
        for k, files in enumerate(self._open):
            last = k == len(self._open) - 1
            files.mark([m for m in marks if m.sample < files.end or last])
            marks = [m for m in marks if m.sample >= files.end]
        while len(self._open) > 1 and until is not None and self._open[0].end <= until:
            self._open.pop(0).close()

    def _write_strip(self, strip: Strip) -> None:
        folder = self._folder / ALARMS
        folder.mkdir(0o700, exist_ok=True)
        wanted = f"{self._device}-{stamp(strip.segment.utc_s)}-{safe_id(strip.alarm)}"
        name = _free_name(folder, wanted)
        origin = Origin(self._device, f"{self._boot_id}-{strip.segment.run}", strip.segment.start, True)
        write_record(folder, name, strip.segment, origin, strip.adc, strip.marks)
        write_whole(folder / f"{name}.svg", strip.svg.encode())


def _free_name(folder: Path, wanted: str) -> str:
    """`wanted`, with a number where that is taken."""
    return next(name for name in _names(wanted) if not (folder / f"{name}.dat").exists())


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    n = 2
    while True:
        yield f"{wanted}-{n}"
        n += 1
