from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from train import __main__ as train_main

ROOT = Path(__file__).parents[2]


def test_main_when_asked_for_help_then_every_command_that_is_there_is_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train_main.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "evaluate" in train_main.available()
    assert all(f"  {name}" in shown for name in train_main.available())


def test_main_when_nothing_is_asked_then_usage_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_main.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: python -m train COMMAND")


def test_main_when_command_is_unknown_then_one_line_names_the_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train_main.main(["fly"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("train: unknown command 'fly': expected one of ")
    assert said.count("\n") == 1


def test_main_when_a_command_gets_bad_input_then_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main.main(["evaluate", str(tmp_path / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert "nowhere is not a folder" in said
    assert said.count("\n") == 1


def test_train_when_nobody_reads_on_then_it_ends_without_a_traceback() -> None:
    pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")
    command = [sys.executable, "-m", "train", "study", "--preset", "full", "--plan"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline()
        run.stdout.close()  # more than a pipe holds is still to come
        said = run.stderr.read()
    assert said == ""
    assert run.returncode == 1
