"""`heartwire ports` on whatever machine this is."""

from __future__ import annotations

import argparse
import json

import pytest

from edge.cli import ports
from edge.io.serial_source import list_ports


def test_ports_when_listed_then_each_with_its_path_or_a_word_that_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser()
    ports.add_arguments(parser)
    expected = [path for path, _ in list_ports()]
    assert ports.run(parser.parse_args(["--json"])) == 0
    shown = capsys.readouterr()
    assert [json.loads(line)["port"] for line in shown.out.splitlines()] == expected
    assert ports.run(parser.parse_args([])) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == expected
    assert ("no serial port found" in shown.err) is (not expected)
