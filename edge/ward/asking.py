"""What a person who watches asked of the monitors, and what came back. Pure: time is an argument.

Nothing counts as done before the bed's monitor has said so, and no answer is told as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge.commands import write_command
from edge.shown import shown
from edge.ward.beds import Bed, Change
from edge.ward.heard import Answer

ANSWER_S = 5.0
"""A monitor answers within a tick and the broker's way; after so long it will not."""
SHOWN_S = 15.0
"""How long a word stays on the screen."""
MOST = 4
"""Words that are shown together."""

Sent = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class _Asked:
    bed: Bed
    verb: str
    name: str
    at_s: float


class Asking:
    """Makes commands, and words of what became of them.

    Parameters
    ----------
    base : str
        Base topic.
    by : str
        Who asks.
    tag : str
        Tells our commands from those of others who watch.
    """

    def __init__(self, base: str, by: str, tag: str) -> None:
        self._base, self._by, self._tag = base, shown(by), tag
        self._asked: dict[str, _Asked] = {}
        self._n = 0
        self._words: list[str] = []
        self._said_s = 0.0

    def word(self, now_s: float) -> str:
        """What the person should read about it now, "" for nothing."""
        if now_s - self._said_s >= SHOWN_S:
            return ""
        n = len(self._asked)
        return "; ".join(self._words + ([f"{n} asked, no answer yet"] if n else []))

    def acknowledge(self, bed: Bed | None, names: Iterable[str], up: bool, now_s: float) -> list[Sent]:
        """Commands for the alarms `names` of a bed; none, and a word why, where there is nothing to be done.

        Parameters
        ----------
        bed : Bed or None
            Whose alarms.
        names : iterable of str
            Those that the person saw: what came since is not acknowledged unseen.
        up : bool
            Whether the broker is there.
        now_s : float
            The ward's time.
        """
        self._words = []
        wanted = list(names)
        if bed is None or not self._may(bed, up, now_s):
            return []
        if not wanted:
            self._say(f"{bed.name}: no alarm that waits to be acknowledged", now_s)
            return []
        asked = [self._ask(bed, "ack", name, now_s, name=name) for name in wanted]
        return [command for command in asked if command is not None]

    def pause(self, bed: Bed | None, up: bool, now_s: float) -> list[Sent]:
        """The command that pauses the sound of a bed's alarms, or lets them sound again."""
        self._words = []
        if bed is None or not self._may(bed, up, now_s):
            return []
        paused = bed.audio is not None and bed.audio.until_ms is not None
        more = {"seconds": 0} if paused else {}
        command = self._ask(bed, "pause", "sound on" if paused else "sound paused", now_s, **more)
        return [] if command is None else [command]

    def push(self, changes: Iterable[Change], now_s: float) -> None:
        """Take what the ward said, and the time."""
        for change in changes:
            if not isinstance(change.what, Answer):
                continue
            asked = self._asked.get(change.what.id)
            if asked is not None and asked.bed is change.bed and asked.verb == change.what.verb:
                del self._asked[change.what.id]
                self._say(f"{asked.bed.name}: {_outcome(asked, change.what)}", now_s)
        for id in [id for id, asked in self._asked.items() if now_s - asked.at_s > ANSWER_S]:
            asked = self._asked.pop(id)
            self._say(
                f"{asked.bed.name}: NO ANSWER about {asked.name}: nothing is done as far as is known. "
                "Does its monitor run, and does the broker let you publish?",
                now_s,
            )

    def _may(self, bed: Bed, up: bool, now_s: float) -> bool:
        if not up:
            self._say("NOT sent: the broker is away", now_s)
        elif bed.stale:
            self._say(f"{bed.name}: NOT sent: its monitor is silent", now_s)
        return up and not bed.stale

    def _ask(self, bed: Bed, verb: str, alarm: str, now_s: float, **more: object) -> Sent | None:
        self._n += 1
        id = f"{self._tag}-{self._n}"
        command = write_command(self._base, bed.device, verb, self._by, id, **more)
        if command is None:
            self._say(
                f"{bed.name}: NOT sent: {alarm!r} of {bed.name!r} is no name that a monitor gives", now_s
            )
        else:
            self._asked[id] = _Asked(bed, verb, alarm, now_s)
            self._said_s = now_s
        return command

    def _say(self, word: str, now_s: float) -> None:
        self._words, self._said_s = [*self._words, word][-MOST:], now_s


def _outcome(asked: _Asked, answer: Answer) -> str:
    if not answer.ok:
        return f"REFUSED: {answer.error or 'no reason given'}"
    if asked.verb == "pause":
        return asked.name
    if answer.acked is not None and asked.name not in answer.acked:
        return f"{asked.name} was over or acknowledged already"
    return f"{asked.name} acknowledged"
