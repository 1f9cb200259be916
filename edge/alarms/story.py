"""What the alarm log tells, an alarm at a time: when it began, who saw it, when it was over. Pure.

The log has a line for every change. A person wants one entry for an alarm, with its changes below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.alarms.log import VALUES
from edge.messages import iso, utc_ms
from edge.shown import shown
from edge.ward.heard import number
from firmware_bridge.types import BadInput

Record = Mapping[str, Any]

SIGNS = {"high": "!!!", "medium": "!! ", "low": "!  ", "technical": "i  "}
OVER = "over"
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MINUTE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


@dataclass(slots=True)
class Entry:
    """One alarm from its first line to its last, or one thing that is no alarm (a start, a pause of the sound).

    Attributes
    ----------
    device, boot_id : str
        Whose, and the start of the monitor that wrote the first line.
    records : list of dict
        Its lines, oldest first.
    is_alarm : bool
        Whether it is an alarm.
    cut_utc_s : float or None
        When a later start of the bed's monitor began, while this alarm was not told to be over [s since 1970].
    """

    device: str
    boot_id: str
    records: list[Record]
    is_alarm: bool
    cut_utc_s: float | None = None

    @property
    def first(self) -> Record:
        """The line it began with."""
        return self.records[0]

    @property
    def last(self) -> Record:
        """The newest line."""
        return self.records[-1]

    @property
    def open(self) -> bool:
        """Whether it is an alarm that nothing has told to be over."""
        return self.is_alarm and self.last.get("state") != "cleared"

    @property
    def acknowledged(self) -> list[Record]:
        """The lines in which somebody acknowledged it."""
        return [record for record in self.records if record.get("what") == "acknowledged"]

    @property
    def began_utc_s(self) -> float:
        """When its cause began (an alarm), or when it happened [s since 1970]."""
        since = _utc_s(self.first, "since")
        return _when(self.first) if since is None else since

    def touches(self, from_utc_s: float) -> bool:
        """Whether any of it is of this time or later: what stands is, and what was written with no clock set may be."""
        standing = self.open and self.cut_utc_s is None
        return standing or any(
            record.get("synced") is False or _when(record) >= from_utc_s for record in self.records
        )


@dataclass(slots=True)
class Story:
    """Entries in the order in which they began in the log, and how many lines could not be read."""

    entries: list[Entry] = field(default_factory=list)
    n_torn: int = 0


def tell(records: Iterable[Record], n_torn: int = 0) -> Story:
    """Make entries of a log's records.

    Parameters
    ----------
    records : iterable of mapping
        As :func:`edge.alarms.log.read_log` gives them, of one bed or of several.
    n_torn : int
        Lines that were none.
    """
    story = Story(n_torn=n_torn)
    known: dict[tuple[str, str], Entry] = {}
    open_at: dict[str, list[Entry]] = {}
    for record in records:
        device, boot_id, what = (_text(record, key) for key in ("device", "boot_id", "what"))
        if not device or not what:
            story.n_torn += 1
            continue
        occurrence = record.get("occurrence")
        if not isinstance(occurrence, str):
            if what == "started":
                _cut(open_at.pop(device, []), _when(record))
            story.entries.append(Entry(device, boot_id, [record], False))
            continue
        entry = known.get((device, occurrence))
        if entry is None:
            entry = known[device, occurrence] = Entry(device, boot_id, [], True)
            story.entries.append(entry)
        entry.records.append(record)
        entry.cut_utc_s = None
        open_at.setdefault(device, []).append(entry)
    return story


def _cut(entries: Iterable[Entry], utc_s: float) -> None:
    """A monitor starts: what its predecessor left open has no end in the log, unless one comes yet."""
    for entry in entries:
        if entry.open:
            entry.cut_utc_s = utc_s


def since_utc_s(text: str, now_utc_s: float) -> float:
    """The time that `text` names [s since 1970]: ``90m``, ``12h``, ``7d`` before now, or a day or minute in UTC.

    Raises
    ------
    BadInput
        For anything else.
    """
    text = text.strip()
    if (found := _DURATION.fullmatch(text)) is not None:
        return now_utc_s - float(found[1]) * _SECONDS[found[2]]
    whole = text
    if _DAY.fullmatch(text):
        whole = text + "T00:00:00Z"
    elif _MINUTE.fullmatch(text):
        whole = text.replace(" ", "T") + ":00Z"
    ms = utc_ms(whole)
    if ms is None:
        raise BadInput(
            f"--since: got {text[:80]!r}, expected a time ago such as 90m, 12h or 7d, or a time in UTC "
            "such as 2026-11-25, 2026-11-25T21:40 or 2026-11-25T21:40:07Z"
        )
    return ms / 1000.0


# -- for people ------------------------------------------------------------------------------------------


def lines(entry: Entry) -> list[str]:
    """An entry in lines of text: what happened, and below it, indented, the values and what became of it."""
    day = _clock(entry.began_utc_s, entry.first, day=True)
    head = f"{day}  {shown(entry.device)}"
    if not entry.is_alarm:
        return [f"{head}  {_note(entry)}"]
    record = entry.first
    value = _text(record, "value")
    name = f"{SIGNS.get(_text(record, 'priority'), '?  ')} {_text(record, 'name')}"
    out = [f"{head}  {name}{f': {value}' if value else ''}"]
    limit, values = _text(record, "limit"), _values(record)
    kind, priority = _text(record, "kind"), _text(record, "priority")
    facts = [kind if kind == priority else f"{kind}, {priority} priority"]
    facts += [f"rule: {limit}"] if limit else []
    facts += [f"last values: {values}"] if values else []
    facts += [f"start {entry.boot_id}"]
    return [*out, f"    {'; '.join(facts)}", *(f"    {line}" for line in _course(entry))]


def _note(entry: Entry) -> str:
    """What happened that is no alarm."""
    what, detail, by = (_text(entry.first, key) for key in ("what", "detail", "by"))
    words = {"started": "monitor started", "paused": "sound paused", "pause_ended": "sound again"}
    by = f" by {by}" if by and not detail.endswith(f"by {by}") else ""
    start = f" (start {entry.boot_id})" if what == "started" else ""
    return f"{words.get(what, what)}{by}{start}{f': {detail}' if detail else ''}"


def _course(entry: Entry) -> list[str]:
    """What became of an alarm, a line each."""
    out = []
    for record in entry.records:
        what, by = _text(record, "what"), _text(record, "by")
        words = {
            "raised": "raised",
            "acknowledged": f"acknowledged by {by or 'somebody who gave no name'}",
            "returned": "there again",
            "adopted": "taken over by the next start of the monitor; it waits to be acknowledged",
            "latched": "its cause is over; it waits to be acknowledged",
            "cleared": OVER,
        }.get(what, what)
        if what == "acknowledged" and record.get("state") == "cleared":
            words += f", and {OVER}"
        other = _text(record, "boot_id")
        start = f" (start {other})" if other != entry.boot_id else ""
        out.append(f"{_clock(_when(record), record)}  {words}{start}")
    if entry.cut_utc_s is not None:
        out.append(
            f"{_clock(entry.cut_utc_s, {})}  the monitor was started again; this alarm's end was not logged"
        )
    elif entry.open:
        out.append("at the end of this log it still stands")
    return out


def _values(record: Record) -> str:
    """The values when it was raised, with their units."""
    if all(record.get(name) is None for name in VALUES):
        return ""
    hr, rr, pvc = (number(record.get(name)) for name in ("hr_bpm", "rr_ms", "pvc_per_min"))
    sqi, rhythm = number(record.get("sqi")), _text(record, "rhythm")
    parts = [f"HR {'unknown' if hr is None else f'{hr:.0f} bpm'}"]
    parts += [f"rhythm {rhythm}"] if rhythm else []
    parts += [f"RR {rr:.0f} ms"] if rr is not None else []
    parts += [f"PVC {pvc:.0f}/min"] if pvc is not None else []
    parts += [f"signal quality {sqi * 100.0:.0f} %"] if sqi is not None else []
    parts += ["electrode off"] if record.get("lead_off") is True else []
    return ", ".join(parts)


# -- for programs ----------------------------------------------------------------------------------------


def as_dict(entry: Entry) -> dict[str, Any]:
    """An entry as one JSON object: of an alarm its course in `changes`, of anything else the log's own line.

    `ended` is None while it is open, and where the log does not say; then `cut` is when a later start began.
    """
    if not entry.is_alarm:
        return dict(entry.first)
    same = ("name", "priority", "kind", "occurrence", "value", "limit", *VALUES)
    changes = [{key: record.get(key) for key in ("t", "what", "boot_id", "by")} for record in entry.records]
    return {
        "what": "alarm",
        "device": entry.device,
        "boot_id": entry.boot_id,
        **{key: entry.first.get(key) for key in same},
        **({"synced": False} if any(r.get("synced") is False for r in entry.records) else {}),
        "began": entry.first.get("since"),
        "ended": None if entry.open else entry.last.get("t"),
        "cut": None if entry.cut_utc_s is None else iso(entry.cut_utc_s),
        "open": entry.open and entry.cut_utc_s is None,
        "acknowledged": [{"t": record.get("t"), "by": record.get("by")} for record in entry.acknowledged],
        "changes": changes,
    }


def _text(record: Record, key: str) -> str:
    value = record.get(key)
    return shown(value, 200) if isinstance(value, str) else ""


def _utc_s(record: Record, key: str) -> float | None:
    ms = utc_ms(record.get(key))
    return None if ms is None else ms / 1000.0


def _when(record: Record) -> float:
    return _utc_s(record, "t") or 0.0


def _clock(utc_s: float, record: Record, day: bool = False) -> str:
    """Time of day, with the day where wanted; that of a monitor whose clock was not set is named as such."""
    if record.get("synced") is False:
        return "clock not set      " if day else "--:--:--"
    text = iso(utc_s)
    return f"{text[:10]} {text[11:19]}" if day else text[11:19]
