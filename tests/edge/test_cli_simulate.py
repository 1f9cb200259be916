"""The verbs that play: what they print first, where the bytes go, and one line for every mistake."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.cli import replay, simulate
from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput, SampleBlock

ROOT = Path(__file__).parents[2]


def args_of(verb: object, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)  # type: ignore[attr-defined]
    return parser.parse_args(words)


def samples(data: bytes, name: str = "native", fs: float | None = None) -> np.ndarray:
    items = get(name).decoder(DecoderOptions(fs=fs)).feed(data, 0.0)
    return np.concatenate([item.mv for item in items if isinstance(item, SampleBlock)])[:, 0]


def command(*words: str) -> list[str]:
    code = "import sys; from edge.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code, *words]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record of 8 s of the virtual patient at 360 Hz, leads MLII and V5."""
    wfdb = pytest.importorskip("wfdb")
    mv = VirtualPatient(360, 0, "sinus").read(2880).mv.astype(float)
    wfdb.wrsamp(
        "rec",
        fs=360,
        units=["mV", "mV"],
        sig_name=["V5", "MLII"],
        p_signal=np.hstack([-mv, mv]),
        fmt=["16", "16"],
        adc_gain=[1000.0, 1000.0],
        baseline=[0, 0],
        write_dir=str(tmp_path),
    )
    return tmp_path / "rec"


def test_simulate_when_sent_to_stdout_then_it_is_the_patient_and_the_line_is_on_stderr() -> None:
    words = ("simulate", "--to", "-", "--seconds", "20", "--speed", "0", "--seed", "3", "--fs", "300")
    done = subprocess.run(command(*words), capture_output=True, env=environment(), timeout=60, check=True)
    assert np.abs(samples(done.stdout) - VirtualPatient(300, 3, "demo").read(6000).mv[:, 0]).max() <= 0.00051
    assert done.stderr.decode() == "heartwire simulate: native, 300 Hz, lead MLII, on -\n"


def test_simulate_when_on_a_pty_then_the_first_line_names_a_port_that_can_be_read(tmp_path: Path) -> None:
    link = tmp_path / "port"
    words = ("simulate", "--to", f"pty:{link}", "--seconds", "30", "--speed", "0", "--script", "sinus")
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line == f"heartwire simulate: native, 250 Hz, lead MLII, on {link}\n"
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        data = b""
        with contextlib.suppress(OSError):  # a port that vanishes reads as an error or as an end
            while part := os.read(fd, 4096):
                data += part
        os.close(fd)
        assert process.wait(30) == 0
    assert samples(data).shape == (7500,)


def test_replay_when_sent_to_stdout_then_it_is_the_records_mlii(record: Path) -> None:
    words = ("replay", str(record), "--to", "-", "--speed", "0")
    done = subprocess.run(command(*words), capture_output=True, env=environment(), timeout=60, check=True)
    expected = VirtualPatient(360, 0, "sinus").read(2880).mv[:, 0]
    assert np.abs(samples(done.stdout) - expected).max() <= 0.00051
    assert b"360 Hz, lead MLII" in done.stderr


def test_replay_when_the_device_has_its_own_rate_then_the_record_is_resampled(
    record: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    words = (str(record), "--to", "-", "--speed", "0", "--format", "openview", "--start", "2", "--lead", "0")
    assert replay.run(args_of(replay, *words)) == 0
    out, err = capfdbinary.readouterr()
    fs = get("openview").fs
    assert fs is not None
    assert samples(out, "openview").shape[0] == pytest.approx(6 * fs, abs=2)
    assert f"openview, {fs:g} Hz, lead V5".encode() in err


def test_replay_when_seconds_are_given_then_it_stops_there(
    record: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    replay.run(args_of(replay, str(record), "--to", "-", "--speed", "0", "--seconds", "100", "--loop"))
    assert samples(capfdbinary.readouterr().out).shape == (36000,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--script", "sinus:9"), None),
        (("--script", "nonsense:9s"), "rhythm 'nonsense' is unknown"),
        (("--format", "morse"), "format 'morse' is unknown"),
        (("--format", "mqtt-json"), "goes to a broker: use --to mqtt://"),
        (("--format", "text", "--to", "mqtt://127.0.0.1/bed"), "does not go over MQTT"),
        (("--to", "serial"), "--to is 'serial': expected pty, pty:LINK, tcp:PORT"),
        (("--to", "tcp:http"), "--to is 'tcp:http'"),
        (("--to", "mqtt://127.0.0.1"), "expected levels of a-z"),
        (("--to", "mqtt://127.0.0.1:1/bed"), "no connection"),
        (("--speed", "-2"), "speed is -2"),
        (("--speed", "nan"), "speed is nan"),
        (("--speed", "0", "--format", "dri", "--to", "pty"), "--speed is 0, and dri waits to be asked"),
        (("--seconds", "-1"), "--seconds is -1"),
        (("--frame-ms", "1e9"), "frame length is 1e+09 ms"),
        (("--fs", "3"), "expected 50 to 4000 Hz"),
        (("--seed", "-1"), "seed is -1"),
        (("--fault", "drop=0.1@2+3;reboot@1", "--fault", "wrap"), None),
        (("--fault", "drop=7"), "expected 0 to 1 for drop"),
        (("--format", "/nowhere/board.toml"), "/nowhere/board.toml: cannot read it"),
        (("--fault", "fire"), "got the fault 'fire', expected KIND"),
        (("--fault", "flip", "--format", "mqtt-json", "--to", "mqtt://127.0.0.1:1/bed"), "happens to bytes"),
    ],
)
def test_simulate_when_an_argument_is_wrong_then_one_line_says_so(
    words: tuple[str, ...], said: str | None, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    call: Callable[[], int] = lambda: simulate.run(args_of(simulate, "--to", "-", "--seconds", "0", *words))  # noqa: E731
    if said is None:
        assert call() == 0
        return
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_simulate_when_faults_are_asked_for_then_the_same_ones_every_time(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    words = (
        "--to",
        "-",
        "--speed",
        "0",
        "--seconds",
        "4",
        "--format",
        "cyton",
        "--fault",
        "drop=0.1;flip=1e-3",
    )
    sent = []
    for seed in ("1", "1", "2"):
        simulate.run(args_of(simulate, *words, "--fault-seed", seed))
        sent.append(capfdbinary.readouterr().out)
    assert sent[0] == sent[1] != sent[2]
    assert 800 * 33 < len(sent[0]) < 960 * 33


def test_simulate_when_the_format_is_a_profiles_path_then_it_speaks_it(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "board.toml"
    text = 'fs = 200\n[frame]\nlength = 4\nsync = "FE"\nfooter = "EF"\n[[channel]]\nat = 1\ntype = "i16le"\n'
    path.write_text(text + "[scale]\nuv_per_unit = 1\n")
    words = ("--to", "-", "--speed", "0", "--seconds", "2", "--format", str(path), "--script", "sinus")
    assert simulate.run(args_of(simulate, *words)) == 0
    got = samples(capfdbinary.readouterr().out, str(path))
    assert np.abs(got - VirtualPatient(200, 0, "sinus").read(400).mv[:, 0]).max() <= 0.00051


def test_simulate_when_the_ecg_is_to_be_small_then_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    words = (
        "--to",
        "-",
        "--speed",
        "0",
        "--seconds",
        "2",
        "--script",
        "sinus",
        "--fs",
        "250",
        "--gain",
        "0.3",
    )
    assert simulate.run(args_of(simulate, *words)) == 0
    got = samples(capfdbinary.readouterr().out)
    assert np.abs(got - 0.3 * VirtualPatient(250, 0, "sinus").read(500).mv[:, 0]).max() <= 0.00051


def test_main_when_the_record_is_missing_then_one_line_and_a_failure() -> None:
    done = subprocess.run(
        command("replay", "/nowhere/208"), capture_output=True, env=environment(), timeout=60
    )
    assert done.returncode != 0
    assert done.stderr.decode().count("\n") == 1
    assert "'/nowhere/208' not found" in done.stderr.decode()


def test_monitor_when_played_to_a_file_then_as_if_it_had_been_asked() -> None:
    words = (
        "simulate",
        "--to",
        "-",
        "--speed",
        "0",
        "--seconds",
        "5",
        "--script",
        "sinus",
        "--format",
        "intellivue",
    )
    done = subprocess.run(command(*words), cwd=ROOT, capture_output=True, check=True)
    got = samples(done.stdout, "intellivue")
    assert len(got) == 2500 // 128 * 128
    assert np.abs(got - VirtualPatient(500, 0, "sinus").read(len(got)).mv[:, 0]).max() <= 0.0026
