"""Would a trained quality gate be better than the rule set by hand? Asked by folds; nothing is shipped by it.

A logistic regression, a tree and a network of eight units learn noise from the same measures that the rule goes by. A
threshold is chosen on the patients learned from, so that no more of the lethal rhythms is called noise than by the
rule; once more so that no more of the other signals is either. The rule itself is asked with limits that a search found
(:mod:`train.gate_limits`). Then the patients held out are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from edge.quality import QualityLimits
from edge.signal_measures import NoiseLimits
from train import rhythm_windows
from train.gate_limits import fit_limits, noisy
from train.gate_rows import N_DRAWS, cell, kind_mean, percent, tallies
from train.gate_windows import (
    LETHAL,
    NAMES,
    NOISE,
    SIGNAL,
    SOURCES,
    Looks,
    all_folds,
    everything,
    looks_of,
    piece_fold,
)
from train.splits import Key

F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

NOT_LEARNED = ("118e_6 and 119e_6, with noise", "118e_6 and 119e_6, in the pauses")
"""Asked about, never learned from."""

LOGS = ("range_mv", "full_mv", "noise_mv", "peak_hz")
"""Measures whose logarithm is learned from."""

SEARCHED = "the rule, limits searched"

AT_LETHAL, AT_BOTH = "lethal", "lethal and signal"
"""What a threshold keeps at the rule's share of false calls."""


@dataclass(frozen=True, slots=True)
class GateRecipe:
    """Every knob of the fit."""

    seed: int = 1
    ridge: float = 0.1
    tree_leaves: int = 16
    tree_least: int = 200
    n_hidden: int = 8
    steps: int = 2000
    batch: int = 4096
    lr: float = 1e-2
    n_thresholds: int = 1000
    tries: int = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """All looks, a row each: `measures`, features `x`, source's index plus one `truth`, the `rule`'s word, `fold`."""

    measures: F64
    x: F64
    truth: NDArray[np.int8]
    rule: Flags
    fold: NDArray[np.int64]

    def is_kind(self, kind: str) -> Flags:
        """Which looks are at one of the three kinds."""
        codes = [k + 1 for k, (_, its) in enumerate(SOURCES) if its == kind]
        return np.isin(self.truth, codes)

    def learned_from(self, k: int) -> Flags:
        """Which looks fold `k` learns from: not those at its own patients, nor :data:`NOT_LEARNED`."""
        unheard = [code + 1 for code, (name, _) in enumerate(SOURCES) if name in NOT_LEARNED]
        return (self.fold != k) & ~np.isin(self.truth, unheard)

    def share(self, flags: Flags, kind: str, where: Flags) -> float:
        """What share is flagged of the looks `where`, the mean of the sources of one kind; 0 where there is none."""
        codes = [k + 1 for k, (_, its) in enumerate(SOURCES) if its == kind]
        each = [flags[at].mean() for code in codes if (at := where & (self.truth == code)).any()]
        return float(np.mean(each)) if each else 0.0

    def weights(self, where: Flags) -> F64:
        """Weights of the looks `where`: the three kinds alike, the sources of a kind alike, its looks alike."""
        weight = np.zeros(len(self.truth))
        for kind in (NOISE, SIGNAL, LETHAL):
            of_kind = where & self.is_kind(kind)
            codes = np.unique(self.truth[of_kind])
            for code in codes:
                at = of_kind & (self.truth == code)
                weight[at] = 1.0 / (len(codes) * at.sum())
        return weight[where] * where.sum() / max(float(weight.sum()), 1e-12)


def examples(looks: Sequence[Looks], n_folds: int) -> Examples:
    """One table of the looks at all leads."""
    fold_of = {key: fold.k for fold in all_folds(n_folds) for key in rhythm_windows.held_out(fold)}

    def fold(who: Key) -> int:
        return piece_fold(int(who[1].split()[1]), n_folds) if who[0] == "nstdb" else fold_of[who]

    measures = np.concatenate([one.measures for one in looks])
    return Examples(
        measures,
        features(measures),
        np.concatenate([one.truth for one in looks]),
        np.concatenate([one.noisy for one in looks]),
        np.repeat([fold(one.who) for one in looks], [len(one.truth) for one in looks]),
    )


def features(measures: F64) -> F64:
    """What is learned from, shape of `measures` (n, 11): sizes and the frequency as logarithms."""
    out = measures.copy()
    at = [NAMES.index(name) for name in LOGS]
    out[:, at] = np.log(out[:, at] + 0.01)
    return out


def logistic(z: F64, y: Flags, weight: F64, recipe: GateRecipe) -> Callable[[F64], F64]:
    """A logistic regression; gives what asks it."""
    fitted = LogisticRegression(C=1.0 / recipe.ridge, max_iter=1000).fit(z, y, weight)
    return lambda asked: fitted.decision_function(asked)


def tree(z: F64, y: Flags, weight: F64, recipe: GateRecipe) -> Callable[[F64], F64]:
    """A small tree; gives what asks it."""
    fitted = DecisionTreeClassifier(
        max_leaf_nodes=recipe.tree_leaves, min_samples_leaf=recipe.tree_least, random_state=recipe.seed
    ).fit(z, y, weight)
    return lambda asked: fitted.predict_proba(asked)[:, 1]


def network(z: F64, y: Flags, weight: F64, recipe: GateRecipe) -> Callable[[F64], F64]:
    """A network of one hidden layer; gives what asks it."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    net = nn.Sequential(nn.Linear(z.shape[1], recipe.n_hidden), nn.Tanh(), nn.Linear(recipe.n_hidden, 1))
    optimiser = torch.optim.Adam(net.parameters(), recipe.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    x, target = torch.from_numpy(z.astype(np.float32)), torch.from_numpy(y.astype(np.float32))
    up_to = np.cumsum(weight)
    for _ in range(recipe.steps):
        pick = torch.from_numpy(np.searchsorted(up_to, rng.uniform(0.0, up_to[-1], recipe.batch)))
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[pick])[:, 0], target[pick])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()

    def ask(asked: F64) -> F64:
        with torch.no_grad():
            return net(torch.from_numpy(asked.astype(np.float32)))[:, 0].double().numpy()

    return ask


MODELS = {
    "logistic regression": logistic,
    "tree of 16 leaves": tree,
    "network of 8 units": network,
}


def called(data: Examples, model: str, n_folds: int, recipe: GateRecipe) -> dict[str, Flags]:
    """What a model calls noise of the looks at those it has not learned from, by what its threshold keeps.

    What is smaller than the rule's `min_range_mv` is never called noise: it may be a heart standing still.
    """
    out = {kept: np.zeros(len(data.truth), bool) for kept in (AT_LETHAL, AT_BOTH)}
    noise = data.is_kind(NOISE)
    least = np.log(QualityLimits().noise.min_range_mv + 0.01)
    for k in range(n_folds):
        held, mine = data.fold == k, data.learned_from(k)
        mean, spread = data.x[mine].mean(0), np.maximum(data.x[mine].std(0), 1e-6)
        z = np.clip((data.x - mean) / spread, -5.0, 5.0)
        score = MODELS[model](z[mine], noise[mine], data.weights(mine), recipe)(z)
        score[data.x[:, NAMES.index("range_mv")] < least] = -np.inf
        lethal = threshold(data, score, mine, LETHAL, recipe.n_thresholds)
        other = threshold(data, score, mine, SIGNAL, recipe.n_thresholds)
        out[AT_LETHAL][held] = score[held] > lethal
        out[AT_BOTH][held] = score[held] > max(lethal, other)
    return out


def by_limits(data: Examples, n_folds: int, recipe: GateRecipe) -> tuple[Flags, list[NoiseLimits]]:
    """What the rule calls noise with the limits that each fold's search finds, and these."""
    out, found = np.zeros(len(data.truth), bool), []
    for k in range(n_folds):
        held = data.fold == k
        found.append(fit_limits(data, data.learned_from(k), recipe.tries, recipe.seed))
        out[held] = noisy(data.measures[held], found[-1])
    return out, found


def threshold(data: Examples, score: F64, mine: Flags, kind: str, n: int) -> float:
    """The lowest of `n` thresholds above which no more of one kind is called noise than by the rule."""
    most = data.share(data.rule, kind, mine)
    finite = score[mine & data.is_kind(kind) & np.isfinite(score)]
    if not len(finite):
        return float("inf")
    tried = np.unique(np.quantile(finite, np.linspace(0.0, 1.0, n)))
    low, high = 0, len(tried) - 1  # the highest of them calls nothing noise
    while low < high:
        middle = (low + high) // 2
        if data.share(score > tried[middle], kind, mine) <= most:
            high = middle
        else:
            low = middle + 1
    return float(tried[low])


def compared(looks: Sequence[Looks], flags: Flags, n_draws: int = N_DRAWS) -> dict[str, Any]:
    """A model beside the rule: what share each calls noise, by source and the mean of a kind's, and the difference.

    The intervals of the differences are of both asked about the same records.
    """
    ends = np.cumsum([len(one.truth) for one in looks])[:-1]
    parts = np.split(flags, ends)
    found = tallies(
        ((one, np.column_stack((one.noisy, said))) for one, said in zip(looks, parts, strict=True)), n_draws
    )
    shares = {name: tally.shares for name, tally in found.items()}
    for kind in (NOISE, SIGNAL, LETHAL):
        if (mean := kind_mean(found, kind)) is not None:
            shares[f"mean of {kind}"] = mean
    return {
        name: {
            "rule": percent(each[:, 0]),
            "model": percent(each[:, 1]),
            "more": percent(each[:, 1] - each[:, 0]),
        }
        for name, each in shares.items()
    }


def beats(row: Mapping[str, Any]) -> bool:
    """Whether a model finds more noise, for certain, with no more false calls on lethal rhythms nor on others."""
    more = {kind: row[f"mean of {kind}"]["more"] for kind in (NOISE, SIGNAL, LETHAL)}
    no_worse = all(more[kind]["percent"] <= 0.0 for kind in (SIGNAL, LETHAL))
    return bool(more[NOISE]["interval_95"][0] > 0.0 and no_worse)


def lines(rows: Mapping[str, Any]) -> Iterable[str]:
    """The comparison for people."""
    for model, kept in rows.items():
        for what, row in kept.items():
            verdict = "beats the rule" if beats(row) else "does not beat the rule"
            yield f"{model}, threshold as false as the rule on {what}: {verdict}; called noise, percent:"
            for name, one in row.items():
                yield (
                    f"  {name}: rule {one['rule']['percent']:.2f}, model {one['model']['percent']:.2f}, "
                    f"difference {cell(one['more'])}"
                )


def main(n_folds: int, seed: int = 1) -> dict[str, Any]:
    """Fit every model by folds, print how it fares beside the rule."""
    recipe = GateRecipe(seed)
    looks = [looks_of(lead) for lead in everything(n_folds)]
    data = examples(looks, n_folds)
    rows: dict[str, Any] = {}
    for model in MODELS:
        rows[model] = {
            kept: compared(looks, flags) for kept, flags in called(data, model, n_folds, recipe).items()
        }
        print("\n".join(lines({model: rows[model]})), flush=True)
    flags, limits = by_limits(data, n_folds, recipe)
    rows[SEARCHED] = {AT_BOTH: compared(looks, flags)}
    print("\n".join([*lines({SEARCHED: rows[SEARCHED]}), *map(str, limits)]))
    return rows
