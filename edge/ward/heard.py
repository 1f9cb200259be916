"""What a subscriber hears of one bed: levels of a topic and a payload become a fact. Pure; never raises.

The reverse of :mod:`edge.messages`, for those who show. Anybody may publish anything: every text is cut, every
number is finite or None, and what is no message of ours is None. Names are fit to be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Union

import msgspec

from edge.alarms.state import PRIORITIES
from edge.explain import message as explained
from edge.explain.message import ExplainHeard
from edge.messages import ONLINE, utc_ms
from edge.shown import shown
from edge.types import AAMI
from edge.waveform import NONE, decode_wave
from firmware_bridge.types import BadInput

MAX_BYTES = 16384
MAX_SAMPLES = 4096
MAX_US = 253402300799 * 10**6
"""The end of the year 9999 in microseconds."""
MAX_NAMES = 32
STATES = ("active", "latched", "cleared")


@dataclass(frozen=True, slots=True)
class Vitals:
    """The bed's ``state``: units are in the names, None is unknown."""

    hr_bpm: float | None
    reason: str
    rhythm: str
    sqi: float | None
    lead_off: bool
    rmssd_ms: float | None
    pvc_per_min: float | None
    age_ms: float | None
    warming: bool


@dataclass(frozen=True, slots=True)
class BeatHeard:
    """One answer about one beat; `t_ms` is the UTC time of its R-peak in milliseconds since 1970."""

    id: int
    t_ms: float
    aami: str
    rr_ms: float | None
    final: bool
    warming: bool
    readable: bool


@dataclass(frozen=True, slots=True)
class RhythmHeard:
    """The rhythm is `label` since `since_ms`, with probability `prob`."""

    label: str
    prob: float | None
    since_ms: float | None


@dataclass(frozen=True, slots=True)
class AlarmHeard:
    """An alarm as it stands; `state` is one of `STATES`, `priority` one of `PRIORITIES`."""

    name: str
    state: str
    priority: str
    since_ms: float | None
    acked: bool
    value: str
    limit: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """What should be heard: a priority or "" for nothing; until when [ms since 1970] the sound is paused, by whom."""

    sounding: str
    until_ms: float | None
    by: str


@dataclass(frozen=True, slots=True)
class AlarmUnkept:
    """Somebody took the kept message of an alarm away from the broker."""

    name: str


@dataclass(frozen=True, slots=True)
class MetaHeard:
    """What a lead's chunks mean: rate in Hz, millivolts a count."""

    lead: str
    fs: float
    scale_mv: float


@dataclass(frozen=True, slots=True)
class WaveHeard:
    """A chunk of a lead: its number, UTC of its first sample [ms since 1970], int16 counts or None."""

    lead: str
    seq: int
    t_ms: float
    x: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """Whether the monitor hears the device."""

    online: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the monitor says to a command; `id` is what the command gave, `acked` the alarms that it acknowledged."""

    verb: str
    ok: bool
    name: str
    error: str
    id: str = ""
    acked: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NoteHeard:
    """Something worth a log line."""

    kind: str
    detail: str


Fact = Union[  # noqa: UP007 (a runtime alias on 3.10)
    Vitals,
    BeatHeard,
    RhythmHeard,
    AlarmHeard,
    AlarmUnkept,
    AudioHeard,
    MetaHeard,
    WaveHeard,
    Signal,
    Answer,
    NoteHeard,
    ExplainHeard,
]


@dataclass(frozen=True, slots=True)
class Heard:
    """A fact with the start of the monitor that said it, its number there, and whether it was sent late.

    `boot_id` is empty and `seq` -1 where the message has none: plain words and waveforms.
    """

    fact: Fact
    boot_id: str = ""
    seq: int = -1
    late: bool = False


def read(levels: Sequence[str], payload: bytes) -> Heard | None:
    """The fact in one message.

    Parameters
    ----------
    levels : sequence of str
        The topic's levels behind the device: ``["alarm", "vt"]``.
    payload : bytes
        As it came.
    """
    if not levels or len(payload) > most_bytes(levels[-1]):
        return None
    kind, n = levels[0], len(levels)
    if kind == "waveform" and n == 2:
        return _wave(levels[1], payload)
    if kind == "availability" and n == 1:
        return Heard(Signal(payload == ONLINE))
    if kind == "alarm" and n == 2 and not payload:
        return Heard(AlarmUnkept(shown(levels[1])))
    make = _MAKERS.get((kind, n))
    body = _object(payload) if make else None
    fact = make(levels, body) if make and body is not None else None
    if fact is None or body is None:
        return None
    seq = number(body.get("seq"))
    late = body.get("late") is True
    return Heard(fact, shown(body.get("boot_id", "")), -1 if seq is None else int(seq), late)


def most_bytes(topic: str) -> int:
    """Bytes that a message may have on a topic, or on one that ends like it; a longer one is none of ours."""
    return explained.MAX_BYTES if topic.rpartition("/")[2] == "explain" else MAX_BYTES


def number(value: object, most: float = 1e15) -> float | None:
    """A finite number no further from 0 than `most`, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
        return None
    return float(value)


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        body = msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _text(body: dict[str, Any], key: str, most: int = 64) -> str:
    value = body.get(key)
    return shown(value, most) if isinstance(value, str) else ""


def _vitals(levels: Sequence[str], body: dict[str, Any]) -> Vitals:
    return Vitals(
        hr_bpm=number(body.get("hr_bpm"), 1000.0),
        reason=_text(body, "reason"),
        rhythm=_text(body, "rhythm"),
        sqi=number(body.get("sqi"), 1.0),
        lead_off=body.get("lead_off") is True,
        rmssd_ms=number(body.get("rmssd_ms"), 1e5),
        pvc_per_min=number(body.get("pvc_per_min"), 1e4),
        age_ms=number(body.get("age_ms")),
        warming=body.get("warming") is True,
    )


def _beat(levels: Sequence[str], body: dict[str, Any]) -> BeatHeard | None:
    beat, t_ms, aami = number(body.get("id"), 2**53), utc_ms(body.get("t")), body.get("aami")
    if beat is None or t_ms is None or aami not in AAMI:
        return None
    return BeatHeard(
        id=int(beat),
        t_ms=t_ms,
        aami=aami,
        rr_ms=number(body.get("rr_ms"), 1e6),
        final=body.get("final") is True,
        warming=body.get("warming") is True,
        readable=body.get("readable") is not False,
    )


def _rhythm(levels: Sequence[str], body: dict[str, Any]) -> RhythmHeard:
    return RhythmHeard(_text(body, "label"), number(body.get("prob"), 1.0), utc_ms(body.get("since")))


def _alarm(levels: Sequence[str], body: dict[str, Any]) -> AlarmHeard | None:
    state, priority = body.get("state"), body.get("priority")
    if state not in STATES or priority not in PRIORITIES:
        return None
    since_ms, acked = utc_ms(body.get("since")), body.get("acked") is True
    value, limit, by = _text(body, "value", 120), _text(body, "limit", 120), _text(body, "by")
    return AlarmHeard(shown(levels[1]), state, priority, since_ms, acked, value, limit, by)


def _audio(levels: Sequence[str], body: dict[str, Any]) -> AudioHeard:
    sounding = body.get("sounding")
    until_ms = utc_ms(body.get("until")) if body.get("paused") is True else None
    return AudioHeard(sounding if sounding in PRIORITIES else "", until_ms, _text(body, "by"))


def _meta(levels: Sequence[str], body: dict[str, Any]) -> MetaHeard | None:
    fs, scale_mv = number(body.get("fs"), 20000.0), number(body.get("scale_mv"), 10.0)
    if levels[2] != "meta" or fs is None or scale_mv is None or fs < 1.0 or scale_mv <= 0.0:
        return None
    return MetaHeard(shown(levels[1]), fs, scale_mv)


def _answer(levels: Sequence[str], body: dict[str, Any]) -> Answer:
    names, verb, ok = body.get("acked"), shown(levels[1]), body.get("ok") is True
    acked = tuple(shown(name) for name in names[:MAX_NAMES]) if isinstance(names, list) else None
    return Answer(verb, ok, _text(body, "name"), _text(body, "error", 120), _text(body, "id"), acked)


def _note(levels: Sequence[str], body: dict[str, Any]) -> NoteHeard | None:
    if body.get("what") != "note":
        return None
    return NoteHeard(_text(body, "event_type"), _text(body, "detail", 200))


def _explain(levels: Sequence[str], body: dict[str, Any]) -> ExplainHeard | None:
    t_ms = utc_ms(body.get("t"))
    return None if t_ms is None else explained.read(body, t_ms)


def _wave(lead: str, payload: bytes) -> Heard | None:
    try:
        seq, t_us, counts = decode_wave(payload)
    except BadInput:
        return None
    if not 0 < len(counts) <= MAX_SAMPLES or t_us > MAX_US:
        return None
    x = tuple(None if v == NONE else v for v in counts.tolist())
    return Heard(WaveHeard(shown(lead), seq, t_us / 1000.0, x))


_Maker = Callable[[Sequence[str], dict[str, Any]], Union[Fact, None]]  # noqa: UP007 (a runtime alias on 3.10)
_MAKERS: dict[tuple[str, int], _Maker] = {
    ("state", 1): _vitals,
    ("beat", 1): _beat,
    ("rhythm", 1): _rhythm,
    ("event", 1): _note,
    ("explain", 1): _explain,
    ("alarm", 2): _alarm,
    ("audio", 1): _audio,
    ("response", 2): _answer,
    ("waveform", 3): _meta,
}
