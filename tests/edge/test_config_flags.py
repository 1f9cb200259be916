"""Every key as a flag, with what its help says."""

from __future__ import annotations

import argparse

from edge.config import SECRETS, keys
from edge.config_flags import READER_KEYS, add_arguments, add_reader_arguments, range_words


def _help(add: object) -> dict[str, str]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add(parser)  # type: ignore[operator]
    return {word: action.help or "" for action in parser._actions for word in action.option_strings}


def test_flags_when_a_key_exists_then_a_flag_with_its_default_and_range() -> None:
    flags = _help(add_arguments)
    for path, _ in keys():
        flag = "--" + "-".join(path).replace("_", "-")
        assert (flag in flags) == (path[-1] not in SECRETS)
    assert flags["--mqtt-keepalive-s"].endswith("(default 5; 1 to 300)")
    assert flags["--alarms-brady-bpm"].endswith("(25 to 140)")
    assert flags["--alarms-preset"].endswith("(default adult; adult, child, athlete)")
    assert "(" not in flags["--mqtt-tls"]


def test_flags_when_one_only_reads_then_the_broker_and_who_we_are() -> None:
    flags = _help(add_reader_arguments)
    shown = {name for name in flags if name.startswith("--mqtt-")} | {"--base"}
    assert shown == {"--base" if n == "base" else f"--mqtt-{n.replace('_', '-')}" for n in READER_KEYS}


def test_range_when_large_then_readable() -> None:
    found = {".".join(path): range_words(key) for path, key in keys()}
    assert found["baud"] == "50 to 20,000,000"
    assert found["mqtt.outbox_mb"] == "0.1 to 10,000"
    assert found["personal"] == "off, self, labels"
    assert found["mqtt.host"] == ""
