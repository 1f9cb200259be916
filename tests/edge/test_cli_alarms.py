"""`heartwire alarms` on a log that real monitors wrote, one of them killed, and on everything that is none."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.alarms.log import Diary, read_log
from edge.cli import main
from edge.io.alarm_log import OLDER, AlarmLog

ROOT = Path(__file__).parents[2]
SCRIPT = "sinus:6s rate=80; asystole:120s"


def _monitor(link: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edge.cli", "run", "--source", str(link), "--device", "bed4"]
    command += ["--mqtt", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _of_log(log: Path, what: str) -> list[str]:
    return (
        [r["name"] for r in read_log(log.read_bytes())[0] if r["what"] == what and "name" in r]
        if log.exists()
        else []
    )


def _alarms(capsys: Any, *words: str) -> tuple[str, str]:
    assert main(["alarms", *words]) == 0
    found = capsys.readouterr()
    return found.out, found.err


def test_alarms_when_monitors_wrote_the_log_and_one_was_killed_then_told_from_beginning_to_end(
    tmp_path: Path,
    broker: Any,
    make_subscriber: Callable[..., Any],
    until: Callable[..., Any],
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscriber = make_subscriber(broker.port, "heartwire/bed4/response/ack")
    link, log = tmp_path / "ttyECG", tmp_path / "state" / "heartwire" / "bed4-alarms.jsonl"
    command = [
        sys.executable,
        "-m",
        "edge.cli",
        "simulate",
        "--script",
        SCRIPT,
        "--to",
        f"pty:{link}",
        "--wait",
    ]
    player = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    monitor = None
    try:
        until(link.exists, "the device", 60.0)
        monitor = _monitor(link, broker.port)
        until(lambda: "asystole" in _of_log(log, "raised"), "the alarm", 90.0)
        subscriber.client.publish("heartwire/bed4/command/ack", b'{"name":"asystole","by":"Ana"}', 1)
        until(lambda: "asystole" in _of_log(log, "acknowledged"), "the acknowledgement", 60.0)
        monitor.send_signal(signal.SIGKILL)
        monitor.wait(60)
        with log.open("ab") as file:  # what a loss of power leaves
            file.write(b'{"t":"2026-11-25T21:4')
        monitor = _monitor(link, broker.port)
        until(lambda: log.read_bytes().count(b'"started"') == 2, "the next start", 60.0)
        monitor.send_signal(signal.SIGTERM)
        assert monitor.wait(60) == 0
    finally:
        for process in [player, *([] if monitor is None else [monitor])]:
            process.kill()
            process.wait()

    out, err = _alarms(capsys)
    assert out.count("bed4  monitor started (start ") == 2
    entry = next(entry for entry in out.split("\n2") if "!!! asystole: no QRS" in entry)
    assert "patient, high priority; rule: no QRS for 4 s with the electrodes on; last values: HR " in entry
    assert entry.index("raised") < entry.index("acknowledged by Ana")
    assert "1 line could not be read (torn by a loss of power?); all others were" in err
    assert "times are UTC" in err

    monkeypatch.setenv("HEARTWIRE_ALARMS_LOG", str(log))
    out, _ = _alarms(capsys, "--json", "--since", "1h", "--device", "bed4")
    told = [json.loads(line) for line in out.splitlines()]
    started = [one["boot_id"] for one in told if one["what"] == "started"]
    stopped = next(one for one in told if one.get("name") == "asystole")
    assert len(set(started)) == 2
    assert stopped["boot_id"] == started[0]
    assert [one["by"] for one in stopped["acknowledged"]] == ["Ana"]
    assert stopped["changes"][0]["what"] == "raised"


def _line(device: str, detail: str, utc_s: float) -> bytes:
    return Diary(device, "b00t").note("label", detail, utc_s)


def test_alarms_when_there_are_an_older_file_and_other_beds_then_all_in_the_order_of_time(
    tmp_path: Path, capsys: Any, until: Callable[..., Any]
) -> None:
    log = AlarmLog(tmp_path / "bed4.jsonl", 1000)
    for k in range(12):
        log.write(_line("bed4", f"number {k}", 1.8e9 + 2 * k))
        until(lambda: not log._waiting and not log._taken, "the line is written", 60.0)
    log.close()
    (tmp_path / "bed5.jsonl").write_bytes(_line("bed5", "between", 1.8e9 + 17))
    assert (tmp_path / f"bed4.jsonl{OLDER}").exists()
    kept = [line for line in _alarms(capsys, str(tmp_path))[0].splitlines() if "bed4" in line]
    out = _alarms(capsys, str(tmp_path))[0].splitlines()
    assert kept[-1].endswith("label: number 11")
    assert len(kept) > 6
    assert [line[:19] for line in out] == sorted(line[:19] for line in out)
    assert sum("bed5" in line for line in out) == 1
    assert _alarms(capsys, str(tmp_path), "--device", "bed5")[0].count("\n") == 1
    assert _alarms(capsys, str(tmp_path), "--since", "2030-01-01") == (
        "",
        "heartwire alarms: no entry in that time\n",
    )


def test_alarms_when_the_log_is_empty_or_only_torn_then_said_and_no_failure(
    tmp_path: Path, capsys: Any
) -> None:
    log = tmp_path / "bed4.jsonl"
    log.write_bytes(b"")
    assert _alarms(capsys, str(log)) == (
        "",
        "heartwire alarms: no entry: no monitor has written into it yet\n",
    )
    log.write_bytes(b"\0\0" + _line("bed4", "x", 1.8e9)[:40])
    out, err = _alarms(capsys, str(log))
    assert out == ""
    assert "1 line could not be read" in err


def test_alarms_when_nothing_happened_since_the_start_then_no_alarm(tmp_path: Path, capsys: Any) -> None:
    log = tmp_path / "bed4.jsonl"
    log.write_bytes(Diary("bed4", "b00t").note("started", "/dev/ttyACM0", 1.8e9))
    assert _alarms(capsys, str(log))[1] == "heartwire alarms: no alarm\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "state/heartwire/device-alarms.jsonl: no such file; expected an alarm log"),
        (("-c", "off.toml"), "alarms.log: got 'none' in off.toml: no log is written"),
        (("nowhere.jsonl",), "nowhere.jsonl: no such file"),
        (("folder",), "folder: no alarm log in this folder"),
        (("other.jsonl",), "other.jsonl: not an alarm log"),
        (("binary.jsonl",), "binary.jsonl: not an alarm log"),
        (("bed4.jsonl", "--device", "bed9"), "--device: got 'bed9', expected one that is in the log: bed4"),
        (("bed4.jsonl", "--since", "soon"), "--since: got 'soon'"),
        (("-c", "no.toml"), "config file: cannot read 'no.toml'"),
        (("-c", "bare.toml"), "state/heartwire/bed4-alarms.jsonl: no such file"),
    ],
)
def test_alarms_when_what_is_asked_for_is_not_there_then_one_line_and_status_2(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEARTWIRE_ALARMS_LOG", raising=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "bed4.jsonl").write_bytes(_line("bed4", "x", 1.8e9))
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    (tmp_path / "binary.jsonl").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "bare.toml").write_text('device = "bed4"\n')
    (tmp_path / "off.toml").write_text('[alarms]\nlog = "none"\n')
    assert main(["alarms", *words]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
