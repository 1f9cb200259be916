"""`heartwire watch` on a pseudo-terminal and into a pipe, from a real broker."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.alarms.log import read_log
from edge.bench.beds import Beds
from edge.cli import main
from edge.cli.watch import who
from edge.io.terminal import ENTER, LEAVE, Terminal, can_draw

ROOT = Path(__file__).parents[2]


@pytest.fixture
def beds(broker: Any) -> Iterator[Beds]:
    made = Beds(broker.port, {"bed1": "sinus:600s", "bed2": "bigeminy:600s"})
    yield made
    made.close()


class Seen:
    """The program on a terminal of its own."""

    def __init__(self, port: int, *words: str, **environ: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        command = [sys.executable, "-m", "edge.cli", "watch", "--mqtt", f"127.0.0.1:{port}", *words]
        env = {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), **environ}
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, env=env)
        self.text = ""

    def until(self, text: str, deadline_s: float = 15.0) -> None:
        end = time.monotonic() + deadline_s
        while text not in self.text:
            assert time.monotonic() < end, f"{text!r} did not appear in {self.text[-2000:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        status = self.process.wait(10)
        self.until(LEAVE)
        assert termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return status


def test_watch_when_on_a_terminal_then_beds_curves_alarms_and_stale_and_the_terminal_is_given_back(
    broker: Any, beds: Beds
) -> None:
    seen = Seen(broker.port)
    seen.until(ENTER)
    seen.until("2 of 2 beds live")
    seen.until(">bed1")
    seen.until("HR  7")
    seen.until("⣀")
    beds.alarm("bed2", "vt")
    seen.until("!!! bed2  vt")
    seen.press("\t")
    seen.until(">bed2")
    boot_id = beds.beds["bed1"].composer.boot_id
    alarm = {"state": "active", "priority": "low", "value": "\x1b[2J", "boot_id": boot_id}
    beds.client.publish("heartwire/bed1/alarm/x]0;owned", json.dumps(alarm), 1)
    seen.until("\\x1b[2J")
    beds.stop()
    seen.until("STALE: nothing for 3 s")
    fcntl.ioctl(seen.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
    seen.until("\x1b[2J\x1b[1;1H")
    seen.press("q")
    assert seen.end() == 0


def test_watch_when_a_key_acknowledges_then_on_the_topic_in_the_log_and_said_what_came_back(
    broker: Any,
    tmp_path: Path,
    make_subscriber: Callable[..., Any],
    spawn_unheard: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    subscriber = make_subscriber(broker.port, "heartwire/+/command/+")
    link, log = tmp_path / "ttyECG", tmp_path / "bed4.jsonl"
    spawn_unheard("simulate", "--script", "sinus:6s rate=80; asystole:300s", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device", 60.0)
    words = ["--source", str(link), "--device", "bed4", "--mqtt", f"127.0.0.1:{broker.port}"]
    monitor = spawn_unheard("run", *words, "--alarms-log", str(log))
    seen = Seen(broker.port)
    seen.until("a acknowledge alarms of bed4   s its sound off, on   Tab next bed   q quit", 60.0)
    seen.until("!!! bed4  asystole", 60.0)
    seen.press("\x1bOA\x1b[1;5A")  # arrows that hold the letter: nothing is acknowledged by them
    seen.press("a")
    seen.until("bed4: asystole acknowledged", 60.0)
    seen.until(f"asystole, acknowledged by {who()}", 60.0)
    seen.press("s")
    seen.until("bed4: sound paused", 60.0)
    seen.until("SOUND PAUSED until", 60.0)
    commands = [
        (topic, json.loads(payload), retain)
        for topic, payload, retain in until(lambda: subscriber.got[1:] and subscriber.got, "both commands")
    ]
    assert [(topic, retain) for topic, _, retain in commands] == [
        ("heartwire/bed4/command/ack", False),
        ("heartwire/bed4/command/pause", False),
    ]
    assert (commands[0][1]["name"], commands[0][1]["by"]) == ("asystole", who())
    records = until(
        lambda: [r for r in read_log(log.read_bytes())[0] if r["what"] == "paused"], "the log", 60.0
    )
    acknowledged = [r for r in read_log(log.read_bytes())[0] if r["what"] == "acknowledged"]
    assert [(r["name"], r["by"]) for r in acknowledged] == [("asystole", who())]
    assert [r["by"] for r in records] == [who()]
    monitor.kill()
    seen.until("STALE: nothing for", 60.0)
    seen.press("a")
    seen.until("bed4: NOT sent: its monitor is silent", 60.0)
    broker.stop()
    seen.until("BROKER AWAY", 60.0)
    seen.press("a")
    seen.until("NOT sent: the broker is away", 60.0)
    seen.press("q")
    assert seen.end() == 0


def test_watch_when_read_only_then_no_key_changes_anything(
    broker: Any, beds: Beds, make_subscriber: Callable[..., Any]
) -> None:
    subscriber = make_subscriber(broker.port, "heartwire/+/command/+")
    seen = Seen(broker.port, "--read-only")
    seen.until("read only   Tab next bed   q quit", 60.0)
    beds.alarm("bed1", "vt")
    seen.until("!!! bed1  vt", 60.0)
    seen.press("as\t")
    seen.until(">bed2", 60.0)  # what was pressed before has been taken
    seen.press("q")
    assert seen.end() == 0
    assert subscriber.got == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_watch_when_told_to_end_then_the_terminal_is_given_back(
    broker: Any, number: int, status: int
) -> None:
    seen = Seen(broker.port)
    seen.until("no bed heard yet")
    seen.process.send_signal(number)
    assert seen.end() == status


def test_watch_when_it_is_killed_then_no_number_stands_and_the_terminal_says_that_nobody_watches(
    broker: Any, beds: Beds
) -> None:
    seen = Seen(broker.port)
    seen.until("HR  7")
    seen.process.send_signal(signal.SIGKILL)
    seen.until("heartwire watch was killed at")
    seen.until("NOBODY WATCHES HERE")
    assert seen.text.rindex(LEAVE) > seen.text.rindex("HR")
    seen.process.wait()
    assert termios.tcgetattr(seen.slave)[3] & (termios.ICANON | termios.ECHO) == termios.ICANON | termios.ECHO
    os.close(seen.master)
    os.close(seen.slave)


def test_watch_when_the_broker_is_away_then_said_on_the_screen(broker: Any) -> None:
    broker.stop()
    seen = Seen(broker.port)
    seen.until("BROKER AWAY: Connection refused")
    broker.start()
    seen.until("no bed heard yet")
    seen.press("q")
    assert seen.end() == 0


@pytest.mark.parametrize("freezes", [False, True])
def test_watch_when_the_broker_dies_or_freezes_under_it_then_said_and_no_value_stands(
    broker: Any, beds: Beds, freezes: bool
) -> None:
    seen = Seen(broker.port, NO_COLOR="1")
    seen.until("2 of 2 beds live", 60.0)
    seen.until("HR  7", 60.0)
    broker.signal(signal.SIGSTOP if freezes else signal.SIGKILL)
    seen.until("BROKER AWAY: no sign of life for 2.5 s" if freezes else "BROKER AWAY: connection ended", 60.0)
    seen.until("0 of 2 beds live", 60.0)
    seen.text = ""
    seen.until("STALE: nothing for", 60.0)
    assert "HR " not in seen.text
    seen.press("q")
    assert seen.end() == 0


@pytest.mark.parametrize("form", ["--plain", "--json"])
def test_watch_when_the_broker_freezes_under_a_pipe_then_a_line_beside_it(
    broker: Any, beds: Beds, form: str
) -> None:
    command = [sys.executable, "-u", "-m", "edge.cli", "watch", "--mqtt", f"127.0.0.1:{broker.port}", form]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline().endswith(f"info     broker: 127.0.0.1:{broker.port}: connected\n")
        broker.signal(signal.SIGSTOP)
        assert process.stderr.readline().endswith(
            f"WARNING  broker: 127.0.0.1:{broker.port}: no sign of life for 2.5 s\n"
        )
    finally:
        process.kill()
        process.communicate()


def test_watch_when_into_a_pipe_then_lines_without_a_control_character(broker: Any, beds: Beds) -> None:
    command = [
        sys.executable,
        "-m",
        "edge.cli",
        "watch",
        "--mqtt",
        f"127.0.0.1:{broker.port}",
        "--seconds",
        "4",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"Z info     broker: 127.0.0.1:{broker.port}: connected\n")
    assert done.stderr.count("\n") == 1
    assert [line for line in done.stdout.splitlines() if " bed1       beat N  RR" in line]
    assert [line for line in done.stdout.splitlines() if " bed2       beat V  RR" in line]
    assert all(line.isprintable() for line in done.stdout.splitlines())


def test_watch_when_asked_for_json_then_every_message_is_a_line(
    broker: Any, beds: Beds, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "--mqtt", f"127.0.0.1:{broker.port}", "--json", "--seconds", "2"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"heartwire/bed1/state", "heartwire/bed2/waveform/II"} <= {one["topic"] for one in said}


def test_watch_when_the_broker_refuses_us_or_there_is_none_then_one_line(
    broker: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker.stop()
    conf = tmp_path / f"mosquitto-{broker.port}.conf"
    conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()
    assert main(["watch", "--mqtt", f"127.0.0.1:{broker.port}"]) == 2
    assert "heartwire: mqtt: the broker refused us (Not authorized)" in capsys.readouterr().err
    assert main(["watch", "--mqtt", "none"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_can_draw_when_no_terminal_or_a_dumb_one_then_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_draw({"TERM": "xterm"})  # pytest's own capture is no terminal
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert can_draw({"TERM": "xterm"})
    assert not can_draw({"TERM": "dumb"})
    assert not can_draw({})


def test_terminal_when_little_changes_then_little_is_sent(
    capsys: pytest.CaptureFixture[str], until: Callable[..., Any]
) -> None:
    terminal = Terminal()
    terminal.draw(["a", "b", "c"])
    capsys.readouterr()
    terminal.draw(["a", "B"])
    assert capsys.readouterr().out == "\x1b[2;1HB\x1b[K\x1b[3;1H\x1b[K"
    terminal.draw(["a", "B"])
    assert capsys.readouterr().out == ""
