from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from train.study import record
from train.study.config import NetConfig, TaskConfig
from train.study.record import Run

Make = Callable[..., Run]


def run_of(make_run: Make, key: str = "k1") -> Run:
    return make_run(NetConfig("gru"), TaskConfig("stream"), 90, key=key)


def test_run_when_written_and_read_then_it_is_the_same(make_run: Make, tmp_path: Path) -> None:
    runs = [run_of(make_run, "k1"), run_of(make_run, "k2")]
    path = tmp_path / "some" / "results.jsonl"
    record.append(path, runs[:1])
    record.append(path, runs[1:])
    assert record.read(path) == (runs, 0)
    assert path.read_text().count("\n") == 2


def test_gradient_when_it_vanishes_then_it_is_kept_all_the_same(make_run: Make, tmp_path: Path) -> None:
    run = replace(run_of(make_run), curves={"grad_1": [3.21e-9, 0.123456789]})
    record.append(tmp_path / "results.jsonl", [run])
    assert record.read(tmp_path / "results.jsonl")[0][0].curves == {"grad_1": [3.21e-9, 0.123457]}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_line_when_torn_then_it_alone_is_lost(make_run: Make, tmp_path: Path, share: float) -> None:
    path = tmp_path / "results.jsonl"
    record.append(path, [run_of(make_run, "k1"), run_of(make_run, "k2")])
    text = path.read_bytes()
    first = text.index(b"\n") + 1
    path.write_bytes(text[: first + int(share * (len(text) - first))])
    record.append(path, [run_of(make_run, "k3")])
    runs, n_torn = record.read(path)
    assert [run.key for run in runs] == ["k1", "k3"]
    assert n_torn == 1


def test_run_when_there_twice_then_the_last_one_counts(make_run: Make, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    again = replace(run_of(make_run), wall_s=2.0)
    record.append(path, [run_of(make_run), again])
    assert record.read(path)[0] == [again]


def test_results_when_there_are_none_then_none_are_read(tmp_path: Path) -> None:
    assert record.read(tmp_path / "results.jsonl") == ([], 0)


@pytest.mark.parametrize("line", ["[]", "{}", "7", '{"key": 1}'])
def test_line_when_it_is_no_run_then_it_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a run"):
        record.from_json(line)


def test_cost_when_it_has_other_fields_then_the_line_is_refused(make_run: Make) -> None:
    line = run_of(make_run).to_json().replace('"params"', '"parameters"')
    with pytest.raises(ValueError, match="not a run"):
        record.from_json(line)
