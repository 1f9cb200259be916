"""The stacks whose gradients are looked at: as they begin, and after a training that is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from train.study.arms import N_FOLDS, RNN_DEPTHS, SEEDS, SLOW
from train.study.beats import Beats, gather, people, windows
from train.study.config import SCORED, Budget, NetConfig
from train.study.fit import train
from train.study.slopes import F32, I64, LONGEST, Slope, measure
from train.study.zoo import Recurrent, build

CELLS = ("gru", "rnn", "lstm")
WIDTH = 32
TRAINED_DEPTHS = (1, 2, 4, 8)
TRAINING = Budget(epochs=4, beats=2048, test_s=600.0)
"""A quarter of what claim 6 trains with: enough for the gradients to settle."""

HARDLY = Budget(epochs=1, beats=256, batch=32, test_s=150.0, curve_beats=200)
FROM_EACH = 8
"""Beats of N, S and V each that the loss is led back from, all of patients held out."""

Key = tuple[str, int, bool, int, str]


def asked(held_out: Beats, seed: int = 0) -> tuple[F32, I64]:
    """(real ECG (n, LONGEST + 1) in mV that ends where the class of a beat is asked for, the classes (n,))."""
    rng = np.random.default_rng(seed)
    late = held_out.asked_at(SLOW) > LONGEST
    rows = [
        rng.permutation(np.flatnonzero(late & (held_out.c == kind)))[:FROM_EACH] for kind in range(SCORED)
    ]
    part = held_out.part(np.sort(np.concatenate(rows)))
    long = replace(SLOW, window_s=(LONGEST + 1) / SLOW.fs)
    return windows(part, long), part.c


def wanted(preset: str) -> list[Key]:
    """(cell, layers, residual, seed, stage) of all that is looked at, the cheap ones first."""
    quick = preset == "quick"
    depths, seeds = ((1, 4), SEEDS[:1]) if quick else (RNN_DEPTHS, SEEDS)
    deep = (1, 2) if quick else TRAINED_DEPTHS
    sides = (False, True)
    out: list[Key] = [(c, d, r, s, "initial") for s in seeds for d in depths for c in CELLS for r in sides]
    return out + [(c, d, r, SEEDS[0], "trained") for d in deep for c in CELLS for r in sides]


def run(
    preset: str, done: Sequence[Slope], tell: Callable[[str], None] = lambda line: None
) -> Iterator[Slope]:
    """What of :func:`wanted` is not done: the first fold of DS1, its held-out patients' beats."""
    there = {(s.family, s.layers, s.residual, s.seed, s.stage) for s in done}
    todo = [key for key in wanted(preset) if key not in there]
    if not todo:
        return
    inside, out = people(0, N_FOLDS)
    given, held_out = gather(inside, SLOW.fs), gather(out, SLOW.fs)
    long, c = asked(held_out)
    budget = HARDLY if preset == "quick" else TRAINING
    for k, (cell, layers, residual, seed, stage) in enumerate(todo, 1):
        tell(f"gradients {k}/{len(todo)}: {cell} {layers} deep{', residual' if residual else ''}, {stage}")
        torch.manual_seed(seed)
        net = build(NetConfig(cell, layers, WIDTH, residual=residual), SLOW.n_window)
        assert isinstance(net, Recurrent)
        f1 = -1.0
        if stage == "trained":
            curves = train(net, SLOW, budget, given, held_out.until(budget.test_s), seed)
            f1 = curves["test_f1"][-1]
        yield measure(net.eval(), long, c, seed, stage, f1)
