"""The configuration's keys as flags of a verb."""

from __future__ import annotations

import argparse
from typing import Any

from edge.config import SECRETS, keys, type_of

READER_KEYS = ("base", "username", "password_file", "tls", "ca_file", "cert_file", "key_file")
"""Keys of ``[mqtt]`` that one needs who only reads."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one flag for every key of `Config`, ``-c`` for the file and ``--mqtt HOST:PORT``.

    The parser must not allow abbreviations: ``--mqtt-password`` would be taken for ``--mqtt-password-file``.
    """
    parser.add_argument("-c", "--config", metavar="FILE", help="TOML file with any of the keys below")
    parser.add_argument(
        "--mqtt", metavar="HOST[:PORT]", help="broker in one word: host, Unix socket, or 'none'"
    )
    for path, key in keys():
        if path[-1] not in SECRETS:
            _add_flag(parser, "--" + "-".join(path).replace("_", "-"), path, key)


def add_reader_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what one needs who only reads what a monitor publishes: the broker, the base topic, who we are."""
    parser.add_argument("-c", "--config", metavar="FILE", help="TOML file of a monitor; its broker is used")
    parser.add_argument("--mqtt", metavar="HOST[:PORT]", help="broker in one word (default 127.0.0.1:1883)")
    for path, key in keys():
        if path == ("log_json",):
            _add_flag(parser, "--log-json", path, key)
        elif path[0] == "mqtt" and path[-1] in READER_KEYS:
            flag = "--base" if path[-1] == "base" else "--" + "-".join(path).replace("_", "-")
            _add_flag(parser, flag, path, key)


def _add_flag(parser: argparse.ArgumentParser, flag: str, path: tuple[str, ...], key: Any) -> None:
    dest, text = "config." + ".".join(path), key.metadata["help"] + _in_brackets(key)
    if type_of(path) is bool:
        parser.add_argument(flag, dest=dest, action="store_const", const="true", help=text)
    else:
        parser.add_argument(flag, dest=dest, metavar=path[-1].upper(), help=text)


def _in_brackets(key: Any) -> str:
    """Default and range, where the line of help would leave one guessing."""
    words = [f"default {key.default}"] if key.default not in (None, "", (), False) else []
    words += [range_words(key)] if range_words(key) else []
    return f" ({'; '.join(words)})" if words else ""


def range_words(key: Any) -> str:
    """What a key may be, in words: a range, one of some words, "" for anything of its type."""
    span: tuple[float, float] | None = key.metadata["between"]
    if span is not None:
        low, high = (f"{value:,.10g}" for value in span)
        return f"{low} to {high}"
    return ", ".join(key.metadata["one_of"])
