"""The table of the last stage: what the folds chose, on records that nothing was chosen on."""

from __future__ import annotations

from collections.abc import Callable

from train.study import final_table
from train.study.config import NetConfig, TaskConfig
from train.study.record import Run

CNN, GRU, TASK = NetConfig("cnn", 1, 4), NetConfig("gru", 1, 8), TaskConfig()


def runs_of(make_run: Callable[..., Run]) -> list[Run]:
    out = []
    for net, by_folds, ds2, svdb in ((CNN, 90, 60, 50), (GRU, 80, 70, 40)):
        for seed in (1, 2, 3):
            name = f"{net.family} of the folds"
            out.append(make_run(net, TASK, by_folds, seed, arm=name))
            for split, right in (("ds2", ds2), ("svdb", svdb)):
                out.append(make_run(net, TASK, right, seed, arm=name + final_table.MARK, split=split))
    return out


def test_table_when_the_last_stage_was_run_then_each_family_has_its_row_and_the_best_on_ds2_is_first(
    make_run: Callable[..., Run],
) -> None:
    told = list(final_table.lines(runs_of(make_run)))
    gru, cnn = told[-2:]
    assert gru.startswith("| GRU | gru of the folds | ")
    assert cnn.startswith("| CNN | cnn of the folds | ")
    by_folds, ds2 = (float(cell.split()[0]) for cell in cnn.split("|")[3:5])
    assert by_folds > ds2
    assert len(cnn.split("|")) == len(told[-4].split("|"))
    assert any("(3 seeds)" in line and "(2 records)" in line for line in told)


def test_table_when_the_last_stage_was_not_run_then_there_is_none(make_run: Callable[..., Run]) -> None:
    assert list(final_table.lines([make_run(CNN, TASK, 90)])) == []
