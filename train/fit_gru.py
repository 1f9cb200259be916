"""Train the per-sample GRU by truncated back-propagation with the state carried through four-minute strips.

Resumable: a checkpoint is written every few rounds and found again by the same command.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from firmware_bridge.types import BadInput
from train import ectopy, teachers
from train.augment import F32, Strip, augment
from train.checkpoint import Training, average_of
from train.dataset import NOT_S, Fold, Patient, load_noise, load_patients, tiled
from train.front import FS_MODEL
from train.models import KERNEL, GruConfig, GruNet
from train.weak_labels import weak_patients

CONTEXT = 2 * (KERNEL - 1)
"""Samples that the two convolutions of the stem look back."""

LEARNING_S = 300.0
"""The quick look leaves out the first five minutes, as EC57 does."""

MATCH = 0.15 * FS_MODEL
"""A peak this near a label is that beat (EC57: 150 ms)."""


@dataclass(frozen=True, slots=True)
class GruRecipe:
    """Every knob of the GRU's training."""

    seed: int = 1
    rounds: int = 56  # batches of four-minute strips
    batch: int = 128  # strips in a round
    strip_s: float = 240.0  # the state is carried this long
    window: int = 375  # samples of back-propagation: 3 s
    lr: float = 4e-3
    weight_decay: float = 1e-4
    dropout: float = 0.2
    state_noise: float = 0.02
    ema: float = 0.998
    weights: tuple[float, ...] = (1.0, 1.6, 1.6, 1.2, 1.0)  # of N S V F Q in the class loss
    shares: tuple[tuple[str, float], ...] = (("ds1", 0.42), ("svdb", 0.38), ("paced", 0.04), ("cinc", 0.16))
    ectopy: float = 0.3  # share of strips with premature beats made out of normal ones
    taught: float = 0.5  # share of the teachers' opinion in the loss, where there are teachers
    teachers: int = 0  # how many there are


def make_targets(strip: Strip, config: GruConfig) -> tuple[F32, F32, NDArray[np.int8], NDArray[np.int8]]:
    """What the three heads should say at every sample of a strip.

    Returns
    -------
    qrs, weight : ndarray of float32, shape (n,)
        1 for three samples round `config.qrs_delay` after each R-peak, and how much each sample counts there:
        three times at the peak, not at all beside it or where the strip is masked.
    now, before : ndarray of int8, shape (n,)
        Class of the beat whose R-peak was `config.class_delay` samples ago (five samples long), and of the beat
        before it if that is less than 3 s older; -1 elsewhere.
    """
    n = len(strip.x)
    qrs, weight = np.zeros(n, np.float32), strip.mask.astype(np.float32)
    now, before = np.full(n, -1, np.int8), np.full(n, -1, np.int8)
    at = np.rint(strip.r).astype(np.int64)
    for k, (a, c) in enumerate(zip(at, strip.c, strict=True)):
        if not strip.mask[min(a, n - 1)]:
            continue
        q = a + config.qrs_delay
        weight[max(0, q - 4) : q + 5] = 0.0
        weight[max(0, q - 1) : q + 2] = 3.0
        qrs[max(0, q - 1) : q + 2] = 1.0
        d = a + config.class_delay
        now[max(0, d - 2) : d + 3] = c
        if k and a - at[k - 1] < 375:
            before[max(0, d - 2) : d + 3] = strip.c[k - 1]
    return qrs, weight, now, before


class Feeder:
    """Draws augmented strips: databases by their share, patients evenly within one."""

    def __init__(
        self, recipe: GruRecipe, config: GruConfig, patients: list[Patient], noises: list[F32]
    ) -> None:
        self._recipe, self._config, self._noises = recipe, config, noises
        self._groups = {name: [p for p in patients if p.group == name] for name, _ in recipe.shares}
        empty = [name for name, group in self._groups.items() if not group]
        if empty:
            raise BadInput(f"no patients to train on in {', '.join(empty)}; the recipe's shares name them")
        self._n = int(recipe.strip_s * FS_MODEL)

    def draw(self, seed: int) -> tuple[Tensor, ...]:
        """One batch of strips and targets: x (batch, n), qrs, weight, now, before."""
        rng = np.random.default_rng(seed)
        names = [name for name, _ in self._recipe.shares]
        shares = np.array([share for _, share in self._recipe.shares])
        rows = []
        for _ in range(self._recipe.batch):
            group = self._groups[names[rng.choice(len(names), p=shares / shares.sum())]]
            rows.append(self._one(rng, group[rng.integers(len(group))]))
        return tuple(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))

    def _one(self, rng: np.random.Generator, patient: Patient) -> tuple[NDArray[Any], ...]:
        need = int(self._n / 0.82) + 2
        patient = tiled(patient, need)
        start = int(rng.integers(0, max(1, len(patient.x) - need)))
        leads = patient.x[start : start + need]
        inside = (patient.r >= start) & (patient.r < start + need)
        labels = patient.r[inside] - start, patient.c[inside], patient.mask[start : start + need]
        leads, *labels = ectopy.sometimes(rng, leads, *labels, self._recipe.ectopy)
        strip = augment(rng, leads, *labels, self._n, self._noises)
        return (strip.x, *make_targets(strip, self._config))


def losses(
    y: Tensor, qrs: Tensor, weight: Tensor, now: Tensor, before: Tensor, class_weights: Tensor
) -> Tensor:
    """Weighted sum of the three heads' losses over one window."""
    q = functional.binary_cross_entropy_with_logits(
        y[..., 0], qrs, weight, reduction="sum"
    ) / weight.sum().clamp_min(1.0)
    a = class_loss(y[..., 1:6][now >= 0], now[now >= 0].long(), class_weights)
    b = class_loss(y[..., 6:][before >= 0], before[before >= 0].long(), class_weights)
    n = (now >= 0).sum().clamp_min(1)
    return 2.0 * q + (a + 0.5 * b) / n


def class_loss(y: Tensor, c: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy, summed, of logits (n, 5); class -1 counts nothing, `NOT_S` asks only that S be improbable."""
    known = functional.cross_entropy(
        y, torch.where(c == NOT_S, -1, c), weights, ignore_index=-1, reduction="sum"
    )
    weak = y[c == NOT_S]
    others = torch.cat((weak[:, :1], weak[:, 2:]), 1)
    return known + (torch.logsumexp(weak, 1) - torch.logsumexp(others, 1)).sum()


def start(recipe: GruRecipe, config: GruConfig) -> Training:
    """A fresh network and its optimiser: 300 steps of warm-up, then a cosine down to 2 %."""
    torch.manual_seed(recipe.seed)
    net = GruNet(config)
    total = recipe.rounds * (int(recipe.strip_s * FS_MODEL) // recipe.window)
    optimiser = torch.optim.AdamW(
        net.parameters(), recipe.lr, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda k: (
            min(1.0, (k + 1) / 300) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, k / total))))
        ),
    )
    return Training(net, average_of(net), optimiser, schedule, "round")


def fit(
    recipe: GruRecipe,
    config: GruConfig,
    patients: list[Patient],
    held_out: list[Patient],
    noises: list[F32],
    out: Path,
    every: int = 8,
    taught_by: Sequence[dict[str, Tensor]] = (),
) -> Path:
    """Train to the last round and give the path of the checkpoint (EMA weights under 'ema').

    `taught_by` are the weights of teachers (:mod:`train.teachers`). Every `every` rounds the checkpoint is renewed
    and a look taken at `held_out`; a line of JSON a round.
    """
    recipe = replace(recipe, teachers=len(taught_by))
    training, heard = start(recipe, config), [with_weights(config, weights) for weights in taught_by]
    path, recipes = out / "gru.pt", {"recipe": asdict(recipe), "config": asdict(config)}
    training.resume(path, **recipes)
    feeder = Feeder(recipe, config, patients, noises)
    for k in range(training.done, recipe.rounds):
        t0 = time.monotonic()
        loss = one_round(training, feeder.draw(recipe.seed * 100003 + k), recipe, heard)
        row = {"round": k + 1, "loss": round(loss, 4), "s": round(time.monotonic() - t0, 1)}
        if (k + 1) % every == 0 or k + 1 == recipe.rounds:
            if held_out:
                row.update(check(config, training.ema, held_out))
            training.save(path, **recipes)
        print(json.dumps(row), flush=True)
    return path


def one_round(
    training: Training, batch: tuple[Tensor, ...], recipe: GruRecipe, heard: Sequence[GruNet] = ()
) -> float:
    """Walk through one batch of strips, window by window, the state carried; gives the mean loss.

    `heard` are teachers that walk along, each with its own state.

    Raises
    ------
    BadInput
        When the loss is no number: nothing that comes after could be trusted.
    """
    x, *targets = batch
    weights = torch.tensor(recipe.weights)
    training.net.train()
    state = torch.zeros(1, len(x), training.net.config.n_hidden)
    states = [torch.zeros_like(state) for _ in heard]
    padded = functional.pad(x, (CONTEXT, 0))
    total, n = 0.0, 0
    for begin in range(0, x.shape[1] - recipe.window + 1, recipe.window):
        end = begin + recipe.window
        state = state.detach() + recipe.state_noise * torch.randn_like(state)
        y, state = training.net(padded[:, begin : end + CONTEXT], state, recipe.dropout)
        loss = losses(y, *(t[:, begin:end] for t in targets), weights)
        if heard:
            opinion = _asked(heard, padded[:, begin : end + CONTEXT], states)
            now, before = (t[:, begin:end] for t in targets[2:])
            loss = torch.lerp(loss, teachers.losses(y, opinion, now, before), recipe.taught)
        training.step(loss, recipe.ema, most_norm=1.0)
        total, n = total + float(loss.detach()), n + 1
        if not math.isfinite(total):
            raise BadInput(
                f"round {training.done + 1}: the loss is {total}; the checkpoint before it is kept, and the same "
                f"command goes on from there"
            )
    training.done += 1
    return total / n


@torch.no_grad()
def _asked(heard: Sequence[GruNet], x: Tensor, states: list[Tensor]) -> teachers.Opinion:
    """What teachers say of a window `x` with its context; their `states` go on."""
    said = []
    for k, net in enumerate(heard):
        y, states[k] = net(x, states[k])
        said.append(y)
    return teachers.opinion_of(torch.stack(said))


def with_weights(config: GruConfig, weights: dict[str, Tensor]) -> GruNet:
    """A network that answers; making it draws nothing from torch's random generator."""
    with torch.random.fork_rng(devices=[]):  # its first weights are drawn: that must not change a training
        net = GruNet(config)
    net.load_state_dict(weights)
    return net.eval()


@torch.no_grad()
def posteriors(config: GruConfig, weights: dict[str, Tensor], x: F32) -> F32:
    """Logits of whole filtered leads, `x` (batch, n) -> (batch, n, 11), the state carried throughout."""
    net = with_weights(config, weights)
    padded = functional.pad(torch.from_numpy(x), (CONTEXT, 0))
    state = torch.zeros(1, len(x), config.n_hidden)
    parts = []
    for start in range(0, x.shape[1], 4000):
        y, state = net(padded[:, start : min(start + 4000, x.shape[1]) + CONTEXT], state)
        parts.append(y.numpy())
    return np.concatenate(parts, 1)


def check(config: GruConfig, weights: dict[str, Tensor], held_out: list[Patient]) -> dict[str, float]:
    """Quick look at patients not trained on; see :func:`rates`."""
    return rates(config, posteriors(config, weights, first_leads(held_out)), held_out)


def first_leads(patients: list[Patient]) -> F32:
    """The first lead of each, as long as the shortest: (n_patients, n)."""
    n = min(len(p.x) for p in patients)
    return np.stack([p.x[:n, 0] for p in patients])


def rates(config: GruConfig, y: F32, held_out: list[Patient]) -> dict[str, float]:
    """How right the logits `y` (n_patients, n, 11) are: QRS by plain peak picking, classes at the annotated beats.

    Returns percent: sensitivity 'se' and positive predictivity 'ppv' of QRS, F1 of S and V, early and final.
    """
    first, last = LEARNING_S * FS_MODEL, y.shape[1] - 100
    tp = fn = fp = 0
    table = np.zeros((2, 5, 5), int)
    for p, rows in zip(held_out, y, strict=True):
        inside = (p.r > first) & (p.r < last)
        r, c = p.r[inside], p.c[inside]
        found = pick(rows[:, 0]) - config.qrs_delay
        found = found[(found > first) & (found < last)]
        missed = int((_distance(r, found) > MATCH).sum())
        tp, fn = tp + len(r) - missed, fn + missed
        fp += int((_distance(found, r) > MATCH).sum())
        at = np.rint(r).astype(int) + config.class_delay
        np.add.at(table[0], (c, rows[at, 1:6].argmax(1)), 1)
        np.add.at(table[1], (c[:-1], rows[at[1:], 6:].argmax(1)), 1)
    row = {"se": round(100 * tp / max(1, tp + fn), 2), "ppv": round(100 * tp / max(1, tp + fp), 2)}
    for which, t in zip(("early", "final"), table, strict=True):
        for name, k in (("S", 1), ("V", 2)):
            row[f"{which}_{name}"] = round(float(200 * t[k, k] / max(1, t[k].sum() + t[:, k].sum())), 1)
    return row


def _distance(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """From each of `a` to the nearest of `b`, both ascending; infinite where there is none."""
    if not len(b):
        return np.full(len(a), np.inf)
    after = np.searchsorted(b, a)
    near: NDArray[np.float64] = np.minimum(
        np.abs(a - b[np.maximum(after - 1, 0)]), np.abs(a - b[np.minimum(after, len(b) - 1)])
    )
    return near


def pick(logit: F32, threshold: float = 0.0, refractory: int = 25) -> NDArray[np.int64]:
    """Local maxima above `threshold`, the higher of any two closer than `refractory` samples."""
    middle = logit[1:-1]
    peaks = np.flatnonzero((middle > threshold) & (middle >= logit[:-2]) & (middle > logit[2:])) + 1
    kept: list[int] = []
    for p in peaks:
        if kept and p - kept[-1] < refractory:
            if logit[p] > logit[kept[-1]]:
                kept[-1] = int(p)
        else:
            kept.append(int(p))
    return np.asarray(kept, dtype=np.int64)


def people(fold: Fold) -> tuple[list[Patient], list[Patient]]:
    """(patients that a fold trains on, those with few labels among them; labelled patients held out)."""
    patients, held_out = load_patients(fold)
    return patients + weak_patients(fold)[0], held_out


def main(out: Path, fold: Fold, taught_by: Sequence[Path] = (), **changes: object) -> Path:
    """Fit the GRU on all but a fold's patients into `out`; `changes` replace knobs of the recipe.

    `taught_by` are folders of runs whose networks of the same fold are the teachers.
    """
    recipe, config = GruRecipe(**changes), GruConfig()  # type: ignore[arg-type]
    weights = teachers.load(taught_by, fold, config)
    patients, held_out = people(fold)
    return fit(recipe, config, patients, held_out, load_noise(), out, taught_by=weights)
