"""All beds that are heard of, as they stand now. Pure: time is an argument, and nothing that comes in is raised.

One who shows (the page, the terminal) feeds every message to a `Ward` and draws the changes it gives. What the
broker had only kept, or a monitor sends late, is shown but proves no life: a bed is stale until its monitor
speaks, and again when it has been silent for `STALE_S`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

from edge.shown import shown
from edge.ward import heard
from edge.ward.heard import (
    AlarmHeard,
    AlarmUnkept,
    AudioHeard,
    Fact,
    Heard,
    MetaHeard,
    RhythmHeard,
    Signal,
    Vitals,
    WaveHeard,
)

STALE_S = 2.5
"""A live monitor gives a state a second; the readers know within 3 s that it does not (one tick more)."""
FORMER_S = 10.0
"""A lethal alarm that nobody has seen outlives its monitor's voice by so long: the next start adopts it by then, and
two monitors of one name take turns to speak.
"""
MAX_TOPIC = 512
"""Characters of a topic; ours are shorter, and every one that is remembered takes room."""
MAX_BEDS = 64
MAX_LEADS = 12
MAX_ALARMS = 32
NOT_BEDS = ("bridge",)


@dataclass(frozen=True, slots=True)
class Found:
    """A bed was heard of for the first time."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A bed that was stale made room for another."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """The bed's monitor fell silent (`stale`), or speaks again. `after_s`: how long it has been silent."""

    stale: bool
    after_s: float | None


@dataclass(slots=True)
class Lead:
    """A lead whose chunks can be drawn: its number at this bed, its name fit to be shown, rate [Hz], scale."""

    number: int
    name: str
    fs: float
    scale_mv: float
    seq: int = -1


@dataclass(slots=True)
class Bed:
    """One bed as it was heard last. `number` is never used again for another; `name` is fit to be shown."""

    number: int
    device: str
    name: str
    vitals: Vitals | None = None
    rhythm: RhythmHeard | None = None
    signal: Signal | None = None
    audio: AudioHeard | None = None
    audio_boot: str = ""
    alarms: dict[str, AlarmHeard] = field(default_factory=dict)
    leads: dict[str, Lead] = field(default_factory=dict)
    heard_s: float | None = None
    stale: bool = True
    boot_id: str = ""
    boot_of: dict[str, str] = field(default_factory=dict)
    spoke_s: dict[str, float] = field(default_factory=dict)
    seqs: dict[str, tuple[str, int]] = field(default_factory=dict)


What = Union[Fact, Found, Gone, Freshness, Lead]  # noqa: UP007 (a runtime alias on 3.10)


@dataclass(frozen=True, slots=True)
class Change:
    """Something about `bed` is new. For `WaveHeard`, `lead` is the lead it belongs to."""

    bed: Bed
    what: What
    lead: Lead | None = None


class Ward:
    """Follows the beds below one base topic.

    Parameters
    ----------
    base : str
        The base topic.
    explain : bool
        Whether what the networks saw is followed too.

    Attributes
    ----------
    beds : dict of int to Bed
        By number.
    n_ignored, n_refused : int
        Messages that were none of ours; devices there was no room for.
    """

    def __init__(self, base: str = "heartwire", explain: bool = False) -> None:
        self.base, self._explain = base, explain
        self._prefix = base + "/"
        self.beds: dict[int, Bed] = {}
        self._by_device: dict[str, Bed] = {}
        self._next = 1
        self.n_ignored = self.n_refused = 0

    @property
    def topics(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to, with the QoS: no wildcard wider than a bed's own topics."""
        leaves = ("state", 1), ("availability", 1), ("rhythm", 1), ("audio", 1), ("event", 1), ("beat", 0)
        inside = (("explain", 0),) if self._explain else ()
        below = ("alarm/+", 1), ("response/+", 1), ("waveform/+/meta", 1), ("waveform/+", 0)
        return tuple((f"{self.base}/+/{leaf}", qos) for leaf, qos in leaves + below + inside)

    def push(self, topic: str, payload: bytes, retain: bool, now_s: float) -> list[Change]:
        """Take one message, give what it changed. `retain`: the broker had only kept it."""
        device, *levels = topic[len(self._prefix) :].split("/")
        ours = topic.startswith(self._prefix) and len(topic) <= MAX_TOPIC
        said = heard.read(levels, payload) if ours else None
        if said is None or device in NOT_BEDS or not device:
            self.n_ignored += 1
            return []
        out: list[Change] = []
        bed = self._by_device.get(device)
        if bed is None:
            out, bed = self._find(device)
        if bed is None or self._is_repeated(bed, "/".join(levels), said):
            return out
        if not retain and not said.late:
            out += self._alive(bed, said, now_s)
        return out + list(self._apply(bed, said))

    def tick(self, now_s: float) -> list[Change]:
        """Time passed: which beds fell silent. Call about four times a second."""
        out = []
        for bed in self.beds.values():
            if not bed.stale and bed.heard_s is not None and now_s - bed.heard_s > STALE_S:
                bed.stale = True
                out.append(Change(bed, Freshness(True, now_s - bed.heard_s)))
            former = [boot for boot, spoke_s in bed.spoke_s.items() if now_s - spoke_s > FORMER_S]
            out += [change for boot in former for change in self._forget(bed, boot)]
        return out

    @staticmethod
    def _forget(bed: Bed, boot_id: str) -> Iterator[Change]:
        """A former start has not spoken for long: its alarms are history."""
        del bed.spoke_s[boot_id]
        if boot_id == bed.boot_id:
            return
        for name in [name for name, boot in bed.boot_of.items() if boot == boot_id]:
            del bed.alarms[name], bed.boot_of[name]
            yield Change(bed, AlarmUnkept(name))

    def _find(self, device: str) -> tuple[list[Change], Bed | None]:
        """A new bed; where there is no room, in the place of the one that has been stale for longest."""
        out: list[Change] = []
        if len(self.beds) >= MAX_BEDS:
            stale = [bed for bed in self.beds.values() if bed.stale]
            if not stale:
                self.n_refused += 1
                return out, None
            oldest = min(stale, key=lambda bed: bed.heard_s or 0.0)
            del self.beds[oldest.number], self._by_device[oldest.device]
            out.append(Change(oldest, Gone()))
        bed = Bed(self._next, device, shown(device))
        self._next += 1
        self.beds[bed.number] = self._by_device[device] = bed
        return [*out, Change(bed, Found())], bed

    @staticmethod
    def _is_repeated(bed: Bed, leaf: str, said: Heard) -> bool:
        """Whether this, or what came after it on the same topic, was heard already (QoS 1 may deliver twice)."""
        if said.seq < 0:
            return False
        last = bed.seqs.get(leaf)
        if last is not None and last[0] == said.boot_id and said.seq <= last[1]:
            return True
        if leaf in bed.seqs or len(bed.seqs) < MAX_ALARMS + MAX_LEADS + 8:
            bed.seqs[leaf] = said.boot_id, said.seq
        return False

    def _alive(self, bed: Bed, said: Heard, now_s: float) -> Iterator[Change]:
        """A monitor spoke just now. A start that was not known ends the alarms of the one before it, but not yet the
        lethal ones that nobody has seen.
        """
        if said.boot_id in bed.spoke_s:
            bed.spoke_s[said.boot_id] = now_s
        if said.boot_id and said.boot_id != bed.boot_id:
            bed.boot_id = said.boot_id
            for name in [name for name, boot in bed.boot_of.items() if boot != said.boot_id]:
                if _unseen(bed.alarms[name]):
                    bed.spoke_s.setdefault(bed.boot_of[name], now_s)
                    continue
                del bed.alarms[name], bed.boot_of[name]
                yield Change(bed, AlarmUnkept(name))
            if bed.audio is not None and bed.audio_boot != said.boot_id:
                bed.audio = None
                yield Change(bed, AudioHeard("", None, ""))
        if isinstance(said.fact, Vitals):
            bed.heard_s = now_s
            if bed.stale:
                bed.stale = False
                yield Change(bed, Freshness(False, None))

    def _apply(self, bed: Bed, said: Heard) -> Iterator[Change]:
        fact = said.fact
        if isinstance(fact, WaveHeard):
            lead = bed.leads.get(fact.lead)
            if lead is not None and fact.seq != lead.seq:
                lead.seq = fact.seq
                yield Change(bed, fact, lead)
            return
        if isinstance(fact, MetaHeard):
            yield from self._lead(bed, fact)
            return
        if isinstance(fact, AlarmHeard):
            yield from self._alarm(bed, said.boot_id, fact)
            return
        if isinstance(fact, AlarmUnkept):
            bed.boot_of.pop(fact.name, None)
            if bed.alarms.pop(fact.name, None) is not None:
                yield Change(bed, fact)
            return
        if isinstance(fact, Vitals):
            bed.vitals = fact
        elif isinstance(fact, RhythmHeard):
            bed.rhythm = fact
        elif isinstance(fact, Signal):
            bed.signal = fact
        elif isinstance(fact, AudioHeard):
            if bed.boot_id and said.boot_id != bed.boot_id:
                return  # a pause that a former start of the monitor gave is none
            bed.audio, bed.audio_boot = fact, said.boot_id
        yield Change(bed, fact)

    @staticmethod
    def _lead(bed: Bed, meta: MetaHeard) -> Iterator[Change]:
        lead = bed.leads.get(meta.lead)
        if lead is None:
            if len(bed.leads) >= MAX_LEADS:
                return
            lead = bed.leads[meta.lead] = Lead(len(bed.leads), meta.lead, meta.fs, meta.scale_mv)
        lead.fs, lead.scale_mv = meta.fs, meta.scale_mv
        yield Change(bed, lead)

    @staticmethod
    def _alarm(bed: Bed, boot_id: str, alarm: AlarmHeard) -> Iterator[Change]:
        """One of a former start of the monitor is history: whoever runs now has never heard of it."""
        if bed.boot_id and boot_id != bed.boot_id:
            return
        if alarm.name not in bed.alarms and len(bed.alarms) >= MAX_ALARMS:
            return
        bed.alarms[alarm.name], bed.boot_of[alarm.name] = alarm, boot_id
        yield Change(bed, alarm)


def _unseen(alarm: AlarmHeard) -> bool:
    return alarm.priority == "high" and alarm.state != "cleared" and not alarm.acked
