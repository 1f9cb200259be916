"""Events as WFDB annotations, and back: beats, rhythms, alarms and stretches that cannot be read. Pure.

Beats are N S V F Q with their quality (0 to 100) in `num`; a rhythm is '+' with PhysioNet's code; an alarm is a
remark '"' such as ``alarm vf active high: 4.2 s``; '~' with the subtypes -1 and 0 begins and ends a stretch that
cannot be read, as `heartwire evaluate` writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.recording.annotations import NOTE, Mark
from edge.types import Alarm, Beat, Rhythm

RHYTHM_CODES = {"sinus": "(N", "af": "(AFIB", "vt": "(VT", "vf": "(VFIB", "noise": "(NOISE"}
"""Codes of MIT-BIH and of the VF database; any other label stands as it is, in capitals."""
_LABELS = {code[1:]: label for label, code in RHYTHM_CODES.items()} | {"VF": "vf", "VFL": "vf"}

UNREADABLE = frozenset({"unreadable", "lead_off", "no_signal"})
"""Technical alarms while which nothing is known of the heart."""

HORIZON_S = 2.0
"""A beat's final answer comes with the next beat: one that has none after so long keeps its early one."""

_MAX_TEXT = 255
_ALARM = re.compile(r"alarm (\S+) (active|latched|cleared)( acknowledged)? (\w+): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AlarmMark:
    """An alarm as recorded: what changed at sample `at`."""

    at: int
    name: str
    state: str
    acked: bool
    priority: str
    value: str

    @property
    def patient(self) -> bool:
        """Whether it is about the heart and not about the equipment."""
        return self.priority != "technical"


def alarm_text(alarm: Alarm) -> str:
    """The remark that stands for a change of an alarm, of ASCII characters."""
    acked = " acknowledged" if alarm.acked else ""
    text = f"alarm {alarm.name} {alarm.state}{acked} {alarm.priority}: {alarm.value}"
    return text.encode("ascii", "replace").decode()[:_MAX_TEXT]


def read_alarm(mark: Mark) -> AlarmMark | None:
    """The alarm that a remark tells of, None for any other mark."""
    found = _ALARM.match(mark.aux) if mark.symbol == NOTE else None
    if found is None:
        return None
    name, state, acked, priority, value = found.groups()
    return AlarmMark(mark.sample, name, state, acked is not None, priority, value)


def rhythm_label(aux: str) -> str:
    """What a rhythm mark's text means: our label where it is ours, else the code in small letters."""
    code = aux.strip("\0 ").removeprefix("(")
    return _LABELS.get(code, code.lower() or "unknown")


class MarkBuffer:
    """Collects marks until nothing earlier can come any more, and gives them in order."""

    def __init__(self) -> None:
        self._beats: dict[int, Beat] = {}
        self._others: list[Mark] = []
        self._unreadable: set[str] = set()
        self._given_to = 0

    def push(self, event: Beat | Rhythm | Alarm) -> None:
        """Take an event; a final answer takes the place of the early one."""
        if isinstance(event, Beat):
            if event.r_peak.sample >= self._given_to:
                self._beats[event.id] = event
        elif isinstance(event, Rhythm):
            code = RHYTHM_CODES.get(event.label, "(" + event.label.upper())
            self._add(Mark(event.since, "+", aux=code[:_MAX_TEXT]))
        else:
            self._add(Mark(event.at, NOTE, aux=alarm_text(event)))
            self._read(event)

    def take(self, until: int | None = None) -> list[Mark]:
        """The marks before sample `until` (all of them without it), in order of time."""
        beats = [b for b in self._beats.values() if until is None or b.r_peak.sample < until]
        for beat in beats:
            del self._beats[beat.id]
        out = [Mark(b.r_peak.sample, b.aami, num=round(100 * b.sqi)) for b in beats]
        out += [mark for mark in self._others if until is None or mark.sample < until]
        self._others = [] if until is None else [mark for mark in self._others if mark.sample >= until]
        self._given_to = max(self._given_to, until or 0)
        return sorted(out, key=lambda mark: mark.sample)

    def restart(self) -> None:
        """Another run: samples are counted anew."""
        self._given_to = 0

    def _read(self, alarm: Alarm) -> None:
        if alarm.name not in UNREADABLE:
            return
        before = bool(self._unreadable)
        (self._unreadable.add if alarm.state == "active" else self._unreadable.discard)(alarm.name)
        if before != bool(self._unreadable):
            self._add(Mark(alarm.at, "~", -1 if self._unreadable else 0))

    def _add(self, mark: Mark) -> None:
        """A mark for a time that was already given stands at the first that was not."""
        at = max(0, mark.sample, self._given_to)
        self._others.append(mark if at == mark.sample else Mark(at, mark.symbol, mark.subtype, aux=mark.aux))
