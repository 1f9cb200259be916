"""The header of a recorded segment, as header(5) of the WFDB Applications Guide has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from edge.recording.segments import GAIN, Segment

_NAMES = re.compile(r"heartwire device=(\S*) run=(\S*) start=(-?\d+) (open|closed)")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_YEAR_10000_S = 253402300799.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a recorded file comes from: `start` is the device's index of its first sample in the run `run`."""

    device: str
    run: str
    start: int
    open: bool

    def comment(self) -> str:
        """As a line of the header."""
        state = "open" if self.open else "closed"
        return f"heartwire device={self.device} run={self.run} start={self.start} {state}"


def read_origin(comments: Sequence[str]) -> Origin | None:
    """The origin that a header's comments tell, None in records of others."""
    for line in comments:
        if found := _NAMES.search(line):
            return Origin(found[1], found[2], int(found[3]), found[4] == "open")
    return None


def moment(utc_s: float) -> datetime:
    """UTC seconds as a date; what is no time of the years 1970 to 9999 is 1970."""
    good = 0.0 <= utc_s < _YEAR_10000_S
    return _EPOCH + timedelta(microseconds=round(utc_s * 1e6)) if good else _EPOCH


def stamp(utc_s: float) -> str:
    """A time fit for a file's name: 20261125T183000Z."""
    return moment(utc_s).strftime("%Y%m%dT%H%M%SZ")


def header_text(
    name: str,
    segment: Segment,
    n: int,
    first: Sequence[int],
    checksums: Sequence[int],
    comments: Sequence[str],
) -> str:
    """The header of one record with one signal file of format 16.

    Parameters
    ----------
    name : str
        The record's name.
    segment : Segment
        Rate, leads, baselines and time.
    n : int
        Samples of each signal.
    first, checksums : sequence of int
        Of each signal: its first sample, and the sum of all `n` (any whole number; written modulo 2**16).
    comments : sequence of str
        Lines for people and programs.
    """
    when = moment(round(segment.utc_s, 3))
    clock = when.strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03d}"
    lines = [f"{name} {len(segment.leads)} {segment.fs:.10g} {n} {clock} {when:%d/%m/%Y}"]
    for k, lead in enumerate(segment.leads):
        total = (checksums[k] + 0x8000) % 0x10000 - 0x8000
        scale = f"{GAIN:g}({segment.baseline[k]})/mV"
        lines.append(f"{name}.dat 16 {scale} 16 0 {first[k]} {total} 0 {_word(lead)}")
    return "\n".join([*lines, *(f"# {_word(line)}" for line in comments), ""])


def _word(text: str) -> str:
    """Text that stays on its line."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "ECG"
