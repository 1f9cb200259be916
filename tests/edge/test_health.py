"""A container's health check hears the real monitor feed its watchdog, and is not content with less."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.io.health import main

ROOT = Path(__file__).parents[2]


def test_health_when_the_monitor_lives_then_0_again_and_again_and_1_once_it_stands_still(
    tmp_path: Path,
    spawn: Any,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    link, notify = tmp_path / "ttyECG", str(tmp_path / "notify")
    spawn("simulate", "--script", "sinus:300s", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device", 60.0)
    monkeypatch.setenv("NOTIFY_SOCKET", notify)
    monitor = spawn("run", "--source", str(link), "--mqtt", "none")
    command = [sys.executable, "-m", "edge.io.health"]
    until(lambda: subprocess.run(command, cwd=ROOT, env=dict(os.environ)).returncode == 0, "health", 60.0)
    assert main({"NOTIFY_SOCKET": notify}, 60.0) == 0
    monitor.send_signal(signal.SIGSTOP)
    main({"NOTIFY_SOCKET": notify}, 0.5)  # what it had sent before
    capsys.readouterr()
    assert main({"NOTIFY_SOCKET": notify}, 1.5) == 1
    assert "did nothing to its end for 1.5 s" in capsys.readouterr().err
    monitor.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("name", "says"), [("", "names no path"), ("@x", "names no path"), ("/nowhere/notify", "cannot listen")]
)
def test_health_when_nothing_can_be_heard_then_one_line(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"NOTIFY_SOCKET": name}) == 1
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
