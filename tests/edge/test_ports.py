"""`heartwire ports` on whatever machine this is, and on one with ports."""

from __future__ import annotations

import argparse
import json

import pytest

from edge.cli import ports
from edge.doctor.usb import MAKERS, guesses
from edge.io import serial_source
from edge.io.serial_source import Port, list_ports
from firmware_bridge import devices


def args(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ports.add_arguments(parser)
    return parser.parse_args(words)


def test_ports_when_listed_then_each_with_its_path_or_a_word_that_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = [port.path for port in list_ports()]
    assert ports.run(args("--json")) == 0
    shown = capsys.readouterr()
    assert [json.loads(line)["port"] for line in shown.out.splitlines()] == expected
    assert ports.run(args()) == 0
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line] == expected
    assert ("no serial port found" in shown.err) is (not expected)


def test_ports_when_the_maker_is_known_then_a_guess(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Port("/dev/null", "Uno [2341:0043]", 0x2341), Port("/nowhere", "n/a")]
    monkeypatch.setattr(serial_source, "list_ports", lambda: found)
    ports.run(args())
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "/dev/null  Uno [2341:0043]",
        "    perhaps text, olimex, chords, openview; heartwire doctor /dev/null tells",
        "/nowhere  n/a  (no permission: join its group)",
    ]
    ports.run(args("--json"))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["perhaps"][0], second["perhaps"]) == ("text", [])


def test_guesses_when_made_then_of_formats_that_exist() -> None:
    assert {name for _, names in MAKERS.values() for name in names} <= set(devices.names())
    assert guesses(None) == guesses(0x1234) == ()
