"""Commands that came over MQTT: bytes to a `Command`, or why not. Pure; nothing here is ever raised."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import msgspec

from edge.alarms.audio_pause import MAX_PAUSE_S
from edge.messages import ID, safe_id
from edge.shown import shown
from edge.types import Command

VERBS = ("ack", "label", "pause", "reset")
EXPECTED = {
    "ack": 'expected nothing, a name, or {"name": "vt", "id": 1, "by": "Ana"}',
    "label": 'expected {"beat": 17, "aami": "V"}; "by" and "id" may join them',
    "pause": f'expected nothing, seconds from 0 to {MAX_PAUSE_S:.0f}, or {{"seconds": 120, "id": 1, "by": "Ana"}}',
}


class Judge(Protocol):
    """Who knows whether a command can be obeyed just now."""

    def refuses(self, command: Command) -> str | None:
        """Why not, in one line; None where it can."""


_Text = Annotated[str, msgspec.Meta(max_length=64)]
_Number = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=MAX_PAUSE_S)]


class _Body(msgspec.Struct):
    name: _Text = ""
    id: _Text | _Number | None = None
    by: _Text = ""
    seconds: _Seconds | None = None
    beat: _Number | None = None
    aami: _Text = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Body).decode


def write_command(
    base: str, device: str, verb: str, by: str, id: str | int, **more: Any
) -> tuple[str, bytes] | None:
    """Topic and payload of a command, the other way round of :func:`read_command`.

    Parameters
    ----------
    base, device : str
        Base topic, and whose monitor is to obey.
    verb : str
        One of `VERBS`.
    by, id : str, str or int
        Who asks, and what comes back in the answer.
    **more
        What the verb wants: `name`, `seconds`, `beat`, `aami`.

    Returns
    -------
    tuple of (str, bytes) or None
        None where `device` or `name` is none that a monitor would have: nothing is published to a topic of its making.
    """
    if not ID.match(device) or not ID.match(str(more.get("name", "x"))):
        return None
    return f"{base}/{device}/command/{verb}", _encode({"id": id, "by": shown(by), **more})


def read_command(topic: str, payload: bytes) -> tuple[Command | None, dict[str, Any]]:
    """Read one command.

    Parameters
    ----------
    topic : str
        Its last level is the verb.
    payload : bytes
        Empty, the bare name of an alarm (for a pause: seconds), or ``{"name": "vt", "id": 17, "by": "Ana"}``; `id`
        comes back in the answer. For a label ``{"beat": 17, "aami": "V", "by": "Ana"}``.

    Returns
    -------
    tuple of (Command or None, dict)
        None when it cannot be obeyed; the fields of the answer.
    """
    verb = topic.rpartition("/")[2]
    if verb not in VERBS:
        return None, _answer(verb, False, error=f"unknown verb; known are {', '.join(VERBS)}")
    text = payload.strip()
    body: _Body | None = _Body()
    if text.startswith(b"{"):
        body = _object(text)
    elif text:
        body = _word(verb, text.decode("ascii", "replace"))
    if body is None or (body.name and not ID.match(body.name)) or (verb == "label" and body.beat is None):
        return None, _answer(verb, False, error=EXPECTED.get(verb, EXPECTED["ack"]))
    if verb == "label":
        command = Command(verb, body.aami, shown(body.by), beat=body.beat)
        return command, _answer(verb, True, beat=body.beat, aami=shown(body.aami), id=body.id)
    command = Command(verb, body.name, shown(body.by), body.seconds)
    return command, _answer(verb, True, name=body.name, id=body.id)


def _word(verb: str, word: str) -> _Body | None:
    """A payload that is no object: seconds for a pause, else the name of an alarm."""
    if verb != "pause":
        return _Body(name=word) if ID.match(word) else None
    try:
        return _Body(seconds=msgspec.convert(word, _Seconds, strict=False))
    except msgspec.ValidationError:
        return None


def judged(
    command: Command | None, answer: dict[str, Any], judge: Judge
) -> tuple[Command | None, dict[str, Any]]:
    """What :func:`read_command` gave, once `judge` has said whether a label can be taken."""
    why = judge.refuses(command) if command is not None and command.verb == "label" else None
    return (command, answer) if why is None else (None, {**answer, "ok": False, "error": why})


def _object(text: bytes) -> _Body | None:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _answer(verb: str, ok: bool, **more: Any) -> dict[str, Any]:
    return {
        "verb": safe_id(verb),
        "ok": ok,
        **{key: value for key, value in more.items() if value is not None},
    }
