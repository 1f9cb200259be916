"""Figures: what they compute for themselves, and what they show of contents that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import arms as plan
from train.study import (
    figure_claims,
    figure_maps,
    figure_overfit,
    figure_pareto,
    figure_probes,
    figure_slopes,
)
from train.study.bootstrap import Arms
from train.study.maps import Grid, Look
from train.study.memory import MemoryScore
from train.study.plot import WORDS
from train.study.points import Point, points
from train.study.probes import ProbeScore
from train.study.record import Cost, Run
from train.study.slopes import Slope, bins

Make = Callable[..., Run]
LAGS = tuple(int(k) for k in bins()[1:])


@pytest.fixture
def of_claim(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Point]]:
    """Makes the points of a claim: wider and deeper is dearer, and better up to four layers."""
    monkeypatch.setattr(Arms.__init__, "__defaults__", (20,))

    def make(claim: int) -> list[Point]:
        runs = []
        for arm in plan.arms(claim):
            price = 0.0 if arm.net.family == "trees" else 1e3 * arm.net.width * arm.net.layers
            cost = Cost(params=10 * arm.net.width, macs_s=price, us_s=float(arm.net.width))
            right = 70 + 5 * min(arm.net.layers, 4)
            runs.append(make_run(arm.net, arm.task, right, arm=arm.name, cost=cost))
        return points(Arms(runs))

    return make


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_needed_when_deeper_ones_are_hardly_better_then_the_shallow_one_does(
    of_claim: Callable[[int], list[Point]],
) -> None:
    plain = [
        p for p in of_claim(2) if p.net["kind"] == "plain" and p.task["window_s"] == 2.0 and p.family == "cnn"
    ]
    assert sorted(p.net["layers"] for p in plain) == list(plan.DEPTHS)
    assert figure_claims.needed(plain) == 4
    assert figure_claims.needed([replace(p, macro_f1=0.8) for p in plain]) == 1


def test_draw_depth_when_windows_and_kinds_differ_then_each_has_its_panel(
    of_claim: Callable[[int], list[Point]], tmp_path: Path
) -> None:
    figure_claims.draw_depth([p for p in of_claim(2) if p.family == "cnn"], tmp_path / "depth.svg")
    shown = text_of(tmp_path / "depth.svg")
    assert all(f">{kind}</text>" in shown for kind in figure_claims.KINDS)
    assert shown.count(">32</text>") >= 4


def test_draw_pareto_when_trees_multiply_nothing_then_they_are_shown_at_the_edge(
    of_claim: Callable[[int], list[Point]], tmp_path: Path
) -> None:
    found = of_claim(4)
    figure_pareto.draw(found, tmp_path / "pareto.svg")
    shown = text_of(tmp_path / "pareto.svg")
    assert all(f">{WORDS[p.family]}</text>" in shown for p in found)


def test_draw_budgets_when_costs_are_near_then_points_stand_at_their_budget(
    of_claim: Callable[[int], list[Point]], tmp_path: Path
) -> None:
    cheap = replace(of_claim(4)[2], cost=Cost(macs_s=60_000.0))
    figure_claims.draw_budgets([cheap], (50_000, 1_000_000), tmp_path / "budgets.svg")
    assert text_of(tmp_path / "budgets.svg").count(f">{WORDS[cheap.family]} ") == 1


def test_mean_curve_when_runs_stopped_early_then_it_is_as_long_as_the_shortest(
    of_claim: Callable[[int], list[Point]],
) -> None:
    point = of_claim(7)[2]
    short = replace(point.runs[0], curves={"test_f1": [0.1], "train_f1": [0.2]})
    both = replace(point, runs=[point.runs[0], short])
    assert figure_overfit.mean_curve(both, "test_f1").tolist() == pytest.approx([0.3])
    assert len(figure_overfit.mean_curve(both, "nothing")) == 0
    assert figure_overfit.patients_of(both) == 3


def test_order_when_units_answer_at_different_times_then_the_earliest_is_first() -> None:
    values = np.zeros((3, 10), np.float32)
    values[0, 7], values[1, 2], values[2, 5] = 1.0, -1.0, 1.0
    look = Look(
        "gru", "N", "mitdb/100", 1.0, (1.0, 0.0, 0.0, 0.0, 0.0), (Grid.of("state", values, 0.0, 0.1),)
    )
    assert figure_maps.order([look], "state").tolist() == [1, 2, 0]


def test_draw_probes_when_one_layer_is_perfect_then_the_question_names_the_panel(tmp_path: Path) -> None:
    score = ProbeScore(
        "GRU, folds", "state", 3, 2, "interval before", "rank correlation", 1.0, 0.9, 1.0, 9, 3
    )
    figure_probes.draw_layers([score, replace(score, depth=-1, layer="no panel")], tmp_path / "layers.svg")
    assert text_of(tmp_path / "layers.svg").count(">interval before</text>") == 1
    units = [replace(score, unit=k, score=(-1.0) ** k) for k in range(2)]
    figure_probes.draw_units(units, tmp_path / "units.svg")
    assert ">interval before</text>" in text_of(tmp_path / "units.svg")
    memory = [MemoryScore(s, 0.5, 0.4, 0.6, 0.0, 0.0, 0.0, (0.9, 0.1, 0.5), 9) for s in (0.5, 2.0, 0.0)]
    figure_probes.draw_memory(memory, tmp_path / "memory.svg")
    assert ">seconds heard before the answer</text>" in text_of(tmp_path / "memory.svg")


def test_draw_slopes_when_some_seeds_have_no_lags_then_those_with_lags_are_drawn(tmp_path: Path) -> None:
    logs = tuple(-0.1 * k for k in range(len(LAGS)))
    whole = [Slope("gru", d, 32, False, 1, "initial", 125, (-1.0,) * d, LAGS, logs) for d in (1, 4)]
    short = [replace(s, seed=2, lags=(), lag_log10=()) for s in whole]
    own = [
        replace(whole[0], family="monitor", seed=k, stage=stage)
        for k in (0, 1)
        for stage in ("initial", "trained")
    ]
    for name in ("layers", "lags", "reach", "monitor"):
        getattr(figure_slopes, f"draw_{name}")([*whole, *short, *own], tmp_path / f"{name}.svg")
    assert ">before training, plain stack</text>" in text_of(tmp_path / "lags.svg")
    assert ">trained (folds)</text>" in text_of(tmp_path / "monitor.svg")
