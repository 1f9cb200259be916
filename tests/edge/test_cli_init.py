"""`heartwire init`: from a port, from flags alone, over what is there, and the files of a service."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.cli import init, main
from edge.config import Config, parse
from edge.io.serial_source import Port
from edge.service.catalogue import SERVICE_FILES
from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient

ROOT = Path(__file__).parents[2]


def capture(path: Path, fs_true: float = 230.0) -> Path:
    """What `doctor --capture` would write of an Olimex board whose clock is slow, upside down."""
    encoder = get("olimex").encoder(EncoderOptions(256.0, ("ECG",)))
    mv = -VirtualPatient(256.0, 3, "sinus:60s").read(1536).mv
    parts = [encoder.encode(mv[k : k + 8]) for k in range(0, len(mv), 8)]
    rows = [json.dumps({"t_s": k * 8 / fs_true, "hex": part.hex()}) for k, part in enumerate(parts)]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_init_when_a_port_is_examined_then_a_file_that_run_takes(
    tmp_path: Path, spawn: Any, until: Any, broker: Any, make_subscriber: Any
) -> None:
    link, file = tmp_path / "ttyECG", tmp_path / "new" / "bed4.toml"
    spawn("simulate", "--script", "sinus:600s rate=80", "--to", f"pty:{link}")
    until(link.exists, "the device", 60.0)
    words = ["init", str(link), "--device", "bed4", "--mqtt", f"127.0.0.1:{broker.port}", "-o", str(file)]
    done = spawn(*words, "--seconds", "1")
    out, err = done.communicate(timeout=60)
    assert done.returncode == 0, err
    assert re.search(r"^ok +format +heartwire native", out, re.MULTILINE)
    assert f"wrote {file}" in out
    assert f"now: heartwire run -c {file}" in out
    config = parse(file.read_text(), {}, {})
    assert (config.source, config.format, config.device) == (str(link), "native", "bed4")
    assert "#   ok     format      heartwire native" in file.read_text()
    subscriber = make_subscriber(broker.port)
    spawn("run", "-c", str(file))
    until(lambda: subscriber.payloads("heartwire/bed4/beat"), "beats", 60.0)


def test_init_when_something_is_wrong_with_the_device_then_mended_and_said_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bed.toml"
    assert main(["init", str(capture(tmp_path / "c")), "--source", "/dev/ttyUSB7", "-o", str(out)]) == 0
    text = out.read_text()
    config = parse(text, {}, {})
    assert (config.source, config.format, config.invert) == ("/dev/ttyUSB7", "olimex", True)
    assert config.fs == pytest.approx(230.0, rel=0.01)
    assert re.search(r"^fs = 2\d\d\.\d  # .* samples a second arrive, 256 are declared", text, re.MULTILINE)
    assert re.search(r"^invert = true  # the QRS points downwards", text, re.MULTILINE)
    assert re.search(r"^wrong +rate +230", capsys.readouterr().out, re.MULTILINE)


def test_init_when_flags_say_otherwise_then_they_win(tmp_path: Path) -> None:
    out = tmp_path / "bed.toml"
    words = ["--source", "/dev/x", "--fs", "256", "--format", "olimex", "--mqtt", "none", "-o", str(out)]
    assert main(["init", str(capture(tmp_path / "c")), *words]) == 0
    config = parse(out.read_text(), {}, {})
    assert (config.fs, config.mqtt.host) == (256.0, "")


def test_init_when_a_file_is_carried_on_then_its_keys_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text(
        'source = "/dev/x"\nwave_ms = 200\n[alarms]\npreset = "child"\n[mqtt]\nhost = "broker.ward"\n'
    )
    assert main(["init", "-c", str(old), "--device", "bed9", "-o", str(new)]) == 0
    config = parse(new.read_text(), {}, {})
    assert (config.device, config.wave_ms, config.alarms.preset) == ("bed9", 200.0, "child")
    assert config.mqtt.host == "broker.ward"


def test_init_when_printed_then_the_file_alone_and_without_what_the_environment_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTWIRE_MQTT_PASSWORD", "canary")
    monkeypatch.setenv("HEARTWIRE_FORMAT", "text")
    words = ["--source", "-", "--mqtt-password-file", "/etc/not-there-yet"]
    assert main(["init", *words, "-o", "-"]) == 0
    text = capsys.readouterr().out
    config = parse(text, {}, {})
    assert config.format == Config().format
    assert config.mqtt.password_file == "/etc/not-there-yet"
    assert "canary" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "got neither a port to examine nor --source"),
        (["/dev/nothing-there"], "no such port"),
        (["--source", "/dev/x", "--device", "a/b"], "device: got 'a/b'"),
        (["--source", "/dev/x", "-o", "/proc/nowhere/x"], "cannot write '/proc/nowhere/x'"),
        (["x", "--baud", "fast"], "--baud: got 'fast'"),
        (["x", "--seconds", "0"], "--seconds is 0"),
    ],
)
def test_init_when_asked_wrongly_then_one_line_and_status_2(
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_init_when_nothing_is_understood_then_said_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c").write_text(json.dumps({"t_s": 0.0, "hex": "00" * 500}) + "\n")
    assert main(["init", str(tmp_path / "c"), "-o", str(tmp_path / "out")]) == 1
    assert "no known format fits them" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_init_when_the_file_is_there_and_nobody_can_be_asked_then_refused_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bed.toml"
    file.write_text("mine = 1\n")
    words = ["init", "--source", "/dev/x", "-o", str(file)]
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert main(words) == 2
        assert (
            f"{file} is there already and says something else; --force overwrites it"
            in capsys.readouterr().err
        )
        assert file.read_text() == "mine = 1\n"
        assert main([*words, "--force"]) == 0
        assert main(words) == 0, "the same again changes nothing"
    assert parse(file.read_text(), {}, {}).source == "/dev/x"
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("\n", 1), ("no\n", 1)])
def test_init_when_a_person_is_at_the_terminal_then_asked(tmp_path: Path, typed: str, status: int) -> None:
    file = tmp_path / "bed.toml"
    file.write_text("mine = 1\n")
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "edge.cli", "init", "--source", "/dev/x", "-o", str(file)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.write(master, typed.encode())
        _, err = process.communicate(timeout=60)
    os.close(master)
    os.close(slave)
    assert process.returncode == status
    assert "there already. Overwrite? [y/N]" in err
    assert (file.read_text() == "mine = 1\n") is bool(status)
    assert ("nothing was written" in err) is bool(status)


def test_service_when_asked_for_then_all_files_below_the_folder_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = Port("/dev/serial/by-id/usb-x", "Uno", 0x2341, 0x43, "9573")
    monkeypatch.setattr("edge.io.serial_source.list_ports", lambda: [port])
    words = [
        "--source",
        port.path,
        "--device",
        "bed7",
        "--mqtt",
        "broker.ward:8883",
        "--service",
        str(tmp_path),
    ]
    assert main(["init", *words]) == 0
    said = capsys.readouterr().out
    for one in SERVICE_FILES:
        assert f"wrote {tmp_path / one.place}" in said
        assert one.place in said.split("now, as root")[1]
    assert "systemctl enable --now heartwire@bed7" in said
    assert parse((tmp_path / "etc/heartwire/bed7.toml").read_text(), {}, {}).device == "bed7"
    unit = (tmp_path / "etc/systemd/system/heartwire@.service").read_text()
    (command,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert os.access(command, os.X_OK)
    rules = (tmp_path / "etc/udev/rules.d/70-heartwire.rules").read_text()
    assert 'ATTRS{serial}=="9573", SYMLINK+="heartwire/bed7"' in rules
    assert "user bed7\n" in (tmp_path / "etc/mosquitto/heartwire.acl").read_text()
    assert "broker.ward" in (tmp_path / "etc/mosquitto/conf.d/heartwire.conf").read_text()


def test_service_when_a_second_bed_comes_then_beside_the_first_and_nothing_is_asked(tmp_path: Path) -> None:
    common = ["--mqtt", "broker.ward:8883", "--service", str(tmp_path)]
    acl = tmp_path / "etc/mosquitto/heartwire.acl"
    for bed in ("bed7", "bed8", "bed8"):
        assert main(["init", "--source", "/dev/x", "--device", bed, *common]) == 0
    assert acl.read_text().count("user bed7\n") == acl.read_text().count("user bed8\n") == 1
    assert len(list((tmp_path / "etc/heartwire").iterdir())) == 2


def test_command_when_heartwire_is_not_beside_python_then_still_one_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    assert init._site(Config()).command == f"{tmp_path}/python3 -m edge.cli"
    (tmp_path / "heartwire").touch()
    assert init._site(Config()).command == f"{tmp_path}/heartwire"
