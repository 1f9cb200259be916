"""Train a window network (beat or rhythm) on int8 images. Resumable: one checkpoint an epoch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from firmware_bridge.types import BadInput
from train import beat_images, rhythm_windows
from train.beat_images import STORE
from train.checkpoint import Training, average_of
from train.dataset import NOT_S, Fold, load_noise, load_patients
from train.models import BeatCnn, RhythmCnn
from train.weak_labels import weak_patients

Set = tuple[NDArray[np.int8], NDArray[np.int64]]
Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]
"""Of logits (n, 5), classes (n,), the classes' weights (5,) and the smoothing: the mean loss."""

TELL_VT_FROM_VF = 0.3
"""What telling VT from VF counts beside telling both from the rest: their labels run into each other."""


@dataclass(frozen=True, slots=True)
class CnnRecipe:
    """Every knob of a window network's training."""

    seed: int = 1
    epochs: int = 8
    batch: int = 256
    lr: float = 2e-3
    weight_decay: float = 1e-3
    ema: float = 0.999
    smoothing: float = 0.02
    weights: tuple[float, ...] = (1.0, 1.6, 1.6, 1.2, 1.0)
    most_per_epoch: int = 250_000
    passes: int = 5  # augmented passes over every patient
    ectopy: float = 0.3  # share of passes with premature beats made out of normal ones
    shares: tuple[float, ...] = ()  # of each class in an epoch; as they come when empty


BEAT = CnnRecipe()
RHYTHM = CnnRecipe(
    epochs=6,
    ema=0.99,
    most_per_epoch=30_000,
    weights=(1.0,) * 5,
    shares=(0.42, 0.1, 0.2, 0.2, 0.08),
)


def start(net: nn.Module, recipe: CnnRecipe, per_epoch: int) -> Training:
    """The network's optimiser, its rate falling along a cosine to 2 % over all epochs of `per_epoch` steps."""
    torch.manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    total = per_epoch * recipe.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, k / total)))
    )
    return Training(net, average_of(net), optimiser, schedule, "epoch")


def fit(
    net: nn.Module, recipe: CnnRecipe, train: Set, held: Set | None, path: Path, loss: Loss | None = None
) -> Path:
    """Train and leave EMA weights under 'ema' at `path`; prints a line of JSON an epoch.

    Parameters
    ----------
    train, held : (images int8 (n, window, n_channels) in steps of 1/STORE, classes int64 (n,))
        What is learned from, and what is scored after every epoch (None: nothing is).
    loss : function, optional
        :func:`loss_of` when it is not given.

    Raises
    ------
    BadInput
        When there are fewer windows than one batch takes, or none of a class that has a share.
    """
    per_epoch = len(order_of(train[1], recipe, 0)[: recipe.most_per_epoch]) // recipe.batch
    if per_epoch == 0:
        raise BadInput(f"{path.stem}: {len(train[1])} windows to train on, expected at least {recipe.batch}")
    training = start(net, recipe, per_epoch)
    training.resume(path, recipe=asdict(recipe))
    images, classes = torch.from_numpy(train[0]), torch.from_numpy(train[1])
    for epoch in range(training.done, recipe.epochs):
        t0 = time.monotonic()
        order = torch.from_numpy(order_of(train[1], recipe, epoch))[: per_epoch * recipe.batch]
        mean = one_epoch(training, recipe, images, classes, order, loss or loss_of)
        training.save(path, recipe=asdict(recipe))
        row: dict[str, object] = {
            "epoch": epoch + 1,
            "loss": round(mean, 4),
            "s": round(time.monotonic() - t0, 1),
        }
        if held is not None:
            row.update(score(net, training.ema, held))
        print(json.dumps(row), flush=True)
    return path


def one_epoch(
    training: Training, recipe: CnnRecipe, images: Tensor, classes: Tensor, order: Tensor, loss_of: Loss
) -> float:
    """Show the images of `order`, a batch at a time; gives the mean loss."""
    training.net.train()
    weights = torch.tensor(recipe.weights)
    batches = order.split(recipe.batch)
    mean = 0.0
    for at in batches:
        y = training.net(images[at].float() / STORE)
        loss = loss_of(y, classes[at], weights, recipe.smoothing)
        training.step(loss, recipe.ema)
        mean += float(loss.detach()) / len(batches)
    training.done += 1
    return mean


def loss_of(y: Tensor, c: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Mean cross entropy of logits (n, 5); class `NOT_S` asks only that S be improbable."""
    weak = c == NOT_S
    loss = functional.cross_entropy(
        y, torch.where(weak, -1, c), weights, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    doubtful = y[weak]
    others = torch.cat((doubtful[:, :1], doubtful[:, 2:]), 1)
    loss = loss + (torch.logsumexp(doubtful, 1) - torch.logsumexp(others, 1)).sum()
    return loss / (weights[c[~weak]].sum() + weak.sum())


def loss_of_rhythm(y: Tensor, c: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Mean cross entropy of logits (n, 5) with VT and VF as one class, and of which of the two it is where it is one
    of them, :data:`TELL_VT_FROM_VF` times."""
    lethal = (c == 2) | (c == 3)
    joined = torch.cat((y[:, :2], torch.logsumexp(y[:, 2:4], 1, keepdim=True), y[:, 4:]), 1)
    loss = functional.cross_entropy(
        joined, c - (c > 2).long(), weights[[0, 1, 2, 4]], label_smoothing=smoothing
    )
    if not lethal.any():
        return loss
    which = functional.cross_entropy(y[lethal][:, 2:4], c[lethal] - 2)
    return loss + TELL_VT_FROM_VF * which * lethal.float().mean()


def order_of(classes: NDArray[np.int64], recipe: CnnRecipe, epoch: int) -> NDArray[np.int64]:
    """Which windows an epoch shows, in order: all of them shuffled, or each class by its share (drawn with return).

    Raises
    ------
    BadInput
        When a class with a share has no window.
    """
    rng = np.random.default_rng(recipe.seed * 1009 + epoch)
    if not recipe.shares:
        return rng.permutation(len(classes))
    absent = [k for k, share in enumerate(recipe.shares) if share and not (classes == k).any()]
    if absent:
        raise BadInput(
            f"no windows of class {absent[0]} to train on; unpack every database into HEARTWIRE_DATA"
        )
    n = min(recipe.most_per_epoch, len(classes))
    parts = [rng.choice(np.flatnonzero(classes == k), int(n * s)) for k, s in enumerate(recipe.shares)]
    return rng.permutation(np.concatenate(parts))


@torch.no_grad()
def score(net: nn.Module, weights: dict[str, Tensor], held: Set) -> dict[str, object]:
    """F1 of every class and the confusion matrix on held-out patients."""
    kept = average_of(net)
    net.load_state_dict(weights)
    net.eval()
    out = [
        net(torch.from_numpy(held[0][k : k + 4096]).float() / STORE).argmax(1).numpy()
        for k in range(0, len(held[0]), 4096)
    ]
    net.load_state_dict(kept)
    table = np.zeros((5, 5), int)
    np.add.at(table, (held[1], np.concatenate(out)), 1)
    f1 = [round(200 * table[k, k] / max(1, table[k].sum() + table[:, k].sum()), 1) for k in range(5)]
    return {"f1": f1, "table": table.tolist()}


def _join(sets: list[Set]) -> Set:
    images, classes = zip(*sets, strict=True)
    return np.concatenate(images), np.concatenate(classes)


def main(kind: str, out: Path, fold: Fold, **changes: object) -> Path:
    """Fit 'beat_cnn' or 'rhythm_cnn' on all but a fold's patients into `out`; `changes` replace knobs."""
    if kind == "rhythm_cnn":
        rhythm = replace(RHYTHM, **changes)
        torch.manual_seed(rhythm.seed)
        train, held_set = rhythm_windows.build(fold, rhythm.seed)
        return fit(RhythmCnn(), rhythm, train, held_set, out / "rhythm_cnn.pt", loss_of_rhythm)
    recipe = replace(BEAT, **changes)
    patients, held = load_patients(fold)
    noises = load_noise()
    passes = [
        beat_images.draw(p, 7919 * k + i, noises, recipe.ectopy)
        for k in range(recipe.passes)
        for i, p in enumerate(patients)
    ]
    weak, _ = weak_patients(fold)
    passes += [beat_images.draw(p, 104729 + i, noises, recipe.ectopy) for i, p in enumerate(weak)]
    shown = [beat_images.plain(p) for p in held]
    return fit(BeatCnn(), recipe, _join(passes), _join(shown) if shown else None, out / "beat_cnn.pt")
