"""Points: an arm's value and interval are its runs', and the front is what no other point beats."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study.arms import arms as arms_in_plan
from train.study.bootstrap import Arms
from train.study.points import Point, front, points, typical
from train.study.record import Cost, Run

Make = Callable[..., Run]


def points_of(make_run: Make, right: int = 80) -> list[Point]:
    runs = [
        make_run(a.net, a.task, right, seed=s, arm=a.name, cost=Cost(params=9, us_s=10.0 * s, us=float(s)))
        for a in arms_in_plan(4)[:6]
        for s in (1, 2, 3)
    ]
    return points(Arms(runs))


def test_points_when_seeds_are_alike_then_value_and_interval_are_theirs(make_run: Make) -> None:
    found = points_of(make_run)
    assert [p.name for p in found] == [a.name for a in arms_in_plan(4)[:6]]
    for p in found:
        assert p.seeds == 3
        assert p.low <= p.macro_f1 <= p.high
        assert p.cost == Cost(params=9, us_s=20.0, us=2.0)
        assert p.gap == pytest.approx(0.3)
        assert math.isnan(p.gauge("same_errors"))
    better = points_of(make_run, right=95)
    assert better[0].macro_f1 > found[0].macro_f1


def test_typical_when_nothing_was_measured_then_it_says_so(make_run: Make) -> None:
    arm = arms_in_plan(4)[0]
    assert typical([make_run(arm.net, arm.task, 50, cost=Cost(params=3))]) == Cost(params=3)


def test_front_when_points_are_dearer_and_worse_then_they_are_not_on_it() -> None:
    assert front([3.0, 1.0, 2.0, 1.0, 4.0], [0.7, 0.5, 0.4, 0.6, 0.7]) == [3, 0]
    assert front([], []) == []
