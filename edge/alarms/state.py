"""One alarm's life: active, latched, cleared; acknowledged; never more than one new alarm in ten seconds.

What alarms there are, how urgent each is, and which makes another needless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from edge.types import Alarm


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """What kind of alarm it is.

    Attributes
    ----------
    name, priority, kind : str
        As in :class:`edge.types.Alarm`.
    latching : bool
        Stays until acknowledged, though its cause is gone.
    off_s : float
        The cause must be gone for so long before the alarm knows it.
    hold_s : float
        Stays active for at least so long: a technical alarm that flaps is one alarm.
    again_s : float
        At most one new alarm in this time. The first is never delayed. 0 where no tick may come to raise it.
    on_s : float
        The cause must be there for so long first; 0 for everything lethal.
    above : tuple of str
        Alarms that say more about the same event: while one of them is active, this one is not raised.
    """

    name: str
    priority: str
    kind: str
    latching: bool
    off_s: float
    hold_s: float = 0.0
    again_s: float = 10.0
    on_s: float = 0.0
    above: tuple[str, ...] = ()


def _medium(name: str, off_s: float, *above: str, on_s: float = 0.0) -> AlarmSpec:
    return AlarmSpec(name, "medium", "patient", False, off_s, again_s=60.0, on_s=on_s, above=above)


def _low(name: str, *above: str) -> AlarmSpec:
    return AlarmSpec(name, "low", "patient", False, 60.0, again_s=300.0, above=above)


SPECS = (
    AlarmSpec("asystole", "high", "patient", True, 2.0),
    AlarmSpec("vf", "high", "patient", True, 3.0),
    AlarmSpec("vt", "high", "patient", True, 3.0),
    AlarmSpec("extreme_brady", "high", "patient", True, 3.0),
    AlarmSpec("extreme_tachy", "high", "patient", True, 3.0),
    _medium("pause", 30.0, "asystole", "extreme_brady"),
    _medium("run", 30.0, "vf", "vt"),
    _medium("brady", 30.0, "asystole", "extreme_brady", on_s=5.0),
    _medium("tachy", 30.0, "vf", "vt", "extreme_tachy", on_s=10.0),
    _medium("af", 60.0, "vf", "vt"),
    _low("couplet", "vf", "vt", "run"),
    _low("bigeminy", "vf", "vt", "run"),
    _low("trigeminy", "vf", "vt", "run", "bigeminy"),
    _low("pvc_rate", "vf", "vt", "run", "bigeminy", "trigeminy"),
    AlarmSpec("no_signal", "technical", "technical", False, 1.0, 3.0, 0.0),
    AlarmSpec("lead_off", "technical", "technical", False, 1.0, 10.0),
    AlarmSpec("unreadable", "technical", "technical", False, 2.0, 10.0),
    AlarmSpec("rate_mismatch", "technical", "technical", False, 1.0, 10.0, 0.0),
)
"""Alarms about the patient and his signal, the most urgent first. None that is lethal stands below another."""

MONITOR_SPECS = (
    AlarmSpec("device_id_clash", "technical", "technical", False, 1.0, 10.0),
    AlarmSpec("overload", "technical", "technical", False, 5.0, 10.0),
    AlarmSpec("broker_lost", "technical", "technical", False, 1.0, 5.0, on_s=5.0),
    AlarmSpec("recording_stopped", "technical", "technical", False, 1.0, 10.0),
)
"""Alarms about the monitor itself."""

RANK = {spec.name: k for k, spec in enumerate(SPECS + MONITOR_SPECS)}
"""How urgent an alarm is: 0 is the most urgent."""

PRIORITIES = ("high", "medium", "low", "technical")
"""The most urgent first."""


class AlarmState:
    """The state machine of one alarm; times in seconds of stream.

    Idle -> active when the cause appears. Active -> cleared when it has been gone for `off_s`, or latched
    where nobody has acknowledged a latching alarm. Latched -> cleared by `ack`. A cause that comes back makes
    a new alarm, acknowledged or not; if less than `again_s` after the last, once that has passed, and for
    a latching alarm even if the cause has gone meanwhile. A medium or low one is not even shown before.

    Parameters
    ----------
    spec : AlarmSpec
        Which alarm.
    limit : str
        Its rule with its limits, in words.
    numbers : iterator of int, optional
        Gives every occurrence its number.
    """

    def __init__(self, spec: AlarmSpec, limit: str = "", numbers: Iterator[int] | None = None) -> None:
        self.spec, self.limit = spec, limit
        self._numbers = count(1) if numbers is None else numbers
        self.reset()

    def reset(self) -> None:
        """Back to idle, nothing remembered."""
        self.state = "cleared"
        self.acked = False
        self.by = ""
        self.since = 0
        self.value = ""
        self.occurrence = 0
        self._cause_s: float | None = None
        self.raised_s = float("-inf")
        self._gone_s: float | None = None
        self._owed: tuple[int, str] | None = None

    @property
    def idle(self) -> bool:
        """Not active, nothing owed and no cause in sight: an `update` without a cause changes nothing."""
        return self.state != "active" and self._owed is None and self._cause_s is None

    @property
    def sounding(self) -> bool:
        """Active or latched, and not acknowledged."""
        return self.state != "cleared" and not self.acked

    def update(self, cause: bool, now_s: float, at: int, since: int, value: str) -> list[Alarm]:
        """The cause is there or not; gives what changed, one alarm or none.

        `since` is the sample at which the cause began, `value` what was seen.
        """
        cause = self._lasts(cause, now_s)
        due = now_s >= self.raised_s + self.spec.again_s
        if cause and self._is_new(now_s):
            self._owed, self._gone_s = self._owed or (since, value), None
        elif not cause and not self.spec.latching:
            self._owed = None
        if self._owed is not None and due:
            return self._raise(cause, now_s, at)
        if self.state == "active":
            return self._while_active(cause, now_s, at)
        shields = self.spec.kind == "patient" and not self.spec.latching
        if cause and self.state == "cleared" and not shields:
            # Seen and acknowledged a moment ago: shown now, and a new alarm when it is due.
            self.state = "active"
            return [self._alarm(at)]
        return []

    def _lasts(self, cause: bool, now_s: float) -> bool:
        """Whether the cause is there and has been for `on_s`, or is one that was told already."""
        if not cause:
            self._cause_s = None
            return False
        if self._cause_s is None:
            self._cause_s = now_s
        return self.state == "active" or now_s - self._cause_s >= self.spec.on_s

    def _is_new(self, now_s: float) -> bool:
        if self.state != "active":
            return True
        return self.acked and self._gone_s is not None and now_s >= self._gone_s + self.spec.off_s

    def _raise(self, cause: bool, now_s: float, at: int) -> list[Alarm]:
        if self._owed is not None:
            self.since, self.value = self._owed
        self._owed = None
        self.state, self.acked, self.by, self.raised_s = "active", False, "", now_s
        self.occurrence = next(self._numbers)
        self._gone_s = None if cause else now_s
        return [self._alarm(at)]

    def _while_active(self, cause: bool, now_s: float, at: int) -> list[Alarm]:
        if cause:
            self._gone_s = None
            return []
        if self._gone_s is None:
            self._gone_s = now_s
        if now_s < max(self._gone_s + self.spec.off_s, self.raised_s + self.spec.hold_s):
            return []
        self.state = "latched" if self.spec.latching and not self.acked else "cleared"
        return [self._alarm(at)]

    def ack(self, at: int, by: str = "") -> list[Alarm]:
        """A person (`by`) has seen it; gives what changed."""
        if not self.sounding:
            return []
        self.acked, self.by = True, by
        if self.state == "latched":
            self.state = "cleared"
        return [self._alarm(at)]

    def alarm(self, at: int) -> Alarm:
        """The alarm as it stands."""
        return self._alarm(at)

    def _alarm(self, at: int) -> Alarm:
        s = self.spec
        return Alarm(
            name=s.name,
            state=self.state,
            priority=s.priority,
            kind=s.kind,
            since=self.since,
            latched=self.state == "latched",
            acked=self.acked,
            value=self.value,
            at=at,
            occurrence=self.occurrence,
            limit=self.limit,
            by=self.by,
        )
