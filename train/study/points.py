"""Arms as points of a figure: macro F1 with its interval, what it costs, and the runs behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from train.study.bootstrap import Arms, interval
from train.study.record import Cost, Run


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One arm.

    Attributes
    ----------
    name, family : str
    net, task : dict
        Its configuration, see :mod:`train.study.config`.
    seeds : int
        Seeds of which all folds are there.
    macro_f1, low, high : float
        Over all held-out records, mean of the seeds, and its 95 % bootstrap interval over records and seeds.
    cost : Cost
    runs : list of Run
    """

    name: str
    family: str
    net: dict[str, Any]
    task: dict[str, Any]
    seeds: int
    macro_f1: float
    low: float
    high: float
    cost: Cost
    runs: list[Run] = field(repr=False)

    @property
    def gap(self) -> float:
        """Macro F1 on training beats less that on held-out ones, from the curves' last epoch, mean over the runs."""
        found = [
            r.curves["train_f1"][-1] - r.curves["test_f1"][-1]
            for r in self.runs
            if r.curves.get("train_f1") and r.curves.get("test_f1")
        ]
        return float(np.mean(found)) if found else float("nan")

    def gauge(self, name: str) -> float:
        """Mean of a gauge over the runs that have it."""
        found = [r.gauge[name] for r in self.runs if name in r.gauge]
        return float(np.mean(found)) if found else float("nan")


def points(arms: Arms) -> list[Point]:
    """All arms as points, in their order."""
    out = []
    for name in arms.names:
        run, runs = arms.example(name), arms.runs(name)
        low, high = interval(arms.replicates(name))
        net, task = run.config["net"], run.config["task"]
        out.append(
            Point(
                name, run.family, net, task, arms.seeds(name), arms.f1(name), low, high, typical(runs), runs
            )
        )
    return out


def typical(runs: Sequence[Run]) -> Cost:
    """The cost of the first run, its measured times the median of all."""
    us = [r.cost.us for r in runs if r.cost.us > 0.0]
    us_s = [r.cost.us_s for r in runs if r.cost.us_s > 0.0]
    return replace(
        runs[0].cost, us=float(np.median(us)) if us else 0.0, us_s=float(np.median(us_s)) if us_s else 0.0
    )


def front(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """Which points no other beats: none is at most as dear and better, by growing x."""
    best, out = -np.inf, []
    for k in sorted(range(len(x)), key=lambda k: (x[k], -y[k])):
        if y[k] > best:
            best = y[k]
            out.append(k)
    return out
