"""Atrial fibrillation from RR intervals: a small network over edge's own measures of them (afdb, 15 patients)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edge.af import AF_INPUTS, LONG, LONGEST_RR_S, SHORTEST_RR_S, af_features
from firmware_bridge.types import BadInput
from train import checkpoint
from train.databases import data_root

LENGTHS = (24, 32, 64, LONG)
"""Intervals known when the question is put: just enough, and more."""

F32 = NDArray[np.float32]
Windows = tuple[F32, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class AfRecipe:
    """Every knob of the fit."""

    seed: int = 1
    n_hidden: int = 32
    steps: int = 800
    batch: int = 4096
    lr: float = 1e-2
    weight_decay: float = 1e-2
    hop: int = 16


class AfNet(nn.Module):
    """One hidden layer over standardised features: (batch, 26) -> logits (batch, 1)."""

    def __init__(self, n_hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(AF_INPUTS)))
        self.register_buffer("spread", torch.ones(len(AF_INPUTS)))
        self.hidden = nn.Linear(len(AF_INPUTS), n_hidden)
        self.out = nn.Linear(n_hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of features."""
        return self.out(torch.relu(self.hidden((x - self.mean) / self.spread)))


def intervals(folder: Path, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Intervals in seconds (n,) of one patient, and of each whether it is AF: 1, 0, or -1 where unlabelled.

    `folder` holds ``qrsNAME.txt`` (rows of: sample, interval in s, sample) and ``atrNAME.txt`` (rhythm labels as
    ``rdann`` prints them, after a line of headings).
    """
    rr = np.loadtxt(folder / f"qrs{name}.txt")
    starts, labels = _rhythms(folder / f"atr{name}.txt")
    return rr[:, 1], labels[np.maximum(np.searchsorted(starts, rr[:, 2], "right") - 1, 0)]


def _rhythms(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start samples and labels: 1 AF or flutter, 0 anything else that is labelled."""
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    starts = [int(row[1]) for row in rows if len(row) > 6]
    labels = [1 if row[6] in ("(AFIB", "(AFL") else 0 for row in rows if len(row) > 6]
    return np.asarray(starts, np.int64), np.asarray(labels, np.int64)


def windows(rr_s: NDArray[np.float64], af: NDArray[np.int64], length: int, hop: int) -> Windows:
    """Features (n, 26) of stretches of `length` intervals in one rhythm from end to end, and whether it is AF (n,)."""
    x, y = [], []
    for k in range(0, len(rr_s) - length + 1, hop):
        part, label = rr_s[k : k + length], af[k : k + length]
        possible = ((part > SHORTEST_RR_S) & (part < LONGEST_RR_S)).all()
        if (label == label[0]).all() and label[0] >= 0 and possible:
            features = af_features(part.tolist())
            assert features is not None
            x.append(features)
            y.append(int(label[0]))
    return np.asarray(x, np.float32).reshape(-1, len(AF_INPUTS)), np.asarray(y, np.int64)


def fit(sets: list[list[Windows]], recipe: AfRecipe) -> AfNet:
    """Fit on patients' windows (a list of each's, one per length), all patients weighing the same."""
    torch.manual_seed(recipe.seed)
    net = AfNet(recipe.n_hidden)
    mine = [(np.concatenate([w[0] for w in one]), np.concatenate([w[1] for w in one])) for one in sets]
    x = torch.from_numpy(np.concatenate([m[0] for m in mine]))
    y = torch.from_numpy(np.concatenate([m[1] for m in mine]).astype(np.float32))
    weight = torch.from_numpy(
        np.concatenate([np.full(len(m[1]), len(x) / len(mine) / max(1, len(m[1])), np.float32) for m in mine])
    )
    net.mean.copy_(x.mean(0))
    net.spread.copy_(x.std(0).clamp_min(1e-3))
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    generator = torch.Generator().manual_seed(recipe.seed)
    for _ in range(recipe.steps):
        at = torch.randint(len(x), (recipe.batch,), generator=generator)
        losses = functional.binary_cross_entropy_with_logits(net(x[at])[:, 0], y[at], reduction="none")
        optimiser.zero_grad()
        (losses * weight[at]).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def logits(net: AfNet, x: F32) -> F32:
    """Log-odds of AF (n,) of features (n, 26)."""
    out: F32 = net(torch.from_numpy(x))[:, 0].numpy()
    return out


def leave_one_out(sets: list[list[Windows]], recipe: AfRecipe) -> dict[str, dict[str, float]]:
    """Sensitivity and specificity in percent by number of intervals, each patient scored by what the others taught."""
    tables = np.zeros((len(LENGTHS), 2, 2), int)
    for k, one in enumerate(sets):
        net = fit(sets[:k] + sets[k + 1 :], recipe)
        for table, (x, y) in zip(tables, one, strict=True):
            if len(y):
                np.add.at(table, (y, (logits(net, x) > 0.0).astype(int)), 1)
    out = {}
    for length, table in zip(LENGTHS, tables, strict=True):
        sp, se = (100.0 * table.diagonal() / np.maximum(1, table.sum(1))).tolist()
        out[str(length)] = {"se": round(se, 2), "sp": round(sp, 2), "windows": int(table.sum())}
    return out


def main(out: Path, **changes: object) -> Path:
    """Fit on all patients, score leaving one out, save ``af.pt``."""
    recipe = AfRecipe(**changes)  # type: ignore[arg-type]
    folder = data_root() / "afdb_rr"
    names = sorted(p.stem[3:] for p in folder.glob("qrs*.txt"))
    if not names:
        raise BadInput(f"no RR intervals in {folder}; unpack afdb_rr there")
    sets = [
        [windows(*intervals(folder, name), length=length, hop=recipe.hop) for length in LENGTHS]
        for name in names
    ]
    results = leave_one_out(sets, recipe)
    print(json.dumps(results), flush=True)
    path = out / "af.pt"
    content = {
        "net": fit(sets, recipe).state_dict(),
        "recipe": asdict(recipe),
        "patients": [f"afdb/{name}" for name in names],
        "results": {"afdb, leaving one patient out, by number of intervals": results},
    }
    checkpoint.write(content, path)
    return path
