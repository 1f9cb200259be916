"""Train several of the per-sample GRUs at once, as a GPU wants it: other folds, other seeds, one pass for all.

Every network sees the batches, the dropout and the noise that :mod:`train.fit_gru` would give it, and leaves the same
checkpoint: only rounding differs, and either goes on from where the other was stopped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from firmware_bridge.types import BadInput
from train import teachers
from train.augment import F32
from train.checkpoint import Training
from train.dataset import NOT_S, Fold, Patient, load_noise
from train.draws_ahead import DrawsAhead
from train.fit_gru import CONTEXT, Feeder, GruRecipe, first_leads, people, rates, start
from train.front import FS_MODEL
from train.gru_stack import GruStack
from train.models import GruConfig, GruNet

STRETCH = 4000
"""Samples of the patients held out that are looked at in one pass."""

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each weight."""


@dataclass(frozen=True, slots=True)
class Learner:
    """One of the networks: its seed, whom it learns from, who is held out, the folder of its ``gru.pt``, and the
    weights of its teachers."""

    name: str
    seed: int
    patients: list[Patient]
    held_out: list[Patient]
    out: Path
    taught_by: Sequence[dict[str, Tensor]] = ()


def losses(
    y: Tensor, qrs: Tensor, weight: Tensor, now: Tensor, before: Tensor, class_weights: Tensor
) -> Tensor:
    """:func:`train.fit_gru.losses` of each network, (n_networks,): the same sums, and the device is asked nothing.

    Logits `y` are (n_networks, batch, n, 11), the targets (n_networks, batch, n) of small whole numbers.
    """
    weight = weight.float()
    q = functional.binary_cross_entropy_with_logits(y[..., 0], qrs.float(), weight, reduction="none")
    q = q.sum((1, 2)) / weight.sum((1, 2)).clamp_min(1.0)
    a = _class_losses(y[..., 1:6], now, class_weights)
    b = _class_losses(y[..., 6:], before, class_weights)
    n = (now >= 0).sum((1, 2)).clamp_min(1)
    return 2.0 * q + (a + 0.5 * b) / n


def _class_losses(y: Tensor, c: Tensor, weights: Tensor) -> Tensor:
    """:func:`train.fit_gru.class_loss` of each network; class -1 counts nothing."""
    log_p = functional.log_softmax(y, -1)
    known = torch.where((c >= 0) & (c != NOT_S), c, 0).long()
    named = -weights[known] * log_p.gather(-1, known[..., None])[..., 0]
    weak = -torch.logsumexp(torch.cat((log_p[..., :1], log_p[..., 2:]), -1), -1)
    each = torch.where(c == NOT_S, weak, torch.where(c >= 0, named, 0.0))
    return each.sum((1, 2))


class Group:
    """Networks that have trained for as many rounds, on their way through more of them.

    Parameters
    ----------
    trainings : sequence of Training
        Each as :func:`train.fit_gru.start` makes it, perhaps resumed.
    generators : sequence of Generator
        Of each network's dropout and noise, on the CPU.
    recipe : GruRecipe
        Of all of them, the seed aside.
    taught_by : sequence of sequence of dict, optional
        The weights of each network's teachers, as many of each.
    """

    def __init__(
        self,
        trainings: Sequence[Training],
        generators: Sequence[torch.Generator],
        recipe: GruRecipe,
        device: torch.device,
        taught_by: Sequence[Sequence[dict[str, Tensor]]] = (),
    ) -> None:
        self._trainings, self._generators, self._recipe, self._device = trainings, generators, recipe, device
        nets = [net for t in trainings if isinstance(net := t.net, GruNet)]
        self.stack = GruStack(nets, device)
        self.average = self.stack.joined([t.ema for t in trainings]).to(device)
        self._optimiser, self._schedule = self._taken_over()
        self._class_weights = torch.tensor(recipe.weights, device=device)
        self._teachers = [self.stack.joined(those).to(device) for those in zip(*taught_by, strict=True)]

    def _taken_over(self) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
        """One optimiser in the state of all networks', and its schedule."""
        first = self._trainings[0]
        knobs = {key: first.optimiser.defaults[key] for key in ("lr", "betas", "eps", "weight_decay")}
        optimiser = torch.optim.AdamW([self.stack.weights], fused=self._device.type == "cuda", **knobs)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, first.schedule.lr_lambdas)
        schedule.load_state_dict(first.schedule.state_dict())
        states = [t.optimiser.state_dict()["state"] for t in self._trainings]
        names = [name for name, _ in first.net.named_parameters()]
        saved = optimiser.state_dict()
        if states[0]:
            moments = {
                key: self.stack.joined([{name: s[k][key] for k, name in enumerate(names)} for s in states])
                for key in MOMENTS
            }
            saved["state"] = {0: {"step": states[0][0]["step"].clone(), **moments}}
        saved["param_groups"][0]["lr"] = first.optimiser.param_groups[0]["lr"]
        optimiser.load_state_dict(saved)
        return optimiser, schedule

    def round(self, batch: tuple[Tensor, ...]) -> list[float]:
        """Walk through one batch of strips of each network, window by window; gives each one's mean loss.

        Raises
        ------
        BadInput
            When a loss is no number.
        """
        x, *targets = (column.to(self._device) for column in batch)
        recipe, weights = self._recipe, self.stack.weights
        padded = functional.pad(x, (CONTEXT, 0))
        starts = range(0, x.shape[2] - recipe.window + 1, recipe.window)
        noise, keep = (t.to(self._device) for t in self._chance(len(starts), x.shape[1]))
        state = torch.zeros(*x.shape[:2], self.stack.config.n_hidden, device=self._device)
        states = [torch.zeros_like(state) for _ in self._teachers]
        total = torch.zeros(len(x), device=self._device)
        for k, begin in enumerate(starts):
            end = begin + recipe.window
            state = state.detach() + recipe.state_noise * noise[k]
            kept = keep[k].float() / (1.0 - recipe.dropout) if recipe.dropout else None
            y, state = self.stack.forward(weights, padded[..., begin : end + CONTEXT], state, kept)
            each = losses(y, *(t[..., begin:end] for t in targets), self._class_weights)
            if self._teachers:
                opinion = self._asked(padded[..., begin : end + CONTEXT], states)
                now, before = (t[..., begin:end] for t in targets[2:])
                each = torch.lerp(each, teachers.losses(y, opinion, now, before), recipe.taught)
            self._step(each)
            total += each.detach()
        mean = (total / len(starts)).tolist()
        if not np.isfinite(mean).all():
            raise BadInput(
                f"round {self._trainings[0].done + 1}: the losses are {mean}; the checkpoints before it are kept, and "
                f"the same command goes on from there"
            )
        for training in self._trainings:
            training.done += 1
        return mean

    @torch.no_grad()
    def _asked(self, x: Tensor, states: list[Tensor]) -> teachers.Opinion:
        """What each network's teachers say of a window `x` with its context; their `states` go on."""
        said = []
        for k, rows in enumerate(self._teachers):
            y, states[k] = self.stack.forward(rows, x, states[k])
            said.append(y)
        return teachers.opinion_of(torch.stack(said))

    def _step(self, each: Tensor) -> None:
        """What :meth:`Training.step` does, for every network by itself."""
        weights = self.stack.weights
        self._optimiser.zero_grad(set_to_none=True)
        each.sum().backward()  # type: ignore[no-untyped-call]
        assert weights.grad is not None
        norm = weights.grad.norm(dim=1, keepdim=True)
        weights.grad.mul_((1.0 / (norm + 1e-6)).clamp_max(1.0))
        self._optimiser.step()
        self._schedule.step()
        with torch.no_grad():
            self.average.lerp_(weights, 1.0 - self._recipe.ema)

    def _chance(self, n_windows: int, batch: int) -> tuple[Tensor, Tensor]:
        """A round's noise (n_windows, n_networks, batch, n_hidden) and units kept, drawn as one network alone does."""
        hidden = self.stack.config.n_hidden
        shape, chance = (n_windows, len(self._generators), batch), 1.0 - self._recipe.dropout
        noise = torch.empty(*shape, hidden)
        keep = torch.ones(*shape, 1, hidden, dtype=torch.uint8)
        likely = torch.full((batch, 1, hidden), chance)
        for m, generator in enumerate(self._generators):
            for k in range(n_windows):
                noise[k, m] = torch.randn(1, batch, hidden, generator=generator)[0]
                if self._recipe.dropout:
                    keep[k, m] = torch.bernoulli(likely, generator=generator)
        return noise, keep

    def save(self, paths: Sequence[Path], recipes: Sequence[GruRecipe]) -> None:
        """Write each network's checkpoint, as :func:`train.fit_gru.fit` does."""
        found = self._optimiser.state_dict()
        state = {key: value.cpu() for key, value in found["state"][0].items()}
        weights, average = self.stack.weights.detach().cpu(), self.average.cpu()
        before = torch.get_rng_state()
        for m, (training, path, recipe) in enumerate(zip(self._trainings, paths, recipes, strict=True)):
            training.net.load_state_dict(self.stack.named(weights[m]))
            training.ema = self._own(average[m])
            saved = training.optimiser.state_dict()
            moments = {key: self._own(state[key][m]) for key in MOMENTS}
            saved["state"] = {
                k: {"step": state["step"].clone(), **{key: moment[name] for key, moment in moments.items()}}
                for k, name in enumerate(training.ema)
            }
            saved["param_groups"][0]["lr"] = found["param_groups"][0]["lr"]
            training.optimiser.load_state_dict(saved)
            training.schedule.load_state_dict(self._schedule.state_dict())
            torch.set_rng_state(self._generators[m].get_state())
            training.save(path, recipe=asdict(recipe), config=asdict(self.stack.config))
        torch.set_rng_state(before)

    def _own(self, row: Tensor) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.stack.named(row).items()}

    @torch.no_grad()
    def look(self, learners: Sequence[Learner]) -> list[dict[str, float]]:
        """:func:`train.fit_gru.check` of each network's average; nothing for one that holds nobody out."""
        if not any(p.held_out for p in learners):
            return [{} for _ in learners]
        leads = [first_leads(p.held_out) if p.held_out else np.zeros((0, 0), np.float32) for p in learners]
        batch, n = max(len(x) for x in leads), max(x.shape[1] for x in leads)
        x = np.zeros((len(leads), batch, CONTEXT + n), np.float32)
        for m, lead in enumerate(leads):
            x[m, : lead.shape[0], CONTEXT : CONTEXT + lead.shape[1]] = lead
        y = self._logits(torch.from_numpy(x))

        def one(m: int) -> dict[str, float]:
            rows, length = leads[m].shape
            return rates(self.stack.config, y[m, :rows, :length], learners[m].held_out) if rows else {}

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(one, range(len(learners))))

    def _logits(self, x: Tensor) -> F32:
        """Logits (n_networks, batch, n, 11) of whole leads with their context, the state carried throughout."""
        *shape, n = *x.shape[:2], x.shape[2] - CONTEXT
        logits = torch.empty(*shape, n, 1 + 2 * self.stack.config.n_classes)
        state = torch.zeros(*shape, self.stack.config.n_hidden, device=self._device)
        for begin in range(0, n, STRETCH):
            end = min(begin + STRETCH, n)
            piece = x[..., begin : end + CONTEXT].to(self._device)
            logits[:, :, begin:end], state = self.stack.forward(self.average, piece, state)
        return logits.numpy()


def fit(
    recipe: GruRecipe,
    config: GruConfig,
    learners: Sequence[Learner],
    noises: list[F32],
    device: torch.device,
    n_processes: int,
    every: int = 8,
) -> list[Path]:
    """Train all to the last round; gives the paths of the checkpoints, which are renewed every round.

    Those that were left behind when the training was stopped catch up first. Every `every` rounds a look is taken
    at the patients held out; a line of JSON a network and round.
    """
    recipes = [replace(recipe, seed=p.seed, teachers=len(p.taught_by)) for p in learners]
    paths = [p.out / "gru.pt" for p in learners]
    feeders = [Feeder(r, config, p.patients, noises) for r, p in zip(recipes, learners, strict=True)]
    trainings, generators = [], []
    for one, path in zip(recipes, paths, strict=True):
        training = start(one, config)
        training.resume(path, recipe=asdict(one), config=asdict(config))
        trainings.append(training)
        generators.append(torch.Generator())
        generators[-1].set_state(torch.get_rng_state())
    while (least := min(t.done for t in trainings)) < recipe.rounds:
        which = [m for m, t in enumerate(trainings) if t.done == least]
        last = min([t.done for t in trainings if t.done > least], default=recipe.rounds)
        shape = recipe.batch, int(recipe.strip_s * FS_MODEL)
        seeds = [recipes[m].seed * 100003 for m in which]
        draws = DrawsAhead([feeders[m] for m in which], seeds, shape, range(least, last), n_processes)
        try:
            taught_by = [learners[m].taught_by for m in which]
            group = Group(
                [trainings[m] for m in which], [generators[m] for m in which], recipe, device, taught_by
            )
            t0 = time.monotonic()
            for k, batch in enumerate(draws, least + 1):
                lost = group.round(batch)
                looked = k % every == 0 or k == recipe.rounds
                found = group.look([learners[m] for m in which]) if looked else [{} for _ in which]
                group.save([paths[m] for m in which], [recipes[m] for m in which])
                spent, t0 = time.monotonic() - t0, time.monotonic()
                for m, loss, more in zip(which, lost, found, strict=True):
                    row = {
                        "network": learners[m].name,
                        "round": k,
                        "loss": round(loss, 4),
                        "s": round(spent, 1),
                    }
                    print(json.dumps({**row, **more}), flush=True)
        finally:
            draws.close()
    return paths


def main(
    places: Sequence[tuple[int, Fold, Path]],
    device: torch.device,
    taught_by: Sequence[Path] = (),
    **changes: object,
) -> list[Path]:
    """Fit the GRU of every (seed, fold, folder of its checkpoint) at once; `changes` replace knobs of the recipe.

    `taught_by` are folders of runs whose networks of the same fold are the teachers.
    """
    recipe, config = GruRecipe(**changes), GruConfig()  # type: ignore[arg-type]
    folds = list(dict.fromkeys(fold for _, fold, _ in places))
    weights = {fold: teachers.load(taught_by, fold, config) for fold in folds}
    known = {fold: people(fold) for fold in folds}
    learners = [
        Learner(f"seed {seed} {fold.folder}".rstrip(), seed, *known[fold], out, weights[fold])
        for seed, fold, out in places
    ]
    return fit(recipe, config, learners, load_noise(), device, os.cpu_count() or 1)
