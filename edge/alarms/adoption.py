"""What a monitor that was killed has left: alarms in its log, in its outbox and kept by the broker. Pure.

The newest word on each alarm counts, wherever it stands. :class:`edge.alarms.desk.AlarmDesk` says what becomes of it.
What stands on disk is this bed's own. What the broker keeps may be that of another monitor of the same name, which
lives: so it is first listened to whether one speaks, and then nothing of it is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec

from edge.alarms.state import RANK
from edge.messages import Composer, Message, utc_ms
from edge.shown import shown

LISTEN_S = 3.0
"""A monitor that lives gives a state a second."""
WAR_S = 6.0
"""The same where connections did not last: another of our name may be trying again, after 4 s at most, and will end
this connection before so long.
"""
ALONE_S = 5.0
"""So long after the start the disk alone is believed, if there is no broker."""
LATEST_S = 20.0
"""And so long after it in any case."""
OTHER_S = 10.0
"""Another monitor that has not spoken for so long is gone."""
OTHER_N = 2
"""It has spoken at least so often: one word may still come of a monitor that was just killed."""
MAX_BYTES = 4096
MAX_TOPICS = 100

_Text = Annotated[str, msgspec.Meta(max_length=400)]
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[a-zA-Z0-9_-]{0,100}\Z")]


class _Said(msgspec.Struct):
    """The fields that an alarm's message and its line in the log have in common."""

    name: _Text
    state: Literal["active", "latched", "cleared"]
    since: _Text
    t: _Text
    occurrence: _Id = ""
    acked: bool = False
    value: _Text = ""
    limit: _Text = ""
    by: _Text = ""
    what: _Text = ""


class _Speaker(msgspec.Struct):
    boot_id: _Id


_said = msgspec.json.Decoder(_Said).decode
_speaker = msgspec.json.Decoder(_Speaker).decode


@dataclass(frozen=True, slots=True)
class Left:
    """An alarm as an earlier start of the monitor told it last.

    Attributes
    ----------
    name, state, acked, value, limit, by
        As in :class:`edge.types.Alarm`.
    occurrence : str
        Which one it was, as it was published; empty where that is not known.
    since_s, told_s : float
        Since when it was, and when this was said; UTC, seconds since 1970.
    stands : bool
        Somewhere it is still told as one that is not over.
    """

    name: str
    state: str
    acked: bool
    value: str
    limit: str
    by: str
    occurrence: str
    since_s: float
    told_s: float
    stands: bool


def read_left(name: str, payload: bytes) -> Left | None:
    """The alarm `name` in a message that was kept; None for what is no alarm of ours."""
    if len(payload) > MAX_BYTES:
        return None
    try:
        return _left(name, _said(payload))
    except (ValueError, RecursionError):
        return None


def read_logged(record: Mapping[str, Any]) -> Left | None:
    """The alarm in a record of the alarm log; None for any other record."""
    try:
        said = msgspec.convert(record, _Said)
    except (ValueError, RecursionError):
        return None
    said.acked = said.what in ("acknowledged", "returned")
    return _left(said.name, said)


def _left(name: str, said: _Said) -> Left | None:
    since_ms, t_ms = utc_ms(said.since), utc_ms(said.t)
    if name not in RANK or said.name != name or since_ms is None or t_ms is None:
        return None
    texts = (shown(said.value, 120), shown(said.limit, 120), shown(said.by))
    times = since_ms / 1000.0, t_ms / 1000.0
    return Left(name, said.state, said.acked, *texts, said.occurrence, *times, said.state != "cleared")


class Adoption:
    """Gathers what was left and gives it when it is time.

    Parameters
    ----------
    composer : Composer
        Knows the bed's topics and this start of the monitor.
    now_s : float
        Monotonic time of the start [s].

    Attributes
    ----------
    n_unknown : int
        Topics of alarms that are none of ours, or held no message of ours.
    """

    def __init__(self, composer: Composer, now_s: float) -> None:
        self._device, self._prefix = composer.device, f"{composer.base}/{composer.device}/"
        self._mine = f'"boot_id":"{composer.boot_id}"'.encode()
        self._disk: dict[str, Left] = {}
        self._kept: dict[str, Left] = {}
        self._unknown: dict[str, None] = {}
        self._settled_s, self._disk_s, self._latest_s = float("inf"), now_s + ALONE_S, now_s + LATEST_S
        self._other, self._other_s, self._n_other = "", float("-inf"), 0
        self._rival_s = float("-inf")
        self._notes: list[tuple[str, str]] = []
        self.n_unknown = 0

    @property
    def topics(self) -> list[tuple[str, int]]:
        """What to subscribe to, with the QoS: this bed's own alarms, and who else speaks for it."""
        return [(f"{self._prefix}alarm/+", 1), (f"{self._prefix}state", 0)]

    # -- what comes in -------------------------------------------------------------------------------

    def connected(self, now_s: float, steady: bool) -> None:
        """A broker is there; `steady`: no connection to it was lost within seconds."""
        self._settled_s, self._disk_s = now_s + (LISTEN_S if steady else WAR_S), self._latest_s

    def hear(self, topic: str, payload: bytes, retain: bool, now_s: float) -> bool:
        """Take a message from the broker; gives whether it was one of `topics`."""
        kind, _, name = topic.removeprefix(self._prefix).partition("/")
        if not topic.startswith(self._prefix) or (kind, bool(name)) not in (
            ("state", False),
            ("alarm", True),
        ):
            return False
        if self._mine in payload:
            return True
        if kind == "state":
            if not retain:
                self._meet(payload, now_s)
        elif retain and payload:
            left = read_left(name, payload)
            if left is not None:
                _gather(self._kept, left)
            elif len(self._unknown) < MAX_TOPICS:
                self._unknown[topic] = None
        return True

    def rival(self, now_s: float) -> None:
        """A connection was taken by another client of our name, as it seems."""
        self._rival_s = now_s

    def found(self, messages: Iterable[Message]) -> None:
        """Take what an earlier start left in the outbox."""
        for message in messages:
            name = message.topic.removeprefix(f"{self._prefix}alarm/")
            left = read_left(name, message.payload) if message.retain else None
            if left is not None:
                _gather(self._disk, left)

    def logged(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take the newest records of an alarm log."""
        for record in records:
            left = read_logged(record) if record.get("device") == self._device else None
            if left is not None:
                _gather(self._disk, left)

    def _meet(self, payload: bytes, now_s: float) -> None:
        """A state that is not ours was published just now."""
        try:
            self._other = _speaker(payload).boot_id
        except (ValueError, RecursionError):
            return
        self._n_other = 1 + (self._n_other if now_s - self._other_s < OTHER_S else 0)
        self._other_s = now_s

    # -- what comes out ------------------------------------------------------------------------------

    def due(self, now_s: float, connected: bool) -> tuple[list[Left], list[str]]:
        """What is to be judged now, the oldest first, and topics to be emptied. Each is given once.

        `connected`: the broker is there. What it keeps is judged only while it is, and has been for long enough.
        """
        settled = connected and now_s >= self._settled_s
        if not (self._disk or self._kept or self._unknown) or not (settled or now_s >= self._disk_s):
            return [], []
        found, self._disk = self._disk, {}
        topics: list[str] = []
        if settled:
            if now_s - self._other_s >= OTHER_S:
                for left in self._kept.values():
                    _gather(found, left)
                topics = list(self._unknown)
            self._kept, self._unknown = {}, {}
        self._tell(topics)
        return sorted(found.values(), key=lambda left: left.since_s), topics

    def clash(self, now_s: float) -> str:
        """Who else speaks for this bed now: what a person must know of it, empty for nobody."""
        if self._n_other < OTHER_N or now_s - self._other_s >= OTHER_S:
            taken = now_s - self._rival_s < OTHER_S
            return (
                "connections to the broker last seconds only: is there another monitor of this name?"
                if taken
                else ""
            )
        whose = f"another monitor (boot_id {self._other}) speaks for {self._device} too, of another patient?"
        return f"{whose} Give each bed its own device id"

    def notes(self) -> list[tuple[str, str]]:
        """What is worth an event since the last call: kind and detail."""
        notes, self._notes = self._notes, []
        return notes

    def _tell(self, topics: list[str]) -> None:
        if topics:
            self.n_unknown += len(topics)
            names = ", ".join(shown(topic.removeprefix(self._prefix)) for topic in topics[:3])
            detail = f"{len(topics)} kept topics that are no alarms of ours were emptied ({names})"
            self._notes.append(("alarm_unknown", f"{detail}; {self.n_unknown} so far"))


def _gather(found: dict[str, Left], left: Left) -> None:
    """Keep the newest word on an alarm, and whether any word leaves it standing."""
    other = found.get(left.name, left)
    newest = left if left.told_s >= other.told_s else other
    found[left.name] = replace(newest, stands=left.stands or other.stands)
