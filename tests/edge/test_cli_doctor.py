"""`heartwire doctor` on a pseudo-terminal: it finds, asks, measures, mends, captures."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from edge.cli import doctor, main, simulate
from edge.config import parse
from firmware_bridge import devices, wire
from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import Simulator

DEADLINE_S = 60.0


@contextmanager
def simulated(link: Path, *words: str) -> Iterator[None]:
    """The verb in a thread, once its port is there; stopped at the end."""
    made: list[Simulator[Any]] = []

    class Kept(Simulator[Any]):
        def open(self) -> None:
            made.append(self)
            super().open()

    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    args = parser.parse_args(["--to", f"pty:{link}", "--script", "sinus:60s", *words])
    with patch.object(simulate, "Simulator", Kept):
        thread = threading.Thread(target=simulate.run, args=(args,), daemon=True)
        thread.start()
        end_s = time.monotonic() + DEADLINE_S
        while not link.is_symlink() and time.monotonic() < end_s:
            time.sleep(0.01)
        yield
        made[0].stop()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LISTEN_S", 1.2)
    monkeypatch.setattr(doctor, "ASK_S", 2.0)


def objects(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return {line["what"]: line for line in lines}


def test_doctor_when_a_device_speaks_then_found_measured_and_captured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link, capture = tmp_path / "port", tmp_path / "capture.jsonl"
    with simulated(link, "--format", "olimex", "--fault", "rate=0.9"):
        assert main(["doctor", str(link), "--seconds", "4", "--json", "--capture", str(capture)]) == 1
    said = objects(capsys)
    assert said["format"]["value"] == "olimex"
    assert said["rate"]["level"] == "wrong"
    config = parse(said["config"]["toml"], {}, {})
    assert (config.format, config.source) == ("olimex", str(link))
    assert config.fs == pytest.approx(230.4, rel=0.03)
    assert main(["doctor", str(capture), "--json"]) == 1
    again = objects(capsys)
    assert again["rate"]["value"] == pytest.approx(said["rate"]["value"], abs=0.01)
    assert main(["doctor", str(capture)]) == 1
    assert 'format = "olimex"' in capsys.readouterr().out


def test_doctor_when_a_device_must_be_asked_then_it_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "port"
    with simulated(link, "--format", "shimmer", "--fault", "mute"):
        doctor_says = main(["doctor", str(link), "--seconds", "3", "--format", "shimmer", "--json"])
    said = objects(capsys)
    assert said["format"]["value"] == "shimmer"
    assert "after it was asked" in said["format"]["text"]
    assert doctor_says == int(any(line.get("level") == "wrong" for line in said.values()))


def test_doctor_when_nothing_comes_then_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "port"
    with simulated(link, "--format", "cyton", "--fault", "mute"):
        assert main(["doctor", str(link), "--no-ask"]) == 1
    assert "nothing came: is the device on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["/dev/nothing-there"], "no such port"),
        (["x", "--seconds", "0"], "--seconds is 0: expected 1 to 3600"),
        (["x", "--calibration-mv", "-1"], "--calibration-mv is -1"),
        (["x", "--format", "natvie"], "natvie"),
        ([str(Path(__file__))], "expected one that `doctor --capture` has written"),
    ],
)
def test_doctor_when_asked_wrongly_then_one_line_and_status_2(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_capture_when_rubbish_is_in_it_then_no_format_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "capture"
    path.write_text(json.dumps({"t_s": 0.0, "hex": "00" * 500}) + "\n")
    assert main(["doctor", str(path)]) == 1
    assert "no known format fits them; they begin with 00 00" in capsys.readouterr().err
    assert main(["doctor", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["level"] == "wrong"


@pytest.mark.parametrize(("name", "fs"), [("dri", 300.0), ("intellivue", 500.0)])
def test_doctor_when_a_bedside_monitor_is_there_then_asked_found_and_released(
    name: str, fs: float, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "names", lambda: [name, "medlab", "native", "text"])
    link = tmp_path / "port"
    monkeypatch.setattr(doctor, "ASK_S", 3.0)
    with simulated(link, "--format", name):
        # A second or two go by until it is asked again and speaks.
        main(["doctor", str(link), "--seconds", "8", "--json"])
    said = objects(capsys)
    assert said["format"]["value"] == name
    assert "after it was asked" in said["format"]["text"]
    assert said["rate"]["value"] == pytest.approx(fs, rel=0.05)
    assert (said["polarity"]["level"], said["electrodes"]["level"]) == ("ok", "ok")
    assert parse(said["config"]["toml"], {}, {}).format == name


def test_capture_when_its_firmware_speaks_another_version_then_both_versions_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hello = wire.HelloFrame("heartwire-uno 9", 2).to_bytes()
    capture = tmp_path / "capture"
    capture.write_text(json.dumps({"t_s": 0.0, "hex": (b"\0" + hello).hex()}) + "\n")
    assert main(["doctor", str(capture)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "got native frames of version 2 from heartwire-uno 9, expected version 1" in said


def test_capture_when_the_firmware_says_its_name_then_it_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = get("native").encoder(EncoderOptions(250.0, ("II",)))
    mv = VirtualPatient(250.0, 3, "sinus:60s").read(2500).mv
    hello = wire.HelloFrame("heartwire-uno 1").to_bytes()
    parts = [b"\0" + hello, *(sender.encode(mv[k : k + 5]) for k in range(0, 2500, 5))]
    rows = [json.dumps({"t_s": 0.02 * k, "hex": part.hex()}) for k, part in enumerate(parts)]
    (tmp_path / "capture").write_text("\n".join(rows) + "\n")
    main(["doctor", str(tmp_path / "capture"), "--json"])
    firmware = objects(capsys)["firmware"]
    assert (firmware["level"], firmware["value"]) == ("ok", "heartwire-uno 1")
