"""Live lines for people: one for each beat, and one when rhythm, alarms or the signal change. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

MEANING = {
    "N": "normal",
    "S": "premature, from above",
    "V": "VENTRICULAR",
    "F": "fusion",
    "Q": "paced or unknown",
}


def _clean(text: object) -> str:
    """Text that came over a wire, without anything that a terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


class LiveLines:
    """Turns what a subscriber hears into lines. Remembers the heart rate and rhythm it heard last."""

    def __init__(self) -> None:
        self._hr = "--"
        self._rhythm = "?"

    def push(self, topic: str, payload: bytes) -> list[str]:
        """Lines for one message; none for what is not for people (waveforms, repetitions)."""
        leaf = topic.split("/")[2:] or [""]
        if leaf[0] == "availability":
            return [f"           signal {_clean(payload.decode('utf-8', 'replace'))}"]
        if leaf[0] not in ("beat", "state", "rhythm", "alarm", "event"):
            return []
        try:
            body = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return []
        if not isinstance(body, dict):
            return []
        at = _clean(body.get("t", ""))[11:21]
        say = getattr(self, f"_on_{leaf[0]}")
        return [f"{at} {line}" for line in say(body)]

    def _on_beat(self, body: dict[str, Any]) -> list[str]:
        if not body.get("final"):
            return []
        rr, aami = body.get("rr_ms"), _clean(body.get("aami"))
        gap = "   -   " if rr is None else f"{rr:4.0f} ms"
        sure = "" if body.get("readable", True) else "  (unreadable)"
        sure = "  (warming up)" if body.get("warming") else sure
        heart = f"HR {self._hr:>3} {self._rhythm}"
        return [f"beat {aami}  RR {gap}  {heart:16} {MEANING.get(aami, '')}{sure}"]

    def _on_state(self, body: dict[str, Any]) -> list[str]:
        hr = body.get("hr_bpm")
        self._hr = "--" if hr is None else f"{hr:.0f}"
        return []

    def _on_rhythm(self, body: dict[str, Any]) -> list[str]:
        self._rhythm = _clean(body.get("label"))
        return [f"rhythm {self._rhythm}  ({body.get('prob')})"]

    def _on_alarm(self, body: dict[str, Any]) -> list[str]:
        name, state, priority = (_clean(body.get(key)) for key in ("name", "state", "priority"))
        mark = "***" if state == "active" and priority == "high" else "   "
        return [f"{mark} ALARM {name} {state}, priority {priority}: {_clean(body.get('value'))}"]

    def _on_event(self, body: dict[str, Any]) -> list[str]:
        if body.get("what") != "note":
            return []
        return [f"{_clean(body.get('event_type'))}: {_clean(body.get('detail'))}"]
