"""Which stretch round an alarm is worth a strip, and what it shows. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.recording.annotations import Mark
from edge.recording.ecg_paper import Label, strip
from edge.recording.marks import HORIZON_S
from edge.recording.segments import GAIN, I16, INVALID, Piece, Segment, baselines, quantised
from edge.recording.wfdb_header import moment
from edge.types import AAMI, Alarm
from firmware_bridge.types import F32

BEFORE_S, AFTER_S = 10.0, 20.0
KEEP_S = BEFORE_S + AFTER_S + 10.0
AGAIN_S = 30.0
"""The same alarm again within so long of stream makes no second strip."""


@dataclass(frozen=True, slots=True)
class Strip:
    """What to write: a segment of its own with its samples and marks, and the same as a picture."""

    alarm: str
    segment: Segment
    adc: I16
    marks: tuple[Mark, ...]
    svg: str


class EventStrips:
    """Remembers the last seconds, and gives a strip when all of it is there.

    Parameters
    ----------
    device : str
        Named on the paper.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._pieces: deque[Piece] = deque()
        self._marks: deque[Mark] = deque()
        self._due: list[Alarm] = []
        self._states: dict[str, str] = {}
        self._last: dict[str, int] = {}

    def samples(self, piece: Piece) -> None:
        """Take samples in order; those of another run end all that is open."""
        pieces = self._pieces
        if pieces and (pieces[-1].segment.run != piece.segment.run):
            self._forget()
        pieces.append(piece)
        while piece.end - pieces[0].end > KEEP_S * piece.segment.fs:
            pieces.popleft()

    def marks(self, given: Iterable[Mark]) -> None:
        """Take marks as they are written."""
        self._marks.extend(given)
        while self._marks and self._pieces and self._marks[0].sample < self._pieces[0].start:
            self._marks.popleft()

    def alarm(self, alarm: Alarm) -> None:
        """Take a change of an alarm: one about the patient that becomes active is worth a strip."""
        before = self._states.get(alarm.name)
        self._states[alarm.name] = alarm.state
        if alarm.kind != "patient" or alarm.state != "active" or before == "active" or not self._pieces:
            return
        last, fs = self._last.get(alarm.name), self._pieces[-1].segment.fs
        if last is None or not 0 <= alarm.at - last < AGAIN_S * fs:
            self._last[alarm.name] = alarm.at
            self._due.append(alarm)

    def ready(self, said_to: int | None = None) -> Iterator[Strip]:
        """The strips whose last sample has come, and all that was said up to `said_to`; without that the others too, as
        far as they got.
        """
        if not self._pieces:
            return
        last = self._pieces[-1]
        to = (
            None
            if said_to is None
            else min(said_to, last.end) - round((AFTER_S + HORIZON_S) * last.segment.fs)
        )
        due = [alarm for alarm in self._due if to is None or alarm.at <= to]
        for alarm in due:
            self._due.remove(alarm)
            yield self._strip(alarm)

    def _forget(self) -> None:
        self._pieces.clear()
        self._marks.clear()
        self._due.clear()
        self._last.clear()

    def _strip(self, alarm: Alarm) -> Strip:
        whole = self._pieces[-1].segment
        fs = whole.fs
        start = max(self._pieces[0].start, alarm.at - round(BEFORE_S * fs))
        end = max(start + 1, min(self._pieces[-1].end, alarm.at + round(AFTER_S * fs)))
        mv = self._mv(start, end, len(whole.leads))
        of = next((p.segment for p in self._pieces if p.end > start), whole)
        segment = Segment(
            whole.run, start, fs, whole.leads, baselines(mv), of.utc_s + (start - of.start) / fs
        )
        marks = tuple(mark for mark in self._marks if start <= mark.sample < end)
        labels = [Label((m.sample - start) / fs, m.symbol) for m in marks if m.symbol in AAMI]
        when = moment(segment.utc_s + (alarm.at - start) / fs)
        title = (
            f"{self._device}  {alarm.name} ({alarm.priority}): {alarm.value}  {when:%Y-%m-%d %H:%M:%S} UTC"
        )
        svg = strip(mv[:, 0], fs, f"{title}  lead {whole.leads[0]}", labels, (alarm.at - start) / fs)
        return Strip(alarm.name, segment, quantised(mv, segment.baseline), marks, svg)

    def _mv(self, start: int, end: int, n_leads: int) -> F32:
        """The signal [mV] float32 (n, n_leads) from `start` to `end`, NaN where it is not remembered."""
        mv: F32 = np.full((end - start, n_leads), np.nan, np.float32)
        for piece in self._pieces:
            a, b = max(start, piece.start), min(end, piece.end)
            if a < b:
                adc = piece.adc[a - piece.start : b - piece.start]
                level = (adc - np.asarray(piece.segment.baseline, np.float64)) / GAIN
                mv[a - start : b - start] = np.where(adc == INVALID, np.nan, level)
        return mv
