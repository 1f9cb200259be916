"""What a program of heartwire says to those who run it: one line each, safe to read. Pure: times are arguments.

A line has a time, a level, what it is about and a text. Nothing in it is obeyed by a terminal, no secret stands in it,
and one that repeats is held back and counted; a lethal alarm never is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.messages import iso
from edge.shown import shown
from edge.throttle import Throttle
from edge.types import Alarm

LEVELS = {"info": 6, "warning": 4, "error": 3, "critical": 2}
"""Levels and their numbers in syslog (RFC 5424, table 2)."""

SAME, PER_S = 6, 60.0
"""So many of the same line pass in so long. Lines that differ in their numbers alone are the same."""

ANY = 200
"""So many lines of all kinds pass in `PER_S`."""

LOOK_S = 1.0
"""What was held back and is over is looked for no more often."""

MAX_CHARS = 1000
"""A longer text is cut: what a pipe takes in one piece (PIPE_BUF, 4096 bytes) never blocks half-way."""

SHORTEST_SECRET = 4
_NOTHING_WRONG = {
    *("signal", "rate_ok", "source_back", "broker_back", "outbox_disk", "alarm_log_back", "firmware"),
    *("device_beats", "audio_paused", "audio_pause_ended", "personal", "label"),
}
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]{0,15}://)\S{1,300}@", re.IGNORECASE)
_NAMED = re.compile(
    r"((?<![a-z0-9])(?:password|passwd|pwd|secret|token|key)\b[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer\s+)[\w.~+/=-]+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing worth reading.

    Attributes
    ----------
    what : str
        What it is about, one word.
    text : str
        What happened.
    level : str
        One of `LEVELS`.
    urgent : bool
        Never held back.
    """

    what: str
    text: str
    level: str = "info"
    urgent: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.text}"


def about_alarm(alarm: Alarm) -> Line:
    """The line of an alarm that changed."""
    level = "info"
    if alarm.state == "active" and not alarm.acked:
        level = {"high": "critical", "low": "info"}.get(alarm.priority, "warning")
    elif alarm.state == "latched" and not alarm.acked:  # it is over, and nobody has seen it
        level = "warning"
    text = f"{alarm.priority} {alarm.name} {alarm.state}: {alarm.value}"
    return Line("alarm", text, level, alarm.priority == "high")


def about_event(kind: str, detail: str) -> Line:
    """The line of an event of this kind."""
    level = "error" if kind.endswith("_error") else "info" if kind in _NOTHING_WRONG else "warning"
    return Line(kind, detail, level)


def without_secrets(text: str, secrets: Sequence[str] = ()) -> str:
    """`text` without the credentials of addresses, what stands behind such a name, and `secrets` themselves."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    text = _CREDENTIALS.sub(r"\1***@", text)
    return _BEARER.sub(r"\1***", _NAMED.sub(r"\1***", text))


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """`text` as it may be shown: `without_secrets`, printable, and not too long."""
    return shown(without_secrets(text[: 4 * MAX_CHARS], secrets), MAX_CHARS)


def written(line: Line, utc_s: float, as_json: bool) -> str:
    """`line`, already clean, with its time: for a person, or as a JSON object."""
    if as_json:
        return json.dumps({"t": iso(utc_s), "level": line.level, "what": line.what, "text": line.text})
    level = line.level if line.level == "info" else line.level.upper()
    return f"{iso(utc_s)} {level:8} {line}"


def mistake(text: str, as_json: bool, utc_s: float) -> str:
    """The last line of a program that a user's mistake ends."""
    text = clean(text)
    return written(Line("mistake", text, "error"), utc_s, True) if as_json else f"heartwire: {text}"


class Lines:
    """Gives out lines as they may be shown, and holds back what repeats.

    Parameters
    ----------
    secrets : sequence of str
        What must never be shown.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)
        self._same, self._any = Throttle(SAME, PER_S), Throttle(ANY, PER_S)
        self._looked_s = float("-inf")

    def push(self, line: Line, t_s: float) -> list[Line]:
        """Take a line at monotonic time `t_s`; give what is to be shown now."""
        line = Line(clean(line.what, self._secrets), clean(line.text, self._secrets), line.level, line.urgent)
        out: list[Line] = []
        if t_s - self._looked_s >= LOOK_S:
            self._looked_s = t_s
            out = self._held(t_s, over=True)
        if line.urgent:
            return [*out, line]
        key = _NUMBER.sub("#", str(line))
        if self._any.is_full("all", t_s):  # a flood: what else is in it is not even remembered
            self._any.push("all", t_s)
            return out
        n_held = self._same.push(key, t_s)
        if n_held is None:
            return out
        n_lost = self._any.push("all", t_s)
        if n_lost:
            out.append(Line("log", f"{n_lost} lines were held back: more than {ANY} a minute", "warning"))
        if n_held:
            out.append(_about_held(key, n_held))
        return [*out, line]

    def close(self, t_s: float) -> list[Line]:
        """No more lines come: give what is still to be said of those held back."""
        return self._held(t_s, over=False)

    def _held(self, t_s: float, over: bool) -> list[Line]:
        """What was held back and is over (or not): a line each that says how often."""
        return [_about_held(key, n) for key, n in self._same.held(t_s, over)]


def _about_held(key: str, n: int) -> Line:
    return Line("log", f"{n} more like this were held back: {key}")
