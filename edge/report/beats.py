"""Beats, RR intervals and episodes of a recording, from its annotations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.io.recordings import Recording
from edge.recording.annotations import Mark
from edge.recording.marks import AlarmMark, read_alarm, rhythm_label
from edge.types import AAMI

F64 = NDArray[np.float64]

SYMBOLS = dict.fromkeys("NLRejn", "N") | dict.fromkeys("AaJS", "S") | dict.fromkeys("VEr", "V") | {"F": "F"}
SYMBOLS |= dict.fromkeys("/fQ", "Q")
"""WFDB's beat symbols in AAMI's five classes, as EC57 (4.3.2) groups them; ours are those classes already."""

LONGEST_RR_S = 3.0
"""A longer interval is a pause, not a heart rate."""
LONGEST_HOLE_S = 0.25
"""Between beats with more missing than this no interval is known."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch, from `start_s` to `end_s` seconds from the recording's start, and what it is."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Beats in order of time.

    Attributes
    ----------
    t_s : ndarray of float, shape (n,)
        R-peaks, seconds from the start.
    aami : ndarray of str, shape (n,)
        N S V F Q.
    quality : ndarray of float, shape (n,)
        Signal quality, 0 to 1; NaN where it was not recorded.
    rr_s : ndarray of float, shape (n,)
        Interval before each beat [s]; NaN for the first, over missing or unreadable signal, and above 3 s.
    pause_s : ndarray of float, shape (n,)
        The intervals above 3 s over signal that could be read; NaN elsewhere.
    """

    t_s: F64
    aami: NDArray[np.str_]
    quality: F64
    rr_s: F64
    pause_s: F64

    @property
    def nn(self) -> NDArray[np.bool_]:
        """Which intervals are between two normal beats."""
        normal = self.aami == "N"
        before = np.concatenate(([False], normal[:-1]))
        found: NDArray[np.bool_] = normal & before & np.isfinite(self.rr_s)
        return found

    def counts(self) -> dict[str, int]:
        """How many beats of each class."""
        return {name: int((self.aami == name).sum()) for name in AAMI}


def beats_of(recording: Recording) -> Beats:
    """The beats that the annotations tell of, and the intervals between them."""
    marks = [mark for mark in recording.marks if mark.symbol in SYMBOLS]
    at = np.array([mark.sample for mark in marks], np.int64)
    graded = any(mark.num for mark in marks)
    quality = np.array([mark.num / 100.0 if graded else np.nan for mark in marks])
    rr = np.full(len(at), np.nan)
    if len(at) > 1:
        rr[1:] = np.diff(at) / recording.fs
        missing = np.concatenate(([0], np.cumsum(~np.isfinite(recording.mv[:, 0]))))
        holes = (missing[at[1:]] - missing[at[:-1]]) / recording.fs
        rr[1:][(holes > LONGEST_HOLE_S) | (rr[1:] <= 0)] = np.nan
        for span in unreadable(recording):
            rr[1:][(at[1:] / recording.fs > span.start_s) & (at[:-1] / recording.fs < span.end_s)] = np.nan
    pause = np.where(rr > LONGEST_RR_S, rr, np.nan)
    rr[rr > LONGEST_RR_S] = np.nan
    aami = np.array([SYMBOLS[mark.symbol] for mark in marks], np.str_)
    return Beats(at / recording.fs, aami, quality, rr, pause)


def rhythms(recording: Recording) -> list[Span]:
    """Stretches of one rhythm; none before the first that is told."""
    told = [(mark.sample, rhythm_label(mark.aux)) for mark in recording.marks if mark.symbol == "+"]
    told = [item for item in told if item[1]]
    spans: list[Span] = []
    if not told:
        return spans
    for (start, label), (end, _) in zip(told, [*told[1:], (recording.mv.shape[0], "")], strict=True):
        if spans and spans[-1].label == label:
            spans[-1] = Span(label, spans[-1].start_s, end / recording.fs)
        elif end > start:
            spans.append(Span(label, start / recording.fs, end / recording.fs))
    return spans


def unreadable(recording: Recording) -> list[Span]:
    """Stretches that were marked as not readable, joined where they overlap."""
    spans, since = [], None
    for mark in recording.marks:
        if mark.symbol != "~":
            continue
        if mark.subtype != 0:
            since = mark.sample if since is None else since
        elif since is not None:
            spans.append(Span("unreadable", since / recording.fs, mark.sample / recording.fs))
            since = None
    if since is not None:
        spans.append(Span("unreadable", since / recording.fs, recording.seconds))
    return spans


def alarms(marks: Sequence[Mark]) -> list[AlarmMark]:
    """The alarms as they began, in order."""
    found = (read_alarm(mark) for mark in marks)
    return [alarm for alarm in found if alarm is not None and alarm.state == "active" and not alarm.acked]
