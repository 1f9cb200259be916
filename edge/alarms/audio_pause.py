"""A timed pause of the alarms' sound. Pure: time is an argument.

The monitor itself makes no sound: who does (a page, a siren behind the broker) asks what `sounding` says. A pause
silences what is wrong with one bed for a time and ends by itself, by the monotonic clock and not by that of the
samples: it must end though none arrive. A new alarm of high priority ends it at once: nobody has heard of that one.
"""

from __future__ import annotations

from collections.abc import Iterable

from edge.alarms.state import PRIORITIES
from edge.types import Alarm

MAX_PAUSE_S = 600.0
"""The longest pause that may be asked for."""


class AudioPause:
    """Whether alarms are silenced, and until when."""

    def __init__(self) -> None:
        self._until_s: float | None = None

    def begin(self, seconds: float, now_s: float) -> None:
        """Silence for so long from now, at most `MAX_PAUSE_S`; 0 or less: sound again."""
        self._until_s = now_s + min(seconds, MAX_PAUSE_S) if seconds > 0.0 else None

    def left_s(self, now_s: float) -> float | None:
        """Seconds left [s]; None while there is no pause."""
        return None if self._until_s is None else max(0.0, self._until_s - now_s)

    def poll(self, now_s: float) -> bool:
        """Time passed: True when the pause has just ended."""
        if self._until_s is None or now_s < self._until_s:
            return False
        self._until_s = None
        return True

    def heard(self, alarm: Alarm) -> bool:
        """An alarm changed: True when it is new and of high priority, and so ended the pause."""
        new = alarm.state == "active" and not alarm.acked
        if self._until_s is None or not new or alarm.priority != "high":
            return False
        self._until_s = None
        return True


def sounding(alarms: Iterable[Alarm], paused: bool) -> str | None:
    """The highest priority that should be heard now: of those not over and not acknowledged, outside a pause."""
    open_ = {alarm.priority for alarm in alarms if alarm.state != "cleared" and not alarm.acked}
    return None if paused else next((p for p in PRIORITIES if p in open_), None)
