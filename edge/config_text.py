"""The configuration as a file for people: every key with its line of help, those that say something at work. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edge.config import SECRETS, SECTIONS, keys
from edge.config_flags import range_words

WIDTH = 100


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, str):  # a JSON string is a basic string of TOML, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def text(
    values: Mapping[tuple[str, ...], Any], head: Sequence[str] = (), notes: Mapping[tuple[str, ...], str] = {}
) -> str:
    """The whole file.

    Parameters
    ----------
    values : mapping of key to value
        What is set; all others stand there as comments, with their defaults.
    head : sequence of str
        Lines above all.
    notes : mapping of key to str
        What is to be said of a value, set or not, behind it.
    """
    lines = [f"# {line}".rstrip() for line in head]
    for table in ((), *((name,) for name in SECTIONS)):
        if table:
            lines += ["", "", f"[{table[0]}]", *_comment((SECTIONS[table[0]].__doc__ or "").strip())]
        for path, key in keys():
            if path[:-1] == table and path[-1] not in SECRETS:
                lines += ["", *_comment(_help(path, key)), _line(path, key, values, notes)]
    return "\n".join(lines) + "\n"


def _help(path: tuple[str, ...], key: Any) -> str:
    words = key.metadata["help"]
    span = range_words(key)
    return f"{words} ({span})" if span and span not in words else words


def _line(
    path: tuple[str, ...],
    key: Any,
    values: Mapping[tuple[str, ...], Any],
    notes: Mapping[tuple[str, ...], str],
) -> str:
    note = f"  # {notes[path]}" if path in notes else ""
    if path in values:
        return f"{path[-1]} = {toml(values[path])}{note}"
    shown = key.metadata["such_as"] if key.default in (None, "", ()) else key.default
    return f"#{path[-1]} = {toml(shown)}{note}"


def _comment(words: str) -> list[str]:
    """`words` as lines of comment."""
    out, line = [], "#"
    for word in words.split():
        if len(line) + len(word) >= WIDTH:
            out.append(line)
            line = "#"
        line += f" {word}"
    return [*out, line]
