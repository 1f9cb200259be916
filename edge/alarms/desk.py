"""All alarms of one bed in one hand: those out of the analysis, and those that only the monitor can know.

Pure: monotonic time is an argument. The analysis counts time in samples and stands still with them; what must be
told although no sample comes, or the analysis is dead, the broker gone, the machine too slow, is judged here. So is
the pause of the sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from edge.alarms.adoption import Left
from edge.alarms.audio_pause import AudioPause, sounding
from edge.alarms.limits import AlarmLimits, in_words
from edge.alarms.state import MONITOR_SPECS, SPECS, AlarmState
from edge.types import Alarm, Event, Origin

ANALYSIS = "analysis"
"""A dead analysis is told as `unreadable`: nobody reads the signal."""

RESTARTED = "the monitor was started again"
_SPEC = {spec.name: spec for spec in SPECS}
_ANY = _SPEC | {spec.name: spec for spec in MONITOR_SPECS}


class AlarmDesk:
    """Knows how every alarm stands.

    Parameters
    ----------
    limits : AlarmLimits, optional
        For the words of the rules.
    numbers : iterator of int, optional
        Gives every occurrence its number: shared with the analysis.
    pause_s : float
        Length of a pause that names none.

    Attributes
    ----------
    pause : AudioPause
        The pause of the sound.
    alarms : dict of str to Alarm
        The newest word on each alarm.
    """

    def __init__(
        self,
        limits: AlarmLimits | None = None,
        numbers: Iterator[int] | None = None,
        pause_s: float = 120.0,
    ) -> None:
        words, numbers = in_words(limits or AlarmLimits()), count(1) if numbers is None else numbers
        self._numbers = numbers
        # Over before the analysis, back at work, could find the signal itself unreadable: both have one topic.
        unread = replace(_SPEC["unreadable"], off_s=1.0, hold_s=0.0)
        own = {spec.name: spec for spec in MONITOR_SPECS} | {ANALYSIS: unread}
        self._states = {name: AlarmState(spec, words[spec.name], numbers) for name, spec in own.items()}
        self._causes: dict[str, tuple[bool, str]] = {}
        self._held: dict[str, Alarm] = {}
        self._another = False
        self._pause_s = pause_s
        self.pause = AudioPause()
        self.alarms: dict[str, Alarm] = {}

    # -- what comes in -------------------------------------------------------------------------------

    def set(self, name: str, cause: bool, detail: str) -> None:
        """The cause of one of the monitor's own alarms is there or not; it is told by the next `tick`."""
        self._causes[name] = cause, detail

    def tick(self, now_s: float, at: int) -> list[Alarm]:
        """Time passed; `at` is the newest sample. Gives what changed. Call about four times a second."""
        out = []
        for name, (cause, detail) in list(self._causes.items()):
            out += self._states[name].update(cause, now_s, at, at, detail)
        return out

    def take(self, alarm: Alarm) -> tuple[Alarm | None, bool]:
        """An alarm changed: how it stood before, and whether it ended the pause of the sound."""
        before = self.alarms.get(alarm.name)
        self.alarms[alarm.name] = alarm
        if alarm.state == "active":
            self._held.pop(alarm.name, None)
        return before, self.pause.heard(alarm)

    # -- what a person does --------------------------------------------------------------------------

    def ack(self, name: str, at: int, by: str) -> list[Alarm]:
        """A person has seen the alarm `name`, or all: those of the monitor, and those held over a failure."""
        out = [
            alarm
            for state in self._states.values()
            if name in ("", state.spec.name)
            for alarm in state.ack(at, by)
        ]
        for held in [alarm for alarm in self._held.values() if name in ("", alarm.name)]:
            out.append(self._over(held, at, by))
        return out

    def begin_pause(self, seconds: float | None, now_s: float) -> float | None:
        """Pause the sound; gives the seconds that it will last, None where it sounds again."""
        self.pause.begin(self._pause_s if seconds is None else seconds, now_s)
        return self.pause.left_s(now_s)

    def forget_patient(self, at: int) -> list[Alarm]:
        """Another patient: what was held of the last one is over, and nothing is silenced for him."""
        self._another = True
        self.pause.begin(0.0, 0.0)
        return [self._over(held, at, "") for held in list(self._held.values())]

    # -- a failure of the analysis -------------------------------------------------------------------

    def hold(self, events: Iterable[Event]) -> list[Event]:
        """What the analysis said when it had to begin anew: a lethal alarm that nobody has seen stays latched.

        It did not end, it was forgotten; nobody may take one for the other.
        """
        out: list[Event] = []
        for event in events:
            if isinstance(event, Alarm) and event.state == "cleared" and not event.acked:
                event = self._kept(event)
            out.append(event)
        return out

    def orphans(self) -> list[Event]:
        """A new analysis took over, which knows nothing: the alarms of the last one are over, or held as above."""
        mine = {state.occurrence for state in self._states.values() if state.state != "cleared"}
        theirs = [a for a in self.open if a.name in _SPEC and a.occurrence not in mine]
        return self.hold(replace(a, state="cleared", latched=False) for a in theirs)

    def _kept(self, cleared: Alarm) -> Alarm:
        before, spec = self.alarms.get(cleared.name), _SPEC.get(cleared.name)
        if spec is None or not spec.latching or before is None or before.state == "cleared" or before.acked:
            return cleared
        held = replace(before, state="latched", latched=True, at=cleared.at)
        self._held[held.name] = held
        return held

    def _over(self, held: Alarm, at: int, by: str) -> Alarm:
        self._held.pop(held.name, None)
        return replace(held, state="cleared", latched=False, acked=bool(by), by=by, at=at)

    # -- what an earlier start has left ----------------------------------------------------------------

    def adopt(self, left: Left, at: int) -> Alarm | None:
        """What becomes of an alarm that a monitor left which was killed; None where nothing is to be told.

        A lethal one that nobody has acknowledged is latched, with the time and the identity that it had. Of any other
        nobody knows any more how it stands: it is over. What this start has said itself of that alarm is newer.
        """
        spec = _ANY[left.name]
        unseen = spec.latching and left.state != "cleared" and not left.acked and not self._another
        if left.name in self.alarms or not (unseen or left.stands):
            return None
        alarm = Alarm(
            name=left.name,
            state="latched" if unseen else "cleared",
            priority=spec.priority,
            kind=spec.kind,
            since=at,
            latched=unseen,
            acked=left.acked,
            value=_of_then(left.value, "before" if unseen else "not followed since"),
            at=at,
            occurrence=next(self._numbers),
            limit=left.limit,
            by=left.by,
            origin=Origin(left.occurrence, left.since_s),
        )
        if unseen:
            self._held[alarm.name] = alarm
        return alarm

    # -- how it stands -------------------------------------------------------------------------------

    @property
    def open(self) -> list[Alarm]:
        """Alarms that are not over."""
        return [alarm for alarm in self.alarms.values() if alarm.state != "cleared"]

    def unseen(self, name: str = "") -> list[str]:
        """Names of the alarms that are not over and that nobody has acknowledged: `name` alone, or all."""
        return [a.name for a in self.open if not a.acked and name in ("", a.name)]

    def sounding(self, now_s: float) -> str | None:
        """The priority that should be heard now, or None."""
        return sounding(self.open, self.pause.left_s(now_s) is not None)


def _of_then(value: str, when: str) -> str:
    """What was seen, and that an earlier start of the monitor saw it: said once, however often it was started."""
    seen = value.rpartition(" (")[0] if value.endswith(f"{RESTARTED})") else value
    return f"{seen} ({when} {RESTARTED})".strip()
