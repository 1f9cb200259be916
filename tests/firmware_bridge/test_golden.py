"""The golden logs: every device's bytes as they came, played through a pseudo-terminal, and what must come of them."""

from __future__ import annotations

import importlib.util
import os
import select
import tty
from pathlib import Path
from types import ModuleType

import pytest

from edge.io.serial_source import SerialSource
from firmware_bridge import capture, devices
from firmware_bridge.capture import Log
from firmware_bridge.types import Gap, SampleBlock

ROOT = Path(__file__).parents[2]
LOGS = sorted((Path(__file__).parent / "data").glob("*.jsonl"))
DEADLINE_S = 60.0


@pytest.fixture
def script(tmp_path: Path) -> ModuleType:
    """tests/golden.py, which writes into a folder of the test."""
    spec = importlib.util.spec_from_file_location("golden", ROOT / "tests" / "golden.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.DATA = tmp_path / "data"  # type: ignore[attr-defined]
    return module


def played(log: Log) -> list[SampleBlock | Gap]:
    """What the device's decoder makes of the log on a pseudo-terminal, each piece at its time."""
    decoder = log.decoder()
    far, near = os.openpty()
    tty.setraw(near)
    source = SerialSource(os.ttyname(near), devices.get(log.format).baud)
    source.open()
    items: list[SampleBlock | Gap] = []
    try:
        for t_s, data in log.pieces:
            for at in range(0, len(data), 1000):
                part = data[at : at + 1000]
                os.write(far, part)
                n = 0
                while n < len(part):
                    assert select.select([source.fileno()], [], [], DEADLINE_S)[0]
                    got = source.read()
                    n += len(got)
                    items += decoder.feed(got, t_s)
    finally:
        source.close()
        os.close(near)
        os.close(far)
    return items


def test_logs_when_counted_then_each_device_and_thirty_at_least_in_little_space() -> None:
    assert len(LOGS) >= 30
    assert {capture.read(path).format for path in LOGS} >= set(devices._BUILT_IN)
    assert sum(path.stat().st_size for path in LOGS) < 1_500_000


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_log_when_played_on_a_pty_then_the_events_that_are_expected(path: Path) -> None:
    log = capture.read(path)
    assert log.origin
    assert log.expected is not None
    assert capture.summary(played(log)) == log.expected[:-1]


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_log_when_fed_as_it_came_or_byte_by_byte_then_the_events_and_counts_that_are_expected(
    path: Path,
) -> None:
    log = capture.read(path)
    assert capture.events(log.decoder(), log.pieces) == log.expected
    single = [(t_s, data[k : k + 1]) for t_s, data in log.pieces for k in range(len(data))]
    assert capture.events(log.decoder(), single) == log.expected


@pytest.mark.parametrize("name", sorted(devices._BUILT_IN))
def test_log_when_clean_then_nothing_is_lost(name: str) -> None:
    log = capture.read(ROOT / "tests" / "firmware_bridge" / "data" / f"{name}-clean.jsonl")
    assert log.expected is not None
    (*stretches, counts) = log.expected
    assert all("gap" not in row for row in stretches)
    assert set(counts["counts"]) == {"n_bytes", "n_frames", "n_samples"}


def test_script_when_given_a_capture_then_a_golden_log_of_it(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = capture.read(LOGS[[path.stem for path in LOGS].index("cyton-damage")])
    capture.write(tmp_path / "capture", made.pieces)
    words = [
        str(tmp_path / "capture"),
        "--format",
        "cyton",
        "--origin",
        "a Cyton, firmware 3.1.2, a simulator on N1P",
    ]
    assert script.main(words) == 0
    written = tmp_path / "data" / "cyton-captured.jsonl"
    assert capsys.readouterr().out.strip() == str(written)
    assert capture.read(written) == Log(made.pieces, words[-1], "cyton", {}, made.expected)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["nowhere", "--format", "cyton", "--origin", "x"],
            "expected one that `doctor --capture` has written",
        ),
        (["capture"], "got --format None"),
        (["capture", "--format", "cyton", "--name", "../x"], "expected a device, and a-z 0-9 - in a name"),
        (["capture", "--format", "cytton", "--origin", "x"], "cytton"),
        (["capture", "--format", "cyton"], "got no origin"),
    ],
)
def test_script_when_asked_wrongly_then_one_line(
    script: ModuleType, tmp_path: Path, words: list[str], says: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    capture.write(Path("capture"), [(0.0, b"x")])
    assert script.main(words) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_script_when_it_simulates_then_thirty_logs_at_least_and_talk_in_those_of_monitors(
    script: ModuleType,
) -> None:
    made = script.conversation("intellivue")
    expected = capture.events(made.decoder(), made.pieces)
    assert expected[0]["n"] > 500
    assert len(made.pieces) > 10
    assert len(devices._BUILT_IN) + len(script.FAULTY) >= 30
