"""Fit the fusion: a GRU that takes one step a beat, on the rows that cross-fitted networks made of every patient.

Every row comes from networks that have not seen its patient (`train.beat_rows`); the fusion itself is scored by
the same folds. What is shipped is fitted on all of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.fusion import FUSION_INPUTS, N_CLASSES, N_INPUTS, USUAL_IRREGULARITY, nothing
from train import checkpoint, databases
from train.beat_rows import F32, Rows
from train.dataset import Fold
from train.fusion_loss import answers_about, loss_of, opinions, taught_loss
from train.fusion_rows import STRANGER_FOLDS, rows_of_folds, rows_of_networks
from train.fusion_scores import chosen_factors, scores, spread_of

RR, RR_MEAN = FUSION_INPUTS.index("rr"), FUSION_INPUTS.index("rr_mean")
OF_STRANGERS = (("stranger", 0.55), ("known", 0.3), ("cinc", 0.15))
"""Shares where one set of networks is listened to: it knows most patients too well to be believed there."""

GROUPS = ("ds1", "svdb", "paced", "stranger", "known")

NO_RR, NO_TEMPLATE = FUSION_INPUTS.index("no_rr"), FUSION_INPUTS.index("no_template")
RR_TO_LONG = FUSION_INPUTS.index("rr_to_long")
IRREGULAR = [FUSION_INPUTS.index(name) for name in ("irregular_mean", "irregular_rms")]
OF_INTERVALS = [k for k, name in enumerate(FUSION_INPUTS) if name.startswith(("rr", "gru_before"))]
OF_TEMPLATE = [
    k for k, name in enumerate(FUSION_INPUTS) if name.endswith(("_correlation", "_residual", "_to_template"))
]


@dataclass(frozen=True, slots=True)
class FusionRecipe:
    """Every knob of the fusion's fit."""

    seed: int = 1
    n_mixed: int = 48
    n_hidden: int = 32
    steps: int = 700
    batch: int = 48
    beats: int = 320  # length of a stretch
    lr: float = 4e-3
    weight_decay: float = 2e-2
    dropout: float = 0.15
    log_prob_noise: float = 0.3
    stretch: float = (
        0.2  # most that a whole stretch's intervals are made longer or shorter, in natural logarithms
    )
    weights: tuple[float, ...] = (1.0, 2.5, 2.0, 1.0, 1.0)
    shares: tuple[tuple[str, float], ...] = (("ds1", 0.46), ("svdb", 0.38), ("paced", 0.04), ("cinc", 0.12))
    ema: float = 0.99
    cold_starts: float = 0.5  # share of stretches that begin as with a patient never seen
    moved: float = (
        0.0  # a stretch's opinions of each class are moved by so much (deviation), for all its beats alike
    )
    factors: tuple[float, float] | None = (
        None  # on S and V, the same for all; by the other folds where there are none
    )
    taught_by: int = (
        0  # so many fits, of seeds from 1 on, teach it by their mean opinion; 0: the labels alone
    )


class FusionNet(nn.Module):
    """Rows of this beat and the one before, mixed, into a GRU; two heads on its state and the mixture."""

    def __init__(self, recipe: FusionRecipe) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(N_INPUTS))
        self.register_buffer("spread", torch.ones(N_INPUTS))
        self.mix = nn.Linear(2 * N_INPUTS, recipe.n_mixed)
        self.gru = nn.GRU(recipe.n_mixed, recipe.n_hidden, batch_first=True)
        self.out = nn.Linear(recipe.n_mixed + recipe.n_hidden, 2 * N_CLASSES)
        self.drop = nn.Dropout(recipe.dropout)

    def forward(self, x: Tensor, before: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, n, 10) and all states (batch, n, n_hidden).

        Parameters
        ----------
        x, before : Tensor, shape (batch, n, 33)
            Rows, and the rows of the beats before them (zeros before the first).
        h : Tensor, shape (1, batch, n_hidden)
        """
        z = torch.cat(((x - self.mean) / self.spread, (before - self.mean) / self.spread), -1)
        z = self.drop(torch.relu(self.mix(z)))
        states, _ = self.gru(z, h)
        return self.out(torch.cat((z, self.drop(states)), -1)), states

    def walk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and states of whole sequences (batch, n, 33) from a patient never seen."""
        before = torch.cat((torch.zeros_like(x[:, :1]), x[:, :-1]), 1)
        return self(x, before, torch.zeros(1, len(x), self.gru.hidden_size))

    def unfollowed(self, x: Tensor, states: Tensor) -> Tensor:
        """Final logits (n, 5) of beats with rows `x` (n, 33) after which nothing came, from their states."""
        row = torch.from_numpy(nothing()).expand(len(x), 1, -1)
        y, _ = self(row, x[:, None], states[None].contiguous())
        return y[:, 0, N_CLASSES:]


def batch_of(rng: np.random.Generator, rows: list[Rows], recipe: FusionRecipe) -> tuple[Tensor, Tensor]:
    """Stretches x (batch, beats, 33) and classes (batch, beats), databases by share, patients evenly, augmented."""
    names = [name for name, _ in recipe.shares]
    shares = np.array([share for _, share in recipe.shares])
    groups = {name: [r for r in rows if r.group == name and len(r.c) > 8] for name in names}
    shares = shares * [bool(groups[name]) for name in names]
    xs, cs = [], []
    for _ in range(recipe.batch):
        group = groups[names[rng.choice(len(names), p=shares / shares.sum())]]
        x, c = _stretch(rng, group[rng.integers(len(group))], recipe.beats)
        if rng.random() < recipe.cold_starts:
            begin_cold(x)
        xs.append(_varied(rng, x, recipe))
        cs.append(c)
    return torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(cs))


def _stretch(rng: np.random.Generator, rows: Rows, n: int) -> tuple[F32, NDArray[np.int64]]:
    """`n` beats in a row; a short recording is repeated, its first beat then having no interval."""
    times = -(-n // len(rows.c)) + 1
    x, c = np.tile(rows.x, (times, 1)), np.tile(rows.c, times)
    start = int(rng.integers(0, len(rows.c))) if times > 2 else int(rng.integers(0, len(rows.c) - n + 1))
    return x[start : start + n].copy(), c[start : start + n]


def begin_cold(x: F32) -> None:
    """Make the rows (n, 33) of a stretch the first of a patient never seen, in place: no interval before the first
    beat, no template for the first two, no long memory of intervals for the first five.
    """
    x[0, OF_INTERVALS] = 0.0
    x[0, NO_RR] = 1.0
    x[:2, OF_TEMPLATE] = 0.0
    x[:2, NO_TEMPLATE] = 1.0
    x[:5, RR_TO_LONG] = 0.0
    x[:5, IRREGULAR] = math.log(USUAL_IRREGULARITY + 0.005)


def _varied(rng: np.random.Generator, x: F32, recipe: FusionRecipe) -> F32:
    """Another heart rate, and networks a little more or less sure of themselves, and of each class."""
    shift = np.float32(rng.uniform(-recipe.stretch, recipe.stretch))
    x[:, RR] += shift * (x[:, NO_RR] == 0)
    x[:, RR_MEAN] += shift
    x[:, :15] *= np.float32(np.exp(rng.normal(0.0, 0.2)))
    if recipe.moved:
        moved = rng.normal(0.0, recipe.moved, 10).astype(np.float32)
        x[:, :10] += moved
        x[:, 10:15] += moved[:5] * x[:, 10:15].any(1, keepdims=True)
    x[:, :15] += rng.normal(0.0, recipe.log_prob_noise, (len(x), 15)).astype(np.float32)
    return x


def fit(rows: list[Rows], recipe: FusionRecipe, teachers: Sequence[FusionNet] = ()) -> FusionNet:
    """Fit on stretches drawn at random; gives the moving average of the weights, ready to answer.

    What `teachers` say of the same stretches counts as much as the labels, where there are any.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    net = FusionNet(recipe)
    everything = torch.from_numpy(np.concatenate([r.x for r in rows if r.group != "cinc"]))
    net.mean.copy_(everything.mean(0))
    net.spread.copy_(everything.std(0).clamp_min(0.1))
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, recipe.steps, pct_start=0.1)
    average = checkpoint.average_of(net)
    for _ in range(recipe.steps):
        x, c = batch_of(rng, rows, recipe)
        said = answers_about(net, x)
        loss = loss_of(said, c, recipe.weights)
        if teachers:
            loss = 0.5 * (loss + taught_loss(said, opinions(teachers, x, said.some)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for name, value in net.state_dict().items():
                average[name].lerp_(value, 1.0 - recipe.ema)
    net.load_state_dict(average)
    return net.eval()


@torch.no_grad()
def answers(net: FusionNet, rows: Rows) -> tuple[F32, F32]:
    """Early and final probabilities (n, 5) of one lead's beats, as the monitor would give them."""
    y, states = net.walk(torch.from_numpy(rows.x)[None])
    last = net.unfollowed(torch.from_numpy(rows.x[-1:]), states[0, -1:])
    early = y[0, :, :N_CLASSES].softmax(1).numpy()
    final = torch.cat((y[0, 1:, N_CLASSES:], last)).softmax(1).numpy()
    return early, final


def told(nets: Sequence[FusionNet], rows: list[Rows]) -> tuple[list[Rows], list[tuple[F32, F32]]]:
    """The first lead of every patient held out, and what the net of their fold answers: early and final (n, 5)."""
    shown = [r for r in rows if r.lead == 0 and r.fold >= 0 and r.group != "cinc"]
    return shown, [answers(nets[r.fold], r) for r in shown]


def factors_of(shown: list[Rows], answered: list[tuple[F32, F32]], n_folds: int) -> list[tuple[float, float]]:
    """Factors for each fold's net, chosen by the patients of the other folds, and last those that all choose.

    A fold's own patients have no part in the factors they are scored with.
    """
    parts = [[i for i, r in enumerate(shown) if r.fold != k] for k in range(n_folds)]
    parts.append(list(range(len(shown))))
    return [chosen_factors([shown[i] for i in part], [answered[i] for i in part]) for part in parts]


@torch.no_grad()
def weigh(net: FusionNet, factors: tuple[float, float]) -> None:
    """The same as :func:`weighed`, in the network's last layer."""
    for head in (0, N_CLASSES):
        net.out.bias[head + 1] += math.log(factors[0])
        net.out.bias[head + 2] += math.log(factors[1])


def fit_with_teachers(rows: list[Rows], more: list[Rows], recipe: FusionRecipe) -> FusionNet:
    """The teachers on `rows` alone, one after another, then their pupil on all."""
    alone = [replace(recipe, seed=seed) for seed in range(1, recipe.taught_by + 1)]
    return fit(rows + more, recipe, [fit(rows, one) for one in alone])


def fit_all(
    rows: list[Rows], more: list[Rows], recipe: FusionRecipe, n_folds: int, n_processes: int
) -> list[FusionNet]:
    """A net for each fold, fitted on the other folds' patients, and last the one fitted on everybody."""
    parts = [[[r for r in some if r.fold != k] for some in (rows, more)] for k in range(n_folds)]
    parts.append([rows, more])
    if n_processes == 1:
        return [fit_with_teachers(*part, recipe) for part in parts]
    with ProcessPoolExecutor(n_processes, get_context("spawn")) as pool:
        states = list(pool.map(_fit_in_worker, parts, [recipe] * len(parts)))
    nets = []
    for state in states:
        net = FusionNet(recipe)
        net.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        nets.append(net.eval())
    return nets


def _fit_in_worker(part: list[list[Rows]], recipe: FusionRecipe) -> dict[str, F32]:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    return {name: value.numpy() for name, value in fit_with_teachers(*part, recipe).state_dict().items()}


def fitted(
    rows: list[Rows], more: list[Rows], recipe: FusionRecipe, n_folds: int, n_processes: int
) -> tuple[list[FusionNet], list[tuple[float, float]], dict[str, object]]:
    """Nets of each fold and of all, their factors, and the scores by folds.

    `rows` and `more` are learned from; the factors are chosen and the scores counted on `rows` alone.
    """
    nets = fit_all(rows, more, recipe, n_folds, n_processes)
    fixed = recipe.factors
    factors = factors_of(*told(nets, rows), n_folds) if fixed is None else [fixed] * (n_folds + 1)
    for net, pair in zip(nets, factors, strict=True):
        weigh(net, pair)
    return nets, factors, scores(*told(nets, rows))


def _scored(
    rows: list[Rows], more: list[Rows], recipe: FusionRecipe, n_folds: int, n_processes: int
) -> dict[str, object]:
    """The scores of one more seed, printed as soon as they are there."""
    _, factors, found = fitted(rows, more, recipe, n_folds, n_processes)
    print(json.dumps({"seed": recipe.seed, "factors": factors, **found}), flush=True)
    return found


@dataclass(frozen=True, slots=True)
class Heard:
    """Rows to learn from, in how many folds they are dealt, whose they are, and the command that records them."""

    rows: list[Rows]
    n_folds: int
    whose: str
    command: str


def _heard(runs: Path, n_folds: int, n_processes: int, networks: Path | None, in_place: Path | None) -> Heard:
    """The rows of the folds' networks, or of the one set in `networks`; see :func:`main`."""
    if networks is not None:
        rows = rows_of_networks(runs, networks, n_processes)
        whose = "networks that have seen the patients called known"
        return Heard(rows, STRANGER_FOLDS, whose, "python -m train fit fusion --networks edge/artefacts")
    rows = rows_of_folds(runs, n_folds, n_processes, in_place)
    whose, command = (
        f"networks of {n_folds} folds, none of which has seen the patient",
        "python -m train fit fusion",
    )
    if in_place is not None:
        whose, command = f"{whose}; a fusion in place", f"{command} --in-place {in_place.name}"
    return Heard(rows, n_folds, whose, command)


def main(
    runs: Path,
    n_folds: int,
    n_processes: int,
    networks: Path | None = None,
    also: Sequence[Path] = (),
    seeds: int = 1,
    in_place: Path | None = None,
    **changes: object,
) -> Path:
    """Record, fit for each fold and for all, score by folds; saves ``fusion.pt`` of all and beside each fold.

    Parameters
    ----------
    runs, n_folds : Path, int
        Where the folds' networks are, and how many folds.
    networks : Path, optional
        One set of networks to listen to instead.
    also : sequence of Path
        Runs of the same folds with other networks: other seeds, other recipes. Their rows teach too, so that the
        fusion learns how far one set of networks is to be believed. Nothing is scored or chosen on them.
    in_place : Path, optional
        Folder of the folds' artefacts whose fusions answer while rows are recorded, those of `also` or, where there
        are none, of `runs`: template and intervals are learned as they will be. The networks' mean answers otherwise.
        Not with `networks`.
    seeds : int
        The fit is repeated with so many seeds, and their mean and spread printed; what is saved is of the first.

    Raises
    ------
    BadInput
        When the databases or the networks are not there.
    """
    databases.data_root()
    heard = _heard(runs, n_folds, n_processes, networks, None if also else in_place)
    rows, n_folds = heard.rows, heard.n_folds
    recipe = replace(FusionRecipe() if networks is None else FusionRecipe(shares=OF_STRANGERS), **changes)
    more = [r for other in also for r in rows_of_folds(other, n_folds, n_processes, in_place)]
    whose, command = _in_words(heard, also, in_place, recipe)
    nets, factors, results = fitted(rows, more, recipe, n_folds, n_processes)
    print(json.dumps({"factors": factors, **results}), flush=True)
    found: dict[str, object] = {f"patients held out, {n_folds} folds, first lead": results}
    if seeds > 1:
        again = [replace(recipe, seed=recipe.seed + k) for k in range(1, seeds)]
        others = [_scored(rows, more, one, n_folds, n_processes) for one in again]
        spread = spread_of([results, *others])
        found[f"F1 of {seeds} seeds, mean and standard deviation"] = spread
        print(json.dumps(spread), flush=True)
    content = {"recipe": asdict(recipe), "rows": whose, "command": command}
    _write(runs, nets[-1], rows, {**content, "factors": _named(factors[-1])}, found)
    if networks is None:
        for k, net in enumerate(nets[:-1]):
            folder, known = runs / Fold(k, n_folds).folder, [r for r in rows if r.fold != k]
            _write(folder, net, known, {**content, "factors": _named(factors[k])}, {})
    return runs / "fusion.pt"


def _in_words(
    heard: Heard, also: Sequence[Path], in_place: Path | None, recipe: FusionRecipe
) -> tuple[str, str]:
    """Whose the rows are, and the command that fits this again."""
    whose, command = heard.whose, heard.command
    if also:
        whose += f"; {1 + len(also)} sets of them{', a fusion in place in the others' if in_place else ''}"
        command += f" --also {' '.join(other.name for other in also)}"
        command += f" --in-place {in_place.name}" if in_place else ""
    if recipe.taught_by:
        command += f" --taught-by {recipe.taught_by}"
    if recipe.factors:
        command += f" --factors {recipe.factors[0]:g} {recipe.factors[1]:g}"
    return whose, command


def _named(factors: tuple[float, float]) -> dict[str, float]:
    return {"S": factors[0], "V": factors[1]}


def _write(
    folder: Path, net: FusionNet, rows: list[Rows], content: dict[str, object], results: dict[str, object]
) -> None:
    patients = {group: sorted({r.patient for r in rows if r.group == group}) for group in GROUPS}
    named = {group: names for group, names in patients.items() if names}
    checkpoint.write(
        {**content, "net": net.state_dict(), "patients": named, "results": results}, folder / "fusion.pt"
    )
