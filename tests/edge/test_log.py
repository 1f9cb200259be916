"""The way to stderr: never waited for, told to the journal with its level, and one object a line if asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.io.log import Log
from edge.log_lines import SAME, Line

Spawn = Callable[..., "subprocess.Popen[str]"]


def test_log_when_nobody_reads_then_it_does_not_wait_and_counts_what_is_missing() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb", buffering=0) as other:
        log = Log(stream=stream)
        for k in range(1000):
            log(Line("alarm", f"high vt active: {'x' * 900} {k}", "critical", urgent=True))
        read = b""
        while b"x 0\n" not in read or len(read) < 40_000:
            read += other.read(65536)
        log(Line("signal", "samples arrive again"))
        read = other.read(65536)
        missing, last = read.decode().splitlines()[-2:]
    assert "lines are missing here: nobody read them" in missing
    assert int(missing.split("log: ")[1].split()[0]) > 900
    assert last.endswith("signal: samples arrive again")


def test_log_when_the_reader_has_gone_then_nothing_happens() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        os.close(reader)
        log = Log(stream=stream)
        log(Line("signal", "samples arrive again"))
        log.close()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def test_log_when_it_is_the_journal_then_each_line_tells_its_level(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        stat = os.fstat(stream.fileno())
        log = Log(stream=stream, environ={"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        assert not log.for_people
        log(Line("alarm", "high vt active: x", "critical"))
        other = Log(stream=stream, environ={"JOURNAL_STREAM": "1:2"})
        assert other.for_people
        other(Line("signal", "again"))
    first, second = (tmp_path / "journal").read_text().splitlines()
    assert first.startswith("<2>20")
    assert second.startswith("20")


def test_log_when_closed_then_it_says_what_it_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(as_json=True, secrets=("canary",))
    for _ in range(SAME + 4):
        log(Line("command_ignored", "from canary"))
    log.close()
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [one["text"] for one in said] == ["from ***"] * SAME + [
        "4 more like this were held back: command_ignored: from ***"
    ]


def test_run_when_asked_for_a_json_log_then_each_line_of_stderr_is_an_object(
    tmp_path: Path, spawn: Spawn, until: Any
) -> None:
    link = tmp_path / "ttyECG"
    spawn("simulate", "--script", "sinus:60s", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device", 60.0)
    words = ["--source", str(link), "--device", "bed4", "--mqtt", "127.0.0.1:1", "--log-json"]
    monitor = spawn("run", *words)
    assert monitor.stderr is not None
    said: list[dict[str, str]] = []
    while not any("technical broker_lost active" in one["text"] for one in said):
        said.append(json.loads(monitor.stderr.readline()))
    monitor.send_signal(signal.SIGTERM)
    said += [json.loads(line) for line in monitor.communicate(timeout=60)[1].splitlines()]
    assert {tuple(one) for one in said} == {("t", "level", "what", "text")}
    assert ("warning", "broker_lost") in {(one["level"], one["what"]) for one in said}
    assert ("warning", "alarm") in {(one["level"], one["what"]) for one in said}


def test_run_when_a_mistake_ends_it_and_a_program_reads_then_an_object_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from edge.cli import main

    config = tmp_path / "bed.toml"
    config.write_text('log_json = true\nsource = "/nowhere/tty"\n')
    assert main(["run", "-c", str(config), "--mqtt", "none"]) == 2
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], said["what"]) == ("error", "mistake")
    assert "/nowhere/tty" in said["text"]
