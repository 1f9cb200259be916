"""How long the shipped GRU's memory matters: its answers from a state begun k seconds before they are due.

Nothing is trained here: the folds' networks are asked for the beats of patients they have not seen, each time from a
cold state that has heard the last k seconds alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from train.dataset import Fold, Patient, load_patient
from train.evaluate_all import FOLDS, fold_models
from train.front import FS_MODEL
from train.gru_layer import run_layer
from train.models import GruNet
from train.study.layers import CONTEXT, F32, I64, gru_maps, shipped_pair
from train.study.probes import KINDS, patients
from train.study.targets import drawn, targets_of

HEARD_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""How much is heard before the answer, in seconds; after these stands the state that has heard the whole record."""

MOST_OF_A_CLASS = 40
BATCH = 64


@dataclass(frozen=True, slots=True)
class MemoryScore:
    """Macro F1 over N, S and V of answers that have heard `heard_s` seconds (0: all since the record began).

    `low` and `high` are its 95 % bootstrap interval over patients; `loss` is what is lost against the whole record, the
    same patients drawn for both, with `loss_low` and `loss_high`. `f1` are those of N, S and V. Beats weigh as many as
    they stand for: at most :data:`MOST_OF_A_CLASS` of each class and patient are asked for, `n_patients` patients.
    """

    heard_s: float
    macro_f1: float
    low: float
    high: float
    loss: float
    loss_low: float
    loss_high: float
    f1: tuple[float, ...]
    n_patients: int


@torch.no_grad()
def answers(net: GruNet, lead: F32, due: I64, heard: int) -> I64:
    """Classes (n,) that the first class head gives at samples `due` (n,), having heard `heard` samples up to there."""
    padded = np.concatenate([np.zeros(CONTEXT + heard, np.float32), lead])
    out = []
    for k in range(0, len(due), BATCH):
        rows = due[k : k + BATCH, None] + np.arange(1, CONTEXT + heard + 1)
        x = torch.from_numpy(padded[rows])
        z = torch.relu(net.stem2(torch.relu(net.stem1(x[:, None] * net.config.input_gain))))
        _, state = run_layer(net.gru, z.transpose(1, 2), torch.zeros(1, len(x), net.config.n_hidden))
        out.append(net.head(state[0])[:, 1 : 1 + KINDS].argmax(1).numpy())
    return np.concatenate(out) if out else np.zeros(0, np.int64)


def matrix(truth: I64, said: I64, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (KINDS, KINDS) of beats by label and answer."""
    out = np.zeros((KINDS, KINDS))
    np.add.at(out, (truth, said), weight)
    return out


def f1_of(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 (..., KINDS) of matrices (..., KINDS, KINDS), 0 for a class that is neither there nor answered."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    out: NDArray[np.float64] = 2.0 * hits / np.maximum(matrices.sum(-1) + matrices.sum(-2), 1e-9)
    return out


def patient_matrices(
    net: GruNet, delay: int, patient: Patient, heard_s: Sequence[float]
) -> NDArray[np.float64]:
    """Matrices (n_heard + 1, KINDS, KINDS) of one patient's beats after the first 33 s; the last has heard them all."""
    everything = targets_of(patient)
    kept = (
        (everything.aami < KINDS) & (everything.at > 33 * FS_MODEL) & (everything.at + delay < len(patient.x))
    )
    everything = everything.take(kept)
    targets = drawn(everything, MOST_OF_A_CLASS, seed=0)
    stands_for = np.bincount(everything.aami, minlength=KINDS) / np.maximum(
        1, np.bincount(targets.aami, minlength=KINDS)
    )
    lead = np.ascontiguousarray(patient.x[:, 0])
    due = targets.at + delay
    said = [answers(net, lead, due, round(s * FS_MODEL)) for s in heard_s]
    said.append(gru_maps(net, lead, due)["logits"][:, 1 : 1 + KINDS].argmax(1))
    return np.stack([matrix(targets.aami, one, stands_for[targets.aami]) for one in said])


def scored(found: NDArray[np.float64], heard_s: Sequence[float], n: int = 1000) -> Iterator[MemoryScore]:
    """Scores of matrices (n_patients, n_heard + 1, KINDS, KINDS), the same patients drawn for every memory."""
    rng = np.random.default_rng(0)
    drawn_rows = rng.integers(len(found), size=(n, len(found)))
    many = f1_of(found[drawn_rows].sum(1)).mean(-1)
    f1 = f1_of(found.sum(0))
    for k, s in enumerate((*heard_s, 0.0)):
        bounds = np.percentile(many[:, k], (2.5, 97.5))
        lost = np.percentile(many[:, -1] - many[:, k], (2.5, 97.5))
        loss = f1[-1].mean() - f1[k].mean()
        shown = [round(float(v), 4) for v in (f1[k].mean(), *bounds, loss, *lost)]
        yield MemoryScore(s, *shown, tuple(round(float(v), 4) for v in f1[k]), len(found))


def run(limit: int | None = None, tell: Callable[[str], None] = lambda line: None) -> Iterator[MemoryScore]:
    """The memory of the folds' GRUs on all their held-out patients; with `limit` on about so many."""
    keys = patients(limit)
    found = []
    for k in range(FOLDS):
        held = Fold(k, FOLDS).held_out()
        pair = shipped_pair(fold_models() / Fold(k, FOLDS).folder)
        own = [key for key in keys if (key[0], key[1]) in held]
        tell(f"memory {k + 1}/{FOLDS}: {len(own)} patients")
        for key in own:
            patient = load_patient(*key)
            found.append(patient_matrices(pair.gru, pair.class_delay, patient, HEARD_S))
    yield from scored(np.stack(found), HEARD_S)


def line(score: MemoryScore) -> dict[str, object]:
    """As it is written."""
    return asdict(score)


def from_line(content: dict[str, object]) -> MemoryScore:
    """What :func:`line` wrote."""
    f1 = tuple(content["f1"])  # type: ignore[arg-type,var-annotated]
    return MemoryScore(**{**content, "f1": f1})  # type: ignore[arg-type]
