"""Fit the fusion on the beats that the real pipeline finds in patients that no network was trained on.

The pipeline runs with a recorder in the fusion's place; its rows are matched with the labels (150 ms).
Patients of the training set join with a small weight: the GRU knows them too well to be believed there.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from edge.artefact import Models, load_networks
from edge.fusion import FUSION_INPUTS, MeanFusion
from edge.pipeline import Pipeline
from edge.types import AAMI, Beat
from firmware_bridge.types import SampleBlock
from train import checkpoint, databases, splits
from train.dataset import ESCAPES_AS_N, HELD_OUT, LEFT_OUT, align, load_patient
from train.front import FS_MODEL
from train.labels import TABLE

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FusionRecipe:
    """Every knob of the fusion's fit."""

    seed: int = 1
    n_hidden: int = 48
    steps: int = 1500
    lr: float = 5e-3
    weight_decay: float = 3e-2
    train_share: float = 0.25  # weight of patients that the networks were trained on
    weights: tuple[float, ...] = (1.0, 1.3, 2.2, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One patient's answered beats: features (n, 26), class (n,), early or final."""

    patient: str
    held_out: bool
    x: F32
    c: NDArray[np.int64]
    final: NDArray[np.bool_]


class Recorder:
    """Stands where the fusion stands: keeps every feature row and answers with the networks' mean log-probability."""

    def __init__(self) -> None:
        self.rows: list[F32] = []

    def probs(self, x: F32) -> F32:
        """Keep `x` (26,) and give provisional probabilities (5,)."""
        self.rows.append(x)
        return MeanFusion().probs(x)


def record(job: tuple[str, str, bool, str]) -> Rows:
    """Play one record's first lead through the pipeline and match its answers with the labels."""
    database, name, held_out, artefacts = job
    recorder = Recorder()
    models = replace(load_networks(Path(artefacts)), fusion=recorder)
    source = databases.load(database, name)
    mv = source.mv[:, [source.first_lead]]
    truth = source.beats.astype(np.float64)
    if database == "svdb":
        ratio = FS_MODEL / source.fs
        truth = align(load_patient(database, name, database).x, truth * ratio) / ratio
    classes = np.array([AAMI.index(ESCAPES_AS_N.get(s, TABLE[s])) for s in source.symbols])
    beats = beats_of(models, source.fs, mv)
    return match(f"{database}/{name}", held_out, recorder.rows, beats, truth, classes, 0.15 * source.fs)


def match(
    patient: str,
    held_out: bool,
    rows: list[F32],
    beats: list[Beat],
    truth: NDArray[np.float64],
    classes: NDArray[np.int64],
    most: float,
) -> Rows:
    """Keep the answers that are at most `most` samples from a label, with its class; not those of a cold state.

    `rows` and `beats` are the same answers in the same order, as features and as what became of them.
    """
    x, c, final = [np.zeros((0, len(FUSION_INPUTS)), np.float32)], [], []
    for row, beat in zip(rows, beats, strict=True):
        if beat.warming or not len(truth):
            continue
        after = int(np.searchsorted(truth, beat.r_peak.sample))
        around = [k for k in (after - 1, after) if 0 <= k < len(truth)]
        nearest = min(around, key=lambda k: abs(truth[k] - beat.r_peak.sample))
        if abs(truth[nearest] - beat.r_peak.sample) <= most:
            x.append(row[None])
            c.append(classes[nearest])
            final.append(beat.final)
    return Rows(patient, held_out, np.concatenate(x), np.asarray(c, np.int64), np.asarray(final, np.bool_))


def beats_of(models: Models, fs: float, mv: F32) -> list[Beat]:
    """Every answer of the pipeline about a recording, in the order in which they were given."""
    pipeline = Pipeline(models, wave_ms=0.0)
    beats: list[Beat] = []
    for start in range(0, len(mv), 4096):
        block = SampleBlock("training", start, fs, mv[start : start + 4096], ("ECG",))
        beats += [e for e in pipeline.push(block) if isinstance(e, Beat)]
    return beats


class FusionNet(nn.Module):
    """One hidden layer over standardised features."""

    def __init__(self, n_hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(len(FUSION_INPUTS), n_hidden)
        self.out = nn.Linear(n_hidden, len(AAMI))
        self.register_buffer("mean", torch.zeros(len(FUSION_INPUTS)))
        self.register_buffer("spread", torch.ones(len(FUSION_INPUTS)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, 5) of features (batch, 26)."""
        return self.out(torch.relu(self.hidden((x - self.mean) / self.spread)))


def fit(rows: list[Rows], recipe: FusionRecipe) -> FusionNet:
    """Fit by batches of 4096 answers drawn at random; patients and classes weigh by the recipe."""
    torch.manual_seed(recipe.seed)
    net = FusionNet(recipe.n_hidden)
    x = torch.from_numpy(np.concatenate([r.x for r in rows]))
    c = torch.from_numpy(np.concatenate([r.c for r in rows]))
    w = torch.from_numpy(
        np.concatenate(
            [np.full(len(r.c), 1.0 if r.held_out else recipe.train_share, np.float32) for r in rows]
        )
    )
    net.mean.copy_(x.mean(0))
    net.spread.copy_(x.std(0).clamp_min(0.1))
    w = w * torch.tensor(recipe.weights)[c]
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    generator = torch.Generator().manual_seed(recipe.seed)
    for _ in range(recipe.steps):
        at = torch.randint(len(x), (4096,), generator=generator)
        loss = (functional.cross_entropy(net(x[at]), c[at], reduction="none") * w[at]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def table(net: FusionNet, rows: list[Rows], final: bool) -> NDArray[np.int64]:
    """Confusion matrix (true, called) of the early or the final answers."""
    out = np.zeros((5, 5), np.int64)
    for r in rows:
        keep = r.final == final
        called = net(torch.from_numpy(r.x[keep])).argmax(1).numpy()
        np.add.at(out, (r.c[keep], called), 1)
    return out


def cross_validate(rows: list[Rows], recipe: FusionRecipe) -> dict[str, object]:
    """Held-out patients in four groups: fit on the others, score these."""
    held, known = [r for r in rows if r.held_out], [r for r in rows if not r.held_out]
    tables = {True: np.zeros((5, 5), np.int64), False: np.zeros((5, 5), np.int64)}
    for k in range(4):
        net = fit([r for i, r in enumerate(held) if i % 4 != k] + known, recipe)
        for final in tables:
            tables[final] += table(net, held[k::4], final)
    out: dict[str, object] = {}
    for final, t in tables.items():
        rates = {
            n: {
                "se": round(float(100 * t[k, k] / max(1, t[k].sum())), 2),
                "ppv": round(float(100 * t[k, k] / max(1, t[:, k].sum())), 2),
            }
            for k, n in ((1, "S"), (2, "V"))
        }
        out["final" if final else "early"] = {**rates, "table": t.tolist()}
    return out


def main(runs: Path, artefacts: Path) -> Path:
    """Record, cross-validate, fit on all, save ``fusion.pt``.

    Raises
    ------
    BadInput
        When the databases or the three networks are not there.
    """
    databases.data_root()
    load_networks(artefacts)
    lists = [("mitdb", splits.DS1 + splits.PACED), ("svdb", splits.SVDB)]
    jobs = [
        (d, n, n in HELD_OUT[d], str(artefacts)) for d, names in lists for n in names if n not in LEFT_OUT
    ]
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(record, jobs))
    recipe = FusionRecipe()
    results = cross_validate(rows, recipe)
    print(json.dumps(results), flush=True)
    net = fit(rows, recipe)
    path = runs / "fusion.pt"
    checkpoint.write(
        {
            "net": net.state_dict(),
            "recipe": asdict(recipe),
            "patients": {
                "held out": [r.patient for r in rows if r.held_out],
                "weight of all others": recipe.train_share,
            },
            "results": {"cross-validated on held-out patients": results},
        },
        path,
    )
    return path
