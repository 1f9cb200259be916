"""The configuration reference: the text of ``edge/CONFIG.md``, made from the configuration's own types.

``python -m edge.config_guide > edge/CONFIG.md``
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from edge.config import ENV, SECRETS, SECTIONS, keys, type_of
from edge.config_flags import READER_KEYS, range_words
from edge.config_text import toml

UNITS = {
    "s": "s",
    "ms": "ms",
    "bpm": "beats/min",
    "mb": "MB",
    "gb": "GB",
    "kb": "KiB",
    "per_min": "per minute",
    "fs": "Hz",
    "baud": "baud",
}
"""What the end of a key's name says about its unit."""
TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}

INTRO = f"""\
Every key is a line of the file of `heartwire run -c FILE`, a flag and a variable: `port` below `[mqtt]` is
`--mqtt-port 8883` and `{ENV}MQTT_PORT=8883`. A flag wins over a variable, a variable over the file, the file over the
default. A key that does not exist, and a value out of its range, are errors that name the nearest key or the range.
Lists are `["II", "V5"]` in the file and `II,V5` elsewhere; a flag that is true or false takes no value and means true.

`heartwire watch`, `dashboard` and `alarms` take the same file with `-c`, and of its keys
{{reader}}
(`[mqtt]`), or `log` (`[alarms]`), and `log_json`.
"""

SECRET = f"""\
The password of the broker is never a flag nor a line of the file, so that it is not seen in `ps` nor passed round with
the file: it comes from `{ENV}MQTT_PASSWORD`, or from the first line of `password_file`.
"""

OTHERS = {
    f"`{ENV}MQTT`": "the broker in one word, as `--mqtt`: `HOST`, `HOST:PORT`, the path of a Unix socket, or `none`",
    f"`{ENV}DASHBOARD_TOKEN`": "the key that the live page wants for acknowledging; without it each start prints a new "
    "one",
    "`STATE_DIRECTORY`, `XDG_STATE_HOME`": "where outbox and alarm log lie, unless keys say: systemd's folder for the "
    "service, else `heartwire` in the user's (`~/.local/state`)",
    "`XDG_CONFIG_HOME`": "where profiles of devices lie, in `heartwire/devices` (`~/.config`)",
    "`NO_COLOR`": "`heartwire watch` without colours",
}
"""Variables that are no key: names, meaning."""


def text() -> str:
    """The whole page, Markdown."""
    reader = ", ".join(f"`{name}`" for name in ("host", "port", *READER_KEYS))
    parts = [
        "# Configuration",
        "<!-- Written by `python -m edge.config_guide`; a test holds it against the configuration's types. -->",
        INTRO.replace("{reader}", reader).rstrip("\n"),
        "## The monitor",
        _table(()),
        "## `[mqtt]`",
        f"{_about('mqtt')}\n{SECRET}".rstrip("\n"),
        _table(("mqtt",)),
        "## `[alarms]`",
        f"{_about('alarms')} What each alarm means is in [ALARMS.md](ALARMS.md).",
        _table(("alarms",)),
        "## Other variables",
        "\n".join(
            [
                "| variable | meaning |",
                "|---|---|",
                *(f"| {name} | {what} |" for name, what in OTHERS.items()),
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def example() -> str:
    """A valid file with every key, each with its example."""
    out = []
    for table in ((), *((name,) for name in SECTIONS)):
        out += [f"\n[{table[0]}]"] if table else []
        out += [f"{path[-1]} = {toml(key.metadata['such_as'])}" for path, key in _of(table)]
    return "\n".join(out).lstrip("\n") + "\n"


def unit_of(name: str) -> str:
    """The unit of a key, "" for none."""
    found = re.search(r"(?:^|_)(" + "|".join(sorted(UNITS, key=len, reverse=True)) + r")\Z", name)
    return UNITS[found[1]] if found else ""


def _table(table: tuple[str, ...]) -> str:
    rows = ["| key | type | default | may be | meaning | example |", "|---|---|---|---|---|---|"]
    for path, key in _of(table):
        default = (
            f"the {'preset' if table else 'device'}'s" if key.default is None else f"`{toml(key.default)}`"
        )
        cells = [
            f"`{path[-1]}`",
            ", ".join(filter(None, (_type(path), unit_of(path[-1])))),
            default,
            range_words(key),
            key.metadata["help"],
            f"`{path[-1]} = {toml(key.metadata['such_as'])}`",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _of(table: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The keys of one table that may stand in a file."""
    return ((path, key) for path, key in keys() if path[:-1] == table and path[-1] not in SECRETS)


def _about(table: str) -> str:
    return (SECTIONS[table].__doc__ or "").strip()


def _type(path: tuple[str, ...]) -> str:
    kind = type_of(path)
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) is tuple:
        return "list of texts"
    if options and get_origin(options[0]) is Literal:
        return "one of " + ", ".join(get_args(options[0]))
    return TYPES[options[0] if options else kind]


if __name__ == "__main__":
    print(text(), end="")
