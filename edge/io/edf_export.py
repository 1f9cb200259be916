"""[io] A recording as EDF+, by the edfio library: signals in 16 bits, annotations as they were said."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from edge.io.recordings import Recording
from edge.recording.ecg_paper import runs
from edge.recording.mark_words import in_words
from edge.recording.segments import GAIN, I16, INVALID, baselines, quantised
from edge.recording.wfdb_header import moment
from firmware_bridge.types import BadInput

LONGEST_RECORD_S = 60
TICKS_PER_S = 64
"""The start is told to 1/64 s: the sums of such a fraction and whole seconds have few digits, and EDF readers refuse
the times of data records that have many."""


def write_edf(recording: Recording, path: Path) -> None:
    """Write `path`. Where there is no sample stands the digital minimum, and an annotation ``no samples``.

    Raises
    ------
    BadInput
        Without the edfio library, and for a rate that no data record of whole samples can hold.
    OSError
        The file cannot be written.
    """
    try:
        import edfio
    except ImportError:
        raise BadInput(
            "EDF needs the edfio library, which is missing: pip install 'heartwire[record]'"
        ) from None
    seconds = _record_s(recording.fs)
    adc, baseline = quantised(recording.mv, found := baselines(recording.mv)), found
    per_record = round(recording.fs * seconds)
    padding = -adc.shape[0] % per_record
    adc = np.concatenate((adc, np.full((padding, adc.shape[1]), INVALID, np.int16)))
    signals = [
        edfio.EdfSignal.from_digital(
            np.ascontiguousarray(adc[:, k]),
            recording.fs,
            label=_ascii(f"ECG {lead}", 16, " "),
            physical_dimension="uV",
            physical_range=_physical(baseline[k]),
            digital_range=(INVALID, -INVALID - 1),
        )
        for k, lead in enumerate(recording.leads)
    ]
    start = None if recording.utc_s is None else moment(round(recording.utc_s * TICKS_PER_S) / TICKS_PER_S)
    about = (_ascii(recording.device or recording.name, 40),)
    edf = edfio.Edf(
        signals,
        recording=edfio.Recording(
            startdate=None if start is None else _day(start), equipment_code="heartwire", additional=about
        ),
        starttime=None if start is None else start.time(),
        data_record_duration=float(seconds),
        annotations=_annotations(edfio, recording, adc),
    )
    edf.write(path)


def _record_s(fs: float) -> int:
    """Seconds of a data record that holds a whole number of samples."""
    ratio = Fraction(fs).limit_denominator(LONGEST_RECORD_S)
    if not math.isclose(float(ratio), fs, rel_tol=1e-9):
        raise BadInput(
            f"EDF cannot hold {fs:g} Hz: got a rate that gives no whole number of samples in up to "
            f"{LONGEST_RECORD_S} s; export to csv instead"
        )
    return ratio.denominator


def _physical(baseline: int) -> tuple[int, int]:
    """What the ends of the digital range are in uV: whole numbers, which the header's eight characters hold."""
    per_unit = round(1000.0 / GAIN)
    return (INVALID - baseline) * per_unit, (-INVALID - 1 - baseline) * per_unit


def _day(start: datetime) -> Any:
    return start.astimezone(timezone.utc).date()


def _annotations(edfio: Any, recording: Recording, adc: I16) -> list[Any]:
    fs, n = recording.fs, recording.mv.shape[0]
    out = [edfio.EdfAnnotation(mark.sample / fs, None, _text(in_words(mark))) for mark in recording.marks]
    missing = (adc[:n] == INVALID).all(axis=1)
    out += [edfio.EdfAnnotation(a / fs, (b - a) / fs, "no samples") for a, b in runs(missing)]
    return sorted(out, key=lambda annotation: annotation.onset)


def _text(text: str) -> str:
    """Text without the bytes that part annotations from each other."""
    return "".join(c if c.isprintable() else "?" for c in text) or "?"


def _ascii(text: str, most: int, blank: str = "_") -> str:
    """Text as EDF's header takes it."""
    return (
        "".join(c if c.isascii() and c.isprintable() and c != " " else blank for c in text)[:most].strip()
        or "X"
    )
