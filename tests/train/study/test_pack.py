from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train.study.config import Budget, Job, NetConfig, TaskConfig
from train.study.pack import pack, read, unpack
from train.study.record import Cost, Run
from train.study.scores import matrix_of, scores_of

Make = Callable[..., Run]


def some(make_run: Make) -> list[Run]:
    """Two seeds of a GRU on the stream, the first scored with a reset as well, and a CNN."""
    out = []
    for net, task, seed in (
        (NetConfig("gru", 2, 32), TaskConfig("stream"), 1),
        (NetConfig("gru", 2, 32), TaskConfig("stream"), 2),
        (NetConfig("cnn", 4, 8), TaskConfig(window_s=4.0), 1),
        (NetConfig("gru", 1, 32), TaskConfig("stream", strip_s=2.0, window_s=0.0, reset_s=2.0), 1),
    ):
        job = Job((), "", net, task, Budget(), seed, 0, 3, "full")
        gauge = {"nn1_f1": 0.5, "nn1_train_f1": 0.75, "same_errors": 0.125}
        run = make_run(
            net, task, 80, seed=seed, key=job.key, n_folds=3, gauge=gauge, arm=f"{net.family} {net.layers}"
        )
        scores = {"train_f1": 0.9} | scores_of(matrix_of(run.counts))
        cost = Cost(100, 1.5, 2.5, 400, 128, 3.0, "sample", 375.0, "tflite-runtime")
        out.append(replace(run, scores=scores, cost=cost))
    config = {**out[0].config, "task": asdict(TaskConfig("stream", reset_s=2.0))}
    cut = replace(out[0], key=f"{out[0].key}-r2", config=config, curves={}, claims=(3,), arm="gru 2, reset")
    return [*out, cut]


def test_runs_when_packed_and_unpacked_then_they_are_the_same(make_run: Make) -> None:
    runs = some(make_run)
    text = pack(runs)
    assert sorted(unpack(text), key=lambda r: r.key) == sorted(runs, key=lambda r: r.key)
    assert text.count("\n") == 4
    assert len(text) < 0.5 * sum(len(run.to_json()) for run in runs)


@pytest.mark.parametrize("text", ["[]", "{}", "3", '{"config": {}}', "{"])
def test_text_when_it_is_something_else_then_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not packed|Expecting"):
        unpack(text)


def test_file_when_damaged_then_one_line_says_so_and_when_missing_then_none(tmp_path: Path) -> None:
    path = tmp_path / "full.jsonl"
    assert read(path) == []
    path.write_text("rubbish\n")
    with pytest.raises(BadInput, match="cannot read"):
        read(path)
