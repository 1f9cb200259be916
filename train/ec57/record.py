"""A record's header and its annotation files on disk, found along the WFDB path as the original tools do."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from edge.recording.annotations import Annotations, parse
from train.ec57.errors import Ec57Error
from train.ec57.measurements import number
from train.ec57.times import seconds

#: Rate of a record that has no header, or one without a rate [Hz].
DEFAULT_FS = 250.0


@dataclass(frozen=True, slots=True)
class Header:
    """What of a header matters here.

    Attributes
    ----------
    fs : float
        Sampling rate [Hz].
    n_samples : int or None
        Length of the record, None where the header does not say.
    base_s : float
        Time of day of the first sample [s].
    base_day : date or None
        Its date.
    """

    fs: float = DEFAULT_FS
    n_samples: int | None = None
    base_s: float = 0.0
    base_day: date | None = None

    def seconds(self, text: str) -> float:
        """What a time on the command line means [s]; see :func:`train.ec57.times.seconds`."""
        return seconds(text, self.fs, self.n_samples, self.base_s, self.base_day)


def parse_header(text: str, name: str = "the header") -> Header:
    """Read a WFDB header (header(5) of the WFDB Applications Guide): its record line alone.

    Raises
    ------
    Ec57Error
        When there is no record line, or its rate or length is no number from 0 up.
    """
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    fields = next(lines, "").split()
    if not fields:
        raise Ec57Error(f"{name}: expected a record line such as '100 2 360 650000', got none")
    fs = number(fields[2]) if len(fields) > 2 else DEFAULT_FS
    if fs <= 0:
        raise Ec57Error(f"{name}: got sampling rate {fields[2]!r}, expected a number above 0")
    if len(fields) > 3 and not fields[3].isdecimal():
        raise Ec57Error(f"{name}: got length {fields[3]!r}, expected a number of samples")
    n_samples = (int(fields[3]) if len(fields) > 3 else 0) or None
    base_s = seconds(fields[4], fs) if len(fields) > 4 else 0.0
    return Header(fs, n_samples, base_s, _day(fields[5]) if len(fields) > 5 else None)


def find(record: str, extension: str) -> Path | None:
    """The file `record`.`extension`, in the first folder of the WFDB path that has it.

    The path is the environment variable WFDB, folders with blanks, colons or semicolons between; without it
    the current folder.
    """
    folders = [part for part in re.split(r"[\s:;]+", os.environ.get("WFDB", "")) if part] or ["."]
    paths = (Path(folder, f"{record}.{extension}") for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def read_header(record: str) -> Header | None:
    """The header of a record, or None where there is none. Raises Ec57Error for one that cannot be read."""
    path = find(record, "hea")
    if path is None:
        return None
    return parse_header(_read(path).decode("latin-1"), str(path))


def read_annotations(record: str, annotator: str) -> Annotations:
    """An annotation file of a record.

    Raises
    ------
    Ec57Error
        When it is not there or cannot be read.
    """
    path = find(record, annotator)
    if path is None:
        where = os.environ.get("WFDB") or "the current folder"
        raise Ec57Error(
            f"no annotations {record}.{annotator} in {where}: "
            "name the folders in the environment variable WFDB, or give the record with its folder"
        )
    return parse(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Ec57Error(f"cannot read {path}: {error.strerror or error}") from None


def _day(text: str) -> date | None:
    try:
        day, month, year = (int(part) for part in text.split("/"))
        return date(year, month, day)
    except ValueError:
        return None
