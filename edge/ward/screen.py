"""All beds on a terminal's screen: numbers, alarms, and the ECG in braille with its beats above. Pure.

The outcome is plain text of a given size and, where wanted, colours; what they say, letters and words say too.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.alarms.state import PRIORITIES
from edge.messages import iso
from edge.ward.beds import Bed, Change, Gone, Ward
from edge.ward.braille import plot
from edge.ward.heard import AlarmHeard, BeatHeard, Vitals, WaveHeard
from edge.ward.trace import Trace

LOW_MV, HIGH_MV = -1.0, 1.5
MAX_ROWS = 8
"""Rows of braille of one bed at most."""
BOLD, DIM, RED, YELLOW, CYAN, GREEN = "1", "2", "1;97;41", "30;43", "30;46", "1;32"
ALARM_STYLE = {"high": RED, "medium": YELLOW, "low": YELLOW, "technical": CYAN}


@dataclass(slots=True)
class _Strip:
    """What is drawn of one bed: its first lead and its last beats, the newest answer of each."""

    trace: Trace = field(default_factory=Trace)
    beats: deque[BeatHeard] = field(default_factory=lambda: deque(maxlen=64))


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line and how it looks: `style` is the parameters of SGR (ECMA-48, 8.3.117), "" for plain."""

    text: str
    style: str = ""


class WardScreen:
    """Remembers what can be drawn and draws it.

    Parameters
    ----------
    ward : Ward
        Whose beds.
    """

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._strips: dict[int, _Strip] = {}
        self._chosen: int | None = None
        self._drawn: list[tuple[AlarmHeard, Bed]] = []

    @property
    def chosen(self) -> Bed | None:
        """The bed that is shown largest."""
        beds = self._beds()
        return next((bed for bed in beds if bed.number == self._chosen), beds[0] if beds else None)

    @property
    def unseen(self) -> list[str]:
        """Names of the chosen bed's alarms that stood on the screen when it was last drawn, and not acknowledged."""
        return [a.name for a, bed in self._drawn if bed is self.chosen and not a.acked]

    def push(self, changes: list[Change]) -> None:
        """Take what the ward said."""
        for change in changes:
            if isinstance(change.what, Gone):
                self._strips.pop(change.bed.number, None)
                continue
            strip = self._strips.setdefault(change.bed.number, _Strip())
            lead = change.lead
            if isinstance(change.what, WaveHeard) and lead is not None and lead.number == 0:
                strip.trace.push(change.what.t_ms, change.what.x, lead.fs, lead.scale_mv)
            elif isinstance(change.what, BeatHeard):
                beat = change.what
                same = next((k for k, b in enumerate(strip.beats) if b.id == beat.id), None)
                if same is None:
                    strip.beats.append(beat)
                else:
                    strip.beats[same] = beat

    def choose(self, step: int) -> None:
        """Another bed is shown largest: the next (1) or the one before (-1)."""
        beds = self._beds()
        if step and beds:
            at = next(k for k, bed in enumerate(beds) if bed is self.chosen)
            self._chosen = beds[(at + step) % len(beds)].number

    def lines(
        self, width: int, height: int, now_s: float, head: str, colour: bool, foot: Sequence[str] = ()
    ) -> list[str]:
        """Draw.

        Parameters
        ----------
        width, height : int
            Of the screen in characters.
        now_s : float
            The ward's time.
        head : str
            What the first line says besides how many beds there are.
        colour : bool
            Whether to use colours and bold letters.
        foot : sequence of str
            Lines at the bottom.
        """
        room = max(1, height - len(foot))
        rows = self._rows(max(20, width), max(4, room), now_s, head)[:room]
        if foot:
            rows += [[] for _ in range(room - len(rows))] + [[Span(f" {line}", BOLD)] for line in foot]
        rows = rows[:height]
        return ["".join(_dress(span, colour) for span in _cut(row, width)) for row in rows]

    def _rows(self, width: int, height: int, now_s: float, head: str) -> list[list[Span]]:
        beds = self._beds()
        n_live = sum(not bed.stale for bed in beds)
        rows = [[Span(f" heartwire  {n_live} of {len(beds)} beds live   {head}", BOLD)]]
        rows += self._alarms(beds, max(1, height // 4))
        if not beds:
            return [*rows, [], [Span(f"   no bed heard yet on {self._ward.base}/+/state", DIM)]]
        chosen = self.chosen
        first = next(k for k, bed in enumerate(beds) if bed is chosen)
        room = height - len(rows)
        n_rows, n_drawn = _share(room, len(beds))
        for k, bed in enumerate(beds[first:] + beds[:first]):
            rows.append(_numbers(bed, now_s, bed is chosen and len(beds) > 1))
            if k < n_drawn:
                rows += self._drawing(bed, width, n_rows)
        return rows

    def _beds(self) -> list[Bed]:
        return sorted(self._ward.beds.values(), key=lambda bed: bed.name)

    def _alarms(self, beds: list[Bed], most: int) -> list[list[Span]]:
        found = [(alarm, bed) for bed in beds for alarm in bed.alarms.values() if alarm.state != "cleared"]
        found.sort(key=lambda pair: (pair[0].acked, PRIORITIES.index(pair[0].priority), pair[1].name))
        self._drawn = found[:most]
        rows = [[_alarm(alarm, bed)] for alarm, bed in self._drawn]
        return [*rows, [Span(f" and {len(found) - most} more alarms", BOLD)]] if len(found) > most else rows

    def _drawing(self, bed: Bed, width: int, n_rows: int) -> list[list[Span]]:
        strip = self._strips.setdefault(bed.number, _Strip())
        n = 2 * (width - 1)
        marks = [" "] * (width - 1)
        for beat in strip.beats:
            x = strip.trace.place(beat.t_ms, n)
            if x is not None:
                marks[x // 2] = "~" if not beat.readable else beat.aami if beat.final else beat.aami.lower()
        curve = plot(strip.trace.columns(n), LOW_MV, HIGH_MV, n_rows)
        style = DIM if bed.stale else GREEN
        return [[Span(" " + "".join(marks))], *([Span(" " + row, style)] for row in curve)]


def _share(room: int, n_beds: int) -> tuple[int, int]:
    """Rows of braille a bed, and how many beds are drawn: all, if each gets two; else as many as fit."""
    each = room // n_beds - 2
    if each >= 2:
        return min(MAX_ROWS, each), n_beds
    spare = room - n_beds
    return (
        (min(MAX_ROWS, spare - 1), 1) if 3 <= spare < 8 else (3, max(0, spare // 4)) if spare >= 8 else (0, 0)
    )


def _alarm(alarm: AlarmHeard, bed: Bed) -> Span:
    sign = {"high": "!!!", "medium": "!! ", "low": "!  ", "technical": "i  "}[alarm.priority]
    since = "" if alarm.since_ms is None else f" since {iso(alarm.since_ms / 1000.0)[11:19]} UTC"
    seen = f", acknowledged{' by ' + alarm.by if alarm.by else ''}"
    state = seen if alarm.acked else ", latched" if alarm.state == "latched" else ""
    stale = " (stale)" if bed.stale else ""
    text = f" {sign} {bed.name}  {alarm.name}{state}  {alarm.value}{since}{stale} "
    return Span(text, DIM if alarm.acked or bed.stale else ALARM_STYLE[alarm.priority])


def _numbers(bed: Bed, now_s: float, chosen: bool) -> list[Span]:
    name = Span(f"{'>' if chosen else ' '}{bed.name}  ", BOLD)
    if bed.stale:
        silent = (
            "its monitor has not spoken yet"
            if bed.heard_s is None
            else f"nothing for {now_s - bed.heard_s:.0f} s"
        )
        return [name, Span(f"STALE: {silent}", "7")]
    v = bed.vitals
    if v is None:
        return [name]
    rest = f"  {v.rhythm}  SQI {_number(v.sqi, 100)}%  HRV {_number(v.rmssd_ms)} ms  PVC {_number(v.pvc_per_min)}/min"
    words = _state(bed, v) + _silence(bed)
    return [name, Span(f"HR {_number(v.hr_bpm):>3}", GREEN), Span(rest), Span(words, BOLD)]


def _silence(bed: Bed) -> str:
    """Until when this bed's alarms make no sound."""
    if bed.audio is None or bed.audio.until_ms is None:
        return ""
    return f"  SOUND PAUSED until {iso(bed.audio.until_ms / 1000.0)[11:19]} UTC"


def _state(bed: Bed, v: Vitals) -> str:
    if bed.signal is not None and not bed.signal.online:
        return "  NO SIGNAL"
    if v.lead_off:
        return "  ELECTRODE OFF"
    return f"  {v.reason}" if v.hr_bpm is None else "  warming up" if v.warming else ""


def _number(value: float | None, factor: float = 1.0) -> str:
    return "--" if value is None else f"{value * factor:.0f}"


def _cells(text: str) -> int:
    """Columns that a terminal gives to `text`."""
    return sum(_cell(c) for c in text)


def _cell(c: str) -> int:
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def _cut(row: list[Span], width: int) -> list[Span]:
    """What of a line fits."""
    out, left = [], width
    for span in row:
        text = span.text
        while _cells(text) > left:
            text = text[:-1]
        out.append(Span(text, span.style))
        left -= _cells(text)
    return out


def _dress(span: Span, colour: bool) -> str:
    return f"\x1b[{span.style}m{span.text}\x1b[0m" if colour and span.style and span.text else span.text
