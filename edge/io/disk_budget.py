"""[io] How much disk recordings may take: the oldest segments go first, an alarm's minute never.

What is deleted is first searched for alarms; the minute round each, from half a minute before to half a minute after,
is put into a small record of its own below ``alarms`` and stays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from edge.io.wfdb_writer import ANNOTATOR, RecordFiles
from edge.recording.annotations import AnnotationError, Mark, parse
from edge.recording.marks import read_alarm
from edge.recording.segments import Piece, Segment
from edge.recording.wfdb_header import Origin, read_origin, stamp

ALARMS = "alarms"
HALF_MINUTE_S = 30.0
RESERVE_BYTES = 256 << 20
"""So much of the disk stays free whatever the budget says: the alarm log needs it more."""


class NoRoom(Exception):
    """Nothing is left that may be deleted; says in words what is lacking."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A closed segment on the disk: its name, what its header says, its length and marks."""

    name: str
    segment: Segment
    origin: Origin
    n: int
    marks: tuple[Mark, ...]

    @property
    def end_s(self) -> float:
        """UTC seconds of its end."""
        return self.segment.utc_s + self.n / self.segment.fs

    def alarms_s(self) -> list[float]:
        """UTC seconds of the patient's alarms as they began."""
        found = (read_alarm(mark) for mark in self.marks)
        begun = [a for a in found if a is not None and a.patient and a.state == "active" and not a.acked]
        return [self.segment.utc_s + alarm.at / self.segment.fs for alarm in begun]


def used_bytes(folder: Path) -> int:
    """What all files below `folder` take."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(where, name)).st_size
            except FileNotFoundError:
                continue
    return total


def names_in(folder: Path) -> list[str]:
    """Records in `folder`, the oldest first: their names hold the time."""
    return sorted(path.stem for path in folder.glob("*.hea") if not path.name.startswith("."))


def make_room(
    folder: Path, budget_bytes: int, spare: Sequence[str] = (), reserve: int = RESERVE_BYTES
) -> list[str]:
    """Delete the oldest records of `folder` until budget and reserve are kept; gives the names of what went.

    Parameters
    ----------
    folder : Path
        Of one device.
    budget_bytes : int
        Most that it may hold, alarms included.
    spare : sequence of str
        Records that are being written.
    reserve : int
        Bytes of the disk to leave free.

    Raises
    ------
    NoRoom
        When even that is not enough.
    OSError
        From the disk.
    """
    gone: list[str] = []
    if excess(folder, budget_bytes, reserve) <= 0:
        return gone
    names = [name for name in names_in(folder) if name not in spare]
    for name, after in zip_longest(names, names[1:]):
        _save_minutes(folder, name, after)
        for path in (folder / f"{name}.dat", folder / f"{name}.{ANNOTATOR}", folder / f"{name}.hea"):
            path.unlink(missing_ok=True)
        gone.append(name)
        if excess(folder, budget_bytes, reserve) <= 0:
            return gone
    if used_bytes(folder) > budget_bytes:
        raise NoRoom(
            f"{budget_bytes / 1e9:g} GB are full, and nothing but alarms is left to delete; raise record_gb"
        )
    raise NoRoom(
        f"less than {reserve >> 20} MB of the disk are free, and nothing but alarms is left to delete"
    )


def excess(folder: Path, budget_bytes: int, reserve: int) -> int:
    """Bytes above the budget, or lacking of the reserve, whichever is more."""
    disk = os.statvfs(folder)
    return max(used_bytes(folder) - budget_bytes, reserve - disk.f_bavail * disk.f_frsize)


def read_kept(folder: Path, name: str) -> Kept | None:
    """A record that a recorder wrote, None for any other and for one that cannot be read."""
    try:
        lines = (folder / f"{name}.hea").read_text("ascii", "replace").splitlines()
        origin = read_origin([line for line in lines if line.startswith("#")])
        if origin is None:
            return None
        segment, n = _segment(lines, origin)
        data = (folder / f"{name}.{ANNOTATOR}").read_bytes()
        return Kept(name, segment, origin, n, parse(data, name).marks)
    except (OSError, ValueError, IndexError, AnnotationError):
        return None


def _segment(lines: list[str], origin: Origin) -> tuple[Segment, int]:
    """What our own header says."""
    from datetime import datetime, timezone

    _, n_leads, fs, n, clock, day = lines[0].split()
    when = datetime.strptime(f"{day} {clock}000", "%d/%m/%Y %H:%M:%S.%f").replace(tzinfo=timezone.utc)
    words = [line.split(" ", 8) for line in lines[1 : 1 + int(n_leads)]]
    baseline = tuple(int(word[2].partition("(")[2].partition(")")[0]) for word in words)
    leads = tuple(word[8] for word in words)
    return Segment(1, origin.start, float(fs), leads, baseline, when.timestamp()), int(n)


def _save_minutes(folder: Path, name: str, after: str | None) -> None:
    """Save what belongs to alarms: of this record's own also the part in the record `after` it."""
    this = read_kept(folder, name)
    if this is None:
        return
    following = None if after is None else read_kept(folder, after)
    mine = [(at - HALF_MINUTE_S, at + HALF_MINUTE_S) for at in this.alarms_s()]
    theirs = [] if following is None else following.alarms_s()
    _save(folder, this, mine + [(at - HALF_MINUTE_S, at) for at in theirs if at - HALF_MINUTE_S < this.end_s])
    if following is not None:
        _save(folder, following, mine)


def _save(folder: Path, kept: Kept, spans_s: list[tuple[float, float]]) -> None:
    """Write the stretches of `kept` that lie in these times as records of their own."""
    segment, n_leads = kept.segment, len(kept.segment.leads)
    for begin_s, end_s in _union(spans_s):
        first = max(0, round((begin_s - segment.utc_s) * segment.fs))
        last = min(kept.n, round((end_s - segment.utc_s) * segment.fs))
        if first >= last:
            continue
        adc = np.fromfile(
            folder / f"{kept.name}.dat", "<i2", (last - first) * n_leads, offset=first * 2 * n_leads
        )
        start = segment.start + first
        part = replace(segment, start=start, utc_s=segment.utc_s + first / segment.fs)
        name = f"{kept.origin.device}-{stamp(part.utc_s)}-minute"
        (folder / ALARMS).mkdir(0o700, exist_ok=True)
        if (folder / ALARMS / f"{name}.hea").exists():
            continue
        marks = [
            replace(mark, sample=mark.sample + segment.start)
            for mark in kept.marks
            if first <= mark.sample < last
        ]
        write_record(
            folder / ALARMS, name, part, replace(kept.origin, start=start), adc.reshape(-1, n_leads), marks
        )


def write_record(
    folder: Path,
    name: str,
    segment: Segment,
    origin: Origin,
    adc: np.ndarray,  # type: ignore[type-arg]
    marks: Sequence[Mark],
) -> None:
    """Write a whole record at once: samples int16 (n, n_leads), and marks counted as the device counts."""
    for extension in ("dat", ANNOTATOR):  # what a power cut left of the same record
        (folder / f"{name}.{extension}").unlink(missing_ok=True)
    files = RecordFiles(folder, name, segment, origin)
    try:
        files.append(Piece(segment, segment.start, adc))
        files.mark(marks)
    except OSError:
        files.abandon()
        raise
    files.close()


def _union(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
