"""The stacks whose gradients are looked at: as they begin, and after a training that is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from train import splits
from train.dataset import Fold
from train.evaluate_all import FOLDS, fold_models
from train.front import FS_MODEL
from train.gru_layer import run_layer
from train.models import GruNet
from train.study.arms import LIGHT, N_FOLDS, SEEDS, SLOW
from train.study.beats import Beats, gather, people, windows
from train.study.config import SCORED, Budget, NetConfig, TaskConfig
from train.study.fit import train
from train.study.layers import CONTEXT, shipped_pair, untrained_pair
from train.study.slopes import F32, I64, LONGEST, Slope, lag_slopes, measure, weight_slope
from train.study.zoo import Recurrent, build

CELLS = ("gru", "rnn", "lstm")
WIDTH = 32
DEPTHS = (1, 2, 3, 4, 6, 8)
TRAINED_DEPTHS = (1, 2, 4, 8)
TRAINING = LIGHT
"""As claim 6 trains; a quarter of it leaves most stacks saying N to everything."""

HARDLY = Budget(epochs=1, beats=256, batch=32, test_s=150.0, curve_beats=200)
FROM_EACH = 8
"""Beats of N, S and V each that the loss is led back from, all of patients held out."""

MONITOR = "monitor"

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
    depths, seeds = ((1, 4), SEEDS[:1]) if quick else (DEPTHS, SEEDS)
    deep = (1, 2) if quick else TRAINED_DEPTHS
    sides = (False, True)
    out: list[Key] = [(c, d, r, s, "initial") for s in seeds for d in depths for c in CELLS for r in sides]
    return out + [(c, d, r, SEEDS[0], "trained") for d in deep for c in CELLS for r in sides]


def run(
    preset: str, done: Sequence[Slope], tell: Callable[[str], None] = lambda line: None
) -> Iterator[Slope]:
    """What of :func:`wanted` is not done: the first fold of DS1, its held-out patients' beats."""
    there = {(s.family, s.layers, s.residual, s.seed, s.stage) for s in done}
    if not any(s.family == MONITOR for s in done):
        tell("gradients: the monitor's own GRUs")
        yield from own_networks()
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
        yield measure(net.eval(), long, c, seed, stage, f1, with_lags=seed == SEEDS[0])


def own_networks() -> list[Slope]:
    """The monitor's own GRU, trained (that of each fold) and as it begins, on the fold's held-out patients of DS1."""
    out = []
    for k in range(FOLDS):
        fold = Fold(k, FOLDS)
        trained = shipped_pair(fold_models() / fold.folder)
        held = [key for key in sorted(fold.held_out()) if key[0] == "mitdb" and key[1] in splits.DS1]
        long, c = asked_of_monitor(gather(held, FS_MODEL), trained.class_delay)
        for stage, net in (("trained", trained.gru), ("initial", untrained_pair(k).gru)):
            out.append(measure_monitor(net, long, c, k, stage))
    return out


def asked_of_monitor(held_out: Beats, class_delay: int, seed: int = 0) -> tuple[F32, I64]:
    """As :func:`asked`, at 125 Hz, up to where the GRU's class is due, the context of its convolutions in front."""
    task = TaskConfig(window_s=(LONGEST + 1 + CONTEXT) / FS_MODEL, after_s=(class_delay + 1) / FS_MODEL)
    rng = np.random.default_rng(seed)
    late = held_out.asked_at(task) >= task.n_window
    rows = [
        rng.permutation(np.flatnonzero(late & (held_out.c == kind)))[:FROM_EACH] for kind in range(SCORED)
    ]
    part = held_out.part(np.sort(np.concatenate(rows)))
    return windows(part, task), part.c


def measure_monitor(net: GruNet, long: F32, c: I64, fold: int, stage: str) -> Slope:
    """Slopes on the weights of its two convolutions and its recurrent layer (over the whole stretch), and by lag."""
    n_classes = net.config.n_classes

    def answer(x: Tensor) -> Tensor:
        state = torch.zeros(1, len(x), net.config.n_hidden)
        _, last = run_layer(net.gru, _stem(net, x), state)
        logits: Tensor = net.head(last[0])[:, 1 : 1 + n_classes]
        return logits

    net.zero_grad(set_to_none=True)
    loss = torch.nn.functional.cross_entropy(answer(torch.from_numpy(long)), torch.from_numpy(c))
    loss.backward()  # type: ignore[no-untyped-call]
    layers = tuple(weight_slope(layer) for layer in (net.stem1, net.stem2, net.gru))
    lags, logs = lag_slopes(answer, long, c)
    hidden = net.config.n_hidden
    return Slope(MONITOR, 1, hidden, False, fold, stage, long.shape[1], layers, tuple(lags), tuple(logs))


def _stem(net: GruNet, x: Tensor) -> Tensor:
    z = torch.relu(net.stem2(torch.relu(net.stem1(x[:, None] * net.config.input_gain))))
    return z.transpose(1, 2)
