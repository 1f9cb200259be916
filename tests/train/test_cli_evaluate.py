from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train import cli_evaluate, splits


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli_evaluate.add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("100.hea", "100.atr", "101.hea", "bw.hea", "103.hea", "103.atr"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_records_of_when_nothing_is_named_then_all_with_labels_in_order(folder: Path) -> None:
    assert cli_evaluate.records_of(folder, None, None) == ["100", "103"]


def test_records_of_when_named_then_those_in_that_order(folder: Path) -> None:
    assert cli_evaluate.records_of(folder, "103, 100,", None) == ["103", "100"]


def test_records_of_when_split_is_named_then_its_list(folder: Path) -> None:
    assert cli_evaluate.records_of(folder, None, "ds2") == list(splits.DS2)


@pytest.mark.parametrize(
    ("named", "part", "message"),
    [
        (None, "nowhere", "is not a folder"),
        (None, "empty", "no labelled record in"),
        (" ,", "", "--records: got"),
    ],
)
def test_records_of_when_there_is_none_then_one_line_says_why(
    folder: Path, named: str | None, part: str, message: str
) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(BadInput, match=message):
        cli_evaluate.records_of(folder / part, named, None)


def test_run_when_start_is_negative_then_one_line_says_so(folder: Path) -> None:
    args = parsed(str(folder), "--records", "999", "--start", "-1")
    with pytest.raises(BadInput, match="--start: got -1"):
        cli_evaluate.run(args)


@pytest.mark.parametrize("mode", ["self", "labels"])
def test_run_when_what_taught_would_be_scored_then_one_line_says_so(folder: Path, mode: str) -> None:
    args = parsed(str(folder), "--records", "999", "--start", "299", "--personal", mode)
    with pytest.raises(BadInput, match="expected 300 or more: what was learned from is not scored"):
        cli_evaluate.run(args)


def test_arguments_when_records_and_split_are_both_given_then_it_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parsed("mitdb", "--records", "100", "--split", "ds1")
    assert "not allowed with argument" in capsys.readouterr().err
