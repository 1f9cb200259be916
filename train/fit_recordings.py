"""Fit what tells cinc2017's recordings apart: a set of small networks and boosted trees a fold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from edge.artefact import load_networks, shipped
from train import forest
from train.dataset import Fold
from train.recording_features import FEATURES
from train.recordings import LABELS, Judge, all_beats, held, judge_of, labels, row, rows
from train.rhythm_rows import networks

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RecordingRecipe:
    """Every knob of the fit."""

    seed: int = 1
    n_nets: int = 8
    n_hidden: int = 32
    steps: int = 400
    batch: int = 512
    lr: float = 3e-3
    weight_decay: float = 0.3
    drop_inputs: float = 0.1
    drop_hidden: float = 0.3
    weights: tuple[float, ...] = (1.0, 1.6, 1.3, 1.6)
    smoothing: float = 0.05
    tree_rounds: int = 200
    tree_rate: float = 0.04
    tree_leaves: int = 8


def fit(x: F32, y: NDArray[np.int64], recipe: RecordingRecipe) -> Judge:
    """Fit networks and trees on features (n, n_features) and labels (n,).

    All networks at once; each draws its own batches.
    """
    torch.manual_seed(recipe.seed)
    mean, spread = x.mean(0), np.maximum(x.std(0), 1e-3)
    z = torch.from_numpy(np.clip((x - mean) / spread, -5.0, 5.0).astype(np.float32))
    classes, weights = torch.from_numpy(y), torch.tensor(recipe.weights)
    n_in, n_out, h, k = x.shape[1], len(LABELS), recipe.n_hidden, recipe.n_nets
    w1 = (torch.randn(k, n_in, h) / n_in**0.5).requires_grad_()
    w2 = (torch.randn(k, h, n_out) / h**0.5).requires_grad_()
    b1, b2 = torch.zeros(k, 1, h, requires_grad=True), torch.zeros(k, 1, n_out, requires_grad=True)
    optimiser = torch.optim.AdamW([w1, b1, w2, b2], recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    for _ in range(recipe.steps):
        at = torch.randint(len(z), (k, recipe.batch))
        shown = functional.dropout(z[at], recipe.drop_inputs)
        hidden = functional.dropout(torch.relu(torch.bmm(shown, w1) + b1), recipe.drop_hidden)
        loss = functional.cross_entropy(
            (torch.bmm(hidden, w2) + b2).flatten(0, 1),
            classes[at].flatten(),
            weights,
            label_smoothing=recipe.smoothing,
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    parts = [part.detach().numpy() for part in (w1, b1[:, 0], w2, b2[:, 0])]
    grown = (recipe.tree_rounds, recipe.tree_rate, recipe.tree_leaves)
    trees = forest.fit(x, y, np.asarray(recipe.weights)[y], recipe.seed, *grown)
    return Judge(mean, spread, *parts, trees)


def main(folds: Path, n_folds: int, **changes: object) -> None:
    """Fit one :class:`~train.recordings.Judge` a fold into `folds`, and print how the held-out recordings fare.

    A recording's features come from the networks of the fold that holds it out, also where it is trained on.
    """
    recipe = RecordingRecipe(**changes)  # type: ignore[arg-type]
    known, beats = labels(), all_beats(folds, n_folds)
    af = load_networks(shipped()).af
    groups: list[tuple[Fold, F32, NDArray[np.int64]]] = []
    for fold, cnn in networks(folds, n_folds):
        names = held(fold)
        groups.append((fold, rows(names, beats, cnn, af), np.array([known[name] for name in names])))
    truth, said = [], []
    for fold, x, y in groups:
        others = [g for g in groups if g[0] != fold]
        judge = fit(np.concatenate([g[1] for g in others]), np.concatenate([g[2] for g in others]), recipe)
        judge.save(judge_of(fold, folds))
        truth.append(y)
        said.append(judge.probs(x).argmax(1))
    print(
        json.dumps({"features": len(FEATURES), **row(np.concatenate(truth), np.concatenate(said))}),
        flush=True,
    )
