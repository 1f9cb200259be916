from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from train.study.bootstrap import Arms, interval, statistic
from train.study.config import NetConfig, TaskConfig
from train.study.record import Run

Make = Callable[..., Run]
GRU, TASK = NetConfig("gru"), TaskConfig("stream")


def test_arm_when_a_fold_is_missing_then_that_seed_does_not_count(make_run: Make) -> None:
    runs = [make_run(GRU, TASK, 90, seed=s, fold=f, n_folds=2, arm="a") for s, f in ((1, 0), (1, 1), (2, 0))]
    arms = Arms(runs, 100)
    assert arms.names == ["a"]
    assert arms.seeds("a") == 1
    assert [run.seed for run in arms.runs("a")] == [1, 1]


def test_f1_when_all_is_equal_then_every_replicate_is_it(make_run: Make) -> None:
    arms = Arms([make_run(GRU, TASK, 80, seed=s, arm="a") for s in (1, 2, 3)], 200)
    assert arms.matrices("a").shape == (3, 2, 4, 4)
    assert np.allclose(arms.replicates("a"), arms.f1("a"))


def test_interval_when_records_differ_then_it_holds_the_value_and_is_wide(make_run: Make) -> None:
    run = make_run(GRU, TASK, 90, arm="a")
    worse = make_run(GRU, TASK, 30).counts["mitdb/109"]
    arms = Arms([replace(run, counts={**run.counts, "mitdb/118": worse})])
    value, low, high = statistic(arms, ["a"], lambda f: f[0])
    assert low < value < high
    assert high - low > 0.2


def test_difference_when_records_are_hard_for_both_then_it_is_paired(make_run: Make) -> None:
    easy, hard = make_run(GRU, TASK, 95).counts["mitdb/109"], make_run(GRU, TASK, 40).counts["mitdb/109"]
    easier, harder = make_run(GRU, TASK, 97).counts["mitdb/109"], make_run(GRU, TASK, 43).counts["mitdb/109"]
    names = [f"mitdb/{k}" for k in range(10)]
    a = make_run(GRU, TASK, 90, arm="a", counts={n: easy if i % 2 else hard for i, n in enumerate(names)})
    b = make_run(GRU, TASK, 90, arm="b", counts={n: easier if i % 2 else harder for i, n in enumerate(names)})
    value, low, high = statistic(Arms([a, b]), ["b", "a"], lambda f: f[0] - f[1])
    assert 0 < low < value < high < 0.05


def test_interval_when_drawn_twice_then_it_is_the_same(make_run: Make) -> None:
    run = make_run(GRU, TASK, 90, arm="a")
    assert np.array_equal(Arms([run]).replicates("a"), Arms([run]).replicates("a"))
    assert interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_arms_when_there_are_no_runs_then_none_are_named() -> None:
    assert Arms([]).names == []
