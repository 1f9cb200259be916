"""Feature maps: what every convolution and every GRU unit does with one real beat of each class, as plain numbers.

One fold's networks are looked at, on patients that they have never seen; of each class the beat is taken whose own
class gets the median probability of all such beats, so that neither the best nor the worst is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.types import AAMI
from train import splits
from train.beat_images import BEFORE
from train.dataset import Fold, Patient, load_patient
from train.evaluate_all import FOLDS, fold_models
from train.front import FS_MODEL
from train.study.layers import F32, I64, Pair, cnn_maps, gru_maps, images_at, shipped_pair
from train.study.targets import Targets, drawn, targets_of

SHOWN = ("N", "S", "V", "F")
SHOWN_PATIENT = "208"
"""Nearly all F of DS1 are this patient's: the fold that holds it out is looked at."""

SEEN_BEFORE, SEEN_AFTER, EVERY = 225, 63, 2
"""Of the GRU 1.8 s before the R-peak to 0.5 s after it are kept, every second sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A layer on a beat: `values` (units, steps) of int8 times `scale`, from `first_s` after the R-peak on."""

    name: str
    values: NDArray[np.int8]
    scale: float
    first_s: float
    step_s: float

    @classmethod
    def of(cls, name: str, values: F32, first_s: float, step_s: float) -> Grid:
        """Keep `values` (units, steps) in 255 steps of their largest."""
        scale = max(float(np.abs(values).max()) / 127.0, 1e-9)
        return cls(name, np.rint(values / scale).astype(np.int8), scale, first_s, step_s)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Seconds (steps,) from the R-peak."""
        return self.first_s + self.step_s * np.arange(self.values.shape[1])

    @property
    def real(self) -> NDArray[np.float64]:
        """The values (units, steps) in the layer's own unit."""
        return self.values * self.scale

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        text = base64.b64encode(self.values.tobytes()).decode()
        return {
            **asdict(self),
            "scale": float(f"{self.scale:.6g}"),
            "values": text,
            "shape": list(self.values.shape),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Grid:
        """What :meth:`to_dict` wrote."""
        flat = np.frombuffer(base64.b64decode(content["values"]), np.int8)
        fields = {k: v for k, v in content.items() if k not in ("values", "shape")}
        return cls(values=flat.reshape(content["shape"]), **fields)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One beat through one network: `network` 'cnn' or 'gru', class, where it is from, and the layers in order.

    `probs` are the network's probabilities of N S V F Q, in the order of :data:`edge.types.AAMI`.
    """

    network: str
    aami: str
    record: str
    at_s: float
    probs: tuple[float, ...]
    grids: tuple[Grid, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        head = {"network": self.network, "aami": self.aami, "record": self.record, "at_s": self.at_s}
        return {**head, "probs": list(self.probs), "grids": [g.to_dict() for g in self.grids]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Look:
        """What :meth:`to_dict` wrote."""
        rest = {k: v for k, v in content.items() if k not in ("probs", "grids")}
        grids = tuple(Grid.from_dict(g) for g in content["grids"])
        return cls(probs=tuple(content["probs"]), grids=grids, **rest)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    z = np.exp(np.asarray(logits, np.float64) - logits.max(-1, keepdims=True))
    out: NDArray[np.float64] = z / z.sum(-1, keepdims=True)
    return out


def cnn_look(pair: Pair, patient: Patient, targets: Targets, row: int) -> Look:
    """The beat of this row through the beat CNN."""
    images, _ = images_at(patient, targets.index[row : row + 1])
    found = cnn_maps(pair.cnn, images)
    grids = []
    for name, layer in list(found.items())[:-1]:
        step_s = images.shape[1] / layer.shape[1] / FS_MODEL
        grids.append(Grid.of(name, layer[0].T, -BEFORE / FS_MODEL, step_s))
    return _look("cnn", patient, targets, row, softmax(found["logits"][0, 0]), grids)


def gru_look(pair: Pair, patient: Patient, targets: Targets, row: int) -> Look:
    """The beat of this row through the GRU: the lead, its convolutions, its state, and what its heads say."""
    at = int(targets.at[row])
    keep: I64 = np.arange(at - SEEN_BEFORE, at + SEEN_AFTER + 1, EVERY)
    found = gru_maps(pair.gru, np.ascontiguousarray(patient.x[: at + SEEN_AFTER + 1, 0]), keep)
    logits = found["logits"]
    heads = np.concatenate([1.0 / (1.0 + np.exp(-logits[:, :1])), softmax(logits[:, 1:6])], 1)
    layers = {
        "lead": found["17 samples"][:, -1:],
        **{k: found[k] for k in ("conv 1", "conv 2", "state")},
        "heads": heads,
    }
    first_s, step_s = -SEEN_BEFORE / FS_MODEL, EVERY / FS_MODEL
    grids = [Grid.of(name, np.asarray(v.T, np.float32), first_s, step_s) for name, v in layers.items()]
    due = int(np.argmin(np.abs(keep - (at + pair.class_delay))))
    return _look("gru", patient, targets, row, heads[due, 1:], grids)


def _look(
    network: str, patient: Patient, targets: Targets, row: int, probs: NDArray[np.float64], grids: list[Grid]
) -> Look:
    at_s = round(float(targets.at[row]) / FS_MODEL, 2)
    shown = tuple(round(float(p), 3) for p in probs)
    return Look(network, AAMI[int(targets.aami[row])], patient.name, at_s, shown, tuple(grids))


def fold_of(record: str) -> Fold:
    """The fold that holds this record of mitdb out."""
    return next(f for f in (Fold(k, FOLDS) for k in range(FOLDS)) if ("mitdb", record) in f.held_out())


def median_row(
    pair: Pair, held: list[tuple[Patient, Targets]], kind: int
) -> tuple[Patient, Targets, int] | None:
    """The beat of class `kind` whose own class the beat CNN gives the median probability; None where there is none."""
    found: list[tuple[float, int, int]] = []
    for k, (patient, targets) in enumerate(held):
        rows = np.flatnonzero((targets.aami == kind) & (targets.at > SEEN_BEFORE + FS_MODEL * 30))
        images, there = images_at(patient, targets.index[rows])
        if there.any():
            own = softmax(cnn_maps(pair.cnn, images[there])["logits"][:, 0])[:, kind]
            found += [(float(p), k, int(row)) for p, row in zip(own, rows[there], strict=True)]
    if not found:
        return None
    _, k, row = sorted(found)[len(found) // 2]
    return *held[k], row


def run() -> Iterator[Look]:
    """Both networks of the fold that holds :data:`SHOWN_PATIENT` out, on a beat of each class of patients held out."""
    fold = fold_of(SHOWN_PATIENT)
    pair = shipped_pair(fold_models() / fold.folder)
    names = [
        record for database, record in sorted(fold.held_out()) if database == "mitdb" and record in splits.DS1
    ]
    patients = [load_patient("mitdb", name, "ds1") for name in names]
    held = [(p, drawn(targets_of(p), 60, seed=0)) for p in patients]
    for letter in SHOWN:
        chosen = median_row(pair, held, AAMI.index(letter))
        if chosen is not None:
            yield cnn_look(pair, *chosen)
            yield gru_look(pair, *chosen)
