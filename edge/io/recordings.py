"""[io] Recordings opened for reading: a WFDB record with its annotations, or a folder of segments made one again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timezone
from pathlib import Path

import numpy as np

from edge.io.disk_budget import names_in
from edge.io.wfdb_writer import ANNOTATOR
from edge.recording.annotations import AnnotationError, Mark, parse
from edge.recording.wfdb_header import Origin, read_origin
from firmware_bridge.records import Record, open_record, record_path
from firmware_bridge.types import F32, BadInput

MOST_SAMPLES = 200_000_000
"""A longer joined recording (nine days of one lead at 250 Hz) is refused: it would not fit into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording with what was said about it.

    Attributes
    ----------
    name, device : str
        The record's name (a folder's, where segments were joined), and the bed; empty where nobody says.
    fs : float
        Rate [Hz].
    leads : tuple of str
        Name of each column.
    mv : ndarray of float32, shape (n, n_leads)
        The signals [mV]; NaN where there is no sample: lost ones, and the time between segments.
    utc_s : float or None
        When the first sample was, seconds since 1970; None where the record does not say.
    marks : tuple of Mark
        Annotations in order of time, counted in samples from 0.
    annotated : bool
        Whether there was a file of annotations.
    """

    name: str
    device: str
    fs: float
    leads: tuple[str, ...]
    mv: F32
    utc_s: float | None
    marks: tuple[Mark, ...]
    annotated: bool

    @property
    def seconds(self) -> float:
        """Length [s]."""
        return self.mv.shape[0] / self.fs


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    recording: Recording
    origin: Origin


def open_recording(path: str | Path, annotator: str = ANNOTATOR) -> Recording:
    """Open a record, or a folder of `heartwire run --record` as one recording.

    Parameters
    ----------
    path : str or Path
        A WFDB record with or without ``.hea``, also below HEARTWIRE_DATA, or the folder of a bed.
    annotator : str
        Extension of the annotations.

    Raises
    ------
    BadInput
        For what is not there or cannot be read, and for a folder that is not one recording.
    """
    if Path(path).is_dir():
        return _joined(Path(path), annotator)
    return _one(path, annotator)[0]


def _one(path: str | Path, annotator: str) -> tuple[Recording, Origin | None]:
    base = record_path(path)
    record = open_record(base, "all")
    origin = read_origin(record.comments)
    marks = _marks(base.with_name(f"{base.name}.{annotator}"), record)
    utc_s = None if record.base is None else record.base.replace(tzinfo=timezone.utc).timestamp()
    found = Recording(
        record.name,
        "" if origin is None else origin.device,
        record.fs,
        record.leads,
        record.mv,
        utc_s,
        marks or (),
        marks is not None,
    )
    return found, origin


def _marks(path: Path, record: Record) -> tuple[Mark, ...] | None:
    """The marks within the record, None without a file of them."""
    if not path.is_file():
        return None
    try:
        found = parse(path.read_bytes(), str(path)).at(record.fs)
    except (OSError, AnnotationError) as error:
        raise BadInput(f"annotations {path}: {error}") from None
    inside = [mark for mark in found if 0 <= mark.sample < record.mv.shape[0]]
    return tuple(sorted(inside, key=lambda mark: mark.sample))


def _joined(folder: Path, annotator: str) -> Recording:
    parts = []
    for name in names_in(folder):
        if not (folder / f"{name}.dat").is_file() or not (folder / f"{name}.dat").stat().st_size:
            continue
        recording, origin = _one(folder / name, annotator)
        if origin is None or recording.utc_s is None:
            raise BadInput(
                f"{folder} is a folder of several records, not one recording: give one of them, as {name}"
            )
        parts.append(_Segment(recording, origin))
    if not parts:
        beds = sorted(path.name for path in folder.iterdir() if path.is_dir() and names_in(path))
        hint = f"; give one of the beds in it: {', '.join(beds[:8])}" if beds else ""
        raise BadInput(f"{folder}: got a folder without a record, expected that of a bed{hint}")
    kinds = {(part.recording.fs, part.recording.leads) for part in parts}
    if len(kinds) > 1:
        shown = "; ".join(f"{fs:g} Hz {' '.join(leads)}" for fs, leads in sorted(kinds))
        raise BadInput(f"{folder}: its records differ in rate or leads ({shown}): give one of them")
    parts.sort(key=lambda part: part.recording.utc_s or 0.0)
    return _assembled(folder, parts, _places(parts))


def _places(parts: Sequence[_Segment]) -> list[int]:
    """Where each segment begins in the whole: by the device's index within a run, else by the time; never before
    the end of the one before it."""
    places: list[int] = []
    first = parts[0].recording
    for k, part in enumerate(parts):
        at = round(((part.recording.utc_s or 0.0) - (first.utc_s or 0.0)) * first.fs)
        if k:
            before = parts[k - 1]
            if before.origin.run == part.origin.run:
                at = places[-1] + part.origin.start - before.origin.start
            at = max(at, places[-1] + before.recording.mv.shape[0])
        places.append(at)
    return places


def _assembled(folder: Path, parts: Sequence[_Segment], places: Sequence[int]) -> Recording:
    first = parts[0].recording
    n = places[-1] + parts[-1].recording.mv.shape[0]
    if n * len(first.leads) > MOST_SAMPLES:
        days = n / first.fs / 86400
        raise BadInput(
            f"{folder}: {days:.1f} days are too long for one piece: give one of its records, or a folder of fewer"
        )
    mv: F32 = np.full((n, len(first.leads)), np.nan, np.float32)
    marks: list[Mark] = []
    for part, at in zip(parts, places, strict=True):
        mv[at : at + part.recording.mv.shape[0]] = part.recording.mv
        marks += [replace(mark, sample=mark.sample + at) for mark in part.recording.marks]
    annotated = any(part.recording.annotated for part in parts)
    return Recording(
        folder.name or "recording",
        parts[0].origin.device,
        first.fs,
        first.leads,
        mv,
        first.utc_s,
        tuple(marks),
        annotated,
    )
