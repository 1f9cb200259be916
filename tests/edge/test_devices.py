"""`heartwire devices`: what it lists, for people and for programs."""

from __future__ import annotations

import argparse
import json

import pytest

from edge.cli import devices
from firmware_bridge.devices import names


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    devices.add_arguments(parser)
    assert devices.run(parser.parse_args(words)) == 0
    return capsys.readouterr().out.splitlines()


def test_devices_when_listed_then_a_readable_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys)
    assert [line.split()[0] for line in lines] == names()
    (native,) = [line for line in lines if line.startswith("native ")]
    assert "rate in the stream" in native
    assert "counter, checksum, lead-off, clock" in native


def test_devices_when_asked_for_json_then_one_object_each(capsys: pytest.CaptureFixture[str]) -> None:
    found = [json.loads(line) for line in listed(capsys, "--json")]
    assert [device["name"] for device in found] == names()
    (openview,) = [device for device in found if device["name"] == "openview"]
    assert (openview["fs"], openview["baud"], openview["has_checksum"]) == (125.0, 57600, False)
