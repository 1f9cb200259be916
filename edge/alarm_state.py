"""One alarm's life: active, latched, cleared; acknowledged; never more than one new alarm in ten seconds."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    name: str
    priority: str
    kind: str
    latching: bool
    off_s: float
    hold_s: float = 0.0
    again_s: float = 10.0


SPECS = (
    AlarmSpec("asystole", "high", "patient", True, 2.0),
    AlarmSpec("vf", "high", "patient", True, 3.0),
    AlarmSpec("vt", "high", "patient", True, 3.0),
    AlarmSpec("extreme_brady", "high", "patient", True, 3.0),
    AlarmSpec("extreme_tachy", "high", "patient", True, 3.0),
    AlarmSpec("no_signal", "technical", "technical", False, 1.0, 3.0, 0.0),
    AlarmSpec("lead_off", "technical", "technical", False, 1.0, 10.0),
    AlarmSpec("unreadable", "technical", "technical", False, 2.0, 10.0),
    AlarmSpec("rate_mismatch", "technical", "technical", False, 1.0, 10.0, 0.0),
)
"""Every alarm, the most urgent first."""


class AlarmState:
    """The state machine of one alarm; times in seconds of stream.

    Idle -> active when the cause appears. Active -> cleared when it has been gone for `off_s`, or latched
    where nobody has acknowledged a latching alarm. Latched -> cleared by `ack`. A cause that comes back makes
    a new alarm, acknowledged or not; if less than `again_s` after the last, once that has passed, and for
    a latching alarm even if the cause has gone meanwhile.
    """

    def __init__(self, spec: AlarmSpec) -> None:
        self.spec = spec
        self.reset()

    def reset(self) -> None:
        """Back to idle, nothing remembered."""
        self.state = "cleared"
        self.acked = False
        self.since = 0
        self.value = ""
        self.raised_s = float("-inf")
        self._gone_s: float | None = None
        self._owed: tuple[int, str] | None = None

    @property
    def sounding(self) -> bool:
        """Active or latched, and not acknowledged."""
        return self.state != "cleared" and not self.acked

    def update(self, cause: bool, now_s: float, at: int, since: int, value: str) -> list[Alarm]:
        """The cause is there or not; gives what changed, one alarm or none.

        `since` is the sample at which the cause began, `value` what was seen.
        """
        due = now_s >= self.raised_s + self.spec.again_s
        if cause and self._is_new(now_s):
            self._owed, self._gone_s = self._owed or (since, value), None
        elif not cause and not self.spec.latching:
            self._owed = None
        if self._owed is not None and due:
            return self._raise(cause, now_s, at)
        if self.state == "active":
            return self._while_active(cause, now_s, at)
        if cause and self.state == "cleared":
            # Seen and acknowledged a moment ago: shown now, and a new alarm when it is due.
            self.state = "active"
            return [self._alarm(at)]
        return []

    def _is_new(self, now_s: float) -> bool:
        if self.state != "active":
            return True
        return self.acked and self._gone_s is not None and now_s >= self._gone_s + self.spec.off_s

    def _raise(self, cause: bool, now_s: float, at: int) -> list[Alarm]:
        if self._owed is not None:
            self.since, self.value = self._owed
        self._owed = None
        self.state, self.acked, self.raised_s = "active", False, now_s
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

    def ack(self, at: int) -> list[Alarm]:
        """A person has seen it; gives what changed."""
        if not self.sounding:
            return []
        self.acked = True
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
        )
