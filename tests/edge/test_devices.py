"""`heartwire devices`: what it lists, for people and for programs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

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


def test_devices_when_a_profile_is_there_then_it_is_listed_and_what_is_wrong_with_others_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "heartwire" / "devices"
    folder.mkdir(parents=True)
    text = 'fs = 100\n[frame]\nlength = 3\nsync = "FE"\n[[channel]]\nat = 1\ntype = "i16le"\n[scale]\nuv_per_unit = 1\n'
    (folder / "mine.toml").write_text(text)
    (folder / "wrong.toml").write_text(text.replace("i16le", "i17"))
    (folder / "text.toml").write_text(text)
    parser = argparse.ArgumentParser()
    devices.add_arguments(parser)
    devices.run(parser.parse_args([]))
    shown = capsys.readouterr()
    lines = {line.split()[0]: line for line in shown.out.splitlines()}
    assert "profile mine; 100 Hz, 115200 baud" in lines["mine"]
    assert "channel[0].type: got 'i17'" in lines["wrong"]
    assert "text.toml is not used: its name is taken" in shown.err


def test_devices_when_one_must_be_asked_then_said(capsys: pytest.CaptureFixture[str]) -> None:
    (cyton,) = [line for line in listed(capsys) if line.startswith("cyton ")]
    assert cyton.endswith("; asked to start")


def test_devices_when_the_line_has_parity_then_said(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[0]: line for line in listed(capsys)}
    assert "300 Hz, 19200 baud with even parity" in lines["dri"]
    assert "500 Hz, 115200 baud, leads ECG; tells counter, checksum, lead-off, clock" in lines["intellivue"]
    assert [json.loads(line)["parity"] for line in listed(capsys, "--json") if '"dri"' in line] == ["E"]
