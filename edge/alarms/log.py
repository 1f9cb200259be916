"""The alarm log's records: one JSON object a line, written once and never altered. Pure.

``{"t": "...Z", "device": "bed4", "boot_id": "...", "occurrence": "<boot_id>-17", "what": "raised", "name": "vt",
"state": "active", "priority": "high", "kind": "patient", "since": "...Z", "value": "...", "limit": "...",
"by": "", "hr_bpm": 171.0, "rhythm": "vt", "sqi": 0.93, "rr_ms": 350.0, "pvc_per_min": 12.0, "lead_off": false}``

`what` is raised, acknowledged, returned (acknowledged, and there again), latched (over, and not acknowledged) or
cleared; adopted where an earlier start raised it and nobody has acknowledged it (`occurrence` and `since` are of then);
of the bed it is started, paused, pause_ended, reset. The values are those that the monitor last gave when it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from edge.messages import TRUSTED_FROM_S, iso, occurrence_id, since_s
from edge.types import Alarm, Status

VALUES = ("hr_bpm", "rhythm", "sqi", "rr_ms", "pvc_per_min", "lead_off")
MAX_LINE = 8192
"""No line of ours is longer."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Diary:
    """Makes the records of one bed and one start of the monitor.

    Parameters
    ----------
    device, boot_id : str
        Whose alarms, and which start of the monitor.
    """

    def __init__(self, device: str, boot_id: str) -> None:
        self.device, self.boot_id = device, boot_id

    def alarm(
        self, alarm: Alarm, before: Alarm | None, status: Status | None, stamp: Callable[[int], float]
    ) -> bytes:
        """The line of an alarm that changed.

        Parameters
        ----------
        alarm, before : Alarm, Alarm or None
            How it stands, and how it stood.
        status : Status or None
            The newest values.
        stamp : callable
            Device sample index -> UTC seconds.
        """
        values = {name: None if status is None else getattr(status, name) for name in VALUES}
        return self._line(
            stamp(alarm.at),
            what_happened(alarm, before),
            occurrence=occurrence_id(self.boot_id, alarm),
            name=alarm.name,
            state=alarm.state,
            priority=alarm.priority,
            kind=alarm.kind,
            since=iso(since_s(alarm, stamp)),
            value=alarm.value,
            limit=alarm.limit,
            by=alarm.by,
            **{name: round(v, 2) if isinstance(v, float) else v for name, v in values.items()},
        )

    def note(self, what: str, detail: str, utc_s: float, by: str = "") -> bytes:
        """The line of something that is not one alarm: a start, a pause of the sound."""
        return self._line(utc_s, what, detail=detail, by=by)

    def _line(self, utc_s: float, what: str, **more: Any) -> bytes:
        fields: dict[str, Any] = {
            "t": iso(utc_s),
            "device": self.device,
            "boot_id": self.boot_id,
            "what": what,
        }
        if not utc_s >= TRUSTED_FROM_S:
            fields["synced"] = False
        return _encode({**fields, **more}) + b"\n"


def what_happened(alarm: Alarm, before: Alarm | None) -> str:
    """One word for a change of an alarm."""
    same = before is not None and before.occurrence == alarm.occurrence
    if alarm.origin is not None and not same:
        return "cleared" if alarm.state == "cleared" else "adopted"
    seen_before = before is not None and same and before.acked
    if alarm.acked and not seen_before:
        return "acknowledged"
    if alarm.state == "active":
        return "returned" if same else "raised"
    return alarm.state


def read_log(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The records in a log's bytes, oldest first, and how many lines are none (torn by a loss of power)."""
    records, n_torn = [], 0
    for line in data.split(b"\n"):
        if not line.strip(b"\0 \r"):
            n_torn += bool(line)
            continue
        try:
            records.append(_decode(line.strip(b"\0")) if len(line) <= MAX_LINE else {})
        except (ValueError, RecursionError):
            n_torn += 1
        else:
            if not records[-1]:
                records.pop()
                n_torn += 1
    return records, n_torn


def newest(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each alarm of each bed the newest record, the oldest of these first."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in records:
        if isinstance(record.get("occurrence"), str):
            key = str(record.get("device")), str(record.get("name"))
            found.pop(key, None)
            found[key] = record
    return list(found.values())


def unseen(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the lethal alarms in a log, those that nobody has acknowledged since they were last raised."""
    open_ = ("raised", "latched", "adopted")
    return [r for r in newest(records) if r.get("priority") == "high" and r.get("what") in open_]
