"""The command line as a user meets it: real processes, one-line errors, exit statuses."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main, verbs
from edge.cli.run import as_json

ROOT = Path(__file__).parents[2]


def heartwire(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *words],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_verbs_when_listed_then_each_has_its_three_parts() -> None:
    assert {"run", "demo", "simulate", "replay", "ports", "devices", "bench", "evaluate"} <= set(verbs())
    for name in ("run", "demo", "ports", "devices"):
        module = importlib.import_module(verbs()[name])
        assert module.HELP
        assert callable(module.add_arguments)
        assert callable(module.run)


def test_help_when_asked_then_every_verb_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in verbs())


def test_verb_when_misspelt_then_the_nearest_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rnu"]) == 2
    assert capsys.readouterr().err == "heartwire: got verb 'rnu'; did you mean 'run'?\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run",), "source: got nothing, expected a port such as /dev/ttyUSB0"),
        (("run", "--source", "/dev/x", "--format", "natvie"), "natvie"),
        (("run", "--source", "/dev/x", "--device", "bed 4"), "device: got 'bed 4'"),
        (("run", "--source", "/dev/x", "--fs", "-3"), "fs: got -3.0"),
        (("run", "--source", "/dev/x", "-c", "/nowhere.toml"), "config file: cannot read '/nowhere.toml'"),
        (("run", "--source", "mqtt://h"), "expected mqtt://HOST:PORT/TOPIC"),
        (("run", "--source", "mqtt://me:canary@h/in/bed4"), "expected mqtt://HOST:PORT/TOPIC"),
        (("demo", "--device", "a/b"), "--device: got 'a/b'"),
        (("run", "--source", "/dev/x", "--models", "/nowhere"), "/nowhere"),
    ],
)
def test_run_when_input_is_wrong_then_one_line_and_status_2(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    text = capsys.readouterr().err
    assert text.startswith("heartwire: ")
    assert says in text
    assert text.count("\n") == 1
    assert "canary" not in text


def test_process_when_password_is_a_flag_then_no_such_flag() -> None:
    done = heartwire("run", "--mqtt-password", "canary")
    assert done.returncode == 2
    assert "unrecognized arguments" in done.stderr


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"hr_bpm":70.5}', {"hr_bpm": 70.5}),
        (b"online", "online"),
        (b"HWV\x01\xff", "SFdWAf8="),
        (b"\x1b[2J", "G1sySg=="),
        (b"{broken", "e2Jyb2tlbg=="),
        (b"", ""),
    ],
)
def test_json_line_when_printed_then_json_text_or_base64(payload: bytes, shown: object) -> None:
    assert json.loads(as_json("a/b", payload, True)) == {"topic": "a/b", "payload": shown, "retain": True}


@pytest.mark.parametrize("asked", ["flag", "variable"])
def test_mistake_when_a_program_reads_it_then_a_json_object(
    asked: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if asked == "variable":
        monkeypatch.setenv("HEARTWIRE_LOG_JSON", "true")
    words = ["run", "--source", "/dev/x", "--fs", "-3", *(["--log-json"] if asked == "flag" else [])]
    assert main(words) == 2
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], said["what"]) == ("error", "mistake")
    assert "fs: got -3.0" in said["text"]
