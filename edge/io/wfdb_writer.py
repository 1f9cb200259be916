"""[io] The one writer of WFDB records: a signal file that grows, its annotations, and a header that never promises
more than the disk has.

The header names samples that are safely on the disk, and never the last second of them: a file that loses its tail
still has all that its header promises.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge.recording.annotations import END_BYTES, NOTE, AnnotationError, Mark, encode, parse
from edge.recording.segments import INVALID, Piece, Segment
from edge.recording.wfdb_header import Origin, header_text

ANNOTATOR = "hw"
PADDING = bytes(256)
"""Follows the end mark while a file grows: readers end at the first zero word, and one that loses less is whole."""
_FILL = 65536


class RecordFiles:
    """One record while it is written.

    Parameters
    ----------
    folder : Path
        Where; it must be there.
    name : str
        The record's name.
    segment : Segment
        What it holds.
    origin : Origin
        Where that comes from.
    comments : sequence of str
        More lines for the header.

    Attributes
    ----------
    end : int
        Device index of the first sample that is not in it yet.

    Raises
    ------
    OSError
        From here and from every method: the disk is full, gone or read-only.
    """

    def __init__(
        self, folder: Path, name: str, segment: Segment, origin: Origin, comments: Sequence[str] = ()
    ) -> None:
        self.folder, self.name, self.segment = folder, name, segment
        self._origin, self._comments = origin, tuple(comments)
        n_leads = len(segment.leads)
        self._n, self._first, self._sums = 0, [0] * n_leads, [0] * n_leads
        self._second = max(1, round(segment.fs))
        self._seconds: deque[tuple[int, list[int]]] = deque([(0, self._sums)])
        """Lengths that a header may promise, a second apart, and the sums of what is before them."""
        self._last: Mark | None = None
        self._signal = self._marks = -1
        try:
            self._signal = _create(folder / f"{name}.dat")
            self._marks = _create(folder / f"{name}.{ANNOTATOR}")
            self._marks_end = _write_at(self._marks, encode([]), 0)
            _write_at(self._marks, PADDING, END_BYTES)
            self._header(0, self._sums, open_=True)
        except OSError:
            self.abandon()
            raise

    @property
    def end(self) -> int:
        """Device index of the first sample that is not in it yet."""
        return self.segment.start + self._n

    def append(self, piece: Piece) -> None:
        """Add samples; what is missing before them is filled with invalid ones."""
        missing = piece.start - self.end
        while missing > 0:
            n = min(missing, _FILL)
            self._add(np.full((n, len(self.segment.leads)), INVALID, np.int16))
            missing -= n
        self._add(piece.adc)

    def _add(self, adc: np.ndarray) -> None:  # type: ignore[type-arg]
        n_leads = len(self.segment.leads)
        try:
            _write_at(self._signal, adc.astype("<i2").tobytes(), self._n * 2 * n_leads)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._signal, self._n * 2 * n_leads)
            raise
        if self._n == 0 and adc.shape[0]:
            self._first = adc[0].tolist()
        for at in range(0, adc.shape[0], self._second):
            total = adc[at : at + self._second].sum(axis=0, dtype=np.int64).tolist()
            self._sums = [a + b for a, b in zip(self._sums, total, strict=True)]
            self._n += min(self._second, adc.shape[0] - at)
            if self._n - self._seconds[-1][0] >= self._second:
                self._seconds.append((self._n, self._sums))

    def mark(self, marks: Iterable[Mark]) -> None:
        """Add annotations, in order of time, their samples counted as the device does."""
        last = self._last
        chosen = []
        for given in marks:
            least = (
                last.sample if last is not None else int(given.symbol == NOTE)
            )  # a first remark at 0 is the file's
            at = min(max(given.sample - self.segment.start, least), max(least, self._n - 1))
            last = Mark(at, given.symbol, given.subtype, given.chan, given.num, given.aux)
            chosen.append(last)
        if chosen:
            at_byte = self._marks_end - END_BYTES
            data = encode(chosen, self._last)
            _write_at(self._marks, data + PADDING, at_byte)
            self._marks_end = at_byte + len(data)
            self._last = last

    def sync(self) -> None:
        """Have all on the disk, then write a header that names it, less a second."""
        os.fdatasync(self._signal)
        os.fdatasync(self._marks)
        while len(self._seconds) > 1 and self._seconds[1][0] <= self._n - self._second:
            self._seconds.popleft()
        self._header(*self._seconds[0], open_=True)

    def close(self) -> None:
        """The record is whole: its header says all."""
        try:
            os.ftruncate(self._marks, self._marks_end)
            os.fdatasync(self._signal)
            os.fdatasync(self._marks)
            self._header(self._n, self._sums, open_=False)
            _sync_folder(self.folder)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the files as they are."""
        for descriptor in (self._signal, self._marks):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._signal = self._marks = -1

    def _header(self, n: int, sums: Sequence[int], open_: bool) -> None:
        origin = Origin(self._origin.device, self._origin.run, self._origin.start, open_)
        comments = [origin.comment(), *self._comments]
        text = header_text(self.name, self.segment, n, self._first, sums, comments)
        write_whole(self.folder / f"{self.name}.hea", text.encode("ascii", "replace"))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or as it was before, for its owner alone."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_at(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(beside, path)


def mend(folder: Path, name: str) -> bool:
    """Bring the header and annotations of a record that was never closed in line with its signal file.

    Gives False where there is nothing to mend. Half a frame at the end of the signal file, and half a mark at the end
    of the annotations, are cut off.
    """
    header, signal = folder / f"{name}.hea", folder / f"{name}.dat"
    lines = header.read_text("ascii", "replace").splitlines()
    if not any(line.startswith("# heartwire ") and line.endswith(" open") for line in lines):
        return False
    record = lines[0].split()
    n_leads = int(record[1])
    n = signal.stat().st_size // (2 * n_leads)
    os.truncate(signal, n * 2 * n_leads)
    adc = np.fromfile(signal, "<i2").reshape(n, n_leads)
    record[3] = str(n)
    out = [" ".join(record)]
    for k, line in enumerate(lines[1 : 1 + n_leads]):
        words = line.split(" ", 8)
        total = (int(adc[:, k].sum(dtype=np.int64)) + 0x8000) % 0x10000 - 0x8000
        words[5:7] = str(adc[0, k] if n else 0), str(total)
        out.append(" ".join(words))
    rest = [
        line[: -len("open")] + "closed" if line.endswith(" open") else line for line in lines[1 + n_leads :]
    ]
    _mend_marks(folder / f"{name}.{ANNOTATOR}", n)
    write_whole(header, "\n".join([*out, *rest, ""]).encode("ascii", "replace"))
    return True


def _mend_marks(path: Path, n: int) -> None:
    """Marks that are whole and within the `n` samples; an end where it is missing."""
    data = path.read_bytes() if path.is_file() else b""
    with contextlib.suppress(AnnotationError):
        ended = data[: len(data) // 2 * 2] + bytes(END_BYTES)
        mended = encode([mark for mark in parse(ended, path.name).marks if mark.sample < n])
        if mended != data:
            write_whole(path, mended)
        return
    write_whole(path, encode([]))


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def _write_at(descriptor: int, data: bytes, at: int) -> int:
    """Write all of `data`, however many calls it takes; gives how much that was."""
    view, done = memoryview(data), 0
    while done < len(data):
        done += os.pwrite(descriptor, view[done:], at + done)
    return done


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
