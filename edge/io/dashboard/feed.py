"""What the page is told, and what it may say. Pure.

To the page go arrays of ``{"is": kind, "bed": number, ...}``, numbers and bounded texts only; from it comes
``{"ack": number of a bed, "alarm": name, "token": key}`` or
``{"pause": number of a bed, "seconds": 120, "token": key}`` (0 seconds: sound again), either with ``"by"``, the
person's name; ``{"explain": number of a bed}``
(or null) says of which bed it wants to be told what the networks saw.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import msgspec

from edge.alarms.audio_pause import MAX_PAUSE_S
from edge.alarms.guide import MEANING
from edge.commands import write_command
from edge.explain.message import ExplainHeard
from edge.messages import ID
from edge.ward.beds import Bed, Change, Found, Freshness, Gone, Lead, Ward, What
from edge.ward.heard import (
    AlarmHeard,
    AlarmUnkept,
    Answer,
    AudioHeard,
    BeatHeard,
    MetaHeard,
    NoteHeard,
    RhythmHeard,
    Signal,
    Vitals,
    WaveHeard,
)

MAX_REQUEST_BYTES = 1024

_encode = msgspec.json.Encoder().encode
_KINDS: dict[type, str] = {
    Found: "bed",
    Gone: "gone",
    Freshness: "fresh",
    Vitals: "vitals",
    RhythmHeard: "rhythm",
    Signal: "signal",
    AlarmHeard: "alarm",
    AlarmUnkept: "alarm",
    AudioHeard: "audio",
    Lead: "lead",
    BeatHeard: "beat",
    WaveHeard: "wave",
    Answer: "answer",
    NoteHeard: "note",
    ExplainHeard: "explain",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of JSON for the page; `key` names the state that it tells, empty for what passes."""

    key: str
    text: bytes


_Name = Annotated[str, msgspec.Meta(max_length=40)]


class Ack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody has seen an alarm: `alarm` of the bed numbered `ack`."""

    ack: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    alarm: Annotated[str, msgspec.Meta(max_length=64)]
    token: Annotated[str, msgspec.Meta(max_length=128)] = ""
    by: _Name = ""

    @property
    def verb(self) -> str:
        """The monitor's command."""
        return "ack"

    @property
    def bed(self) -> int:
        """Number of the bed."""
        return self.ack


class Pause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody wants the alarms of the bed numbered `pause` to make no sound for some seconds."""

    pause: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    seconds: Annotated[float, msgspec.Meta(ge=0.0, le=MAX_PAUSE_S)]
    token: Annotated[str, msgspec.Meta(max_length=128)] = ""
    by: _Name = ""

    @property
    def verb(self) -> str:
        """The monitor's command."""
        return "pause"

    @property
    def bed(self) -> int:
        """Number of the bed."""
        return self.pause


class Inside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The viewer wants to be told what the networks saw at the bed numbered `explain`, or at none any more."""

    explain: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None


Asked = Ack | Pause
_decoders: tuple[Callable[[bytes], Asked | Inside], ...] = (
    msgspec.json.Decoder(Ack).decode,
    msgspec.json.Decoder(Pause).decode,
    msgspec.json.Decoder(Inside).decode,
)


def read_asked(text: bytes) -> Asked | Inside | None:
    """What a viewer asked for, or None for anything else."""
    if len(text) > MAX_REQUEST_BYTES:
        return None
    for decode in _decoders:
        with contextlib.suppress(ValueError, RecursionError):
            return decode(text)
    return None


def command_of(ward: Ward, asked: Asked) -> tuple[str, bytes] | None:
    """Topic and payload of the monitor's command; None where that bed has no such alarm, or no monitor's id."""
    bed = ward.beds.get(asked.bed)
    if bed is None or (isinstance(asked, Ack) and asked.alarm not in bed.alarms):
        return None
    more: dict[str, Any] = {"seconds": asked.seconds} if isinstance(asked, Pause) else {"name": asked.alarm}
    return write_command(ward.base, bed.device, asked.verb, person(asked.by), "page", **more)


def person(name: str) -> str:
    """A name as it may stand in a log: its printable characters, one space between words; `page` without any."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split()) or "page"


def tick(utc_ms: float, up: bool, why: str, n_refused: int, base: str) -> Item:
    """The server lives: its clock, whether the broker is there or why not, and devices it has no room for."""
    body = {"is": "tick", "t_ms": round(utc_ms), "up": up, "why": why, "n_refused": n_refused, "base": base}
    return Item("tick", _encode(body))


def told(bed: Bed, verb: str, error: str) -> Item:
    """The server's own answer to what it did not pass on."""
    return Item("", _encode({"is": "answer", "bed": bed.number, "it": Answer(verb, False, "", error)}))


def item(change: Change) -> Item | None:
    """What the page is told of one change, None for what it does not show."""
    kind, bed = _KINDS.get(type(change.what)), change.bed.number
    if kind is None or isinstance(change.what, MetaHeard):
        return None
    if isinstance(change.what, WaveHeard):
        assert change.lead is not None
        wave = change.what
        return Item(
            "",
            _encode({"is": kind, "bed": bed, "lead": change.lead.number, "t_ms": wave.t_ms, "x": wave.x}),
        )
    return Item(_key(kind, bed, change.what), _encode({"is": kind, "bed": bed, "it": _body(change)}))


def snapshot(ward: Ward) -> Iterator[Item]:
    """Everything that is true now, for one who has just come."""
    for bed in ward.beds.values():
        for what in _standing(bed):
            if (one := item(Change(bed, what))) is not None:
                yield one


def _standing(bed: Bed) -> Iterator[What]:
    yield Found()
    yield Freshness(bed.stale, None)
    yield from bed.leads.values()
    for fact in (bed.signal, bed.rhythm, bed.vitals, bed.audio):
        if fact is not None:
            yield fact
    yield from bed.alarms.values()


def _key(kind: str, bed: int, what: What) -> str:
    if kind in ("beat", "answer", "note"):
        return ""
    if isinstance(what, AlarmHeard | AlarmUnkept | Lead):
        return f"{kind} {bed} {what.name}"
    return f"{kind} {bed}"


def _body(change: Change) -> Any:
    what = change.what
    if isinstance(what, Found):
        return {"name": change.bed.name, "can_ack": bool(ID.match(change.bed.device))}
    if isinstance(what, AlarmHeard):
        meaning, wrong = (text.replace("`", "") for text in MEANING.get(what.name, ("", "")))
        return {**asdict(what), "meaning": meaning, "wrong": wrong}
    if isinstance(what, AlarmUnkept):
        return {"name": what.name, "state": "cleared", "priority": "low", "acked": True, "value": ""}
    if isinstance(what, Lead):
        return {"number": what.number, "name": what.name, "fs": what.fs, "scale_mv": what.scale_mv}
    return what
