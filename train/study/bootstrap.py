"""Arms as arrays of confusion matrices, and what comes of them when records and seeds are drawn again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.study.record import Run
from train.study.scores import macro_f1

F64 = NDArray[np.float64]
DRAWS = 2000


class Arms:
    """The runs of some arms, those seeds of each that are whole (all folds there).

    Every arm is scored on the same records; a replicate draws records (people), with replacement, the same ones for all
    arms, and seeds, and pools the matrices of what it drew.

    Attributes
    ----------
    names : list of str
        Arms with at least one whole seed.
    records : list of str
    """

    def __init__(self, runs: Sequence[Run], draws: int = DRAWS) -> None:
        of_arm: dict[str, dict[int, dict[int, Run]]] = defaultdict(lambda: defaultdict(dict))
        for run in runs:
            of_arm[run.arm][run.seed][run.fold] = run
        few = min((run.n_folds for run in runs), default=1)
        if runs and all(run.preset == "quick" for run in runs):
            few = 1  # one fold is all there is
        self._runs = {
            name: whole
            for name, seeds in of_arm.items()
            if (whole := {seed: folds for seed, folds in seeds.items() if len(folds) >= few})
        }
        self.names = list(self._runs)
        everything = (r for seeds in self._runs.values() for folds in seeds.values() for r in folds.values())
        self.records = sorted({name for run in everything for name in run.counts})
        rng = np.random.default_rng(0)
        n = len(self.records)
        drawn = rng.integers(0, max(n, 1), (draws, n))
        self._times = np.zeros((draws, n))
        for k in range(n):
            self._times[:, k] = (drawn == k).sum(1)
        self._seeds = rng.random((draws, 64))

    def example(self, name: str) -> Run:
        """One run of an arm."""
        return next(iter(next(iter(self._runs[name].values())).values()))

    def runs(self, name: str) -> list[Run]:
        """All its runs of whole seeds."""
        return [run for folds in self._runs[name].values() for run in folds.values()]

    def seeds(self, name: str) -> int:
        """How many seeds of an arm are whole."""
        return len(self._runs[name])

    def matrices(self, name: str) -> F64:
        """(seeds, records, 4, 4)."""
        at = {record: i for i, record in enumerate(self.records)}
        out = np.zeros((self.seeds(name), len(self.records), 4, 4))
        for k, folds in enumerate(self._runs[name].values()):
            for run in folds.values():
                for record, flat in run.counts.items():
                    out[k, at[record]] += np.reshape(flat, (4, 4))
        return out

    def f1(self, name: str) -> float:
        """Macro F1 over all records, mean over seeds."""
        return float(macro_f1(self.matrices(name).sum(1)).mean())

    def replicates(self, name: str) -> F64:
        """Macro F1 (draws,) in every replicate, of the mean over the seeds that it drew."""
        matrices = self.matrices(name)
        by_seed = macro_f1(np.einsum("br,srij->bsij", self._times, matrices))
        n = len(matrices)
        drawn = (self._seeds[:, :n] * n).astype(np.int64)
        out: F64 = np.take_along_axis(by_seed, drawn, 1).mean(1)
        return out

    def table(self, names: Sequence[str]) -> tuple[F64, F64]:
        """(macro F1 (n,), replicates (draws, n)) of these arms."""
        return np.array([self.f1(n) for n in names]), np.stack([self.replicates(n) for n in names], 1)


def interval(values: F64) -> tuple[float, float]:
    """The middle 95 % of replicates (draws,)."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def statistic(arms: Arms, names: Sequence[str], of: Callable[[F64], Any]) -> tuple[float, float, float]:
    """(value, low, high) of a number read off the arms' macro F1 (n,)."""
    here, drawn = arms.table(names)
    return float(of(here)), *interval(np.array([float(of(row)) for row in drawn]))
