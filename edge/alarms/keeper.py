"""What goes with the alarms of one bed: the log, the pause of the sound, the monitor's own health, the commands.

Pure: times are arguments, and what must be done in the world is a callable given by the monitor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from edge.alarms.adoption import Adoption
from edge.alarms.desk import AlarmDesk
from edge.alarms.log import Diary
from edge.load import LoadWatch
from edge.messages import Composer, Message
from edge.types import Alarm, Command, Status
from firmware_bridge.types import BadInput


class Lines(Protocol):
    """The alarm log, as :class:`edge.io.alarm_log.AlarmLog` is one."""

    def write(self, line: bytes) -> None:
        """Take one line; never waits."""

    def notes(self) -> list[tuple[str, str]]:
        """What happened to the log since the last call: kind and detail."""

    def left(self) -> list[Mapping[str, Any]]:
        """The newest records of alarms that earlier starts wrote, once they are read; each is given once."""


class AlarmKeeper:
    """Keeps the alarms of one bed.

    Parameters
    ----------
    desk : AlarmDesk
        How they stand.
    composer : Composer
        Makes messages.
    lines : Lines or None
        The log.
    note, publish : callable
        Take (kind, detail) of an event, and a message.
    unpin : callable, optional
        Called when the core that the process keeps to turns out to be somebody else's; gives whether it left it.
    adoption : Adoption, optional
        Gathers what earlier starts have left.
    record : callable, optional
        Takes every alarm as it is told, whoever raised it: it belongs into the recording.
    """

    def __init__(
        self,
        desk: AlarmDesk,
        composer: Composer,
        lines: Lines | None,
        note: Callable[[str, str], None],
        publish: Callable[[Message], None],
        unpin: Callable[[], bool] | None = None,
        adoption: Adoption | None = None,
        record: Callable[[Alarm], None] | None = None,
    ) -> None:
        self.desk, self._composer, self._lines = desk, composer, lines
        self._note, self._publish, self._unpin = note, publish, unpin
        self._adoption, self._record = adoption, record
        self._diary = Diary(composer.device, composer.boot_id)
        self._audio: tuple[str | None, bool] | None = None
        self._by = ""
        self.load = LoadWatch()

    def begin(self, source: str, utc_s: float) -> None:
        """The monitor starts."""
        self._write(self._diary.note("started", source, utc_s))

    def on_alarm(
        self, alarm: Alarm, status: Status | None, stamp: Callable[[int], float], utc_s: float
    ) -> None:
        """An alarm changed: write it down; a new lethal one ends the pause of the sound."""
        before, broke_through = self.desk.take(alarm)
        self._write(self._diary.alarm(alarm, before, status, stamp))
        if self._record is not None:
            self._record(alarm)
        if broke_through:
            self._end_pause(f"a new alarm: {alarm.name}", utc_s)

    def tick(self, now_s: float, at: int, broker: str | None) -> list[Alarm]:
        """Time passed; gives the monitor's own alarms that changed, and those of earlier starts.

        Parameters
        ----------
        now_s : float
            Monotonic time [s].
        at : int
            The newest sample.
        broker : str or None
            Why there is no broker; empty where there is one, None where none is wanted.
        """
        self.desk.set("overload", self.load.cause, self.load.detail)
        if broker is not None:
            self.desk.set("broker_lost", bool(broker), broker or "connected")
        if self._adoption is not None:
            clash = self._adoption.clash(now_s)
            self.desk.set("device_id_clash", bool(clash), clash or "it has fallen silent")
        return [*self._adopted(now_s, at, broker == ""), *self.desk.tick(now_s, at)]

    def _adopted(self, now_s: float, at: int, connected: bool) -> list[Alarm]:
        """What becomes of the alarms of earlier starts, once it is time; topics of rubbish are emptied."""
        if self._adoption is None:
            return []
        self._adoption.logged([] if self._lines is None else self._lines.left())
        found, rubbish = self._adoption.due(now_s, connected)
        for topic in rubbish:
            self._publish(Message(topic, b"", True, 1))
        for kind, detail in self._adoption.notes():
            self._note(kind, detail)
        return [alarm for left in found if (alarm := self.desk.adopt(left, at)) is not None]

    def tell(self, now_s: float, utc_s: float) -> None:
        """What follows from time and from the alarms: the end of a pause, what should be heard, the log's troubles."""
        if self.desk.pause.poll(now_s):
            self._end_pause("its time is over", utc_s)
        left_s = self.desk.pause.left_s(now_s)
        audio = self.desk.sounding(now_s), left_s is not None
        if audio != self._audio:
            self._audio = audio
            until_s = None if left_s is None else utc_s + left_s
            self._publish(self._composer.audio(audio[0], until_s, self._by if audio[1] else "", utc_s))
        unpin = self._unpin if self.load.hogged else None
        if unpin is not None and unpin():
            self._unpin = None
            self._note("core_left", f"{self.load.detail}: the monitor may run on any core now")
        for kind, detail in [] if self._lines is None else self._lines.notes():
            self._note(kind, detail)

    def obey(
        self, command: Command, now_s: float, utc_s: float, at: int
    ) -> tuple[list[Alarm], dict[str, object]]:
        """Obey a command, as far as the monitor itself must: changes of alarms, and what the answer says besides.

        Raises
        ------
        BadInput
            For a verb that is not known here: none may be taken for a reset, which forgets alarms.
        """
        if command.verb == "ack":
            return self.desk.ack(command.name, at, command.by), {}
        if command.verb == "pause":
            return [], {"seconds": self._pause(command, now_s, utc_s)}
        if command.verb == "label":
            detail = f"beat {command.beat} is {command.name}"
            self._write(self._diary.note("label", detail, utc_s, command.by))
            return [], {}
        if command.verb != "reset":
            raise BadInput(f"command: got {command.verb!r}, expected ack, label, pause or reset")
        self._write(self._diary.note("reset", "another patient", utc_s, command.by))
        return self.desk.forget_patient(at), {}

    def _pause(self, command: Command, now_s: float, utc_s: float) -> int:
        paused = self.desk.pause.left_s(now_s) is not None
        left_s = self.desk.begin_pause(command.seconds, now_s)
        self._by, self._audio = command.by, None
        if left_s is None:
            if paused:
                self._end_pause("asked for", utc_s, command.by)
            return 0
        detail = f"for {left_s:.0f} s" + (f" by {command.by}" if command.by else "")
        self._note("audio_paused", detail)
        self._write(self._diary.note("paused", detail, utc_s, command.by))
        return round(left_s)

    def _end_pause(self, why: str, utc_s: float, by: str = "") -> None:
        self._note("audio_pause_ended", why)
        self._write(self._diary.note("pause_ended", why, utc_s, by))

    def _write(self, line: bytes) -> None:
        if self._lines is not None:
            self._lines.write(line)
