"""Training and scoring of one network, windows and strips alike, the same for all of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from train.study.beats import Beats, Strips, draws, shares, strips, thinned, windows
from train.study.carry import carried
from train.study.config import CLASSES, Budget, TaskConfig
from train.study.recurrent import Stack
from train.study.scores import confusion, macro_f1
from train.study.zoo import Net, Stream

Curves = dict[str, list[float]]
Batch = tuple[Tensor, Tensor, Tensor]
"""Logits (m, 4), classes (m,), weights (m,)."""


def train(
    net: Net,
    task: TaskConfig,
    budget: Budget,
    beats: Beats,
    held_out: Beats,
    seed: int,
    told: Callable[[int], None] = lambda epoch: None,
) -> Curves:
    """Train a network in place; gives what was seen after each epoch.

    AdamW, gradients clipped to norm 1, the rate up to `budget.rate` in a tenth of the training and down by a cosine;
    all by the share of labelled beats shown, so that windows and strips have the same course.

    Returns
    -------
    dict of str to list of float
        train_loss (of the batches as trained), test_loss, test_f1 and train_f1 (macro, on thinned held-out and training
        beats that are not augmented; for strips on fixed strips drawn as in training), and for recurrent networks
        grad_1, grad_2...: mean norm of the gradient of each layer's recurrent weights.
    """
    batches = _batches(net, task, budget, beats, np.random.default_rng([seed, 1]))
    look = _looks(net, task, budget, beats, held_out)
    optimiser = torch.optim.AdamW(net.parameters(), lr=budget.rate, weight_decay=1e-3)
    stacks = [m for m in net.modules() if isinstance(m, Stack)]
    curves: Curves = defaultdict(list)
    total, shown = budget.epochs * budget.beats, 0
    for epoch in range(1, budget.epochs + 1):
        net.train()
        losses, grads = [], []
        while shown < epoch * budget.beats:
            for group in optimiser.param_groups:
                group["lr"] = budget.rate * course(shown / total)
            logits, c, weight = next(batches)
            each = nn.functional.cross_entropy(logits, c, reduction="none")
            loss = (each * weight).sum() / weight.sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            grads.append([float(cell.weight_hh_l0.grad.norm()) for stack in stacks for cell in stack.cells])
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
            shown += len(c)
        curves["train_loss"].append(float(np.mean(losses)))
        for i, norm in enumerate(np.mean(grads, 0) if stacks else (), 1):
            curves[f"grad_{i}"].append(float(f"{norm:.3g}"))
        for name, value in look().items():
            curves[name].append(value)
        told(epoch)
    return dict(curves)


def course(done: float) -> float:
    """Share of the highest rate after a share `done` of the training."""
    return (
        max(0.02, done / 0.1) if done < 0.1 else 0.02 + 0.49 * (1.0 + math.cos(math.pi * (done - 0.1) / 0.9))
    )


@torch.no_grad()
def logits_of(net: Net, task: TaskConfig, beats: Beats) -> np.ndarray:
    """Logits (n, 4) of all beats, no augmentation: window by window, or with the state carried through the record."""
    net.eval()
    if task.mode == "stream":
        assert isinstance(net, Stream)
        return carried(net, beats, task)
    size = max(16, min(1024, 400_000 // task.n_window))
    out = [np.zeros((0, len(CLASSES)), np.float32)]
    for start in range(0, len(beats), size):
        part = beats.part(np.arange(start, min(start + size, len(beats))))
        out.append(net(torch.from_numpy(windows(part, task))).numpy())
    return np.concatenate(out)


def _batches(
    net: Net, task: TaskConfig, budget: Budget, beats: Beats, rng: np.random.Generator
) -> Iterator[Batch]:
    if task.mode == "window":
        draw = draws(beats, rng)
        while True:
            part = beats.part(draw(budget.batch))
            yield (
                net(torch.from_numpy(windows(part, task, rng))),
                torch.from_numpy(part.c),
                torch.ones(len(part)),
            )
    weight = strip_weights(beats, task, budget.batch)
    for strip in strips(beats, task, rng, budget.batch):
        yield _answers(net, strip), torch.from_numpy(strip.c), weight[strip.c]


def strip_weights(beats: Beats, task: TaskConfig, batch: int) -> Tensor:
    """Weight (4,) of each class in strips, so that it counts as it does among windows, from a hundred batches."""
    drawn = strips(beats, task, np.random.default_rng(0), batch)
    seen = np.bincount(np.concatenate([next(drawn).c for _ in range(100)]), minlength=len(CLASSES))
    weight = shares(beats) * seen.sum() / np.maximum(seen, 1)
    return torch.from_numpy(np.where(seen > 0, weight, 1.0).astype(np.float32))


def _answers(net: Net, strip: Strips) -> Tensor:
    assert isinstance(net, Stream)
    x = torch.from_numpy(strip.x)
    h, _ = net.run(x)
    return net.answer(h, x, torch.from_numpy(strip.row), torch.from_numpy(strip.at))


def _looks(
    net: Net, task: TaskConfig, budget: Budget, beats: Beats, held_out: Beats
) -> Callable[[], dict[str, float]]:
    """Gives a function that looks at the network as it is, on training and held-out beats that stay the same."""
    sides = {"train": beats, "test": held_out}
    sides = {name: side for name, side in sides.items() if len(side)}
    if task.mode == "window":
        few = {name: thinned(side, budget.curve_beats) for name, side in sides.items()}
        given = {name: (lambda part=part: logits_of(net, task, part)) for name, part in few.items()}
        truth = {name: (part.c, part.weight) for name, part in few.items()}
    else:
        cut = {
            name: next(strips(s, task, np.random.default_rng(1), budget.curve_beats))
            for name, s in sides.items()
        }
        given = {name: (lambda strip=strip: _eyes(net, strip)) for name, strip in cut.items()}
        truth = {name: (strip.c, np.ones(len(strip.c))) for name, strip in cut.items()}

    def look() -> dict[str, float]:
        out = {}
        for name, (c, weight) in truth.items():
            y = given[name]().astype(np.float64)
            y = y - y.max(1, keepdims=True)
            loss = np.log(np.exp(y).sum(1)) - y[np.arange(len(c)), c]
            if name == "test":
                out["test_loss"] = float((loss * weight).sum() / weight.sum())
            out[f"{name}_f1"] = float(macro_f1(confusion(c, y.argmax(1), weight)))
        return out

    return look


@torch.no_grad()
def _eyes(net: Net, strip: Strips) -> np.ndarray:
    net.eval()
    out: np.ndarray = _answers(net, strip).numpy()
    return out
