"""Trees and the memorisation gauge beside every comparison, and what is said of the shipped models."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import arms as plan
from train.study import compared
from train.study.bootstrap import Arms
from train.study.points import points
from train.study.record import Run
from train.study.verdicts import arms_of

Make = Callable[..., Run]
GAUGE = {"nn1_f1": 0.41, "nn1_train_f1": 0.93, "same_errors": 0.37}

CURVES = {"test_f1": [0.1, 0.2, 0.3, 0.35], "train_f1": [0.1, 0.5, 0.9, 0.91]}


def of_claim(make_run: Make, claim: int, right: Callable[[plan.Arm], int]) -> Arms:
    runs = [
        make_run(arm.net, arm.task, right(arm), seed=seed, gauge=GAUGE, curves=CURVES)
        for arm in plan.arms(claim)
        for seed in (1, 2, 3)
    ]
    return arms_of(claim, runs, 50)


@pytest.mark.parametrize("claim", plan.ORDER)
def test_table_when_a_claim_was_run_then_trees_neighbour_and_gauge_are_in_it(
    make_run: Make, claim: int
) -> None:
    told = list(compared.table(points(of_claim(make_run, claim, lambda arm: 70 + arm.net.layers))))
    rows = [line for line in told if line.startswith("| ") and "best arm" not in line]
    families = {arm.net.family for arm in plan.arms(claim)}
    assert len(rows) == len(families)
    assert any(row.startswith("| boosted trees |") for row in rows)
    assert any(row.startswith("| 1 nearest neighbour |") and "| – |" in row for row in rows)
    assert all(row.endswith("| 0.37 | +0.050, +0.010 |") or "nearest" in row for row in rows)
    assert "macro F1 0.930 on other beats" in told[-1]
    assert "0.410 on patients" in told[-1]


def test_table_when_nothing_was_run_then_there_is_none() -> None:
    assert list(compared.table([])) == []


@pytest.mark.parametrize(("two", "word"), [(95, "gains"), (55, "loses"), (75, "changes nothing")])
def test_shipped_when_a_second_layer_was_tried_then_its_worth_is_told(
    make_run: Make, two: int, word: str
) -> None:
    told = list(compared.shipped({3: of_claim(make_run, 3, lambda arm: two if arm.net.layers == 2 else 75)}))
    line = next(text for text in told if "not two" in text)
    assert word in line
    assert "(3 seeds)" in line
    assert sum("not measured yet" in text for text in told) == 3  # resets, and both of claim 4


def test_shipped_when_nothing_was_run_then_what_is_needed_is_said() -> None:
    told = "\n".join(compared.shipped({}))
    assert "Nothing was trained anew" in told
    assert told.count("not measured yet") == 4
