"""Commands that came over MQTT: bytes to a `Command`, or why not. Pure; nothing here is ever raised."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from edge.messages import ID, safe_id
from edge.types import Command

VERBS = ("ack", "reset")


_Text = Annotated[str, msgspec.Meta(max_length=64)]
_Number = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Body(msgspec.Struct):
    name: _Text = ""
    id: _Text | _Number | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_command(topic: str, payload: bytes) -> tuple[Command | None, dict[str, Any]]:
    """Read one command.

    Parameters
    ----------
    topic : str
        Its last level is the verb.
    payload : bytes
        Empty, the bare name of an alarm, or ``{"name": "vt", "id": 17}``; `id` comes back in the answer.

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
        word = text.decode("ascii", "replace")
        body = _Body(name=word) if ID.match(word) else None
    if body is None or (body.name and not ID.match(body.name)):
        return None, _answer(verb, False, error='expected nothing, a name, or {"name": "vt", "id": 1}')
    return Command(verb, body.name), _answer(verb, True, name=body.name, id=body.id)


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
