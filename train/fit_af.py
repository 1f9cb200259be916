"""Atrial fibrillation from RR intervals: a small network over edge's own measures of them (afdb, 15 patients).

The monitor finds its own R-peaks and errs in some: every patient teaches twice, once as annotated and once with beats
missed, invented and moved.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edge.af import AF_INPUTS, LONG, af_rows
from edge.scatter import LONGEST_RR_S, SHORTEST_RR_S
from firmware_bridge.types import BadInput
from train import checkpoint
from train.databases import data_root
from train.tflite_graphs import AF_MOST as MOST

LENGTHS = (24, 32, 64, LONG)
"""Intervals known when the question is put: just enough, and more."""

WHOLE = "whole records"
"""The question put at every :data:`HOP`-th interval of a record, whatever the rhythms before it: AF there or not?"""

HOP = 16

SEEDS = 3

TAUGHT, SCORED = 0.02, 0.01
"""Shares of beats that are missed or invented in what teaches and in what is scored "with errors"."""

MOVED_S = 0.008
"""Standard deviation of how far every R-peak is moved there."""

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Windows = tuple[F32, I64]


@dataclass(frozen=True, slots=True)
class AfRecipe:
    """Every knob of the fit."""

    seed: int = 1
    n_hidden: int = 32
    steps: int = 800
    batch: int = 1024
    lr: float = 1e-2
    weight_decay: float = 1e-2
    drop_inputs: float = 0.1


class AfNet(nn.Module):
    """One hidden layer over standardised features, at most 5 in size: (batch, 66) -> logits (batch, 1)."""

    def __init__(self, n_hidden: int, drop_inputs: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(AF_INPUTS)))
        self.register_buffer("spread", torch.ones(len(AF_INPUTS)))
        self.hidden = nn.Linear(len(AF_INPUTS), n_hidden)
        self.out = nn.Linear(n_hidden, 1)
        self.drop_inputs = drop_inputs

    def forward(self, x: Tensor) -> Tensor:
        """Logits of features."""
        z = ((x - self.mean) / self.spread).clamp(-MOST, MOST)
        return self.out(torch.relu(self.hidden(functional.dropout(z, self.drop_inputs, self.training))))


def intervals(folder: Path, name: str) -> tuple[F64, I64]:
    """Intervals in seconds (n,) of one patient, and of each whether it is AF: 1, 0, or -1 where unlabelled.

    `folder` holds ``qrsNAME.txt`` (rows of: sample, interval in s, sample) and ``atrNAME.txt`` (rhythm labels as
    ``rdann`` prints them, after a line of headings).
    """
    rr = np.loadtxt(folder / f"qrs{name}.txt")
    starts, labels = _rhythms(folder / f"atr{name}.txt")
    return rr[:, 1], labels[np.maximum(np.searchsorted(starts, rr[:, 2], "right") - 1, 0)]


def _rhythms(path: Path) -> tuple[I64, I64]:
    """Start samples and labels: 1 AF or flutter, 0 anything else that is labelled."""
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    starts = [int(row[1]) for row in rows if len(row) > 6]
    labels = [1 if row[6] in ("(AFIB", "(AFL") else 0 for row in rows if len(row) > 6]
    return np.asarray(starts, np.int64), np.asarray(labels, np.int64)


def disturbed(rr_s: F64, af: I64, share: float, seed: int) -> tuple[F64, I64]:
    """A series as a detector may find it: `share` of the beats missed or invented, all R-peaks a little moved.

    Parameters
    ----------
    rr_s, af : ndarray, shape (n,)
        As :func:`intervals` gives them.
    share : float
        Half of it are R-peaks left out (two intervals become one), half are false ones (one becomes two).

    Returns
    -------
    (rr_s, af)
        Where two intervals became one, the label is that of the second.
    """
    rng = np.random.default_rng(seed)
    at = np.concatenate(([0.0], np.cumsum(rr_s)))
    at = at + rng.normal(0.0, MOVED_S, len(at))
    found = rng.random(len(at)) >= share / 2
    false = np.flatnonzero(rng.random(len(rr_s)) < share / 2)
    extra = at[false] + rng.uniform(0.25, 0.75, len(false)) * (at[false + 1] - at[false])
    told = np.concatenate(([af[0]], af))
    peaks, labels = np.concatenate((at[found], extra)), np.concatenate((told[found], af[false]))
    order = np.argsort(peaks, kind="stable")
    return np.diff(peaks[order]), labels[order][1:]


def windows(rr_s: F64, af: I64, length: int) -> Windows:
    """Features (n, 66) of stretches of `length` intervals in one rhythm from end to end, and whether it is AF (n,)."""
    part, label = (sliding_window_view(v, length)[::HOP] for v in (rr_s, af))
    possible = ((part > SHORTEST_RR_S) & (part < LONGEST_RR_S)).all(1)
    kept = possible & (label == label[:, :1]).all(1) & (label[:, 0] >= 0)
    return af_rows(part[kept]), label[kept, 0]


def whole(rr_s: F64, af: I64) -> Windows:
    """Features (n, 66) of the last :data:`~edge.af.LONG` possible intervals, and whether the newest is in AF (n,)."""
    kept = (rr_s > SHORTEST_RR_S) & (rr_s < LONGEST_RR_S)
    part, label = (sliding_window_view(v[kept], LONG)[::HOP] for v in (rr_s, af))
    known = label[:, -1] >= 0
    return af_rows(part[known]), label[known, -1]


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """What one patient teaches, (n, 66) and (n,), and what is asked of them, by name."""

    x: F32
    y: I64
    asked: dict[str, Windows]


def patient(rr_s: F64, af: I64, seed: int) -> Patient:
    """All windows of one patient; `seed` says which beats are missed, invented and moved."""
    erring = disturbed(rr_s, af, TAUGHT, 2 * seed)
    taught = [windows(*series, length) for series in ((rr_s, af), erring) for length in LENGTHS]
    asked = {str(length): windows(rr_s, af, length) for length in LENGTHS} | {WHOLE: whole(rr_s, af)}
    heard = disturbed(rr_s, af, SCORED, 2 * seed + 1)
    asked |= {f"{length}, with errors": windows(*heard, length) for length in LENGTHS}
    asked[f"{WHOLE}, with errors"] = whole(*heard)
    return Patient(np.concatenate([x for x, _ in taught]), np.concatenate([y for _, y in taught]), asked)


def fit(patients: Sequence[Patient], recipe: AfRecipe) -> AfNet:
    """Fit on patients' windows; whose window comes next is drawn first, so that all weigh the same."""
    torch.manual_seed(recipe.seed)
    net = AfNet(recipe.n_hidden, recipe.drop_inputs)
    taught = [p for p in patients if len(p.y)]
    x = torch.from_numpy(np.concatenate([p.x for p in taught]))
    y = torch.from_numpy(np.concatenate([p.y for p in taught]).astype(np.float32))
    n = torch.tensor([len(p.y) for p in taught])
    first = n.cumsum(0) - n
    net.mean.copy_(x.mean(0))
    net.spread.copy_(x.std(0).clamp_min(1e-3))
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    for _ in range(recipe.steps):
        who = torch.randint(len(taught), (recipe.batch,))
        at = first[who] + (torch.rand(recipe.batch) * n[who]).long()
        loss = functional.binary_cross_entropy_with_logits(net(x[at])[:, 0], y[at])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def logits(net: AfNet, x: F32) -> F32:
    """Log-odds of AF (n,) of features (n, 66)."""
    out: F32 = net(torch.from_numpy(x))[:, 0].numpy()
    return out


def leave_one_out(patients: Sequence[Patient], recipe: AfRecipe) -> dict[str, I64]:
    """Tables (n_patients, 2, 2) of AF by answer, by what was asked, each patient judged by what the others taught."""
    tables = {name: np.zeros((len(patients), 2, 2), np.int64) for name in patients[0].asked}
    for k, one in enumerate(patients):
        net = fit([*patients[:k], *patients[k + 1 :]], recipe)
        for name, (x, y) in one.asked.items():
            if len(y):
                np.add.at(tables[name][k], (y, (logits(net, x) > 0.0).astype(int)), 1)
    return tables


def score(tables: Sequence[I64]) -> dict[str, Any]:
    """Sensitivity and specificity [percent] over the windows of all patients.

    The mean over seeds, one table (n_patients, 2, 2) each, their least and most, and a 95 % interval of a bootstrap
    over patients.
    """
    drawn = np.random.default_rng(0).integers(len(tables[0]), size=(1000, len(tables[0])))
    seeds = np.stack([_rates(t.sum(0)) for t in tables])
    again = np.mean([_rates(t[drawn].sum(1)) for t in tables], 0)
    out: dict[str, Any] = {"windows": int(tables[0].sum())}
    for k, name in enumerate(("sp", "se")):
        ends = np.nanpercentile(again[:, k], (2.5, 97.5))
        out[name] = round(float(seeds[:, k].mean()), 2)
        out[f"{name}_seeds"] = [round(float(v), 2) for v in (seeds[:, k].min(), seeds[:, k].max())]
        out[f"{name}_interval_95"] = [round(float(v), 2) for v in ends]
    return out


def _rates(table: I64) -> F64:
    """Specificity and sensitivity (..., 2) in percent of tables (..., 2, 2); nan where there is nothing to find."""
    n = table.sum(-1)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    return np.divide(100.0 * right, n, out=np.full(n.shape, np.nan), where=n > 0)


def main(out: Path, seeds: int = SEEDS, **changes: object) -> Path:
    """Score leaving one patient out, with so many seeds from the recipe's on; fit on all patients; save ``af.pt``."""
    recipe = AfRecipe(**changes)  # type: ignore[arg-type]
    folder = data_root() / "afdb_rr"
    names = sorted(p.stem[3:] for p in folder.glob("qrs*.txt"))
    if not names:
        raise BadInput(f"no RR intervals in {folder}; unpack afdb_rr there")
    patients = [patient(*intervals(folder, name), seed=k) for k, name in enumerate(names)]
    found = [leave_one_out(patients, replace(recipe, seed=recipe.seed + k)) for k in range(seeds)]
    results = {name: score([tables[name] for tables in found]) for name in found[0]}
    print(json.dumps({**results, "by patient": _by_patient(names, found[0])}), flush=True)
    path = out / "af.pt"
    content = {
        "net": fit(patients, recipe).state_dict(),
        "recipe": asdict(recipe),
        "patients": [f"afdb/{name}" for name in names],
        "results": {f"afdb, leaving one patient out, {seeds} seeds, by number of intervals": results},
    }
    checkpoint.write(content, path)
    return path


def _by_patient(names: Sequence[str], tables: dict[str, I64]) -> dict[str, str]:
    """What is wrong with each, with :data:`~edge.af.LONG` intervals and the first seed."""
    return {
        name: f"missed {t[1, 0]} of {t[1].sum()}, false {t[0, 1]} of {t[0].sum()}"
        for name, t in zip(names, tables[str(LONG)], strict=True)
    }
