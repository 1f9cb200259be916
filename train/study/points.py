"""Runs gathered into points: all seeds and folds of one configuration as one value, with its interval over records."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.study.record import Cost, Run
from train.study.scores import macro_f1, pooled

RESAMPLES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One configuration.

    Attributes
    ----------
    family, arm : str
    net, task, budget : dict
        The configuration, see :mod:`train.study.config`.
    seeds : tuple of int
    macro_f1 : float
        Mean over seeds of the macro F1 of all folds' held-out beats together.
    low, high : float
        95 % bootstrap interval, records drawn with replacement.
    spread : float
        Standard deviation over the seeds; 0 with one.
    cost : Cost
    runs : list of Run
    """

    family: str
    arm: str
    net: dict[str, Any]
    task: dict[str, Any]
    budget: dict[str, Any]
    seeds: tuple[int, ...]
    macro_f1: float
    low: float
    high: float
    spread: float
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


def gather(runs: Iterable[Run], claim: int | None = None, split: str = "fold") -> list[Point]:
    """Points of the runs that serve `claim` (all with None), in the order in which they were first met.

    Where a configuration has fewer folds with one seed than with another, only seeds with all its folds count.
    """
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.split == split and (claim is None or claim in run.claims):
            groups[json.dumps([run.family, run.config, run.preset], sort_keys=True)].append(run)
    return [point_of(group) for group in groups.values()]


def point_of(runs: Sequence[Run]) -> Point:
    """One point of runs that differ in seed and fold alone."""
    by_seed: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_seed[run.seed].append(run)
    most = max(len({r.fold for r in own}) for own in by_seed.values())
    whole = {seed: own for seed, own in sorted(by_seed.items()) if len({r.fold for r in own}) == most}
    kept = [run for own in whole.values() for run in own]
    per_seed = [pooled(r.counts for r in own) for own in whole.values()]
    each = [float(macro_f1(sum(found.values(), np.zeros((4, 4))))) for found in per_seed]
    low, high = interval(per_seed)
    first = runs[0]
    return Point(
        first.family, first.arm, first.config["net"], first.config["task"], first.config["budget"], tuple(whole),
        float(np.mean(each)), low, high, float(np.std(each, ddof=1)) if len(each) > 1 else 0.0,
        typical(kept), kept,
    )  # fmt: skip


def interval(per_seed: Sequence[dict[str, NDArray[np.float64]]], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over seeds of macro F1, the same records drawn for all seeds."""
    names = sorted(per_seed[0])
    stack = np.stack([np.stack([found[name] for name in names]) for found in per_seed])
    rows = np.random.default_rng(seed).integers(len(names), size=(RESAMPLES, len(names)))
    many = macro_f1(stack[:, rows].sum(2)).mean(0)
    low, high = np.percentile(many, (2.5, 97.5))
    return float(low), float(high)


def typical(runs: Sequence[Run]) -> Cost:
    """The cost of the first run, its measured times the median of all."""
    first = runs[0].cost
    us = [r.cost.us for r in runs if r.cost.us > 0.0]
    us_s = [r.cost.us_s for r in runs if r.cost.us_s > 0.0]
    return Cost(
        first.params, first.macs_beat, first.macs_s, first.weight_bytes, first.state_bytes,
        float(np.median(us)) if us else 0.0, first.us_per, float(np.median(us_s)) if us_s else 0.0, first.engine,
    )  # fmt: skip


def front(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """Which points no other beats: none is at most as dear and better, by growing x."""
    best, out = -np.inf, []
    for k in sorted(range(len(x)), key=lambda k: (x[k], -y[k])):
        if y[k] > best:
            best = y[k]
            out.append(k)
    return out
